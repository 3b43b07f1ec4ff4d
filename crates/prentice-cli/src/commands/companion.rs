//! The small model that is asked along with the copying model.

use std::path::Path;

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
