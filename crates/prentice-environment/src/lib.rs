//! Makes tasks runnable and says what execution says of a solution.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod bridge;
pub mod data;
pub mod suites;
mod verifier;

pub use verifier::{Judgement, Verifier, Workshop};
