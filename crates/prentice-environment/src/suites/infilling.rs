//! HumanEval-Infilling: holes in HumanEval's solutions (Bavarian et al. 2022, arXiv 2207.14255;
//! `openai/human-eval-infilling`).
//!
//! Upstream executes `prompt + completion + suffix + "\n" + test + "\n" + check(entry_point)`. The published prompts
//! differ from HumanEval's in white space. `light` has one random span of each task instead of ten.

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind};
use serde::Deserialize;

use super::{Reader, SuiteError, humaneval, test};
use crate::data::DataSet;

/// One of the published files.
pub(super) struct Variant {
    /// In suite names.
    pub(super) slug: &'static str,
    /// What the holes are.
    pub(super) description: &'static str,
    file: &'static str,
}

pub(super) static VARIANTS: [Variant; 4] = [
    Variant { slug: "single-line", description: "one line", file: "data/HumanEval-SingleLineInfilling.jsonl.gz" },
    Variant {
        slug: "multi-line",
        description: "one line or several",
        file: "data/HumanEval-MultiLineInfilling.jsonl.gz",
    },
    Variant {
        slug: "random-span",
        description: "ten random spans of each",
        file: "data/HumanEval-RandomSpanInfilling.jsonl.gz",
    },
    Variant {
        slug: "random-span-light",
        description: "a random span of each",
        file: "data/HumanEval-RandomSpanInfillingLight.jsonl.gz",
    },
];

#[derive(Deserialize)]
struct Row {
    task_id: String,
    entry_point: String,
    prompt: String,
    suffix: String,
    canonical_solution: String,
    test: String,
}

pub(super) fn read(
    reader: &mut Reader,
    set: &DataSet,
    variant: &Variant,
    tasks: &mut Vec<Task>,
) -> Result<(), SuiteError> {
    reader.rows(set, variant.file, |row: Row| {
        tasks.push(Task {
            source: source(&row.task_id),
            id: row.task_id,
            kind: TaskKind::Infilling,
            snapshot: Snapshot::Program(Program {
                language: "Python".to_owned(),
                prefix: row.prompt,
                suffix: row.suffix,
            }),
            instruction: String::new(),
            reference: Some(row.canonical_solution),
            visible_tests: Vec::new(),
            hidden_tests: test(Check::Program { program: humaneval::program(&row.test, &row.entry_point) }),
            entry_point: row.entry_point,
            limits: Limits::default(),
        });
    })
}

/// `HumanEval/0` of `SingleLineInfilling/HumanEval/0/L2`.
fn source(id: &str) -> Option<String> {
    let mut parts = id.split('/').skip(1);
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}
