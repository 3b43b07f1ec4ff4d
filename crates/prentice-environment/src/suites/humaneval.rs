//! HumanEval: 164 Python functions (Chen et al. 2021, arXiv 2107.03374; `openai/human-eval`).
//!
//! Upstream executes `prompt + completion + "\n" + test + "\n" + check(entry_point)` in one process for at most three
//! seconds of wall time. Here the test program, with that last line, is the check; the verifier decides where it runs.
//! The three seconds are CPU time, see [`Limits`].

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind};
use serde::Deserialize;

use super::{Reader, SuiteError, test};
use crate::data::DataSet;

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    entry_point: String,
    canonical_solution: String,
    test: String,
}

pub(super) fn read(reader: &mut Reader, set: &DataSet, tasks: &mut Vec<Task>) -> Result<(), SuiteError> {
    reader.rows(set, "data/HumanEval.jsonl.gz", |row: Row| {
        tasks.push(Task {
            id: row.task_id,
            kind: TaskKind::Synthesis,
            snapshot: Snapshot::Program(Program {
                language: "Python".to_owned(),
                prefix: row.prompt,
                suffix: String::new(),
            }),
            instruction: String::new(),
            reference: Some(row.canonical_solution),
            source: None,
            visible_tests: Vec::new(),
            hidden_tests: test(Check::Program { program: program(&row.test, &row.entry_point) }),
            entry_point: row.entry_point,
            limits: Limits::default(),
        });
    })
}

/// The whole test program: HumanEval publishes a function `check(candidate)` and leaves the call to the evaluator.
pub(super) fn program(test: &str, entry_point: &str) -> String {
    format!("{test}\ncheck({entry_point})\n")
}
