//! Rotary position embedding (Su et al. 2021, arXiv 2104.09864), in the half-split form of Llama's checkpoints:
//! feature `i` of a head is rotated with feature `i + head / 2`.

use crate::{
    kernels::{SharedMut, for_each_block, vectorised},
    tape::{Graph, Tensor},
};

use std::sync::Arc;

const ROWS: usize = 32;

/// Cosines and sines for every position.
#[derive(Debug)]
pub struct RotaryTable {
    head: usize,
    /// A position has `head / 2` cosines, then as many sines.
    values: Vec<f32>,
}

impl RotaryTable {
    /// For heads of `head` features, positions below `positions`, and base `theta`.
    pub fn new(head: usize, positions: usize, theta: f64) -> Self {
        let half = head / 2;
        let mut values = Vec::with_capacity(positions * head);
        for position in 0..positions {
            let angle = |i: usize| position as f64 / theta.powf(2.0 * i as f64 / head as f64);
            values.extend((0..half).map(|i| angle(i).cos() as f32));
            values.extend((0..half).map(|i| angle(i).sin() as f32));
        }
        Self { head, values }
    }

    /// Positions covered.
    pub fn positions(&self) -> usize {
        self.values.len() / self.head
    }

    fn at(&self, position: u32) -> (&[f32], &[f32]) {
        self.values[position as usize * self.head..][..self.head].split_at(self.head / 2)
    }
}

pub(crate) struct Rotary {
    x: Tensor,
    heads: usize,
    positions: Vec<u32>,
    table: Arc<RotaryTable>,
}

impl Graph<'_> {
    /// Rotates, in place, the first `heads` heads of each row of `x` by the row's position.
    ///
    /// In place, because neither the linear layer that produced `x` nor this operation needs the old values.
    pub fn rotary(&mut self, x: Tensor, heads: usize, positions: &[u32], table: &Arc<RotaryTable>) {
        assert!(positions.len() == x.rows && heads * table.head <= x.columns);
        let isa = self.workspace.compute.kernels.isa;
        let rotary = Rotary { x, heads, positions: positions.to_vec(), table: Arc::clone(table) };
        rotary.rotate(isa, self.workspace.values.get_mut(x), 1.0);
        self.record(rotary);
    }
}

impl Rotary {
    fn rotate(&self, isa: crate::kernels::Isa, data: &mut [f32], direction: f32) {
        let (rows, columns, head) = (self.x.rows, self.x.columns, self.table.head);
        let shared = SharedMut::new(data);
        for_each_block(rows.div_ceil(ROWS), |block| {
            for row in block * ROWS..((block + 1) * ROWS).min(rows) {
                let (cosines, sines) = self.table.at(self.positions[row]);
                // SAFETY: blocks have their own rows.
                let line = unsafe { shared.range(row * columns, self.heads * head) };
                for features in line.chunks_exact_mut(head) {
                    let (low, high) = features.split_at_mut(head / 2);
                    rotate_head(isa, low, high, cosines, sines, direction);
                }
            }
        });
    }

    pub(crate) fn backward(&self, graph: &mut Graph) {
        let isa = graph.workspace.compute.kernels.isa;
        let mut gradient = graph.workspace.gradients.take(self.x);
        self.rotate(isa, &mut gradient, -1.0);
        graph.workspace.gradients.put(self.x, gradient);
    }
}

vectorised! {
    fn rotate_head(low: &mut [f32], high: &mut [f32], cosines: &[f32], sines: &[f32], direction: f32) {
        for (((a, b), cosine), sine) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
            let sine = sine * direction;
            let (x, y) = (*a, *b);
            *a = x * cosine - y * sine;
            *b = y * cosine + x * sine;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::RotaryTable;
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        let table = Arc::new(RotaryTable::new(4, 9, 100.0));
        check_gradient(&[(5, 4), (12, 4)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4], p[0]);
            let y = graph.linear(x, p[1], None, None);
            graph.rotary(y, 2, &[0, 1, 0, 8], &table);
            y
        });
    }
}
