//! A small agent's task: a file with a wrong body, and tools to read it, to change a line, and to run the tests.
//!
//! Each turn of the policy is one command; what the tool says is an observation, which is not learnt:
//!
//! ```text
//! > read
//! 1     xs = [x for x in xs if x > 3]
//! 2     return sum(xs)
//! > edit 1     xs = [x for x in xs if x >= 3]
//! done
//! > run
//! passed
//! > done
//! ```
//!
//! The body that stands when `done` is said, or when the turns are used up, is judged by the hidden tests. A command that
//! does not exist is answered as such and costs a turn. *Not covered*: several files, inserting and deleting lines.

use prentice_base::{Task, Verdict};
use prentice_environment::{Verifier, Workshop};

use super::{
    environment::{Environment, HarnessError, Judge, Turn},
    verified::{outcome, prompt, seen},
};

/// Turns of an attempt.
pub const TURNS: usize = 8;
/// What follows the description of a task.
const USAGE: &str = "# The body is wrong. Tools: read; edit LINE TEXT; run; done.\n> ";

/// A task, and the wrong body that it begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenTask {
    /// The task, whose tests decide.
    pub task: Task,
    /// The body that is found.
    pub body: String,
}

/// Tasks in which a wrong program is mended by tools.
pub struct ToolTasks<'t> {
    tasks: &'t [BrokenTask],
    prompts: Vec<String>,
    workshop: &'t Workshop,
}

impl<'t> ToolTasks<'t> {
    /// For tasks with their wrong bodies.
    pub fn new(tasks: &'t [BrokenTask], workshop: &'t Workshop) -> Self {
        let prompts = tasks.iter().map(|broken| format!("{}{USAGE}", prompt(&broken.task))).collect();
        Self { tasks, prompts, workshop }
    }
}

impl Environment for ToolTasks<'_> {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn name(&self, task: usize) -> &str {
        &self.tasks[task].task.id
    }

    fn prompt(&self, task: usize) -> &str {
        &self.prompts[task]
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(ToolJudge { tasks: self.tasks, verifier: Verifier::new(self.workshop) })
    }
}

/// What a policy can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command<'t> {
    Read,
    /// Line, from 1, and its new text.
    Edit(usize, &'t str),
    Run,
    Done,
    Unknown,
}

impl<'t> Command<'t> {
    fn parse(turn: &'t str) -> Self {
        match turn.trim_end() {
            "read" => return Self::Read,
            "run" => return Self::Run,
            "done" => return Self::Done,
            _ => {}
        }
        let edit = turn.strip_prefix("edit ").and_then(|rest| rest.split_once(' '));
        match edit.and_then(|(line, text)| Some((line.parse().ok()?, text))) {
            Some((line, text)) if !text.trim_end().contains('\n') => Self::Edit(line, text.trim_end()),
            _ => Self::Unknown,
        }
    }
}

struct ToolJudge<'t> {
    tasks: &'t [BrokenTask],
    verifier: Verifier,
}

impl Judge for ToolJudge<'_> {
    fn turn(&mut self, task: usize, turns: &[String]) -> Result<Turn, HarnessError> {
        let BrokenTask { task, body } = &self.tasks[task];
        let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
        let mut said = String::new();
        for turn in turns {
            said = match Command::parse(turn) {
                Command::Read => {
                    lines.iter().enumerate().map(|(number, line)| format!("{} {line}\n", number + 1)).collect()
                }
                Command::Edit(line, text) => match lines.get_mut(line.wrapping_sub(1)) {
                    Some(place) => {
                        *place = text.to_owned();
                        "done\n".to_owned()
                    }
                    None => format!("there are lines 1 to {}\n", lines.len()),
                },
                Command::Run | Command::Done => String::new(),
                Command::Unknown => "no such tool\n".to_owned(),
            };
        }
        let command = turns.last().map_or(Command::Unknown, |turn| Command::parse(turn));
        let is_over = command == Command::Done || turns.len() >= TURNS;
        if is_over || command == Command::Run {
            let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let examined = self.verifier.examine(task, &body);
            if let Verdict::InfrastructureError { detail } = &examined.hidden {
                return Err(HarnessError(detail.clone()));
            }
            if is_over {
                return Ok(Turn::End(outcome(task, &body, &examined)));
            }
            said = seen(task, &examined) + "\n";
        }
        Ok(Turn::Observation(format!("\n{said}> ")))
    }
}

/// The turns of somebody who knows the right body: look, mend what differs, run, done. `None` where lines would have to
/// be added or removed, or where that takes too many turns.
pub fn demonstration(broken: &BrokenTask, right: &str) -> Option<Vec<String>> {
    let (before, after): (Vec<&str>, Vec<&str>) = (broken.body.lines().collect(), right.lines().collect());
    if before.len() != after.len() {
        return None;
    }
    let mut turns = vec!["read".to_owned()];
    for (number, (was, is)) in before.iter().zip(&after).enumerate() {
        if was != is {
            turns.push(format!("edit {} {is}", number + 1));
        }
    }
    turns.extend(["run".to_owned(), "done".to_owned()]);
    (turns.len() <= TURNS).then_some(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (turn, expected) in [
            ("read", Command::Read),
            ("run\n", Command::Run),
            ("done ", Command::Done),
            ("edit 2     return x ", Command::Edit(2, "    return x")),
            ("edit x     return x", Command::Unknown),
            ("edit 2", Command::Unknown),
            ("edit 2 a\nb", Command::Unknown),
            ("delete 2", Command::Unknown),
            ("", Command::Unknown),
        ] {
            assert_eq!(Command::parse(turn), expected, "{turn:?}");
        }
    }
}
