//! What was said on the command line. What it means is decided in [`crate::commands`].

mod cite;
mod learn;
mod repository;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use prentice_assist::replay::{Mode, ReplayOptions};
use prentice_corpus::Policy;
use prentice_tokens::FimOptions;

pub use cite::{Cite, CitePolicy};
pub use learn::{
    Adapters, EmptyChoice, EnvironmentChoice, FamilyChoice, LanguageChoice, LengthChoice, OverLongChoice, Prefer,
    Reading, RewardChoice, Rl, RlLength, Sft, Synthesize, Task, TaskGenerate, Tuning,
};
pub use repository::{Adapt, Beside, Lsp, Map, Search, Stats, Symbols};

/// Train, examine and use a code model on your own repositories, on this machine
#[derive(Debug, Parser)]
#[command(name = "prentice", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct Common {
    /// Write events as JSON lines to standard output; the last is the summary
    #[arg(long, global = true)]
    pub json: bool,

    /// Show warnings and results only
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Threads to use [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Quickstart(Quickstart),
    /// Build and explain corpora
    #[command(subcommand)]
    Corpus(Corpus),
    /// Learn vocabularies and encode corpora
    #[command(subcommand)]
    Tokens(Tokens),
    /// Train, inspect and run models
    #[command(subcommand)]
    Model(Model),
    /// Make tasks to learn from
    #[command(subcommand)]
    Task(Task),
    Eval(Box<Eval>),
    Run(Run),
    Complete(Complete),
    Search(Search),
    Symbols(Symbols),
    Map(Map),
    Cite(Cite),
    Adapt(Adapt),
    Lsp(Lsp),
    Stats(Stats),
    /// Run programs under limits, and say what isolation this machine has
    #[command(subcommand)]
    Sandbox(Sandbox),
}

/// Run a recipe: stages that make tasks, train models and examine them
///
/// What was made from the same inputs and options is used again, and what was stopped goes on where it was. The recipe
/// says what is done; recipes/docfn.toml is an example that explains itself.
///
/// Example: prentice run recipes/docfn.toml
#[derive(Debug, Args)]
pub struct Run {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub recipe: PathBuf,

    /// Where results go
    #[arg(long, default_value = ".prentice", value_name = "DIR")]
    pub out: PathBuf,

    /// Every `minutes` of the recipe counts so many times
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", allow_negative_numbers = true)]
    pub scale: f64,

    /// Take the place of the recipe's seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Run it once with each of these seeds, and give means over them
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "seed")]
    pub seeds: Vec<u64>,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}

#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Say which isolation works here, which languages can be executed, and what is missing
    Doctor,
    Run(SandboxRun),
    Serve(SandboxServe),
}

/// Serve rewards and program runs over HTTP, in the protocols of existing trainers
///
/// SandboxFusion's /run_code, OpenRLHF's /get_reward, slime's /remote_rm, and a file for verl; /health and /metrics.
///
/// Example: prentice sandbox serve --address 127.0.0.1:8080 --write-compute-score compute_score.py
#[derive(Debug, Args)]
pub struct SandboxServe {
    /// Where to listen; anything but this machine itself needs a token
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub address: String,

    /// A file with the token that clients must present
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Also write a verl `compute_score` that asks this service
    #[arg(long, value_name = "FILE")]
    pub write_compute_score: Option<PathBuf>,

    /// A suite whose tasks requests may name by id; can be repeated
    #[arg(long = "suite", value_name = "NAME")]
    pub suites: Vec<String>,

    /// Where data sets are, besides $PRENTICE_EVALDATA and the user's cache
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Requests that may wait; more are told to come back
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub queue: usize,

    /// Largest request, in MiB
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub body_mib: usize,

    /// Longest time for a request; slime gives up after 120 seconds
    #[arg(long, default_value_t = 110, value_name = "N")]
    pub request_seconds: u64,

    /// After Ctrl-C, time for what was begun
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub grace_seconds: u64,

    #[command(flatten)]
    pub isolation: Isolation,
}

/// Run a command without network, with private files and stated limits
///
/// Prints what the command printed. Fails if the command fails or goes beyond a limit.
///
/// Example: prentice sandbox run --cpu-seconds 5 -- python3 -c "print(1)"
#[derive(Debug, Args)]
pub struct SandboxRun {
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Pass standard input on
    #[arg(long)]
    pub stdin: bool,

    /// A file or directory that the command may read, besides the system's; can be repeated
    #[arg(long = "read", value_name = "PATH")]
    pub readable: Vec<PathBuf>,

    /// CPU time of all its processes
    #[arg(long, default_value_t = 10.0, value_name = "N", allow_negative_numbers = true)]
    pub cpu_seconds: f64,

    /// Elapsed time
    #[arg(long, default_value_t = 60.0, value_name = "N", allow_negative_numbers = true)]
    pub wall_seconds: f64,

