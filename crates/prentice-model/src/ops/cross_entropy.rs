//! Output projection and cross-entropy in one: logits exist for a block of rows at a time.
//!
//! In training the gradient is computed in the same pass, while the logits are in the cache. For a vocabulary of 8192 and
//! 2048 tokens this spares 64 MB of logits and three passes over them.

use crate::{
    gemm::{Operand, Start, View, multiply},
    kernels::{Bf16, SharedMut, dot, exp_sum, for_each_block, maximum, scale, vectorised},
    tape::{Graph, Parameter, Tensor},
};

/// Rows of logits that exist at a time.
const ROWS: usize = 512;

/// What the model says about each token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLosses {
    /// Natural logarithm of the probability of each row's target; 0 where the weight is 0.
    pub log_probabilities: Vec<f32>,
    /// The most probable token of each row; not looked for where the loss is known before the scores, in training.
    pub most_probable: Vec<u32>,
    /// Sum of the weights.
    pub weight: f64,
    /// Weighted mean of the negative log-probabilities, in nats a token.
    pub mean: f64,
}

impl TokenLosses {
    fn new(log_probabilities: Vec<f32>, most_probable: Vec<u32>, weights: &[f32]) -> Self {
        let weight: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let sum: f64 = log_probabilities.iter().zip(weights).map(|(p, w)| -f64::from(*p) * f64::from(*w)).sum();
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        Self { log_probabilities, most_probable, weight, mean }
    }
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

/// What is computed for each row in one pass over the logits.
struct Rows {
    log_probabilities: Vec<f32>,
    most_probable: Vec<u32>,
    /// Of `x`, where the pass differentiates.
    gradient: Vec<f32>,
}

impl Graph<'_> {
    /// Cross-entropy of `x W^T` (x: tokens x features, `weight`: vocabulary x features) against `targets`, each counting
    /// `weights` times.
    ///
    /// In training, adds the gradient of the weighted mean to the output weight at once, and keeps that of `x`.
    pub fn cross_entropy(&mut self, x: Tensor, weight: Parameter, targets: &[u32], weights: &[f32]) -> TokenLosses {
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let normaliser = if total > 0.0 { (1.0 / total) as f32 } else { 0.0 };
        let is_training = self.is_training();
        let factors: Vec<f32> = if is_training { weights.iter().map(|w| w * normaliser).collect() } else { vec![] };
        let rows = self.score_rows(x, weight, targets, weights, is_training.then_some(&*factors));
        if is_training {
            self.record(CrossEntropy { x, dx: rows.gradient.into() });
        }
        TokenLosses::new(rows.log_probabilities, rows.most_probable, weights)
    }

    /// The same for any loss that is a function of the log-probabilities of the targets and of the values that
    /// `value_head` (weight and bias) gives each row: `loss` is told both and answers with its derivative by each. Rows
    /// whose weight is 0 are not scored, and their derivative by the log-probability is not read.
    ///
    /// Logits are computed twice, before and after the answer, which costs less than keeping them.
    pub fn weighted_cross_entropy(
        &mut self,
        x: Tensor,
        weight: Parameter,
        value_head: Option<(Parameter, Parameter)>,
        targets: &[u32],
        weights: &[f32],
        loss: impl FnOnce(&TokenLosses, &[f32]) -> (Vec<f32>, Vec<f32>),
    ) -> TokenLosses {
        let scored = self.score_rows(x, weight, targets, weights, None);
        let losses = TokenLosses::new(scored.log_probabilities, scored.most_probable, weights);
        let values = value_head.map(|head| self.values(x, head)).unwrap_or_default();
        let (mut factors, d_values) = loss(&losses, &values);
        assert!(factors.len() == x.rows && d_values.len() == values.len(), "a derivative for each row");
        for (factor, weight) in factors.iter_mut().zip(weights) {
            *factor = if *weight == 0.0 { 0.0 } else { -*factor };
        }
        let mut rows = self.score_rows(x, weight, targets, weights, Some(&factors));
        if let Some(head) = value_head {
            self.differentiate_values(x, head, &d_values, &mut rows.gradient);
        }
        self.record(CrossEntropy { x, dx: rows.gradient.into() });
        losses
    }

