//! Parsing within bounds.
//!
//! The bound on work is a number of the parser's operations and not a time: the same text gives the same tree on every
//! machine. It grows with the text, so that parsing stays linear. *Not covered:* what a single operation may cost; an
//! external scanner that reads to the end of the text does so within one.

use std::{cell::RefCell, collections::HashMap, ops::ControlFlow};

use tree_sitter::{ParseOptions, Parser, Tree};

use crate::{grammar::Grammar, language::Language};

/// Longer texts are not parsed: hardly a file that people write is so long, and a tree takes many times its text.
const MAXIMUM_BYTES: usize = 4 << 20;

/// The parser asks for leave every hundred operations. Of the Rust and Python of
/// Tabby, continue and inspect_ai no file asks more than 16 times in a kibibyte; text full of errors asks far more often.
const CALLS_PER_KIBIBYTE: usize = 80;
const CALLS_AT_LEAST: usize = 2_000;

thread_local! {
    /// A parser keeps its memory between texts, so each thread has one for each language that it met.
    static PARSERS: RefCell<HashMap<Language, Parser>> = RefCell::new(HashMap::new());
}

/// The tree of a text, or nothing where the text is too long or parsing it would take too long.
pub(crate) fn parse(language: Language, text: &str) -> Option<Tree> {
    if text.len() > MAXIMUM_BYTES {
        return None;
    }
    PARSERS.with_borrow_mut(|parsers| {
        let parser = parsers.entry(language).or_insert_with(|| {
            let mut parser = Parser::new();
            parser
                .set_language(&Grammar::of(language).language)
                .expect("the grammars' ABI is one that the library reads, as a test shows");
            parser
        });
        let mut calls = CALLS_AT_LEAST + text.len() / 1024 * CALLS_PER_KIBIBYTE;
        let mut progress = |_: &tree_sitter::ParseState| {
            calls = calls.saturating_sub(1);
            if calls == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = ParseOptions::new().progress_callback(&mut progress);
        let bytes = text.as_bytes();
        let tree =
            parser.parse_with_options(&mut |start, _| bytes.get(start..).unwrap_or_default(), None, Some(options));
        if tree.is_none() {
            // Otherwise the next text would be taken for the rest of this one.
            parser.reset();
        }
        tree
    })
}
