//! Decide: which of the scanned documents become a corpus, with a reason for each that does not.
//!
//! Pure: the same scan can be decided again under other options without reading a file.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    document::{AnnotatedDocument, Annotations, Content},
    exact::copies,
    ingest::Scan,
    language::LanguageKind,
    licence::{Standing, standing},
    reason::{Reason, Step},
    store::{Contents, Corpus, Extent, Row},
};

/// Whose code it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The user declares the tree to be theirs to learn from. Evidence is recorded, not demanded.
    #[default]
    Own,
    /// Only documents with evidence of a permissive licence, and none of any other.
    Permissive,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Permissive => "permissive",
        })
    }
}

/// There is no policy of this name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a policy; the policies are `own` and `permissive`")]
pub struct UnknownPolicy(String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text {
            "own" => Ok(Self::Own),
            "permissive" => Ok(Self::Permissive),
            _ => Err(UnknownPolicy(text.to_owned())),
        }
    }
}

/// What stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecideOptions {
    /// Whose code it has to be.
    pub policy: Policy,
    /// Fraction of the kept documents that is held out of training, from 0 to 1. Whatever it is, two kept documents
    /// suffice to have one on either side, unless it is 0.
    pub held_out: f64,
    /// Whether other people's code within the tree stays.
    pub keep_vendored: bool,
    /// Whether generated and minified files and lock files stay.
    pub keep_generated: bool,
    /// Limits on what the text looks like.
    pub quality: QualityOptions,
}

impl Default for DecideOptions {
    fn default() -> Self {
        Self {
            policy: Policy::Own,
            held_out: 0.05,
            keep_vendored: false,
            keep_generated: false,
            quality: QualityOptions::default(),
        }
    }
}

/// Limits on what the text looks like. The defaults are published values; where the sources differ, the one that keeps
/// more is the default. "Code" limits do not apply to markup, data and prose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityOptions {
    /// OpenCoder: 50.
    pub min_characters: u64,
    /// OpenCoder: 30.
    pub min_words: u64,
    /// Code. OpenCoder: 10.
    pub min_lines: u64,
    /// StarCoder2, OpenCoder: 100,000.
    pub max_lines: u64,
    /// OpenCoder: 3,000,000.
    pub max_bytes: u64,
    /// Characters, code. StarCoder, StarCoder2, OpenCoder: 1000.
    pub max_line: u64,
    /// Characters, markup, data and prose. StarCoder2: 100,000.
    pub max_line_of_text: u64,
    /// Characters, code. StarCoder, StarCoder2, OpenCoder: 100.
    pub max_mean_line: f64,
    /// Characters, code. OpenCoder: 5.
    pub min_mean_line: f64,
    /// StarCoder2: 0.25. (OpenCoder: 0.5.)
    pub min_alphabetic: f64,
    /// StarCoder: 0.25.
    pub min_alphanumeric: f64,
    /// Code. OpenCoder: 0.2.
    pub max_digits: f64,
    /// Code. OpenCoder: 0.5.
    pub max_whitespace: f64,
    /// Code. OpenCoder: 0.7.
    pub max_duplicate_lines: f64,
    /// Characters of the longest run of encoded data. StarCoder2: 1024.
    pub max_encoded_run: u64,
    /// Fraction of the file that is encoded data. StarCoder2: 0.5.
    pub max_encoded: f64,
    /// Lines of JSON, YAML and the like, and of plain text. StarCoder2: 512.
    pub max_data_lines: u64,
}

impl Default for QualityOptions {
    fn default() -> Self {
        Self {
            min_characters: 50,
            min_words: 30,
            min_lines: 10,
            max_lines: 100_000,
            max_bytes: 3_000_000,
            max_line: 1000,
            max_line_of_text: 100_000,
            max_mean_line: 100.0,
            min_mean_line: 5.0,
            min_alphabetic: 0.25,
            min_alphanumeric: 0.25,
            max_digits: 0.2,
            max_whitespace: 0.5,
            max_duplicate_lines: 0.7,
            max_encoded_run: 1024,
            max_encoded: 0.5,
            max_data_lines: 512,
        }
    }
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// It is part of the corpus.
    Keep {
        /// On which side.
        split: Split,
    },
    /// It is not.
    Drop {
        /// Every reason that applies, in order; never empty.
        reasons: Vec<Reason>,
    },
}

