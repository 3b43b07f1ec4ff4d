//! The history of a repository, read with the program `git`.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::ReplayError;

/// A repository with a history; bare ones too.
#[derive(Debug)]
pub struct Repository {
    path: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Path within the repository.
    pub path: String,
    /// Name of its content.
    pub blob: String,
}

/// What a commit did to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it was; `None` for a new file.
    pub old_path: Option<String>,
    /// Where it is; `None` for a deleted file.
    pub new_path: Option<String>,
    /// Numbers of the lines that were added, from 0, each range a hunk.
    pub added: Vec<std::ops::Range<usize>>,
    /// Lines that were removed.
    pub removed: Vec<String>,
}

impl Repository {
    /// Opens a repository.
    ///
    /// # Errors
    /// `git` is missing, or this is no repository.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        if !path.exists() {
            return Err(ReplayError::NotFound { path: path.to_owned() });
        }
        git(path, &["rev-parse", "--git-dir"]).map_err(|error| match error {
            ReplayError::Git { path, message } if message.starts_with("not a git repository") => {
                ReplayError::NotARepository { path }
            }
            other => other,
        })?;
        let mut child = command(path)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(ReplayError::Start)?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { path: path.to_owned(), child, input, output })
    }

    /// The last `count` commits up to `end` by first parents and the one before them, oldest first: at least two.
    ///
    /// They are named by digest: what becomes of the branch does not matter any more.
    ///
    /// # Errors
    /// `end` is no commit, or has none before it here.
    pub fn commits(&self, end: &str, count: usize) -> Result<Vec<String>, ReplayError> {
        let commit = format!("{end}^{{commit}}");
        let Ok(found) = git(&self.path, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]) else {
            let path = self.path.clone();
            let is_empty = git(&self.path, &["rev-list", "-n", "1", "--all"])?.is_empty();
            return Err(if is_empty {
                ReplayError::NoCommits { path, end: end.to_owned(), shallow: false }
            } else {
                ReplayError::UnknownRevision { path, revision: end.to_owned() }
            });
        };
        let count = count.saturating_add(1).to_string();
        let answer = git(&self.path, &["rev-list", "--first-parent", "-n", &count, found.trim()])?;
        let mut commits: Vec<String> = answer.lines().map(str::to_owned).collect();
        if commits.len() < 2 {
            let shallow = git(&self.path, &["rev-parse", "--is-shallow-repository"])?.trim() == "true";
            return Err(ReplayError::NoCommits { path: self.path.clone(), end: end.to_owned(), shallow });
        }
        commits.reverse();
        Ok(commits)
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn files(&self, commit: &str) -> Result<Vec<TreeFile>, ReplayError> {
        let answer = git(&self.path, &["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let entry = |entry: &str| {
            let (meta, path) = entry.split_once('\t')?;
            let mut fields = meta.split(' ');
            let (mode, kind, blob) = (fields.next()?, fields.next()?, fields.next()?);
            (kind == "blob" && mode != "120000").then(|| TreeFile { path: path.to_owned(), blob: blob.to_owned() })
        };
        Ok(answer.split('\0').filter_map(entry).collect())
    }

    /// The text of a blob or of `COMMIT:PATH`; `None` where it is too long, not UTF-8, or its name cannot be told to `git`.
    ///
    /// # Errors
    /// The clone lacks it, or `git` ended.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ReplayError> {
        let fault = |source: io::Error| ReplayError::Read { name: name.to_owned(), source };
        if name.contains('\n') {
            return Ok(None);
        }
        writeln!(self.input, "{name}").map_err(fault)?;
        let mut header = String::new();
        self.output.read_line(&mut header).map_err(fault)?;
        let fields: Vec<&str> = header.trim_end().rsplitn(3, ' ').collect();
        let Some(size) = fields.first().and_then(|size| size.parse::<usize>().ok()).filter(|_| fields.len() == 3)
        else {
            return Err(if header.is_empty() {
                fault(io::ErrorKind::UnexpectedEof.into())
            } else {
                ReplayError::Git { path: self.path.clone(), message: header.trim_end().to_owned() }
            });
        };
        if size > LARGEST_FILE {
            io::copy(&mut (&mut self.output).take(size as u64 + 1), &mut io::sink()).map_err(fault)?;
            return Ok(None);
        }
        let mut bytes = vec![0; size + 1];
        self.output.read_exact(&mut bytes).map_err(fault)?;
        bytes.pop();
        Ok(String::from_utf8(bytes).ok())
    }

    /// What a commit did to its first parent, in files with these extensions. Files are matched where they were renamed;
    /// binary and very long ones are left out.
    ///
    /// # Errors
    /// One of them does not exist, or the clone lacks an object of theirs.
    pub fn changes(&self, parent: &str, commit: &str, extensions: &[&str]) -> Result<Vec<Change>, ReplayError> {
        let options =
            ["-r", "-p", "-M", "-l2000", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index"];
        let threshold = format!("core.bigFileThreshold={LARGEST_FILE}");
        let mut arguments = vec!["-c", "core.quotePath=false", "-c", &threshold, "diff-tree"];
        arguments.extend(options);
        arguments.extend([parent, commit, "--"]);
        let patterns: Vec<String> = extensions.iter().map(|extension| format!(":(top)*.{extension}")).collect();
        arguments.extend(patterns.iter().map(String::as_str));
        Ok(parse(&git(&self.path, &arguments)?))
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Longer files are data.
const LARGEST_FILE: usize = 1 << 20;

/// `git` in a repository, whatever surrounds us. A clone that lacks objects is taken as it is: fetching them one by one
/// would take the network, and hours.
fn command(path: &Path) -> Command {
    let mut command = Command::new("git");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    command.env("LC_ALL", "C").env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0").arg("-C").arg(path);
    command
}

fn git(path: &Path, arguments: &[&str]) -> Result<String, ReplayError> {
    let output = command(path).args(arguments).stdin(Stdio::null()).output().map_err(ReplayError::Start)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let message = said.lines().find_map(|line| line.strip_prefix("fatal: ")).or(said.lines().next_back());
    Err(ReplayError::Git { path: path.to_owned(), message: message.unwrap_or("it failed without a word").to_owned() })
}

/// Reads what `git diff-tree -p -U0` writes.
fn parse(text: &str) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    // Lines of the hunk that are still to come: removed, added.
    let mut rest = (0, 0);
    for line in text.split('\n') {
        if rest != (0, 0)
            && let Some(change) = changes.last_mut()
        {
            if let Some(removed) = line.strip_prefix('-').filter(|_| rest.0 > 0) {
                change.removed.push(removed.to_owned());
                rest.0 -= 1;
                continue;
            }
            if line.starts_with('+') && rest.1 > 0 {
                rest.1 -= 1;
                continue;
            }
        }
        if line.starts_with("diff --git ") {
            changes.push(Change { old_path: None, new_path: None, added: Vec::new(), removed: Vec::new() });
        }
        let Some(change) = changes.last_mut() else { continue };
        if let Some(path) = line.strip_prefix("--- a/").or(line.strip_prefix("rename from ")) {
            change.old_path = Some(path.trim_end_matches('\t').to_owned());
        } else if let Some(path) = line.strip_prefix("+++ b/").or(line.strip_prefix("rename to ")) {
            change.new_path = Some(path.trim_end_matches('\t').to_owned());
        } else if let Some(hunk) = line.strip_prefix("@@ -") {
            let numbers = |side: &str| {
                let (start, count) = side.split_once(',').unwrap_or((side, "1"));
                Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
            };
            let mut sides = hunk.split(" @@").next().unwrap_or_default().split(" +");
            let (old, new) = (sides.next().and_then(numbers), sides.next().and_then(numbers));
            if let (Some((_, removed)), Some((start, added))) = (old, new) {
                rest = (removed, added);
                if added > 0 {
                    change.added.push(start - 1..start - 1 + added);
                }
            }
        }
    }
    changes.retain(|change| change.old_path.is_some() || change.new_path.is_some());
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_read() {
        let patch = "diff --git a/a.rs b/b.rs\nsimilarity index 90%\nrename from a.rs\nrename to b.rs\n--- a/a.rs\n+++ b/b.rs\n\
                     @@ -1,2 +1 @@\n-old\n--- not a header\n+new\n@@ -9,0 +11 @@ fn f() {\n+last\ndiff --git a/c.rs b/c.rs\nnew file mode\n--- \
                     /dev/null\n+++ b/c.rs\n@@ -0,0 +1,3 @@\n+a\n+b\n+c\n";
        let changes = parse(patch);
        assert_eq!(changes.len(), 2);
        assert_eq!((changes[0].old_path.as_deref(), changes[0].new_path.as_deref()), (Some("a.rs"), Some("b.rs")));
        assert_eq!(
            (&changes[0].removed[..], changes[0].added.len()),
            (&["old", "-- not a header"].map(str::to_owned)[..], 2)
        );
        assert_eq!((changes[0].added[0].start, changes[0].added[1].start), (0, 10));
        assert_eq!((changes[1].added.len(), &changes[1].added[0]), (1, &(0..3)));
        assert_eq!((changes[1].old_path.as_deref(), changes[1].new_path.as_deref()), (None, Some("c.rs")));
    }
}
