//! Fine-tuning: what supervised, preference and reinforcement learning share.
//!
//! A run is weights, optimiser, a count of steps, and a state of the caller's, all of which a checkpoint holds. What a
//! step does may depend on these, on the run's options and on seeds derived from the step, and on nothing else: then a
//! run that was killed at any moment and resumed ends with the same bits as one that was not.
//!
//! A loss or gradient that is not finite stops the run before anything is changed. Weights that overflow once they are
//! squared are never saved, so what a learning rate beyond all measure did to them does not become a checkpoint.
//! *Not covered*: weights that are finite and bad. Two checkpoints are kept; the one before the last may be better.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{ContentHash, Event, Events, FileError, digest_json};
use prentice_model::{
    Compute, Model, Workspace,
    kernels::{Kernels, zeroed},
};
use prentice_tokens::Vocabulary;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    checkpoint::{self, ResumeError},
    optimiser::{self, AdamW, AdamWOptions},
};

/// Fine-tuning failed.
#[derive(Debug, thiserror::Error)]
pub enum FineTuneError {
    /// The budget is zero, or the batch, or there are no examples.
    #[error("nothing to train: the {0} is zero")]
    NothingToDo(&'static str),
    /// An example has more tokens than the model has positions.
    #[error("an example has {tokens} tokens, the model's context is {context}")]
    TooLong {
        /// Tokens of the longest example.
        tokens: usize,
        /// Positions of the model.
        context: usize,
    },
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The directory holds checkpoints of another run.
    #[error("{} holds checkpoints of a run with other data, options or weights", directory.display())]
    AnotherRun {
        /// The directory.
        directory: PathBuf,
    },
    /// The loss or the gradient is not finite.
    #[error("training diverged at step {step} on {batch}: loss {loss}, gradient norm {norm}; {}", standing(checkpoint))]
    Diverged {
        /// The step, from 1, which was not taken.
        step: u64,
        /// Its batch, as the caller names it.
        batch: String,
        /// Its loss.
        loss: f64,
        /// Its gradient norm.
        norm: f64,
        /// The last checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// The weights are not finite, or too large to be squared.
    #[error("training diverged: the weights after step {step} overflow; {}", standing(checkpoint))]
    Overflow {
        /// Steps taken.
        step: u64,
        /// The last checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// A checkpoint cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

fn standing(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last checkpoint is {}", path.display()),
        None => "no checkpoint was written yet".into(),
    }
}

impl FineTuneError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::NothingToDo(_) => {
                "give a positive number of epochs, steps or seconds, and at least one example".into()
            }
            Self::TooLong { .. } => "drop or truncate over-long examples at the model's context".into(),
            Self::Resume(ResumeError::Model(error)) => error.hint(),
            Self::Resume(_) => "remove the damaged checkpoint; the run continues from the one before".into(),
            Self::AnotherRun { .. } => "choose another --out, or remove that directory".into(),
            Self::Diverged { .. } | Self::Overflow { .. } => "lower the learning rate, and look at that batch".into(),
            Self::File(error) if error.is_disk_full() => {
                "make room on the disk and run the same command again: it continues from the last checkpoint".into()
            }
            Self::File(_) => "check the directory's permissions and run the same command again".into(),
        }
    }
}

/// A model in training.
pub struct FineTuning<S> {
    /// The weights after [`FineTuning::step`] steps.
    pub model: Model,
    /// The optimiser's state.
    pub optimiser: AdamW,
    /// Steps done.
    pub step: u64,
    /// What else the run has to remember: a curve, counts, a controller. Saved as JSON, which keeps every f32 but may
    /// change the last bit of an f64: what later steps compute with should not be f64.
    pub state: S,
    directory: PathBuf,
    run: String,
    saved_at: Instant,
    saved_step: Option<u64>,
}

/// What came out.
#[derive(Debug)]
pub struct Tuned<S> {
    /// The trained model.
    pub model: Model,
    /// What the run remembered.
    pub state: S,
    /// The last checkpoint.
    pub checkpoint: PathBuf,
}

/// What `state.json` says. `run` has the name and meaning that it has in pre-training, so that its checkpoints are
/// known as another run's.
#[derive(Serialize, Deserialize)]
struct Saved<S> {
    run: String,
    step: u64,
    #[serde(default)]
    state: S,
}

/// The identity of a run: the same options, data, vocabulary, initial weights and arithmetic. Then, and only then, a
/// checkpoint may be continued.
pub fn identity(
    options: &impl Serialize,
    data: ContentHash,
    vocabulary: &Vocabulary,
    initial: &Model,
    compute: Compute,
) -> ContentHash {
    let model = (initial.config(), initial.adapters(), initial.digest());
    let arithmetic = (compute.precision, compute.kernels.to_string());
    digest_json(&(options, data, vocabulary.digest(), model, arithmetic))
}

/// How many numbers of a model are trained: the length of gradients.
pub fn trainable(model: &Model) -> usize {
    model.trainable().len()
}

