//! The trees that are looked in: texts, licences, commits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env, fs,
    io::Write as _,
    ops::Range,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use prentice_base::{Event, LicenceEvidence, Provenance, SourceKind};
use prentice_corpus::{CORPUS_FILE, Corpus, IngestOptions, Split, Standing, scan, standing};
use prentice_index::{
    cite::{CiteIndex, Terms},
    copying::Source,
};

use super::passages::Passage;
use crate::{advice, commands::Session, error::CliError};

/// A file that may be cited.
pub struct Work {
    /// Where it is.
    pub file: PathBuf,
    /// The tree it belongs to: a package with its version, the address of a repository, or a directory.
    pub origin: String,
    /// What the evidence about its licence says.
    pub licence: Option<String>,
    /// What the evidence amounts to.
    pub standing: Standing,
    /// What that means to a policy.
    pub terms: Terms,
    text: Arc<str>,
    /// The top of the git work tree it lies in.
    top: Option<PathBuf>,
    /// The commit that a corpus took it from.
    commit: Option<String>,
}

impl Work {
    fn new(file: PathBuf, provenance: &Provenance, text: Arc<str>) -> Self {
        let standing = standing(&provenance.licences);
        Self {
            file,
            origin: provenance.origin.clone(),
            licence: licence(&provenance.licences),
            standing,
            terms: terms(standing),
            text,
            top: None,
            commit: None,
        }
    }
}

/// Trees that are looked in.
pub struct Shelf {
    /// Where their texts stand, by the names of `works`.
    pub index: CiteIndex,
    /// Their files, by the name that is shown.
    pub works: BTreeMap<String, Work>,
    /// What the names of each tree begin with.
    prefixes: Vec<String>,
}

impl Shelf {
    /// Reads trees and corpora; without any, the repository around the current directory, or that directory.
    pub fn open(session: &Session, trees: &[PathBuf]) -> Result<Self, CliError> {
        let mut works = BTreeMap::new();
        let mut prefixes = Vec::new();
        let mut files = BTreeSet::new();
        let here = [current_repository()];
        for tree in if trees.is_empty() { &here } else { trees } {
            if tree.join(CORPUS_FILE).is_file() {
                let corpus = Corpus::open(tree).map_err(advice::corpus)?;
                for document in corpus.documents(Split::Train).chain(corpus.documents(Split::HeldOut)) {
                    let provenance = document.provenance;
                    let name = format!("{}/{}", provenance.origin, provenance.path);
                    let is_git = provenance.source == SourceKind::GitWorkTree;
                    let work = Work::new(PathBuf::from(&name), provenance, Arc::from(document.text));
                    let commit = provenance.revision.clone().filter(|_| is_git);
                    works.insert(name, Work { commit, ..work });
                }
                continue;
            }
            // Progress is for what takes long.
            let warnings = |event| {
                if matches!(event, Event::Warning { .. }) {
                    session.emit(event)
                }
            };
            let scan = scan(tree, &IngestOptions::default(), &warnings).map_err(advice::ingest)?;
            let root = fs::canonicalize(tree)?;
            let parts = tree.components().filter(|part| *part != Component::CurDir);
            let prefix = if trees.is_empty() { PathBuf::new() } else { parts.collect() };
            for document in scan.documents {
                let Some(text) = document.text else { continue };
                if !files.insert(document.file.clone()) {
                    continue;
                }
                let name = prefix.join(document.file.strip_prefix(&root).unwrap_or(&document.file));
                let name = name.components().collect::<PathBuf>().to_string_lossy().into_owned();
                let provenance = document.provenance;
                let above = Path::new(&provenance.path).components().count();
                let is_git = provenance.source == SourceKind::GitWorkTree;
                let top = document.file.ancestors().nth(above).filter(|_| is_git).map(Path::to_owned);
                let work = Work { top, ..Work::new(document.file, &provenance, text) };
                works.insert(name, work);
            }
            prefixes.push(prefix.to_string_lossy().into_owned());
        }
        let sources: Vec<Source> = works.iter().map(|(path, work)| Source { path, text: &work.text }).collect();
        let index = CiteIndex::build(&sources);
        Ok(Self { index, works, prefixes })
    }

