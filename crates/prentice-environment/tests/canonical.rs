//! The suites' published solutions pass, and completions that are wrong in some way fail in that way.
//!
//! Every suite in Python, thinned out; all of them, to the last task, with `PRENTICE_SLOW_TESTS`. The other languages are
//! in `bridge.rs` and `bridge_compiled.rs`.

use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use prentice_base::{Limits, Task, Verdict};
use prentice_environment::{
    Verifier, Workshop,
    suites::{self, LoadOptions, Suite},
};
use prentice_sandbox::{Language, Sandbox};

fn load(name: &str) -> Option<Suite> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata");
    let data = std::env::var_os("PRENTICE_EVALDATA").map(PathBuf::from).into_iter().chain([beside]).collect();
    match suites::load(name, &LoadOptions { data, languages: Vec::new() }) {
        Ok(suite) => Some(suite),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

fn verifier() -> Option<Verifier> {
    let workshop = Workshop::new(&Sandbox::best().unwrap());
    if workshop.toolchain(Language::Python).is_none() {
        eprintln!("SKIPPED: no Python");
        return None;
    }
    Some(Verifier::new(&workshop))
}

/// Every `step`th published solution passes.
fn check_canonical(name: &str, step: usize, skip: &[&str]) {
    let (Some(suite), Some(mut verifier)) = (load(name), verifier()) else { return };
    let is_slow = std::env::var_os("PRENTICE_SLOW_TESTS").is_some();
    let step = if is_slow { 1 } else { step };
    let mut failures = Vec::new();
    let mut judged = 0;
    for task in suite.tasks.iter().step_by(step).filter(|task| is_slow || !skip.contains(&task.id.as_str())) {
        let verdict = verifier.verify(task, task.reference.as_deref().unwrap()).verdict;
        judged += 1;
        if verdict != Verdict::Pass {
            failures.push(format!("{}: {verdict:?}", task.id));
        }
    }
    assert!(judged > 0);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn published_solutions_pass() {
    check_canonical("humaneval", 1, &[]);
    check_canonical("humaneval-infilling", 97, &[]);
    check_canonical("humaneval-x-python", 13, &[]);
    check_canonical("humanevalpack-fix-python", 13, &[]);
    check_canonical("humanevalpack-synthesize-python", 17, &[]);
    check_canonical("cruxeval", 23, &[]);
    // What these return is large; see suites/humaneval_plus.rs.
    let large = ["15", "36", "59", "83", "94", "100", "130", "139"].map(|number| format!("HumanEval/{number}"));
    check_canonical("humanevalplus", 9, &large.each_ref().map(String::as_str));
}

#[test]
fn doing_nothing_fails() {
    let (Some(suite), Some(mut verifier)) = (load("humanevalpack-fix-python"), verifier()) else { return };
    for task in suite.tasks.iter().step_by(11) {
        let verdict = verifier.verify(task, "    return None\n").verdict;
        assert!(matches!(verdict, Verdict::Fail { .. }), "{}: {verdict:?}", task.id);
    }
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail { kind, detail } => format!("{kind:?}: {detail}"),
        Verdict::InfrastructureError { detail } => format!("infrastructure error: {detail}"),
    }
}

fn find(suite: &Suite, id: &str) -> Task {
    let task = suite.tasks.iter().find(|task| task.id == id).unwrap();
    Task { limits: Limits { cpu_seconds: 0.5, ..task.limits }, ..task.clone() }
}

fn check(suite: &str, id: &str, completion: &str, expected: Expect) {
    let (Some(suite), Some(mut verifier)) = (load(suite), verifier()) else { return };
    expected.assert_eq(&shown(&verifier.verify(&find(&suite, id), completion).verdict));
}

#[test]
fn each_way_of_being_wrong_has_its_kind() {
    // HumanEval/53 asks for x + y.
    let add = |completion: &str, expected: Expect| check("humaneval", "HumanEval/53", completion, expected);
    add("    return x + y\n", expect!["pass"]);
    add("    return x - y\n", expect!["WrongAnswer: AssertionError: assert candidate(0, 1) == 1"]);
    add("    return x / 0\n", expect!["Exception: ZeroDivisionError: division by zero (line 10)"]);
    add("    while True: pass\n", expect!["Timeout: more than 0.5 s of CPU time"]);
    add("    return bytearray(1 << 40)\n", expect!["Memory: MemoryError (line 10)"]);
    add("    return (\n", expect!["CompileError: SyntaxError: '(' was never closed (<candidate>, line 10)"]);
    add(
        "    import os; os.fork()\n",
        expect!["Forbidden: PermissionError: [Errno 1] Operation not permitted (line 10)"],
    );
    add("    import os; os._exit(0)\n", expect!["NoOutput: ended without an answer"]);
    add("    import os; os._exit(7)\n", expect!["NoOutput: ended with status 7 and without an answer"]);
    add("    import sys; sys.exit(0)\n", expect!["Exception: SystemExit: 0 (line 10)"]);
    add("    return 'a' * 3000000\n", expect!["Forbidden: more than 1048576 bytes of output"]);
    add("    return 1\n\ndef add(x, y):\n    return y + x\n", expect!["pass"]);
    add("    import ctypes; ctypes.string_at(0)\n", expect!["Exception: ended by signal 11"]);
    add("    return int(input())\n", expect!["Exception: EOFError: EOF when reading a line (line 10)"]);
}

#[test]
fn values_are_compared_as_the_suites_say() {
    let plus = |id: &str, completion: &str, expected: Expect| check("humanevalplus", id, completion, expected);
    // Floats within evalplus's tolerance: HumanEval/4 is the mean absolute deviation.
    let deviation =
        "    mean = sum(numbers) / len(numbers)\n    return sum(abs(x - mean) for x in numbers) / len(numbers)";
    plus("HumanEval/4", &format!("{deviation} + 1e-9\n"), expect!["pass"]);
    plus(
        "HumanEval/4",
        &format!("{deviation} + 1e-3\n"),
        expect!["WrongAnswer: input 0: returned 0.6676666666666666, expected 0.6666666666666666"],
    );
    // CRUXEval: a value is written, or a call; the code is not in reach of either.
    let crux = |id: &str, completion: &str, expected: Expect| check("cruxeval", id, completion, expected);
    crux("output/sample_1", "{1: None, 2: None}", expect!["pass"]);
    crux("output/sample_1", "f((1,), (1,), (1, 2))", expect!["Exception: NameError: name 'f' is not defined (line 1)"]);
    crux("input/sample_1", "f((2,), (1, 2), (1,))", expect!["pass"]);
    crux("input/sample_1", "f((1, 2), (), ())", expect!["pass"]);
    crux("input/sample_1", "{1: None, 2: None}", expect!["Exception: ValueError: the completion is no call of f"]);
}
