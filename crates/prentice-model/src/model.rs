//! A model: configuration, parameters, and what can be asked of them.

use std::sync::Arc;

use prentice_base::{ContentHash, HashWriter, Seed};

use crate::{
    architectures::decoder::{self, ConfigError, Context, DecoderConfig, Layout, NamedTensor},
    batch::Batch,
    kernels::with_team,
    ops::{KeyValueCache, RotaryTable, TokenLosses},
    tape::{Graph, Parameter, Tensor, Workspace},
};

/// A language model: all parameters in one vector, f32.
#[derive(Clone, Debug)]
pub struct Model {
    config: DecoderConfig,
    layout: Layout,
    rotary: Arc<RotaryTable>,
    parameters: Vec<f32>,
}

impl Model {
    /// A model with random parameters.
    ///
    /// # Errors
    /// The configuration is not implemented.
    pub fn initialise(config: DecoderConfig, seed: Seed) -> Result<Self, ConfigError> {
        config.validate()?;
        let layout = Layout::new(&config);
        let parameters = decoder::initialise(&config, &layout, seed);
        Ok(Self::assemble(config, layout, parameters))
    }

    pub(crate) fn from_parameters(config: DecoderConfig, parameters: Vec<f32>) -> Result<Self, ConfigError> {
        config.validate()?;
        let layout = Layout::new(&config);
        assert_eq!(layout.length, parameters.len());
        Ok(Self::assemble(config, layout, parameters))
    }

    fn assemble(config: DecoderConfig, layout: Layout, parameters: Vec<f32>) -> Self {
        let rotary = RotaryTable::new(config.attention().head, config.max_position_embeddings, config.theta());
        Self { config, layout, rotary: Arc::new(rotary), parameters }
    }

    /// Sizes and constants.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// All parameters, in the order of [`Model::tensors`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// For optimisers. Workspaces must be told by [`Workspace::parameters_changed`].
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// The named tensors that make up the parameters.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.layout.tensors
    }

    /// Digest of the parameters' bytes.
    pub fn digest(&self) -> ContentHash {
        use std::io::Write as _;
        let mut hasher = HashWriter::new();
        for block in self.parameters.chunks(1 << 14) {
            let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.write_all(&bytes).expect("hashing does not fail");
        }
        hasher.finish()
    }

    /// Scores a batch without changing anything.
    pub fn score(&self, workspace: &mut Workspace, batch: &Batch) -> TokenLosses {
        with_team(|| {
            let mut graph = Graph::inference(workspace, &self.parameters);
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            graph.cross_entropy(x, self.layout.output(), &batch.targets, &batch.weights)
        })
    }

    /// Scores a batch and adds the gradient of its mean loss to `gradient`.
    pub fn score_and_differentiate(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradient: &mut [f32],
    ) -> TokenLosses {
        with_team(|| {
            let mut graph = Graph::training(workspace, &self.parameters, gradient);
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
        with_team(|| {
            let mut graph = Graph::training(workspace, &self.parameters, gradient);
            let x = self.hidden(&mut graph, &batch.tokens, &batch.positions, Context::Documents(&batch.segments));
            let losses = graph.weighed_cross_entropy(x, self.layout.output(), &batch.targets, &batch.weights, loss);
            graph.backward();
            losses
        })
    }

    /// The logits of every token of a batch: tokens x vocabulary.
    pub fn logits(&self, workspace: &mut Workspace, batch: &Batch) -> Vec<f32> {
        let mut graph = Graph::inference(workspace, &self.parameters);
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
        let positions: Vec<u32> = (first_position as u32..).take(tokens.len()).collect();
        with_team(|| {
            let mut graph = Graph::inference(workspace, &self.parameters);
            let x = self.hidden(&mut graph, tokens, &positions, Context::Cached(caches));
            graph.logits(x, tokens.len() - 1, self.output());
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
        let mut graph = Graph::inference(workspace, &self.parameters);
        let x = self.hidden(&mut graph, tokens, positions, Context::Batched(caches, active));
        graph.logits(x, 0, self.output());
        &mut workspace.logits
    }

    fn hidden(&self, graph: &mut Graph, tokens: &[u32], positions: &[u32], context: Context) -> Tensor {
        decoder::hidden_states(&self.config, &self.layout, &self.rotary, graph, tokens, positions, context)
    }

    fn output(&self) -> Parameter {
        self.layout.output()
    }
}
