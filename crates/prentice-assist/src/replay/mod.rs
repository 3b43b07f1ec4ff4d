//! Examination by replaying history: would these lines have been completed when they were written?
//!
//! The index is built at a commit; the commits after it are replayed along first parents. Of each, added lines are
//! predicted from the file as it stood above them, then the file is learnt, and so on to the next. Nothing of a line is
//! known before it is tested, nor of what is added below it: not its text, not its words.
//!
//! - **next-line**: the whole line, its indentation unknown. **mid-line**: the rest of the line after a cut anywhere,
//!   inside identifiers too. **fim**: a hole in the line that begins at the same cut, with the rest of the line known;
//!   it is filled from the mid-line predictions ([`hole`]).
//! - Each is asked twice: with nothing known below the line, and with the old text that follows the added lines.
//! - Left out: comments, lines shorter than eight characters or longer than 200, lines that the same commit removed
//!   elsewhere (moved). Renamed files are known by their old text, which the index has under the old name. At most
//!   [`ReplayOptions::lines_per_commit`] lines of a commit, drawn by seed.
//! - A prediction is exact where it equals what was written up to trailing white space; in a hole, wholly. Edit
//!   similarity is one minus the Levenshtein distance over the longer length.
//! - The weights are learnt on the repository before the replay, and go on learning: the mixture from added lines,
//!   after they were tested; the ranking from the answers given, so that the modes asked matter to it.
//! - Same repository, options and seed give the same records at any number of threads, but for the times.
//!
//! Not covered: what the author typed and took back, the order in which files were edited (theirs is by path), merged
//! branches commit by commit (a merge is one commit).

mod baselines;
mod git;
mod hole;
mod lines;
mod score;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Event, Events, Seed};
use prentice_index::copying::{
    self, Asked, Before, CopyingModel, Lines, Page, Place, Scratch, Source, SymbolLine, THOROUGH, Weights,
};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use git::{Change, Repository};
pub use score::{Estimate, Part, ReplaySummary, THRESHOLD};

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The last commit to replay.
    pub end: String,
    /// How many commits.
    pub commits: usize,
    /// What is asked.
    pub modes: Vec<Mode>,
    /// Most lines of a commit that are tested.
    pub lines_per_commit: usize,
    /// Symbols of the repository to practise on before the replay; 0 uses weights as they come.
    pub practice: usize,
    /// For the choice of lines, cuts and holes.
    pub seed: Seed,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            end: "HEAD".to_owned(),
            commits: 200,
            modes: Mode::ALL.to_vec(),
            lines_per_commit: 10,
            practice: 0,
            seed: Seed(0),
        }
    }
}

/// Why a replay cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The program is missing.
    #[error("cannot start `git`")]
    Start(#[source] std::io::Error),
    /// Nothing is there.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// Where.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is not a git repository", path.display())]
    NotARepository {
        /// Where.
        path: PathBuf,
    },
    /// `git` does not do as it is told.
    #[error("git in {}: {message}", path.display())]
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
    /// There is no such commit.
    #[error("{} has no commit `{revision}`", path.display())]
    UnknownRevision {
        /// The repository.
        path: PathBuf,
        /// What was said to be one.
        revision: String,
    },
    /// The history is too short.
    #[error("{} has no commit to replay: none up to `{end}` has a parent here", path.display())]
    NoCommits {
        /// The repository.
        path: PathBuf,
        /// The last commit.
        end: String,
        /// Whether the clone was made without the whole history.
        shallow: bool,
    },
    /// The clone lacks the objects of every commit.
    #[error("no commit of {} that was to be replayed can be read: the clone lacks objects", path.display())]
    Unreadable {
        /// The repository.
        path: PathBuf,
    },
    /// No program's source in the whole replay.
    #[error("{} has no source code that can be replayed", path.display())]
    NoCode {
        /// The repository.
        path: PathBuf,
    },
    /// Nothing to ask for.
    #[error("the replayed commits of {} added no line of code to predict", path.display())]
    NothingAdded {
        /// The repository.
        path: PathBuf,
    },
}

