//! A document: a piece of code, and where it comes from.

use serde::{Deserialize, Serialize};

use crate::ContentHash;

/// A piece of code with its provenance.
///
/// The text is UTF-8 exactly as found at the origin, apart from what [`Provenance::transformations`] records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Digest of `text`.
    pub digest: ContentHash,
    /// Where the text comes from, under which licence, and what was done to it.
    pub provenance: Provenance,
    /// Language name as GitHub Linguist spells it (`Rust`, `Python`, `C++`), if it is known.
    pub language: Option<String>,
    /// The text itself.
    pub text: String,
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The tree the document was taken from: a package name with version, a repository address, or a directory name.
    pub origin: String,
    /// What kind of tree that is.
    pub source: SourceKind,
    /// Commit of a repository or version of a package, where it has one.
    pub revision: Option<String>,
    /// Path within the origin, with `/` between the parts.
    pub path: String,
    /// Evidence for the licence, nearest first. Empty means that nothing is known, which is never "permissive".
    pub licences: Vec<LicenceEvidence>,
    /// What was done to the text since it left the origin, in order.
    pub transformations: Vec<Transformation>,
}

/// The kind of tree a document was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A plain directory.
    Directory,
    /// The work tree of a git repository.
    GitWorkTree,
    /// An unpacked source package of a package manager.
    Package,
}

/// One reason to believe that a licence applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LicenceEvidence {
    /// An SPDX licence expression, such as `MIT OR Apache-2.0`.
    pub expression: String,
    /// How far the evidence reaches.
    pub scope: LicenceScope,
    /// The rule that found it, such as `spdx-header`, `cargo-manifest` or `licence-text`.
    pub rule: String,
    /// Path, within the origin, of the file in which it was found.
    pub found_in: String,
    /// Confidence from 0 to 1: 1 for a declaration, the similarity for a recognised text.
    pub score: f32,
}

/// How far a piece of licence evidence reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenceScope {
    /// The file itself says so.
    File,
    /// A licence file in the document's directory or one above it, below the root.
    Directory,
    /// A licence file at the root.
    Repository,
    /// A package manifest.
    Manifest,
}

/// A change made to a document's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transformation {
    /// What was done, such as `redact` or `decode-utf16`.
    pub name: String,
    /// Digest of the text before the change.
    pub before: ContentHash,
}
