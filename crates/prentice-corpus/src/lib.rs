//! From a tree of files to a corpus of documents, with a reason for everything that is left out.
//!
//! **Annotate first, decide last.** [`scan()`] reads every file once and notes what there is to know: provenance, language,
//! evidence of licences, counts over the text. [`decide()`] is pure: it applies a policy and thresholds to those notes,
//! removes exact duplicates and splits off what is held out. Thresholds can change without reading a file again. A
//! [`Corpus`] has one row for every file, kept or not; [`Corpus::funnel`] and [`Corpus::explain`] say what became of them.
//!
//! Under every policy, code training reads only what [`Corpus::documents`] yields. Near-duplicates, secrets, personal data
//! and contamination are not looked at yet.

// Library code prints nothing: what there is to say goes through events.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod decide;
mod document;
mod exact;
mod funnel;
mod generated;
mod ingest;
mod language;
mod licence;
mod licence_manifest;
mod licence_text;
mod origin;
mod reason;
mod signals;
mod store;

pub use decide::{DecideOptions, Decision, Policy, QualityOptions, Split, UnknownPolicy, decide, judge};
pub use document::{AnnotatedDocument, Annotations, Content, Unusable};
pub use exact::copies;
pub use funnel::{Amount, Explanation, Funnel, NamedAmount, Query, ReasonCount, ReasonExplanation, StepCount};
pub use generated::{generated, is_lock_file, is_minified, vendored};
pub use ingest::{IngestError, IngestOptions, Scan, scan};
pub use language::{Language, LanguageKind, by_name, identify};
pub use licence::{Standing, standing};
pub use reason::{Reason, Step, UnknownReason};
pub use signals::{Signals, signals};
pub use store::{CORPUS_FILE, Corpus, CorpusDocument, CorpusError, Extent, Row};
