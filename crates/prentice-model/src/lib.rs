//! The engine: differentiable operations, architectures, kernels, checkpoints, generation.
//!
//! Three promises hold everything together, and are tests:
//! * every kernel is *batch-invariant*: a row's result never depends on which rows are computed with it, so the
//!   log-probabilities of generation equal those of training bit for bit;
//! * results do not depend on the number of threads;
//! * every operation's backward agrees with finite differences.
//!
//! [`kernels::Precision`] chooses the arithmetic of matrix products. Parameters, the residual stream and all reductions
//! are f32; in bf16, values that only matrix products read are kept as the bf16 that packing would round them to.

// Library code prints nothing: what there is to say goes through events.
#![deny(clippy::print_stdout, clippy::print_stderr)]
// Kernels walk several arrays in step; an index says so more plainly than nested zips.
#![allow(clippy::needless_range_loop)]

pub mod adapters;
pub mod architectures;
mod batch;
mod branches;
pub mod checkpoint;
pub mod gemm;
mod generate;
pub mod kernels;
mod model;
pub mod ops;
mod peft;
mod sample;
mod tape;

pub use adapters::{AdapterError, LoraOptions, LoraTarget};
pub use architectures::decoder::{ConfigError, DecoderConfig};
pub use batch::Batch;
pub use branches::{Branches, Logits};
pub use checkpoint::CheckpointError;
pub use generate::{ContextError, GeneratedToken, Generator, SamplingOptions};
pub use model::Model;
pub use peft::{ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE};
pub use sample::{BatchSampler, SampleRequest};
pub use tape::{Compute, Graph, Parameter, Tensor, Weights, Workspace};
