//! What a quickstart shows: the report's content, and the ending on the terminal.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use prentice_base::{ContentHash, RunManifest};
use prentice_corpus::{Corpus, CorpusDocument, Decision, Funnel, NamedAmount, Query, Reason};
use prentice_model::{Compute, DecoderConfig};
use prentice_train::{
    checkpoint::RunState,
    examine::{Examination, Scores},
    plan::Plan,
    pretrain::PretrainOptions,
    schedule::Schedule,
};

use super::Place;
use crate::{
    budget::TimePlan,
    commands::held_out,
    execution::Proof,
    format,
    report::{
        self, Amount, Completion, Drop, HeldOut, Infilling, LanguageScores, ModelCard, NextCommand, Planned, Quantity,
        Report, Sample, Training, Verdicts,
    },
    terminal::visible,
};

/// Files shown for each reason.
const SAMPLES: usize = 5;
/// Completions shown.
const COMPLETIONS: usize = 3;
/// Bytes of text kept on either side of a hole.
const AROUND: usize = 4000;

/// Everything that came out.
pub struct Results<'a> {
    pub path: &'a Path,
    pub corpus: &'a Corpus,
    pub funnel: &'a Funnel,
    pub plan: &'a Plan,
    pub time: &'a TimePlan,
    pub config: &'a DecoderConfig,
    pub compute: Compute,
    pub options: &'a PretrainOptions,
    pub epochs: f64,
    pub state: &'a RunState,
    pub examination: &'a Examination,
    pub completions: Vec<Completion>,
    pub execution: &'a Proof,
    pub verdicts: Verdicts,
    /// Manifests of corpus, tokens, train, examine, execution, and of all stages of the recipe.
    pub stages: Vec<RunManifest>,
    pub next: Vec<NextCommand>,
}

/// The report's content.
pub fn report(results: &Results) -> Report {
    let Results { funnel, config, state, examination, .. } = results;
    let attention = config.attention();
    let kept =
        Amount { files: funnel.train.files + funnel.held_out.files, bytes: funnel.train.bytes + funnel.held_out.bytes };
    let named = |one: &NamedAmount, unknown: &str| (one.name != unknown).then(|| one.name.clone());
    Report {
        title: title(results.path),
        path: results.path.display().to_string(),
        policy: results.corpus.options().policy.to_string(),
        corpus: report::Corpus {
            found: amount(funnel.found),
            drops: drops(results.corpus),
            kept,
            train: amount(funnel.train),
            held_out: amount(funnel.held_out),
            languages: funnel
                .languages
                .iter()
                .map(|one| report::Language { name: named(one, "unknown"), amount: amount(one.kept) })
                .collect(),
            licences: funnel
                .licences
                .iter()
                .map(|one| report::Licence { expression: named(one, "none found"), amount: amount(one.kept) })
                .collect(),
        },
        model: ModelCard {
            architecture: "dense decoder: rotary grouped-query attention, SwiGLU, RMS norm".to_owned(),
            parameters: config.parameter_count() as u64,
            layers: config.num_hidden_layers as u64,
            hidden_size: config.hidden_size as u64,
            feed_forward_size: config.intermediate_size as u64,
            heads: attention.heads as u64,
            key_value_heads: attention.key_value_heads as u64,
            context: results.plan.context as u64,
            vocabulary: config.vocab_size as u64,
            tied_embeddings: config.tie_word_embeddings,
            precision: results.compute.precision.to_string(),
            kernels: results.compute.kernels.to_string(),
        },
        training: Training {
            steps: state.step,
            tokens: state.tokens,
            epochs: results.epochs,
            batch_tokens: (results.plan.batch_rows * results.plan.context) as u64,
            schedule: match results.options.schedule {
                Schedule::WarmupStableDecay { .. } => "warm-up, stable, decay".to_owned(),
                Schedule::Cosine { .. } => "warm-up, cosine".to_owned(),
            },
            seconds: state.seconds,
            tokens_per_second: tokens_per_second(state),
            curve: state.curve.clone(),
            evaluations: state.evaluations.clone(),
        },
        held_out: HeldOut {
            amount: Amount { files: examination.documents, bytes: examination.bytes },
            tokens: examination.tokens,
            overall: scores(&examination.overall),
            languages: languages(results),
        },
        completions: results.completions.clone(),
        execution: results.execution.clone(),
        verdicts: results.verdicts.clone(),
        plan: planned(results),
        stages: results.stages.clone(),
        next: results.next.clone(),
    }
}

