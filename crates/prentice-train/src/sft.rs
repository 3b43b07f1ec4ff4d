//! Supervised fine-tuning: cross-entropy of responses, given their prompts.
//!
//! The loss is the mean over the response tokens of a batch, whichever examples they are from; prompts have none. Full
//! training or a low-rank adapter is a property of the model that is given, not of this loop.

use std::path::Path;

use prentice_base::Events;
use prentice_model::{Compute, Model};
use prentice_tokens::{Vocabulary, chat::ChatTokens};
use serde::{Deserialize, Serialize};

use crate::{
    batches::{Batches, batch_of},
    dialogue,
    epochs::{EpochOptions, Outcome, Record, train},
    finetune::{FineTuneError, FineTuning, Tuned, identity},
};

/// What to train on.
pub struct SftInputs<'a> {
    /// Conversations, responses marked; see [`dialogue::read_dialogues`].
    pub examples: &'a [ChatTokens],
    /// Their vocabulary.
    pub vocabulary: &'a Vocabulary,
    /// The model to begin with.
    pub initial: Model,
}

/// A step in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftFigures {
    /// Examples in the batch.
    pub examples: u32,
    /// Tokens that were learnt.
    pub response_tokens: u32,
}

/// Trains, or continues to train, with checkpoints under `directory`. The loss is in nats a token.
///
/// # Errors
/// There is nothing to do, an example is too long for the model, a file cannot be read or written, or training diverged.
pub fn sft(
    inputs: SftInputs,
    options: &EpochOptions,
    compute: Compute,
    directory: &Path,
    events: Events,
) -> Result<Tuned<Record<SftFigures>>, FineTuneError> {
    let SftInputs { examples, vocabulary, initial } = inputs;
    options.check(examples.iter().map(|example| example.ids.len()), &initial)?;
    let identity = identity(&("sft", options), dialogue::digest(examples), vocabulary, &initial, compute);
    let run = FineTuning::open(directory, identity, initial, options.optimiser, events)?;
    let rows = examples.iter().map(|example| example.ids.len() - 1);
    let batches = Batches::new(rows, options.tokens_a_batch, options.seed);
    train(run, batches, options, vocabulary, compute, events, |model, workspace, chosen, gradient| {
        let batch = batch_of(chosen.iter().map(|example| &examples[*example]));
        let losses = model.score_and_differentiate(workspace, &batch, gradient);
        let figures = SftFigures { examples: chosen.len() as u32, response_tokens: losses.weight as u32 };
        Outcome { loss: losses.mean, tokens: batch.len(), figures }
    })
}
