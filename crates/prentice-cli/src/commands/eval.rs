//! `prentice eval SUITE`, `prentice eval fetch`, `prentice eval compare` and `prentice eval suites`.
//!
//! A run is a stage of the stage cache (`.prentice/runs/execute-<key>/`): its log takes verdicts as they come, so that a
//! killed run continues. What it came to is written to the directory of results, in files that do not depend on speed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use prentice_base::{ContentHash, Event, FileError, Seed, Snapshot, StageCache, StageKey, Task, files};
use prentice_corpus::{Corpus, Split};
use prentice_environment::{
    Workshop, bridge,
    data::{self, DataError, DataSet},
    suites::{self, LoadOptions, Suite, SuiteError},
};
use prentice_eval::{
    contamination::{Contamination, Detector, Lexis, TaskText},
    run::{self, Record, VerdictCache},
    samples::{self, Attempt, SOURCE_BYTES, Sample, Samples, SamplesError},
    statistics::{Comparison, Metric, Resampling, TaskScore, Test, adjust, compare},
    summary::{Outcome, Summary, TaskOutcomes, summarise},
};
use prentice_sandbox::{Sandbox, Tier, Toolchain};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    advice,
    arguments::{Compare, EvalSuite, Fetch, Isolation, TierChoice},
    commands::{Session, usage, write_samples},
    defaults,
    error::{CliError, ErrorKind},
    format, report, stages,
    table::{Align::Left, Align::Right, table},
};

const RESULTS: &str = "results.jsonl";
const SUMMARY: &str = "summary.json";

/// A suite whose tasks can be executed here, and what was left out.
struct Runnable {
    suite: Suite,
    /// Languages without a toolchain: their name, how many tasks they have, how to get it.
    skipped: Vec<(String, usize, String)>,
}

/// What a comparison needs of a summary.
#[derive(Deserialize)]
struct Stored {
    suite: String,
    version: ContentHash,
    scores: Vec<TaskScore>,
}

