//! Executes samples, on all cores, so that a kill loses next to nothing.
//!
//! Verdicts are appended to a log as they come, in any order; the results are put in the order of the samples at the end,
//! and hold nothing that depends on the machine's speed. A run that is started again with the same log continues: results
//! are the same bytes as those of an uninterrupted run. Infrastructure errors in the log are tried again.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Seek as _, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use prentice_base::{
    CODE_VERSION, ContentHash, Event, Events, FileError, HashWriter, Task, Verdict, digest_json, files,
};
use prentice_environment::{Judgement, Verifier, Workshop};
use serde::{Deserialize, Serialize};

use crate::samples::{Attempt, SOURCE_BYTES, Samples, SamplesError, oversized_verdict};

/// A run cannot go on. What was done so far is in the log.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log or the cache cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A sample cannot be read any more.
    #[error(transparent)]
    Samples(#[from] SamplesError),
}

/// What became of one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Index of the sample.
    pub sample: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// CPU time of the candidate, in seconds.
    pub cpu: f64,
    /// What the sample cost, in US dollars, as its file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// A finished run.
#[derive(Debug)]
pub struct Run {
    /// What became of each sample, in their order.
    pub records: Vec<Record>,
    /// How many were executed now, and neither found in the log nor in the cache.
    pub executed: usize,
    /// Elapsed time, in seconds.
    pub seconds: f64,
}

/// Verdicts by what decides them: program, tests, runtime, limits, isolation. Infrastructure errors are not kept.
#[derive(Debug)]
pub struct VerdictCache {
    known: Mutex<HashMap<ContentHash, Verdict>>,
    file: Mutex<File>,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct CacheLine {
    key: ContentHash,
    #[serde(flatten)]
    verdict: Verdict,
}

impl VerdictCache {
    /// Opens the cache in a file, which is made if need be. Lines that cannot be read are passed over.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        if let Some(directory) = path.parent() {
            files::create_dir(directory)?;
        }
        let file = File::options().append(true).read(true).create(true).open(path);
        let mut file = file.map_err(FileError::new("open", path))?;
        let mut known = HashMap::new();
        for line in BufReader::new(&file).split(b'\n') {
            let line = line.map_err(FileError::new("read", path))?;
            if let Ok(CacheLine { key, verdict }) = serde_json::from_slice(&line) {
                known.insert(key, verdict);
            }
        }
        // A line that was cut off by a kill must not take the next one with it.
        file.write_all(b"\n").map_err(FileError::new("write", path))?;
        Ok(Self { known: Mutex::new(known), file: Mutex::new(file), path: path.to_owned() })
    }

    fn get(&self, key: &ContentHash) -> Option<Verdict> {
        self.known.lock().ok()?.get(key).cloned()
    }

    fn put(&self, key: ContentHash, verdict: &Verdict) -> Result<(), FileError> {
        if !verdict.is_scorable() {
            return Ok(());
        }
        if let Ok(mut known) = self.known.lock() {
            known.insert(key, verdict.clone());
        }
        let mut line = serde_json::to_vec(&CacheLine { key, verdict: verdict.clone() }).unwrap_or_default();
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        file.write_all(&line).map_err(FileError::new("write", &self.path))
    }
}

/// Executes all samples of `tasks` that the log does not have yet.
///
/// # Errors
/// The log cannot be written or a sample cannot be read. Failing candidates and failing harnesses are verdicts.
pub fn run(
    tasks: &[Task],
    samples: &Samples,
    workshop: &Workshop,
    threads: usize,
    log: &Path,
    cache: Option<&VerdictCache>,
    events: Events<'_>,
) -> Result<Run, RunError> {
    let began = Instant::now();
    let (log_file, records) = open_log(log, samples.total())?;
    let open: Vec<usize> = (0..samples.total()).filter(|sample| records[*sample].is_none()).collect();
    let shared = Shared {
        tasks,
        digests: tasks.iter().map(|task| task_digest(task, workshop)).collect(),
        samples,
        cache,
        log,
        writer: Mutex::new(Writer { file: log_file, records, pending: Vec::new(), flushed: Instant::now() }),
        next: AtomicUsize::new(0),
        executed: AtomicUsize::new(0),
        open: &open,
        stop: AtomicBool::new(false),
        events,
    };
    shared.progress(&shared.lock());
    let result = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads.clamp(1, open.len().max(1))).map(|_| scope.spawn(|| shared.work(workshop))).collect();
        // All of them end, whatever one says: an error stops the others.
        let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        outcomes.into_iter().try_for_each(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let executed = shared.executed.load(Ordering::Relaxed);
    let mut writer = shared.writer.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    writer.flush(log)?;
    result?;
    let records = writer.records.into_iter().flatten().collect();
    Ok(Run { records, executed, seconds: began.elapsed().as_secs_f64() })
}

/// Writes one line for each sample, in their order: `task_id`, `sample`, `verdict`. The same for every run that came to
/// the same verdicts.
///
/// # Errors
/// The file cannot be written.
pub fn write_results(path: &Path, tasks: &[Task], samples: &Samples, records: &[Record]) -> Result<(), FileError> {
    files::write_atomic_with(path, |writer| {
        for record in records {
            let task_id = &tasks[samples.task(record.sample)].id;
            let line = serde_json::json!({ "task_id": task_id, "sample": record.sample, "verdict": record.verdict });
            writeln!(writer, "{line}")?;
        }
        Ok(())
    })
}

