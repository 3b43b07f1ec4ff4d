//! The real judge, without the service around it.

use std::{collections::BTreeMap, sync::atomic::AtomicBool, time::Duration};

use prentice_base::Verdict;
use prentice_environment::Workshop;
use prentice_sandbox::{Language, Sandbox, Toolchain};
use prentice_serve::{Judge, JudgeError, Label, RewardRequest, RunRequest, RunResult, SandboxJudge};
use serde_json::{Value, json};

fn judge() -> SandboxJudge {
    SandboxJudge::new(&Workshop::new(&Sandbox::best().unwrap()), BTreeMap::new().into())
}

fn has(language: Language) -> bool {
    match Toolchain::find(language) {
        Ok(_) => true,
        Err(missing) => {
            eprintln!("SKIPPED: {missing}; {}", missing.hint);
            false
        }
    }
}

fn request(language: Language, code: &str) -> RunRequest {
    RunRequest {
        language,
        code: code.to_owned(),
        stdin: "21\n".to_owned(),
        compile_timeout: Duration::from_secs(20),
        run_timeout: Duration::from_secs(5),
        memory_bytes: None,
        files: BTreeMap::new(),
        fetch_files: Vec::new(),
    }
}

fn summary(result: &RunResult) -> String {
    let step = |step: &Option<prentice_serve::CommandResult>| match step {
        None => "none".to_owned(),
        Some(result) => format!("{:?}", result.return_code),
    };
    let stdout = result.run.as_ref().map_or("", |run| run.stdout.trim());
    format!("compile {}, run {}, {stdout:?}", step(&result.compile), step(&result.run))
}

