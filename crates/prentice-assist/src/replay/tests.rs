//! Replays of small histories that are made with the program `git`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use expect_test::expect;
use prentice_base::ignore_events;
use tempfile::TempDir;

use super::*;

/// A repository in a directory of its own.
struct History {
    directory: TempDir,
}

impl History {
    /// An empty one; `None`, said loudly, where there is no `git`.
    #[expect(clippy::print_stderr, reason = "the reader of a test's output is told")]
    fn new(test: &str) -> Option<Self> {
        if Command::new("git").arg("--version").output().is_err() {
            eprintln!("SKIPPED {test}: there is no git in PATH");
            return None;
        }
        let history = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(history.path()).unwrap();
        history.git("init --quiet --initial-branch=main");
        Some(history)
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    fn git(&self, arguments: &str) -> String {
        git_in(&self.path(), arguments)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git("add --all");
        self.git(&format!("commit --quiet --allow-empty --message {message}"));
    }

    /// A base that a model can learn from, in one commit.
    fn with_base(test: &str) -> Option<Self> {
        let history = Self::new(test)?;
        for module in 0..4 {
            history.write(&format!("src/module_{module}.rs"), module_text(module));
        }
        history.commit("base");
        Some(history)
    }

    fn replay(&self, options: &ReplayOptions) -> (Vec<Record>, Result<ReplaySummary, ReplayError>) {
        let mut records = Vec::new();
        let summary = replay(&self.path(), options, None, &ignore_events, |record| {
            records.push(Record { milliseconds: 0.0, ..record.clone() });
        });
        (records, summary)
    }
}

/// `git` that knows nothing of this machine's user, and always has the same time.
fn git_in(path: &Path, arguments: &str) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(path).args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR");
    command.env("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z").env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z");
    let output = command.args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "git {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn module_text(module: usize) -> String {
    let names = ["alpha", "beta", "gamma", "delta", "omega", "sigma"];
    (0..names.len()).map(|number| function(names[number], names[(number + module) % names.len()])).collect()
}

fn function(name: &str, of: &str) -> String {
    format!(
        "/// Reads {name}.\npub fn read_{name}(reader: &mut Reader) -> Result<Value, ReadError> {{\n    \
         let {of} = reader.next_value(\"{of}\")?;\n    if {of}.is_empty() {{\n        \
         return Err(ReadError::Empty);\n    }}\n    Ok(Value::from({of}))\n}}\n\n"
    )
}

fn options() -> ReplayOptions {
    ReplayOptions { practice: 1500, lines_per_commit: 1000, ..ReplayOptions::default() }
}