impl Decision {
    /// The reasons for which it is dropped; none where it is kept.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Keep { .. } => &[],
            Self::Drop { reasons } => reasons,
        }
    }

    /// The step at which it leaves; `None` where it is kept.
    pub fn left_at(&self) -> Option<Step> {
        self.reasons().iter().map(|reason| reason.step()).min()
    }
}

/// The two sides of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Trained on.
    Train,
    /// Never trained on: examined on.
    HeldOut,
}

/// Decides about every document of a scan.
pub fn decide(scan: &Scan, options: &DecideOptions) -> Corpus {
    let documents = &scan.documents;
    let mut reasons: Vec<Vec<Reason>> = documents.iter().map(|document| judge(document, options)).collect();
    let mut duplicate_of = vec![None; documents.len()];

    let standings: Vec<Standing> = match options.policy {
        Policy::Own => Vec::new(),
        Policy::Permissive => documents.iter().map(|document| standing(&document.provenance.licences)).collect(),
    };
    for group in copies(documents.iter().map(|document| document.annotations().map(|found| found.digest))) {
        if options.policy == Policy::Permissive {
            // A copy that has no evidence says nothing about the others; one that has speaks for all.
            let worst = group.iter().map(|&copy| standings[copy]).filter(|found| *found != Standing::NoEvidence).max();
            for &copy in &group {
                let found = standings[copy].max(worst.unwrap_or(Standing::NoEvidence));
                reasons[copy].extend(licence_reason(found));
            }
        }
        let mut stay = group.into_iter().filter(|&copy| reasons[copy].is_empty()).collect::<Vec<_>>().into_iter();
        let Some(kept) = stay.next() else { continue };
        for copy in stay {
            // Empty files are equal without being copies, but they never get here.
            reasons[copy].push(Reason::ExactDuplicate);
            duplicate_of[copy] = Some(kept);
        }
    }

    let kept: Vec<usize> = (0..documents.len()).filter(|&index| reasons[index].is_empty()).collect();
    let splits =
        split(&kept.iter().map(|&index| unit_interval(&documents[index])).collect::<Vec<_>>(), options.held_out);
    let mut splits = splits.into_iter();
    let mut offset = 0;
    let mut texts: Vec<Arc<str>> = Vec::with_capacity(kept.len());
    let rows = documents
        .iter()
        .zip(reasons)
        .zip(duplicate_of)
        .map(|((document, reasons), duplicate_of)| {
            let (decision, stored) = match (&document.text, reasons.is_empty()) {
                (Some(text), true) => {
                    let stored = Extent { offset, length: text.len() as u64 };
                    offset += stored.length;
                    texts.push(text.clone());
                    (Decision::Keep { split: splits.next().unwrap_or(Split::Train) }, Some(stored))
                }
                _ => (Decision::Drop { reasons }, None),
            };
            let duplicate_of = duplicate_of.map(|kept: usize| {
                let provenance = &documents[kept].provenance;
                format!("{}/{}", provenance.origin, provenance.path)
            });
            Row {
                document: AnnotatedDocument { text: None, file: PathBuf::new(), ..document.clone() },
                decision,
                duplicate_of,
                stored,
            }
        })
        .collect();
    Corpus::new(scan.digest, options.clone(), rows, Contents::Memory(texts))
}

fn unit_interval(document: &AnnotatedDocument) -> f64 {
    document.annotations().map_or(0.0, |found| found.digest.unit_interval())
}

