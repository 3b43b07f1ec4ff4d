//! The real judge: toolchains and the sandbox.
//!
//! Expected outputs stay in this process; a candidate gets its standard input and nothing else of the tests.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use prentice_base::{FailureKind, Limits, Task, Verdict};
use prentice_environment::{Verifier, Workshop};
use prentice_sandbox::{Build, BuildOptions, Built, End, Execution, Language, SandboxError, Scratch, Toolchain};

use crate::{
    compare::outputs_match,
    judge::{CommandResult, Judge, JudgeError, RewardRequest, RunRequest, RunResult},
    label::{Label, StreamCase, Tests},
    program::extract_program,
};

/// Elapsed time that a program may take beyond its CPU time: a loaded machine must not decide. verl's client waits ten
/// seconds longer than the timeouts of building and running together.
const WALL_SLACK_SECONDS: f64 = 4.0;
/// Most of the fetched files together, in bytes.
const FETCH_LIMIT: u64 = 64 << 20;

/// Tasks of labels that a verifier gets to see: it keeps what it learns of each.
const TASKS_KEPT: usize = 1000;

/// Judges by running programs in the sandbox.
pub struct SandboxJudge {
    workshop: Workshop,
    verifier: Verifier,
    verified: usize,
    tasks: Arc<BTreeMap<String, Task>>,
}

impl SandboxJudge {
    /// A judge that knows `tasks`, by id, for labels that name one. Judges of one service share the workshop.
    pub fn new(workshop: &Workshop, tasks: Arc<BTreeMap<String, Task>>) -> Self {
        Self { workshop: workshop.clone(), verifier: Verifier::new(workshop), verified: 0, tasks }
    }

    fn build(&self, language: Language, code: &str, limits: Limits) -> Result<Build, JudgeError> {
        let name = match language {
            Language::Python => "main.py",
            Language::JavaScript => "main.js",
            Language::Rust => "main.rs",
            Language::C => "main.c",
            Language::Cpp => "main.cpp",
            Language::Go => "main.go",
            Language::Java => "Main.java",
        };
        let missing = || {
            let missing = Toolchain::find(language).err();
            let hint = missing.map(|missing| format!(": {missing}; {}", missing.hint)).unwrap_or_default();
            JudgeError::Refused(format!("this machine cannot run {language:?}{hint}"))
        };
        let toolchain = self.workshop.toolchain(language).ok_or_else(missing)?;
        let options = BuildOptions { limits, ..BuildOptions::default() };
        toolchain.build(self.workshop.sandbox(), &[(name, code)], &options).map_err(infrastructure)
    }

    /// Runs what was built. All languages come through here.
    fn execute(
        &self,
        built: &Built,
        stdin: &str,
        place: Option<&Scratch>,
        limits: &Limits,
    ) -> Result<Execution, JudgeError> {
        let mut command = built.command.clone();
        command.stdin = stdin.as_bytes().to_vec();
        command.directory = place.map(|place| place.path().to_owned());
        command.writable = command.directory.clone();
        self.workshop.sandbox().run(&command, limits).map_err(infrastructure)
    }

    /// Runs a Python program that needs no files in the warm interpreter, at a fraction of the cost of a start. There it
    /// may not start processes; one that tries is run again as a command, where it may.
    fn run_python(&mut self, code: &str, stdin: &str, limits: &Limits) -> Result<Option<Execution>, JudgeError> {
        let execution = self.verifier.run_script(code, stdin.as_bytes(), limits).map_err(infrastructure)?;
        let was_refused =
            !execution.succeeded() && execution.stderr.windows(15).any(|window| window == b"PermissionError");
        Ok((!was_refused).then_some(execution))
    }

