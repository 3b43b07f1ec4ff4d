//! Examination on held-out files.
//!
//! * *Bits per byte* and *next-token top-1*: every byte of every examined document is predicted, each piece of at most
//!   the context's length from its own beginning only.
//! * *Single-line infilling*: one line (without its indentation) is taken out; the model sees what is before and after
//!   it and writes greedily to the end of the line. Exact match and edit similarity, white space at the ends ignored.
//!   The prompt is in SPM order: the text before the cursor comes last, so that a small model goes on from it as in
//!   plain text (in PSM order the suffix stands in between, and models of a million parameters do not see across it).
//!   Lines under eight characters and lines that only hold a comment are not asked for: they would flatter copying.
//!
//! Two baselines stand beside them: a unigram model (token frequencies of the training text, add-one smoothed), and
//! copying the nearest earlier line that is not blank.

use std::collections::BTreeMap;

use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use prentice_base::{Event, Events, Seed};
use prentice_model::{Batch, Compute, Generator, Model, SamplingOptions, Workspace};
use prentice_tokens::{Vocabulary, cut, fim, infilling_prompt};

/// Longest line that is asked for or written, in tokens.
const LINE_TOKENS: usize = 64;
/// Shortest line that is asked for, in characters.
const LINE_CHARACTERS: usize = 8;

/// A document to be examined on.
#[derive(Clone, Copy, Debug)]
pub struct HeldOutDocument<'t> {
    /// Path, for the report.
    pub path: &'t str,
    /// Language, where known.
    pub language: Option<&'t str>,
    /// The text.
    pub text: &'t str,
}

/// How much to examine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExamineOptions {
    /// Tokens the model sees at once.
    pub context: usize,
    /// Documents are examined in seeded order until this much text is reached.
    pub bytes: u64,
    /// Lines to fill in.
    pub holes: usize,
    /// For the choice of documents and lines.
    pub seed: Seed,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Documents examined.
    pub documents: u64,
    /// Their text, in bytes.
    pub bytes: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Over all documents.
    pub overall: Scores,
    /// For each language with examined documents, by name.
    pub languages: BTreeMap<String, Scores>,
    /// Every line that was asked for.
    pub lines: Vec<FilledLine>,
}

/// Figures of a set of documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Model, in bits per byte of text; lower is better.
    pub bits_per_byte: f64,
    /// Unigram model, in bits per byte of text.
    pub unigram_bits_per_byte: f64,
    /// Share of tokens that the model holds most probable.
    pub top1: f64,
    /// Lines asked for.
    pub holes: u64,
    /// Share of lines filled in exactly.
    pub fim_exact_match: f64,
    /// Mean edit similarity of the filled lines.
    pub fim_edit_similarity: f64,
    /// Share of lines equal to the nearest earlier line.
    pub fim_exact_match_copy: f64,
    /// Mean edit similarity of the nearest earlier line.
    pub fim_edit_similarity_copy: f64,
}

/// A line that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilledLine {
    /// Index of the document in the examined slice.
    pub document: usize,
    /// Line number, from 1.
    pub line: u64,
    /// Byte offset of the hole in the document.
    pub start: usize,
    /// What stood there.
    pub truth: String,
    /// What the model wrote.
    pub model: String,
    /// The nearest earlier line.
    pub copy: String,
    /// Edit similarity of the model's line, from 0 to 1.
    pub edit_similarity: f64,
    /// Edit similarity of the copied line.
    pub edit_similarity_copy: f64,
}

impl FilledLine {
    /// Whether the model's line is the truth.
    pub fn is_exact(&self) -> bool {
        self.model == self.truth
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    nats: f64,
    unigram_nats: f64,
    correct: u64,
    tokens: u64,
    bytes: u64,
}

/// Examines a model on held-out documents, with [`token_counts`] of the training text as baseline.
pub fn examine(
    model: &Model,
    vocabulary: &Vocabulary,
    counts: &[u64],
    documents: &[HeldOutDocument],
    options: &ExamineOptions,
    compute: Compute,
    events: Events,
) -> Examination {
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.shuffle(&mut options.seed.derive("examined documents", 0).rng());
    let mut bytes = 0;
    let take = order.iter().take_while(|index| {
        let within = bytes < options.bytes;
        bytes += documents[**index].text.len() as u64;
        within
    });
    let chosen: Vec<usize> = take.copied().collect();

    let sums = predict(model, vocabulary, &unigram_nats(counts), documents, &chosen, options, compute, events);
    let lines = fill_lines(model, vocabulary, documents, &chosen, options, compute, events);

    let scores = |belongs: &dyn Fn(usize) -> bool| {
        let mut total = Sums::default();
        for (index, sum) in chosen.iter().zip(&sums).filter(|(index, _)| belongs(**index)) {
            let _ = index;
            total.nats += sum.nats;
            total.unigram_nats += sum.unigram_nats;
            total.correct += sum.correct;
            total.tokens += sum.tokens;
            total.bytes += sum.bytes;
        }
        let lines: Vec<&FilledLine> = lines.iter().filter(|line| belongs(line.document)).collect();
        summarise(&total, &lines)
    };
    let names: Vec<&str> = chosen.iter().filter_map(|index| documents[*index].language).collect();
    let languages = names
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|name| (name.to_owned(), scores(&|index| documents[index].language == Some(name))))
        .collect();
    Examination {
        documents: chosen.len() as u64,
        bytes: sums.iter().map(|sum| sum.bytes).sum(),
        tokens: sums.iter().map(|sum| sum.tokens).sum(),
        overall: scores(&|_| true),
        languages,
        lines,
    }
}

