//! Compilers and interpreters of this machine: where they are, and how a small program is built and run with them.
//!
//! What stands on `PATH` is often a shim (pyenv, rustup) that needs a home directory and a network. It is asked, outside
//! the sandbox, for the real program and for the directories that this needs; only these are used afterwards. Sandboxed
//! programs find linkers and assemblers in `/usr/bin`.
//!
//! Compilers run in the sandbox as the candidates do: a source can make a compiler loop, fill the disk or read files
//! (`include_str!`, `#include`). The flags favour the time to build: these programs run for milliseconds.
//!
//! *Not covered:* packages (Python runs with `-I -S`, node without `node_modules`, Go and Rust without dependencies),
//! and compilers behind `ccache` or `distcc`, which are passed over.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

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

impl Language {
    /// All of them, in the order of reports.
    pub const ALL: [Language; 7] = [
        Language::Python,
        Language::JavaScript,
        Language::Rust,
        Language::C,
        Language::Cpp,
        Language::Go,
        Language::Java,
    ];

    /// The names that its compiler or interpreter goes by, and how to get it.
    fn programs(self) -> (&'static [&'static str], &'static str) {
        match self {
            Language::Python => (&["python3", "python"], "apt install python3"),
            Language::JavaScript => (&["node", "nodejs"], "apt install nodejs"),
            Language::Rust => (&["rustc"], "apt install rustc, or use rustup"),
            Language::C => (&["cc", "gcc", "clang"], "apt install gcc libc6-dev"),
            Language::Cpp => (&["g++", "c++", "clang++"], "apt install g++"),
            Language::Go => (&["go"], "apt install golang-go"),
            Language::Java => (&["javac"], "apt install default-jdk-headless"),
        }
    }
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
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Further arguments of the compiler, such as `-lcrypto` or `--extern`; where nothing is compiled, of the
    /// interpreter.
    pub arguments: Vec<String>,
    /// What of the host they refer to.
    pub readable: Vec<PathBuf>,
    /// What building may use; not counted as the candidate's.
    pub limits: Limits,
}

impl Default for BuildOptions {
    /// Generous limits: a minute of CPU time within five of wall time, 4 GiB, 256 threads, 1 GiB of files.
    fn default() -> Self {
        let limits = Limits {
            cpu_seconds: 60.0,
            wall_seconds: 300.0,
            memory_bytes: 4 << 30,
            processes: 256,
            output_bytes: 1 << 20,
            disk_bytes: 1 << 30,
        };
        Self { arguments: Vec::new(), readable: Vec::new(), limits }
    }
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
    /// Looks for a language's toolchain on `PATH`.
    ///
    /// # Errors
    /// There is none that works.
    pub fn find(language: Language) -> Result<Self, Missing> {
        let (names, hint) = language.programs();
        let toolchain = names
            .iter()
            .flat_map(|name| on_path(name))
            .find_map(|found| locate(language, &found))
            .ok_or(Missing { language, program: names[0], hint })?;
        if language == Language::Rust && !Path::new("/usr/bin/cc").exists() {
            return Err(Missing { language, program: "cc", hint: "apt install gcc libc6-dev (rustc links with it)" });
        }
        Ok(toolchain)
    }

    /// Builds sources (name, content), of which the first is the main one, in a sandbox.
    ///
    /// In Java, the main source is named after its class. Where nothing is compiled (Python, JavaScript), every source is
    /// accepted, and faults show when it is run.
    ///
    /// # Errors
    /// The harness failed. A program that does not compile is no error.
    pub fn build(
        &self,
        sandbox: &Sandbox,
        sources: &[(&str, &str)],
        options: &BuildOptions,
    ) -> Result<Build, SandboxError> {
        let scratch = sandbox.scratch()?;
        for (name, content) in sources {
            scratch.write(name, content.as_bytes())?;
        }
        let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
        let mut readable = self.readable.clone();
        readable.extend(options.readable.iter().cloned());
        if let Some((arguments, environment)) = self.compilation(scratch.path(), &names, &options.arguments) {
            let compiler = Command {
                program: self.program.clone(),
                arguments,
                environment,
                directory: Some(scratch.path().to_owned()),
                readable: readable.clone(),
                writable: Some(scratch.path().to_owned()),
                stdin: Vec::new(),
            };
            let execution = sandbox.run(&compiler, &options.limits)?;
            if !execution.succeeded() {
                return Ok(Build::Rejected(execution));
            }
        }
        let (program, arguments) = self.execution(scratch.path(), names.first().unwrap_or(&""), &options.arguments);
        readable.push(scratch.path().to_owned());
        Ok(Build::Ready(Built { command: Command { program, arguments, readable, ..Command::default() }, scratch }))
    }

