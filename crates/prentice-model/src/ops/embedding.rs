//! Embedding: row `ids[i]` of a table becomes row `i`.

use crate::{
    kernels::add_assign,
    tape::{Graph, Parameter, Tensor},
};

pub(crate) struct Embedding {
    ids: Vec<u32>,
    table: Parameter,
    y: Tensor,
}

impl Graph<'_> {
    /// Looks up `ids` in `table` (vocabulary x features): tokens x features.
    ///
    /// # Panics
    /// An id is not below the number of rows of the table.
    pub fn embedding(&mut self, ids: &[u32], table: Parameter) -> Tensor {
        let mut y = self.workspace.values.allocate(ids.len(), table.columns);
        y.constant = self.parameters.freezes(table);
        let weights = self.parameter(table);
        let out = self.workspace.values.get_mut(y);
        for (row, id) in out.chunks_exact_mut(table.columns).zip(ids) {
            row.copy_from_slice(&weights[*id as usize * table.columns..][..table.columns]);
        }
        if !y.constant {
            self.record(Embedding { ids: ids.to_vec(), table, y });
        }
        y
    }
}

impl Embedding {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let isa = graph.workspace.compute.kernels.isa;
        let dy = graph.workspace.gradients.take(self.y);
        let columns = self.table.columns;
        if let Some(gradient) = graph.parameter_gradient.as_mut().expect("training").of(self.table) {
            // On one thread: a few adds a token, and rows of the table repeat.
            for (row, id) in dy.chunks_exact(columns).zip(&self.ids) {
                add_assign(isa, &mut gradient[*id as usize * columns..][..columns], row);
            }
        }
        graph.workspace.gradients.recycle(dy);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::gradient_check::check_gradient;

    #[test]
    fn gradient() {
        check_gradient(&[(5, 4)], |graph, p| graph.embedding(&[3, 0, 3, 4], p[0]));
    }
}