impl ReplayError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        let text = match self {
            Self::Start(_) => "install git, and see that it is in PATH",
            Self::NotFound { .. } => "check the spelling; a relative path starts at the current directory",
            Self::NotARepository { .. } => "give a directory that `git clone` made, or one inside it",
            Self::Git { .. } => "see what `git -C REPO log` and `git -C REPO fsck` say",
            Self::Read { .. } => "the repository changed or went away during the run: run the command again",
            Self::UnknownRevision { .. } => "give a branch, a tag or a commit that `git -C REPO log` shows",
            Self::NoCommits { shallow: true, .. } => "it is a shallow clone: run `git fetch --unshallow` in it",
            Self::NoCommits { .. } => "a replay takes a history of at least two commits; --end names another last one",
            Self::Unreadable { .. } => {
                "it is a partial clone: run `git fetch --refetch --no-filter` in it, or clone it again"
            }
            Self::NoCode { .. } => "give a repository of programs; files below vendor, dist and the like do not count",
            Self::NothingAdded { .. } => "replay more of them with --commits, or others with --end",
        };
        text.to_owned()
    }
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

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 3] = [Mode::NextLine, Mode::MidLine, Mode::Fim];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Mode::NextLine => "next-line",
            Mode::MidLine => "mid-line",
            Mode::Fim => "fim",
        }
    }
}

/// One prediction, and what was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Whether the line stood somewhere before: in the repository, in what was tested, or above in its file.
    pub recurring: bool,
    /// The line up to the cursor, without indentation.
    pub before: String,
    /// The rest of the line where it was known.
    pub after: String,
    /// What was written.
    pub truth: String,
    /// What was predicted.
    pub predicted: String,
    /// How sure the prediction was.
    pub confidence: f32,
    /// Whether what was written was among the lines of the beam.
    pub in_beam: bool,
    /// Copying the nearest line that goes on alike.
    pub copy_nearest: String,
    /// The most frequent identifier of the file that goes on alike.
    pub frequent: String,
    /// Milliseconds.
    pub milliseconds: f32,
}

impl Record {
    /// Whether the prediction is what was written.
    pub fn exact(&self) -> bool {
        self.is_right(&self.predicted)
    }

    /// Whether a text is what was written.
    fn is_right(&self, text: &str) -> bool {
        if self.mode == Mode::Fim { text == self.truth } else { text.trim_end() == self.truth.trim_end() }
    }
}

/// Replays a history. Every record is told as it comes, in the order of commits, files and lines.
///
/// # Errors
/// There is nothing to replay, or `git` fails; what a clone lacks of single commits is counted instead.
pub fn replay<'a>(
    path: &Path,
    options: &'a ReplayOptions,
    companion: Asked<'a>,
    events: Events,
    tell: impl FnMut(&Record),
) -> Result<ReplaySummary, ReplayError> {
    let mut repository = Repository::open(path)?;
    let commits = repository.commits(&options.end, options.commits)?;
    let mut replay = Replay::begin(&mut repository, &commits[0], options, companion, events, tell)?;
    replay.summary.end.clone_from(&commits[commits.len() - 1]);
    let started = Instant::now();
    let stage = "replay".to_owned();
    let total = commits.len() - 1;
    events(Event::StageStarted { stage: stage.clone(), detail: format!("commits: {total}") });
    for (number, pair) in commits.windows(2).enumerate() {
        match changed_files(&mut repository, &pair[0], &pair[1]) {
            Ok(files) => replay.commit(&pair[1], &files),
            Err(ReplayError::Git { .. }) => replay.summary.unreadable_commits += 1,
            Err(error) => return Err(error),
        }
        let (done, total) = (number as u64 + 1, Some(total as u64));
        events(Event::Progress { stage: stage.clone(), done, total, unit: "commits".to_owned() });
    }
    let mut summary = replay.summary;
    summary.finish(&options.modes);
    if summary.tests == 0 {
        let path = path.to_owned();
        return Err(if summary.unreadable_commits == total {
            ReplayError::Unreadable { path }
        } else if summary.files == 0 {
            ReplayError::NoCode { path }
        } else {
            ReplayError::NothingAdded { path }
        });
    }
    let seconds = started.elapsed().as_secs_f64();
    let detail = format!("{} lines of {} that were added", replay.tested_lines, summary.eligible_lines);
    events(Event::StageFinished { stage, seconds, detail });
    Ok(summary)
}

