//! The bridges for C++ and JavaScript, on the published suites and against candidates that misbehave.
//!
//! JavaScript runs whole; of C++ a few tasks by default, all of them, some 800 builds, where `PRENTICE_SLOW_TESTS` is
//! set. What is absent, toolchain or data, is skipped and said.

use std::{
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

struct Bench {
    sandbox: Sandbox,
    toolchain: Toolchain,
    limits: Limits,
}

impl Bench {
    /// `None` where something is missing, which is said.
    fn of(language: Language) -> Option<Self> {
        let sandbox = Sandbox::best().map_err(|error| eprintln!("SKIPPED: {error}")).ok()?;
        let toolchain =
            Toolchain::find(language).map_err(|error| eprintln!("SKIPPED: {error}: {}", error.hint)).ok()?;
        let limits = Limits { cpu_seconds: 10.0, wall_seconds: 60.0, ..Limits::default() };
        Some(Self { sandbox, toolchain, limits })
    }

    fn build(&self, sources: &[(String, String)], options: &BuildOptions) -> Result<Built, String> {
        let sources: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        match self.toolchain.build(&self.sandbox, &sources, options).unwrap() {
            Build::Ready(built) => Ok(built),
            Build::Rejected(execution) => Err(String::from_utf8_lossy(&execution.stderr).into_owned()),
        }
    }

    /// What becomes of each completion of a task.
    fn judge(&self, task: &Task, completions: &[&str]) -> Vec<String> {
        let examiner = bridge::examiner(task).unwrap();
        let examiner = match self.build(&examiner.sources, &examiner.options) {
            Ok(examiner) => examiner,
            Err(message) => return vec![format!("the examiner does not compile: {message}"); completions.len()],
        };
        let judge = |completion: &&str| {
            let candidate = bridge::candidate(task, completion).unwrap();
            let Ok(candidate) = self.build(&candidate.sources, &candidate.options) else {
                return "rejected".to_owned();
            };
            let limits = &self.limits;
            // The examiner waits for the candidate, whose limit must come first.
            let patient = Limits { wall_seconds: limits.wall_seconds + 60.0, ..*limits };
            let (asked, answered) =
                self.sandbox.converse((&examiner.command, &patient), (&candidate.command, limits)).unwrap();
            match (asked.end, answered.end) {
                (End::Exited(0), _) => "pass".to_owned(),
                (_, End::CpuTime | End::WallTime | End::Memory | End::Output) => format!("{:?}", answered.end),
                (End::Exited(CANDIDATE_GONE_EXIT), _) => "gone".to_owned(),
                (End::Exited(CANDIDATE_THREW_EXIT), _) => "threw".to_owned(),
                (End::Exited(_) | End::Signalled(_), _) => "wrong".to_owned(),
                (end, _) => format!("examiner: {end:?}"),
            }
        };
        completions.iter().map(judge).collect()
    }
}

fn data() -> Vec<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata");
    std::env::var_os("PRENTICE_EVALDATA").map(PathBuf::from).into_iter().chain([beside]).collect()
}

/// The planted bugs, which are no part of a task.
fn bugs(name: &str) -> Vec<String> {
    let file = format!("humanevalpack/evaluation/create/humaneval-x/data/{name}/data/humanevalpack.jsonl");
    let text = data().into_iter().find_map(|directory| std::fs::read_to_string(directory.join(&file)).ok()).unwrap();
    let bug = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["buggy_solution"].as_str().unwrap().to_owned()
    };
    text.lines().map(bug).collect()
}

