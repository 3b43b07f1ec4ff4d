//! `prentice cite`: spans of files and patches are found where they stand, with licence and commit, and a policy refuses.

mod common;

use std::process::Command;

use common::Sandbox;
use expect_test::expect;
use serde_json::{Value, json};

const AREA: &str = "\
def area(width, height):
    \"\"\"Area of a rectangle.\"\"\"
    return width * height


def perimeter(width, height):
    return 2 * (width + height)
";

const MEDIAN: &str = "\
# SPDX-License-Identifier: GPL-3.0-or-later


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle]
";

/// Words of both, moved and indented, and words of nobody.
const NEW: &str = "\
class Shape:
    def area(width, height):
        \"\"\"Area of a rectangle.\"\"\"
        return width * height

    def novel(self):
        ordered = sorted(values)
        middle = len(ordered) // 2
        return middle
";

/// A git repository under the MIT licence, and a directory with a file under the GPL.
fn trees() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("library/pyproject.toml", "[project]\nname = \"shapes\"\nversion = \"1.0\"\nlicense = \"MIT\"\n");
    sandbox.write("library/src/area.py", AREA);
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "."]);
    git(&sandbox, &["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first"]);
    sandbox.write("copyleft/median.py", MEDIAN);
    sandbox.write("new.py", NEW);
    sandbox
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(sandbox.path("library")).args(arguments);
    // What the user's own settings say must not decide a test.
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_file_is_cited_with_licence_and_commit_and_a_policy_refuses() {
    let sandbox = trees();
    let mut outcomes = String::new();
    for arguments in [
        "cite new.py --in library --in copyleft",
        "cite new.py --in library --in copyleft --policy no-copyleft",
        "cite new.py --in ./library/ --policy permissive",
        "cite new.py --in library --least 40",
    ] {
        outcomes += &format!("$ prentice {arguments}\n{}\n", sandbox.outcome(&mut sandbox.prentice(arguments)));
    }
    expect![[r#"
        $ prentice cite new.py --in library --in copyleft
        Lines  Stand in                 Licence           Commit        Tokens  Text
        ─────  ───────────────────────  ────────────────  ────────────  ──────  ─────────────────────────────────────────────────
        2-6    library/src/area.py:1-6  MIT               <digest>      20  def area(width, height): """Area of a rectangle.…
        6-9    copyleft/median.py:4-7   GPL-3.0-or-later  –                 17  ): ordered = sorted(values) middle = len(ordered…
        2 spans found in 3 files
        exit code 0

        $ prentice cite new.py --in library --in copyleft --policy no-copyleft
        Lines  Stand in                 Licence                     Commit        Tokens  Text
        ─────  ───────────────────────  ──────────────────────────  ────────────  ──────  ─────────────────────────────────────────────────
        2-6    library/src/area.py:1-6  MIT                         <digest>      20  def area(width, height): """Area of a rectangle.…
        6-9    copyleft/median.py:4-7   GPL-3.0-or-later (refused)  –                 17  ): ordered = sorted(values) middle = len(ordered…
        2 spans found in 3 files
        error: the policy refuses 1 of 2 spans
        hint: write these lines yourself, or ask whoever holds the rights; `--policy any` only reports
        exit code 1

        $ prentice cite new.py --in ./library/ --policy permissive
        Lines  Stand in                 Licence  Commit        Tokens  Text
        ─────  ───────────────────────  ───────  ────────────  ──────  ─────────────────────────────────────────────────
        2-6    library/src/area.py:1-6  MIT      <digest>      20  def area(width, height): """Area of a rectangle.…
        1 span found in 2 files
        exit code 0

        $ prentice cite new.py --in library --least 40
        0 spans found in 2 files
        exit code 0

    "#]].assert_eq(&outcomes);
}

/// Every citation of a summary, read again where it points to.
fn verify(sandbox: &Sandbox, text: &str, summary: &Value) -> usize {
    let lines_of = |text: &str, first: &Value, last: &Value| -> String {
        let (first, last) = (first.as_u64().unwrap() as usize, last.as_u64().unwrap() as usize);
        text.lines().skip(first - 1).take(last + 1 - first).map(|line| line.trim_start_matches('+').trim()).collect()
    };
    let spans = summary["spans"].as_array().unwrap();
    for span in spans {
        let cited = std::fs::read_to_string(sandbox.path(span["path"].as_str().unwrap())).unwrap();
        let words: String = span["text"].as_str().unwrap().lines().map(str::trim).collect();
        assert!(lines_of(&cited, &span["cited_line"], &span["cited_last_line"]).contains(&words), "{span:#}");
        assert!(lines_of(text, &span["line"], &span["last_line"]).contains(&words), "{span:#}");
    }
    spans.len()
}

#[test]
fn what_is_cited_stands_there_and_a_commit_is_named_only_for_what_it_has() {
    let sandbox = trees();
    let summary = sandbox.summary("cite new.py --in library --in copyleft");
    assert_eq!(verify(&sandbox, NEW, &summary), 2);
    assert_eq!(summary["spans"][0]["commit"], git(&sandbox, &["rev-parse", "HEAD"]));
    assert_eq!(summary["spans"][1]["commit"], Value::Null);

    sandbox.write("library/src/area.py", format!("\n\n{AREA}"));
    let summary = sandbox.summary("cite new.py --in library");
    assert_eq!(verify(&sandbox, NEW, &summary), 1);
    assert_eq!(summary["spans"][0]["cited_line"], 3);
    assert_eq!(summary["spans"][0]["commit"], Value::Null);

    // A file is not cited to itself, but to its copy.
    let count = |arguments: &str| sandbox.summary(arguments)["spans"].as_array().unwrap().len();
    assert_eq!(count("cite library/src/area.py --in library"), 0);
    sandbox.write("library/src/copy.py", AREA);
    assert_eq!(count("cite library/src/area.py --in library"), 1);
}

#[test]
fn a_corpus_is_cited_as_its_trees_were() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 6);
    sandbox.write("tree/pyproject.toml", "[project]\nname = \"shapes\"\nversion = \"1.0\"\nlicense = \"MIT\"\n");
    sandbox.write("new.py", common::source(3));
    sandbox.summary("corpus build tree --held-out 0.5 --out corpus");
    let from_tree = sandbox.summary("cite new.py --in tree");
    let from_corpus = sandbox.summary("cite new.py --in corpus");
    let cited = |summary: &Value| -> Vec<Value> {
        let spans = summary["spans"].as_array().unwrap().iter();
        spans.map(|span| json!([span["text"], span["cited_line"], span["licence"], span["commit"]])).collect()
    };
    assert_eq!(cited(&from_corpus), cited(&from_tree));
    assert!(!cited(&from_corpus).is_empty());
}

#[test]
fn of_a_patch_the_added_lines_are_cited_wherever_they_do_not_stand_already() {
    let sandbox = trees();
    let body: String = NEW.lines().map(|line| format!("+{line}\n")).collect();
    let lines = NEW.lines().count();
    let patch = format!(
        "--- a/src/area.py\n+++ b/src/area.py\n@@ -1 +1 @@\n-def area(width, height):\n+def surface(width, height):\n\
         --- /dev/null\n+++ b/src/new.py\n@@ -0,0 +1,{lines} @@\n{body}"
    );
    sandbox.write("change.patch", &patch);
    let summary = sandbox.summary("cite change.patch --in library --in copyleft");
    assert_eq!(verify(&sandbox, &patch, &summary), 2);
    assert_eq!(summary["spans"][0]["line"], 10);
    // Applied, it is the same.
    sandbox.write("library/src/new.py", NEW);
    assert_eq!(sandbox.summary("cite change.patch --in library --in copyleft")["spans"], summary["spans"]);

    expect![[r#"
        Lines  Stand in         Licence  Commit        Tokens  Text
        ─────  ───────────────  ───────  ────────────  ──────  ─────────────────────────────────────────────────
        10-14  src/area.py:1-6  MIT      <digest>      20  def area(width, height): """Area of a rectangle.…
        1 span found in 3 files
        exit code 0
    "#]]
    .assert_eq(
        &sandbox.outcome(&mut sandbox.shell("cd library; exec < ../change.patch", "cite - --policy permissive")),
    );
}