/// The source files that a commit changed, with their text as it leaves them.
fn changed_files(
    repository: &mut Repository,
    parent: &str,
    commit: &str,
) -> Result<Vec<(Change, Option<String>)>, ReplayError> {
    let mut files = Vec::new();
    for change in repository.changes(parent, commit, lines::EXTENSIONS)? {
        let text = match &change.new_path {
            Some(new) if lines::is_code(new) => repository.text(&format!("{commit}:{new}"))?,
            _ => None,
        };
        files.push((change, text.filter(|text| lines::is_written(text))));
    }
    Ok(files)
}

/// Most added lines of a commit that weights are learnt from: what is longer was not typed, and would take minutes.
const LESSONS: usize = 5000;

/// A replay that is under way.
struct Replay<'a, F> {
    options: &'a ReplayOptions,
    model: CopyingModel,
    companion: Asked<'a>,
    /// Lines that stood somewhere.
    seen: HashSet<String>,
    scratch: Scratch,
    summary: ReplaySummary,
    tested_lines: usize,
    /// Lines of the commit at hand that may still be learnt from.
    lessons: usize,
    tell: F,
}

/// Lines of old text below an added one that a neural model is shown.
const BELOW: usize = 20;

/// A file that a commit changed.
struct Edited<'a> {
    commit: &'a str,
    path: &'a str,
    is_new: bool,
    text: &'a str,
    lines: Vec<&'a str>,
    added: HashSet<usize>,
    eligible: &'a HashSet<usize>,
    asked: HashSet<usize>,
}

impl<'a> Edited<'a> {
    /// The text above a line.
    fn above(&self, index: usize) -> &'a str {
        &self.text[..self.lines[index].as_ptr() as usize - self.text.as_ptr() as usize]
    }

    /// The old lines below a line.
    fn below(&self, index: usize) -> String {
        let old = (index + 1..self.lines.len()).filter(|below| !self.added.contains(below));
        old.take(BELOW).flat_map(|below| [self.lines[below], "\n"]).collect()
    }
}

