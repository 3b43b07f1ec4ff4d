//! Attempts of a policy at tasks: sampled in batches, judged while sampling goes on.
//!
//! Token ids in, token ids out: what was sampled is what is trained on, and nothing is tokenised again. Each attempt
//! carries the digest of the weights that made it, and the log-probability of each token as it was chosen. An attempt
//! whose harness fails is sampled anew, with another seed, and never scored.

use prentice_base::{ContentHash, Seed};
use prentice_model::{BatchSampler, ContextError, GeneratedToken, Model, SampleRequest, SamplingOptions};
use prentice_tokens::Vocabulary;

use super::{
    environment::{HarnessError, Outcome, Turn},
    judges::Judges,
};

/// How often an attempt is made anew after a fault of the harness.
const ATTEMPTS: u64 = 3;

/// An attempt that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// At which task.
    pub task: usize,
    /// For its choices.
    pub seed: Seed,
}

/// An attempt at a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// At which task.
    pub task: usize,
    /// All tokens: the start of text and the prompt, then the response, turns and observations one after another.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt.
    pub prompt: usize,
    /// For each token of the response, whether the policy wrote it; observations it did not.
    pub written: Vec<bool>,
    /// For each token of the response, its log-probability when it was chosen; 0 for observations.
    pub log_probabilities: Vec<f32>,
    /// What the policy wrote, turn by turn.
    pub turns: Vec<String>,
    /// Whether a turn was cut off, by its limit or by the context.
    pub is_truncated: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Digest of the weights.
    pub weights: ContentHash,
}

/// How to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutOptions {
    /// Most tokens of a turn.
    pub turn_tokens: usize,
    /// How tokens are chosen; the seed is that of each attempt.
    pub sampling: SamplingOptions,
}

/// A batch of attempts failed.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// A prompt does not fit.
    #[error("the prompt of task {task} does not fit: {error}")]
    Prompt {
        /// The task.
        task: String,
        /// By how much.
        error: ContextError,
    },
    /// The harness fails again and again.
    #[error("task {task} cannot be judged: {error}")]
    Harness {
        /// The task.
        task: String,
        /// What the harness said last.
        error: HarnessError,
    },
}

impl RolloutError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Prompt { .. } => "leave out long tasks, or train a model with a longer context",
            Self::Harness { .. } => {
                "run `prentice sandbox doctor`; nothing was scored, and the run continues from its last checkpoint"
            }
        }
    }
}

/// An attempt under way.
struct Draft {
    wanted: Wanted,
    attempt: u64,
    tokens: Vec<u32>,
    prompt: usize,
    written: Vec<bool>,
    log_probabilities: Vec<f32>,
    is_truncated: bool,
    outcome: Option<Outcome>,
}

impl Draft {
    fn new(wanted: Wanted, tokens: Vec<u32>) -> Self {
        let prompt = tokens.len();
        let (written, log_probabilities) = (Vec::new(), Vec::new());
        Self { wanted, attempt: 0, tokens, prompt, written, log_probabilities, is_truncated: false, outcome: None }
    }

    /// Starts over.
    fn again(&mut self) {
        self.attempt += 1;
        self.tokens.truncate(self.prompt);
        self.written.clear();
        self.log_probabilities.clear();
        self.is_truncated = false;
    }

    fn seed(&self, turn: usize) -> Seed {
        self.wanted.seed.derive("attempt", self.attempt).derive("turn", turn as u64)
    }
}

