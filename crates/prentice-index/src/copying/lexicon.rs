//! Words, and the symbols that lines are made of.
//!
//! A symbol is a word with whether a single space stands before it; other white space belongs to the word, so that the
//! symbols of a line give its bytes again. A word is an identifier, a number, an operator of several characters, or a
//! single character. Indentation and trailing white space belong to no symbol.

use std::{collections::HashMap, hash::BuildHasherDefault};

use prentice_base::words::{OPERATORS, is_word};

use super::mixer::Mixer;

/// A word with whether a space stands before it: twice the word's number, plus one with a space.
pub type Symbol = u32;

/// Between files.
pub const SEPARATOR: Symbol = 0;
/// The end of a line.
pub const NEWLINE: Symbol = 2;
/// The word at the cursor, where it was never met.
pub const UNKNOWN: u32 = 2;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Between files and lines.
    Border,
    /// A name.
    Identifier,
    /// A word that a language gives a meaning.
    Keyword,
    /// Begins with a digit.
    Number,
    /// Opens a bracket.
    Open,
    /// Closes a bracket.
    Close,
    /// Comma, semicolon, colon.
    Separator,
    /// A dot, or what else leads to a member.
    Member,
    /// A quotation mark.
    Quote,
    /// Any other operator or character.
    Other,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 10;
}

/// All words that were met, by number.
#[derive(Clone, Debug)]
pub struct Lexicon {
    bytes: String,
    ends: Vec<u32>,
    classes: Vec<Class>,
    /// By hash of the text; the rare second word of a hash is in `others`.
    numbers: HashMap<u64, u32, BuildHasherDefault<Mixer>>,
    others: HashMap<String, u32>,
}

impl Default for Lexicon {
    fn default() -> Self {
        let mut lexicon = Self {
            bytes: String::new(),
            ends: Vec::new(),
            classes: Vec::new(),
            numbers: HashMap::default(),
            others: HashMap::new(),
        };
        lexicon.word("");
        lexicon.word("\n");
        lexicon.word("_unknown_");
        lexicon
    }
}

impl Lexicon {
    /// How many words there are.
    pub fn words(&self) -> usize {
        self.ends.len()
    }

    /// The number of a word, which is new where it was never met.
    pub fn word(&mut self, text: &str) -> u32 {
        let key = hash_text(text);
        match self.numbers.get(&key) {
            Some(&number) if self.word_text(number) == text => return number,
            Some(_) => {
                if let Some(&number) = self.others.get(text) {
                    return number;
                }
                let number = self.append(text);
                self.others.insert(text.to_owned(), number);
                return number;
            }
            None => {}
        }
        let number = self.append(text);
        self.numbers.insert(key, number);
        number
    }

    /// The number of a word that was met before.
    pub fn find(&self, text: &str) -> Option<u32> {
        match self.numbers.get(&hash_text(text)) {
            Some(&number) if self.word_text(number) == text => Some(number),
            Some(_) => self.others.get(text).copied(),
            None => None,
        }
    }

    fn append(&mut self, text: &str) -> u32 {
        let number = self.ends.len() as u32;
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
        self.classes.push(classify(text));
        number
    }

    /// The text of a word.
    pub fn word_text(&self, word: u32) -> &str {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] as usize };
        &self.bytes[start..self.ends[word] as usize]
    }

    /// What a symbol's word is.
    pub fn class(&self, symbol: Symbol) -> Class {
        self.classes[(symbol >> 1) as usize]
    }

    /// Appends a symbol's text, with the space before it.
    pub fn write(&self, symbol: Symbol, into: &mut String) {
        if symbol & 1 == 1 {
            into.push(' ');
        }
        into.push_str(self.word_text(symbol >> 1));
    }

    /// The symbols of a line without its indentation, words added where they are new.
    pub fn read(&mut self, line: &str, into: &mut Vec<Symbol>) {
        for piece in pieces(line) {
            let word = self.word(&line[piece.start..piece.end]);
            into.push(word << 1 | u32::from(piece.space));
        }
    }
}

/// Words in the order of their text, for those that begin alike.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(Vec<u32>);

impl Vocabulary {
    /// The words that a lexicon has now.
    pub fn new(lexicon: &Lexicon) -> Self {
        let mut words: Vec<u32> = (UNKNOWN + 1..lexicon.words() as u32).collect();
        words.sort_unstable_by_key(|word| lexicon.word_text(*word));
        Self(words)
    }

