//! Compilers and interpreters of this machine.

use std::path::PathBuf;

use prentice_base::Limits;

use crate::{Command, Execution, Sandbox, SandboxError};

/// The languages that Prentice runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Language {
    /// CPython 3.
    Python,
    /// Node.js.
    JavaScript,
    /// rustc.
    Rust,
    /// gcc or clang.
    C,
    /// g++ or clang++.
    Cpp,
    /// The Go tool.
    Go,
    /// A JDK.
    Java,
}

/// A compiler or interpreter that was found.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// What it understands.
    pub language: Language,
    /// Absolute path of the compiler or interpreter.
    pub program: PathBuf,
    /// What it says of itself, one line.
    pub version: String,
    /// What of the host it needs to read, beyond the system's own directories.
    pub readable: Vec<PathBuf>,
}

/// A toolchain that this machine lacks.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no {program} for {language:?}")]
pub struct Missing {
    /// The language.
    pub language: Language,
    /// The program that was looked for.
    pub program: &'static str,
    /// How to get it.
    pub hint: &'static str,
}

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Further arguments of the compiler, such as `-lcrypto` or `--extern`.
    pub arguments: Vec<String>,
    /// What of the host they refer to.
    pub readable: Vec<PathBuf>,
    /// What building may use; not counted as the candidate's.
    pub limits: Limits,
}

/// What building gave.
#[derive(Debug)]
pub enum Build {
    /// It can be run.
    Ready(Built),
    /// The compiler says no.
    Rejected(Execution),
}

/// A program that can be run.
#[derive(Debug)]
pub struct Built {
    /// How to run it: read-only access to what was built, no writable directory.
    pub command: Command,
    /// Keeps what was built.
    pub scratch: crate::Scratch,
}

impl Toolchain {
    /// Looks for a language's toolchain.
    pub fn find(_language: Language) -> Result<Self, Missing> {
        unimplemented!()
    }

    /// Builds sources (name, content), of which the first is the main one, in a sandbox.
    pub fn build(
        &self,
        _sandbox: &Sandbox,
        _sources: &[(&str, &str)],
        _options: &BuildOptions,
    ) -> Result<Build, SandboxError> {
        unimplemented!()
    }
}
