//! The repository index: what a team's own source says, found fast.
//!
//! * [`copying`]: what comes next, by what stands elsewhere.
//! * [`search`]: text by words, exact strings and regular expressions, over chunks.
//! * [`symbols`]: what is defined where, and what mentions it.
//! * [`map`]: the definitions that matter most, within a budget of tokens.
//!
//! Both tables are layers of immutable segments ([`sections`] says how they lie on disk), and take a changed file in
//! place. Only the repository index, which joins them, has
//! files parsed; search and symbols are given chunks and outlines.

// Library code prints nothing: what there is to say goes through results.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cite;
pub mod copying;
mod dictionary;
mod layers;
pub mod map;
mod repository;
pub mod search;
pub mod sections;
pub mod symbols;
#[cfg(test)]
mod testing;
mod varint;

pub use repository::{Opened, ParsedFile, RepositoryFile, RepositoryIndex};