struct Shared<'a> {
    tasks: &'a [Task],
    digests: Vec<ContentHash>,
    samples: &'a Samples,
    cache: Option<&'a VerdictCache>,
    log: &'a Path,
    writer: Mutex<Writer>,
    next: AtomicUsize,
    executed: AtomicUsize,
    open: &'a [usize],
    stop: AtomicBool,
    events: Events<'a>,
}

struct Writer {
    file: File,
    records: Vec<Option<Record>>,
    pending: Vec<u8>,
    flushed: Instant,
}

/// How long a verdict may wait to be written: what a kill can cost.
const FLUSH: Duration = Duration::from_millis(200);

impl Shared<'_> {
    fn work(&self, workshop: &Workshop) -> Result<(), RunError> {
        let mut verifier = Verifier::new(workshop);
        while !self.stop.load(Ordering::Relaxed) {
            let Some(&sample) = self.open.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let result = self.judge(&mut verifier, sample).and_then(|record| self.note(record));
            if result.is_err() {
                self.stop.store(true, Ordering::Relaxed);
                return result;
            }
        }
        Ok(())
    }

    fn judge(&self, verifier: &mut Verifier, index: usize) -> Result<Record, RunError> {
        let sample = self.samples.read(index)?;
        let (kind, text) = match &sample.attempt {
            Attempt::Completion(text) => ("completion", text),
            Attempt::Solution(text) => ("solution", text),
            Attempt::Oversized => {
                let verdict = oversized_verdict(SOURCE_BYTES);
                return Ok(Record { sample: index, verdict, cpu: 0.0, cost: sample.cost });
            }
        };
        let mut key = HashWriter::new();
        key.field(self.digests[sample.task].as_bytes()).field(kind.as_bytes()).field(text.as_bytes());
        let key = key.finish();
        if let Some(verdict) = self.cache.and_then(|cache| cache.get(&key)) {
            return Ok(Record { sample: index, verdict, cpu: 0.0, cost: sample.cost });
        }
        let task = &self.tasks[sample.task];
        let Judgement { verdict, cpu, .. } = match &sample.attempt {
            Attempt::Solution(solution) => verifier.verify_solution(task, solution),
            _ => verifier.verify(task, text),
        };
        self.executed.fetch_add(1, Ordering::Relaxed);
        if let Some(cache) = self.cache {
            cache.put(key, &verdict)?;
        }
        Ok(Record { sample: index, verdict, cpu: cpu.as_secs_f64(), cost: sample.cost })
    }

    fn note(&self, record: Record) -> Result<(), RunError> {
        let mut writer = self.lock();
        serde_json::to_writer(&mut writer.pending, &record)
            .map_err(io::Error::other)
            .map_err(FileError::new("write", self.log))?;
        writer.pending.push(b'\n');
        let sample = record.sample;
        writer.records[sample] = Some(record);
        if writer.flushed.elapsed() >= FLUSH {
            writer.flush(self.log)?;
            self.progress(&writer);
        }
        Ok(())
    }

    fn progress(&self, writer: &Writer) {
        let done = writer.records.iter().filter(|record| record.is_some()).count() as u64;
        let total = Some(writer.records.len() as u64);
        (self.events)(Event::Progress { stage: "execute".into(), done, total, unit: "samples".into() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Writer {
    fn flush(&mut self, log: &Path) -> Result<(), FileError> {
        self.file.write_all(&self.pending).map_err(FileError::new("write", log))?;
        self.pending.clear();
        self.flushed = Instant::now();
        Ok(())
    }
}

/// The log, ready to be appended to, and what it holds. A line that a kill cut off is cut off wholly.
fn open_log(path: &Path, total: usize) -> Result<(File, Vec<Option<Record>>), FileError> {
    let mut records = vec![None; total];
    let mut sound = 0;
    if let Ok(bytes) = fs::read(path) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Ok(record) = serde_json::from_slice::<Record>(line) else { break };
            if line.last() != Some(&b'\n') {
                break;
            }
            sound += line.len() as u64;
            let sample = record.sample;
            if record.verdict.is_scorable() && sample < total {
                records[sample] = Some(record);
            }
        }
    }
    let fault = |action| FileError::new(action, path);
    let mut file = File::options().create(true).truncate(false).write(true).open(path).map_err(fault("open"))?;
    file.set_len(sound).map_err(fault("write"))?;
    file.seek(io::SeekFrom::End(0)).map_err(fault("write"))?;
    Ok((file, records))
}

/// Everything but the sample that decides a verdict.
fn task_digest(task: &Task, workshop: &Workshop) -> ContentHash {
    let mut digest = HashWriter::new();
    digest.field(CODE_VERSION.as_bytes()).field(digest_json(task).as_bytes());
    digest.field(workshop.runtime(task).as_bytes()).field(format!("{:?}", workshop.sandbox().tier()).as_bytes());
    digest.finish()
}
