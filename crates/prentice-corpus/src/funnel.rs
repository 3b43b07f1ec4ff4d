//! The funnel: how many files and bytes get past each step, and what each reason took. Feeds `prentice corpus explain` and
//! the report.

use std::{cmp::Reverse, collections::BTreeMap};

use prentice_base::ContentHash;
use serde::{Deserialize, Serialize};

use crate::{
    decide::{Decision, Split},
    reason::{Reason, Step},
    store::{Corpus, Row},
};

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Number of files.
    pub files: u64,
    /// Their sizes on disk, together.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, row: &Row) {
        self.files += 1;
        self.bytes += row.document.bytes;
    }
}

/// What came in, what was dropped where and why, and what is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Funnel {
    /// Everything that was found.
    pub found: Amount,
    /// What is left after each step, in order; the last is what is kept.
    pub steps: Vec<StepCount>,
    /// What each reason that occurs applies to, the most bytes first within a step.
    pub reasons: Vec<ReasonCount>,
    /// Kept for training.
    pub train: Amount,
    /// Kept for examination.
    pub held_out: Amount,
    /// Languages of the kept documents, the most bytes first.
    pub languages: Vec<NamedAmount>,
    /// Licence evidence of the kept documents, the most bytes first. A document with several pieces counts with the first:
    /// the nearest.
    pub licences: Vec<NamedAmount>,
}

/// What is left after a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCount {
    /// The step.
    pub step: Step,
    /// What is true of the documents that got past it.
    pub outcome: String,
    /// How much that is.
    #[serde(flatten)]
    pub left: Amount,
}

/// What a reason applies to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: Reason,
    /// The step it belongs to.
    pub step: Step,
    /// What it means.
    pub explanation: String,
    /// Where the rule comes from.
    pub source: String,
    /// How much it applies to. Several reasons can apply to one file.
    #[serde(flatten)]
    pub dropped: Amount,
    /// Files to which no other reason applies: what would be kept without this rule.
    pub only: u64,
    /// Up to five of the files, spread over the corpus, the same every time.
    pub samples: Vec<String>,
}

/// A named share of the kept documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedAmount {
    /// Language or licence expression.
    pub name: String,
    /// How much.
    #[serde(flatten)]
    pub kept: Amount,
}

/// Which rows to explain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only rows dropped for this reason.
    pub reason: Option<Reason>,
    /// Only rows whose origin and path, joined by `/`, contain this.
    pub path: Option<String>,
}

/// A row in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation<'a> {
    /// The row itself.
    pub row: &'a Row,
    /// For each reason: what it means and what was measured.
    pub reasons: Vec<ReasonExplanation>,
}

/// A reason applied to one document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReasonExplanation {
    /// The reason.
    pub reason: Reason,
    /// What it means.
    pub explanation: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
    /// What was measured and against which limit, or what was found.
    pub detail: Option<String>,
}

const SAMPLES: usize = 5;

impl Corpus {
    /// Counts what came in, what was dropped where and why, and what is left.
    pub fn funnel(&self) -> Funnel {
        let mut found = Amount::default();
        let (mut train, mut held_out) = (Amount::default(), Amount::default());
        let mut left = [Amount::default(); Step::ALL.len()];
        let mut languages = BTreeMap::<&str, Amount>::new();
        let mut licences = BTreeMap::<&str, Amount>::new();
        for row in self.rows() {
            found.add(row);
            let past = |step: &Step| row.decision.left_at().is_none_or(|left_at| *step < left_at);
            for (amount, _) in left.iter_mut().zip(Step::ALL).filter(|(_, step)| past(step)) {
                amount.add(row);
            }
            let Decision::Keep { split } = row.decision else { continue };
            match split {
                Split::Train => train.add(row),
                Split::HeldOut => held_out.add(row),
            }
            let language = row.document.annotations().and_then(|found| found.language.as_deref());
            languages.entry(language.unwrap_or("unknown")).or_default().add(row);
            let licence = row.document.provenance.licences.first().map(|licence| licence.expression.as_str());
            licences.entry(licence.unwrap_or("none found")).or_default().add(row);
        }
        let mut reasons: Vec<_> = Reason::ALL.iter().filter_map(|reason| self.count(*reason)).collect();
        reasons.sort_by_key(|count| (count.step, Reverse(count.dropped.bytes)));
        let counts = Step::ALL.into_iter().zip(left);
        Funnel {
            found,
            steps: counts.map(|(step, left)| StepCount { step, outcome: step.outcome().to_owned(), left }).collect(),
            reasons,
            train,
            held_out,
            languages: by_size(languages),
            licences: by_size(licences),
        }
    }

    fn count(&self, reason: Reason) -> Option<ReasonCount> {
        let rows: Vec<_> = self.rows().iter().filter(|row| row.decision.reasons().contains(&reason)).collect();
        let mut dropped = Amount::default();
        rows.iter().for_each(|row| dropped.add(row));
        // The digest of the name is as good as chance and always the same.
        let mut names: Vec<_> = rows.iter().map(|row| full_path(row)).collect();
        names.sort_by_cached_key(|name| ContentHash::of(name.as_bytes()));
        names.truncate(SAMPLES);
        names.sort();
        (!rows.is_empty()).then(|| ReasonCount {
            reason,
            step: reason.step(),
            explanation: reason.explanation().to_owned(),
            source: reason.source().to_owned(),
            dropped,
            only: rows.iter().filter(|row| row.decision.reasons() == [reason]).count() as u64,
            samples: names,
        })
    }

    /// The rows that `query` asks for, each with its reasons in words.
    pub fn explain<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = Explanation<'a>> {
        let limits = &self.options().quality;
        let wanted = |row: &Row| {
            query.reason.is_none_or(|reason| row.decision.reasons().contains(&reason))
                && query.path.as_ref().is_none_or(|part| full_path(row).contains(part.as_str()))
        };
        self.rows().iter().filter(move |row| wanted(row)).map(move |row| {
            let explain = |reason: &Reason| ReasonExplanation {
                reason: *reason,
                explanation: reason.explanation(),
                source: reason.source(),
                detail: match (reason, row.document.annotations()) {
                    (Reason::ExactDuplicate, _) => row.duplicate_of.as_ref().map(|kept| format!("copy of {kept}")),
                    (_, Some(found)) => reason.measured(found, limits),
                    _ => None,
                },
            };
            Explanation { row, reasons: row.decision.reasons().iter().map(explain).collect() }
        })
    }
}

/// Origin and path of a row.
fn full_path(row: &Row) -> String {
    format!("{}/{}", row.document.provenance.origin, row.document.provenance.path)
}

fn by_size(amounts: BTreeMap<&str, Amount>) -> Vec<NamedAmount> {
    let mut sorted: Vec<_> =
        amounts.into_iter().map(|(name, kept)| NamedAmount { name: name.to_owned(), kept }).collect();
    sorted.sort_by_key(|one| Reverse(one.kept.bytes));
    sorted
}
