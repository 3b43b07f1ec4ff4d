//! Linear layer: `y = x W^T (+ bias) (+ residual)`.
//!
//! Several projections of the same input are one operation over a weight whose rows are stacked (query, key and value;
//! gate and up). The residual is where each element's chain of additions starts, which spares a pass over memory.

use crate::{
    gemm::{Operand, Start, multiply},
    kernels::{SharedMut, add_assign, for_each_block},
    tape::{Graph, Parameter, Tensor},
};

pub(crate) struct Linear {
    x: Tensor,
    weight: Parameter,
    bias: Option<Parameter>,
    residual: Option<Tensor>,
    y: Tensor,
}

impl Graph<'_> {
    /// `x` (tokens x in) times the transpose of `weight` (out x in), plus `bias` (1 x out), plus `residual` (tokens x
    /// out): tokens x out. A bias and a residual exclude each other.
    pub fn linear(
        &mut self,
        x: Tensor,
        weight: Parameter,
        bias: Option<Parameter>,
        residual: Option<Tensor>,
    ) -> Tensor {
        assert_eq!(x.columns, weight.columns);
        assert!(bias.is_none() || residual.is_none(), "a bias and a residual exclude each other");
        let y = self.workspace.values.allocate(x.rows, weight.rows);
        let bias_values = bias.map(|bias| self.parameter(bias));
        let workspace = &mut *self.workspace;
        let (earlier, out) = workspace.values.output(y);
        let start = if let Some(bias) = bias_values {
            for row in out.chunks_exact_mut(weight.rows) {
                row.copy_from_slice(bias);
            }
            Start::Accumulate
        } else {
            residual.map_or(Start::Zero, |residual| Start::From(earlier.get(residual)))
        };
        let packed = workspace.packs.forward(workspace.compute, weight, self.parameters);
        multiply(x.operand(earlier.get(x)), packed, start, out, weight.rows);
        self.record(Linear { x, weight, bias, residual, y });
        y
    }
}

impl Linear {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let workspace = &mut *graph.workspace;
        let gradient = graph.parameter_gradient.as_mut().expect("training");
        let (x, weight) = (self.x, self.weight);
        let dy = workspace.gradients.take(self.y);
        let dy_view = self.y.gradient_operand(&dy);
        let is_f32 = matches!(dy_view, Operand::F32(_));
        assert!(is_f32 || (self.bias.is_none() && self.residual.is_none()), "only products read a bf16 gradient");
        if !x.constant {
            let (mut dx, start) = workspace.gradients.borrow(x);
            let packed = workspace.packs.backward(workspace.compute, weight, graph.parameters);
            multiply(dy_view, packed, start, &mut dx, x.columns);
            workspace.gradients.put(x, dx);
        }
        if let Some(dw) = gradient.of(weight) {
            workspace.packed_activations.pack(x.operand(workspace.values.get(x)));
            multiply(dy_view.transposed(), &workspace.packed_activations, Start::Accumulate, dw, weight.columns);
        }
        if let Some(db) = self.bias.and_then(|bias| gradient.of(bias)) {
            add_column_sums(workspace.compute.kernels.isa, &dy, db);
        }
        match self.residual.filter(|residual| !residual.constant) {
            // The gradient passes through unchanged; where it is the first, the buffer itself moves on.
            Some(residual) if !workspace.gradients.exists(residual) => workspace.gradients.put(residual, dy),
            Some(residual) => {
                let (mut d_residual, _) = workspace.gradients.borrow(residual);
                add_in_blocks(workspace.compute.kernels.isa, &mut d_residual, &dy);
                workspace.gradients.put(residual, d_residual);
                workspace.gradients.recycle(dy);
            }
            None => workspace.gradients.recycle(dy),
        }
    }
}

fn add_in_blocks(isa: crate::kernels::Isa, x: &mut [f32], y: &[f32]) {
    const BLOCK: usize = 1 << 15;
    let length = x.len();
    let shared = SharedMut::new(x);
    for_each_block(length.div_ceil(BLOCK), |block| {
        let start = block * BLOCK;
        let count = BLOCK.min(length - start);
        // SAFETY: blocks are disjoint.
        add_assign(isa, unsafe { shared.range(start, count) }, &y[start..start + count]);
    });
}

/// Adds the sum over the rows of `x` to `sums`, in blocks of rows of fixed size.
pub(crate) fn add_column_sums(isa: crate::kernels::Isa, x: &[f32], sums: &mut [f32]) {
    const ROWS: usize = 64;
    let columns = sums.len();
    let rows = x.len() / columns;
    let blocks = rows.div_ceil(ROWS);
    let mut partials = vec![0.0; blocks * columns];
    let shared = SharedMut::new(&mut partials);
    for_each_block(blocks, |block| {
        // SAFETY: each block has its own row of partial sums.
        let partial = unsafe { shared.range(block * columns, columns) };
        for row in x.chunks_exact(columns).skip(block * ROWS).take(ROWS) {
            add_assign(isa, partial, row);
        }
    });
    for partial in partials.chunks_exact(columns) {
        add_assign(isa, sums, partial);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        check_gradient(&[(5, 4), (6, 4)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            graph.linear(x, p[1], None, None)
        });
    }

    #[test]
    fn gradient_with_bias() {
        check_gradient(&[(5, 4), (6, 4), (1, 6)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            graph.linear(x, p[1], Some(p[2]), None)
        });
    }

    #[test]
    fn gradient_with_residual_used_twice() {
        check_gradient(&[(5, 4), (4, 4), (4, 4)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let y = graph.linear(x, p[1], None, Some(x));
            graph.linear(y, p[2], None, Some(x))
        });
    }
}