/// The side of each document, by the position of its digest in the unit interval.
///
/// A document stays on its side when others come and go, apart from the one that is moved to fill an empty side.
fn split(positions: &[f64], held_out: f64) -> Vec<Split> {
    let side = |position: &f64| if *position < held_out { Split::HeldOut } else { Split::Train };
    let mut sides: Vec<Split> = positions.iter().map(side).collect();
    let extreme = |sign: f64| {
        let order = |a: &usize, b: &usize| (sign * positions[*a]).total_cmp(&(sign * positions[*b]));
        (0..positions.len()).min_by(order)
    };
    if positions.len() >= 2 && held_out > 0.0 && !sides.contains(&Split::HeldOut) {
        extreme(1.0).into_iter().for_each(|index| sides[index] = Split::HeldOut);
    }
    if !sides.contains(&Split::Train) {
        extreme(-1.0).into_iter().for_each(|index| sides[index] = Split::Train);
    }
    sides
}

fn licence_reason(standing: Standing) -> Option<Reason> {
    match standing {
        Standing::Permissive => None,
        Standing::NoEvidence => Some(Reason::NoLicence),
        Standing::Unknown => Some(Reason::UnknownLicence),
        Standing::NotPermissive => Some(Reason::NotPermissive),
    }
}

/// Every reason against a document that lies in the document itself, apart from its licence.
pub fn judge(document: &AnnotatedDocument, options: &DecideOptions) -> Vec<Reason> {
    let found = match &document.content {
        Content::Unusable { why } => return vec![Reason::from(*why)],
        Content::Text(found) => found,
    };
    // The other rules would only repeat what these say.
    if found.signals.characters == 0 {
        return vec![Reason::Empty];
    }
    let Some(kind) = found.kind else { return vec![Reason::UnknownLanguage] };
    let mut reasons = Vec::new();
    let mut drop_if = |applies: bool, reason: Reason| {
        if applies {
            reasons.push(reason);
        }
    };
    drop_if(found.vendored.is_some() && !options.keep_vendored, Reason::Vendored);
    drop_if(found.generated.is_some() && !options.keep_generated, Reason::Generated);
    drop_if(found.lock_file && !options.keep_generated, Reason::LockFile);
    drop_if(found.minified && !options.keep_generated, Reason::Minified);
    judge_quality(document, found, kind, &options.quality, &mut drop_if);
    reasons
}

fn judge_quality(
    document: &AnnotatedDocument,
    found: &Annotations,
    kind: LanguageKind,
    limits: &QualityOptions,
    drop_if: &mut impl FnMut(bool, Reason),
) {
    let signals = &found.signals;
    let code = kind == LanguageKind::Code;
    let language = found.language.as_deref().unwrap_or_default();
    drop_if(signals.characters < limits.min_characters, Reason::TooFewCharacters);
    drop_if(signals.words < limits.min_words, Reason::TooFewWords);
    drop_if(code && signals.lines < limits.min_lines, Reason::TooFewLines);
    drop_if(signals.lines > limits.max_lines, Reason::TooManyLines);
    drop_if(document.bytes > limits.max_bytes, Reason::TooManyBytes);
    let max_line = if code { limits.max_line } else { limits.max_line_of_text };
    drop_if(signals.longest_line > max_line, Reason::LongLine);
    drop_if(code && signals.mean_line() > limits.max_mean_line, Reason::LongMeanLine);
    drop_if(code && signals.mean_line() < limits.min_mean_line, Reason::ShortMeanLine);
    drop_if(signals.alphabetic_fraction() < limits.min_alphabetic, Reason::FewLetters);
    drop_if(signals.alphanumeric_fraction() < limits.min_alphanumeric, Reason::FewAlphanumerics);
    drop_if(code && signals.digit_fraction() > limits.max_digits, Reason::ManyDigits);
    drop_if(code && signals.whitespace_fraction() > limits.max_whitespace, Reason::MuchWhitespace);
    drop_if(code && signals.duplicate_line_fraction() > limits.max_duplicate_lines, Reason::RepeatedLines);
    let encoded = signals.longest_encoded > limits.max_encoded_run || signals.encoded_fraction() > limits.max_encoded;
    drop_if(encoded, Reason::EncodedData);
    drop_if(code && found.xml_prefix && language != "XSLT", Reason::XmlPrefix);
    let limited = kind == LanguageKind::Data || language == "Text";
    drop_if(limited && signals.lines > limits.max_data_lines, Reason::LongData);
    drop_if(language == "Text" && !is_documentation(&document.provenance.path), Reason::UnnamedText);
}

