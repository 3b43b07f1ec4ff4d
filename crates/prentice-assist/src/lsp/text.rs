//! A document's text and the protocol's positions in it.
//!
//! Lines end at `\n`, `\r\n` or a lone `\r`, as the specification says. A position counts UTF-16 code units, or bytes
//! where the client offers `utf-8`. Positions that do not exist are moved to one that does: past a line's end to its
//! end, past the last line to the end of the text, into the middle of a character to its beginning.

use std::ops::Range;

use super::protocol;

/// What a position's `character` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units: what every client must understand.
    Utf16,
}

/// A text that knows its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    content: String,
    /// Where each line begins; never empty, the first is 0.
    line_starts: Vec<usize>,
}

impl Text {
    /// Finds the lines of `content`.
    pub fn new(content: String) -> Self {
        let mut line_starts = vec![0];
        find_line_starts(&content, 0..content.len(), &mut line_starts);
        Self { content, line_starts }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// The line that `offset` is in, from 0. A place between `\r` and `\n` belongs to the line that they end.
    pub fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset) - 1
    }

    /// A line's bytes without what ends it; empty at the end of the text for a line that does not exist.
    pub fn line(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.line_starts.get(line) else { return self.content.len()..self.content.len() };
        let end = self.line_starts.get(line + 1).copied().unwrap_or(self.content.len());
        let ending = match self.content.as_bytes()[start..end] {
            [.., b'\r', b'\n'] => 2,
            [.., b'\r' | b'\n'] => 1,
            _ => 0,
        };
        start..end - ending
    }

    /// The byte at a position.
    pub fn offset(&self, position: protocol::Position, encoding: Encoding) -> usize {
        let line = self.line(position.line as usize);
        let text = &self.content[line.clone()];
        let character = position.character as usize;
        let within = match encoding {
            Encoding::Utf8 => text.floor_char_boundary(character),
            Encoding::Utf16 => {
                let mut units = 0;
                text.char_indices()
                    .find(|(_, c)| {
                        units += c.len_utf16();
                        units > character
                    })
                    .map_or(text.len(), |(index, _)| index)
            }
        };
        line.start + within
    }

    /// The position of a byte.
    pub fn position(&self, offset: usize, encoding: Encoding) -> protocol::Position {
        let offset = self.content.floor_char_boundary(offset);
        let number = self.line_at(offset);
        let line = self.line(number);
        let before = &self.content[line.start..offset.min(line.end)];
        let character = match encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => before.chars().map(char::len_utf16).sum(),
        };
        protocol::Position { line: number as u32, character: character as u32 }
    }

    /// The bytes between two positions, in whichever order they come.
    pub fn bytes(&self, range: protocol::Range, encoding: Encoding) -> Range<usize> {
        let (start, end) = (self.offset(range.start, encoding), self.offset(range.end, encoding));
        start.min(end)..start.max(end)
    }

    /// The positions around some bytes.
    pub fn range(&self, bytes: Range<usize>, encoding: Encoding) -> protocol::Range {
        protocol::Range { start: self.position(bytes.start, encoding), end: self.position(bytes.end, encoding) }
    }

    /// Replaces some bytes, at borders of characters, and finds the lines anew where they changed.
    pub fn replace(&mut self, range: Range<usize>, with: &str) {
        // A `\r` before the edit may become half of a `\r\n`, or cease to be.
        let mut first = self.line_at(range.start);
        if first > 0 && self.content.as_bytes()[range.start - 1] == b'\r' {
            first -= 1;
        }
        let kept = self.line_starts.partition_point(|&start| start <= range.end);
        let after: Vec<usize> =
            self.line_starts[kept..].iter().map(|start| start - range.end + range.start + with.len()).collect();
        self.line_starts.truncate(first + 1);
        self.content.replace_range(range.clone(), with);
        let rescan = self.line_starts[first]..range.start + with.len();
        find_line_starts(&self.content, rescan, &mut self.line_starts);
        self.line_starts.extend(after);
    }
}