/// Executes samples of a suite.
pub fn run(session: &Session, arguments: EvalSuite) -> Result<(), CliError> {
    if arguments.ks.contains(&0) {
        return Err(usage("--k 0 asks for no sample", "give numbers from 1 on"));
    }
    let Some(name) = &arguments.name else {
        return Err(usage("no suite is named", "`prentice eval suites` lists them"));
    };
    let source = &arguments.source;
    if source.samples.is_none() && source.model.is_none() && !source.canonical {
        return Err(usage("it is not said what to examine", "give --samples FILE, --model DIR or --canonical"));
    }
    let against = arguments.against.as_deref().map(open_corpus).transpose()?;
    let sandbox = sandbox(session, arguments.isolation)?;
    let workshop = Workshop::new(&sandbox);
    let Runnable { suite, skipped } = load(name, &arguments, &workshop)?;
    for (language, tasks, hint) in &skipped {
        let message = format!("{} in {language} are left out: {hint}", format::counted(*tasks as u64, "task"));
        session.emit(Event::Warning { message });
    }
    let out = arguments.out.clone().unwrap_or_else(|| Path::new(defaults::STATE).join("eval").join(&suite.name));
    files::create_dir(Path::new(defaults::STATE))?;
    stages::keep_out_of_git(Path::new(defaults::STATE))?;
    if out.exists() && !out.is_dir() {
        return Err(usage(format!("{} is not a directory", out.display()), "--out names the directory of results"));
    }
    files::create_dir(&out)?;
    let ids: Vec<&str> = suite.tasks.iter().map(|task| task.id.as_str()).collect();
    let path = match (&arguments.source.samples, arguments.source.canonical) {
        (Some(path), _) => path.clone(),
        (None, true) => write_canonical(&out, &suite, &ids)?,
        (None, false) => write_samples::write(session, &arguments, &out, &suite)?,
    };
    let samples = open_samples(session, &path, &suite, &skipped, &ids, arguments.allow_missing)?;
    // Known before anything is executed.
    let fewest = samples.counts().iter().copied().filter(|count| *count > 0).min().unwrap_or(0);
    if let Some(k) = arguments.ks.iter().find(|k| **k > fewest) {
        let message =
            format!("--k {k} asks for more samples than there are: a task of {} has {fewest}", path.display());
        return Err(usage(message, "ask for a smaller --k, or give more samples for each task"));
    }

    let options = json!({
        "suite": suite.name,
        "version": suite.version,
        "languages": arguments.languages,
        "tier": sandbox.tier(),
        "runtimes": suite.tasks.iter().map(|task| workshop.runtime(task)).collect::<BTreeSet<_>>(),
    });
    let digests: Vec<ContentHash> = suite.tasks.iter().map(prentice_base::digest_json).collect();
    let key = StageKey::new("execute", &options)
        .input("samples", samples.digest())
        .input("tasks", prentice_base::digest_json(&digests));
    let mut stage = StageCache::new(Path::new(defaults::STATE).join("runs")).open(&key)?;
    let log = stage.path("log.jsonl");
    // A self-check has to execute, whatever was found out before; one that was killed goes on.
    if arguments.rerun || (source.canonical && stage.completed.is_some()) {
        remove(&log)?;
    }
    let cache = match defaults::user_cache() {
        Some(directory) if !arguments.rerun && !arguments.source.canonical => {
            open_cache(session, &directory.join("verdicts.jsonl"))
        }
        _ => None,
    };
    let events = |event| session.emit(event);
    events(Event::StageStarted {
        stage: "execute".into(),
        detail: format!(
            "{} of {}, tier {:?}",
            format::counted(samples.total() as u64, "sample"),
            suite.name,
            sandbox.tier()
        ),
    });
    let outcome = run::run(&suite.tasks, &samples, &workshop, session.threads(), &log, cache.as_ref(), &events)
        .map_err(|error| {
            CliError::from_error(ErrorKind::Environment, &error)
                .hint("what was found out so far is kept: run the command again to continue")
        })?;
    let speed = (outcome.executed > 0).then(|| outcome.executed as f64 / outcome.seconds.max(1e-9));
    let detail = match speed {
        Some(speed) => format!("{} executed, {} a second", format::count(outcome.executed as u64), format::rate(speed)),
        None => "nothing left to execute".to_owned(),
    };
    events(Event::StageFinished { stage: "execute".into(), seconds: outcome.seconds, detail });

    run::write_results(&out.join(RESULTS), &suite.tasks, &samples, &outcome.records)?;
    let tasks = outcomes(&suite, &samples, &outcome.records);
    let resampling = Resampling::new(Seed(arguments.seed));
    let summary = summarise(&suite.name, &tasks, &arguments.ks, resampling).map_err(statistics_error)?;
    let contamination = against.map(|corpus| contaminated(session, &suite, &tasks, corpus, resampling)).transpose()?;
    let mut file = json!(summary);
    file["version"] = json!(suite.version);
    file["scores"] = json!(tasks.iter().map(TaskOutcomes::score).collect::<Vec<_>>());
    file["skipped"] = json!(skipped.iter().map(|(language, ..)| language).collect::<Vec<_>>());
    file["tier"] = json!(sandbox.tier());
    file["contamination"] = json!(contamination);
    files::write_atomic(&out.join(SUMMARY), format!("{file:#}\n").as_bytes())?;
    let failed = failing(&suite, &samples, &outcome.records);
    let page = report::suite::page(&suite.name, &summary, &tasks, &failed, &skipped);
    files::write_atomic(&out.join("report.html"), page.as_bytes())?;
    let manifest_summary = json!({ "executed": outcome.executed, "seconds": outcome.seconds });
    let outputs = BTreeMap::from([("log.jsonl".to_owned(), ContentHash::of(&files::read(&log)?))]);
    let kernels = format!("tier {:?}", sandbox.tier());
    let manifest =
        stages::manifest(&key, stage.key, Seed(arguments.seed), &kernels, outputs, outcome.seconds, manifest_summary);
    stage.finish(manifest)?;

    let mut result = json!(summary);
    result["executions_per_second"] = json!(speed);
    result["executed"] = json!(outcome.executed);
    result["cpu_seconds"] = json!(outcome.records.iter().map(|record| record.cpu).sum::<f64>());
    result["seconds"] = json!(outcome.seconds);
    result["tier"] = json!(sandbox.tier());
    result["skipped"] = file["skipped"].clone();
    result["contamination"] = file["contamination"].clone();
    result["out"] = json!(out);
    let text = in_words(&summary, &failed, contamination.as_ref(), &out);
    let defect = |task: &str| suites::defect(&suite.name, task);
    let unexplained = failed.iter().filter(|(task, _)| defect(task).is_none()).count();
    if source.canonical {
        for (task, why) in failed.iter().filter_map(|(task, _)| Some((task, defect(task)?))) {
            session.emit(Event::Warning { message: format!("{task} cannot pass: {why}") });
        }
    }
    session.conclude(result, &text)?;
    if source.canonical && unexplained > 0 {
        let message =
            format!("{unexplained} of {} published solutions did not pass", format::count(summary.total as u64));
        return Err(CliError::new(ErrorKind::TaskFailed, message)
            .hint(format!("the list above says why; all of it is in {}", out.join(RESULTS).display()))
            .after_summary());
    }
    Ok(())
}