fn summarise(sums: &Sums, lines: &[&FilledLine]) -> Scores {
    let bits_per_byte = |nats: f64| nats / std::f64::consts::LN_2 / sums.bytes.max(1) as f64;
    let mean = |value: &dyn Fn(&FilledLine) -> f64| {
        lines.iter().map(|line| value(line)).sum::<f64>() / lines.len().max(1) as f64
    };
    Scores {
        bits_per_byte: bits_per_byte(sums.nats),
        unigram_bits_per_byte: bits_per_byte(sums.unigram_nats),
        top1: sums.correct as f64 / sums.tokens.max(1) as f64,
        holes: lines.len() as u64,
        fim_exact_match: mean(&|line| f64::from(line.is_exact())),
        fim_edit_similarity: mean(&|line| line.edit_similarity),
        fim_exact_match_copy: mean(&|line| f64::from(line.copy == line.truth)),
        fim_edit_similarity_copy: mean(&|line| line.edit_similarity_copy),
    }
}

/// How often each token occurs in texts, each ended by the end-of-text token.
pub fn token_counts<T: AsRef<str> + Sync>(vocabulary: &Vocabulary, texts: &[T]) -> Vec<u64> {
    let mut counts = vec![0; vocabulary.len()];
    // In parts, so that the tokens of all texts need not be in memory at once.
    for part in texts.chunks(256) {
        for id in vocabulary.encode_batch(part).into_iter().flatten() {
            counts[id as usize] += 1;
        }
    }
    counts[vocabulary.special().end_of_text as usize] += texts.len() as u64;
    counts
}

/// The negative log-probability, in nats, of each token under add-one smoothed frequencies.
fn unigram_nats(counts: &[u64]) -> Vec<f64> {
    let total = ((counts.iter().sum::<u64>() + counts.len() as u64) as f64).ln();
    counts.iter().map(|count| total - ((count + 1) as f64).ln()).collect()
}

#[allow(clippy::too_many_arguments)]
fn predict(
    model: &Model,
    vocabulary: &Vocabulary,
    unigram: &[f64],
    documents: &[HeldOutDocument],
    chosen: &[usize],
    options: &ExamineOptions,
    compute: Compute,
    events: Events,
) -> Vec<Sums> {
    /// Tokens scored at once.
    const BATCH: usize = 4096;
    let lengths = vocabulary.byte_lengths();
    let end = vocabulary.special().end_of_text;
    let mut workspace = Workspace::new(compute);
    let mut sums = vec![Sums::default(); chosen.len()];
    let mut waiting: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut waiting_tokens = 0;
    for place in 0..=chosen.len() {
        if let Some(index) = chosen.get(place) {
            for piece in cut(documents[*index].text, vocabulary, options.context) {
                let mut tokens = piece.tokens;
                if piece.is_last {
                    tokens.push(end);
                }
                waiting_tokens += tokens.len();
                waiting.push((place, tokens));
            }
        }
        if waiting_tokens < BATCH && place < chosen.len() {
            continue;
        }
        // Long documents give more than one batch.
        for group in waiting.chunks((BATCH / options.context).max(1)) {
            let batch = Batch::after(end, group.iter().map(|(_, tokens)| tokens.as_slice()));
            if batch.is_empty() {
                continue;
            }
            let scored = model.score(&mut workspace, &batch);
            let mut row = 0;
            for (place, tokens) in group {
                let sum = &mut sums[*place];
                for id in tokens {
                    sum.nats -= f64::from(scored.log_probabilities[row]);
                    sum.unigram_nats += unigram[*id as usize];
                    sum.correct += u64::from(scored.most_probable[row] == *id);
                    sum.tokens += 1;
                    sum.bytes += u64::from(lengths[*id as usize]);
                    row += 1;
                }
            }
        }
        waiting.clear();
        waiting_tokens = 0;
        events(Event::Progress {
            stage: "examine".into(),
            done: place as u64,
            total: Some(chosen.len() as u64),
            unit: "documents".into(),
        });
    }
    sums
}

