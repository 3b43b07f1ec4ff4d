//! Runs the stages of a recipe, each cached by the digest of its options and of what it uses.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    rc::Rc,
};

use prentice_base::{ContentHash, Event, RunManifest, Seed, StageKey, Task, Verdict, digest_json, files};
use prentice_environment::{
    Verifier, Workshop,
    families::{
        self, Families, FamilyOptions, FamilyTask, broken, export,
        labels::{LabelOptions, labels},
    },
};
use prentice_model::{BatchSampler, Model, SamplingOptions, ops::AttentionShape};
use prentice_sandbox::Sandbox;
use prentice_tokens::{
    EncodeOptions, TokenShard, Vocabulary, Words,
    chat::{Chat, ChatTemplate},
    encode_documents,
};
use prentice_train::{
    checkpoint,
    dialogue::{EmptyResponse, Examples, OverLong, ReadOptions, read_dialogues, read_pairs},
    epochs::{EpochOptions, Length},
    objective::{algorithm::Algorithm, preference::Preference},
    optimiser::AdamWOptions,
    plan::{self, TrainingMemory},
    prefer::{Judgements, PreferInputs, prefer},
    pretrain::{Budget, PretrainInputs, PretrainOptions, pretrain},
    rl::{
        environment::{Environment, HarnessError, Turn},
        judges::Judges,
        measure::{MeasureOptions, Measured, TaskResult, measure},
        reinforce::{RlInputs, RlOptions, reinforce},
        rollout::{RolloutOptions, roll_out},
        synthesize::{self, Form, Synthesized},
        tools::{self, BrokenTask, ToolTasks},
        verified::{self, VerifiedTasks},
    },
    schedule::Schedule,
    sft::{SftInputs, sft},
};
use rand::RngExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Recipe, Stage,
    stages::{Demonstrate, EnvironmentName, Generate, Label, Measure, Prefer, Pretrain, Rl, Sft, Synthesize},
};
use crate::{
    advice, budget,
    error::{CliError, ErrorKind},
    format,
    stages::{CHECKPOINTS, Context, Outcome},
};

/// Prompts with responses, or conversations.
const EXAMPLES: &str = "examples.jsonl";
/// Pairs of responses.
const PAIRS: &str = "pairs.jsonl";
/// Tasks to learn from, and to be examined on.
const TASKS: [&str; 2] = ["train.jsonl", "test.jsonl"];
/// A model in Hugging Face layout.
const MODEL: &str = "model";
/// What a training stage remembers.
const STATE: &str = "state.json";
/// What [`Stage::Measure`] found.
const MEASURED: &str = "measured.json";
/// Samples that are generated at a time.
const PLACES: usize = 128;

/// A stage that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its name in the recipe.
    pub name: String,
    /// Where its results are.
    pub directory: PathBuf,
    /// How they came about.
    pub manifest: RunManifest,
    /// Whether they were there already.
    pub reused: bool,
}

impl Ran {
    /// What a stage of measurement found.
    pub fn measured(&self) -> Result<Measured, CliError> {
        Ok(serde_json::from_slice(&files::read(&self.directory.join(MEASURED))?)?)
    }

    /// The state of a training stage.
    pub fn state(&self) -> Result<Value, CliError> {
        Ok(serde_json::from_slice(&files::read(&self.directory.join(STATE))?)?)
    }

    fn digest(&self) -> ContentHash {
        digest_json(&self.manifest.outputs)
    }
}

/// Runs all stages in order. Every `minutes` of the recipe counts `scale` times.
pub fn run(recipe: &Recipe, context: &Context, scale: f64) -> Result<Vec<Ran>, CliError> {
    let mut runner = Runner { recipe, context, scale, ran: Vec::new(), families: HashMap::new(), workshop: None };
    for (name, stage) in &recipe.stages {
        let ran = runner.stage(name, stage)?;
        runner.ran.push(ran);
    }
    Ok(runner.ran)
}

struct Runner<'r> {
    recipe: &'r Recipe,
    context: &'r Context<'r>,
    scale: f64,
    ran: Vec<Ran>,
    families: HashMap<String, Rc<Families>>,
    workshop: Option<Rc<Workshop>>,
}

