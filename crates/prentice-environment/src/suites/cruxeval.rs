//! CRUXEval: what 800 short Python functions return, and for what (Gu et al. 2024, arXiv 2401.03065;
//! `facebookresearch/cruxeval`).
//!
//! Upstream executes `code`, then `assert output == completion`, for at most three seconds of wall time. A completion
//! is an expression: the value for output prediction, a call `f(...)` for input prediction.
//!
//! * Output prediction: the program is `code`, then `assert f(input) == ` and the hole. The check needs neither, only
//!   the completion's value; it must not run with `code` in reach, for upstream rules out answers that contain
//!   `f(input)` as written, and `f( input )` is no better.
//! * Input prediction: the hole is followed by `== output`; the prefix, `code` and a line feed, is a program of its
//!   own, in which the completion is evaluated. An answer without `f(` is wrong, as upstream says.
//!
//! Upstream leaves ruled-out answers out of the count of samples where a task has a right one as well, which
//! raises pass@k; here they are wrong answers like any other.
//!
//! Instructions are the first paragraphs of upstream's `prompts.py`, without its examples and answer tags.

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind};
use serde::Deserialize;

use super::{Reader, SuiteError, test};
use crate::data::DataSet;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// The value that a call returns.
    Output,
    /// A call that returns a value.
    Input,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    code: String,
    input: String,
    output: String,
}

pub(super) fn read(reader: &mut Reader, set: &DataSet, mode: Mode, tasks: &mut Vec<Task>) -> Result<(), SuiteError> {
    reader.rows(set, "cruxeval.jsonl", |row: Row| {
        let Row { id, code, input, output } = row;
        let (instruction, prefix, suffix, reference, entry_point, check) = match mode {
            Mode::Output => (
                "Based on the given Python code, which may contain errors, complete the assert statement with the \
                 output when executing the code on the given test case."
                    .to_owned(),
                format!("{code}\nassert f({input}) == "),
                String::new(),
                output.clone(),
                "",
                Check::Value { expected: output },
            ),
            Mode::Input => (
                format!(
                    "You will be given a function f and an output in the form f(??) == output. Find any input such \
                     that executing f on the input leads to the given output. There may be multiple answers, but you \
                     should only output one.\n\nassert f(??) == {output}"
                ),
                format!("{code}\n"),
                format!(" == {output}\n"),
                format!("f({input})"),
                "f",
                Check::Call { expected: output },
            ),
        };
        tasks.push(Task {
            source: Some(id.clone()),
            id,
            kind: TaskKind::Synthesis,
            snapshot: Snapshot::Program(Program { language: "Python".to_owned(), prefix, suffix }),
            instruction,
            entry_point: entry_point.to_owned(),
            reference: Some(reference),
            visible_tests: Vec::new(),
            hidden_tests: test(check),
            limits: Limits::default(),
        });
    })
}
