//! Many samples at once, through the same forward code as training.
//!
//! *Continuous batching* (Yu et al. 2022, Orca): a fixed number of places, each with a key/value cache; whenever a sample
//! ends, the next one takes its place. *Shared prompts*: consecutive requests for the same prompt compute it once and
//! copy its keys and values. Neither shows in the result: each sample has a generator of its own, and kernels are
//! batch-invariant, so a sample has the same tokens and the same log-probabilities whatever runs beside it.

use prentice_base::{Rng, Seed};

use crate::{
    generate::{ContextError, GeneratedToken, SamplingOptions, choose},
    kernels::{SharedMut, for_each_block, with_team},
    model::Model,
    ops::KeyValueCache,
    tape::{Compute, Workspace},
};

/// One sample that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct SampleRequest<'p> {
    /// What it continues; not empty.
    pub prompt: &'p [u32],
    /// For its choices; takes the place of [`SamplingOptions::seed`].
    pub seed: Seed,
    /// Most tokens to generate.
    pub limit: usize,
}

/// Generates many samples with one model, whose parameters may change between calls.
pub struct BatchSampler {
    workspace: Workspace,
    /// `[layer][place]`
    caches: Vec<Vec<KeyValueCache>>,
    prompt: Prompt,
    places: usize,
    context: usize,
}

/// The prompt that was computed last.
struct Prompt {
    tokens: Vec<u32>,
    caches: Vec<KeyValueCache>,
    logits: Vec<f32>,
}

/// A sample in its place.
struct Running {
    request: usize,
    rng: Rng,
    /// Tokens in the cache.
    length: usize,
    generated: Vec<GeneratedToken>,
}

impl BatchSampler {
    /// A sampler of up to `places` samples at a time, of up to `context` tokens each, at most the model's own limit.
    pub fn new(model: &Model, compute: Compute, places: usize, context: usize) -> Self {
        assert!(places > 0, "a sampler needs a place");
        let config = model.config();
        let context = context.min(config.max_position_embeddings);
        let cache = || KeyValueCache::new(compute, config.attention(), context);
        let layers = config.num_hidden_layers;
        Self {
            workspace: Workspace::new(compute),
            caches: (0..layers).map(|_| (0..places).map(|_| cache()).collect()).collect(),
            prompt: Prompt { tokens: Vec::new(), caches: (0..layers).map(|_| cache()).collect(), logits: Vec::new() },
            places,
            context,
        }
    }

    /// Tokens that fit.
    pub fn context(&self) -> usize {
        self.context
    }

    /// To be called after the parameters changed.
    pub fn parameters_changed(&mut self) {
        self.workspace.parameters_changed();
        self.prompt.tokens.clear();
        self.prompt.logits.clear();
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let caches = self.caches.iter().flatten().chain(&self.prompt.caches);
        self.workspace.bytes() + caches.map(KeyValueCache::bytes).sum::<usize>()
    }

    /// Continues each prompt until `stop` says so of the last token, its limit is reached or the context is full. The
    /// stopping token is part of the result. `done` is told the number of a request and its tokens as soon as it ends,
    /// in an order that depends on the lengths.
    ///
    /// # Errors
    /// A prompt is empty or does not fit; nothing was generated.
    pub fn sample(
        &mut self,
        model: &Model,
        requests: &[SampleRequest],
        options: &SamplingOptions,
        stop: impl Fn(u32) -> bool + Sync,
        mut done: impl FnMut(usize, Vec<GeneratedToken>) + Send,
    ) -> Result<(), ContextError> {
        for request in requests {
            if request.prompt.is_empty() || request.prompt.len() > self.context {
                return Err(ContextError { tokens: request.prompt.len(), context: self.context });
            }
        }
        // One team for all tokens.
        with_team(|| self.run(model, requests, options, &stop, &mut done));
        Ok(())
    }

    fn run(
        &mut self,
        model: &Model,
        requests: &[SampleRequest],
        options: &SamplingOptions,
        stop: &(impl Fn(u32) -> bool + Sync),
        done: &mut (impl FnMut(usize, Vec<GeneratedToken>) + Send),
    ) {
        let isa = self.workspace.compute.kernels.isa;
        let vocabulary = model.config().vocab_size;
        let mut running: Vec<Option<Running>> = (0..self.places).map(|_| None).collect();
        let mut waiting = 0..requests.len();
        loop {
            for place in 0..self.places {
                while running[place].is_none()
                    && let Some(number) = waiting.next()
                {
                    let request = &requests[number];
                    if request.limit == 0 {
                        done(number, Vec::new());
                        continue;
                    }
                    self.compute_prompt(model, request.prompt);
                    let mut rng = request.seed.rng();
                    let first = choose(isa, &mut self.prompt.logits.clone(), options, &mut rng);
                    let sample = Running { request: number, rng, length: request.prompt.len(), generated: vec![first] };
                    if self.is_over(&sample, request, stop) {
                        done(number, sample.generated);
                        continue;
                    }
                    for (layer, prompt) in self.caches.iter_mut().zip(&self.prompt.caches) {
                        layer[place].copy_from(prompt);
                    }
                    running[place] = Some(sample);
                }
            }
            let active: Vec<usize> = (0..self.places).filter(|place| running[*place].is_some()).collect();
            if active.is_empty() {
                return;
            }
            let samples = || running.iter().flatten();
            let tokens: Vec<u32> = samples().filter_map(|sample| Some(sample.generated.last()?.id)).collect();
            let positions: Vec<u32> = samples().map(|sample| sample.length as u32).collect();
            let logits = model.continue_documents(&mut self.workspace, &tokens, &positions, &mut self.caches, &active);
            let (logits, places) = (SharedMut::new(logits), SharedMut::new(&mut running));
            for_each_block(active.len().div_ceil(8), |block| {
                for row in block * 8..((block + 1) * 8).min(active.len()) {
                    // SAFETY: each row and each place belong to one block.
                    let (line, place) =
                        unsafe { (logits.range(row * vocabulary, vocabulary), places.range(active[row], 1)) };
                    let sample = place[0].as_mut().expect("it is active");
                    sample.generated.push(choose(isa, line, options, &mut sample.rng));
                    sample.length += 1;
                }
            });
            for place in active {
                if let Some(sample) = running[place].take_if(|s| self.is_over(s, &requests[s.request], stop)) {
                    done(sample.request, sample.generated);
                }
            }
        }
    }

    /// Whether a sample has its last token.
    fn is_over(&self, sample: &Running, request: &SampleRequest, stop: &impl Fn(u32) -> bool) -> bool {
        sample.generated.len() >= request.limit
            || sample.length >= self.context
            || sample.generated.last().is_some_and(|token| stop(token.id))
    }

    fn compute_prompt(&mut self, model: &Model, tokens: &[u32]) {
        if self.prompt.tokens == tokens && !self.prompt.logits.is_empty() {
            return;
        }
        // Whatever it shares with the last one stays, but one token must be computed for its logits.
        let shared = self.prompt.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        for cache in &mut self.prompt.caches {
            cache.truncate(shared);
        }
        let logits = model.continue_document(&mut self.workspace, &tokens[shared..], shared, &mut self.prompt.caches);
        self.prompt.logits.clear();
        self.prompt.logits.extend_from_slice(logits);
        self.prompt.tokens.clear();
        self.prompt.tokens.extend_from_slice(tokens);
    }
}
