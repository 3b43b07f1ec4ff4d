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
    adapters::{LoraOptions, LoraTarget},
    kernels::zeroed,
    ops::{AttentionShape, KeyValueCache, LowRankAdapter, LowRankPart, RotaryTable, Segment},
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
    /// else those of a single layer. Those of adapters come on top: [`LoraOptions::activations`].
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

    /// Number of parameters, adapters and value head not counted.
    pub fn parameter_count(&self) -> usize {
        Layout::new(self, None, false).length
    }

    /// The linear layers of a block.
    pub(crate) fn linear_layers(&self) -> [LinearShape; 4] {
        use LoraTarget::{DownProj, GateProj, KProj, OProj, QProj, UpProj, VProj};
        let shape = self.attention();
        let (hidden, between) = (self.hidden_size, self.intermediate_size);
        let (queries, keys) = (shape.heads * shape.head, shape.key_value_heads * shape.head);
        [
            LinearShape { parts: &[QProj, KProj, VProj], rows: vec![queries, keys, keys], columns: hidden },
            LinearShape { parts: &[OProj], rows: vec![hidden], columns: queries },
            LinearShape { parts: &[GateProj, UpProj], rows: vec![between, between], columns: hidden },
            LinearShape { parts: &[DownProj], rows: vec![hidden], columns: between },
        ]
    }
}

/// Projections of the same input, whose weights are one matrix.
pub(crate) struct LinearShape {
    pub(crate) parts: &'static [LoraTarget],
    /// Features that each part makes.
    pub(crate) rows: Vec<usize>,
    /// Features that all of them read.
    pub(crate) columns: usize,
}

impl LinearShape {
    /// The parts with an adapter: which, the first row of its weight, and the number of rows.
    pub(crate) fn adapted<'l>(
        &'l self,
        lora: &'l LoraOptions,
    ) -> impl Iterator<Item = (LoraTarget, usize, usize)> + 'l {
        let firsts = self.rows.iter().scan(0, |next, rows| Some(std::mem::replace(next, *next + rows)));
        let parts = self.parts.iter().zip(firsts).zip(&self.rows);
        parts.map(|((part, first), rows)| (*part, first, *rows)).filter(|(part, ..)| lora.targets.contains(part))
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

/// Where each parameter is. Projections of the same input are neighbours, so that they are one matrix. Adapters come after
/// all of the plain model, the value head comes last: what is trained beside frozen weights is one range.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    embedding: Parameter,
    layers: Vec<LayerLayout>,
    norm: Parameter,
    output: Parameter,
    pub(crate) lora: Option<LoraOptions>,
    pub(crate) value_head: Option<(Parameter, Parameter)>,
    pub(crate) tensors: Vec<NamedTensor>,
    /// Parameters of the plain model.
    pub(crate) base: usize,
    pub(crate) length: usize,
}

#[derive(Clone, Debug)]
struct LayerLayout {
    input_norm: Parameter,
    query_key_value: LinearLayout,
    output: LinearLayout,
    feed_forward_norm: Parameter,
    gate_up: LinearLayout,
    down: LinearLayout,
}

#[derive(Clone, Debug)]
struct LinearLayout {
    weight: Parameter,
    bias: Option<Parameter>,
    adapter: Option<LowRankAdapter>,
}

impl LinearLayout {
    fn forward(&self, graph: &mut Graph, x: Tensor, residual: Option<Tensor>) -> Tensor {
        let y = graph.linear(x, self.weight, self.bias, residual);
        if let Some(adapter) = &self.adapter {
            graph.low_rank(x, y, adapter);
        }
        y
    }
}

impl LayerLayout {
    fn linear_layers(&self) -> [&LinearLayout; 4] {
        [&self.query_key_value, &self.output, &self.gate_up, &self.down]
    }

    fn linear_layers_mut(&mut self) -> [&mut LinearLayout; 4] {
        [&mut self.query_key_value, &mut self.output, &mut self.gate_up, &mut self.down]
    }
}

/// Parameters one after another.
#[derive(Default)]
struct Stack {
    tensors: Vec<NamedTensor>,
    length: usize,
}

impl Stack {
    /// One parameter out of stacked tensors (name, rows) with the same number of columns.
    fn matrix(&mut self, parts: impl IntoIterator<Item = (String, usize)>, columns: usize) -> Parameter {
        let offset = self.length;
        let rows = parts.into_iter().map(|(name, rows)| self.push(name, vec![rows, columns])[0]).sum();
        Parameter { offset, rows, columns }
    }

    /// The same for vectors, which have one dimension.
    fn vector(&mut self, parts: impl IntoIterator<Item = (String, usize)>) -> Parameter {
        let offset = self.length;
        let columns = parts.into_iter().map(|(name, size)| self.push(name, vec![size])[0]).sum();
        Parameter { offset, rows: 1, columns }
    }

    fn push(&mut self, name: String, shape: Vec<usize>) -> Vec<usize> {
        let start = self.length;
        self.length += shape.iter().product::<usize>();
        self.tensors.push(NamedTensor { name, shape: shape.clone(), range: start..self.length });
        shape
    }
}

