//! Continuations of one document that part and part again, as a beam search needs them: the document is computed once,
//! and each branch has keys and values of its own for what it adds.

use crate::{
    generate::ContextError,
    kernels::with_team,
    model::Model,
    ops::{KeyValueCache, cross_entropy},
    tape::{Compute, Workspace},
};

/// Continuations of one document. A model is passed to each call; between calls it must stay the same.
pub struct Branches {
    workspace: Workspace,
    /// Of the document, a cache a layer.
    trunk: Vec<KeyValueCache>,
    tokens: Vec<u32>,
    /// Two sets of places, `[layer][place]`: one holds the branches, the other those that grow from them.
    sets: [Vec<Vec<KeyValueCache>>; 2],
    /// By set and place: how many of its tokens are those of the document still.
    shared: [Vec<usize>; 2],
    /// Which set holds the branches, once there are any.
    current: Option<usize>,
    /// By branch, its length in tokens.
    lengths: Vec<usize>,
    outlooks: Vec<Logits>,
    context: usize,
}

/// What may follow a token.
#[derive(Clone, Debug, Default)]
pub struct Logits {
    /// By token.
    pub values: Vec<f32>,
    /// Logarithm of the sum of their exponentials: a logit less this is the logarithm of a probability.
    pub log_sum: f32,
}

impl Logits {
    /// The natural logarithm of a token's probability.
    pub fn log_probability(&self, token: u32) -> f32 {
        self.values[token as usize] - self.log_sum
    }
}

impl Branches {
    /// Up to `places` branches of documents of up to `context` tokens, at most the model's own limit.
    pub fn new(model: &Model, compute: Compute, places: usize, context: usize) -> Self {
        assert!(places > 0, "a branch needs a place");
        let config = model.config();
        let context = context.min(config.max_position_embeddings);
        let cache = || KeyValueCache::new(compute, config.attention(), context);
        let layers = config.num_hidden_layers;
        let set = || (0..layers).map(|_| (0..places).map(|_| cache()).collect()).collect();
        Self {
            workspace: Workspace::new(compute),
            trunk: (0..layers).map(|_| cache()).collect(),
            tokens: Vec::new(),
            sets: [set(), set()],
            shared: [vec![0; places], vec![0; places]],
            current: None,
            lengths: Vec::new(),
            outlooks: Vec::new(),
            context,
        }
    }

    /// What may follow a branch; after [`Branches::begin`], branch 0 is the document; after [`Branches::read`], branch `i`
    /// is the document with the first `i` of the tokens that were read.
    pub fn outlook(&self, branch: usize) -> &Logits {
        &self.outlooks[branch]
    }

    /// Begins a document. What it shares with the one before is not computed again.
    ///
    /// # Errors
    /// It does not fit; nothing has changed.
    ///
    /// # Panics
    /// It has no tokens.
    pub fn begin(&mut self, model: &Model, tokens: &[u32]) -> Result<(), ContextError> {
        assert!(!tokens.is_empty(), "a document has a token");
        if tokens.len() > self.context {
            return Err(ContextError { tokens: tokens.len(), context: self.context });
        }
        let shared = self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count().min(tokens.len() - 1);
        self.cut(shared);
        let logits = model.continue_document(&mut self.workspace, &tokens[shared..], shared, &mut self.trunk).to_vec();
        self.tokens.extend_from_slice(&tokens[shared..]);
        self.outlooks = vec![self.measure(logits)];
        Ok(())
    }

    /// Adds tokens to the document that was begun, whose outlooks are then those before, between and after them.
    ///
    /// # Errors
    /// They do not fit; nothing has changed.
    pub fn read(&mut self, model: &Model, tokens: &[u32]) -> Result<(), ContextError> {
        let length = self.tokens.len() + tokens.len();
        if length > self.context {
            return Err(ContextError { tokens: length, context: self.context });
        }
        if tokens.is_empty() {
            return Ok(());
        }
        let first = self.tokens.len();
        let logits = model.continue_document_fully(&mut self.workspace, tokens, first, &mut self.trunk).to_vec();
        self.tokens.extend_from_slice(tokens);
        self.outlooks.truncate(1);
        for row in logits.chunks_exact(model.config().vocab_size) {
            let outlook = self.measure(row.to_vec());
            self.outlooks.push(outlook);
        }
        Ok(())
    }

    /// Of the outlooks after [`Branches::read`], keeps those of these branches, in this order.
    pub fn keep(&mut self, branches: &[usize]) {
        self.outlooks = branches.iter().map(|branch| std::mem::take(&mut self.outlooks[*branch])).collect();
    }

