//! What execution says.

use serde::{Deserialize, Serialize};

/// The outcome of executing a candidate solution.
///
/// An infrastructure error says nothing about the candidate: it is retried, reported, and never counted as a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every check passed.
    Pass,
    /// The candidate is wrong.
    Fail {
        /// In which way.
        kind: FailureKind,
        /// For people: the first failing check, shortened.
        detail: String,
    },
    /// The harness could not find out.
    InfrastructureError {
        /// What went wrong in the harness.
        detail: String,
    },
}

/// The ways in which a candidate can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It ran and returned something else than expected.
    WrongAnswer,
    /// It raised an exception or crashed.
    Exception,
    /// It used more CPU or wall time than allowed.
    Timeout,
    /// It used more memory than allowed.
    Memory,
    /// It did not compile or parse.
    CompileError,
    /// It attempted something the sandbox forbids.
    Forbidden,
    /// It ended without an answer.
    NoOutput,
}

impl Verdict {
    /// Whether the verdict says anything about the candidate: only these may be scored.
    pub fn is_scorable(&self) -> bool {
        !matches!(self, Verdict::InfrastructureError { .. })
    }
}
