//! Texts as tokens, without what lies between lines.

use std::ops::Range;

use crate::copying::{Lexicon, Symbol, pieces};

/// A file as tokens.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Path within the repository.
    pub path: Box<str>,
    /// Its tokens.
    pub symbols: Vec<Symbol>,
    /// For every line, blank ones too: where its tokens begin.
    pub lines: Vec<u32>,
}

impl Reading {
    /// Reads a file; new words are added.
    pub fn new(path: &str, text: &str, lexicon: &mut Lexicon) -> Self {
        let mut reading = Self { path: path.into(), symbols: Vec::new(), lines: Vec::new() };
        for (_, line) in lines(text) {
            reading.lines.push(reading.symbols.len() as u32);
            lexicon.read(line, &mut reading.symbols);
        }
        reading
    }
}

/// Stands for a word that was never met, and is in no file.
pub const STRANGER: Symbol = Symbol::MAX;

/// The tokens of a text, and the bytes each of them has; no word is added.
pub fn read(text: &str, lexicon: &Lexicon) -> (Vec<Symbol>, Vec<Range<usize>>) {
    let mut symbols = Vec::new();
    let mut spans = Vec::new();
    for (offset, line) in lines(text) {
        for piece in pieces(line) {
            let word = lexicon.find(&line[piece.start..piece.end]);
            symbols.push(word.map_or(STRANGER, |word| word << 1 | u32::from(piece.space)));
            spans.push(offset + piece.start..offset + piece.end);
        }
    }
    (symbols, spans)
}

/// The lines of a text without indentation and line end, and where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    text.split_inclusive('\n').map(move |line| {
        let end = next + line.len();
        next = end;
        let line = line.trim_start_matches([' ', '\t', '\r', '\x0b', '\x0c']);
        (end - line.len(), line.strip_suffix('\n').unwrap_or(line))
    })
}
