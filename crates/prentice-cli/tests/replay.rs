//! `prentice eval replay` on a small history that is made with the program `git`.

mod common;

use std::{fs, process::Command};

use common::{Sandbox, source};
use expect_test::expect;
use serde_json::Value;

/// `git` in a directory of the sandbox, knowing nothing of this machine's user; `None`, said loudly, where it is missing.
fn git(sandbox: &Sandbox, directory: &str, arguments: &str) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(sandbox.path(directory)).args(["-c", "user.name=A", "-c", "user.email=a@example.org"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR");
    command.env("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z").env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z");
    let Ok(output) = command.args(arguments.split_whitespace()).output() else {
        eprintln!("SKIPPED: there is no git in PATH");
        return None;
    };
    assert!(output.status.success(), "git {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn commit(sandbox: &Sandbox, message: &str) -> Option<()> {
    git(sandbox, "project", "add --all")?;
    git(sandbox, "project", &format!("commit --quiet --allow-empty --message {message}"))?;
    Some(())
}

/// `project` with three modules, then a commit that adds one and another one that goes on with it.
fn project(sandbox: &Sandbox) -> Option<()> {
    sandbox.tree("project", 3);
    git(sandbox, "project", "init --quiet --initial-branch=main")?;
    commit(sandbox, "base")?;
    sandbox.write("project/module_3.py", source(3));
    commit(sandbox, "new")?;
    sandbox
        .write("project/module_3.py", source(3) + "\ndef last_of_all(values):\n    return math.floor(len(values))\n");
    commit(sandbox, "edited")
}

/// The records without their times.
fn records(sandbox: &Sandbox, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(sandbox.path(name)).unwrap();
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        assert!(record.as_object_mut().unwrap().remove("milliseconds").unwrap().as_f64().unwrap() >= 0.0);
        record
    };
    text.lines().map(record).collect()
}

#[test]
fn a_history_is_replayed() {
    let sandbox = Sandbox::new();
    if project(&sandbox).is_none() {
        return;
    }
    let run = "eval replay project --commits 2 --lines-per-commit 8";
    let summary = sandbox.summary(&format!("{run} --records records.jsonl"));
    // Eight lines of the first commit, two of the second one.
    for (key, expected) in [("commits", 2), ("tests", 10), ("unreadable_commits", 0), ("files", 3)] {
        assert_eq!(summary[key], expected, "{key}");
    }
    assert_eq!(summary["headline"], "mid-line");
    let part = &summary["parts"]["mid-line"];
    assert_eq!(summary["exact_match"], part["exact_match"]["mean"]);
    assert_eq!(summary["edit_similarity"], part["edit_similarity"]["mean"]);
    assert!(summary["edit_similarity"].as_f64().unwrap() > 10.0, "nearly all of it stood there before: {summary}");
    for key in ["latency_p50_ms", "latency_p95_ms"] {
        assert!(summary[key].as_f64().unwrap() > 0.0, "{key}");
    }
    let parts: Vec<&str> = summary["parts"].as_object().unwrap().keys().map(String::as_str).collect();
    for mode in ["next-line", "mid-line", "fim", "fim/suffix", "mid-line/suffix/novel", "next-line/edited-file"] {
        assert!(parts.contains(&mode), "{parts:?}");
    }
    let first = records(&sandbox, "records.jsonl");
    assert_eq!(first.len(), 10 * 3 * 2);
    let keys: Vec<&str> = first[0].as_object().unwrap().keys().map(String::as_str).collect();
    expect![
        "commit path line mode suffix new_file recurring before after truth predicted confidence in_beam copy_nearest frequent"
    ]
    .assert_eq(&keys.join(" "));
    // The number of threads decides nothing; the seed does.
    sandbox.summary(&format!("{run} --threads 1 --records alone.jsonl"));
    assert_eq!(records(&sandbox, "alone.jsonl"), first);
    sandbox.summary(&format!("{run} --seed 1 --records other.jsonl"));
    assert_ne!(records(&sandbox, "other.jsonl"), first);

    // Another end, other modes; from below the root of the work tree.
    fs::create_dir(sandbox.path("project/below")).unwrap();
    let summary = sandbox.summary("eval replay project/below --end HEAD~1 --mode fim --mode next-line");
    assert_eq!((&summary["headline"], &summary["commits"]), (&Value::from("next-line"), &Value::from(1)));
    assert!(summary["parts"]["mid-line"].is_null() && !summary["parts"]["fim"].is_null(), "{summary}");

    // For people: a row for each question, whatever the figures are.
    let text = sandbox.outcome(&mut sandbox.prentice(&format!("{run} --quiet")));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("replayed 2 commits up to ") && lines[0].contains("an index of 3 files, "), "{text}");
    let names: Vec<&str> = lines.iter().filter_map(|line| line.split("  ").next()).collect();
    for mode in ["next-line", "next-line + suffix", "mid-line", "mid-line + suffix", "fim", "fim + suffix"] {
        assert_eq!(names.iter().filter(|name| **name == mode).count(), 2, "{text}");
    }
    let events = sandbox.outcome(&mut sandbox.prentice(&format!("{run} --json")));
    assert!(
        events.contains(r#"{"event":"progress","stage":"replay","done":2,"total":2,"unit":"commits"}"#),
        "{events}"
    );
}

#[test]
fn histories_that_cannot_be_replayed() {
    let sandbox = Sandbox::new();
    if project(&sandbox).is_none() {
        return;
    }
    sandbox.tree("plain", 1);
    fs::create_dir(sandbox.path("prose")).unwrap();
    git(&sandbox, "prose", "init --quiet");
    sandbox.write("project/notes.md", "Prose.\n");
    commit(&sandbox, "prose");
    let url = format!("file://{}", sandbox.path("project").display());
    git(&sandbox, "plain", &format!("clone --quiet --depth 1 {url} shallow"));
    let mut outcomes = String::new();
    for arguments in [
        "eval replay plain",
        "eval replay prose",
        "eval replay plain/shallow",
        "eval replay project --end nowhere",
        "eval replay project --end HEAD~3",
        "eval replay project --commits 1",
    ] {
        let outcome = sandbox.outcome(&mut sandbox.prentice(&format!("{arguments} --quiet")));
        outcomes += &format!("$ prentice {arguments}\n{outcome}\n");
    }
    expect![[r#"
        $ prentice eval replay plain
        error: plain is not a git repository
        hint: give a directory that `git clone` made, or one inside it
        exit code 2

        $ prentice eval replay prose
        error: prose has no commit to replay: none up to `HEAD` has a parent here
        hint: a replay takes a history of at least two commits; --end names another last one
        exit code 2

        $ prentice eval replay plain/shallow
        error: plain/shallow has no commit to replay: none up to `HEAD` has a parent here
        hint: it is a shallow clone: run `git fetch --unshallow` in it
        exit code 2

        $ prentice eval replay project --end nowhere
        error: project has no commit `nowhere`
        hint: give a branch, a tag or a commit that `git -C REPO log` shows
        exit code 2

        $ prentice eval replay project --end HEAD~3
        error: project has no commit to replay: none up to `HEAD~3` has a parent here
        hint: a replay takes a history of at least two commits; --end names another last one
        exit code 2

        $ prentice eval replay project --commits 1
        error: the replayed commits of project added no line of code to predict
        hint: replay more of them with --commits, or others with --end
        exit code 1

    "#]]
    .assert_eq(&outcomes);
}
