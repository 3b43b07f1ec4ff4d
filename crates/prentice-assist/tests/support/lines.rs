//! A small real backend: it copies the longest line that continues what is written, from the open documents.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use prentice_assist::{
    Citation, Completion,
    lsp::{Backend, Cursor, Edit, Notice, Place, Symbol},
};
use prentice_syntax::{Definition, SymbolKind};

/// Called with the method's name and the path before each method does its work; with the flag where there is one.
pub type Hook = Box<dyn Fn(&str, &str, Option<&AtomicBool>) + Send + Sync>;

/// Open documents by path, shared with the test.
pub type Documents = Arc<Mutex<BTreeMap<String, String>>>;

pub struct Lines {
    pub documents: Documents,
    pub hook: Hook,
}

impl Lines {
    pub fn new() -> Self {
        Self { documents: Documents::default(), hook: Box::new(|_, _, _| ()) }
    }

    fn documents(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Lines {
    fn opened(&self, path: &str, _language: &str, text: &str) {
        (self.hook)("opened", path, None);
        self.documents().insert(path.to_owned(), text.to_owned());
    }

    fn changed(&self, path: &str, text: &str, edits: &[Edit]) {
        (self.hook)("changed", path, None);
        let mut documents = self.documents();
        let known = documents.get_mut(path).expect("only what is open changes");
        for edit in edits {
            known.replace_range(edit.range.clone(), &edit.text);
        }
        assert_eq!(known, text, "the edits lead to the text");
    }

    fn saved(&self, path: &str, text: &str) {
        (self.hook)("saved", path, None);
        assert_eq!(self.documents()[path], text);
    }

    fn closed(&self, path: &str) {
        (self.hook)("closed", path, None);
        self.documents().remove(path).expect("only what is open is closed");
    }

    fn complete(&self, cursor: &Cursor<'_>, cancelled: &AtomicBool) -> Vec<Completion> {
        (self.hook)("complete", cursor.path, Some(cancelled));
        let mut documents = self.documents().clone();
        documents.insert(cursor.path.to_owned(), cursor.text.to_owned());
        continue_line(&documents, cursor, cancelled)
    }

    fn definitions(&self, cursor: &Cursor<'_>) -> Vec<Place> {
        (self.hook)("definitions", cursor.path, None);
        let name = word_at(cursor);
        let mut places = Vec::new();
        for (path, text) in self.documents().iter() {
            let named = outline(text).into_iter().filter(|definition| definition.name == name);
            places.extend(named.map(|definition| Place { path: path.clone(), range: definition.name_range }));
        }
        places
    }

    fn references(&self, cursor: &Cursor<'_>, declarations: bool) -> Vec<Place> {
        (self.hook)("references", cursor.path, None);
        let name = word_at(cursor);
        let defined = self.definitions(cursor);
        let mut places = Vec::new();
        for (path, text) in self.documents().iter() {
            let found = words(text).filter(|range| text[range.clone()] == name);
            places.extend(found.map(|range| Place { path: path.clone(), range }));
        }
        places.retain(|place| declarations || !defined.contains(place));
        places
    }

    fn outline(&self, path: &str, _language: &str, text: &str) -> Vec<Definition> {
        (self.hook)("outline", path, None);
        outline(text)
    }

    fn symbols(&self, query: &str) -> Vec<Symbol> {
        (self.hook)("symbols", query, None);
        let mut found = Vec::new();
        for (path, text) in self.documents().iter() {
            let fitting = outline(text).into_iter().filter(|definition| definition.name.contains(query));
            found.extend(fitting.map(|definition| Symbol { definition, path: path.clone() }));
        }
        found
    }

    fn citation(&self, cursor: &Cursor<'_>) -> Option<Citation> {
        (self.hook)("citation", cursor.path, None);
        let (start, line) = lines(cursor.text).take_while(|(start, _)| *start <= cursor.offset).last()?;
        let code = line.trim();
        let span_start = start + line.len() - line.trim_start().len();
        let span = span_start..span_start + code.len();
        let documents = self.documents();
        let mut others = documents.iter().filter(|(path, _)| *path != cursor.path);
        others.find_map(|(path, text)| {
            let number = text.lines().position(|other| other.trim() == code)?;
            (!code.is_empty()).then(|| cite(span.clone(), path, text, number))
        })
    }

    fn notices(&self) -> Vec<Notice> {
        (self.hook)("notices", "", None);
        vec![Notice { warning: true, text: "there is no model: lines are copied only".into() }]
    }
}

/// The longest lines, at most two, that continue the cursor's, or that follow the same line where it is blank.
pub fn continue_line(
    documents: &BTreeMap<String, String>,
    cursor: &Cursor<'_>,
    cancelled: &AtomicBool,
) -> Vec<Completion> {
    let before = &cursor.text[..cursor.offset];
    let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let written = before[line_start..].trim_start();
    let rest = &cursor.text[cursor.offset..];
    let rest = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let mut found: Vec<(&str, &str, usize)> = Vec::new();
    for (path, text) in documents {
        if cancelled.load(Ordering::Relaxed) {
            return Vec::new();
        }
        for (number, line) in text.lines().enumerate() {
            let continued = line.trim().strip_prefix(written).and_then(|line| line.strip_suffix(rest.trim_end()));
            if let Some(continued) = continued.filter(|continued| !continued.is_empty() && !written.is_empty()) {
                found.push((continued, path, number));
            }
        }
    }
    found.sort_by_key(|(text, ..)| std::cmp::Reverse(text.len()));
    found.dedup_by_key(|(text, ..)| *text);
    let completion = |(text, path, number): (&str, &str, usize)| Completion {
        text: text.to_owned(),
        replace: cursor.offset..cursor.offset,
        confidence: 0.5,
        citations: vec![cite(0..text.len(), path, &documents[path], number)],
    };
    found.into_iter().take(2).map(completion).collect()
}

fn cite(span: Range<usize>, path: &str, text: &str, number: usize) -> Citation {
    let licence = text.lines().find_map(|line| line.split_once("SPDX-License-Identifier: "));
    let licence = licence.map(|(_, licence)| licence.trim().to_owned());
    Citation { span, path: path.to_owned(), line: number as u32 + 1, commit: None, licence }
}

/// Lines of `fn`, `struct` and `mod` with what is indented below them.
fn outline(text: &str) -> Vec<Definition> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let Some((keyword, rest)) = line.trim().split_once(' ') else { continue };
        let kind = match keyword {
            "fn" => SymbolKind::Function,
            "struct" => SymbolKind::Struct,
            "mod" => SymbolKind::Module,
            _ => continue,
        };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let name_start = start + indent(line) + keyword.len() + 1;
        let below = lines(text).skip_while(|(below, _)| *below <= start);
        let end = below.take_while(|(_, below)| indent(below) > indent(line)).last();
        let end = end.map_or(start + line.len(), |(below, text)| below + text.len());
        let range = start + indent(line)..end;
        found.push(Definition { name_range: name_start..name_start + name.len(), name, kind, container: None, range });
    }
    found
}

/// Lines without their endings, and where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(move |line| (line.as_ptr() as usize - text.as_ptr() as usize, line))
}

fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).map(move |word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    })
}

fn word_at(cursor: &Cursor<'_>) -> String {
    let word = words(cursor.text).find(|range| range.start <= cursor.offset && cursor.offset <= range.end);
    word.map_or_else(String::new, |range| cursor.text[range].to_owned())
}
