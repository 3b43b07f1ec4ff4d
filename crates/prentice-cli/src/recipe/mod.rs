//! Recipes: what to make and train, stage by stage, in a file that people edit.
//!
//! A recipe is TOML: a title, a seed and a list of stages. Each stage has a name and says what it `does`; the rest of
//! its table are options of that kind of stage ([`stages`]). A stage uses the results of earlier ones by name. What has
//! been made from the same inputs and options is used again; training that was killed goes on from its last checkpoint.
//! [`results`] collects what came of them, and [`reading`] says what it means.

pub mod reading;
pub mod results;
mod run;
mod stages;

use std::{collections::BTreeSet, fs, path::Path};

use prentice_base::Seed;
use prentice_environment::families::render::Language;
use serde::Deserialize;
use toml::{Table, Value};

pub use run::{Ran, run};
pub use stages::{EnvironmentName, Stage};

use crate::error::{CliError, ErrorKind};

/// What a recipe says.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// For the report.
    pub title: String,
    /// From which all of its seeds derive.
    pub seed: Seed,
    /// In the order in which they run.
    pub stages: Vec<(String, Stage)>,
}

/// The kinds of stages, as `does` names them.
const KINDS: [&str; 10] =
    ["generate", "label", "demonstrate", "pretrain", "sft", "synthesize", "pair", "prefer", "rl", "measure"];

impl Recipe {
    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// Says which stage and which key is wrong, and which one is near.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let text = fs::read_to_string(path).map_err(prentice_base::FileError::new("read", path))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The recipe in a text; `name` is what errors call it.
    pub fn parse(text: &str, name: &str) -> Result<Self, CliError> {
        let wrong = |what: String| CliError::new(ErrorKind::Usage, format!("{name}: {what}"));
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            wrong(format!("line {line}: {}", error.message()))
                .hint("recipes are TOML; recipes/docfn.toml is an example")
        })?;
        let stages = match table.remove("stage") {
            Some(Value::Array(stages)) if !stages.is_empty() => stages,
            _ => {
                return Err(
                    wrong("there are no stages".into()).hint("each stage is a table that begins with [[stage]]")
                );
            }
        };
        let Head { title, seed } = read_table(table, "the recipe", name)?;
        let mut names = BTreeSet::new();
        let mut read = Vec::new();
        for (number, stage) in stages.into_iter().enumerate() {
            let Value::Table(mut stage) = stage else {
                return Err(wrong(format!("stage {} is no table", number + 1)).hint("begin it with [[stage]]"));
            };
            let mut text_of =
                |key: &str| match stage.remove(key) {
                    Some(Value::String(text)) if !text.is_empty() => Ok(text),
                    _ => Err(wrong(format!("stage {} has no {key}", number + 1))
                        .hint(format!("give it a line {key} = \"...\""))),
                };
            let (stage_name, does) = (text_of("name")?, text_of("does")?);
            if stage_name.contains(['/', '\\', '.']) || !names.insert(stage_name.clone()) {
                return Err(wrong(format!("the name {stage_name:?} of stage {} cannot be used", number + 1))
                    .hint("names are unique, and have no dots or slashes"));
            }
            let place = format!("stage `{stage_name}`");
            let stage = match does.as_str() {
                "generate" => Stage::Generate(read_table(stage, &place, name)?),
                "label" => Stage::Label(read_table(stage, &place, name)?),
                "demonstrate" => Stage::Demonstrate(read_table(stage, &place, name)?),
                "pretrain" => Stage::Pretrain(read_table(stage, &place, name)?),
                "sft" => Stage::Sft(read_table(stage, &place, name)?),
                "synthesize" => Stage::Synthesize(read_table(stage, &place, name)?),
                "pair" => Stage::Pair(read_table(stage, &place, name)?),
                "prefer" => Stage::Prefer(read_table(stage, &place, name)?),
                "rl" => Stage::Rl(read_table(stage, &place, name)?),
                "measure" => Stage::Measure(read_table(stage, &place, name)?),
                other => {
                    return Err(wrong(format!("{place} does {other:?}, which is no kind of stage"))
                        .hint(nearest(other, &KINDS.map(str::to_owned))));
                }
            };
            if let Some((problem, hint)) = stage.problem() {
                return Err(wrong(format!("{place}: {problem}")).hint(hint));
            }
            for (used, products) in stage.uses() {
                let known: Vec<String> = read.iter().map(|(name, _): &(String, Stage)| name.clone()).collect();
                let Some((_, earlier)) = read.iter().find(|(name, _)| name == used) else {
                    return Err(
                        wrong(format!("{place} uses `{used}`, which is no earlier stage")).hint(nearest(used, &known))
                    );
                };
                if !products.contains(&earlier.gives()) {
                    let wanted: Vec<&str> = products.iter().map(|product| product.in_words()).collect();
                    let (wanted, given) = (wanted.join(" or "), earlier.gives().in_words());
                    return Err(wrong(format!("{place} needs {wanted} of `{used}`, which gives {given}"))
                        .hint(format!("name a stage that gives {wanted}")));
                }
            }
            // What is said between turns is a comment in Python, followed by a Python function's first line.
            let is_foreign = |name: &String| {
                let generate = read.iter().find(|(other, _)| other == name);
                matches!(generate, Some((_, Stage::Generate(options))) if options.language != Language::Python)
            };
            if stage.environment() != EnvironmentName::Once
                && let Some((tasks, _)) = stage.uses().into_iter().find(|(name, _)| is_foreign(name))
            {
                return Err(wrong(format!("{place}: several turns need tasks in Python, `{tasks}` has others"))
                    .hint("leave out `environment`, or generate tasks in Python"));
            }
            read.push((stage_name, stage));
        }
        Ok(Self { title, seed: Seed(seed), stages: read })
    }
}

/// What stands before the stages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    #[serde(default)]
    seed: u64,
}

/// A table as options; a key that is not known is an error that names the nearest one.
fn read_table<T: serde::de::DeserializeOwned>(table: Table, place: &str, file: &str) -> Result<T, CliError> {
    Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        let failed = |what: String| CliError::new(ErrorKind::Usage, format!("{file}: {place}: {what}"));
        // "unknown field `stpes`, expected one of `steps`, `minutes`"
        let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
        match quoted.next() {
            Some(unknown) if message.starts_with("unknown") => {
                let known: Vec<String> = quoted.collect();
                let what = if message.starts_with("unknown variant") { "value" } else { "key" };
                failed(format!("`{unknown}` is no {what} that is known here")).hint(nearest(&unknown, &known))
            }
            _ => failed(message).hint("recipes/docfn.toml shows every kind of stage"),
        }
    })
}

/// The known word that is meant, perhaps.
pub fn nearest(word: &str, known: &[String]) -> String {
    let all = known.join(", ");
    match known.iter().max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b))) {
        Some(near) if strsim::jaro_winkler(word, near) > 0.7 => format!("did you mean `{near}`? Known are: {all}"),
        Some(_) => format!("known are: {all}"),
        None => "nothing is known here".to_owned(),
    }
}
