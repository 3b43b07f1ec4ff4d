//! Runs untrusted commands and candidate programs under stated limits.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod sandbox;
mod toolchain;

pub use command::{Command, End, Execution};
pub use sandbox::{Sandbox, SandboxError, Scratch, Tier};
pub use toolchain::{Build, BuildOptions, Built, Language, Missing, Toolchain};
