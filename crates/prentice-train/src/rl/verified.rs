//! Tasks whose hidden tests decide: one turn, or two with what the first one did wrong in between.

use prentice_base::{Check, FailureKind, Snapshot, Task, TestCase, Verdict};
use prentice_environment::{
    Examined, Verifier, Workshop,
    loophole::{self, Evidence},
};

use super::environment::{Environment, HarnessError, Judge, Outcome, Turn};

/// Tasks in which a program is completed, judged by execution.
pub struct VerifiedTasks<'t> {
    tasks: &'t [Task],
    workshop: &'t Workshop,
    tries: usize,
}

impl<'t> VerifiedTasks<'t> {
    /// One turn: the completion decides.
    pub fn once(tasks: &'t [Task], workshop: &'t Workshop) -> Self {
        Self { tasks, workshop, tries: 1 }
    }

    /// Two turns: a completion that fails a visible test is answered by what that test saw, and tried again. Of the
    /// hidden tests nothing is told.
    pub fn with_repair(tasks: &'t [Task], workshop: &'t Workshop) -> Self {
        Self { tasks, workshop, tries: 2 }
    }
}

impl Environment for VerifiedTasks<'_> {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn name(&self, task: usize) -> &str {
        &self.tasks[task].id
    }

    fn prompt(&self, task: usize) -> &str {
        prompt(&self.tasks[task])
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(VerifyingJudge { tasks: self.tasks, tries: self.tries, verifier: Verifier::new(self.workshop) })
    }
}

/// What a completion of a task continues.
pub fn prompt(task: &Task) -> &str {
    match &task.snapshot {
        Snapshot::Program(program) => &program.prefix,
        Snapshot::Repository { .. } => &task.instruction,
    }
}

struct VerifyingJudge<'t> {
    tasks: &'t [Task],
    tries: usize,
    verifier: Verifier,
}

impl Judge for VerifyingJudge<'_> {
    fn turn(&mut self, task: usize, turns: &[String]) -> Result<Turn, HarnessError> {
        let task = &self.tasks[task];
        let completion = turns.last().map_or("", String::as_str);
        let examined = self.verifier.examine(task, completion);
        if let Verdict::InfrastructureError { detail } = &examined.hidden {
            return Err(HarnessError(detail.clone()));
        }
        if turns.len() < self.tries && examined.visible != Verdict::Pass {
            return Ok(Turn::Observation(observation(task, &examined)));
        }
        Ok(Turn::End(outcome(task, completion, &examined)))
    }
}

/// How an attempt ended that wrote `completion`.
pub(super) fn outcome(task: &Task, completion: &str, examined: &Examined) -> Outcome {
    let solved = examined.hidden == Verdict::Pass;
    let visible_passed = examined.visible == Verdict::Pass;
    let evidence = Evidence { visible_passed, hidden_passed: solved };
    let detail = match &examined.hidden {
        Verdict::Pass => "passes".to_owned(),
        Verdict::Fail { detail, .. } | Verdict::InfrastructureError { detail } => detail.clone(),
    };
    Outcome {
        reward: if solved { 1.0 } else { 0.0 },
        visible_passed,
        solved,
        loophole: loophole::detect(task, completion, &evidence).map(|found| found.why),
        detail,
    }
}

/// What a failed visible test is answered by: what it saw, as a comment, and the opening of the function once more.
///
/// ```text
/// # solve([1, 4]) returned 5, expected 4. Corrected:
/// def solve(xs):
/// ```
pub fn observation(task: &Task, examined: &Examined) -> String {
    let opening = format!("def {}(", task.entry_point);
    let opening = prompt(task).lines().rfind(|line| line.starts_with(&opening));
    let opening = opening.map(|line| format!("{line}\n")).unwrap_or_default();
    format!("# {}. Corrected:\n{opening}", seen(task, examined))
}

/// What the visible tests saw, in one line.
pub(super) fn seen(task: &Task, examined: &Examined) -> String {
    let Verdict::Fail { kind, detail } = &examined.visible else { return "passed".to_owned() };
    let inputs = match task.visible_tests.as_slice() {
        [TestCase { check: Check::Reference { inputs, .. }, .. }] => inputs.as_slice(),
        _ => &[],
    };
    // A list of arguments, as JSON text.
    let call = inputs.get(examined.right).and_then(|input| input.as_str()).and_then(|text| {
        let arguments = text.trim().strip_prefix('[')?.strip_suffix(']')?;
        Some(format!("{}({arguments})", task.entry_point))
    });
    match (kind, call) {
        (FailureKind::WrongAnswer, Some(call)) => {
            format!("{call} {}", detail.split_once(": ").map_or(detail.as_str(), |(_, said)| said))
        }
        (FailureKind::Exception, Some(call)) => format!("{call} raised {detail}"),
        _ => detail.clone(),
    }
}
