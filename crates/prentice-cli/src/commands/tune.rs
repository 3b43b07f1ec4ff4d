//! `prentice model sft` and `prentice model prefer`: learning from a fixed set of examples or judgements.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{ContentHash, Event, Events, Seed, StageKey};
use prentice_model::{Compute, LoraOptions, LoraTarget, Model};
use prentice_tokens::{
    Vocabulary,
    chat::{Chat, ChatError, ChatTemplate},
};
use prentice_train::{
    dialogue::{
        self, EmptyResponse, ExampleError, Examples, Labelled, OverLong, Pair, ReadOptions, read_dialogues,
        read_labelled, read_pairs,
    },
    epochs::{EpochOptions, Length, Record},
    finetune::{FineTuneError, Tuned, trainable},
    objective::preference::{NAMES, Preference},
    optimiser::AdamWOptions,
    plan::TrainingMemory,
    prefer::{Judgements, PreferFigures, PreferInputs, prefer as train_on_judgements},
    schedule::Schedule,
    sft::{SftInputs, sft as train_on_examples},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    advice,
    arguments::{Adapters, EmptyChoice, LengthChoice, OverLongChoice, Prefer, Reading, Sft, Tuning},
    budget,
    commands::{
        Session, check_minutes,
        learn::{self, Learning, Run},
        lock, usage,
    },
    defaults,
    error::{CliError, ErrorKind},
    format,
    recipe::nearest,
    stages::CHECKPOINTS,
};

/// Fine-tunes a model on examples, or continues to.
pub fn sft(session: &Session, arguments: Sft) -> Result<(), CliError> {
    let Sft { model, examples, out, length, tuning, reading, adapters } = &arguments;
    let job = Job::prepare("sft", model, out, length, tuning, adapters, Learning::Examples)?;
    let chat = chat(reading, &job.vocabulary)?;
    let (examples, counts) =
        read(session, examples, &job.reading(reading), |path, options| read_dialogues(path, &chat, options))?;
    let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
    let data = Data { name: "example", digest: dialogue::digest(&examples), lengths, counts };
    let options = job.options(AdamWOptions::default());
    job.run(session, &options, json!(options), data, |initial, vocabulary, compute, directory, events| {
        train_on_examples(SftInputs { examples: &examples, vocabulary, initial }, &options, compute, directory, events)
    })
}

/// Trains a model on judgements, or continues to.
pub fn prefer(session: &Session, arguments: Prefer) -> Result<(), CliError> {
    let Prefer { model, pairs, objective, out, length, tuning, reading, adapters } = &arguments;
    let Some(preference) = Preference::named(objective) else {
        let known = NAMES.map(str::to_owned);
        return Err(usage(format!("{objective:?} is no objective"), nearest(objective, &known)));
    };
    let job = Job::prepare("prefer", model, out, length, tuning, adapters, Learning::Judgements)?;
    let chat = chat(reading, &job.vocabulary)?;
    let how = job.reading(reading);
    // Decay would pull towards zero, not towards the reference.
    let options = job.options(AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() });
    let described = json!({"preference": preference, "options": options});
    match preference {
        Preference::Paired(objective) => {
            let (pairs, counts): (Vec<Pair>, _) =
                read(session, pairs, &how, |path, options| read_pairs(path, &chat, options))?;
            let lengths = pairs.iter().map(|pair| pair.chosen.ids.len() + pair.rejected.ids.len()).collect();
            let digest = dialogue::digest(pairs.iter().flat_map(|pair| [&pair.chosen, &pair.rejected]));
            let data = Data { name: "pair", digest, lengths, counts };
            job.run(session, &options, described, data, |initial, vocabulary, compute, directory, events| {
                let inputs = PreferInputs { judgements: Judgements::Pairs(objective, &pairs), vocabulary, initial };
                train_on_judgements(inputs, &options, compute, directory, events)
            })
        }
        Preference::Kto(objective) => {
            let (labelled, counts): (Vec<Labelled>, _) =
                read(session, pairs, &how, |path, options| read_labelled(path, &chat, options))?;
            let lengths = labelled.iter().map(|example| example.tokens.ids.len()).collect();
            let labels: Vec<bool> = labelled.iter().map(|example| example.desirable).collect();
            let conversations = dialogue::digest(labelled.iter().map(|example| &example.tokens));
            let digest = prentice_base::digest_json(&(labels, conversations));
            let data = Data { name: "labelled response", digest, lengths, counts };
            job.run(session, &options, described, data, |initial, vocabulary, compute, directory, events| {
                let inputs =
                    PreferInputs { judgements: Judgements::Labelled(objective, &labelled), vocabulary, initial };
                train_on_judgements(inputs, &options, compute, directory, events)
            })
        }
    }
}