fn fill_lines(
    model: &Model,
    vocabulary: &Vocabulary,
    documents: &[HeldOutDocument],
    chosen: &[usize],
    options: &ExamineOptions,
    compute: Compute,
    events: Events,
) -> Vec<FilledLine> {
    let mut holes: Vec<(usize, std::ops::Range<usize>)> = chosen
        .iter()
        .flat_map(|index| {
            let text = documents[*index].text;
            fim::line_holes(text).filter(|range| is_worth_asking(text, range.clone())).map(|range| (*index, range))
        })
        .collect();
    holes.shuffle(&mut options.seed.derive("holes", 0).rng());
    holes.truncate(options.holes);

    let mut completer = LineCompleter::new(model, vocabulary, compute, options.context);
    let mut lines = Vec::with_capacity(holes.len());
    for (done, (document, range)) in holes.iter().enumerate() {
        let parts = fim::hole(documents[*document].text, range.clone());
        let truth = parts.middle.trim().to_owned();
        let model = completer.complete(parts.prefix, parts.suffix, &SamplingOptions::GREEDY).trim().to_owned();
        let copy = nearest_earlier_line(parts.prefix).to_owned();
        lines.push(FilledLine {
            document: *document,
            line: parts.prefix.bytes().filter(|byte| *byte == b'\n').count() as u64 + 1,
            start: range.start,
            edit_similarity: strsim::normalized_levenshtein(&truth, &model),
            edit_similarity_copy: strsim::normalized_levenshtein(&truth, &copy),
            truth,
            model,
            copy,
        });
        events(Event::Progress {
            stage: "examine".into(),
            done: done as u64 + 1,
            total: Some(holes.len() as u64),
            unit: "lines".into(),
        });
    }
    lines
}

fn is_worth_asking(text: &str, range: std::ops::Range<usize>) -> bool {
    let line = text[range].trim();
    const COMMENTS: [&str; 8] = ["#", "//", "/*", "*", "--", ";", "\"\"\"", "'''"];
    // An attribute in Rust or a directive in C begins with `#` but is no comment.
    let is_code_with_hash = ["#[", "#!["].iter().any(|start| line.starts_with(start))
        || ["#include", "#define", "#if", "#el", "#end", "#un", "#pragma"].iter().any(|start| line.starts_with(start));
    line.chars().count() >= LINE_CHARACTERS
        && (is_code_with_hash || !COMMENTS.iter().any(|start| line.starts_with(start)))
}

/// The nearest line before the end of `prefix` that is not blank, without white space at its ends. The indentation of
/// the line being completed is not a line.
pub fn nearest_earlier_line(prefix: &str) -> &str {
    let earlier = prefix.rfind('\n').map_or("", |end| &prefix[..end]);
    earlier.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

/// Completes single lines with a model.
pub struct LineCompleter<'m> {
    generator: Generator<'m>,
    vocabulary: &'m Vocabulary,
    ends_line: Vec<bool>,
}

impl<'m> LineCompleter<'m> {
    /// For prompts that, with the line, fit into `context` tokens.
    pub fn new(model: &'m Model, vocabulary: &'m Vocabulary, compute: Compute, context: usize) -> Self {
        let ends_line = (0..vocabulary.len() as u32).map(|id| vocabulary.token_bytes(id).contains(&b'\n')).collect();
        Self { generator: Generator::new(model, compute, context), vocabulary, ends_line }
    }

    /// What the model writes between `prefix` and `suffix`, up to the end of the line.
    pub fn complete(&mut self, prefix: &str, suffix: &str, options: &SamplingOptions) -> String {
        let end = self.vocabulary.special().end_of_text;
        let room = self.generator.context().saturating_sub(LINE_TOKENS + 1);
        let mut prompt = vec![end];
        prompt.extend(infilling_prompt(self.vocabulary, prefix, suffix, fim::Order::Spm, room));
        let ends_line = &self.ends_line;
        let stop = |id: u32| id == end || ends_line.get(id as usize).copied().unwrap_or(true);
        let generated = self.generator.generate(&prompt, LINE_TOKENS, options, stop);
        // The prompt was made to fit, so only a context of a few tokens can refuse it; then there is no completion.
        let ids: Vec<u32> = generated.unwrap_or_default().iter().map(|token| token.id).collect();
        let text = self.vocabulary.decode(&ids);
        text.lines().next().unwrap_or("").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_earlier_line_skips_blank_lines_and_the_current_indentation() {
        for (prefix, expected) in
            [("a\n  b = 1\n\n    ", "b = 1"), ("    ", ""), ("", ""), ("x\n", "x"), ("\n\n  ", ""), ("a\nfoo(", "a")]
        {
            assert_eq!(nearest_earlier_line(prefix), expected, "{prefix:?}");
        }
    }

    #[test]
    fn comments_and_short_lines_are_not_asked_for() {
        for (line, expected) in [
            ("let x = compute(y);\n", true),
            ("}\n", false),
            ("// explains something\n", false),
            ("# a comment in Python\n", false),
            ("#[derive(Debug)]\n", true),
            ("#include <stdio.h>\n", true),
        ] {
            assert_eq!(is_worth_asking(line, 0..line.len()), expected, "{line:?}");
        }
    }
}
