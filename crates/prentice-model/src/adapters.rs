//! Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) of a model's linear layers, and the value head.
//!
//! An adapted projection computes `W x + alpha / rank * B A x` with `W` frozen. Names, initialisation and scale are those
//! of PEFT. An adapter is a property of a linear layer, so it acts in training, scoring and generation alike. *Not
//! covered*: dropout, rank-stabilised scale, DoRA, adapters of the embedding or the output, ranks that differ between
//! layers.

use std::fmt;

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use prentice_base::Seed;

use crate::{
    architectures::decoder::DecoderConfig,
    gemm::{PackedB, Start, View, multiply},
    kernels::{Kernels, Precision},
    model::Model,
};

/// Size and place of adapters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraOptions {
    /// Columns of B and rows of A.
    pub rank: usize,
    /// What an adapter computes is scaled by `alpha / rank`.
    pub alpha: f64,
    /// Which projections have one, in every block.
    pub targets: Vec<LoraTarget>,
}

/// A projection that can have an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraTarget {
    /// Queries.
    QProj,
    /// Keys.
    KProj,
    /// Values.
    VProj,
    /// From attention back into the residual stream.
    OProj,
    /// The gate of the feed-forward part.
    GateProj,
    /// What the gate multiplies.
    UpProj,
    /// From the feed-forward part back into the residual stream.
    DownProj,
}

impl LoraTarget {
    /// Every projection: PEFT's `all-linear`.
    pub const ALL: [LoraTarget; 7] = [
        LoraTarget::QProj,
        LoraTarget::KProj,
        LoraTarget::VProj,
        LoraTarget::OProj,
        LoraTarget::GateProj,
        LoraTarget::UpProj,
        LoraTarget::DownProj,
    ];

    /// Name within a block of the matching Transformers class.
    pub(crate) fn module(self) -> &'static str {
        match self {
            LoraTarget::QProj => "self_attn.q_proj",
            LoraTarget::KProj => "self_attn.k_proj",
            LoraTarget::VProj => "self_attn.v_proj",
            LoraTarget::OProj => "self_attn.o_proj",
            LoraTarget::GateProj => "mlp.gate_proj",
            LoraTarget::UpProj => "mlp.up_proj",
            LoraTarget::DownProj => "mlp.down_proj",
        }
    }
}

impl fmt::Display for LoraTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module();
        f.write_str(module.split_once('.').map_or(module, |(_, name)| name))
    }
}

/// A model cannot have these adapters.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// An option that this engine does not implement, or that makes no sense for the model.
    #[error("the adapters have {field} = {value}, but this engine {limit}")]
    Unsupported {
        /// The option, as PEFT calls it.
        field: String,
        /// Its value.
        value: String,
        /// What is possible.
        limit: String,
    },
    /// The model has adapters already.
    #[error("the model has adapters already")]
    Already,
}

impl AdapterError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            AdapterError::Unsupported { .. } => {
                "plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and \
                 feed-forward part"
            }
            AdapterError::Already => "merge them into the model first",
        }
    }
}

impl LoraOptions {
    /// Checks the options against a model.
    ///
    /// # Errors
    /// Names the option, its value and the limit.
    pub fn validate(&self, config: &DecoderConfig) -> Result<(), AdapterError> {
        let refuse = |field: &str, value: String, limit: String| {
            Err(AdapterError::Unsupported { field: field.into(), value, limit })
        };
        let sizes =
            config.linear_layers().map(|linear| linear.columns.max(linear.rows.iter().copied().max().unwrap_or(0)));
        let largest = sizes.into_iter().max().unwrap_or(0);
        if self.rank == 0 || self.rank > largest {
            return refuse("r", self.rank.to_string(), format!("needs a rank from 1 to {largest} for this model"));
        }
        if !self.alpha.is_finite() || self.alpha <= 0.0 {
            return refuse("lora_alpha", self.alpha.to_string(), "needs a positive number".into());
        }
        let targets: Vec<String> = self.targets.iter().map(LoraTarget::to_string).collect();
        let unique: std::collections::BTreeSet<_> = self.targets.iter().collect();
        if targets.is_empty() || unique.len() < targets.len() {
            let limit = "needs at least one projection, and each once".into();
            return refuse("target_modules", format!("[{}]", targets.join(", ")), limit);
        }
        Ok(())
    }