/// StarCoder2 keeps plain text only under these names.
fn is_documentation(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let stem = file.split_once('.').map_or(file.as_str(), |(stem, _)| stem);
    file.contains("requirement") || ["readme", "notes", "todo", "description", "cmakelists"].contains(&stem)
}

#[cfg(test)]
mod tests {
    use prentice_base::{Provenance, SourceKind};

    use super::*;
    use crate::signals::Signals;

    /// A document that every rule lets pass; tests change one thing.
    fn document(change: impl FnOnce(&mut AnnotatedDocument, &mut Annotations)) -> AnnotatedDocument {
        let mut annotations = Annotations {
            digest: prentice_base::ContentHash::of(b""),
            language: Some("Rust".into()),
            kind: Some(LanguageKind::Code),
            vendored: None,
            generated: None,
            lock_file: false,
            minified: false,
            xml_prefix: false,
            signals: Signals {
                characters: 10_000,
                lines: 200,
                longest_line: 100,
                alphabetic: 6000,
                digits: 100,
                whitespace: 2000,
                words: 1000,
                filled_lines: 200,
                duplicate_lines: 0,
                encoded: 0,
                longest_encoded: 0,
            },
        };
        let mut document = AnnotatedDocument {
            provenance: Provenance {
                origin: "o".into(),
                source: SourceKind::Directory,
                revision: None,
                path: "src/a.rs".into(),
                licences: Vec::new(),
                transformations: Vec::new(),
            },
            bytes: 10_000,
            content: Content::Unusable { why: crate::document::Unusable::Binary },
            text: None,
            file: PathBuf::new(),
        };
        change(&mut document, &mut annotations);
        document.content = Content::Text(annotations);
        document
    }

