//! Occurrences of contexts in the repository: sorted arrays that are made once and then only read.
//!
//! The last symbols, of whatever length, are found in a suffix array of reversed contexts, eight bytes a position for all
//! orders together. Every structural context has an array of its own, sorted by hash, with a directory by the upper
//! bits: six bytes a position.

use rayon::prelude::*;

use super::{
    lexicon::Symbol,
    state::{ABSENT, ABSTRACT_ORDERS, CONTEXTS, FIRST_ABSTRACT, FIRST_STRUCTURE, ORDERS, State},
};

/// All occurrences of all contexts in the repository.
#[derive(Clone, Debug)]
pub struct Shelf {
    exact: Suffixes,
    seen: Suffixes,
    structures: Vec<Hashed>,
}

/// A range of occurrences, of which [`Shelf::successors`] gives what came next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    start: u32,
    end: u32,
}

impl Found {
    /// How many occurrences there are.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Shelf {
    /// Sorts what the repository says. `symbols` and `seen` are its text, exact and abstract; `contexts` the structural
    /// hashes at each position.
    pub fn build(symbols: Vec<Symbol>, seen: Vec<u32>, structures: Vec<Vec<u32>>) -> Self {
        let structures = structures.into_par_iter().map(|hashes| Hashed::build(&hashes, &symbols)).collect();
        let (exact, seen) = rayon::join(|| Suffixes::build(symbols, 24), || Suffixes::build(seen, 12));
        Self { exact, seen, structures }
    }

    /// Where each context occurs.
    pub fn find(&self, state: &State, contexts: &[u32; CONTEXTS]) -> [Found; CONTEXTS] {
        let mut found = [Found::default(); CONTEXTS];
        self.exact.find(&state.history, &ORDERS, &mut found[..FIRST_STRUCTURE]);
        for (structure, hashed) in self.structures.iter().enumerate() {
            let context = FIRST_STRUCTURE + structure;
            if contexts[context] != ABSENT {
                found[context] = hashed.find(contexts[context]);
            }
        }
        self.seen.find(&state.abstracts, &ABSTRACT_ORDERS, &mut found[FIRST_ABSTRACT..]);
        found
    }

    /// What came next: at most `limit` of the occurrences, evenly spread. Abstract for abstract contexts.
    pub fn successors(&self, context: usize, found: Found, limit: usize) -> impl Iterator<Item = u32> + '_ {
        let all: &[u32] = if context < FIRST_STRUCTURE {
            &self.exact.successors
        } else if context < FIRST_ABSTRACT {
            &self.structures[context - FIRST_STRUCTURE].successors
        } else {
            &self.seen.successors
        };
        let step = found.len().div_ceil(limit).max(1);
        all[found.start as usize..found.end as usize].iter().step_by(step).copied()
    }

    /// How many symbols there are.
    pub fn symbols(&self) -> usize {
        self.exact.text.len()
    }

    /// How often a symbol occurs.
    pub fn count(&self, symbol: Symbol) -> usize {
        let starts = &self.exact.starts;
        let found = starts[..starts.len() - 1].binary_search_by_key(&symbol, |(known, _)| *known);
        found.map_or(0, |index| (starts[index + 1].1 - starts[index].1) as usize)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let suffixes = |s: &Suffixes| 4 * (s.text.len() + s.positions.len() + s.successors.len() + s.starts.len());
        let hashed: usize =
            self.structures.iter().map(|h| 2 * h.checks.len() + 4 * (h.successors.len() + h.directory.len())).sum();
        suffixes(&self.exact) + suffixes(&self.seen) + hashed
    }
}

/// Positions of a text in the order of what stands before them, read backwards.
#[derive(Clone, Debug)]
struct Suffixes {
    text: Vec<u32>,
    positions: Vec<u32>,
    /// `text[positions[i]]`, so that what comes next is read in one stretch.
    successors: Vec<u32>,
    /// Distinct symbols, sorted, and where the positions after each of them begin.
    starts: Vec<(u32, u32)>,
}

