//! `prentice quickstart`: curate, tokenise, train, examine, report, and say what to do next.
//!
//! Results appear together under `<out>/quickstart` when everything is done; the stages are cached under `<out>/runs`.
//! Nothing is created where the tree cannot be used.

mod copied;
mod present;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Event, FileError, Seed, StageCache, files};
use prentice_corpus::Split;
use prentice_model::Compute;
use prentice_tokens::EncodeOptions;
use prentice_train::{
    checkpoint,
    examine::ExamineOptions,
    optimiser::AdamWOptions,
    plan::{self, Dial, Plan},
    pretrain::{Budget, PretrainOptions},
    schedule::Schedule,
};
use serde_json::{Value, json};

use self::present::{Results, completions, ending, next_commands, report};
use crate::{
    arguments::Quickstart,
    budget::{self, Held, MemoryPlan, TimePlan},
    commands::{Session, check_curation, check_layers, check_minutes, corpus::decide_options},
    defaults::{self, QUICKSTART, SUMMARY_FILE},
    error::CliError,
    execution::Proof,
    memory,
    recipe::{self, Ran, Recipe, reading},
    report::{REPORT_FILE, Verdicts, learn, render},
    stages::{self, Context, EXAMINATION_FILE, keep_out_of_git},
};

/// Name of the page on learning from verdicts.
const LEARNING_FILE: &str = "learning.html";
/// Below this, there is no time to learn from verdicts.
const LEAST_LEARNING_MINUTES: f64 = 4.0;
/// Share of the time that learning from verdicts gets.
const LEARNING_SHARE: f64 = 0.75;
/// What recipes/docfn.toml trains, controls of equal length included.
const TRAINING_MINUTES: f64 = 6.25;
/// What its examinations take, at any scale.
const EXAMINATION_MINUTES: f64 = 1.25;

