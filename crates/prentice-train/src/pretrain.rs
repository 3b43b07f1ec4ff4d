//! Pre-training: next token and, where the shard has it, fill-in-the-middle.
//!
//! A run is a function of its options, its shards and its seed. It writes checkpoints as it goes and continues from the
//! newest readable one; a run that was killed and resumed ends with the same bits as one that was not. A budget in time
//! is the exception by nature: when the learning rate begins to fall, the number of steps is settled from the speed so
//! far and recorded. `Budget::Steps` with that number repeats the run where that estimate did not fall below what was
//! done already.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Event, Events, FileError, Seed, digest_json};
use prentice_model::{Compute, Model, Workspace, kernels::zeroed};
use prentice_tokens::{TokenShard, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{self, CurvePoint, Evaluation, ResumeError, RunState},
    data::{TrainingRows, batch_of},
    optimiser::{AdamW, AdamWOptions},
    schedule::{Schedule, expected_steps},
};

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// After a number of steps.
    Steps(u64),
    /// After about a number of tokens, padding not counted.
    Tokens(u64),
    /// After about a number of seconds.
    Seconds(f64),
}

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainOptions {
    /// When to stop.
    pub budget: Budget,
    /// Rows of the shard in a step.
    pub batch_rows: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up; at most a fifth of the run.
    pub warmup_steps: u64,
    /// Shape of the learning rate.
    pub schedule: Schedule,
    /// Constants of the optimiser.
    pub optimiser: AdamWOptions,
    /// Steps between measurements on held-out rows; 0 for about ten in all.
    pub evaluate_every: u64,
    /// Rows of the held-out shard that are measured during training.
    pub evaluation_rows: usize,
    /// Steps between checkpoints; 0 for one a minute.
    pub checkpoint_every: u64,
    /// For the order of later epochs.
    pub seed: Seed,
}

/// What came out.
#[derive(Debug)]
pub struct Pretrained {
    /// The trained model.
    pub model: Model,
    /// What happened on the way.
    pub state: RunState,
    /// The last checkpoint.
    pub checkpoint: PathBuf,
}

/// Training failed.
#[derive(Debug, thiserror::Error)]
pub enum PretrainError {
    /// The budget is zero, or the batch.
    #[error("nothing to train: the {0} is zero")]
    NothingToDo(&'static str),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The directory holds checkpoints of another run.
    #[error("{} holds checkpoints of a run with other data or options", directory.display())]
    AnotherRun {
        /// The directory.
        directory: PathBuf,
    },
    /// The loss or the gradient is not finite.
    #[error("training diverged at step {step}: loss {loss}, gradient norm {norm}")]
    Diverged {
        /// The step.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient norm.
        norm: f64,
    },
    /// A checkpoint cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl PretrainError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            PretrainError::NothingToDo(_) => "give --minutes, --tokens or --steps a positive number".into(),
            PretrainError::Resume(ResumeError::Model(error)) => error.hint(),
            PretrainError::Resume(_) => "remove the damaged checkpoint; the run continues from the one before".into(),
            PretrainError::AnotherRun { .. } => "choose another --out, or remove that directory".into(),
            PretrainError::Diverged { .. } => "lower the learning rate; earlier checkpoints are intact".into(),
            PretrainError::File(error) if error.is_disk_full() => {
                "make room on the disk and run the same command again: it continues from the last checkpoint".into()
            }
            PretrainError::File(_) => "check the directory's permissions and run the same command again".into(),
        }
    }
}

/// What to train on.
pub struct PretrainInputs<'a> {
    /// Rows to train on.
    pub train: &'a TokenShard,
    /// Rows to measure on, if any.
    pub held_out: Option<&'a TokenShard>,
    /// The vocabulary of both.
    pub vocabulary: &'a Vocabulary,
    /// The untrained model.
    pub initial: Model,
}

