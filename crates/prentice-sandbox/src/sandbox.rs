//! The sandbox: which isolation this machine offers, and commands run in it.
//!
//! *Covered:* files of the host (read-only system, private `/tmp`), network, other processes, descriptors, the
//! supervisor's memory, CPU time, elapsed time, memory, processes, output, files written, and everything that a program
//! leaves running. *Not covered:* faults of the kernel in the system calls that are allowed (`seccomp.rs`), timing and
//! cache side channels, what a program can learn from readable system directories (`/usr`, parts of `/etc`) and from the
//! kernel's version; memory and processor time are shared fairly with other programs only as far as the limits say. In
//! tier B files are refused but can be named (`stat`), processes of the machine can be counted, and the size of written
//! files is watched, not limited in advance.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use prentice_base::Limits;

use crate::{
    Command, Execution,
    landlock::{self, Access, Ruleset},
    launch::{self, Identity, Launch, Root, c_string},
    seccomp, supervise,
};

/// How much isolation there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
        source: io::Error,
    },
    /// The program to run is not there, or is none.
    #[error("the sandbox cannot execute {}", path.display())]
    Execute {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// This machine does not offer the isolation that was asked for.
    #[error("this machine offers no sandbox of tier {tier:?}: {reason}")]
    Unavailable {
        /// What was asked for.
        tier: Tier,
        /// What is missing.
        reason: String,
    },
    /// A warm interpreter broke the protocol or ended: this program, not the candidate, is to blame.
    #[error("the warm interpreter {what}")]
    Zygote {
        /// What happened.
        what: String,
    },
}

/// For `map_err`: names the action.
pub(crate) fn failed(action: impl Into<String>) -> impl FnOnce(io::Error) -> SandboxError {
    let action = action.into();
    move |source| SandboxError::System { action, source }
}

/// A way to run untrusted commands. Cheap to clone, can be shared between threads.
#[derive(Clone, Debug)]
pub struct Sandbox {
    tier: Tier,
    landlock: u32,
    identity: Identity,
    /// Whether a `/proc` of the sandbox's own can be mounted.
    proc: bool,
}

