//! `prentice sandbox run`, `prentice sandbox serve` and `prentice sandbox doctor`.

use std::{io::Read as _, path::PathBuf};

use prentice_base::{FileError, Limits};
use prentice_sandbox::{Command, End, Language, Sandbox, SandboxError, Tier, Toolchain};
use serde_json::{Value, json};

use crate::{
    arguments::SandboxRun,
    commands::{Session, eval, usage},
    error::{CliError, ErrorKind},
    format,
    table::{Align::Left, table},
    terminal::TextStream,
};

/// Says which tier is in force, what is missing, and which languages can be executed.
pub fn doctor(session: &Session) -> Result<(), CliError> {
    let mut rows = Vec::new();
    let mut tiers = Vec::new();
    let mut best = None;
    for tier in [Tier::A, Tier::B] {
        let (state, note) = match Sandbox::with_tier(tier) {
            Ok(sandbox) => {
                let note = covered(&sandbox);
                best.get_or_insert(sandbox);
                ("works", note)
            }
            Err(error) => ("missing", with_causes(&error)),
        };
        tiers.push(json!({ "tier": tier, "works": state == "works", "note": note }));
        rows.push(vec![format!("tier {tier:?}"), state.to_owned(), note]);
    }
    let languages = languages();
    for (name, found, note) in &languages {
        rows.push(vec![name.clone(), if *found { "found" } else { "missing" }.to_owned(), note.clone()]);
    }
    let speed = match (&best, Toolchain::find(Language::Python)) {
        (Some(sandbox), Ok(python)) => Some(crate::execution::measure(sandbox, &python)?),
        _ => None,
    };
    let mut text = table(&[("", Left), ("", Left), ("", Left)], &rows);
    text += "\n";
    match &best {
        Some(sandbox) => {
            text += &format!("In force: tier {:?}. ", sandbox.tier());
            if let Some(speed) = &speed {
                text += &format!(
                    "A small Python candidate takes {} ms of CPU time ({} a second in one interpreter); a command starts in {} ms.\n",
                    format::decimal(speed.candidate_cpu_ms, 1),
                    format::rate(speed.candidates_per_second),
                    format::decimal(speed.command_ms, 1)
                );
            } else {
                text += "There is no Python to measure with.\n";
            }
        }
        None => {
            text += "No tier works: programs are not run, unless --unsafe says to run them without isolation.\n";
            text += "Tier A needs user namespaces (sysctl kernel.unprivileged_userns_clone=1, or user.max_user_namespaces above 0; \
                     in a container, `--security-opt seccomp=unconfined` or a newer engine); both need Landlock (Linux 5.13 and later).\n";
        }
    }
    let languages: Vec<Value> =
        languages.iter().map(|(name, found, note)| json!({ "language": name, "found": found, "note": note })).collect();
    let summary = json!({
        "tier": best.as_ref().map(Sandbox::tier),
        "tiers": tiers,
        "languages": languages,
        "speed": speed,
    });
    session.conclude(summary, &text)?;
    if best.is_none() {
        return Err(CliError::new(ErrorKind::Environment, "this machine offers no sandbox")
            .hint("the lines above say what is missing")
            .after_summary());
    }
    Ok(())
}

fn covered(sandbox: &Sandbox) -> String {
    let mut parts = Vec::new();
    if sandbox.tier() == Tier::A {
        parts.push("namespaces".to_owned());
    }
    let version = sandbox.landlock_version();
    parts.push(format!("Landlock {version}"));
    parts.push("seccomp".to_owned());
    if sandbox.tier() == Tier::A && !sandbox.has_proc() {
        parts.push("no /proc for programs (this container hides its own)".to_owned());
    }
    if let Some(user) = sandbox.other_user() {
        parts.push(format!("programs run as user {user}"));
    }
    if version < 6 && sandbox.tier() == Tier::B {
        parts.push("programs cannot send signals (Landlock 6 could scope them)".to_owned());
    }
    parts.join(", ")
}

