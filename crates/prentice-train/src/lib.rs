//! Training, and the examination of what was learnt.
//!
//! * [`pretrain`]: next token and fill-in-the-middle, resumable to the bit.
//! * [`finetune`]: what all training from a trained model shares, resumable likewise. [`sft`]: on responses to prompts.
//!   [`prefer`]: on judgements of responses.
//! * [`dialogue`], [`batches`], [`epochs`]: examples from JSON lines, and training over a fixed set of them.
//! * [`optimiser`], [`schedule`]: AdamW, and the learning rate over time.
//! * [`examine`]: held-out bits per byte, next-token accuracy, single-line infilling, beside two baselines.
//! * [`objective`]: losses of reinforcement learning and of preferences, as pure functions.
//! * [`rl`]: reinforcement learning from executed tests.
//! * [`plan`]: model size, batch, memory and time from one dial.

// Library code prints nothing: what there is to say goes through events.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod batches;
pub mod checkpoint;
mod data;
pub mod dialogue;
pub mod epochs;
pub mod examine;
pub mod finetune;
pub mod objective;
pub mod optimiser;
pub mod plan;
pub mod prefer;
pub mod pretrain;
pub mod rl;
pub mod schedule;
pub mod sft;
