//! HumanEval+: HumanEval with some 750 inputs to each task (Liu et al. 2023, arXiv 2305.01210; release v0.1.10).
//!
//! Each task has two hidden tests, `base` (HumanEval's own inputs) and `plus`; a solution passes when both do.
//! `base` alone gives evalplus's base score.
//!
//! # What the verifier must do
//! As evalplus 0.3.1 does (`evalplus/eval/__init__.py`, `unsafe_execute`), for each test on its own:
//! 1. The expected values come from the reference, `prefix + reference`, called with a deep copy of each input.
//! 2. `out == expected` passes.
//! 3. Otherwise, with a tolerance other than 0, the values pass if `type(out) == type(expected)`, if lists and tuples
//!    are of one length, and if `numpy.allclose(out, expected, rtol=1e-7, atol=tolerance)`:
//!    `|out - expected| <= tolerance + 1e-7 * |expected|` in every element.
//! 4. The tolerance is the task's; where that is 0, the first expected value that is a float, or a non-empty list or
//!    tuple of nothing but floats, sets it to 1e-6 **for this and all later inputs of the test**.
//! 5. Any exception, of the function or of the comparison, fails the test.
//!
//! `find_zero` (HumanEval/32) has many right answers. evalplus evaluates the polynomial at the answer instead; so does
//! the task's check here, which is a test program rather than a reference. evalplus 0.3.1 itself fails every solution
//! of this task, the published one included: its special case skips the line that counts an input as passed. This is
//! the one deliberate difference in verdicts.
//!
//! Inputs are kept as the JSON text of each argument list, in a [`Value::String`]: 2,300 of their integers exceed 64
//! bits, which a parsed number does not hold. Expected values can be large: the reference's answers to `plus` of
//! HumanEval/15 and HumanEval/130 take 147 and 124 MB as text.
//!
//! Time: evalplus allows each input `max(1, 4 t)` seconds of wall time, where the reference took `t`, and a test 60
//! seconds. Here a test has 20 CPU-seconds; the slowest reference (HumanEval/139) takes 3.7.

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind, TestCase};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Reader, SuiteError};
use crate::data::DataSet;

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    entry_point: String,
    canonical_solution: String,
    base_input: Vec<Box<RawValue>>,
    plus_input: Vec<Box<RawValue>>,
    atol: f64,
}

pub(super) fn read(reader: &mut Reader, set: &DataSet, tasks: &mut Vec<Task>) -> Result<(), SuiteError> {
    reader.rows(set, "HumanEvalPlus.jsonl.gz", |row: Row| {
        let test = |name: &str, inputs: Vec<Box<RawValue>>| {
            let check = if row.entry_point == "find_zero" {
                Check::Program { program: zero_program(&inputs, row.atol) }
            } else {
                let inputs = inputs.into_iter().map(|input| Value::String(Box::<str>::from(input).into())).collect();
                Check::Reference { inputs, tolerance: row.atol }
            };
            TestCase { name: name.to_owned(), check }
        };
        tasks.push(Task {
            source: Some(row.task_id.clone()),
            id: row.task_id,
            kind: TaskKind::Synthesis,
            snapshot: Snapshot::Program(Program {
                language: "Python".to_owned(),
                prefix: row.prompt,
                suffix: String::new(),
            }),
            instruction: String::new(),
            reference: Some(row.canonical_solution),
            visible_tests: Vec::new(),
            hidden_tests: vec![test("base", row.base_input), test("plus", row.plus_input)],
            entry_point: row.entry_point,
            limits: Limits { cpu_seconds: 20.0, wall_seconds: 120.0, memory_bytes: 4 << 30, ..Limits::default() },
        });
    })
}

/// evalplus's oracle for HumanEval/32. Lists of numbers read the same in JSON and in Python.
fn zero_program(inputs: &[Box<RawValue>], tolerance: f64) -> String {
    let inputs: Vec<&str> = inputs.iter().map(|input| input.get()).collect();
    format!(
        "import math

INPUTS = [{}]


def value(xs, x):
    return sum([coefficient * math.pow(x, i) for i, coefficient in enumerate(xs)])


def check(candidate):
    for arguments in INPUTS:
        assert abs(value(*arguments, candidate(*arguments))) <= {tolerance}


check(find_zero)
",
        inputs.join(", ")
    )
}
