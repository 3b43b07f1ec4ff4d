//! What the commands mean: one file each, on top of the libraries.
//!
//! Results go to stdout and everything else to stderr; with `--json`, events go to stdout and the last is the summary.

mod adapt;
mod cite;
mod companion;
mod complete;
mod corpus;
mod eval;
mod held_out;
mod learn;
mod lsp;
mod model;
mod quickstart;
mod recipe;
mod reinforce;
mod replay;
mod repository;
mod sandbox;
mod serve;
mod synthesize;
mod task;
mod tokens;
mod tune;
mod write_samples;

pub use eval::verdict_in_words;

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use prentice_base::{Event, FileError, RunManifest, StageError, files};
use prentice_tokens::Words;
use serde_json::Value;

use crate::{
    arguments::{Arguments, Command, Common, Corpus, Curation, EvalCommand, Model, Sandbox, Task, Tokens, WordsChoice},
    error::{CliError, ErrorKind},
    progress::Reporter,
    terminal,
};

/// Does what was asked.
pub fn run(arguments: Arguments) -> Result<(), CliError> {
    let session = Session::start(&arguments.common)?;
    let result = match arguments.command {
        Command::Quickstart(quickstart) => quickstart::run(&session, quickstart),
        Command::Corpus(Corpus::Build { path, out, curation }) => corpus::build(&session, &path, &out, &curation),
        Command::Corpus(Corpus::Explain { corpus, reason, path, limit }) => {
            corpus::explain(&session, corpus, reason, path, limit)
        }
        Command::Tokens(Tokens::Train { corpus, size, words, out }) => {
            let words = match words {
                WordsChoice::Text => Words::Text,
                WordsChoice::Code => Words::Code,
            };
            tokens::train(&session, &corpus, size, words, &out)
        }
        Command::Tokens(Tokens::Encode(encode)) => tokens::encode(&session, encode),
        Command::Model(Model::Train(train)) => model::train(&session, *train),
        Command::Model(Model::Sft(sft)) => tune::sft(&session, *sft),
        Command::Model(Model::Prefer(prefer)) => tune::prefer(&session, *prefer),
        Command::Model(Model::Rl(rl)) => reinforce::run(&session, *rl),
        Command::Model(Model::Synthesize(synthesize)) => synthesize::run(&session, synthesize),
        Command::Model(Model::Generate(generate)) => model::generate(&session, generate),
        Command::Model(Model::Info { model }) => model::info(&session, model),
        Command::Task(Task::Generate(generate)) => task::generate(&session, generate),
        Command::Eval(eval) => match (eval.command, eval.suite) {
            (Some(EvalCommand::HeldOut(held_out)), _) => held_out::run(&session, held_out),
            (Some(EvalCommand::Replay(replay)), _) => replay::run(&session, replay),
            (Some(EvalCommand::Fetch(fetch)), _) => eval::fetch(&session, fetch),
            (Some(EvalCommand::Compare(compare)), _) => eval::compare_runs(&session, compare),
            (Some(EvalCommand::Suites { data }), _) => eval::list(&session, data),
            (None, suite) => eval::run(&session, suite),
        },
        Command::Sandbox(Sandbox::Doctor) => sandbox::doctor(&session),
        Command::Sandbox(Sandbox::Run(run)) => sandbox::run(&session, run),
        Command::Sandbox(Sandbox::Serve(serve)) => serve::run(&session, serve),
        Command::Run(run) => recipe::run(&session, run),
        Command::Complete(complete) => complete::run(&session, complete),
        Command::Search(search) => repository::search(&session, search),
        Command::Symbols(symbols) => repository::symbols(&session, symbols),
        Command::Map(map) => repository::map(&session, map),
        Command::Cite(cite) => cite::run(&session, cite),
        Command::Adapt(arguments) => adapt::run(&session, arguments),
        Command::Lsp(lsp) => lsp::serve(&session, lsp),
        Command::Stats(stats) => lsp::stats(&session, stats),
    };
    let written = session.reporter.finish().map_err(FileError::new("write", "standard output"));
    result.and(Ok(written?)).map_err(with_some_hint)
}

