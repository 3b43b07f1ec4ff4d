//! Citations of a real tree, this one: what was copied is cited, and what is cited stands there.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use prentice_base::Seed;
use prentice_index::{
    cite::{CiteIndex, CiteMatch, CiteOptions, SHORTEST},
    copying::{Class, Lexicon, Source, pieces},
};
use rand::RngExt as _;

/// The Rust files of this repository, by path.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut waiting = vec![root.clone()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// A text without what may differ in a copy: line ends, indentation, white space at the ends of lines.
fn joined(text: &str) -> String {
    text.lines().map(|line| line.trim_matches([' ', '\t', '\r'])).collect()
}

/// The cited lines, read again, have the span: it begins in the first of them and ends in the last.
fn verify(text: &str, citation: &CiteMatch, sources: &[(String, String)]) {
    let (_, source) = sources.iter().find(|(path, _)| *path == citation.path).unwrap();
    let cited: Vec<String> =
        source.lines().skip(citation.line - 1).take(citation.last_line + 1 - citation.line).map(joined).collect();
    let span = joined(&text[citation.span.clone()]);
    let whole = cited.concat();
    let last = whole.len() - cited.last().unwrap().len();
    let is_there = (0..cited[0].len())
        .any(|at| whole.is_char_boundary(at) && whole[at..].starts_with(&span) && at + span.len() > last);
    assert!(is_there, "{}:{}-{} has no\n{span}\nbut\n{whole}", citation.path, citation.line, citation.last_line);
}

/// Whether the text has enough tokens and names to be cited.
fn is_worth_it(text: &str) -> bool {
    let mut lexicon = Lexicon::default();
    let mut symbols = Vec::new();
    text.lines().for_each(|line| lexicon.read(line, &mut symbols));
    let names = symbols.iter().filter(|symbol| lexicon.class(**symbol) == Class::Identifier).map(|symbol| symbol >> 1);
    symbols.len() >= SHORTEST && names.collect::<HashSet<_>>().len() > 1
}

#[test]
fn a_thousand_copied_spans_are_cited_and_every_citation_is_true() {
    let sources = sources();
    assert!(sources.len() > 100);
    let index = CiteIndex::build(&sources.iter().map(|(path, text)| Source { path, text }).collect::<Vec<_>>());
    // In no file, this one included.
    let stranger = ["zz", "qx"].concat();
    let mut random = Seed(1).derive("spans", 0).rng();
    let mut citations = 0;
    let mut spans = 0;
    while spans < 1000 {
        let (path, source) = &sources[random.random_range(0..sources.len())];
        let lines: Vec<&str> = source.lines().collect();
        if lines.is_empty() {
            continue;
        }
        // From a word of one line to a word of another.
        let first = random.random_range(0..lines.len());
        let last = (first + random.random_range(0..12)).min(lines.len() - 1);
        let mut copied: Vec<String> = lines[first..=last].iter().map(|line| line.trim().to_owned()).collect();
        let count = copied.len();
        let ends: Vec<usize> = pieces(&copied[count - 1]).map(|piece| piece.end).collect();
        if let Some(end) = ends.get(random.random_range(0..=ends.len())) {
            copied[count - 1].truncate(*end);
        }
        // White space that belongs to a word cannot be left out.
        let starts = pieces(&copied[0]).map(|piece| piece.start);
        let starts: Vec<usize> = starts.filter(|start| !copied[0][*start..].starts_with([' ', '\t'])).collect();
        if let Some(start) = starts.get(random.random_range(0..=starts.len())) {
            copied[0].drain(..*start);
        }
        if !is_worth_it(&copied.join("\n")) {
            continue;
        }
        spans += 1;
        // Other indentation, other line ends, blank lines between; before and after it a word that is nowhere.
        let end = ["\n", "\r\n", "  \n", "\n\n", "\r\n\t\r\n"][random.random_range(0..5)];
        let indentation = " ".repeat(random.random_range(0..9));
        let span = copied.join(&format!("{end}{indentation}"));
        let before = ["let mut x = STRANGER ", "STRANGER\n\n", ""][random.random_range(0..3)];
        let after = [" STRANGER", "\nSTRANGER;\n", ""][random.random_range(0..3)];
        let (before, after) = (before.replace("STRANGER", &stranger), after.replace("STRANGER", &stranger));
        let text = format!("{before}{span}{after}");
        let start = text.len() - after.len() - span.trim_start().len();
        let range = start..before.len() + span.trim_end().len();
        let found = index.cite(&text, &CiteOptions { near: Some(path), ..CiteOptions::default() });
        let is_whole =
            found.iter().any(|citation| citation.span.start <= range.start && range.end <= citation.span.end);
        assert!(is_whole, "{path}:{}\n{text}\n{found:?}", first + 1);
        found.iter().for_each(|citation| verify(&text, citation, &sources));
        citations += found.len();

        // One word changed: whatever is still cited is still true.
        let changed = text.replacen("let", "lett", 1).replacen("fn", "fun", 1).replacen('(', "( ", 1);
        let found = index.cite(&changed, &CiteOptions::default());
        found.iter().for_each(|citation| verify(&changed, citation, &sources));
        citations += found.len();
    }
    assert!(citations > 1000, "{citations}");
}
