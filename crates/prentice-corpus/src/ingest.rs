//! Ingest: walk a tree, read and annotate every file, decide nothing.
//!
//! `.gitignore` is honoured, inside and outside of git; `.git` and Prentice's own `.prentice` are skipped; symbolic links
//! are counted, not followed, so that a loop is harmless. A file that cannot be used becomes a row that says why: the
//! only failures are those that leave nothing to work with.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use ignore::{WalkBuilder, WalkState};
use prentice_base::{ContentHash, Event, Events, HashWriter, Provenance, Transformation};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    document::{AnnotatedDocument, Annotations, Content, Unusable},
    generated::{generated, is_lock_file, is_minified, vendored},
    language::{beginning, identify},
    licence::{Declaration, Propagation},
    licence_manifest::{MANIFESTS, manifest},
    licence_text::{header, is_licence_file, licence_file},
    origin::{Origin, Origins, slashed, small_file},
    reason::Reason,
    signals::signals,
};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IngestOptions {
    /// Files larger than this are not read.
    pub max_file_bytes: u64,
    /// Whether files that `.gitignore` names are left out.
    pub honour_gitignore: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self { max_file_bytes: 8 << 20, honour_gitignore: true }
    }
}

/// Everything found in a tree, annotated and undecided.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Digest over the sorted paths, relative to the scanned root, and what was found at each.
    pub digest: ContentHash,
    /// One row a file, sorted by origin and path.
    pub documents: Vec<AnnotatedDocument>,
}

/// A tree cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// There is nothing at the path.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The path is a pipe, socket or device.
    #[error("{} is neither a directory nor a file", path.display())]
    NotATree {
        /// The path.
        path: PathBuf,
    },
    /// The path itself cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There are no files.
    #[error("no files in {}", path.display())]
    Empty {
        /// The path.
        path: PathBuf,
        /// Whether the rules of `.gitignore` were applied.
        honoured_gitignore: bool,
    },
    /// There are files, but none that is text.
    #[error("nothing usable in {}: {}", path.display(), count_reasons(counts))]
    NothingUsable {
        /// The path.
        path: PathBuf,
        /// How many files were set aside for which reason.
        counts: Vec<(Reason, u64)>,
    },
}

impl IngestError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("check the spelling; a relative path starts at the current directory".into()),
            Self::NotATree { .. } => Some("give a directory with source code, or one source file".into()),
            Self::Unreadable { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(format!("you lack permission: see `ls -ld {}`", path.display()))
            }
            Self::Unreadable { .. } => None,
            Self::Empty { honoured_gitignore: true, .. } => {
                Some("give a directory with source code; files that `.gitignore` names do not count".into())
            }
            Self::Empty { .. } => Some("give a directory with source code".into()),
            Self::NothingUsable { .. } => {
                Some("a corpus needs text in UTF-8; give a directory with source code".into())
            }
        }
    }
}

pub(crate) fn count_reasons(counts: &[(Reason, u64)]) -> String {
    counts.iter().map(|(reason, count)| format!("{count} {}", reason.id())).collect::<Vec<_>>().join(", ")
}