    /// Number of parameters that the adapters add to a model.
    pub fn parameter_count(&self, config: &DecoderConfig) -> usize {
        let layers = config.linear_layers();
        let parts = layers.iter().flat_map(|linear| linear.adapted(self).map(|(_, _, rows)| rows + linear.columns));
        config.num_hidden_layers * self.rank * parts.sum::<usize>()
    }

    /// Activations, in f32 numbers, that a pass over `tokens` tokens keeps beyond those of the model: all of them where a
    /// backward pass follows, else those of a single layer.
    pub fn activations(&self, config: &DecoderConfig, tokens: usize, training: bool) -> usize {
        let adapted = config.linear_layers().map(|linear| tokens * self.rank * linear.adapted(self).count());
        let a_layer: usize = adapted.iter().map(|numbers| numbers.next_multiple_of(16)).sum();
        if training { config.num_hidden_layers * a_layer } else { a_layer }
    }

    /// Factor on what an adapter computes.
    pub(crate) fn scale(&self) -> f32 {
        (self.alpha / self.rank as f64) as f32
    }
}

impl Model {
    /// The model with fresh adapters, which change nothing yet: A is uniform within `1 / sqrt(in)` (Kaiming with
    /// `a = sqrt(5)`), B is zero. Only they, and the value head where there is one, are trained from here on.
    ///
    /// # Errors
    /// The model has adapters, or cannot have these.
    pub fn with_adapters(self, options: &LoraOptions, seed: Seed) -> Result<Model, AdapterError> {
        let mut model = self.with_zero_adapters(options)?;
        let tensors = model.tensors().to_vec();
        for (index, tensor) in tensors.iter().filter(|tensor| tensor.name.ends_with("lora_A.weight")).enumerate() {
            let bound = 1.0 / (tensor.shape[1] as f64).sqrt();
            let mut rng = seed.derive("adapters", index as u64).rng();
            for value in &mut model.parameters_mut()[tensor.range.clone()] {
                let uniform = (f64::from(rng.next_u32()) + 0.5) / (f64::from(u32::MAX) + 1.0);
                *value = ((2.0 * uniform - 1.0) * bound) as f32;
            }
        }
        Ok(model)
    }

    pub(crate) fn with_zero_adapters(self, options: &LoraOptions) -> Result<Model, AdapterError> {
        if self.adapters().is_some() {
            return Err(AdapterError::Already);
        }
        options.validate(self.config())?;
        Ok(self.rebuilt(Some(options), self.value_head().is_some()))
    }

    /// Size and place of the adapters, if there are any.
    pub fn adapters(&self) -> Option<&LoraOptions> {
        self.layout().lora.as_ref()
    }

    /// The plain model that computes the same, up to rounding: `W + alpha / rank * B A` in place of each adapted weight. A
    /// value head stays.
    pub fn merged(&self) -> Model {
        let mut merged = self.rebuilt(None, self.value_head().is_some());
        let adapted: Vec<_> = self.layout().adapted().collect();
        for (weight, adapter) in adapted {
            let (rank, columns) = (adapter.a.rows / adapter.parts.len(), adapter.a.columns);
            let a = &self.parameters()[adapter.a.range()];
            for (part, a) in adapter.parts.iter().zip(a.chunks_exact(rank * columns)) {
                let b: Vec<f32> = self.parameters()[part.b.range()].iter().map(|value| value * adapter.scale).collect();
                let packed = PackedB::new(Kernels::detect(), Precision::F32, View::rows(a, rank, columns, columns));
                let first = weight.offset + part.first_column * columns;
                let weight = &mut merged.parameters_mut()[first..first + part.b.rows * columns];
                multiply(View::rows(&b, part.b.rows, rank, rank), &packed, Start::Accumulate, weight, columns);
            }
        }
        merged
    }

    /// The model with a value head (`value_head.weight`, 1 x hidden, and `value_head.bias`), zero where it is new.
    pub fn with_value_head(self) -> Model {
        if self.value_head().is_some() { self } else { self.rebuilt(self.adapters(), true) }
    }

    /// The model without its value head.
    pub fn without_value_head(self) -> Model {
        if self.value_head().is_none() { self } else { self.rebuilt(self.adapters(), false) }
    }
}