impl<'a, F: FnMut(&Record)> Replay<'a, F> {
    /// Learns the repository as it stood at a commit.
    fn begin(
        repository: &mut Repository,
        base: &str,
        options: &'a ReplayOptions,
        mut companion: Asked<'a>,
        events: Events,
        tell: F,
    ) -> Result<Self, ReplayError> {
        let stage = "index".to_owned();
        events(Event::StageStarted { stage: stage.clone(), detail: format!("the repository at {}", &base[..12]) });
        let started = Instant::now();
        let mut summary = ReplaySummary::default();
        base.clone_into(&mut summary.base);
        let mut files: Vec<(String, String)> = Vec::new();
        for file in repository.files(base)? {
            if lines::is_code(&file.path) {
                match repository.text(&file.blob) {
                    Ok(Some(text)) if lines::is_written(&text) => files.push((file.path, text)),
                    Ok(_) | Err(ReplayError::Git { .. }) => summary.files_left_out += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        files.sort_unstable();
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source { path, text }).collect();
        let (mut alone, mut accompanied) = (Weights::alone(), Weights::accompanied());
        match companion.as_deref_mut() {
            Some(companion) => {
                accompanied = copying::practise(&sources, accompanied, options.practice, Some(companion), options.seed);
            }
            None => alone = copying::practise(&sources, alone, options.practice, None, options.seed),
        }
        let built = Instant::now();
        let mut model = CopyingModel::build(&sources, alone, accompanied);
        summary.build_seconds = built.elapsed().as_secs_f64();
        summary.files = files.len();
        summary.source_bytes = files.iter().map(|(_, text)| text.len()).sum();
        summary.index_bytes = model.bytes();
        let detail = format!("{} files, {:.1} MB", summary.files, summary.source_bytes as f64 / 1e6);
        events(Event::StageFinished { stage, seconds: started.elapsed().as_secs_f64(), detail });
        let seen = files.iter().flat_map(|(_, text)| text.lines().map(|line| line.trim().to_owned())).collect();
        if let Some(companion) = companion.as_deref_mut() {
            model.meet(companion);
        }
        let scratch = Scratch::default();
        Ok(Self { options, model, companion, seen, scratch, summary, tested_lines: 0, lessons: 0, tell })
    }

    /// Tests and learns the files of a commit, one after another.
    fn commit(&mut self, commit: &str, files: &[(Change, Option<String>)]) {
        self.summary.commits += 1;
        self.lessons = LESSONS;
        let eligible = lines::eligible(files);
        let in_order = |(number, lines): (usize, &HashSet<usize>)| {
            let mut lines: Vec<usize> = lines.iter().copied().collect();
            lines.sort_unstable();
            lines.into_iter().map(move |line| (number, line))
        };
        let mut drawn: Vec<(usize, usize)> = eligible.iter().enumerate().flat_map(in_order).collect();
        self.summary.eligible_lines += drawn.len();
        let mut rng = self.options.seed.derive(commit, 0).rng();
        while drawn.len() > self.options.lines_per_commit {
            drawn.swap_remove((rng.next_u64() % drawn.len() as u64) as usize);
        }
        self.tested_lines += drawn.len();
        let mut asked: HashMap<usize, HashSet<usize>> = HashMap::new();
        for (number, line) in drawn {
            asked.entry(number).or_default().insert(line);
        }
        for (number, ((change, text), eligible)) in files.iter().zip(&eligible).enumerate() {
            if let (Some(path), Some(text)) = (&change.new_path, text) {
                self.file(&Edited {
                    commit,
                    path,
                    is_new: change.old_path.is_none(),
                    text,
                    lines: text.lines().collect(),
                    added: change.added.iter().cloned().flatten().collect(),
                    eligible,
                    asked: asked.remove(&number).unwrap_or_default(),
                });
            }
        }
    }

    /// Goes through a file from top to bottom: asks for lines, learns the added ones, and remembers them in the end.
    fn file(&mut self, file: &Edited) {
        // What stood there before is known. Added lines are read when their turn comes: reading meets their words.
        let read = |index: usize, line: &str, model: &mut CopyingModel| {
            if file.added.contains(&index) {
                SymbolLine::default()
            } else {
                copying::read_line(line, &mut model.lexicon)
            }
        };
        let mut symbols: Vec<SymbolLine> =
            file.lines.iter().enumerate().map(|(index, line)| read(index, line, &mut self.model)).collect();
        // For each line, the old one that follows it and what was added with it.
        let mut below: Vec<Option<usize>> = vec![None; symbols.len()];
        for index in (1..symbols.len()).rev() {
            below[index - 1] = if symbols[index].symbols.is_empty() { below[index] } else { Some(index) };
        }
        let mut page = Page::new(file.path);
        for (index, line) in file.lines.iter().enumerate() {
            let is_added = file.added.contains(&index);
            if file.asked.contains(&index) {
                self.examine(&page, file, index, below[index].map(|next| &symbols[next]));
            }
            if is_added {
                symbols[index] = copying::read_line(line, &mut self.model.lexicon);
            }
            let here = &symbols[index];
            if here.symbols.is_empty() {
                continue;
            }
            let below = below[index].map(|next| &symbols[next]);
            if is_added {
                self.seen.insert(line.trim().to_owned());
            }
            if is_added && self.lessons > 0 {
                self.lessons -= 1;
                let coin = self.options.seed.derive(file.path, 2 * index as u64 + 1).rng().next_u32();
                let below = below.filter(|_| coin.is_multiple_of(2));
                let mut companion = self.companion.as_deref_mut();
                if let Some(companion) = &mut companion {
                    // Without the text below, so that each line goes on where the last one ended.
                    let margin = &line[..line.len() - line.trim_start().len()];
                    companion.begin(&self.model.lexicon, Place { above: file.above(index), line: margin, below: "" });
                }
                let foreseen = page.learn(&mut self.model, here, below, companion, &mut self.scratch);
                if file.eligible.contains(&index) {
                    self.summary.count_tokens(foreseen);
                }
            }
            page.push(here, below, &self.model.lexicon);
        }
        self.remember(file, &symbols);
    }

    /// Adds what was added to what is known of the repository, now with the lines that really stand below.
    fn remember(&mut self, file: &Edited, symbols: &[SymbolLine]) {
        let mut page = Page::new(file.path);
        let full: Vec<usize> = (0..symbols.len()).filter(|index| !symbols[*index].symbols.is_empty()).collect();
        for (number, index) in full.iter().enumerate() {
            let below = full.get(number + 1).map(|next| &symbols[*next]);
            let notes = page.push(&symbols[*index], below, &self.model.lexicon);
            if file.added.contains(index) {
                self.model.add(&notes);
            }
        }
    }

    /// Asks for a line in every way, and learns the ranking from the answers.
    fn examine(&mut self, page: &Page, file: &Edited, index: usize, below: Option<&SymbolLine>) {
        let line = file.lines[index];
        let text = line.trim();
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut rng = self.options.seed.derive(file.path, 2 * index as u64).rng();
        let mut draw = |from: usize, to: usize| from + (rng.next_u64() % (to - from) as u64) as usize;
        let cut = draw(1, starts.len() - 1);
        let (cut, end) = (starts[cut], starts[draw(cut + 1, starts.len())]);
        let recurring = self.seen.contains(text);
        let mut lessons: Vec<(Lines, &str)> = Vec::new();
        let margin = &line[..line.len() - line.trim_start().len()];
        for suffix in [false, true] {
            let (below, after) = if suffix { (below, file.below(index)) } else { (None, String::new()) };
            for (start, modes) in [(0, &[Mode::NextLine][..]), (cut, &[Mode::MidLine, Mode::Fim][..])] {
                let modes: Vec<Mode> = modes.iter().copied().filter(|mode| self.options.modes.contains(mode)).collect();
                if modes.is_empty() {
                    continue;
                }
                let started = Instant::now();
                let before = Before::read(&text[..start], &mut self.model.lexicon);
                let above = file.above(index);
                let lexicon = &self.model.lexicon;
                let mut companion = self.companion.as_deref_mut();
                let indentation = match &mut companion {
                    Some(companion) => {
                        let margin = match start {
                            0 => companion.indentation(lexicon, above, &after),
                            _ => margin.to_owned(),
                        };
                        let line = format!("{margin}{}", &text[..before.whole]);
                        companion.begin(lexicon, Place { above, line: &line, below: &after });
                        copying::indentation(&margin).0
                    }
                    None if start == 0 => page.next_indentation(lexicon),
                    None => copying::indentation(margin).0,
                };
                let scratch = &mut self.scratch;
                let found = page.complete(&self.model, indentation, &before, below, THOROUGH, companion, scratch);
                let searched = started.elapsed();
                let before = &text[..start];
                for &mode in &modes {
                    let end = if mode == Mode::Fim { end } else { text.len() };
                    let (truth, after) = (&text[start..end], &text[end..]);
                    let started = Instant::now();
                    let lines: Vec<(&str, f32)> =
                        found.lines.iter().map(|line| (line.text.as_str(), line.confidence)).collect();
                    let (predicted, confidence) = match mode {
                        Mode::Fim => hole::fill(&lines, after),
                        _ => lines.first().copied().unwrap_or_default(),
                    };
                    let took = searched + started.elapsed();
                    let is_truth = |line: &str| match mode {
                        Mode::Fim => hole::middle(line, after) == Some(truth),
                        _ => line.trim_end() == truth,
                    };
                    let record = Record {
                        commit: file.commit.to_owned(),
                        path: file.path.to_owned(),
                        line: index + 1,
                        mode,
                        suffix,
                        new_file: file.is_new,
                        recurring,
                        before: before.to_owned(),
                        after: after.to_owned(),
                        truth: truth.to_owned(),
                        predicted: predicted.to_owned(),
                        confidence,
                        in_beam: lines.iter().any(|(line, _)| is_truth(line)) || predicted == truth,
                        copy_nearest: match mode {
                            Mode::Fim => baselines::copy_nearest_before(&file.lines[..index], before, after),
                            _ => baselines::copy_nearest(&file.lines[..index], before),
                        }
                        .to_owned(),
                        frequent: baselines::frequent_identifier(&file.lines[..index], before).to_owned(),
                        milliseconds: took.as_secs_f32() * 1e3,
                    };
                    self.summary.add(&record);
                    (self.tell)(&record);
                }
                lessons.push((found, &text[start..]));
            }
        }
        for (found, truth) in &lessons {
            Page::learn_ranking(&mut self.model, found, truth, self.companion.is_some());
        }
    }
}