/// Runs references and planted bugs of the chosen tasks; what is unexpected is listed.
fn check_suites(language: Language, name: &str, chosen: &[usize], expected: Expect) {
    let Some(bench) = Bench::of(language) else { return };
    let options = LoadOptions { data: data(), languages: vec![name.to_owned()] };
    let (x, pack) = match (suites::load("humaneval-x", &options), suites::load("humanevalpack", &options)) {
        (Ok(x), Ok(pack)) => (x.tasks, pack.tasks),
        (Err(error), _) | (_, Err(error)) => return eprintln!("SKIPPED: {error}"),
    };
    let bugs = bugs(name);
    let pack: Vec<Task> = pack.into_iter().filter(|task| task.kind == TaskKind::Synthesis).collect();
    assert_eq!((x.len(), pack.len(), bugs.len()), (164, 164, 164));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut unexpected = Vec::new();
        while let Some(&number) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let [x, pack] = [&x[number], &pack[number]];
            let reference = |task: &Task| task.reference.clone().unwrap();
            let of_x = bench.judge(x, &[&reference(x)]);
            let of_pack = bench.judge(pack, &[&reference(pack), &bugs[number]]);
            if of_x[0] != "pass" {
                unexpected.push((number, format!("humaneval-x {number}, reference: {}\n", of_x[0])));
            }
            if of_pack[0] != "pass" {
                unexpected.push((number, format!("humanevalpack {number}, reference: {}\n", of_pack[0])));
            }
            if of_pack[1] == "pass" {
                unexpected.push((number, format!("humanevalpack {number}, bug: pass\n")));
            }
        }
        unexpected
    };
    let mut unexpected: Vec<(usize, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    unexpected.sort();
    expected.assert_eq(&unexpected.into_iter().map(|(_, line)| line).collect::<String>());
}

