//! Sorted distinct strings, numbered in order, read in place.
//!
//! Two sections: all strings one after the other, with a line break before, between and behind them, and where each
//! begins. So a scan for `"\nab"` finds those that begin with `ab`, `"ab\n"` those that end so, and `"ab"` those that
//! contain it, at the speed of `memmem`: distinct words are few beside the text that is made of them.

use std::{cmp::Ordering, collections::BinaryHeap};

use memchr::memmem;

use crate::varint::entry;

/// Writes the two sections.
pub(crate) struct DictionaryWriter {
    pub(crate) text: Vec<u8>,
    pub(crate) starts: Vec<u8>,
}

impl DictionaryWriter {
    pub(crate) fn new() -> Self {
        Self { text: vec![b'\n'], starts: Vec::new() }
    }

    /// Adds a string that is greater than all before.
    pub(crate) fn push(&mut self, string: &[u8]) {
        let start = u32::try_from(self.text.len()).expect("a segment has less than 4 GB of distinct words");
        self.starts.extend_from_slice(&start.to_le_bytes());
        self.text.extend_from_slice(string);
        self.text.push(b'\n');
    }
}

impl<S: AsRef<[u8]>> FromIterator<S> for DictionaryWriter {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut writer = Self::new();
        strings.into_iter().for_each(|string| writer.push(string.as_ref()));
        writer
    }
}

/// Reads the two sections.
#[derive(Clone, Copy)]
pub(crate) struct Dictionary<'a> {
    text: &'a [u8],
    starts: &'a [u8],
}

impl<'a> Dictionary<'a> {
    pub(crate) fn new(text: &'a [u8], starts: &'a [u8]) -> Self {
        Self { text, starts }
    }

    /// How many strings there are.
    pub(crate) fn len(self) -> u32 {
        (self.starts.len() / 4) as u32
    }

    /// String `id`; empty where there is none.
    pub(crate) fn get(self, id: u32) -> &'a [u8] {
        let bounds = || {
            let start = entry(self.starts, id as usize)? as usize;
            let next = entry(self.starts, id as usize + 1).map_or(self.text.len(), |next| next as usize);
            self.text.get(start..next.checked_sub(1)?)
        };
        bounds().unwrap_or_default()
    }

    /// String `id` as text; empty where it is none.
    pub(crate) fn text(self, id: u32) -> &'a str {
        std::str::from_utf8(self.get(id)).unwrap_or_default()
    }

    /// The number of `string`.
    pub(crate) fn find(self, string: &[u8]) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle) < string { low = middle + 1 } else { high = middle }
        }
        (low < self.len() && self.get(low) == string).then_some(low)
    }

    /// The strings in whose surroundings `needle` occurs, ascending; see the head of this file.
    pub(crate) fn containing(self, needle: &[u8]) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for place in memmem::find_iter(self.text, needle) {
            // A needle that starts with the break before a string belongs to the string behind.
            let inside = if needle.first() == Some(&b'\n') { place + 1 } else { place };
            // Places ascend, and most strings with a needle in them have one: look a little further before bisecting.
            let from = found.last().copied().unwrap_or(0);
            let id = self.at(inside, from);
            if found.last() != Some(&id) {
                found.push(id);
            }
        }
        found
    }

    /// The string around byte `place`, which does not lie before string `from`.
    fn at(self, place: usize, from: u32) -> u32 {
        let starts_behind = |id: u32| entry(self.starts, id as usize).is_none_or(|start| start as usize > place);
        let mut step = 1;
        while from + step < self.len() && !starts_behind(from + step) {
            step *= 2;
        }
        let (mut low, mut high) = (from + step / 2, (from + step).min(self.len()));
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if starts_behind(middle) { high = middle } else { low = middle }
        }
        low
    }
}

/// Goes through the strings of all `dictionaries` in order, each once, with the dictionaries that have it and its number
/// there.
pub(crate) fn merge<'a>(dictionaries: &[Dictionary<'a>], mut visit: impl FnMut(&'a [u8], &[(usize, u32)])) {
    let mut heads: BinaryHeap<Head<'a>> = dictionaries
        .iter()
        .enumerate()
        .filter(|(_, dictionary)| dictionary.len() > 0)
        .map(|(source, dictionary)| Head { string: dictionary.get(0), source, id: 0 })
        .collect();
    let mut owners = Vec::new();
    while let Some(head) = heads.pop() {
        owners.clear();
        let string = head.string;
        let mut next = Some(head);
        while let Some(Head { source, id, .. }) = next {
            owners.push((source, id));
            if id + 1 < dictionaries[source].len() {
                heads.push(Head { string: dictionaries[source].get(id + 1), source, id: id + 1 });
            }
            next = if heads.peek().is_some_and(|other| other.string == string) { heads.pop() } else { None };
        }
        visit(string, &owners);
    }
}

struct Head<'a> {
    string: &'a [u8],
    source: usize,
    id: u32,
}

impl Ord for Head<'_> {
    /// The heap gives its greatest first: the least string, and of equal ones that of the first dictionary.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.string, other.source, other.id).cmp(&(self.string, self.source, self.id))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_by_what_they_are_begin_with_end_with_and_contain() {
        let strings = ["", "ab", "abc", "b", "bab", "zab", "zz"];
        let written: DictionaryWriter = strings.into_iter().collect();
        let dictionary = Dictionary::new(&written.text, &written.starts);
        assert_eq!(dictionary.len(), 7);
        for (id, string) in strings.iter().enumerate() {
            assert_eq!(dictionary.text(id as u32), *string);
            assert_eq!(dictionary.find(string.as_bytes()), Some(id as u32));
        }
        assert_eq!((dictionary.find(b"a"), dictionary.find(b"zzz"), dictionary.get(7)), (None, None, &b""[..]));
        assert_eq!(dictionary.containing(b"ab"), [1, 2, 4, 5]);
        assert_eq!(dictionary.containing(b"\nab"), [1, 2]);
        assert_eq!(dictionary.containing(b"ab\n"), [1, 4, 5]);
        assert_eq!(dictionary.containing(b"z"), [5, 6]);
        assert!(dictionary.containing(b"q").is_empty());
    }

    #[test]
    fn dictionaries_merge_in_order() {
        let written: Vec<DictionaryWriter> =
            [&["a", "c"][..], &[], &["b", "c", "d"], &["c"]].iter().map(|strings| strings.iter().collect()).collect();
        let dictionaries: Vec<Dictionary> =
            written.iter().map(|written| Dictionary::new(&written.text, &written.starts)).collect();
        let mut merged = Vec::new();
        merge(&dictionaries, |string, owners| {
            merged.push(format!("{} {owners:?}", String::from_utf8_lossy(string)));
        });
        assert_eq!(merged, ["a [(0, 0)]", "b [(2, 0)]", "c [(0, 1), (2, 1), (3, 0)]", "d [(2, 2)]"]);
    }

    #[test]
    fn damaged_tables_give_nothing_and_do_not_panic() {
        let written: DictionaryWriter = ["alpha", "beta", "gamma"].into_iter().collect();
        for place in 0..written.starts.len() {
            for bit in 0..8 {
                let mut starts = written.starts.clone();
                starts[place] ^= 1 << bit;
                let dictionary = Dictionary::new(&written.text, &starts);
                for id in 0..4 {
                    dictionary.get(id);
                }
                dictionary.find(b"beta");
                dictionary.containing(b"a");
            }
        }
    }
}
