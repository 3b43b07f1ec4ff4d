//! One dial: from corpus size, cores and time to model, batch, memory.
//!
//! The dial is the number of layers; everything else follows from it (as in nanochat). It is chosen so that the time
//! allows [`TOKENS_A_PARAMETER`] tokens for each parameter, and so that the corpus is not gone over more than
//! [`MOST_EPOCHS`] times for that. The speed that enters is a constant for each
//! kind of kernel, not a measurement: the same inputs give the same plan.

use serde::{Deserialize, Serialize};

use prentice_tokens::FimOptions;

use prentice_model::{
    Compute, DecoderConfig, LoraOptions, LoraTarget,
    kernels::{Bf16Kernel, Isa, Precision},
    ops::AttentionShape,
};

/// Fewest tokens for each parameter. Far below the 20 of Hoffmann et al. 2022 (arXiv 2203.15556), whose models are a
/// thousand times larger. Chosen from two runs of five minutes on Python's standard library, not from a sweep: 3 layers at
/// 2.7 tokens a parameter reached 1.25 bits per byte, 2 layers at 6 reached 1.37. They also differed in the share of
/// fill-in-the-middle, and other programs ran beside both.
pub const TOKENS_A_PARAMETER: f64 = 2.0;
/// Most often that a corpus is gone over.
pub const MOST_EPOCHS: f64 = 8.0;
/// How small models learn to fill in: more often than the usual half of the pieces, mostly whole lines, mostly with the
/// text before the cursor last, because that is what completion asks of them and they have no capacity to spare.
pub const FIM: FimOptions = FimOptions { rate: 0.7, spm_rate: 0.75, line_rate: 0.6 };
/// Features of a head.
const HEAD: usize = 32;
/// Rows of logits that exist at a time, as in the engine.
const LOGIT_ROWS: usize = 512;

/// What the user gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dial {
    /// Text to train on, in bytes.
    pub corpus_bytes: u64,
    /// Time for training, in seconds.
    pub seconds: f64,
    /// Threads.
    pub threads: usize,
    /// The number of layers, instead of the choice made here.
    pub layers: Option<usize>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Size of the vocabulary.
    pub vocabulary: usize,
    /// Tokens in a row.
    pub context: usize,
    /// Layers.
    pub layers: usize,
    /// Features of a token.
    pub hidden: usize,
    /// Parameters.
    pub parameters: usize,
    /// Rows in a training step.
    pub batch_rows: usize,
    /// Different passes over the corpus that are encoded.
    pub passes: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Expected speed, in tokens per second.
    pub tokens_per_second: f64,
    /// Expected tokens in the time.
    pub tokens: f64,
}

/// The plan for a machine.
pub fn plan(dial: &Dial, compute: Compute) -> Plan {
    let vocabulary = vocabulary_size(dial.corpus_bytes);
    let corpus_tokens = (dial.corpus_bytes as f64 / 3.2).max(1.0);
    let candidates = [2usize, 3, 4, 5, 6, 8, 10, 12, 16];
    let fits = |layers: &usize| {
        let config = config(vocabulary, *layers);
        let parameters = config.parameter_count() as f64;
        let tokens = dial.seconds * tokens_per_second(&config, compute, dial.threads);
        tokens >= TOKENS_A_PARAMETER * parameters && corpus_tokens * MOST_EPOCHS >= TOKENS_A_PARAMETER * parameters
    };
    let layers = dial.layers.unwrap_or_else(|| *candidates.iter().rev().find(|layers| fits(layers)).unwrap_or(&2));
    let config = config(vocabulary, layers);
    let speed = tokens_per_second(&config, compute, dial.threads);
    let tokens = dial.seconds * speed;
    Plan {
        vocabulary,
        context: CONTEXT,
        layers,
        hidden: config.hidden_size,
        parameters: config.parameter_count(),
        batch_rows: BATCH_ROWS,
        // Later passes have other holes; beyond eight, the shard is read again in another order.
        passes: (tokens / corpus_tokens).ceil().clamp(1.0, 8.0) as u32,
        learning_rate: learning_rate(config.hidden_size),
        tokens_per_second: speed,
        tokens,
    }
}