impl Runner<'_> {
    fn stage(&mut self, name: &str, stage: &Stage) -> Result<Ran, CliError> {
        match stage {
            Stage::Generate(options) => self.generate(name, options),
            Stage::Label(options) => self.label(name, options),
            Stage::Demonstrate(options) => self.demonstrate(name, options),
            Stage::Pretrain(options) => self.pretrain(name, options),
            Stage::Sft(options) => self.sft(name, options),
            Stage::Synthesize(options) => self.synthesize(name, options, false),
            Stage::Pair(options) => self.synthesize(name, options, true),
            Stage::Prefer(options) => self.prefer(name, options),
            Stage::Rl(options) => self.rl(name, options),
            Stage::Measure(options) => self.measure(name, options),
        }
    }

    /// Runs a stage unless its result is there.
    fn cached(
        &self,
        name: &str,
        options: &impl Serialize,
        uses: &[&String],
        detail: &str,
        work: impl FnOnce(&Path) -> Result<Outcome, CliError>,
    ) -> Result<Ran, CliError> {
        let compute = self.context.compute;
        let stage = self.recipe.stages.iter().find(|(other, _)| other == name);
        let does = stage.map(|(_, stage)| stage.does()).unwrap_or_default();
        let mut key = StageKey::new(
            name,
            &json!({
                "does": does,
                "options": options,
                "seed": self.recipe.seed,
                "scale": self.scale,
                "precision": compute.precision,
                "kernels": compute.kernels.to_string(),
            }),
        );
        for used in uses {
            key = key.input(used, self.result(used).digest());
        }
        let done = self.context.run(&key, None, detail, |stage| work(&stage.directory), |_, _| Ok(()))?;
        // Only now is there nothing that a kill could take away.
        let _ = std::fs::remove_dir_all(done.directory.join(CHECKPOINTS));
        Ok(Ran { name: name.to_owned(), directory: done.directory, manifest: done.manifest, reused: done.reused })
    }

    fn result(&self, name: &str) -> &Ran {
        self.ran.iter().find(|ran| ran.name == name).expect("a recipe names earlier stages only")
    }

    fn seed(&self, name: &str) -> Seed {
        self.recipe.seed.derive(name, 0)
    }

    /// The tasks of a `generate` stage, made again from its options.
    fn families(&mut self, name: &str) -> Result<Rc<Families>, CliError> {
        if let Some(known) = self.families.get(name) {
            return Ok(Rc::clone(known));
        }
        let stage = self.recipe.stages.iter().find(|(stage, _)| stage == name);
        let Some((_, Stage::Generate(options))) = stage else { unreachable!("checked when the recipe was read") };
        let mut family = family_options(options, self.recipe.seed, options.train);
        // What another family is examined on is not trained on here either.
        let others = self.other_families(name).into_iter();
        let others = others.flat_map(|other| families::generate(&family_options(other, self.recipe.seed, 0)).test);
        family.held_out = others.map(|task| task.program).collect();
        let made = Rc::new(families::generate(&family));
        self.families.insert(name.to_owned(), Rc::clone(&made));
        Ok(made)
    }

    fn other_families(&self, name: &str) -> Vec<&Generate> {
        let generate = |(other, stage): &'_ (String, Stage)| matches!(stage, Stage::Generate(_)) && other != name;
        let others = self.recipe.stages.iter().filter(|stage| generate(stage));
        others
            .filter_map(|(_, stage)| if let Stage::Generate(options) = stage { Some(options) } else { None })
            .collect()
    }

    fn workshop(&mut self) -> Result<Rc<Workshop>, CliError> {
        if self.workshop.is_none() {
            self.workshop = Some(Rc::new(Workshop::new(&Sandbox::best()?)));
        }
        Ok(Rc::clone(self.workshop.as_ref().expect("just made")))
    }

    fn model(&self, name: &str) -> Result<(Model, Vocabulary), CliError> {
        checkpoint::load_model(&self.result(name).directory.join(MODEL)).map_err(advice::resume)
    }

    fn generate(&mut self, name: &str, options: &Generate) -> Result<Ran, CliError> {
        let made = self.families(name)?;
        self.cached(name, &(options, self.other_families(name)), &[], "making tasks", |directory| {
            let mut outputs = BTreeMap::new();
            for (file, tasks) in TASKS.iter().zip([&made.train, &made.test]) {
                let mut bytes = Vec::new();
                export::export(tasks, &mut bytes)?;
                write(directory, file, &bytes, &mut outputs)?;
            }
            let (train, test) = (made.train.len(), made.test.len());
            let detail = format!("{} to learn from, {} to be examined on", format::count(train as u64), test);
            Ok((json!({"detail": detail, "train": train, "test": test, "ambiguous": made.ambiguous}), outputs))
        })
    }

    fn label(&mut self, name: &str, options: &Label) -> Result<Ran, CliError> {
        let made = self.families(&options.tasks)?;
        let seed = self.seed(name);
        self.cached(name, options, &[&options.tasks], "labelling", |directory| {
            let chosen = share(&made.train, options.shares, seed);
            let labels = labels(&chosen, &LabelOptions { mismatch: options.mismatch, seed });
            let mut bytes = Vec::new();
            export::export_labels(&labels, &mut bytes)?;
            let mut outputs = BTreeMap::new();
            write(directory, EXAMPLES, &bytes, &mut outputs)?;
            let right = labels.iter().filter(|label| label.right).count();
            let detail = format!("{} examples, {} of them right", labels.len(), right);
            Ok((json!({"detail": detail, "examples": labels.len(), "right": right}), outputs))
        })
    }

    fn demonstrate(&mut self, name: &str, options: &Demonstrate) -> Result<Ran, CliError> {
        let made = self.families(&options.tasks)?;
        let (seed, workshop) = (self.seed(name), self.workshop()?);
        self.cached(name, options, &[&options.tasks], "breaking programs", |directory| {
            let chosen = share(&made.train, options.shares, seed);
            let broken = broken_tasks(&chosen, seed);
            let tasks: Vec<Task> = broken.iter().map(|(_, broken)| broken.task.clone()).collect();
            let wrong: Vec<BrokenTask> = broken.iter().map(|(_, broken)| broken.clone()).collect();
            let environment = environment(options.environment, &tasks, &wrong, &workshop);
            let mut judge = environment.judge();
            let mut text = String::new();
            let mut count = 0;
            for (number, (solution, broken)) in broken.iter().enumerate() {
                let is_tools = options.environment == EnvironmentName::Tools;
                let turns = match is_tools {
                    true => tools::demonstration(broken, solution),
                    false => Some(vec![broken.body.clone(), solution.clone()]),
                };
                let Some(turns) = turns else { continue };
                let mut messages = vec![json!({"role": "user", "content": environment.prompt(number)})];
                for count in 1..=turns.len() {
                    // The wrong first try of a repair is not to be learnt; what is done with tools is.
                    let weight = u8::from(is_tools || count == turns.len());
                    messages.push(json!({"role": "assistant", "content": turns[count - 1], "weight": weight}));
                    let failed = |error: HarnessError| CliError::new(ErrorKind::Environment, error.to_string());
                    if let Turn::Observation(said) = judge.turn(number, &turns[..count]).map_err(failed)? {
                        messages.push(json!({"role": "user", "content": said}));
                    }
                }
                let _ = writeln!(text, "{}", json!({"messages": messages}));
                count += 1;
            }
            let mut outputs = BTreeMap::new();
            write(directory, EXAMPLES, text.as_bytes(), &mut outputs)?;
            Ok((json!({"detail": format!("{count} conversations"), "examples": count}), outputs))
        })
    }

    fn pretrain(&mut self, name: &str, options: &Pretrain) -> Result<Ran, CliError> {
        let uses: Vec<&String> = options.texts.iter().collect();
        let (context, seed) = (self.context, self.seed(name));
        let budget = budget_of(options.steps, options.minutes, self.scale);
        self.cached(name, options, &uses, "learning to write", |directory| {
            let mut texts: Vec<String> = Vec::new();
            for used in &options.texts {
                texts.extend(texts_of(&self.result(used).directory.join(EXAMPLES))?);
            }
            let vocabulary =
                Vocabulary::train(texts.iter().map(String::as_str), options.vocabulary, Words::Text, context.events)
                    .map_err(advice::vocabulary)?;
            let encode = EncodeOptions { context: options.context as u32, fim: plan::FIM, passes: 4, seed };
            let shard = directory.join("train.tokens");
            encode_documents(&texts, &vocabulary, &encode, context.events, &shard).map_err(advice::encode)?;
            let shard = TokenShard::open(&shard, &vocabulary.digest()).map_err(advice::shard)?;
            let heads = options.hidden / 32;
            let shape = AttentionShape { heads, key_value_heads: heads / 2, head: 32 };
            let between = (options.hidden * 8 / 3).next_multiple_of(64);
            let config = prentice_model::DecoderConfig::llama(
                vocabulary.len(),
                options.hidden,
                options.layers,
                shape,
                between,
                options.context,
            );
            let needed = TrainingMemory::new(&config, 8 * options.context, context.compute).total();
            budget::check_memory(budget::held_now() + needed, "lower `hidden`, `layers` or `context`")?;
            let training = PretrainOptions {
                budget,
                batch_rows: 8,
                learning_rate: options.learning_rate,
                warmup_steps: 50,
                schedule: Schedule::WSD,
                optimiser: AdamWOptions::default(),
                evaluate_every: 0,
                evaluation_rows: 0,
                checkpoint_every: 0,
                seed,
            };
            let inputs = PretrainInputs {
                train: &shard,
                held_out: None,
                vocabulary: &vocabulary,
                initial: Model::initialise(config, seed)?,
            };
            let trained = pretrain(inputs, &training, context.compute, &directory.join(CHECKPOINTS), context.events)
                .map_err(advice::pretrain)?;
            let loss = trained.state.curve.last().map(|point| point.loss);
            let summary = json!({
                "detail": format!("{} steps, loss {:.3}", trained.state.step, loss.unwrap_or(f32::NAN)),
                "steps": trained.state.step,
                "loss": loss,
                "parameters": trained.model.parameters().len(),
                "seconds": trained.state.seconds,
            });
            finish(directory, &trained.model, &vocabulary, &trained.state, summary)
        })
    }

    fn sft(&mut self, name: &str, options: &Sft) -> Result<Ran, CliError> {
        let mut uses: Vec<&String> = options.examples.iter().collect();
        uses.push(&options.model);
        uses.extend(options.as_long_as.iter().chain(&options.less));
        let (context, seed) = (self.context, self.seed(name));
        let length = match &options.as_long_as {
            Some(other) => {
                let seconds = self.result(other).manifest.summary["seconds"].as_f64();
                let less = options.less.as_ref().map_or(0.0, |other| self.result(other).manifest.seconds);
                // A control that has nothing left takes a moment all the same.
                Length::Seconds((seconds.expect("stages that train say how long they took") - less).max(1.0))
            }
            None => length(options.steps, options.minutes, options.epochs, self.scale),
        };
        self.cached(name, &(options, length), &uses, "learning from examples", |directory| {
            let (initial, vocabulary) = self.model(&options.model)?;
            let mut examples = Vec::new();
            for used in &options.examples {
                let path = self.result(used).directory.join(EXAMPLES);
                let read = read_dialogues(&path, &plain(&vocabulary), &reading(&initial)).map_err(advice::examples)?;
                examples.extend(kept(context, &path, read));
            }
            let training = EpochOptions {
                length,
                tokens_a_batch: options.tokens_a_batch,
                learning_rate: options.learning_rate,
                warmup_steps: 20,
                schedule: Schedule::WSD,
                optimiser: AdamWOptions::default(),
                checkpoint_every: 0,
                seed,
            };
            let needed = TrainingMemory::new(initial.config(), options.tokens_a_batch, context.compute).total();
            budget::check_memory(budget::held_now() + needed, "lower `tokens_a_batch`")?;
            let inputs = SftInputs { examples: &examples, vocabulary: &vocabulary, initial };
            let tuned = sft(inputs, &training, context.compute, &directory.join(CHECKPOINTS), context.events)
                .map_err(advice::fine_tuning)?;
            let steps = tuned.state.curve.len();
            let loss = tuned.state.curve.last().map(|point| point.loss);
            let summary = json!({
                "detail": format!("{steps} steps, loss {:.3}", loss.unwrap_or(f32::NAN)),
                "steps": steps,
                "loss": loss,
                "tokens": tuned.state.tokens,
                "seconds": tuned.state.seconds,
            });
            finish(directory, &tuned.model, &vocabulary, &tuned.state, summary)
        })
    }

    fn synthesize(&mut self, name: &str, options: &Synthesize, pairs: bool) -> Result<Ran, CliError> {
        let made = self.families(&options.tasks)?;
        let (context, seed, workshop) = (self.context, self.seed(name), self.workshop()?);
        self.cached(name, options, &[&options.model, &options.tasks], "sampling and executing", |directory| {
            let (model, vocabulary) = self.model(&options.model)?;
            let tasks: Vec<Task> = made.train.iter().take(options.count).map(|task| task.task.clone()).collect();
            let environment = VerifiedTasks::once(&tasks, &workshop);
            let mut sampler =
                BatchSampler::new(&model, context.compute, PLACES, model.config().max_position_embeddings);
            let sampling = SamplingOptions { temperature: options.temperature, top_k: 0, top_p: 1.0, seed: Seed(0) };
            let rollout = RolloutOptions { turn_tokens: options.turn_tokens, sampling };
            let wanted = synthesize::wanted(0..tasks.len(), options.samples, seed);
            let rollouts = Judges::with(&environment, rayon::current_num_threads(), |judges| {
                roll_out(&model, &vocabulary, &mut sampler, judges, &wanted, &rollout)
            })
            .map_err(advice::rollout)?;
            let mut made = Synthesized::default();
            made.add(&environment, &rollouts, if pairs { Form::Pairs } else { Form::Passing });
            let Synthesized { text, count, solved, samples, .. } = made;
            let mut outputs = BTreeMap::new();
            write(directory, if pairs { PAIRS } else { EXAMPLES }, text.as_bytes(), &mut outputs)?;
            let what = if pairs { "pairs" } else { "examples" };
            let detail = format!("{count} {what}; {solved} of {samples} samples pass");
            Ok((json!({"detail": detail, "count": count, "solved": solved, "samples": samples}), outputs))
        })
    }

    fn prefer(&mut self, name: &str, options: &Prefer) -> Result<Ran, CliError> {
        let (context, seed) = (self.context, self.seed(name));
        let length = length(options.steps, options.minutes, options.epochs, self.scale);
        let Some(Preference::Paired(objective)) = Preference::named(&options.objective) else {
            unreachable!("checked when the recipe was read")
        };
        self.cached(name, options, &[&options.model, &options.pairs], "learning from pairs", |directory| {
            let (initial, vocabulary) = self.model(&options.model)?;
            let path = self.result(&options.pairs).directory.join(PAIRS);
            let read = read_pairs(&path, &plain(&vocabulary), &reading(&initial)).map_err(advice::examples)?;
            let pairs = kept(context, &path, read);
            let training = EpochOptions {
                length,
                tokens_a_batch: options.tokens_a_batch,
                learning_rate: options.learning_rate,
                warmup_steps: 5,
                schedule: Schedule::WSD,
                optimiser: AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() },
                checkpoint_every: 0,
                seed,
            };
            let inputs =
                PreferInputs { judgements: Judgements::Pairs(objective, &pairs), vocabulary: &vocabulary, initial };
            let tuned = prefer(inputs, &training, context.compute, &directory.join(CHECKPOINTS), context.events)
                .map_err(advice::fine_tuning)?;
            let steps = tuned.state.curve.len();
            let last = tuned.state.figures.last().copied().unwrap_or_default();
            let summary = json!({
                "detail": format!("{steps} steps on {} pairs, margin {:.2}", pairs.len(), last.margin.unwrap_or(0.0)),
                "steps": steps,
                "pairs": pairs.len(),
                "seconds": tuned.state.seconds,
                "last": last,
            });
            finish(directory, &tuned.model, &vocabulary, &tuned.state, summary)
        })
    }

    fn rl(&mut self, name: &str, options: &Rl) -> Result<Ran, CliError> {
        let mut families = Vec::new();
        for tasks in &options.tasks {
            families.push(self.families(tasks)?);
        }
        let mut uses: Vec<&String> = options.tasks.iter().collect();
        uses.push(&options.model);
        let (context, workshop) = (self.context, self.workshop()?);
        let budget = budget_of(options.steps, options.minutes, self.scale);
        let algorithm = Algorithm::named(&options.algorithm, options.turn_tokens * options.environment.turns())
            .expect("checked when the recipe was read");
        let seed = self.seed("rl").derive("repetition", options.repetition);
        self.cached(name, options, &uses, "learning from execution", |directory| {
            let (mut initial, vocabulary) = self.model(&options.model)?;
            if algorithm.needs_values() {
                initial = initial.with_value_head();
            }
            let [least, most] = options.depths;
            let all = families.iter().flat_map(|family| &family.train);
            let chosen: Vec<FamilyTask> = all.filter(|task| (least..=most).contains(&task.depth)).cloned().collect();
            let tasks: Vec<Task> = chosen.iter().map(|task| task.task.clone()).collect();
            let broken = broken_for(options.environment, &chosen, seed);
            let training = RlOptions {
                algorithm,
                budget,
                groups: options.groups,
                group_size: options.group_size,
                turn_tokens: options.turn_tokens,
                context: initial.config().max_position_embeddings,
                epochs: options.epochs,
                mini_batches: options.mini_batches,
                tokens_a_batch: 8192,
                learning_rate: options.learning_rate,
                warmup_steps: 5,
                decay_share: options.decay_share,
                optimiser: AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() },
                curriculum: options.curriculum,
                reward: options.reward,
                places: PLACES,
                checkpoint_every: 0,
                seed,
            };
            let needed = budget::reinforcement_memory(&training, &initial, context.compute);
            budget::check_memory(budget::held_now() + needed, "pre-train a model with a shorter `context`")?;
            let environment = environment(options.environment, &tasks, &broken, &workshop);
            let inputs = RlInputs { initial, vocabulary: &vocabulary, tasks: digest_json(&tasks) };
            let tuned = Judges::with(&*environment, rayon::current_num_threads(), |judges| {
                reinforce(inputs, judges, &training, context.compute, &directory.join(CHECKPOINTS), context.events)
            })
            .map_err(advice::reinforcement)?;
            let steps = tuned.state.curve.len();
            let last = tuned.state.curve.last();
            let summary = json!({
                "detail": format!("{steps} steps, {} of the attempts pass", format::percent(f64::from(last.map_or(0.0, |point| point.solved)))),
                "steps": steps,
                "attempts": tuned.state.attempts,
                "seconds": tuned.state.seconds,
                "last": last,
            });
            finish(directory, &tuned.model.without_value_head(), &vocabulary, &tuned.state, summary)
        })
    }

    fn measure(&mut self, name: &str, options: &Measure) -> Result<Ran, CliError> {
        let made = self.families(&options.tasks)?;
        let (context, workshop) = (self.context, self.workshop()?);
        // The same samples for all models: what differs is the model.
        let seed = self.seed("measure");
        self.cached(name, options, &[&options.model, &options.tasks], "solving held-out tasks", |directory| {
            let mut test: Vec<FamilyTask> =
                made.test.iter().take(options.count.unwrap_or(usize::MAX)).cloned().collect();
            let broken = broken_for(options.environment, &test, seed);
            if options.environment == EnvironmentName::Tools {
                test.retain(|task| broken.iter().any(|broken| broken.task.id == task.task.id));
            }
            let tasks: Vec<Task> = test.iter().map(|task| task.task.clone()).collect();
            if tasks.is_empty() {
                let message = format!("stage `{name}` has no tasks to examine on");
                return Err(CliError::new(ErrorKind::TaskFailed, message)
                    .hint("raise `test` of the stage that makes them, or `count`"));
            }
            let source = &self.result(&options.model).directory;
            let measured = if source.join(MODEL).exists() {
                let (model, vocabulary) = self.model(&options.model)?;
                let environment = environment(options.environment, &tasks, &broken, &workshop);
                let mut sampler =
                    BatchSampler::new(&model, context.compute, PLACES, model.config().max_position_embeddings);
                let all: Vec<usize> = (0..tasks.len()).collect();
                let how = MeasureOptions {
                    samples: options.samples,
                    temperature: options.temperature,
                    turn_tokens: options.turn_tokens,
                    seed,
                };
                Judges::with(&*environment, rayon::current_num_threads(), |judges| {
                    measure(&model, &vocabulary, &mut sampler, judges, &all, &how)
                })
                .map_err(advice::rollout)?
            } else {
                copied(&source.join(EXAMPLES), &tasks, &workshop)?
            };
            let figures = figures(&measured, options.samples);
            let mut outputs = BTreeMap::new();
            write(directory, MEASURED, &serde_json::to_vec(&measured)?, &mut outputs)?;
            let by_depth: Vec<Value> = (1..=3)
                .map(|depth| {
                    let of_depth = Measured {
                        tasks: measured
                            .tasks
                            .iter()
                            .zip(&test)
                            .filter(|(_, task)| task.depth == depth)
                            .map(|(result, _)| result.clone())
                            .collect(),
                    };
                    figures_of(&of_depth, options.samples)
                })
                .collect();
            let is_sampled = measured.tasks.iter().any(|task| task.samples > 0);
            let sampled = format!(
                ", pass@1 {}, pass@{} {}",
                format::percent(figures.1),
                options.samples,
                format::percent(figures.2)
            );
            // What is copied is not sampled.
            let detail = format!("greedy {}{}", format::percent(figures.0), if is_sampled { &sampled } else { "" });
            let summary = json!({
                "detail": detail,
                "tasks": measured.tasks.len(),
                "figures": figures_of(&measured, options.samples),
                "by_depth": by_depth,
            });
            Ok((summary, outputs))
        })
    }
}

