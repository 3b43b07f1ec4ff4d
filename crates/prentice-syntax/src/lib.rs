//! Syntax: what can be read off source code without compiling it.
//!
//! Grammars are those of tree-sitter, and live in this crate only. Broken code is no error: a parser always answers, and
//! says how much of a file it could not read. Start at `outline.rs`.

mod chunks;
mod grammar;
mod grammars;
mod language;
mod outline;
mod parse;
mod symbol;
mod walk;

pub use chunks::{Chunk, ChunkOptions, chunks};
pub use language::Language;
pub use outline::{outline, read};
pub use symbol::{Definition, Import, ImportedName, Local, Outline, Reference, ReferenceKind, SymbolKind};
