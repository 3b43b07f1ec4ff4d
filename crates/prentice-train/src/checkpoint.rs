//! Training checkpoints: a directory `step-00000042` with the model in Hugging Face layout, the optimiser's state and
//! the state of the run, which is whatever the run has to remember as plain data.
//!
//! A checkpoint is written beside its final name and renamed when everything is on disk, so that after a crash it is
//! there completely or not at all. Two are kept: should the last one be damaged, the one before is still good.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{ContentHash, Event, Events, FileError, HashWriter, files};
use prentice_model::{
    CheckpointError, Model,
    checkpoint::{TOKENIZER_FILE, WEIGHTS_FILE, check_vocabulary, write_tensors},
};
use prentice_tokens::{Vocabulary, VocabularyError};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::optimiser::{AdamW, AdamWOptions};

const OPTIMISER_FILE: &str = "optimiser.safetensors";
const STATE_FILE: &str = "state.json";
const KEPT: usize = 2;

/// Where a pre-training run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Digest of the options and inputs, which must not change within a run.
    pub run: String,
    /// Steps done.
    pub step: u64,
    /// Steps in all, once that is settled: at once for a budget of steps or tokens, for a budget of time when the
    /// learning rate begins to fall.
    pub steps: Option<u64>,
    /// Tokens trained on.
    pub tokens: u64,
    /// Time spent, in seconds, evaluation included.
    pub seconds: f64,
    /// Time spent in training steps alone, in seconds.
    pub training_seconds: f64,
    /// What happened, step by step.
    pub curve: Vec<CurvePoint>,
    /// Held-out measurements.
    pub evaluations: Vec<Evaluation>,
}

/// A step of the training curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps done, from 1.
    pub step: u64,
    /// Training loss, in nats a token.
    pub loss: f32,
    /// Learning rate.
    pub learning_rate: f32,
}

/// A held-out measurement during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// After this many steps.
    pub step: u64,
    /// Loss, in nats a token.
    pub loss: f32,
    /// Bits per byte of text.
    pub bits_per_byte: f32,
}

/// A training checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] CheckpointError),
    /// The vocabulary cannot be read.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The state of run or optimiser is not what was written.
    #[error("{} is truncated or damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// Writes a checkpoint of what `state` says after `step` steps under `directory`, and removes all but the newest two.