#[test]
fn every_language_runs() {
    let mut judge = judge();
    for (language, code, expected) in [
        (Language::Python, "print(2 * int(input()))", r#"compile none, run Some(0), "42""#),
        (Language::Python, "def f(:", r#"compile none, run Some(1), """#),
        (Language::JavaScript, "console.log(2 * +require('fs').readFileSync(0))", r#"compile none, run Some(0), "42""#),
        (
            Language::Cpp,
            "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << 2 * x; }",
            r#"compile Some(0), run Some(0), "42""#,
        ),
        (Language::C, "int main(void) { return 3; }", r#"compile Some(0), run Some(3), """#),
        (Language::Cpp, "int main() { return x; }", r#"compile Some(1), run none, """#),
        (Language::Rust, "fn main() { println!(\"{}\", 42) }", r#"compile Some(0), run Some(0), "42""#),
        (Language::Go, "package main\nfunc main() { println(42) }", r#"compile Some(0), run Some(0), """#),
        (
            Language::Java,
            "public class Main { public static void main(String[] a) { System.out.println(42); } }",
            r#"compile Some(0), run Some(0), "42""#,
        ),
    ] {
        if has(language) {
            let result = judge.run_code(&request(language, code)).unwrap();
            assert_eq!(summary(&result), expected, "{code}\n{result:?}");
        }
    }
}

#[test]
fn limits_end_programs() {
    if !has(Language::Python) {
        return;
    }
    let mut judge = judge();
    let python = |code: &str| RunRequest { run_timeout: Duration::from_millis(300), ..request(Language::Python, code) };
    for (request, expected) in [
        (python("while True: pass"), "compile none, run None, \"\""),
        (python("import os; os.kill(os.getpid(), 9)"), "compile none, run Some(-9), \"\""),
        (
            RunRequest { memory_bytes: Some(64 << 20), ..python("x = bytearray(512 << 20); print(len(x))") },
            "compile none, run Some(1), \"\"",
        ),
    ] {
        let result = judge.run_code(&request).unwrap();
        assert_eq!(summary(&result), expected, "{}\n{result:?}", request.code);
    }
}

#[test]
fn files_go_in_and_out_but_not_those_of_the_host() {
    if !has(Language::Python) {
        return;
    }
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("key"), "host secret").unwrap();
    let code = format!(
        "import os
open('out.txt', 'w').write(open('solo.txt').read().upper())
os.mkdir('made'); open('made/deep.bin', 'wb').write(bytes(range(256)))
os.symlink('/etc/passwd', 'link'); os.symlink('{}', 'linked')",
        secret.path().display()
    );
    let names = ["out.txt", "made/deep.bin", "dir/in.txt", "link", "linked/key", "made", "absent"];
    let request = RunRequest {
        files: [("dir/in.txt".to_owned(), b"in\xff".to_vec()), ("solo.txt".to_owned(), b"solo".to_vec())].into(),
        fetch_files: names.map(str::to_owned).to_vec(),
        ..request(Language::Python, &code)
    };
    let result = judge().run_code(&request).unwrap();
    assert_eq!(result.run.as_ref().unwrap().return_code, Some(0), "{result:?}");
    let fetched: Vec<_> = result.files.keys().map(String::as_str).collect();
    assert_eq!(fetched, ["dir/in.txt", "made/deep.bin", "out.txt"]);
    assert_eq!(result.files["made/deep.bin"], (0..=255).collect::<Vec<u8>>());
    assert_eq!(result.files["dir/in.txt"], b"in\xff");
    assert_eq!(result.files["out.txt"], b"SOLO");
}

fn reward(judge: &mut SandboxJudge, response: &str, label: &Value) -> Result<String, JudgeError> {
    let label = Label::parse(label, None).unwrap();
    let request = RewardRequest { response: response.to_owned(), label };
    let verdict = judge.reward(&request, &AtomicBool::new(false))?;
    Ok(match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail { kind, .. } => format!("{kind:?}"),
        Verdict::InfrastructureError { detail } => detail,
    })
}

#[test]
fn programs_that_read_and_print_are_scored() {
    if !has(Language::Python) {
        return;
    }
    let mut judge = judge();
    let label = json!({"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"], "timeout": 0.5});
    for (response, expected) in [
        ("Here:\n```python\nprint(sum(map(int, input().split())))\n```", "pass"),
        ("```python\nprint(3)\n```", "WrongAnswer"),
        ("```python\npass\n```", "NoOutput"),
        ("```python\nprint(1 / 0)\n```", "Exception"),
        ("```python\nwhile True: pass\n```", "Timeout"),
        ("I do not know.", "Exception"),
        ("", "NoOutput"),
    ] {
        assert_eq!(reward(&mut judge, response, &label).unwrap(), expected, "{response}");
    }
    if has(Language::Cpp) {
        let label = json!({"inputs": [""], "outputs": ["1"], "language": "cpp"});
        assert_eq!(reward(&mut judge, "```cpp\nint main() { return x; }\n```", &label).unwrap(), "CompileError");
    }
}

#[test]
fn functions_are_scored() {
    if !has(Language::Python) {
        return;
    }
    let mut judge = judge();
    let calls = json!({"fn_name": "twice", "inputs": ["1", "[1, 2]", "100000000000000000000"],
        "outputs": ["2", "[1, 2, 1, 2]", "200000000000000000000"]});
    let row = json!({"prompt": "def twice(x):\n    \"\"\"Doubles.\"\"\"\n", "canonical_solution": "    return x * 2\n",
        "entry_point": "twice", "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate('a') == 'aa'"});
    // A quirk of APPS: the value in a list.
    let apps = json!({"fn_name": "check", "inputs": [[1, 2]], "outputs": [[[1, 2]]]});
    for (label, response, expected) in [
        (&calls, "```python\ndef twice(x):\n    return x * 2\n```", "pass"),
        (&calls, "```python\nclass Solution:\n    def twice(self, x: List[int]):\n        return x * 2\n```", "pass"),
        (&calls, "```python\ndef twice(x):\n    return x * 2.0\n```", "Exception"),
        (&calls, "```python\ndef twice(x):\n    return 2\n```", "WrongAnswer"),
        (
            &calls,
            "```python\nclass Any:\n    __eq__ = lambda *_: True\ndef twice(x):\n    return Any()\n```",
            "WrongAnswer",
        ),
        (&row, "```python\ndef twice(x):\n    return x + x\n```", "pass"),
        (&row, "    return x + x\n", "pass"),
        (&row, "```python\ndef twice(x):\n    return 4\n```", "WrongAnswer"),
        (&apps, "```python\ndef check(a, b):\n    return (a, b)\n```", "pass"),
    ] {
        assert_eq!(reward(&mut judge, response, label).unwrap(), expected, "{response}");
    }
}

#[test]
fn an_unknown_task_is_refused() {
    let error = reward(&mut judge(), "x", &json!({"task_id": "HumanEval/17"})).unwrap_err();
    assert_eq!(error, JudgeError::Refused("there is no task `HumanEval/17` among the 0 of this service".to_owned()));
}
