//! All programs up to two stages: which of them agree with examples, hence what examples determine.
//!
//! Programs of three stages, some millions, are not enumerated: a task is called ambiguous where a program of at most
//! two stages, which a solver would rightly prefer, agrees with every example and not with what is hidden.

use std::collections::HashMap;

use super::{
    FamilyTask,
    grammar::{Composition, Kind, Operator, Value},
};

/// Most stages of enumerated programs.
pub const DEPTH: usize = 2;

/// The operators from each domain, in the order of the table: enumeration goes by depth, then by this order.
#[derive(Debug)]
pub struct Ambiguity {
    operators: HashMap<Kind, Vec<Operator>>,
}

impl Default for Ambiguity {
    fn default() -> Self {
        let operators = [Kind::List, Kind::Number, Kind::Text].map(|kind| (kind, Operator::all_from(kind)));
        Self { operators: operators.into() }
    }
}

impl Ambiguity {
    /// Calls `visit` with each program of at most [`DEPTH`] stages that agrees with all examples, the simplest first,
    /// until it returns false. There is at least one example.
    fn visit(&self, examples: &[(Value, Value)], mut visit: impl FnMut(Composition) -> bool) {
        let from = examples[0].0.kind();
        let reached: Vec<(Operator, Vec<Value>)> = self.operators[&from]
            .iter()
            .map(|&first| (first, examples.iter().map(|(argument, _)| first.apply(argument.clone())).collect()))
            .collect();
        for (first, values) in &reached {
            let agrees = values.iter().zip(examples).all(|(value, (_, result))| value == result);
            if agrees && !visit(composed(&[*first])) {
                return;
            }
        }
        for (first, values) in &reached {
            for &second in &self.operators[&first.primitive().to()] {
                if second.primitive().to() != examples[0].1.kind() {
                    continue;
                }
                let mut pairs = values.iter().zip(examples);
                let agrees = pairs.all(|(value, (_, result))| second.apply(value.clone()) == *result);
                if agrees && !visit(composed(&[*first, second])) {
                    return;
                }
            }
        }
    }

    /// All programs of at most [`DEPTH`] stages that agree with the examples, the simplest first.
    pub fn consistent(&self, examples: &[(Value, Value)]) -> Vec<Composition> {
        let mut programs = Vec::new();
        self.visit(examples, |program| {
            programs.push(program);
            true
        });
        programs
    }

    /// The simplest program that agrees with `program` on `examples` and disagrees on one of `others`.
    pub fn rival(&self, program: &Composition, examples: &[Value], others: &[Value]) -> Option<Composition> {
        let examples: Vec<(Value, Value)> = examples.iter().map(|x| (x.clone(), program.evaluate(x))).collect();
        let mut rival = None;
        self.visit(&examples, |candidate| {
            if others.iter().any(|argument| candidate.evaluate(argument) != program.evaluate(argument)) {
                rival = Some(candidate);
            }
            rival.is_none()
        });
        rival
    }

    /// Whether the examples leave open what is hidden.
    pub fn is_ambiguous(&self, task: &FamilyTask) -> bool {
        self.rival(&task.program, &task.visible, &task.hidden).is_some()
    }

    /// Whether the simplest program that agrees with the examples is right.
    pub fn is_simplest(&self, task: &FamilyTask) -> bool {
        let examples: Vec<(Value, Value)> =
            task.visible.iter().map(|x| (x.clone(), task.program.evaluate(x))).collect();
        let mut is_right = false;
        let mut found = false;
        self.visit(&examples, |simplest| {
            is_right = task.agrees(&simplest, &task.hidden);
            found = true;
            false
        });
        // Nothing simpler than three stages agrees: what is asked for is as simple as can be seen.
        is_right || !found
    }

    /// The share of tasks that a solver who knows the grammar can be sure to solve: all programs that agree with the
    /// examples agree on what is hidden, or the simplest one is right. 1 for no tasks.
    pub fn ceiling(&self, tasks: &[FamilyTask]) -> f64 {
        let solvable = tasks.iter().filter(|task| !self.is_ambiguous(task) || self.is_simplest(task)).count();
        if tasks.is_empty() { 1.0 } else { solvable as f64 / tasks.len() as f64 }
    }
}

fn composed(stages: &[Operator]) -> Composition {
    Composition::new(stages.to_vec()).expect("stages that were applied in turn fit")
}
