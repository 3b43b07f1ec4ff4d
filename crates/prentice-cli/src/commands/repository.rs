//! The index of the repository at hand: `prentice search`, `prentice symbols`, `prentice map`, and what the language
//! server and `prentice complete` build on.
//!
//! The index lies in `.prentice/index` of the repository and is brought up to date by whoever needs it. Indexed is what a
//! corpus could take: text that `.gitignore` does not name, which no resolver or minifier wrote.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use prentice_assist::Checkout;
use prentice_base::Event;
use prentice_corpus::{IngestOptions, LanguageKind, scan};
use prentice_index::{
    Opened, RepositoryFile, RepositoryIndex,
    map::{MapOptions, repository_map},
    search::{Query, SearchOptions},
    symbols::Likeness,
};
use serde_json::{Value, json};

use crate::{
    advice,
    arguments::{Map, Search, Symbols},
    commands::{
        Session,
        cite::shelf::{current_repository, licence, unchanged},
        usage,
    },
    error::CliError,
    format,
    stages::keep_out_of_git,
    table::{Align::Left, table},
};

/// Longer data files are not for reading.
const DATA_BYTES: usize = 64 << 10;

/// A repository with its index.
pub struct Repository {
    /// Where it is.
    pub root: PathBuf,
    /// The index.
    pub index: RepositoryIndex,
}

/// The repository around a place: the nearest directory with `.git`, or the place itself.
pub fn root_of(place: Option<&Path>) -> PathBuf {
    let Some(place) = place else { return current_repository() };
    // What is not there is said by whoever opens it.
    let Ok(place) = fs::canonicalize(place) else { return place.to_owned() };
    let directory = if place.is_dir() { place.as_path() } else { place.parent().unwrap_or(&place) };
    let top = directory.ancestors().find(|directory| directory.join(".git").exists());
    top.unwrap_or(directory).to_owned()
}

/// Opens the index of a repository, brings it up to date, and writes it where it changed.
pub fn open(session: &Session, root: &Path) -> Result<Repository, CliError> {
    let root = fs::canonicalize(root).map_err(|error| {
        usage(format!("cannot open {}: {error}", root.display()), "give the directory of a repository")
    })?;
    let started = Instant::now();
    let files = files(session, &root)?;
    let directory = root.join(".prentice/index");
    let (mut index, opened) = RepositoryIndex::open(&directory, files);
    let changed = opened != Opened::default();
    if let Some(reason) = &opened.rebuilt {
        session.emit(Event::Warning { message: format!("the index is built anew: {reason}") });
    }
    // An index that cannot be kept is still an index.
    if changed {
        let kept = keep(&root).and_then(|()| Ok(index.save(&directory)?));
        if let Err(error) = kept {
            session.emit(Event::Warning { message: format!("the index is not kept: {}", error.message) });
        }
    }
    if changed {
        let files = format::counted(opened.read as u64, "file");
        session.emit(Event::StageFinished {
            stage: "index".to_owned(),
            seconds: started.elapsed().as_secs_f64(),
            detail: format!("{files} read, {} in all", index.files().count()),
        });
    }
    Ok(Repository { root, index })
}

/// When git last wrote what says which commit is checked out and what is staged; nothing outside of a work tree.
pub fn git_stamp(root: &Path) -> Vec<Option<SystemTime>> {
    let git = root.join(".git");
    // In a linked work tree it is a file that names the directory.
    let linked = fs::read_to_string(&git).ok();
    let directory = linked.as_deref().and_then(|text| text.strip_prefix("gitdir: ")).map(|path| root.join(path.trim()));
    let directory = directory.unwrap_or(git);
    let written = |name: &str| fs::metadata(directory.join(name)).and_then(|file| file.modified()).ok();
    ["HEAD", "logs/HEAD", "index"].map(written).to_vec()
}

/// Makes the directory of ours in a repository.
pub fn keep(root: &Path) -> Result<(), CliError> {
    let directory = root.join(".prentice");
    prentice_base::files::create_dir(&directory)?;
    keep_out_of_git(&directory)
}

/// The files of a repository that are worth an index.
pub fn files(session: &Session, root: &Path) -> Result<Vec<RepositoryFile>, CliError> {
    let warnings = |event| {
        if matches!(event, Event::Warning { .. }) {
            session.emit(event)
        }
    };
    let scan = scan(root, &IngestOptions::default(), &warnings).map_err(advice::ingest)?;
    let file = |document: prentice_corpus::AnnotatedDocument| {
        let annotations = document.annotations()?;
        let is_data = annotations.kind == Some(LanguageKind::Data);
        if annotations.lock_file || annotations.minified || is_data && document.bytes > DATA_BYTES as u64 {
            return None;
        }
        let (digest, language) = (annotations.digest, annotations.language.clone());
        let path = document.file.strip_prefix(root).ok()?.to_str()?.to_owned();
        Some(RepositoryFile {
            path,
            text: document.text?,
            digest,
            language,
            licence: licence(&document.provenance.licences),
        })
    };
    Ok(scan.documents.into_iter().filter_map(file).collect())
}