    fn streams(
        &mut self,
        program: &str,
        label: &Label,
        cases: &[StreamCase],
        abandoned: &AtomicBool,
    ) -> Result<Verdict, JudgeError> {
        let fail = |kind, detail: String| Ok(Verdict::Fail { kind, detail });
        let limits = timed(Limits::default(), label.timeout);
        // A missing interpreter is said by `build`.
        let built = match self.build(label.language, program, BuildOptions::default().limits)? {
            Build::Ready(built) => built,
            Build::Rejected(execution) => return fail(FailureKind::CompileError, excerpt(&execution.stderr)),
        };
        for (index, case) in cases.iter().enumerate() {
            if abandoned.load(Ordering::Relaxed) {
                return Err(JudgeError::Abandoned);
            }
            let warm = match label.language {
                Language::Python => self.run_python(program, &case.input, &limits)?,
                _ => None,
            };
            let execution = match warm {
                Some(execution) => execution,
                None => self.execute(&built, &case.input, None, &limits)?,
            };
            let failure = match execution.end {
                End::Exited(0) => {
                    let output = String::from_utf8_lossy(&execution.stdout);
                    match outputs_match(&output, &case.output) {
                        true => continue,
                        false if output.trim().is_empty() => FailureKind::NoOutput,
                        false => FailureKind::WrongAnswer,
                    }
                }
                End::CpuTime | End::WallTime => FailureKind::Timeout,
                End::Memory => FailureKind::Memory,
                End::Processes => FailureKind::Forbidden,
                End::Exited(_) | End::Signalled(_) | End::Output | End::Disk => FailureKind::Exception,
            };
            return fail(failure, format!("test {index}: {}", excerpt(&execution.stderr)));
        }
        Ok(Verdict::Pass)
    }
}

impl Judge for SandboxJudge {
    fn run_code(&mut self, request: &RunRequest) -> Result<RunResult, JudgeError> {
        let memory_bytes = |default| request.memory_bytes.unwrap_or(default);
        let building = BuildOptions::default().limits;
        let building =
            Limits { memory_bytes: memory_bytes(building.memory_bytes), ..timed(building, request.compile_timeout) };
        let is_compiled = !matches!(request.language, Language::Python | Language::JavaScript);
        let running = Limits::default();
        let running =
            Limits { memory_bytes: memory_bytes(running.memory_bytes), ..timed(running, request.run_timeout) };
        let is_plain = request.files.is_empty() && request.fetch_files.is_empty();
        if request.language == Language::Python
            && is_plain
            && self.workshop.toolchain(Language::Python).is_some()
            && let Some(execution) = self.run_python(&request.code, &request.stdin, &running)?
        {
            return Ok(RunResult { run: Some(result(&execution)), ..RunResult::default() });
        }
        let started = Instant::now();
        let built = match self.build(request.language, &request.code, building)? {
            Build::Ready(built) => built,
            Build::Rejected(execution) if is_compiled => {
                return Ok(RunResult { compile: Some(result(&execution)), ..RunResult::default() });
            }
            Build::Rejected(execution) => {
                return Ok(RunResult { run: Some(result(&execution)), ..RunResult::default() });
            }
        };
        // What a compiler says of a program that it accepts is not kept.
        let accepted = CommandResult {
            return_code: Some(0),
            wall: started.elapsed(),
            stdout: String::new(),
            stderr: String::new(),
        };
        let place = match is_plain {
            true => None,
            false => Some(self.workshop.sandbox().scratch().map_err(infrastructure)?),
        };
        if let Some(place) = &place {
            for (path, content) in &request.files {
                place.write(path, content).map_err(infrastructure)?;
            }
        }
        let execution = self.execute(&built, &request.stdin, place.as_ref(), &running)?;
        let files = place.map_or(Ok(BTreeMap::new()), |place| fetch(place.path(), &request.fetch_files));
        Ok(RunResult { compile: is_compiled.then_some(accepted), run: Some(result(&execution)), files: files? })
    }

    fn reward(&mut self, request: &RewardRequest, abandoned: &AtomicBool) -> Result<Verdict, JudgeError> {
        let program = extract_program(&request.response, request.label.language);
        match &request.label.tests {
            Tests::Streams(cases) => self.streams(program, &request.label, cases, abandoned),
            Tests::Task(task) => {
                if self.verified == TASKS_KEPT {
                    (self.verifier, self.verified) = (Verifier::new(&self.workshop), 0);
                }
                self.verified += 1;
                Ok(self.verifier.verify(task, program).verdict)
            }
            Tests::Suite(id) => {
                let Some(task) = self.tasks.get(id) else {
                    let count = self.tasks.len();
                    return Err(JudgeError::Refused(format!(
                        "there is no task `{id}` among the {count} of this service"
                    )));
                };
                Ok(self.verifier.verify(task, program).verdict)
            }
        }
    }
}

