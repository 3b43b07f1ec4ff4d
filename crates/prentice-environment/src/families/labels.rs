//! Prompts with responses for supervised learning, a share of them wrong in a way that a model takes over.
//!
//! Random errors average out; a systematic one does not. One phrasing of each operator that has a neighbour is misread
//! ([`misreading`]): with the probability [`LabelOptions::mismatch`] the response computes the neighbour instead, `>`
//! for `>=`, or one number too many. Beyond one half, a model that learns its labels well is wrong there when it
//! answers greedily, while execution can tell: room on purpose for learning from rewards (field notes on tiny task
//! families).
//!
//! How many tasks of which depth are labelled is the caller's choice, who passes those tasks.

use prentice_base::Seed;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{FamilyTask, grammar::Operator, render};

/// The phrasing that is misread.
const MISREAD: usize = 1;

/// How wrong labels are.
#[derive(Clone, Copy, Debug)]
pub struct LabelOptions {
    /// With which probability an example with a misread phrasing has a wrong response; from 0 to 1.
    pub mismatch: f64,
    /// Decides which.
    pub seed: Seed,
}

/// A prompt with a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The beginning of the program.
    pub prompt: String,
    /// Its completion.
    pub response: String,
    /// Whether the response solves the task.
    pub right: bool,
}

/// What an operator in a phrasing is misread as, if it is.
pub fn misreading(operator: Operator, phrasing: usize) -> Option<Operator> {
    operator.neighbours().into_iter().next().filter(|_| phrasing == MISREAD)
}

/// Labels for tasks, in their order.
pub fn labels(tasks: &[FamilyTask], options: &LabelOptions) -> Vec<Label> {
    let label = |(number, task): (usize, &FamilyTask)| {
        let mut program = task.program.clone();
        if options.seed.derive("mismatch", number as u64).rng().random_bool(options.mismatch) {
            for (at, (&stage, &phrasing)) in task.program.stages().iter().zip(&task.phrasing.stages).enumerate() {
                let misread = misreading(stage, phrasing).and_then(|misread| program.with_stage(at, misread));
                program = misread.unwrap_or(program);
            }
        }
        Label {
            prompt: task.prompt().to_owned(),
            response: render::body(task.language, &program),
            right: task.agrees(&program, &task.hidden),
        }
    };
    tasks.iter().enumerate().map(label).collect()
}