/// Reads and annotates the directory (or single file) at `root`, on the threads of the current rayon pool.
///
/// The result is the same at any number of threads. Progress and warnings go to `events`, as stage `corpus`.
///
/// # Errors
/// There is nothing to read, or nothing of it is text.
pub fn scan(root: &Path, options: &IngestOptions, events: Events) -> Result<Scan, IngestError> {
    let unreadable = |source| IngestError::Unreadable { path: root.to_owned(), source };
    let canonical = fs::canonicalize(root).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => IngestError::NotFound { path: root.to_owned() },
        _ => unreadable(source),
    })?;
    let kind = fs::metadata(&canonical).map_err(unreadable)?.file_type();
    let (directory, mut entries) = if kind.is_dir() {
        fs::read_dir(&canonical).map_err(unreadable)?;
        (canonical.clone(), None)
    } else if kind.is_file() {
        File::open(&canonical).map_err(unreadable)?;
        let directory = canonical.parent().unwrap_or(Path::new("/")).to_owned();
        (directory, Some(vec![Entry { path: canonical, state: Ok(()) }]))
    } else {
        return Err(IngestError::NotATree { path: root.to_owned() });
    };
    let origins = Origins::detect(&directory);
    let entries = entries.take().unwrap_or_else(|| walk(&directory, &origins, options));
    if entries.is_empty() {
        return Err(IngestError::Empty { path: root.to_owned(), honoured_gitignore: options.honour_gitignore });
    }

    let files = read_all(&directory, &origins, &entries, options, events);
    let digest = digest(&files);
    let mut documents = attach_licences(&directory, &origins, files);
    // Stable: files of two origins with the same name stay in the order of their paths below the root.
    documents.sort_by(|a, b| {
        let (a, b) = (&a.provenance, &b.provenance);
        (&a.origin, &a.path).cmp(&(&b.origin, &b.path))
    });
    if documents.iter().all(|document| document.annotations().is_none()) {
        let mut counts = BTreeMap::new();
        for document in &documents {
            if let Content::Unusable { why } = document.content {
                *counts.entry(Reason::from(why)).or_insert(0) += 1;
            }
        }
        return Err(IngestError::NothingUsable { path: root.to_owned(), counts: counts.into_iter().collect() });
    }
    Ok(Scan { digest, documents })
}

/// Directories that hold the state of tools, not documents.
const SKIPPED: &[&str] = &[".git", ".hg", ".svn", ".jj", ".prentice"];

/// Something that the walk met and that is not a directory, or is one that cannot be entered.
struct Entry {
    path: PathBuf,
    state: Result<(), (Unusable, Option<String>)>,
}

fn walk(directory: &Path, origins: &Origins, options: &IngestOptions) -> Vec<Entry> {
    let in_git = origins.git_root.is_some();
    let walker = WalkBuilder::new(directory)
        .standard_filters(false)
        .git_ignore(options.honour_gitignore)
        .git_exclude(options.honour_gitignore && in_git)
        // Within a repository the rules of the directories above apply up to its top; outside, nothing above does.
        .parents(options.honour_gitignore && in_git)
        .require_git(in_git)
        .follow_links(false)
        .filter_entry(|entry| !entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name)))
        .threads(rayon::current_num_threads())
        .build_parallel();
    let found = Mutex::new(Vec::new());
    walker.run(|| {
        Box::new(|entry| {
            let entry = match entry {
                Ok(entry) => match entry.file_type() {
                    Some(kind) if kind.is_dir() => None,
                    Some(kind) if kind.is_file() => Some(Entry { path: entry.into_path(), state: Ok(()) }),
                    Some(kind) if kind.is_symlink() => {
                        Some(Entry { path: entry.into_path(), state: Err((Unusable::Symlink, None)) })
                    }
                    _ => Some(Entry { path: entry.into_path(), state: Err((Unusable::SpecialFile, None)) }),
                },
                Err(error) => path_of(&error)
                    .map(|path| Entry { path, state: Err((Unusable::Unreadable, Some(error.to_string()))) }),
            };
            if let Some(entry) = entry {
                found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(entry);
            }
            WalkState::Continue
        })
    });
    let mut found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn path_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Partial(errors) => errors.iter().find_map(path_of),
        _ => None,
    }
}

/// A file that was read, before the evidence about licences is put together.
struct FileRead {
    /// Relative to the scanned root.
    path: String,
    bytes: u64,
    content: Content,
    text: Option<std::sync::Arc<str>>,
    transformations: Vec<Transformation>,
    /// About the file itself.
    own: Vec<Declaration>,
    /// About everything below its directory.
    below: Vec<Declaration>,
}

