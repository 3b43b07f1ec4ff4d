//! What is run, and what came of it.

use std::{ffi::OsString, path::PathBuf, time::Duration};

/// A command to run in a sandbox. Paths are those of the host, in every tier.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Absolute path of the executable.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<OsString>,
    /// The whole environment, beyond `PATH`, `HOME`, `TMPDIR` and `LANG`, which have harmless values unless given here.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts: `writable` or something in it or in `readable`; otherwise the private temporary directory.
    pub directory: Option<PathBuf>,
    /// Files and directories that it may read and execute, beyond the system's own.
    pub readable: Vec<PathBuf>,
    /// A directory that it may also write: see [`crate::Sandbox::scratch`].
    pub writable: Option<PathBuf>,
    /// What it reads from standard input; nothing of it need be read.
    pub stdin: Vec<u8>,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Execution {
    /// How it ended.
    pub end: End,
    /// Standard output, as far as the limit allows.
    pub stdout: Vec<u8>,
    /// Standard error, as far as the limit allows.
    pub stderr: Vec<u8>,
    /// CPU time of the whole process tree.
    pub cpu: Duration,
    /// Elapsed time.
    pub wall: Duration,
    /// Largest resident memory of any one process, in bytes.
    pub peak_memory: u64,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with a status.
    Exited(i32),
    /// By a signal that the sandbox did not send.
    Signalled(i32),
    /// It used up its CPU time.
    CpuTime,
    /// It used up its elapsed time.
    WallTime,
    /// It used up its memory.
    Memory,
    /// It started more processes than it may.
    Processes,
    /// It wrote more than it may to standard output and error.
    Output,
    /// It wrote more than it may to files.
    Disk,
}

impl Execution {
    /// Whether it ended by itself with status 0.
    pub fn succeeded(&self) -> bool {
        self.end == End::Exited(0)
    }
}
