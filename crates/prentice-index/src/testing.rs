//! For tests: repositories in memory, written down or at random, with chunks and outlines by simple means.
//!
//! The real ones are made by `prentice-syntax`; what is tested here takes any.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, sync::LazyLock};

use prentice_base::{Rng, Seed};
use prentice_syntax::{Definition, Import, ImportedName, Outline, Reference, ReferenceKind, SymbolKind};
use rand::{RngExt as _, seq::IndexedRandom as _};
use regex::Regex;

use crate::{
    search::{ChunkSpan, TextFile, TextIndex, TextSegment, TextSegmentBuilder},
    symbols::{SymbolFile, SymbolSegment, SymbolSegmentBuilder, SymbolTable},
};

/// Texts by path.
#[derive(Clone, Default)]
pub(crate) struct Repository(pub(crate) BTreeMap<String, String>);

impl Repository {
    /// Files written one after the other, each under a line `== path`.
    pub(crate) fn written(source: &str) -> Self {
        let mut files = BTreeMap::new();
        for file in source.split("== ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            files.insert(path.to_owned(), text.to_owned());
        }
        Self(files)
    }

    pub(crate) fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.0.get(path).map(|text| Cow::Borrowed(text.as_str()))
    }

    /// Both tables, built at once.
    pub(crate) fn tables(&self) -> (TextIndex, SymbolTable) {
        let (mut index, mut table) = (TextIndex::new(), SymbolTable::new());
        index.put(text_segment(self.0.iter()));
        table.put(symbol_segment(self.0.iter()));
        (index, table)
    }
}

pub(crate) fn text_segment<'a>(files: impl Iterator<Item = (&'a String, &'a String)>) -> TextSegment {
    let mut builder = TextSegmentBuilder::new();
    for (path, text) in files {
        builder.add(&TextFile { path, language: language_of(path), text, chunks: &chunks(text, 4) });
    }
    builder.finish()
}

pub(crate) fn symbol_segment<'a>(files: impl Iterator<Item = (&'a String, &'a String)>) -> SymbolSegment {
    let mut builder = SymbolSegmentBuilder::new();
    for (path, text) in files {
        builder.add(&SymbolFile { path, language: language_of(path), text, outline: &outline(text) });
    }
    builder.finish()
}

pub(crate) fn language_of(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "rs" => Some("Rust"),
        "py" => Some("Python"),
        "ts" => Some("TypeScript"),
        "go" => Some("Go"),
        "c" | "h" => Some("C"),
        _ => None,
    }
}

/// Chunks of `lines` lines.
pub(crate) fn chunks(text: &str, lines: usize) -> Vec<ChunkSpan> {
    let mut chunks: Vec<ChunkSpan> = Vec::new();
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = start + line.len();
        let line = number as u32 + 1;
        match chunks.last_mut().filter(|_| !number.is_multiple_of(lines)) {
            Some(chunk) => (chunk.last_line, chunk.range.end) = (line, end),
            None => chunks.push(ChunkSpan { first_line: line, last_line: line, range: start..end }),
        }
        start = end;
    }
    chunks
}

static DEFINITIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^([ \t]*)(?:pub |export |async )*(fn|def|function|func|struct|class|interface|const) (\w+)")
        .unwrap()
});
static WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z_]\w*").unwrap());
static CONTAINERS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^(?:impl|class) (\w+)").unwrap());
static IMPORTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?m)^(?:use (?<path>[\w:]+)::(?<item>\w+);|from (?<module>[\w.]+) import (?<name>\w+)(?: as (?<alias>\w+))?"#,
        r#"|import \{ (?<export>\w+) \} from "(?<file>[^"]+)"|import "?(?<whole>[\w./]+)"?|#include "(?<header>[^"]+)")"#
    ))
    .unwrap()
});