    /// Memory, in MiB
    #[arg(long, default_value_t = 2048, value_name = "N")]
    pub memory_mib: u64,

    /// Processes and threads
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub processes: u32,

    /// Output, in MiB
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub output_mib: u64,

    /// Private files, in MiB
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub disk_mib: u64,

    #[command(flatten)]
    pub isolation: Isolation,
}

/// Curate a tree, train a small model on it, examine it, learn from verdicts and write a report
///
/// Works offline. With four minutes or more, three quarters of them are for a model of its own, small enough to learn from
/// whether its code works (recipes/docfn.toml). A second run reuses every stage whose inputs and options are the same; a killed run continues.
///
/// Example: prentice quickstart ~/src/project --minutes 10
#[derive(Debug, Args)]
pub struct Quickstart {
    /// A directory, git work tree or unpacked source package
    #[arg(default_value = ".")]
    pub path: PathBuf,

    /// Time for the whole run
    #[arg(long, default_value_t = 10.0, value_name = "N", allow_negative_numbers = true)]
    pub minutes: f64,

    /// Where results and reusable stages go
    #[arg(long, default_value = ".prentice", value_name = "DIR")]
    pub out: PathBuf,

    #[command(flatten)]
    pub curation: Curation,

    /// The dial: layers of the model, from which its other sizes follow [default: by corpus, cores and time]
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,

