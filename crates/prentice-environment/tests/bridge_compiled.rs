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
    bridge::{self, CANDIDATE_GONE_EXIT, CANDIDATE_THREW_EXIT, MESSAGE_BYTES, WRONG_ANSWER_EXIT},
    suites::{self, LoadOptions},
};
use prentice_sandbox::{Build, BuildOptions, Built, End, Language, Sandbox, Toolchain};

/// What upstream's data leave open, and is not asserted: task, what of it, and why.
const DEFECTS: [(&str, &str, &str); 3] = [
    ("Rust/32", "humaneval-x reference", "its test is commented out, so that any answer would pass: refused"),
    ("Go/95", "humaneval-x reference", "it looks at two keys of a map, whose order is random"),
    ("Go/95", "pack reference", "it looks at two keys of a map, whose order is random"),
];

/// A sandbox and a toolchain, or `None`, which is said.
fn tools(language: Language) -> Option<(Sandbox, Toolchain)> {
    let sandbox = Sandbox::best().map_err(|error| eprintln!("SKIPPED: {error}")).ok()?;
    let toolchain = Toolchain::find(language).map_err(|error| eprintln!("SKIPPED: {error}: {}", error.hint)).ok()?;
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
        // The examiner waits for the candidate, whose limit must come first.
        let patient = Limits { wall_seconds: limits().wall_seconds + 60.0, ..limits() };
        let (asked, answered) =
            tools.0.converse((&examiner.command, &patient), (&candidate.command, &limits())).unwrap();
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
            let open = DEFECTS.iter().any(|(task, about, _)| *task == x[*number].id && about == what);
            if !expected && !open {
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
    let row = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["buggy_solution"].as_str().map(Into::into)
    };
    text.lines().filter_map(row).collect()
}

/// What becomes of each completion of a task of our own, one line each.
fn check(language: Language, prefix: &str, test: &str, reference: &str, completions: &[&str], expected: Expect) {
    let Some(tools) = tools(language) else { return };
    let program = Program { language: format!("{language:?}"), prefix: prefix.into(), suffix: String::new() };
    let task = Task {
        id: "own".into(),
        kind: TaskKind::Synthesis,
        snapshot: Snapshot::Program(program),
        instruction: String::new(),
        entry_point: "f".into(),
        reference: Some(reference.into()),
        source: None,
        visible_tests: Vec::new(),
        hidden_tests: vec![TestCase { name: "test".into(), check: Check::Program { program: test.into() } }],
        limits: limits(),
    };
    let mut shown = String::new();
    for (completion, outcome) in completions.iter().zip(judge(&tools, &task, completions)) {
        let _ = writeln!(shown, "{outcome}: {}", completion.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    expected.assert_eq(&shown);
}

#[test]
fn java_candidates_answer_in_plain_data() {
    check(
        Language::Java,
        "import java.util.*;\nclass Solution {\n    public List<Object> f(List<Integer> l) {\n",
        "public class Main {
            public static void main(String[] arguments) {
                System.out.println(\"what a test prints is no message either\");
                Solution s = new Solution();
                List<Integer> l = new ArrayList<>(List.of(3, 1, 2));
                if (!s.f(l).equals(Arrays.asList(1, 2, 3)) || !l.equals(List.of(1, 2, 3))) throw new AssertionError();
                if (s.f(Arrays.asList(1)).size() != 1) throw new AssertionError();
            }
        }",
        "",
        &[
            "System.out.println(1); Collections.sort(l); return new ArrayList<>(l); } }\npublic class Main {\n    }",
            "List<Object> r = new ArrayList<>(new TreeSet<>(l)); return r; } }",
            "Collections.sort(l); l.add(4); return new ArrayList<>(l.subList(0, 3)); } }",
            "return f(l); } }",
            "Runtime.getRuntime().halt(0); return null; } }",
            "return Arrays.asList(new Object() { public boolean equals(Object o) { return true; } }, 2, 3); } }",
            "return new ArrayList<>() { public boolean equals(Object o) { return true; } }; } }",
            "try { new java.io.FileOutputStream(java.io.FileDescriptor.out).write(new byte[] {127, 0, 0, 0}); }
             catch (Exception e) {} Collections.sort(l); return new ArrayList<>(l); } }",
            "return nothing; } }",
        ],
        expect![[r#"
            pass: System.out.println(1); Collections.sort(l); return new ArrayList<>(l); } } public class Main { }
            wrong: List<Object> r = new ArrayList<>(new TreeSet<>(l)); return r; } }
            wrong: Collections.sort(l); l.add(4); return new ArrayList<>(l.subList(0, 3)); } }
            threw: return f(l); } }
            gone: Runtime.getRuntime().halt(0); return null; } }
            wrong: return Arrays.asList(new Object() { public boolean equals(Object o) { return true; } }, 2, 3); } }
            wrong: return new ArrayList<>() { public boolean equals(Object o) { return true; } }; } }
            gone: try { new java.io.FileOutputStream(java.io.FileDescriptor.out).write(new byte[] {127, 0, 0, 0}); } catch (Exception e) {} Collections.sort(l); return new ArrayList<>(l); } }
            rejected: return nothing; } }
        "#]],
    );
}