/// Nobody is left without an idea of what to do.
fn with_some_hint(error: CliError) -> CliError {
    match (error.hints.is_empty(), error.kind) {
        (false, _) => error,
        (true, ErrorKind::Environment) => {
            error.hint("check the path and the disk it is on, then run the command again")
        }
        (true, _) => error.hint("`prentice help` and `prentice COMMAND --help` say what is expected"),
    }
}

/// What every command has at hand.
pub struct Session {
    reporter: Reporter,
    json: bool,
    threads: usize,
}

impl Session {
    fn start(common: &Common) -> Result<Self, CliError> {
        if let Some(threads) = common.threads {
            if threads == 0 {
                return Err(CliError::new(ErrorKind::Usage, "--threads 0 leaves nobody to do the work")
                    .hint("leave out --threads to use all cores"));
            }
            rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
        }
        let threads = common.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        Ok(Self { reporter: Reporter::new(common.json, common.quiet), json: common.json, threads })
    }

    /// Threads to use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Shows an event.
    pub fn emit(&self, event: Event) {
        self.reporter.emit(event);
    }

    /// Gives the result: `summary` to programs, `text` to people.
    pub fn conclude(&self, summary: Value, text: &str) -> Result<(), CliError> {
        self.reporter.finish()?;
        if self.json {
            self.emit(Event::Summary(summary));
            return Ok(());
        }
        Ok(terminal::print(text).map_err(FileError::new("write", "standard output"))?)
    }
}

/// An error in what was said.
fn usage(message: impl Into<String>, hint: impl Into<String>) -> CliError {
    CliError::new(ErrorKind::Usage, message).hint(hint)
}

/// Refuses a number of minutes in which nothing can be done.
fn check_minutes(minutes: f64) -> Result<(), CliError> {
    if minutes.is_finite() && minutes > 0.0 {
        return Ok(());
    }
    let what = if minutes <= 0.0 { "leaves no time to train" } else { "is no length of time" };
    Err(usage(format!("--minutes {minutes} {what}"), "give a number above 0; 5 is a good start"))
}

/// Refuses a share that leaves one side without files.
fn check_curation(curation: &Curation) -> Result<(), CliError> {
    if curation.held_out > 0.0 && curation.held_out <= 0.5 {
        return Ok(());
    }
    let message = format!("--held-out {} is not a share above 0 and up to 0.5", curation.held_out);
    Err(usage(message, "0.05 holds out one file in twenty"))
}

/// Refuses a rate that is not between 0 and 1.
fn check_rate(option: &str, rate: f64) -> Result<(), CliError> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(usage(format!("{option} {rate} is not a share from 0 to 1"), "0.5 is the default"))
}

/// Refuses a number of layers that no model here can have.
fn check_layers(layers: Option<usize>) -> Result<(), CliError> {
    match layers {
        Some(layers) if !(1..=32).contains(&layers) => {
            let message = format!("--layers {layers} is out of range");
            Err(usage(message, "give a number from 1 to 32, or leave it out for one that suits corpus and time"))
        }
        _ => Ok(()),
    }
}

/// Keeps other processes out of a directory until the value is dropped.
fn lock(directory: &Path, stage: &str) -> Result<File, CliError> {
    files::create_dir(directory)?;
    let path = directory.join("lock");
    let file = File::create(&path).map_err(FileError::new("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StageError::Busy { stage: stage.to_owned(), directory: directory.to_owned() }.into())
        }
        Err(TryLockError::Error(source)) => Err(FileError::new("lock", path)(source).into()),
    }
}

/// Writes how a result came about beside it, last.
fn write_manifest(directory: &Path, manifest: &RunManifest) -> Result<(), CliError> {
    Ok(files::write_atomic(
        &directory.join("manifest.json"),
        format!("{:#}\n", serde_json::to_value(manifest)?).as_bytes(),
    )?)
}
