//! What a file defines, mentions and imports. Ranges are bytes of the file's text.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolKind {
    /// A function that belongs to nothing.
    Function,
    /// A function of a type.
    Method,
    /// A class.
    Class,
    /// A structure or record.
    Struct,
    /// An enumeration.
    Enum,
    /// One of an enumeration's cases.
    Variant,
    /// An interface, trait or protocol.
    Interface,
    /// A module, namespace or package.
    Module,
    /// A name that stands for a type.
    TypeAlias,
    /// A constant or static.
    Constant,
    /// A variable outside of functions.
    Variable,
    /// A field or property.
    Field,
    /// A macro.
    Macro,
}

/// A place where something gets its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The name, without its container.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// The type or module around it, where there is one: `Parser` for a method of `Parser`.
    pub container: Option<String>,
    /// Where the name is.
    pub name_range: Range<usize>,
    /// The whole item, body included.
    pub range: Range<usize>,
}

/// How something is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// It is called.
    Call,
    /// It stands where a type does.
    Type,
    /// Any other mention.
    Other,
}

/// A mention of something that is defined somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The name, without a path before it.
    pub name: String,
    /// How it is mentioned.
    pub kind: ReferenceKind,
    /// Where the name is.
    pub range: Range<usize>,
}

/// A name that an import brings in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedName {
    /// The name where it comes from.
    pub name: String,
    /// The name it gets here, where that differs.
    pub alias: Option<String>,
}

/// An import of a module, or of names from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The module or header as written: `std::fs`, `os.path`, `./util`, `stdio.h`.
    pub module: String,
    /// What is brought in; empty where it is the module itself, or everything (`*`).
    pub names: Vec<ImportedName>,
    /// The whole statement.
    pub range: Range<usize>,
}

/// What a file defines, mentions and imports, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Definitions.
    pub definitions: Vec<Definition>,
    /// Mentions; a definition's own name is none.
    pub references: Vec<Reference>,
    /// Imports.
    pub imports: Vec<Import>,
    /// Bytes that the parser could make no sense of.
    pub unread_bytes: usize,
}
