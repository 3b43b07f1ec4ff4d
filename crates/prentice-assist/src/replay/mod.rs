//! Examination by replaying history: would these lines have been completed when they were written?
//!
//! The index is built at a commit; the commits after it are replayed along first parents. Of each, added lines are
//! predicted from the file as it stood above them, then the file is learnt, and so on to the next. Nothing of a commit is
//! known before it is tested: not its text, not its words.
//!
//! - **next-line**: the whole line, its indentation unknown. **mid-line**: the rest of the line after a cut anywhere,
//!   inside identifiers too. **fim**: a hole in the line, with what follows it.
//! - Each is asked twice: with nothing known below the cursor, and with the old text that follows.
//! - Left out: comments, lines shorter than eight characters or longer than 200, lines that the same commit removed elsewhere (moved).
//!   Renamed files are known by their old text. At most [`ReplayOptions::lines_per_commit`] lines of a commit, drawn by seed.
//! - A prediction is exact where it equals what was written up to trailing white space. Edit similarity is one minus
//!   the Levenshtein distance over the longer length.

mod git;
mod score;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::Seed;
use prentice_index::copying::{self, Before, CopyingModel, Page, Scratch, Source, SymbolLine};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use git::Repository;
pub use score::{Estimate, Part, ReplaySummary};

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The last commit to replay.
    pub end: String,
    /// How many commits.
    pub commits: usize,
    /// Most lines of a commit that are tested.
    pub lines_per_commit: usize,
    /// Symbols of the repository to practise on before the replay; 0 uses weights as they come.
    pub practice: usize,
    /// For the choice of lines and cuts.
    pub seed: Seed,
}

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The program is missing.
    #[error("cannot start `git`")]
    Start(#[source] std::io::Error),
    /// It does not do as it is told.
    #[error("git in `{path}`: {message}")]
    Git {
        /// The repository.
        path: PathBuf,
        /// What it says.
        message: String,
    },
    /// An object cannot be read.
    #[error("cannot read `{name}` from git")]
    Read {
        /// The object.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The history is too short.
    #[error("`{path}` has no commits to replay before `{end}`")]
    NoCommits {
        /// The repository.
        path: PathBuf,
        /// The last commit.
        end: String,
    },
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A whole line.
    NextLine,
    /// The rest of a line.
    MidLine,
    /// A hole in a line.
    Fim,
}

/// One prediction, and what was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The commit that wrote it.
    pub commit: String,
    /// The file.
    pub path: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// What was asked.
    pub mode: Mode,
    /// Whether the text below was known.
    pub suffix: bool,
    /// Whether the file is new.
    pub new_file: bool,
    /// Whether the line stood somewhere before.
    pub recurring: bool,
    /// The line up to the cursor.
    pub before: String,
    /// What was written.
    pub truth: String,
    /// What was predicted.
    pub predicted: String,
    /// How sure the prediction was.
    pub confidence: f32,
    /// Whether what was written was among the lines of the beam.
    pub in_beam: bool,
    /// Copying the nearest line that begins alike.
    pub copy_nearest: String,
    /// The most frequent identifier of the file that begins alike.
    pub frequent: String,
    /// Milliseconds.
    pub milliseconds: f32,
}

impl Record {
    /// Whether the prediction is what was written.
    pub fn exact(&self) -> bool {
        self.predicted.trim_end() == self.truth.trim_end()
    }
}