impl<S: Serialize + DeserializeOwned + Default> FineTuning<S> {
    /// Continues from the newest readable checkpoint of the run under `directory`, or begins with `initial`.
    ///
    /// # Errors
    /// The directory holds checkpoints of another run, or only unreadable ones.
    pub fn open(
        directory: &Path,
        identity: ContentHash,
        initial: Model,
        options: AdamWOptions,
        events: Events,
    ) -> Result<Self, FineTuneError> {
        let run = identity.to_string();
        // The state is understood only once it is known to be this run's: another kind of run has another state.
        let found = checkpoint::newest::<Saved<serde_json::Value>>(&checkpoint::list(directory)?, events)?;
        let (model, optimiser, step, state) = match found {
            Some((model, optimiser, saved)) if saved.run == run => {
                let state = serde_json::from_value(saved.state)
                    .map_err(|_| ResumeError::Damaged { path: checkpoint::path_of(directory, saved.step) })?;
                (model, optimiser, saved.step, state)
            }
            Some(_) => return Err(FineTuneError::AnotherRun { directory: directory.to_owned() }),
            None => {
                let optimiser = AdamW::new(trainable(&initial), options);
                (initial, optimiser, 0, S::default())
            }
        };
        let saved_step = (step > 0).then_some(step);
        let directory = directory.to_owned();
        Ok(Self { model, optimiser, step, state, directory, run, saved_at: Instant::now(), saved_step })
    }

    /// Zeros, as long as [`FineTuning::update`] wants its gradient.
    pub fn gradient(&self) -> Vec<f32> {
        zeroed(trainable(&self.model))
    }

    /// Takes a step against `gradient`, which is cleared; returns its norm before clipping. `batch` names what the
    /// step was computed from, for the error.
    ///
    /// # Errors
    /// The loss or the norm is not finite; nothing is changed then.
    pub fn update(
        &mut self,
        workspace: &mut Workspace,
        gradient: &mut [f32],
        learning_rate: f64,
        loss: f64,
        batch: &dyn Display,
    ) -> Result<f64, FineTuneError> {
        let norm = match loss.is_finite() {
            true => self.optimiser.step(&mut self.model, gradient, learning_rate),
            false => optimiser::norm(Kernels::detect().isa, gradient),
        };
        if !loss.is_finite() || !norm.is_finite() {
            let (step, batch, checkpoint) = (self.step + 1, batch.to_string(), self.last_checkpoint());
            return Err(FineTuneError::Diverged { step, batch, loss, norm, checkpoint });
        }
        workspace.parameters_changed();
        self.step += 1;
        Ok(norm)
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// The weights overflow, or a file cannot be written; earlier checkpoints stay.
    pub fn save(&mut self, vocabulary: &Vocabulary) -> Result<(), FineTuneError> {
        if !optimiser::norm(Kernels::detect().isa, self.model.parameters()).is_finite() {
            return Err(FineTuneError::Overflow { step: self.step, checkpoint: self.last_checkpoint() });
        }
        let saved = Saved { run: self.run.clone(), step: self.step, state: &self.state };
        checkpoint::save(&self.directory, &self.model, &self.optimiser, self.step, &saved, vocabulary)?;
        (self.saved_at, self.saved_step) = (Instant::now(), Some(self.step));
        Ok(())
    }

    /// Writes a checkpoint each `every` steps, or once a minute where that is 0. To be called once the state is that
    /// after the step.
    ///
    /// # Errors
    /// As [`FineTuning::save`].
    pub fn save_if_due(&mut self, every: u64, vocabulary: &Vocabulary) -> Result<(), FineTuneError> {
        if checkpoint::is_due(every, self.step, self.saved_at) { self.save(vocabulary) } else { Ok(()) }
    }

    /// Ends the run with a checkpoint of its last step, unless that was written already.
    ///
    /// # Errors
    /// As [`FineTuning::save`].
    pub fn finish(mut self, vocabulary: &Vocabulary) -> Result<Tuned<S>, FineTuneError> {
        if self.saved_step != Some(self.step) {
            self.save(vocabulary)?;
        }
        let checkpoint = checkpoint::path_of(&self.directory, self.step);
        Ok(Tuned { model: self.model, state: self.state, checkpoint })
    }

    fn last_checkpoint(&self) -> Option<PathBuf> {
        self.saved_step.map(|step| checkpoint::path_of(&self.directory, step))
    }
}

/// Reports steps as [`Event::TrainStep`], at most five a second and always the last.
pub struct StepReports<'a> {
    events: Events<'a>,
    started: Instant,
    last: Option<Instant>,
    steps_here: u64,
    tokens_before: Option<u64>,
}

/// What is known of a step when it is done.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// Steps done, from 1.
    pub step: u64,
    /// Steps in all, as far as is known now.
    pub steps: u64,
    /// The step's loss.
    pub loss: f64,
    /// The step's learning rate.
    pub learning_rate: f64,
    /// Norm of the step's gradient before clipping.
    pub gradient_norm: f64,
    /// Tokens of this step.
    pub batch_tokens: u64,
    /// Tokens of all steps, this one and those before a resumption included.
    pub tokens: u64,
}

impl<'a> StepReports<'a> {
    /// Speed counts from now on.
    pub fn new(events: Events<'a>) -> Self {
        Self { events, started: Instant::now(), last: None, steps_here: 0, tokens_before: None }
    }

    /// Reports a step.
    pub fn report(&mut self, report: StepReport) {
        self.steps_here += 1;
        let tokens_before = *self.tokens_before.get_or_insert(report.tokens - report.batch_tokens);
        if report.step < report.steps && self.last.is_some_and(|at| at.elapsed().as_secs_f64() < 0.2) {
            return;
        }
        self.last = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64();
        (self.events)(Event::TrainStep {
            step: report.step,
            steps: report.steps,
            loss: report.loss as f32,
            learning_rate: report.learning_rate as f32,
            gradient_norm: report.gradient_norm as f32,
            tokens: report.tokens,
            tokens_per_second: (report.tokens - tokens_before) as f64 / seconds.max(1e-9),
            seconds_left: report.steps.saturating_sub(report.step) as f64 * seconds / self.steps_here as f64,
        });
    }
}
