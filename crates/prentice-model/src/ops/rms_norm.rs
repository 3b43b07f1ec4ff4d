//! Root mean square normalisation (Zhang & Sennrich 2019, arXiv 1910.07467): `y = x / sqrt(mean(x^2) + epsilon) * w`.

use crate::{
    kernels::{Bf16, SharedMut, add_assign, for_each_block, sum_of_squares, vectorised},
    tape::{Graph, OperandMut, Parameter, Tensor},
};

/// Rows worked on at a time; also the blocks in which the weight's gradient is summed.
const ROWS: usize = 32;

pub(crate) struct RmsNorm {
    x: Tensor,
    weight: Parameter,
    y: Tensor,
    /// `1 / sqrt(mean(x^2) + epsilon)`, a number a row.
    inverse: Tensor,
}

impl Graph<'_> {
    /// Normalises the rows of `x` (tokens x features) and multiplies by `weight` (1 x features), for matrix products.
    pub fn rms_norm(&mut self, x: Tensor, weight: Parameter, epsilon: f32) -> Tensor {
        assert_eq!(x.columns, weight.columns);
        let columns = x.columns;
        let compute = self.workspace.compute;
        let mut y = self.workspace.values.allocate_operand(compute, x.rows, columns);
        y.constant = x.constant && self.parameters.freezes(weight);
        let inverse = self.workspace.values.allocate(x.rows, 1);
        let isa = compute.kernels.isa;
        let w = self.parameter(weight);
        let (earlier, out, inverses) = self.workspace.values.outputs(y, inverse);
        let input = earlier.get(x);
        let out = OperandMut::new(y, out);
        let inverses = SharedMut::new(inverses);
        for_each_block(x.rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(x.rows) {
                let source = &input[row * columns..][..columns];
                let factor = 1.0 / (sum_of_squares(isa, source) / columns as f32 + epsilon).sqrt();
                // SAFETY: blocks have their own rows.
                unsafe {
                    inverses.range(row, 1)[0] = factor;
                    match &out {
                        OperandMut::F32(out) => normalise(isa, source, w, factor, out.range(row * columns, columns)),
                        OperandMut::Bf16(out) => {
                            normalise_to_bf16(isa, source, w, factor, out.range(row * columns, columns));
                        }
                    }
                }
            }
        });
        if !y.constant {
            self.record(RmsNorm { x, weight, y, inverse });
        }
        y
    }
}

impl RmsNorm {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let isa = graph.workspace.compute.kernels.isa;
        let w = graph.parameter(self.weight);
        let workspace = &mut *graph.workspace;
        let columns = self.x.columns;
        let dy = workspace.gradients.take(self.y);
        let (mut dx, start) = workspace.gradients.borrow(self.x);
        if matches!(start, crate::gemm::Start::Zero) {
            dx.fill(0.0);
        }
        let blocks = self.x.rows.div_ceil(ROWS);
        let weight_gradient = graph.parameter_gradient.as_mut().expect("training").of(self.weight);
        let is_trained = weight_gradient.is_some();
        let mut partials = vec![0.0; if is_trained { blocks * columns } else { 0 }];
        let x = workspace.values.get(self.x);
        let inverses = workspace.values.get(self.inverse);
        {
            let (dx, partials) = (SharedMut::new(&mut dx), SharedMut::new(&mut partials));
            for_each_block(blocks, |block| {
                for row in block * ROWS..((block + 1) * ROWS).min(self.x.rows) {
                    let range = row * columns..(row + 1) * columns;
                    // SAFETY: blocks have their own rows.
                    let target = unsafe { dx.range(row * columns, columns) };
                    normalise_backward(isa, &x[range.clone()], w, inverses[row], &dy[range.clone()], target);
                    if is_trained {
                        // SAFETY: each block has its own row of partial sums.
                        let dw = unsafe { partials.range(block * columns, columns) };
                        weight_backward(isa, &x[range.clone()], inverses[row], &dy[range], dw);
                    }
                }
            });
        }
        if let Some(gradient) = weight_gradient {
            for partial in partials.chunks_exact(columns) {
                add_assign(isa, gradient, partial);
            }
        }
        workspace.gradients.put(self.x, dx);
        workspace.gradients.recycle(dy);
    }
}

vectorised! {
    fn normalise(x: &[f32], w: &[f32], factor: f32, y: &mut [f32]) {
        for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
            *y = x * factor * w;
        }
    }

    fn normalise_to_bf16(x: &[f32], w: &[f32], factor: f32, y: &mut [Bf16]) {
        for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
            *y = Bf16::round(x * factor * w);
        }
    }

    /// `dx += factor (w dy - x factor^2 mean(w dy x))`.
    fn normalise_backward(x: &[f32], w: &[f32], factor: f32, dy: &[f32], dx: &mut [f32]) {
        let mut partials = [0.0f32; 16];
        for ((x, w), dy) in x.chunks(16).zip(w.chunks(16)).zip(dy.chunks(16)) {
            for (((sum, x), w), dy) in partials.iter_mut().zip(x).zip(w).zip(dy) {
                *sum += w * dy * x;
            }
        }
        let mean = partials.iter().sum::<f32>() / x.len() as f32;
        let shrink = factor * factor * mean;
        for i in 0..x.len() {
            dx[i] += factor * (w[i] * dy[i] - x[i] * shrink);
        }
    }

    /// `dw += dy x factor`.
    fn weight_backward(x: &[f32], factor: f32, dy: &[f32], dw: &mut [f32]) {
        for ((dw, dy), x) in dw.iter_mut().zip(dy).zip(x) {
            *dw += dy * x * factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        check_gradient(&[(5, 20), (1, 20)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            graph.rms_norm(x, p[1], 1e-5)
        });
    }
}
