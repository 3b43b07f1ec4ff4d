//! Runs untrusted commands and candidate programs under stated limits.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod landlock;
mod launch;
mod sandbox;
mod seccomp;
mod service;
mod supervise;
mod toolchain;
mod zygote;

pub use command::{Command, End, Execution};
pub use sandbox::{Sandbox, SandboxError, Scratch, Tier};
pub use service::Service;
pub use toolchain::{Build, BuildOptions, Built, Language, Missing, Toolchain};
pub use zygote::{Answer, PYTHON_VALUES, Work, Zygote};
