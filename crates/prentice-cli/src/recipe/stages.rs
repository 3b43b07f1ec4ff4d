//! The kinds of stages, with their options. Lengths of training are `steps`, or `minutes`; where examples are gone over,
//! also `epochs`.

use prentice_environment::families::{Family, grammar::Kind, render::Language};
use prentice_train::{objective::algorithm, rl::tools};
use serde::{Deserialize, Serialize};

/// A stage of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Makes tasks of a family.
    Generate(Generate),
    /// Makes prompts with responses out of tasks.
    Label(Label),
    /// Makes conversations in which a wrong program is repaired.
    Demonstrate(Demonstrate),
    /// Learns a vocabulary and a model from the texts of examples.
    Pretrain(Pretrain),
    /// Supervised fine-tuning.
    Sft(Sft),
    /// Samples, executes and keeps what passes.
    Synthesize(Synthesize),
    /// Samples, executes and makes pairs of what passes and what does not.
    Pair(Synthesize),
    /// Preference learning.
    Prefer(Prefer),
    /// Reinforcement learning.
    Rl(Box<Rl>),
    /// Measures models on tasks.
    Measure(Measure),
}

impl Stage {
    /// Its kind, as recipes call it.
    pub fn does(&self) -> &'static str {
        match self {
            Stage::Generate(_) => "generate",
            Stage::Label(_) => "label",
            Stage::Demonstrate(_) => "demonstrate",
            Stage::Pretrain(_) => "pretrain",
            Stage::Sft(_) => "sft",
            Stage::Synthesize(_) => "synthesize",
            Stage::Pair(_) => "pair",
            Stage::Prefer(_) => "prefer",
            Stage::Rl(_) => "rl",
            Stage::Measure(_) => "measure",
        }
    }

    /// The stages that it uses, and what each of them has to give.
    pub fn uses(&self) -> Vec<(&String, &'static [Product])> {
        use Product::{Examples, Model, Pairs, Tasks};
        let mut uses: Vec<(&String, &'static [Product])> = Vec::new();
        match self {
            Stage::Generate(_) => {}
            Stage::Label(options) => uses.push((&options.tasks, &[Tasks])),
            Stage::Demonstrate(options) => uses.push((&options.tasks, &[Tasks])),
            Stage::Pretrain(options) => uses.extend(options.texts.iter().map(|name| (name, &[Examples][..]))),
            Stage::Sft(options) => {
                uses.push((&options.model, &[Model]));
                uses.extend(options.examples.iter().map(|name| (name, &[Examples][..])));
                uses.extend(options.as_long_as.iter().map(|name| (name, &[Model][..])));
                uses.extend(options.less.iter().map(|name| (name, &[Examples, Model][..])));
            }
            Stage::Synthesize(options) | Stage::Pair(options) => {
                uses.extend([(&options.model, &[Model][..]), (&options.tasks, &[Tasks])]);
            }
            Stage::Prefer(options) => uses.extend([(&options.model, &[Model][..]), (&options.pairs, &[Pairs])]),
            Stage::Rl(options) => {
                uses.push((&options.model, &[Model]));
                uses.extend(options.tasks.iter().map(|name| (name, &[Tasks][..])));
            }
            Stage::Measure(options) => {
                uses.extend([(&options.model, &[Model, Examples][..]), (&options.tasks, &[Tasks])]);
            }
        }
        uses
    }

    /// In what a policy acts in it.
    pub fn environment(&self) -> EnvironmentName {
        match self {
            Stage::Demonstrate(options) => options.environment,
            Stage::Rl(options) => options.environment,
            Stage::Measure(options) => options.environment,
            _ => EnvironmentName::Once,
        }
    }

    /// What others can use of it.
    pub fn gives(&self) -> Product {
        match self {
            Stage::Generate(_) => Product::Tasks,
            Stage::Label(_) | Stage::Demonstrate(_) | Stage::Synthesize(_) => Product::Examples,
            Stage::Pair(_) => Product::Pairs,
            Stage::Pretrain(_) | Stage::Sft(_) | Stage::Prefer(_) | Stage::Rl(_) => Product::Model,
            Stage::Measure(_) => Product::Figures,
        }
    }
}

