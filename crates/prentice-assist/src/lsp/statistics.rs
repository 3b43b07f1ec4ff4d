//! What became of completions: local, and without any text of the user's.
//!
//! A file of JSON lines that the caller names; nothing is sent anywhere. Each event is one `write` of one line at the
//! end, so that a crash costs a line at most and several servers may share the file. A line that a crash cut short is
//! left alone: the next begins on a line of its own, and [`summarise`] counts what it cannot read. *Not covered:* the
//! file only grows, by some hundred bytes a completion.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use prentice_base::FileError;
use serde::{Deserialize, Serialize};

/// Where a completion was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// As grey text behind the cursor.
    Inline,
    /// In the editor's list; counted once for all its items, whether or not the editor opened it.
    List,
}

/// How much of a completion was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Whole,
    /// Its first line.
    Line,
    /// Its first word.
    Word,
}

/// What became of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Outcome {
    /// It was sent to the editor.
    Shown {
        /// The confidence of the first item.
        confidence: f32,
    },
    /// All or a part of it was taken.
    Accepted {
        /// How much.
        part: Part,
    },
    /// Something else was written, or another completion was shown elsewhere.
    Dismissed,
    /// Some time after acceptance (30 seconds unless told otherwise).
    Later {
        /// Whether the accepted text still stood there, unchanged.
        kept: bool,
    },
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Seconds since 1970.
    pub time: u64,
    /// The language as the client calls it.
    pub language: String,
    /// Where it was shown.
    pub surface: Surface,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Appends to the file of statistics, if there is one.
#[derive(Debug, Default)]
pub struct StatisticsLog {
    file: Option<File>,
}

impl StatisticsLog {
    /// Opens or creates the file; without a path, nothing is noted.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Self, FileError> {
        let file = path.map(|path| open_at_line(path).map_err(FileError::new("open", path))).transpose()?;
        Ok(Self { file })
    }

    /// Notes what became of a completion now.
    ///
    /// # Errors
    /// The line cannot be written.
    pub fn append(&mut self, language: &str, surface: Surface, outcome: Outcome) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut line = serde_json::to_vec(&Record { time, language: language.to_owned(), surface, outcome })?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

/// Opens for appending, behind a line that ends.
fn open_at_line(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// How often something became of completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Completions shown.
    pub shown: u64,
    /// Of these accepted as a whole.
    pub accepted_whole: u64,
    /// Times that a line was accepted.
    pub accepted_line: u64,
    /// Times that a word was accepted.
    pub accepted_word: u64,
    /// Completions that were not accepted, not even in part.
    pub dismissed: u64,
    /// Acceptances that were looked at later and still stood there.
    pub kept: u64,
    /// Acceptances that were looked at later and were changed or gone.
    pub changed: u64,
}

/// What the file of statistics says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// All languages together.
    pub total: Counts,
    /// By where it was shown. Editors that ask for both count a completion under both.
    pub surfaces: BTreeMap<Surface, Counts>,
    /// By language, as the clients call them.
    pub languages: BTreeMap<String, Counts>,
    /// Lines that are none of ours, or were cut short by a crash.
    pub unreadable_lines: u64,
}

/// Counts what the file at `path` says. A file that does not exist says nothing.
///
/// # Errors
/// The file cannot be read.
pub fn summarise(path: &Path) -> Result<Statistics, FileError> {
    let mut statistics = Statistics::default();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(statistics),
        file => file.map_err(FileError::new("read", path))?,
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(FileError::new("read", path))?;
        if line.is_empty() {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Record>(&line) else {
            statistics.unreadable_lines += 1;
            continue;
        };
        let surface = statistics.surfaces.entry(record.surface).or_default();
        let language = statistics.languages.entry(record.language).or_default();
        for counts in [&mut statistics.total, surface, language] {
            *match record.outcome {
                Outcome::Shown { .. } => &mut counts.shown,
                Outcome::Accepted { part: Part::Whole } => &mut counts.accepted_whole,
                Outcome::Accepted { part: Part::Line } => &mut counts.accepted_line,
                Outcome::Accepted { part: Part::Word } => &mut counts.accepted_word,
                Outcome::Dismissed => &mut counts.dismissed,
                Outcome::Later { kept: true } => &mut counts.kept,
                Outcome::Later { kept: false } => &mut counts.changed,
            } += 1;
        }
    }
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_line_that_a_crash_cut_short_costs_itself_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/statistics.jsonl");
        let note = |outcome| {
            let mut log = StatisticsLog::open(Some(&path)).unwrap();
            log.append("rust", Surface::Inline, outcome).unwrap();
        };
        note(Outcome::Shown { confidence: 0.5 });
        note(Outcome::Accepted { part: Part::Line });
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        note(Outcome::Later { kept: true });
        let text = std::fs::read_to_string(&path).unwrap();
        let without_time = |line: &str| line.split_once(',').map_or(line.to_owned(), |(_, rest)| rest.to_owned());
        let lines: Vec<_> = text.lines().map(without_time).collect();
        expect![[r#"
            "language":"rust","surface":"inline","event":"shown","confidence":0.5}
            "language":"rust","surface":"inline","event":"accepted","part"
            "language":"rust","surface":"inline","event":"later","kept":true}"#]]
        .assert_eq(&lines.join("\n"));

        let statistics = summarise(&path).unwrap();
        assert_eq!(statistics.unreadable_lines, 1);
        assert_eq!(statistics.total, Counts { shown: 1, kept: 1, ..Counts::default() });
        assert_eq!(statistics.languages["rust"], statistics.total);
        assert_eq!(statistics.surfaces[&Surface::Inline], statistics.total);
    }

    #[test]
    fn nothing_noted_is_nothing_known() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(summarise(&directory.path().join("none")).unwrap(), Statistics::default());
        let error = summarise(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read "), "{error}");
    }
}
