//! Warm interpreters: one start for many candidates.
//!
//! A zygote is an interpreter inside the walls of a [`Sandbox`], started once. Each candidate is a fork of it, with
//! further walls (see `python/zygote.py`), so that a program costs a fork instead of an interpreter's start. A zygote runs
//! one candidate at a time; use one for each thread. Between two candidates nothing is left: the process is gone, its
//! files are wiped, and what it wrote has been read.
//!
//! The candidate's process gets the program and the arguments of its calls, and returns values as plain data
//! (`python/values.py`). What is expected of it is not in this crate.
//!
//! *Not covered:* candidates that need other processes; these are commands, see [`Sandbox::run`].

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

use prentice_base::Limits;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Command, End, Execution, Sandbox, SandboxError, Tier, Toolchain,
    launch::{Launched, pipe},
    sandbox::failed,
    seccomp,
    service::send,
    supervise::{at_most_current, set_nonblocking},
};

/// How plain values cross the border, as Python source that defines `encode`, `dumps` and `decode`.
pub const PYTHON_VALUES: &str = include_str!("python/values.py");
const PYTHON_ZYGOTE: &str = include_str!("python/zygote.py");

/// How long past its limits a candidate may be silent before the zygote itself is held to be broken.
const GRACE: Duration = Duration::from_secs(10);
/// How long an interpreter may take to start.
const START: Duration = Duration::from_secs(60);
/// Private files of all candidates of a zygote; each has its own limit on the size of one file.
const DISK: u64 = 64 << 20;

/// What a candidate is to do.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Execute a program, then call one of its functions. `calls` is JSON: a list of `[arguments, named arguments]`,
    /// values encoded.
    Calls {
        /// Name of the function.
        entry_point: &'a str,
        /// The calls.
        calls: &'a str,
    },
    /// Execute a program, then evaluate an expression.
    Value {
        /// The expression.
        expression: &'a str,
    },
    /// Execute a program, then evaluate an expression that calls a function, and return the arguments of that call as
    /// `[list, dict]` instead of calling it.
    Arguments {
        /// Name of the function.
        entry_point: &'a str,
        /// The expression.
        expression: &'a str,
    },
    /// Run a program as a script that reads and prints.
    Script {
        /// Its standard input.
        stdin: &'a [u8],
    },
}

/// What a candidate did.
#[derive(Debug)]
pub struct Answer {
    /// What it returned, one JSON value a line: `{"value": ...}` or `{"raised": [type, message, line, bases]}` for each
    /// call, `{"compile": ...}` or `{"load": ...}` where it did not get so far, and `{"done": 1}` last. It is the
    /// candidate's word: any of it may be forged, so it counts only as an answer.
    pub results: Vec<u8>,
    /// How it ended and what it used.
    pub execution: Execution,
}

/// A warm interpreter.
#[derive(Debug)]
pub struct Zygote {
    sandbox: Sandbox,
    toolchain: Toolchain,
    process: Process,
}

#[derive(Debug)]
struct Process {
    launched: Launched,
    requests: File,
    reports: File,
    results: File,
    stdout: File,
    stderr: File,
    pending: Vec<u8>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    ready: bool,
    broken: Option<String>,
    status: i32,
    cpu: f64,
    peak: u64,
    reason: Option<String>,
    clean: bool,
}

impl Zygote {
    /// Starts an interpreter.
    ///
    /// # Errors
    /// The sandbox or the interpreter cannot be started.
    pub fn start(sandbox: &Sandbox, toolchain: &Toolchain) -> Result<Self, SandboxError> {
        let process = Process::start(sandbox, toolchain)?;
        Ok(Self { sandbox: sandbox.clone(), toolchain: toolchain.clone(), process })
    }

    /// Runs one candidate to its end. Nothing of it is left when this returns.
    ///
    /// # Errors
    /// The harness failed. The interpreter is started anew, so that the next candidate finds a sound one.
    pub fn run(&mut self, program: &str, work: Work<'_>, limits: &Limits) -> Result<Answer, SandboxError> {
        match self.process.run(program, work, limits) {
            Ok((answer, true)) => Ok(answer),
            Ok((answer, false)) => {
                // It left files that cannot be wiped.
                self.process = Process::start(&self.sandbox, &self.toolchain)?;
                Ok(answer)
            }
            Err(error) => {
                self.process = Process::start(&self.sandbox, &self.toolchain)?;
                Err(error)
            }
        }
    }

