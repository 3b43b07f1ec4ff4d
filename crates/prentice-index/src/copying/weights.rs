//! Weights that come with Prentice, so that a repository is completed well from its first minute.
//!
//! They were learnt by `cargo run --release -p prentice-assist --example practise` on the trees that its doc names, none
//! of which is examined on, and go on learning wherever they are used. Changing a context or a feature makes them void:
//! then they are learnt again.

use super::{Mixture, Reranker};

/// What was learnt: what the contexts are worth, and which line is right.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// What the contexts are worth.
    pub mixture: Mixture,
    /// Which line is right.
    pub reranker: Reranker,
}

/// Little-endian `f32`: the mixture's, then the ranking's.
static ALONE: &[u8] = include_bytes!("weights.bin");
/// The same for when a neural model is asked, too.
static ACCOMPANIED: &[u8] = include_bytes!("weights-accompanied.bin");

impl Weights {
    /// Those that come with Prentice for the copying model alone.
    pub fn alone() -> Self {
        Self::parse(ALONE).unwrap_or_default()
    }

    /// Those that come with Prentice for when a neural model is asked, too.
    pub fn accompanied() -> Self {
        Self::parse(ACCOMPANIED).unwrap_or_default()
    }

    /// As little-endian `f32`: the mixture's, then the ranking's.
    pub fn bytes(&self) -> Vec<u8> {
        let all = self.mixture.weights().iter().copied().chain(self.reranker.weights());
        all.flat_map(f32::to_le_bytes).collect()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<4>() else { return None };
        let mut weights: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        let reranker = Reranker::from_weights(&weights.split_off(weights.len().checked_sub(Reranker::WEIGHTS)?))?;
        Some(Self { mixture: Mixture::from_weights(weights)?, reranker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_fit_the_contexts_and_features() {
        for shipped in [ALONE, ACCOMPANIED] {
            let weights = Weights::parse(shipped).expect("`--example practise` makes them anew");
            assert_eq!(weights.bytes(), shipped);
        }
    }
}
