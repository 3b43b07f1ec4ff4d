//! Checkpoints in Hugging Face layout: a directory with `config.json` and `model.safetensors` (and `tokenizer.json`,
//! which the vocabulary's crate writes).
//!
//! The header's metadata carries the digest of the vocabulary the model was trained with, so that a mismatch is an
//! error and not gibberish. Adapters and a value head are further tensors of the same file, and its metadata say so: what
//! other programs read of it is the plain model, so hand over [`Model::merged`] or [`Model::save_adapter`] instead.
//!
//! Written by hand rather than with the library's serialiser, whose metadata have no fixed
//! order: the same parameters give the same bytes.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    path::{Path, PathBuf},
};

use prentice_base::{ContentHash, FileError, files};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use crate::{
    adapters::{AdapterError, LoraOptions},
    architectures::decoder::{ConfigError, DecoderConfig, Layout},
    kernels::{bf16_to_f32, zeroed},
    model::Model,
    peft::{ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE},
};

/// Name of the configuration's file.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the parameters' file.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// Name of the tokenizer's file.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

const ADAPTER_HINT: &str =
    "LoRA adapters in the layout of PEFT can be read: adapter_config.json and adapter_model.safetensors";

const VOCABULARY_KEY: &str = "prentice.vocabulary";
const ADAPTERS_KEY: &str = "prentice.adapters";
const VALUE_HEAD_KEY: &str = "prentice.value_head";

/// A checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration is not JSON, or a field is missing.
    #[error("{} is not a model configuration", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The configuration asks for something that is not implemented.
    #[error(transparent)]
    Unsupported(#[from] ConfigError),
    /// The configuration of adapters is not JSON, or a field is missing.
    #[error("{} has no readable configuration of adapters", path.display())]
    AdapterConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The adapters ask for something that is not implemented, or do not fit the model.
    #[error("{}", path.display())]
    Adapters {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: AdapterError,
    },
    /// The adapters were trained on another model.
    #[error(
        "the adapters in {} were trained on a model with digest {}, this one has {}",
        path.display(), expected.short(), found.short()
    )]
    Base {
        /// The file.
        path: PathBuf,
        /// Trained on.
        expected: ContentHash,
        /// Given.
        found: ContentHash,
    },
    /// The weights are truncated or damaged.
    #[error("{} is truncated or damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: safetensors::SafeTensorError,
    },
    /// A tensor is missing, or has another shape or type than the configuration says.
    #[error("{}: tensor `{tensor}` {problem}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// The tokenizer beside the checkpoint, or given with it, is not the one it was trained with.
    #[error(
        "vocabulary {} does not match checkpoint {}, which was trained with vocabulary {}",
        found.short(), path.display(), expected.short()
    )]
    Vocabulary {
        /// The checkpoint.
        path: PathBuf,
        /// Trained with.
        expected: ContentHash,
        /// Given.
        found: ContentHash,
    },
}

fn is_adapter(path: &Path) -> bool {
    path.ends_with(ADAPTER_CONFIG_FILE) || path.ends_with(ADAPTER_WEIGHTS_FILE)
}

impl CheckpointError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            CheckpointError::File(error) if is_adapter(&error.path) => ADAPTER_HINT.into(),
            CheckpointError::File(error) if error.source.kind() == io::ErrorKind::NotFound => {
                "give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json".into()
            }
            CheckpointError::File(_) => "check the permissions of the file".into(),
            CheckpointError::Config { .. } | CheckpointError::Unsupported(_) => {
                "Llama and Qwen2 checkpoints in Hugging Face layout can be read".into()
            }
            CheckpointError::Damaged { .. } | CheckpointError::Tensor { .. } => {
                "copy the checkpoint again, or use an earlier one of the same run".into()
            }
            CheckpointError::AdapterConfig { .. } => ADAPTER_HINT.into(),
            CheckpointError::Adapters { source, .. } => source.hint().into(),
            CheckpointError::Base { .. } => "load the model that the adapters were trained on".into(),
            CheckpointError::Vocabulary { .. } => "use the tokenizer.json that was saved beside the checkpoint".into(),
        }
    }
}