/// What a `generate` stage asks for, with another number of tasks to learn from.
pub fn family_options(options: &Generate, seed: Seed, train: usize) -> FamilyOptions {
    let [least, most] = options.depths;
    FamilyOptions {
        language: options.language,
        depths: least..=most,
        domains: options.domains.clone(),
        ..FamilyOptions::new(options.family, seed, train, options.test)
    }
}

fn environment<'t>(
    name: EnvironmentName,
    tasks: &'t [Task],
    broken: &'t [BrokenTask],
    workshop: &'t Workshop,
) -> Box<dyn Environment + 't> {
    match name {
        EnvironmentName::Once => Box::new(VerifiedTasks::once(tasks, workshop)),
        EnvironmentName::Repair => Box::new(VerifiedTasks::with_repair(tasks, workshop)),
        EnvironmentName::Tools => Box::new(ToolTasks::new(broken, workshop)),
    }
}

/// What the tools begin with; nothing where there are none.
fn broken_for(environment: EnvironmentName, tasks: &[FamilyTask], seed: Seed) -> Vec<BrokenTask> {
    match environment {
        EnvironmentName::Tools => broken_tasks(tasks, seed).into_iter().map(|(_, broken)| broken).collect(),
        EnvironmentName::Once | EnvironmentName::Repair => Vec::new(),
    }
}