    fn reasons(change: impl FnOnce(&mut AnnotatedDocument, &mut Annotations)) -> String {
        judge(&document(change), &DecideOptions::default())
            .iter()
            .map(|reason| reason.id())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn signal(change: impl FnOnce(&mut Signals)) -> String {
        reasons(|_, found| change(&mut found.signals))
    }

    #[test]
    fn each_threshold_of_code_at_the_limit_and_one_beyond() {
        assert_eq!(reasons(|_, _| {}), "");
        for (at_limit, beyond, reason) in [
            (signal(|s| s.words = 30), signal(|s| s.words = 29), "too-few-words"),
            (signal(|s| s.longest_line = 1000), signal(|s| s.longest_line = 1001), "long-line"),
            (signal(|s| s.alphabetic = 2500), signal(|s| s.alphabetic = 2499), "few-letters"),
            (signal(|s| s.digits = 2000), signal(|s| s.digits = 2001), "many-digits"),
            (signal(|s| s.whitespace = 5000), signal(|s| s.whitespace = 5001), "much-whitespace"),
            (signal(|s| s.duplicate_lines = 140), signal(|s| s.duplicate_lines = 141), "repeated-lines"),
            (signal(|s| s.longest_encoded = 1024), signal(|s| s.longest_encoded = 1025), "encoded-data"),
            (signal(|s| s.encoded = 5000), signal(|s| s.encoded = 5001), "encoded-data"),
            // Without the 100 line ends, 100 characters a line; without the 1000, 5 and a little less.
            (
                signal(|s| (s.lines, s.characters) = (100, 10_100)),
                signal(|s| (s.lines, s.characters) = (100, 10_101)),
                "long-mean-line",
            ),
            (
                signal(|s| (s.lines, s.characters, s.alphabetic, s.whitespace) = (1000, 6000, 3000, 1000)),
                signal(|s| (s.lines, s.characters, s.alphabetic, s.whitespace) = (1000, 5999, 3000, 1000)),
                "short-mean-line",
            ),
            (reasons(|d, _| d.bytes = 3_000_000), reasons(|d, _| d.bytes = 3_000_001), "too-many-bytes"),
        ] {
            assert_eq!(at_limit, "", "{reason}");
            assert_eq!(beyond, reason);
        }
        let small = |lines, characters| {
            move |s: &mut Signals| {
                *s = Signals { characters, lines, alphabetic: 40, longest_line: 40, words: 30, ..Signals::default() }
            }
        };
        assert_eq!(signal(small(10, 60)), "");
        assert_eq!(signal(small(9, 60)), "too-few-lines");
        assert_eq!(signal(small(8, 49)), "too-few-characters too-few-lines");
        assert_eq!(signal(|s| (s.lines, s.characters, s.alphabetic) = (100_000, 1_000_000, 500_000)), "");
        assert_eq!(signal(|s| (s.lines, s.characters, s.alphabetic) = (100_001, 1_000_000, 500_000)), "too-many-lines");
        assert_eq!(signal(|s| (s.alphabetic, s.digits) = (2000, 400)), "few-letters few-alphanumerics");
    }

    #[test]
    fn data_and_prose_have_their_own_limits() {
        let lines = |language: &'static str, kind, path: &'static str, lines| {
            reasons(move |document, found| {
                document.provenance.path = path.into();
                found.language = Some(language.into());
                found.kind = Some(kind);
                found.signals.lines = lines;
                found.signals.longest_line = 5000;
            })
        };
        assert_eq!(lines("JSON", LanguageKind::Data, "a.json", 512), "");
        assert_eq!(lines("JSON", LanguageKind::Data, "a.json", 513), "long-data");
        assert_eq!(lines("Text", LanguageKind::Prose, "docs/README.txt", 512), "");
        assert_eq!(lines("Text", LanguageKind::Prose, "requirements-dev.txt", 10), "");
        assert_eq!(lines("Text", LanguageKind::Prose, "words.txt", 513), "long-data unnamed-text");
        assert_eq!(lines("Markdown", LanguageKind::Prose, "book.md", 5000), "");
        assert_eq!(lines("HTML", LanguageKind::Markup, "a.html", 600), "");
    }

    #[test]
    fn what_nobody_wrote_is_dropped_unless_asked_for() {
        let all = |_: &mut AnnotatedDocument, found: &mut Annotations| {
            found.vendored = Some("vendor".into());
            found.generated = Some("do not edit".into());
            found.lock_file = true;
            found.minified = true;
        };
        assert_eq!(reasons(all), "vendored generated lock-file minified");
        let options = DecideOptions { keep_vendored: true, keep_generated: true, ..DecideOptions::default() };
        assert_eq!(judge(&document(all), &options), []);
        assert_eq!(reasons(|_, found| found.kind = None), "unknown-language");
        assert_eq!(reasons(|_, found| found.signals = Signals::default()), "empty");
        assert_eq!(reasons(|_, found| found.xml_prefix = true), "xml-prefix");
    }

    #[test]
    fn neither_side_of_the_split_is_empty_where_it_can_be_helped() {
        use Split::{HeldOut, Train};
        for (positions, held_out, expected) in [
            (&[][..], 0.5, &[][..]),
            (&[0.1], 0.5, &[Train]),
            (&[0.1, 0.9], 0.5, &[HeldOut, Train]),
            (&[0.9, 0.7, 0.8], 0.5, &[Train, HeldOut, Train]),
            (&[0.1, 0.3, 0.2], 0.5, &[HeldOut, Train, HeldOut]),
            (&[0.1, 0.3], 0.0, &[Train, Train]),
            (&[0.1, 0.3], 1.0, &[HeldOut, Train]),
        ] {
            assert_eq!(split(positions, held_out), expected, "{positions:?} at {held_out}");
        }
    }
}