impl Stage {
    /// An option that cannot be meant, and what would be; found before anything runs.
    pub fn problem(&self) -> Option<(String, &'static str)> {
        let share = |key: &str, value: f64| {
            (!(0.0..=1.0).contains(&value)).then(|| (format!("{key} = {value}"), "a share is from 0 to 1"))
        };
        let positive = |key: &str, value: f64| {
            (!(value.is_finite() && value > 0.0)).then(|| (format!("{key} = {value}"), "give a number above 0"))
        };
        let count = |key: &str, value: usize| positive(key, value as f64);
        let depths = |[least, most]: [usize; 2]| {
            let is_wrong = least == 0 || least > most || most > 3;
            is_wrong.then(|| (format!("depths = [{least}, {most}]"), "depths are [least, most], within 1 to 3"))
        };
        let length = |steps: Option<u64>, minutes: Option<f64>, epochs: Option<u64>, other: bool| {
            let given = [steps.is_some(), minutes.is_some(), epochs.is_some(), other];
            match given.iter().filter(|is_given| **is_given).count() {
                1 => (steps == Some(0) || epochs == Some(0))
                    .then(|| ("it trains for nothing".to_owned(), "give a number above 0"))
                    .or_else(|| minutes.and_then(|minutes| positive("minutes", minutes))),
                0 => Some((
                    "it does not say how long".to_owned(),
                    "give `steps`, `minutes` or another length that this kind of stage knows",
                )),
                _ => Some(("it says how long in two ways".to_owned(), "give one length only")),
            }
        };
        let shares = |shares: [f64; 3]| shares.into_iter().find_map(|one| share("shares", one));
        let sampling = |samples: usize, temperature: f32, turn_tokens: usize| {
            let is_wrong = !(temperature.is_finite() && temperature >= 0.0);
            count("samples", samples).or_else(|| count("turn_tokens", turn_tokens)).or_else(|| {
                is_wrong.then(|| (format!("temperature = {temperature}"), "0 is greedy, 1 is the model's own"))
            })
        };
        let one_of = |key: &str, value: &str, known: &[&str]| {
            let what = || (format!("{key} = {value:?} is none of {}", known.join(", ")), "give one of these");
            (!known.contains(&value)).then(what)
        };
        match self {
            Stage::Generate(options) => depths(options.depths).or_else(|| {
                options.domains.is_empty().then(|| ("domains is empty".to_owned(), "leave it out for all of them"))
            }),
            Stage::Label(options) => share("mismatch", options.mismatch).or_else(|| shares(options.shares)),
            Stage::Demonstrate(options) => shares(options.shares).or_else(|| {
                (options.environment == EnvironmentName::Once).then(|| {
                    ("environment = \"once\" has nothing to repair".to_owned(), "give \"repair\" or \"tools\"")
                })
            }),
            Stage::Pretrain(options) => length(options.steps, options.minutes, None, false)
                .or_else(|| positive("learning_rate", options.learning_rate))
                .or_else(|| {
                    let is_wrong = options.hidden == 0 || !options.hidden.is_multiple_of(64);
                    is_wrong.then(|| (format!("hidden = {}", options.hidden), "give a multiple of 64"))
                })
                .or_else(|| {
                    let is_wrong = !(1..=32).contains(&options.layers);
                    is_wrong.then(|| (format!("layers = {}", options.layers), "give a number from 1 to 32"))
                }),
            Stage::Sft(options) => (options.less.is_some() && options.as_long_as.is_none())
                .then(|| ("less has nothing to take from".to_owned(), "give `as_long_as`, too"))
                .or_else(|| length(options.steps, options.minutes, options.epochs, options.as_long_as.is_some()))
                .or_else(|| positive("learning_rate", options.learning_rate))
                .or_else(|| count("tokens_a_batch", options.tokens_a_batch)),
            Stage::Synthesize(options) | Stage::Pair(options) => count("count", options.count)
                .or_else(|| sampling(options.samples, options.temperature, options.turn_tokens)),
            Stage::Prefer(options) => one_of("objective", &options.objective, &OBJECTIVES)
                .or_else(|| length(options.steps, options.minutes, options.epochs, false))
                .or_else(|| positive("learning_rate", options.learning_rate))
                .or_else(|| count("tokens_a_batch", options.tokens_a_batch)),
            Stage::Rl(options) => one_of("algorithm", &options.algorithm, &algorithm::NAMES)
                .or_else(|| length(options.steps, options.minutes, None, false))
                .or_else(|| positive("learning_rate", options.learning_rate))
                .or_else(|| depths(options.depths))
                .or_else(|| share("decay_share", options.decay_share))
                .or_else(|| count("epochs", options.epochs))
                .or_else(|| count("mini_batches", options.mini_batches))
                .or_else(|| count("groups", options.groups))
                .or_else(|| count("group_size", options.group_size))
                .or_else(|| count("turn_tokens", options.turn_tokens)),
            Stage::Measure(options) => sampling(options.samples, options.temperature, options.turn_tokens),
        }
    }
}

