//! Occurrences of contexts in text that changes: the current file, and lines that were added lately.
//!
//! Chains of positions by hash, as in LZ77 with hash chains: each position points to the one before it with the same
//! context, so that the latest come first, adding is constant work, and what was added last can be taken back.

use super::{
    lexicon::Symbol,
    state::{ABSENT, CONTEXTS, FIRST_ABSTRACT},
};

const NONE: u32 = u32::MAX;

/// A store of occurrences, latest first.
#[derive(Clone, Debug)]
pub struct Chains {
    /// What came next at each position: as it is, and as the abstract contexts see it.
    successors: Vec<(Symbol, u32)>,
    hashes: Vec<[u32; CONTEXTS]>,
    previous: Vec<[u32; CONTEXTS]>,
    /// The latest position by context and low bits of its hash.
    heads: Vec<u32>,
    bits: u32,
}

impl Default for Chains {
    fn default() -> Self {
        Self::with_bits(10)
    }
}

impl Chains {
    fn with_bits(bits: u32) -> Self {
        Self {
            successors: Vec::new(),
            hashes: Vec::new(),
            previous: Vec::new(),
            heads: vec![NONE; CONTEXTS << bits],
            bits,
        }
    }

    /// How many positions there are.
    pub fn len(&self) -> usize {
        self.successors.len()
    }

    /// Notes what came next in these contexts.
    pub fn push(&mut self, contexts: &[u32; CONTEXTS], successor: Symbol, seen: u32) {
        if self.len() >> self.bits > 0 {
            self.grow();
        }
        let position = self.len() as u32;
        let mut previous = [NONE; CONTEXTS];
        for (context, hash) in contexts.iter().enumerate() {
            if *hash != ABSENT {
                let head = &mut self.heads[slot(context, *hash, self.bits)];
                previous[context] = *head;
                *head = position;
            }
        }
        self.successors.push((successor, seen));
        self.hashes.push(*contexts);
        self.previous.push(previous);
    }

    fn grow(&mut self) {
        let mut larger = Self::with_bits(self.bits + 1);
        for position in 0..self.len() {
            let (successor, seen) = self.successors[position];
            larger.push(&self.hashes[position], successor, seen);
        }
        *self = larger;
    }

    /// Takes back all positions from this one on.
    pub fn truncate(&mut self, length: usize) {
        for position in (length..self.len()).rev() {
            for (context, hash) in self.hashes[position].iter().enumerate() {
                if *hash != ABSENT {
                    self.heads[slot(context, *hash, self.bits)] = self.previous[position][context];
                }
            }
        }
        self.successors.truncate(length);
        self.hashes.truncate(length);
        self.previous.truncate(length);
    }

    /// What came next after a context, latest first.
    pub fn successors(&self, context: usize, hash: u32) -> impl Iterator<Item = u32> + '_ {
        let mut position = if hash == ABSENT { NONE } else { self.heads[slot(context, hash, self.bits)] };
        std::iter::from_fn(move || {
            while position != NONE {
                let here = position as usize;
                position = self.previous[here][context];
                if self.hashes[here][context] == hash {
                    let (successor, seen) = self.successors[here];
                    return Some(if context >= FIRST_ABSTRACT { seen } else { successor });
                }
            }
            None
        })
    }
}

fn slot(context: usize, hash: u32, bits: u32) -> usize {
    context << bits | (hash >> (32 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first_and_can_be_taken_back() {
        let mut chains = Chains::default();
        let contexts = |hash: u32| [hash; CONTEXTS];
        // More than the first table of heads holds, so that it grows in between.
        for position in 0..3000u32 {
            chains.push(&contexts(1 + (position % 7)), position, 10_000 + position);
        }
        let latest = |chains: &Chains, hash: u32| chains.successors(0, hash).take(3).collect::<Vec<_>>();
        assert_eq!(latest(&chains, 1), [2996, 2989, 2982]);
        assert_eq!(chains.successors(FIRST_ABSTRACT, 2).next(), Some(12_997));
        assert_eq!(chains.successors(0, ABSENT).next(), None);
        assert_eq!(chains.successors(0, 99).next(), None);
        chains.truncate(100);
        assert_eq!(chains.len(), 100);
        assert_eq!(latest(&chains, 1), [98, 91, 84]);
        chains.push(&contexts(1), 7, 7);
        assert_eq!(latest(&chains, 1), [7, 98, 91]);
    }
}
