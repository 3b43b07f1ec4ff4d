//! `prentice lsp` and `prentice stats`.

use std::{
    env,
    path::{Path, PathBuf},
};

use prentice_assist::{
    Endpoint, EndpointOptions, Engine, EngineOptions,
    lsp::{Counts, Ending, ServeOptions, Workspace, serve_stdio, summarise},
};
use serde_json::json;

use crate::{
    arguments::{Beside, Lsp, Stats},
    commands::{Session, companion, repository, usage},
    error::{CliError, ErrorKind, OrCliError as _},
    memory,
    table::{
        Align::{Left, Right},
        table,
    },
};

fn statistics_of(root: &Path) -> PathBuf {
    root.join(".prentice/completions.jsonl")
}

/// Serves an editor until it says goodbye.
pub fn serve(session: &Session, arguments: Lsp) -> Result<(), CliError> {
    if !(0.0..=1.0).contains(&arguments.threshold) {
        let message = format!("--threshold {} is no probability", arguments.threshold);
        return Err(usage(message, "give a number from 0 (always offer something) to 1"));
    }
    let root = repository::root_of(arguments.repository.as_deref());
    if !root.is_dir() {
        let message = format!("{} is no directory", root.display());
        return Err(usage(message, "give the directory of a repository"));
    }
    let endpoint = arguments.beside.endpoint.clone().map(|base| {
        let (model, key) = (arguments.beside.endpoint_model.clone(), env::var("PRENTICE_ENDPOINT_KEY").ok());
        Endpoint::new(EndpointOptions { base, model, key }).map_err(|error| usage(error.to_string(), error.hint()))
    });
    let mut endpoint = endpoint.transpose()?;
    if !arguments.no_statistics {
        repository::keep(&root)?;
    }
    let options = ServeOptions {
        statistics: (!arguments.no_statistics).then(|| statistics_of(&root)),
        root: Some(root),
        ..ServeOptions::default()
    };
    let engine_options = EngineOptions { threshold: arguments.threshold, ..EngineOptions::default() };
    let ending = std::thread::scope(|scope| {
        serve_stdio(&options, |workspace: &Workspace| {
            let engine = std::sync::Arc::new(Engine::new(workspace.root().to_owned(), engine_options));
            if let Some(endpoint) = endpoint.take() {
                engine.consult(endpoint);
            }
            let filled = std::sync::Arc::clone(&engine);
            let root = workspace.root().to_owned();
            let beside = &arguments.beside;
            scope.spawn(move || fill(session, &filled, &root, beside));
            engine
        })
    });
    match ending.or_kind(ErrorKind::Environment)? {
        Ending::Exited { after_shutdown: true } => Ok(()),
        Ending::Exited { after_shutdown: false } => {
            Err(CliError::new(ErrorKind::TaskFailed, "the editor left without `shutdown`"))
        }
        Ending::Disconnected | Ending::ParentExited => Err(CliError::new(ErrorKind::TaskFailed, "the editor is gone")),
    }
}

/// Reads the repository beside the session, which answers from open documents until then.
fn fill(session: &Session, engine: &Engine, root: &Path, beside: &Beside) {
    match repository::open(session, root) {
        Ok(repository) => {
            let checkout = repository::checkout(&repository.root, &repository.index);
            engine.fill(repository.index, checkout);
            // What it took to build the index is not needed any more.
            memory::release();
        }
        Err(error) => engine.notify(true, format!("the repository is not indexed: {}", error.message)),
    }
    if beside.no_model || beside.endpoint.is_some() {
        return;
    }
    let Some(model) = companion::beside(beside.model.as_deref(), root) else { return };
    match companion::load(&model) {
        Ok(companion) => engine.accompany(Box::new(companion)),
        Err(error) => engine.notify(true, format!("completions are copied only: {}", error.message)),
    }
}

/// Shows what became of completions.
pub fn stats(session: &Session, arguments: Stats) -> Result<(), CliError> {
    let path = statistics_of(&repository::root_of(arguments.repository.as_deref()));
    if !path.exists() {
        let message = format!("{} does not exist: no completion was offered yet", path.display());
        return Err(usage(
            message,
            "set up your editor as the directory editors/ of Prentice's source shows, and write something",
        ));
    }
    let statistics = summarise(&path).or_kind(ErrorKind::Environment)?;
    let row = |name: &str, counts: &Counts| {
        let accepted = counts.accepted_whole + counts.accepted_line + counts.accepted_word;
        let numbers = [counts.shown, accepted, counts.dismissed, counts.kept, counts.changed];
        [name.to_owned()].into_iter().chain(numbers.map(|number| number.to_string())).collect::<Vec<_>>()
    };
    let mut rows = vec![row("all", &statistics.total)];
    rows.extend(statistics.languages.iter().map(|(language, counts)| row(language, counts)));
    let columns = [
        ("Language", Left),
        ("Shown", Right),
        ("Accepted", Right),
        ("Dismissed", Right),
        ("Kept", Right),
        ("Changed", Right),
    ];
    session.conclude(json!({"file": path, "statistics": statistics}), &table(&columns, &rows))
}
