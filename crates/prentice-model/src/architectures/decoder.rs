//! The dense decoder of Llama (Touvron et al. 2023, arXiv 2302.13971) and Qwen2 (arXiv 2407.10671).
//!
//! Pre-normalised blocks of rotary grouped-query attention and SwiGLU; Qwen2 adds a bias to query, key and value, and
//! ties the output to the embedding. Checkpoints use the names of `LlamaForCausalLM` and `Qwen2ForCausalLM` in Hugging
//! Face Transformers. *Not covered*: RoPE scaling, sliding windows, biases elsewhere; a configuration that asks for them
//! is refused.

use std::{ops::Range, sync::Arc};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use prentice_base::Seed;

use crate::{
    kernels::zeroed,
    ops::{AttentionShape, KeyValueCache, RotaryTable, Segment},
    tape::{Compute, Graph, Parameter, Tensor},
};

/// Sizes and constants of a decoder: the fields of Hugging Face's `config.json` that matter here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// `["LlamaForCausalLM"]` or `["Qwen2ForCausalLM"]`.
    pub architectures: Vec<String>,
    /// `llama` or `qwen2`.
    pub model_type: String,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Features of a token.
    pub hidden_size: usize,
    /// Features between gate and down projection.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Features of a head; hidden size / query heads where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Added to the mean square before its root.
    pub rms_norm_eps: f64,
    /// Base of the rotary angles; newer files have it in `rope_parameters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// Rotary settings of newer files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_parameters: Option<serde_json::Value>,
    /// Rotary scaling of older files; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<serde_json::Value>,
    /// Whether the output projection is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Activation of the gate; `silu` only.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// Llama's biases, on all four projections; refused.
    #[serde(default)]
    pub attention_bias: bool,
    /// Biases in the feed-forward part; refused.
    #[serde(default)]
    pub mlp_bias: bool,
    /// Sliding windows; refused.
    #[serde(default)]
    pub use_sliding_window: bool,
    /// Type of the stored weights.
    #[serde(default = "float32", alias = "torch_dtype")]
    pub dtype: String,
    /// End of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<serde_json::Value>,
}

fn silu() -> String {
    "silu".to_owned()
}

fn float32() -> String {
    "float32".to_owned()
}

/// A configuration that this decoder does not implement.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model configuration has {field} = {value}, but this engine {limit}")]
pub struct ConfigError {
    field: &'static str,
    value: String,
    limit: &'static str,
}

impl DecoderConfig {
    /// A Llama-style configuration with tied embeddings and rotary base 10000.
    pub fn llama(
        vocabulary: usize,
        hidden: usize,
        layers: usize,
        attention: AttentionShape,
        intermediate: usize,
        positions: usize,
    ) -> Self {
        Self {
            architectures: vec!["LlamaForCausalLM".to_owned()],
            model_type: "llama".to_owned(),
            vocab_size: vocabulary,
            hidden_size: hidden,
            intermediate_size: intermediate,
            num_hidden_layers: layers,
            num_attention_heads: attention.heads,
            num_key_value_heads: attention.key_value_heads,
            head_dim: Some(attention.head),
            max_position_embeddings: positions,
            rms_norm_eps: 1e-5,
            rope_theta: Some(10_000.0),
            rope_parameters: None,
            rope_scaling: None,
            tie_word_embeddings: true,
            hidden_act: silu(),
            attention_bias: false,
            mlp_bias: false,
            use_sliding_window: false,
            dtype: float32(),
            eos_token_id: None,
        }
    }

