//! What a run's outcomes say, and how surely.
//!
//! * [`Metric`]: unbiased pass@k and pass^k of a task, averaged over tasks ([`estimate`]).
//! * Intervals at 95 %: [`wilson`] for one attempt per independent task, otherwise a bootstrap over clusters; see
//!   [`estimate`] for the rule and the module of the intervals for what simulation says of them. [`cluster_robust`] is
//!   the closed form of Miller (arXiv 2411.00640). [`mean_of_runs`] is for whole runs, such as seeds.
//! * [`compare`]: two runs on the same tasks, by McNemar's exact test or a permutation of clusters, with the smallest
//!   gap that so many tasks can show. [`adjust`] corrects several comparisons by Holm's method.
//! * [`cost_per_solved`]: spend by success, as a ratio.
//!
//! The tasks are taken as a sample of the tasks that could have been asked: an interval speaks of those, not of this
//! list. Tasks that share a source are one cluster. Everything is a pure function of its input and a seed, and does not
//! depend on the order of the tasks. Infrastructure errors are never attempts.
//!
//! Not covered: drift of a benchmark in time, and the choice among many runs of the best one.

mod compare;
mod cost;
mod interval;
mod pass;

use std::num::NonZeroU32;

use prentice_base::Seed;
use serde::{Deserialize, Serialize};

pub use compare::{Comparison, Test, adjust, compare, holm, mcnemar};
pub use cost::{CostPerSolved, Spending, cost_per_solved};
pub use interval::{Estimate, Method, cluster_robust, estimate, mean_of_runs, wilson};
pub use pass::{Metric, pass_at_k, pass_hat_k};

/// What one task's attempts came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskScore {
    /// Unique within the run.
    pub task: String,
    /// What the task shares with others, such as the problem that all its infillings come from; the task's own name
    /// where it shares nothing.
    pub cluster: String,
    /// Attempts with a verdict; infrastructure errors are not among them.
    pub attempts: u32,
    /// Attempts that passed.
    pub passed: u32,
}

/// How to draw what is drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Where the draws start.
    pub seed: Seed,
    /// Bootstrap resamples, and rounds of a permutation test that is too large to enumerate.
    pub rounds: NonZeroU32,
}

impl Resampling {
    /// 10,000 rounds: by theory, the ends of an interval then vary by about 1 % of its width from seed to seed.
    pub fn new(seed: Seed) -> Self {
        Self { seed, rounds: NonZeroU32::new(10_000).expect("ten thousand is not zero") }
    }
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// An estimate from too few attempts would be biased or undefined.
    #[error(
        "{metric} with k = {k} is not defined for task `{task}` with n = {attempts} attempts; ask for a smaller k or \
         sample more"
    )]
    TooFewAttempts {
        /// `pass@k` or `pass^k`.
        metric: &'static str,
        /// The task.
        task: String,
        /// Its attempts (n).
        attempts: u32,
        /// What was asked for.
        k: u32,
    },
    /// `k` counts attempts and starts at 1.
    #[error("{metric} with k = 0 is not defined; k starts at 1")]
    ZeroK {
        /// `pass@k` or `pass^k`.
        metric: &'static str,
    },
    /// The input contradicts itself.
    #[error("task `{task}` has {passed} passes among {attempts} attempts; a pass is an attempt")]
    MorePassesThanAttempts {
        /// The task.
        task: String,
        /// Its attempts.
        attempts: u32,
        /// Its passes.
        passed: u32,
    },
    /// Nothing to average.
    #[error("no task has a verdict, so there is nothing to estimate")]
    NoTasks,
    /// The same task twice in one run.
    #[error("task `{task}` occurs twice in one run; merge its attempts first")]
    DuplicateTask {
        /// The task.
        task: String,
    },
    /// The two runs are not of the same tasks.
    #[error(
        "{count} tasks are in one run only, the first of them `{task}` in run {present}; compare runs of the same tasks"
    )]
    UnpairedTask {
        /// The first such task.
        task: String,
        /// `A` or `B`.
        present: char,
        /// How many there are, in either run.
        count: usize,
    },
    /// The two runs disagree about what belongs together.
    #[error("task `{task}` is in cluster `{a}` in run A and in `{b}` in run B; compare runs of one version of a suite")]
    ClustersDiffer {
        /// The task.
        task: String,
        /// Its cluster in run A.
        a: String,
        /// Its cluster in run B.
        b: String,
    },
    /// A spend is not an amount.
    #[error("the spend of task `{task}` is {spend}; it must be a finite number, at least 0")]
    BadSpend {
        /// The task.
        task: String,
        /// The amount, as text.
        spend: String,
    },
}