/// Replays a history.
///
/// # Errors
/// Of `git`.
pub fn replay(path: &Path, options: &ReplayOptions, mut tell: impl FnMut(&Record)) -> Result<ReplaySummary, ReplayError> {
    let mut repository = Repository::open(path)?;
    let commits = repository.commits(&options.end, options.commits)?;
    if commits.len() < 2 {
        return Err(ReplayError::NoCommits { path: path.to_owned(), end: options.end.clone() });
    }
    let mut files: HashMap<String, String> = HashMap::new();
    for file in repository.files(&commits[0])? {
        if is_code(&file.path)
            && let Some(text) = repository.text(&file.blob)?
            && is_written(&text)
        {
            files.insert(file.path, text);
        }
    }
    let mut sources: Vec<Source> = files.iter().map(|(path, text)| Source { path, text }).collect();
    sources.sort_by_key(|source| source.path);
    let (mixture, reranker) = copying::practise(&sources, copying::weights::default(), options.practice, options.seed);
    let started = Instant::now();
    let mut model = CopyingModel::build(&sources, mixture, reranker);
    let mut summary = ReplaySummary::new(&files, model.bytes(), started.elapsed().as_secs_f64());
    let mut seen: HashSet<String> =
        sources.iter().flat_map(|source| source.text.lines().map(|line| line.trim().to_owned())).collect();
    let mut scratch = Scratch::default();
    for pair in commits.windows(2) {
        let mut rng = options.seed.derive(&pair[1], 0).rng();
        let mut changed = Vec::new();
        let mut removed: HashMap<String, usize> = HashMap::new();
        let changes = match repository.changes(&pair[0], &pair[1], EXTENSIONS) {
            Ok(changes) => changes,
            // A clone that lacks objects: nothing can be said of this commit.
            Err(ReplayError::Git { .. }) => {
                summary.unreadable_commits += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        for change in changes {
            change.removed.iter().for_each(|line| *removed.entry(line.trim().to_owned()).or_default() += 1);
            let text = match &change.new_path {
                Some(new) if is_code(new) => repository.text(&format!("{}:{new}", pair[1]))?,
                _ => None,
            };
            changed.push((change, text.filter(|text| is_written(text))));
        }
        // Which lines are tested.
        let mut candidates = Vec::new();
        for (number, (change, text)) in changed.iter().enumerate() {
            let Some(text) = text else { continue };
            let lines: Vec<&str> = text.lines().collect();
            let comments = comment_lines(change.new_path.as_deref().unwrap_or_default(), &lines);
            for line in change.added.iter().cloned().flatten() {
                let Some(trimmed) = lines.get(line).map(|line| line.trim()) else { continue };
                if let Some(count) = removed.get_mut(trimmed).filter(|count| **count > 0) {
                    *count -= 1;
                    continue;
                }
                if (8..=200).contains(&trimmed.chars().count()) && !comments[line] {
                    candidates.push((number, line));
                }
            }
        }
        while candidates.len() > options.lines_per_commit {
            candidates.swap_remove((rng.next_u64() % candidates.len() as u64) as usize);
        }
        let chosen: HashSet<(usize, usize)> = candidates.into_iter().collect();
        let mut learnt = Vec::new();
        for (number, (change, text)) in changed.iter().enumerate() {
            let (Some(path), Some(text)) = (&change.new_path, text) else { continue };
            let lines: Vec<&str> = text.lines().collect();
            let symbols: Vec<SymbolLine> = copying::read_lines(text, &mut model.lexicon);
            let added: HashSet<usize> = change.added.iter().cloned().flatten().collect();
            let mut page = Page::new(path);
            for (index, line) in symbols.iter().enumerate() {
                if line.symbols.is_empty() {
                    continue;
                }
                let is_added = added.contains(&index);
                // The old text that follows the hunk.
                let below = (index + 1..symbols.len()).find(|next| !added.contains(next) && !symbols[*next].symbols.is_empty());
                let below = below.map(|next| &symbols[next]);
                if chosen.contains(&(number, index)) {
                    let place = Place { commit: &pair[1], path, lines: &lines, index, new_file: change.old_path.is_none() };
                    let recurring = seen.contains(lines[index].trim());
                    for record in examine(&mut model, &page, &place, below, recurring, &mut rng, &mut scratch) {
                        tell(&record);
                        summary.add(&record);
                    }
                }
                if is_added {
                    let with = if rng.next_u32() % 2 == 0 { below } else { None };
                    let (right, all) = page.learn(&mut model, line, with, &mut scratch);
                    summary.tokens(right, all);
                }
                let next = symbols[index + 1..].iter().find(|next| !next.symbols.is_empty());
                let notes = page.push(line, next, &model.lexicon);
                if is_added {
                    learnt.extend(notes);
                }
            }
            seen.extend(added.iter().filter_map(|index| lines.get(*index)).map(|line| line.trim().to_owned()));
        }
        model.add(&learnt);
        summary.commits += 1;
    }
    summary.finish();
    Ok(summary)
}

struct Place<'a> {
    commit: &'a str,
    path: &'a str,
    lines: &'a [&'a str],
    index: usize,
    new_file: bool,
}

