//! `prentice model train`, `prentice model generate` and `prentice model info`.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Event, FileError, Seed, StageCache};
use prentice_model::{
    Generator, SamplingOptions,
    checkpoint::{TOKENIZER_FILE, WEIGHTS_FILE},
};
use prentice_train::{
    checkpoint,
    optimiser::AdamWOptions,
    plan::{self, Dial, MOST_EPOCHS, TOKENS_A_PARAMETER, TrainingMemory},
    pretrain::{Budget, PretrainOptions},
    schedule::Schedule,
};
use serde_json::json;

use crate::{
    advice,
    arguments::{BudgetChoice, Generate, ModelTrain, ScheduleChoice},
    budget,
    commands::{Session, check_layers, check_minutes, lock, usage, write_manifest},
    defaults,
    error::CliError,
    format, memory,
    stages::{self, CHECKPOINTS},
    table::{Align::Left, table},
    terminal::TextStream,
};

/// Trains a model on token shards, or continues to.
pub fn train(session: &Session, arguments: ModelTrain) -> Result<(), CliError> {
    let budget = training_budget(&arguments.budget)?;
    check_layers(arguments.layers)?;
    if arguments.batch_rows == Some(0) {
        return Err(usage("--batch-rows 0 leaves nothing to train on", "leave it out for a size that suits"));
    }
    if let Some(rate) = arguments.learning_rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
        return Err(usage(format!("--learning-rate {rate} is not above 0"), "0.003 suits small models"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let encoded = stages::open_encoded(&arguments.shards)?;
    let vocabulary = encoded.vocabulary.len();
    let corpus_bytes = encoded.train.info().source_bytes;
    let threads = rayon::current_num_threads();
    let dial = |seconds, layers| Dial { corpus_bytes, seconds, threads, layers };
    let plan = match budget {
        Budget::Seconds(seconds) => plan::plan(&dial(seconds, arguments.layers), compute),
        Budget::Steps(_) | Budget::Tokens(_) => {
            // Tokens instead of time: the largest model that has enough of them, by the rule of the dial.
            let of = |layers| plan::plan(&dial(0.0, Some(layers)), compute);
            let rows = arguments.batch_rows.unwrap_or_else(|| of(2).batch_rows);
            let tokens = match budget {
                Budget::Steps(steps) => steps as f64 * (rows * encoded.train.context()) as f64,
                Budget::Tokens(tokens) => tokens as f64,
                Budget::Seconds(_) => unreachable!("matched above"),
            };
            let enough = tokens.min(encoded.train.tokens() as f64 * MOST_EPOCHS);
            let fits = |layers: &usize| enough >= TOKENS_A_PARAMETER * of(*layers).parameters as f64;
            let layers = arguments.layers.unwrap_or_else(|| (2..=16).rev().find(fits).unwrap_or(2));
            let speed = of(layers).tokens_per_second;
            plan::plan(&dial(tokens / speed, Some(layers)), compute)
        }
    };
    let options = PretrainOptions {
        budget,
        batch_rows: arguments.batch_rows.unwrap_or(plan.batch_rows),
        learning_rate: arguments.learning_rate.unwrap_or(plan.learning_rate),
        warmup_steps: arguments.warmup,
        schedule: match arguments.schedule {
            ScheduleChoice::Wsd => Schedule::WSD,
            ScheduleChoice::Cosine => Schedule::COSINE,
        },
        optimiser: AdamWOptions::default(),
        evaluate_every: arguments.evaluate_every,
        evaluation_rows: 32,
        checkpoint_every: arguments.checkpoint_every,
        seed: Seed(arguments.seed),
    };
    let config = plan::config(vocabulary, plan.layers);
    let batch_tokens = options.batch_rows * encoded.train.context();
    let rows = encoded.train.tokens().min(plan.tokens as u64) * 4;
    let needed = budget::held_now() + TrainingMemory::new(&config, batch_tokens, compute).total() + rows;
    session.emit(Event::Plan(json!({
        "model": {
            "parameters": config.parameter_count(),
            "layers": config.num_hidden_layers,
            "hidden": config.hidden_size,
            "vocabulary": vocabulary,
            "precision": compute.precision,
            "kernels": compute.kernels.to_string(),
        },
        "data": {
            "tokens": encoded.train.tokens(),
            "context": encoded.train.context(),
            "batch": batch_tokens,
            "to_train_on": plan.tokens as u64,
        },
        "train_seconds": plan.tokens / plan.tokens_per_second,
        "peak_memory_bytes": needed,
    })));

    let _lock = lock(&arguments.out, "train")?;
    let events = |event| session.emit(event);
    let cache = StageCache::new(&arguments.out);
    let context = stages::Context { cache, seed: Seed(arguments.seed), compute, events: &events };
    let began = Instant::now();
    let detail = format!("{} parameters", format::compact(config.parameter_count() as u64));
    session.emit(Event::StageStarted { stage: "train".into(), detail });
    let trained = stages::pretrain_model(&context, &encoded, &config, &options, &arguments.out.join(CHECKPOINTS))?;
    let directory = arguments.out.join("model");
    checkpoint::save_model(&directory, &trained.model, &encoded.vocabulary)?;
    let figures = trained.figures();
    let seconds = began.elapsed().as_secs_f64();
    let key = stages::training_key(compute, &encoded, &config, &options);
    let outputs = BTreeMap::from([("model".to_owned(), trained.model.digest())]);
    let kernels = compute.kernels.to_string();
    let manifest = stages::manifest(
        &key,
        key.digest(),
        Seed(arguments.seed),
        &kernels,
        outputs,
        trained.state.seconds,
        figures.clone(),
    );
    write_manifest(&arguments.out, &manifest)?;
    let detail = figures["detail"].as_str().unwrap_or_default().to_owned();
    session.emit(Event::StageFinished { stage: "train".into(), seconds, detail: detail.clone() });

    let mut summary = figures;
    summary["model"] = json!(directory);
    summary["digest"] = json!(trained.model.digest());
    summary["tokens_per_second"] = json!(trained.tokens_per_second());
    summary["planned_memory_bytes"] = json!(needed);
    summary["peak_memory_bytes"] = json!(memory::peak());
    session.conclude(summary, &format!("{}: {detail}\n", directory.display()))
}

fn training_budget(choice: &BudgetChoice) -> Result<Budget, CliError> {
    let nothing = |option: &str| usage(format!("{option} 0 leaves nothing to train on"), "give a number above 0");
    match (choice.minutes, choice.tokens, choice.steps) {
        (Some(minutes), ..) => check_minutes(minutes).map(|()| Budget::Seconds(minutes * 60.0)),
        (_, Some(0), _) => Err(nothing("--tokens")),
        (_, Some(tokens), _) => Ok(Budget::Tokens(tokens)),
        (.., Some(0)) => Err(nothing("--steps")),
        (.., Some(steps)) => Ok(Budget::Steps(steps)),
        (None, None, None) => Err(usage("no budget is given", "give one of --minutes, --tokens and --steps")),
    }
}

/// Continues a text, and shows the continuation while it is written.
pub fn generate(session: &Session, arguments: Generate) -> Result<(), CliError> {
    let Generate { temperature, top_p, top_k, max_tokens, .. } = arguments;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(usage(
            format!("--temperature {temperature} is not 0 or above"),
            "0 is greedy, 1 follows the model",
        ));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(usage(format!("--top-p {top_p} is not above 0 and up to 1"), "1 leaves every token in"));
    }
    if max_tokens == 0 {
        return Err(usage("--max-tokens 0 leaves nothing to write", "leave it out for 128"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let directory = defaults::model(arguments.model)?;
    let (model, vocabulary) = checkpoint::load_model(&directory).map_err(advice::resume)?;
    let text = if arguments.prompt == "-" { standard_input()? } else { arguments.prompt };

    let end = vocabulary.special().end_of_text;
    let mut prompt = vec![end];
    prompt.extend(vocabulary.encode(&text));
    let positions = model.config().max_position_embeddings;
    let room = positions.saturating_sub(max_tokens).max(positions / 2);
    if prompt.len() > room {
        let (all, kept) = (format::count(prompt.len() as u64), format::count(room as u64));
        session.emit(Event::Warning {
            message: format!("the prompt has {all} tokens: only the last {kept} fit before what is to be written"),
        });
        prompt.drain(1..prompt.len() - room + 1);
    }
    let context = positions.min(prompt.len() + max_tokens);
    let options = SamplingOptions { temperature, top_k, top_p, seed: Seed(arguments.seed) };
    let mut generator = Generator::new(&model, compute, context);
    let mut stream = (!session.json).then(TextStream::stdout);
    let began = Instant::now();
    let generated = generator.generate(&prompt, max_tokens, &options, |id| {
        let is_read = stream.as_mut().is_none_or(|stream| stream.push(vocabulary.token_bytes(id)));
        id == end || !is_read
    })?;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(stream) = stream {
        stream.finish().map_err(FileError::new("write", "standard output"))?;
    }
    let ids: Vec<u32> = generated.iter().map(|token| token.id).collect();
    let log_probability: f64 = generated.iter().map(|token| f64::from(token.log_probability)).sum();
    let summary = json!({
        "text": vocabulary.decode(&ids),
        "tokens": ids.len(),
        "prompt_tokens": prompt.len(),
        "ended": ids.last() == Some(&end),
        "mean_log_probability": log_probability / ids.len().max(1) as f64,
        "tokens_per_second": ids.len() as f64 / seconds.max(1e-9),
        "model": directory,
    });
    session.conclude(summary, "")
}

/// The whole of it, as text.
pub(super) fn standard_input() -> Result<String, CliError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(FileError::new("read", "standard input"))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        usage(format!("standard input is not UTF-8: byte {at} begins no character"), "give text")
    })
}

/// Shows what a model is.
pub fn info(session: &Session, model: Option<PathBuf>) -> Result<(), CliError> {
    let directory = defaults::model(model)?;
    let (model, vocabulary) = checkpoint::load_model(&directory).map_err(advice::resume)?;
    let config = model.config();
    let attention = config.attention();
    let size = |name: &str| fs::metadata(directory.join(name)).map_or(0, |metadata| metadata.len());
    let bytes = size(WEIGHTS_FILE) + size(TOKENIZER_FILE);
    let summary = json!({
        "model": directory,
        "architecture": config.architectures.first(),
        "parameters": config.parameter_count(),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "feed_forward": config.intermediate_size,
        "heads": attention.heads,
        "key_value_heads": attention.key_value_heads,
        "head": attention.head,
        "positions": config.max_position_embeddings,
        "tied_embeddings": config.tie_word_embeddings,
        "vocabulary": vocabulary.len(),
        "bytes": bytes,
        "digest": model.digest(),
        "vocabulary_digest": vocabulary.digest(),
    });
    let rows = [
        ("model", display(&directory)),
        ("architecture", config.architectures.first().cloned().unwrap_or_default()),
        ("parameters", format::count(config.parameter_count() as u64)),
        ("layers", config.num_hidden_layers.to_string()),
        ("hidden size", format::count(config.hidden_size as u64)),
        ("feed-forward size", format::count(config.intermediate_size as u64)),
        (
            "heads",
            format!("{} of {}, {} for keys and values", attention.heads, attention.head, attention.key_value_heads),
        ),
        ("positions", format::count(config.max_position_embeddings as u64)),
        ("embeddings", if config.tie_word_embeddings { "tied" } else { "not tied" }.to_owned()),
        ("vocabulary", format!("{} tokens", format::count(vocabulary.len() as u64))),
        ("size on disk", format::bytes(bytes)),
        ("digest", model.digest().to_string()),
        ("vocabulary digest", vocabulary.digest().to_string()),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    session.conclude(
        summary,
        &table(&[("", Left), ("", Left)], &rows).lines().skip(2).map(|line| format!("{line}\n")).collect::<String>(),
    )
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
