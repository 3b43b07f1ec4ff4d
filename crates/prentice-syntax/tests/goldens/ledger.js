// A ledger of accounts.
import fs, { readFile as read } from "node:fs";
import * as path from "node:path";
const { join, dirname: parent } = require("node:path");
export { basename } from "node:path";

export const LIMIT = 3;
let counter = 0;
var legacy = "yes";

/** What went wrong. */
class Problem extends Error {
  static code = "problem";
  #hidden = 1;

  constructor(amount, ...rest) {
    super(`lost ${amount}`);
    this.amount = amount;
    this.rest = rest;
  }

  get hidden() {
    return this.#hidden;
  }
}

export default class Account {
  balance = 0;

  constructor(owner = "nobody") {
    this.owner = owner;
    this.entries = [];
  }

  async admit(amount, { note, kind: sort = "plain" } = {}) {
    const total = this.balance + amount;
    if (total < 0) {
      const total = new Problem(amount);
      throw total;
    }
    this.balance = total;
    this.entries.push({ amount, note, sort });
    counter += 1;
    return this;
  }

  *values() {
    for (const entry of this.entries) yield entry.amount;
  }
}

export const double = (value) => value * 2;

const handlers = {
  add(account, amount) {
    return account.admit(amount);
  },
  show: function (account) {
    return describe(account);
  },
  limit: LIMIT,
};

function describe(account) {
  var text = "";
  for (let index = 0; index < account.entries.length; index++) {
    var text = text + account.entries[index].amount;
  }
  try {
    text += handlers.show.name;
  } catch (problem) {
    text += problem.message;
  }
  return text || legacy;
}

export async function replay(accounts, [first, ...others]) {
  const results = await Promise.all(accounts.map((account) => account.admit(first)));
  const inner = function again(depth) {
    return depth > LIMIT ? depth : again(depth + 1);
  };
  read(join(parent("a"), path.sep), () => inner(others.length));
  fs.existsSync(double(2));
  return results.filter((result) => result instanceof Account);
}