    /// Checks that this decoder implements the configuration.
    ///
    /// # Errors
    /// Names the field, its value and the limit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse =
            |field, value: &dyn std::fmt::Display, limit| Err(ConfigError { field, value: value.to_string(), limit });
        if !matches!(self.model_type.as_str(), "llama" | "qwen2") {
            return refuse("model_type", &self.model_type, "knows llama and qwen2");
        }
        if self.hidden_act != "silu" {
            return refuse("hidden_act", &self.hidden_act, "knows silu");
        }
        for (field, set) in [
            ("attention_bias", self.attention_bias),
            ("mlp_bias", self.mlp_bias),
            ("use_sliding_window", self.use_sliding_window),
        ] {
            if set {
                return refuse(field, &true, "does not implement it");
            }
        }
        if let Some(scaling) = &self.rope_scaling {
            return refuse("rope_scaling", scaling, "does not scale rotary positions");
        }
        let kind = self.rope_parameters.as_ref().and_then(|p| p.get("rope_type")).and_then(|kind| kind.as_str());
        if let Some(kind) = kind.filter(|kind| *kind != "default") {
            return refuse("rope_type", &kind, "does not scale rotary positions");
        }
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            if value == 0 || value > 1 << 24 {
                return refuse(field, &value, "needs a number from 1 to 16777216");
            }
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return refuse("num_key_value_heads", &self.num_key_value_heads, "needs a divisor of num_attention_heads");
        }
        let head = self.attention().head;
        if head == 0 || !head.is_multiple_of(2) {
            return refuse("head_dim", &head, "needs an even number of features a head");
        }
        Ok(())
    }

    /// Sizes of the attention layers.
    pub fn attention(&self) -> AttentionShape {
        AttentionShape {
            heads: self.num_attention_heads,
            key_value_heads: self.num_key_value_heads,
            head: self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads),
        }
    }

    pub(crate) fn theta(&self) -> f64 {
        let nested =
            self.rope_parameters.as_ref().and_then(|p| p.get("rope_theta")).and_then(serde_json::Value::as_f64);
        nested.or(self.rope_theta).unwrap_or(10_000.0)
    }

    fn has_query_key_value_bias(&self) -> bool {
        self.model_type == "qwen2"
    }

    /// Activations, in f32 numbers, that a pass over `tokens` tokens keeps: all of them where a backward pass follows,
    /// else those of a single layer.
    pub fn activations(&self, tokens: usize, training: bool, compute: Compute) -> usize {
        let shape = self.attention();
        let (hidden, between) = (self.hidden_size, self.intermediate_size);
        let tensor = |columns: usize| (tokens * columns).next_multiple_of(16);
        // What only matrix products read may be bf16.
        let operand = |columns: usize| {
            if compute.keeps_bf16() { (tokens * columns).div_ceil(2).next_multiple_of(16) } else { tensor(columns) }
        };
        let norm = operand(hidden) + tensor(1);
        let attention = tensor(shape.columns()) + operand(shape.heads * shape.head) + tensor(shape.heads);
        let a_layer = 2 * norm + attention + tensor(2 * between) + operand(between) + 2 * tensor(hidden);
        let layers = if training { self.num_hidden_layers } else { 1 };
        tensor(hidden) + layers * a_layer + norm
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        Layout::new(self).length
    }
}

/// A tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTensor {
    /// Name in the matching Transformers class.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Where its elements are among the parameters.
    pub range: Range<usize>,
}

/// Where each parameter is. Projections of the same input are neighbours, so that they are one matrix.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    embedding: Parameter,
    layers: Vec<LayerLayout>,
    norm: Parameter,
    output: Parameter,
    pub(crate) tensors: Vec<NamedTensor>,
    pub(crate) length: usize,
}

#[derive(Clone, Copy, Debug)]
struct LayerLayout {
    input_norm: Parameter,
    query_key_value: Parameter,
    bias: Option<Parameter>,
    output: Parameter,
    feed_forward_norm: Parameter,
    gate_up: Parameter,
    down: Parameter,
}

impl Layout {
    pub(crate) fn new(config: &DecoderConfig) -> Self {
        let mut tensors: Vec<NamedTensor> = Vec::new();
        let mut length = 0;
        // One parameter out of stacked tensors with the same number of columns; vectors have one dimension.
        let mut stack = |parts: &[(String, usize)], columns: Option<usize>| {
            let offset = length;
            let mut rows = 0;
            for (name, size) in parts {
                let shape = columns.map_or(vec![*size], |columns| vec![*size, columns]);
                let count: usize = shape.iter().product();
                tensors.push(NamedTensor { name: name.clone(), shape, range: length..length + count });
                length += count;
                rows += size;
            }
            match columns {
                Some(columns) => Parameter { offset, rows, columns },
                None => Parameter { offset, rows: 1, columns: rows },
            }
        };
        let hidden = config.hidden_size;
        let shape = config.attention();
        let (queries, keys) = (shape.heads * shape.head, shape.key_value_heads * shape.head);
        let embedding = stack(&[("model.embed_tokens.weight".to_owned(), config.vocab_size)], Some(hidden));
        let layers = (0..config.num_hidden_layers)
            .map(|layer| {
                let name = |rest: &str| format!("model.layers.{layer}.{rest}");
                let projections = |suffix: &str| {
                    [("q", queries), ("k", keys), ("v", keys)]
                        .map(|(which, size)| (name(&format!("self_attn.{which}_proj.{suffix}")), size))
                };
                LayerLayout {
                    input_norm: stack(&[(name("input_layernorm.weight"), hidden)], None),
                    query_key_value: stack(&projections("weight"), Some(hidden)),
                    bias: config.has_query_key_value_bias().then(|| stack(&projections("bias"), None)),
                    output: stack(&[(name("self_attn.o_proj.weight"), hidden)], Some(queries)),
                    feed_forward_norm: stack(&[(name("post_attention_layernorm.weight"), hidden)], None),
                    gate_up: stack(
                        &["gate", "up"]
                            .map(|which| (name(&format!("mlp.{which}_proj.weight")), config.intermediate_size)),
                        Some(hidden),
                    ),
                    down: stack(&[(name("mlp.down_proj.weight"), hidden)], Some(config.intermediate_size)),
                }
            })
            .collect();
        let norm = stack(&[("model.norm.weight".to_owned(), hidden)], None);
        let output = if config.tie_word_embeddings {
            embedding
        } else {
            stack(&[("lm_head.weight".to_owned(), config.vocab_size)], Some(hidden))
        };
        Self { embedding, layers, norm, output, tensors, length }
    }

