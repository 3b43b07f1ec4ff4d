//! Run manifests: from which inputs, by which code, with which options a result was made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, Seed};

/// Version of the code that takes part in every stage key: results of another version are not reused.
///
/// Raised by hand (the last number) when a stage's output changes for the same inputs.
pub const CODE_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+1");

/// How a result came about. Written beside every result, last, so that its presence means "complete".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunManifest {
    /// Stage, such as `corpus` or `train`.
    pub stage: String,
    /// Key of the stage: digest of inputs, options and code version.
    pub key: ContentHash,
    /// [`CODE_VERSION`] of the program.
    pub code_version: String,
    /// Commit of Prentice's own source, where it is known.
    pub commit: Option<String>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, ContentHash>,
    /// Options, as understood after defaults.
    pub options: serde_json::Value,
    /// The seed of everything random.
    pub seed: Seed,
    /// Outputs by file name.
    pub outputs: BTreeMap<String, ContentHash>,
    /// The machine it ran on.
    pub machine: Machine,
    /// Elapsed time, in seconds, over all resumptions.
    pub seconds: f64,
    /// Figures of the stage, for reports.
    pub summary: serde_json::Value,
}

/// The machine a stage ran on, as far as it can influence results or speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub architecture: String,
    /// Threads used.
    pub threads: usize,
    /// Numeric kernels used, such as `avx512+amx`; empty where none were.
    pub kernels: String,
}

impl Machine {
    /// The machine this runs on.
    pub fn current(threads: usize, kernels: impl Into<String>) -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            threads,
            kernels: kernels.into(),
        }
    }
}
