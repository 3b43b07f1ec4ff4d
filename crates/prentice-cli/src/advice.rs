//! What each error of the libraries means to the user: its kind, and what to do about it.

use std::{error::Error, io};

use prentice_assist::replay::ReplayError;
use prentice_corpus::{CorpusError, IngestError, Step};
use prentice_tokens::{EncodeError, ShardError, VocabularyError};
use prentice_train::{
    checkpoint::ResumeError,
    dialogue::ExampleError,
    finetune::FineTuneError,
    pretrain::PretrainError,
    rl::{reinforce::RlError, rollout::RolloutError},
};

use crate::error::{
    CliError,
    ErrorKind::{self, Environment, TaskFailed, Usage},
};

/// A tree that cannot be scanned.
pub fn ingest(error: IngestError) -> CliError {
    let kind = match error {
        IngestError::Unreadable { .. } => Environment,
        IngestError::NotFound { .. }
        | IngestError::NotATree { .. }
        | IngestError::Empty { .. }
        | IngestError::NothingUsable { .. } => Usage,
    };
    advise(kind, &error, error.hint())
}

/// A corpus that cannot be made, written or opened.
pub fn corpus(error: CorpusError) -> CliError {
    let kind = match error {
        CorpusError::NothingKept { .. } => TaskFailed,
        CorpusError::NotACorpus { .. } => Usage,
        _ => Environment,
    };
    let hint = match &error {
        // The library's hint is to look at the corpus, which is not kept either.
        CorpusError::NothingKept { counts } if counts.iter().all(|(reason, _)| reason.step() != Step::Licence) => Some(
            "give a tree with more code that people wrote: the names are those of the rules that dropped it".into(),
        ),
        other => other.hint(),
    };
    advise(kind, &error, hint)
}

/// A vocabulary that cannot be learnt, written or opened.
pub fn vocabulary(error: VocabularyError) -> CliError {
    let kind = match error {
        VocabularyError::TooSmall { .. } | VocabularyError::NotFound { .. } => Usage,
        VocabularyError::NoText => TaskFailed,
        _ => Environment,
    };
    advise(kind, &error, error.hint())
}

/// Documents that cannot be encoded.
pub fn encode(error: EncodeError) -> CliError {
    let kind = match error {
        EncodeError::ContextTooShort { .. } => Usage,
        EncodeError::NoText => TaskFailed,
        EncodeError::Shard(_) => Environment,
    };
    advise(kind, &error, error.hint())
}

/// A token shard that cannot be opened.
pub fn shard(error: ShardError) -> CliError {
    let kind = if is(&error, io::ErrorKind::NotFound) { Usage } else { Environment };
    advise(kind, &error, error.hint())
}

/// A model or checkpoint that cannot be read.
pub fn resume(error: ResumeError) -> CliError {
    let kind = if is(&error, io::ErrorKind::NotFound) { Usage } else { Environment };
    match &error {
        ResumeError::Model(model) => advise(kind, model, Some(model.hint())),
        ResumeError::Vocabulary(vocabulary) => {
            advise(kind, vocabulary, Some("a model needs the tokenizer.json that it was trained with: copy it again"))
        }
        ResumeError::File(_) | ResumeError::Damaged { .. } => advise(kind, &error, None::<String>),
    }
}

/// Training that failed.
pub fn pretrain(error: PretrainError) -> CliError {
    let kind = match error {
        PretrainError::Diverged { .. } => TaskFailed,
        PretrainError::NothingToDo(_) | PretrainError::AnotherRun { .. } => Usage,
        PretrainError::Resume(_) | PretrainError::File(_) => Environment,
    };
    let hint = match &error {
        // The directory to remove is in the message; the checkpoint before it was damaged too, or there is none.
        PretrainError::Resume(_) => "no checkpoint of this run can be read: remove them to start over".to_owned(),
        other => other.hint(),
    };
    advise(kind, &error, Some(hint))
}

/// Fine-tuning that failed.
pub fn fine_tuning(error: FineTuneError) -> CliError {
    let kind = match error {
        FineTuneError::Diverged { .. } | FineTuneError::Overflow { .. } => TaskFailed,
        FineTuneError::NothingToDo(_) | FineTuneError::TooLong { .. } | FineTuneError::AnotherRun { .. } => Usage,
        FineTuneError::Resume(_) | FineTuneError::File(_) => Environment,
    };
    advise(kind, &error, Some(error.hint()))
}

/// Examples that cannot be read.
pub fn examples(error: ExampleError) -> CliError {
    let kind = if matches!(error, ExampleError::File(_)) { Environment } else { Usage };
    advise(kind, &error, Some(error.hint()))
}

/// A history that cannot be replayed.
pub fn replay(error: &ReplayError) -> CliError {
    let kind = match error {
        ReplayError::Start(_) | ReplayError::Git { .. } | ReplayError::Read { .. } | ReplayError::Unreadable { .. } => {
            Environment
        }
        ReplayError::NothingAdded { .. } => TaskFailed,
        ReplayError::NotFound { .. }
        | ReplayError::NotARepository { .. }
        | ReplayError::UnknownRevision { .. }
        | ReplayError::NoCommits { .. }
        | ReplayError::NoCode { .. } => Usage,
    };
    advise(kind, error, Some(error.hint()))
}

/// Attempts that cannot be made or judged.
pub fn rollout(error: RolloutError) -> CliError {
    let kind = match error {
        RolloutError::Prompt { .. } => Usage,
        RolloutError::Harness { .. } => Environment,
    };
    advise(kind, &error, Some(error.hint()))
}

/// Reinforcement learning that failed.
pub fn reinforcement(error: RlError) -> CliError {
    match error {
        RlError::FineTune(error) => fine_tuning(error),
        RlError::Rollout(error) => rollout(error),
        RlError::NothingToDo(_) | RlError::Objective(_) | RlError::NoValueHead => {
            advise(Usage, &error, Some(error.hint()))
        }
        RlError::OffPolicy { .. } => advise(TaskFailed, &error, Some(error.hint())),
    }
}

/// The error with the library's advice, which knows more than the general remedies, apart from a few that only the
/// system's error can give.
pub fn advise(kind: ErrorKind, error: &(dyn Error + 'static), hint: Option<impl Into<String>>) -> CliError {
    let mut result = CliError::from_error(kind, error);
    let system = [io::ErrorKind::FileTooLarge, io::ErrorKind::ReadOnlyFilesystem];
    if let Some(hint) = hint
        && !system.iter().any(|kind| is(error, *kind))
    {
        result.hints = vec![hint.into()];
    }
    result
}

/// Whether the system's error of a kind is among the causes.
fn is<'e>(error: &'e (dyn Error + 'static), kind: io::ErrorKind) -> bool {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == kind)
}