    pub(crate) fn output(&self) -> Parameter {
        self.output
    }
}

/// Where keys and values come from.
pub(crate) enum Context<'c> {
    /// From the documents of the batch itself.
    Documents(&'c Arc<[Segment]>),
    /// From one cache a layer, to which the batch (the continuation of one document) is added.
    Cached(&'c mut [KeyValueCache]),
    /// From caches of many documents, `[layer][document]`; each row of the batch is the next token of one of them.
    Batched(&'c mut [Vec<KeyValueCache>], &'c [usize]),
}

/// The final normalised features of each token: tokens x hidden.
pub(crate) fn hidden_states(
    config: &DecoderConfig,
    layout: &Layout,
    rotary: &Arc<RotaryTable>,
    graph: &mut Graph,
    tokens: &[u32],
    positions: &[u32],
    mut context: Context,
) -> Tensor {
    let shape = config.attention();
    let epsilon = config.rms_norm_eps as f32;
    graph.reserve(config.activations(tokens.len(), graph.is_training(), graph.workspace.compute));
    let mark = graph.mark();
    let mut x = graph.embedding(tokens, layout.embedding);
    for (index, layer) in layout.layers.iter().enumerate() {
        let normed = graph.rms_norm(x, layer.input_norm, epsilon);
        let query_key_value = graph.linear(normed, layer.query_key_value, layer.bias, None);
        graph.rotary(query_key_value, shape.heads + shape.key_value_heads, positions, rotary);
        let attended = match &mut context {
            Context::Documents(segments) => graph.attention(query_key_value, shape, segments),
            Context::Cached(caches) => graph.cached_attention(query_key_value, shape, &mut caches[index]),
            Context::Batched(caches, active) => {
                graph.batched_attention(query_key_value, shape, &mut caches[index], active)
            }
        };
        let middle = graph.linear(attended, layer.output, None, Some(x));
        let normed = graph.rms_norm(middle, layer.feed_forward_norm, epsilon);
        let gate_up = graph.linear(normed, layer.gate_up, None, None);
        let activated = graph.swiglu(gate_up);
        x = graph.linear(activated, layer.down, None, Some(middle));
        x = graph.keep(mark, x);
    }
    graph.rms_norm(x, layout.norm, epsilon)
}

/// Random initial parameters: normal with deviation 0.02, the projections back into the residual stream divided by
/// `sqrt(2 layers)` (GPT-2, Radford et al. 2019); norms 1, biases 0.
pub(crate) fn initialise(config: &DecoderConfig, layout: &Layout, seed: Seed) -> Vec<f32> {
    let mut parameters = zeroed(layout.length);
    for (index, tensor) in layout.tensors.iter().enumerate() {
        let values = &mut parameters[tensor.range.clone()];
        if tensor.name.ends_with("norm.weight") {
            values.fill(1.0);
        } else if tensor.shape.len() == 2 {
            let into_residual = tensor.name.ends_with("o_proj.weight") || tensor.name.ends_with("down_proj.weight");
            let deviation = if into_residual { 0.02 / (2.0 * config.num_hidden_layers as f64).sqrt() } else { 0.02 };
            let mut rng = seed.derive("initialise", index as u64).rng();
            // Box-Muller: two uniform numbers, one normal number.
            let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / f64::from(u32::MAX).mul_add(1.0, 1.0);
            for value in values {
                let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
                *value = (normal * deviation) as f32;
            }
        }
    }
    parameters
}
