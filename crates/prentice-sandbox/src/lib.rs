//! Runs untrusted commands and candidate programs under stated limits, on Linux on x86-64.
//!
//! * [`Sandbox`]: the isolation that this machine offers ([`Tier`]), and [`Command`]s run in it, alone or in pairs that
//!   converse. What comes of one is an [`Execution`]; nothing of it is left then.
//! * [`Zygote`]: a warm interpreter inside the walls, forked for each candidate. It gets a program and the arguments of
//!   calls, and returns values as plain data.
//! * [`Service`]: a trusted program inside the walls that answers requests for as long as it is kept.
//! * [`Toolchain`]: the compilers and interpreters of this machine, and how small programs are built with them.
//!
//! This crate knows no tests and nothing of what is expected of a program. A program that fails is a result; a
//! [`SandboxError`] is a fault of the harness and says nothing about the program. What the walls cover, and what they do
//! not, stands at the top of `sandbox.rs`; the order in which they are put up, in `launch.rs`; which system calls are
//! allowed, in `seccomp.rs`.
//!
//! *Not covered:* other systems and processors; a network that is allowed by name; control groups, so that the memory of
//! several processes together is noticed when it is looked at, and not refused by the kernel.

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
