//! The closed set of differentiable operations, one file each: forward, backward, gradient check.
//!
//! Activations are matrices with a row for each token. Architectures compose these operations through [`Graph`] and
//! never write a backward.

pub(crate) mod attention;
pub(crate) mod cross_entropy;
pub(crate) mod embedding;
pub(crate) mod linear;
pub(crate) mod low_rank;
pub(crate) mod rms_norm;
pub(crate) mod rotary;
pub(crate) mod swiglu;

#[cfg(test)]
pub(crate) mod gradient_check;

use crate::tape::Graph;

pub use attention::{AttentionShape, KeyValueCache, Segment};
pub use cross_entropy::TokenLosses;
pub use low_rank::{LowRankAdapter, LowRankPart};
pub use rotary::RotaryTable;

/// An operation that ran, with what its backward needs.
pub(crate) enum Operation {
    Embedding(embedding::Embedding),
    Linear(linear::Linear),
    LowRank(low_rank::LowRank),
    RmsNorm(rms_norm::RmsNorm),
    Rotary(rotary::Rotary),
    Attention(attention::Attention),
    SwiGlu(swiglu::SwiGlu),
    CrossEntropy(cross_entropy::CrossEntropy),
}

impl Operation {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        match self {
            Operation::Embedding(operation) => operation.backward(graph),
            Operation::Linear(operation) => operation.backward(graph),
            Operation::LowRank(operation) => operation.backward(graph),
            Operation::RmsNorm(operation) => operation.backward(graph),
            Operation::Rotary(operation) => operation.backward(graph),
            Operation::Attention(operation) => operation.backward(graph),
            Operation::SwiGlu(operation) => operation.backward(graph),
            Operation::CrossEntropy(operation) => operation.backward(graph),
        }
    }
}

macro_rules! into_operation {
    ($($name:ident in $module:ident),*) => {$(
        impl From<$module::$name> for Operation {
            fn from(operation: $module::$name) -> Self {
                Operation::$name(operation)
            }
        }
    )*};
}
into_operation!(
    Embedding in embedding,
    Linear in linear,
    LowRank in low_rank,
    RmsNorm in rms_norm,
    Rotary in rotary,
    Attention in attention,
    SwiGlu in swiglu,
    CrossEntropy in cross_entropy
);
