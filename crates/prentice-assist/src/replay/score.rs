//! Figures of a replay, with intervals clustered by commit, and the baselines.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Mode, Record};

/// A mean with its 95 % interval, in percent; tests of one commit count as one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Figures of a part of the tests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Part {
    /// Tests.
    pub tests: usize,
    /// Predictions that are what was written.
    pub exact_match: Estimate,
    /// One minus Levenshtein distance over the longer length.
    pub edit_similarity: Estimate,
    /// What was written is among the lines of the beam, in percent.
    pub in_beam: f64,
    /// Exact matches of copying the nearest line that begins alike.
    pub copy_nearest_exact_match: f64,
    /// Its edit similarity.
    pub copy_nearest_edit_similarity: f64,
    /// Exact matches of the most frequent identifier that begins alike.
    pub frequent_identifier_exact_match: f64,
    /// Share of tests where the confidence reaches the threshold, in percent.
    pub coverage: f64,
    /// Exact matches among these.
    pub exact_match_shown: f64,
    /// Mean of the stated confidence among these.
    pub confidence_shown: f64,
    /// Mean of the stated confidence of all.
    pub confidence: f64,
    /// Exact matches among the quarter with the highest confidence.
    pub exact_match_at_quarter: f64,
    /// The lowest confidence in that quarter.
    pub threshold_at_quarter: f64,
    #[serde(skip)]
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    commit: u32,
    exact: bool,
    similarity: f64,
    in_beam: bool,
    copy_exact: bool,
    copy_similarity: f64,
    frequent_exact: bool,
    confidence: f64,
}

/// Confidence from which a completion is shown.
pub const THRESHOLD: f64 = 0.5;

/// What a replay found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReplaySummary {
    /// Files in the index at the start.
    pub files: usize,
    /// Bytes of their text.
    pub source_bytes: usize,
    /// Bytes of the copying model's arrays.
    pub index_bytes: usize,
    /// Seconds to build it.
    pub build_seconds: f64,
    /// Commits replayed.
    pub commits: usize,
    /// Commits whose objects the clone lacks.
    pub unreadable_commits: usize,
    /// Added symbols, and of them foreseen as the likeliest next one, in percent.
    pub added_tokens: usize,
    /// Of them.
    pub next_token_top_1: f64,
    /// By mode, whether the suffix was known, and part: `mid-line`, `mid-line/suffix`, `mid-line/new-file`, ...
    pub parts: BTreeMap<String, Part>,
    /// Median time of a prediction.
    pub latency_p50_ms: f64,
    /// Slow ones.
    pub latency_p95_ms: f64,
    /// The slowest ones.
    pub latency_p99_ms: f64,
    #[serde(skip)]
    latencies: Vec<f64>,
    #[serde(skip)]
    right_tokens: usize,
    #[serde(skip)]
    commit_numbers: HashMap<String, u32>,
}

impl ReplaySummary {
    pub(super) fn new(files: &HashMap<String, String>, index_bytes: usize, build_seconds: f64) -> Self {
        let source_bytes = files.values().map(String::len).sum();
        Self { files: files.len(), source_bytes, index_bytes, build_seconds, ..Self::default() }
    }

    pub(super) fn tokens(&mut self, right: usize, all: usize) {
        self.right_tokens += right;
        self.added_tokens += all;
    }

    pub(super) fn add(&mut self, record: &Record) {
        let next = self.commit_numbers.len() as u32;
        let commit = *self.commit_numbers.entry(record.commit.clone()).or_insert(next);
        let truth = record.truth.trim_end();
        let row = Row {
            commit,
            exact: record.exact(),
            similarity: similarity(record.predicted.trim_end(), truth),
            in_beam: record.in_beam,
            copy_exact: record.copy_nearest.trim_end() == truth,
            copy_similarity: similarity(record.copy_nearest.trim_end(), truth),
            frequent_exact: record.frequent.trim_end() == truth,
            confidence: f64::from(record.confidence),
        };
        self.latencies.push(f64::from(record.milliseconds));
        let mode = match record.mode {
            Mode::NextLine => "next-line",
            Mode::MidLine => "mid-line",
            Mode::Fim => "fim",
        };
        let suffix = if record.suffix { "/suffix" } else { "" };
        let age = if record.new_file { "/new-file" } else { "/edited-file" };
        let kind = if record.recurring { "/recurring" } else { "/novel" };
        for part in ["", age, kind] {
            self.parts.entry(format!("{mode}{suffix}{part}")).or_default().rows.push(row);
        }
    }

