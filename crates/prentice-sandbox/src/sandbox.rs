//! What isolation this machine has to offer.

use std::path::Path;

use prentice_base::Limits;

use crate::{Command, Execution};

/// How much isolation there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Tier {
    /// Namespaces, Landlock and seccomp.
    A,
    /// Landlock and seccomp.
    B,
    /// None: a process with limits and nothing else. Only on explicit demand.
    C,
}

/// The harness failed: this says nothing about the program that was to be run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A system call of the harness failed.
    #[error("the sandbox cannot {action}")]
    System {
        /// What was attempted.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The program to run is not there.
    #[error("there is no program {}", path.display())]
    NoProgram {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
}

/// A way to run untrusted commands. Cheap to clone, can be shared between threads.
#[derive(Clone, Debug)]
pub struct Sandbox {}

/// A directory on the host that a sandboxed command may be given as `writable` or `readable`. Removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// The best tier that this machine offers, A or B.
    pub fn best() -> Result<Self, SandboxError> {
        unimplemented!()
    }

    /// A tier by name; C is no isolation.
    pub fn with_tier(_tier: Tier) -> Result<Self, SandboxError> {
        unimplemented!()
    }

    /// Which tier this is.
    pub fn tier(&self) -> Tier {
        unimplemented!()
    }

    /// An empty directory that sandboxed commands can write.
    pub fn scratch(&self) -> Result<Scratch, SandboxError> {
        unimplemented!()
    }

    /// Runs a command to its end. Nothing of it is left running when this returns.
    pub fn run(&self, _command: &Command, _limits: &Limits) -> Result<Execution, SandboxError> {
        unimplemented!()
    }

    /// Runs two commands, each one's standard output being the other's standard input, until both have ended.
    ///
    /// When one ends, the other sees the end of its input. `stdin` of both is ignored, `stdout` of both results is empty.
    pub fn converse(
        &self,
        _one: (&Command, &Limits),
        _other: (&Command, &Limits),
    ) -> Result<(Execution, Execution), SandboxError> {
        unimplemented!()
    }
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file below it, making directories as needed.
    pub fn write(&self, _name: &str, _content: &[u8]) -> Result<(), SandboxError> {
        unimplemented!()
    }
}