#[test]
fn javascript_references_pass_and_bugs_fail() {
    let all: Vec<usize> = (0..164).collect();
    // Upstream's defects, the same when its own program of prompt, reference and test is run by node: both references
    // return `(a, b)`, which in JavaScript is `b`. HumanEvalPack mended the reference of 112 and the test of 155.
    check_suites(
        Language::JavaScript,
        "js",
        &all,
        expect![[r#"
        humaneval-x 112, reference: wrong
        humaneval-x 155, reference: wrong
    "#]],
    );
}

#[test]
fn cpp_references_pass_and_bugs_fail() {
    let all: Vec<usize> = (0..164).collect();
    // A function that C has too, a polynomial's zero, nested vectors, maps both ways, a name that is not the entry
    // point's, MD5.
    let some = [23, 32, 87, 95, 111, 156, 162];
    let chosen = if std::env::var_os("PRENTICE_SLOW_TESTS").is_some() { &all[..] } else { &some[..] };
    check_suites(Language::Cpp, "cpp", chosen, expect![""]);
}

/// What becomes of completions of one task, one line each.
fn check(language: Language, name: &str, prefix: &str, test: &str, completions: &[&str], expected: Expect) {
    let Some(mut bench) = Bench::of(language) else { return };
    bench.limits = Limits { cpu_seconds: 1.0, wall_seconds: 10.0, ..Limits::default() };
    let task = Task {
        id: "test/0".into(),
        kind: TaskKind::Synthesis,
        snapshot: Snapshot::Program(Program { language: name.into(), prefix: prefix.into(), suffix: String::new() }),
        instruction: String::new(),
        entry_point: "answer".into(),
        reference: None,
        source: None,
        visible_tests: Vec::new(),
        hidden_tests: vec![TestCase { name: "test".into(), check: Check::Program { program: test.into() } }],
        limits: Limits::default(),
    };
    let verdicts = bench.judge(&task, completions);
    let lines = completions.iter().zip(&verdicts).map(|(completion, verdict)| {
        let completion: String = completion.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{verdict:9} {completion}\n")
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn javascript_values_survive_the_journey() {
    // The candidate is the identity: whatever the examiner sends must come back equal.
    let test = r#"
        const { isDeepStrictEqual } = require("node:util");
        const values = [
            0, -0, 1.5, -1e300, NaN, Infinity, -Infinity, "", "\u{1F600}\ud800", true, null, undefined, 12345678901234567890n,
            [], [[], [1, [2]]], [undefined, NaN], {}, { a: 1, b: { c: [null] } }, JSON.parse('{"__proto__": 1}'),
            new Map([["a", [1]], [{}, -0]]), new Set([1, "1"]), new Date(5), new String("boxed"),
        ];
        for (const value of values) {
            const back = answer(value, 1);
            if (!isDeepStrictEqual(back, value)) throw new Error(`${String(value)} came back as ${String(back)}`);
        }
        if (typeof answer(() => 1) !== "symbol") throw new Error("a function came back");
        const deep = []; let inner = deep;
        for (let i = 0; i < 500; i++) { inner.push([]); inner = inner[0]; }
        if (JSON.stringify(answer(deep)) !== JSON.stringify(deep)) throw new Error("nesting was lost");
    "#;
    check(
        Language::JavaScript,
        "JavaScript",
        "const answer = (x) => {\n",
        test,
        &["return x }"],
        expect![[r#"
        pass      return x }
    "#]],
    );
}

#[test]
fn javascript_misbehaviour_harms_only_itself() {
    let test = "console.assert(answer([3, 4]) === 7, 'sum');\nconsole.assert(JSON.stringify(answer([1])) === '1');\n";
    check(
        Language::JavaScript,
        "JavaScript",
        "const answer = (x) => {\n",
        test,
        &[
            "console.log('noise'); process.stdout.write('more'); return x.reduce((a, b) => a + b) }",
            "return x.reduce((a, b) => a + b) }\nprocess.stdin.on('data', () => 0); console.log(answer([1]))",
            "return 6 }",
            "throw new Error('no') }",
            "throw null }",
            "process.exit(0) }",
            "}; process.exit(0)",
            "syntax error",
            "return { valueOf: () => 7, toString: () => '7', [Symbol.toPrimitive]: () => 7, toJSON: () => 1 } }",
            "return new Proxy(function () {}, { get: () => () => 7 }) }",
            "const cycle = []; cycle.push(cycle); return cycle }",
            "console.assert = () => {}; JSON.stringify = () => '1'; return 7 }",
            "require('fs').writeSync(1, 'garbage that is no message'); return 7 }",
            "require('fs').writeSync(1, Buffer.from([255, 255, 255, 255])); return 7 }",
            "require('fs').writeSync(1, Buffer.from([2, 0, 0, 0, 123, 125])); return 7 }",
            "require('fs').writeSync(1, Buffer.from('\\x17\\0\\0\\0[\"returned\",[\"eval\",7]]')); return 7 }",
            "require('fs').readFileSync(0); return 7 }",
            "require('fs').closeSync(1); return 7 }",
            "return 'x'.repeat(1 << 25) }",
            "for (;;); }",
        ],
        expect![[r#"
            pass      console.log('noise'); process.stdout.write('more'); return x.reduce((a, b) => a + b) }
            pass      return x.reduce((a, b) => a + b) } process.stdin.on('data', () => 0); console.log(answer([1]))
            wrong     return 6 }
            threw     throw new Error('no') }
            threw     throw null }
            gone      process.exit(0) }
            gone      }; process.exit(0)
            gone      syntax error
            wrong     return { valueOf: () => 7, toString: () => '7', [Symbol.toPrimitive]: () => 7, toJSON: () => 1 } }
            wrong     return new Proxy(function () {}, { get: () => () => 7 }) }
            wrong     const cycle = []; cycle.push(cycle); return cycle }
            gone      console.assert = () => {}; JSON.stringify = () => '1'; return 7 }
            gone      require('fs').writeSync(1, 'garbage that is no message'); return 7 }
            gone      require('fs').writeSync(1, Buffer.from([255, 255, 255, 255])); return 7 }
            gone      require('fs').writeSync(1, Buffer.from([2, 0, 0, 0, 123, 125])); return 7 }
            gone      require('fs').writeSync(1, Buffer.from('\x17\0\0\0["returned",["eval",7]]')); return 7 }
            WallTime  require('fs').readFileSync(0); return 7 }
            gone      require('fs').closeSync(1); return 7 }
            gone      return 'x'.repeat(1 << 25) }
            CpuTime   for (;;); }
        "#]],
    );
}

