//! `prentice corpus build` and `prentice corpus explain`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Event, Seed, StageKey};
use prentice_corpus::{Corpus, DecideOptions, Decision, Funnel, IngestOptions, Query, Reason, decide, scan};
use serde_json::json;

use crate::{
    advice,
    arguments::Curation,
    commands::{Session, check_curation, lock, usage, write_manifest},
    defaults,
    error::CliError,
    format, stages,
    table::{Align::Left, Align::Right, table},
    terminal::visible,
};

/// Curates a tree into a directory.
pub fn build(session: &Session, path: &Path, out: &Path, curation: &Curation) -> Result<(), CliError> {
    check_curation(curation)?;
    let options = decide_options(curation);
    let began = Instant::now();
    let events = |event| session.emit(event);
    let stage = || "corpus".to_owned();
    events(Event::StageStarted { stage: stage(), detail: format!("reading {}", path.display()) });
    let scan = scan(path, &IngestOptions::default(), &events).map_err(advice::ingest)?;
    let corpus = decide(&scan, &options);
    corpus.require_kept().map_err(advice::corpus)?;
    let key = StageKey::new("corpus", &json!({"decide": options})).input("tree", scan.digest);
    let _lock = lock(out, "corpus")?;
    corpus.write(out).map_err(advice::corpus)?;
    let detail = stages::curated(&corpus);
    let seconds = began.elapsed().as_secs_f64();
    let outputs = BTreeMap::from([("corpus.json".to_owned(), corpus.digest())]);
    let summary = json!({"detail": detail});
    write_manifest(out, &stages::manifest(&key, key.digest(), Seed(0), "", outputs, seconds, summary))?;
    events(Event::StageFinished { stage: stage(), seconds, detail });

    let funnel = corpus.funnel();
    let summary = json!({"corpus": out, "digest": corpus.digest(), "seconds": seconds, "funnel": funnel});
    session.conclude(summary, &funnel_in_words(&funnel))
}

/// What the arguments mean to the library.
pub fn decide_options(curation: &Curation) -> DecideOptions {
    DecideOptions { policy: curation.policy, held_out: curation.held_out, ..DecideOptions::default() }
}

/// Shows the funnel, or the files that a reason or a path picks out.
pub fn explain(
    session: &Session,
    corpus: Option<PathBuf>,
    reason: Option<String>,
    path: Option<String>,
    limit: usize,
) -> Result<(), CliError> {
    let reason = reason.as_deref().map(str::parse::<Reason>).transpose().map_err(|error| {
        let (what, list) = error
            .to_string()
            .split_once("; ")
            .map_or_else(|| (error.to_string(), String::new()), |(what, list)| (what.to_owned(), list.to_owned()));
        usage(what, list)
    })?;
    let directory = defaults::corpus(corpus, "the directory of a corpus")?;
    let corpus = Corpus::open(&directory).map_err(advice::corpus)?;
    if reason.is_none() && path.is_none() {
        let funnel = corpus.funnel();
        let summary = json!({"corpus": directory, "funnel": funnel});
        return session.conclude(summary, &funnel_in_words(&funnel));
    }
    explain_files(session, &corpus, &Query { reason, path }, limit)
}

fn explain_files(session: &Session, corpus: &Corpus, query: &Query, limit: usize) -> Result<(), CliError> {
    let mut matching = 0;
    let mut shown = Vec::new();
    let mut text = String::new();
    for explanation in corpus.explain(query) {
        matching += 1;
        if matching > limit {
            continue;
        }
        let row = explanation.row;
        let provenance = &row.document.provenance;
        let decision = match row.decision {
            Decision::Keep { split: prentice_corpus::Split::Train } => "kept, trained on",
            Decision::Keep { split: prentice_corpus::Split::HeldOut } => "kept, held out",
            Decision::Drop { .. } => "dropped",
        };
        let name = format!("{}/{}", provenance.origin, provenance.path);
        text += &format!("{}  {}, {decision}\n", visible(&name), format::bytes(row.document.bytes));
        for licence in provenance.licences.iter().take(1) {
            let (expression, found) = (visible(&licence.expression), visible(&licence.found_in));
            text += &format!("  licence {expression}, by {} in {found}\n", visible(&licence.rule));
        }
        for reason in &explanation.reasons {
            let detail = reason.detail.as_ref().map_or_else(String::new, |detail| format!(" ({})", visible(detail)));
            let explanation = reason.explanation.trim_end_matches('.');
            text += &format!("  {}: {explanation}{detail}\n", reason.reason);
            text += &format!("    source: {}\n", reason.source);
        }
        shown.push(json!(explanation));
    }
    if matching > shown.len() {
        text +=
            &format!("… and {} more: --limit {matching} shows all\n", format::count((matching - shown.len()) as u64));
    }
    if matching == 0 {
        text += "no file matches\n";
    }
    session.conclude(json!({"matching": matching, "files": shown}), &text)
}

/// The funnel for people.
fn funnel_in_words(funnel: &Funnel) -> String {
    let cells = |what: &str, files: u64, bytes: u64| vec![what.to_owned(), format::count(files), format::bytes(bytes)];
    let mut rows = vec![cells("found", funnel.found.files, funnel.found.bytes)];
    rows.extend(funnel.steps.iter().map(|step| cells(&step.outcome, step.left.files, step.left.bytes)));
    rows.push(cells("to train on", funnel.train.files, funnel.train.bytes));
    rows.push(cells("held out", funnel.held_out.files, funnel.held_out.bytes));
    let mut text = table(&[("", Left), ("files", Right), ("size", Right)], &rows);

    let reasons: Vec<Vec<String>> = funnel
        .reasons
        .iter()
        .map(|count| {
            vec![
                count.reason.to_string(),
                format::count(count.dropped.files),
                format::bytes(count.dropped.bytes),
                format::count(count.only),
                count.samples.first().cloned().unwrap_or_default(),
            ]
        })
        .collect();
    if !reasons.is_empty() {
        let columns =
            [("reason", Left), ("files", Right), ("size", Right), ("only this", Right), ("for example", Left)];
        text += &format!("\n{}", table(&columns, &reasons));
    }
    for (title, amounts) in [("language", &funnel.languages), ("licence", &funnel.licences)] {
        let mut rows: Vec<Vec<String>> =
            amounts.iter().take(8).map(|one| cells(&shortened(&one.name), one.kept.files, one.kept.bytes)).collect();
        if let Some(rest) = amounts.get(8..).filter(|rest| !rest.is_empty()) {
            let sum = |of: fn(&prentice_corpus::NamedAmount) -> u64| rest.iter().map(of).sum();
            rows.push(cells(&format!("{} more", rest.len()), sum(|one| one.kept.files), sum(|one| one.kept.bytes)));
        }
        text += &format!("\n{}", table(&[(title, Left), ("files", Right), ("size", Right)], &rows));
    }
    text
}

/// The beginning of a name: a licence expression with everything that a file mentions can fill several lines.
fn shortened(name: &str) -> String {
    const WIDTH: usize = 60;
    match name.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