/// An outline by regular expressions.
pub(crate) fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for found in IMPORTS.captures_iter(text) {
        let get = |name| found.name(name).map(|part| part.as_str().to_owned());
        let module = ["path", "module", "file", "whole", "header"].into_iter().find_map(get).unwrap();
        let name = ["item", "name", "export"].into_iter().find_map(get);
        let names = name.map(|name| ImportedName { name, alias: get("alias") }).into_iter().collect();
        let range = found.get(0).unwrap().range();
        taken.push(range.clone());
        outline.imports.push(Import { module, alias: None, names, range });
    }
    for found in DEFINITIONS.captures_iter(text) {
        let inside = !found[1].is_empty();
        let name = found.get(3).unwrap();
        let container = CONTAINERS.captures_iter(&text[..name.start()]).last().filter(|_| inside);
        let kind = match &found[2] {
            "struct" => SymbolKind::Struct,
            "class" => SymbolKind::Class,
            "interface" => SymbolKind::Interface,
            "const" => SymbolKind::Constant,
            _ if inside => SymbolKind::Method,
            _ => SymbolKind::Function,
        };
        taken.push(name.range());
        outline.definitions.push(Definition {
            name: name.as_str().to_owned(),
            kind,
            container: container.map(|found| found[1].to_owned()),
            name_range: name.range(),
            range: found.get(0).unwrap().range(),
        });
    }
    for word in WORDS.find_iter(text) {
        if taken.iter().any(|taken| taken.start <= word.start() && word.end() <= taken.end) {
            continue;
        }
        let kind = match word.as_str() {
            _ if text[word.end()..].starts_with('(') => ReferenceKind::Call,
            word if word.starts_with(char::is_uppercase) => ReferenceKind::Type,
            _ => ReferenceKind::Other,
        };
        outline.references.push(Reference { name: word.as_str().to_owned(), kind, range: word.range() });
    }
    outline
}

/// A source file at random, in which names come back.
pub(crate) fn random_text(rng: &mut Rng) -> String {
    const NAMES: &[&str] = &[
        "parse",
        "parseConfig",
        "load_file",
        "Index",
        "HTTPServer",
        "größe",
        "x",
        "value2",
        "self",
        "new",
        "Segment",
        "of",
    ];
    const MARKS: &[&str] = &["(", ");", " = ", "::", ".", " => ", " + ", "\n", "\n", "\r\n    ", " ", "\t", "[0]", "—"];
    let mut text = String::new();
    for _ in 0..rng.random_range(0..60) {
        if rng.random_range(0..12) == 0 {
            text += ["\nfn ", "\nstruct ", "\n    def ", "\nclass "].choose(rng).unwrap();
        }
        if rng.random_range(0..150) == 0 {
            text += &"Abc_".repeat(50);
        }
        text += NAMES.choose(rng).unwrap();
        text += MARKS.choose(rng).unwrap();
    }
    text
}

/// Both tables after many changes in random groups, beside the repository that has come about.
pub(crate) fn random_history(seed: Seed, changes: usize) -> (Repository, TextIndex, SymbolTable) {
    const PATHS: &[&str] = &[
        "a.rs",
        "b.rs",
        "src/a.py",
        "src/parse/mod.rs",
        "src/parse/config.rs",
        "web/index.ts",
        "web/load_file.ts",
        "z.c",
    ];
    let rng = &mut seed.rng();
    let mut repository = Repository::default();
    let (mut index, mut table) = (TextIndex::new(), SymbolTable::new());
    for _ in 0..changes {
        match rng.random_range(0..10) {
            0 => {
                let path = PATHS.choose(rng).unwrap();
                let was = repository.0.remove(*path).is_some();
                assert_eq!((index.remove(path), table.remove(path)), (was, was));
            }
            1 => {
                let group: BTreeMap<String, String> = (0..rng.random_range(0..5))
                    .map(|_| (PATHS.choose(rng).unwrap().to_string(), random_text(rng)))
                    .collect();
                index.put(text_segment(group.iter()));
                table.put(symbol_segment(group.iter()));
                repository.0.extend(group);
            }
            2 if rng.random_range(0..4) == 0 => {
                index.compact();
                table.compact();
            }
            _ => {
                let (path, text) = (PATHS.choose(rng).unwrap().to_string(), random_text(rng));
                let language = language_of(&path);
                index.update(&TextFile { path: &path, language, text: &text, chunks: &chunks(&text, 4) });
                table.update(&SymbolFile { path: &path, language, text: &text, outline: &outline(&text) });
                repository.0.insert(path, text);
            }
        }
    }
    (repository, index, table)
}
