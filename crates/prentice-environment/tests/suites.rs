//! All suites, read from the published data. Skipped, loudly, where the data is not on the machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use expect_test::expect;
use prentice_base::{Check, Program, Snapshot, Task};
use prentice_environment::{
    data::{DataError, DataSet},
    suites::{self, LoadOptions, Suite, SuiteError},
};

/// `$PRENTICE_EVALDATA`, or else the folder beside the workspace.
fn options() -> Option<LoadOptions> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata");
    let data: Vec<PathBuf> = env::var_os("PRENTICE_EVALDATA").map(PathBuf::from).into_iter().chain([shared]).collect();
    if data.iter().any(|directory| directory.is_dir()) {
        return Some(LoadOptions { data, languages: Vec::new() });
    }
    eprintln!("skipped: no published data in {data:?}");
    None
}

fn load(name: &str) -> Option<Suite> {
    Some(suites::load(name, &options()?).unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn program(task: &Task) -> &Program {
    let Snapshot::Program(program) = &task.snapshot else { panic!("{} is no program", task.id) };
    program
}

fn task<'a>(suite: &'a Suite, id: &str) -> &'a Task {
    suite.tasks.iter().find(|task| task.id == id).unwrap_or_else(|| panic!("no {id} in {}", suite.name))
}

