//! Preference training: responses that are preferred become more probable than others to the same prompt.
//!
//! The objectives are pure functions of log-probabilities ([`crate::objective::preference`]); here is what feeds them.
//! The reference is the model before the first step. Its log-probabilities are computed once, at the start and again
//! after a resumption: kernels are batch-invariant, so they are the same bits, and the first margin is exactly 0.
//!
//! For KTO's divergence each prompt is put together with the response of another example, as TRL does, which takes the
//! neighbour in the file. Ours is the neighbour in an order drawn once from the seed, because files often have good and
//! bad responses to one prompt side by side. *Not covered*: the prompt that two responses share goes through the model
//! twice.

use std::{iter::repeat_n, path::Path};

use prentice_base::{ContentHash, Events, Seed, digest_json};
use prentice_model::{
    Batch, Compute, Model, Workspace,
    ops::{Segment, TokenLosses},
};
use prentice_tokens::{Vocabulary, best_fit, chat::ChatTokens};
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::{
    batches::{Batches, batch_of},
    dialogue::{self, Labelled, Pair},
    epochs::{EpochOptions, Outcome, Record, train},
    finetune::{FineTuneError, FineTuning, Tuned, identity},
    objective::preference::{
        Kto, LabelledScore, PairScores, PairTotals, Paired, Preference, SequenceScore, kto_divergence, kto_loss,
        paired_loss,
    },
};

/// Judgements, with an objective that can learn from them.
#[derive(Clone, Copy, Debug)]
pub enum Judgements<'a> {
    /// Of two responses, which is better.
    Pairs(Paired, &'a [Pair]),
    /// Of single responses, whether they are good.
    Labelled(Kto, &'a [Labelled]),
}

/// What to train on.
pub struct PreferInputs<'a> {
    /// Judgements; see [`dialogue::read_pairs`] and [`dialogue::read_labelled`].
    pub judgements: Judgements<'a>,
    /// Their vocabulary.
    pub vocabulary: &'a Vocabulary,
    /// The model to begin with, which is also the reference.
    pub initial: Model,
}

/// A step in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferFigures {
    /// By how much implicit rewards of better responses exceed those of worse ones, on average; `None` where the batch
    /// has only one kind.
    pub margin: Option<f32>,
    /// Share of pairs whose better response has the greater reward; `None` without pairs.
    pub accuracy: Option<f32>,
}

/// Trains, or continues to train, with checkpoints under `directory`. The loss is that of the objective.
///
/// # Errors
/// There is nothing to do, an example is too long for the model, a file cannot be read or written, or training diverged.
pub fn prefer(
    inputs: PreferInputs,
    options: &EpochOptions,
    compute: Compute,
    directory: &Path,
    events: Events,
) -> Result<Tuned<Record<PreferFigures>>, FineTuneError> {
    let PreferInputs { judgements, vocabulary, initial } = inputs;
    let (preference, conversations) = match judgements {
        Judgements::Pairs(objective, pairs) => {
            let both = pairs.iter().flat_map(|pair| [&pair.chosen, &pair.rejected]).collect::<Vec<_>>();
            (Preference::Paired(objective), both)
        }
        Judgements::Labelled(objective, examples) => {
            (Preference::Kto(objective), examples.iter().map(|example| &example.tokens).collect())
        }
    };
    options.check(conversations.iter().map(|conversation| conversation.ids.len()), &initial)?;
    let identity = identity(&("prefer", preference, options), digest(judgements), vocabulary, &initial, compute);
    let reference_of = |conversations: &[&ChatTokens]| -> Vec<f64> {
        if !preference.needs_reference() {
            return vec![0.0; conversations.len()];
        }
        reference(&initial, conversations, options.tokens_a_batch, compute)
    };

    let references = reference_of(&conversations);
    match judgements {
        Judgements::Pairs(objective, pairs) => {
            let run = FineTuning::open(directory, identity, initial, options.optimiser, events)?;
            let rows = pairs.iter().map(|pair| pair.chosen.ids.len() + pair.rejected.ids.len() - 2);
            let batches = Batches::new(rows, options.tokens_a_batch, options.seed);
            train(run, batches, options, vocabulary, compute, events, |model, workspace, chosen, gradient| {
                let at = |pair: usize| [2 * pair, 2 * pair + 1];
                let members: Vec<usize> = chosen.iter().flat_map(|pair| at(*pair)).collect();
                let batch = batch_of(members.iter().map(|member| conversations[*member]));
                let references = pick(&references, &members);
                step(model, workspace, &batch, &references, gradient, |scores| judge_pairs(&objective, scores))
            })
        }
        Judgements::Labelled(objective, examples) => {
            let mismatched = mismatch(examples, options.seed, initial.config().max_position_embeddings);
            let mismatched_references = reference_of(&mismatched.iter().collect::<Vec<_>>());
            let run = FineTuning::open(directory, identity, initial, options.optimiser, events)?;
            let rows = examples.iter().map(|example| example.tokens.ids.len() - 1);
            let batches = Batches::new(rows, options.tokens_a_batch, options.seed);
            train(run, batches, options, vocabulary, compute, events, |model, workspace, chosen, gradient| {
                let others = batch_of(chosen.iter().map(|example| &mismatched[*example]));
                let losses = model.score(workspace, &others);
                let scored = sequence_scores(&losses, &others, &pick(&mismatched_references, chosen));
                let divergence = kto_divergence(&scored);
                let batch = batch_of(chosen.iter().map(|example| conversations[*example]));
                let labels: Vec<bool> = chosen.iter().map(|example| examples[*example].desirable).collect();
                let outcome = step(model, workspace, &batch, &pick(&references, chosen), gradient, |scores| {
                    judge_labelled(&objective, scores, &labels, divergence)
                });
                Outcome { tokens: outcome.tokens + others.len(), ..outcome }
            })
        }
    }
}

