//! Citations: where in a repository a text stands already, word for word.
//!
//! A span is cited where its *tokens* stand in a file in the same order. Tokens are the words of
//! [`copying::pieces`](crate::copying::pieces): names, numbers, operators. Within a line the bytes have to be the same,
//! white space included; line breaks, blank lines, indentation and white space at the end of a line are no tokens, so
//! that code that was reformatted by moving or indenting lines is still found. A line break stands for no white space:
//! `f(` and `a)` on two lines are `f(a)`, while `a +` and `b` on two lines are not `a + b`. White space before the first
//! token of a span is no part of it. Text that was changed in any other way, were it by one name, is not found.
//!
//! Matches are taken greedily from the left: at each token the longest one, then what comes after it. Of equally long
//! ones the best place is cited: the file at hand, then its directory and those below, then the first by path and line.
//!
//! **What is worth a citation.** At least [`SHORTEST`] tokens, among which are two different telling words: identifiers,
//! or numbers of three characters or more. Brackets, separators, keywords, rows of zeros and one name repeated are
//! nobody's. Import lines and attributes count: they say little, but they are copies.
//!
//! **Updates.** A file that changes dies where it is and lives on in a small segment of its own; segments are merged
//! when they come near the size of their elder, so that there are few of them and each token is sorted a few times only.
//! A segment that is mostly dead is sorted anew. Words of dead files stay in the lexicon until the index is built again.
//!
//! *Not covered:* renamed identifiers, changed white space within lines, spans below [`SHORTEST`] tokens. At most 2^32
//! tokens.

mod policy;
mod segment;
#[cfg(test)]
mod tests;
mod text;

use std::{cmp::Reverse, ops::Range};

use rayon::prelude::*;

pub use policy::{Policy, Terms};
pub use segment::SHORTEST;
use segment::{Segment, hash};
use text::{Reading, STRANGER};

use crate::copying::{Class, Lexicon, Source, Symbol};

/// A segment is merged into its elder when that is less than so many times its size.
const GROWTH: usize = 4;

/// Parts that are read on their own, for each thread.
const PARTS: usize = 4;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct CiteOptions<'a> {
    /// Tokens in the shortest span to cite; [`SHORTEST`] where it is less.
    pub least: usize,
    /// The file that the text belongs into: preferred among equal places, and its directory after it.
    pub near: Option<&'a str>,
    /// Lines of a file, from 1, that are not cited: those the text itself stands in.
    pub exclude: Option<(&'a str, Range<usize>)>,
}

/// A span that stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiteMatch {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The file.
    pub path: String,
    /// The line of the file in which the span begins, from 1.
    pub line: usize,
    /// The line in which it ends.
    pub last_line: usize,
    /// How many tokens it has.
    pub tokens: usize,
}

/// Where the texts of a repository stand.
#[derive(Clone, Debug, Default)]
pub struct CiteIndex {
    lexicon: Lexicon,
    /// The eldest and largest first.
    segments: Vec<Segment>,
}

impl CiteIndex {
    /// Without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads files, on the threads of the current rayon pool. Of several with one path the last counts.
    pub fn build(sources: &[Source]) -> Self {
        let mut sources = sources.to_vec();
        sources.reverse();
        sources.sort_by_key(|source| source.path);
        sources.dedup_by_key(|source| source.path);
        let parts = rayon::current_num_threads() * PARTS;
        let parts: Vec<(Lexicon, Vec<Reading>)> = sources
            .par_chunks(sources.len().div_ceil(parts).max(1))
            .map(|sources| {
                let mut lexicon = Lexicon::default();
                let read = |source: &Source| Reading::new(source.path, source.text, &mut lexicon);
                let readings = sources.iter().map(read).collect();
                (lexicon, readings)
            })
            .collect();
        let mut lexicon = Lexicon::default();
        let parts: Vec<(Vec<u32>, Vec<Reading>)> = parts
            .into_iter()
            .map(|(own, readings)| {
                let numbers = (0..own.words() as u32).map(|word| lexicon.word(own.word_text(word))).collect();
                (numbers, readings)
            })
            .collect();
        let readings: Vec<Reading> = parts
            .into_par_iter()
            .flat_map_iter(|(numbers, mut readings)| {
                for symbol in readings.iter_mut().flat_map(|reading| &mut reading.symbols) {
                    *symbol = numbers[(*symbol >> 1) as usize] << 1 | *symbol & 1;
                }
                readings
            })
            .collect();
        let mut index = Self { lexicon, segments: vec![Segment::build(&readings)] };
        index.settle();
        index
    }

