//! What the detector finds, and what it does not take for a copy.
//!
//! With evaldata and a Python interpreter, all of HumanEval is looked for in copies that Python's own `ast` module has
//! stripped, renamed and printed anew. `PRENTICE_SLOW_TESTS=1` streams the interpreter's standard library past
//! HumanEval and reports false positives and throughput.

use std::collections::HashSet;
use std::io::Read as _;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use expect_test::{Expect, expect};
use prentice_eval::contamination::{Contamination, Detector, Lexis, SplitError, TaskText, split};
use prentice_eval::statistics::TaskScore;

const PROMPT: &str = r#"from typing import List


def longest_run(values: List[int], limit: int) -> int:
    """ Return the length of the longest run of neighbours that differ by at most limit.
    >>> longest_run([1, 2, 9, 10, 11], 1)
    3
    """
"#;
const SOLUTION: &str = r#"    best = 0
    start = 0
    for index in range(len(values)):
        # A gap ends the run.
        if index > 0 and abs(values[index] - values[index - 1]) > limit:
            start = index
        best = max(best, index - start + 1)
    return best
"#;
const OTHER: &str = r#"from typing import List


def mean_of_even(numbers: List[int]) -> float:
    """ Return the mean of all even numbers in the list, or 0.0 if there are none.
    >>> mean_of_even([1, 2, 4])
    3.0
    """
    even = [number for number in numbers if number % 2 == 0]
    return sum(even) / len(even) if even else 0.0
"#;

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("not zero")
}

fn task<'a>(name: &'a str, prompt: &'a str, solution: &'a str, lexis: Lexis) -> TaskText<'a> {
    TaskText { task: name, prompt, solution, lexis }
}

fn scan(detector: &Detector, corpus: &[(&str, &str)], workers: usize) -> Vec<Contamination> {
    let documents = corpus.iter().map(|&(id, text)| Ok::<_, ()>((id.to_owned(), text.to_owned())));
    detector.scan(documents, threads(workers)).expect("the corpus can be read")
}

fn check(text: &str, expected: Expect) {
    let detector = Detector::new(&[task("longest_run", PROMPT, SOLUTION, Lexis::Python)]);
    // The copy stands in the middle of a file.
    let file = format!("import sys\n\n\ndef before(a, b):\n    return a or b\n\n\n{text}\n\nprint(before(1, 2))\n");
    let found = scan(&detector, &[("file", &file)], 1).remove(0);
    let verdict = if found.contaminated { "contaminated" } else { "clean" };
    expected.assert_eq(&format!("{verdict}: exact {:.2}, normalised {:.2}", found.exact, found.normalised));
}

#[test]
fn verbatim_copies() {
    check(&format!("{PROMPT}{SOLUTION}"), expect!["contaminated: exact 1.00, normalised 1.00"]);
}

#[test]
fn solutions_without_their_prompt() {
    check(SOLUTION, expect!["contaminated: exact 0.44, normalised 0.73"]);
}

#[test]
fn prompts_without_their_solution() {
    check(PROMPT, expect!["clean: exact 0.45, normalised 0.02"]);
}

#[test]
fn renamed_copies() {
    let mut text = format!("{PROMPT}{SOLUTION}");
    for (from, to) in
        [("longest_run", "streak"), ("values", "xs"), ("best", "record"), ("index", "i"), ("limit", "gap")]
    {
        text = text.replace(from, to);
    }
    check(&text, expect!["contaminated: exact 0.17, normalised 1.00"]);
}

#[test]
fn reformatted_copies() {
    check(
        "def longest_run(values: List[int], limit: int,) -> int:
  best = 0; start = 0
  for index in range(
      len(values),
  ):
    if (index > 0 and
        abs(values[ index ] - values[ index-1 ]) > limit):
      start = index
    best = max( best, index-start+1, )
  return best",
        expect!["contaminated: exact 0.10, normalised 1.00"],
    );
}

