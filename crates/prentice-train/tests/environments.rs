//! Environments that execute: one turn, two turns with repair, and tools.

use expect_test::{Expect, expect};
use prentice_base::Seed;
use prentice_environment::{
    Workshop,
    families::{self, Family, FamilyOptions, FamilyTask, broken, grammar::Kind, render},
};
use prentice_sandbox::{Language, Sandbox};
use prentice_train::rl::{
    environment::{Environment, Turn},
    tools::{BrokenTask, ToolTasks, demonstration},
    verified::VerifiedTasks,
};

fn workshop() -> Option<Workshop> {
    let workshop = Workshop::new(&Sandbox::best().unwrap());
    if workshop.toolchain(Language::Python).is_none() {
        eprintln!("SKIPPED: no Python");
        return None;
    }
    Some(workshop)
}

fn tasks() -> Vec<FamilyTask> {
    let mut options = FamilyOptions::new(Family::DocFn, Seed(5), 60, 0);
    options.domains = vec![Kind::List];
    options.depths = 2..=2;
    families::generate(&options).train
}

/// The first task whose program has a broken variant of as many lines that its examples find out.
fn broken_task(tasks: &[FamilyTask]) -> (&FamilyTask, BrokenTask) {
    tasks
        .iter()
        .find_map(|task| {
            let wrong = broken::break_program(&task.program, &task.visible, Seed(1))?;
            let body = render::body(task.language, &wrong.program);
            let broken = BrokenTask { task: task.task.clone(), body };
            demonstration(&broken, &task.solution).map(|_| (task, broken))
        })
        .unwrap()
}

/// What is said after each of the turns.
fn check(environment: &dyn Environment, turns: &[String], expected: Expect) {
    let mut judge = environment.judge();
    let mut said = String::new();
    for count in 1..=turns.len() {
        said += &format!("[{}]\n", turns[count - 1].trim_end());
        match judge.turn(0, &turns[..count]).unwrap() {
            Turn::Observation(text) => said += &format!("{}\n", text.trim_end()),
            Turn::End(outcome) => {
                let (visible, solved) = (outcome.visible_passed, outcome.solved);
                said += &format!("reward {}, visible {visible}, solved {solved}: {}\n", outcome.reward, outcome.detail);
                assert_eq!(count, turns.len(), "{said}");
            }
        }
    }
    expected.assert_eq(&said);
}

#[test]
fn a_program_that_fails_a_visible_test_is_tried_again() {
    let Some(workshop) = workshop() else { return };
    let all = tasks();
    let (task, broken) = broken_task(&all);
    let tasks = [task.task.clone()];
    let (wrong, right) = (broken.body.clone(), task.solution.clone());
    check(
        &VerifiedTasks::with_repair(&tasks, &workshop),
        &[wrong.clone(), right.clone()],
        expect![[r#"
        [    n = xs.count(5)
            return n - 2]
        # solve([-3, 0, -1]) returned -2, expected 2. Corrected:
        def solve(xs):
        [    n = xs.count(5)
            return 2 - n]
        reward 1, visible true, solved true: passes
    "#]],
    );
    check(
        &VerifiedTasks::with_repair(&tasks, &workshop),
        &[right],
        expect![[r#"
        [    n = xs.count(5)
            return 2 - n]
        reward 1, visible true, solved true: passes
    "#]],
    );
    check(
        &VerifiedTasks::with_repair(&tasks, &workshop),
        &["    return xs[\n".into(), wrong.clone()],
        expect![[r#"
            [    return xs[]
            # SyntaxError: '[' was never closed (<candidate>, line 9). Corrected:
            def solve(xs):
            [    n = xs.count(5)
                return n - 2]
            reward 0, visible false, solved false: input 0: returned -2, expected 2
        "#]],
    );
    check(
        &VerifiedTasks::once(&tasks, &workshop),
        &[wrong],
        expect![[r#"
        [    n = xs.count(5)
            return n - 2]
        reward 0, visible false, solved false: input 0: returned -2, expected 2
    "#]],
    );
}

#[test]
fn tools_read_edit_and_run() {
    let Some(workshop) = workshop() else { return };
    let all = tasks();
    let (task, broken) = broken_task(&all);
    let turns = demonstration(&broken, &task.solution).unwrap();
    let tasks = [broken];
    let environment = ToolTasks::new(&tasks, &workshop);
    check(
        &environment,
        &turns,
        expect![[r#"
        [read]

        1     n = xs.count(5)
        2     return n - 2
        >
        [edit 2     return 2 - n]

        done
        >
        [run]

        passed
        >
        [done]
        reward 1, visible true, solved true: passes
    "#]],
    );
    let odd = ["edit 9 x", "look", "run", "done"].map(str::to_owned);
    check(
        &environment,
        &odd,
        expect![[r#"
        [edit 9 x]

        there are lines 1 to 2
        >
        [look]

        no such tool
        >
        [run]

        solve([-3, 0, -1]) returned -2, expected 2
        >
        [done]
        reward 0, visible false, solved false: input 0: returned -2, expected 2
    "#]],
    );
    let endless = vec!["read".to_owned(); 8];
    let last = match environment.judge().turn(0, &endless).unwrap() {
        Turn::End(outcome) => outcome.solved,
        Turn::Observation(text) => panic!("{text}"),
    };
    assert!(!last);
}

#[test]
fn a_program_that_knows_the_examples_only_is_a_loophole() {
    let Some(workshop) = workshop() else { return };
    let all = tasks();
    let (task, _) = broken_task(&all);
    let tasks = [task.task.clone()];
    let environment = VerifiedTasks::once(&tasks, &workshop);
    let hack = prentice_environment::loophole::planted::planted(task).remove(0).1;
    let Turn::End(outcome) = environment.judge().turn(0, &[hack]).unwrap() else { panic!("one turn") };
    assert!(outcome.visible_passed && !outcome.solved && outcome.loophole.is_some(), "{outcome:?}");
}
