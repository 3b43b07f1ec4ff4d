//! What was shown, and what became of it.
//!
//! The protocol says nothing about acceptance, so it is read off three things: the command that comes with each item
//! (editors run it after inserting), the edits of the document (for editors that do not run it), and what is shown next.
//! A completion that is written out letter by letter is neither accepted nor dismissed. One that is shown again while the
//! user writes what it says is the same one: it would settle the line in the same way.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    backend::Edit,
    statistics::{Outcome, Part, Surface},
    text::Text,
};
use crate::Completion;

/// A line for the statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub language: String,
    pub surface: Surface,
    pub outcome: Outcome,
}

/// The completions that were shown last in each document.
pub struct Suggestions {
    last_id: u64,
    live: HashMap<(String, Surface), Suggestion>,
    watched: Vec<Watched>,
    kept_after: Duration,
    notes: Vec<Note>,
}

/// A completion, and its alternatives.
pub struct Suggestion {
    pub id: u64,
    /// Where the cursor was.
    pub offset: usize,
    /// Best first; never empty.
    pub completions: Vec<Completion>,
    language: String,
    /// The line's number, and how it would read if the first was taken.
    settled: (usize, String),
    /// The document has not changed since it was shown.
    fresh: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    AcceptedInPart,
    Over,
}

/// Accepted text, to be looked at again later.
struct Watched {
    uri: String,
    language: String,
    surface: Surface,
    start: usize,
    text: String,
    /// It was replaced as a part of something larger, as formatters do: it may stand anywhere.
    moved: bool,
    due: Instant,
}

impl Suggestions {
    /// `kept_after`: how long after acceptance a text is looked at again.
    pub fn new(kept_after: Duration) -> Self {
        Self { last_id: 0, live: HashMap::new(), watched: Vec::new(), kept_after, notes: Vec::new() }
    }

    /// Takes what there is to note since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Completions (at least one) are shown at `offset` of a document; the id by which their acceptance is told.
    pub fn show(
        &mut self,
        (uri, language): (&str, &str),
        surface: Surface,
        text: &Text,
        offset: usize,
        completions: Vec<Completion>,
    ) -> u64 {
        let settled = settle(text, &completions[0]);
        let key = (uri.to_owned(), surface);
        if let Some(live) = self.live.get_mut(&key)
            && live.settled == settled
            && live.state != State::Over
        {
            (live.offset, live.completions, live.fresh) = (offset, completions, true);
            return live.id;
        }
        self.end(&key);
        self.last_id += 1;
        self.note(language, surface, Outcome::Shown { confidence: completions[0].confidence });
        let (id, language) = (self.last_id, language.to_owned());
        let shown = Suggestion { id, offset, completions, language, settled, fresh: true, state: State::Open };
        self.live.insert(key, shown);
        id
    }

    /// What is shown behind the cursor of a document, if the document is still the one that it was shown in.
    pub fn current(&self, uri: &str) -> Option<&Suggestion> {
        self.live.get(&(uri.to_owned(), Surface::Inline)).filter(|live| live.fresh && live.state != State::Over)
    }

    /// The client says that `text` was accepted and begins at `start`. What is no longer known is passed over.
    pub fn accepted(&mut self, id: u64, part: Part, start: usize, text: &str, now: Instant) {
        let found = self.live.iter_mut().find(|(_, live)| live.id == id && live.state != State::Over);
        let Some(((uri, surface), live)) = found else { return };
        live.state = if part == Part::Whole { State::Over } else { State::AcceptedInPart };
        let (uri, surface, language) = (uri.clone(), *surface, live.language.clone());
        self.take((uri, language), surface, part, start, text.to_owned(), now);
    }

    /// A document was changed by `edits` and holds `text` now.
    pub fn changed(&mut self, uri: &str, text: &Text, edits: &[Edit], now: Instant) {
        let Some(last) = edits.last() else { return };
        for edit in edits {
            self.watched.iter_mut().filter(|watched| watched.uri == uri).for_each(|watched| watched.shift(edit));
        }
        let cursor = last.range.start + last.text.len();
        // What is shown on both surfaces can be taken from one only; the edit does not tell from which.
        let mut is_taken = last.text.chars().nth(1).is_none();
        for surface in [Surface::Inline, Surface::List] {
            let Some(live) = self.live.get_mut(&(uri.to_owned(), surface)) else { continue };
            live.fresh = false;
            if live.state == State::Over {
                continue;
            }
            let written = |completion: &Completion| text.as_str().get(completion.replace.start..cursor);
            let whole = live
                .completions
                .iter()
                .find(|completion| written(completion).is_some_and(|written| written.starts_with(&completion.text)));
            let language = live.language.clone();
            if let Some(whole) = whole {
                let (start, accepted) = (whole.replace.start, whole.text.clone());
                live.state = State::Over;
                if !std::mem::replace(&mut is_taken, true) {
                    self.take((uri.to_owned(), language), surface, Part::Whole, start, accepted, now);
                }
            } else if !live
                .completions
                .iter()
                .any(|completion| written(completion).is_some_and(|written| completion.text.starts_with(written)))
            {
                self.end(&(uri.to_owned(), surface));
            }
        }
    }