/// The isolation that was asked for, or the best there is.
pub fn sandbox(session: &Session, isolation: Isolation) -> Result<Sandbox, CliError> {
    let result = match isolation.tier {
        Some(TierChoice::A) => Sandbox::with_tier(Tier::A),
        Some(TierChoice::B) => Sandbox::with_tier(Tier::B),
        None => Sandbox::best(),
    };
    match result {
        Err(_) if isolation.r#unsafe => {
            let message = "programs run without isolation: they can do whatever you can".to_owned();
            session.emit(Event::Warning { message });
            Ok(Sandbox::with_tier(Tier::C)?)
        }
        result => result.map_err(|error| {
            CliError::from_error(ErrorKind::Environment, &error)
                .hint("`prentice sandbox doctor` says what is missing and how to get it")
                .hint("for programs that you trust, --unsafe runs them without isolation")
        }),
    }
}

/// Where data sets are looked for, in this order.
pub fn data_directories(given: Option<&PathBuf>) -> Vec<PathBuf> {
    let environment = std::env::var_os("PRENTICE_EVALDATA").map(PathBuf::from);
    given.cloned().into_iter().chain(environment).chain(data_cache()).collect()
}

fn data_cache() -> Option<PathBuf> {
    defaults::user_cache().map(|cache| cache.join("evaldata"))
}

fn load(name: &str, arguments: &EvalSuite, workshop: &Workshop) -> Result<Runnable, CliError> {
    let options =
        LoadOptions { data: data_directories(arguments.data.as_ref()), languages: arguments.languages.clone() };
    let mut suite = suites::load(name, &options).map_err(suite_error)?;
    let mut missing: BTreeMap<String, (usize, String)> = BTreeMap::new();
    suite.tasks.retain(|task| {
        let Some(language) = bridge::language(task) else { return true };
        if workshop.toolchain(language).is_some() {
            return true;
        }
        let hint = Toolchain::find(language).err().map(|missing| format!("{missing} ({})", missing.hint));
        let name = match &task.snapshot {
            Snapshot::Program(program) => program.language.clone(),
            Snapshot::Repository { .. } => String::new(),
        };
        missing.entry(name).or_insert((0, hint.unwrap_or_default())).0 += 1;
        false
    });
    let skipped: Vec<_> = missing.into_iter().map(|(language, (tasks, hint))| (language, tasks, hint)).collect();
    if suite.tasks.is_empty() {
        let hints = skipped.iter().map(|(_, _, hint)| hint.as_str()).collect::<Vec<_>>().join("; ");
        return Err(CliError::new(ErrorKind::Environment, format!("nothing of {} can be executed here", suite.name))
            .hint(hints));
    }
    Ok(Runnable { suite, skipped })
}

