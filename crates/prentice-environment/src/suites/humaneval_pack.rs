//! HumanEvalPack: HumanEval-X with instructions and planted bugs (Muennighoff et al. 2023, arXiv 2308.07124;
//! `bigcode-project/octopack`).
//!
//! `fix` shows a function with a bug and asks for the right one; `synthesize` asks for a function in words.
//! Instructions are those of `bigcode-evaluation-harness` (`bigcode_eval/tasks/humanevalpack.py`, prompt type
//! `instruct`), where the whole prompt is `(instruction + "\n\n" + prefix).strip()`. `fix` is upstream's
//! `humanevalfixdocs`: the bug is shown with its documentation. The better known `humanevalfixtests` shows declaration,
//! bug **and the tests**; these stay hidden here, so that scores of the two do not compare. `explain` is not covered:
//! what it measures is not code.
//!
//! What upstream runs is what it runs for HumanEval-X (see [`super::humaneval_x`]), except:
//! * Rust prompts hold `fn main`, imports and declaration already.
//! * Python gets its imports before every program, C++ also `using namespace std;` and `cmath numeric set map queue
//!   stack list deque boost/any.hpp sstream fstream`. CPP/22 and CPP/137 need boost.
//! * In Go an import that completion or test mentions outside of comments is added.
//! * Upstream strips white space between prompt and completion; here the prompt ends with its line feed.
//!
//! In 15 tasks the published `entry_point` is a name that no program defines (`closest_integer` for `countUpper` in
//! Java/99). The instruction keeps it; the task's own entry point is derived as for HumanEval-X.

use prentice_base::{Check, Program, Snapshot, Task, TaskKind};
use serde::Deserialize;

use super::{
    Reader, SuiteError,
    humaneval_x::{self, Language},
    test,
};
use crate::data::DataSet;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Mend a function.
    Fix,
    /// Write a function.
    Synthesize,
}

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    canonical_solution: String,
    buggy_solution: String,
    entry_point: String,
    instruction: String,
    test: String,
    test_setup: Option<String>,
}

pub(super) fn read(
    reader: &mut Reader,
    set: &DataSet,
    mode: Mode,
    language: &Language,
    tasks: &mut Vec<Task>,
) -> Result<(), SuiteError> {
    let path = format!("evaluation/create/humaneval-x/data/{}/data/humanevalpack.jsonl", language.stem);
    reader.rows(set, &path, |row: Row| {
        let (kind, instruction) = match mode {
            Mode::Fix => {
                (TaskKind::Repair, format!("{}{}\nFix bugs in {}.", row.prompt, row.buggy_solution, row.entry_point))
            }
            Mode::Synthesize => (TaskKind::Synthesis, row.instruction.trim().to_owned()),
        };
        tasks.push(Task {
            source: humaneval_x::source(&row.task_id),
            id: row.task_id,
            kind,
            instruction,
            entry_point: humaneval_x::entry_point(language, &row.prompt, &row.canonical_solution, &row.test),
            snapshot: Snapshot::Program(Program {
                language: language.name.to_owned(),
                prefix: row.prompt,
                suffix: String::new(),
            }),
            reference: Some(row.canonical_solution),
            visible_tests: Vec::new(),
            hidden_tests: test(Check::Program { program: humaneval_x::program(row.test_setup.as_deref(), row.test) }),
            limits: humaneval_x::limits(),
        });
    })
}