/// Tasks with a wrong body that their examples find out and that a change of lines mends, beside the right one.
fn broken_tasks(tasks: &[FamilyTask], seed: Seed) -> Vec<(String, BrokenTask)> {
    let broken = |(number, task): (usize, &FamilyTask)| {
        let seed = seed.derive("break", number as u64);
        let wrong = broken::break_program(&task.program, &task.visible, seed)?;
        let body = families::render::body(task.language, &wrong.program);
        let broken = BrokenTask { task: task.task.clone(), body };
        tools::demonstration(&broken, &task.solution).map(|_| (task.solution.clone(), broken))
    };
    tasks.iter().enumerate().filter_map(broken).collect()
}

fn figures(measured: &Measured, samples: usize) -> (f64, f64, f64) {
    let samples = samples.min(measured.tasks.first().map_or(0, |task| task.samples));
    (measured.greedy(), measured.pass_at(samples.min(1)), measured.pass_at(samples))
}

fn figures_of(measured: &Measured, samples: usize) -> Value {
    let (greedy, first, all) = figures(measured, samples);
    json!({"tasks": measured.tasks.len(), "greedy": greedy, "pass_at_1": first, "pass_at_k": all, "gap": measured.gap()})
}

/// A seeded share of the tasks of each depth, in their order.
fn share(tasks: &[FamilyTask], shares: [f64; 3], seed: Seed) -> Vec<FamilyTask> {
    let is_chosen = |(number, task): &(usize, &FamilyTask)| {
        let chance = shares[task.depth - 1].clamp(0.0, 1.0);
        seed.derive("share", *number as u64).rng().random_bool(chance)
    };
    tasks.iter().enumerate().filter(is_chosen).map(|(_, task)| task.clone()).collect()
}

