//! Candidates in warm interpreters, in every tier that this machine has, as root and as an ordinary user.

mod support;

use expect_test::{Expect, expect};
use prentice_base::Limits;
use prentice_sandbox::{Answer, End, Language, Toolchain, Work, Zygote};
use support::{again_as_an_ordinary_user, sandboxes};

/// The interpreter, if the user who runs the tests can reach it.
fn python() -> Option<Toolchain> {
    let found = Toolchain::find(Language::Python).ok();
    if found.is_none() {
        eprintln!("SKIPPED: no Python for this user");
    }
    found
}

fn zygotes() -> Vec<Zygote> {
    let Some(python) = python() else { return Vec::new() };
    sandboxes().iter().map(|sandbox| Zygote::start(sandbox, &python).unwrap()).collect()
}

fn limits() -> Limits {
    Limits { cpu_seconds: 0.5, wall_seconds: 20.0, ..Limits::default() }
}

fn call<'a>(calls: &'a str) -> Work<'a> {
    Work::Calls { entry_point: "f", calls }
}

fn shown(answer: &Answer) -> String {
    let results = String::from_utf8_lossy(&answer.results[..answer.results.len().min(400)]).trim().to_owned();
    format!("{:?} {results}", answer.execution.end)
}

/// Runs `body` as the body of `f(x)` with x = 1.
fn check(body: &str, expected: Expect) {
    for mut zygote in zygotes() {
        let program = format!("def f(x):\n    {}\n", body.replace('\n', "\n    "));
        expected.assert_eq(&shown(&zygote.run(&program, call("[[[1],{}]]"), &limits()).unwrap()));
    }
}

#[test]
fn again() {
    again_as_an_ordinary_user("again");
}