/// A suite's error, with what helps.
pub fn suite_error(error: SuiteError) -> CliError {
    let kind = match &error {
        SuiteError::Unknown { .. } | SuiteError::Language { .. } | SuiteError::Data(DataError::NotFound { .. }) => {
            ErrorKind::Usage
        }
        _ => ErrorKind::Environment,
    };
    let hint = match &error {
        SuiteError::Unknown { .. } => "`prentice eval suites` lists them all".to_owned(),
        SuiteError::Language { .. } => "leave out --language for all of them".to_owned(),
        SuiteError::Data(DataError::NotFound { .. }) => {
            "where it is already, --data DIR or $PRENTICE_EVALDATA says so".to_owned()
        }
        _ => "fetch the data again: `prentice eval fetch SUITE`".to_owned(),
    };
    CliError::from_error(kind, &error).hint(hint)
}

fn statistics_error(error: impl std::error::Error + 'static) -> CliError {
    CliError::from_error(ErrorKind::Usage, &error).hint("ask for a smaller --k, or give more samples for each task")
}

/// The published solutions as a file of samples.
fn write_canonical(out: &Path, suite: &Suite, ids: &[&str]) -> Result<PathBuf, CliError> {
    let path = out.join("canonical.jsonl");
    let samples = suite.tasks.iter().enumerate().map(|(task, content)| Sample {
        task,
        attempt: Attempt::Completion(content.reference.clone().unwrap_or_default()),
        cost: None,
        tokens: None,
    });
    samples::write(&path, ids, samples)?;
    Ok(path)
}

fn open_samples(
    session: &Session,
    path: &Path,
    suite: &Suite,
    skipped: &[(String, usize, String)],
    ids: &[&str],
    allow_missing: bool,
) -> Result<Samples, CliError> {
    let samples = Samples::open(path, ids, SOURCE_BYTES).map_err(|error| {
        let hint = match &error {
            // The system's error has its own.
            SamplesError::File(_) => None,
            SamplesError::UnknownTasks { .. } if skipped.is_empty() => {
                Some("samples belong to the suite that is named; `prentice eval suites` lists the others")
            }
            SamplesError::UnknownTasks { .. } => {
                Some("tasks in languages without a toolchain count as unknown here: --language picks the others")
            }
            _ => Some("each line is a JSON object with `task_id` and `completion`, in UTF-8"),
        };
        let result = CliError::from_error(ErrorKind::Usage, &error);
        match hint {
            Some(hint) => result.hint(hint),
            None => result,
        }
    })?;
    let missing = samples.missing();
    if !missing.is_empty() {
        let some: Vec<&str> = missing.iter().take(3).map(|task| ids[*task]).collect();
        let more = if missing.len() > some.len() { ", ..." } else { "" };
        let message = format!(
            "{} has no sample for {} of the {} tasks of {}: {}{more}",
            path.display(),
            format::count(missing.len() as u64),
            format::count(ids.len() as u64),
            suite.name,
            some.join(", ")
        );
        if !allow_missing {
            return Err(usage(message, "--allow-missing scores the others, as tasks that were not attempted"));
        }
        session.emit(Event::Warning { message });
    }
    if samples.oversized() > 0 {
        let message = format!(
            "{} longer than {}: refused unexecuted, and scored as failures",
            format::counted(samples.oversized(), "sample"),
            format::bytes(SOURCE_BYTES as u64)
        );
        session.emit(Event::Warning { message });
    }
    Ok(samples)
}

/// The verdicts that earlier runs of this user came to. A run is as good without them.
fn open_cache(session: &Session, path: &Path) -> Option<VerdictCache> {
    VerdictCache::open(path)
        .inspect_err(|error| {
            let why = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
            let message = format!("verdicts are not kept for other runs: {error}{why}");
            session.emit(Event::Warning { message });
        })
        .ok()
}

fn open_corpus(directory: &Path) -> Result<(&Path, Corpus), CliError> {
    Ok((directory, Corpus::open(directory).map_err(advice::corpus)?))
}

fn remove(path: &Path) -> Result<(), CliError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::new("remove", path)(error).into()),
        _ => Ok(()),
    }
}

