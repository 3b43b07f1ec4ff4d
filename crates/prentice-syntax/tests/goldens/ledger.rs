//! A ledger of accounts.

use std::collections::{BTreeMap as Map, HashSet};
use std::fmt::{self, Display};

/// Cents; never a fraction.
pub type Cents = i64;

pub const LIMIT: usize = 3;
static GREETING: &str = "ledger";

#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Deposit(Cents),
    Withdrawal { amount: Cents, note: String },
    Closed,
}

pub trait Apply {
    type Outcome;
    fn apply(&mut self, entry: &Entry) -> Self::Outcome;
    fn name(&self) -> String {
        String::from("unnamed")
    }
}

#[derive(Default)]
pub struct Account {
    owner: String,
    pub balance: Cents,
    seen: HashSet<u64>,
}

impl Account {
    pub fn new(owner: &str) -> Self {
        let owner = owner.to_owned();
        Account { owner, balance: 0, seen: HashSet::new() }
    }

    fn admit(&mut self, amount: Cents) -> Result<(), Problem> {
        if let Some(amount) = self.balance.checked_add(amount) {
            self.balance = amount;
            Ok(())
        } else {
            Err(Problem::Overflow(amount))
        }
    }
}

impl Apply for Account {
    type Outcome = Result<(), Problem>;

    fn apply(&mut self, entry: &Entry) -> Self::Outcome {
        match entry {
            Entry::Deposit(amount) => self.admit(*amount),
            Entry::Withdrawal { amount, note: reason } if !reason.is_empty() => self.admit(-amount),
            Entry::Withdrawal { amount, .. } => Err(Problem::Unexplained { amount: *amount }),
            Entry::Closed => Ok(()),
        }
    }
}

#[derive(Debug)]
pub enum Problem {
    Overflow(Cents),
    Unexplained { amount: Cents },
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self)
    }
}

macro_rules! entries {
    ($($amount:expr),*) => { vec![$(Entry::Deposit($amount)),*] };
}

mod report {
    use super::{Account, Cents};

    pub fn total<'a, I: Iterator<Item = &'a Account>>(accounts: I) -> Cents {
        let add = |sum: Cents, account: &Account| sum + account.balance;
        accounts.fold(0, add)
    }
}

pub fn replay<T>(account: &mut T, count: usize) -> Map<usize, T::Outcome>
where
    T: Apply,
{
    let mut outcomes = Map::new();
    for (index, entry) in entries![1, 2, 3].iter().enumerate().take(count.min(LIMIT)) {
        let outcome = account.apply(entry);
        let index = index + 1;
        outcomes.insert(index, outcome);
    }
    println!("{} {}", GREETING, outcomes.len());
    let total = report::total([].iter());
    assert_eq!(total, 0);
    outcomes
}
