//! The index of a repository: its text and its symbols, kept on disk between sessions and up to date with every file.
//!
//! Two segments lie in a directory, with a list of the files they were made of. Opening maps them into memory, and reads
//! anew only files that are not as they were. The list is written last and names the segments by their digest, so that
//! a kill at any moment leaves the old index or the new one. Whatever is damaged, foreign or of another release is made
//! anew, and [`Opened`] says so.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use prentice_base::{ContentHash, FileError, files};
use prentice_syntax::{ChunkOptions, Language, Outline};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    search::{ChunkSpan, Query, SearchAnswer, SearchOptions, TextFile, TextIndex, TextSegment, TextSegmentBuilder},
    sections::SharedBytes,
    symbols::{SymbolFile, SymbolSegment, SymbolSegmentBuilder, SymbolTable},
};

/// Raise it when an index of the same files would hold something else.
const VERSION: u32 = 1;
/// More changed files than this share of all are reason to read everything anew.
const RENEWED: f64 = 0.3;

/// A file of a repository.
#[derive(Clone, Debug)]
pub struct RepositoryFile {
    /// Path within the repository, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: Arc<str>,
    /// Digest of the text.
    pub digest: ContentHash,
    /// Language, by GitHub Linguist's name.
    pub language: Option<String>,
    /// Licence as an SPDX expression.
    pub licence: Option<String>,
}

/// What opening an index found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Files that were read, being new or changed.
    pub read: usize,
    /// Files that are gone.
    pub gone: usize,
    /// Why what was on disk could not be used, where something was.
    pub rebuilt: Option<String>,
}

/// The index of a repository.
#[derive(Default)]
pub struct RepositoryIndex {
    files: BTreeMap<String, RepositoryFile>,
    text: TextIndex,
    symbols: SymbolTable,
}

/// What lies in the directory.
#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    text: ContentHash,
    symbols: ContentHash,
    files: BTreeMap<String, ContentHash>,
}

const CONTENTS: &str = "index.json";

impl RepositoryIndex {
    /// An index of these files, made anew.
    pub fn build(files: Vec<RepositoryFile>) -> Self {
        let mut index = Self::default();
        index.read(&files);
        index.files = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        index
    }

    /// The index in a directory, brought up to date with these files. Nothing is written.
    pub fn open(directory: &Path, files: Vec<RepositoryFile>) -> (Self, Opened) {
        let known = match stored(directory) {
            Ok(Some(known)) => known,
            Ok(None) => {
                let opened = Opened { read: files.len(), ..Opened::default() };
                return (Self::build(files), opened);
            }
            Err(reason) => {
                let opened = Opened { read: files.len(), rebuilt: Some(reason), ..Opened::default() };
                return (Self::build(files), opened);
            }
        };
        let (contents, text, symbols) = known;
        let changed: Vec<RepositoryFile> =
            files.iter().filter(|file| contents.files.get(&file.path) != Some(&file.digest)).cloned().collect();
        if changed.len() as f64 > RENEWED * files.len() as f64 {
            let opened = Opened { read: files.len(), ..Opened::default() };
            return (Self::build(files), opened);
        }
        let mut index = Self::default();
        index.text.put(text);
        index.symbols.put(symbols);
        let files: BTreeMap<String, RepositoryFile> = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        let mut opened = Opened { read: changed.len(), ..Opened::default() };
        for path in contents.files.keys().filter(|path| !files.contains_key(*path)) {
            index.text.remove(path);
            index.symbols.remove(path);
            opened.gone += 1;
        }
        index.read(&changed);
        index.files = files;
        (index, opened)
    }