/// Trains, or continues to train, with checkpoints under `directory`.
///
/// # Errors
/// There is nothing to do, a file cannot be read or written, or training diverged.
pub fn pretrain(
    inputs: PretrainInputs,
    options: &PretrainOptions,
    compute: Compute,
    directory: &Path,
    events: Events,
) -> Result<Pretrained, PretrainError> {
    // Padding does not count, so a step has fewer tokens than its rows have places.
    let rows = inputs.train.rows().max(1) as f64;
    let tokens_a_step = (options.batch_rows as f64 * inputs.train.tokens() as f64 / rows) as u64;
    let fixed_steps = match options.budget {
        Budget::Steps(steps) => Some(steps),
        Budget::Tokens(tokens) => Some(tokens.div_ceil(tokens_a_step.max(1))),
        Budget::Seconds(_) => None,
    };
    if fixed_steps == Some(0)
        || matches!(options.budget, Budget::Seconds(seconds) if seconds.is_nan() || seconds <= 0.0)
    {
        return Err(PretrainError::NothingToDo("budget"));
    }
    if options.batch_rows == 0 || inputs.train.rows() == 0 {
        return Err(PretrainError::NothingToDo("batch"));
    }
    // The same data, options, initial weights and arithmetic: then, and only then, a checkpoint may be continued.
    let identity = digest_json(&(
        options,
        inputs.train.info().vocabulary,
        inputs.train.data_digest(),
        inputs.train.rows(),
        inputs.initial.digest(),
        compute.precision,
        compute.kernels.to_string(),
    ));
    let (mut model, mut optimiser, mut state) =
        match checkpoint::newest::<RunState>(&checkpoint::list(directory)?, events)? {
            Some((model, optimiser, state)) if state.run == identity.to_string() => (model, optimiser, state),
            Some(_) => return Err(PretrainError::AnotherRun { directory: directory.to_owned() }),
            None => {
                let optimiser = AdamW::new(inputs.initial.trainable().len(), options.optimiser);
                (
                    inputs.initial,
                    optimiser,
                    RunState { run: identity.to_string(), steps: fixed_steps, ..RunState::default() },
                )
            }
        };
    let mut run = Run {
        rows: TrainingRows::new(inputs.train, inputs.vocabulary.special().end_of_text, options.seed),
        workspace: Workspace::new(compute),
        gradient: zeroed(model.trainable().len()),
        byte_lengths: inputs.vocabulary.byte_lengths(),
        started: Instant::now(),
        seconds_before: state.seconds,
        tokens_before: state.tokens,
        training_before: state.training_seconds,
        last_event: None,
        options,
        held_out: inputs.held_out,
        start: inputs.vocabulary.special().end_of_text,
        events,
    };
    let mut saved_at = Instant::now();
    let mut saved_step = (state.step > 0).then_some(state.step);
    while !run.settle(&mut state) {
        run.step(&mut model, &mut optimiser, &mut state)?;
        if run.is_evaluation_due(&state) {
            run.evaluate(&model, &mut state);
        }
        if checkpoint::is_due(options.checkpoint_every, state.step, saved_at) {
            checkpoint::save(directory, &model, &optimiser, state.step, &state, inputs.vocabulary)?;
            (saved_at, saved_step) = (Instant::now(), Some(state.step));
        }
    }
    if state.evaluations.last().is_none_or(|evaluation| evaluation.step < state.step) {
        run.evaluate(&model, &mut state);
        saved_step = None;
    }
    if saved_step != Some(state.step) {
        checkpoint::save(directory, &model, &optimiser, state.step, &state, inputs.vocabulary)?;
    }
    let checkpoint = checkpoint::path_of(directory, state.step);
    Ok(Pretrained { model, state, checkpoint })
}

/// How well a text that was not trained on is foreseen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOutLoss {
    /// Nats a token.
    pub loss: f64,
    /// Bits a byte of text, which models with other tokens can be compared by.
    pub bits_per_byte: f64,
}

/// Scores at most `rows` rows of a shard.
///
/// # Panics
/// The shard has no tokens.
pub fn measure(
    model: &Model,
    shard: &TokenShard,
    vocabulary: &Vocabulary,
    compute: Compute,
    rows: usize,
) -> HeldOutLoss {
    let start = vocabulary.special().end_of_text;
    let mut workspace = Workspace::new(compute);
    score(model, &mut workspace, shard, start, &vocabulary.byte_lengths(), rows, 8).expect("a shard has tokens")
}

fn score(
    model: &Model,
    workspace: &mut Workspace,
    shard: &TokenShard,
    start: u32,
    byte_lengths: &[u32],
    rows: usize,
    batch_rows: usize,
) -> Option<HeldOutLoss> {
    let rows = rows.min(shard.rows());
    let (mut nats, mut tokens, mut bytes) = (0.0, 0.0, 0u64);
    for first in (0..rows).step_by(batch_rows) {
        let batch = batch_of(shard, start, first..(first + batch_rows).min(rows));
        let scored = model.score(workspace, &batch);
        nats += scored.mean * scored.weight;
        tokens += scored.weight;
        bytes += batch.targets.iter().map(|id| u64::from(byte_lengths[*id as usize])).sum::<u64>();
    }
    let bits = nats / std::f64::consts::LN_2;
    (tokens > 0.0).then(|| HeldOutLoss { loss: nats / tokens, bits_per_byte: bits / bytes.max(1) as f64 })
}

