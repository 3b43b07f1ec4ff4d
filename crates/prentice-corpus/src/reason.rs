//! Reasons: why a document is not part of a corpus.
//!
//! A closed list with stable names. Reasons are counted, sampled and shown by `prentice corpus explain`, each with the
//! place in the literature that it comes from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    decide::QualityOptions,
    document::{Annotations, Unusable},
    language::LanguageKind,
};

/// A stretch of the way from the tree to the corpus. A document leaves at the first one it has a reason at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Be readable text.
    Read,
    /// Be in a known language, and written here by people.
    Identify,
    /// Look like code that is worth learning from.
    Quality,
    /// Be allowed.
    Licence,
    /// Be there once.
    Deduplicate,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 5] = [Self::Read, Self::Identify, Self::Quality, Self::Licence, Self::Deduplicate];

    /// What is true of the documents that get past this step, in a few words.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Read => "readable text",
            Self::Identify => "hand-written, in a known language",
            Self::Quality => "within the quality limits",
            Self::Licence => "allowed by the policy",
            Self::Deduplicate => "unique",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal, $step:ident, $source:literal;)+) => {
        /// Why a document is dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $id)] $name,)+
        }

        impl Reason {
            /// All reasons, in the order in which they are looked at.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable name, in kebab case.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }

            /// The step at which a document leaves for this reason.
            pub fn step(self) -> Step {
                match self { $(Self::$name => Step::$step),+ }
            }

            /// What the reason means, for people. Limits are the defaults.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }

            /// Where the rule comes from.
            pub fn source(self) -> &'static str {
                match self { $(Self::$name => $source),+ }
            }
        }
    };
}

reasons! {
    /// A symbolic link: what it points to is met elsewhere, or lies outside the tree.
    Symlink = "symlink", Read, "Prentice";
    /// A pipe, socket or device.
    SpecialFile = "special-file", Read, "Prentice";
    /// The file or directory cannot be read; usually a matter of permissions.
    Unreadable = "unreadable", Read, "Prentice";
    /// Larger than a scan reads (8 MiB).
    TooLarge = "too-large", Read, "Prentice";
    /// Not text: a zero byte among the first 8 KiB.
    Binary = "binary", Read, "git's heuristic";
    /// Neither UTF-8 nor UTF-16 with a byte order mark.
    NotUtf8 = "not-utf8", Read, "Prentice";

    /// Empty.
    Empty = "empty", Identify, "Prentice";
    /// No language is known for the file's name or first line.
    UnknownLanguage = "unknown-language", Identify, "GitHub Linguist";
    /// Somebody else's code, by its path.
    Vendored = "vendored", Identify, "GitHub Linguist, vendor.yml";
    /// Written by a program, by its name or by a marker in the first five lines.
    Generated = "generated", Identify, "StarCoder2 (arXiv 2402.19173), 2.1; GitHub Linguist, generated.rb";
    /// Written by a dependency resolver.
    LockFile = "lock-file", Identify, "GitHub Linguist, generated.rb";
    /// Squeezed by a minifier: by its name, or more than 110 characters a line in a script or style sheet.
    Minified = "minified", Identify, "GitHub Linguist, generated.rb";

    /// Fewer than 50 characters.
    TooFewCharacters = "too-few-characters", Quality, "OpenCoder RefineCode";
    /// Fewer than 30 words.
    TooFewWords = "too-few-words", Quality, "OpenCoder RefineCode";
    /// Code of fewer than 10 lines.
    TooFewLines = "too-few-lines", Quality, "OpenCoder RefineCode";
    /// More than 100000 lines.
    TooManyLines = "too-many-lines", Quality, "StarCoder2 (arXiv 2402.19173), 2.1; OpenCoder RefineCode";
    /// More than 3000000 bytes.
    TooManyBytes = "too-many-bytes", Quality, "OpenCoder RefineCode";
    /// A line of more than 1000 characters; of more than 100000 in markup, data and prose.
    LongLine = "long-line", Quality, "StarCoder; StarCoder2 (arXiv 2402.19173), 2.1; OpenCoder RefineCode";
    /// Code of more than 100 characters a line.
    LongMeanLine = "long-mean-line", Quality, "StarCoder; StarCoder2 (arXiv 2402.19173), 2.1; OpenCoder RefineCode";
    /// Code of fewer than 5 characters a line.
    ShortMeanLine = "short-mean-line", Quality, "OpenCoder RefineCode";
    /// Letters make up less than 0.25 of the characters.
    FewLetters = "few-letters", Quality, "StarCoder2 (arXiv 2402.19173), 2.1";
    /// Letters and digits make up less than 0.25 of the characters.
    FewAlphanumerics = "few-alphanumerics", Quality, "StarCoder";
    /// Digits make up more than 0.2 of the characters of code.
    ManyDigits = "many-digits", Quality, "OpenCoder RefineCode";
    /// White space makes up more than 0.5 of the characters of code.
    MuchWhitespace = "much-whitespace", Quality, "OpenCoder RefineCode";
    /// More than 0.7 of the lines of code repeat an earlier one.
    RepeatedLines = "repeated-lines", Quality, "OpenCoder RefineCode";
    /// Encoded data (base64, hexadecimal, escapes): one run of more than 1024 characters, or more than half of the file.
    EncodedData = "encoded-data", Quality, "StarCoder2 (arXiv 2402.19173), 2.1";
    /// XML under the name of a programming language.
    XmlPrefix = "xml-prefix", Quality, "StarCoder";
    /// JSON, YAML or the like, or plain text, of more than 512 lines.
    LongData = "long-data", Quality, "StarCoder2 (arXiv 2402.19173), 2.1";
    /// Plain text whose name does not say that it is documentation.
    UnnamedText = "unnamed-text", Quality, "StarCoder2 (arXiv 2402.19173), 2.1";

    /// No evidence of a licence, under the policy `permissive`.
    NoLicence = "no-licence", Licence, "Prentice; The Stack v2";
    /// Evidence of a licence that is not understood, under the policy `permissive`.
    UnknownLicence = "unknown-licence", Licence, "Prentice; The Stack v2";
    /// Evidence of a licence that is not permissive, on the document or on an exact copy of it, under the policy `permissive`.
    NotPermissive = "not-permissive", Licence, "The Stack v2; Blue Oak Council list";

    /// An exact copy of a document that is kept.
    ExactDuplicate = "exact-duplicate", Deduplicate, "OpenCoder";
}