    /// Replaces the branches by continuations of them: each of a branch and the tokens that it goes on by, at least one.
    /// Returns for each the natural logarithm of the probability of its tokens after the first (of which the outlook
    /// says it).
    ///
    /// # Errors
    /// One does not fit; nothing has changed.
    ///
    /// # Panics
    /// There are more than places, or one has no token.
    pub fn grow(&mut self, model: &Model, steps: &[(usize, &[u32])]) -> Result<Vec<f32>, ContextError> {
        let trunk = self.tokens.len();
        let parent_length = |parent: usize| if self.current.is_some() { self.lengths[parent] } else { trunk };
        let lengths: Vec<usize> = steps.iter().map(|(parent, tokens)| parent_length(*parent) + tokens.len()).collect();
        if let Some(tokens) = lengths.iter().copied().find(|length| *length > self.context) {
            return Err(ContextError { tokens, context: self.context });
        }
        let to = self.current.map_or(0, |set| 1 - set);
        for (place, (parent, _)) in steps.iter().enumerate() {
            let kept = self.shared[to][place].min(trunk);
            let [first, second] = &mut self.sets;
            let (target, other) = if to == 0 { (first, second) } else { (second, first) };
            for (layer, caches) in target.iter_mut().enumerate() {
                caches[place].follow(&self.trunk[layer], kept, trunk);
                if self.current.is_some() {
                    caches[place].follow(&other[layer][*parent], trunk, parent_length(*parent));
                }
            }
            self.shared[to][place] = trunk;
        }
        let mut sums = vec![0.0; steps.len()];
        let mut outlooks = vec![Logits::default(); steps.len()];
        let longest = steps.iter().map(|(_, tokens)| tokens.len()).max().unwrap_or(0);
        for round in 0..longest {
            let active: Vec<usize> = (0..steps.len()).filter(|place| steps[*place].1.len() > round).collect();
            let tokens: Vec<u32> = active.iter().map(|place| steps[*place].1[round]).collect();
            let position = |place: &usize| (lengths[*place] - steps[*place].1.len() + round) as u32;
            let positions: Vec<u32> = active.iter().map(position).collect();
            let workspace = &mut self.workspace;
            let set = &mut self.sets[to];
            let logits = with_team(|| model.continue_documents(workspace, &tokens, &positions, set, &active).to_vec());
            for (row, place) in logits.chunks_exact(model.config().vocab_size).zip(active) {
                let outlook = self.measure(row.to_vec());
                match steps[place].1.get(round + 1) {
                    Some(next) => sums[place] += outlook.log_probability(*next),
                    None => outlooks[place] = outlook,
                }
            }
        }
        self.current = Some(to);
        self.lengths = lengths;
        self.outlooks = outlooks;
        Ok(sums)
    }

    /// Forgets all but the first tokens of the document, and all branches.
    fn cut(&mut self, length: usize) {
        self.tokens.truncate(length);
        self.trunk.iter_mut().for_each(|cache| cache.truncate(length));
        self.shared.iter_mut().flatten().for_each(|shared| *shared = (*shared).min(length));
        self.current = None;
        self.lengths.clear();
    }

    fn measure(&self, values: Vec<f32>) -> Logits {
        let (log_sum, _) = cross_entropy::log_sum_exp(self.workspace.compute.kernels.isa, &mut values.clone());
        Logits { values, log_sum }
    }
}

#[cfg(test)]
mod tests {
    use prentice_base::Seed;

    use super::*;
    use crate::{DecoderConfig, Generator, kernels::Precision, ops::AttentionShape};

    /// Branches that part, part again and are dropped have the logits of their documents computed alone, to the bit.
    #[test]
    fn branches_are_what_their_documents_are() {
        let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 16 };
        let config = DecoderConfig::llama(50, 64, 2, shape, 128, 128);
        let model = Model::initialise(config, Seed(3)).unwrap();
        for precision in [Precision::F32, Precision::Bf16] {
            let compute = Compute::new(precision);
            let alone = |tokens: &[u32]| Generator::new(&model, compute, 128).feed(tokens).unwrap().to_vec();
            let mut branches = Branches::new(&model, compute, 3, 128);
            for document in [vec![1, 2, 3, 4, 5], vec![1, 2, 3, 9], (0..40).collect()] {
                branches.begin(&model, &document).unwrap();
                assert_eq!(branches.outlook(0).values, alone(&document));
                let with = |more: &[u32]| [&document[..], more].concat();
                branches.grow(&model, &[(0, &[7]), (0, &[8, 9, 10]), (0, &[11])]).unwrap();
                let sums = branches.grow(&model, &[(1, &[20]), (0, &[21, 22]), (1, &[23])]).unwrap();
                assert_eq!(branches.outlook(0).values, alone(&with(&[8, 9, 10, 20])));
                assert_eq!(branches.outlook(1).values, alone(&with(&[7, 21, 22])));
                assert_eq!(branches.outlook(2).values, alone(&with(&[8, 9, 10, 23])));
                let before = branches.measure(alone(&with(&[7, 21])));
                assert_eq!(sums, [0.0, before.log_probability(22), 0.0]);
                branches.grow(&model, &[(1, &[30])]).unwrap();
                assert_eq!(branches.outlook(0).values, alone(&with(&[7, 21, 22, 30])));
            }
            branches.begin(&model, &[1, 2]).unwrap();
            branches.read(&model, &[3, 4]).unwrap();
            for (branch, document) in [&[1, 2][..], &[1, 2, 3], &[1, 2, 3, 4]].into_iter().enumerate() {
                assert_eq!(branches.outlook(branch).values, alone(document));
            }
            let error = branches.read(&model, &[0; 127]).unwrap_err();
            assert_eq!(error.to_string(), "131 tokens do not fit into the context of 128 tokens");
        }
    }
}
