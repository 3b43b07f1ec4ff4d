//! Files whose runs of tokens can be looked up: made once, then only read, but for the death of files.
//!
//! Every position at which [`SHORTEST`] tokens of a file begin is listed once, sorted by a hash of these tokens; a
//! directory over the upper bits of the hash and sixteen bits after them lead to the positions with one hash. These are
//! sorted by their tokens, as in a suffix array, so that the longest continuation is found by narrowing, and every
//! answer rests on compared tokens, never on a hash. Six bytes a position, four for the token itself, and about one for
//! directory and lines.

use std::ops::Range;

use rayon::prelude::*;

use super::text::Reading;
use crate::copying::{SEPARATOR, Symbol};

/// Tokens in the shortest span that is found.
pub const SHORTEST: usize = 8;

/// Positions that begin alike are sorted by so many tokens; those that still agree are compared one by one.
const DEPTH: usize = 48;

/// Positions for each entry of the directory, on average.
const BUCKET: usize = 16;

/// Groups that one thread sorts at a time.
const GROUPS: usize = 1 << 11;

/// The tokens of some files.
#[derive(Clone, Debug)]
pub struct Segment {
    /// By path.
    files: Vec<File>,
    /// Of all files, each followed by a separator.
    symbols: Vec<Symbol>,
    /// For every line of every file: where its tokens begin.
    lines: Vec<u32>,
    /// Where the tokens of dead files are, in order.
    dead: Vec<Range<u32>>,
    /// Where the positions with these upper bits begin.
    directory: Vec<u32>,
    bits: u32,
    checks: Vec<u16>,
    positions: Vec<u32>,
}

#[derive(Clone, Debug)]
struct File {
    path: Box<str>,
    /// In `symbols`.
    tokens: Range<u32>,
    /// In `lines`.
    lines: Range<u32>,
}

/// Where in a segment a text may come from, and where it does best.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    /// The tokens that are preferred to all others.
    file: Range<u32>,
    /// The tokens that come second.
    directory: Range<u32>,
    /// Not to be touched.
    excluded: Range<u32>,
    dead: &'a [Range<u32>],
}

/// The longest match, and the best of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Tokens.
    pub length: usize,
    /// 0 in the preferred file, 1 in its directory, 2 elsewhere.
    pub rank: u8,
    /// Where the match begins.
    pub at: u32,
}

impl Segment {
    /// Sorts what the files say, which are in the order of their paths.
    pub fn build(readings: &[Reading]) -> Self {
        let mut segment = Self {
            files: Vec::with_capacity(readings.len()),
            symbols: Vec::with_capacity(readings.iter().map(|reading| reading.symbols.len() + 1).sum()),
            lines: Vec::with_capacity(readings.iter().map(|reading| reading.lines.len()).sum()),
            dead: Vec::new(),
            directory: Vec::new(),
            bits: 0,
            checks: Vec::new(),
            positions: Vec::new(),
        };
        for reading in readings {
            let (start, first_line) = (segment.symbols.len() as u32, segment.lines.len() as u32);
            segment.symbols.extend_from_slice(&reading.symbols);
            segment.lines.extend(reading.lines.iter().map(|line| start + line));
            segment.files.push(File {
                path: reading.path.clone(),
                tokens: start..segment.symbols.len() as u32,
                lines: first_line..segment.lines.len() as u32,
            });
            segment.symbols.push(SEPARATOR);
        }
        segment.sort();
        segment
    }

    /// Lists all positions by hash and continuation.
    fn sort(&mut self) {
        let whole = |file: &File| file.tokens.start..(file.tokens.end + 1).saturating_sub(SHORTEST as u32);
        let count: usize = self.files.iter().map(|file| whole(file).len()).sum();
        self.bits = (count / BUCKET).max(2).ilog2().min(16);
        let significant = self.bits + 16;
        let mut order = Vec::with_capacity(count);
        for at in self.files.iter().flat_map(whole) {
            let hash = hash(&self.symbols[at as usize..]);
            order.push(u64::from(hash >> (32 - significant)) << 32 | u64::from(at));
        }
        order.par_sort_unstable();
        let mut counts = vec![0; (1 << self.bits) + 1];
        order.iter().for_each(|entry| counts[(entry >> 48) as usize + 1] += 1);
        for index in 1..counts.len() {
            counts[index] += counts[index - 1];
        }
        self.directory = counts;
        self.checks = order.iter().map(|entry| (entry >> 32) as u16).collect();
        self.positions = order.iter().map(|entry| *entry as u32).collect();
        let symbols = &self.symbols;
        let mut groups: Vec<&mut [u32]> = Vec::new();
        let mut rest = self.positions.as_mut_slice();
        for group in order.chunk_by(|left, right| left >> 32 == right >> 32) {
            let (positions, others) = rest.split_at_mut(group.len());
            rest = others;
            if group.len() > 1 {
                groups.push(positions);
            }
        }
        let key = |at: u32| {
            let at = at as usize;
            (symbols[at] | 1, &symbols[at + 1..symbols.len().min(at + DEPTH)])
        };
        groups.into_par_iter().with_min_len(GROUPS).for_each(|group| {
            group.sort_unstable_by(|left, right| key(*left).cmp(&key(*right)).then(left.cmp(right)));
        });
    }