#[test]
fn renamed_and_reformatted_copies_without_prompt() {
    check(
        "def f(xs: List[int], d: int) -> int:
  m = 0
  s = 0
  for i in range(len(xs)):
    if i > 0 and abs(xs[i] - xs[i-1]) > d: s = i  # cut
    m = max(m, i-s+1)
  return m",
        expect!["contaminated: exact 0.00, normalised 1.00"],
    );
}

#[test]
fn unrelated_code_and_boilerplate() {
    check(OTHER, expect!["clean: exact 0.00, normalised 0.00"]);
    // What prompts of HumanEval have in common.
    check(
        "from typing import List, Tuple, Any\n\n\ndef f(values: List[int], limit: int) -> int:\n    pass",
        expect!["clean: exact 0.03, normalised 0.00"],
    );
    // The same idea, written differently.
    check(
        "def longest_run(values, limit):
    runs, run = [], []
    for value in values:
        if run and abs(run[-1] - value) > limit:
            runs.append(run)
            run = []
        run.append(value)
    return max(map(len, runs + [run]))",
        expect!["clean: exact 0.00, normalised 0.00"],
    );
}

#[test]
fn prompts_that_share_boilerplate_do_not_infect_each_other() {
    let (prompt, solution) = OTHER.split_once("    even =").expect("the solution begins so");
    let solution = format!("    even ={solution}");
    let tasks = [task("run", PROMPT, SOLUTION, Lexis::Python), task("mean", prompt, &solution, Lexis::Python)]
        .map(|text| (text.task, Detector::new(&[text])));
    let copies = [("run", format!("{PROMPT}{SOLUTION}")), ("mean", OTHER.to_owned())];
    for (name, detector) in &tasks {
        for (copy, text) in &copies {
            assert_eq!(scan(detector, &[("copy", text)], 1)[0].contaminated, name == copy, "{name} in {copy}");
        }
    }
}

#[test]
fn other_languages() {
    let prompt =
        "/* Sum of squares of the odd ones. */\n#include<vector>\nusing namespace std;\nint odd(vector<int> v){\n";
    let solution = "    int sum=0;\n    for (int i=0;i<v.size();i++)\n        if (v[i]%2==1) sum+=v[i]*v[i];\n\
                    \x20   return sum;\n}\n";
    let copy = "int f(std::vector<int> numbers)\n{\n    int total = 0; // so far\n\
                for (int k = 0; k < numbers.size(); k++)\n\
                if (numbers[k] % 2 == 1)\n  total += numbers[k] * numbers[k];\n    return total;\n}\n";
    let detector =
        Detector::new(&[task("odd", prompt, solution, Lexis::C), task("run", PROMPT, SOLUTION, Lexis::Python)]);
    let found = scan(&detector, &[("copy", copy)], 1);
    assert!(found[0].contaminated && found[0].exact == 0.0, "{found:?}");
    assert!(!found[1].contaminated, "{found:?}");
}

#[test]
fn results_do_not_depend_on_threads() {
    let (prompt, solution) = OTHER.split_once("    even =").expect("the solution begins so");
    let solution = format!("    even ={solution}");
    let detector = Detector::new(&[
        task("run", PROMPT, SOLUTION, Lexis::Python),
        task("mean", prompt, &solution, Lexis::Python),
        task("short", "", "return 1", Lexis::Python),
    ]);
    let copy = format!("{PROMPT}{SOLUTION}");
    let texts = ["import os\n", copy.as_str(), OTHER, SOLUTION, "x = 1\n", ""];
    let names: Vec<String> = (0..300).map(|number| format!("file{number}")).collect();
    let corpus: Vec<(&str, &str)> =
        names.iter().enumerate().map(|(number, name)| (name.as_str(), texts[number % texts.len()])).collect();
    let single = scan(&detector, &corpus, 1);
    for workers in [2, 7] {
        assert_eq!(scan(&detector, &corpus, workers), single);
    }
    assert_eq!(single[0].documents, ["file1", "file3", "file7", "file9", "file13"]);
    assert_eq!(single[1].documents, ["file2", "file8", "file14", "file20", "file26"]);
    let short =
        Contamination { task: "short".into(), exact: 0.0, normalised: 0.0, contaminated: false, documents: vec![] };
    assert_eq!(single[2], short);
}

