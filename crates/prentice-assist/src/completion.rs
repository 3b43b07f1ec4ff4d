//! What is offered at the cursor, and where it comes from.

use std::ops::Range;

/// A text to be inserted at the cursor, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The text; several lines where the engine is confident.
    pub text: String,
    /// What it takes the place of, in bytes of the document. Contains the cursor.
    pub replace: Range<usize>,
    /// Probability that the line is accepted as it is, 0 to 1.
    pub confidence: f32,
    /// Where parts of the text stand word for word.
    pub citations: Vec<Citation>,
}

/// A span of eight tokens or more that stands elsewhere word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The span, in bytes of the text that is cited for.
    pub span: Range<usize>,
    /// The file that it stands in, relative to the root of the workspace.
    pub path: String,
    /// The line at which it begins there, from 1.
    pub line: u32,
    /// The commit that the file was read at, where it is known.
    pub commit: Option<String>,
    /// The file's licence as an SPDX expression, where it is known.
    pub licence: Option<String>,
}
