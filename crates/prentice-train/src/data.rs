//! The order in which rows of a shard are trained on: a function of seed and step, so that a resumed run continues it.

use rand::seq::SliceRandom as _;

use prentice_base::Seed;
use prentice_model::Batch;
use prentice_tokens::TokenShard;

/// Rows of a shard, epoch after epoch.
pub struct TrainingRows<'s> {
    shard: &'s TokenShard,
    start: u32,
    seed: Seed,
    epoch: u64,
    order: Vec<u32>,
}

impl<'s> TrainingRows<'s> {
    /// Rows of `shard`; `start` is the token that stands before every document.
    ///
    /// The first epoch follows the shard, which is shuffled already; later ones are shuffled anew.
    pub fn new(shard: &'s TokenShard, start: u32, seed: Seed) -> Self {
        Self { shard, start, seed, epoch: 0, order: (0..shard.rows() as u32).collect() }
    }

    /// The batch of `rows` rows for a step, counted from 0.
    pub fn batch(&mut self, step: u64, rows: usize) -> Batch {
        let first = step * rows as u64;
        let indices: Vec<usize> = (first..first + rows as u64).map(|index| self.row(index)).collect();
        batch_of(self.shard, self.start, indices)
    }

    fn row(&mut self, index: u64) -> usize {
        let rows = self.shard.rows() as u64;
        let epoch = index / rows;
        if epoch != self.epoch {
            self.order = (0..rows as u32).collect();
            if epoch > 0 {
                self.order.shuffle(&mut self.seed.derive("epoch", epoch).rng());
            }
            self.epoch = epoch;
        }
        self.order[(index % rows) as usize] as usize
    }
}

/// A batch of some rows of a shard.
pub(crate) fn batch_of(shard: &TokenShard, start: u32, rows: impl IntoIterator<Item = usize>) -> Batch {
    let documents = rows.into_iter().flat_map(|index| {
        let row = shard.row(index);
        row.segments.iter().map(move |s| &row.tokens[s.start as usize..(s.start + s.length) as usize])
    });
    Batch::after(start, documents)
}
