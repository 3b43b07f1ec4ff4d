//! A document as it was found: provenance and annotations, no decision yet.

use std::{path::PathBuf, sync::Arc};

use prentice_base::{ContentHash, Provenance};
use serde::{Deserialize, Serialize};

use crate::{language::LanguageKind, signals::Signals};

/// One file of the scanned tree, with everything that was found out about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnnotatedDocument {
    /// Where it comes from, with all evidence about its licence.
    pub provenance: Provenance,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// What is in it.
    pub content: Content,
    /// The text, where it can become part of a corpus. Not part of a stored row.
    #[serde(skip)]
    pub text: Option<Arc<str>>,
    /// Where it was read on this machine; empty in a stored row, which may lie on another one.
    #[serde(skip)]
    pub file: PathBuf,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// Nothing that could be read as text.
    Unusable {
        /// Why not.
        why: Unusable,
    },
    /// Text.
    Text(Annotations),
}

/// Why a file is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// A symbolic link; what it points to is met elsewhere in the tree or is none of ours.
    Symlink,
    /// A pipe, socket or device.
    SpecialFile,
    /// A file or directory that may not or cannot be read.
    Unreadable,
    /// Larger than the scan reads.
    TooLarge,
    /// Has a zero byte near its beginning.
    Binary,
    /// Not UTF-8, nor UTF-16 with a byte order mark.
    NotUtf8,
}

/// What was found out about a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotations {
    /// Digest of the text.
    pub digest: ContentHash,
    /// Language, by GitHub Linguist's name.
    pub language: Option<String>,
    /// What the language is used for.
    pub kind: Option<LanguageKind>,
    /// The part of the path that says "somebody else's code".
    pub vendored: Option<String>,
    /// The name or the words that say "written by a program".
    pub generated: Option<String>,
    /// Whether it is a resolver's lock file.
    pub lock_file: bool,
    /// Whether it was squeezed by a minifier.
    pub minified: bool,
    /// Whether `<?xml version=` is among the first 100 characters.
    pub xml_prefix: bool,
    /// Counts over the text.
    pub signals: Signals,
}

impl AnnotatedDocument {
    /// The annotations, if the file is text.
    pub fn annotations(&self) -> Option<&Annotations> {
        match &self.content {
            Content::Text(annotations) => Some(annotations),
            Content::Unusable { .. } => None,
        }
    }
}
