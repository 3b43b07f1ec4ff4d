//! The seam between the protocol and what knows the repository.

use std::{ops::Range, sync::atomic::AtomicBool};

use prentice_syntax::Definition;

use crate::{Citation, Completion};

/// An open document, and a place in it.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    /// The document, named as everywhere in [`Backend`].
    pub path: &'a str,
    /// The language as the client calls it: `rust`, `python`, `typescriptreact`.
    pub language: &'a str,
    /// The whole text at this moment. A completion may be asked for beside a text that nobody opened: the one that
    /// there would be if the item selected in the editor's list was taken.
    pub text: &'a str,
    /// The place, in bytes of `text`, at a character's border.
    pub offset: usize,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, named as everywhere in [`Backend`].
    pub path: String,
    /// Bytes of the file: of the open document where it is open, otherwise of the file on disk.
    pub range: Range<usize>,
}

/// Something that is defined somewhere in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What is defined.
    pub definition: Definition,
    /// In which file, named as everywhere in [`Backend`].
    pub path: String,
}

/// A change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What was replaced, in bytes of the text before this edit (and after those before it).
    pub range: Range<usize>,
    /// What stands there now.
    pub text: String,
}

/// Something that the user should know and no request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Whether something falls short of what was asked for.
    pub warning: bool,
    /// The message. It is said once: put nothing into it that varies.
    pub text: String,
}

/// What knows the repository.
///
/// Files are named by their path relative to the root of the workspace, with `/`; files outside of it by their absolute
/// path; documents that are no files by their URI.
///
/// Two threads call: one completes, the other tells of changes and asks all else, in the order of the client's messages.
/// Changes of a document that come faster than they are taken arrive as one. A panic is answered as an internal error
/// and harms nothing else, as long as no lock of the backend is poisoned by it.
pub trait Backend: Sync {
    /// A document was opened; what is on disk does not count until it is closed.
    fn opened(&self, path: &str, language: &str, text: &str);

    /// A document was changed by `edits`, one after the other; it holds `text` now.
    fn changed(&self, path: &str, text: &str, edits: &[Edit]);

    /// A document was saved as `text`.
    fn saved(&self, path: &str, text: &str);

    /// A document was closed; what is on disk counts again.
    fn closed(&self, path: &str);

    /// What could stand at the cursor, best first, with the document's line endings. Those whose `replace` leaves the cursor's line, or does not contain
    /// the cursor, are not shown.
    ///
    /// Nobody waits for the answer any more once `cancelled` is set: look at it every few milliseconds, since the next
    /// request waits for this one's end.
    fn complete(&self, cursor: &Cursor<'_>, cancelled: &AtomicBool) -> Vec<Completion>;

    /// The client has its answer: there is time to prepare for the next, until `cancelled` is set.
    fn answered(&self, _cursor: &Cursor<'_>, _completions: &[Completion], _cancelled: &AtomicBool) {}

    /// Where what stands at the cursor is defined.
    fn definitions(&self, cursor: &Cursor<'_>) -> Vec<Place>;

    /// Where what stands at the cursor is mentioned; with `declarations` also where it is defined.
    fn references(&self, cursor: &Cursor<'_>, declarations: bool) -> Vec<Place>;

    /// What a document defines, in the order of the text.
    fn outline(&self, path: &str, language: &str, text: &str) -> Vec<Definition>;

    /// What the workspace defines that fits a query, best first.
    fn symbols(&self, query: &str) -> Vec<Symbol>;

    /// Where the text at the cursor stands word for word, other than here; spans are bytes of the document.
    fn citation(&self, cursor: &Cursor<'_>) -> Option<Citation>;

    /// What the user should know at the moment; asked about once a second, so it must cost nothing.
    fn notices(&self) -> Vec<Notice>;
}