/// The records by task.
fn outcomes(suite: &Suite, samples: &Samples, records: &[Record]) -> Vec<TaskOutcomes> {
    let mut tasks: Vec<TaskOutcomes> = suite
        .tasks
        .iter()
        .map(|task| TaskOutcomes {
            task: task.id.clone(),
            cluster: task.source.clone().unwrap_or_else(|| task.id.clone()),
            outcomes: Vec::new(),
            spend: Some(0.0),
        })
        .collect();
    for record in records {
        let task = &mut tasks[samples.task(record.sample)];
        task.outcomes.push(Outcome::from(&record.verdict));
        task.spend = task.spend.zip(record.cost).map(|(sum, cost)| sum + cost);
    }
    tasks
}

/// The samples that did not pass: task, what happened.
fn failing(suite: &Suite, samples: &Samples, records: &[Record]) -> Vec<(String, prentice_base::Verdict)> {
    let failing = records.iter().filter(|record| record.verdict != prentice_base::Verdict::Pass);
    failing.map(|record| (suite.tasks[samples.task(record.sample)].id.clone(), record.verdict.clone())).collect()
}

/// Which tasks a corpus contains, and the scores of both kinds.
#[derive(Serialize)]
struct Exposure {
    corpus: PathBuf,
    tasks: Vec<Contamination>,
    clean: Option<Summary>,
    contaminated: Option<Summary>,
}

fn contaminated(
    session: &Session,
    suite: &Suite,
    tasks: &[TaskOutcomes],
    (directory, corpus): (&Path, Corpus),
    resampling: Resampling,
) -> Result<Exposure, CliError> {
    let events = |event| session.emit(event);
    events(Event::StageStarted { stage: "contamination".into(), detail: format!("searching {}", directory.display()) });
    let began = std::time::Instant::now();
    let prefix = |task: &'_ Task| match &task.snapshot {
        Snapshot::Program(program) => (program.prefix.clone(), program.language.clone()),
        Snapshot::Repository { .. } => Default::default(),
    };
    let texts: Vec<(String, String)> = suite.tasks.iter().map(prefix).collect();
    let parts: Vec<TaskText<'_>> = suite
        .tasks
        .iter()
        .zip(&texts)
        .map(|(task, (prompt, language))| TaskText {
            task: &task.id,
            prompt,
            solution: task.reference.as_deref().unwrap_or_default(),
            lexis: Lexis::of_language(language),
        })
        .collect();
    let documents = corpus.documents(Split::Train).chain(corpus.documents(Split::HeldOut)).map(|document| {
        Ok::<_, std::convert::Infallible>((document.provenance.path.clone(), document.text.to_owned()))
    });
    let threads = NonZeroUsize::new(session.threads()).unwrap_or(NonZeroUsize::MIN);
    let found = Detector::new(&parts).scan(documents, threads).unwrap_or_else(|never| match never {});
    let is_contaminated: Vec<bool> = found.iter().map(|task| task.contaminated).collect();
    let part = |wanted: bool| -> Vec<TaskOutcomes> {
        tasks.iter().zip(&is_contaminated).filter(|(_, is)| **is == wanted).map(|(task, _)| task.clone()).collect()
    };
    let (clean, dirty) = (part(false), part(true));
    let summary = |tasks: &[TaskOutcomes]| {
        let scored = tasks.iter().any(|task| !task.outcomes.is_empty());
        scored.then(|| summarise(&suite.name, tasks, &[], resampling)).transpose().map_err(statistics_error)
    };
    let exposure = Exposure {
        corpus: directory.to_owned(),
        clean: summary(&clean)?,
        contaminated: summary(&dirty)?,
        tasks: found,
    };
    let detail =
        format!("{} of {} tasks found", exposure.tasks.iter().filter(|task| task.contaminated).count(), tasks.len());
    events(Event::StageFinished { stage: "contamination".into(), seconds: began.elapsed().as_secs_f64(), detail });
    Ok(exposure)
}