///
/// # Errors
/// A file cannot be written; earlier checkpoints stay.
pub fn save<S: Serialize>(
    directory: &Path,
    model: &Model,
    optimiser: &AdamW,
    step: u64,
    state: &S,
    vocabulary: &Vocabulary,
) -> Result<PathBuf, FileError> {
    files::create_dir(directory)?;
    let path = path_of(directory, step);
    let partial = directory.join(format!(".partial-{}", name_of(step)));
    let result = (|| {
        save_model(&partial, model, vocabulary)?;
        let length = [optimiser.mean.len()];
        let metadata = BTreeMap::from([
            ("steps".to_owned(), optimiser.steps.to_string()),
            ("options".to_owned(), serde_json::to_string(&optimiser.options).expect("plain data")),
        ]);
        let tensors: [(&str, &[usize], &[f32]); 2] =
            [("mean", &length, &optimiser.mean), ("square", &length, &optimiser.square)];
        write_tensors(&partial.join(OPTIMISER_FILE), &metadata, &tensors)?;
        files::write_atomic(&partial.join(STATE_FILE), &serde_json::to_vec(state).expect("plain data"))
    })();
    if let Err(error) = result {
        // The disk may be full: what was half-written must not stay in the way.
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    if path.exists() {
        fs::remove_dir_all(&path).map_err(FileError::new("replace", &path))?;
    }
    fs::rename(&partial, &path).map_err(FileError::new("write", &path))?;
    if let Ok(handle) = File::open(directory) {
        let _ = handle.sync_all();
    }
    let all = list(directory)?;
    for old in &all[..all.len().saturating_sub(KEPT)] {
        fs::remove_dir_all(old).map_err(FileError::new("remove", old))?;
    }
    Ok(path)
}

/// Where the checkpoint after `step` steps lies under `directory`.
pub fn path_of(directory: &Path, step: u64) -> PathBuf {
    directory.join(name_of(step))
}

fn name_of(step: u64) -> String {
    format!("step-{step:08}")
}

/// Whether a checkpoint is due after `step` steps: each `every` steps, or a minute after `saved_at` where that is 0.
pub(crate) fn is_due(every: u64, step: u64, saved_at: Instant) -> bool {
    match every {
        0 => saved_at.elapsed().as_secs_f64() > 60.0,
        every => step.is_multiple_of(every),
    }
}

/// Writes a model with its tokenizer: what other programs need to use it.
///
/// # Errors
/// A file cannot be written.
pub fn save_model(directory: &Path, model: &Model, vocabulary: &Vocabulary) -> Result<(), FileError> {
    model.save(directory, Some(vocabulary.digest()))?;
    vocabulary.save(&directory.join(TOKENIZER_FILE)).map_err(|error| match error {
        VocabularyError::File(error) => error,
        other => {
            FileError { action: "write", path: directory.join(TOKENIZER_FILE), source: std::io::Error::other(other) }
        }
    })
}

/// Reads a model with its tokenizer, which must be the one it was trained with.
///
/// # Errors
/// A file is missing or damaged, or the tokenizer is another one.
pub fn load_model(directory: &Path) -> Result<(Model, Vocabulary), ResumeError> {
    let (model, expected) = Model::load(directory)?;
    let vocabulary = Vocabulary::load(&directory.join(TOKENIZER_FILE))?;
    check_vocabulary(directory, expected, vocabulary.digest())?;
    if vocabulary.len() > model.config().vocab_size {
        return Err(CheckpointError::Tensor {
            path: directory.join(WEIGHTS_FILE),
            tensor: "model.embed_tokens.weight".into(),
            problem: format!("has {} rows, tokenizer.json has {} tokens", model.config().vocab_size, vocabulary.len()),
        }
        .into());
    }
    Ok((model, vocabulary))
}

/// The complete checkpoints under `directory`, oldest first; remains of an interrupted write are removed.
///
/// # Errors
/// The directory cannot be read.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(FileError::new("read", directory)(error)),
    };
    for entry in entries {
        let path = entry.map_err(FileError::new("read", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(".partial-") {
            fs::remove_dir_all(&path).map_err(FileError::new("remove", &path))?;
        } else if name.starts_with("step-") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The newest checkpoint of those in `paths` (oldest first) that can be read; damaged ones are reported and passed over.
///
/// # Errors
/// There are checkpoints and none can be read: starting over would silently throw away work that may be recoverable.
pub fn newest<S: DeserializeOwned>(
    paths: &[PathBuf],
    events: Events,
) -> Result<Option<(Model, AdamW, S)>, ResumeError> {
    let mut first_error = None;
    for path in paths.iter().rev() {
        match load(path) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(error) => {
                events(Event::Warning { message: format!("checkpoint {} is passed over: {error}", path.display()) });
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(None), Err)
}

/// Reads a training checkpoint.
///
/// # Errors
/// A file is missing or damaged.
pub fn load<S: DeserializeOwned>(path: &Path) -> Result<(Model, AdamW, S), ResumeError> {
    let (model, _) = Model::load(path)?;
    let state_path = path.join(STATE_FILE);
    let state: S =
        serde_json::from_slice(&files::read(&state_path)?).map_err(|_| ResumeError::Damaged { path: state_path })?;
    let optimiser_path = path.join(OPTIMISER_FILE);
    let bytes = files::read(&optimiser_path)?;
    let optimiser =
        parse_optimiser(&bytes, model.trainable().len()).ok_or(ResumeError::Damaged { path: optimiser_path })?;
    Ok((model, optimiser, state))
}

fn parse_optimiser(bytes: &[u8], parameters: usize) -> Option<AdamW> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let metadata = header.metadata().as_ref()?;
    let options: AdamWOptions = serde_json::from_str(metadata.get("options")?).ok()?;
    let vector = |name: &str| -> Option<Vec<f32>> {
        let data = file.tensor(name).ok()?.data();
        let values: Vec<f32> =
            data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect();
        (values.len() == parameters).then_some(values)
    };
    Some(AdamW {
        options,
        steps: metadata.get("steps")?.parse().ok()?,
        mean: vector("mean")?,
        square: vector("square")?,
    })
}

/// Digest of a checkpoint's weights and optimiser state: what "the same checkpoint" means.
///
/// # Errors
/// A file cannot be read.
pub fn digest(path: &Path) -> Result<ContentHash, FileError> {
    let mut hasher = HashWriter::new();
    for name in [WEIGHTS_FILE, OPTIMISER_FILE] {
        hasher.field(&files::read(&path.join(name))?);
    }
    Ok(hasher.finish())
}
