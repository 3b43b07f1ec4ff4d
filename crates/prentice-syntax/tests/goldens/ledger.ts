// A ledger of accounts.
import type { Stats } from "node:fs";
import fs = require("node:fs");

export type Cents = number;
export type Outcome<T> = { ok: true; value: T } | { ok: false; problem: Problem };

export interface Named {
  readonly name: string;
  rename?(name: string): void;
}

export enum Kind {
  Deposit,
  Withdrawal = "withdrawal",
}

abstract class Base<T extends Named> implements Named {
  protected items: T[] = [];

  constructor(public readonly name: string, private limit = 3) {}

  abstract describe(item: T): string;

  add(item: T, kind: Kind = Kind.Deposit): Outcome<T> {
    if (this.items.length >= this.limit) {
      return { ok: false, problem: new Problem(kind) };
    }
    this.items.push(item);
    return { ok: true, value: item };
  }
}

export class Problem extends Error {
  constructor(readonly kind: Kind) {
    super(Kind[kind]);
  }
}

export class Ledger extends Base<Account> {
  static shared?: Ledger;

  describe(item: Account): string {
    return `${item.name}: ${total(item.entries)}`;
  }
}

export class Account implements Named {
  entries: Cents[] = [];
  name = "account";
}

namespace limits {
  export const most: Cents = 100;
  export function within(amount: Cents): boolean {
    return amount <= most;
  }
}

function total(entries: Cents[]): Cents;
function total(entries: readonly Cents[]): Cents {
  return entries.reduce((sum, entry) => sum + entry, 0);
}

const first = <T,>(items: T[]): T | undefined => items[0];

export function replay(amounts: Map<string, Cents>, stats?: Stats): Ledger {
  const ledger = new Ledger("all");
  for (const [name, amount] of amounts) {
    if (!limits.within(amount)) continue;
    const account = new Account();
    account.name = name;
    account.entries.push(amount);
    ledger.add(account);
  }
  Ledger.shared = ledger;
  fs.existsSync(first([stats?.isFile() ? "a" : "b"]) as string);
  return ledger;
}
