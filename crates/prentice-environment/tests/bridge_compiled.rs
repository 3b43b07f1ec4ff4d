//! The bridges for Java, Go and Rust, on the published suites: every reference passes, every planted bug is found.
//!
//! A few tasks of each language by default; all of them, some 1,500 builds, where `PRENTICE_SLOW_TESTS` is set. What is
//! absent, toolchain or data, is skipped and said.

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use expect_test::{Expect, expect};
use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind, TestCase};
use prentice_environment::{
    bridge::{self, CANDIDATE_GONE_EXIT, CANDIDATE_THREW_EXIT},
    suites::{self, LoadOptions},
};
use prentice_sandbox::{Build, BuildOptions, Built, End, Language, Sandbox, Toolchain};

/// What upstream's data make impossible, by language and task.
const DEFECTS: [(&str, &str, &str); 0] = [];

/// A sandbox and a toolchain, or `None`, which is said.
fn tools(language: Language) -> Option<(Sandbox, Toolchain)> {
    let sandbox = Sandbox::best().map_err(|error| eprintln!("SKIPPED: {error}")).ok()?;
    let toolchain =
        Toolchain::find(language).map_err(|error| eprintln!("SKIPPED: {error}: {}", error.hint)).ok()?;
    Some((sandbox, toolchain))
}

fn data() -> Vec<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata");
    std::env::var_os("PRENTICE_EVALDATA").map(PathBuf::from).into_iter().chain([beside]).collect()
}

fn build(
    (sandbox, toolchain): &(Sandbox, Toolchain),
    sources: &[(String, String)],
    options: &BuildOptions,
) -> Result<Built, String> {
    let sources: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    match toolchain.build(sandbox, &sources, options).unwrap() {
        Build::Ready(built) => Ok(built),
        Build::Rejected(execution) => Err(String::from_utf8_lossy(&execution.stderr).into_owned()),
    }
}

fn limits() -> Limits {
    Limits { cpu_seconds: 10.0, wall_seconds: 60.0, memory_bytes: 4 << 30, processes: 128, ..Limits::default() }
}

/// What becomes of each completion: `pass`, `wrong`, `threw`, `gone`, `rejected`, another end, or why there is none.
fn judge(tools: &(Sandbox, Toolchain), task: &Task, completions: &[&str]) -> Vec<String> {
    let examiner = match bridge::examiner(task) {
        Ok(examiner) => build(tools, &examiner.sources, &examiner.options),
        Err(unbridgeable) => return vec![unbridgeable.reason; completions.len()],
    };
    let examiner = match examiner {
        Ok(examiner) => examiner,
        Err(message) => return vec![format!("the examiner does not compile: {message}"); completions.len()],
    };
    let judge = |completion: &&str| -> String {
        let candidate = match bridge::candidate(task, completion) {
            Ok(candidate) => candidate,
            Err(unbridgeable) => return unbridgeable.reason,
        };
        let Ok(candidate) = build(tools, &candidate.sources, &candidate.options) else { return "rejected".into() };
        let (asked, answered) =
            tools.0.converse((&examiner.command, &limits()), (&candidate.command, &limits())).unwrap();
        let limited = !matches!(answered.end, End::Exited(_) | End::Signalled(_));
        match asked.end {
            End::Exited(0) => "pass".into(),
            _ if limited => format!("{:?}", answered.end),
            End::Exited(CANDIDATE_GONE_EXIT) => "gone".into(),
            End::Exited(CANDIDATE_THREW_EXIT) => "threw".into(),
            End::Exited(_) => "wrong".into(),
            end => format!("examiner: {end:?}"),
        }
    };
    completions.iter().map(judge).collect()
}

/// Runs references and planted bugs of the tasks with these numbers, all where the slow tests are asked for.
fn check_suites(language: Language, name: &str, numbers: &[usize]) {
    let Some(tools) = tools(language) else { return };
    let slow = std::env::var_os("PRENTICE_SLOW_TESTS").is_some();
    let options = LoadOptions { data: data(), languages: vec![name.to_string()] };
    let (x, pack) = match (suites::load("humaneval-x", &options), suites::load("humanevalpack", &options)) {
        (Ok(x), Ok(pack)) => (x.tasks, pack.tasks),
        (Err(error), _) | (_, Err(error)) => return eprintln!("SKIPPED: {error}"),
    };
    let bugs = bugs(name);
    let pack: Vec<Task> = pack.into_iter().filter(|task| task.kind == TaskKind::Synthesis).collect();
    assert_eq!((x.len(), pack.len(), bugs.len()), (164, 164, 164));

    let chosen: Vec<usize> = if slow { (0..164).collect() } else { numbers.to_vec() };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut said = Vec::new();
        while let Some(&number) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let [x, pack] = [&x[number], &pack[number]];
            let reference = |task: &Task| task.reference.clone().unwrap();
            let mut outcomes = judge(&tools, x, &[&reference(x)]);
            outcomes.extend(judge(&tools, pack, &[&reference(pack), &bugs[number]]));
            said.push((number, outcomes));
        }
        said
    };
    let mut said: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    said.sort();
    let mut wrong = String::new();
    for (number, outcomes) in &said {
        for (what, outcome) in ["humaneval-x reference", "pack reference", "pack bug"].iter().zip(outcomes) {
            let expected = if what.ends_with("bug") { outcome != "pass" } else { outcome == "pass" };
            let known = DEFECTS.iter().any(|(task, about, _)| *task == x[*number].id && about == what);
            if expected == known {
                let _ = writeln!(wrong, "{} {what}: {outcome}", x[*number].id);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The planted bugs, which are no part of a task.
fn bugs(name: &str) -> Vec<String> {
    let file = format!("humanevalpack/evaluation/create/humaneval-x/data/{name}/data/humanevalpack.jsonl");
    let Some(text) = data().into_iter().find_map(|directory| std::fs::read_to_string(directory.join(&file)).ok())
    else {
        return Vec::new();
    };
    let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["buggy_solution"].as_str().map(Into::into);
    text.lines().filter_map(row).collect()
}

#[test]
fn java_references_pass_and_bugs_fail() {
    check_suites(Language::Java, "java", &[32, 103]);
}

#[test]
fn go_references_pass_and_bugs_fail() {
    check_suites(Language::Go, "go", &[38, 136]);
}

#[test]
fn rust_references_pass_and_bugs_fail() {
    check_suites(Language::Rust, "rust", &[10, 91, 137, 162]);
}
