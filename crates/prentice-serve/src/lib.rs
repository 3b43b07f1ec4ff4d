//! The reward service behind `prentice sandbox serve`: runs programs and scores responses over HTTP/1.1, in the
//! protocols of existing trainers.
//!
//! [`serve()`] listens, queues and answers; worker threads execute, each through a [`Judge`] of its own, of which
//! [`SandboxJudge`] is the real one. The wire formats and their sources are described in the private module `protocol`,
//! the forms of tests in `label`. This crate is the only one that owns an async runtime. It is built on hyper
//! directly: seven fixed addresses need no router, and limits on heads, bodies and time are its whole business. axum
//! would bring ten more packages (25 instead of 15).
//!
//! Not covered: TLS (put a proxy in front); HTTP/2; users or rates per client; stopping a program when its client
//! hangs up while it runs (its time limit ends it; a job that still waits is dropped at once).

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod authorization;
mod compare;
mod compute_score;
mod judge;
mod label;
mod metrics;
mod program;
mod protocol;
mod queue;
mod routes;
mod sandbox_judge;
mod serve;
mod stream;
mod workers;

pub use compare::outputs_match;
pub use compute_score::compute_score_file;
pub use judge::{CommandResult, Judge, JudgeError, MakeJudge, RewardRequest, RunRequest, RunResult};
pub use label::{Label, StreamCase, Tests};
pub use program::extract_program;
pub use sandbox_judge::SandboxJudge;
pub use serve::{ServeError, ServeOptions, ServeSummary, serve, termination};