/// Adds where lines begin because of what ends a line within `range`.
fn find_line_starts(content: &str, range: Range<usize>, starts: &mut Vec<usize>) {
    let bytes = content.as_bytes();
    for index in range {
        if bytes[index] == b'\n' || bytes[index] == b'\r' && bytes.get(index + 1) != Some(&b'\n') {
            starts.push(index + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use prentice_base::Seed;
    use rand::RngExt as _;

    use super::*;
    use protocol::Position;

    fn check(text: &str, line: u32, character: u32, encoding: Encoding, before: &str) {
        let document = Text::new(text.into());
        let offset = document.offset(Position { line, character }, encoding);
        assert_eq!(&text[..offset], before, "{text:?} at {line}:{character} in {encoding:?}");
    }

    #[test]
    fn positions_exist_or_are_moved() {
        use Encoding::{Utf8, Utf16};
        for encoding in [Utf8, Utf16] {
            check("", 0, 0, encoding, "");
            check("", 7, 7, encoding, "");
            check("ab\ncd", 1, 1, encoding, "ab\nc");
            check("ab\r\ncd", 1, 1, encoding, "ab\r\nc");
            check("ab\rcd", 1, 1, encoding, "ab\rc");
            check("ab\r\rcd", 2, 1, encoding, "ab\r\rc");
            check("ab\n\rcd", 2, 1, encoding, "ab\n\rc");
            check("\tab", 0, 1, encoding, "\t");
            check("ab\ncd", 0, 9, encoding, "ab");
            check("ab\r\ncd", 0, 9, encoding, "ab");
            check("ab\r\ncd", 0, 3, encoding, "ab");
            check("ab\ncd", 9, 0, encoding, "ab\ncd");
            check("ab\n", 1, 5, encoding, "ab\n");
            check("ab", u32::MAX, u32::MAX, encoding, "ab");
        }
        check("a😀b", 0, 1, Utf16, "a");
        check("a😀b", 0, 2, Utf16, "a");
        check("a😀b", 0, 3, Utf16, "a😀");
        check("a😀b", 0, 4, Utf16, "a😀b");
        check("aéb", 0, 2, Utf16, "aé");
        check("a😀b", 0, 3, Utf8, "a");
        check("a😀b", 0, 5, Utf8, "a😀");
        check("aéb", 0, 2, Utf8, "a");
    }

    #[test]
    fn a_place_within_a_line_ending_is_the_lines_end() {
        let text = Text::new("ab\r\ncd".into());
        assert_eq!(text.position(3, Encoding::Utf16), Position { line: 0, character: 2 });
        assert_eq!(text.position(99, Encoding::Utf16), Position { line: 1, character: 2 });
    }

    /// Texts of the pieces that have gone wrong in servers.
    fn random_text(rng: &mut prentice_base::Rng, pieces: usize) -> String {
        const PIECES: [&str; 10] = ["\n", "\r\n", "\r", "\t", "a", "word", "é", "😀", "  ", "\u{2028}"];
        (0..pieces).map(|_| PIECES[rng.random_range(0..PIECES.len())]).collect()
    }

    #[test]
    fn edits_applied_one_by_one_give_the_clients_text() {
        for case in 0..400 {
            let mut rng = Seed(5).derive("edits", case).rng();
            let encoding = if case % 2 == 0 { Encoding::Utf16 } else { Encoding::Utf8 };
            let pieces = rng.random_range(0..40);
            let mut client = random_text(&mut rng, pieces);
            let mut server = Text::new(client.clone());
            for _ in 0..40 {
                let mut ends = [0; 2].map(|_| client.floor_char_boundary(rng.random_range(0..=client.len())));
                ends.sort_unstable();
                // The client cannot name a place within a line ending.
                let [start, end] = ends.map(|end| client_offset(&client, end));
                let pieces = rng.random_range(0..4);
                let with = random_text(&mut rng, pieces);
                let range = protocol::Range {
                    start: client_position(&client, start, encoding),
                    end: client_position(&client, end, encoding),
                };
                client.replace_range(start..end, &with);
                let bytes = server.bytes(range, encoding);
                assert_eq!(bytes, start..end);
                server.replace(bytes, &with);
                assert_eq!(server, Text::new(client.clone()));
            }
            for (offset, _) in client.char_indices() {
                let named = client_offset(&client, offset);
                assert_eq!(server.position(offset, encoding), client_position(&client, named, encoding));
                assert_eq!(server.offset(server.position(offset, encoding), encoding), named);
            }
        }
    }

    fn client_offset(text: &str, offset: usize) -> usize {
        let splits = offset > 0 && text.as_bytes()[offset - 1] == b'\r' && text.as_bytes().get(offset) == Some(&b'\n');
        offset - usize::from(splits)
    }

    /// By another way than the server's: character by character from the beginning.
    fn client_position(text: &str, offset: usize, encoding: Encoding) -> Position {
        let mut position = Position { line: 0, character: 0 };
        let mut characters = text[..offset].chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => {}
                '\r' | '\n' => position = Position { line: position.line + 1, character: 0 },
                _ if encoding == Encoding::Utf8 => position.character += character.len_utf8() as u32,
                _ => position.character += character.len_utf16() as u32,
            }
        }
        position
    }
}