    pub(super) fn finish(&mut self) {
        self.parts.values_mut().for_each(Part::finish);
        self.next_token_top_1 = 100.0 * self.right_tokens as f64 / self.added_tokens.max(1) as f64;
        self.latencies.sort_by(f64::total_cmp);
        let at = |share: f64| self.latencies.get((self.latencies.len() as f64 * share) as usize).copied().unwrap_or(0.0);
        (self.latency_p50_ms, self.latency_p95_ms, self.latency_p99_ms) = (at(0.5), at(0.95), at(0.99));
    }
}

impl Part {
    fn finish(&mut self) {
        let rows = &self.rows;
        let count = rows.len() as f64;
        let share = |number: usize| 100.0 * number as f64 / count;
        self.tests = rows.len();
        self.exact_match = clustered(rows.iter().map(|row| (row.commit, if row.exact { 100.0 } else { 0.0 })));
        self.edit_similarity = clustered(rows.iter().map(|row| (row.commit, 100.0 * row.similarity)));
        self.in_beam = share(rows.iter().filter(|row| row.in_beam).count());
        self.copy_nearest_exact_match = share(rows.iter().filter(|row| row.copy_exact).count());
        self.copy_nearest_edit_similarity = 100.0 * rows.iter().map(|row| row.copy_similarity).sum::<f64>() / count;
        self.frequent_identifier_exact_match = share(rows.iter().filter(|row| row.frequent_exact).count());
        self.confidence = 100.0 * rows.iter().map(|row| row.confidence).sum::<f64>() / count;
        let shown: Vec<&Row> = rows.iter().filter(|row| row.confidence >= THRESHOLD).collect();
        self.coverage = share(shown.len());
        if !shown.is_empty() {
            let count = shown.len() as f64;
            self.exact_match_shown = 100.0 * shown.iter().filter(|row| row.exact).count() as f64 / count;
            self.confidence_shown = 100.0 * shown.iter().map(|row| row.confidence).sum::<f64>() / count;
        }
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
        let quarter = &sorted[..sorted.len().div_ceil(4)];
        self.exact_match_at_quarter = 100.0 * quarter.iter().filter(|row| row.exact).count() as f64 / quarter.len() as f64;
        self.threshold_at_quarter = quarter.last().map_or(0.0, |row| row.confidence);
    }
}

/// The mean of values, with an interval by the linearised variance of a ratio over clusters (Cochran 1977, 6.5).
fn clustered(values: impl Iterator<Item = (u32, f64)>) -> Estimate {
    let mut clusters: HashMap<u32, (f64, f64)> = HashMap::new();
    for (cluster, value) in values {
        let (sum, count) = clusters.entry(cluster).or_default();
        *sum += value;
        *count += 1.0;
    }
    let (sum, count) = clusters.values().fold((0.0, 0.0), |(sum, count), (s, c)| (sum + s, count + c));
    let mean = sum / f64::max(count, 1.0);
    let number = clusters.len() as f64;
    let squares: f64 = clusters.values().map(|(sum, count)| (sum - mean * count).powi(2)).sum();
    let half = if number > 1.0 { 1.96 * (number / (number - 1.0) * squares).sqrt() / count } else { 50.0 };
    Estimate { mean, low: (mean - half).max(0.0), high: (mean + half).min(100.0) }
}

/// One minus the Levenshtein distance over the longer length, in characters.
pub fn similarity(left: &str, right: &str) -> f64 {
    strsim::normalized_levenshtein(left, right)
}

/// The rest of the nearest line above that begins alike: with the longest end of `before` in it.
pub fn copy_nearest(above: &[&str], before: &str) -> String {
    if before.is_empty() {
        // What followed the nearest line that equals the one above.
        let Some((last, earlier)) = above.split_last() else { return String::new() };
        let after = earlier.iter().rposition(|line| line.trim() == last.trim());
        return after.map_or(last.trim(), |index| above[index + 1].trim()).to_owned();
    }
    let nearest = above.iter().rev().find_map(|line| line.trim().strip_prefix(before));
    nearest.map(str::to_owned).unwrap_or_else(|| frequent_identifier(above, before))
}

/// The rest of the most frequent identifier above that begins as the word at the cursor does.
pub fn frequent_identifier(above: &[&str], before: &str) -> String {
    let start = before.rfind(|c: char| !prentice_index::copying::is_word(c)).map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    let word = &before[start..];
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in above.iter().rev().take(1000) {
        for piece in prentice_index::copying::pieces(line) {
            let text = line[piece.start..piece.end].trim_start();
            if text.starts_with(word) && text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                *counts.entry(text).or_default() += 1;
            }
        }
    }
    let best = counts.into_iter().max_by_key(|(_, count)| *count);
    best.map_or(String::new(), |(text, _)| text[word.len()..].to_owned())
}
