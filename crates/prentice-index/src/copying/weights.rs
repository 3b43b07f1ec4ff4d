//! Weights that come with Prentice, so that a repository is completed well from its first minute.
//!
//! They were learnt by `cargo run --release -p prentice-index --example practise` on the trees that its doc names, none
//! of which is examined on, and go on learning wherever they are used. Changing a context or a feature makes them void:
//! then they are learnt again.

use super::{Mixture, Reranker};

/// Little-endian `f32`: the mixture's, then the ranking's.
static WEIGHTS: &[u8] = include_bytes!("weights.bin");

/// The weights that come with Prentice.
pub fn default() -> (Mixture, Reranker) {
    parse(WEIGHTS).unwrap_or_default()
}

/// Weights as bytes.
pub fn bytes(mixture: &Mixture, reranker: &Reranker) -> Vec<u8> {
    mixture.weights().iter().copied().chain(reranker.weights()).flat_map(f32::to_le_bytes).collect()
}

fn parse(bytes: &[u8]) -> Option<(Mixture, Reranker)> {
    let (numbers, []) = bytes.as_chunks::<4>() else { return None };
    let mut weights: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let reranker = Reranker::from_weights(&weights.split_off(weights.len().checked_sub(Reranker::WEIGHTS)?))?;
    Some((Mixture::from_weights(weights)?, reranker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_fit_the_contexts_and_features() {
        let (mixture, reranker) = parse(WEIGHTS).expect("`--example practise` makes them anew");
        assert_eq!(bytes(&mixture, &reranker), WEIGHTS);
    }
}
