//! SwiGLU (Shazeer 2020, arXiv 2002.05202): `y = silu(gate) * up`, with gate and up side by side in one matrix.

use crate::{
    kernels::{SharedMut, exp, for_each_block, vectorised},
    tape::{Graph, Tensor},
};

const ROWS: usize = 16;

pub(crate) struct SwiGlu {
    x: Tensor,
    y: Tensor,
}

impl Graph<'_> {
    /// `x` (tokens x 2 features, gate first): tokens x features.
    pub fn swiglu(&mut self, x: Tensor) -> Tensor {
        let features = x.columns / 2;
        let y = self.workspace.values.allocate(x.rows, features);
        let isa = self.workspace.compute.kernels.isa;
        let (earlier, out) = self.workspace.values.output(y);
        let input = earlier.get(x);
        let out = SharedMut::new(out);
        for_each_block(x.rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(x.rows) {
                let (gate, up) = input[row * 2 * features..][..2 * features].split_at(features);
                // SAFETY: blocks have their own rows.
                gated(isa, gate, up, unsafe { out.range(row * features, features) });
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
        let mut dx = workspace.gradients.buffer(self.x.len());
        let input = workspace.values.get(self.x);
        let shared = SharedMut::new(&mut dx);
        for_each_block(self.x.rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(self.x.rows) {
                let (gate, up) = input[row * 2 * features..][..2 * features].split_at(features);
                // SAFETY: blocks have their own rows.
                let line = unsafe { shared.range(row * 2 * features, 2 * features) };
                let (d_gate, d_up) = line.split_at_mut(features);
                gated_backward(isa, gate, up, &dy[row * features..][..features], d_gate, d_up);
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

    fn gated_backward(gate: &[f32], up: &[f32], dy: &[f32], d_gate: &mut [f32], d_up: &mut [f32]) {
        for i in 0..gate.len() {
            let sigmoid = 1.0 / (1.0 + exp(-gate[i]));
            let silu = gate[i] * sigmoid;
            d_up[i] = dy[i] * silu;
            d_gate[i] = dy[i] * up[i] * (sigmoid + silu * (1.0 - sigmoid));
        }
    }
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
