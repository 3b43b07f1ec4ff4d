//! Code as words: runs of characters, and the parts that identifiers are made of.
//!
//! A run is as many characters of one class as follow each other: letters, digits, `_` and everything beyond ASCII are
//! *words*, other visible characters are *marks*, the rest is space. Runs of both classes are indexed, so that any exact
//! string has something to be looked up by; parts of words are, for ranking.

use std::{borrow::Cow, ops::Range};

/// Longer runs are not indexed: they are data, and would make the list of words long. [`OVERLONG_WORD`] stands for them.
pub(super) const LONGEST: usize = 64;

/// The term of chunks with a word of more than [`LONGEST`] bytes; no run contains a space.
pub(super) const OVERLONG_WORD: &str = " word";
/// The same for marks.
pub(super) const OVERLONG_MARKS: &str = " marks";

/// What kind of characters a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Word,
    Marks,
}

impl Class {
    pub(super) fn overlong(self) -> &'static str {
        match self {
            Class::Word => OVERLONG_WORD,
            Class::Marks => OVERLONG_MARKS,
        }
    }
}

const SPACE: u8 = 0;
const WORD: u8 = 1;
const MARKS: u8 = 2;

/// The class of every byte.
static CLASSES: [u8; 256] = {
    let mut classes = [MARKS; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b <= b' ' || b == 0x7f {
            classes[byte] = SPACE;
        } else if b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80 {
            classes[byte] = WORD;
        }
        byte += 1;
    }
    classes
};

/// The runs of `text`, with where they are.
pub(super) fn runs(text: &str) -> impl Iterator<Item = (Class, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && CLASSES[bytes[at] as usize] == SPACE {
            at += 1;
        }
        let start = at;
        let class = CLASSES[*bytes.get(start)? as usize];
        while at < bytes.len() && CLASSES[bytes[at] as usize] == class {
            at += 1;
        }
        Some((if class == WORD { Class::Word } else { Class::Marks }, start..at))
    })
}

/// A character without its case: what a regular expression that ignores case could match it by, has the same.
pub(super) fn fold_char(character: char) -> char {
    match character {
        'ſ' => 's',
        'K' => 'k',
        _ if character.is_ascii() => character.to_ascii_lowercase(),
        _ => {
            let mut lower = character.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => character,
            }
        }
    }
}

/// `text` without case.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(text.chars().map(fold_char).collect())
    }
}

/// The parts of an identifier, by camel case, underscores and digits: `HTTPServer_v2` has `HTTP` and `Server`.
///
/// None where it has no more than one. Single characters are left out: they say nothing.
pub(crate) fn parts(word: &str) -> Vec<&str> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Other,
    }
    let kind = |character: char| match character {
        _ if character.is_uppercase() => Kind::Upper,
        _ if character.is_numeric() => Kind::Digit,
        _ if character.is_alphabetic() => Kind::Lower,
        _ => Kind::Other,
    };
    let mut parts = Vec::new();
    let (mut start, mut previous) = (0, Kind::Other);
    let mut characters = word.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let current = kind(character);
        let joins = match (previous, current) {
            (Kind::Upper, Kind::Lower) => true,
            // The last capital of a row belongs to the word behind: HTTPServer.
            (Kind::Upper, Kind::Upper) => characters.peek().is_none_or(|&(_, next)| kind(next) != Kind::Lower),
            _ => previous == current,
        };
        if !joins {
            parts.push(&word[start..at]);
            start = at;
        }
        previous = current;
    }
    parts.push(&word[start..]);
    parts.retain(|part| {
        let mut characters = part.chars();
        let worded = characters.next().is_some_and(|first| kind(first) != Kind::Other);
        worded && characters.next().is_some() && part.len() < word.len()
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_falls_into_words_and_marks() {
        let text = "let größe=HTTP_2::get(&x)\t;\r\n";
        let found: Vec<String> = runs(text)
            .map(|(class, range)| format!("{}{}", if class == Class::Word { "" } else { "·" }, &text[range]))
            .collect();
        assert_eq!(found, ["let", "größe", "·=", "HTTP_2", "·::", "get", "·(&", "x", "·)", "·;"]);
    }

    #[test]
    fn identifiers_have_parts() {
        for (word, expected) in [
            ("parseConfig", "parse Config"),
            ("HTTPServer_v2", "HTTP Server"),
            ("sha256_sum", "sha 256 sum"),
            ("__init__", "init"),
            ("x1", ""),
            ("simple", ""),
            ("LOUD", ""),
            ("GrößeÄndern", "Größe Ändern"),
            ("“quoted”", "quoted"),
            ("", ""),
        ] {
            assert_eq!(parts(word).join(" "), expected, "{word}");
        }
    }

    #[test]
    fn folding_takes_the_case_away() {
        for (text, expected) in [("abc_1", "abc_1"), ("ABC", "abc"), ("ÄſK", "äsk"), ("İ", "İ"), ("ΣΑΣ", "σασ")]
        {
            assert_eq!(fold(text), expected);
        }
    }
}