/// A directory on the host that a sandboxed command may be given as `writable` or `readable`. Removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// The best tier that this machine offers, A or B.
    ///
    /// # Errors
    /// It offers neither; the error says why.
    pub fn best() -> Result<Self, SandboxError> {
        match Self::with_tier(Tier::A) {
            Err(SandboxError::Unavailable { reason: first, .. }) => {
                Self::with_tier(Tier::B).map_err(|error| match error {
                    SandboxError::Unavailable { tier, reason } => {
                        SandboxError::Unavailable { tier, reason: format!("{reason} (and for tier A: {first})") }
                    }
                    other => other,
                })
            }
            result => result,
        }
    }

    /// A tier by name; C is no isolation.
    ///
    /// # Errors
    /// The machine does not offer it. That is found out by running a program.
    pub fn with_tier(tier: Tier) -> Result<Self, SandboxError> {
        let landlock = landlock::version();
        if tier != Tier::C && landlock == 0 {
            let reason = "the kernel has no Landlock (Linux 5.13 and later have it, if `lsm=` names it)".to_owned();
            return Err(SandboxError::Unavailable { tier, reason });
        }
        if tier == Tier::B && !Path::new("/proc/thread-self/children").exists() {
            let reason = "the kernel does not list the children of a process (CONFIG_PROC_CHILDREN)".to_owned();
            return Err(SandboxError::Unavailable { tier, reason });
        }
        let identity = if tier == Tier::C { Identity::Same } else { other_identity() };
        let mut sandbox = Self { tier, landlock, identity, proc: true };
        let mut attempt = sandbox.try_out();
        if tier == Tier::A && attempt.is_err() {
            sandbox.proc = false;
            attempt = sandbox.try_out();
        }
        match attempt {
            Ok(()) => Ok(sandbox),
            Err(error) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                Err(SandboxError::Unavailable { tier, reason: format!("{error}{source}") })
            }
        }
    }

    /// Runs the shortest of programs.
    fn try_out(&self) -> Result<(), SandboxError> {
        let program = ["/bin/true", "/usr/bin/true", "/run/current-system/sw/bin/true"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .unwrap_or_else(|| PathBuf::from("/bin/true"));
        let execution = self.run(&Command { program, ..Command::default() }, &Limits::default())?;
        if execution.succeeded() {
            return Ok(());
        }
        Err(failed("run `true`")(io::Error::other(format!("it ended with {:?}", execution.end))))
    }

    /// Which tier this is.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The version of Landlock; 0 for none.
    pub fn landlock_version(&self) -> u32 {
        self.landlock
    }

    /// Whether programs see a `/proc` of their own.
    pub fn has_proc(&self) -> bool {
        self.proc && self.tier == Tier::A
    }

    /// The user of the host that programs run as, where it is not that of this process.
    pub fn other_user(&self) -> Option<u32> {
        match self.identity {
            Identity::Same => None,
            Identity::Other(user) => Some(user),
        }
    }

    /// An empty directory that sandboxed commands can write.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<Scratch, SandboxError> {
        let directory = tempfile::Builder::new()
            .prefix("prentice-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .map_err(failed("make a scratch directory"))?;
        if let Identity::Other(user) = self.identity {
            std::os::unix::fs::chown(directory.path(), Some(user), Some(user))
                .map_err(failed("hand over a scratch directory"))?;
        }
        Ok(Scratch { directory })
    }

    /// Runs a command to its end. Nothing of it is left running when this returns.
    ///
    /// # Errors
    /// The harness failed. A command that fails is no error.
    pub fn run(&self, command: &Command, limits: &Limits) -> Result<Execution, SandboxError> {
        supervise::run(self, command, limits)
    }

    /// Runs two commands, each one's standard output being the other's standard input, until both have ended.
    ///
    /// When one ends, the other sees the end of its input. `stdin` of both is ignored, `stdout` of both results is empty.
    ///
    /// # Errors
    /// The harness failed.
    pub fn converse(
        &self,
        one: (&Command, &Limits),
        other: (&Command, &Limits),
    ) -> Result<(Execution, Execution), SandboxError> {
        supervise::converse(self, one, other)
    }

    /// A border for a process that is confined already; see [`Ruleset::border`].
    pub(crate) fn border(&self) -> Vec<u8> {
        if self.tier == Tier::C { Vec::new() } else { Ruleset::border(self.landlock).to_bytes() }
    }

    /// Puts the walls around a command. `temporary` is the directory that it may write, beyond `writable`: in tier A
    /// `/tmp`, which is its own, elsewhere a scratch directory or none.
    pub(crate) fn launch(
        &self,
        command: &Command,
        limits: Vec<(u32, u64)>,
        disk_bytes: u64,
        descriptors: Vec<std::os::fd::RawFd>,
        temporary: Option<&Path>,
    ) -> Result<Launch, SandboxError> {
        let home = temporary.unwrap_or(Path::new("/"));
        let mut arguments = vec![c_string(&command.program)?];
        for argument in &command.arguments {
            arguments.push(c_string(argument)?);
        }
        let mut environment = Vec::new();
        let path = Path::new("/usr/local/bin:/usr/bin:/bin");
        for (name, value) in [("PATH", path), ("HOME", home), ("TMPDIR", home), ("LANG", Path::new("C.UTF-8"))] {
            if !command.environment.iter().any(|(given, _)| given == name) {
                environment.push(c_string(format!("{name}={}", value.display()))?);
            }
        }
        for (name, value) in &command.environment {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            environment.push(c_string(entry)?);
        }
        for path in command.readable.iter().chain(&command.writable).chain(&command.directory) {
            c_string(path)?;
        }
        let readable = self.readable(command);
        let landlock = (self.tier != Tier::C).then(|| {
            let mut rules = match self.tier {
                Tier::A => vec![(PathBuf::from("/"), Access::Read)],
                _ => readable.iter().map(|path| (path.clone(), Access::Read)).collect(),
            };
            if self.tier == Tier::B {
                rules.push(("/proc/self".into(), Access::Read));
            }
            rules.extend(temporary.map(|path| (path.to_owned(), Access::Full)));
            rules.extend(command.writable.iter().map(|path| (path.clone(), Access::Full)));
            rules.extend(DEVICES.iter().map(|path| (PathBuf::from(path), Access::ReadWriteFile)));
            (Ruleset::strictest(self.landlock), rules)
        });
        let profile = seccomp::Profile {
            local_sockets: self.tier == Tier::A,
            signals: self.tier == Tier::A || self.landlock >= 6,
        };
        let searches = self.tier == Tier::B
            && self.other_user().is_some()
            && (is_hidden(&command.program) || readable.iter().any(|path| is_hidden(path)));
        Ok(Launch {
            searches,
            program: command.program.clone(),
            arguments,
            environment,
            directory: command.directory.clone().unwrap_or_else(|| home.to_owned()),
            descriptors,
            limits,
            filters: if self.tier == Tier::C { Vec::new() } else { seccomp::command(profile) },
            landlock,
            root: (self.tier == Tier::A).then(|| self.root(command, readable, disk_bytes)),
            identity: self.identity,
        })
    }

    fn readable(&self, command: &Command) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
        // Debian keeps parts of the Java runtime there.
        if let Ok(entries) = std::fs::read_dir("/etc") {
            let java = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("java-"));
            paths.extend(java.map(|entry| entry.path()));
        }
        let given = command.readable.iter().filter(|path| path.exists());
        for path in given {
            if !paths.iter().any(|known| path.starts_with(known)) {
                paths.push(path.clone());
            }
        }
        paths
    }

    fn root(&self, command: &Command, readable: Vec<PathBuf>, disk_bytes: u64) -> Root {
        let mut root = Root { binds: Vec::new(), links: Vec::new(), disk_bytes, proc: self.proc };
        for path in readable {
            match std::fs::read_link(&path) {
                Ok(target) if path.parent() == Some(Path::new("/")) => root.links.push((path, target)),
                _ => root.binds.push((path, false)),
            }
        }
        root.binds.extend(DEVICES.iter().map(|path| (PathBuf::from(path), false)));
        root.binds.extend(command.writable.iter().map(|path| (path.clone(), true)));
        root.links.push(("/dev/shm".into(), "/tmp".into()));
        root.links.push(("/dev/fd".into(), "/proc/self/fd".into()));
        // Outer directories before inner ones, which are mounted over them.
        root.binds.sort_by_key(|(path, _)| path.components().count());
        root
    }
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file below it, making directories as needed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), SandboxError> {
        let path = self.path().join(name);
        let fault = || failed(format!("write {}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(fault())?;
        }
        std::fs::write(&path, content).map_err(fault())
    }
}

/// What every program may read: the system's programs and libraries, and what the dynamic linker needs.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    // Node ends when it may not read it, and goes on when it is not there.
    "/etc/ssl/openssl.cnf",
];

/// Whether a directory above a path is closed to users that do not own it.
fn is_hidden(path: &Path) -> bool {
    let closed = |directory: &Path| std::fs::metadata(directory).is_ok_and(|found| found.permissions().mode() & 1 == 0);
    path.ancestors().skip(1).any(closed)
}

const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Root hands programs to a user that owns nothing. Any number does that no account has; containers may have fewer.
fn other_identity() -> Identity {
    if launch::current_identity().0 != 0 {
        return Identity::Same;
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let known = |user: u32| {
        map.lines().any(|line| {
            let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
            matches!(numbers[..], [first, _, count] if (first..first + count).contains(&u64::from(user)))
        })
    };
    match [0x5E4D_0000, 65534].into_iter().find(|user| known(*user)) {
        Some(user) => Identity::Other(user),
        None => Identity::Same,
    }
}
