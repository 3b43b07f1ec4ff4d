//! What a quickstart will take, said before it starts: time and memory.
//!
//! Time is divided by size and minutes alone, so that the same inputs train for the same time. Memory starts from what
//! the process holds when the plan is made, which curation has just shown, and adds what the later stages are known to
//! allocate. The constants say what they were measured on.

use prentice_model::{Compute, DecoderConfig, Model};
use prentice_tokens::{TRAINING_BYTES, TokenShard};
use prentice_train::{
    plan::{Plan, SamplingMemory, TrainingMemory, scoring_memory},
    rl::reinforce::RlOptions,
};
use serde::Serialize;

use crate::{
    error::{CliError, ErrorKind},
    format, memory,
};

/// Seconds for each stage after curation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TimePlan {
    pub tokens: f64,
    pub train: f64,
    pub examine: f64,
}

/// Divides `minutes` for a corpus of `bytes`. Training gets what is left, and at least half.
pub fn time(minutes: f64, bytes: u64) -> TimePlan {
    let total = minutes * 60.0;
    // Learning a vocabulary and encoding, measured on two cores.
    let tokens = 2.0 + bytes as f64 / 8e6;
    // Lines and predictions are as many as minutes allow; the frequencies of tokens are counted over all text.
    let examine = (0.12 * total).min(25.0) + bytes as f64 / 20e6;
    TimePlan { tokens, train: (total - tokens - examine).max(total / 2.0), examine }
}

/// The most memory held in each stage, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// Reading and judging: over when the plan is made, so this is measured.
    pub corpus: u64,
    pub tokens: u64,
    pub train: u64,
    pub examine: u64,
}

/// What the process holds before the corpus is opened, and with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub before: u64,
    pub with_corpus: u64,
}

/// A process of ours with little to do; where the system does not say.
const BASE: u64 = 10 << 20;

/// What this process holds now.
pub fn held_now() -> u64 {
    memory::current().unwrap_or(BASE)
}

/// What reinforcement learning takes beside the model itself, in bytes.
pub fn reinforcement_memory(options: &RlOptions, model: &Model, compute: Compute) -> u64 {
    let config = model.config();
    let batch = options.tokens_a_batch.max(options.context);
    let weights = 4 * model.parameters().len() as u64;
    let training = TrainingMemory::new(config, batch, compute).total().saturating_sub(weights);
    let sampling = SamplingMemory::new(config, options.places, options.context, compute).total();
    let reference = weights + scoring_memory(config, batch, batch, compute);
    training + sampling + if options.algorithm.needs_reference() { reference } else { 0 }
}

/// States the memory that runs may plan with, in bytes, instead of what the machine has.
const MEMORY_VARIABLE: &str = "PRENTICE_MEMORY_BYTES";

/// Refuses to begin what does not fit into memory. `remedy` says what makes it smaller.
pub fn check_memory(planned: u64, remedy: &str) -> Result<(), CliError> {
    let stated = match std::env::var(MEMORY_VARIABLE) {
        Ok(text) => Some(text.trim().parse().map_err(|_| {
            CliError::new(ErrorKind::Usage, format!("{MEMORY_VARIABLE} is {text:?}, which is no number of bytes"))
                .hint("leave it out for what this machine has")
        })?),
        Err(_) => None,
    };
    match stated.or_else(memory::most) {
        Some(most) if planned > most => {
            let message =
                format!("this needs {} of memory, and there are {}", format::bytes(planned), format::bytes(most));
            Err(CliError::new(ErrorKind::Environment, message)
                .hint(remedy)
                .hint(format!("{MEMORY_VARIABLE} states another amount, at your own risk")))
        }
        _ => Ok(()),
    }
}

impl MemoryPlan {
    /// For `train_bytes` of text to train on.
    pub fn new(held: Held, train_bytes: u64, config: &DecoderConfig, plan: &Plan, compute: Compute) -> Self {
        let batch = plan.batch_rows * plan.context;
        let training = TrainingMemory::new(config, batch, compute);
        let pass = train_bytes as f64 / BYTES_A_TOKEN * 4.0;
        // Rows are read from a mapped file and count once they are read: the whole shard, or as much as time allows.
        let rows = (pass * f64::from(plan.passes)).min(plan.tokens * 4.0) as u64;
        let inference =
            training.parameters / 2 + training.buffers + config.activations(batch, false, compute) as u64 * 4;
        Self {
            corpus: memory::peak().unwrap_or(held.with_corpus),
            tokens: held.with_corpus + vocabulary_training(train_bytes).max(ENCODER + (pass * PASS_OVERHEAD) as u64),
            train: held.before + TRAINER + training.total() + rows,
            examine: held.with_corpus + ENCODER + inference,
        }
    }

    /// The most of all stages.
    pub fn peak(&self) -> u64 {
        self.corpus.max(self.tokens).max(self.train).max(self.examine)
    }
}

/// Text for each token, as in the plan.
const BYTES_A_TOKEN: f64 = 3.2;
/// A vocabulary, and the cache of words that each thread fills.
const ENCODER: u64 = 16 << 20;
/// A vector for each piece, and those that are being made: 40 % on top of the tokens of a pass (83 MB of packages).
const PASS_OVERHEAD: f64 = 1.4;
/// Code and tables that training touches for the first time: 9 to 12 MB, for models from 1 to 40 M parameters.
const TRAINER: u64 = 11 << 20;

/// What learning a vocabulary takes: each distinct word with its parts, and for each pair the words it is in. Measured:
/// 10 MB for 0.5 MB of text, 71 MB for 9.9 MB (one library), 300 MB for the most that is looked at, 33.6 MB (many
/// packages). The more text, the more of it are words of a single package.
fn vocabulary_training(train_bytes: u64) -> u64 {
    let bytes = train_bytes.min(TRAINING_BYTES as u64) as f64;
    (5e6 + bytes * (5.5 + bytes / 10e6)) as u64
}

/// How often the shard's tokens go over the corpus.
pub fn epochs(tokens: u64, shard: &TokenShard, passes: u32) -> f64 {
    tokens as f64 * f64::from(passes) / shard.tokens().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_gets_what_is_left_and_at_least_half() {
        for (minutes, bytes, expected) in [
            (5.0, 10_000_000, (3.25, 271.25, 25.5)),
            (1.0, 10_000_000, (3.25, 49.05, 7.7)),
            (0.1, 10_000_000, (3.25, 3.0, 1.22)),
            (5.0, 1_000_000_000, (127.0, 150.0, 75.0)),
        ] {
            let plan = time(minutes, bytes);
            let near = |a: f64, b: f64| (a - b).abs() < 0.01;
            assert!(
                near(plan.tokens, expected.0) && near(plan.train, expected.1) && near(plan.examine, expected.2),
                "{minutes} {bytes} {plan:?}"
            );
        }
    }
}