#[test]
fn go_candidates_answer_in_plain_data() {
    check(
        Language::Go,
        "import (\n    \"math\"\n)\n\nfunc F(l []int, m interface{}) interface{} {\n",
        "package main\n\nimport (\n    \"testing\"\n    \"github.com/stretchr/testify/assert\"\n)\n
        func TestF(t *testing.T) {
            assert := assert.New(t)
            l := []int{3, 1, 2}
            assert.Equal([]int{1, 2, 3}, F(l, map[rune][2]string{'a': [2]string{\"b\", \"\"}}))
            assert.Equal([]int{1, 2, 3}, l)
            assert.Equal([]int{}, F([]int{}, nil))
        }",
        "",
        &[
            "fmt.Println(m)\n sort.Ints(l)\n return l\n}\nfunc main() {}",
            "sort.Ints(l)\n if m != nil && m.(map[rune][2]string)['a'][0] != \"b\" { return 0 }\n return l\n}",
            "sort.Ints(l)\n return append([]int(nil), l...)\n}",
            "r := append([]int{}, l...)\n sort.Ints(r)\n return r\n}",
            "type own []int\n sort.Ints(l)\n return own(l)\n}",
            "return l[3]\n}",
            "select {}\n}",
            "prenticeOut.Write([]byte{0, 0, 0, 1, 0})\n sort.Ints(l)\n return l\n}",
            "return nothing\n}",
        ],
        expect![[r#"
            pass: fmt.Println(m) sort.Ints(l) return l } func main() {}
            pass: sort.Ints(l) if m != nil && m.(map[rune][2]string)['a'][0] != "b" { return 0 } return l }
            wrong: sort.Ints(l) return append([]int(nil), l...) }
            wrong: r := append([]int{}, l...) sort.Ints(r) return r }
            wrong: type own []int sort.Ints(l) return own(l) }
            threw: return l[3] }
            gone: select {} }
            gone: prenticeOut.Write([]byte{0, 0, 0, 1, 0}) sort.Ints(l) return l }
            rejected: return nothing }
        "#]],
    );
}

#[test]
fn rust_candidates_answer_in_plain_data() {
    check(
        Language::Rust,
        "fn main(){}\nuse rand::Rng;\nuse std::any::Any;\nfn f(l: Vec<i32>, a: &dyn Any) -> Answer<String> {\n",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn one() {
            println!(\"what a test prints is no message either\");
            assert_eq!(f(vec![3], &\"a\"), Answer::Some(\"3\".to_string(), Vec::new()));
        }\n    #[test]\n    fn two() { assert_eq!(f(vec![], &'a'), Answer::None); }\n}\n",
        "Answer::None }\n#[derive(Debug, PartialEq)]\npub enum Answer<T> { None, Some(T, Vec<T>) }\n",
        &[
            "println!(); match l.first() { Some(x) => Answer::Some(x.to_string(), vec![]), None => Answer::None } }
             #[derive(Debug, PartialEq)] enum Answer<T> { Some(T, Vec<T>), None }
             fn main() {}",
            "if a.is::<&str>() { Answer::Some(\"3\".into(), vec![]) } else { Answer::Other } }
             #[derive(Debug, PartialEq)] enum Answer<T> { Some(T, Vec<T>), Other }",
            "Answer::None }\nenum Answer<T> { None, Some(T) }",
            "panic!(\"{}\", l[0]) }\nenum Answer<T> { None, Some(T, Vec<T>) }",
            "f(l, a) }\nenum Answer<T> { None, Some(T, Vec<T>) }",
            "std::process::exit(0) }\nenum Answer<T> { None, Some(T, Vec<T>) }",
            "Answer::Some((i32::MAX + l[0]).to_string(), vec![]) }\nenum Answer<T> { None, Some(T, Vec<T>) }",
            "use std::{fs::File, io::Write, os::fd::FromRawFd};
             unsafe { File::from_raw_fd(4) }.write_all(&[0, 0, 0, 1, 0]); Answer::None }
             enum Answer<T> { None, Some(T, Vec<T>) }",
            "nothing }\nenum Answer<T> { None, Some(T, Vec<T>) }",
        ],
        expect![[r#"
            pass: println!(); match l.first() { Some(x) => Answer::Some(x.to_string(), vec![]), None => Answer::None } } #[derive(Debug, PartialEq)] enum Answer<T> { Some(T, Vec<T>), None } fn main() {}
            gone: if a.is::<&str>() { Answer::Some("3".into(), vec![]) } else { Answer::Other } } #[derive(Debug, PartialEq)] enum Answer<T> { Some(T, Vec<T>), Other }
            wrong: Answer::None } enum Answer<T> { None, Some(T) }
            threw: panic!("{}", l[0]) } enum Answer<T> { None, Some(T, Vec<T>) }
            gone: f(l, a) } enum Answer<T> { None, Some(T, Vec<T>) }
            gone: std::process::exit(0) } enum Answer<T> { None, Some(T, Vec<T>) }
            threw: Answer::Some((i32::MAX + l[0]).to_string(), vec![]) } enum Answer<T> { None, Some(T, Vec<T>) }
            gone: use std::{fs::File, io::Write, os::fd::FromRawFd}; unsafe { File::from_raw_fd(4) }.write_all(&[0, 0, 0, 1, 0]); Answer::None } enum Answer<T> { None, Some(T, Vec<T>) }
            rejected: nothing } enum Answer<T> { None, Some(T, Vec<T>) }
        "#]],
    );
}