impl Layout {
    pub(crate) fn new(config: &DecoderConfig, lora: Option<&LoraOptions>, value_head: bool) -> Self {
        let mut stack = Stack::default();
        let hidden = config.hidden_size;
        let vocabulary = |name: &str| [(format!("{name}.weight"), config.vocab_size)];
        let embedding = stack.matrix(vocabulary("model.embed_tokens"), hidden);
        let mut layers = Vec::new();
        for layer in 0..config.num_hidden_layers {
            let name = |rest: &str| format!("model.layers.{layer}.{rest}");
            let names = |linear: &LinearShape, suffix: &str| {
                let names = linear.parts.iter().map(|part| name(&format!("{}.{suffix}", part.module())));
                names.zip(linear.rows.clone()).collect::<Vec<_>>()
            };
            let linear = |stack: &mut Stack, shape: &LinearShape, has_bias: bool| LinearLayout {
                weight: stack.matrix(names(shape, "weight"), shape.columns),
                bias: has_bias.then(|| stack.vector(names(shape, "bias"))),
                adapter: None,
            };
            let [query_key_value, output, gate_up, down] = config.linear_layers();
            layers.push(LayerLayout {
                input_norm: stack.vector([(name("input_layernorm.weight"), hidden)]),
                query_key_value: linear(&mut stack, &query_key_value, config.has_query_key_value_bias()),
                output: linear(&mut stack, &output, false),
                feed_forward_norm: stack.vector([(name("post_attention_layernorm.weight"), hidden)]),
                gate_up: linear(&mut stack, &gate_up, false),
                down: linear(&mut stack, &down, false),
            });
        }
        let norm = stack.vector([("model.norm.weight".to_owned(), hidden)]);
        let output = if config.tie_word_embeddings { embedding } else { stack.matrix(vocabulary("lm_head"), hidden) };
        let base = stack.length;
        if let Some(lora) = lora {
            for (index, layer) in layers.iter_mut().enumerate() {
                for (linear, shape) in layer.linear_layers_mut().into_iter().zip(config.linear_layers()) {
                    linear.adapter = adapter(&mut stack, index, &shape, lora);
                }
            }
        }
        let value_head = value_head.then(|| {
            let weight = stack.matrix([("value_head.weight".to_owned(), 1)], hidden);
            (weight, stack.vector([("value_head.bias".to_owned(), 1)]))
        });
        let Stack { tensors, length } = stack;
        Self { embedding, layers, norm, output, lora: lora.cloned(), value_head, tensors, base, length }
    }

    /// The linear layers that have an adapter.
    pub(crate) fn adapted(&self) -> impl Iterator<Item = (Parameter, &LowRankAdapter)> {
        let all = self.layers.iter().flat_map(LayerLayout::linear_layers);
        all.filter_map(|linear| Some((linear.weight, linear.adapter.as_ref()?)))
    }

    pub(crate) fn output(&self) -> Parameter {
        self.output
    }
}

/// The adapter of a linear layer: first the A of all adapted parts, then their B.
fn adapter(stack: &mut Stack, layer: usize, shape: &LinearShape, lora: &LoraOptions) -> Option<LowRankAdapter> {
    let name = |part: LoraTarget, which: char| format!("model.layers.{layer}.{}.lora_{which}.weight", part.module());
    let adapted: Vec<_> = shape.adapted(lora).collect();
    if adapted.is_empty() {
        return None;
    }
    let a = stack.matrix(adapted.iter().map(|(part, ..)| (name(*part, 'A'), lora.rank)), shape.columns);
    let b = |(part, first_column, rows)| LowRankPart {
        first_column,
        b: stack.matrix([(name(part, 'B'), rows)], lora.rank),
    };
    let parts = adapted.into_iter().map(b).collect();
    Some(LowRankAdapter { a, parts, scale: lora.scale() })
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
    let training = graph.is_training();
    let low_rank = layout.lora.as_ref().map_or(0, |lora| lora.activations(config, tokens.len(), training));
    graph.reserve(config.activations(tokens.len(), training, graph.workspace.compute) + low_rank);
    let mark = graph.mark();
    let mut x = graph.embedding(tokens, layout.embedding);
    for (index, layer) in layout.layers.iter().enumerate() {
        let normed = graph.rms_norm(x, layer.input_norm, epsilon);
        let query_key_value = layer.query_key_value.forward(graph, normed, None);
        graph.rotary(query_key_value, shape.heads + shape.key_value_heads, positions, rotary);
        let attended = match &mut context {
            Context::Documents(segments) => graph.attention(query_key_value, shape, segments),
            Context::Cached(caches) => graph.cached_attention(query_key_value, shape, &mut caches[index]),
            Context::Batched(caches, active) => {
                graph.batched_attention(query_key_value, shape, &mut caches[index], active)
            }
        };
        let middle = layer.output.forward(graph, attended, Some(x));
        let normed = graph.rms_norm(middle, layer.feed_forward_norm, epsilon);
        let gate_up = layer.gate_up.forward(graph, normed, None);
        let activated = graph.swiglu(gate_up);
        x = layer.down.forward(graph, activated, Some(middle));
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
