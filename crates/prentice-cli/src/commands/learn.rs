//! What the commands that learn have in common: their inputs, and what they leave.
//!
//! A run's directory has `checkpoints/`, from which the same command continues, and at the end `model/` (or `adapter/`),
//! `state.json` with the figures of every step, and `manifest.json`, last.

use std::{collections::BTreeMap, path::Path, time::Instant};

use prentice_base::{ContentHash, Event, Seed, StageKey, Task, files};
use prentice_environment::{Workshop, bridge};
use prentice_model::{Compute, Model};
use prentice_sandbox::Toolchain;
use prentice_tokens::Vocabulary;
use prentice_train::{
    checkpoint,
    finetune::Tuned,
    rl::{command::Prompt, verified},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    advice,
    commands::{Session, usage, write_manifest},
    error::{CliError, ErrorKind},
    memory, stages,
};

/// What progress is reported under, as the training loops report their steps.
pub const STAGE: &str = "train";
const MODEL: &str = "model";
const ADAPTER: &str = "adapter";
const STATE: &str = "state.json";

/// Opens a model with its vocabulary.
pub fn open(directory: &Path) -> Result<(Model, Vocabulary), CliError> {
    checkpoint::load_model(directory).map_err(advice::resume)
}

/// What is learnt, for the learning rate.
#[derive(Clone, Copy, Debug)]
pub enum Learning {
    Examples,
    Judgements,
    Rewards,
}

/// The learning rate that was asked for, or one by the width of the model.
///
/// At 128 features the rates are those of `recipes/docfn.toml`. From there they fall with a power of the width by which
/// supervised fine-tuning has 2e-5 at 4096 features, the rate of Stanford Alpaca. Adapters get ten times as much
/// (Schulman et al. 2025, "LoRA Without Regret"), but no more than what full training of our smallest models takes.
/// *Not measured*: anything in between.
pub fn learning_rate(given: Option<f64>, learning: Learning, model: &Model) -> Result<f64, CliError> {
    if let Some(rate) = given {
        if rate.is_finite() && rate > 0.0 {
            return Ok(rate);
        }
        return Err(usage(format!("--learning-rate {rate} is not above 0"), "leave it out for one that suits"));
    }
    let at_128 = match learning {
        Learning::Examples => 3e-3,
        Learning::Judgements => 6e-5,
        Learning::Rewards => 6e-4,
    };
    let full = at_128 * (128.0 / model.config().hidden_size as f64).powf(1.446);
    let rate = if model.adapters().is_some() { (10.0 * full).min(5e-3) } else { full };
    // Two figures are shown, so two are used.
    Ok(format!("{rate:.1e}").parse().expect("a number"))
}

/// Tasks with tests, a line each.
pub fn read_tasks(path: &Path) -> Result<Vec<Task>, CliError> {
    let hint =
        "tasks are what `prentice task generate` writes; `model rl --reward-command` takes prompts without tests";
    read_lines(path, hint, read_fields)
}

/// Prompts, a line each; tasks are prompts as well.
pub fn read_prompts(path: &Path) -> Result<Vec<Prompt>, CliError> {
    let mut number = 0;
    read_lines(path, r#"each line is an object, such as {"id": "7", "prompt": "..."}, or a task"#, |fields| {
        number += 1;
        if fields.contains_key("snapshot") {
            let task: Task = read_fields(fields)?;
            return Ok(Prompt { prompt: verified::prompt(&task).to_owned(), id: task.id });
        }
        let text = |name: &str| match fields.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("field `{name}` is not a text")),
        };
        let prompt = text("prompt")?.ok_or("field `prompt` is missing")?;
        Ok(Prompt { id: text("id")?.unwrap_or_else(|| number.to_string()), prompt })
    })
}

fn read_fields<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

fn read_lines<T>(
    path: &Path,
    hint: &str,
    mut read: impl FnMut(Map<String, Value>) -> Result<T, String>,
) -> Result<Vec<T>, CliError> {
    let bytes = files::read(path)?;
    let mut rows = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let found = match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => read(fields),
            Ok(_) => Err("is not an object".to_owned()),
            // The parser counts lines too, and sees only one.
            Err(error) => Err(format!("is not JSON: {}", error.to_string().replace(" line 1 column ", " column "))),
        };
        let wrong = |problem| usage(format!("{}, line {}: {problem}", path.display(), index + 1), hint);
        rows.push(found.map_err(wrong)?);
    }
    if rows.is_empty() {
        return Err(usage(format!("{} has no tasks", path.display()), hint));
    }
    Ok(rows)
}

/// Refuses tasks in languages that cannot be executed here.
pub fn require_toolchains(tasks: &[Task], workshop: &Workshop) -> Result<(), CliError> {
    for language in tasks.iter().filter_map(bridge::language) {
        if workshop.toolchain(language).is_none()
            && let Err(missing) = Toolchain::find(language)
        {
            let hint = missing.hint.to_string();
            return Err(CliError::from_error(ErrorKind::Environment, &missing).hint(hint));
        }
    }
    Ok(())
}

/// A run of a training command.
pub struct Run<'a> {
    /// Its directory.
    pub out: &'a Path,
    /// What it depends on.
    pub key: StageKey,
    pub seed: Seed,
    pub compute: Compute,
    /// Where the model is that it began with.
    pub base: &'a Path,
    /// Whether adapters become part of the model.
    pub merge: bool,
    /// What was planned, in bytes.
    pub planned: u64,
    pub began: Instant,
}

impl Run<'_> {
    /// Writes what came out, and concludes. `figures` have a `detail`.
    pub fn conclude<S: Serialize>(
        self,
        session: &Session,
        tuned: Tuned<S>,
        vocabulary: &Vocabulary,
        seconds: f64,
        figures: Value,
    ) -> Result<(), CliError> {
        let Tuned { model, state, checkpoint } = tuned;
        let digest = checkpoint::digest(&checkpoint)?;
        let mut outputs = BTreeMap::new();
        let is_adapter = model.adapters().is_some() && !self.merge;
        let directory = self.out.join(if is_adapter { ADAPTER } else { MODEL });
        let model = if self.merge { model.merged() } else { model };
        if is_adapter {
            model.save_adapter(&directory, &self.base.display().to_string())?;
            outputs.insert(ADAPTER.to_owned(), model.digest());
        } else {
            checkpoint::save_model(&directory, &model, vocabulary)?;
            outputs.insert(MODEL.to_owned(), model.digest());
        }
        let state = serde_json::to_vec(&state)?;
        files::write_atomic(&self.out.join(STATE), &state)?;
        outputs.insert(STATE.to_owned(), ContentHash::of(&state));
        let kernels = self.compute.kernels.to_string();
        let key = self.key.digest();
        let manifest = stages::manifest(&self.key, key, self.seed, &kernels, outputs, seconds, figures.clone());
        write_manifest(self.out, &manifest)?;
        let detail = figures["detail"].as_str().unwrap_or_default().to_owned();
        let seconds = self.began.elapsed().as_secs_f64();
        session.emit(Event::StageFinished { stage: STAGE.into(), seconds, detail: detail.clone() });

        let mut summary = figures;
        summary[if is_adapter { ADAPTER } else { MODEL }] = json!(directory);
        summary["digest"] = json!(model.digest());
        summary["checkpoint_digest"] = json!(digest);
        summary["planned_memory_bytes"] = json!(self.planned);
        summary["peak_memory_bytes"] = json!(memory::peak());
        session.conclude(summary, &format!("{}: {detail}\n", directory.display()))
    }
}
