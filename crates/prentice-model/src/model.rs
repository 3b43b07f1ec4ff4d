//! A model: configuration, parameters, and what can be asked of them.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prentice_base::{ContentHash, HashWriter, Seed};

use crate::{
    adapters::LoraOptions,
    architectures::decoder::{self, ConfigError, Context, DecoderConfig, Layout, NamedTensor},
    batch::Batch,
    kernels::{with_team, zeroed},
    ops::{KeyValueCache, RotaryTable, TokenLosses},
    tape::{Graph, Parameter, Tensor, Weights, Workspace},
};

/// A language model: all parameters in one vector, f32. Those of the plain model come first, then adapters, then the value
/// head.
#[derive(Clone, Debug)]
pub struct Model {
    config: DecoderConfig,
    layout: Layout,
    rotary: Arc<RotaryTable>,
    parameters: Vec<f32>,
    /// Stands for the values of the frozen parameters, by which workspaces know their packed forms.
    frozen_identity: u64,
}

impl Model {
    /// A model with random parameters.
    ///
    /// # Errors
    /// The configuration is not implemented.
    pub fn initialise(config: DecoderConfig, seed: Seed) -> Result<Self, ConfigError> {
        config.validate()?;
        let layout = Layout::new(&config, None, false);
        let parameters = decoder::initialise(&config, &layout, seed);
        Ok(Self::assemble(config, layout, parameters))
    }

    /// A model of checked parts.
    pub(crate) fn assemble(config: DecoderConfig, layout: Layout, parameters: Vec<f32>) -> Self {
        assert_eq!(layout.length, parameters.len());
        let rotary = RotaryTable::new(config.attention().head, config.max_position_embeddings, config.theta());
        Self { config, layout, rotary: Arc::new(rotary), parameters, frozen_identity: new_identity() }
    }

    /// The same model with other additions: tensors that both have keep their values, new ones are zero.
    pub(crate) fn rebuilt(&self, adapters: Option<&LoraOptions>, value_head: bool) -> Self {
        let layout = Layout::new(&self.config, adapters, value_head);
        let mut parameters = zeroed(layout.length);
        let known: HashMap<&str, &Range<usize>> =
            self.layout.tensors.iter().map(|tensor| (tensor.name.as_str(), &tensor.range)).collect();
        for tensor in &layout.tensors {
            if let Some(range) = known.get(tensor.name.as_str()) {
                parameters[tensor.range.clone()].copy_from_slice(&self.parameters[(*range).clone()]);
            }
        }
        let rotary = Arc::clone(&self.rotary);
        Self { config: self.config.clone(), layout, rotary, parameters, frozen_identity: new_identity() }
    }

