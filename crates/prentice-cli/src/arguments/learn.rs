//! What was said to commands that learn from examples, from judgements and from execution, and that make what to learn.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{Arithmetic, Isolation};

/// Fine-tune a model on examples: full, or low-rank adapters; a killed run continues
///
/// Each line of a file is an object with `prompt` and `response` (or `completion`), or with `messages`. Only responses
/// are learnt. OUT/model is the result; adapters alone go to OUT/adapter, in the layout of PEFT, unless --merge is given.
///
/// Example: prentice model sft --model run/model --examples examples.jsonl --epochs 3 --out tuned
#[derive(Debug, Args)]
pub struct Sft {
    /// The model to begin with
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// Files of examples, a JSON line each
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub examples: Vec<PathBuf>,

    /// Where checkpoints and the result go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    #[command(flatten)]
    pub length: LengthChoice,

    #[command(flatten)]
    pub tuning: Tuning,

    #[command(flatten)]
    pub reading: Reading,

    #[command(flatten)]
    pub adapters: Adapters,
}

/// Train a model on judgements: which of two responses is better, or which are good; a killed run continues
///
/// For dpo, ipo, orpo and simpo each line has `prompt`, `chosen` and `rejected`; for kto `prompt`, `response` (or
/// `completion`) and `label`, which is true or false.
///
/// Example: prentice model prefer --model tuned/model --pairs pairs.jsonl --objective dpo --out preferred
#[derive(Debug, Args)]
pub struct Prefer {
    /// The model to begin with, which is also the reference
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// Files of judgements, a JSON line each
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub pairs: Vec<PathBuf>,

    /// dpo, ipo, kto, orpo or simpo
    #[arg(long, default_value = "dpo", value_name = "NAME")]
    pub objective: String,

    /// Where checkpoints and the result go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    #[command(flatten)]
    pub length: LengthChoice,

    #[command(flatten)]
    pub tuning: Tuning,

    #[command(flatten)]
    pub reading: Reading,

    #[command(flatten)]
    pub adapters: Adapters,
}

#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
pub struct LengthChoice {
    /// Go over all examples so many times [default: 3]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,

    /// Train for this many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,

    /// Train for about this long
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub minutes: Option<f64>,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct Tuning {
    /// Peak learning rate [default: by the width of the model]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,

    /// Most tokens in a step, prompts included
    #[arg(long, default_value_t = 4096, value_name = "N")]
    pub tokens_a_batch: usize,

    /// Steps of linear warm-up; at most a fifth of the run
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub warmup: u64,

    /// Steps between checkpoints; 0 for one a minute
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub checkpoint_every: u64,

    #[command(flatten)]
    pub arithmetic: Arithmetic,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Clone, Debug, Args)]
pub struct Reading {
    /// How conversations are spelt, such as `chatml` [default: by the special tokens of the vocabulary, else `plain`]
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,

    /// What becomes of examples that are longer than the model's context
    #[arg(long, value_enum, default_value_t = OverLongChoice::Drop, value_name = "POLICY")]
    pub over_long: OverLongChoice,

