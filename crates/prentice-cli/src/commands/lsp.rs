//! `prentice lsp` and `prentice stats`.

use std::{
    env,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use prentice_assist::{
    Endpoint, EndpointOptions, Engine, EngineOptions,
    lsp::{Counts, Ending, ServeOptions, Workspace, serve_stdio, summarise},
};
use prentice_base::{ContentHash, digest_json};
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

/// How often it is looked whether git has changed the repository.
const LOOK: Duration = Duration::from_secs(1);

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
    let ending = thread::scope(|scope| {
        // Dropped at the end of the session, which ends whoever listens.
        let (_session, over) = channel::<()>();
        let mut over = Some(over);
        serve_stdio(&options, |workspace: &Workspace| {
            let engine = std::sync::Arc::new(Engine::new(workspace.root().to_owned(), engine_options));
            if let Some(endpoint) = endpoint.take() {
                engine.consult(endpoint);
            }
            let filled = std::sync::Arc::clone(&engine);
            let root = workspace.root().to_owned();
            let beside = &arguments.beside;
            let over = over.take().expect("a session begins once");
            scope.spawn(move || {
                let files = fill(session, &filled, &root, beside);
                follow(session, &filled, &root, files, &over);
            });
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

/// Reads the repository beside the session, which answers from open documents until then. Returns which files it has.
fn fill(session: &Session, engine: &Engine, root: &Path, beside: &Beside) -> Option<ContentHash> {
    let files = reread(session, engine, root, None);
    if beside.no_model || beside.endpoint.is_some() {
        return files;
    }
    let Some(model) = companion::beside(beside.model.as_deref(), root) else { return files };
    match companion::load(&model) {
        Ok(companion) => engine.accompany(Box::new(companion)),
        Err(error) => engine.notify(true, format!("completions are copied only: {}", error.message)),
    }
    files
}

/// Reads the repository again where git has changed it: another branch, a rebase, what was pulled. Returns when the session
/// is over.
fn follow(session: &Session, engine: &Engine, root: &Path, mut files: Option<ContentHash>, over: &Receiver<()>) {
    let mut known = repository::git_stamp(root);
    let mut last = known.clone();
    while over.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = repository::git_stamp(root);
        // Not in the middle of it.
        if now != known && now == last {
            files = reread(session, engine, root, files);
            known.clone_from(&now);
        }
        last = now;
    }
}

/// Brings the repository as it is on disk, where its files are not those that are `known`.
fn reread(session: &Session, engine: &Engine, root: &Path, known: Option<ContentHash>) -> Option<ContentHash> {
    match repository::open(session, root) {
        Ok(repository) => {
            let files: Vec<_> = repository.index.files().map(|file| (&file.path, file.digest)).collect();
            let files = digest_json(&files);
            let checkout = repository::checkout(&repository.root, &repository.index);
            if known == Some(files) {
                engine.checked_out(checkout);
            } else {
                engine.fill(repository.index, checkout);
                // What it took to build the index is not needed any more.
                memory::release();
            }
            Some(files)
        }
        Err(error) => {
            engine.notify(true, format!("the repository is not indexed: {}", error.message));
            known
        }
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
