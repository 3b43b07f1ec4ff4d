//! Task families: what the tasks promise, and that real interpreters agree with the grammar.
//!
//! Judging needs a sandbox and the language's toolchain, and is skipped, loudly, without.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use expect_test::{Expect, expect};
use prentice_base::{Check, Seed, Snapshot, Task, TaskKind, TestCase, Verdict};
use prentice_environment::{
    Verifier, Workshop, bridge,
    families::{
        Families, Family, FamilyOptions, FamilyTask, broken,
        enumerate::Ambiguity,
        export, generate,
        grammar::{Composition, Kind, Operator, Value},
        inputs, labels,
        labels::{LabelOptions, labels},
        primitives::PRIMITIVES,
        render::{self, Language, Phrasing},
    },
};
use prentice_sandbox::Sandbox;

fn docfn(train: usize, test: usize) -> Families {
    generate(&FamilyOptions::new(Family::DocFn, Seed(7), train, test))
}

fn iofn(train: usize, test: usize) -> Families {
    generate(&FamilyOptions { depths: 1..=2, ..FamilyOptions::new(Family::IoFn, Seed(7), train, test) })
}

/// A verifier, where this machine can run the language.
fn verifier(language: Language) -> Option<Verifier> {
    let Ok(sandbox) = Sandbox::best() else {
        eprintln!("SKIPPED: no sandbox");
        return None;
    };
    let workshop = Workshop::new(&sandbox);
    let probe = &generate(&FamilyOptions { language, ..FamilyOptions::new(Family::DocFn, Seed(0), 1, 0) }).train[0];
    if bridge::language(&probe.task).and_then(|language| workshop.toolchain(language)).is_none() {
        eprintln!("SKIPPED: no {language:?}");
        return None;
    }
    Some(Verifier::new(&workshop))
}

fn operator(name: &str) -> Operator {
    let stage = [Kind::List, Kind::Number, Kind::Text].into_iter().flat_map(Operator::all_from);
    stage.into_iter().find(|stage| stage.to_string() == name).unwrap_or_else(|| panic!("no stage {name}"))
}

fn program(stages: &[&str]) -> Composition {
    Composition::new(stages.iter().map(|name| operator(name)).collect()).expect("the stages fit")
}

#[track_caller]
fn check_render(language: Language, stages: &[&str], expected: Expect) {
    let program = program(stages);
    let phrasing = Phrasing { stages: vec![0; stages.len()], has_sentences: true };
    let arguments = inputs::visible(&program, 1, Seed(1));
    let examples: Vec<_> = arguments.into_iter().map(|x| (x.clone(), program.evaluate(&x))).collect();
    let prefix = render::prefix(language, &program, &phrasing.describe(&program), &examples);
    expected.assert_eq(&(prefix + &render::body(language, &program)));
}

