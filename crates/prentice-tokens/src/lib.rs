//! From text to what a model trains on: a vocabulary, fill-in-the-middle, packing, and token shards on disk.
//!
//! The way of a document: [`cut`] breaks it into [`Piece`]s that fit the context, [`fim`] rearranges some of them,
//! [`pack()`] lays them into rows of equal length with little padding, and [`TokenShard`] gives the rows back from a
//! memory-mapped file. [`encode_documents`] does all of it, in parallel, with the same bytes at any thread count.
//!
//! [`chat`] lays conversations out as documents, and says which of their tokens a model is to learn.
//!
//! Text never becomes a special token, however it is spelled: special tokens are inserted by id only. So a file that
//! contains `<|endoftext|>` cannot end a document early or pose as a fill-in-the-middle prompt.

// Library code prints nothing: what there is to say goes through events.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod chat;
mod encode;
pub mod fim;
mod pack;
mod pieces;
mod shard;
#[cfg(test)]
mod testing;
mod vocabulary;
mod words;

pub use encode::{EncodeError, EncodeOptions, EncodeSummary, encode_documents};
pub use fim::{FimOptions, infilling_prompt};
pub use pack::{best_fit, fill_rate, pack};
pub use pieces::{MINIMUM_CONTEXT, Piece, cut};
pub use shard::{Row, Segment, ShardError, ShardInfo, ShardWriter, TokenShard, write_shard};
pub use vocabulary::{MINIMUM_SIZE, SpecialTokens, TRAINING_BYTES, VOCABULARY_FILE, Vocabulary, VocabularyError};
pub use words::Words;

/// The stage named in the progress events of this crate.
pub(crate) const STAGE: &str = "tokens";

/// The hint for a file that could not be read or written.
pub(crate) fn file_hint(error: &prentice_base::FileError) -> Option<&'static str> {
    error.is_disk_full().then_some("free some disk space and run the same command again")
}
