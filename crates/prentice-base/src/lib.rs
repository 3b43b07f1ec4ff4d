//! What every part of Prentice shares: the four nouns, and the few mechanisms that keep their promises.
//!
//! * The nouns: [`Document`], [`Task`], [`Trajectory`], [`Verdict`].
//! * Identity: [`ContentHash`] (BLAKE3) and [`Seed`] (everything random derives from one).
//! * Resumable work: [`StageCache`] and [`RunManifest`].
//! * Talking to a user: [`Event`]s, which the command line draws as progress bars or prints as JSON. Library code
//!   never prints.
//!
//! This crate has no asynchronous code, reads no configuration, and depends on no other Prentice crate.

// Library code prints nothing: what there is to say goes through events.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod digest;
mod document;
mod event;
pub mod files;
mod manifest;
mod seed;
mod stage;
mod task;
mod trajectory;
mod verdict;
pub mod words;

pub use digest::{ContentHash, DigestParseError, HashWriter, digest_json};
pub use document::{Document, LicenceEvidence, LicenceScope, Provenance, SourceKind, Transformation};
pub use event::{Event, Events, ignore_events};
pub use files::FileError;
pub use manifest::{CODE_VERSION, Machine, RunManifest};
pub use seed::{Rng, Seed};
pub use stage::{Stage, StageCache, StageError, StageKey};
pub use task::{Check, Limits, Program, Snapshot, Task, TaskKind, TestCase};
pub use trajectory::{Message, Role, Step, Trajectory, TrajectoryError, TrajectoryEvent};
pub use verdict::{FailureKind, Verdict};