#[test]
fn one_program_in_three_languages() {
    let stages = ["keep_greater(3)", "each_multiply(2)", "sum"];
    check_render(
        Language::Python,
        &stages,
        expect![[r#"
        def solve(xs):
            """Keep the numbers greater than 3. Then multiply each by 2. Then add them up.

            >>> solve([-3, 2, 2, 6])
            12
            """
            xs = [x for x in xs if x > 3]
            xs = [x * 2 for x in xs]
            return sum(xs)
    "#]],
    );
    check_render(
        Language::JavaScript,
        &stages,
        expect![[r#"
        /*
        Keep the numbers greater than 3. Then multiply each by 2. Then add them up.

        >>> solve([-3, 2, 2, 6])
        12
        */
        const solve = (xs) => {
          xs = xs.filter((x) => x > 3)
          xs = xs.map((x) => x * 2)
          return xs.reduce((a, b) => a + b, 0)
        }
    "#]],
    );
    check_render(
        Language::Rust,
        &stages,
        expect![[r#"
        /// Keep the numbers greater than 3. Then multiply each by 2. Then add them up.
        ///
        /// >>> solve(vec![-3, 2, 2, 6])
        /// 12
        fn solve(xs: Vec<i64>) -> i64 {
            let xs: Vec<i64> = xs.into_iter().filter(|&x| x > 3).collect();
            let xs: Vec<i64> = xs.into_iter().map(|x| x * 2).collect();
            xs.iter().sum()
        }
    "#]],
    );
    check_render(
        Language::JavaScript,
        &["count_letter(a)", "add(2)", "square"],
        expect![[r#"
        /*
        Count the letter a. Then add 2. Then square it.

        >>> solve("aolt mm")
        9
        */
        const solve = (s) => {
          let n = s.split("a").length - 1
          n = n + 2
          return n * n
        }
    "#]],
    );
}

#[test]
fn a_task_shows_examples_and_hides_the_rest() {
    let task = &iofn(0, 1).test[0];
    expect![[r#"
        subtract(3) | subtract_from(4)
        def solve(n):
            """
            >>> solve(-6)
            13
            >>> solve(17)
            -10
            >>> solve(-39)
            46
            >>> solve(1)
            6
            """

            n = n - 3
            return 4 - n
    "#]]
    .assert_eq(&format!("{}\n{}\n{}", task.composition, task.prompt(), task.solution));
    let Check::Reference { inputs, .. } = &task.task.hidden_tests[0].check else { panic!("no reference") };
    assert_eq!(inputs.len(), task.hidden.len());
    assert_eq!(inputs[0], serde_json::Value::from(format!("[{}]", task.hidden[0].json())));
}

#[test]
fn a_broken_and_a_foreign_program_are_shown() {
    let task = &docfn(0, 3).test[2];
    let repair = broken::repair(task, Seed(1)).unwrap();
    let translation = broken::translation(task, Language::Rust);
    expect![[r#"
        def solve(n):
            """Return its digit sum.

            >>> solve(-9)
            9
            >>> solve(-28)
            10
            """
            return len(str(abs(n)))

        # Wrong. Corrected:
        def solve(n):
        -----
        // def solve(n):
        //     return sum(int(d) for d in str(abs(n)))
        fn solve(n: i64) -> i64 {
    "#]]
    .assert_eq(&format!("{}-----\n{}", repair.prompt(), translation.prompt()));
    assert_eq!((repair.task.kind, translation.task.kind), (TaskKind::Repair, TaskKind::Translation));
}

#[test]
fn the_table_is_sound() {
    let mut names = HashSet::new();
    let mut sayings = BTreeMap::new();
    for (index, primitive) in PRIMITIVES.iter().enumerate() {
        let name = primitive.name;
        assert!(names.insert(name), "{name} stands there twice");
        assert!((3..=5).contains(&primitive.phrasings.len()), "{name} has {} phrasings", primitive.phrasings.len());
        for phrasing in primitive.phrasings {
            let known = sayings.insert((primitive.from(), *phrasing), name);
            assert_eq!(known, None, "`{phrasing}` is also said of {name}");
        }
        for constant in primitive.constants.all() {
            for neighbour in Operator::new(index, constant).neighbours() {
                let other = neighbour.primitive();
                assert_eq!((other.from(), other.to()), (primitive.from(), primitive.to()), "{name} and {}", other.name);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let bytes = |seed: u64| {
        let mut out = Vec::new();
        for family in [Family::DocFn, Family::IoFn] {
            let families = generate(&FamilyOptions::new(family, Seed(seed), 20, 10));
            export::export(families.train.iter().chain(&families.test), &mut out).unwrap();
        }
        out
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn nothing_of_the_examination_is_in_training() {
    let options = FamilyOptions::new(Family::DocFn, Seed(7), 900, 150);
    let doc = generate(&options);
    let io = generate(&FamilyOptions {
        family: Family::IoFn,
        depths: 1..=2,
        train: 60,
        test: 30,
        held_out: doc.test.iter().map(|task| task.program.clone()).collect(),
        ..options
    });
    assert_eq!((doc.train.len(), doc.test.len(), io.train.len(), io.test.len()), (900, 150, 60, 30));
    // The split is one for all families: what DocFn trains on, IOFn does not examine.
    let train: Vec<&FamilyTask> = doc.train.iter().chain(&io.train).collect();
    let test: Vec<&FamilyTask> = doc.test.iter().chain(&io.test).collect();
    let compositions: HashSet<&str> = train.iter().map(|task| &*task.composition).collect();
    let tuples: HashSet<String> = train.iter().filter(|task| task.depth > 1).map(|task| task.program.tuple()).collect();
    for task in &test {
        assert!(!compositions.contains(&*task.composition), "{} is trained on", task.composition);
        assert!(!tuples.contains(&task.program.tuple()), "{} is trained on with other constants", task.composition);
    }
    for (train, test) in [(&train, &doc.test), (&io.train.iter().collect(), &io.test)] {
        let results = |task: &FamilyTask| {
            let probes = inputs::probes(task.program.from());
            let results: Vec<Value> = probes.iter().map(|probe| task.program.evaluate(probe)).collect();
            (task.program.from(), results)
        };
        let examined: HashSet<_> = test.iter().map(results).collect();
        let equal: Vec<&str> =
            train.iter().filter(|task| examined.contains(&results(task))).map(|task| &*task.composition).collect();
        assert!(equal.is_empty(), "output-equal to an examined program: {equal:?}");
    }
    let distinct: HashSet<&str> = doc.test.iter().map(|task| &*task.composition).collect();
    assert_eq!(distinct.len(), doc.test.len());

    let seen: BTreeSet<&str> =
        doc.train.iter().flat_map(|task| task.program.stages()).map(|stage| stage.primitive().name).collect();
    let unseen: Vec<&str> =
        PRIMITIVES.iter().map(|primitive| primitive.name).filter(|name| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "never trained on: {unseen:?}");
    for depth in 1..=3 {
        assert!(doc.test.iter().filter(|task| task.depth == depth).count() > 20, "depth {depth}");
    }
}

#[test]
fn hidden_tests_are_many_others_and_find_out_what_is_easily_mistaken() {
    let families = docfn(200, 100);
    let mut mistakes = 0;
    let mut escaped = Vec::new();
    for task in families.train.iter().chain(&families.test) {
        assert!(task.hidden.len() >= 20, "{} has {} hidden tests", task.task.id, task.hidden.len());
        assert!(task.hidden.iter().all(|argument| !task.visible.contains(argument)), "{}", task.task.id);
        assert_eq!(task.hidden.iter().collect::<HashSet<_>>().len(), task.hidden.len(), "{} repeats one", task.task.id);
        assert_eq!(task.visible.len(), 2);
        for mistaken in task.program.neighbours().filter(|mistaken| mistaken.to() == task.program.to()) {
            let differs = |argument: &Value| mistaken.evaluate(argument) != task.program.evaluate(argument);
            mistakes += 1;
            // Arguments that the generator does not choose from.
            if !task.hidden.iter().any(differs) && inputs::probes(task.program.from()).iter().any(differs) {
                escaped.push(format!("{} as {mistaken}", task.composition));
            }
        }
    }
    assert!(mistakes > 500 && escaped.len() * 200 <= mistakes, "{} of {mistakes}: {escaped:#?}", escaped.len());
}

#[test]
fn results_stay_within_what_a_double_holds() {
    let chains = [
        &["each_square", "each_square", "each_square"][..],
        &["each_square", "each_square", "sum_of_squares"],
        &["sum_of_squares", "square", "square"],
        &["square", "square", "square"],
        &["running_sums", "running_sums", "sum_of_squares"],
        &["each_multiply(5)", "sum_of_squares", "square"],
    ];
    for stages in chains {
        let program = program(stages);
        // The longest and largest that occur.
        let argument = match program.from() {
            Kind::Number => Value::Number(-60),
            _ => Value::List(vec![13; 10]),
        };
        let largest = match program.evaluate(&argument) {
            Value::Number(number) => number.abs(),
            Value::List(numbers) => numbers.into_iter().map(i64::abs).max().unwrap(),
            Value::Text(_) => unreachable!(),
        };
        assert!(largest < 1 << 53, "{program} gives {largest}");
    }
    for task in docfn(100, 50).test {
        for argument in task.hidden.iter().chain(&task.visible) {
            match argument {
                Value::List(numbers) => assert!(numbers.len() <= 10 && numbers.iter().all(|n| n.abs() <= 16)),
                Value::Number(number) => assert!(number.abs() <= 60),
                Value::Text(text) => assert!(text.len() <= 20 && !text.contains(['\'', '"', '\\'])),
            }
        }
    }
}

#[test]
fn ambiguous_tasks_are_known_and_left_out() {
    let ambiguity = Ambiguity::default();
    let list = |numbers: &[i64]| Value::List(numbers.to_vec());
    let consistent = ambiguity.consistent(&[(list(&[1, 2]), Value::Number(3)), (list(&[4, 1]), Value::Number(5))]);
    assert_eq!(consistent[0].to_string(), "sum");
    assert!(consistent.len() > 10, "{}", consistent.len());
    let families = iofn(30, 30);
    assert!(families.test.iter().all(|task| !ambiguity.is_ambiguous(task)));
    assert_eq!(ambiguity.ceiling(&families.test), 1.0);
    // With one example instead of four most are.
    let poor: Vec<FamilyTask> =
        families.test.iter().map(|task| FamilyTask { visible: task.visible[..1].to_vec(), ..task.clone() }).collect();
    assert!(ambiguity.ceiling(&poor) < 0.7, "{}", ambiguity.ceiling(&poor));
}

#[test]
fn labels_are_wrong_where_they_are_misread() {
    let tasks = docfn(300, 0).train;
    let share = |mismatch: f64| {
        let labels = labels(&tasks, &LabelOptions { mismatch, seed: Seed(1) });
        assert_eq!(labels.len(), tasks.len());
        for (label, task) in labels.iter().zip(&tasks) {
            let is_misread = task.program.stages().iter().zip(&task.phrasing.stages);
            let is_misread = is_misread.into_iter().any(|(&stage, &which)| labels::misreading(stage, which).is_some());
            assert!(is_misread || (label.right && label.response == task.solution), "{} is wrong", task.composition);
        }
        labels.iter().filter(|label| !label.right).count() as f64 / labels.len() as f64
    };
    let (none, some, all) = (share(0.0), share(0.6), share(1.0));
    assert_eq!(none, 0.0);
    assert!((0.1..0.4).contains(&some) && some < all && all < 0.6, "{some} {all}");
}

#[test]
fn what_is_exported_is_read_back() {
    let families = docfn(8, 4);
    let mut out = Vec::new();
    export::export(&families.train, &mut out).unwrap();
    let tasks: Vec<Task> = families.train.iter().map(|task| task.task.clone()).collect();
    assert_eq!(export::import(&*out).unwrap(), tasks);
    let made = labels(&families.train, &LabelOptions { mismatch: 0.5, seed: Seed(2) });
    let mut out = Vec::new();
    export::export_labels(&made, &mut out).unwrap();
    assert_eq!(export::import_labels(&*out).unwrap(), made);
    expect!["line 2 is no label: missing field `response` at line 1 column 15"].assert_eq(
        &export::import_labels(&b"{\"prompt\": \"\", \"response\": \"\", \"right\": true}\n{\"prompt\": \"a\"}\n"[..])
            .unwrap_err()
            .to_string(),
    );
}

/// References pass, also their visible tests; broken variants fail.
fn check_judged(language: Language, tasks: &[FamilyTask]) {
    let Some(mut verifier) = verifier(language) else { return };
    let mut wrong = Vec::new();
    for task in tasks {
        let mut seen = task.task.clone();
        seen.hidden_tests = task.task.visible_tests.clone();
        let broken = broken::break_program(&task.program, &task.hidden, Seed(3)).expect("everything can be broken");
        let (right, broken) = (&task.solution, render::body(language, &broken.program));
        for (of, completion, is_right) in
            [(&task.task, right, true), (&seen, right, true), (&task.task, &broken, false)]
        {
            let verdict = verifier.verify(of, completion).verdict;
            let is_as_expected = match &verdict {
                Verdict::Pass => is_right,
                Verdict::Fail { kind, .. } => !is_right && *kind == prentice_base::FailureKind::WrongAnswer,
                Verdict::InfrastructureError { .. } => false,
            };
            if !is_as_expected {
                wrong.push(format!("{}: {verdict:?}\n{completion}", task.composition));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tasks.len(), wrong.join("\n"));
}

#[test]
fn python_judges_as_the_grammar_does() {
    let mut tasks = docfn(0, 40).test;
    tasks.extend(iofn(0, 10).test);
    let repairs: Vec<FamilyTask> = tasks[..10].iter().filter_map(|task| broken::repair(task, Seed(1))).collect();
    assert!(repairs.len() > 5);
    tasks.extend(repairs);
    check_judged(Language::Python, &tasks);
}

/// One program for each primitive and constant, all in one task: the reference is the interpreter, the test program
/// holds what the grammar says.
fn check_every_operator(language: Language) {
    let Some(mut verifier) = verifier(language) else { return };
    let template = &docfn(0, 1).test[0].task;
    let (mut code, mut tests) = (String::new(), String::new());
    let stages: Vec<Operator> =
        [Kind::List, Kind::Number, Kind::Text].into_iter().flat_map(Operator::all_from).collect();
    for (number, stage) in stages.iter().enumerate() {
        let program = Composition::new(vec![*stage]).unwrap();
        let name = format!("solve_{number}");
        let opening = render::opening(language, program.from(), program.to());
        code += &(opening + &render::body(language, &program)).replace("solve", &name);
        for argument in inputs::probes(program.from()) {
            let (given, result) =
                (render::literal(language, &argument), render::literal(language, &program.evaluate(&argument)));
            tests += &match language {
                Language::Python => format!("    if {name}({given}) != {result}: return '{stage}'\n"),
                Language::JavaScript => {
                    format!("  if (JSON.stringify({name}({given})) !== JSON.stringify({result})) return \"{stage}\"\n")
                }
                Language::Rust => format!("    if {name}({given}) != {result} {{ return \"{stage}\".to_string(); }}\n"),
            };
        }
    }
    let (prefix, completion, test) = match language {
        Language::Python => {
            (format!("{code}def solve(s):\n"), format!("{tests}    return ''\n"), "assert solve('') == ''")
        }
        Language::JavaScript => (
            format!("{code}const solve = (s) => {{\n"),
            format!("{tests}  return \"\"\n}}\n"),
            "console.assert(solve(\"\") === \"\", solve(\"\"))",
        ),
        Language::Rust => (
            format!("{code}fn solve(s: String) -> String {{\n"),
            format!("{tests}    String::new()\n}}\n"),
            "#[test]\nfn test_solve() {\n    assert_eq!(solve(String::new()), String::new());\n}\n",
        ),
    };
    let mut task = template.clone();
    let Snapshot::Program(program) = &mut task.snapshot else { unreachable!() };
    (program.language, program.prefix) = (language.name().to_owned(), prefix);
    task.reference = Some(completion.clone());
    task.hidden_tests = vec![TestCase { name: "all".into(), check: Check::Program { program: test.into() } }];
    task.limits.cpu_seconds = 10.0;
    let verdict = verifier.verify(&task, &completion).verdict;
    assert_eq!(verdict, Verdict::Pass, "{} operators in {language:?}", stages.len());
}

#[test]
fn every_operator_computes_the_same_in_python() {
    check_every_operator(Language::Python);
}

#[test]
fn every_operator_computes_the_same_in_javascript() {
    check_every_operator(Language::JavaScript);
}

#[test]
fn every_operator_computes_the_same_in_rust() {
    check_every_operator(Language::Rust);
}

#[test]
fn javascript_judges_as_the_grammar_does() {
    let options = FamilyOptions { language: Language::JavaScript, ..FamilyOptions::new(Family::DocFn, Seed(7), 0, 8) };
    let mut tasks = generate(&options).test;
    tasks.push(broken::repair(&tasks[0], Seed(1)).unwrap());
    tasks.push(broken::translation(&docfn(0, 1).test[0], Language::JavaScript));
    check_judged(Language::JavaScript, &tasks);
}

#[test]
fn rust_judges_as_the_grammar_does() {
    let options = FamilyOptions { language: Language::Rust, ..FamilyOptions::new(Family::DocFn, Seed(7), 0, 2) };
    let mut tasks = generate(&options).test;
    tasks.push(broken::repair(&tasks[0], Seed(1)).unwrap());
    tasks.push(broken::translation(&docfn(0, 1).test[0], Language::Rust));
    check_judged(Language::Rust, &tasks);
}

#[test]
fn the_grammar_is_as_large_as_its_description_says() {
    let mut counts = [0; 3];
    let mut worth_asking = [0; 2];
    for from in [Kind::List, Kind::Number, Kind::Text] {
        let probes = inputs::probes(from);
        let is_worth = |stages: Vec<Operator>| !inputs::is_trivial(&Composition::new(stages).unwrap(), &probes);
        for first in Operator::all_from(from) {
            counts[0] += 1;
            worth_asking[0] += usize::from(is_worth(vec![first]));
            for second in Operator::all_from(first.primitive().to()) {
                counts[1] += 1;
                counts[2] += Operator::all_from(second.primitive().to()).len();
                worth_asking[1] += usize::from(is_worth(vec![first, second]));
            }
        }
    }
    expect!["[230, 21184, 2203892] programs of 1, 2, 3 stages; [226, 16871] are worth asking for"]
        .assert_eq(&format!("{counts:?} programs of 1, 2, 3 stages; {worth_asking:?} are worth asking for"));
}
