//! Signals: what can be counted in a document's text, in one visit while it is hot in the cache.
//!
//! They are counts, not verdicts: the thresholds of StarCoder, StarCoder2 and OpenCoder are applied to them later, by
//! [`decide()`](crate::decide()), so that thresholds can change without reading the files again. Everything is an integer, so that
//! rows are the same bytes on every machine.
//!
//! The loops work on bytes and in a form that compilers vectorise; only documents that are not ASCII are looked at
//! character by character, and there only the characters beyond ASCII.
//!
//! *Not covered yet:* the fraction of comments and the n-gram repetition of OpenCoder, which need a lexer, and the
//! visible text of HTML.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use serde::{Deserialize, Serialize};

/// Counts over one text. "Characters" are Unicode scalar values and include line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// Characters in all.
    pub characters: u64,
    /// Lines; an unterminated last line counts.
    pub lines: u64,
    /// Characters of the longest line, without its line end.
    pub longest_line: u64,
    /// Letters of any script.
    pub alphabetic: u64,
    /// ASCII digits.
    pub digits: u64,
    /// ASCII white space, line ends included.
    pub whitespace: u64,
    /// Maximal runs of anything but ASCII white space.
    pub words: u64,
    /// Lines with something else than white space.
    pub filled_lines: u64,
    /// Filled lines that, trimmed, repeat an earlier one.
    pub duplicate_lines: u64,
    /// Characters within runs of encoded data: base64, lists of hexadecimal bytes, `\u` escapes (StarCoder2, 2.1).
    pub encoded: u64,
    /// Characters of the longest such run.
    pub longest_encoded: u64,
}

impl Signals {
    /// Mean characters a line, without line ends.
    pub fn mean_line(&self) -> f64 {
        ratio(self.characters.saturating_sub(self.lines), self.lines)
    }

    /// Letters and digits as a fraction of all characters.
    pub fn alphanumeric_fraction(&self) -> f64 {
        ratio(self.alphabetic + self.digits, self.characters)
    }

    /// Letters as a fraction of all characters.
    pub fn alphabetic_fraction(&self) -> f64 {
        ratio(self.alphabetic, self.characters)
    }

    /// Digits as a fraction of all characters.
    pub fn digit_fraction(&self) -> f64 {
        ratio(self.digits, self.characters)
    }

    /// White space as a fraction of all characters.
    pub fn whitespace_fraction(&self) -> f64 {
        ratio(self.whitespace, self.characters)
    }

    /// Repeated lines as a fraction of the filled lines.
    pub fn duplicate_line_fraction(&self) -> f64 {
        ratio(self.duplicate_lines, self.filled_lines)
    }

    /// Encoded data as a fraction of all characters.
    pub fn encoded_fraction(&self) -> f64 {
        ratio(self.encoded, self.characters)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Counts everything in `text`.
pub fn signals(text: &str) -> Signals {
    let bytes = text.as_bytes();
    let ascii = text.is_ascii();
    let mut signals = Signals {
        characters: if ascii { bytes.len() as u64 } else { count(bytes, is_character_start) },
        alphabetic: count(bytes, |byte| byte.is_ascii_alphabetic()),
        digits: count(bytes, |byte| byte.is_ascii_digit()),
        whitespace: count(bytes, is_space),
        words: count_word_starts(bytes),
        ..Signals::default()
    };
    if !ascii {
        signals.alphabetic += text.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).count() as u64;
    }
    count_lines(bytes, ascii, &mut signals);
    count_encoded(bytes, &mut signals);
    signals
}

/// Unlike `u8::is_ascii_whitespace` this includes the vertical tab, as `str::split_whitespace` does.
fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') < 5
}

fn is_character_start(byte: u8) -> bool {
    (byte as i8) >= -0x40
}

/// Sums in bytes over blocks that cannot overflow one, which compiles to vector compares and subtracts.
fn count(bytes: &[u8], class: impl Fn(u8) -> bool) -> u64 {
    bytes.chunks(255).map(|block| u64::from(block.iter().map(|&byte| u8::from(class(byte))).sum::<u8>())).sum()
}

fn count_word_starts(bytes: &[u8]) -> u64 {
    let Some((&first, rest)) = bytes.split_first() else { return 0 };
    let after_space = bytes.chunks(255).zip(rest.chunks(255)).map(|(before, here)| {
        let starts = before.iter().zip(here).map(|(&before, &here)| u8::from(is_space(before) & !is_space(here)));
        u64::from(starts.sum::<u8>())
    });
    after_space.sum::<u64>() + u64::from(!is_space(first))
}