/// The whole life of a small model.
pub fn run(session: &Session, arguments: Quickstart) -> Result<(), CliError> {
    check_minutes(arguments.minutes)?;
    check_curation(&arguments.curation)?;
    check_layers(arguments.layers)?;
    let compute = defaults::compute(arguments.arithmetic)?;
    let began = Instant::now();
    let events = |event| session.emit(event);
    let seed = Seed(arguments.seed);
    let cache = StageCache::new(arguments.out.join("runs"));
    let context = Context { cache, seed, compute, events: &events };

    let curated = stages::curate(&context, &arguments.path, &decide_options(&arguments.curation))?;
    let corpus = curated.value;
    let funnel = corpus.funnel();
    memory::release();
    let with_corpus = budget::held_now();
    let mapped = funnel.train.bytes + funnel.held_out.bytes;
    let held = Held { before: with_corpus.saturating_sub(mapped), with_corpus };

    let executed = stages::execution(&context)?;
    // A model of its own learns from verdicts, where there are any and there is time for it.
    let can_execute = matches!(executed.value, Proof::Works { .. });
    let learning = (can_execute && arguments.minutes >= LEAST_LEARNING_MINUTES)
        .then_some(arguments.minutes * LEARNING_SHARE)
        .ok_or(if can_execute {
            "Left out: it takes a quickstart of four minutes or more."
        } else {
            "Left out: programs cannot be executed safely here; `prentice sandbox doctor` says why."
        });
    let own_minutes = arguments.minutes - learning.unwrap_or(0.0);
    let time = budget::time(own_minutes, funnel.train.bytes);
    let dial = Dial {
        corpus_bytes: funnel.train.bytes,
        seconds: time.train,
        threads: rayon::current_num_threads(),
        layers: arguments.layers,
    };
    let plan = plan::plan(&dial, compute);
    let config = plan::config(plan.vocabulary, plan.layers);
    let needed = MemoryPlan::new(held, funnel.train.bytes, &config, &plan, compute);
    session.emit(Event::Plan(plan_in_numbers(&funnel, &plan, &time, &needed, compute)));

    let encode = EncodeOptions { context: plan.context as u32, fim: plan::FIM, passes: plan.passes, seed };
    let encoded = stages::tokenise(&context, &corpus, plan.vocabulary, &encode)?;
    // Training reads the shards only: what it does not need goes, and is opened again afterwards.
    drop(corpus);
    memory::release();
    let options = PretrainOptions {
        budget: Budget::Seconds(time.train),
        batch_rows: plan.batch_rows,
        learning_rate: plan.learning_rate,
        warmup_steps: 50,
        schedule: Schedule::WSD,
        optimiser: AdamWOptions::default(),
        evaluate_every: 0,
        evaluation_rows: 32,
        checkpoint_every: 0,
        seed,
    };
    let trained = stages::train(&context, &encoded.value, &config, &options)?;
    memory::release();
    let corpus = prentice_corpus::Corpus::open(&curated.directory).map_err(crate::advice::corpus)?;
    let examine = ExamineOptions {
        context: plan.context,
        bytes: ((200_000.0 * own_minutes) as u64).clamp(50_000, 2_000_000),
        holes: ((40.0 * own_minutes) as usize).clamp(30, 300),
        seed,
    };
    // Only the run that trains shows how much training takes; later ones repeat what it showed.
    let memory_figures = || match trained.reused {
        true => Value::Null,
        false => json!({"planned_memory_bytes": needed.peak(), "peak_memory_bytes": memory::peak()}),
    };
    let examined = stages::examination(
        &context,
        &trained.value.model,
        &encoded.value.vocabulary,
        &corpus,
        &examine,
        memory_figures,
    )?;

    let learned = match learn_from_verdicts(&context, learning) {
        Ok(learned) => learned,
        // What was made before is worth having without it.
        Err(error) => {
            let message = format!("learning from execution is left out: {}", error.message);
            session.emit(Event::Warning { message });
            Learned { ran: Vec::new(), results: None, left_out: "Left out: it failed, as the warning says." }
        }
    };

    let place = Place::new(&arguments.out)?;
    let documents: Vec<_> = corpus.documents(Split::HeldOut).collect();
    let completions = completions(&examined.value, &documents);
    let next = next_commands(
        &place,
        &arguments.path,
        &curated.directory,
        funnel.languages.first().map(|one| one.name.as_str()),
        &completions,
    );
    let reused: Vec<&str> = [
        ("corpus", curated.reused),
        ("tokens", encoded.reused),
        ("train", trained.reused),
        ("examine", examined.reused),
        ("execution", executed.reused),
    ]
    .into_iter()
    .chain(learned.ran.iter().map(|ran| (ran.name.as_str(), ran.reused)))
    .filter_map(|(stage, reused)| reused.then_some(stage))
    .collect();
    let results = Results {
        path: &arguments.path,
        corpus: &corpus,
        funnel: &funnel,
        plan: &plan,
        time: &time,
        config: &config,
        compute,
        options: &options,
        epochs: budget::epochs(trained.value.state.tokens, &encoded.value.train, plan.passes),
        state: &trained.value.state,
        examination: &examined.value,
        completions,
        execution: &executed.value,
        verdicts: learned.verdicts(),
        stages: [curated.manifest, encoded.manifest, trained.manifest, examined.manifest, executed.manifest]
            .into_iter()
            .chain(learned.ran.iter().map(|ran| ran.manifest.clone()))
            .collect(),
        next,
    };
    let page = render(&report(&results));
    let overall = &examined.value.overall;
    let state = &trained.value.state;
    let figures = &results.stages[3].summary["figures"];
    let mut summary = json!({
        "bits_per_byte": overall.bits_per_byte,
        "unigram_bits_per_byte": overall.unigram_bits_per_byte,
        "top1": overall.top1,
        "fim_exact_match": overall.fim_exact_match,
        "fim_exact_match_copy": overall.fim_exact_match_copy,
        "fim_edit_similarity": overall.fim_edit_similarity,
        "fim_edit_similarity_copy": overall.fim_edit_similarity_copy,
        "tokens_per_second": trained.value.tokens_per_second(),
        "parameters": config.parameter_count(),
        "steps": state.step,
        "tokens": state.tokens,
        "seconds": began.elapsed().as_secs_f64(),
        "planned_memory_bytes": figures["planned_memory_bytes"],
        "peak_memory_bytes": figures["peak_memory_bytes"],
        "execution": executed.value,
        "learning": learned.results.as_ref().map(|_| place.name(LEARNING_FILE)),
        "report": place.name(REPORT_FILE),
        "model": place.name("model"),
        "corpus": place.of(&curated.directory),
        "reused": reused,
    });

    if let (Some(results), Value::Object(fields)) = (&learned.results, &mut summary) {
        fields.extend(results.fields());
    }

    let copied = copied::copied(session, &arguments.path, &arguments.out.join("index"), seed);
    if let (Ok(copied), Value::Object(fields)) = (&copied, &mut summary) {
        fields.insert("copied".to_owned(), Value::Array(copied.rows.clone()));
    }

    let write = |directory: &Path| -> Result<(), CliError> {
        keep_out_of_git(directory)?;
        if let Some(results) = &learned.results {
            files::write_atomic(&directory.join(LEARNING_FILE), learn::page(results).as_bytes())?;
        }
        checkpoint::save_model(&directory.join("model"), &trained.value.model, &encoded.value.vocabulary)?;
        files::write_atomic(&directory.join(REPORT_FILE), page.as_bytes())?;
        let examination = serde_json::to_vec_pretty(&examined.value)?;
        files::write_atomic(&directory.join(EXAMINATION_FILE), &examination)?;
        Ok(files::write_atomic(&directory.join(SUMMARY_FILE), format!("{summary:#}\n").as_bytes())?)
    };
    replace_directory(&arguments.out.join(QUICKSTART), write)?;
    let mut text = ending(&results, &reused, &place.shown(REPORT_FILE));
    match copied {
        Ok(copied) => text += &copied.text,
        Err(error) => session.emit(Event::Warning { message: format!("the tree is not indexed: {}", error.message) }),
    }
    session.conclude(summary, &text)
}

