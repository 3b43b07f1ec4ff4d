//! `prentice model synthesize`: what a model writes, executed, as something to learn from.
//!
//! All lines are written at the end, at once. *Not covered*: going on where a killed run was; chat templates.

use std::{path::Path, time::Instant};

use prentice_base::{Event, Seed, files};
use prentice_environment::Workshop;
use prentice_model::{BatchSampler, SamplingOptions};
use prentice_train::{
    plan::SamplingMemory,
    rl::{
        environment::Environment,
        judges::Judges,
        rollout::{RolloutOptions, roll_out},
        synthesize::{self, Form, Synthesized},
        verified::VerifiedTasks,
    },
};
use serde_json::json;

use crate::{
    advice,
    arguments::Synthesize,
    budget,
    commands::{Session, eval, learn, usage},
    defaults,
    error::{CliError, ErrorKind},
    format,
};

/// Most samples that are generated at a time.
const PLACES: usize = 128;
/// Samples between two reports, about.
const REPORTED: usize = 512;

/// Samples, executes and writes lines.
pub fn run(session: &Session, arguments: Synthesize) -> Result<(), CliError> {
    let Synthesize { samples, temperature, turn_tokens, out, .. } = &arguments;
    for (option, amount) in [("--samples", *samples), ("--turn-tokens", *turn_tokens)] {
        if amount == 0 {
            return Err(usage(format!("{option} 0 leaves nothing to write"), "give a number above 0"));
        }
    }
    if !(temperature.is_finite() && *temperature >= 0.0) {
        let message = format!("--temperature {temperature} is not 0 or above");
        return Err(usage(message, "0 is greedy, 1 follows the model"));
    }
    let form = match (arguments.keep_if_passes, arguments.pairs) {
        (true, _) => Form::Passing,
        (_, true) => Form::Pairs,
        _ => Form::Judged,
    };
    let compute = defaults::compute(arguments.arithmetic)?;
    let (model, vocabulary) = learn::open(&arguments.model)?;
    let tasks = learn::read_tasks(&arguments.tasks)?;
    let workshop = Workshop::new(&eval::sandbox(session, arguments.isolation)?);
    learn::require_toolchains(&tasks, &workshop)?;
    let environment = VerifiedTasks::once(&tasks, &workshop);
    let longest = (0..tasks.len()).map(|task| vocabulary.encode(environment.prompt(task)).len() + 1).max();
    let context = (longest.unwrap_or(0) + turn_tokens).min(model.config().max_position_embeddings);
    let places = PLACES.min(tasks.len() * samples);
    let planned = budget::held_now() + SamplingMemory::new(model.config(), places, context, compute).total();
    session.emit(Event::Plan(json!({
        "tasks": tasks.len(),
        "samples": tasks.len() * samples,
        "tokens_a_sample": context,
        "peak_memory_bytes": planned,
    })));
    budget::check_memory(planned, "lower --turn-tokens, or take a smaller model")?;
    // Known before anything is sampled.
    files::create_dir(out.parent().unwrap_or(Path::new("")))?;
    if out.is_dir() {
        return Err(usage(format!("{} is a directory", out.display()), "--out names the file of lines"));
    }

    let began = Instant::now();
    let stage = || "samples".to_owned();
    let total = tasks.len() * samples;
    session.emit(Event::StageStarted { stage: stage(), detail: "sampling and executing".into() });
    let mut sampler = BatchSampler::new(&model, compute, places, context);
    let sampling = SamplingOptions { temperature: *temperature, top_k: 0, top_p: 1.0, seed: Seed(0) };
    let options = RolloutOptions { turn_tokens: *turn_tokens, sampling };
    let all: Vec<usize> = (0..tasks.len()).collect();
    let mut made = Synthesized::default();
    Judges::with(&environment, session.threads(), |judges| {
        for some in all.chunks(REPORTED.div_ceil(*samples)) {
            let wanted = synthesize::wanted(some[0]..some[0] + some.len(), *samples, Seed(arguments.seed));
            made.add(&environment, &roll_out(&model, &vocabulary, &mut sampler, judges, &wanted, &options)?, form);
            let (done, total) = (made.samples as u64, Some(total as u64));
            session.emit(Event::Progress { stage: stage(), done, total, unit: "samples".into() });
        }
        Ok(())
    })
    .map_err(advice::rollout)?;
    let Synthesized { text, count, samples, solved, truncated, repeated } = made;
    let share = format::percent(solved as f64 / samples as f64);
    if count == 0 {
        let message = match form {
            Form::Passing => format!("none of {} passes", format::counted(samples as u64, "sample")),
            Form::Pairs => format!("no task has samples that pass and samples that do not: {share} pass"),
            Form::Judged => format!("all of {} were cut off", format::counted(samples as u64, "sample")),
        };
        return Err(CliError::new(ErrorKind::TaskFailed, message)
            .hint("raise --samples or --turn-tokens, or train the model on examples of such tasks first"));
    }
    files::write_atomic(out, text.as_bytes())?;
    let what = if form == Form::Pairs { "pair" } else { "line" };
    let detail = format!(
        "{}; {share} of {} pass",
        format::counted(count as u64, what),
        format::counted(samples as u64, "sample")
    );
    let seconds = began.elapsed().as_secs_f64();
    session.emit(Event::StageFinished { stage: stage(), seconds, detail: detail.clone() });
    let summary = json!({
        "out": out,
        "lines": count,
        "samples": samples,
        "solved": solved,
        "truncated": truncated,
        "repeated": repeated,
        "seconds": seconds,
        "samples_per_second": samples as f64 / seconds.max(1e-9),
    });
    session.conclude(summary, &format!("{}: {detail}\n", out.display()))
}