impl Suffixes {
    fn build(text: Vec<u32>, depth: usize) -> Self {
        // The first position has nothing before it.
        let mut order: Vec<(u64, u32)> = (1..text.len() as u32).map(|at| (key(&text, at, 0), at)).collect();
        sort_by_depth(&text, &mut order, 0, depth);
        let positions: Vec<u32> = order.into_iter().map(|(_, at)| at).collect();
        let successors = positions.iter().map(|at| text[*at as usize]).collect();
        let mut starts: Vec<(u32, u32)> = Vec::new();
        for (index, at) in positions.iter().enumerate() {
            let symbol = text[*at as usize - 1];
            if starts.last().is_none_or(|(last, _)| *last != symbol) {
                starts.push((symbol, index as u32));
            }
        }
        starts.push((u32::MAX, positions.len() as u32));
        Self { text, positions, successors, starts }
    }

    /// The ranges of positions that the last symbols (latest first) stand before, for each order.
    fn find(&self, history: &[u32], orders: &[usize], found: &mut [Found]) {
        let Ok(first) = self.starts[..self.starts.len() - 1].binary_search_by_key(&history[0], |(symbol, _)| *symbol)
        else {
            return;
        };
        let (mut start, mut end) = (self.starts[first].1 as usize, self.starts[first + 1].1 as usize);
        let mut length = 1;
        for (order, found) in orders.iter().zip(found) {
            while length < *order {
                let symbol = history[length];
                let before = |at: &u32| (*at as usize).checked_sub(length + 1).map_or(0, |at| self.text[at]);
                let range = &self.positions[start..end];
                // Long contexts mostly have the same places as shorter ones: look at both ends first.
                let low = if before(&range[0]) == symbol { 0 } else { range.partition_point(|at| before(at) < symbol) };
                let rest = &range[low..];
                let high = if rest.last().is_some_and(|at| before(at) == symbol) {
                    rest.len()
                } else {
                    rest.partition_point(|at| before(at) == symbol)
                };
                (start, end) = (start + low, start + low + high);
                if start == end {
                    return;
                }
                length += 1;
            }
            *found = Found { start: start as u32, end: end as u32 };
        }
    }
}

/// Two symbols before a position, after `skipped` others: what positions are sorted by next.
fn key(text: &[u32], at: u32, skipped: usize) -> u64 {
    let at = at as usize;
    let symbol = |back: usize| u64::from(at.checked_sub(back).map_or(0, |index| text[index]));
    symbol(skipped + 1) << 32 | symbol(skipped + 2)
}

/// Sorts positions by what stands before them, two symbols at a time; equal ones by position.
fn sort_by_depth(text: &[u32], order: &mut [(u64, u32)], depth: usize, deepest: usize) {
    if order.len() > 1 << 14 {
        order.par_sort_unstable();
    } else {
        order.sort_unstable();
    }
    if depth + 2 >= deepest {
        return;
    }
    let groups = order.chunk_by_mut(|left, right| left.0 == right.0).filter(|group| group.len() > 1);
    let deeper = |group: &mut [(u64, u32)]| {
        group.iter_mut().for_each(|(next, at)| *next = key(text, *at, depth + 2));
        sort_by_depth(text, group, depth + 2, deepest);
    };
    if depth == 0 {
        groups.collect::<Vec<_>>().into_par_iter().for_each(deeper);
    } else {
        groups.for_each(deeper);
    }
}

/// Occurrences of one context by its hash.
#[derive(Clone, Debug)]
struct Hashed {
    /// Where the occurrences with these upper bits begin.
    directory: Vec<u32>,
    bits: u32,
    /// Sixteen bits after the upper ones.
    checks: Vec<u16>,
    successors: Vec<Symbol>,
}

