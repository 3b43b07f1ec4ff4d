//! Texts cut at syntax.
//!
//! This follows cAST (arXiv 2506.15655): what is larger than the budget is split at its parts, and neighbours that fit
//! together are merged again. Deviations: chunks are whole lines, so that a chunk can be cited by its lines; parts begin
//! where a node begins a line, and a comment or attribute stays with what follows it; what is left of an item that was
//! split is not merged with the next item.
//!
//! The tree is not needed for this, only the depth at which something begins with each line ([`crate::walk`]). A text
//! without a tree is cut by blank lines and indentation instead.

use std::{cmp::Reverse, ops::Range};

use serde::{Deserialize, Serialize};

use crate::{language::Language, outline, symbol::Definition, walk::DEEPEST_LEVEL};

/// How texts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// Characters that are not white space in a chunk, at most; a single line may have more.
    pub budget: usize,
}

impl Default for ChunkOptions {
    /// 1,500 characters: about forty lines, or a function with what is said before it.
    fn default() -> Self {
        Self { budget: 1_500 }
    }
}

/// A run of whole lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Its first line, counted from 1.
    pub first_line: u32,
    /// Its last line, counted from 1, inclusive.
    pub last_line: u32,
    /// The definition that begins in it, behind a comment or imports, and makes up most of it up to its end; otherwise the
    /// innermost definition that it lies in.
    pub name: Option<String>,
}

/// Cuts a text into chunks, which cover it without gap and overlap. An empty text has none.
///
/// Without a language, or where parsing fails, the text is cut by blank lines and indentation.
pub fn chunks(language: Option<Language>, text: &str, options: &ChunkOptions) -> Vec<Chunk> {
    outline::read(language, text, options).1
}

/// Levels of lines from how they are indented: paragraphs that start at the margin, then other paragraphs.
pub(crate) fn levels_by_lines(text: &str) -> Vec<u8> {
    let mut follows_blank = true;
    let level = |line: &str| {
        let is_blank = line.trim_ascii().is_empty();
        let indented = line.starts_with([' ', '\t']);
        let level = match (follows_blank && !is_blank, indented) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => DEEPEST_LEVEL + 1,
        };
        follows_blank = is_blank;
        level
    };
    text.split('\n').map(level).collect()
}

/// Cuts a text between lines, at low levels before high ones.
pub(crate) fn cut(text: &str, levels: &[u8], definitions: &[Definition], options: &ChunkOptions) -> Vec<Chunk> {
    let mut cutter = Cutter { levels, budget: options.budget, starts: vec![0], sizes: vec![0], pieces: Vec::new() };
    let mut size = 0;
    for line in text.split_inclusive('\n') {
        size += line.chars().filter(|character| !character.is_whitespace()).count();
        cutter.sizes.push(size);
        cutter.starts.push(cutter.starts[cutter.starts.len() - 1] + line.len());
    }
    let lines = cutter.starts.len() - 1;
    if lines > 0 {
        cutter.split(0..lines);
    }
    let mut names = Names::new(definitions);
    let line_number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    cutter
        .pieces
        .iter()
        .map(|lines| {
            let range = cutter.starts[lines.start]..cutter.starts[lines.end];
            Chunk {
                name: names.of(text, &range),
                range,
                first_line: line_number(lines.start + 1),
                last_line: line_number(lines.end),
            }
        })
        .collect()
}

struct Cutter<'l> {
    levels: &'l [u8],
    budget: usize,
    /// Where each line starts, and the end of the text.
    starts: Vec<usize>,
    /// Characters that are not white space before each line, and in the text.
    sizes: Vec<usize>,
    pieces: Vec<Range<usize>>,
}

impl Cutter<'_> {
    /// Splits lines until they fit. Each time the lowest level is used up, of which there are few: this ends soon.
    fn split(&mut self, lines: Range<usize>) {
        if lines.len() == 1 || self.fits(&lines) {
            return self.pieces.push(lines);
        }
        let levels = self.levels;
        let level = |line: usize| levels.get(line).copied().unwrap_or(DEEPEST_LEVEL + 1);
        let lowest = (lines.start + 1..lines.end).map(level).min().unwrap_or_default();
        let mut merged = lines.start..lines.start;
        let mut part = lines.start;
        for end in lines.start + 1..=lines.end {
            if end < lines.end && level(end) > lowest {
                continue;
            }
            if self.fits(&(merged.start..end)) {
                merged.end = end;
            } else {
                if !merged.is_empty() {
                    self.pieces.push(merged);
                }
                merged = part..end;
                if !self.fits(&merged) {
                    self.split(merged);
                    merged = end..end;
                }
            }
            part = end;
        }
        if !merged.is_empty() {
            self.pieces.push(merged);
        }
    }

    fn fits(&self, lines: &Range<usize>) -> bool {
        self.sizes[lines.end] - self.sizes[lines.start] <= self.budget
    }
}

/// The names of chunks, asked for in the order of the text.
struct Names<'d> {
    /// Outer ones first, those that the chunks have reached taken off.
    ahead: Vec<&'d Definition>,
    /// Definitions that have begun, each within the one before it.
    begun: Vec<&'d Definition>,
}

impl<'d> Names<'d> {
    fn new(definitions: &'d [Definition]) -> Self {
        let mut ahead: Vec<&Definition> = definitions.iter().collect();
        ahead.sort_by_key(|definition| (definition.range.start, Reverse(definition.range.end)));
        ahead.reverse();
        Self { ahead, begun: Vec::new() }
    }

    /// The definition that is most of the chunk, or the innermost one around it.
    fn of(&mut self, text: &str, range: &Range<usize>) -> Option<String> {
        let said = text[range.clone()].trim_ascii();
        let start = range.end - text[range.clone()].trim_ascii_start().len();
        let end = start + said.len();
        self.begin(|next| next.range.start <= start);
        // The ends of what is nested do not grow.
        let around = self.begun.partition_point(|definition| definition.range.end >= end).checked_sub(1);
        let around = around.map(|index| self.begun[index]);
        let is_most = |first: &&Definition| first.range.start < (start + end) / 2 && first.range.end >= end;
        let first = self.ahead.last().copied().filter(is_most);
        self.begin(|next| next.range.start < end);
        first.or(around).map(|definition| definition.name.clone())
    }

    fn begin(&mut self, reached: impl Fn(&Definition) -> bool) {
        while let Some(next) = self.ahead.pop_if(|next| reached(next)) {
            while self.begun.pop_if(|definition| definition.range.end <= next.range.start).is_some() {}
            self.begun.push(next);
        }
    }
}