/// The peak rate for a model of this width. Wider models want a smaller one: about 1 / width, as in maximal update
/// parametrisation (arXiv 2203.03466).
pub fn learning_rate(hidden: usize) -> f64 {
    4e-3 * (128.0 / hidden as f64).sqrt()
}

/// Tokens in a row.
const CONTEXT: usize = 512;
/// Rows in a step.
const BATCH_ROWS: usize = 8;

fn vocabulary_size(corpus_bytes: u64) -> usize {
    match corpus_bytes {
        0..300_000 => 1024,
        300_000..3_000_000 => 2048,
        3_000_000..100_000_000 => 4096,
        _ => 8192,
    }
}

/// The configuration of a model with a number of layers: 64 features a layer, half as many key and value heads as query
/// heads, 8/3 as many features in between (rounded to whole cache lines), tied embeddings.
pub fn config(vocabulary: usize, layers: usize) -> DecoderConfig {
    let hidden = 64 * layers;
    let heads = hidden / HEAD;
    let shape = AttentionShape { heads, key_value_heads: heads / 2, head: HEAD };
    DecoderConfig::llama(vocabulary, hidden, layers, shape, (hidden * 8 / 3).next_multiple_of(64), 2 * CONTEXT)
}

/// The expected speed of training, from cautious rates in GFLOP/s a thread over a whole step: a plan that is beaten is
/// better than one that is missed. On one 2-core Xeon the 7M model of `bench/engine.py` reached 213 with AMX, 72 with
/// `vdpbf16ps`, 91 with AVX-512, 61 with AVX2 and 25 without; smaller models reach less.
fn tokens_per_second(config: &DecoderConfig, compute: Compute, threads: usize) -> f64 {
    let rate = match (compute.precision, compute.kernels.bf16, compute.kernels.isa) {
        (Precision::Bf16, Bf16Kernel::Amx, _) => 120.0,
        (Precision::Bf16, Bf16Kernel::Avx512Bf16, _) => 60.0,
        (_, _, Isa::Avx512) => 45.0,
        (_, _, Isa::Avx2) => 28.0,
        (_, _, Isa::Portable) => 8.0,
    };
    let flops_a_token =
        6.0 * config.parameter_count() as f64 + (6 * config.num_hidden_layers * config.hidden_size * CONTEXT) as f64;
    rate * 1e9 * threads as f64 / flops_a_token
}

/// Memory of a training run, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingMemory {
    /// Parameters, and the gradient of those that are trained.
    pub parameters: u64,
    /// State of the optimiser.
    pub optimiser: u64,
    /// Activations kept for the backward pass.
    pub activations: u64,
    /// Gradients of activations.
    pub gradients: u64,
    /// Packed weights and activations, and logits.
    pub buffers: u64,
}

impl TrainingMemory {
    /// For batches of `tokens` tokens, where all parameters are trained.
    pub fn new(config: &DecoderConfig, tokens: usize, compute: Compute) -> Self {
        Self::of(config, None, tokens, compute)
    }

    /// The same where only adapters are trained.
    pub fn with_adapters(config: &DecoderConfig, adapters: &LoraOptions, tokens: usize, compute: Compute) -> Self {
        Self::of(config, Some(adapters), tokens, compute)
    }

