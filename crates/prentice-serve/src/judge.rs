//! What a worker can do: the seam between the service and execution.
//!
//! [`crate::SandboxJudge`] is the real one; tests of the wiring use a scripted one.

use std::{collections::BTreeMap, sync::atomic::AtomicBool, time::Duration};

use prentice_base::Verdict;
use prentice_sandbox::Language;

use crate::label::Label;

/// Runs and scores programs. Made and used by one worker thread, and thrown away when it fails or panics.
pub trait Judge {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// The program could not be run at all; how a program ends is no error.
    fn run_code(&mut self, request: &RunRequest) -> Result<RunResult, JudgeError>;

    /// Decides whether a response solves its task. A verdict that may not be scored
    /// ([`Verdict::is_scorable`]) is treated as [`JudgeError::Infrastructure`].
    ///
    /// `abandoned` turns true when nobody waits for the verdict any more: then [`JudgeError::Abandoned`] will do, soon.
    ///
    /// # Errors
    /// The response could not be judged.
    fn reward(&mut self, request: &RewardRequest, abandoned: &AtomicBool) -> Result<Verdict, JudgeError>;
}

/// Makes a judge, in the thread that will use it: at the start, and after a judge failed.
pub type MakeJudge = dyn Fn() -> Result<Box<dyn Judge>, JudgeError> + Send + Sync;

/// There is no verdict. Never a score.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// The harness failed. The judge is replaced and the request tried once more.
    #[error("{0}")]
    Infrastructure(String),
    /// Nothing here can judge this request, however often it is tried: a language without a toolchain, an unknown task.
    #[error("{0}")]
    Refused(String),
    /// The judge stopped because nobody waits for the verdict any more.
    #[error("nobody waits for the verdict any more")]
    Abandoned,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRequest {
    /// Its language.
    pub language: Language,
    /// Its source text.
    pub code: String,
    /// What it reads from standard input.
    pub stdin: String,
    /// CPU time for building it.
    pub compile_timeout: Duration,
    /// CPU time for running it.
    pub run_timeout: Duration,
    /// Memory, in bytes; `None` for the default.
    pub memory_bytes: Option<u64>,
    /// Files beside it, by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Files to return after the run, by relative path.
    pub fetch_files: Vec<String>,
}

/// What came of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunResult {
    /// Of building it; `None` for interpreted languages.
    pub compile: Option<CommandResult>,
    /// Of running it; `None` where it did not build.
    pub run: Option<CommandResult>,
    /// Those of the files asked for that exist.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandResult {
    /// Its exit status, negative for a signal; `None` if it ran out of time.
    pub return_code: Option<i32>,
    /// Elapsed time.
    pub wall: Duration,
    /// Standard output; what is no UTF-8 is replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl CommandResult {
    /// Whether it ended by itself with status 0.
    pub fn succeeded(&self) -> bool {
        self.return_code == Some(0)
    }
}

/// A model's response to score.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardRequest {
    /// The whole response: prose, code fences and all.
    pub response: String,
    /// The tests.
    pub label: Label,
}
