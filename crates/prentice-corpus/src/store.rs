//! A corpus: decided rows and the texts of the kept ones, in memory or in a directory.
//!
//! On disk: `documents.jsonl`, one row a file of the scanned tree; `contents.bin`, the texts of the kept documents one after
//! the other, memory-mapped when opened; and `corpus.json`, written last, with the options, sizes and digests of the other
//! two. All are canonical: the same corpus is the same bytes. JSON lines are the first slice's format; a columnar one
//! replaces them when corpora outgrow memory.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use memmap2::Mmap;
use prentice_base::{ContentHash, FileError, HashWriter, Provenance, files};
use serde::{Deserialize, Serialize};

use crate::{
    decide::{DecideOptions, Decision, Split},
    document::AnnotatedDocument,
    ingest::count_reasons,
    reason::Reason,
};

/// A file of the scanned tree, annotated and decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was found.
    pub document: AnnotatedDocument,
    /// What becomes of it.
    pub decision: Decision,
    /// Origin and path of the kept document that this one is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// Where the text of a kept document lies in `contents.bin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Extent>,
}

/// A stretch of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// A kept document.
#[derive(Clone, Copy, Debug)]
pub struct CorpusDocument<'a> {
    /// Where it comes from.
    pub provenance: &'a Provenance,
    /// Digest of the text.
    pub digest: ContentHash,
    /// Language, by GitHub Linguist's name.
    pub language: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Documents with provenance, decided: what training reads, and what `prentice corpus explain` explains.
#[derive(Debug)]
pub struct Corpus {
    scan_digest: ContentHash,
    options: DecideOptions,
    rows: Vec<Row>,
    contents: Contents,
}

/// The texts of the kept documents, in the order of the rows.
#[derive(Debug)]
pub(crate) enum Contents {
    Memory(Vec<Arc<str>>),
    Mapped(Mmap),
}

/// A corpus cannot be written, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file of the corpus cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory holds no corpus.
    #[error("no corpus in {}", directory.display())]
    NotACorpus {
        /// The directory.
        directory: PathBuf,
    },
    /// A file is shorter or longer than the corpus says.
    #[error("{} has {found} bytes instead of {expected}", path.display())]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Size according to `corpus.json`.
        expected: u64,
        /// Size on disk.
        found: u64,
    },
    /// A file has the right size and the wrong content.
    #[error("{} is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// The corpus was written in another layout.
    #[error("{} has layout {found}, this version reads layout {LAYOUT}", path.display())]
    OtherLayout {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// Every document was dropped.
    #[error("no document is kept: {}", count_reasons(counts))]
    NothingKept {
        /// How many documents each reason applies to, the most frequent first.
        counts: Vec<(Reason, u64)>,
    },
}

impl CorpusError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) if error.is_disk_full() => Some("free some disk space and run the command again".into()),
            Self::File(_) => None,
            Self::NothingKept { counts } => Some(match counts.first() {
                Some((Reason::NoLicence | Reason::UnknownLicence | Reason::NotPermissive, _)) => {
                    "if the code is yours to learn from, use the policy `own`".into()
                }
                _ => "`prentice corpus explain` shows each file with the rule that dropped it".into(),
            }),
            Self::NotACorpus { .. } => Some("build one with `prentice corpus build`".into()),
            _ => Some("build the corpus again with `prentice corpus build`".into()),
        }
    }
}

const LAYOUT: u32 = 1;
/// The file that a corpus is known by.
pub const CORPUS_FILE: &str = "corpus.json";
const ROWS: &str = "documents.jsonl";
const CONTENTS: &str = "contents.bin";

/// What `corpus.json` holds.
#[derive(Serialize, Deserialize)]
struct Head {
    layout: u32,
    scan_digest: ContentHash,
    options: DecideOptions,
    rows: u64,
    rows_bytes: u64,
    rows_digest: ContentHash,
    contents_bytes: u64,
    contents_digest: ContentHash,
}

