//! `prentice eval replay`.

use std::path::Path;

use prentice_assist::replay::{Estimate, Mode, Part, ReplayOptions, ReplaySummary, replay};
use prentice_base::{Event, Seed, files};
use prentice_index::copying::Companion;
use serde_json::json;

use crate::{
    advice,
    arguments::Replay,
    commands::{Session, companion, usage},
    error::CliError,
    format,
    table::{Align::Left, Align::Right, table},
};

/// Replays a repository's history.
pub fn run(session: &Session, arguments: Replay) -> Result<(), CliError> {
    if arguments.commits == 0 {
        return Err(usage("--commits 0 leaves nothing to replay", "give a number above 0"));
    }
    if arguments.lines_per_commit == 0 {
        return Err(usage("--lines-per-commit 0 leaves nothing to ask for", "give a number above 0"));
    }
    let directory = arguments.records.as_deref().and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
    // Known before the work is done.
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let message = format!("{} is not a directory", directory.display());
        return Err(usage(message, "--records names a file in a directory that exists"));
    }
    let asked =
        |mode: &Mode| arguments.modes.is_empty() || arguments.modes.iter().any(|choice| Mode::from(*choice) == *mode);
    let options = ReplayOptions {
        end: arguments.end,
        commits: arguments.commits,
        modes: Mode::ALL.into_iter().filter(asked).collect(),
        lines_per_commit: arguments.lines_per_commit,
        seed: Seed(arguments.seed),
        ..ReplayOptions::default()
    };
    let mut records = String::new();
    let mut companion = arguments.model.as_deref().map(companion::load).transpose()?;
    let companion = companion.as_mut().map(|companion| companion as &mut (dyn Companion + 'static));
    let summary = replay(&arguments.repository, &options, companion, &|event| session.emit(event), |record| {
        if arguments.records.is_some() {
            records += &format!("{}\n", json!(record));
        }
    })
    .map_err(|error| advice::replay(&error))?;
    if summary.unreadable_commits > 0 {
        let commits = format::counted(summary.unreadable_commits as u64, "commit");
        let message = format!("the clone lacks objects of {commits}, which are left out");
        session.emit(Event::Warning { message });
    }
    if let Some(path) = &arguments.records {
        files::write_atomic(path, records.as_bytes())?;
    }
    let mut result = json!(summary);
    result["repository"] = json!(arguments.repository);
    result["modes"] = json!(options.modes);
    result["model"] = json!(arguments.model);
    result["seed"] = json!(arguments.seed);
    result["lines_per_commit"] = json!(arguments.lines_per_commit);
    result["records"] = json!(arguments.records);
    session.conclude(result, &in_words(&summary, &options.modes))
}

/// The figures by mode, and where they come from.
fn in_words(summary: &ReplaySummary, modes: &[Mode]) -> String {
    let columns = [
        ("", Left),
        ("tests", Right),
        ("exact", Right),
        ("95 % interval", Right),
        ("similarity", Right),
        ("in beam", Right),
        ("shown", Right),
        ("exact", Right),
        ("stated", Right),
        ("copying", Right),
        ("identifier", Right),
        ("p50", Right),
        ("p95", Right),
    ];
    let kinds = ["", "/edited-file", "/new-file", "/novel", "/recurring"];
    let kind_columns = [
        ("exact", Left),
        ("all", Right),
        ("edited", Right),
        ("new files", Right),
        ("novel", Right),
        ("recurring", Right),
    ];
    let percent = |value: f64| format::percent(value / 100.0);
    let (mut rows, mut kind_rows) = (Vec::new(), Vec::new());
    for mode in modes {
        for (suffix, name) in [("", mode.name().to_owned()), ("/suffix", format!("{} + suffix", mode.name()))] {
            let part = |kind: &str| summary.parts.get(&format!("{}{suffix}{kind}", mode.name()));
            if let Some(all) = part("") {
                rows.push(row(&name, all));
            }
            let exact =
                |kind| part(kind).map_or_else(|| format::UNKNOWN.to_owned(), |part| percent(part.exact_match.mean));
            kind_rows.push([name].into_iter().chain(kinds.map(exact)).collect());
        }
    }
    format!(
        "replayed {} up to {} on an index of {}, {}, at {}\n\
         next token: {} of {} foreseen\n\n{}\n{}\n\
         shown: confidence of at least {}; beside it exact matches among these, and what was stated\n\
         copying, identifier: exact matches of the nearest line that goes on alike, and of the most frequent identifier\n",
        format::counted(summary.commits as u64, "commit"),
        short(&summary.end),
        format::counted(summary.files as u64, "file"),
        format::bytes(summary.source_bytes as u64),
        short(&summary.base),
        percent(summary.next_token_top_1),
        format::count(summary.tokens as u64),
        table(&columns, &rows),
        table(&kind_columns, &kind_rows),
        summary.threshold,
    )
}

fn row(name: &str, part: &Part) -> Vec<String> {
    let percent = |value: f64| format::percent(value / 100.0);
    let shown = |value: f64| if part.coverage > 0.0 { percent(value) } else { format::UNKNOWN.to_owned() };
    let milliseconds = |value: f64| format!("{value:.1} ms");
    let Estimate { mean, low, high } = part.exact_match;
    vec![
        name.to_owned(),
        format::count(part.tests as u64),
        percent(mean),
        format!("{low:.1} to {high:.1}"),
        format::decimal(part.edit_similarity.mean / 100.0, 3),
        percent(part.in_beam),
        percent(part.coverage),
        shown(part.exact_match_shown),
        shown(part.confidence_shown),
        percent(part.copy_nearest_exact_match),
        percent(part.frequent_identifier_exact_match),
        milliseconds(part.latency_p50_ms),
        milliseconds(part.latency_p95_ms),
    ]
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