    /// Takes a file as it is now, new or changed.
    pub fn replace(&mut self, path: &str, text: &str) {
        self.segments.iter_mut().for_each(|segment| segment.kill(path));
        let reading = Reading::new(path, text, &mut self.lexicon);
        self.segments.push(Segment::build(&[reading]));
        self.settle();
    }

    /// Forgets a file.
    pub fn remove(&mut self, path: &str) {
        self.segments.iter_mut().for_each(|segment| segment.kill(path));
        self.settle();
    }

    /// Keeps segments few and alive.
    fn settle(&mut self) {
        self.segments.retain(|segment| segment.live_tokens() > 0);
        for segment in &mut self.segments {
            if segment.live_tokens() < segment.tokens() / 2 {
                *segment = Segment::build(&segment.readings().collect::<Vec<_>>());
            }
        }
        while let [.., elder, last] = self.segments.as_slice()
            && elder.tokens() < GROWTH * last.tokens()
        {
            let mut readings: Vec<Reading> = elder.readings().chain(last.readings()).collect();
            readings.sort_by(|left, right| left.path.cmp(&right.path));
            self.segments.truncate(self.segments.len() - 2);
            self.segments.push(Segment::build(&readings));
        }
    }

    /// Tokens of all files.
    pub fn tokens(&self) -> usize {
        self.segments.iter().map(Segment::live_tokens).sum()
    }

    /// Bytes in memory, besides the lexicon.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// Where the spans of a text stand, in the order of the text and without overlap.
    pub fn cite(&self, text: &str, options: &CiteOptions) -> Vec<CiteMatch> {
        let least = options.least.max(SHORTEST);
        let exclude = options.exclude.as_ref().map(|(path, lines)| (*path, lines));
        let segments: Vec<_> =
            self.segments.iter().map(|segment| (segment, segment.places(options.near, exclude))).collect();
        let (symbols, spans) = text::read(text, &self.lexicon);
        let mut matches = Vec::new();
        let mut at = 0;
        while at + least <= symbols.len() {
            let query = &symbols[at..];
            if let Some(stranger) = query[..least].iter().rposition(|symbol| *symbol == STRANGER) {
                at += stranger + 1;
                continue;
            }
            let hash = hash(query);
            let found = segments
                .iter()
                .filter_map(|(segment, places)| Some((segment, segment.find(hash, query, least, places)?)))
                .map(|(segment, found)| (found, segment.describe(&found)))
                .min_by_key(|(found, place)| (Reverse(found.length), found.rank, *place));
            let Some((found, (path, line, last_line))) = found else {
                at += 1;
                continue;
            };
            if !self.is_telling(&query[..found.length]) {
                // Whatever begins in here and tells something goes on behind it.
                at += found.length - least + 1;
                continue;
            }
            let end = at + found.length;
            let span = spans[at].start..spans[end - 1].end;
            matches.push(CiteMatch { span, path: path.to_owned(), line, last_line, tokens: found.length });
            at = end;
        }
        matches
    }

    /// Whether there are two different words that say something.
    fn is_telling(&self, symbols: &[Symbol]) -> bool {
        let mut words = symbols.iter().map(|symbol| symbol >> 1).filter(|word| match self.lexicon.class(word << 1) {
            Class::Identifier => true,
            Class::Number => self.lexicon.word_text(*word).trim_start().len() >= 3,
            _ => false,
        });
        words.next().is_some_and(|first| words.any(|word| word != first))
    }
}
