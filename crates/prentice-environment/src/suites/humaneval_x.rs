//! HumanEval-X: HumanEval in six languages (Zheng et al. 2023, arXiv 2303.17568; `THUDM/CodeGeeX`).
//!
//! What upstream's evaluator (`codegeex/benchmark/humaneval-x/evaluate_humaneval_x.py`) runs, and what a task holds:
//!
//! | Language | Upstream runs | Prefix | Check |
//! |---|---|---|---|
//! | Python | imports, `prompt + completion`, line feed, `test` | `prompt` | `test`, which calls `check` itself |
//! | C++ | missing `#include`s, `prompt + completion`, line feed, `test` (has `main`) | `prompt` | `test` |
//! | Java | `prompt + completion`, line feed, `test` (has `class Main`) | `prompt` | `test` |
//! | JavaScript | the same; passes if nothing is printed: `console.assert` only prints | `prompt` | `test` |
//! | Go | `test_setup`, imports, `prompt` without its own, completion, `test` | `prompt` | `test_setup`, `test` |
//! | Rust | `fn main`, `declaration + prompt + completion + test` | `fn main`, `declaration + prompt` | `test` |
//!
//! Quirks that stay as published:
//! * In Rust `declaration` ends with the function's opening brace and `prompt` is only the documentation, which so
//!   stands in the body. The declarations use the crates `rand` 0.4, `regex` 1 and `md5` 0.7 whether needed or not.
//! * The test of Rust/32 is commented out: whatever compiles, passes.
//! * Go tests may use packages that only the prompt imports (`math` in Go/2), so that both must be one file. Upstream
//!   drops the prompt's imports and adds those of `math strings fmt strconv time bytes regexp sort math/rand
//!   crypto/md5` that the completion mentions and `test_setup` lacks.
//! * Imports that upstream puts before a program, and that its solutions do not need. Python: `math re sys copy
//!   datetime itertools collections heapq statistics functools hashlib numpy string`, `numpy as np`, all of `typing`
//!   and of `collections`. C++: `stdlib.h algorithm math.h stdio.h vector string climits cstring iostream`, where the
//!   prompt lacks them; `g++ -std=c++11`, with `-lcrypto -lssl` for CPP/162.
//! * In Python upstream cuts a completion at its first line that is not indented. Here it runs as it is.
//!
//! The data names no entry points. A task's is the last function, declared in prefix or reference, that the test calls.
//!
//! Upstream allows 500 s of wall time, compilation included. Here running has 10 CPU-seconds.

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind};
use serde::Deserialize;

use super::{Reader, SuiteError, test};
use crate::data::DataSet;

/// A language of HumanEval-X and HumanEvalPack.
#[derive(Debug)]
pub(super) struct Language {
    /// Name as Linguist spells it.
    pub(super) name: &'static str,
    /// In suite names.
    pub(super) slug: &'static str,
    /// In upstream's file names.
    pub(super) stem: &'static str,
    /// The function or method that a line of a program declares.
    declared: fn(&str) -> Option<&str>,
}

/// Python first, as upstream lists them.
pub(super) static LANGUAGES: [Language; 6] = [
    Language { name: "Python", slug: "python", stem: "python", declared: |line| word(line.strip_prefix("def ")?) },
    Language { name: "C++", slug: "cpp", stem: "cpp", declared: declared_in_cpp },
    Language { name: "Go", slug: "go", stem: "go", declared: |line| word(line.strip_prefix("func ")?) },
    Language {
        name: "Java",
        slug: "java",
        stem: "java",
        declared: |line| before_parenthesis(line.strip_prefix("    public ")?),
    },
    Language {
        name: "JavaScript",
        slug: "javascript",
        stem: "js",
        declared: |line| word(line.strip_prefix("const ")?),
    },
    Language { name: "Rust", slug: "rust", stem: "rust", declared: declared_in_rust },
];

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    canonical_solution: String,
    declaration: String,
    test: String,
    test_setup: Option<String>,
}

pub(super) fn read(
    reader: &mut Reader,
    set: &DataSet,
    language: &Language,
    tasks: &mut Vec<Task>,
) -> Result<(), SuiteError> {
    reader.rows(set, &format!("humaneval_{}.jsonl.gz", language.stem), |row: Row| {
        let prefix = match language.name {
            "Rust" => format!("\nfn main(){{ \n }} \n{}{}", row.declaration, row.prompt),
            _ => row.prompt,
        };
        tasks.push(Task {
            source: source(&row.task_id),
            id: row.task_id,
            kind: TaskKind::Synthesis,
            instruction: String::new(),
            entry_point: entry_point(language, &prefix, &row.canonical_solution, &row.test),
            reference: Some(row.canonical_solution),
            snapshot: Snapshot::Program(Program { language: language.name.to_owned(), prefix, suffix: String::new() }),
            visible_tests: Vec::new(),
            hidden_tests: test(Check::Program { program: program(row.test_setup.as_deref(), row.test) }),
            limits: limits(),
        });
    })
}

/// `HumanEval/0` of `Rust/0`.
pub(super) fn source(id: &str) -> Option<String> {
    Some(format!("HumanEval/{}", id.split_once('/')?.1))
}

/// The test program; in Go it opens with the package clause and imports.
pub(super) fn program(setup: Option<&str>, test: String) -> String {
    match setup {
        Some(setup) => format!("{setup}\n{test}"),
        None => test,
    }
}

/// Ten CPU-seconds, and threads enough for the runtimes of Java, Go and node.
pub(super) fn limits() -> Limits {
    Limits { cpu_seconds: 10.0, wall_seconds: 60.0, memory_bytes: 4 << 30, processes: 128, ..Limits::default() }
}

/// The last function, declared in `prefix` or `reference`, that the test calls; empty where there is none.
pub(super) fn entry_point(language: &Language, prefix: &str, reference: &str, test: &str) -> String {
    let program = format!("{prefix}{reference}");
    let declared = program.lines().rev().filter_map(language.declared);
    declared.into_iter().find(|name| calls(test, name)).unwrap_or_default().to_owned()
}

/// Whether `name` stands in `text` as a whole word before a parenthesis.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name)
        .any(|(start, _)| !text[..start].ends_with(is_word) && text[start + name.len()..].trim_start().starts_with('('))
}

fn declared_in_rust(line: &str) -> Option<&str> {
    let line = line.trim_start();
    word(line.strip_prefix("pub ").unwrap_or(line).strip_prefix("fn ")?)
}

fn declared_in_cpp(line: &str) -> Option<&str> {
    let name = before_parenthesis(line)?;
    // A type stands before the name, at the beginning of the line.
    let is_declaration =
        line.starts_with(is_word) && !line.starts_with(name) && !["if", "for", "while"].contains(&name);
    is_declaration.then_some(name)
}

/// The identifier at the beginning of `text`.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// The identifier right before the first parenthesis of `line`.
fn before_parenthesis(line: &str) -> Option<&str> {
    let head = line.split_once('(')?.0.trim_end();
    let start = head.rfind(|c| !is_word(c)).map_or(0, |at| at + head[at..].chars().next().map_or(0, char::len_utf8));
    (start < head.len()).then(|| &head[start..])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
