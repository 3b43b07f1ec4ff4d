//! How good a policy is: greedy, and pass@k from samples.

use prentice_base::Seed;
use prentice_model::{BatchSampler, Model, SamplingOptions};
use prentice_tokens::Vocabulary;
use serde::{Deserialize, Serialize};

use super::{
    judges::Judges,
    rollout::{Rollout, RolloutError, RolloutOptions, Wanted, roll_out},
};

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureOptions {
    /// Attempts at each task, beside the greedy one; 0 for the greedy one alone.
    pub samples: usize,
    /// Temperature of the samples.
    pub temperature: f32,
    /// Most tokens of a turn.
    pub turn_tokens: usize,
    /// For the samples.
    pub seed: Seed,
}

/// What became of the attempts at a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task.
    pub task: String,
    /// Whether the greedy attempt solves it.
    pub greedy: bool,
    /// Samples that solve it.
    pub solved: usize,
    /// Samples that pass the visible tests.
    pub visible: usize,
    /// Samples that use a loophole, as far as a detector found.
    pub loopholes: usize,
    /// Samples.
    pub samples: usize,
    /// What the greedy attempt wrote, turn by turn.
    pub turns: Vec<String>,
}

/// What became of all attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Task by task.
    pub tasks: Vec<TaskResult>,
}

impl Measured {
    /// Share of tasks that the greedy attempt solves.
    pub fn greedy(&self) -> f64 {
        self.mean(|task| f64::from(u8::from(task.greedy)))
    }

    /// The unbiased estimate of pass@k (Chen et al. 2021, arXiv 2107.03374); k is at most the number of samples.
    pub fn pass_at(&self, k: usize) -> f64 {
        self.mean(|task| task.pass_at(k))
    }

    /// Share of the samples that pass the visible tests and not all.
    pub fn gap(&self) -> f64 {
        self.mean(|task| (task.visible as f64 - task.solved as f64) / task.samples.max(1) as f64)
    }

    fn mean(&self, of: impl Fn(&TaskResult) -> f64) -> f64 {
        self.tasks.iter().map(of).sum::<f64>() / self.tasks.len().max(1) as f64
    }
}

impl TaskResult {
    /// The estimate for this task: 1 minus the chance that k of its samples, drawn without replacement, all fail.
    pub fn pass_at(&self, k: usize) -> f64 {
        assert!(k <= self.samples, "pass@{k} of {} samples", self.samples);
        let failed = self.samples - self.solved;
        1.0 - (0..k).map(|i| failed.saturating_sub(i) as f64 / (self.samples - i) as f64).product::<f64>()
    }
}

/// Measures a policy on some of the environment's tasks.
///
/// # Errors
/// A prompt does not fit, or the harness fails again and again.
pub fn measure(
    model: &Model,
    vocabulary: &Vocabulary,
    sampler: &mut BatchSampler,
    judges: &mut Judges,
    tasks: &[usize],
    options: &MeasureOptions,
) -> Result<Measured, RolloutError> {
    let mut attempt = |temperature: f32, wanted: &[Wanted]| -> Result<Vec<Rollout>, RolloutError> {
        let sampling = SamplingOptions { temperature, top_k: 0, top_p: 1.0, seed: Seed(0) };
        let options = RolloutOptions { turn_tokens: options.turn_tokens, sampling };
        roll_out(model, vocabulary, sampler, judges, wanted, &options)
    };
    let once: Vec<Wanted> = tasks.iter().map(|task| Wanted { task: *task, seed: Seed(0) }).collect();
    let greedy = attempt(0.0, &once)?;
    let of_task = |task: &usize| {
        let seed = options.seed.derive("measure", *task as u64);
        let task = *task;
        (0..options.samples as u64).map(move |number| Wanted { task, seed: seed.derive("sample", number) })
    };
    let wanted: Vec<Wanted> = tasks.iter().flat_map(of_task).collect();
    let samples = attempt(options.temperature, &wanted)?;
    let names: Vec<String> = tasks.iter().map(|task| judges.environment().name(*task).to_owned()).collect();
    let groups = samples.chunks(options.samples.max(1)).map(Some).chain(std::iter::repeat(None));
    let results = names.into_iter().zip(greedy).zip(groups).map(|((task, greedy), group)| {
        let outcomes = || group.unwrap_or_default().iter().map(|rollout| &rollout.outcome);
        TaskResult {
            task,
            greedy: greedy.outcome.solved,
            solved: outcomes().filter(|outcome| outcome.solved).count(),
            visible: outcomes().filter(|outcome| outcome.visible_passed).count(),
            loopholes: outcomes().filter(|outcome| outcome.loophole.is_some()).count(),
            samples: options.samples,
            turns: greedy.turns,
        }
    });
    Ok(Measured { tasks: results.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_at_k_is_the_unbiased_estimate() {
        let of = |solved, k| {
            let task = TaskResult {
                task: String::new(),
                greedy: false,
                solved,
                visible: 0,
                loopholes: 0,
                samples: 8,
                turns: vec![],
            };
            task.pass_at(k)
        };
        assert_eq!((of(0, 8), of(1, 8), of(8, 1)), (0.0, 1.0, 1.0));
        assert!((of(2, 1) - 0.25).abs() < 1e-12);
        // 1 - (6 choose 3) / (8 choose 3) = 1 - 20/56
        assert!((of(2, 3) - (1.0 - 20.0 / 56.0)).abs() < 1e-12);
    }
}