fn in_words(
    summary: &Summary,
    failed: &[(String, prentice_base::Verdict)],
    exposure: Option<&Exposure>,
    out: &Path,
) -> String {
    let mut rows = vec![
        vec!["samples".to_owned(), format::count(summary.total as u64)],
        vec!["passed".to_owned(), format::count(summary.passed as u64)],
        vec!["failed".to_owned(), format::count(summary.failed as u64)],
    ];
    for (kind, count) in &summary.failures {
        rows.push(vec![format!("  {}", kind.replace('_', " ")), format::count(*count as u64)]);
    }
    rows.push(vec!["infrastructure errors".to_owned(), format::count(summary.infrastructure_errors as u64)]);
    if summary.missing > 0 {
        rows.push(vec!["tasks not attempted".to_owned(), format::count(summary.missing as u64)]);
    }
    let mut estimates = Vec::new();
    for (name, values) in [("pass@", &summary.pass_at), ("pass^", &summary.pass_hat)] {
        for (k, estimate) in values.iter().filter(|(k, _)| name == "pass@" || **k > 1) {
            let interval = format!("{} to {}", format::percent(estimate.low), format::percent(estimate.high));
            estimates.push(vec![format!("{name}{k}"), format::percent(estimate.value), interval]);
        }
    }
    if let Some(cost) = &summary.cost_per_solved {
        let high = cost.high.map_or_else(|| "without bound".to_owned(), |high| format!("{high:.4}"));
        estimates.push(vec![
            "US dollars a solved".to_owned(),
            format!("{:.4}", cost.value),
            format!("{:.4} to {high}", cost.low),
        ]);
    }
    let mut text = table(&[(&summary.suite, Left), ("", Right)], &rows);
    text += "\n";
    text += &table(&[("", Left), ("", Right), ("95 % interval", Left)], &estimates);
    for (k, reason) in &summary.refused {
        text += &format!("no pass@{k}: {reason}\n");
    }
    if let Some(exposure) = exposure {
        for (name, part) in [("clean", &exposure.clean), ("contaminated", &exposure.contaminated)] {
            let value = part.as_ref().and_then(|part| Some((part.tasks, part.pass_at.get(&1)?)));
            text += &match value {
                Some((tasks, estimate)) => format!(
                    "{name}: pass@1 {} ({} to {}) over {}\n",
                    format::percent(estimate.value),
                    format::percent(estimate.low),
                    format::percent(estimate.high),
                    format::counted(tasks as u64, "task")
                ),
                None => format!("{name}: no task\n"),
            };
        }
    }
    if !failed.is_empty() {
        let shown: Vec<Vec<String>> =
            failed.iter().take(10).map(|(task, verdict)| vec![task.clone(), verdict_in_words(verdict)]).collect();
        text += "\n";
        text += &table(&[("not passed", Left), ("", Left)], &shown);
        if failed.len() > shown.len() {
            text += &format!("and {} more\n", format::count((failed.len() - shown.len()) as u64));
        }
    }
    text + &format!("\n{}\n", out.display())
}

/// A verdict on one line.
pub fn verdict_in_words(verdict: &prentice_base::Verdict) -> String {
    let (kind, detail) = match verdict {
        prentice_base::Verdict::Pass => return "pass".to_owned(),
        prentice_base::Verdict::Fail { kind, detail } => {
            (json!(kind).as_str().unwrap_or_default().replace('_', " "), detail.clone())
        }
        prentice_base::Verdict::InfrastructureError { detail } => ("infrastructure error".to_owned(), detail.clone()),
    };
    let short: String = detail.chars().take(90).collect();
    if short.is_empty() { kind } else { format!("{kind}: {short}") }
}

/// Downloads a data set.
pub fn fetch(session: &Session, arguments: Fetch) -> Result<(), CliError> {
    let set = match DataSet::named(&arguments.name) {
        Some(set) => set,
        None => suites::data_set(&arguments.name).map_err(suite_error)?,
    };
    let Some(directory) = arguments.data.or_else(data_cache) else {
        return Err(usage("there is no home directory to keep data in", "say where with --data DIR"));
    };
    let events = |event| session.emit(event);
    let fetched = data::fetch(set, &directory, arguments.mirror.as_deref(), &events)
        .map_err(|error| CliError::from_error(ErrorKind::Environment, &error))?;
    let summary = json!({
        "set": set.name, "directory": directory, "downloaded": fetched.downloaded, "kept": fetched.kept,
    });
    let text = format!(
        "{} ({} downloaded, {} there already, all as published)\n",
        directory.join(set.name).display(),
        fetched.downloaded,
        fetched.kept
    );
    session.conclude(summary, &text)
}

