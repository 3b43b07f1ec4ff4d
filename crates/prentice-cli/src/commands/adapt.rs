//! `prentice adapt`: trains a small model on a repository, for completion there, and says what it forgot.

use std::{fs, path::Path, time::Instant};

use prentice_base::{Event, Seed, StageCache};
use prentice_corpus::{Corpus, DecideOptions, Policy, Split};
use prentice_model::{Compute, Model};
use prentice_tokens::{EncodeOptions, FimOptions, Vocabulary, Words};
use prentice_train::{
    checkpoint,
    optimiser::AdamWOptions,
    plan::{self, Dial},
    pretrain::{Budget, HeldOutLoss, PretrainError, PretrainInputs, PretrainOptions, measure, pretrain},
    schedule::Schedule,
};
use serde_json::{Value, json};

use crate::{
    advice,
    arguments::Adapt,
    commands::{Session, check_minutes, companion, lock, repository, usage},
    defaults,
    error::CliError,
    format,
    stages::{self, CHECKPOINTS, Encoded},
    table::{Align::Left, Align::Right, table},
};

/// Tokens in a row, as completion reads them.
const CONTEXT: u32 = 512;
/// Half of the pieces have a hole, the text below first: so completion asks.
const FIM: FimOptions = FimOptions { rate: 0.5, spm_rate: 1.0, line_rate: 0.3 };
/// Passes over the repository with other holes.
const PASSES: u32 = 4;
/// Share of files that the result is measured on.
const HELD_OUT: f64 = 0.05;
/// Rows of a held-out shard that are measured.
const ROWS: usize = 128;
/// A model that knows much already is moved less than a new one, as a share of the rate.
const RATE_OF_KNOWN: f64 = 0.3;
/// Rows in a step.
const BATCH_ROWS: usize = 8;

/// Trains on the repository.
pub fn run(session: &Session, arguments: Adapt) -> Result<(), CliError> {
    check_minutes(arguments.minutes)?;
    let compute = defaults::compute(arguments.arithmetic)?;
    let root = repository::root_of(arguments.repository.as_deref());
    if !root.is_dir() {
        return Err(usage(format!("{} is no directory", root.display()), "give the directory of a repository"));
    }
    let general = arguments.general.as_deref().map(stages::open_encoded).transpose()?;
    let base = arguments.from.as_deref().map(|directory| load(directory, general.as_ref())).transpose()?;
    let out = arguments.out.unwrap_or_else(|| companion::directory(&root));
    let work = out.with_extension("work");
    if out.starts_with(root.join(".prentice")) {
        repository::keep(&root)?;
    }
    let _lock = lock(&work, "adapt")?;
    let began = Instant::now();
    let events = |event| session.emit(event);
    let seed = Seed(arguments.seed);
    let context = stages::Context { cache: StageCache::new(&work), seed, compute, events: &events };
    let decide = DecideOptions { policy: Policy::Own, held_out: HELD_OUT, ..DecideOptions::default() };
    let corpus = stages::curate(&context, &root, &decide)?.value;
    let seconds = arguments.minutes * 60.0;
    let (initial, vocabulary, rate) = match base {
        Some((model, vocabulary)) => {
            let width = model.config().hidden_size;
            (model, vocabulary, RATE_OF_KNOWN * plan::learning_rate(width))
        }
        None => begin(&corpus, seconds, compute, seed, session)?,
    };
    let tokens = work.join("tokens");
    let options = EncodeOptions { context: CONTEXT, fim: FIM, passes: PASSES, seed };
    stages::encode(&corpus, &vocabulary, &options, &events, &tokens)?;
    let encoded = stages::open_encoded(&tokens)?;
    let shards =
        [("this repository, held out", encoded.held_out.as_ref()), ("elsewhere", held_out_of(general.as_ref()))];
    let before = shards.map(|(_, shard)| Some(measure(&initial, shard?, &vocabulary, compute, ROWS)));

    let options = PretrainOptions {
        budget: Budget::Seconds(seconds),
        batch_rows: BATCH_ROWS,
        learning_rate: rate,
        warmup_steps: 20,
        schedule: Schedule::COSINE,
        optimiser: AdamWOptions::default(),
        evaluate_every: 0,
        evaluation_rows: 32,
        checkpoint_every: 0,
        seed,
    };
    let parameters = format::compact(initial.config().parameter_count() as u64);
    let stage = "adapt".to_owned();
    session.emit(Event::StageStarted { stage: stage.clone(), detail: format!("{parameters} parameters") });
    let training = Instant::now();
    let checkpoints = work.join(CHECKPOINTS);
    let train = |initial: Model| {
        let inputs = PretrainInputs {
            train: &encoded.train,
            held_out: encoded.held_out.as_ref(),
            vocabulary: &vocabulary,
            initial,
        };
        pretrain(inputs, &options, compute, &checkpoints, &events)
    };
    let trained = match train(initial.clone()) {
        Err(PretrainError::AnotherRun { .. }) => {
            let message = "the repository or the options have changed since a run that was broken off: beginning anew";
            session.emit(Event::Warning { message: message.to_owned() });
            fs::remove_dir_all(&checkpoints)?;
            train(initial)
        }
        done => done,
    };
    let trained = trained.map_err(advice::pretrain)?;
    let after = shards.map(|(_, shard)| Some(measure(&trained.model, shard?, &vocabulary, compute, ROWS)));
    checkpoint::save_model(&out, &trained.model, &vocabulary)?;
    // What it took is not needed any more.
    fs::remove_dir_all(&work)?;
    let detail = format!("{} tokens", format::compact(trained.state.tokens));
    session.emit(Event::StageFinished { stage, seconds: training.elapsed().as_secs_f64(), detail });

    let rows: Vec<Vec<String>> = shards
        .iter()
        .zip(before.iter().zip(&after))
        .filter_map(|((name, _), (before, after))| {
            let bits = |loss: &HeldOutLoss| format::decimal(loss.bits_per_byte, 3);
            Some(vec![(*name).to_owned(), bits(before.as_ref()?), bits(after.as_ref()?)])
        })
        .collect();
    let shown = table(&[("bits a byte", Left), ("before", Right), ("after", Right)], &rows);
    let forgetting = match (&arguments.from, &after[1]) {
        (Some(_), None) => {
            "what it forgot was not measured: --general names token shards of other code, with some held out\n"
        }
        _ => "",
    };
    let of = |losses: &[Option<HeldOutLoss>; 2], which: usize| -> Value {
        losses[which].as_ref().map_or(Value::Null, |loss| json!(loss.bits_per_byte))
    };
    let summary = json!({
        "model": out,
        "digest": trained.model.digest(),
        "steps": trained.state.step,
        "tokens": trained.state.tokens,
        "repository": {"before": of(&before, 0), "after": of(&after, 0)},
        "elsewhere": {"before": of(&before, 1), "after": of(&after, 1)},
        "seconds": began.elapsed().as_secs_f64(),
    });
    session.conclude(summary, &format!("{}\n{shown}{forgetting}", out.display()))
}