impl Model {
    /// Writes `config.json` and `model.safetensors` to `directory`, each atomically.
    ///
    /// # Errors
    /// A file cannot be written; files that were there stay as they are.
    pub fn save(&self, directory: &Path, vocabulary: Option<ContentHash>) -> Result<(), FileError> {
        files::create_dir(directory)?;
        let tensors: Vec<(&str, &[usize], &[f32])> = self
            .tensors()
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice(), &self.parameters()[tensor.range.clone()]))
            .collect();
        let mut metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        if let Some(digest) = vocabulary {
            metadata.insert(VOCABULARY_KEY.to_owned(), digest.to_string());
        }
        if let Some(adapters) = self.adapters() {
            metadata.insert(ADAPTERS_KEY.to_owned(), serde_json::to_string(adapters).expect("plain data"));
        }
        if self.value_head().is_some() {
            metadata.insert(VALUE_HEAD_KEY.to_owned(), "true".to_owned());
        }
        write_tensors(&directory.join(WEIGHTS_FILE), &metadata, &tensors)?;
        let mut config = serde_json::to_vec_pretty(self.config()).expect("a configuration is plain data");
        config.push(b'\n');
        files::write_atomic(&directory.join(CONFIG_FILE), &config)
    }

    /// Reads a checkpoint; also returns the digest of its vocabulary, where it is recorded.
    ///
    /// # Errors
    /// Says which file is missing, damaged or not supported.
    pub fn load(directory: &Path) -> Result<(Self, Option<ContentHash>), CheckpointError> {
        let config_path = directory.join(CONFIG_FILE);
        let config: DecoderConfig = serde_json::from_slice(&files::read(&config_path)?)
            .map_err(|source| CheckpointError::Config { path: config_path, source })?;
        config.validate()?;
        let path = directory.join(WEIGHTS_FILE);
        let bytes = files::read(&path)?;
        let file = TensorFile::parse(&path, &bytes)?;
        let adapters: Option<LoraOptions> = match file.metadata.get(ADAPTERS_KEY) {
            Some(text) => Some(
                serde_json::from_str(text)
                    .map_err(|source| CheckpointError::AdapterConfig { path: path.clone(), source })?,
            ),
            None => None,
        };
        if let Some(adapters) = &adapters {
            adapters.validate(&config).map_err(|source| CheckpointError::Adapters { path: path.clone(), source })?;
        }
        let layout = Layout::new(&config, adapters.as_ref(), file.metadata.contains_key(VALUE_HEAD_KEY));
        let mut parameters = zeroed(layout.length);
        for tensor in &layout.tensors {
            file.read(&tensor.name, &tensor.shape, &mut parameters[tensor.range.clone()])?;
        }
        let vocabulary = file.metadata.get(VOCABULARY_KEY).and_then(|digest| digest.parse().ok());
        Ok((Self::assemble(config, layout, parameters), vocabulary))
    }
}

/// A parsed `.safetensors` file.
pub(crate) struct TensorFile<'b> {
    path: &'b Path,
    tensors: SafeTensors<'b>,
    pub(crate) metadata: HashMap<String, String>,
}

impl<'b> TensorFile<'b> {
    pub(crate) fn parse(path: &'b Path, bytes: &'b [u8]) -> Result<Self, CheckpointError> {
        let damaged = |source| CheckpointError::Damaged { path: path.to_owned(), source };
        let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        Ok(Self { path, tensors, metadata: header.metadata().clone().unwrap_or_default() })
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names().into_iter()
    }

    /// What is wrong with a tensor.
    pub(crate) fn problem(&self, name: &str, problem: String) -> CheckpointError {
        CheckpointError::Tensor { path: self.path.to_owned(), tensor: name.to_owned(), problem }
    }

    /// Reads a tensor, which must have this shape.
    pub(crate) fn read(&self, name: &str, shape: &[usize], target: &mut [f32]) -> Result<(), CheckpointError> {
        let problem = |problem: String| self.problem(name, problem);
        let view = self.tensors.tensor(name).map_err(|_| problem("is missing".into()))?;
        if view.shape() != shape {
            return Err(problem(format!("has shape {:?}, the configuration says {shape:?}", view.shape())));
        }
        match view.dtype() {
            Dtype::F32 => {
                for (value, bytes) in target.iter_mut().zip(view.data().chunks_exact(4)) {
                    *value = f32::from_le_bytes(bytes.try_into().expect("four bytes"));
                }
            }
            Dtype::BF16 => {
                for (value, bytes) in target.iter_mut().zip(view.data().chunks_exact(2)) {
                    *value = bf16_to_f32(u16::from_le_bytes(bytes.try_into().expect("two bytes")));
                }
            }
            other => return Err(problem(format!("has type {other:?}, F32 and BF16 can be read"))),
        }
        Ok(())
    }
}

/// Checks that a vocabulary is the one a checkpoint was trained with, where the checkpoint says.
///
/// # Errors
/// They differ.
pub fn check_vocabulary(path: &Path, expected: Option<ContentHash>, found: ContentHash) -> Result<(), CheckpointError> {
    match expected {
        Some(expected) if expected != found => {
            Err(CheckpointError::Vocabulary { path: path.to_owned(), expected, found })
        }
        _ => Ok(()),
    }
}

/// Writes f32 tensors as a `.safetensors` file, atomically: header in the given order, metadata sorted.
///
/// # Errors
/// The file cannot be written.
pub fn write_tensors(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: &[(&str, &[usize], &[f32])],
) -> Result<(), FileError> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut offset = 0;
    for (name, shape, values) in tensors {
        let end = offset + values.len() * 4;
        header.insert((*name).to_owned(), json!({"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header).expect("plain data");
    // The data starts on an 8-byte boundary, as the format recommends.
    header.resize(header.len().next_multiple_of(8), b' ');
    files::write_atomic_with(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        for (_, _, values) in tensors {
            for block in values.chunks(1 << 14) {
                let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
                writer.write_all(&bytes)?;
            }
        }
        Ok(())
    })
}