impl Hashed {
    fn build(hashes: &[u32], symbols: &[Symbol]) -> Self {
        let count = hashes.iter().filter(|hash| **hash != ABSENT).count();
        let bits = (count / 4).max(2).ilog2().min(24);
        let bucket = |hash: u32| (hash >> (32 - bits)) as usize;
        // Counting sort by the upper bits; then each bucket, of a few entries, by its checks.
        let mut directory = vec![0u32; (1 << bits) + 1];
        hashes.iter().filter(|hash| **hash != ABSENT).for_each(|hash| directory[bucket(*hash) + 1] += 1);
        for index in 1..directory.len() {
            directory[index] += directory[index - 1];
        }
        let mut next = directory.clone();
        let mut entries = vec![(0u16, 0u32); count];
        for (hash, symbol) in hashes.iter().zip(symbols).filter(|(hash, _)| **hash != ABSENT) {
            let place = &mut next[bucket(*hash)];
            entries[*place as usize] = (((u64::from(*hash) << 32) >> (48 - bits)) as u16, *symbol);
            *place += 1;
        }
        for borders in directory.windows(2) {
            // Stable, so that equal contexts stay in the order of the text.
            entries[borders[0] as usize..borders[1] as usize].sort_by_key(|(check, _)| *check);
        }
        let checks = entries.iter().map(|(check, _)| *check).collect();
        let successors = entries.iter().map(|(_, symbol)| *symbol).collect();
        Self { directory, bits, checks, successors }
    }

    fn find(&self, hash: u32) -> Found {
        let bucket = (hash >> (32 - self.bits)) as usize;
        let (start, end) = (self.directory[bucket] as usize, self.directory[bucket + 1] as usize);
        let check = ((u64::from(hash) << 32) >> (48 - self.bits)) as u16;
        let range = &self.checks[start..end];
        let low = range.partition_point(|known| *known < check);
        let high = low + range[low..].partition_point(|known| *known == check);
        Found { start: (start + low) as u32, end: (start + high) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use prentice_base::Seed;
    use rand::Rng as _;

    use super::*;

    /// What a shelf finds is what looking at every position finds.
    #[test]
    fn every_occurrence_is_found() {
        for case in 0..20 {
            let mut rng = Seed(3).derive("text", case).rng();
            let text: Vec<u32> = (0..400).map(|_| rng.next_u32() % 4).collect();
            let suffixes = Suffixes::build(text.clone(), 24);
            for at in 24..text.len() {
                let history: Vec<u32> = (1..=24).map(|back| text[at - back]).collect();
                let mut found = [Found::default(); ORDERS.len()];
                suffixes.find(&history, &ORDERS, &mut found);
                for (order, found) in ORDERS.iter().zip(found) {
                    // Before the text stand zeros.
                    let before = |place: usize, back: usize| place.checked_sub(back).map_or(0, |index| text[index]);
                    let mut expected: Vec<u32> = (1..text.len())
                        .filter(|place| (1..=*order).all(|back| before(*place, back) == history[back - 1]))
                        .map(|place| text[place])
                        .collect();
                    let mut successors = suffixes.successors[found.start as usize..found.end as usize].to_vec();
                    expected.sort_unstable();
                    successors.sort_unstable();
                    assert_eq!(successors, expected, "order {order} at {at}");
                }
            }
        }
    }

    #[test]
    fn hashed_contexts_keep_the_order_of_the_text() {
        let mut rng = Seed(4).derive("hashes", 0).rng();
        // Hashes spread over all bits, many of them several times; some positions have no such context.
        let kinds: Vec<u32> = (0..200).map(|_| rng.next_u32().max(1)).collect();
        let hashes: Vec<u32> = (0..5000)
            .map(|_| if rng.next_u32().is_multiple_of(5) { ABSENT } else { kinds[rng.next_u32() as usize % 200] })
            .collect();
        let symbols: Vec<u32> = (0..5000).collect();
        let hashed = Hashed::build(&hashes, &symbols);
        for kind in kinds {
            let found = hashed.find(kind);
            let expected: Vec<u32> = (0..5000).filter(|at| hashes[*at as usize] == kind).collect();
            assert_eq!(hashed.successors[found.start as usize..found.end as usize], expected);
        }
        assert_eq!(Hashed::build(&[], &[]).find(7).len(), 0);
    }
}
