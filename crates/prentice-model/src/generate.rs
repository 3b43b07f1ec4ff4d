//! Generation with a key/value cache, through the same forward code as training.

use rand::Rng as _;

use prentice_base::{Rng, Seed};

use crate::{
    kernels::{Isa, with_team},
    model::Model,
    ops::{KeyValueCache, cross_entropy},
    tape::{Compute, Workspace},
};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingOptions {
    /// 0 takes the most probable token; 1 samples from the model's distribution.
    pub temperature: f32,
    /// Only the `top_k` most probable tokens; 0 for all.
    pub top_k: usize,
    /// Only the most probable tokens that together reach this probability (Holtzman et al. 2019, arXiv 1904.09751).
    pub top_p: f32,
    /// For sampling.
    pub seed: Seed,
}

impl SamplingOptions {
    /// Always the most probable token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0, top_p: 1.0, seed: Seed(0) };
}

/// A generated token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratedToken {
    /// Its id.
    pub id: u32,
    /// The natural logarithm of its probability under the model itself (temperature 1, no truncation): bit for bit what
    /// training computes for it.
    pub log_probability: f32,
}

/// The prompt is too long for the model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tokens} tokens do not fit into the context of {context} tokens")]
pub struct ContextError {
    /// Tokens in all.
    pub tokens: usize,
    /// Tokens that fit.
    pub context: usize,
}

/// Generates with one model; keeps the cache between calls, so that a common beginning is computed once.
pub struct Generator<'m> {
    model: &'m Model,
    workspace: Workspace,
    caches: Vec<KeyValueCache>,
    tokens: Vec<u32>,
    context: usize,
}

impl<'m> Generator<'m> {
    /// A generator for documents of up to `context` tokens, at most the model's own limit.
    pub fn new(model: &'m Model, compute: Compute, context: usize) -> Self {
        let config = model.config();
        let context = context.min(config.max_position_embeddings);
        let caches =
            (0..config.num_hidden_layers).map(|_| KeyValueCache::new(compute, config.attention(), context)).collect();
        Self { model, workspace: Workspace::new(compute), caches, tokens: Vec::new(), context }
    }

    /// Tokens that fit.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Tokens in the cache.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.workspace.bytes() + self.caches.iter().map(KeyValueCache::bytes).sum::<usize>()
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        for cache in &mut self.caches {
            cache.truncate(length);
        }
    }

    /// Adds tokens and returns the logits of what follows the last.
    ///
    /// # Errors
    /// The tokens do not fit; nothing was added.
    ///
    /// # Panics
    /// There are no tokens.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<&mut [f32], ContextError> {
        assert!(!tokens.is_empty(), "nothing to feed");
        let length = self.tokens.len() + tokens.len();
        if length > self.context {
            return Err(ContextError { tokens: length, context: self.context });
        }
        let first = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        Ok(self.model.continue_document(&mut self.workspace, tokens, first, &mut self.caches))
    }

    /// Continues `prompt` until `stop` says so of the last token, `limit` tokens are there, or the context is full. The
    /// stopping token is part of the result.
    ///
    /// # Errors
    /// The prompt does not fit or is empty.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        limit: usize,
        options: &SamplingOptions,
        mut stop: impl FnMut(u32) -> bool + Send,
    ) -> Result<Vec<GeneratedToken>, ContextError> {
        // One team for all tokens.
        with_team(|| self.generate_tokens(prompt, limit, options, &mut stop))
    }

    fn generate_tokens(
        &mut self,
        prompt: &[u32],
        limit: usize,
        options: &SamplingOptions,
        stop: &mut (impl FnMut(u32) -> bool + Send),
    ) -> Result<Vec<GeneratedToken>, ContextError> {
        // Whatever the new prompt shares with the last document stays, but one token must be fed for its logits.
        let shared = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        self.truncate(shared.min(prompt.len().saturating_sub(1)));
        if prompt.is_empty() || prompt.len() > self.context {
            return Err(ContextError { tokens: prompt.len(), context: self.context });
        }
        let isa = self.workspace.compute.kernels.isa;
        let mut rng = options.seed.rng();
        let mut generated: Vec<GeneratedToken> = Vec::new();
        let mut next: Vec<u32> = prompt[self.tokens.len()..].to_vec();
        while generated.len() < limit && self.tokens.len() + next.len() <= self.context {
            let token = choose(isa, self.feed(&next)?, options, &mut rng);
            generated.push(token);
            if stop(token.id) {
                break;
            }
            next.clear();
            next.push(token.id);
        }
        Ok(generated)
    }
}

/// Chooses the token that follows, by its logits, which are lost.
pub(crate) fn choose(isa: Isa, logits: &mut [f32], options: &SamplingOptions, rng: &mut Rng) -> GeneratedToken {
    let is_plain = options.temperature == 1.0 && options.top_k == 0 && options.top_p >= 1.0;
    if !is_plain {
        let id = if options.temperature <= 0.0 {
            cross_entropy::most_probable(isa, logits)
        } else {
            choose_among_likely(logits, options, rng)
        };
        let logit = logits[id as usize];
        return GeneratedToken { id, log_probability: logit - cross_entropy::log_sum_exp(isa, logits).0 };
    }
    // From the model's own distribution: one draw, one pass over the exponentials that the log-probability needs anyway.
    let unshifted: Vec<f32> = logits.to_vec();
    let (log_sum, _) = cross_entropy::log_sum_exp(isa, logits);
    let total: f64 = logits.iter().map(|exponential| f64::from(*exponential)).sum();
    let mut left = uniform(rng) * total;
    let found = logits.iter().position(|exponential| {
        left -= f64::from(*exponential);
        left < 0.0
    });
    // Rounding may leave a remainder beyond the last.
    let id = found.unwrap_or_else(|| cross_entropy::most_probable(isa, &unshifted) as usize);
    GeneratedToken { id: id as u32, log_probability: unshifted[id] - log_sum }
}

fn uniform(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn choose_among_likely(logits: &[f32], options: &SamplingOptions, rng: &mut Rng) -> u32 {
    let mut candidates: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
    // By logit, ties by id: the order does not depend on the sorting algorithm.
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if options.top_k > 0 && options.top_k < candidates.len() {
        candidates.select_nth_unstable_by(options.top_k - 1, order);
        candidates.truncate(options.top_k);
    }
    candidates.sort_unstable_by(order);
    let largest = candidates[0].1;
    let mut total = 0.0f64;
    for (_, value) in &mut candidates {
        *value = ((*value - largest) / options.temperature).exp();
        total += f64::from(*value);
    }
    if options.top_p < 1.0 {
        let mut sum = 0.0;
        let enough = candidates
            .iter()
            .position(|(_, p)| {
                sum += f64::from(*p);
                sum >= f64::from(options.top_p) * total
            })
            .unwrap_or(candidates.len() - 1);
        candidates.truncate(enough + 1);
        total = candidates.iter().map(|(_, p)| f64::from(*p)).sum();
    }
    let mut left = uniform(rng) * total;
    for (id, probability) in &candidates {
        left -= f64::from(*probability);
        if left < 0.0 {
            return *id;
        }
    }
    candidates[candidates.len() - 1].0
}