fn read_all(
    directory: &Path,
    origins: &Origins,
    entries: &[Entry],
    options: &IngestOptions,
    events: Events,
) -> Vec<FileRead> {
    let done = AtomicU64::new(0);
    let progress = |done: u64| {
        let (stage, unit) = ("corpus".to_owned(), "files".to_owned());
        events(Event::Progress { stage, done, total: Some(entries.len() as u64), unit });
    };
    let files = entries
        .par_iter()
        .map_init(Vec::new, |buffer, entry| {
            let path = slashed(entry.path.strip_prefix(directory).unwrap_or(&entry.path));
            let file = read_one(&entry.path, path, &entry.state, origins, options, buffer, events);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(500) {
                progress(done);
            }
            file
        })
        .collect();
    progress(entries.len() as u64);
    files
}

fn read_one(
    full_path: &Path,
    path: String,
    state: &Result<(), (Unusable, Option<String>)>,
    origins: &Origins,
    options: &IngestOptions,
    buffer: &mut Vec<u8>,
    events: Events,
) -> FileRead {
    let unreadable = |why: String| {
        let message = format!("cannot read {}: {why}; the file is left out", full_path.display());
        events(Event::Warning { message });
        (Unusable::Unreadable, 0)
    };
    let read = match state {
        Ok(()) => read_text(full_path, options.max_file_bytes, buffer)
            .unwrap_or_else(|error| Err(unreadable(error.to_string()))),
        Err((Unusable::Unreadable, why)) => Err(unreadable(why.clone().unwrap_or_default())),
        Err((why, _)) => Err((*why, 0)),
    };
    match read {
        Ok(read) => annotate(path, origins, read),
        Err((why, bytes)) => FileRead {
            path,
            bytes,
            content: Content::Unusable { why },
            text: None,
            transformations: Vec::new(),
            own: Vec::new(),
            below: Vec::new(),
        },
    }
}

struct TextRead<'a> {
    bytes: u64,
    text: std::borrow::Cow<'a, str>,
    transformations: Vec<Transformation>,
}

/// A zero byte is looked for in this many bytes, as git does.
const BINARY_PROBE: usize = 8 << 10;

/// Reads a file as text; or tells why it is none, with its size.
///
/// Nothing of a file that is too large is read, and of a binary file no more than its beginning.
fn read_text<'a>(
    path: &Path,
    max_bytes: u64,
    buffer: &'a mut Vec<u8>,
) -> io::Result<Result<TextRead<'a>, (Unusable, u64)>> {
    buffer.clear();
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > max_bytes {
        return Ok(Err((Unusable::TooLarge, bytes)));
    }
    // One byte more than is announced, so that one call can see the end.
    buffer.reserve(bytes as usize + 1);
    file.by_ref().take(BINARY_PROBE as u64).read_to_end(buffer)?;
    let utf16 = [[0xff, 0xfe], [0xfe, 0xff]].iter().position(|mark| buffer.starts_with(mark));
    if utf16.is_none() && memchr::memchr(0, buffer).is_some() {
        return Ok(Err((Unusable::Binary, bytes)));
    }
    if buffer.len() == BINARY_PROBE {
        file.take(max_bytes + 1 - BINARY_PROBE as u64).read_to_end(buffer)?;
    }
    let bytes = buffer.len() as u64;
    if bytes > max_bytes {
        return Ok(Err((Unusable::TooLarge, bytes)));
    }
    let buffer = &*buffer;
    if let Some(order) = utf16 {
        let unit: fn([u8; 2]) -> u16 = if order == 0 { u16::from_le_bytes } else { u16::from_be_bytes };
        let (pairs, rest) = buffer[2..].as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        return Ok(match String::from_utf16(&units) {
            Ok(text) if rest.is_empty() && !text.contains('\0') => {
                let before = ContentHash::of(buffer);
                let transformations = vec![Transformation { name: "decode-utf16".into(), before }];
                Ok(TextRead { bytes, text: text.into(), transformations })
            }
            _ => Err((Unusable::NotUtf8, bytes)),
        });
    }
    Ok(match str::from_utf8(buffer) {
        Ok(text) => Ok(TextRead { bytes, text: text.into(), transformations: Vec::new() }),
        Err(_) => Err((Unusable::NotUtf8, bytes)),
    })
}

