//! Output projection and cross-entropy in one: logits exist for a block of rows at a time.
//!
//! In training the gradient is computed in the same pass, while the logits are in the cache. For a vocabulary of 8192 and
//! 2048 tokens this spares 64 MB of logits and three passes over them.

use crate::{
    gemm::{Operand, Start, View, multiply},
    kernels::{Bf16, SharedMut, exp_sum, for_each_block, maximum, scale, vectorised},
    tape::{Graph, Parameter, Tensor},
};

/// Rows of logits that exist at a time.
const ROWS: usize = 512;

/// What the model says about each token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLosses {
    /// Natural logarithm of the probability of each row's target; 0 where the weight is 0.
    pub log_probabilities: Vec<f32>,
    /// The most probable token of each row.
    pub most_probable: Vec<u32>,
    /// Sum of the weights.
    pub weight: f64,
    /// Weighted mean of the negative log-probabilities, in nats a token.
    pub mean: f64,
}

pub(crate) struct CrossEntropy {
    x: Tensor,
    /// The gradient with respect to `x`, computed in the forward pass.
    dx: std::cell::RefCell<Vec<f32>>,
}

/// The logarithm of the sum of the exponentials of a row of logits, which are replaced by `exp(logit - maximum)`; also
/// that sum. Every log-probability of Prentice, in training and in generation, is `logit - log_sum_exp`.
pub(crate) fn log_sum_exp(isa: crate::kernels::Isa, logits: &mut [f32]) -> (f32, f32) {
    let shift = maximum(isa, logits);
    let sum = exp_sum(isa, logits, 1.0, shift);
    (shift + sum.ln(), sum)
}

/// The index of the first largest logit.
pub(crate) fn most_probable(isa: crate::kernels::Isa, logits: &[f32]) -> u32 {
    let largest = maximum(isa, logits);
    logits.iter().position(|logit| *logit == largest).unwrap_or(0) as u32
}

