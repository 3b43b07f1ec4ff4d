"""A ledger of accounts."""

from __future__ import annotations

import os.path as paths
from collections import OrderedDict, defaultdict as tables
from dataclasses import dataclass, field

LIMIT = 3
counter: int = 0
left, right = 1, 2


class Problem(Exception):
    code = "problem"

    def __init__(self, amount, *rest, note=None, **options):
        super().__init__(note)
        self.amount = amount
        self.rest, self.options = rest, options


@dataclass
class Account:
    owner: str
    balance: int = 0
    entries: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.entries)

    @classmethod
    def named(cls, owner: str) -> Account:
        return cls(owner)

    def admit(self, amount: int) -> "Account":
        global counter
        counter = counter + 1
        if (total := self.balance + amount) < 0:
            raise Problem(amount, note="overdrawn")
        self.balance = total
        self.entries.append(amount)
        self.last = amount
        return self


def replay(accounts, amounts=(1, 2)):
    result = tables(list)
    for index, account in enumerate(accounts):
        try:
            account.admit(amounts[index])
        except Problem as problem:
            result[account.owner].append(problem.amount)
        finally:
            index += 1
    squares = [amount * amount for amount in amounts if amount > LIMIT]
    ordered = sorted(squares, key=lambda square: -square)

    def total(values):
        subtotal = 0
        for value in values:
            subtotal += value
        return subtotal

    with open(paths.join("a", "b")) as handle:
        first, *others = handle.readlines()
    del others
    print(f"{first} {total(ordered)} {left + right}")
    return OrderedDict(result)


def read(command):
    match command:
        case ["add", amount]:
            return Account.named("x").admit(amount)
        case {"code": Problem.code, **rest}:
            return rest
        case Problem(amount=lost):
            return lost
        case other:
            return other