    /// What becomes of examples with an empty response
    #[arg(long, value_enum, default_value_t = EmptyChoice::Skip, value_name = "POLICY")]
    pub empty: EmptyChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverLongChoice {
    /// They are left out, and counted
    Drop,
    /// They lose their end, and are counted
    Truncate,
    /// The first one is an error
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmptyChoice {
    /// They are left out, and counted
    Skip,
    /// The first one is an error
    Fail,
}

#[derive(Clone, Debug, Args)]
pub struct Adapters {
    /// Train low-rank adapters (LoRA) of this rank instead of all parameters
    #[arg(long, value_name = "N")]
    pub lora_rank: Option<usize>,

    /// What adapters compute is scaled by this over the rank [default: twice the rank]
    #[arg(long, value_name = "A", requires = "lora_rank", allow_negative_numbers = true)]
    pub lora_alpha: Option<f64>,

    /// Projections with adapters, such as `q_proj,v_proj` [default: all-linear]
    #[arg(long, value_name = "NAMES", requires = "lora_rank", value_delimiter = ',')]
    pub lora_targets: Vec<String>,

    /// Merge the adapters into the model, as other commands want it
    #[arg(long, requires = "lora_rank")]
    pub merge: bool,
}

/// Train a model by rewards for what it writes; a killed run continues
///
/// Rewards come from the hidden tests of tasks, as `prentice task generate` writes them, in the sandbox; or from a command
/// of yours (--reward-command), which is trusted and runs without walls. For each attempt it gets a line
/// {"task", "prompt", "completion"} on standard input and prints a number, or {"reward": 0.5, "solved": false}. One that
/// fails, prints something else or takes too long scores nothing: the run stops, and continues with the same command.
///
/// Example: prentice model rl --model tuned/model --tasks tasks/train.jsonl --algorithm dr-grpo --steps 100 --out rl
#[derive(Debug, Args)]
pub struct Rl {
    /// The model to begin with, which is also the reference where the algorithm has one
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// Tasks, a JSON line each; with --reward-command also lines with `prompt` and, if you like, `id`
    #[arg(long, value_name = "FILE")]
    pub tasks: PathBuf,

    /// Where checkpoints and the result go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// grpo, dr-grpo, dapo, rloo, reinforce++, reinforce++-baseline, gspo, cispo or ppo
    #[arg(long, default_value = "dr-grpo", value_name = "NAME")]
    pub algorithm: String,

    #[command(flatten)]
    pub length: RlLength,

    /// Tasks in a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub groups: usize,

    /// Attempts at each
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub group_size: usize,

    /// Most tokens of a turn
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub turn_tokens: usize,

    /// Peak learning rate [default: by the width of the model]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,

    /// Steps of linear warm-up
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub warmup: u64,

    /// Share of the run, at its end, over which the learning rate falls
    #[arg(long, default_value_t = 1.0, value_name = "SHARE", allow_negative_numbers = true)]
    pub decay_share: f64,

    /// In what the model acts
    #[arg(long, value_enum, default_value_t = EnvironmentChoice::Once, value_name = "NAME")]
    pub environment: EnvironmentChoice,

    /// What is rewarded
    #[arg(long, value_enum, default_value_t = RewardChoice::Verified, value_name = "NAME")]
    pub reward: RewardChoice,

    /// A command for `sh` that judges attempts instead of tests
    #[arg(long, value_name = "CMD")]
    pub reward_command: Option<String>,

    /// Longest time for the command to judge an attempt
    #[arg(long, default_value_t = 60.0, value_name = "N", requires = "reward_command", allow_negative_numbers = true)]
    pub reward_seconds: f64,

    /// Draw tasks evenly, whether or not they are solved sometimes
    #[arg(long)]
    pub no_curriculum: bool,

    /// Weight of the divergence from the reference; 0 does without [default: by the algorithm]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub kl: Option<f64>,

    /// How often the attempts of a step are gone over
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub epochs: usize,

    /// Updates in which they are gone over
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub mini_batches: usize,

    /// Tokens that are differentiated at a time: less memory, the same result
    #[arg(long, default_value_t = 8192, value_name = "N")]
    pub tokens_a_batch: usize,

    /// Steps between checkpoints; 0 for one a minute
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub checkpoint_every: u64,

    #[command(flatten)]
    pub isolation: Isolation,

    #[command(flatten)]
    pub arithmetic: Arithmetic,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RlLength {
    /// Train for this many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,

    /// Train for about this long
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub minutes: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvironmentChoice {
    /// One turn: the completion decides
    Once,
    /// Two turns: what fails a visible test is answered by what the test saw, and tried again
    Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RewardChoice {
    /// What the tests or the command say
    Verified,
    /// The toss of a coin: a control, which must not help
    Random,
}

/// Sample a model's solutions of tasks, execute them, and write what they teach
///
/// Each line has `prompt`, `response` and `label`, which says whether it passes: what `prentice model prefer --objective
/// kto` reads. --keep-if-passes leaves only what passes, for `prentice model sft`; --pairs puts what passes beside what
/// does not, for `prentice model prefer`. Equal responses are written once, cut off ones never.
///
/// Example: prentice model synthesize --model tuned/model --tasks tasks/train.jsonl --keep-if-passes --out kept.jsonl
#[derive(Debug, Args)]
pub struct Synthesize {
    /// The model
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// Tasks, a JSON line each, as `prentice task generate` writes them
    #[arg(long, value_name = "FILE")]
    pub tasks: PathBuf,

    /// Samples of each task
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub samples: usize,

    /// 0 always takes the most probable token
    #[arg(long, default_value_t = 1.0, value_name = "T", allow_negative_numbers = true)]
    pub temperature: f32,

    /// Most tokens of a response
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub turn_tokens: usize,

    /// Where the lines go
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Write what passes only
    #[arg(long, conflicts_with = "pairs")]
    pub keep_if_passes: bool,

    /// Write pairs of what passes and what does not
    #[arg(long)]
    pub pairs: bool,

    #[command(flatten)]
    pub isolation: Isolation,

    #[command(flatten)]
    pub arithmetic: Arithmetic,

    /// Seed of the samples
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    Generate(TaskGenerate),
}

/// Make small programming tasks with hidden tests, to learn from and to be examined on
///
/// Programs are composed of up to three stages; what is examined is composed of none that is trained on. OUT gets
/// train.jsonl and test.jsonl; with --mismatch also labels.jsonl, the training prompts with responses.
///
/// Example: prentice task generate docfn --train 2000 --test 400 --mismatch 0 --out tasks
#[derive(Debug, Args)]
pub struct TaskGenerate {
    /// What a task shows
    #[arg(value_enum)]
    pub family: FamilyChoice,

    /// Tasks to learn from
    #[arg(long, value_name = "N")]
    pub train: usize,

    /// Tasks to be examined on
    #[arg(long, value_name = "N")]
    pub test: usize,

    /// Language of the programs
    #[arg(long, value_enum, default_value_t = LanguageChoice::Python, value_name = "NAME")]
    pub language: LanguageChoice,

    /// Least and most stages of a program, within 1 to 3
    #[arg(long, default_value = "1-3", value_name = "A-B", value_parser = depths)]
    pub depths: RangeInclusive<usize>,

    /// Also write labels; words that are easily misread are misread with this probability, the same way each time
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub mismatch: Option<f64>,

    /// Where the files go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyChoice {
    /// A signature, a description and two examples
    Docfn,
    /// A signature and four examples
    Iofn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LanguageChoice {
    Python,
    Javascript,
    Rust,
}

fn depths(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    match (least.trim().parse(), most.trim().parse()) {
        (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= 3 => Ok(least..=most),
        _ => Err("write one depth or two, within 1 to 3, such as 1-2".to_owned()),
    }
}