impl Graph<'_> {
    /// Cross-entropy of `x W^T` (x: tokens x features, `weight`: vocabulary x features) against `targets`, each counting
    /// `weights` times.
    ///
    /// In training, adds the gradient of the weighted mean to the output weight at once, and keeps that of `x`.
    pub fn cross_entropy(&mut self, x: Tensor, weight: Parameter, targets: &[u32], weights: &[f32]) -> TokenLosses {
        assert!(targets.len() == x.rows && weights.len() == x.rows && x.columns == weight.columns);
        let vocabulary = weight.rows;
        let training = self.is_training();
        let workspace = &mut *self.workspace;
        let compute = workspace.compute;
        let isa = compute.kernels.isa;
        let keeps_bf16 = compute.keeps_bf16();
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let normaliser = if total > 0.0 { (1.0 / total) as f32 } else { 0.0 };
        let mut log_probabilities = vec![0.0; x.rows];
        let mut best = vec![0; x.rows];
        let mut dx = if training { workspace.gradients.buffer(x.rows * x.columns) } else { Vec::new() };
        workspace.logits.resize(ROWS.min(x.rows) * vocabulary, 0.0);
        for first in (0..x.rows).step_by(ROWS) {
            let rows = ROWS.min(x.rows - first);
            let input = x.operand(workspace.values.get(x)).row_range(first, rows);
            let logits = &mut workspace.logits[..rows * vocabulary];
            let packed = workspace.packs.forward(compute, weight, self.parameters);
            multiply(input, packed, Start::Zero, logits, vocabulary);
            {
                let (logits, log_probabilities, best) =
                    (SharedMut::new(logits), SharedMut::new(&mut log_probabilities), SharedMut::new(&mut best));
                for_each_block(rows.div_ceil(8), |block| {
                    for r in block * 8..((block + 1) * 8).min(rows) {
                        let row = first + r;
                        // SAFETY: blocks have their own rows.
                        let (line, log_probability, best) = unsafe {
                            (
                                logits.range(r * vocabulary, vocabulary),
                                log_probabilities.range(row, 1),
                                best.range(row, 1),
                            )
                        };
                        if weights[row] == 0.0 {
                            line.fill(0.0);
                            continue;
                        }
                        let target = targets[row] as usize;
                        let logit = line[target];
                        if !training {
                            best[0] = most_probable(isa, line);
                        }
                        let (log_sum, sum) = log_sum_exp(isa, line);
                        log_probability[0] = logit - log_sum;
                        if training {
                            // d loss / d logit = (probability - [is the target]) * weight / total
                            let factor = weights[row] * normaliser;
                            if keeps_bf16 {
                                line[target] -= sum;
                                scale_to_bf16(isa, line, factor / sum);
                            } else {
                                scale(isa, line, factor / sum);
                                line[target] -= factor;
                            }
                        }
                    }
                });
            }
            if training {
                let logits: Operand = if keeps_bf16 {
                    View::rows(Bf16::slice_of(logits), rows, vocabulary, 2 * vocabulary).into()
                } else {
                    View::rows(logits, rows, vocabulary, vocabulary).into()
                };
                let packed = workspace.packs.backward(compute, weight, self.parameters);
                multiply(logits, packed, Start::Zero, &mut dx[first * x.columns..][..rows * x.columns], x.columns);
                if let Some(dw) = self.parameter_gradient.as_mut().expect("training").of(weight) {
                    workspace.packed_activations.pack(input);
                    multiply(logits.transposed(), &workspace.packed_activations, Start::Accumulate, dw, weight.columns);
                }
            }
        }
        let sum: f64 = log_probabilities.iter().zip(weights).map(|(p, w)| -f64::from(*p) * f64::from(*w)).sum();
        if training {
            self.record(CrossEntropy { x, dx: dx.into() });
        }
        TokenLosses {
            log_probabilities,
            most_probable: best,
            weight: total,
            mean: if total > 0.0 { sum / total } else { 0.0 },
        }
    }

    /// The logits of the rows of `x` from `first` on: rows x vocabulary.
    pub fn logits(&mut self, x: Tensor, first: usize, weight: Parameter) -> &mut [f32] {
        let rows = x.rows - first;
        let workspace = &mut *self.workspace;
        workspace.logits.resize(rows * weight.rows, 0.0);
        let input = x.operand(workspace.values.get(x)).row_range(first, rows);
        let packed = workspace.packs.forward(workspace.compute, weight, self.parameters);
        multiply(input, packed, Start::Zero, &mut workspace.logits, weight.rows);
        &mut workspace.logits
    }
}

vectorised! {
    /// Replaces each number of a row by `number * factor` rounded to bf16, in the first half of the row's memory.
    fn scale_to_bf16(row: &mut [f32], factor: f32) {
        let length = row.len();
        let pointer = row.as_mut_ptr();
        let mut done = 0;
        while done < length {
            let count = 16.min(length - done);
            let mut values = [Bf16::default(); 16];
            // SAFETY: within the row. Element `i` is written where number `i / 2` was, after that was read.
            unsafe {
                if count == 16 {
                    let numbers = &*pointer.add(done).cast::<[f32; 16]>();
                    for i in 0..16 {
                        values[i] = Bf16::round(numbers[i] * factor);
                    }
                    *pointer.cast::<Bf16>().add(done).cast::<[Bf16; 16]>() = values;
                } else {
                    for i in 0..count {
                        values[i] = Bf16::round(*pointer.add(done + i) * factor);
                    }
                    std::ptr::copy_nonoverlapping(values.as_ptr(), pointer.cast::<Bf16>().add(done), count);
                }
            }
            done += count;
        }
    }
}

impl CrossEntropy {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let dx = self.dx.take();
        let gradients = &mut graph.workspace.gradients;
        assert!(!gradients.exists(self.x), "the loss is the last operation");
        gradients.put(self.x, dx);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::gradient_check::check_loss_gradient;

    #[test]
    fn gradient_with_weights() {
        check_loss_gradient(&[(5, 4), (37, 4)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            graph.cross_entropy(x, p[1], &[36, 0, 7, 1], &[1.0, 0.5, 0.0, 2.0]).mean
        });
    }
}