/// What a stage leaves for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Tasks to learn from and to be examined on.
    Tasks,
    /// Prompts with responses, or conversations.
    Examples,
    /// Prompts with a better and a worse response.
    Pairs,
    /// A model.
    Model,
    /// What was measured; the report has it.
    Figures,
}

impl Product {
    /// As it is called in messages.
    pub fn in_words(self) -> &'static str {
        match self {
            Product::Tasks => "tasks",
            Product::Examples => "examples",
            Product::Pairs => "pairs",
            Product::Model => "a model",
            Product::Figures => "figures",
        }
    }
}

/// The objectives that learn from pairs.
const OBJECTIVES: [&str; 4] = ["dpo", "ipo", "orpo", "simpo"];

/// In what a policy acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentName {
    /// One turn: the program decides.
    #[default]
    Once,
    /// Two turns: a program that fails a visible test is answered by what the test saw.
    Repair,
    /// A wrong program is mended by tools: read, edit, run.
    Tools,
}

impl EnvironmentName {
    /// Most turns of an attempt.
    pub fn turns(self) -> usize {
        match self {
            EnvironmentName::Once => 1,
            EnvironmentName::Repair => 2,
            EnvironmentName::Tools => tools::TURNS,
        }
    }
}

/// Makes tasks of a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// `docfn` or `iofn`.
    pub family: Family,
    /// `python`, `javascript` or `rust`.
    #[serde(default = "python")]
    pub language: Language,
    /// Tasks to learn from.
    pub train: usize,
    /// Tasks to be examined on.
    pub test: usize,
    /// Least and most stages of a program, 1 to 3.
    #[serde(default = "all_depths")]
    pub depths: [usize; 2],
    /// What programs start from: `list`, `number`, `text`.
    #[serde(default = "all_domains")]
    pub domains: Vec<Kind>,
}

/// Makes prompts with responses out of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// A `generate` stage.
    pub tasks: String,
    /// Chance that a phrasing that is easily misread is, from 0 to 1.
    #[serde(default)]
    pub mismatch: f64,
    /// Shares of the tasks of depth 1, 2 and 3 that are labelled.
    #[serde(default = "everything")]
    pub shares: [f64; 3],
}

/// Makes conversations in which a wrong program is repaired, in a second try or by tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demonstrate {
    /// A `generate` stage.
    pub tasks: String,
    /// `repair` or `tools`.
    pub environment: EnvironmentName,
    /// Shares of the tasks of depth 1, 2 and 3 that are shown.
    #[serde(default = "everything")]
    pub shares: [f64; 3],
}

/// Learns a vocabulary and a model from the texts of examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretrain {
    /// Stages with examples, whose texts are learnt from.
    pub texts: Vec<String>,
    /// Tokens of the vocabulary.
    #[serde(default = "five_hundred_twelve")]
    pub vocabulary: usize,
    /// Blocks.
    #[serde(default = "four")]
    pub layers: usize,
    /// Features of a token; a multiple of 64.
    #[serde(default = "hundred_twenty_eight")]
    pub hidden: usize,
    /// Positions of the model.
    #[serde(default = "five_hundred_twelve")]
    pub context: usize,
    /// Steps.
    pub steps: Option<u64>,
    /// Minutes.
    pub minutes: Option<f64>,
    /// Peak learning rate.
    #[serde(default = "pretraining_rate")]
    pub learning_rate: f64,
}

/// Supervised fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sft {
    /// A stage with a model.
    pub model: String,
    /// Stages with examples.
    pub examples: Vec<String>,
    /// Steps.
    pub steps: Option<u64>,
    /// Minutes.
    pub minutes: Option<f64>,
    /// Passes over all examples.
    pub epochs: Option<u64>,
    /// As many seconds as that training stage took: for controls of equal compute.
    pub as_long_as: Option<String>,
    /// Less what that stage took, such as the sampling that made the examples.
    pub less: Option<String>,
    /// Tokens of a step.
    #[serde(default = "four_thousand")]
    pub tokens_a_batch: usize,
    /// Peak learning rate.
    #[serde(default = "fine_tuning_rate")]
    pub learning_rate: f64,
}