    fn of(config: &DecoderConfig, adapters: Option<&LoraOptions>, tokens: usize, compute: Compute) -> Self {
        let shape = config.attention();
        let (hidden, between) = (config.hidden_size, config.intermediate_size);
        let width = shape.heads * shape.head;
        let base = config.parameter_count();
        let added = adapters.map_or(0, |lora| lora.parameter_count(config));
        let trained = if adapters.is_some() { added } else { base };
        let fast = compute.precision == Precision::Bf16 && compute.kernels.has_fast_bf16();
        // The backward pass keeps two gradients of the residual stream, one of the gated features and one of gate and up.
        let gate_up = if fast { between } else { 2 * between };
        let gradients = tokens * (2 * hidden + between + gate_up);
        let packed = |elements: usize| elements * if fast { 2 } else { 4 };
        let matrices =
            config.num_hidden_layers * hidden * (shape.columns() + width + 3 * between) + config.vocab_size * hidden;
        // What the gradient of a weight needs: the inputs of one linear layer. Frozen weights have none, and nothing asks
        // for the gradient of what the first of them reads.
        let (weights, inputs) = match adapters {
            None => (2 * matrices, hidden.max(between).max(width)),
            Some(lora) => {
                // An adapter's matrices are packed in panels of 32 columns.
                let padded = LoraOptions { rank: lora.rank.next_multiple_of(32), ..lora.clone() };
                let inputs = lora.targets.iter().map(|target| match target {
                    LoraTarget::DownProj => between,
                    LoraTarget::OProj => width,
                    _ => hidden,
                });
                let first = hidden * shape.columns();
                (2 * matrices - first + 2 * padded.parameter_count(config), inputs.max().unwrap_or(0))
            }
        };
        let buffers = packed(weights) + packed(tokens * inputs) + LOGIT_ROWS.min(tokens) * config.vocab_size * 4;
        let activations = config.activations(tokens, true, compute)
            + adapters.map_or(0, |lora| lora.activations(config, tokens, true));
        Self {
            parameters: (base + added + trained) as u64 * 4,
            optimiser: 2 * trained as u64 * 4,
            activations: activations as u64 * 4,
            gradients: gradients as u64 * 4,
            buffers: buffers as u64,
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.parameters + self.optimiser + self.activations + self.gradients + self.buffers
    }

    /// What the engine's workspace holds of it.
    pub fn workspace(&self) -> u64 {
        self.activations + self.gradients + self.buffers
    }
}

/// Memory of sampling with [`BatchSampler`](prentice_model::BatchSampler), in bytes, model not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplingMemory {
    /// Keys and values of all places, and of the prompt that they share.
    pub caches: u64,
    /// Packed weights, activations and logits.
    pub workspace: u64,
}

impl SamplingMemory {
    /// For up to `places` samples at a time, of up to `context` tokens each.
    pub fn new(config: &DecoderConfig, places: usize, context: usize, compute: Compute) -> Self {
        let shape = config.attention();
        // A cache holds keys in panels of 32 tokens and values in panels of 32 features.
        let keys = shape.head * context.next_multiple_of(32);
        let values = context * shape.head.next_multiple_of(32);
        let caches = config.num_hidden_layers * (places + 1) * shape.key_value_heads * (keys + values);
        // A token of each place at a time; before that, whole prompts.
        let tokens = places.max(context);
        Self { caches: packed(caches, compute), workspace: scoring_memory(config, tokens, places, compute) }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.caches + self.workspace
    }
}

/// What a workspace takes that scores `tokens` tokens without a backward pass, `logits` of them at a time; in bytes.
pub fn scoring_memory(config: &DecoderConfig, tokens: usize, logits: usize, compute: Compute) -> u64 {
    let shape = config.attention();
    let (hidden, between) = (config.hidden_size, config.intermediate_size);
    let width = shape.heads * shape.head;
    let matrices =
        config.num_hidden_layers * hidden * (shape.columns() + width + 3 * between) + config.vocab_size * hidden;
    let rows = config.activations(tokens, false, compute) + logits.min(LOGIT_ROWS) * config.vocab_size;
    packed(matrices, compute) + rows as u64 * 4
}

/// Bytes of numbers that matrix products read.
fn packed(numbers: usize, compute: Compute) -> u64 {
    let is_fast = compute.precision == Precision::Bf16 && compute.kernels.has_fast_bf16();
    numbers as u64 * if is_fast { 2 } else { 4 }
}

#[cfg(test)]
mod tests {
    use prentice_base::Seed;
    use prentice_model::{Batch, BatchSampler, Model, SampleRequest, SamplingOptions, Workspace, kernels::Kernels};

    use super::*;
    use crate::optimiser::{AdamW, AdamWOptions};