fn annotate(path: String, origins: &Origins, read: TextRead) -> FileRead {
    let text = &*read.text;
    let signals = signals(text);
    let language = identify(&path, text);
    // Below its own directory: the name of the directory that holds many origins says nothing about them.
    let (_, inner_path) = origins.of(&path);
    let annotations = Annotations {
        digest: ContentHash::of(text.as_bytes()),
        language: language.map(|language| language.name.to_owned()),
        kind: language.map(|language| language.kind),
        vendored: vendored(inner_path).map(str::to_owned),
        generated: generated(&path, text).map(str::to_owned),
        lock_file: is_lock_file(&path),
        minified: is_minified(&path, &signals),
        xml_prefix: beginning(text, 120).contains("<?xml version="),
        signals,
    };
    let (own, below) = if is_licence_file(&path) {
        let declaration = licence_file(text);
        (Vec::new(), vec![declaration])
    } else {
        (header(text), manifest(&path, text))
    };
    FileRead {
        bytes: read.bytes,
        // A text in no known language is dropped under every policy.
        text: language.map(|_| text.into()),
        content: Content::Text(annotations),
        transformations: read.transformations,
        own,
        below,
        path,
    }
}

fn digest(files: &[FileRead]) -> ContentHash {
    let mut hasher = HashWriter::new();
    for file in files {
        hasher.field(file.path.as_bytes());
        match &file.content {
            Content::Text(annotations) => hasher.field(annotations.digest.as_bytes()),
            Content::Unusable { why } => hasher.field(format!("{why:?} {}", file.bytes).as_bytes()),
        };
    }
    hasher.finish()
}

fn attach_licences(directory: &Path, origins: &Origins, files: Vec<FileRead>) -> Vec<AnnotatedDocument> {
    let path_in = |origin: &Origin, inner: &str| format!("{}{inner}", origin.base);
    // By the address of the origin: two origins may have the same name.
    let mut evidence = BTreeMap::<*const Origin, Propagation>::new();
    if let Some(top) = &origins.git_root {
        let whole = origins.of("").0;
        let propagation = evidence.entry(whole).or_default();
        above(top, directory, propagation);
    }
    for file in files.iter().filter(|file| !file.below.is_empty()) {
        let (origin, inner) = origins.of(&file.path);
        evidence.entry(origin).or_default().add(&path_in(origin, inner), &file.below);
    }
    let nothing = Propagation::default();
    files
        .into_iter()
        .map(|file| {
            let (origin, inner) = origins.of(&file.path);
            let path = path_in(origin, inner);
            let licences = evidence.get(&std::ptr::from_ref(origin)).unwrap_or(&nothing).reach(&path, &file.own);
            AnnotatedDocument {
                provenance: Provenance {
                    origin: origin.name.clone(),
                    source: origin.source,
                    revision: origin.revision.clone(),
                    path,
                    licences,
                    transformations: file.transformations,
                },
                bytes: file.bytes,
                content: file.content,
                text: file.text,
                file: directory.join(&file.path),
            }
        })
        .collect()
}

/// Where only a part of a repository is scanned, the licence files and manifests above it count all the same.
fn above(top: &Path, scanned: &Path, propagation: &mut Propagation) {
    for directory in scanned.ancestors().skip(1).take_while(|directory| directory.starts_with(top)) {
        let mut names: Vec<String> = fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        for name in names {
            let full_path = directory.join(&name);
            let path = slashed(full_path.strip_prefix(top).unwrap_or(&full_path));
            if is_licence_file(&name) {
                if let Some(text) = small_file(&full_path) {
                    propagation.add(&path, &[licence_file(&text)]);
                }
            } else if MANIFESTS.contains(&name.as_str())
                && let Some(text) = small_file(&full_path)
            {
                propagation.add(&path, &manifest(&path, &text));
            }
        }
    }
}