struct Run<'a> {
    rows: TrainingRows<'a>,
    workspace: Workspace,
    gradient: Vec<f32>,
    byte_lengths: Vec<u32>,
    started: Instant,
    seconds_before: f64,
    tokens_before: u64,
    training_before: f64,
    last_event: Option<Instant>,
    options: &'a PretrainOptions,
    held_out: Option<&'a TokenShard>,
    start: u32,
    events: Events<'a>,
}

impl Run<'_> {
    /// Settles the number of steps of a time budget once it matters; says whether the run is over.
    fn settle(&self, state: &mut RunState) -> bool {
        if let (None, Budget::Seconds(budget)) = (state.steps, self.options.budget) {
            state.steps = self.options.schedule.settle(budget, state.step, state.seconds);
        }
        state.steps.is_some_and(|steps| state.step >= steps)
    }

    fn steps(&self, state: &RunState) -> u64 {
        match (state.steps, self.options.budget) {
            (Some(steps), _) => steps,
            (None, Budget::Seconds(budget)) => expected_steps(budget, state.step, state.seconds),
            (None, _) => unreachable!("only a budget of time is settled late"),
        }
    }

    fn step(&mut self, model: &mut Model, optimiser: &mut AdamW, state: &mut RunState) -> Result<(), PretrainError> {
        let began = Instant::now();
        let PretrainOptions { learning_rate, warmup_steps, schedule, .. } = *self.options;
        let learning_rate = schedule.rate(learning_rate, state.step, state.steps, warmup_steps);
        let batch = self.rows.batch(state.step, self.options.batch_rows);
        let loss = model.score_and_differentiate(&mut self.workspace, &batch, &mut self.gradient).mean;
        let norm = optimiser.step(model, &mut self.gradient, learning_rate);
        if !loss.is_finite() || !norm.is_finite() {
            return Err(PretrainError::Diverged { step: state.step + 1, loss, norm });
        }
        self.workspace.parameters_changed();
        state.step += 1;
        state.tokens += batch.len() as u64;
        state.seconds = self.seconds_before + self.started.elapsed().as_secs_f64();
        state.training_seconds += began.elapsed().as_secs_f64();
        state.curve.push(CurvePoint { step: state.step, loss: loss as f32, learning_rate: learning_rate as f32 });
        let last = state.steps == Some(state.step);
        if last || self.last_event.is_none_or(|at| at.elapsed().as_secs_f64() > 0.2) {
            self.last_event = Some(Instant::now());
            let steps = self.steps(state);
            let seconds_a_step = state.seconds / state.step as f64;
            (self.events)(Event::TrainStep {
                step: state.step,
                steps,
                loss: loss as f32,
                learning_rate: learning_rate as f32,
                gradient_norm: norm as f32,
                tokens: state.tokens,
                tokens_per_second: (state.tokens - self.tokens_before) as f64
                    / (state.training_seconds - self.training_before).max(1e-9),
                seconds_left: steps.saturating_sub(state.step) as f64 * seconds_a_step,
            });
        }
        Ok(())
    }

    fn is_evaluation_due(&self, state: &RunState) -> bool {
        match self.options.evaluate_every {
            // Before the length of a run in time is known to the step, tenths of the time do as well.
            0 => match self.options.budget {
                Budget::Seconds(budget) => {
                    let last = state.evaluations.last().map_or(0, |evaluation| evaluation.step);
                    let seconds = (state.step - last) as f64 * state.seconds / state.step as f64;
                    seconds >= budget / 10.0
                }
                _ => state.step.is_multiple_of((self.steps(state) / 10).max(1)),
            },
            every => state.step.is_multiple_of(every),
        }
    }

    fn evaluate(&mut self, model: &Model, state: &mut RunState) {
        let Some(shard) = self.held_out else { return };
        let (rows, batch) = (self.options.evaluation_rows, self.options.batch_rows);
        let Some(held_out) = score(model, &mut self.workspace, shard, self.start, &self.byte_lengths, rows, batch)
        else {
            return;
        };
        state.seconds = self.seconds_before + self.started.elapsed().as_secs_f64();
        let evaluation =
            Evaluation { step: state.step, loss: held_out.loss as f32, bits_per_byte: held_out.bits_per_byte as f32 };
        state.evaluations.push(evaluation);
        (self.events)(Event::Evaluated {
            step: evaluation.step,
            loss: evaluation.loss,
            bits_per_byte: evaluation.bits_per_byte,
        });
    }
}
