//! The stage cache: work that was done for the same inputs, options and code is not done again.
//!
//! Each stage run has a directory `<root>/<stage>-<first digits of its key>`. It holds partial results while the stage
//! runs; `manifest.json` is written last, so its presence means "complete". A killed stage leaves its directory, and
//! the next run resumes in it or starts over, as the stage decides. A lock file keeps two processes apart; the
//! operating system frees it when a process dies.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{CODE_VERSION, ContentHash, FileError, HashWriter, RunManifest, digest_json, files};

/// What identifies a stage's result.
#[derive(Clone, Debug, Serialize)]
pub struct StageKey {
    /// Stage, such as `corpus`.
    pub stage: String,
    /// Inputs by name.
    pub inputs: BTreeMap<String, ContentHash>,
    /// Options that influence the result, seed included.
    pub options: serde_json::Value,
}

impl StageKey {
    /// A key with no inputs yet.
    pub fn new(stage: &str, options: &impl Serialize) -> Self {
        let options = serde_json::to_value(options).expect("options are plain data");
        Self { stage: stage.to_owned(), inputs: BTreeMap::new(), options }
    }

    /// Adds an input.
    pub fn input(mut self, name: &str, digest: ContentHash) -> Self {
        self.inputs.insert(name.to_owned(), digest);
        self
    }

    /// The digest over stage, inputs, options and [`CODE_VERSION`].
    pub fn digest(&self) -> ContentHash {
        let mut hasher = HashWriter::new();
        hasher.field(CODE_VERSION.as_bytes()).field(digest_json(self).as_bytes());
        hasher.finish()
    }
}

/// Something is wrong with the stage cache.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A file of the cache cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process runs this very stage.
    #[error("stage `{stage}` is being run by another process in {}", directory.display())]
    Busy {
        /// Stage.
        stage: String,
        /// Its directory.
        directory: PathBuf,
    },
}

/// A directory that holds the results of stages.
#[derive(Clone, Debug)]
pub struct StageCache {
    root: PathBuf,
}

/// One stage's directory, held by this process.
#[derive(Debug)]
pub struct Stage {
    /// Where the stage's files live.
    pub directory: PathBuf,
    /// The stage's key.
    pub key: ContentHash,
    /// The manifest, if the stage was completed before.
    pub completed: Option<RunManifest>,
    _lock: File,
}

impl StageCache {
    /// A cache under `root`, by convention `.prentice/runs`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the cache lives.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens the directory of a stage, and holds it until the value is dropped.
    ///
    /// # Errors
    /// The directory cannot be created, or another process holds it.
    pub fn open(&self, key: &StageKey) -> Result<Stage, StageError> {
        let digest = key.digest();
        let directory = self.root.join(format!("{}-{}", key.stage, digest.short()));
        files::create_dir(&directory)?;
        let lock_path = directory.join("lock");
        let lock = File::create(&lock_path).map_err(FileError::new("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StageError::Busy { stage: key.stage.clone(), directory }),
            Err(TryLockError::Error(source)) => return Err(FileError::new("lock", lock_path)(source).into()),
        }
        // A manifest that cannot be understood (an older layout, a damaged disk) is as good as none.
        let completed = fs::read(directory.join("manifest.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<RunManifest>(&bytes).ok())
            .filter(|manifest| manifest.key == digest)
            .filter(|manifest| manifest.outputs.keys().all(|name| directory.join(name).exists()));
        Ok(Stage { directory, key: digest, completed, _lock: lock })
    }
}

impl Stage {
    /// The path of a file of this stage.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Marks the stage complete.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn finish(&mut self, manifest: RunManifest) -> Result<(), StageError> {
        let mut json = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
        json.push(b'\n');
        files::write_atomic(&self.path("manifest.json"), &json)?;
        self.completed = Some(manifest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Machine, Seed};

    fn manifest(stage: &Stage, outputs: &[&str]) -> RunManifest {
        RunManifest {
            stage: "corpus".into(),
            key: stage.key,
            code_version: CODE_VERSION.into(),
            commit: None,
            inputs: BTreeMap::new(),
            options: serde_json::Value::Null,
            seed: Seed(0),
            outputs: outputs.iter().map(|name| ((*name).to_owned(), ContentHash::of(b""))).collect(),
            machine: Machine::current(1, ""),
            seconds: 0.0,
            summary: serde_json::Value::Null,
        }
    }

    #[test]
    fn only_a_finished_stage_is_reused_and_other_options_are_another_stage() {
        let directory = tempfile::tempdir().unwrap();
        let cache = StageCache::new(directory.path());
        let key = StageKey::new("corpus", &serde_json::json!({"policy": "own"}));

        let mut stage = cache.open(&key).unwrap();
        assert!(stage.completed.is_none());
        assert!(matches!(cache.open(&key), Err(StageError::Busy { .. })));
        fs::write(stage.path("documents"), "").unwrap();
        let done = manifest(&stage, &["documents"]);
        stage.finish(done.clone()).unwrap();
        drop(stage);

        assert_eq!(cache.open(&key).unwrap().completed, Some(done));
        let other = StageKey::new("corpus", &serde_json::json!({"policy": "permissive"}));
        assert!(cache.open(&other).unwrap().completed.is_none());

        fs::remove_file(cache.open(&key).unwrap().path("documents")).unwrap();
        assert!(cache.open(&key).unwrap().completed.is_none(), "a result whose file is gone is not reused");
    }
}