/// How long a stage trains. That it says so in one way was checked when the recipe was read.
fn length(steps: Option<u64>, minutes: Option<f64>, epochs: Option<u64>, scale: f64) -> Length {
    match (steps, minutes) {
        (Some(steps), _) => Length::Steps(steps),
        (None, Some(minutes)) => Length::Seconds(minutes * 60.0 * scale),
        (None, None) => Length::Epochs(epochs.unwrap_or(1)),
    }
}

/// The same for training that knows no epochs.
fn budget_of(steps: Option<u64>, minutes: Option<f64>, scale: f64) -> Budget {
    match length(steps, minutes, None, scale) {
        Length::Steps(steps) | Length::Epochs(steps) => Budget::Steps(steps),
        Length::Seconds(seconds) => Budget::Seconds(seconds),
    }
}

fn write(
    directory: &Path,
    name: &str,
    bytes: &[u8],
    outputs: &mut BTreeMap<String, ContentHash>,
) -> Result<(), CliError> {
    files::write_atomic(&directory.join(name), bytes)?;
    outputs.insert(name.to_owned(), ContentHash::of(bytes));
    Ok(())
}

/// Writes what a training stage leaves.
fn finish(
    directory: &Path,
    model: &Model,
    vocabulary: &Vocabulary,
    state: &impl Serialize,
    summary: Value,
) -> Result<Outcome, CliError> {
    checkpoint::save_model(&directory.join(MODEL), model, vocabulary)?;
    let mut outputs = BTreeMap::from([(MODEL.to_owned(), model.digest())]);
    write(directory, STATE, &serde_json::to_vec(state)?, &mut outputs)?;
    // Times differ from run to run and must not make other results of what follows.
    outputs.remove(STATE);
    Ok((summary, outputs))
}