/// What an objective says of the scores of a batch.
#[derive(Default)]
struct Judged {
    loss: f64,
    /// Derivative of the loss by the summed log-probability of each document's response.
    derivatives: Vec<f64>,
    figures: PreferFigures,
}

fn judge_pairs(objective: &Paired, scores: &[SequenceScore]) -> Judged {
    let pairs: Vec<PairScores> =
        scores.chunks_exact(2).map(|pair| PairScores { chosen: pair[0], rejected: pair[1] }).collect();
    let totals = PairTotals::of(pairs.iter().map(|pair| pair.chosen.tokens));
    let loss = paired_loss(objective, &pairs, &totals);
    let derivatives = loss.d_chosen.iter().zip(&loss.d_rejected).flat_map(|(chosen, rejected)| [*chosen, *rejected]);
    let (margin, accuracy) = (Some(loss.figures.margin as f32), Some(loss.figures.accuracy as f32));
    Judged { loss: loss.figures.loss, derivatives: derivatives.collect(), figures: PreferFigures { margin, accuracy } }
}

fn judge_labelled(objective: &Kto, scores: &[SequenceScore], labels: &[bool], divergence: f64) -> Judged {
    let labelled: Vec<LabelledScore> = scores
        .iter()
        .zip(labels)
        .map(|(score, desirable)| LabelledScore { score: *score, desirable: *desirable })
        .collect();
    let loss = kto_loss(objective, &labelled, divergence, labelled.len());
    let good = labels.iter().filter(|desirable| **desirable).count();
    let bad = labels.len() - good;
    let margin = loss.figures.desirable_reward / good as f64 - loss.figures.undesirable_reward / bad as f64;
    let margin = (good > 0 && bad > 0).then_some(margin as f32);
    Judged { loss: loss.figures.loss, derivatives: loss.d_scores, figures: PreferFigures { margin, accuracy: None } }
}

/// Scores a batch, has it judged, and adds the gradient of the loss.
fn step(
    model: &Model,
    workspace: &mut Workspace,
    batch: &Batch,
    references: &[f64],
    gradient: &mut [f32],
    judge: impl FnOnce(&[SequenceScore]) -> Judged + Send,
) -> Outcome<PreferFigures> {
    let mut judged = Judged::default();
    model.score_and_weigh(workspace, batch, gradient, |losses| {
        judged = judge(&sequence_scores(losses, batch, references));
        // Rows without weight are not read.
        let documents = batch.segments.iter().zip(&judged.derivatives);
        documents.flat_map(|(segment, derivative)| repeat_n(*derivative as f32, segment.length)).collect()
    });
    Outcome { loss: judged.loss, tokens: batch.len(), figures: judged.figures }
}

/// Summed log-probabilities of each document's responses under the initial model.
fn reference(model: &Model, conversations: &[&ChatTokens], tokens: usize, compute: Compute) -> Vec<f64> {
    let mut workspace = Workspace::new(compute);
    let lengths: Vec<usize> = conversations.iter().map(|one| (one.ids.len() - 1).min(tokens)).collect();
    let mut sums = vec![0.0; conversations.len()];
    for members in best_fit(&lengths, 0..lengths.len(), tokens) {
        let batch = batch_of(members.iter().map(|member| conversations[*member]));
        let losses = model.score(&mut workspace, &batch);
        for (score, member) in sequence_scores(&losses, &batch, &vec![0.0; members.len()]).iter().zip(&members) {
            sums[*member] = score.policy;
        }
    }
    sums
}

/// What the objective is told of each document of a batch.
fn sequence_scores(losses: &TokenLosses, batch: &Batch, references: &[f64]) -> Vec<SequenceScore> {
    let score = |segment: &Segment, reference: &f64| {
        let rows = segment.start..segment.start + segment.length;
        let learnt = rows.filter(|row| batch.weights[*row] > 0.0);
        let (policy, tokens) =
            learnt.fold((0.0, 0), |(sum, count), row| (sum + f64::from(losses.log_probabilities[row]), count + 1));
        SequenceScore { policy, reference: *reference, tokens }
    };
    batch.segments.iter().zip(references).map(|(segment, reference)| score(segment, reference)).collect()
}

fn pick(values: &[f64], places: &[usize]) -> Vec<f64> {
    places.iter().map(|place| values[*place]).collect()
}

/// Each example's prompt with the response of another one, cut to the model's context.
fn mismatch(examples: &[Labelled], seed: Seed, context: usize) -> Vec<ChatTokens> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(&mut seed.derive("mismatch", 0).rng());
    let mut mismatched = vec![ChatTokens::default(); examples.len()];
    for (place, example) in order.iter().enumerate() {
        let other = &examples[order[(place + 1) % order.len()]].tokens;
        let tokens = &mut mismatched[*example];
        *tokens = examples[*example].tokens.clone();
        tokens.truncate(tokens.start_of_last_response());
        let response = other.start_of_last_response()..other.end_of_responses();
        tokens.ids.extend_from_slice(&other.ids[response]);
        tokens.is_response.resize(tokens.ids.len(), true);
        tokens.truncate(context + 1);
    }
    mismatched
}

fn digest(judgements: Judgements) -> ContentHash {
    match judgements {
        Judgements::Pairs(_, pairs) => dialogue::digest(pairs.iter().flat_map(|pair| [&pair.chosen, &pair.rejected])),
        Judgements::Labelled(_, examples) => {
            let labels: Vec<bool> = examples.iter().map(|example| example.desirable).collect();
            digest_json(&(labels, dialogue::digest(examples.iter().map(|example| &example.tokens))))
        }
    }
}