    /// Tokens of files that are alive.
    pub fn live_tokens(&self) -> usize {
        self.tokens() - self.dead.iter().map(ExactSizeIterator::len).sum::<usize>()
    }

    /// Tokens of all files.
    pub fn tokens(&self) -> usize {
        self.symbols.len() - self.files.len()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let words = self.symbols.len() + self.lines.len() + self.directory.len() + self.positions.len();
        let files: usize = self.files.iter().map(|file| size_of::<File>() + file.path.len()).sum();
        4 * words + 2 * self.checks.len() + files
    }

    /// Forgets a file, if it is there.
    pub fn kill(&mut self, path: &str) {
        let Some(tokens) = self.file(path).map(|file| file.tokens.clone()).filter(|tokens| !tokens.is_empty()) else {
            return;
        };
        if let Err(slot) = self.dead.binary_search_by_key(&tokens.start, |dead| dead.start) {
            self.dead.insert(slot, tokens);
        }
    }

    /// The files that are alive, to be sorted anew.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        let is_dead = |file: &File| self.dead.binary_search_by_key(&file.tokens.start, |dead| dead.start).is_ok();
        self.files.iter().filter(move |file| !file.tokens.is_empty() && !is_dead(file)).map(|file| Reading {
            path: file.path.clone(),
            symbols: self.symbols[file.tokens.start as usize..file.tokens.end as usize].to_vec(),
            lines: self.lines_of(file).iter().map(|line| line - file.tokens.start).collect(),
        })
    }

    /// Where a text may come from that belongs into the file `near`, and not from these lines (from 1) of a file.
    pub fn places(&self, near: Option<&str>, exclude: Option<(&str, &Range<usize>)>) -> Places<'_> {
        let file = near.and_then(|path| self.file(path)).map_or(0..0, |file| file.tokens.clone());
        let directory = near.map_or(0..0, |path| {
            let directory = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
            let start = self.files.partition_point(|file| &*file.path < directory);
            let below = self.files[start..].partition_point(|file| file.path.starts_with(directory));
            let below = &self.files[start..start + below];
            below.first().zip(below.last()).map_or(0..0, |(first, last)| first.tokens.start..last.tokens.end)
        });
        let excluded = exclude.and_then(|(path, lines)| {
            let file = self.file(path)?;
            let starts = self.lines_of(file);
            let token = |line: usize| starts.get(line.saturating_sub(1)).copied().unwrap_or(file.tokens.end);
            Some(token(lines.start)..token(lines.end)).filter(|tokens| !tokens.is_empty())
        });
        Places { file, directory, excluded: excluded.unwrap_or(0..0), dead: &self.dead }
    }

    /// The longest match, of `least` tokens or more, of the beginning of `query` that has this [`hash`].
    pub fn find(&self, hash: u32, query: &[Symbol], least: usize, places: &Places) -> Option<Found> {
        let mut range = self.group(hash);
        if range.is_empty() {
            return None;
        }
        // Which positions agree with how many tokens, while their number shrinks.
        let mut levels = Vec::new();
        let deepest = query.len().min(DEPTH);
        for (length, symbol) in query[..deepest].iter().enumerate() {
            let narrower = self.narrow(range.clone(), length, *symbol);
            if length >= least && narrower != range {
                levels.push((length, range));
            }
            range = narrower;
            if range.is_empty() {
                break;
            }
        }
        if !range.is_empty() {
            levels.push((deepest, range));
        }
        let mut best: Option<Found> = None;
        for (length, range) in levels.into_iter().rev() {
            // Places that agree longer are out of bounds, or this is over after the first round.
            if best.is_some_and(|best| best.length > length) {
                break;
            }
            for at in &self.positions[range] {
                let (room, rank) = (places.room(*at), places.rank(*at));
                let is_worse = |best: Found| best.rank <= rank && !self.agrees(*at, query, best.length);
                // Rows of one token begin everywhere: what cannot be better is not compared to its end.
                if room < least || length == DEPTH && best.is_some_and(is_worse) {
                    continue;
                }
                let length = if length == DEPTH { self.agreeing(*at, query) } else { length };
                let found = Found { length: length.min(room), rank, at: *at };
                if found.length >= least && best.is_none_or(|best| found.is_better(&best)) {
                    best = Some(found);
                }
            }
        }
        best
    }

    /// The positions with a hash, and perhaps some others.
    fn group(&self, hash: u32) -> Range<usize> {
        let significant = hash >> (16 - self.bits);
        let bucket = (significant >> 16) as usize;
        let (start, end) = (self.directory[bucket] as usize, self.directory[bucket + 1] as usize);
        let checks = &self.checks[start..end];
        let check = significant as u16;
        let low = checks.partition_point(|known| *known < check);
        let high = low + checks[low..].partition_point(|known| *known == check);
        start + low..start + high
    }

    /// The positions, among those that agree before, at which a symbol comes after `length` others.
    fn narrow(&self, range: Range<usize>, length: usize, symbol: Symbol) -> Range<usize> {
        // White space before the first token is not part of a match.
        let mask = u32::from(length == 0);
        let symbol = symbol | mask;
        let next = |at: &u32| self.symbols.get(*at as usize + length).map_or(SEPARATOR, |symbol| symbol | mask);
        let positions = &self.positions[range.clone()];
        // Mostly all agree: look at both ends first.
        let low = if next(&positions[0]) == symbol { 0 } else { positions.partition_point(|at| next(at) < symbol) };
        let rest = &positions[low..];
        let high = if rest.last().is_some_and(|at| next(at) == symbol) {
            rest.len()
        } else {
            rest.partition_point(|at| next(at) == symbol)
        };
        range.start + low..range.start + low + high
    }

    /// Whether the token after `length` others is that of the query.
    fn agrees(&self, at: u32, query: &[Symbol], length: usize) -> bool {
        query.get(length).is_some_and(|symbol| self.symbols.get(at as usize + length) == Some(symbol))
    }

    /// How many tokens from a position agree, where [`DEPTH`] do.
    fn agreeing(&self, at: u32, query: &[Symbol]) -> usize {
        let symbols = &self.symbols[at as usize + DEPTH..];
        DEPTH + symbols.iter().zip(&query[DEPTH..]).take_while(|(known, symbol)| known == symbol).count()
    }

    /// Path, first and last line (from 1) of a match.
    pub fn describe(&self, found: &Found) -> (&str, usize, usize) {
        let file = &self.files[self.files.partition_point(|file| file.tokens.start <= found.at) - 1];
        let starts = self.lines_of(file);
        // Blank lines begin where the next line does: the last one that begins so far has the token.
        let line = |at: u32| starts.partition_point(|start| *start <= at);
        (&file.path, line(found.at), line(found.at + found.length as u32 - 1))
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.binary_search_by(|file| (*file.path).cmp(path)).ok().map(|index| &self.files[index])
    }

    fn lines_of(&self, file: &File) -> &[u32] {
        &self.lines[file.lines.start as usize..file.lines.end as usize]
    }
}