#[test]
fn values_come_back_as_plain_data() {
    check(
        "return x + 1",
        expect![[r#"
        Exited(0) {"value":2}
        {"done":1}"#]],
    );
    check(
        "return (1, [2.5, None, True], {'a': {1, 2}}, b'\\x01', 1j, range(3))",
        expect![[r#"
        Exited(0) {"value":{"t":[1,[2.5,null,true],{"d":[["a",{"s":[1,2]}]]},{"b":"01"},{"c":[0.0,1.0]},{"r":[0,3,1]}]}}
        {"done":1}"#]],
    );
    check(
        "return [float('nan'), float('-inf'), -0.0, 1 << 70]",
        expect![[r#"
        Exited(0) {"value":[{"n":"nan"},{"n":"-inf"},-0.0,1180591620717411303424]}
        {"done":1}"#]],
    );
    check(
        "return (y for y in 'ab')",
        expect![[r#"
        Exited(0) {"value":{"g":["a","b"]}}
        {"done":1}"#]],
    );
    check(
        "import itertools; return (y for y in itertools.count())",
        expect![[r#"
        Exited(0) {"value":{"o":"iterator without end"}}
        {"done":1}"#]],
    );
    // A class that claims to be equal to everything is reduced to what it holds, or to nothing.
    check(
        "return type('E', (int,), {'__eq__': lambda *_: True, '__index__': lambda s: 7})(x)",
        expect![[r#"
        Exited(0) {"value":1}
        {"done":1}"#]],
    );
    check(
        "return type('E', (), {'__eq__': lambda *_: True})()",
        expect![[r#"
        Exited(0) {"value":{"o":"E"}}
        {"done":1}"#]],
    );
    check(
        "raise KeyError(x)",
        expect![[r#"
        Exited(0) {"raised":["KeyError","1",2,["KeyError","LookupError","Exception","BaseException","object"]]}
        {"done":1}"#]],
    );
    check(
        "return (",
        expect![[r#"
        Exited(0) {"compile":["SyntaxError","'(' was never closed (<candidate>, line 2)",null,["SyntaxError","Exception","BaseException","object"]]}"#]],
    );
}

#[test]
fn limits_hold() {
    check("while True: pass", expect!["CpuTime "]);
    check(
        "return bytearray(4 << 30)",
        expect![[r#"
        Exited(0) {"raised":["MemoryError","",2,["MemoryError","Exception","BaseException","object"]]}
        {"done":1}"#]],
    );
    check("import sys\nwhile True: print('a' * 100000, flush=True)", expect!["CpuTime "]);
    for mut zygote in zygotes() {
        let limits = Limits { wall_seconds: 0.5, ..limits() };
        let answer = zygote.run("import time\ndef f(x): time.sleep(1000)", call("[[[1],{}]]"), &limits).unwrap();
        assert_eq!(answer.execution.end, End::WallTime);
        let limits = Limits { output_bytes: 10_000, ..limits };
        let answer = zygote.run("def f(x): return 'a' * 1000000", call("[[[1],{}]]"), &limits).unwrap();
        assert_eq!((answer.execution.end, answer.results.len()), (End::Output, 10_000));
        // What was too much is not taken for the next candidate's.
        let answer = zygote.run("def f(x): return 'next'", call("[[[1],{}]]"), &limits).unwrap();
        assert_eq!(shown(&answer), "Exited(0) {\"value\":\"next\"}\n{\"done\":1}");
    }
}

#[test]
fn a_candidate_can_start_and_reach_nothing() {
    let refused = "    except OSError as error: reached.append(error.errno)\n";
    let attempts = [
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), 9)",
        "os.setsid()",
        "socket.socket()",
        "socket.socketpair()",
        "open('/etc/shadow')",
        "open('/usr/x', 'w')",
        "open('/proc/%d/mem' % os.getppid(), 'rb')",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    ];
    let mut program = "import os, socket, resource\ndef f(x):\n    reached = []\n".to_owned();
    for attempt in attempts {
        program += &format!("    try: {attempt}; reached.append({attempt:?})\n{refused}");
    }
    program += "    return [what for what in reached if isinstance(what, str)]\n";
    for mut zygote in zygotes() {
        let answer = zygote.run(&program, call("[[[1],{}]]"), &limits()).unwrap();
        assert_eq!(shown(&answer), "Exited(0) {\"value\":[]}\n{\"done\":1}");
    }
}

#[test]
fn nothing_is_left_for_the_next_candidate() {
    let leave = "import os, sys, json, builtins\n\
                 def f(x):\n    try:\n        os.makedirs('/tmp/a/b/c'); open('/tmp/a/b/f', 'w').write('x')\n        \
                 os.chmod('/tmp/a/b', 0)\n    except OSError: pass\n    json.dumps = builtins.len = None\n    \
                 sys.modules['math'] = None\n    return 'left'\n";
    let look = "import os, math\ndef f(x):\n    try: names = os.listdir('/tmp')\n    except OSError: names = []\n    \
                return [len(names), math.pi > 3]\n";
    for mut zygote in zygotes() {
        zygote.run(leave, call("[[[1],{}]]"), &limits()).unwrap();
        let answer = zygote.run(look, call("[[[1],{}]]"), &limits()).unwrap();
        assert_eq!(shown(&answer), "Exited(0) {\"value\":[0,true]}\n{\"done\":1}");
    }
}

#[test]
fn scripts_read_and_print() {
    for mut zygote in zygotes() {
        let program = "import sys\nprint(open(0).read().upper())\nprint('why', file=sys.stderr)\nsys.exit(3)\n";
        let answer = zygote.run(program, Work::Script { stdin: b"hello" }, &limits()).unwrap();
        let execution = answer.execution;
        assert_eq!(
            (execution.end, execution.stdout, execution.stderr),
            (End::Exited(3), b"HELLO\n".to_vec(), b"why\n".to_vec())
        );
        let many = vec![b'1'; 3 << 20];
        let answer = zygote.run("print(len(input()))", Work::Script { stdin: &many }, &limits()).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer.execution.stdout), "3145728\n");
        let answer = zygote.run("1/0", Work::Script { stdin: b"" }, &limits()).unwrap();
        expect![[r#"
            Traceback (most recent call last):
              File "main.py", line 1, in <module>
            ZeroDivisionError: division by zero
        "#]]
        .assert_eq(&String::from_utf8_lossy(&answer.execution.stderr));
    }
}

#[test]
fn a_killed_interpreter_is_an_error_and_the_next_candidate_finds_another() {
    for mut zygote in zygotes() {
        let init = zygote.id();
        let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap();
        for process in children.split_whitespace() {
            // SAFETY: numbers only.
            unsafe { libc::kill(process.parse().unwrap(), libc::SIGKILL) };
        }
        let program = "def f(x): return x";
        assert!(zygote.run(program, call("[[[1],{}]]"), &limits()).is_err());
        assert_eq!(
            shown(&zygote.run(program, call("[[[5],{}]]"), &limits()).unwrap()),
            "Exited(0) {\"value\":5}\n{\"done\":1}"
        );
    }
}

#[test]
fn expressions_are_evaluated_or_taken_apart() {
    for mut zygote in zygotes() {
        let value = zygote.run("", Work::Value { expression: " [1, 'a'] " }, &limits()).unwrap();
        assert_eq!(shown(&value), "Exited(0) {\"value\":[1,\"a\"]}\n{\"done\":1}");
        let arguments = |expression| Work::Arguments { entry_point: "f", expression };
        let asked = zygote.run("", arguments("f([1], key=2)"), &limits()).unwrap();
        assert_eq!(shown(&asked), "Exited(0) {\"value\":[[[1]],{\"d\":[[\"key\",2]]}]}\n{\"done\":1}");
        let other = zygote.run("", arguments("[[1], {}]"), &limits()).unwrap();
        assert!(shown(&other).contains("the completion is no call of f"));
    }
}