/// Asks for a line in every way, and learns the ranking from the answers.
fn examine(
    model: &mut CopyingModel,
    page: &Page,
    place: &Place,
    below: Option<&SymbolLine>,
    recurring: bool,
    rng: &mut prentice_base::Rng,
    scratch: &mut Scratch,
) -> Vec<Record> {
    let text = place.lines[place.index].trim();
    let characters: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut = characters[1 + (rng.next_u64() % (characters.len() as u64 - 2)) as usize];
    let mut records = Vec::new();
    let mut lessons = Vec::new();
    for (mode, cut) in [(Mode::NextLine, 0), (Mode::MidLine, cut)] {
        for suffix in [false, true] {
            let started = Instant::now();
            let before = Before::read(&text[..cut], &mut model.lexicon);
            let indentation = if cut == 0 {
                page.next_indentation(&model.lexicon)
            } else {
                copying::read_line(place.lines[place.index], &mut model.lexicon).indentation
            };
            let lines = page.complete(model, indentation, &before, below.filter(|_| suffix), scratch);
            let milliseconds = started.elapsed().as_secs_f32() * 1e3;
            let truth = &text[cut..];
            records.push(Record {
                commit: place.commit.to_owned(),
                path: place.path.to_owned(),
                line: place.index + 1,
                mode,
                suffix,
                new_file: place.new_file,
                recurring,
                before: text[..cut].to_owned(),
                truth: truth.to_owned(),
                predicted: lines.lines.first().map_or(String::new(), |line| line.text.clone()),
                confidence: lines.lines.first().map_or(0.0, |line| line.confidence),
                in_beam: lines.lines.iter().any(|line| line.text.trim_end() == truth),
                copy_nearest: score::copy_nearest(&place.lines[..place.index], &text[..cut]),
                frequent: score::frequent_identifier(&place.lines[..place.index], &text[..cut]),
                milliseconds,
            });
            lessons.push((lines, truth));
        }
    }
    for (lines, truth) in &lessons {
        Page::learn_ranking(model, lines, truth);
    }
    records
}

/// Extensions of programs' sources.
const EXTENSIONS: &[&str] = &[
    "rs", "py", "pyi", "ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "go", "java", "c", "h", "cc", "cpp", "cxx", "hpp",
    "hh", "cs", "kt", "swift", "rb", "php", "scala", "lua",
];

/// Whether a path is that of a program's source.
fn is_code(path: &str) -> bool {
    let elsewhere = ["vendor", "node_modules", "dist", "third_party", "thirdparty"];
    path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        && !path.split('/').any(|part| elsewhere.contains(&part))
        && !path.contains(".min.")
}

/// Whether people wrote a text: its lines are not too long.
fn is_written(text: &str) -> bool {
    text.lines().take(2000).all(|line| line.len() < 1000) && !text.contains('\0')
}

/// Which lines are comments as a whole. Attributes of Rust, dereferences and preprocessor lines are none.
fn comment_lines(path: &str, lines: &[&str]) -> Vec<bool> {
    let hash = [".py", ".pyi", ".rb"].iter().any(|extension| path.ends_with(extension));
    let mut inside = false;
    lines
        .iter()
        .map(|line| {
            let line = line.trim();
            if hash {
                return line.starts_with('#');
            }
            let comment = inside || line.starts_with("//") || line.starts_with("/*");
            if inside || line.starts_with("/*") {
                inside = !line.contains("*/");
            }
            comment
        })
        .collect()
}