/// What the recipe came to.
struct Learned {
    ran: Vec<Ran>,
    results: Option<recipe::results::Results>,
    /// Why it was left out.
    left_out: &'static str,
}

impl Learned {
    fn verdicts(&self) -> Verdicts {
        match &self.results {
            Some(results) => Verdicts { sentences: reading::sentences(results), page: Some(LEARNING_FILE.to_owned()) },
            None => Verdicts { sentences: vec![self.left_out.to_owned()], page: None },
        }
    }
}

/// Runs the recipe that comes with the program, in about as many minutes.
fn learn_from_verdicts(context: &Context, minutes: Result<f64, &'static str>) -> Result<Learned, CliError> {
    let minutes = match minutes {
        Ok(minutes) => minutes,
        Err(left_out) => return Ok(Learned { ran: Vec::new(), results: None, left_out }),
    };
    let mut recipe = Recipe::parse(include_str!("../../../../recipes/docfn.toml"), "recipes/docfn.toml")?;
    recipe.seed = context.seed;
    let scale = (minutes - EXAMINATION_MINUTES) / TRAINING_MINUTES;
    let ran = recipe::run(&recipe, context, scale)?;
    let results = recipe::results::collect(&recipe, &ran)?;
    Ok(Learned { ran, results: Some(results), left_out: "" })
}

/// The plan for programs and, group by group, for people.
fn plan_in_numbers(
    funnel: &prentice_corpus::Funnel,
    plan: &Plan,
    time: &TimePlan,
    memory: &MemoryPlan,
    compute: Compute,
) -> Value {
    json!({
        "corpus": {
            "files": funnel.train.files + funnel.held_out.files,
            "train_bytes": funnel.train.bytes,
            "held_out_bytes": funnel.held_out.bytes,
        },
        "model": {
            "parameters": plan.parameters,
            "layers": plan.layers,
            "hidden": plan.hidden,
            "vocabulary": plan.vocabulary,
            "precision": compute.precision,
            "kernels": compute.kernels.to_string(),
        },
        "training": {
            "tokens": plan.tokens as u64,
            "context": plan.context,
            "batch": plan.batch_rows * plan.context,
            "tokens_per_second": plan.tokens_per_second.round(),
        },
        "time_seconds": time,
        "memory_bytes": memory,
        "peak_memory_bytes": memory.peak(),
    })
}

/// Fills a directory beside `path` and puts it in its place when it is complete.
fn replace_directory(path: &Path, fill: impl FnOnce(&Path) -> Result<(), CliError>) -> Result<(), CliError> {
    let partial = path.with_file_name(format!(".partial-{QUICKSTART}"));
    let remove = |directory: &Path| {
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(FileError::new("replace", directory))?;
        }
        Ok::<(), FileError>(())
    };
    remove(&partial)?;
    files::create_dir(&partial)?;
    let filled = fill(&partial).and_then(|()| {
        remove(path)?;
        Ok(fs::rename(&partial, path).map_err(FileError::new("write", path))?)
    });
    filled.inspect_err(|_| drop(fs::remove_dir_all(&partial)))
}

/// Where the results lie, and how they are called.
pub struct Place {
    /// The output directory as given.
    out: PathBuf,
    /// What paths in the summary are relative to; `None` where they are absolute.
    base: Option<PathBuf>,
    canonical: PathBuf,
    /// Whether commands find the results without being told.
    is_default: bool,
}

impl Place {
    fn new(out: &Path) -> Result<Self, CliError> {
        let canonical = fs::canonicalize(out).map_err(FileError::new("find", out))?;
        let base = canonical
            .file_name()
            .filter(|name| *name == defaults::STATE)
            .and_then(|_| canonical.parent())
            .map(Path::to_owned);
        let here = std::env::current_dir().and_then(fs::canonicalize)?;
        // The nearest one counts.
        let is_default = base.as_ref().is_some_and(|base| {
            here.ancestors()
                .find(|above| {
                    *above == base || above.join(defaults::STATE).join(QUICKSTART).join(SUMMARY_FILE).exists()
                })
                .is_some_and(|nearest| nearest == base)
        });
        Ok(Self { out: out.to_owned(), base, canonical, is_default })
    }

    /// A result as the summary calls it.
    fn name(&self, result: &str) -> String {
        self.relative(&self.canonical.join(QUICKSTART).join(result))
    }

    /// A directory of a stage as the summary calls it.
    fn of(&self, directory: &Path) -> String {
        let inner = directory.strip_prefix(&self.out).unwrap_or(directory);
        self.relative(&self.canonical.join(inner))
    }

    fn relative(&self, path: &Path) -> String {
        self.base.as_ref().and_then(|base| path.strip_prefix(base).ok()).unwrap_or(path).display().to_string()
    }

    /// A result as the user reaches it from here.
    fn shown(&self, result: &str) -> String {
        self.out.join(QUICKSTART).join(result).display().to_string()
    }
}
