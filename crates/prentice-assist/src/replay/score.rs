//! Figures of a replay, with intervals clustered by commit.
//!
//! Tests of one commit are alike: a commit that repeats itself is easy throughout. The interval is that of a ratio of
//! sums over commits (Cochran, *Sampling Techniques*, 1977, 6.5), with Student's t for the number of commits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Mode, Record};

/// A mean with its 95 % interval, in percent. With a single cluster nothing is known: from 0 to 100.
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
    /// Mean distance between stated confidence and exact matches, in points, over ten groups of tests of about the same
    /// confidence.
    pub calibration_error: f64,
    /// Median time of a prediction.
    pub latency_p50_ms: f64,
    /// Time that one in twenty exceeds.
    pub latency_p95_ms: f64,
    /// Time that one in a hundred exceeds.
    pub latency_p99_ms: f64,
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
    milliseconds: f64,
}

/// Confidence from which a completion is shown.
pub const THRESHOLD: f64 = 0.5;

/// What a replay found. The headline figures are those of `headline`: of mid-line without the suffix where that was
/// asked, else of the first mode.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReplaySummary {
    /// The part that the next figures are of.
    pub headline: String,
    /// Its tests.
    pub tests: usize,
    /// Its exact matches, in percent.
    pub exact_match: f64,
    /// Its edit similarity, in percent.
    pub edit_similarity: f64,
    /// Its median time of a prediction.
    pub latency_p50_ms: f64,
    /// Its time that one prediction in twenty exceeds.
    pub latency_p95_ms: f64,
    /// Its time that one prediction in a hundred exceeds.
    pub latency_p99_ms: f64,
    /// The commit that the index was built at.
    pub base: String,
    /// The last commit replayed.
    pub end: String,
    /// Commits replayed.
    pub commits: usize,
    /// Commits whose objects the clone lacks.
    pub unreadable_commits: usize,
    /// Source files in the index at the start.
    pub files: usize,
    /// Source files that were left out: not UTF-8, too long, not written by people, or lacking in the clone.
    pub files_left_out: usize,
    /// Bytes of their text.
    pub source_bytes: usize,
    /// Bytes of the copying model's arrays.
    pub index_bytes: usize,
    /// Seconds to build it.
    pub build_seconds: f64,
    /// Added lines that could have been asked for.
    pub eligible_lines: usize,
    /// Symbols of these lines.
    pub tokens: usize,
    /// Of them foreseen as the likeliest next one, in percent.
    pub next_token_top_1: f64,
    /// Confidence from which a completion counts as shown.
    pub threshold: f64,
    /// By mode, whether the suffix was known, and part: `mid-line`, `mid-line/suffix`, `mid-line/suffix/new-file`, ...
    pub parts: BTreeMap<String, Part>,
    #[serde(skip)]
    right_tokens: usize,
    #[serde(skip)]
    last_commit: String,
    #[serde(skip)]
    clusters: u32,
}

impl ReplaySummary {
    /// Counts symbols that were foreseen, of so many.
    pub(super) fn count_tokens(&mut self, (right, all): (usize, usize)) {
        self.right_tokens += right;
        self.tokens += all;
    }

    /// Counts a test. Those of one commit come together.
    pub(super) fn add(&mut self, record: &Record) {
        if record.commit != self.last_commit {
            self.last_commit.clone_from(&record.commit);
            self.clusters += 1;
        }
        let row = Row {
            commit: self.clusters,
            exact: record.exact(),
            similarity: similarity(&record.predicted, &record.truth),
            in_beam: record.in_beam,
            copy_exact: record.is_right(&record.copy_nearest),
            copy_similarity: similarity(&record.copy_nearest, &record.truth),
            frequent_exact: record.is_right(&record.frequent),
            confidence: f64::from(record.confidence),
            milliseconds: f64::from(record.milliseconds),
        };
        let suffix = if record.suffix { "/suffix" } else { "" };
        let age = if record.new_file { "/new-file" } else { "/edited-file" };
        let kind = if record.recurring { "/recurring" } else { "/novel" };
        for part in ["", age, kind] {
            self.parts.entry(format!("{}{suffix}{part}", record.mode.name())).or_default().rows.push(row);
        }
    }

    /// Makes figures of what was counted. `modes` are those asked, in order.
    pub(super) fn finish(&mut self, modes: &[Mode]) {
        self.parts.values_mut().for_each(Part::finish);
        self.threshold = THRESHOLD;
        self.next_token_top_1 = 100.0 * self.right_tokens as f64 / self.tokens.max(1) as f64;
        let mode = if modes.contains(&Mode::MidLine) { Some(&Mode::MidLine) } else { modes.first() };
        self.headline = mode.map_or("", |mode| mode.name()).to_owned();
        if let Some(part) = self.parts.get(&self.headline) {
            self.tests = part.tests;
            (self.exact_match, self.edit_similarity) = (part.exact_match.mean, part.edit_similarity.mean);
            (self.latency_p50_ms, self.latency_p95_ms) = (part.latency_p50_ms, part.latency_p95_ms);
            self.latency_p99_ms = part.latency_p99_ms;
        }
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
        self.exact_match_at_quarter =
            100.0 * quarter.iter().filter(|row| row.exact).count() as f64 / quarter.len() as f64;
        self.threshold_at_quarter = quarter.last().map_or(0.0, |row| row.confidence);
        let excess = |row: &&Row| row.confidence - if row.exact { 1.0 } else { 0.0 };
        let groups = sorted.chunks(sorted.len().div_ceil(10));
        self.calibration_error =
            groups.map(|group| group.iter().map(excess).sum::<f64>().abs()).sum::<f64>() * 100.0 / count;
        let mut times: Vec<f64> = rows.iter().map(|row| row.milliseconds).collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((count * share).ceil() as usize).clamp(1, times.len()) - 1];
        (self.latency_p50_ms, self.latency_p95_ms, self.latency_p99_ms) = (at(0.5), at(0.95), at(0.99));
    }
}