    /// What the value head (weight, 1 x features, and bias, 1 x 1) says of each row.
    pub fn values(&mut self, x: Tensor, (weight, bias): (Parameter, Parameter)) -> Vec<f32> {
        let isa = self.workspace.compute.kernels.isa;
        let (direction, bias) = (self.parameter(weight), self.parameter(bias)[0]);
        let mut row = vec![0.0; x.columns];
        let value = |index: usize| {
            x.read_row(self.workspace.values.get(x), index, &mut row);
            dot(isa, &row, direction) + bias
        };
        (0..x.rows).map(value).collect()
    }

    /// Adds the gradient of the sum of `d_values value` to the parameters' and to that of `x`. On one thread: two passes
    /// over a matrix of features.
    fn differentiate_values(
        &mut self,
        x: Tensor,
        (weight, bias): (Parameter, Parameter),
        d_values: &[f32],
        dx: &mut [f32],
    ) {
        let direction = self.parameter(weight);
        let features = self.workspace.values.get(x);
        let gradient = self.parameter_gradient.as_mut().expect("training");
        let mut row = vec![0.0; x.columns];
        for (index, d_value) in d_values.iter().enumerate().filter(|(_, d_value)| **d_value != 0.0) {
            for (d, w) in dx[index * x.columns..][..x.columns].iter_mut().zip(direction) {
                *d += d_value * w;
            }
            if let Some(d_weight) = gradient.of(weight) {
                x.read_row(features, index, &mut row);
                d_weight.iter_mut().zip(&row).for_each(|(d, feature)| *d += d_value * feature);
            }
            if let Some(d_bias) = gradient.of(bias) {
                d_bias[0] += d_value;
            }
        }
    }

    /// One pass over the logits. With `factors`, adds the gradient of the sum of `-factor log-probability` to that of
    /// the output weight, and computes that of `x`.
    fn score_rows(
        &mut self,
        x: Tensor,
        weight: Parameter,
        targets: &[u32],
        weights: &[f32],
        factors: Option<&[f32]>,
    ) -> Rows {
        assert!(targets.len() == x.rows && weights.len() == x.rows && x.columns == weight.columns);
        let vocabulary = weight.rows;
        let workspace = &mut *self.workspace;
        let compute = workspace.compute;
        let isa = compute.kernels.isa;
        let keeps_bf16 = compute.keeps_bf16();
        let mut log_probabilities = vec![0.0; x.rows];
        let mut best = vec![0; x.rows];
        let mut dx = if factors.is_some() { workspace.gradients.buffer(x.rows * x.columns) } else { Vec::new() };
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
                        if factors.is_none() {
                            best[0] = most_probable(isa, line);
                        }
                        let (log_sum, sum) = log_sum_exp(isa, line);
                        log_probability[0] = logit - log_sum;
                        if let Some(factors) = factors {
                            // d loss / d logit = (probability - [is the target]) * factor
                            let factor = factors[row];
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
            if factors.is_some() {
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
        Rows { log_probabilities, most_probable: best, gradient: dx }
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

    #[test]
    fn gradient_of_a_loss_of_log_probabilities_and_values() {
        // A product and a square: the derivative by one log-probability depends on the others.
        check_loss_gradient(&[(5, 4), (37, 4), (1, 4), (1, 1)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let head = (p[2], p[3]);
            let (mut value, is_training) = (0.0, graph.is_training());
            let mut loss = |l: &[f32], v: &[f32]| {
                value = 0.05 * (f64::from(l[0]) * f64::from(l[3]) + f64::from(l[1]).powi(2));
                value += f64::from(v[0]) * f64::from(v[2]) - f64::from(v[1]).powi(2);
                (vec![0.05 * l[3], 0.1 * l[1], 9.0, 0.05 * l[0]], vec![v[2], -2.0 * v[1], v[0], 0.0])
            };
            let (targets, weights) = ([36, 0, 7, 1], [1.0, 1.0, 0.0, 1.0]);
            if is_training {
                graph.weighted_cross_entropy(x, p[1], Some(head), &targets, &weights, |scores, values| {
                    loss(&scores.log_probabilities, values)
                });
            } else {
                let values = graph.values(x, head);
                loss(&graph.cross_entropy(x, p[1], &targets, &weights).log_probabilities, &values);
            }
            value
        });
    }
}