/// What both commands begin with.
struct Job<'a> {
    name: &'static str,
    base: &'a Path,
    out: &'a Path,
    merge: bool,
    length: Length,
    learning_rate: f64,
    tuning: &'a Tuning,
    compute: Compute,
    model: Model,
    vocabulary: Vocabulary,
}

/// What is trained on.
struct Data {
    /// What one of it is called.
    name: &'static str,
    digest: ContentHash,
    /// Tokens of each.
    lengths: Vec<usize>,
    counts: Counts,
}

/// What was passed over or cut.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    empty: u64,
    dropped: u64,
    truncated: u64,
}

impl<'a> Job<'a> {
    fn prepare(
        name: &'static str,
        base: &'a Path,
        out: &'a Path,
        length: &LengthChoice,
        tuning: &'a Tuning,
        adapters: &Adapters,
        learning: Learning,
    ) -> Result<Self, CliError> {
        let length = training_length(length)?;
        if tuning.tokens_a_batch == 0 {
            return Err(usage("--tokens-a-batch 0 leaves nothing to train on", "leave it out for 4096"));
        }
        let lora = low_rank(adapters)?;
        let compute = defaults::compute(tuning.arithmetic)?;
        let (mut model, vocabulary) = learn::open(base)?;
        if let Some(lora) = lora {
            model = model.with_adapters(&lora, Seed(tuning.seed)).map_err(|error| {
                let hint = error.hint();
                advice::advise(ErrorKind::Usage, &error, Some(hint))
            })?;
        }
        let learning_rate = learn::learning_rate(tuning.learning_rate, learning, &model)?;
        Ok(Self { name, base, out, merge: adapters.merge, length, learning_rate, tuning, compute, model, vocabulary })
    }

    fn reading(&self, reading: &Reading) -> ReadOptions {
        ReadOptions {
            max_tokens: self.model.config().max_position_embeddings,
            over_long: match reading.over_long {
                OverLongChoice::Drop => OverLong::Drop,
                OverLongChoice::Truncate => OverLong::Truncate,
                OverLongChoice::Fail => OverLong::Fail,
            },
            empty: match reading.empty {
                EmptyChoice::Skip => EmptyResponse::Skip,
                EmptyChoice::Fail => EmptyResponse::Fail,
            },
        }
    }

    fn options(&self, optimiser: AdamWOptions) -> EpochOptions {
        EpochOptions {
            length: self.length,
            tokens_a_batch: self.tuning.tokens_a_batch,
            learning_rate: self.learning_rate,
            warmup_steps: self.tuning.warmup,
            schedule: Schedule::WSD,
            optimiser,
            checkpoint_every: self.tuning.checkpoint_every,
            seed: Seed(self.tuning.seed),
        }
    }

    /// Plans, trains and writes the result. `described` is what the manifest says of the options.
    fn run<F: Serialize + Figures>(
        self,
        session: &Session,
        options: &EpochOptions,
        described: Value,
        data: Data,
        train: impl FnOnce(Model, &Vocabulary, Compute, &Path, Events) -> Result<Tuned<Record<F>>, FineTuneError>,
    ) -> Result<(), CliError> {
        let Self { name, base, out, merge, compute, model, vocabulary, .. } = self;
        let config = model.config();
        let longest = data.lengths.iter().copied().max().unwrap_or(0);
        let batch = options.tokens_a_batch.max(longest);
        let training = match model.adapters() {
            None => TrainingMemory::new(config, batch, compute),
            Some(adapters) => TrainingMemory::with_adapters(config, adapters, batch, compute),
        };
        // The model is there already.
        let planned = budget::held_now().saturating_sub(4 * model.parameters().len() as u64) + training.total();
        session.emit(Event::Plan(json!({
            "model": {
                "parameters": model.parameters().len(),
                "trainable": trainable(&model),
                "precision": compute.precision,
                "kernels": compute.kernels.to_string(),
            },
            "data": {
                format!("{}s", data.name): data.lengths.len(),
                "tokens": data.lengths.iter().sum::<usize>(),
                "batch": options.tokens_a_batch,
            },
            "learning_rate": format::two_figures(options.learning_rate),
            "peak_memory_bytes": planned,
        })));
        budget::check_memory(
            planned,
            "lower --tokens-a-batch, train adapters by --lora-rank, or take a smaller model",
        )?;

        let key = StageKey::new(
            name,
            &json!({
                "options": described,
                "adapters": model.adapters(),
                "merge": merge,
                "precision": compute.precision,
                "kernels": compute.kernels.to_string(),
            }),
        )
        .input("model", model.base_digest())
        .input("examples", data.digest);
        let _lock = lock(out, name)?;
        let began = Instant::now();
        let detail = format!(
            "{} of {} parameters, {}",
            format::compact(trainable(&model) as u64),
            format::compact(model.parameters().len() as u64),
            format::counted(data.lengths.len() as u64, data.name)
        );
        session.emit(Event::StageStarted { stage: learn::STAGE.into(), detail });
        let events = |event| session.emit(event);
        let tuned = train(model, &vocabulary, compute, &out.join(CHECKPOINTS), &events).map_err(advice::fine_tuning)?;
        let state = &tuned.state;
        let seconds = state.seconds;
        let last = state.curve.last();
        let detail = format!(
            "{}, loss {}{}",
            format::counted(state.curve.len() as u64, "step"),
            format::decimal(last.map_or(f64::NAN, |point| f64::from(point.loss)), 3),
            state.figures.last().map_or(String::new(), F::in_words)
        );
        let figures = json!({
            "detail": detail,
            "steps": state.curve.len(),
            "examples": data.lengths.len(),
            "passed_over": data.counts,
            "tokens": state.tokens,
            "seconds": seconds,
            "tokens_per_second": state.tokens as f64 / seconds.max(1e-9),
            "first_loss": state.curve.first().map(|point| point.loss),
            "loss": last.map(|point| point.loss),
            "last": state.figures.last(),
        });
        let run = Run { out, key, seed: options.seed, compute, base, merge, planned, began };
        run.conclude(session, tuned, &vocabulary, seconds, figures)
    }
}

