//! Training over a fixed set of examples, again and again: the loop of supervised and preference training.
//!
//! A budget in time is by nature not a function of the inputs. As in pre-training, the number of steps is settled from
//! the speed so far, and recorded, when the learning rate begins to fall.

use std::time::Instant;

use prentice_base::{Events, Seed};
use prentice_model::{Compute, Model, Workspace};
use prentice_tokens::Vocabulary;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    batches::Batches,
    checkpoint::CurvePoint,
    finetune::{FineTuneError, FineTuning, StepReport, StepReports, Tuned},
    optimiser::AdamWOptions,
    schedule::{Schedule, expected_steps},
};

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// After so many passes over all examples.
    Epochs(u64),
    /// After so many steps.
    Steps(u64),
    /// After about so many seconds.
    Seconds(f64),
}

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochOptions {
    /// When to stop.
    pub length: Length,
    /// Most tokens of a step, prompts included. A longer example has a step of its own.
    pub tokens_a_batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up; at most a fifth of the run.
    pub warmup_steps: u64,
    /// Shape of the learning rate.
    pub schedule: Schedule,
    /// Constants of the optimiser.
    pub optimiser: AdamWOptions,
    /// Steps between checkpoints; 0 for one a minute.
    pub checkpoint_every: u64,
    /// For the order of examples.
    pub seed: Seed,
}

/// What a run remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record<F> {
    /// Steps in all, once that is settled.
    pub steps: Option<u64>,
    /// Tokens that went through the model, prompts included.
    pub tokens: u64,
    /// Time spent in training, in seconds.
    pub seconds: f64,
    /// What happened, step by step.
    pub curve: Vec<CurvePoint>,
    /// What the objective says of each step.
    pub figures: Vec<F>,
}

/// What a step found.
pub(crate) struct Outcome<F> {
    /// The loss, in the objective's units.
    pub loss: f64,
    /// Tokens that went through the model.
    pub tokens: usize,
    /// For the record.
    pub figures: F,
}

impl EpochOptions {
    /// Checks options and examples, whose numbers of tokens are `lengths`.
    pub(crate) fn check(&self, lengths: impl Iterator<Item = usize>, model: &Model) -> Result<(), FineTuneError> {
        let is_zero = match self.length {
            Length::Epochs(number) | Length::Steps(number) => number == 0,
            Length::Seconds(seconds) => seconds.is_nan() || seconds <= 0.0,
        };
        let tokens = lengths.max();
        for (what, is_nothing) in [
            ("budget", is_zero),
            ("number of tokens in a batch", self.tokens_a_batch == 0),
            ("number of examples", tokens.is_none()),
        ] {
            if is_nothing {
                return Err(FineTuneError::NothingToDo(what));
            }
        }
        let (tokens, context) = (tokens.unwrap_or(0), model.config().max_position_embeddings);
        // The last token is a target only.
        if tokens > context + 1 { Err(FineTuneError::TooLong { tokens, context }) } else { Ok(()) }
    }
}

/// Trains until the length is reached. `step` adds the gradient of the loss of the examples it is given.
pub(crate) fn train<F: Serialize + DeserializeOwned + Default>(
    mut run: FineTuning<Record<F>>,
    mut batches: Batches,
    options: &EpochOptions,
    vocabulary: &Vocabulary,
    compute: Compute,
    events: Events,
    mut step: impl FnMut(&Model, &mut Workspace, &[usize], &mut [f32]) -> Outcome<F>,
) -> Result<Tuned<Record<F>>, FineTuneError> {
    let (mut workspace, mut gradient) = (Workspace::new(compute), run.gradient());
    let mut reports = StepReports::new(events);
    let (started, seconds_before) = (Instant::now(), run.state.seconds);
    loop {
        let state = &mut run.state;
        state.steps = state.steps.or_else(|| match options.length {
            Length::Epochs(epochs) => Some(batches.steps(epochs)),
            Length::Steps(steps) => Some(steps),
            Length::Seconds(budget) => options.schedule.settle(budget, run.step, state.seconds),
        });
        if state.steps.is_some_and(|steps| run.step >= steps) {
            return run.finish(vocabulary);
        }
        let learning_rate = options.schedule.rate(options.learning_rate, run.step, state.steps, options.warmup_steps);
        let chosen = batches.at(run.step);
        let outcome = step(&run.model, &mut workspace, chosen.examples, &mut gradient);
        let gradient_norm = run.update(&mut workspace, &mut gradient, learning_rate, outcome.loss, &chosen)?;

        let (step, state) = (run.step, &mut run.state);
        state.tokens += outcome.tokens as u64;
        state.seconds = seconds_before + started.elapsed().as_secs_f64();
        state.curve.push(CurvePoint { step, loss: outcome.loss as f32, learning_rate: learning_rate as f32 });
        state.figures.push(outcome.figures);
        let steps = match (state.steps, options.length) {
            (None, Length::Seconds(budget)) => expected_steps(budget, step, state.seconds),
            (steps, _) => steps.unwrap_or(step),
        };
        let (loss, batch_tokens, tokens) = (outcome.loss, outcome.tokens as u64, state.tokens);
        reports.report(StepReport { step, steps, loss, learning_rate, gradient_norm, batch_tokens, tokens });
        run.save_if_due(options.checkpoint_every, vocabulary)?;
    }
}
