//! The rows of each language, and what its imports say.
//!
//! To add a language: a variant of `Language`, a file with its rows here, and a line in [`rows`]; a fixture with what a
//! compiler says of it in `tests/goldens/`.

mod c;
mod ecmascript;
mod go;
mod java;
mod python;
mod rust;

use crate::{grammar::Rows, language::Language};

/// The grammar of a language, and its rows.
pub(crate) fn rows(language: Language) -> (tree_sitter::Language, Rows) {
    match language {
        Language::Rust => (tree_sitter_rust::LANGUAGE.into(), rust::rows()),
        Language::Python => (tree_sitter_python::LANGUAGE.into(), python::rows()),
        Language::JavaScript => (tree_sitter_javascript::LANGUAGE.into(), ecmascript::javascript()),
        Language::TypeScript => (tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), ecmascript::typescript()),
        Language::Tsx => (tree_sitter_typescript::LANGUAGE_TSX.into(), ecmascript::tsx()),
        Language::Go => (tree_sitter_go::LANGUAGE.into(), go::rows()),
        Language::Java => (tree_sitter_java::LANGUAGE.into(), java::rows()),
        Language::C => (tree_sitter_c::LANGUAGE.into(), c::c()),
        Language::Cpp => (tree_sitter_cpp::LANGUAGE.into(), c::cpp()),
    }
}