/// Every language, whether its toolchain is here, and its version or how to get it.
pub fn languages() -> Vec<(String, bool, String)> {
    let all = Language::ALL.iter();
    all.map(|language| match Toolchain::find(*language) {
        Ok(toolchain) => (format!("{language:?}"), true, toolchain.version),
        Err(missing) => (format!("{language:?}"), false, format!("{missing}: {}", missing.hint)),
    })
    .collect()
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Runs a command or a program in the sandbox.
pub fn run(session: &Session, arguments: SandboxRun) -> Result<(), CliError> {
    let limits = limits(&arguments)?;
    let sandbox = eval::sandbox(session, arguments.isolation)?;
    let mut stdin = Vec::new();
    if arguments.stdin {
        std::io::stdin().read_to_end(&mut stdin)?;
    }
    let Some((name, rest)) = arguments.command.split_first() else {
        return Err(usage("there is no command to run", "prentice sandbox run -- COMMAND ARGUMENTS"));
    };
    let (program, mut readable) = find(name)?;
    readable.extend(arguments.readable.iter().cloned());
    if let Some(directory) = program.parent().filter(|directory| !directory.starts_with("/usr")) {
        readable.push(directory.join(program.file_name().unwrap_or_default()));
    }
    let mut absolute = Vec::new();
    for path in readable {
        absolute.push(path.canonicalize().map_err(|error| {
            usage(format!("cannot let the program read {}: {error}", path.display()), "check the spelling")
        })?);
    }
    let command = Command {
        program,
        arguments: rest.iter().map(Into::into).collect(),
        readable: absolute,
        stdin,
        ..Command::default()
    };
    let execution = sandbox.run(&command, &limits).map_err(|error| match &error {
        SandboxError::Execute { .. } => CliError::from_error(ErrorKind::Usage, &error)
            .hint("a command is an executable file (`chmod +x FILE`), or an interpreter and what it reads"),
        _ => error.into(),
    })?;
    let end = match execution.end {
        End::Exited(status) => format!("exited with status {status}"),
        End::Signalled(signal) => format!("ended by signal {signal}"),
        End::CpuTime => format!("stopped after {} s of CPU time", limits.cpu_seconds),
        End::WallTime => format!("stopped after {} s", limits.wall_seconds),
        End::Memory => format!("stopped at {} of memory", format::bytes(limits.memory_bytes)),
        End::Processes => format!("stopped at {} processes", limits.processes),
        End::Output => format!("stopped at {} of output", format::bytes(limits.output_bytes)),
        End::Disk => format!("stopped at {} in files", format::bytes(limits.disk_bytes)),
    };
    let summary = json!({
        "end": end,
        "status": match execution.end { End::Exited(status) => Some(status), _ => None },
        "stdout": String::from_utf8_lossy(&execution.stdout),
        "stderr": String::from_utf8_lossy(&execution.stderr),
        "cpu_seconds": execution.cpu.as_secs_f64(),
        "wall_seconds": execution.wall.as_secs_f64(),
        "peak_memory": execution.peak_memory,
        "tier": sandbox.tier(),
    });
    session.conclude(summary, "")?;
    if !session.json {
        let mut stdout = TextStream::stdout();
        stdout.push(&execution.stdout);
        stdout.finish().map_err(FileError::new("write", "standard output"))?;
        let mut stderr = TextStream::stderr();
        stderr.push(&execution.stderr);
        stderr.finish().map_err(FileError::new("write", "standard error"))?;
    }
    if execution.succeeded() {
        return Ok(());
    }
    Err(CliError::new(ErrorKind::TaskFailed, format!("{} {end}", command.program.display()))
        .hint("limits and what it may read are options: prentice sandbox run --help")
        .after_summary())
}

fn limits(arguments: &SandboxRun) -> Result<Limits, CliError> {
    for (option, value) in [("--cpu-seconds", arguments.cpu_seconds), ("--wall-seconds", arguments.wall_seconds)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(usage(format!("{option} {value} is no length of time"), "give a number above 0"));
        }
    }
    for (option, value) in [
        ("--memory-mib", arguments.memory_mib),
        ("--processes", arguments.processes.into()),
        ("--output-mib", arguments.output_mib),
        ("--disk-mib", arguments.disk_mib),
    ] {
        check_range(option, value, 1)?;
    }
    Ok(Limits {
        cpu_seconds: arguments.cpu_seconds,
        wall_seconds: arguments.wall_seconds,
        memory_bytes: arguments.memory_mib << 20,
        processes: arguments.processes,
        output_bytes: arguments.output_mib << 20,
        disk_bytes: arguments.disk_mib << 20,
    })
}

/// Refuses what would overflow when it is counted in bytes, and what leaves nothing: to the kernel, 0 is often no limit.
pub fn check_range(option: &str, value: u64, least: u64) -> Result<(), CliError> {
    const MOST: u64 = 1 << 30;
    if (least..=MOST).contains(&value) {
        return Ok(());
    }
    Err(usage(format!("{option} {value} is out of range"), format!("give a number from {least} to {MOST}")))
}

/// A program by path or by name, and what else it needs to read.
fn find(name: &str) -> Result<(PathBuf, Vec<PathBuf>), CliError> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        let path = path.canonicalize();
        return path.map(|path| (path, Vec::new())).map_err(|error| {
            usage(
                format!("cannot run {name}: {error}"),
                "check the spelling; a relative path starts at the current directory",
            )
        });
    }
    // On PATH, these are often the shims of a version manager, which work only in the home directory.
    let language = match name {
        "python3" => Some(Language::Python),
        "node" => Some(Language::JavaScript),
        _ => None,
    };
    if let Some(Ok(toolchain)) = language.map(Toolchain::find) {
        return Ok((toolchain.program, toolchain.readable));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .map(|program| (program, Vec::new()))
        .ok_or_else(|| usage(format!("there is no program `{name}` on PATH"), "give its path"))
}
