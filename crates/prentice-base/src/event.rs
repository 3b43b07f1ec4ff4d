//! What long-running work reports while it runs.
//!
//! One closed type feeds both faces of the command line: progress bars on stderr and `--json` lines on stdout.

use serde::{Deserialize, Serialize};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A stage begins.
    StageStarted {
        /// Stage, such as `corpus`, `tokens`, `train`, `examine`.
        stage: String,
        /// What it is about to do, in a few words.
        detail: String,
    },
    /// A stage's result from an earlier run is used as it is.
    StageReused {
        /// Stage.
        stage: String,
        /// Short key of the stage's inputs, options and code.
        key: String,
    },
    /// Work done so far within a stage.
    Progress {
        /// Stage.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all, where known.
        total: Option<u64>,
        /// What is counted: `files`, `bytes`, `tokens`.
        unit: String,
    },
    /// A training step.
    TrainStep {
        /// Steps done, from 1.
        step: u64,
        /// Steps planned, as estimated now where the budget is time.
        steps: u64,
        /// Mean training loss, in nats a token.
        loss: f32,
        /// Learning rate of the step.
        learning_rate: f32,
        /// Norm of the gradient before clipping.
        gradient_norm: f32,
        /// Tokens trained on so far.
        tokens: u64,
        /// Speed since the start or the resumption.
        tokens_per_second: f64,
        /// Estimated seconds until the budget is spent.
        seconds_left: f64,
    },
    /// A step of reinforcement learning; means are over its attempts.
    PolicyStep {
        /// Steps done, from 1.
        step: u64,
        /// Steps planned, as estimated now where the budget is time; 0 where unknown.
        steps: u64,
        /// Reward that was learnt from.
        reward: f32,
        /// Share that passes all tests.
        solved: f32,
        /// Share that passes the visible tests.
        visible: f32,
        /// Entropy of the policy, in nats a token.
        entropy: f32,
        /// Tokens that the policy wrote.
        length: f32,
        /// Estimated seconds until the budget is spent.
        seconds_left: f64,
    },
    /// A measurement on held-out files during training.
    Evaluated {
        /// After this many steps.
        step: u64,
        /// Mean held-out loss, in nats a token.
        loss: f32,
        /// The same per byte of text, in bits.
        bits_per_byte: f32,
    },
    /// A stage ended.
    StageFinished {
        /// Stage.
        stage: String,
        /// How long it took.
        seconds: f64,
        /// Its result in a few words.
        detail: String,
    },
    /// Something the user should know, while the work goes on.
    Warning {
        /// What, where and what next.
        message: String,
    },
    /// A plan before the work: memory, time, sizes.
    Plan(serde_json::Value),
    /// The result of the whole command; the last line of `--json`.
    Summary(serde_json::Value),
}

/// Where events go. Called from any thread.
pub type Events<'a> = &'a (dyn Fn(Event) + Sync);

/// A receiver that drops every event.
pub fn ignore_events(_: Event) {}