/// Samples, executes, and keeps what passes, or pairs it with what does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthesize {
    /// A stage with a model.
    pub model: String,
    /// A `generate` stage, of which the training tasks are taken.
    pub tasks: String,
    /// Tasks to sample for.
    pub count: usize,
    /// Samples of each.
    #[serde(default = "eight")]
    pub samples: usize,
    /// Temperature.
    #[serde(default = "one")]
    pub temperature: f32,
    /// Most tokens of a response.
    #[serde(default = "ninety_six")]
    pub turn_tokens: usize,
}

/// Preference learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefer {
    /// A stage with a model.
    pub model: String,
    /// A `pair` stage.
    pub pairs: String,
    /// `dpo`, `ipo`, `orpo` or `simpo`.
    #[serde(default = "dpo")]
    pub objective: String,
    /// Steps.
    pub steps: Option<u64>,
    /// Minutes.
    pub minutes: Option<f64>,
    /// Passes over all pairs.
    pub epochs: Option<u64>,
    /// Tokens of a step.
    #[serde(default = "four_thousand")]
    pub tokens_a_batch: usize,
    /// Peak learning rate.
    #[serde(default = "preference_rate")]
    pub learning_rate: f64,
}

/// Reinforcement learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rl {
    /// A stage with a model.
    pub model: String,
    /// `generate` stages, of which the training tasks are taken.
    pub tasks: Vec<String>,
    /// Least and most stages of a program.
    #[serde(default = "all_depths")]
    pub depths: [usize; 2],
    /// In what the policy acts.
    #[serde(default)]
    pub environment: EnvironmentName,
    /// Name of the algorithm.
    #[serde(default = "dr_grpo")]
    pub algorithm: String,
    /// Steps.
    pub steps: Option<u64>,
    /// Minutes.
    pub minutes: Option<f64>,
    /// Tasks in a step.
    #[serde(default = "thirty_two")]
    pub groups: usize,
    /// Attempts at each.
    #[serde(default = "eight")]
    pub group_size: usize,
    /// Most tokens of a turn.
    #[serde(default = "ninety_six")]
    pub turn_tokens: usize,
    /// How often the attempts of a step are gone over.
    #[serde(default = "once")]
    pub epochs: usize,
    /// In how many updates each time.
    #[serde(default = "once")]
    pub mini_batches: usize,
    /// Peak learning rate.
    #[serde(default = "policy_rate")]
    pub learning_rate: f64,
    /// Share of the run, at its end, over which the rate falls.
    #[serde(default = "all_of_it")]
    pub decay_share: f64,
    /// Whether tasks that are solved sometimes are preferred.
    #[serde(default = "yes")]
    pub curriculum: bool,
    /// `verified`, or `random` as a control.
    #[serde(default)]
    pub reward: prentice_train::rl::reinforce::Reward,
    /// For several runs that differ in nothing else.
    #[serde(default)]
    pub repetition: u64,
}

/// Measures a model on the tasks that it is examined on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// A stage with a model; or one with examples, of which that with the nearest prompt is copied.
    pub model: String,
    /// A `generate` stage, of which the tasks for examination are taken.
    pub tasks: String,
    /// Most tasks.
    pub count: Option<usize>,
    /// Samples of each.
    #[serde(default = "eight")]
    pub samples: usize,
    /// Temperature of the samples.
    #[serde(default = "one")]
    pub temperature: f32,
    /// Most tokens of a turn.
    #[serde(default = "ninety_six")]
    pub turn_tokens: usize,
    /// In what the model acts.
    #[serde(default)]
    pub environment: EnvironmentName,
}

fn python() -> Language {
    Language::Python
}

fn all_depths() -> [usize; 2] {
    [1, 3]
}

fn all_domains() -> Vec<Kind> {
    vec![Kind::List, Kind::Number, Kind::Text]
}

fn everything() -> [f64; 3] {
    [1.0; 3]
}

fn all_of_it() -> f64 {
    1.0
}

fn once() -> usize {
    1
}

fn four() -> usize {
    4
}

fn eight() -> usize {
    8
}

fn thirty_two() -> usize {
    32
}

fn ninety_six() -> usize {
    96
}

fn hundred_twenty_eight() -> usize {
    128
}

fn five_hundred_twelve() -> usize {
    512
}

fn four_thousand() -> usize {
    4096
}

fn one() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

fn pretraining_rate() -> f64 {
    4e-3
}

fn fine_tuning_rate() -> f64 {
    3e-3
}

fn preference_rate() -> f64 {
    6e-5
}

fn policy_rate() -> f64 {
    6e-4
}

fn dpo() -> String {
    "dpo".into()
}

fn dr_grpo() -> String {
    "dr-grpo".into()
}
