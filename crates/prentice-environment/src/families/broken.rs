//! Programs that are wrong in one easily mistaken stage, and tasks that are made of programs: repair and translation.
//!
//! A repair task shows the documented function with a broken body, and then the opening of the function once more; a
//! translation task shows the function in Python. In both the completion is a body:
//!
//! ```text
//! def solve(xs):
//!     """Keep the numbers from 3 up. Then add them up.
//!     ...
//!     """
//!     xs = [x for x in xs if x > 3]
//!     return sum(xs)
//!
//! # Wrong. Corrected:
//! def solve(xs):
//! ```
//!
//! In Python the second definition replaces the first. The other languages know no second definition, so that there the
//! broken body is a comment.

use prentice_base::{Seed, TaskKind};
use rand::seq::SliceRandom as _;

use super::{
    FamilyTask, base_task,
    grammar::{Composition, Value},
    render::{self, Language},
};

/// A wrong program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The program.
    pub program: Composition,
    /// What was changed, such as `keep_at_least(3) -> keep_greater(3)`.
    pub change: String,
}

/// A program that differs from `program` in one stage, easily mistaken, and in what it gives for one of the arguments.
/// `None` where there is none.
pub fn break_program(program: &Composition, arguments: &[Value], seed: Seed) -> Option<Broken> {
    let mut candidates: Vec<Composition> = program.neighbours().filter(|other| other.to() == program.to()).collect();
    candidates.shuffle(&mut seed.rng());
    let differs = |other: &Composition| arguments.iter().any(|x| other.evaluate(x) != program.evaluate(x));
    let broken = candidates.into_iter().find(differs)?;
    let stages = program.stages().iter().zip(broken.stages());
    let change = stages.filter(|(was, is)| was != is).map(|(was, is)| format!("{was} -> {is}")).collect();
    Some(Broken { program: broken, change })
}

/// The task to repair a broken variant of a task's program; `None` where there is none.
pub fn repair(task: &FamilyTask, seed: Seed) -> Option<FamilyTask> {
    let broken = break_program(&task.program, &task.hidden, seed)?;
    let body = render::body(task.language, &broken.program);
    let opening = render::opening(task.language, task.program.from(), task.program.to());
    let prefix = match task.language {
        Language::Python => format!("{}{body}\n# Wrong. Corrected:\n{opening}", task.prompt()),
        Language::JavaScript | Language::Rust => {
            let wrong: String = body.lines().map(|line| format!("// {line}\n")).collect();
            // The opening ends the prompt.
            let before = &task.prompt()[..task.prompt().len() - opening.len()];
            format!("{before}// Wrong:\n{wrong}// Corrected:\n{opening}")
        }
    };
    Some(derived(task, "repair", TaskKind::Repair, task.language, prefix))
}

/// The task to write a task's program in another language than Python.
pub fn translation(task: &FamilyTask, into: Language) -> FamilyTask {
    let (from, to) = (task.program.from(), task.program.to());
    let source = render::opening(Language::Python, from, to) + &render::body(Language::Python, &task.program);
    let opening = render::opening(into, from, to);
    let prefix = match into {
        Language::Python => format!("# {}\n{opening}", source.trim_end().replace('\n', "\n# ")),
        Language::JavaScript | Language::Rust => {
            format!("// {}\n{opening}", source.trim_end().replace('\n', "\n// "))
        }
    };
    derived(task, &format!("to-{}", into.name().to_lowercase()), TaskKind::Translation, into, prefix)
}

fn derived(task: &FamilyTask, what: &str, kind: TaskKind, language: Language, prefix: String) -> FamilyTask {
    let id = format!("{}/{what}", task.task.id);
    let mut made = base_task(id, kind, language, prefix, &task.program, &task.visible, &task.hidden);
    made.source = Some(task.task.id.clone());
    FamilyTask { solution: render::body(language, &task.program), language, task: made, ..task.clone() }
}