#[test]
fn java_references_pass_and_bugs_fail() {
    check_suites(Language::Java, "java", &[32]);
}

#[test]
fn go_references_pass_and_bugs_fail() {
    check_suites(Language::Go, "go", &[136]);
}

#[test]
fn rust_references_pass_and_bugs_fail() {
    check_suites(Language::Rust, "rust", &[10, 91, 137]);
}

#[path = "../src/bridge/support/md5.rs"]
#[allow(dead_code)]
mod md5;
#[path = "../src/bridge/support/regex.rs"]
#[allow(dead_code, clippy::len_without_is_empty)]
mod regex;

#[test]
fn exit_statuses_are_those_of_the_contract() {
    let (java, go, rust) = (
        include_str!("../src/bridge/support/PrenticeBridge.java"),
        include_str!("../src/bridge/support/bridge.go"),
        include_str!("../src/bridge/support/bridge.rs"),
    );
    for line in [
        format!("GONE = {CANDIDATE_GONE_EXIT};"),
        format!("THREW = {CANDIDATE_THREW_EXIT};"),
        "LIMIT = 16 << 20;".to_owned(),
    ] {
        assert!(java.contains(&line) && rust.replace(": i32", "").replace(": usize", "").contains(&line), "{line}");
    }
    for line in [
        format!("prenticeWrong = {WRONG_ANSWER_EXIT}\n"),
        format!("prenticeGone  = {CANDIDATE_GONE_EXIT}\n"),
        format!("prenticeThrew = {CANDIDATE_THREW_EXIT}\n"),
        "prenticeLimit = 16 << 20\n".to_owned(),
    ] {
        assert!(go.contains(&line), "{line}");
    }
    assert_eq!(MESSAGE_BYTES, 16 << 20);
}

/// The digests of RFC 1321, appendix A.5.
#[test]
fn md5_is_that_of_the_standard() {
    for (message, digest) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ] {
        assert_eq!(format!("{:x}", md5::compute(message)), digest);
    }
}

#[test]
fn patterns_match_as_in_the_crate() {
    let check = |pattern: &str, text: &str, expected: Expect| {
        expected.assert_eq(&match regex::Regex::new(pattern) {
            Ok(regex) => format!("{:?}", regex.split(text).collect::<Vec<_>>()),
            Err(error) => error.to_string(),
        });
    };
    check(r"[.?!]\s*", "I am. You? We!", expect![[r#"["I am", "You", "We", ""]"#]]);
    check(r"(?i)b+?|\bC", "abBC c", expect![[r#"["a", "", "C ", ""]"#]]);
    check(r"a*", "baac", expect![[r#"["", "b", "c", ""]"#]]);
    check(r"[^a-y\d-]{2,}", "a-zzz9Z", expect![[r#"["a-", "9Z"]"#]]);
    check(r"\p{L}", "", expect![[r#"regex parse error: unrecognized escape sequence \p"#]]);
    check(r"(?<=a)b", "", expect!["regex parse error: invalid capture group name (look-around is not supported)"]);
    let date = regex::Regex::new(r"(?P<year>\d{4})-(\d\d)").unwrap();
    assert_eq!(date.replace_all("2024-05, 2025-06", "$2/${year}$$"), "05/2024$, 06/2025$");
    assert_eq!(date.replace("2024-05", |found: &regex::Captures| found[1].len().to_string()), "4");
}