/// The documents that examples are, for pre-training.
fn texts_of(path: &Path) -> Result<Vec<String>, CliError> {
    let mut texts = Vec::new();
    for line in String::from_utf8_lossy(&files::read(path)?).lines() {
        let value: Value = serde_json::from_str(line)?;
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let document = match value["messages"].as_array() {
            Some(messages) => messages.iter().filter_map(|message| message["content"].as_str()).collect(),
            None => format!("{}{}", text("prompt"), text("response")),
        };
        texts.push(document);
    }
    Ok(texts)
}

fn plain(vocabulary: &Vocabulary) -> Chat<'_> {
    let plain = ChatTemplate::named("plain").expect("there is a plain template");
    Chat::new(plain, vocabulary).expect("it needs no special tokens")
}

fn reading(model: &Model) -> ReadOptions {
    let max_tokens = model.config().max_position_embeddings;
    ReadOptions { max_tokens, over_long: OverLong::Drop, empty: EmptyResponse::Skip }
}

/// The examples of a file. What is left out is counted.
fn kept<E>(context: &Context, path: &Path, read: Examples<E>) -> Vec<E> {
    for (count, why) in [(read.empty, "with an empty response"), (read.dropped, "longer than the model's context")] {
        if count > 0 {
            let message = format!("{}: {} {why} left out", path.display(), format::counted(count, "line"));
            (context.events)(Event::Warning { message });
        }
    }
    read.examples
}