impl Corpus {
    pub(crate) fn new(scan_digest: ContentHash, options: DecideOptions, rows: Vec<Row>, contents: Contents) -> Self {
        Self { scan_digest, options, rows, contents }
    }

    /// One row for every file of the scanned tree, sorted by origin and path.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The options it was decided under.
    pub fn options(&self) -> &DecideOptions {
        &self.options
    }

    /// Digest of the scan it was decided from.
    pub fn scan_digest(&self) -> ContentHash {
        self.scan_digest
    }

    /// Digest of everything decided: which files were kept on which side, and which were dropped for which reasons.
    pub fn digest(&self) -> ContentHash {
        self.digest_of(|_| true)
    }

    /// Digest of the kept documents and their sides only: what training depends on. Files that are dropped come and go
    /// without changing it.
    pub fn kept_digest(&self) -> ContentHash {
        self.digest_of(|row| row.stored.is_some())
    }

    fn digest_of(&self, wanted: impl Fn(&Row) -> bool) -> ContentHash {
        let mut hasher = HashWriter::new();
        for row in self.rows.iter().filter(|row| wanted(row)) {
            let provenance = &row.document.provenance;
            hasher.field(provenance.origin.as_bytes()).field(provenance.path.as_bytes());
            hasher.field(row.document.annotations().map_or(&[][..], |found| found.digest.as_bytes()));
            hasher.field(prentice_base::digest_json(&row.decision).as_bytes());
        }
        hasher.finish()
    }

