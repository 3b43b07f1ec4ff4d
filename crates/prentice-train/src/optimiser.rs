//! AdamW (Loshchilov & Hutter 2017, arXiv 1711.05101): decoupled decay, global-norm clipping.
//!
//! Decay acts on matrices only, not on norms and biases. Everything is computed as PyTorch's `AdamW` does. Only what the
//! model trains has a state and moves.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use prentice_model::{
    Model,
    kernels::{AdamWConstants, Isa, Kernels, adamw_update, sum_of_squares, zeroed},
};

/// Constants of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWOptions {
    /// Decay of the mean of the gradient.
    pub beta1: f64,
    /// Decay of the mean of its square.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Decoupled decay of matrices, times the learning rate.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient.
    pub clip: f64,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1, clip: 1.0 }
    }
}

/// The optimiser's state.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Constants.
    pub options: AdamWOptions,
    /// Steps taken.
    pub steps: u64,
    /// Running mean of the gradient.
    pub mean: Vec<f32>,
    /// Running mean of its square.
    pub square: Vec<f32>,
}

/// Parameters updated at a time; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 1 << 15;

impl AdamW {
    /// A fresh state for a number of parameters: those of [`Model::trainable`].
    pub fn new(parameters: usize, options: AdamWOptions) -> Self {
        Self { options, steps: 0, mean: zeroed(parameters), square: zeroed(parameters) }
    }

    /// Takes a step and clears the gradient; returns its norm before clipping.
    ///
    /// A gradient that is not finite changes nothing but is still returned, so that the caller can stop.
    pub fn step(&mut self, model: &mut Model, gradient: &mut [f32], learning_rate: f64) -> f64 {
        let trainable = model.trainable();
        assert!(
            gradient.len() == trainable.len() && self.mean.len() == trainable.len(),
            "one for each trained parameter"
        );
        let isa = Kernels::detect().isa;
        let norm = norm(isa, gradient);
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        let AdamWOptions { beta1, beta2, epsilon, weight_decay, clip } = self.options;
        let scale = (clip / (norm + 1e-6)).min(1.0) as f32;
        let correction1 = 1.0 - beta1.powi(self.steps as i32);
        let correction2 = (1.0 - beta2.powi(self.steps as i32)).sqrt();
        let constants = AdamWConstants {
            scale,
            beta1: beta1 as f32,
            rest1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            rest2: (1.0 - beta2) as f32,
            step_size: (learning_rate / correction1) as f32,
            root: correction2 as f32,
            epsilon: epsilon as f32,
            keep: 1.0,
        };
        let keep = (1.0 - learning_rate * weight_decay) as f32;
        let tensors: Vec<_> = model
            .tensors()
            .iter()
            .filter(|tensor| tensor.range.start >= trainable.start)
            .map(|tensor| {
                let range = tensor.range.start - trainable.start..tensor.range.end - trainable.start;
                (range, tensor.shape.len() >= 2)
            })
            .collect();
        let parameters = model.trainable_mut().par_chunks_mut(BLOCK);
        let state = self.mean.par_chunks_mut(BLOCK).zip(self.square.par_chunks_mut(BLOCK));
        let blocks = parameters.zip(gradient.par_chunks_mut(BLOCK)).zip(state).enumerate();
        blocks.for_each(|(block, ((p, g), (m, s)))| {
            // A block may hold the ends of several tensors.
            let (start, end) = (block * BLOCK, block * BLOCK + p.len());
            let first = tensors.partition_point(|(range, _)| range.end <= start);
            for (range, decays) in tensors[first..].iter().take_while(|(range, _)| range.start < end) {
                let part = range.start.max(start) - start..range.end.min(end) - start;
                let constants = AdamWConstants { keep: if *decays { keep } else { 1.0 }, ..constants };
                adamw_update(
                    isa,
                    constants,
                    &mut p[part.clone()],
                    &mut g[part.clone()],
                    &mut m[part.clone()],
                    &mut s[part],
                );
            }
        });
        norm
    }
}

/// The Euclidean norm, summed in blocks of fixed size.
pub(crate) fn norm(isa: Isa, values: &[f32]) -> f64 {
    let sums: Vec<f64> = values.par_chunks(BLOCK).map(|block| f64::from(sum_of_squares(isa, block))).collect();
    sums.iter().sum::<f64>().sqrt()
}
