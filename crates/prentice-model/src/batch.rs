//! A batch: documents one after another, without padding.

use std::sync::Arc;

use crate::ops::Segment;

/// Tokens to train or to score on.
///
/// Rows of the batch's matrices are tokens. Padding never enters: a row costs the same work whether it matters or not.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Position of each token in its document, from 0.
    pub positions: Vec<u32>,
    /// The documents.
    pub segments: Arc<[Segment]>,
    /// The token that follows each token; 0 where none does.
    pub targets: Vec<u32>,
    /// How much each prediction counts; 0 where there is none.
    pub weights: Vec<f32>,
}

impl Batch {
    /// A batch of documents, each predicting its own next tokens with weight 1.
    pub fn new<'a>(documents: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut batch =
            Self { tokens: vec![], positions: vec![], segments: [].into(), targets: vec![], weights: vec![] };
        let mut segments = Vec::new();
        for document in documents.into_iter().filter(|document| !document.is_empty()) {
            segments.push(Segment { start: batch.tokens.len(), length: document.len() });
            batch.tokens.extend_from_slice(document);
            batch.positions.extend(0..document.len() as u32);
            batch.targets.extend_from_slice(&document[1..]);
            batch.targets.push(0);
            batch.weights.extend(std::iter::repeat_n(1.0, document.len() - 1));
            batch.weights.push(0.0);
        }
        batch.segments = segments.into();
        batch
    }

    /// A batch of documents of which every token is predicted: each begins after the token `start`, and its last token
    /// is a target only. A document of n tokens takes n rows, at positions 0 to n - 1.
    pub fn after<'a>(start: u32, documents: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut batch =
            Self { tokens: vec![], positions: vec![], segments: [].into(), targets: vec![], weights: vec![] };
        let mut segments = Vec::new();
        for document in documents.into_iter().filter(|document| !document.is_empty()) {
            segments.push(Segment { start: batch.tokens.len(), length: document.len() });
            batch.tokens.push(start);
            batch.tokens.extend_from_slice(&document[..document.len() - 1]);
            batch.positions.extend(0..document.len() as u32);
            batch.targets.extend_from_slice(document);
        }
        batch.weights = vec![1.0; batch.tokens.len()];
        batch.segments = segments.into();
        batch
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