    /// A document was closed: nothing in it is watched any longer.
    pub fn closed(&mut self, uri: &str) {
        for surface in [Surface::Inline, Surface::List] {
            self.end(&(uri.to_owned(), surface));
        }
        self.watched.retain(|watched| watched.uri != uri);
    }

    /// When [`Suggestions::look_again`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.watched.iter().map(|watched| watched.due).min()
    }

    /// Looks at accepted texts whose time has come.
    pub fn look_again<'a>(&mut self, now: Instant, text: impl Fn(&str) -> Option<&'a Text>) {
        let (due, waiting) = std::mem::take(&mut self.watched).into_iter().partition(|watched| watched.due <= now);
        self.watched = waiting;
        let due: Vec<Watched> = due;
        for watched in due {
            if let Some(text) = text(&watched.uri) {
                let kept = watched.stands_in(text.as_str());
                self.note(&watched.language, watched.surface, Outcome::Later { kept });
            }
        }
    }

    fn take(
        &mut self,
        (uri, language): (String, String),
        surface: Surface,
        part: Part,
        start: usize,
        text: String,
        now: Instant,
    ) {
        self.note(&language, surface, Outcome::Accepted { part });
        self.watched.push(Watched { uri, language, surface, start, text, moved: false, due: now + self.kept_after });
    }

    fn end(&mut self, key: &(String, Surface)) {
        if let Some(ended) = self.live.remove(key)
            && ended.state == State::Open
        {
            self.note(&ended.language, key.1, Outcome::Dismissed);
        }
    }

    fn note(&mut self, language: &str, surface: Surface, outcome: Outcome) {
        self.notes.push(Note { language: language.to_owned(), surface, outcome });
    }
}

impl Watched {
    fn shift(&mut self, edit: &Edit) {
        if edit.range.end <= self.start {
            self.start = self.start - edit.range.len() + edit.text.len();
        } else if edit.range.start <= self.start && self.start + self.text.len() <= edit.range.end {
            self.moved = true;
        }
    }

    fn stands_in(&self, text: &str) -> bool {
        text.get(self.start..).is_some_and(|rest| rest.starts_with(&self.text))
            || self.moved && text.contains(&self.text)
    }
}

/// The number of a completion's line, and how the line would read.
fn settle(text: &Text, completion: &Completion) -> (usize, String) {
    let number = text.line_at(completion.replace.start);
    let line = text.line(number);
    let content = text.as_str();
    let before = &content[line.start..completion.replace.start];
    let after = &content[completion.replace.end..line.end.max(completion.replace.end)];
    (number, format!("{before}{}{after}", completion.text))
}

/// The first line of a text without what ends it; line endings before it belong to it.
pub fn first_line(text: &str) -> &str {
    let blank = text.len() - text.trim_start_matches(['\r', '\n']).len();
    let end = text[blank..].find(['\r', '\n']).map_or(text.len(), |end| blank + end);
    &text[..end]
}