/// A baseline that has learnt nothing: the response to the nearest prompt, by common runs of five characters.
fn copied(examples: &Path, tasks: &[Task], workshop: &Workshop) -> Result<Measured, CliError> {
    let runs = |text: &str| -> HashSet<u64> {
        let word = |run: &[u8]| run.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        text.as_bytes().windows(5).map(word).collect()
    };
    let mut known = Vec::new();
    for line in String::from_utf8_lossy(&files::read(examples)?).lines() {
        let value: Value = serde_json::from_str(line)?;
        if let (Some(prompt), Some(response)) = (value["prompt"].as_str(), value["response"].as_str()) {
            known.push((runs(prompt), response.to_owned()));
        }
    }
    if known.is_empty() {
        let message = format!("{} has no prompts with responses to copy", examples.display());
        return Err(CliError::new(ErrorKind::Usage, message).hint("measure a stage that does \"label\""));
    }
    let mut verifier = Verifier::new(workshop);
    let mut results = Vec::new();
    for task in tasks {
        let wanted = runs(verified::prompt(task));
        let likeness = |(other, _): &&(HashSet<u64>, String)| {
            let common = wanted.intersection(other).count();
            // Jaccard, as a whole number that compares exactly.
            (common as u64 * 1_000_000) / (wanted.len() + other.len() - common).max(1) as u64
        };
        let response = known.iter().max_by_key(likeness).map(|(_, response)| response.clone()).unwrap_or_default();
        let examined = verifier.examine(task, &response);
        if let Verdict::InfrastructureError { detail } = examined.hidden {
            let message = format!("task {} cannot be judged: {detail}", task.id);
            return Err(CliError::new(ErrorKind::Environment, message).hint("run `prentice sandbox doctor`"));
        }
        results.push(TaskResult {
            task: task.id.clone(),
            greedy: examined.hidden == Verdict::Pass,
            solved: 0,
            visible: 0,
            loopholes: 0,
            samples: 0,
            turns: vec![response],
        });
    }
    Ok(Measured { tasks: results })
}