fn held_out_of(encoded: Option<&Encoded>) -> Option<&prentice_tokens::TokenShard> {
    encoded.and_then(|encoded| encoded.held_out.as_ref())
}

/// A model to go on from, whose tokens must suit completion, and be those of `general`.
fn load(directory: &Path, general: Option<&Encoded>) -> Result<(Model, Vocabulary), CliError> {
    // What cannot be asked word by word is found out before time is spent on it.
    companion::load(directory)?;
    let (model, vocabulary) = checkpoint::load_model(directory).map_err(advice::resume)?;
    if general.is_some_and(|general| general.vocabulary.digest() != vocabulary.digest()) {
        let message = format!("the shards of --general have other tokens than {}", directory.display());
        return Err(usage(
            message,
            "give the shards that the model was trained on, or encode some with its tokenizer.json",
        ));
    }
    Ok((model, vocabulary))
}

/// A new model, where there is none to go on from.
fn begin(
    corpus: &Corpus,
    seconds: f64,
    compute: Compute,
    seed: Seed,
    session: &Session,
) -> Result<(Model, Vocabulary, f64), CliError> {
    let texts: Vec<&str> = corpus.documents(Split::Train).map(|document| document.text).collect();
    let corpus_bytes = texts.iter().map(|text| text.len() as u64).sum();
    let dial = Dial { corpus_bytes, seconds, threads: rayon::current_num_threads(), layers: None };
    let plan = plan::plan(&dial, compute);
    let events = |event| session.emit(event);
    let vocabulary = Vocabulary::train(texts.iter().copied(), plan.vocabulary, Words::Code, &events);
    let vocabulary = vocabulary.map_err(advice::vocabulary)?;
    let config = plan::config(vocabulary.len(), plan.layers);
    let model = Model::initialise(config, seed).expect("the dial makes valid models");
    Ok((model, vocabulary, plan.learning_rate))
}