/// The first word of a text, or the first sign that belongs to no word; white space before it belongs to it.
pub fn first_word(text: &str) -> &str {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let start = text.len() - text.trim_start().len();
    let rest = &text[start..];
    let length = match rest.chars().next() {
        Some(first) if in_word(first) => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    &text[..start + length]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// A document with `let x` at its end, where `let x = read(path);` is shown; then each of `edits` (a range and a text).
    fn check(steps: &[Step], expected: &Expect) {
        let mut content = String::from("fn f() {\n    let x");
        let mut suggestions = Suggestions::new(Duration::from_secs(30));
        let start = Instant::now();
        let mut id = 0;
        for step in steps {
            match step {
                Show(rest) => {
                    let at = content.find("let").unwrap();
                    let completion = Completion {
                        text: format!("let x{rest}"),
                        replace: at..content.len(),
                        confidence: 0.5,
                        citations: Vec::new(),
                    };
                    let (text, offset) = (Text::new(content.clone()), content.len());
                    id = suggestions.show(("u", "rust"), Surface::Inline, &text, offset, vec![completion]);
                }
                Write(with) => {
                    let range = content.len()..content.len();
                    content.push_str(with);
                    let edit = Edit { range, text: (*with).to_owned() };
                    suggestions.changed("u", &Text::new(content.clone()), &[edit], start);
                }
                Replace(all) => {
                    let edit = Edit { range: 0..content.len(), text: (*all).to_owned() };
                    content = (*all).to_owned();
                    suggestions.changed("u", &Text::new(content.clone()), &[edit], start);
                }
                Command(part, text) => {
                    suggestions.accepted(id, *part, content.rfind(text).unwrap(), text, start);
                }
                Wait => {
                    let text = Text::new(content.clone());
                    suggestions.look_again(start + Duration::from_secs(31), |_| Some(&text));
                }
                Close => suggestions.closed("u"),
            }
        }
        let notes: Vec<_> = suggestions.take_notes().into_iter().map(|note| format!("{:?}", note.outcome)).collect();
        expected.assert_eq(&notes.join("\n"));
    }

    enum Step {
        Show(&'static str),
        Write(&'static str),
        Replace(&'static str),
        Command(Part, &'static str),
        Wait,
        Close,
    }
    use Step::{Close, Command, Replace, Show, Wait, Write};

    #[test]
    fn acceptance_is_told_by_a_command_or_seen_in_an_edit_but_counted_once() {
        let accepted_and_kept = expect![[r#"
            Shown { confidence: 0.5 }
            Accepted { part: Whole }
            Later { kept: true }"#]];
        let steps =
            [Show(" = read(path);"), Write(" = read(path);"), Command(Part::Whole, "let x = read(path);"), Wait];
        check(&steps, &accepted_and_kept);
        check(&[Show(" = read(path);"), Write(" = read(path);"), Wait], &accepted_and_kept);
        check(&[Show(";"), Write(";"), Wait], &expect!["Shown { confidence: 0.5 }"]);
        // A formatter replaces everything.
        let steps = [Show(" = 1;"), Write(" = 1;"), Replace("fn f() {\n  let x = 1;\n}"), Wait];
        check(&steps, &accepted_and_kept);
        check(
            &[Show(" = 1;"), Write(" = 1;"), Replace("fn f() {}"), Wait],
            &expect![[r#"
                Shown { confidence: 0.5 }
                Accepted { part: Whole }
                Later { kept: false }"#]],
        );
    }

    #[test]
    fn words_and_lines_are_parts() {
        let steps =
            [Show(" = read(path);"), Write(" ="), Command(Part::Word, " ="), Show(" = read(path);"), Write("!"), Wait];
        check(
            &steps,
            &expect![[r#"
                Shown { confidence: 0.5 }
                Accepted { part: Word }
                Later { kept: true }"#]],
        );
    }

    #[test]
    fn what_is_written_along_stays_and_what_contradicts_dismisses() {
        check(
            &[Show(" = 1;"), Write(" "), Show(" = 1;"), Write("="), Show(" = 1;"), Write("!"), Close],
            &expect![[r#"
                Shown { confidence: 0.5 }
                Dismissed"#]],
        );
        check(
            &[Show(" = 1;"), Show(" = 2;"), Close],
            &expect![[r#"
                Shown { confidence: 0.5 }
                Dismissed
                Shown { confidence: 0.5 }
                Dismissed"#]],
        );
    }

    #[test]
    fn what_is_shown_twice_is_accepted_once() {
        let (before, after) = (Text::new("let".into()), Text::new("let x = 1;".into()));
        let mut suggestions = Suggestions::new(Duration::from_secs(30));
        for surface in [Surface::Inline, Surface::List] {
            let completion =
                Completion { text: " x = 1;".into(), replace: 3..3, confidence: 0.5, citations: Vec::new() };
            suggestions.show(("u", "rust"), surface, &before, 3, vec![completion]);
        }
        let edit = Edit { range: 3..3, text: " x = 1;".into() };
        suggestions.changed("u", &after, &[edit], Instant::now());
        suggestions.accepted(2, Part::Whole, 3, " x = 1;", Instant::now());
        suggestions.closed("u");
        let notes = suggestions.take_notes();
        let accepted: Vec<_> = notes.iter().filter(|note| matches!(note.outcome, Outcome::Accepted { .. })).collect();
        assert_eq!((notes.len(), accepted.len(), accepted[0].surface), (3, 1, Surface::Inline));
    }

    #[test]
    fn first_parts() {
        for (text, line, word) in [
            ("", "", ""),
            (" = read(path);\n}", " = read(path);", " ="),
            ("read_all(path)", "read_all(path)", "read_all"),
            ("\r\n  übung();\r\n}", "\r\n  übung();", "\r\n  übung"),
            ("😀x", "😀x", "😀"),
        ] {
            assert_eq!((first_line(text), first_word(text)), (line, word), "{text:?}");
        }
    }
}