#[test]
fn every_suite_loads_whole() {
    let Some(options) = options() else { return };
    let mut table = String::new();
    for name in suites::names() {
        let suite = suites::load(&name, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let ids: BTreeSet<&str> = suite.tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids.len(), suite.tasks.len(), "{name} repeats an id");
        let mut languages = BTreeSet::new();
        let mut sources = BTreeSet::new();
        let mut empty = Vec::new();
        for task in &suite.tasks {
            let program = program(task);
            languages.insert(program.language.as_str());
            sources.insert(task.source.as_ref().unwrap_or(&task.id).as_str());
            assert!(!program.prefix.is_empty(), "{} has no prefix", task.id);
            if task.reference.as_ref().expect("every task has a reference").is_empty() {
                empty.push(task.id.clone());
            }
            assert!(!task.hidden_tests.is_empty() && task.visible_tests.is_empty(), "{}", task.id);
            for test in &task.hidden_tests {
                match &test.check {
                    Check::Program { program } => {
                        assert!(program.contains(&task.entry_point) && !task.entry_point.is_empty(), "{}", task.id)
                    }
                    Check::Reference { inputs, .. } => assert!(!inputs.is_empty(), "{}", task.id),
                    Check::Value { expected } | Check::Call { expected } => assert!(!expected.is_empty()),
                }
            }
        }
        let languages = languages.into_iter().collect::<Vec<_>>().join(" ");
        // A random span may be empty: the program is whole already.
        assert!(empty.iter().all(|id| id.starts_with("RandomSpan")), "{name}: {empty:?}");
        let (tasks, sources, empty) = (suite.tasks.len(), sources.len(), empty.len());
        writeln!(table, "{name}: {tasks} tasks, {sources} sources, {empty} empty, {languages}").unwrap();
    }
    expect![[r#"
        humaneval: 164 tasks, 164 sources, 0 empty, Python
        humanevalplus: 164 tasks, 164 sources, 0 empty, Python
        humaneval-infilling: 8488 tasks, 164 sources, 14 empty, Python
        humaneval-infilling-single-line: 1033 tasks, 164 sources, 0 empty, Python
        humaneval-infilling-multi-line: 5815 tasks, 164 sources, 0 empty, Python
        humaneval-infilling-random-span: 1640 tasks, 164 sources, 14 empty, Python
        humaneval-infilling-random-span-light: 164 tasks, 164 sources, 0 empty, Python
        humaneval-x: 984 tasks, 164 sources, 0 empty, C++ Go Java JavaScript Python Rust
        humaneval-x-python: 164 tasks, 164 sources, 0 empty, Python
        humaneval-x-cpp: 164 tasks, 164 sources, 0 empty, C++
        humaneval-x-go: 164 tasks, 164 sources, 0 empty, Go
        humaneval-x-java: 164 tasks, 164 sources, 0 empty, Java
        humaneval-x-javascript: 164 tasks, 164 sources, 0 empty, JavaScript
        humaneval-x-rust: 164 tasks, 164 sources, 0 empty, Rust
        humanevalpack: 1968 tasks, 164 sources, 0 empty, C++ Go Java JavaScript Python Rust
        humanevalpack-fix: 984 tasks, 164 sources, 0 empty, C++ Go Java JavaScript Python Rust
        humanevalpack-fix-python: 164 tasks, 164 sources, 0 empty, Python
        humanevalpack-fix-cpp: 164 tasks, 164 sources, 0 empty, C++
        humanevalpack-fix-go: 164 tasks, 164 sources, 0 empty, Go
        humanevalpack-fix-java: 164 tasks, 164 sources, 0 empty, Java
        humanevalpack-fix-javascript: 164 tasks, 164 sources, 0 empty, JavaScript
        humanevalpack-fix-rust: 164 tasks, 164 sources, 0 empty, Rust
        humanevalpack-synthesize: 984 tasks, 164 sources, 0 empty, C++ Go Java JavaScript Python Rust
        humanevalpack-synthesize-python: 164 tasks, 164 sources, 0 empty, Python
        humanevalpack-synthesize-cpp: 164 tasks, 164 sources, 0 empty, C++
        humanevalpack-synthesize-go: 164 tasks, 164 sources, 0 empty, Go
        humanevalpack-synthesize-java: 164 tasks, 164 sources, 0 empty, Java
        humanevalpack-synthesize-javascript: 164 tasks, 164 sources, 0 empty, JavaScript
        humanevalpack-synthesize-rust: 164 tasks, 164 sources, 0 empty, Rust
        cruxeval: 1600 tasks, 800 sources, 0 empty, Python
        cruxeval-output: 800 tasks, 800 sources, 0 empty, Python
        cruxeval-input: 800 tasks, 800 sources, 0 empty, Python
    "#]]
    .assert_eq(&table);
}

#[test]
fn prefix_reference_and_suffix_parse_as_python() {
    let Some(options) = options() else { return };
    let script = "import json, sys\nfor line in sys.stdin:\n    id, text = json.loads(line)\n    \
                  try: compile(text, id, 'exec')\n    except SyntaxError as error: print(id, error)\n";
    for name in
        ["humaneval", "humanevalplus", "humaneval-infilling", "humaneval-infilling-random-span-light", "cruxeval"]
    {
        let suite = suites::load(name, &options).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> = suite
            .tasks
            .iter()
            .map(|task| {
                let program = program(task);
                let text = format!("{}{}{}", program.prefix, task.reference.as_ref().unwrap(), program.suffix);
                serde_json::to_string(&(&task.id, text)).unwrap()
            })
            .collect();
        fs::write(file.path(), lines.join("\n")).unwrap();
        let command =
            Command::new("python3").args(["-W", "ignore", "-c", script]).stdin(file.reopen().unwrap()).output();
        let Ok(output) = command else {
            eprintln!("skipped: no python3 on this machine");
            return;
        };
        assert_eq!((String::from_utf8_lossy(&output.stdout), output.status.code()), ("".into(), Some(0)), "{name}");
    }
}

#[test]
fn entry_points_agree_with_the_published_ones_but_for_misnamed_functions() {
    let Some(options) = options() else { return };
    let set = DataSet::named("humanevalpack").unwrap();
    let mut published = BTreeMap::new();
    for file in set.files.iter().filter(|file| file.path.ends_with(".jsonl")) {
        let text = String::from_utf8(set.read(file.path, &options.data).unwrap()).unwrap();
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            published
                .insert(row["task_id"].as_str().unwrap().to_owned(), row["entry_point"].as_str().unwrap().to_owned());
        }
    }
    let mut differences = String::new();
    for suite in ["humanevalpack-synthesize", "humaneval-x"] {
        for task in suites::load(suite, &options).unwrap().tasks {
            if task.entry_point != published[&task.id] {
                writeln!(differences, "{suite} {}: {} for {}", task.id, task.entry_point, published[&task.id]).unwrap();
            }
        }
    }
    expect![[r#"
        humanevalpack-synthesize CPP/121: solutions for solution
        humanevalpack-synthesize CPP/156: int_to_mini_romank for int_to_mini_roman
        humanevalpack-synthesize Java/99: countUpper for closest_integer
        humanevalpack-synthesize Java/101: wordStrings for words_string
        humanevalpack-synthesize Java/114: minSubArraySum for minSubarraySum
        humanevalpack-synthesize JavaScript/114: minSubArraySum for minSubarraySum
        humanevalpack-synthesize Rust/61: correct_bracketing_parenthesis for correct_bracketing
        humanevalpack-synthesize Rust/71: triangle_area_f64 for triangle_area
        humanevalpack-synthesize Rust/85: add_even_odd for add
        humanevalpack-synthesize Rust/116: sort_array_1 for sort_array
        humanevalpack-synthesize Rust/120: maximum_120 for maximum
        humanevalpack-synthesize Rust/121: solutions for solution
        humanevalpack-synthesize Rust/142: sum_squares_142 for sum_squares
        humanevalpack-synthesize Rust/156: int_to_mini_romank for int_to_mini_roman
        humanevalpack-synthesize Rust/161: solve_161 for solve
        humaneval-x CPP/27: filp_case for flip_case
        humaneval-x CPP/77: iscuber for iscube
        humaneval-x CPP/121: solutions for solution
        humaneval-x CPP/156: int_to_mini_romank for int_to_mini_roman
        humaneval-x Java/22: filterIntergers for filterIntegers
        humaneval-x Java/99: countUpper for closest_integer
        humaneval-x Java/101: wordStrings for words_string
        humaneval-x Java/114: minSubArraySum for minSubarraySum
        humaneval-x JavaScript/114: minSubArraySum for minSubarraySum
        humaneval-x Rust/38: encode_cyclic for decode_cyclic
        humaneval-x Rust/61: correct_bracketing_parenthesis for correct_bracketing
        humaneval-x Rust/71: triangle_area_f64 for triangle_area
        humaneval-x Rust/77: iscuber for iscube
        humaneval-x Rust/85: add_even_odd for add
        humaneval-x Rust/116: sort_array_1 for sort_array
        humaneval-x Rust/120: maximum_120 for maximum
        humaneval-x Rust/121: solutions for solution
        humaneval-x Rust/142: sum_squares_142 for sum_squares
        humaneval-x Rust/156: int_to_mini_romank for int_to_mini_roman
        humaneval-x Rust/161: solve_161 for solve
    "#]]
    .assert_eq(&differences);
}

#[test]
fn a_task_of_each_kind() {
    let Some(humaneval) = load("humaneval") else { return };
    let Check::Program { program: test } = &task(&humaneval, "HumanEval/53").hidden_tests[0].check else { panic!() };
    expect![[r#"


        METADATA = {}


        def check(candidate):
            import random

            assert candidate(0, 1) == 1
            assert candidate(1, 0) == 1
            assert candidate(2, 3) == 5
            assert candidate(5, 7) == 12
            assert candidate(7, 5) == 12

            for i in range(100):
                x, y = random.randint(0, 1000), random.randint(0, 1000)
                assert candidate(x, y) == x + y


        check(add)
    "#]]
    .assert_eq(test);

    let infilling = load("humaneval-infilling").unwrap();
    let hole = task(&infilling, "RandomSpanInfilling/HumanEval/0/3");
    expect![[r#"Some("HumanEval/0") Some("merate(numbers):\n            if idx") " != idx2:\n                distance = abs(elem - elem2)\n                if distance < threshold:\n                    return True\n\n    return False\n""#]].assert_eq(&format!("{:?} {:?} {:?}", hole.source, hole.reference, program(hole).suffix));

    let x = load("humaneval-x").unwrap();
    // Lines end visibly, since one of them is nothing but spaces.
    expect![[r#"
        |
        fn main(){ |
         } |
        |
        use std::{slice::Iter, cmp::{max, self}, mem::replace, collections::{HashSet, HashMap}, ops::Index, ascii::AsciiExt};|
        use rand::Rng;|
        use regex::Regex;|
        use md5;|
        use std::any::{Any, TypeId};|
        |
        fn truncate_number(number: &f32) -> f32{|
        |
        /*|
         Given a positive floating point number, it can be decomposed into|
            and integer part (largest integer smaller than given number) and decimals|
            (leftover part always smaller than 1).|
        |
            Return the decimal part of the number.|
            |
        */|
    "#]].assert_eq(&program(task(&x, "Rust/2")).prefix.replace('\n', "|\n"));
    let Check::Program { program: test } = &task(&x, "Go/2").hidden_tests[0].check else { panic!() };
    expect![[r#"
        package main

        import (
            "testing"
            "github.com/stretchr/testify/assert"
        )

        func TestTruncateNumber(t *testing.T) {
            assert := assert.New(t)
            assert.Equal(0.5, TruncateNumber(3.5))
            assert.Equal(true, math.Abs(TruncateNumber(1.33)-0.33) < 1e-6)
            assert.Equal(true, math.Abs(TruncateNumber(123.456)-0.456) < 1e-6)
        }
    "#]]
    .assert_eq(test);

    let pack = load("humanevalpack").unwrap();
    let fix = task(&pack, "fix/JavaScript/2");
    expect![[r#"
        Repair /* Given a positive floating point number, it can be decomposed into
          and integer part (largest integer smaller than given number) and decimals
          (leftover part always smaller than 1).

          Return the decimal part of the number.
          >>> truncateNumber(3.5)
          0.5
          */
        const truncateNumber = (number) => {
          return number % 1.0 + 1.0;
        }


        Fix bugs in truncateNumber."#]]
    .assert_eq(&format!("{:?} {}", fix.kind, fix.instruction));
    expect![[r#"
        Write a Go function `func TruncateNumber(number float64) float64` to solve the following problem:
        Given a positive floating point number, it can be decomposed into
        and integer part (largest integer smaller than given number) and decimals
        (leftover part always smaller than 1).
        Return the decimal part of the number.
        >>> TruncateNumber(3.5)
        0.5"#]]
    .assert_eq(&task(&pack, "synthesize/Go/2").instruction);

    let crux = load("cruxeval").unwrap();
    for id in ["output/sample_2", "input/sample_2"] {
        let task = task(&crux, id);
        let program = program(task);
        let hole = format!("{}‸{}", program.prefix, program.suffix);
        let shown = format!("{}\n---\n{hole}\n---\n{:?}\n", task.instruction, (&task.reference, &task.hidden_tests));
        if id.starts_with("output") {
            expect![[r#"
            Based on the given Python code, which may contain errors, complete the assert statement with the output when executing the code on the given test case.
            ---
            def f(text):
                new_text = list(text)
                for i in '+':
                    if i in new_text:
                        new_text.remove(i)
                return ''.join(new_text)
            assert f('hbtofdeiequ') == ‸
            ---
            (Some("'hbtofdeiequ'"), [TestCase { name: "test", check: Value { expected: "'hbtofdeiequ'" } }])
        "#]].assert_eq(&shown)
        } else {
            expect![[r#"
            You will be given a function f and an output in the form f(??) == output. Find any input such that executing f on the input leads to the given output. There may be multiple answers, but you should only output one.

            assert f(??) == 'hbtofdeiequ'
            ---
            def f(text):
                new_text = list(text)
                for i in '+':
                    if i in new_text:
                        new_text.remove(i)
                return ''.join(new_text)
            ‸ == 'hbtofdeiequ'

            ---
            (Some("f('hbtofdeiequ')"), [TestCase { name: "test", check: Call { expected: "'hbtofdeiequ'" } }])
        "#]].assert_eq(&shown)
        }
    }
}

#[test]
fn inputs_of_humaneval_plus_stay_as_they_are_written() {
    let Some(plus) = load("humanevalplus") else { return };
    let mut inputs = 0;
    let mut properties = Vec::new();
    let mut tolerances = Vec::new();
    for task in &plus.tasks {
        let [base, more] = task.hidden_tests.as_slice() else { panic!("{}", task.id) };
        assert_eq!((base.name.as_str(), more.name.as_str()), ("base", "plus"));
        for test in [base, more] {
            match &test.check {
                Check::Reference { inputs: list, tolerance } => {
                    inputs += list.len();
                    if *tolerance != 0.0 && test.name == "base" {
                        tolerances.push(format!("{} {tolerance}", task.id));
                    }
                    for input in list {
                        let text = input.as_str().expect("inputs are JSON text");
                        assert!(serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok(), "{}: {text}", task.id);
                    }
                }
                Check::Program { program } => {
                    assert!(!["true", "false", "null"].iter().any(|word| program.contains(word)));
                    properties.push(format!("{} {} {}", task.id, test.name, program.lines().count()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    expect!["123365"].assert_eq(&inputs.to_string());
    expect!["HumanEval/2 0.000001, HumanEval/4 0.000001"].assert_eq(&tolerances.join(", "));
    expect!["HumanEval/32 base 15, HumanEval/32 plus 15"].assert_eq(&properties.join(", "));
    // An integer beyond 64 bits.
    let Check::Reference { inputs, .. } = &task(&plus, "HumanEval/137").hidden_tests[1].check else { panic!() };
    assert!(
        inputs.iter().any(|input| input.as_str().unwrap().split(|c: char| !c.is_ascii_digit()).any(|n| n.len() > 19))
    );
}

#[test]
fn languages_narrow_a_suite_and_its_version_follows_the_data() {
    let Some(mut options) = options() else { return };
    let all = suites::load("humaneval-x", &options).unwrap();
    options.languages = vec!["rust".into(), "c++".into(), "js".into()];
    let three = suites::load("humaneval-x", &options).unwrap();
    assert_eq!((all.tasks.len(), three.tasks.len()), (6 * 164, 3 * 164));
    assert_ne!(all.version, three.version);
    options.languages.truncate(1);
    let one = suites::load("humaneval-x", &options).unwrap();
    assert_eq!(one.tasks, suites::load("humaneval-x-rust", &options).unwrap().tasks);
    assert_eq!(one.version, suites::load("humaneval-x-rust", &options).unwrap().version);
}

#[test]
fn missing_data_names_the_way_to_get_it() {
    let directory = tempfile::tempdir().unwrap();
    for name in suites::names() {
        let set = suites::data_set(&name).unwrap().name;
        let options = LoadOptions { data: vec![directory.path().to_owned()], languages: Vec::new() };
        let error = suites::load(&name, &options).unwrap_err();
        assert!(matches!(error, SuiteError::Data(DataError::NotFound { .. })), "{name}: {error}");
        assert!(error.to_string().contains(&format!("`prentice eval fetch {set}`")), "{error}");
    }
}