/// The mean of values that come with their cluster, those of one cluster together.
fn clustered(values: impl Iterator<Item = (u32, f64)>) -> Estimate {
    let mut clusters: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (cluster, value) in values {
        let (sum, count) = clusters.entry(cluster).or_default();
        *sum += value;
        *count += 1.0;
    }
    let (sum, count) = clusters.values().fold((0.0, 0.0), |(sum, count), (s, c)| (sum + s, count + c));
    let mean = sum / f64::max(count, 1.0);
    if clusters.len() < 2 {
        return Estimate { mean, low: 0.0, high: 100.0 };
    }
    let number = clusters.len() as f64;
    let squares: f64 = clusters.values().map(|(sum, count)| (sum - mean * count).powi(2)).sum();
    let half = student(number - 1.0) * (number / (number - 1.0) * squares).sqrt() / count;
    Estimate { mean, low: (mean - half).max(0.0), high: (mean + half).min(100.0) }
}

/// The 97.5 % point of Student's t (Abramowitz & Stegun 26.7.5, to the second term).
fn student(freedom: f64) -> f64 {
    1.96 + 2.372 / freedom + 2.823 / (freedom * freedom)
}

/// One minus the Levenshtein distance over the longer length, in characters.
fn similarity(left: &str, right: &str) -> f64 {
    strsim::normalized_levenshtein(left.trim_end(), right.trim_end())
}

#[cfg(test)]
mod tests {
    use prentice_base::Seed;
    use rand::Rng as _;

    use super::*;

    /// Commits of very different ease and size: the interval has to hold the truth 19 times in 20, and one that takes
    /// tests as independent would not.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        for clusters in [6, 20, 100] {
            let (mut held, mut held_alone, rounds) = (0, 0, 1000);
            for round in 0..rounds {
                let mut rng = Seed(7).derive("simulation", round).rng();
                let mut share = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
                let mut values = Vec::new();
                for cluster in 0..clusters {
                    // Uniform ease from 0 to 1; its mean is a half, whatever the sizes are.
                    let ease = share();
                    let size = 1 + (share() * 10.0) as usize;
                    values.extend((0..size).map(|_| (cluster, if share() < ease { 100.0 } else { 0.0 })));
                }
                let holds = |estimate: Estimate| usize::from(estimate.low <= 50.0 && 50.0 <= estimate.high);
                held += holds(clustered(values.iter().copied()));
                held_alone +=
                    holds(clustered(values.iter().enumerate().map(|(test, (_, value))| (test as u32, *value))));
            }
            let [held, alone] = [held, held_alone].map(|count| 100.0 * count as f64 / rounds as f64);
            assert!((91.0..=98.5).contains(&held), "{clusters} clusters: held {held} % of the time");
            assert!(alone < 88.0, "{clusters} clusters: {alone} % by tests alone");
        }
    }

    #[test]
    fn student_is_close() {
        for (freedom, point) in [(3.0, 3.182), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (1e6, 1.96)] {
            assert!((student(freedom) / point - 1.0).abs() < 0.05, "{freedom}: {}", student(freedom));
        }
    }

    fn record(commit: &str, mode: Mode, predicted: &str, confidence: f32) -> Record {
        Record {
            commit: commit.to_owned(),
            path: "a.rs".to_owned(),
            line: 1,
            mode,
            suffix: false,
            new_file: true,
            recurring: false,
            before: "let ".to_owned(),
            after: String::new(),
            truth: "abcd".to_owned(),
            predicted: predicted.to_owned(),
            confidence,
            in_beam: false,
            copy_nearest: "abcd".to_owned(),
            frequent: String::new(),
            milliseconds: confidence,
        }
    }

    #[test]
    fn figures_of_a_few_records() {
        let mut summary = ReplaySummary::default();
        for (commit, predicted, confidence) in
            [("1", "abcd", 0.9), ("1", "ab", 0.6), ("2", "abcd ", 0.4), ("2", "", 0.1)]
        {
            summary.add(&record(commit, Mode::MidLine, predicted, confidence));
        }
        summary.add(&record("2", Mode::NextLine, "", 0.0));
        summary.finish(&[Mode::NextLine, Mode::MidLine]);
        assert_eq!((summary.headline.as_str(), summary.tests), ("mid-line", 4));
        assert_eq!((summary.exact_match, summary.edit_similarity), (50.0, 62.5));
        let keys: Vec<&str> = summary.parts.keys().map(String::as_str).collect();
        assert_eq!(
            keys.join(" "),
            "mid-line mid-line/new-file mid-line/novel next-line next-line/new-file next-line/novel"
        );
        let part = &summary.parts["mid-line"];
        assert_eq!((part.coverage, part.exact_match_shown, part.copy_nearest_exact_match), (50.0, 50.0, 100.0));
        assert_eq!(part.exact_match_at_quarter, 100.0);
        // Ten groups of one test each: .1, .6, .6 and .1 away.
        assert!((part.calibration_error - 35.0).abs() < 1e-4, "{}", part.calibration_error);
        let close = |left: f64, right: f64| (left - right).abs() < 1e-6;
        assert!(close(part.latency_p50_ms, 0.4) && close(part.latency_p95_ms, 0.9), "{}", part.latency_p50_ms);
        // One commit says nothing about others.
        assert_eq!(summary.parts["next-line"].exact_match, Estimate { mean: 0.0, low: 0.0, high: 100.0 });
    }
}
