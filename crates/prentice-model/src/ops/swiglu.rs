//! SwiGLU (Shazeer 2020, arXiv 2002.05202): `y = silu(gate) * up`, with gate and up side by side in one matrix.

use crate::{
    kernels::{Bf16, exp, for_each_block, vectorised},
    tape::{Graph, OperandMut, Tensor},
};

const ROWS: usize = 16;

pub(crate) struct SwiGlu {
    x: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `x` (tokens x 2 features, gate first): tokens x features, for matrix products.
    pub fn swiglu(&mut self, x: Tensor) -> Tensor {
        let features = x.columns / 2;
        let compute = self.workspace.compute;
        let y = self.workspace.values.allocate_operand(compute, x.rows, features);
        let isa = compute.kernels.isa;
        let (earlier, out) = self.workspace.values.output(y);
        let input = earlier.get(x);
        let out = OperandMut::new(y, out);
        for_each_block(x.rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(x.rows) {
                let (gate, up) = input[row * 2 * features..][..2 * features].split_at(features);
                // SAFETY: blocks have their own rows.
                unsafe {
                    match &out {
                        OperandMut::F32(out) => gated(isa, gate, up, out.range(row * features, features)),
                        OperandMut::Bf16(out) => gated_to_bf16(isa, gate, up, out.range(row * features, features)),
                    }
                }
            }
        });
        self.record(SwiGlu { x, y });
        y
    }
}

impl SwiGlu {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let isa = graph.workspace.compute.kernels.isa;
        let workspace = &mut *graph.workspace;
        let features = self.y.columns;
        let dy = workspace.gradients.take(self.y);
        assert!(!workspace.gradients.exists(self.x), "gate and up feed one SwiGLU only");
        // A linear layer made gate and up, so matrix products are all that reads their gradient.
        let gradient = Tensor { bf16: workspace.compute.keeps_bf16(), ..self.x };
        let mut dx = workspace.gradients.buffer(gradient.len());
        let input = workspace.values.get(self.x);
        let out = OperandMut::new(gradient, &mut dx);
        for_each_block(self.x.rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(self.x.rows) {
                let (gate, up) = input[row * 2 * features..][..2 * features].split_at(features);
                let dy = &dy[row * features..][..features];
                // SAFETY: blocks have their own rows.
                unsafe {
                    match &out {
                        OperandMut::F32(out) => {
                            gated_backward(isa, gate, up, dy, out.range(row * 2 * features, 2 * features));
                        }
                        OperandMut::Bf16(out) => {
                            gated_backward_to_bf16(isa, gate, up, dy, out.range(row * 2 * features, 2 * features));
                        }
                    }
                }
            }
        });
        workspace.gradients.put(self.x, dx);
        workspace.gradients.recycle(dy);
    }
}

vectorised! {
    fn gated(gate: &[f32], up: &[f32], y: &mut [f32]) {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate / (1.0 + exp(-gate)) * up;
        }
    }

    fn gated_to_bf16(gate: &[f32], up: &[f32], y: &mut [Bf16]) {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = Bf16::round(gate / (1.0 + exp(-gate)) * up);
        }
    }

    fn gated_backward(gate: &[f32], up: &[f32], dy: &[f32], dx: &mut [f32]) {
        let (d_gate, d_up) = dx.split_at_mut(gate.len());
        for i in 0..gate.len() {
            (d_gate[i], d_up[i]) = derivatives(gate[i], up[i], dy[i]);
        }
    }

    fn gated_backward_to_bf16(gate: &[f32], up: &[f32], dy: &[f32], dx: &mut [Bf16]) {
        let (d_gate, d_up) = dx.split_at_mut(gate.len());
        for i in 0..gate.len() {
            let (gate, up) = derivatives(gate[i], up[i], dy[i]);
            (d_gate[i], d_up[i]) = (Bf16::round(gate), Bf16::round(up));
        }
    }
}

/// The derivatives with respect to gate and up.
#[inline(always)]
fn derivatives(gate: f32, up: f32, dy: f32) -> (f32, f32) {
    let sigmoid = 1.0 / (1.0 + exp(-gate));
    let silu = gate * sigmoid;
    (dy * up * (sigmoid + silu * (1.0 - sigmoid)), dy * silu)
}

#[cfg(test)]
mod tests {
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        check_gradient(&[(5, 4), (14, 4)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let y = graph.linear(x, p[1], None, None);
            graph.swiglu(y)
        });
    }
}
