//! The project's own chores, run as `cargo xtask COMMAND`.
//!
//! `ci` is everything that a change must pass, in the order in which it fails fastest; `.ci/run` calls nothing else.
//! `licences` is its step about dependencies, the only one that may need a network (to read the manifests of
//! dependencies of other platforms).

mod licences;

use std::{
    env,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::licences::Policy;

const USAGE: &str = "usage: cargo xtask COMMAND

commands:
  ci        format, lints, licences of dependencies, tests
  licences  check every locked dependency against deny.toml";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ci"] => ci(),
        ["licences"] => check_licences(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Every step stops the rest when it fails.
fn ci() -> Result<(), String> {
    step("cargo fmt", || cargo(&["fmt", "--all", "--check"]))?;
    step("cargo clippy", || {
        cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    })?;
    step("cargo xtask licences", check_licences)?;
    // The README's command, so that it cannot rot.
    step("cargo test --workspace", || cargo(&["test", "--workspace"]))
}

fn step(heading: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("\n==> {heading}");
    let start = Instant::now();
    work().map_err(|message| format!("{heading}: {message}"))?;
    println!("    done in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn check_licences() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace root");
    let path = root.join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let policy = Policy::parse(&text)?;
    let metadata = cargo_output(&["metadata", "--format-version", "1", "--locked"])?;
    let metadata: Value =
        serde_json::from_slice(&metadata).map_err(|error| format!("cannot read cargo's metadata: {error}"))?;
    let packages = licences::packages(&metadata)?;
    let problems = licences::judge(&packages, &policy);
    for problem in &problems {
        eprintln!("  {problem}");
    }
    if problems.is_empty() {
        println!("    {} packages agree with deny.toml", packages.len());
        Ok(())
    } else {
        Err(format!("{} of {} packages break deny.toml", problems.len(), packages.len()))
    }
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let status = command(arguments).status().map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed", arguments.join(" "))) }
}

fn cargo_output(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output =
        command(arguments).stderr(Stdio::inherit()).output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("`cargo {}` failed", arguments.join(" "))) }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}
