//! The small model that is asked along with the copying model.

use std::path::{Path, PathBuf};

use prentice_assist::NeuralCompanion;
use prentice_model::Compute;
use prentice_train::checkpoint::load_model;

use crate::{
    advice,
    error::{CliError, ErrorKind},
};

/// Loads a model, which must be made for that.
pub fn load(directory: &Path) -> Result<NeuralCompanion, CliError> {
    let (model, vocabulary) = load_model(directory).map_err(advice::resume)?;
    NeuralCompanion::new(model, vocabulary, Compute::fastest()).map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("{}: {error}", directory.display())).hint(error.hint())
    })
}

/// Where the model of a repository is.
pub fn directory(root: &Path) -> PathBuf {
    root.join(".prentice/model")
}

/// The model to ask beside copying: the one that was named, or the repository's, where there is one.
pub fn beside(named: Option<&Path>, root: &Path) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| Some(directory(root)).filter(|directory| directory.is_dir()))
}