impl Reason {
    /// What was measured where a limit was overstepped, and which words or path gave a file away.
    pub fn measured(self, annotations: &Annotations, options: &QualityOptions) -> Option<String> {
        let signals = &annotations.signals;
        let code = annotations.kind == Some(LanguageKind::Code);
        let more = |what: &str, value: u64, limit: u64| Some(format!("{what} {value}, limit {limit}"));
        let fraction = |what: &str, value: f64, limit: f64| Some(format!("{what} {value:.3}, limit {limit}"));
        match self {
            Self::Vendored => annotations.vendored.as_ref().map(|rule| format!("path has `{rule}`")),
            Self::Generated => annotations.generated.as_ref().map(|rule| format!("found `{rule}`")),
            Self::TooFewCharacters => more("characters", signals.characters, options.min_characters),
            Self::TooFewWords => more("words", signals.words, options.min_words),
            Self::TooFewLines => more("lines", signals.lines, options.min_lines),
            Self::TooManyLines => more("lines", signals.lines, options.max_lines),
            Self::TooManyBytes => None,
            Self::LongLine => {
                let limit = if code { options.max_line } else { options.max_line_of_text };
                more("characters in the longest line", signals.longest_line, limit)
            }
            Self::LongMeanLine => fraction("characters a line", signals.mean_line(), options.max_mean_line),
            Self::ShortMeanLine => fraction("characters a line", signals.mean_line(), options.min_mean_line),
            Self::FewLetters => fraction("letters", signals.alphabetic_fraction(), options.min_alphabetic),
            Self::FewAlphanumerics => {
                fraction("letters and digits", signals.alphanumeric_fraction(), options.min_alphanumeric)
            }
            Self::ManyDigits => fraction("digits", signals.digit_fraction(), options.max_digits),
            Self::MuchWhitespace => fraction("white space", signals.whitespace_fraction(), options.max_whitespace),
            Self::RepeatedLines => {
                fraction("repeated lines", signals.duplicate_line_fraction(), options.max_duplicate_lines)
            }
            Self::EncodedData => Some(format!(
                "longest run {}, limit {}; in all {:.3} of the file, limit {}",
                signals.longest_encoded,
                options.max_encoded_run,
                signals.encoded_fraction(),
                options.max_encoded
            )),
            Self::LongData => more("lines", signals.lines, options.max_data_lines),
            _ => None,
        }
    }
}

impl From<Unusable> for Reason {
    fn from(why: Unusable) -> Self {
        match why {
            Unusable::Symlink => Self::Symlink,
            Unusable::SpecialFile => Self::SpecialFile,
            Unusable::Unreadable => Self::Unreadable,
            Unusable::TooLarge => Self::TooLarge,
            Unusable::Binary => Self::Binary,
            Unusable::NotUtf8 => Self::NotUtf8,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// There is no reason of this name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a reason; the reasons are {list}", list = Reason::ALL.iter().map(|reason| reason.id()).collect::<Vec<_>>().join(", "))]
pub struct UnknownReason(String);

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.id() == text).ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_explained_and_in_the_order_of_the_steps() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.id());
            assert_eq!(reason.id().parse::<Reason>().unwrap(), *reason);
            assert!(reason.explanation().ends_with('.') && !reason.explanation().starts_with(' '), "{reason}");
        }
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.step()));
        assert!(
            "tabs"
                .parse::<Reason>()
                .unwrap_err()
                .to_string()
                .starts_with("`tabs` is not a reason; the reasons are symlink,")
        );
    }
}