/// The last part of the path; of `.`, that of the directory it stands for.
fn title(path: &Path) -> String {
    let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    full.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn amount(amount: prentice_corpus::Amount) -> Amount {
    Amount { files: amount.files, bytes: amount.bytes }
}

fn tokens_per_second(state: &RunState) -> f64 {
    state.tokens as f64 / state.training_seconds.max(1e-9)
}

/// What was dropped, each file under the first reason against it, so that the parts add up to the whole.
fn drops(corpus: &Corpus) -> Vec<Drop> {
    let mut drops: BTreeMap<Reason, (Amount, Vec<(ContentHash, Sample)>)> = BTreeMap::new();
    for explanation in corpus.explain(&Query::default()) {
        let document = &explanation.row.document;
        let Decision::Drop { reasons } = &explanation.row.decision else { continue };
        let Some(first) = (0..reasons.len()).min_by_key(|index| reasons[*index]) else { continue };
        let path = format!("{}/{}", document.provenance.origin, document.provenance.path);
        let detail = explanation.reasons[first].detail.clone().unwrap_or_default();
        let (amount, samples) = drops.entry(reasons[first]).or_default();
        amount.files += 1;
        amount.bytes += document.bytes;
        // The digest of the name is as good as chance and always the same.
        samples.push((ContentHash::of(path.as_bytes()), Sample { path, detail }));
        if samples.len() > 4 * SAMPLES {
            choose(samples);
        }
    }
    let all = Reason::ALL.iter().map(|reason| {
        let (amount, mut samples) = drops.remove(reason).unwrap_or_default();
        choose(&mut samples);
        Drop {
            reason: reason.id().to_owned(),
            explanation: in_brief(reason.explanation()).to_owned(),
            amount,
            samples: samples.into_iter().map(|(_, sample)| sample).collect(),
        }
    });
    all.collect()
}

/// The beginning of an explanation: what follows a colon or stands in brackets is detail, which `corpus explain` has.
fn in_brief(explanation: &str) -> &str {
    explanation.split([':', '(']).next().unwrap_or_default().trim_end_matches([' ', '.'])
}

fn choose(samples: &mut Vec<(ContentHash, Sample)>) {
    samples.sort_by_key(|(digest, _)| *digest);
    samples.truncate(SAMPLES);
}

fn scores(scores: &Scores) -> report::Scores {
    report::Scores {
        bits_per_byte: scores.bits_per_byte,
        unigram_bits_per_byte: scores.unigram_bits_per_byte,
        top1: scores.top1,
        infilling: (scores.holes > 0).then_some(Infilling {
            holes: scores.holes,
            exact_match: scores.fim_exact_match,
            edit_similarity: scores.fim_edit_similarity,
            copy_exact_match: scores.fim_exact_match_copy,
            copy_edit_similarity: scores.fim_edit_similarity_copy,
        }),
    }
}

/// In the order of the corpus: the language with the most bytes first.
fn languages(results: &Results) -> Vec<LanguageScores> {
    let order = results.funnel.languages.iter();
    order
        .filter_map(|one| {
            let found = results.examination.languages.get(&one.name)?;
            Some(LanguageScores { language: one.name.clone(), scores: scores(found) })
        })
        .collect()
}

fn planned(results: &Results) -> Vec<Planned> {
    let Results { plan, time, state, stages, .. } = results;
    let row = |what: &str, planned, measured| Planned { what: what.to_owned(), planned, measured: Some(measured) };
    let figures = &stages[3].summary["figures"];
    let bytes = |key: &str| figures[key].as_u64();
    let mut rows = Vec::new();
    if let Some(planned) = bytes("planned_memory_bytes") {
        let measured = bytes("peak_memory_bytes").map(Quantity::Bytes);
        rows.push(Planned { what: "Peak memory".to_owned(), planned: Quantity::Bytes(planned), measured });
    }
    rows.extend([
        row("Vocabulary and encoding", Quantity::Seconds(time.tokens), Quantity::Seconds(stages[1].seconds)),
        row("Training", Quantity::Seconds(time.train), Quantity::Seconds(state.seconds)),
        row("Examination", Quantity::Seconds(time.examine), Quantity::Seconds(stages[3].seconds)),
        row("Tokens trained on", Quantity::Count(plan.tokens as u64), Quantity::Count(state.tokens)),
        row(
            "Training speed, tokens",
            Quantity::PerSecond(plan.tokens_per_second),
            Quantity::PerSecond(tokens_per_second(state)),
        ),
    ]);
    rows
}

/// The first examined lines that come from different documents: as drawn by the seed, not picked.
pub fn completions(examination: &Examination, documents: &[CorpusDocument]) -> Vec<Completion> {
    let mut seen = Vec::new();
    let lines = examination.lines.iter().filter(|line| {
        let is_new = !seen.contains(&line.document);
        seen.push(line.document);
        is_new
    });
    lines
        .take(COMPLETIONS)
        .map(|line| {
            let document = &documents[line.document];
            let (before, rest) = document.text.split_at(line.start);
            let after = rest.strip_prefix(line.truth.as_str()).unwrap_or_default();
            Completion {
                path: document.provenance.path.clone(),
                line: line.line,
                origin: document.provenance.origin.clone(),
                licence: document.provenance.licences.first().map(|licence| licence.expression.clone()),
                before: before[before.ceil_char_boundary(before.len().saturating_sub(AROUND))..].to_owned(),
                after: after[..after.floor_char_boundary(AROUND)].to_owned(),
                truth: line.truth.clone(),
                model: line.model.clone(),
                exact: line.is_exact(),
                edit_similarity: line.edit_similarity,
            }
        })
        .collect()
}

/// Commands to go on with, ready to be typed where the user stands.
pub fn next_commands(
    place: &Place,
    path: &Path,
    corpus: &Path,
    language: Option<&str>,
    completions: &[Completion],
) -> Vec<NextCommand> {
    let program = program();
    let option =
        |name: &str, value: &str| if place.is_default { String::new() } else { format!(" {name} {}", word(value)) };
    let model = option("--model", &place.shown("model"));
    let corpus = corpus.display().to_string();
    let example = completions
        .iter()
        .find_map(|completion| Some(format!("{}:{}", file_of(path, completion)?.display(), completion.line)));
    let example = example.map_or_else(|| "FILE:LINE".to_owned(), |example| word(&example));
    let prompt = match language {
        Some("Rust") => "pub fn ",
        Some("Python") => "def ",
        Some("Go") => "func ",
        Some("C" | "C++") => "static int ",
        Some("Java" | "C#" | "Kotlin" | "Swift") => "public ",
        _ => "function ",
    };
    let explained = option("", &corpus).replacen("  ", " ", 1);
    let command = |purpose: &str, command: String| NextCommand { purpose: purpose.to_owned(), command };
    vec![
        command("Complete a line of code", format!("{program} complete {example}{model}")),
        command("Let the model write", format!("{program} model generate --prompt {}{model}", word(prompt))),
        command(
            "Examine it on more held-out text",
            format!("{program} eval held-out{model}{}", option("--corpus", &corpus)),
        ),
        command("See what was dropped and why", format!("{program} corpus explain{explained}")),
    ]
}

/// This program as the user must type it.
fn program() -> String {
    let relative = || {
        let program = std::env::current_exe().ok()?;
        let here = std::fs::canonicalize(std::env::current_dir().ok()?).ok()?;
        let relative = program.strip_prefix(here).ok()?.to_owned();
        Some(word(&match relative.components().count() {
            // Without a directory, a shell would look elsewhere.
            1 => Path::new(".").join(relative).display().to_string(),
            _ => relative.display().to_string(),
        }))
    };
    relative().unwrap_or_else(|| "prentice".to_owned())
}

/// The file of a completion as it is reached from here. Its path is within its origin, which may be the scanned
/// directory, one below it or one above it.
fn file_of(path: &Path, completion: &Completion) -> Option<PathBuf> {
    let below = [path.join(&completion.path), path.join(&completion.origin).join(&completion.path)];
    let above = std::fs::canonicalize(path).ok()?;
    let above = above.ancestors().map(|directory| directory.join(&completion.path));
    let found = below.into_iter().chain(above).find(|file| file.is_file())?;
    Some(found.strip_prefix(".").map_or(found.clone(), Path::to_owned))
}

/// A word of a shell command, quoted where it must be.
fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-:=+,@%".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The ending on the terminal: figures beside their baselines, completions, and the next commands.
pub fn ending(results: &Results, reused: &[&str], report: &str) -> String {
    let mut text = String::from("\n");
    text += &held_out::in_words(results.examination);
    text += &format!("\nexecution: {}\n", results.execution.in_words());
    text += "\nlearning from verdicts\n";
    for sentence in &results.verdicts.sentences {
        text += &format!("  {}\n", visible(sentence));
    }
    if !results.completions.is_empty() {
        text += "\ncompletions of held-out lines, as drawn by the seed\n";
    }
    for completion in &results.completions {
        let how = if completion.exact {
            "exact".to_owned()
        } else {
            format!("{} similar", format::percent(completion.edit_similarity))
        };
        text += &format!(
            "\n  {}:{}  {how}\n    truth  {}\n    model  {}\n",
            visible(&completion.path),
            completion.line,
            visible(&completion.truth),
            visible(&completion.model)
        );
    }
    if !reused.is_empty() {
        text += &format!("\nreused from an earlier run: {}\n", reused.join(", "));
    }
    text += &format!("\nreport  {}\n\nnext\n", visible(report));
    let width = results.next.iter().map(|next| next.purpose.chars().count()).max().unwrap_or(0);
    for next in &results.next {
        text += &format!("  {:<width$}  {}\n", next.purpose, visible(&next.command));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (text, expected) in [
            ("src/main.rs:12", "src/main.rs:12"),
            ("def ", "'def '"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("$(rm)", "'$(rm)'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