#[test]
fn cpp_values_survive_the_journey() {
    let prefix = "#include <string>\ntypedef map<string, vector<pair<int, double>>> Table;\n\
                  vector<Table> answer(const Table& table, vector<bool>& flags, set<char> letters, list<float> numbers, \
                  unsigned long long big, bool yes, const string text){\n";
    let test = r#"
        #undef NDEBUG
        #include <assert.h>
        int main() {
            Table table = {{"a", {{1, 0.1}, {-2, 1e300}}}, {string("\0b", 2), {}}};
            vector<bool> flags = {true, false, true};
            vector<Table> back = answer(table, flags, {'x', 'y'}, {1.5f, -0.0f}, 18446744073709551615ull, true, "text");
            assert(back.size() == 2 && back[0] == table && back[1].empty());
            assert((flags == vector<bool>{false, true, false, true}));
        }
    "#;
    let completion = r#"
        assert_(letters == set<char>({'x', 'y'}) && numbers.size() == 2 && big == 18446744073709551615ull && yes);
        assert_(text == "text" && signbit(numbers.back()));
        flags.flip(); flags.push_back(true);
        return {table, {}};
    }"#;
    let prefix = format!("void assert_(bool holds) {{ if (!holds) throw 1; }}\n{prefix}");
    check(
        Language::Cpp,
        "C++",
        &prefix,
        test,
        &[completion],
        expect![[r#"
        pass      assert_(letters == set<char>({'x', 'y'}) && numbers.size() == 2 && big == 18446744073709551615ull && yes); assert_(text == "text" && signbit(numbers.back())); flags.flip(); flags.push_back(true); return {table, {}}; }
    "#]],
    );
}

#[test]
fn cpp_misbehaviour_harms_only_itself() {
    let prefix = "#include<vector>\nusing namespace std;\nint answer(vector<int> x){\n";
    let test = "#undef NDEBUG\n#include<assert.h>\nint main(){\n assert(answer({3, 4}) == 7);\n assert(answer({1}) == 1);\n}\n";
    check(
        Language::Cpp,
        "C++",
        prefix,
        test,
        &[
            "cout << 1 << endl; puts(\"noise\"); return accumulate(x.begin(), x.end(), 0); }",
            "return accumulate(x.begin(), x.end(), 0); } struct S { S() { puts(\"early\"); } } s;",
            "int read = 0; for (int link : x) read += link; return read; } int write; int dup(int x) { return x; }",
            "return 6; }",
            "throw runtime_error(\"no\"); }",
            "throw 1; }",
            "exit(0); }",
            "return *(int*)0; }",
            "return 7; } int main() { return 0; }",
            "return x; ",
            "return 7; } struct S { S() { exit(0); } } s;",
            "return 7; }\n#include <unistd.h>\nstruct S { S() { for (int d = 0; d < 9; d++) ::write(d, \"garbage\", 7); } } s;",
            "for (;;); }",
        ],
        expect![[r#"
            pass      cout << 1 << endl; puts("noise"); return accumulate(x.begin(), x.end(), 0); }
            pass      return accumulate(x.begin(), x.end(), 0); } struct S { S() { puts("early"); } } s;
            pass      int read = 0; for (int link : x) read += link; return read; } int write; int dup(int x) { return x; }
            wrong     return 6; }
            threw     throw runtime_error("no"); }
            threw     throw 1; }
            gone      exit(0); }
            gone      return *(int*)0; }
            rejected  return 7; } int main() { return 0; }
            rejected  return x;
            gone      return 7; } struct S { S() { exit(0); } } s;
            gone      return 7; } #include <unistd.h> struct S { S() { for (int d = 0; d < 9; d++) ::write(d, "garbage", 7); } } s;
            CpuTime   for (;;); }
        "#]],
    );
}