/// Lists the suites.
pub fn list(session: &Session, data: Option<PathBuf>) -> Result<(), CliError> {
    let directories = data_directories(data.as_ref());
    let mut rows = Vec::new();
    let mut listed = Vec::new();
    for name in suites::names() {
        let options = LoadOptions { data: directories.clone(), languages: Vec::new() };
        let here = suites::load(&name, &options);
        let tasks = here.as_ref().ok().map(|suite| suite.tasks.len());
        let description = here
            .as_ref()
            .map_or_else(|_| format!("no data: prentice eval fetch {name}"), |suite| suite.description.clone());
        listed.push(json!({ "suite": name, "tasks": tasks }));
        rows.push(vec![name, tasks.map_or_else(String::new, |tasks| format::count(tasks as u64)), description]);
    }
    session.conclude(json!({ "suites": listed }), &table(&[("suite", Left), ("tasks", Right), ("", Left)], &rows))
}

/// Compares runs.
pub fn compare_runs(session: &Session, arguments: Compare) -> Result<(), CliError> {
    let base = stored(&arguments.base)?;
    let resampling = Resampling::new(Seed(arguments.seed));
    let mut comparisons: Vec<Comparison> = Vec::new();
    for path in &arguments.others {
        let other = stored(path)?;
        if (&other.suite, other.version) != (&base.suite, base.version) {
            let message = format!(
                "{} holds results on {}, {} on {}",
                arguments.base.display(),
                base.suite,
                path.display(),
                if other.suite == base.suite { "other data of it" } else { &other.suite }
            );
            return Err(usage(message, "compare runs of one suite on the same data"));
        }
        let result = compare(&base.scores, &other.scores, Metric::PassAt(1), resampling);
        comparisons.push(result.map_err(statistics_error)?);
    }
    adjust(&mut comparisons);
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), format::percent);
    let rows: Vec<Vec<String>> = comparisons
        .iter()
        .zip(&arguments.others)
        .map(|(comparison, path)| {
            let difference = &comparison.difference;
            let points = |value: f64| format!("{:+.1}", value * 100.0);
            vec![
                path.display().to_string(),
                format::percent(comparison.a),
                format::percent(comparison.b),
                points(difference.value),
                format!("{} to {}", points(difference.low), points(difference.high)),
                format!("{:.4}", comparison.p_value),
                format!("{:.4}", comparison.adjusted_p_value),
                percent(comparison.detectable_gap),
            ]
        })
        .collect();
    let columns = [
        ("B", Left),
        ("pass@1 of A", Right),
        ("of B", Right),
        ("B - A, points", Right),
        ("95 % interval", Left),
        ("p", Right),
        ("p (Holm)", Right),
        ("detectable", Right),
    ];
    let mut text = table(&columns, &rows);
    if let Some(first) = comparisons.first() {
        let test = match first.test {
            Test::McNemar { .. } => "one sample each: McNemar's exact test".to_owned(),
            Test::ExactPermutation { .. } => "paired permutation test, all sign patterns".to_owned(),
            Test::Permutation { rounds, .. } => {
                format!("paired permutation test, {} sign patterns", format::count(rounds.into()))
            }
        };
        text += &format!(
            "\n{}, {}; {test}\n",
            format::counted(first.tasks as u64, "task"),
            format::counted(first.clusters as u64, "cluster")
        );
        text += "detectable: the smallest gap that such a run would find in 4 of 5 cases\n";
    }
    session.conclude(
        json!({ "suite": base.suite, "a": arguments.base, "b": arguments.others, "comparisons": comparisons }),
        &text,
    )
}

fn stored(path: &Path) -> Result<Stored, CliError> {
    let file = if path.is_dir() { path.join(SUMMARY) } else { path.to_owned() };
    let bytes = files::read(&file).map_err(|error| {
        CliError::from_error(ErrorKind::Usage, &error)
            .hint("name the directory that `prentice eval SUITE` printed last")
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("{} holds no results of an examination: {error}", file.display()))
            .hint("name the directory that `prentice eval SUITE` printed last")
    })
}
