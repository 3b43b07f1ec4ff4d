//! What was said to the command that finds out where a text stands already.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Say where the code of a file or a patch stands already, word for word, and under which licence
///
/// Of a unified diff (a name that ends in .patch or .diff, or standard input that looks like one) the added lines are
/// looked at, except where they stand in place already. A file is not cited to itself. Ends with exit code 1 where the
/// policy refuses a span.
///
/// Examples: prentice cite src/main.rs --in ../library; git diff | prentice cite - --policy permissive
#[derive(Debug, Args)]
pub struct Cite {
    /// The text; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A tree, or a corpus of `prentice corpus build`, to look in; can be repeated [default: the repository around the current directory]
    #[arg(long = "in", value_name = "DIR")]
    pub trees: Vec<PathBuf>,

    /// Tokens in the shortest span to cite, at least 8
    #[arg(long, default_value_t = prentice_index::cite::SHORTEST, value_name = "N")]
    pub least: usize,

    /// What may be copied
    #[arg(long, value_enum, default_value_t = CitePolicy::Any)]
    pub policy: CitePolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CitePolicy {
    /// Everything
    Any,
    /// Nothing whose licence demands more than attribution
    NoCopyleft,
    /// Only what is permissively licensed, without a doubt
    Permissive,
}