#[test]
fn a_corpus_that_cannot_be_read_is_an_error() {
    let detector = Detector::new(&[task("run", PROMPT, SOLUTION, Lexis::Python)]);
    let corpus = (0..1_000_000).map(|number| match number {
        500 => Err("shard 3 is truncated"),
        // Reading on after an error would be noticed.
        501.. => panic!("the corpus was read beyond its error"),
        _ => Ok((number.to_string(), SOLUTION.to_owned())),
    });
    assert_eq!(detector.scan(corpus, threads(3)), Err("shard 3 is truncated"));
}

#[test]
fn scores_are_split() {
    let score = |task: &str| TaskScore { task: task.into(), cluster: task.into(), attempts: 1, passed: 1 };
    let found = |task: &str, contaminated| Contamination {
        task: task.into(),
        exact: 0.0,
        normalised: 0.0,
        contaminated,
        documents: vec![],
    };
    let contamination = [found("a", true), found("b", false), found("c", true)];
    let scores = [score("c"), score("b"), score("a")];
    assert_eq!(split(&scores, &contamination), Ok((vec![score("b")], vec![score("c"), score("a")])));
    let error = split(&[score("d")], &contamination).expect_err("not checked");
    assert_eq!(error, SplitError::Unchecked { task: "d".into() });
    expect!["task `d` has a score, but was not checked for contamination; check the suite that was scored"]
        .assert_eq(&error.to_string());
}

/// (name, prompt, solution) of HumanEval's tasks; none where the data are not on this machine.
fn humaneval() -> Option<Vec<(String, String, String)>> {
    let root = std::env::var_os("PRENTICE_EVALDATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata"), PathBuf::from);
    let Ok(file) = std::fs::File::open(root.join("humaneval/data/HumanEval.jsonl.gz")) else {
        eprintln!("skipped: no HumanEval data under {}", root.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("HumanEval can be unpacked");
    let tasks = text.lines().map(|line| {
        let task: serde_json::Value = serde_json::from_str(line).expect("HumanEval is JSON");
        let field = |name: &str| task[name].as_str().expect("a string").to_owned();
        (field("task_id"), field("prompt"), field("canonical_solution"))
    });
    Some(tasks.collect())
}

fn detector_of(tasks: &[(String, String, String)]) -> Detector {
    Detector::new(
        &tasks.iter().map(|(name, prompt, solution)| task(name, prompt, solution, Lexis::Python)).collect::<Vec<_>>(),
    )
}

/// Runs a Python program on an input; none where there is no interpreter.
fn python(program: &str, input: &str) -> Option<String> {
    let started =
        Command::new("python3").args(["-I", "-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: no python3 on this machine");
        return None;
    };
    // Taken, and so closed: the program reads to the end.
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("python3 reads");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "python3 failed");
    Some(String::from_utf8(output.stdout).expect("python3 prints UTF-8"))
}