    /// The process that watches the interpreter, as this one sees it.
    pub fn id(&self) -> u32 {
        self.process.launched.init.unsigned_abs()
    }
}

impl Process {
    fn start(sandbox: &Sandbox, toolchain: &Toolchain) -> Result<Self, SandboxError> {
        let (requests_read, requests) = pipe()?;
        let (reports, reports_write) = pipe()?;
        let (results, results_write) = pipe()?;
        let (stdout, stdout_write) = pipe()?;
        let (stderr, stderr_write) = pipe()?;
        let nothing = File::options().read(true).write(true).open("/dev/null").map_err(failed("open /dev/null"))?;
        let nothing = nothing.as_raw_fd();
        let mut descriptors = vec![nothing; 3];
        descriptors.extend(
            [&requests_read, &reports_write, &results_write, &stdout_write, &stderr_write].map(|fd| fd.as_raw_fd()),
        );
        let program = format!("{PYTHON_VALUES}\n{PYTHON_ZYGOTE}");
        let command = Command {
            program: toolchain.program.clone(),
            arguments: ["-I", "-S", "-B", "-c", &program].map(Into::into).to_vec(),
            // The same order of sets for every candidate and every run.
            environment: vec![("PYTHONHASHSEED".into(), "0".into())],
            readable: toolchain.readable.clone(),
            directory: Some("/".into()),
            ..Command::default()
        };
        let temporary = (sandbox.tier() == Tier::A).then_some(Path::new("/tmp"));
        let limits = at_most_current(vec![(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, 256)]);
        let mut launch = sandbox.launch(&command, limits, DISK, descriptors, temporary)?;
        if let Some(root) = &mut launch.root {
            // Candidates need not see processes at all.
            root.proc = false;
        }
        let launched = launch.start()?;
        for end in [&reports, &results, &stdout, &stderr] {
            set_nonblocking(end)?;
        }
        let into_file = |fd: OwnedFd| File::from(fd);
        let mut process = Self {
            launched,
            requests: requests.into(),
            reports: into_file(reports),
            results: into_file(results),
            stdout: into_file(stdout),
            stderr: into_file(stderr),
            pending: Vec::new(),
        };
        let settings = json!({ "private": temporary, "searches": launch.searches });
        let filter: Vec<u8> = if sandbox.tier() == Tier::C {
            Vec::new()
        } else {
            let instruction = |line: &seccompiler::sock_filter| {
                let mut bytes = [0; 8];
                bytes[..2].copy_from_slice(&line.code.to_ne_bytes());
                bytes[2] = line.jt;
                bytes[3] = line.jf;
                bytes[4..].copy_from_slice(&line.k.to_ne_bytes());
                bytes
            };
            seccomp::candidate().iter().flat_map(instruction).collect()
        };
        process.request(settings, &[&sandbox.border(), &filter])?;
        let ready = process.listen(START, &mut |_| Ok(()))?;
        if !ready.ready {
            return Err(broken("did not say that it is ready"));
        }
        Ok(process)
    }

