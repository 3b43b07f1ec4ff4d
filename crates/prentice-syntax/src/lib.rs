//! Syntax: what can be read off source code without compiling it.
//!
//! Grammars are those of tree-sitter, and live in this crate only. Broken code is no error: a parser always answers, and
//! says how much of a file it could not read.

mod symbol;

pub use symbol::{Definition, Import, ImportedName, Outline, Reference, ReferenceKind, SymbolKind};
