//! The end of the quickstart: the repository's index, and three completions that cite it.
//!
//! Some files are taken out of the index again, so that nothing of them is known, and lines of theirs are completed from
//! their middle on. Shown are the first likely completions that copy a span; what was really written is shown where it
//! is something else.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use prentice_assist::{Engine, EngineOptions};
use prentice_base::{ContentHash, Seed};
use prentice_index::{RepositoryFile, RepositoryIndex};
use serde_json::{Value, json};

use crate::{
    commands::{Session, repository},
    error::CliError,
    terminal::visible,
};

/// Completions that are shown.
const SHOWN: usize = 3;
/// Files that are taken out, at most, and lines of each that are tried.
const FILES: usize = 40;
const LINES: usize = 12;

/// What the repository says.
pub struct Copied {
    /// For people.
    pub text: String,
    /// For programs.
    pub rows: Vec<Value>,
}

/// Indexes the tree into `directory`, and completes lines of files that the index does not know.
pub fn copied(session: &Session, tree: &Path, directory: &Path, seed: Seed) -> Result<Copied, CliError> {
    let root = fs::canonicalize(tree)?;
    let files = repository::files(session, &root)?;
    let (mut index, _) = RepositoryIndex::open(directory, files.clone());
    index.save(directory)?;
    let mut held: Vec<&RepositoryFile> = files.iter().filter(|file| file.text.lines().count() > 20).collect();
    held.sort_by_key(|file| ContentHash::of(format!("{} {}", seed.0, file.path).as_bytes()));
    held.truncate((files.len() / 4).min(FILES));
    held.iter().for_each(|file| _ = index.remove(&file.path));
    let checkout = repository::checkout(&root, &index);
    let engine = Engine::new(root.clone(), EngineOptions { threshold: 0.5, lines: 1, ..EngineOptions::default() });
    engine.fill(index, checkout);
    let found: Vec<Shown> = held.iter().filter_map(|file| complete(&engine, file)).take(SHOWN).collect();
    let mut text = String::new();
    if !found.is_empty() {
        text += "\nCopied from the repository for files that its index did not know:\n";
        found.iter().for_each(|shown| text += &shown.text);
    }
    text += "\nIn your editor: `prentice lsp`; editors/ of Prentice's source has Neovim, Helix and VS Code.\n";
    Ok(Copied { text, rows: found.into_iter().map(|shown| shown.row).collect() })
}

struct Shown {
    text: String,
    row: Value,
}

/// The first likely completion of a line in its middle that copies a span.
fn complete(engine: &Engine, file: &RepositoryFile) -> Option<Shown> {
    let mut start = 0;
    let mut places = Vec::new();
    for (number, line) in file.text.split_inclusive('\n').enumerate() {
        let content = line.trim();
        if content.len() > 30 && !content.starts_with("//") && !content.starts_with('#') {
            let indentation = line.len() - line.trim_start().len();
            places.push((number + 1, start, start + line.floor_char_boundary(indentation + content.len() / 4)));
        }
        start += line.len();
    }
    let step = (places.len() / LINES).max(1);
    places.into_iter().skip(step / 2).step_by(step).find_map(|(line, start, cursor)| {
        let known = &file.text[..cursor];
        let best = engine.complete(&file.path, known, cursor, &AtomicBool::new(false)).into_iter().next()?;
        let citation = best.citations.first()?;
        let truth = file.text[cursor..].lines().next().unwrap_or_default().trim_end();
        let typed = visible(file.text[start..cursor].trim_start());
        let licence = citation.licence.as_deref().unwrap_or("no licence found");
        let mut text = format!("  {}:{line}\n    {typed}‸{}\n", visible(&file.path), visible(&best.text));
        text += &format!("    stands in {}:{} · {licence}\n", visible(&citation.path), citation.line);
        if truth != best.text {
            text += &format!("    was written: {}\n", visible(truth));
        }
        let row = json!({
            "path": file.path,
            "line": line,
            "completion": best.text,
            "truth": truth,
            "confidence": best.confidence,
            "cited_path": citation.path,
            "cited_line": citation.line,
            "licence": citation.licence,
        });
        Some(Shown { text, row })
    })
}