    /// Runs one candidate. Also returns whether the interpreter is fit for another.
    fn run(&mut self, program: &str, work: Work<'_>, limits: &Limits) -> Result<(Answer, bool), SandboxError> {
        let (mode, entry, input): (_, _, &[u8]) = match work {
            Work::Calls { entry_point, calls } => ("calls", entry_point, calls.as_bytes()),
            Work::Value { expression } => ("value", "", expression.as_bytes()),
            Work::Arguments { entry_point, expression } => ("arguments", entry_point, expression.as_bytes()),
            Work::Script { stdin } => ("script", "", stdin),
        };
        let header = json!({
            "mode": mode,
            "entry": entry,
            "cpu": limits.cpu_seconds,
            "wall": limits.wall_seconds,
            "limits": [
                [libc::RLIMIT_CPU, limits.cpu_seconds.ceil() as u64 + 1],
                [libc::RLIMIT_AS, limits.memory_bytes],
                [libc::RLIMIT_FSIZE, limits.disk_bytes.min(DISK)],
                [libc::RLIMIT_MEMLOCK, 0],
            ],
        });
        let began = Instant::now();
        self.request(header, &[program.as_bytes(), input])?;
        let most = limits.output_bytes as usize;
        let mut results = Vec::new();
        let mut stdout = Vec::new();
        let mut stderr = Vec::new();
        let mut too_much = false;
        let patience = Duration::from_secs_f64(limits.wall_seconds.min(1e9)) + GRACE;
        let mut stop = self.requests.try_clone().map_err(failed("copy a descriptor"))?;
        let report = self.listen(patience, &mut |process| {
            for (source, content) in [
                (&mut process.results, &mut results),
                (&mut process.stdout, &mut stdout),
                (&mut process.stderr, &mut stderr),
            ] {
                let full = drain(source, content, most)?;
                if full && !too_much {
                    too_much = true;
                    // Any byte stops the candidate.
                    let _ = stop.write_all(b"s");
                }
            }
            Ok(())
        })?;
        let wall = began.elapsed();
        // Whatever is beyond the limit must not be taken for the next candidate's.
        for source in [&mut self.results, &mut self.stdout, &mut self.stderr] {
            while drain(source, &mut Vec::new(), 1 << 30)? {}
        }
        if let Some(what) = report.broken {
            return Err(broken(format!("cannot confine a candidate: {what}")));
        }
        // The stop may have come after the end; the interpreter would take it for a request.
        let mut sound = report.clean;
        let end = match report.reason.as_deref() {
            Some("cpu") => End::CpuTime,
            Some("wall") => End::WallTime,
            Some("stopped") => End::Output,
            _ => {
                sound &= !too_much;
                if too_much {
                    End::Output
                } else if report.cpu > limits.cpu_seconds {
                    End::CpuTime
                } else if libc::WIFSIGNALED(report.status) {
                    match libc::WTERMSIG(report.status) {
                        libc::SIGXCPU => End::CpuTime,
                        libc::SIGXFSZ => End::Disk,
                        signal => End::Signalled(signal),
                    }
                } else {
                    End::Exited(libc::WEXITSTATUS(report.status))
                }
            }
        };
        let cpu = Duration::from_secs_f64(report.cpu.max(0.0));
        let execution = Execution { end, stdout, stderr, cpu, wall, peak_memory: report.peak };
        Ok((Answer { results, execution }, sound))
    }

    fn request(&mut self, header: serde_json::Value, parts: &[&[u8]]) -> Result<(), SandboxError> {
        send(&mut self.requests, header, parts).map_err(|error| broken(format!("takes no request: {error}")))
    }

    /// Waits for the next report. `collect` is called whenever there may be something to read, and once after the report:
    /// the candidate is gone by then, so that all it wrote is there.
    fn listen(
        &mut self,
        patience: Duration,
        collect: &mut dyn FnMut(&mut Self) -> Result<(), SandboxError>,
    ) -> Result<Report, SandboxError> {
        let until = Instant::now() + patience;
        loop {
            let mut watched = [&self.reports, &self.results, &self.stdout, &self.stderr].map(|file| libc::pollfd {
                fd: file.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            });
            let left = until.saturating_duration_since(Instant::now()).as_millis().min(60_000) as i32;
            // SAFETY: the array holds as many entries as its length says.
            unsafe { libc::poll(watched.as_mut_ptr(), watched.len() as libc::nfds_t, left) };
            if watched[1..].iter().any(|watched| watched.revents != 0) {
                collect(self)?;
            }
            if watched[0].revents != 0 {
                let mut buffer = [0; 4096];
                match self.reports.read(&mut buffer) {
                    Ok(0) => return Err(broken("has ended")),
                    Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(failed("hear from the warm interpreter")(error)),
                }
                if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.pending.drain(..=end).collect();
                    collect(self)?;
                    return serde_json::from_slice(&line).map_err(|error| broken(format!("reports nonsense: {error}")));
                }
            }
            if Instant::now() >= until {
                return Err(broken("does not report"));
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.launched.kill();
        self.launched.reap();
    }
}

/// Reads what is there, keeps at most `most` bytes, and says whether there was more.
fn drain(source: &mut File, content: &mut Vec<u8>, most: usize) -> Result<bool, SandboxError> {
    let mut buffer = [0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                let room = most.saturating_sub(content.len());
                content.extend_from_slice(&buffer[..count.min(room)]);
                if count > room {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("read what a candidate wrote")(error)),
        }
    }
}

fn broken(what: impl Into<String>) -> SandboxError {
    SandboxError::Zygote { what: what.into() }
}