fn timed(limits: Limits, timeout: Duration) -> Limits {
    let cpu_seconds = timeout.as_secs_f64();
    Limits { cpu_seconds, wall_seconds: cpu_seconds + WALL_SLACK_SECONDS, ..limits }
}

/// As Python's `subprocess` and thereby SandboxFusion report it: a signal is a negative status.
fn result(execution: &Execution) -> CommandResult {
    let mut stderr = String::from_utf8_lossy(&execution.stderr).into_owned();
    let mut killed = |why: &str| {
        stderr.push_str(&format!("\nkilled: {why}"));
        Some(-9)
    };
    let return_code = match execution.end {
        End::Exited(status) => Some(status),
        End::Signalled(signal) => Some(-signal),
        End::CpuTime | End::WallTime => None,
        End::Memory => killed("it used up its memory"),
        End::Processes => killed("it started too many processes"),
        End::Output => killed("it printed too much"),
        End::Disk => killed("it wrote too much to files"),
    };
    CommandResult {
        return_code,
        wall: execution.wall,
        stdout: String::from_utf8_lossy(&execution.stdout).into_owned(),
        stderr,
    }
}

/// Reads files that an untrusted program left behind.
///
/// It may have left links to files of the host, and pipes that block whoever opens them. Nothing of it runs any more,
/// so what is checked stays as it was.
fn fetch(place: &Path, paths: &[String]) -> Result<BTreeMap<String, Vec<u8>>, JudgeError> {
    let mut files = BTreeMap::new();
    let mut left = FETCH_LIMIT;
    for path in paths {
        match read_plain(place, path, left) {
            Ok(None) => {}
            Ok(Some(content)) if content.len() as u64 > left => {
                return Err(JudgeError::Refused(format!("the fetched files are longer than {FETCH_LIMIT} bytes")));
            }
            Ok(Some(content)) => {
                left -= content.len() as u64;
                files.insert(path.clone(), content);
            }
            Err(error) => return Err(JudgeError::Infrastructure(format!("cannot fetch {path:?}: {error}"))),
        }
    }
    Ok(files)
}

/// Up to `limit` + 1 bytes of a file; `None` where there is none, or none that the program could only have written
/// itself.
fn read_plain(place: &Path, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    use std::os::unix::fs::MetadataExt as _;
    let place = place.canonicalize()?;
    let asked = place.join(path);
    // Equal only if no part of the path is a link.
    if !asked.canonicalize().is_ok_and(|real| real == asked) {
        return Ok(None);
    }
    let metadata = fs::symlink_metadata(&asked)?;
    // A second name could be that of a file elsewhere.
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Ok(None);
    }
    let mut content = Vec::new();
    File::open(&asked)?.take(limit + 1).read_to_end(&mut content)?;
    Ok(Some(content))
}

fn infrastructure(error: SandboxError) -> JudgeError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    JudgeError::Infrastructure(message)
}

/// The end of what a program printed, where its reason stands.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(500)..]);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn only_plain_files_are_fetched() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "host").unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("plain"), "1234").unwrap();
        fs::write(path("twin"), "two names").unwrap();
        fs::hard_link(path("twin"), path("other")).unwrap();
        symlink(outside.path().join("secret"), path("link")).unwrap();
        symlink(outside.path(), path("linked")).unwrap();
        symlink("plain", path("near")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let names = ["plain", "twin", "other", "link", "linked/secret", "near", "socket", "absent", "plain/below"];
        let fetched = fetch(place.path(), &names.map(str::to_owned)).unwrap();
        assert_eq!(fetched, BTreeMap::from([("plain".to_owned(), b"1234".to_vec())]));
        assert_eq!(read_plain(place.path(), "plain", 2).unwrap().unwrap().len(), 3, "one byte more shows the excess");
    }
}