    #[test]
    fn the_memory_plan_is_what_the_workspace_and_the_vectors_take() {
        use LoraTarget::{DownProj, QProj, VProj};
        let lora = |rank, targets: &[LoraTarget]| Some(LoraOptions { rank, alpha: 16.0, targets: targets.to_vec() });
        let cases = [
            None,
            lora(8, &LoraTarget::ALL),
            lora(16, &[QProj, VProj]),
            lora(4, &[DownProj]),
            lora(64, &LoraTarget::ALL),
        ];
        for (precision, adapters) in
            [Precision::F32, Precision::Bf16].iter().flat_map(|p| cases.iter().map(move |c| (*p, c)))
        {
            let compute = Compute { kernels: Kernels::detect(), precision };
            let config = config(1024, 3);
            let mut model = Model::initialise(config.clone(), Seed(1)).unwrap();
            if let Some(adapters) = adapters {
                model = model.with_adapters(adapters, Seed(2)).unwrap();
            }
            let rows: Vec<Vec<u32>> =
                (0..4).map(|r| (0..CONTEXT as u32).map(|i| (i * 7 + r) % 1024).collect()).collect();
            let batch = Batch::new(rows.iter().map(Vec::as_slice));
            let mut workspace = Workspace::new(compute);
            let mut gradient = vec![0.0; model.trainable().len()];
            for _ in 0..2 {
                model.score_and_differentiate(&mut workspace, &batch, &mut gradient);
            }
            let planned = match adapters {
                None => TrainingMemory::new(&config, batch.len(), compute),
                Some(adapters) => TrainingMemory::with_adapters(&config, adapters, batch.len(), compute),
            };
            let ratio = workspace.bytes() as f64 / planned.workspace() as f64;
            assert!((0.93..1.07).contains(&ratio), "{precision} {adapters:?}: measured / planned = {ratio}");
            assert_eq!(planned.parameters, 4 * (model.parameters().len() + gradient.len()) as u64);
            let optimiser = AdamW::new(model.trainable().len(), AdamWOptions::default());
            assert_eq!(planned.optimiser, 4 * (optimiser.mean.len() + optimiser.square.len()) as u64);
        }
    }

    #[test]
    fn the_memory_plan_of_sampling_is_what_the_sampler_holds() {
        for precision in [Precision::F32, Precision::Bf16] {
            for (layers, places, context, length) in [(2, 48, 120, 60), (3, 8, 500, 400), (2, 1, 64, 60)] {
                let compute = Compute { kernels: Kernels::detect(), precision };
                let config = config(1024, layers);
                let model = Model::initialise(config.clone(), Seed(1)).unwrap();
                let mut sampler = BatchSampler::new(&model, compute, places, context);
                let prompt: Vec<u32> = (0..length as u32).collect();
                let request = |n| SampleRequest { prompt: &prompt, seed: Seed(n), limit: 8 };
                let requests: Vec<SampleRequest> = (0..places as u64 + 3).map(request).collect();
                sampler.sample(&model, &requests, &SamplingOptions::GREEDY, |_| false, |_, _| ()).unwrap();
                let planned = SamplingMemory::new(&config, places, context, compute).total();
                let ratio = sampler.bytes() as f64 / planned as f64;
                assert!((0.8..1.05).contains(&ratio), "{precision} {places}: measured / planned = {ratio}");
            }
        }
    }

    #[test]
    fn more_time_text_and_cores_never_give_a_smaller_model() {
        let compute = Compute { kernels: Kernels::detect(), precision: Precision::F32 };
        let layers = |corpus_bytes, seconds, threads| {
            plan(&Dial { corpus_bytes, seconds, threads, layers: None }, compute).layers
        };
        assert_eq!(layers(10_000, 1.0, 1), 2);
        let mut before = 0;
        for seconds in [10.0, 60.0, 300.0, 3600.0, 36_000.0] {
            let now = layers(30_000_000, seconds, 2);
            assert!(now >= before && now >= layers(30_000_000, seconds, 1) && now >= layers(300_000, seconds, 2));
            before = now;
        }
        assert!(before > 4);
    }
}
