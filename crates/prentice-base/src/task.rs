//! A task: one type for live work, evaluation, reinforcement learning and data synthesis.

use serde::{Deserialize, Serialize};

use crate::ContentHash;

/// Something to solve, with the tests that decide whether it is solved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique within its collection, such as `HumanEval/17`.
    pub id: String,
    /// What is asked for.
    pub kind: TaskKind,
    /// The state of the code before any attempt.
    pub snapshot: Snapshot,
    /// The instruction in natural language; may be empty for a completion.
    pub instruction: String,
    /// Tests that the solver may see and run.
    pub visible_tests: Vec<TestCase>,
    /// Tests that only the verifier sees. They never enter a candidate's process.
    pub hidden_tests: Vec<TestCase>,
    /// What an attempt may use.
    pub limits: Limits,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Write a program, function or class from a description.
    Synthesis,
    /// Fill a hole in existing code.
    Infilling,
    /// Make failing tests pass without breaking passing ones.
    Repair,
    /// Change structure and keep behaviour.
    Refactoring,
    /// Express a program in another language.
    Translation,
    /// Find faults in a change.
    Review,
}

/// The code a task starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Snapshot {
    /// A single program.
    Program(Program),
    /// A repository at a revision.
    Repository {
        /// Where the repository lives.
        origin: String,
        /// Commit.
        revision: String,
        /// Digest of the tree as handed to solvers.
        digest: ContentHash,
    },
}

/// A single program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Language name as GitHub Linguist spells it.
    pub language: String,
    /// Source text; for infilling, the part before the hole.
    pub prefix: String,
    /// For infilling, the part after the hole; otherwise empty.
    pub suffix: String,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestCase {
    /// Name for reports.
    pub name: String,
    /// How to run it, in the form that the task's runtime understands.
    pub program: String,
}

/// What an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time, in seconds.
    pub cpu_seconds: f64,
    /// Elapsed time, in seconds.
    pub wall_seconds: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub processes: u32,
    /// Output, in bytes.
    pub output_bytes: u64,
}