fn count_lines(bytes: &[u8], ascii: bool, signals: &mut Signals) {
    // Lines of code have some 35 characters, line end included: the set rarely has to grow.
    let mut seen = HashSet::<u64, BuildHasherDefault<AlreadyHashed>>::with_capacity_and_hasher(
        bytes.len() / 32,
        Default::default(),
    );
    let mut line = |bytes: &[u8]| {
        signals.lines += 1;
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let length = if ascii { bytes.len() as u64 } else { count(bytes, is_character_start) };
        signals.longest_line = signals.longest_line.max(length);
        let trimmed = bytes.trim_ascii();
        if !trimmed.is_empty() {
            signals.filled_lines += 1;
            signals.duplicate_lines += u64::from(!seen.insert(hash(trimmed)));
        }
    };
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        line(&bytes[start..end]);
        start = end + 1;
    }
    if start < bytes.len() {
        line(&bytes[start..]);
    }
}

/// A multiply-and-fold hash over eight bytes at a time, the same on every platform. Lines of one file are compared by
/// it, so a collision miscounts one line.
fn hash(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(MULTIPLIER);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let (words, tail) = bytes.as_chunks::<8>();
    let state = words.iter().fold(bytes.len() as u64 ^ MULTIPLIER, |state, word| mix(state, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    mix(mix(state, u64::from_le_bytes(last)), MULTIPLIER)
}

#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// `[a-zA-Z0-9+/\n=]{64,}`
const BASE64: ByteClass = ByteClass::new(b"+/=\n", true);
const BASE64_SHORTEST: usize = 64;
/// Everything that occurs in a list of hexadecimal bytes, as in `0x1f, 0x8b` or `\x1f\x8b`.
const HEXADECIMAL: ByteClass = ByteClass::new(b"0123456789abcdefABCDEFx\\, \t\n\r", false);
const HEXADECIMAL_SHORTEST: usize = 8 * 3 - 1;
const HEXADECIMAL_ITEMS: usize = 8;
/// `(?:\\u[0-9a-fA-F]{4}){8,}`
const ESCAPES: ByteClass = ByteClass::new(b"0123456789abcdefABCDEFu\\", false);
const ESCAPES_SHORTEST: usize = 8 * 6;
const ESCAPES_ITEMS: usize = 8;

fn count_encoded(bytes: &[u8], signals: &mut Signals) {
    let mut found = |length: usize| {
        signals.encoded += length as u64;
        signals.longest_encoded = signals.longest_encoded.max(length as u64);
    };
    for run in BASE64.runs(bytes, BASE64_SHORTEST) {
        found(run.len());
    }
    for run in HEXADECIMAL.runs(bytes, HEXADECIMAL_SHORTEST) {
        items(run, HEXADECIMAL_ITEMS, hexadecimal_item, &mut found);
    }
    for run in ESCAPES.runs(bytes, ESCAPES_SHORTEST) {
        items(run, ESCAPES_ITEMS, escape_item, &mut found);
    }
}

/// Reports the length of each stretch of `run` that is at least `fewest` items in a row.
fn items(run: &[u8], fewest: usize, item: fn(&[u8]) -> Option<usize>, found: &mut impl FnMut(usize)) {
    let (mut at, mut start, mut number) = (0, 0, 0);
    while at <= run.len() {
        match item(&run[at..]) {
            Some(length) => {
                number += 1;
                at += length;
            }
            None => {
                if number >= fewest {
                    found(at - start);
                }
                at += 1;
                start = at;
                number = 0;
            }
        }
    }
}

/// `(?:0x|\\x)?[0-9a-fA-F]{2}`, then separators or the end of the digits. StarCoder2's expression admits a comma or
/// white space but not both; C arrays are written with both, so both are admitted here.
fn hexadecimal_item(bytes: &[u8]) -> Option<usize> {
    let prefix = if bytes.starts_with(b"0x") || bytes.starts_with(b"\\x") { 2 } else { 0 };
    let digits = bytes[prefix..].iter().take(3).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let mut end = prefix + 2;
    if digits != 2 {
        return None;
    }
    while bytes.get(end).is_some_and(|&byte| byte == b',' || is_space(byte)) {
        end += 1;
    }
    Some(end)
}

fn escape_item(bytes: &[u8]) -> Option<usize> {
    (bytes.len() >= 6 && bytes.starts_with(b"\\u") && bytes[2..6].iter().all(u8::is_ascii_hexdigit)).then_some(6)
}

struct ByteClass([bool; 256]);

impl ByteClass {
    const fn new(members: &[u8], alphanumeric: bool) -> Self {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = alphanumeric && (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut i = 0;
        while i < members.len() {
            table[members[i] as usize] = true;
            i += 1;
        }
        Self(table)
    }

    /// The maximal runs of members, at least `shortest` long.
    ///
    /// A run that begins at or after `at` covers the byte at `at + shortest - 1`, so looking there first and then
    /// backwards skips most of the text: on code this reads about one byte in ten.
    fn runs<'a>(&self, bytes: &'a [u8], shortest: usize) -> impl Iterator<Item = &'a [u8]> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(window) = bytes.get(at..at + shortest) {
                match window.iter().rposition(|&byte| !self.0[byte as usize]) {
                    Some(outsider) => at += outsider + 1,
                    None => {
                        let start = at;
                        let rest = &bytes[start + shortest..];
                        let more = rest.iter().position(|&byte| !self.0[byte as usize]).unwrap_or(rest.len());
                        at = start + shortest + more;
                        return Some(&bytes[start..at]);
                    }
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let signals = signals(text);
        expected.assert_eq(&format!(
            "{} characters, {} lines (longest {}, mean {:.1}, {} filled, {} duplicate), {} alphabetic, {} digits, \
             {} whitespace, {} words, {} encoded (longest {})",
            signals.characters,
            signals.lines,
            signals.longest_line,
            signals.mean_line(),
            signals.filled_lines,
            signals.duplicate_lines,
            signals.alphabetic,
            signals.digits,
            signals.whitespace,
            signals.words,
            signals.encoded,
            signals.longest_encoded,
        ));
    }

    #[test]
    fn counts() {
        check(
            "",
            expect![
                "0 characters, 0 lines (longest 0, mean 0.0, 0 filled, 0 duplicate), 0 alphabetic, 0 digits, 0 whitespace, 0 words, 0 encoded (longest 0)"
            ],
        );
        check(
            "let x = 10;\n}\n  }\n\n",
            expect![
                "19 characters, 4 lines (longest 11, mean 3.8, 3 filled, 1 duplicate), 4 alphabetic, 2 digits, 9 whitespace, 6 words, 0 encoded (longest 0)"
            ],
        );
        // Windows line ends do not count towards the length of a line, and letters of every script are letters.
        check(
            "naïve 火\r\nx",
            expect![
                "10 characters, 2 lines (longest 7, mean 4.0, 2 filled, 0 duplicate), 7 alphabetic, 0 digits, 3 whitespace, 3 words, 0 encoded (longest 0)"
            ],
        );
    }

    #[test]
    fn encoded_runs() {
        let check = |text: &str, encoded: u64, longest: u64| {
            let signals = signals(text);
            assert_eq!((signals.encoded, signals.longest_encoded), (encoded, longest), "{text}");
        };
        check(&format!("x = \"{}\"", "QUJD".repeat(16)), 64, 64);
        check(&format!("x = \"{}\"", "QUJD".repeat(15)), 0, 0);
        // Two runs, the second at the very end.
        check(&format!("\"{}\" {}", "a".repeat(70), "b".repeat(80)), 150, 80);
        check(&format!("{{{}}}", "0x1f, ".repeat(8)), 48, 48);
        check(&format!("{{{}}}", "0x1f, ".repeat(7)), 0, 0);
        check(&format!("b'{}'", "\\x1f".repeat(8)), 32, 32);
        check(&format!("'{}'", "\\u00e9".repeat(8)), 48, 48);
        check(&format!("{{{}}}", "0x1f2e, ".repeat(20)), 0, 0);
        check("        fn ordinary_code(argument: Type) -> Result<Other, Error> {\n            body(argument)\n", 0, 0);
    }

    /// The vectorised counts against the obvious definitions, at lengths around the block size.
    #[test]
    fn counts_agree_with_the_standard_library() {
        for length in [0, 1, 2, 254, 255, 256, 257, 509, 510, 511, 512, 1000] {
            let text: String = "fn f(é: u8) {\n\t x\u{b}y += 12 }\n".chars().cycle().take(length).collect();
            let signals = signals(&text);
            assert_eq!(signals.characters, text.chars().count() as u64);
            assert_eq!(
                signals.words,
                text.split(|c: char| c.is_ascii_whitespace() || c == '\u{b}').filter(|word| !word.is_empty()).count()
                    as u64
            );
            assert_eq!(signals.alphabetic, text.chars().filter(|c| c.is_alphabetic()).count() as u64);
            assert_eq!(signals.lines, text.lines().count() as u64);
            assert_eq!(signals.longest_line, text.lines().map(|line| line.chars().count()).max().unwrap_or(0) as u64);
        }
    }
}