    /// The kept documents of one side, sorted by origin and path.
    pub fn documents(&self, split: Split) -> impl Iterator<Item = CorpusDocument<'_>> {
        let wanted = move |row: &Row| row.decision == Decision::Keep { split };
        let kept = self.rows.iter().filter(|row| row.stored.is_some()).enumerate();
        kept.filter(move |(_, row)| wanted(row)).map(|(index, row)| {
            // Invariants of `decide`, checked again by `open`: a kept document has annotations, a language and a text.
            let found = row.document.annotations().expect("a kept document is text");
            CorpusDocument {
                provenance: &row.document.provenance,
                digest: found.digest,
                language: found.language.as_deref().unwrap_or_default(),
                text: self.text(index, row),
            }
        })
    }

    fn text(&self, index: usize, row: &Row) -> &str {
        match (&self.contents, row.stored) {
            (Contents::Memory(texts), _) => &texts[index],
            (Contents::Mapped(bytes), Some(Extent { offset, length })) => {
                str::from_utf8(&bytes[offset as usize..][..length as usize])
                    .expect("checked when the corpus was opened")
            }
            (Contents::Mapped(_), None) => "",
        }
    }

    /// Refuses a corpus in which nothing is left.
    ///
    /// # Errors
    /// Every document was dropped; counts the reasons.
    pub fn require_kept(&self) -> Result<(), CorpusError> {
        if self.rows.iter().any(|row| row.stored.is_some()) {
            return Ok(());
        }
        let count = |reason: &Reason| self.rows.iter().filter(|row| row.decision.reasons().contains(reason)).count();
        let counts = Reason::ALL.iter().map(|reason| (*reason, count(reason) as u64));
        let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Err(CorpusError::NothingKept { counts })
    }

    /// Writes the corpus into `directory`, replacing one that is there.
    ///
    /// # Errors
    /// A file cannot be written. Each file is wholly there or not at all, and `corpus.json` comes last, so a corpus that
    /// is half replaced is refused by [`Corpus::open`].
    pub fn write(&self, directory: &Path) -> Result<(), CorpusError> {
        files::create_dir(directory)?;
        let mut hasher = HashWriter::new();
        let mut contents_bytes = 0;
        files::write_atomic_with(&directory.join(CONTENTS), |writer| {
            for (index, row) in self.rows.iter().filter(|row| row.stored.is_some()).enumerate() {
                let text = self.text(index, row).as_bytes();
                contents_bytes += text.len() as u64;
                hasher.write_all(text)?;
                writer.write_all(text)?;
            }
            Ok(())
        })?;
        let contents_digest = hasher.finish();
        let mut rows = Vec::new();
        for row in &self.rows {
            serde_json::to_writer(&mut rows, row).expect("rows are plain data");
            rows.push(b'\n');
        }
        files::write_atomic(&directory.join(ROWS), &rows)?;
        let head = Head {
            layout: LAYOUT,
            scan_digest: self.scan_digest,
            options: self.options.clone(),
            rows: self.rows.len() as u64,
            rows_bytes: rows.len() as u64,
            rows_digest: ContentHash::of(&rows),
            contents_bytes,
            contents_digest,
        };
        let mut head = serde_json::to_vec_pretty(&head).expect("the head is plain data");
        head.push(b'\n');
        Ok(files::write_atomic(&directory.join(CORPUS_FILE), &head)?)
    }

    /// Opens the corpus in `directory`, and checks every byte of it against its digests.
    ///
    /// # Errors
    /// There is no corpus, or a file of it is missing, truncated or damaged.
    pub fn open(directory: &Path) -> Result<Self, CorpusError> {
        let path = directory.join(CORPUS_FILE);
        if !path.exists() {
            return Err(CorpusError::NotACorpus { directory: directory.to_owned() });
        }
        let damaged = |path: &Path, detail: String| CorpusError::Damaged { path: path.to_owned(), detail };
        let json: serde_json::Value =
            serde_json::from_slice(&files::read(&path)?).map_err(|error| damaged(&path, error.to_string()))?;
        match json["layout"].as_u64() {
            Some(layout) if layout == u64::from(LAYOUT) => {}
            found => return Err(CorpusError::OtherLayout { path, found: found.unwrap_or(0) as u32 }),
        }
        let head: Head = serde_json::from_value(json).map_err(|error| damaged(&path, error.to_string()))?;

        let path = directory.join(ROWS);
        let bytes = map(&path)?;
        check(&path, &bytes, head.rows_bytes, head.rows_digest)?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows = lines
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|error| damaged(&path, format!("row {}: {error}", index + 1)))
            })
            .collect::<Result<Vec<Row>, _>>()?;
        if rows.len() as u64 != head.rows {
            return Err(damaged(&path, format!("{} rows instead of {}", rows.len(), head.rows)));
        }

        let path = directory.join(CONTENTS);
        let bytes = map(&path)?;
        check(&path, &bytes, head.contents_bytes, head.contents_digest)?;
        for (index, row) in rows.iter().enumerate() {
            let keep = matches!(row.decision, Decision::Keep { .. });
            let sound = match row.stored {
                None => !keep,
                Some(Extent { offset, length }) => {
                    let end = offset.checked_add(length).filter(|end| *end <= bytes.len() as u64);
                    let text = end.map(|end| &bytes[offset as usize..end as usize]);
                    keep && row.document.annotations().is_some()
                        && text.is_some_and(|text| str::from_utf8(text).is_ok())
                }
            };
            if !sound {
                return Err(damaged(&path, format!("row {} does not fit it", index + 1)));
            }
        }
        Ok(Self::new(head.scan_digest, head.options, rows, Contents::Mapped(bytes)))
    }
}

fn map(path: &Path) -> Result<Mmap, FileError> {
    let file = File::open(path).map_err(FileError::new("read", path))?;
    // SAFETY: the files of a corpus are replaced by renaming, never written in place, so the mapped file does not change
    // under the mapping unless somebody else edits it; every access to its text checks the encoding again.
    unsafe { Mmap::map(&file) }.map_err(FileError::new("map", path))
}

fn check(path: &Path, bytes: &[u8], expected: u64, digest: ContentHash) -> Result<(), CorpusError> {
    let found = bytes.len() as u64;
    if found != expected {
        return Err(CorpusError::WrongSize { path: path.to_owned(), expected, found });
    }
    if ContentHash::of(bytes) != digest {
        let detail = "its digest differs from the one in corpus.json".into();
        return Err(CorpusError::Damaged { path: path.to_owned(), detail });
    }
    Ok(())
}