/// What is checked out in a repository, and which files of its index differ.
pub fn checkout(root: &Path, index: &RepositoryIndex) -> Checkout {
    let files: Vec<PathBuf> = index.files().map(|file| root.join(&file.path)).collect();
    let all: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let Some((commit, same)) = unchanged(root, &all) else { return Checkout::default() };
    let same: HashSet<&Path> = same.into_iter().collect();
    let changed = index
        .files()
        .zip(&files)
        .filter(|(_, file)| !same.contains(file.as_path()))
        .map(|(file, _)| file.path.clone())
        .collect();
    Checkout { commit: Some(commit), changed }
}

/// `prentice search QUERY`.
pub fn search(session: &Session, arguments: Search) -> Result<(), CliError> {
    let query = Query::parse(&arguments.words.join(" ")).map_err(|error| usage(error.to_string(), error.hint()))?;
    let repository = open(session, &root_of(arguments.repository.as_deref()))?;
    let options = SearchOptions { limit: arguments.limit, ..SearchOptions::default() };
    let answer = repository.index.search(&query, &options);
    let mut shown = String::new();
    for hit in &answer.hits {
        shown += &format!("{}:{}-{}\n", hit.path, hit.span.first_line, hit.span.last_line);
        for line in &hit.lines {
            shown += &format!("{:>8}  {}\n", line.line, line.text.trim_end());
        }
    }
    if answer.hits.is_empty() {
        shown += "nothing found\n";
    }
    if !answer.complete {
        shown += "not every file was looked at: a longer word in the expression narrows it down\n";
    }
    let hits: Vec<Value> = answer
        .hits
        .iter()
        .map(|hit| {
            let lines: Vec<Value> = hit
                .lines
                .iter()
                .map(|line| json!({"line": line.line, "text": line.text, "spans": line.spans}))
                .collect();
            json!({
                "path": hit.path,
                "first_line": hit.span.first_line,
                "last_line": hit.span.last_line,
                "score": hit.score,
                "lines": lines,
            })
        })
        .collect();
    session.conclude(json!({"hits": hits, "complete": answer.complete}), &shown)
}

/// `prentice symbols NAME`.
pub fn symbols(session: &Session, arguments: Symbols) -> Result<(), CliError> {
    if arguments.name.trim().is_empty() {
        return Err(usage("an empty name names nothing", "give a part of a name: `pcfg` finds `parse_config`"));
    }
    let repository = open(session, &root_of(arguments.repository.as_deref()))?;
    let table_of = repository.index.symbols();
    let line_of = |path: &str, at: usize| {
        let text = repository.index.text_of(path).unwrap_or_default();
        let before = text.get(..at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim().to_owned();
        (before.matches('\n').count() + 1, line)
    };
    if arguments.references {
        let hits = table_of.references(&arguments.name);
        let rows: Vec<Value> = hits
            .iter()
            .take(arguments.limit)
            .map(|hit| {
                let (line, text) = line_of(hit.path, hit.range.start);
                json!({"path": hit.path, "line": line, "kind": hit.kind, "text": text})
            })
            .collect();
        let shown: String = rows
            .iter()
            .map(|row| {
                format!(
                    "{}:{}  {}\n",
                    row["path"].as_str().unwrap_or_default(),
                    row["line"],
                    row["text"].as_str().unwrap_or_default()
                )
            })
            .collect();
        let more = hits.len().saturating_sub(rows.len());
        let rest = if more > 0 { format!("and {more} more; --limit shows them\n") } else { String::new() };
        let none = if hits.is_empty() { "nothing mentions it\n" } else { "" };
        return session.conclude(json!({"references": rows, "total": hits.len()}), &format!("{shown}{rest}{none}"));
    }
    let hits = table_of.find(&arguments.name, Likeness::Subsequence, arguments.limit);
    let rows: Vec<Value> = hits
        .iter()
        .map(|hit| {
            json!({
                "name": hit.name,
                "kind": hit.kind,
                "container": hit.container,
                "path": hit.path,
                "line": hit.line,
            })
        })
        .collect();
    let shown = if hits.is_empty() {
        "nothing is called so\n".to_owned()
    } else {
        let rows: Vec<Vec<String>> = hits
            .iter()
            .map(|hit| {
                let kind = json!(hit.kind).as_str().unwrap_or_default().replace('_', " ");
                let name =
                    hit.container.map_or_else(|| hit.name.to_owned(), |container| format!("{container}.{}", hit.name));
                vec![name, kind, format!("{}:{}", hit.path, hit.line)]
            })
            .collect();
        table(&[("Name", Left), ("Kind", Left), ("Place", Left)], &rows)
    };
    session.conclude(json!({"definitions": rows}), &shown)
}

/// `prentice map`.
pub fn map(session: &Session, arguments: Map) -> Result<(), CliError> {
    let repository = open(session, &root_of(arguments.repository.as_deref()))?;
    for path in &arguments.focus {
        if repository.index.file(path).is_none() {
            let hint = "paths are relative to the repository's top directory, as `prentice search` shows them";
            return Err(usage(format!("--focus {path} is no file of the index"), hint));
        }
    }
    let focus: Vec<&str> = arguments.focus.iter().map(String::as_str).collect();
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let options = MapOptions { budget: arguments.tokens, focus: &focus, words: &words };
    // About four bytes are a token of today's vocabularies on code.
    let count = |text: &str| text.len().div_ceil(4);
    let map = repository_map(repository.index.symbols(), &options, &|path| repository.index.text_of(path), &count);
    let summary = json!({"map": map.text, "tokens": map.tokens, "definitions": map.definitions});
    session.conclude(summary, &map.text)
}