/// What is told of a step beside its loss.
trait Figures {
    fn in_words(&self) -> String;
}

impl Figures for prentice_train::sft::SftFigures {
    fn in_words(&self) -> String {
        String::new()
    }
}

impl Figures for PreferFigures {
    fn in_words(&self) -> String {
        self.margin.map_or(String::new(), |margin| format!(", margin {}", format::decimal(f64::from(margin), 2)))
    }
}

fn training_length(choice: &LengthChoice) -> Result<Length, CliError> {
    let nothing = |option: &str| usage(format!("{option} 0 leaves nothing to train on"), "give a number above 0");
    match (choice.epochs, choice.steps, choice.minutes) {
        (Some(0), ..) => Err(nothing("--epochs")),
        (_, Some(0), _) => Err(nothing("--steps")),
        (Some(epochs), ..) => Ok(Length::Epochs(epochs)),
        (_, Some(steps), _) => Ok(Length::Steps(steps)),
        (.., Some(minutes)) => check_minutes(minutes).map(|()| Length::Seconds(minutes * 60.0)),
        (None, None, None) => Ok(Length::Epochs(3)),
    }
}

/// The adapters that were asked for.
fn low_rank(adapters: &Adapters) -> Result<Option<LoraOptions>, CliError> {
    let Some(rank) = adapters.lora_rank else { return Ok(None) };
    let known: Vec<String> =
        LoraTarget::ALL.iter().map(LoraTarget::to_string).chain(["all-linear".to_owned()]).collect();
    let mut targets = Vec::new();
    for name in &adapters.lora_targets {
        match LoraTarget::ALL.iter().find(|target| target.to_string() == *name) {
            Some(target) => targets.push(*target),
            None if name == "all-linear" => targets.extend(LoraTarget::ALL),
            None => return Err(usage(format!("{name:?} is no projection"), nearest(name, &known))),
        }
    }
    if targets.is_empty() {
        targets.extend(LoraTarget::ALL);
    }
    targets.sort_unstable();
    targets.dedup();
    Ok(Some(LoraOptions { rank, alpha: adapters.lora_alpha.unwrap_or(2.0 * rank as f64), targets }))
}

fn chat<'v>(reading: &Reading, vocabulary: &'v Vocabulary) -> Result<Chat<'v>, CliError> {
    let wrong = |error: ChatError| {
        let hint = error.hint();
        advice::advise(ErrorKind::Usage, &error, Some(hint))
    };
    let template = match &reading.template {
        Some(name) => ChatTemplate::named(name).map_err(wrong)?,
        None => ChatTemplate::detect(vocabulary),
    };
    Chat::new(template, vocabulary).map_err(wrong)
}

/// Reads files one after another, and tells what was passed over.
fn read<E>(
    session: &Session,
    paths: &[PathBuf],
    options: &ReadOptions,
    read: impl Fn(&Path, &ReadOptions) -> Result<Examples<E>, ExampleError>,
) -> Result<(Vec<E>, Counts), CliError> {
    let (mut all, mut counts) = (Vec::new(), Counts::default());
    for path in paths {
        let Examples { examples, empty, dropped, truncated } = read(path, options).map_err(advice::examples)?;
        all.extend(examples);
        let limit = format::count(options.max_tokens as u64);
        for (count, what) in [
            (empty, "left out: a response is empty".to_owned()),
            (dropped, format!("left out: more than the model's {limit} tokens")),
            (truncated, format!("cut off after the model's {limit} tokens")),
        ] {
            if count > 0 {
                let message = format!("{}: {} {what}", path.display(), format::counted(count, "line"));
                session.emit(Event::Warning { message });
            }
        }
        counts.empty += empty;
        counts.dropped += dropped;
        counts.truncated += truncated;
    }
    Ok((all, counts))
}