#[test]
fn what_is_asked_of_a_history() {
    let Some(history) = History::with_base("what_is_asked_of_a_history") else { return };
    // Renamed and edited; moved between files; new; none of ours; neither text nor code.
    history.git("mv src/module_0.rs src/renamed.rs");
    history.write("src/renamed.rs", module_text(0) + &function("kappa", "kappa"));
    history.commit("rename");
    let moved = function("omega", "omega");
    history.write("src/renamed.rs", (module_text(0) + &function("kappa", "kappa")).replace(&moved, ""));
    history.write("src/target.rs", moved + "pub fn new_in_target() {}\n");
    history.commit("move");
    history.write(
        "src/comment.rs",
        "// Nothing but this comment.\n/* And\nthis long one. */\n#[derive(Debug)]\n*counter += 1;\n",
    );
    history.write("src/latin1.rs", b"let caf\xe9 = brew_some();\n");
    history.write("src/binary.rs", b"let zero = \0\0\0;\n");
    history.write("src/\"quoted\".rs", "let quoted = 1234;\n");
    history.write("vendor/theirs.rs", "let theirs = 1234;\n");
    history.write("notes.md", "A line of prose.\n");
    history.commit("odd");
    history.git("checkout --quiet -b side HEAD~1");
    history.write("src/side.rs", "pub fn on_the_side() {}\n");
    history.commit("side");
    history.git("checkout --quiet main");
    history.git("merge --quiet --no-ff --message merge side");

    let (records, summary) = history.replay(&options());
    let summary = summary.unwrap();
    let mut asked = String::new();
    for record in records.iter().filter(|record| record.mode == Mode::NextLine && !record.suffix) {
        let subject = history.git(&format!("log -1 --format=%s {}", record.commit));
        let age = if record.new_file { "new" } else { "edited" };
        let kind = if record.recurring { "recurring" } else { "novel" };
        asked += &format!("{} {}:{} {age} {kind} {}\n", subject.trim(), record.path, record.line, record.truth);
    }
    expect![[r#"
        rename src/renamed.rs:56 edited novel pub fn read_kappa(reader: &mut Reader) -> Result<Value, ReadError> {
        rename src/renamed.rs:57 edited novel let kappa = reader.next_value("kappa")?;
        rename src/renamed.rs:58 edited novel if kappa.is_empty() {
        rename src/renamed.rs:59 edited recurring return Err(ReadError::Empty);
        rename src/renamed.rs:61 edited novel Ok(Value::from(kappa))
        move src/target.rs:10 new novel pub fn new_in_target() {}
        odd src/comment.rs:4 new novel #[derive(Debug)]
        odd src/comment.rs:5 new novel *counter += 1;
        merge src/side.rs:1 new novel pub fn on_the_side() {}
    "#]]
    .assert_eq(&asked);
    assert_eq!((summary.commits, summary.unreadable_commits, summary.eligible_lines, summary.files), (4, 0, 9, 4));
    assert_eq!((summary.headline.as_str(), summary.tests), ("mid-line", 9));
    // Nine lines, three modes, with and without the suffix.
    assert_eq!(records.len(), 9 * 3 * 2);
    for record in &records {
        let whole = format!("{}{}{}", record.before, record.truth, record.after);
        assert!(history.git(&format!("show {}:{}", record.commit, record.path)).contains(&whole), "{whole}");
        assert_eq!(record.after.is_empty(), record.mode != Mode::Fim, "{record:?}");
        assert_eq!(record.before.is_empty(), record.mode == Mode::NextLine, "{record:?}");
        assert!(!record.truth.is_empty() && (0.0..=1.001).contains(&record.confidence), "{record:?}");
    }
    // A mode alone asks the same questions.
    let (alone, _) = history.replay(&ReplayOptions { modes: vec![Mode::Fim], ..options() });
    let questions = |records: &[Record]| -> Vec<(String, String, String)> {
        let fim = records.iter().filter(|record| record.mode == Mode::Fim);
        fim.map(|record| (record.path.clone(), record.before.clone(), record.truth.clone())).collect()
    };
    assert_eq!(questions(&alone), questions(&records));
    assert_eq!(alone.len(), 9 * 2);
}

#[test]
fn nothing_of_what_comes_later_is_known() {
    let Some(history) = History::with_base("nothing_of_what_comes_later_is_known") else { return };
    let end = "pub fn the_ending() {}\n";
    history.write("src/module_3.rs", module_text(3) + end);
    history.commit("end");
    let base = history.git("rev-parse HEAD").trim().to_owned();
    let head = module_text(3) + &function("kappa", "kappa");
    // Equally long first lines, so that cuts are alike, which differ from the fifth character on. One has words that are
    // found nowhere else; the other is the line that stands below.
    let tails = ["pub marker_quokka(12);\nlet later = marker_quokka;\nmarked_value.quokka_again();\n", end];
    let mut answers = Vec::new();
    for tail in tails {
        history.git(&format!("checkout --quiet --detach {base}"));
        let lines: Vec<&str> = head.lines().collect();
        // Within an old file above its old last line, and in a new file.
        history.write("src/module_3.rs", format!("{head}{tail}{end}"));
        history.write("src/new.rs", format!("{head}{tail}"));
        history.commit("tail");
        let first = lines.len() + 1;
        let (records, _) = history.replay(&options());
        let known = |record: &&Record| record.line < first || (record.line == first && record.before.len() <= 4);
        // The old file comes first: of the new one, only that the first file was learnt is known.
        let of_first = records.iter().filter(|record| record.path == "src/module_3.rs");
        let before: Vec<Record> =
            of_first.filter(known).map(|r| Record { commit: String::new(), ..r.clone() }).collect();
        assert!(before.iter().any(|record| record.line == first && record.mode == Mode::NextLine));
        assert!(before.iter().filter(|record| record.suffix).count() > 10);
        for record in &records {
            // The first time that the marker is written, nobody can know it, however much of it was typed.
            if record.path == "src/module_3.rs" && record.line == first && !record.before.contains("marker_quokka") {
                assert!(!record.predicted.contains("quokka") || record.before.contains("quokka"), "{record:?}");
                assert!(!record.predicted.contains("marked_value"), "{record:?}");
            }
        }
        answers.push(before);
    }
    let [first, second] = &answers[..] else { panic!("two histories") };
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(second) {
        if first.truth == second.truth {
            assert_eq!(first, second);
        } else {
            // The line that differs: the same answer to the same question.
            assert_eq!(
                (&first.before, &first.predicted, first.confidence),
                (&second.before, &second.predicted, second.confidence)
            );
        }
    }
}

#[test]
fn same_records_at_any_number_of_threads() {
    let Some(history) = History::with_base("same_records_at_any_number_of_threads") else { return };
    for number in 0..3 {
        let text = module_text(number) + &function(["kappa", "theta", "gamma"][number], "omega");
        history.write(&format!("src/module_{number}.rs"), &text);
        history.write(&format!("src/new_{number}.rs"), text.replace("read_", "parse_"));
        history.commit("more");
    }
    let options = ReplayOptions { lines_per_commit: 12, ..options() };
    let run = |threads: usize, options: &ReplayOptions| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (records, summary) = pool.install(|| history.replay(options));
        let parts = summary.unwrap().parts;
        let figures: Vec<_> =
            parts.into_iter().map(|(name, part)| (name, part.exact_match, part.edit_similarity)).collect();
        (records, figures)
    };
    let alone = run(1, &options);
    assert_eq!(alone.0.len(), 3 * 12 * 6);
    for threads in [1, 3] {
        assert!(run(threads, &options) == alone, "{threads} threads");
    }
    assert!(run(1, &ReplayOptions { seed: Seed(1), ..options.clone() }).0 != alone.0, "another seed draws other lines");
}

#[test]
fn repositories_that_cannot_be_replayed() {
    let Some(history) = History::new("repositories_that_cannot_be_replayed") else { return };
    let root = history.directory.path().display().to_string();
    let mut said = String::new();
    let mut tell = |name: &str, path: &Path, end: &str| {
        let options = ReplayOptions { end: end.to_owned(), ..options() };
        let error = replay(path, &options, None, &ignore_events, |_| {}).unwrap_err();
        said += &format!("{name}: {error}\n  hint: {}\n", error.hint()).replace(&root, "<dir>");
    };
    tell("nothing", &history.directory.path().join("nowhere"), "HEAD");
    tell("a directory", history.directory.path(), "HEAD");
    tell("empty", &history.path(), "HEAD");
    history.write("notes.md", "Prose.\n");
    history.commit("first");
    tell("one commit", &history.path(), "HEAD");
    tell("no such revision", &history.path(), "nowhere");
    tell("an option", &history.path(), "--all");
    history.write("notes.md", "Prose.\nMore prose.\n");
    history.commit("second");
    tell("no code", &history.path(), "main");
    git_in(history.directory.path(), &format!("clone --quiet --depth 1 file://{root}/repository shallow"));
    tell("shallow", &history.directory.path().join("shallow"), "HEAD");
    history.write("a.rs", "fn short() {}\n");
    history.commit("third");
    history.write("a.rs", "fn short() {}\n// A comment only.\n");
    history.commit("fourth");
    let options = ReplayOptions { commits: 1, ..options() };
    let error = replay(&history.path(), &options, None, &ignore_events, |_| {}).unwrap_err();
    said += &format!("comments: {error}\n  hint: {}\n", error.hint()).replace(&root, "<dir>");
    expect![[r#"
        nothing: <dir>/nowhere does not exist
          hint: check the spelling; a relative path starts at the current directory
        a directory: <dir> is not a git repository
          hint: give a directory that `git clone` made, or one inside it
        empty: <dir>/repository has no commit to replay: none up to `HEAD` has a parent here
          hint: a replay takes a history of at least two commits; --end names another last one
        one commit: <dir>/repository has no commit to replay: none up to `HEAD` has a parent here
          hint: a replay takes a history of at least two commits; --end names another last one
        no such revision: <dir>/repository has no commit `nowhere`
          hint: give a branch, a tag or a commit that `git -C REPO log` shows
        an option: <dir>/repository has no commit `--all`
          hint: give a branch, a tag or a commit that `git -C REPO log` shows
        no code: <dir>/repository has no source code that can be replayed
          hint: give a repository of programs; files below vendor, dist and the like do not count
        shallow: <dir>/shallow has no commit to replay: none up to `HEAD` has a parent here
          hint: it is a shallow clone: run `git fetch --unshallow` in it
        comments: the replayed commits of <dir>/repository added no line of code to predict
          hint: replay more of them with --commits, or others with --end
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_clone_that_lacks_objects() {
    let Some(history) = History::with_base("a_clone_that_lacks_objects") else { return };
    for number in 0..3 {
        history.write(
            &format!("src/new_{number}.rs"),
            function("kappa", "theta").replace("read_", &format!("take_{number}_")),
        );
        history.commit("more");
    }
    let remove = |name: &str| {
        let digest = history.git(&format!("rev-parse {name}"));
        let (first, rest) = digest.trim().split_at(2);
        fs::remove_file(history.path().join(".git/objects").join(first).join(rest)).unwrap();
    };
    remove("HEAD~1:src/new_1.rs");
    remove("HEAD:src/module_2.rs");
    let (records, summary) = history.replay(&options());
    let summary = summary.unwrap();
    assert_eq!((summary.commits, summary.unreadable_commits, summary.files, summary.files_left_out), (2, 1, 3, 1));
    assert!(records.iter().all(|record| record.path != "src/new_1.rs"));
    remove("HEAD:src/new_0.rs");
    remove("HEAD:src/new_2.rs");
    let error = history.replay(&options()).1.unwrap_err();
    assert!(matches!(error, ReplayError::Unreadable { .. }), "{error}");
}

#[test]
fn a_branch_that_is_deleted_while_it_is_replayed() {
    let Some(history) = History::with_base("a_branch_that_is_deleted_while_it_is_replayed") else { return };
    for number in 0..4 {
        history.write(&format!("src/new_{number}.rs"), function("kappa", "theta"));
        history.commit("more");
    }
    let mut told = 0;
    let summary = replay(&history.path(), &options(), None, &ignore_events, |_| {
        told += 1;
        if told == 1 {
            history.git("checkout --quiet --orphan other");
            history.git("commit --quiet --message other");
            history.git("branch --quiet -D main");
            history.git("reflog expire --expire=now --all");
            history.git("gc --quiet --prune=now");
        }
    });
    let summary = summary.unwrap();
    assert_eq!((summary.commits, summary.unreadable_commits), (1, 3));
    assert_eq!(told, summary.parts.values().map(|part| part.tests).sum::<usize>() / 3);
}