impl Places<'_> {
    /// How many tokens a match that begins here may have.
    fn room(&self, at: u32) -> usize {
        let dead = self.dead.partition_point(|dead| dead.end <= at);
        if self.excluded.contains(&at) || self.dead.get(dead).is_some_and(|dead| dead.contains(&at)) {
            0
        } else if at < self.excluded.start {
            // In a file further up this is more than the file has.
            (self.excluded.start - at) as usize
        } else {
            usize::MAX
        }
    }

    fn rank(&self, at: u32) -> u8 {
        if self.file.contains(&at) {
            0
        } else if self.directory.contains(&at) {
            1
        } else {
            2
        }
    }
}

impl Found {
    /// Within a segment.
    fn is_better(&self, other: &Self) -> bool {
        (other.length, self.rank, self.at) < (self.length, other.rank, other.at)
    }
}

/// Hash of the first [`SHORTEST`] tokens, whatever stands before them.
pub fn hash(symbols: &[Symbol]) -> u32 {
    let first = u64::from(symbols[0] | 1);
    let rest = &symbols[1..SHORTEST];
    let hash = rest.iter().fold(first.wrapping_mul(0x9e37_79b9_7f4a_7c15), |hash, symbol| {
        (hash.rotate_left(23) ^ u64::from(*symbol)).wrapping_mul(0xd6e8_feb8_6659_fd93)
    });
    (hash >> 32) as u32
}