/// Makes attempts, in the order of `wanted`; attempts at one task should be neighbours, since they share its prompt.
///
/// # Errors
/// A prompt does not fit, or the harness fails again and again.
pub fn roll_out(
    model: &Model,
    vocabulary: &Vocabulary,
    sampler: &mut BatchSampler,
    judges: &mut Judges,
    wanted: &[Wanted],
    options: &RolloutOptions,
) -> Result<Vec<Rollout>, RolloutError> {
    let environment = judges.environment();
    let end = vocabulary.special().end_of_text;
    let context = sampler.context();
    let mut drafts: Vec<Draft> = Vec::with_capacity(wanted.len());
    for (number, one) in wanted.iter().enumerate() {
        let tokens = match number.checked_sub(1).map(|before| &drafts[before]) {
            Some(before) if before.wanted.task == one.task => before.tokens.clone(),
            _ => [vec![end], vocabulary.encode(environment.prompt(one.task))].concat(),
        };
        drafts.push(Draft::new(*one, tokens));
    }
    // Apart from the drafts, since they are told to judges while the drafts are sampled from.
    let mut turns: Vec<Vec<String>> = vec![Vec::new(); drafts.len()];
    let mut open: Vec<usize> = (0..drafts.len()).collect();
    while !open.is_empty() {
        let requests: Vec<SampleRequest> = open
            .iter()
            .map(|&number| SampleRequest {
                prompt: &drafts[number].tokens,
                seed: drafts[number].seed(turns[number].len()),
                limit: options.turn_tokens,
            })
            .collect();
        let mut sampled: Vec<Vec<GeneratedToken>> = vec![Vec::new(); open.len()];
        let done = |request: usize, tokens: Vec<GeneratedToken>| {
            let number = open[request];
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).filter(|id| *id != end).collect();
            turns[number].push(vocabulary.decode(&ids));
            judges.ask(number, drafts[number].wanted.task, &turns[number]);
            sampled[request] = tokens;
        };
        sampler.sample(model, &requests, &options.sampling, |id| id == end, done).map_err(|error| {
            let longest = drafts.iter().max_by_key(|draft| draft.prompt);
            let task = longest.map(|draft| environment.name(draft.wanted.task).to_owned()).unwrap_or_default();
            RolloutError::Prompt { task, error }
        })?;
        for (number, tokens) in open.iter().zip(sampled) {
            let draft = &mut drafts[*number];
            draft.is_truncated |= tokens.last().is_none_or(|token| token.id != end);
            draft.tokens.extend(tokens.iter().map(|token| token.id));
            draft.log_probabilities.extend(tokens.iter().map(|token| token.log_probability));
            draft.written.resize(draft.log_probabilities.len(), true);
        }
        while let Some((numbers, answer)) = judges.answer() {
            for number in numbers {
                let draft = &mut drafts[number];
                match &answer {
                    Ok(Turn::End(outcome)) => draft.outcome = Some(outcome.clone()),
                    Ok(Turn::Observation(text)) => {
                        let observation = vocabulary.encode(text);
                        if draft.is_truncated || draft.tokens.len() + observation.len() >= context {
                            draft.is_truncated = true;
                            draft.outcome = Some(out_of_room());
                            continue;
                        }
                        draft.tokens.extend_from_slice(&observation);
                        draft.written.resize(draft.written.len() + observation.len(), false);
                        draft.log_probabilities.resize(draft.written.len(), 0.0);
                    }
                    Err(error) if draft.attempt + 1 >= ATTEMPTS => {
                        let task = environment.name(draft.wanted.task).to_owned();
                        return Err(RolloutError::Harness { task, error: error.clone() });
                    }
                    Err(_) => {
                        draft.again();
                        turns[number].clear();
                    }
                }
            }
        }
        open.retain(|number| drafts[*number].outcome.is_none());
    }
    let weights = model.digest();
    let rollout = |(draft, turns): (Draft, Vec<String>)| Rollout {
        task: draft.wanted.task,
        tokens: draft.tokens,
        prompt: draft.prompt,
        written: draft.written,
        log_probabilities: draft.log_probabilities,
        turns,
        is_truncated: draft.is_truncated,
        outcome: draft.outcome.expect("it is over"),
        weights,
    };
    Ok(drafts.into_iter().zip(turns).map(rollout).collect())
}

/// The outcome of an attempt that was asked to go on but cannot.
fn out_of_room() -> Outcome {
    let detail = "no room for another turn".to_owned();
    Outcome { reward: 0.0, visible_passed: false, solved: false, loophole: None, detail }
}