    /// Sizes and constants.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// All parameters, in the order of [`Model::tensors`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to be changed. Workspaces must be told by [`Workspace::parameters_changed`].
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        self.frozen_identity = new_identity();
        &mut self.parameters
    }

    /// Which parameters are trained: all of them; with adapters only those, and the value head where there is one.
    pub fn trainable(&self) -> Range<usize> {
        let frozen = if self.adapters().is_some() { self.layout.base } else { 0 };
        frozen..self.layout.length
    }

    /// The parameters that are trained, for optimisers. Workspaces must be told by [`Workspace::parameters_changed`], and
    /// keep the packed forms of the others.
    pub fn trainable_mut(&mut self) -> &mut [f32] {
        let range = self.trainable();
        &mut self.parameters[range]
    }

    /// The value head, if there is one: its weight (1 x hidden) and its bias (1 x 1).
    pub fn value_head(&self) -> Option<(Parameter, Parameter)> {
        self.layout.value_head
    }

    /// The named tensors that make up the parameters.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.layout.tensors
    }

    /// Digest of the parameters' bytes.
    pub fn digest(&self) -> ContentHash {
        digest(&self.parameters)
    }

    /// The same of the plain model alone, without adapters and value head.
    pub fn base_digest(&self) -> ContentHash {
        digest(&self.parameters[..self.layout.base])
    }

    /// Scores a batch without changing anything.
    pub fn score(&self, workspace: &mut Workspace, batch: &Batch) -> TokenLosses {
        with_team(|| {
            let mut graph = Graph::inference(workspace, self.weights());
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            graph.cross_entropy(x, self.layout.output(), &batch.targets, &batch.weights)
        })
    }

    /// Scores a batch and adds the gradient of its mean loss to `gradient`, which has an element for each parameter of
    /// [`Model::trainable`].
    pub fn score_and_differentiate(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradient: &mut [f32],
    ) -> TokenLosses {
        with_team(|| {
            let mut graph = Graph::training(workspace, self.weights(), gradient);
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            let losses = graph.cross_entropy(x, self.layout.output(), &batch.targets, &batch.weights);
            graph.backward();
            losses
        })
    }

    /// Scores a batch, asks `loss` for its derivative by the log-probability of each row's target, and adds the gradient
    /// to `gradient`: for every loss that is a function of log-probabilities.
    ///
    /// Rows whose weight in the batch is 0 are not scored, and their derivative is not read; other weights have no
    /// effect.
    pub fn score_and_weigh(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradient: &mut [f32],
        loss: impl FnOnce(&TokenLosses) -> Vec<f32> + Send,
    ) -> TokenLosses {
        self.weigh(workspace, batch, gradient, None, |scores, _| (loss(scores), Vec::new()))
    }

    /// The same where the loss is a function of the value head's values, too: one for each row, weight or not.
    ///
    /// # Panics
    /// The model has no value head.
    pub fn score_and_weigh_values(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradient: &mut [f32],
        loss: impl FnOnce(&TokenLosses, &[f32]) -> (Vec<f32>, Vec<f32>) + Send,
    ) -> TokenLosses {
        let head = self.value_head().expect("the model has a value head");
        self.weigh(workspace, batch, gradient, Some(head), loss)
    }

    fn weigh(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradient: &mut [f32],
        value_head: Option<(Parameter, Parameter)>,
        loss: impl FnOnce(&TokenLosses, &[f32]) -> (Vec<f32>, Vec<f32>) + Send,
    ) -> TokenLosses {
        with_team(|| {
            let mut graph = Graph::training(workspace, self.weights(), gradient);
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            let output = self.layout.output();
            let losses = graph.weighted_cross_entropy(x, output, value_head, &batch.targets, &batch.weights, loss);
            graph.backward();
            losses
        })
    }

    /// What the value head says of each row of a batch.
    ///
    /// # Panics
    /// The model has no value head.
    pub fn values(&self, workspace: &mut Workspace, batch: &Batch) -> Vec<f32> {
        let head = self.value_head().expect("the model has a value head");
        with_team(|| {
            let mut graph = Graph::inference(workspace, self.weights());
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            graph.values(x, head)
        })
    }

    /// The logits of every token of a batch: tokens x vocabulary.
    pub fn logits(&self, workspace: &mut Workspace, batch: &Batch) -> Vec<f32> {
        let mut graph = Graph::inference(workspace, self.weights());
        let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
        graph.logits(x, 0, self.layout.output()).to_vec()
    }

    /// Continues a document whose earlier tokens are in `caches`; leaves the last token's logits in the workspace.
    pub(crate) fn continue_document<'w>(
        &self,
        workspace: &'w mut Workspace,
        tokens: &[u32],
        first_position: usize,
        caches: &mut [KeyValueCache],
    ) -> &'w mut [f32] {
        self.continue_from(workspace, tokens, first_position, caches, tokens.len() - 1)
    }

    /// The same, leaving the logits of all tokens: tokens x vocabulary.
    pub(crate) fn continue_document_fully<'w>(
        &self,
        workspace: &'w mut Workspace,
        tokens: &[u32],
        first_position: usize,
        caches: &mut [KeyValueCache],
    ) -> &'w mut [f32] {
        self.continue_from(workspace, tokens, first_position, caches, 0)
    }

    fn continue_from<'w>(
        &self,
        workspace: &'w mut Workspace,
        tokens: &[u32],
        first_position: usize,
        caches: &mut [KeyValueCache],
        first_logits: usize,
    ) -> &'w mut [f32] {
        let positions: Vec<u32> = (first_position as u32..).take(tokens.len()).collect();
        with_team(|| {
            let mut graph = Graph::inference(workspace, self.weights());
            let x = self.hidden(&mut graph, tokens, &positions, Context::Cached(caches));
            graph.logits(x, first_logits, self.output());
        });
        &mut workspace.logits
    }

    /// Continues many documents by a token each; leaves the logits (documents x vocabulary) in the workspace.
    pub(crate) fn continue_documents<'w>(
        &self,
        workspace: &'w mut Workspace,
        tokens: &[u32],
        positions: &[u32],
        caches: &mut [Vec<KeyValueCache>],
        active: &[usize],
    ) -> &'w mut [f32] {
        let mut graph = Graph::inference(workspace, self.weights());
        let x = self.hidden(&mut graph, tokens, positions, Context::Batched(caches, active));
        graph.logits(x, 0, self.output());
        &mut workspace.logits
    }

    fn weights(&self) -> Weights<'_> {
        Weights::partly_frozen(&self.parameters, self.trainable().start, self.frozen_identity)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    fn hidden(&self, graph: &mut Graph, tokens: &[u32], positions: &[u32], context: Context) -> Tensor {
        decoder::hidden_states(&self.config, &self.layout, &self.rotary, graph, tokens, positions, context)
    }

    fn output(&self) -> Parameter {
        self.layout.output()
    }
}

/// A number that no other values in this process have.
fn new_identity() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn digest(values: &[f32]) -> ContentHash {
    use std::io::Write as _;
    let mut hasher = HashWriter::new();
    for block in values.chunks(1 << 14) {
        let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.write_all(&bytes).expect("hashing does not fail");
    }
    hasher.finish()
}
