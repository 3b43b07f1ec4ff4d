//! Examples from execution: what a policy wrote and what became of it, as lines of JSON to learn from.
//!
//! Keeping only what passes is rejection sampling (as in STaR, Zelikman et al. 2022, arXiv 2203.14465, without its hints);
//! what passes beside what does not is a pair. Attempts that were cut off are left out, since the end that a line teaches
//! is one that the policy did not write. Equal responses to a task are taken once. Only first turns are looked at.

use std::{fmt::Write as _, ops::Range};

use prentice_base::Seed;
use serde_json::json;

use super::{
    environment::Environment,
    rollout::{Rollout, Wanted},
};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A prompt with a response that passes: `prompt`, `response`.
    Passing,
    /// A prompt with a response that passes and one that does not: `prompt`, `chosen`, `rejected`. Each response is in at
    /// most one pair.
    Pairs,
    /// Every response with its verdict: `task`, `prompt`, `response`, `label`, `detail`.
    Judged,
}

/// Lines, and what they were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synthesized {
    /// JSON lines.
    pub text: String,
    /// How many.
    pub count: usize,
    /// Attempts.
    pub samples: usize,
    /// Those that pass.
    pub solved: usize,
    /// Those that were cut off.
    pub truncated: usize,
    /// Those that say what another one at the same task says.
    pub repeated: usize,
}

/// Attempts at some tasks of an environment, `samples` at each.
pub fn wanted(tasks: Range<usize>, samples: usize, seed: Seed) -> Vec<Wanted> {
    tasks
        .flat_map(|task| {
            let seed = seed.derive("task", task as u64);
            (0..samples as u64).map(move |number| Wanted { task, seed: seed.derive("sample", number) })
        })
        .collect()
}

impl Synthesized {
    /// Adds lines of attempts; those at one task are neighbours, and all of them are here.
    pub fn add(&mut self, environment: &dyn Environment, rollouts: &[Rollout], form: Form) {
        for group in rollouts.chunk_by(|a, b| a.task == b.task) {
            let (name, prompt) = (environment.name(group[0].task), environment.prompt(group[0].task));
            let mut unique: Vec<&Rollout> = Vec::new();
            for rollout in group {
                self.solved += usize::from(rollout.outcome.solved);
                if rollout.is_truncated {
                    self.truncated += 1;
                } else if unique.iter().any(|known| known.turns[0] == rollout.turns[0]) {
                    self.repeated += 1;
                } else {
                    unique.push(rollout);
                }
            }
            self.samples += group.len();
            let of =
                |solved: bool| unique.iter().filter(move |one| one.outcome.solved == solved).map(|one| &one.turns[0]);
            match form {
                Form::Passing => {
                    of(true).for_each(|response| self.line(json!({"prompt": prompt, "response": response})))
                }
                Form::Pairs => of(true).zip(of(false)).for_each(|(chosen, rejected)| {
                    self.line(json!({"prompt": prompt, "chosen": chosen, "rejected": rejected}));
                }),
                Form::Judged => unique.iter().for_each(|one| {
                    let (response, outcome) = (&one.turns[0], &one.outcome);
                    self.line(json!({
                        "task": name,
                        "prompt": prompt,
                        "response": response,
                        "label": outcome.solved,
                        "detail": outcome.detail,
                    }));
                }),
            }
        }
    }

    fn line(&mut self, line: serde_json::Value) {
        let _ = writeln!(self.text, "{line}");
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use prentice_base::ContentHash;

    use super::*;
    use crate::rl::{
        command::{CommandRewards, Prompt},
        environment::Outcome,
    };

    /// Of each attempt: its task, what it says, whether it passes, whether it was cut off.
    const ATTEMPTS: [(usize, &str, bool, bool); 9] = [
        (0, "a", true, false),
        (0, "b", false, false),
        (0, "a", true, false),
        (0, "c", true, false),
        (0, "d", false, true),
        (0, "e", false, false),
        (0, "f", true, false),
        (1, "a", false, false),
        (1, "g", false, false),
    ];

    fn check(form: Form, expected: Expect) {
        let prompts = ["x", "y"].map(|id| Prompt { id: id.into(), prompt: format!("{id} = ") });
        let environment = CommandRewards::new(&prompts, "echo 1", Duration::from_secs(1));
        let rollout = |&(task, text, solved, is_truncated): &(usize, &str, bool, bool)| Rollout {
            task,
            tokens: vec![],
            prompt: 0,
            written: vec![],
            log_probabilities: vec![],
            turns: vec![text.to_owned()],
            is_truncated,
            outcome: Outcome {
                reward: 0.0,
                visible_passed: false,
                solved,
                loophole: None,
                detail: format!("says {text}"),
            },
            weights: ContentHash::of(b""),
        };
        let rollouts: Vec<Rollout> = ATTEMPTS.iter().map(rollout).collect();
        let mut made = Synthesized::default();
        // Whole tasks at a time come to the same.
        made.add(&environment, &rollouts[..7], form);
        made.add(&environment, &rollouts[7..], form);
        let Synthesized { text, count, samples, solved, truncated, repeated } = made;
        assert_eq!(count, text.lines().count());
        assert_eq!((samples, solved, truncated, repeated), (9, 4, 1, 1));
        expected.assert_eq(&text);
    }

    #[test]
    fn lines_have_what_passes_once() {
        check(
            Form::Passing,
            expect![[r#"
            {"prompt":"x = ","response":"a"}
            {"prompt":"x = ","response":"c"}
            {"prompt":"x = ","response":"f"}
        "#]],
        );
        check(
            Form::Pairs,
            expect![[r#"
            {"prompt":"x = ","chosen":"a","rejected":"b"}
            {"prompt":"x = ","chosen":"c","rejected":"e"}
        "#]],
        );
        check(
            Form::Judged,
            expect![[r#"
            {"task":"x","prompt":"x = ","response":"a","label":true,"detail":"says a"}
            {"task":"x","prompt":"x = ","response":"b","label":false,"detail":"says b"}
            {"task":"x","prompt":"x = ","response":"c","label":true,"detail":"says c"}
            {"task":"x","prompt":"x = ","response":"e","label":false,"detail":"says e"}
            {"task":"x","prompt":"x = ","response":"f","label":true,"detail":"says f"}
            {"task":"y","prompt":"y = ","response":"a","label":false,"detail":"says a"}
            {"task":"y","prompt":"y = ","response":"g","label":false,"detail":"says g"}
        "#]],
        );
    }

    #[test]
    fn seeds_do_not_depend_on_which_tasks_are_wanted_together() {
        let all = wanted(0..3, 2, Seed(5));
        let parts = [wanted(0..1, 2, Seed(5)), wanted(1..3, 2, Seed(5))].concat();
        let seeds = |wanted: &[Wanted]| wanted.iter().map(|one| (one.task, one.seed)).collect::<Vec<_>>();
        assert_eq!(seeds(&all), seeds(&parts));
    }
}
