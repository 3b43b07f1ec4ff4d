//! `prentice eval held-out`.

use std::time::Instant;

use prentice_base::{Event, Seed, files};
use prentice_corpus::{Corpus, Split};
use prentice_model::Model;
use prentice_train::{
    checkpoint,
    examine::{Examination, ExamineOptions, Scores},
};
use serde_json::json;

use crate::{
    advice,
    arguments::HeldOut,
    commands::{Session, usage},
    defaults,
    error::CliError,
    format, stages,
    table::{Align::Left, Align::Right, table},
};

/// Most tokens that a model of ours has seen at once, whatever its positions allow.
const TRAINED_CONTEXT: usize = 512;

/// How much of a document a model is shown.
pub fn context_of(model: &Model) -> usize {
    model.config().max_position_embeddings.min(TRAINED_CONTEXT)
}

/// Examines a model on held-out files.
pub fn run(session: &Session, arguments: HeldOut) -> Result<(), CliError> {
    if arguments.bytes == 0 {
        return Err(usage("--bytes 0 leaves nothing to examine on", "leave it out for a million"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let directory = defaults::model(arguments.model)?;
    let corpus_directory = defaults::corpus(arguments.corpus, "--corpus DIR")?;
    let (model, vocabulary) = checkpoint::load_model(&directory).map_err(advice::resume)?;
    let corpus = Corpus::open(&corpus_directory).map_err(advice::corpus)?;
    if corpus.documents(Split::HeldOut).next().is_none() {
        let message = format!("the corpus in {} has no held-out file", corpus_directory.display());
        return Err(usage(message, "build one with `prentice corpus build --held-out 0.05`"));
    }
    let options = ExamineOptions {
        context: context_of(&model),
        bytes: arguments.bytes,
        holes: arguments.holes,
        seed: Seed(arguments.seed),
    };
    let events = |event| session.emit(event);
    let began = Instant::now();
    events(Event::StageStarted { stage: "examine".into(), detail: "held-out files".into() });
    let examination = stages::examine_corpus(&model, &vocabulary, &corpus, &options, compute, &events);
    let seconds = began.elapsed().as_secs_f64();
    let detail = stages::examined_in_words(&examination);
    events(Event::StageFinished { stage: "examine".into(), seconds, detail });
    if let Some(path) = &arguments.out {
        let all = json!({
            "model": model.digest(),
            "vocabulary": vocabulary.digest(),
            "corpus": corpus.kept_digest(),
            "options": options,
            "precision": compute.precision,
            "kernels": compute.kernels.to_string(),
            "examination": examination,
        });
        files::write_atomic(path, format!("{all:#}\n").as_bytes())?;
    }
    let mut summary = json!(examination.overall);
    summary["documents"] = json!(examination.documents);
    summary["bytes"] = json!(examination.bytes);
    summary["tokens"] = json!(examination.tokens);
    summary["languages"] = json!(examination.languages);
    summary["seconds"] = json!(seconds);
    summary["model"] = json!(directory);
    summary["corpus"] = json!(corpus_directory);
    summary["out"] = json!(arguments.out);
    session.conclude(summary, &in_words(&examination))
}

/// The figures beside their baselines.
pub fn in_words(examination: &Examination) -> String {
    let columns = [
        ("", Left),
        ("bits/byte", Right),
        ("unigram", Right),
        ("next token", Right),
        ("lines", Right),
        ("exact", Right),
        ("copying", Right),
        ("similarity", Right),
        ("copying", Right),
    ];
    let row = |name: &str, scores: &Scores| {
        let mut row = vec![
            name.to_owned(),
            format::decimal(scores.bits_per_byte, 3),
            format::decimal(scores.unigram_bits_per_byte, 3),
            format::percent(scores.top1),
            format::count(scores.holes),
        ];
        if scores.holes > 0 {
            row.extend([
                format::percent(scores.fim_exact_match),
                format::percent(scores.fim_exact_match_copy),
                format::decimal(scores.fim_edit_similarity, 3),
                format::decimal(scores.fim_edit_similarity_copy, 3),
            ]);
        }
        row
    };
    let mut rows = vec![row("all", &examination.overall)];
    if examination.languages.len() > 1 {
        let mut languages: Vec<_> = examination.languages.iter().collect();
        languages.sort_by_key(|(_, scores)| std::cmp::Reverse(scores.holes));
        rows.extend(languages.into_iter().map(|(name, scores)| row(name, scores)));
    }
    let amount = format!(
        "examined on {}, {}, that were not trained on\n\n",
        format::counted(examination.documents, "file"),
        format::bytes(examination.bytes)
    );
    amount + &table(&columns, &rows)
}