    /// Writes the index, so that the next [`RepositoryIndex::open`] is quick.
    ///
    /// # Errors
    /// A file cannot be written; what was there stays.
    pub fn save(&mut self, directory: &Path) -> Result<(), FileError> {
        files::create_dir(directory)?;
        self.text.compact();
        self.symbols.compact();
        let empty = || (TextSegmentBuilder::new().finish(), SymbolSegmentBuilder::new().finish());
        let text =
            self.text.segments().next().map_or_else(|| empty().0.bytes().clone(), |segment| segment.bytes().clone());
        let symbols =
            self.symbols.segments().next().map_or_else(|| empty().1.bytes().clone(), |segment| segment.bytes().clone());
        let contents = Contents {
            version: VERSION,
            text: ContentHash::of(&text),
            symbols: ContentHash::of(&symbols),
            files: self.files.iter().map(|(path, file)| (path.clone(), file.digest)).collect(),
        };
        for (kind, digest, bytes) in [("text", contents.text, &text), ("symbols", contents.symbols, &symbols)] {
            // What is there under this name may be damaged, and may be mapped by somebody, who keeps it.
            files::write_atomic(&segment_path(directory, kind, digest), bytes)?;
        }
        let json = serde_json::to_vec(&contents).expect("digests and paths are JSON");
        files::write_atomic(&directory.join(CONTENTS), &json)?;
        // What the list does not name any more. Somebody who has it mapped keeps it.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let named = [("text", contents.text), ("symbols", contents.symbols)]
                .iter()
                .any(|(kind, digest)| path == segment_path(directory, kind, *digest));
            if path.extension().is_some_and(|extension| extension == "segment") && !named {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    /// Adds a file, or puts it in place of what was at its path.
    pub fn update(&mut self, file: ParsedFile) {
        self.text.put(file.text);
        self.symbols.put(file.symbols);
        self.files.insert(file.file.path.clone(), file.file);
    }

    /// Removes a file; false where there is none.
    pub fn remove(&mut self, path: &str) -> bool {
        self.text.remove(path);
        self.symbols.remove(path);
        self.files.remove(path).is_some()
    }

    fn read(&mut self, files: &[RepositoryFile]) {
        if files.is_empty() {
            return;
        }
        let mut files: Vec<&RepositoryFile> = files.iter().collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        // Parts of a fixed size, so that the result does not depend on threads.
        let parts: Vec<(TextSegment, SymbolSegment)> = files.par_chunks(64).map(segments).collect();
        for (text, symbols) in parts {
            self.text.put(text);
            self.symbols.put(symbols);
        }
    }

    /// The files, by path.
    pub fn files(&self) -> impl Iterator<Item = &RepositoryFile> {
        self.files.values()
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&RepositoryFile> {
        self.files.get(path)
    }

    /// The symbols.
    pub fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// How many chunks of text can be found.
    pub fn chunks(&self) -> usize {
        self.text.chunks()
    }

    /// Searches the text.
    pub fn search(&self, query: &Query, options: &SearchOptions) -> SearchAnswer {
        self.text.search(&self.symbols, query, options, &|path| self.text_of(path))
    }

    /// The text of a file.
    pub fn text_of(&self, path: &str) -> Option<Cow<'_, str>> {
        self.files.get(path).map(|file| Cow::Borrowed(&*file.text))
    }
}

/// A file that was read, ready to be put into an index: reading takes longer than an index may be locked.
pub struct ParsedFile {
    file: RepositoryFile,
    text: TextSegment,
    symbols: SymbolSegment,
}

impl ParsedFile {
    /// Reads a file.
    pub fn new(file: RepositoryFile) -> Self {
        let (text, symbols) = segments(&[&file]);
        Self { file, text, symbols }
    }
}

/// The segments of some files, by ascending path.
fn segments(files: &[&RepositoryFile]) -> (TextSegment, SymbolSegment) {
    let (mut text, mut symbols) = (TextSegmentBuilder::new(), SymbolSegmentBuilder::new());
    for file in files {
        let (outline, chunks) = parse(file);
        let language = file.language.as_deref();
        text.add(&TextFile { path: &file.path, language, text: &file.text, chunks: &chunks });
        symbols.add(&SymbolFile { path: &file.path, language, text: &file.text, outline: &outline });
    }
    (text.finish(), symbols.finish())
}

/// What a file defines, and its chunks.
fn parse(file: &RepositoryFile) -> (Outline, Vec<ChunkSpan>) {
    let (outline, chunks) = prentice_syntax::read(Language::of_path(&file.path), &file.text, &ChunkOptions::default());
    let span = |chunk: prentice_syntax::Chunk| ChunkSpan {
        first_line: chunk.first_line,
        last_line: chunk.last_line,
        range: chunk.range,
    };
    (outline, chunks.into_iter().map(span).collect())
}

fn segment_path(directory: &Path, kind: &str, digest: ContentHash) -> PathBuf {
    directory.join(format!("{kind}-{}.segment", &digest.to_string()[..16]))
}

/// What a directory holds: nothing, an index, or something that is none, and why.
fn stored(directory: &Path) -> Result<Option<(Contents, TextSegment, SymbolSegment)>, String> {
    let path = directory.join(CONTENTS);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(&path).map_err(|error| error.to_string())?;
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|_| format!("{} is damaged", path.display()))?;
    if contents.version != VERSION {
        return Err(format!("{} was written by another release", path.display()));
    }
    let map = |kind: &str, digest: ContentHash| {
        let path = segment_path(directory, kind, digest);
        let file = File::open(&path).map_err(|_| format!("{} is missing", path.display()))?;
        // SAFETY: segments are never written to, only replaced by other files; who cuts one off while it is mapped harms
        // this process, which nothing on this system can prevent.
        let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| format!("{}: {error}", path.display()))?;
        if ContentHash::of(&bytes) == digest {
            Ok(SharedBytes::new(bytes))
        } else {
            Err(format!("{} is damaged", path.display()))
        }
    };
    let text = TextSegment::open(map("text", contents.text)?).map_err(|error| error.to_string())?;
    let symbols = SymbolSegment::open(map("symbols", contents.symbols)?).map_err(|error| error.to_string())?;
    Ok(Some((contents, text, symbols)))
}
