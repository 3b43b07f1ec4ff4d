//! Low-rank adapter (LoRA, Hu et al. 2021, arXiv 2106.09685) of a linear layer: `y += scale (x A^T) B^T`, in place.
//!
//! A linear layer may be several projections with stacked weights. Each adapted one has an own A and B: the A are stacked
//! too, so that the input meets them in one product, and each B adds to the columns of its projection. The weight itself
//! has no part here, and neither has its gradient. *Not covered*: dropout on the adapter's input.

use crate::{
    gemm::{Operand, Start, View, multiply},
    kernels::scale,
    tape::{Graph, Parameter, Tensor},
};

/// An adapter of a linear layer with stacked projections.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankAdapter {
    /// A of each part, stacked: (parts * rank) x in.
    pub a: Parameter,
    /// B of each part: out x rank.
    pub parts: Vec<LowRankPart>,
    /// Factor on the product.
    pub scale: f32,
}

/// An adapted projection among stacked ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LowRankPart {
    /// The first of its columns in the layer's output.
    pub first_column: usize,
    /// out x rank.
    pub b: Parameter,
}

pub(crate) struct LowRank {
    x: Tensor,
    adapter: LowRankAdapter,
    y: Tensor,
    /// `scale x A^T`: tokens x (parts * rank).
    low: Tensor,
}

impl Graph<'_> {
    /// Adds to `y` (tokens x out), which a linear layer made of `x` (tokens x in), what its adapter does.
    ///
    /// In place, because nothing that comes before needs `y` as it was.
    pub fn low_rank(&mut self, x: Tensor, y: Tensor, adapter: &LowRankAdapter) {
        assert!(!y.bf16 && x.rows == y.rows && x.columns == adapter.a.columns);
        let compute = self.workspace.compute;
        let low = self.workspace.values.allocate(x.rows, adapter.a.rows);
        let workspace = &mut *self.workspace;
        let (earlier, out) = workspace.values.output(low);
        let packed = workspace.packs.forward(compute, adapter.a, self.parameters);
        multiply(x.operand(earlier.get(x)), packed, Start::Zero, out, low.columns);
        scale(compute.kernels.isa, out, adapter.scale);
        let (_, y_values, low_values) = workspace.values.outputs(y, low);
        for (part, low) in adapter.by_part(low.operand(low_values)) {
            let packed = workspace.packs.forward(compute, part.b, self.parameters);
            multiply(low, packed, Start::Accumulate, &mut y_values[part.first_column..], y.columns);
        }
        self.record(LowRank { x, adapter: adapter.clone(), y, low });
    }
}

impl LowRankAdapter {
    /// Each part with its own columns of a matrix that has those of all parts side by side.
    fn by_part<'v>(&self, matrix: Operand<'v>) -> impl Iterator<Item = (LowRankPart, Operand<'v>)> {
        let rank = self.a.rows / self.parts.len();
        self.parts.iter().enumerate().map(move |(i, part)| (*part, matrix.column_range(i * rank, rank)))
    }
}

impl LowRank {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let workspace = &mut *graph.workspace;
        let gradient = graph.parameter_gradient.as_mut().expect("training");
        let compute = workspace.compute;
        let (x, low, adapter) = (self.x, self.low, &self.adapter);
        // The linear layer is who consumes it.
        let dy = workspace.gradients.take(self.y);
        let dy_view = self.y.gradient_operand(&dy);

        // Not one of the gradients' buffers: they are made for whole layers, and the next of them would have to be new.
        let mut d_low = std::mem::take(&mut workspace.low_rank_gradient);
        d_low.resize(low.len(), 0.0);
        let low_values = low.operand(workspace.values.get(low));
        let rank = low.columns / adapter.parts.len();
        for (i, (part, low_part)) in adapter.by_part(low_values).enumerate() {
            let dy_part = dy_view.column_range(part.first_column, part.b.rows);
            let packed = workspace.packs.backward(compute, part.b, graph.parameters);
            multiply(dy_part, packed, Start::Zero, &mut d_low[i * rank..], low.columns);
            if let Some(db) = gradient.of(part.b) {
                workspace.packed_activations.pack(low_part);
                multiply(dy_part.transposed(), &workspace.packed_activations, Start::Accumulate, db, rank);
            }
        }
        scale(compute.kernels.isa, &mut d_low, adapter.scale);

        let d_low_view = View::rows(&d_low, low.rows, low.columns, low.columns);
        if let Some(da) = gradient.of(adapter.a) {
            workspace.packed_activations.pack(x.operand(workspace.values.get(x)));
            multiply(d_low_view.transposed(), &workspace.packed_activations, Start::Accumulate, da, x.columns);
        }
        if !x.constant {
            let (mut dx, start) = workspace.gradients.borrow(x);
            let packed = workspace.packs.backward(compute, adapter.a, graph.parameters);
            multiply(d_low_view, packed, start, &mut dx, x.columns);
            workspace.gradients.put(x, dx);
        }
        workspace.gradients.put(self.y, dy);
        workspace.low_rank_gradient = d_low;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        check_gradient(&[(5, 4), (6, 4), (3, 4), (6, 3)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let y = graph.linear(x, p[1], None, None);
            let parts = vec![LowRankPart { first_column: 0, b: p[3] }];
            graph.low_rank(x, y, &LowRankAdapter { a: p[2], parts, scale: 0.7 });
            y
        });
    }

    /// The first and the last of three stacked projections.
    #[test]
    fn gradient_of_stacked_parts() {
        check_gradient(&[(5, 6), (16, 6), (1, 16), (4, 6), (8, 2), (4, 2)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let y = graph.linear(x, p[1], Some(p[2]), None);
            let parts = vec![LowRankPart { first_column: 0, b: p[4] }, LowRankPart { first_column: 12, b: p[5] }];
            graph.low_rank(x, y, &LowRankAdapter { a: p[3], parts, scale: 0.4 });
            y
        });
    }
}
