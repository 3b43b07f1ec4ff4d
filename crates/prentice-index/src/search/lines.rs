//! The text behind a hit: whether a chunk matches, and the lines that show it.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use regex::Regex;

use super::{
    MatchedLine, Texts,
    bm25::Place,
    segment::TextSegment,
    words::{self, Class},
};
use crate::layers::{Layer as _, Part};

/// Longer lines are shown up to here, in bytes.
const SHOWN: usize = 400;

/// Texts of chunks, each file asked for once.
pub(super) struct ChunkTexts<'a, 't> {
    parts: &'a [Part<TextSegment>],
    texts: &'a Texts<'t>,
    files: HashMap<(usize, u32), Option<Cow<'t, str>>>,
}

impl<'a, 't> ChunkTexts<'a, 't> {
    pub(super) fn new(parts: &'a [Part<TextSegment>], texts: &'a Texts<'t>) -> Self {
        Self { parts, texts, files: HashMap::new() }
    }

    /// The text of a chunk; none where its file is gone or has become shorter.
    pub(super) fn get(&mut self, place: Place) -> Option<&str> {
        let segment = &self.parts[place.part].layer;
        let file = segment.file_of(place.chunk);
        let text = self.files.entry((place.part, file)).or_insert_with(|| (self.texts)(segment.path(file)));
        text.as_ref()?.get(segment.span(place.chunk).range)
    }
}

/// How a text matches an expression within one of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// As a part of a word.
    Within,
    /// From the beginning to the end of words.
    Whole,
}

/// The best match of `regex` within a line of `text`.
///
/// Searches the text at once, which is much faster than line by line; only a match that goes beyond its line makes that
/// line be looked at alone.
pub(super) fn matches(regex: &Regex, text: &str) -> Option<Match> {
    // Behind the last line break there is no further line.
    let text = content(text);
    let mut best = None;
    let mut at = 0;
    while let Some(found) = regex.find_at(text, at) {
        let start = memchr::memrchr(b'\n', &text.as_bytes()[..found.start()]).map_or(0, |at| at + 1);
        let next = memchr::memchr(b'\n', &text.as_bytes()[found.start()..]).map_or(text.len(), |at| found.start() + at);
        let line = content(&text[start..next]);
        let stays = found.end() <= start + line.len();
        let kind = if stays {
            Some(is_whole(text, found.range()))
        } else {
            regex.find(line).map(|found| is_whole(line, found.range()))
        };
        best = best.max(kind.map(|whole| if whole { Match::Whole } else { Match::Within }));
        if best == Some(Match::Whole) {
            return best;
        }
        // Go on behind this match if it stayed in its line, or else with the next line.
        at = if stays && found.end() > at { found.end() } else { next + 1 };
        if at > text.len() {
            break;
        }
    }
    best
}

/// A line without its break.
pub(super) fn content(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn is_whole(text: &str, range: Range<usize>) -> bool {
    let word =
        |byte: Option<&u8>| byte.is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
    let bytes = text.as_bytes();
    let begins = range.start == 0 || !word(bytes.get(range.start)) || !word(bytes.get(range.start - 1));
    let ends = range.end == 0 || !word(bytes.get(range.end)) || !word(bytes.get(range.end - 1));
    begins && ends
}

/// What to look for in lines.
pub(super) struct Wanted<'a> {
    /// Terms, without case.
    pub(super) terms: &'a [String],
    pub(super) regexes: &'a [&'a Regex],
    /// Names by which the chunk was found, with where in its text they stand.
    pub(super) names: &'a [(Range<usize>, &'a str)],
}

/// The `limit` lines of a chunk's text with the most different things wanted, in the order of the text.
pub(super) fn matched_lines(text: &str, first_line: u32, wanted: &Wanted<'_>, limit: usize) -> Vec<MatchedLine> {
    let mut found: Vec<(usize, MatchedLine)> = Vec::new();
    let mut start = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let line = content(whole);
        let mut spans = Vec::new();
        let mut kinds = 0;
        for regex in wanted.regexes {
            kinds += usize::from(regex.is_match(line));
            spans.extend(regex.find_iter(line).map(|found| found.range()).filter(|range| !range.is_empty()));
        }
        let mut seen = vec![false; wanted.terms.len()];
        for (class, range) in words::runs(line) {
            if class != Class::Word || wanted.terms.is_empty() {
                continue;
            }
            let word = &line[range.clone()];
            let before = spans.len();
            let index = |term: &str| wanted.terms.iter().position(|wanted| *wanted == words::fold(term));
            if let Some(term) = index(word) {
                seen[term] = true;
                spans.push(range.clone());
            }
            if spans.len() == before {
                for part in words::parts(word) {
                    if let Some(term) = index(part) {
                        seen[term] = true;
                        let at = range.start + (part.as_ptr() as usize - word.as_ptr() as usize);
                        spans.push(at..at + part.len());
                    }
                }
            }
        }
        kinds += seen.iter().filter(|seen| **seen).count();
        for (range, name) in wanted.names {
            let (from, to) = (range.start.wrapping_sub(start), range.end.wrapping_sub(start));
            // The text may have changed since.
            if line.get(from..to) == Some(name) {
                spans.push(from..to);
                // What was asked for by name says more than a word.
                kinds += 2;
            }
        }
        if kinds > 0 {
            found.push((kinds, shown(line, first_line + number as u32, spans)));
        }
        start += whole.len();
    }
    found.sort_by_key(|(kinds, line)| (std::cmp::Reverse(*kinds), line.line));
    found.truncate(limit);
    found.sort_by_key(|(_, line)| line.line);
    found.into_iter().map(|(_, line)| line).collect()
}

/// A line with its spans in order and without overlaps, cut where it is too long to show.
fn shown(line: &str, number: u32, mut spans: Vec<Range<usize>>) -> MatchedLine {
    let end = line.floor_char_boundary(SHOWN.min(line.len()));
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => apart.push(span),
        }
    }
    apart.retain(|span| span.end <= end);
    MatchedLine { line: number, text: line[..end].to_owned(), spans: apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_stay_within_a_line_and_whole_words_are_better() {
        for (pattern, text, expected) in [
            ("parse", "a\nb parse\n", Some(Match::Whole)),
            ("parse", "parsed\n", Some(Match::Within)),
            ("parse", "parsed\nunparse\nparse", Some(Match::Whole)),
            ("parse", "parsed parse", Some(Match::Whole)),
            ("a\\s+b", "a\n b\n", None),
            ("a\\s+b", "a\na b\n", Some(Match::Whole)),
            ("a\\s*b?", "xa\nb\n", Some(Match::Within)),
            ("b$", "ab\r\nc", Some(Match::Within)),
            ("b\\s", "ab\r\nc", None),
            ("^$", "a\n", None),
            ("^$", "a\n\n", Some(Match::Whole)),
            ("^$", "a\r\n", None),
            ("x*", "yyy", Some(Match::Whole)),
            ("größe", "übergröße\ngröße", Some(Match::Whole)),
            ("[^a]+", "a\nb\na", Some(Match::Whole)),
        ] {
            let regex = regex::RegexBuilder::new(pattern).multi_line(true).crlf(true).build().unwrap();
            assert_eq!(matches(&regex, text), expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let text = format!("{}ö word", "ab ".repeat(133));
        let terms = ["ab".to_owned(), "word".to_owned()];
        let wanted = Wanted { terms: &terms, regexes: &[], names: &[] };
        let lines = matched_lines(&text, 7, &wanted, 3);
        assert_eq!((lines.len(), lines[0].line, lines[0].text.len(), lines[0].spans.len()), (1, 7, 399, 133));
    }
}