    #[command(flatten)]
    pub arithmetic: Arithmetic,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Curation {
    /// `own`: the code is yours, no licence is asked for; `permissive`: only files with permissive licence evidence
    #[arg(long, default_value_t = Policy::Own)]
    pub policy: Policy,

    /// Share of the files held out for examination, chosen by content
    #[arg(long, default_value_t = 0.05, value_name = "SHARE", allow_negative_numbers = true)]
    pub held_out: f64,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct Arithmetic {
    /// Arithmetic of matrix products
    #[arg(long, value_enum, default_value_t = PrecisionChoice::Auto)]
    pub precision: PrecisionChoice,

    /// Processor instructions to use [default: the fastest this machine has]
    #[arg(long, value_enum, value_name = "NAME")]
    pub kernels: Option<KernelChoice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// bf16 where the processor computes it faster, else f32
    Auto,
    F32,
    Bf16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelChoice {
    Portable,
    Avx2,
    Avx512,
    Avx512bf16,
    Amx,
}

#[derive(Debug, Subcommand)]
pub enum Corpus {
    /// Curate a tree into a corpus
    ///
    /// Example: prentice corpus build ~/src/project --policy permissive --out corpus
    Build {
        /// A directory, git work tree or unpacked source package
        path: PathBuf,
        /// Where the corpus goes
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        curation: Curation,
    },
    /// Show what was dropped from a corpus and why
    ///
    /// Example: prentice corpus explain --reason no-licence
    Explain {
        /// The corpus [default: that of the last quickstart]
        #[arg(value_name = "DIR")]
        corpus: Option<PathBuf>,
        /// Show the files that a reason applies to
        #[arg(long, value_name = "ID")]
        reason: Option<String>,
        /// Show the files whose origin and path contain a text
        #[arg(long, value_name = "TEXT")]
        path: Option<String>,
        /// Show at most this many files
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WordsChoice {
    /// Words, and punctuation in runs: fewest tokens
    Text,
    /// Words and operators as the copying model has them, for completion
    Code,
}

#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Learn a byte-level BPE vocabulary from a corpus
    ///
    /// Example: prentice tokens train --corpus corpus --out vocabulary --size 8192
    Train {
        /// The corpus
        #[arg(long, value_name = "DIR")]
        corpus: PathBuf,
        /// Tokens in the vocabulary
        #[arg(long, default_value_t = 4096, value_name = "N")]
        size: usize,
        /// What no token reaches over
        #[arg(long, value_enum, default_value_t = WordsChoice::Text)]
        words: WordsChoice,
        /// Where tokenizer.json goes
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    Encode(Encode),
}

/// Encode a corpus into token shards, with fill-in-the-middle
///
/// Example: prentice tokens encode --corpus corpus --vocabulary vocabulary --out tokens
#[derive(Debug, Args)]
pub struct Encode {
    /// The corpus
    #[arg(long, value_name = "DIR")]
    pub corpus: PathBuf,

    /// A tokenizer.json, or a directory with one
    #[arg(long, value_name = "PATH")]
    pub vocabulary: PathBuf,

    /// Tokens in a row
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub context: u32,

    /// Passes over the corpus, each with other holes
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub passes: u32,

    /// Share of the pieces that are rearranged for fill-in-the-middle
    #[arg(long, default_value_t = FimOptions::default().rate, value_name = "SHARE", allow_negative_numbers = true)]
    pub fim_rate: f64,

    /// Share of the rearranged pieces with the suffix first
    #[arg(long, default_value_t = FimOptions::default().spm_rate, value_name = "SHARE", allow_negative_numbers = true)]
    pub spm_rate: f64,

    /// Where train.tokens, held-out.tokens and tokenizer.json go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Seed of holes and order
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Debug, Subcommand)]
pub enum Model {
    Train(Box<ModelTrain>),
    Sft(Box<Sft>),
    Prefer(Box<Prefer>),
    Rl(Box<Rl>),
    Synthesize(Synthesize),
    Generate(Generate),
    /// Show sizes, vocabulary and origin of a model
    Info {
        /// The model [default: that of the last quickstart]
        #[arg(value_name = "DIR")]
        model: Option<PathBuf>,
    },
}

/// Pre-train a model on token shards; a killed run continues
///
/// Example: prentice model train --shards tokens --out run --minutes 30
#[derive(Debug, Args)]
pub struct ModelTrain {
    /// A directory with train.tokens, held-out.tokens and tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub shards: PathBuf,

    /// Where checkpoints and the model go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    #[command(flatten)]
    pub budget: BudgetChoice,

    /// The dial: layers of the model [default: by corpus, cores and time]
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,

    /// Rows of the shard in a step [default: by the dial]
    #[arg(long, value_name = "N")]
    pub batch_rows: Option<usize>,

    /// Peak learning rate [default: by the dial]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,

    /// Steps of linear warm-up
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub warmup: u64,

    /// Shape of the learning rate
    #[arg(long, value_enum, default_value_t = ScheduleChoice::Wsd)]
    pub schedule: ScheduleChoice,

    /// Steps between checkpoints; 0 for one a minute
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub checkpoint_every: u64,

    /// Steps between held-out measurements; 0 for about ten
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub evaluate_every: u64,

    #[command(flatten)]
    pub arithmetic: Arithmetic,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct BudgetChoice {
    /// Train for about this long
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub minutes: Option<f64>,

    /// Train on at least this many tokens
    #[arg(long, value_name = "N")]
    pub tokens: Option<u64>,

    /// Train for this many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScheduleChoice {
    /// Warm-up, stable, decay
    Wsd,
    /// Half a cosine
    Cosine,
}

/// Continue a text
///
/// Example: prentice model generate --prompt "def main("
#[derive(Debug, Args)]
pub struct Generate {
    /// What to continue; `-` reads standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub prompt: String,

    /// The model [default: that of the last quickstart]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Most tokens to write
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub max_tokens: usize,

    /// 0 always takes the most probable token
    #[arg(long, default_value_t = 0.8, value_name = "T", allow_negative_numbers = true)]
    pub temperature: f32,

    /// Only the most probable tokens that together have this probability
    #[arg(long, default_value_t = 0.95, value_name = "P", allow_negative_numbers = true)]
    pub top_p: f32,

    /// Only this many of the most probable tokens; 0 for all
    #[arg(long, default_value_t = 0)]
    pub top_k: usize,

    /// Seed of the choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}

/// Examine a model on held-out files
///
/// Bits per byte, next-token top-1, single-line infilling; beside a unigram model and copying the nearest earlier line.
///
/// Example: prentice eval held-out --model run/model --corpus corpus --out eval.json
#[derive(Debug, Args)]
pub struct HeldOut {
    /// The model [default: that of the last quickstart]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// A corpus with held-out files [default: that of the last quickstart]
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,

    /// Held-out text to examine, in bytes
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    pub bytes: u64,

    /// Lines to fill in
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub holes: usize,

    /// Also write every figure and every line as JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Seed of the choice of files and lines
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}

/// Examine completion on a repository's own history
///
/// The index is built at a commit; then lines that the commits after it added are predicted, each from the text above it, and
/// learnt. Beside it: copying the nearest line, and the most frequent identifier.
///
/// Example: prentice eval replay ~/src/project --commits 100 --mode mid-line
#[derive(Debug, Args)]
pub struct Replay {
    /// A git repository; a bare one will do
    #[arg(default_value = ".", value_name = "REPO")]
    pub repository: PathBuf,

    /// Commits to replay, along first parents
    #[arg(long, default_value_t = ReplayOptions::default().commits, value_name = "N")]
    pub commits: usize,

    /// What to ask for; may be repeated [default: all]
    #[arg(long = "mode", value_enum, value_name = "MODE", value_delimiter = ',')]
    pub modes: Vec<ModeChoice>,

    /// The last commit to replay
    #[arg(long, default_value = "HEAD", value_name = "REV")]
    pub end: String,

    /// Most lines to ask for in a commit
    #[arg(long, default_value_t = ReplayOptions::default().lines_per_commit, value_name = "N")]
    pub lines_per_commit: usize,

    /// A model that is asked along with the copying model
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Also write every prediction and what was written, a JSON line each
    #[arg(long, value_name = "FILE")]
    pub records: Option<PathBuf>,

    /// Seed of the choice of lines, cuts and holes
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeChoice {
    /// A whole line
    NextLine,
    /// The rest of a line
    MidLine,
    /// A hole in a line
    Fim,
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::NextLine => Mode::NextLine,
            ModeChoice::MidLine => Mode::MidLine,
            ModeChoice::Fim => Mode::Fim,
        }
    }
}

/// Examine a model or samples: suites by execution, held-out files, comparisons
///
/// Examples: prentice eval humaneval --samples samples.jsonl; prentice eval humaneval --canonical; prentice eval held-out
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Eval {
    #[command(subcommand)]
    pub command: Option<EvalCommand>,

    #[command(flatten)]
    pub suite: EvalSuite,
}

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    HeldOut(HeldOut),
    Replay(Replay),
    Fetch(Fetch),
    Compare(Compare),
    /// List the suites, and whether their data is here
    Suites {
        /// Where data sets are, besides $PRENTICE_EVALDATA and the user's cache
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct EvalSuite {
    /// Name of the suite, such as `humaneval`; `prentice eval suites` lists them
    #[arg(value_name = "SUITE")]
    pub name: Option<String>,

    #[command(flatten)]
    pub source: SampleSource,

    /// Where data sets are, besides $PRENTICE_EVALDATA and the user's cache
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Only tasks in these programming languages
    #[arg(long = "language", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,

    /// pass@k and pass^k for these k, besides 1
    #[arg(long = "k", value_name = "K", value_delimiter = ',')]
    pub ks: Vec<u32>,

    /// Score tasks without samples as not attempted instead of refusing the file
    #[arg(long)]
    pub allow_missing: bool,

    /// Also score apart the tasks that a corpus contains
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,

    /// Where results.jsonl, summary.json and report.html go [default: .prentice/eval/SUITE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Execute everything anew, whatever earlier runs found out
    #[arg(long)]
    pub rerun: bool,

    #[command(flatten)]
    pub isolation: Isolation,

    /// Seed of resampling, and of what --model writes
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    /// With --model: samples for each task
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub samples_per_task: u32,

    /// With --model: most tokens of a sample
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub max_tokens: usize,

    /// With --model: 0 always takes the most probable token
    #[arg(long, default_value_t = 0.0, value_name = "T", allow_negative_numbers = true)]
    pub temperature: f32,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct SampleSource {
    /// Samples in upstream's format: a JSON line each, with `task_id` and `completion` (or `solution`)
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,

    /// The published solutions: a check of suite, sandbox and toolchains
    #[arg(long)]
    pub canonical: bool,

    /// What a model writes
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct Isolation {
    /// Isolation to use [default: the best that this machine has]
    #[arg(long, value_enum, value_name = "TIER", ignore_case = true)]
    pub tier: Option<TierChoice>,

    /// Run without isolation where this machine has none: programs can do whatever you can
    #[arg(long, conflicts_with = "tier")]
    pub r#unsafe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TierChoice {
    /// Namespaces, Landlock and seccomp
    A,
    /// Landlock and seccomp
    B,
}

/// Download a suite's data from where it is published, and check it
///
/// Example: prentice eval fetch humaneval
#[derive(Debug, Args)]
pub struct Fetch {
    /// Name of a suite or data set
    pub name: String,

    /// Where it goes [default: the user's cache]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// An address that stands in for the public host
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
}

/// Compare results on the same suite: is the difference real?
///
/// Exact McNemar where each task has one sample, else a paired permutation test; Holm's correction over several.
///
/// Example: prentice eval compare .prentice/eval/base .prentice/eval/tuned
#[derive(Debug, Args)]
pub struct Compare {
    /// The result directory that the others are compared with
    #[arg(value_name = "A")]
    pub base: PathBuf,

    /// Result directories
    #[arg(value_name = "B", required = true)]
    pub others: Vec<PathBuf>,

    /// Seed of resampling
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// Complete the line at a place in a file
///
/// Prints what the model would insert; with --copying, what the repository says elsewhere, and where.
///
/// Examples: prentice complete src/main.rs:12:9; prentice complete src/main.rs:12 --copying
#[derive(Debug, Args)]
pub struct Complete {
    /// FILE:LINE or FILE:LINE:COLUMN, counted from 1 in lines and characters; without a column, the end of the line
    #[arg(value_name = "PLACE")]
    pub place: String,

    /// The model [default: that of the last quickstart; with --copying, that of `prentice adapt`, where there is one]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Copy from the repository around the file, citing it; no model is needed
    #[arg(long)]
    pub copying: bool,

    #[command(flatten)]
    pub arithmetic: Arithmetic,
}
