//! What this program may assume about the terminal, and how it writes to it.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
};

/// Whether stderr can be redrawn: a terminal that understands cursor movement.
pub fn stderr_is_interactive() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether stderr gets colour: an interactive terminal whose user did not set `NO_COLOR`.
pub fn stderr_has_colour() -> bool {
    stderr_is_interactive() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether stdout is read by a person.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes data to stdout. A reader that went away (`prentice ... | head`) is not an error.
///
/// # Errors
/// Stdout cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    forgive_broken_pipe(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Turns "nobody reads any more" into success.
pub fn forgive_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Writes text piece by piece, as a model or a program makes it. A piece may end within a character.
///
/// A person gets text that cannot drive the terminal; a program or file gets the bytes.
#[derive(Debug)]
pub struct TextStream<W: Write> {
    out: W,
    to_person: bool,
    /// The beginning of a character.
    pending: Vec<u8>,
    in_line: bool,
    failure: Option<io::Error>,
}

impl TextStream<io::Stdout> {
    /// To stdout.
    pub fn stdout() -> Self {
        Self::new(io::stdout(), stdout_is_terminal())
    }
}

impl TextStream<io::Stderr> {
    /// To stderr.
    pub fn stderr() -> Self {
        Self::new(io::stderr(), io::stderr().is_terminal())
    }
}

impl<W: Write> TextStream<W> {
    fn new(out: W, to_person: bool) -> Self {
        Self { out, to_person, pending: Vec::new(), in_line: false, failure: None }
    }

    /// Writes a piece. Says whether it was possible; afterwards nothing is.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        self.pending.extend_from_slice(bytes);
        let complete = match str::from_utf8(&self.pending) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.pending.len(),
        };
        let ready: Vec<u8> = self.pending.drain(..complete).collect();
        self.write(&ready)
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.failure.is_some() || bytes.is_empty() {
            return self.failure.is_none();
        }
        self.in_line = bytes.last() != Some(&b'\n');
        let shown = String::from_utf8_lossy(bytes);
        let result = if self.to_person {
            let shown: String = shown
                .split_inclusive(['\n', '\t'])
                .flat_map(|part| {
                    let (text, end) = part.split_at(part.trim_end_matches(['\n', '\t']).len());
                    [visible(text), end.to_owned()]
                })
                .collect();
            self.out.write_all(shown.as_bytes())
        } else {
            self.out.write_all(bytes)
        };
        self.failure = result.and_then(|()| self.out.flush()).err();
        self.failure.is_none()
    }

    /// Writes what is left and ends the line.
    ///
    /// # Errors
    /// Something could not be written, for another reason than that nobody reads any more.
    pub fn finish(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.pending);
        self.write(&rest);
        if self.in_line {
            self.write(b"\n");
        }
        forgive_broken_pipe(self.failure.map_or(Ok(()), Err))
    }
}

/// The text with control characters and bidirectional overrides spelled out.
///
/// File names and code come from repositories that nobody has vetted: they must not move the cursor, change colours,
/// or reorder what is shown.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidi_override(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The characters with which shown order and real order can be made to differ ("Trojan Source", CVE-2021-42574).
pub fn is_bidi_override(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// ANSI styles that vanish where there is no colour.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whether styles are written at all.
    pub colour: bool,
}

impl Palette {
    /// For errors.
    pub fn red(self, text: &str) -> String {
        self.style("1;31", text)
    }

    /// For warnings.
    pub fn yellow(self, text: &str) -> String {
        self.style("1;33", text)
    }

    /// For what went well.
    pub fn green(self, text: &str) -> String {
        self.style("32", text)
    }

    /// For hints and what moves.
    pub fn cyan(self, text: &str) -> String {
        self.style("36", text)
    }

    /// For what matters least.
    pub fn dim(self, text: &str) -> String {
        self.style("2", text)
    }

    fn style(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn hostile_names_cannot_drive_the_terminal() {
        expect![[r#"é\u{1b}[31m\u{d}\u{a}\u{202e}evil\u{7f}"#]].assert_eq(&visible("é\x1b[31m\r\n\u{202e}evil\u{7f}"));
    }

    #[test]
    fn generated_text_is_bytes_for_programs_and_harmless_for_people() {
        let write = |to_person| {
            let mut out = Vec::new();
            let mut stream = TextStream::new(&mut out, to_person);
            for piece in [&b"a\xc3"[..], b"\xa9\x1b[2J\n", b"\tb\xff", b"\xf0\x9f"] {
                assert!(stream.push(piece));
            }
            stream.finish().unwrap();
            out
        };
        expect![[r#"aé\u{1b}[2J\n	b��\n"#]].assert_eq(&String::from_utf8(write(true)).unwrap().replace('\n', "\\n"));
        assert_eq!(write(false), b"a\xc3\xa9\x1b[2J\n\tb\xff\xf0\x9f\n");
    }

    #[test]
    fn only_a_broken_pipe_is_forgiven() {
        assert!(forgive_broken_pipe(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(forgive_broken_pipe(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
