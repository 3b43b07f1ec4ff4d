//! Makes tasks runnable and says what execution says of a solution.
//!
//! * [`data`]: published data sets, pinned by digest; found, checked and fetched.
//! * [`suites`]: a reader for each standard suite, from published files to tasks.
//! * [`Verifier`]: the verdict on a completion, and what it cost. One for each thread; all of a run share a [`Workshop`],
//!   which keeps toolchains and the examiners that were built.
//! * [`families`]: small tasks made from a grammar, for learning from execution.
//! * [`loophole`]: programs that pass visible tests without solving the task.
//! * [`bridge`]: examiner and candidate as two programs, in the languages that are not Python.
//!
//! Tests and expected values never enter the process of a candidate: it answers calls with plain data, and another
//! process, which never executes anything of a candidate's, runs the published tests over the answers. `attacks/` is a
//! suite of exploits that holds this, in every tier of the sandbox. A fault of the harness is tried again and then an
//! infrastructure error, never a failure of the candidate.
//!
//! *Not covered:* tasks in repositories; whole-program samples in languages other than Python; dependencies beyond what
//! the suites' own programs use of them.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod bridge;
pub mod data;
pub mod families;
pub mod loophole;
pub mod suites;
mod verifier;

pub use verifier::{Examined, Judgement, Verifier, Workshop};