/// Drops docstrings and comments, renames every variable, argument and function, and prints the program anew.
const REWRITE: &str = r#"
import ast, json, sys
for program in json.load(sys.stdin):
    tree = ast.parse(program)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names[node.name] = f"function_{len(names)}"
            if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant) and node.body[1:]:
                del node.body[0]
        elif isinstance(node, ast.arg):
            names.setdefault(node.arg, f"argument_{len(names)}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"variable_{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.name = names[node.name]
        elif isinstance(node, ast.arg):
            node.arg = names[node.arg]
        elif isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    print(json.dumps(ast.unparse(tree)))
"#;

#[test]
fn humaneval_is_found_in_rewritten_copies() {
    let Some(tasks) = humaneval() else { return };
    let programs: Vec<String> = tasks.iter().map(|(_, prompt, solution)| format!("{prompt}{solution}")).collect();
    let Some(rewritten) = python(REWRITE, &serde_json::to_string(&programs).expect("serialises")) else { return };
    let rewritten: Vec<String> =
        rewritten.lines().map(|line| serde_json::from_str(line).expect("one string a line")).collect();
    assert_eq!(rewritten.len(), tasks.len());

    let detector = detector_of(&tasks);
    let check = |texts: &[String], expected: Expect| {
        let names = tasks.iter().map(|(name, _, _)| name.as_str());
        let corpus: Vec<(&str, &str)> = names.zip(texts.iter().map(String::as_str)).collect();
        let (mut missed, mut elsewhere) = (Vec::new(), Vec::new());
        for found in scan(&detector, &corpus, 2) {
            let number = |name: &str| name.trim_start_matches("HumanEval/").to_owned();
            if !found.documents.contains(&found.task) {
                missed.push(number(&found.task));
            }
            let others = found.documents.iter().filter(|other| **other != found.task);
            elsewhere.extend(others.map(|other| format!("{} in {}", number(&found.task), number(other))));
        }
        let counts = format!("found {}, missed {}", tasks.len() - missed.len(), missed.len());
        expected.assert_eq(&format!("{counts}: {}.\nelsewhere: {}", missed.join(" "), elsewhere.join(", ")));
    };
    // Those found in other tasks share their solution, or its helper function.
    check(
        &programs,
        expect![[r#"
            found 164, missed 0: .
            elsewhere: 7 in 29, 29 in 7, 31 in 59, 108 in 145, 145 in 108"#]],
    );
    // The missed ones are shorter than a window, or hardly longer.
    check(
        &rewritten,
        expect![[r#"
            found 150, missed 14: 2 23 27 34 41 45 60 66 70 77 91 112 115 160.
            elsewhere: 7 in 29, 29 in 7, 31 in 59, 108 in 145, 145 in 108"#]],
    );
}

#[test]
fn the_standard_library_does_not_hold_humaneval() {
    if std::env::var_os("PRENTICE_SLOW_TESTS").is_none() {
        eprintln!("skipped: set PRENTICE_SLOW_TESTS=1 to search Python's standard library for HumanEval");
        return;
    }
    let Some(tasks) = humaneval() else { return };
    let Some(library) = python("import sysconfig; print(sysconfig.get_paths()['stdlib'])", "") else { return };
    let mut files = HashSet::new();
    let mut folders = vec![PathBuf::from(library.trim())];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a known kind"));
            if kind.is_dir() && entry.file_name() != "site-packages" {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "py") {
                files.insert(path);
            }
        }
    }
    let mut corpus: Vec<(String, String)> = files
        .into_iter()
        .filter_map(|path| Some((path.display().to_string(), std::fs::read_to_string(&path).ok()?)))
        .collect();
    corpus.sort();
    let (files, bytes) = (corpus.len(), corpus.iter().map(|(_, text)| text.len()).sum::<usize>());

    let detector = detector_of(&tasks);
    let started = Instant::now();
    let found = detector.scan(corpus.into_iter().map(Ok::<_, ()>), threads(1)).expect("in memory");
    let speed = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    let largest = |share: fn(&Contamination) -> f64| found.iter().map(share).fold(0.0, f64::max);
    let false_positives: Vec<_> = found.iter().filter(|found| found.contaminated).collect();
    eprintln!(
        "{files} files, {:.1} MB at {speed:.1} MB/s on one thread; {} of {} tasks called contaminated; largest shares \
         exact {:.3}, normalised {:.3}",
        bytes as f64 / 1e6,
        false_positives.len(),
        found.len(),
        largest(|found| found.exact),
        largest(|found| found.normalised),
    );
    assert!(false_positives.is_empty(), "{false_positives:?}");
}