    /// The words that begin so.
    pub fn beginning(&self, text: &str, lexicon: &Lexicon) -> &[u32] {
        let start = self.0.partition_point(|word| lexicon.word_text(*word) < text);
        let rest = &self.0[start..];
        &rest[..rest.partition_point(|word| lexicon.word_text(*word).starts_with(text))]
    }
}

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where the word begins, after its space.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether a single space stands before it.
    pub space: bool,
}

/// The words of a line without its indentation. White space at the end belongs to none.
pub fn pieces(line: &str) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = line.as_bytes();
        let before = at;
        while at < bytes.len() && is_space(bytes[at]) {
            at += 1;
        }
        if at >= bytes.len() {
            return None;
        }
        let (start, space) = match &bytes[before..at] {
            b"" => (at, false),
            b" " => (at, true),
            _ => (before, false),
        };
        at += word_length(&line[at..]);
        Some(Piece { start, end: at, space })
    })
}

/// Bytes of the word at the start of a text that is not empty.
fn word_length(text: &str) -> usize {
    let first = text.chars().next().expect("the text is not empty");
    if is_word(first) {
        return text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    }
    if first.is_ascii()
        && let Some(operator) = OPERATORS.iter().find(|operator| text.starts_with(**operator))
    {
        return operator.len();
    }
    first.len_utf8()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

fn classify(text: &str) -> Class {
    let trimmed = text.trim_start();
    let Some(first) = trimmed.chars().next() else {
        return Class::Border;
    };
    if first.is_ascii_digit() {
        return Class::Number;
    }
    if is_word(first) {
        return if KEYWORDS.binary_search(&trimmed).is_ok() { Class::Keyword } else { Class::Identifier };
    }
    match trimmed {
        "(" | "[" | "{" | "#[" => Class::Open,
        ")" | "]" | "}" => Class::Close,
        "," | ";" | ":" => Class::Separator,
        "." | "::" | "->" | "?." => Class::Member,
        "\"" | "'" | "`" | "\"\"\"" | "'''" | "```" => Class::Quote,
        _ => Class::Other,
    }
}

/// Words that languages give a meaning: structure, which is not to be renamed when code is carried over. Sorted.
const KEYWORDS: &[&str] = &[
    "False",
    "None",
    "Self",
    "True",
    "abstract",
    "and",
    "as",
    "assert",
    "async",
    "auto",
    "await",
    "bool",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "constexpr",
    "continue",
    "crate",
    "def",
    "default",
    "defer",
    "del",
    "delete",
    "do",
    "double",
    "dyn",
    "elif",
    "else",
    "enum",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "float",
    "fn",
    "for",
    "from",
    "func",
    "function",
    "global",
    "go",
    "goto",
    "if",
    "impl",
    "implements",
    "import",
    "in",
    "include",
    "inline",
    "instanceof",
    "int",
    "interface",
    "is",
    "lambda",
    "let",
    "long",
    "loop",
    "match",
    "mod",
    "move",
    "mut",
    "namespace",
    "new",
    "nil",
    "nonlocal",
    "not",
    "null",
    "number",
    "of",
    "operator",
    "or",
    "override",
    "package",
    "pass",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "range",
    "readonly",
    "ref",
    "return",
    "self",
    "short",
    "signed",
    "sizeof",
    "static",
    "str",
    "string",
    "struct",
    "super",
    "switch",
    "template",
    "this",
    "throw",
    "throws",
    "trait",
    "true",
    "try",
    "type",
    "typedef",
    "typename",
    "typeof",
    "undefined",
    "union",
    "unsafe",
    "unsigned",
    "use",
    "using",
    "var",
    "virtual",
    "void",
    "volatile",
    "where",
    "while",
    "with",
    "yield",
];

fn hash_text(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ text.len() as u64;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        let mut sorted = KEYWORDS.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, KEYWORDS);
    }

    #[test]
    fn symbols_give_the_line_again() {
        for line in ["let x = foo(a,  b);", "a\tb", "x ->y  // ∆ comment", "\"\"\"doc", "if a{b}else{c} ..= 0x1f"] {
            let mut lexicon = Lexicon::default();
            let mut symbols = Vec::new();
            lexicon.read(line, &mut symbols);
            let mut text = String::new();
            symbols.iter().for_each(|symbol| lexicon.write(*symbol, &mut text));
            assert_eq!(text, line);
        }
    }
}
