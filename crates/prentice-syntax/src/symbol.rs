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
    /// The definition around it, where there is one: `Parser` for a method of `Parser`, the outer function for one that
    /// is defined in a function.
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
    /// The name that the module itself gets here, where it is given one: `import numpy as np`.
    pub alias: Option<String>,
    /// What is brought in; empty where it is the module itself, or everything (`*`). The default export of an
    /// ECMAScript module is called `default`.
    pub names: Vec<ImportedName>,
    /// The whole statement.
    pub range: Range<usize>,
}

/// A variable or parameter of a function, or a type's parameter, with all its mentions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// The name.
    pub name: String,
    /// Where it is bound first.
    pub range: Range<usize>,
    /// Where it is mentioned or bound again, in the order of the text.
    pub mentions: Vec<Range<usize>>,
}

/// What a file defines, mentions and imports, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Definitions.
    pub definitions: Vec<Definition>,
    /// Mentions of what may be defined anywhere. A definition's own name is none, nor is a mention of a local.
    pub references: Vec<Reference>,
    /// Locals of functions, and parameters of types.
    #[serde(default)]
    pub locals: Vec<Local>,
    /// Imports.
    pub imports: Vec<Import>,
    /// Bytes that the parser could make no sense of.
    pub unread_bytes: usize,
}

impl Outline {
    /// The local that is bound or mentioned at a byte of the text: where this finds one, no definition of the same name is
    /// meant.
    pub fn local_at(&self, offset: usize) -> Option<&Local> {
        let within = |range: &Range<usize>| range.contains(&offset);
        self.locals.iter().find(|local| within(&local.range) || local.mentions.iter().any(within))
    }
}