    /// The file that a passage belongs into, and the lines of it that are the passage itself.
    pub fn place(&self, passage: &Passage) -> (Option<String>, Option<(String, Range<usize>)>) {
        if let Some(own) = &passage.own {
            let name = self.works.iter().find(|(_, work)| work.file == *own).map(|(name, _)| name.clone());
            return (name.clone(), name.map(|name| (name, 1..usize::MAX)));
        }
        let Some((path, line)) = &passage.target else { return (None, None) };
        let names = self.prefixes.iter().map(|prefix| Path::new(prefix).join(path).to_string_lossy().into_owned());
        let known = names.clone().find(|name| self.works.contains_key(name));
        // Only what a diff adds as it stands there is the diff itself: then it was applied already.
        let exclude = known.as_ref().and_then(|name| {
            let standing = self.works[name].text.lines().skip(line - 1);
            let is_applied = passage.text.lines().all({
                let mut standing = standing;
                move |added| standing.next() == Some(added)
            });
            is_applied.then(|| (name.clone(), *line..line + passage.text.split('\n').count()))
        });
        (known.or_else(|| names.into_iter().next()), exclude)
    }

    /// The commits of the files that are what is checked out, by file.
    pub fn commits<'a>(&self, session: &Session, works: impl Iterator<Item = &'a Work>) -> HashMap<PathBuf, String> {
        let mut trees: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        let mut commits = HashMap::new();
        for work in works {
            commits.extend(work.commit.iter().map(|commit| (work.file.clone(), commit.clone())));
            if let Some(top) = &work.top {
                trees.entry(top).or_default().insert(&work.file);
            }
        }
        for (top, files) in trees {
            match unchanged(top, &files) {
                Some((commit, unchanged)) => {
                    commits.extend(unchanged.into_iter().map(|file| (file.to_owned(), commit.clone())));
                }
                None => session.emit(Event::Warning {
                    message: format!(
                        "git does not say what is checked out in {}; its files are cited without a commit",
                        top.display()
                    ),
                }),
            }
        }
        commits
    }
}

/// The top of the work tree around the current directory, or that directory.
pub fn current_repository() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let top = here.ancestors().find(|directory| directory.join(".git").exists());
    top.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The commit that is checked out, and which of the files are as they are there.
///
/// Contents are compared by their names in git, unfiltered: nothing that a repository configures is run.
pub fn unchanged<'a>(top: &Path, files: &BTreeSet<&'a Path>) -> Option<(String, Vec<&'a Path>)> {
    let commit = git(top, &["rev-parse", "--verify", "HEAD^{commit}"], "")?.trim().to_owned();
    let tree = git(top, &["ls-tree", "-r", "-z", "--full-tree", &commit], "")?;
    let known: HashMap<&str, &str> = tree
        .split('\0')
        .filter_map(|entry| {
            let (description, path) = entry.split_once('\t')?;
            Some((path, description.rsplit(' ').next()?))
        })
        .collect();
    let inner = |file: &Path| file.strip_prefix(top).ok()?.to_str().map(str::to_owned);
    let files: Vec<_> = files
        .iter()
        .filter_map(|file| Some((*file, *known.get(inner(file)?.as_str())?)))
        // Names are sent a line each.
        .filter(|(file, _)| !file.to_string_lossy().contains('\n'))
        .collect();
    let names: String = files.iter().map(|(file, _)| format!("{}\n", file.display())).collect();
    let blobs = git(top, &["hash-object", "--no-filters", "--stdin-paths"], &names)?;
    let same = files.iter().zip(blobs.lines()).filter(|((_, known), blob)| known == blob);
    Some((commit, same.map(|((file, _), _)| *file).collect()))
}

/// What git answers; nothing where there is no git, or it refuses.
fn git(top: &Path, arguments: &[&str], input: &str) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(top)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let output = std::thread::scope(|scope| {
        // Written beside the reading: both pipes are short. Who does not read to the end says so by its exit code.
        scope.spawn(move || _ = stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    });
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// All that was found, nearest first; not the texts of licences that an expression names already.
pub fn licence(evidence: &[LicenceEvidence]) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for one in evidence {
        if !all.contains(&one.expression.as_str()) {
            all.push(&one.expression);
        }
    }
    let names = |expression: &str| expression.split([' ', '(', ')', '/']).map(str::to_owned).collect::<Vec<_>>();
    let is_named = |one: &&str| all.iter().any(|other| other != one && names(other).iter().any(|name| name == one));
    let shown: Vec<&str> = all.iter().copied().filter(|one| !is_named(one)).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn terms(standing: Standing) -> Terms {
    match standing {
        Standing::Permissive => Terms::Permissive,
        Standing::NotPermissive => Terms::Demanding,
        Standing::NoEvidence | Standing::Unknown => Terms::Unknown,
    }
}
