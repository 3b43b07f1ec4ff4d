//! Visible and hidden tests of one completion.

use expect_test::{Expect, expect};
use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind, TestCase, Verdict};
use prentice_environment::{Verifier, Workshop};
use prentice_sandbox::{Language, Sandbox};

fn tests(inputs: &[&str]) -> Vec<TestCase> {
    let inputs = inputs.iter().map(|input| (*input).into()).collect();
    vec![TestCase { name: "inputs".into(), check: Check::Reference { inputs, tolerance: 0.0 } }]
}

fn check(visible: Vec<TestCase>, expected: Expect) {
    let workshop = Workshop::new(&Sandbox::best().unwrap());
    if workshop.toolchain(Language::Python).is_none() {
        return eprintln!("SKIPPED: no Python");
    }
    let task = Task {
        id: "test/0".into(),
        kind: TaskKind::Synthesis,
        snapshot: Snapshot::Program(Program {
            language: "Python".into(),
            prefix: "def solve(x):\n".into(),
            suffix: String::new(),
        }),
        instruction: String::new(),
        entry_point: "solve".into(),
        reference: Some("    return x * x\n".into()),
        source: None,
        visible_tests: visible,
        hidden_tests: tests(&["[0]", "[3]", "[-4]"]),
        limits: Limits::default(),
    };
    let mut verifier = Verifier::new(&workshop);
    let completions = [
        "    return x * x\n",
        "    return {2: 4, 1: 1}[x]\n",
        "    return x + x\n",
        "    return x * abs(x)\n",
        "    if x == 3:\n        import os; os._exit(0)\n    return x * x\n",
        "    return x *\n",
    ];
    let mut lines = String::new();
    for completion in completions {
        let examined = verifier.examine(&task, completion);
        let shown = |verdict: &Verdict| match verdict {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Fail { kind, detail } => format!("{kind:?} ({detail})"),
            Verdict::InfrastructureError { detail } => panic!("{detail}"),
        };
        let (last, visible, hidden) = (completion.trim(), shown(&examined.visible), shown(&examined.hidden));
        lines += &format!("{}: {visible} / {hidden}\n", last.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    expected.assert_eq(&lines);
}

#[test]
fn visible_and_hidden_inputs_are_told_apart() {
    check(
        tests(&["[2]", "[1]"]),
        expect![[r#"
            return x * x: pass / pass
            return {2: 4, 1: 1}[x]: pass / Exception (KeyError: 0 (line 2))
            return x + x: WrongAnswer (input 1: returned 2, expected 1) / WrongAnswer (input 1: returned 2, expected 1)
            return x * abs(x): pass / WrongAnswer (input 4: returned -16, expected 16)
            if x == 3: import os; os._exit(0) return x * x: pass / NoOutput (ended without an answer)
            return x *: CompileError (SyntaxError: invalid syntax (<candidate>, line 2)) / CompileError (SyntaxError: invalid syntax (<candidate>, line 2))
        "#]],
    );
}

#[test]
fn a_test_program_may_be_visible_too() {
    let program = "assert solve(2) == 4\nassert solve(1) == 1\n".into();
    check(
        vec![TestCase { name: "program".into(), check: Check::Program { program } }],
        expect![[r#"
        return x * x: pass / pass
        return {2: 4, 1: 1}[x]: pass / Exception (KeyError: 0 (line 2))
        return x + x: WrongAnswer (AssertionError: assert solve(1) == 1) / WrongAnswer (AssertionError: assert solve(1) == 1)
        return x * abs(x): pass / WrongAnswer (input 2: returned -16, expected 16)
        if x == 3: import os; os._exit(0) return x * x: pass / NoOutput (ended without an answer)
        return x *: CompileError (SyntaxError: invalid syntax (<candidate>, line 2)) / CompileError (SyntaxError: invalid syntax (<candidate>, line 2))
    "#]],
    );
}
