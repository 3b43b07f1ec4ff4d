//! What was said to the commands over the index of a repository.

use std::path::PathBuf;

use clap::Args;

use super::Arithmetic;

/// Find text in the repository
///
/// Plain words are ranked; "quoted" text and /regular expressions/ are found exactly; path:, lang: and sym: narrow it
/// down.
///
/// Examples: prentice search parse config path:src; prentice search '"todo!"'; prentice search '/fn \w+_test/'
#[derive(Debug, Args)]
pub struct Search {
    /// What to find
    #[arg(value_name = "QUERY", required = true, num_args = 1.., allow_hyphen_values = false)]
    pub words: Vec<String>,

    /// Hits at most
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub limit: usize,

    /// The repository [default: the one around the current directory]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
}

/// Find definitions by name, or what mentions a name
///
/// Names need not be whole: `pcfg` finds `parse_config`, `Parser::new` looks in `Parser` only.
///
/// Examples: prentice symbols Parser; prentice symbols parse_config --references
#[derive(Debug, Args)]
pub struct Symbols {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Show mentions of exactly this name instead
    #[arg(long)]
    pub references: bool,

    /// Results at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,

    /// The repository [default: the one around the current directory]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
}

/// Show the definitions that matter most, as many as fit
///
/// What is mentioned by much that is mentioned itself comes first (PageRank over files, as aider's map); what stands in
/// the files of --focus, or is named by --words, counts more.
///
/// Example: prentice map --tokens 2000 --focus src/main.rs
#[derive(Debug, Args)]
pub struct Map {
    /// Tokens at most, at four bytes each
    #[arg(long, default_value_t = 1024, value_name = "N")]
    pub tokens: usize,

    /// A file at hand: what it mentions matters; can be repeated
    #[arg(long, value_name = "FILE")]
    pub focus: Vec<String>,

    /// Words of the question, separated by commas
    #[arg(long, value_name = "WORD,...", value_delimiter = ',')]
    pub words: Vec<String>,

    /// The repository [default: the one around the current directory]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
}

/// Serve an editor: completion with citations, definitions, references, symbols
///
/// Speaks the language server protocol over standard input and output. The directory editors/ of Prentice's source has
/// the configuration for Neovim, Helix and VS Code.
///
/// Example: prentice lsp
#[derive(Debug, Args)]
pub struct Lsp {
    /// The repository, where the editor names none [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,

    /// Least probability of being right at which a completion is offered
    #[arg(long, default_value_t = 0.3, value_name = "P")]
    pub threshold: f32,

    #[command(flatten)]
    pub beside: Beside,

    /// Note nothing of what becomes of completions
    #[arg(long)]
    pub no_statistics: bool,
}

/// What is asked beside copying.
#[derive(Debug, Args)]
pub struct Beside {
    /// A model of `prentice adapt` to ask, too [default: .prentice/model of the repository, where there is one]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Ask no model
    #[arg(long, conflicts_with = "model")]
    pub no_model: bool,

    /// An OpenAI-compatible endpoint to ask where copying is not sure, such as http://localhost:8000/v1; its key is read
    /// from PRENTICE_ENDPOINT_KEY
    #[arg(long, value_name = "URL", conflicts_with = "model")]
    pub endpoint: Option<String>,

    /// The model's name there
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    pub endpoint_model: Option<String>,
}

/// Say how many completions were shown, accepted and kept
///
/// The notes never leave this machine, and hold no code. They lie in .prentice/completions.jsonl of the repository.
///
/// Example: prentice stats
#[derive(Debug, Args)]
pub struct Stats {
    /// The repository [default: the one around the current directory]
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
}

/// Train a small model on the repository, to be asked along with what is copied
///
/// Goes on from a model that was trained on a vocabulary of `prentice tokens train --words code`, or begins a new one. A
/// twentieth of the files is held out, to say what was gained; what was forgotten of other code is measured on the
/// held-out shard of --general. A run that was killed goes on where it was.
///
/// Example: prentice adapt --minutes 5 --from base/model --general base/tokens
#[derive(Debug, Args)]
pub struct Adapt {
    /// The repository [default: the one around the current directory]
    #[arg(value_name = "REPO")]
    pub repository: Option<PathBuf>,

    /// Train for about this long
    #[arg(long, value_name = "N")]
    pub minutes: f64,

    /// The model to go on from [default: a new one]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,

    /// Token shards of other code, with the tokens of the model to go on from
    #[arg(long, value_name = "DIR", requires = "from")]
    pub general: Option<PathBuf>,

    /// Where the model goes [default: .prentice/model of the repository, where `prentice lsp` looks for it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}