    /// Arguments and environment of the compiler; `None` where there is none.
    fn compilation(&self, place: &Path, names: &[&str], further: &[String]) -> Option<(Vec<OsString>, Environment)> {
        let output = place.join(OUTPUT).into_os_string();
        let ending = |endings: &[&str]| -> Vec<OsString> {
            let belongs = |name: &&&str| endings.iter().any(|ending| name.ends_with(ending));
            names.iter().filter(belongs).map(OsString::from).collect()
        };
        let flags = |flags: &[&str]| -> Vec<OsString> { flags.iter().map(OsString::from).collect() };
        let further: Vec<OsString> = further.iter().map(OsString::from).collect();
        let mut environment = Vec::new();
        let arguments = match self.language {
            Language::Python | Language::JavaScript => return None,
            // Libraries come after what needs them; a later `-std` or `-O` overrides the earlier one.
            Language::C => [flags(&["-O1", "-std=c11", "-o"]), vec![output], ending(&[".c"]), further, flags(&["-lm"])],
            Language::Cpp => {
                [flags(&["-O1", "-std=c++17", "-o"]), vec![output], ending(&[".cpp", ".cc"]), further, Vec::new()]
            }
            // Not optimised: it compiles sooner, and checks arithmetic as the tests of `cargo test` do.
            Language::Rust => [
                flags(&["--edition", "2021", "-C", "opt-level=0", "-C", "debuginfo=0", "-o"]),
                vec![output],
                further,
                names.iter().take(1).map(OsString::from).collect(),
                Vec::new(),
            ],
            Language::Go => {
                environment = go_environment(place);
                [flags(&["build", "-o"]), vec![output], further, ending(&[".go"]), Vec::new()]
            }
            Language::Java => [
                JAVA_START.iter().map(|flag| OsString::from(format!("-J{flag}"))).collect(),
                flags(&["-proc:none", "-nowarn", "-encoding", "UTF-8", "-d"]),
                vec![place.as_os_str().to_owned()],
                further,
                ending(&[".java"]),
            ],
        };
        Some((arguments.concat(), environment))
    }

    /// Program and arguments to run what was built.
    fn execution(&self, place: &Path, main: &str, further: &[String]) -> (PathBuf, Vec<OsString>) {
        let source = place.join(main).into_os_string();
        let further = further.iter().map(OsString::from);
        match self.language {
            Language::Python => {
                let flags = ["-I", "-S", "-B"].map(OsString::from);
                (self.program.clone(), flags.into_iter().chain(further).chain([source]).collect())
            }
            Language::JavaScript => (self.program.clone(), further.chain([source]).collect()),
            Language::Java => {
                let class = Path::new(main).file_stem().unwrap_or_default().to_owned();
                let flags = JAVA_START.iter().chain(&["-Xmx512m", "-cp"]).map(OsString::from);
                let arguments = flags.chain([place.as_os_str().to_owned(), class]).collect();
                (self.program.with_file_name("java"), arguments)
            }
            Language::C | Language::Cpp | Language::Rust | Language::Go => (place.join(OUTPUT), Vec::new()),
        }
    }
}

type Environment = Vec<(OsString, OsString)>;

/// Name of a compiled program in its scratch directory.
const OUTPUT: &str = "program";

/// One thread for the collector, one quick compiler, no file for performance tools: Java starts sooner.
const JAVA_START: &[&str] = &["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"];

fn go_environment(place: &Path) -> Environment {
    let below = |name: &str| place.join(name).into_os_string();
    let mut environment: Environment = vec![("GOCACHE".into(), below(".cache")), ("GOPATH".into(), below(".path"))];
    let fixed = [
        ("GOENV", "off"),
        ("GOFLAGS", "-mod=mod"),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOTELEMETRY", "off"),
        ("CGO_ENABLED", "0"),
    ];
    environment.extend(fixed.map(|(name, value)| (name.into(), value.into())));
    environment
}

/// Every program of this name on `PATH`.
fn on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|d| d.join(name))
        .filter(|p| p.is_file())
        .collect()
}

/// The toolchain behind a program that was found on `PATH`; `None` if it does not work.
fn locate(language: Language, found: &Path) -> Option<Toolchain> {
    let (program, root) = match language {
        Language::Python => {
            let lines = ask(found, &["-I", "-S", "-c", "import sys; print(sys.executable); print(sys.base_prefix)"])?;
            let mut lines = lines.lines().map(PathBuf::from);
            (lines.next()?, lines.next()?)
        }
        Language::JavaScript => with_prefix(PathBuf::from(ask(found, &["-p", "process.execPath"])?))?,
        Language::Rust => {
            let sysroot = PathBuf::from(ask(found, &["--print", "sysroot"])?);
            (sysroot.join("bin/rustc"), sysroot)
        }
        Language::C | Language::Cpp => with_prefix(found.to_owned())?,
        Language::Go => {
            let root = PathBuf::from(ask(found, &["env", "GOROOT"])?);
            (root.join("bin/go"), root)
        }
        Language::Java => {
            let settings = ask(found, &["-J-XshowSettings:properties", "-version"])?;
            let home = settings.lines().find_map(|line| line.trim().strip_prefix("java.home = "))?;
            (Path::new(home).join("bin/javac"), PathBuf::from(home))
        }
    };
    let (program, root) = (program.canonicalize().ok()?, root.canonicalize().ok()?);
    if matches!(program.file_name()?.to_str(), Some("ccache" | "distcc")) {
        return None;
    }
    let question = match language {
        Language::Go => "version",
        Language::Java => "-version",
        _ => "--version",
    };
    let version = ask(&program, &[question])?.lines().next()?.to_owned();
    let readable = if root.starts_with("/usr") { Vec::new() } else { vec![root] };
    Some(Toolchain { language, program, version, readable })
}

/// A program with the directory that it was installed to: `/opt/node` for `/opt/node/bin/node`.
fn with_prefix(program: PathBuf) -> Option<(PathBuf, PathBuf)> {
    let program = program.canonicalize().ok()?;
    let prefix = program.parent()?.parent()?.to_owned();
    Some((program, prefix))
}

/// What a trusted program says, on standard output and else on standard error; `None` if it fails.
fn ask(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let said = if output.stdout.is_empty() || arguments.iter().any(|a| a.contains("XshowSettings")) {
        [output.stderr, output.stdout].concat()
    } else {
        output.stdout
    };
    output.status.success().then(|| String::from_utf8_lossy(&said).trim().to_owned())
}
