//! What a policy acts in: tasks with a prompt, and a judge that answers each turn.

use serde::{Deserialize, Serialize};

/// A set of tasks, and how attempts at them are judged.
pub trait Environment: Sync {
    /// Number of tasks.
    fn len(&self) -> usize;

    /// Whether there are no tasks.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a task.
    fn name(&self, task: usize) -> &str;

    /// What the policy continues.
    fn prompt(&self, task: usize) -> &str;

    /// A judge, for one thread.
    fn judge(&self) -> Box<dyn Judge + '_>;
}

/// Judges attempts. The same attempt at the same task must get the same answer: it is asked for once.
pub trait Judge {
    /// What follows the last of the policy's `turns`.
    ///
    /// # Errors
    /// The harness failed, which says nothing about the attempt: it is never scored.
    fn turn(&mut self, task: usize, turns: &[String]) -> Result<Turn, HarnessError>;
}

/// The harness could not find out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HarnessError(pub String);

/// What follows a turn of the policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// The environment answers, and the policy goes on.
    Observation(String),
    /// The attempt is over.
    End(Outcome),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it is worth.
    pub reward: f64,
    /// Whether the tests that the policy could see pass.
    pub visible_passed: bool,
    /// Whether all tests pass.
    pub solved: bool,
    /// What kind of loophole it uses, where a detector found one.
    pub loophole: Option<String>,
    /// What execution said, for people.
    pub detail: String,
}
