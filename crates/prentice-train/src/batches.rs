//! Which examples a step of fine-tuning takes: a function of seed and step, so that a resumed run continues it.
//!
//! Each epoch takes all examples in another order. A batch is a budget of tokens into which examples are laid as they
//! come, each into the fullest batch that still has room (best fit). Not longest first, as pre-training packs its rows:
//! then every epoch would have the same batches, each with examples of one length. Examples are documents of a batch
//! without padding, so nothing is lost when a batch is not full.

use std::sync::Arc;

use prentice_base::Seed;
use prentice_model::{Batch, ops::Segment};
use prentice_tokens::{best_fit, chat::ChatTokens};
use rand::seq::SliceRandom as _;

/// Batches of examples, epoch after epoch.
pub(crate) struct Batches {
    /// Rows of each example, at most the capacity: what is longer fills a batch by itself.
    lengths: Vec<usize>,
    capacity: usize,
    seed: Seed,
    epoch: u64,
    /// The first step of the epoch.
    first: u64,
    batches: Vec<Vec<usize>>,
}

/// A batch by name: what a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen<'b> {
    /// Which pass over the examples, from 0.
    pub epoch: u64,
    /// The examples.
    pub examples: &'b [usize],
}

impl std::fmt::Display for Chosen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "examples {:?} of epoch {}", self.examples, self.epoch + 1)
    }
}

impl Batches {
    /// For examples with these numbers of rows, at least one, in batches of `capacity` rows. A longer example has a
    /// batch of its own.
    pub(crate) fn new(lengths: impl IntoIterator<Item = usize>, capacity: usize, seed: Seed) -> Self {
        let lengths = lengths.into_iter().map(|length| length.min(capacity)).collect();
        let mut batches = Self { lengths, capacity, seed, epoch: 0, first: 0, batches: Vec::new() };
        batches.batches = batches.of_epoch(0);
        batches
    }

    /// The examples of a step, counted from 0; steps do not go back.
    pub(crate) fn at(&mut self, step: u64) -> Chosen<'_> {
        while step - self.first >= self.batches.len() as u64 {
            self.first += self.batches.len() as u64;
            self.epoch += 1;
            self.batches = self.of_epoch(self.epoch);
        }
        Chosen { epoch: self.epoch, examples: &self.batches[(step - self.first) as usize] }
    }

    /// The number of steps in so many epochs.
    pub(crate) fn steps(&self, epochs: u64) -> u64 {
        (0..epochs).map(|epoch| self.of_epoch(epoch).len() as u64).sum()
    }

    fn of_epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.lengths.len()).collect();
        order.shuffle(&mut self.seed.derive("epoch", epoch).rng());
        best_fit(&self.lengths, order, self.capacity)
    }
}

/// A batch of conversations in which responses are predicted, each token with weight 1. The first token of a
/// conversation is only given, so a conversation of n tokens takes n - 1 rows.
pub fn batch_of<'e>(conversations: impl IntoIterator<Item = &'e ChatTokens>) -> Batch {
    let mut batch =
        Batch { tokens: vec![], positions: vec![], segments: Arc::new([]), targets: vec![], weights: vec![] };
    let mut segments = Vec::new();
    for ChatTokens { ids, is_response } in conversations {
        let length = ids.len() - 1;
        segments.push(Segment { start: batch.tokens.len(), length });
        batch.tokens.extend_from_slice(&ids[..length]);
        batch.positions.extend(0..length as u32);
        batch.targets.extend_from_slice(&ids[1..]);
        batch.weights.extend(is_response[1..].iter().map(|is_response| f32::from(u8::from(*is_response))));
    }
    batch.segments = segments.into();
    batch
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_epoch_takes_every_example_once_in_another_order() {
        let lengths: Vec<usize> = (0..50).map(|i| 1 + i * 7 % 30).collect();
        let mut batches = Batches::new(lengths.clone(), 64, Seed(1));
        let mut step = 0;
        let mut epochs = Vec::new();
        for epoch in 0..3 {
            let steps = batches.steps(epoch + 1);
            let taken: Vec<Vec<usize>> = (step..steps).map(|step| batches.at(step).examples.to_vec()).collect();
            assert!(taken.iter().all(|batch| batch.iter().map(|&i| lengths[i]).sum::<usize>() <= 64));
            let mut all = taken.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..50));
            // 64 tokens are filled well by examples of at most 30: no more than one batch above the least possible.
            assert!(taken.len() <= lengths.iter().sum::<usize>().div_ceil(64) + 1, "{} batches", taken.len());
            epochs.push(taken);
            step = steps;
        }
        assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);

        let mut resumed = Batches::new(lengths, 64, Seed(1));
        let middle = resumed.steps(1) + 2;
        assert_eq!(resumed.at(middle), Chosen { epoch: 1, examples: &epochs[1][2] });
        expect!["examples [0] of epoch 3"].assert_eq(&Chosen { epoch: 2, examples: &[0] }.to_string());
    }

    #[test]
    fn an_example_above_the_budget_has_a_batch_of_its_own() {
        let mut batches = Batches::new(vec![100, 3, 4], 8, Seed(1));
        let steps = batches.steps(1);
        let mut taken: Vec<_> = (0..steps).map(|step| batches.at(step).examples.to_vec()).collect();
        taken.iter_mut().for_each(|batch| batch.sort_unstable());
        taken.sort_unstable();
        assert_eq!(taken, [vec![0], vec![1, 2]]);
    }

    #[test]
    fn only_responses_have_weight() {
        let conversation = |ids: &[u32], is_response: &[u8]| ChatTokens {
            ids: ids.to_vec(),
            is_response: is_response.iter().map(|mark| *mark == 1).collect(),
        };
        let batch = batch_of(&[conversation(&[1, 2, 3, 4, 5], &[0, 0, 1, 1, 0]), conversation(&[6, 7, 8], &[0, 1, 1])]);
        let segments: Vec<_> = batch.segments.iter().map(|segment| (segment.start, segment.length)).collect();
        expect![[r#"
            tokens    [1, 2, 3, 4, 6, 7]
            positions [0, 1, 2, 3, 0, 1]
            targets   [2, 3, 4, 5, 7, 8]
            weights   [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
            segments  [(0, 4), (4, 2)]"#]]
        .assert_eq(&format!(
            "tokens    {:?}\npositions {:?}\ntargets   {:?}\nweights   {:?}\nsegments  {segments:?}",
            batch.tokens, batch.positions, batch.targets, batch.weights
        ));
    }
}
