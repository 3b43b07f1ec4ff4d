//! Splits a task whose tests are a program (HumanEval-X, HumanEvalPack) at the border of trust.
//!
//! The suites publish tests that hold the expected values and are meant to be compiled into one program with the
//! candidate, which could then read them, or end the program before they are compared. Here they are two programs:
//! the *examiner* holds the tests, the prompt's own types and helper functions, and in place of the entry function a
//! stub that sends the arguments and awaits the reply; the *candidate* holds the completion and a loop that answers
//! calls. They talk through a pipe each way, see [`prentice_sandbox::Sandbox::converse`].
//!
//! # Protocol
//! Common to all languages: the examiner writes a message and waits for exactly one in return; each is at most
//! [`MESSAGE_BYTES`] long; a reply that is longer, malformed or missing ends the examiner with [`CANDIDATE_GONE_EXIT`].
//! The candidate ends when its input ends. Values are plain data, rebuilt by the declared types: nothing of the
//! candidate is ever evaluated, and no object of its making, with its own idea of equality, reaches a test.
//! What a message looks like is the business of each language, since both of its ends are in that language:
//! see the documentation of the modules `cpp`, `javascript`, `java`, `go` and `rust`.
//!
//! Both programs set the channel aside first and then point standard output at standard error: what a candidate
//! prints is not a reply. A candidate that finds the channel and writes into it only spoils its own answers.
//!
//! # Not covered
//! A candidate sees the arguments of every call, hence how many there are, and may remember earlier ones. Arguments
//! and results are copied: identity (does the function return the very array it was given?) is not kept. What a
//! published test lets pass, passes: several C++ tests compare with `abs(a - b) > 1e-4`, which NaN never is.

use prentice_base::{Check, Program, Snapshot, Task};
use prentice_sandbox::{BuildOptions, Language};

mod cpp;
mod go;
mod java;
mod javascript;
mod rust;
mod scan;

/// The examiner's program was ended by the bridge itself because of a wrong answer, such as a failed `console.assert`,
/// which by itself would only print.
pub const WRONG_ANSWER_EXIT: i32 = 96;
/// The candidate ended, or broke the protocol, while the examiner waited for its reply.
pub const CANDIDATE_GONE_EXIT: i32 = 97;
/// The entry function threw, or panicked, and the test did not expect that.
pub const CANDIDATE_THREW_EXIT: i32 = 98;
/// Largest message in either direction, in bytes.
pub const MESSAGE_BYTES: usize = 16 << 20;

/// The program that asks. It depends on the task alone, so that it is built once for all completions.
///
/// Its exit status: 0 for a pass; [`CANDIDATE_GONE_EXIT`], [`CANDIDATE_THREW_EXIT`]; anything else, or a signal, means
/// that a test objected.
#[derive(Clone, Debug)]
pub struct Examiner {
    /// Name and content of each source file, the main one first.
    pub sources: Vec<(String, String)>,
    /// How to build them.
    pub options: BuildOptions,
}

/// The program that answers.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Name and content of each source file, the main one first.
    pub sources: Vec<(String, String)>,
    /// How to build them.
    pub options: BuildOptions,
}

/// Why a task cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task cannot be split into examiner and candidate: {reason}")]
pub struct Unbridgeable {
    /// What stands in the way.
    pub reason: String,
}

impl Unbridgeable {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The language of a task's program, by its Linguist name; `None` for a repository or another language.
pub fn language(task: &Task) -> Option<Language> {
    let Snapshot::Program(program) = &task.snapshot else { return None };
    match program.language.as_str() {
        "Python" => Some(Language::Python),
        "JavaScript" => Some(Language::JavaScript),
        "Rust" => Some(Language::Rust),
        "C" => Some(Language::C),
        "C++" => Some(Language::Cpp),
        "Go" => Some(Language::Go),
        "Java" => Some(Language::Java),
        _ => None,
    }
}

/// The examiner of a task.
///
/// # Errors
/// The language has no bridge, the task has not exactly one hidden test program, or the entry function takes or gives
/// what cannot be sent.
pub fn examiner(task: &Task) -> Result<Examiner, Unbridgeable> {
    let parts = Parts::of(task)?;
    match language(task) {
        Some(Language::Cpp) => cpp::examiner(&parts),
        Some(Language::JavaScript) => javascript::examiner(&parts),
        Some(Language::Java) => java::examiner(&parts),
        Some(Language::Go) => go::examiner(&parts),
        Some(Language::Rust) => rust::examiner(&parts),
        _ => Err(no_bridge(&parts)),
    }
}

/// The candidate program of one completion. Whether the completion is any good, the compiler says, not this.
///
/// # Errors
/// As for [`examiner`]; they depend on the task, not on the completion.
pub fn candidate(task: &Task, completion: &str) -> Result<Candidate, Unbridgeable> {
    let parts = Parts::of(task)?;
    match language(task) {
        Some(Language::Cpp) => cpp::candidate(&parts, completion),
        Some(Language::JavaScript) => javascript::candidate(&parts, completion),
        Some(Language::Java) => java::candidate(&parts, completion),
        Some(Language::Go) => go::candidate(&parts, completion),
        Some(Language::Rust) => rust::candidate(&parts, completion),
        _ => Err(no_bridge(&parts)),
    }
}

fn no_bridge(parts: &Parts) -> Unbridgeable {
    Unbridgeable::new(format!("there is no bridge for {}", parts.program.language))
}

/// What the bridges need of a task.
struct Parts<'a> {
    program: &'a Program,
    entry_point: &'a str,
    /// The published test.
    test: &'a str,
    /// A completion that is known to solve the task.
    reference: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(task: &'a Task) -> Result<Self, Unbridgeable> {
        let Snapshot::Program(program) = &task.snapshot else {
            return Err(Unbridgeable::new("its snapshot is a repository, not a program"));
        };
        let [test] = task.hidden_tests.as_slice() else {
            return Err(Unbridgeable::new(format!("it has {} hidden tests, not one", task.hidden_tests.len())));
        };
        let Check::Program { program: test } = &test.check else {
            return Err(Unbridgeable::new("its hidden test is not a program"));
        };
        if task.entry_point.is_empty() {
            return Err(Unbridgeable::new("it names no entry point"));
        }
        Ok(Self { program, entry_point: &task.entry_point, test, reference: task.reference.as_deref() })
    }
}
