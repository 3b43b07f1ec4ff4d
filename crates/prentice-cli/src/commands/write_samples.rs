//! Samples that a model writes for the tasks of a suite.

use std::path::{Path, PathBuf};

use prentice_base::{Event, Seed, Snapshot, Task};
use prentice_environment::suites::Suite;
use prentice_eval::samples::{self, Attempt, Sample};
use prentice_model::{Generator, SamplingOptions};
use prentice_tokens::{Vocabulary, fim, infilling_prompt};
use prentice_train::checkpoint;

use crate::{
    advice,
    arguments::EvalSuite,
    commands::{Session, held_out::context_of, usage},
    defaults,
    error::CliError,
    format,
};

/// Where a completion of a function ends, at the latest: what human-eval's authors cut at (arXiv 2107.03374, section
/// 2.2).
const STOPS: [&str; 5] = ["\nclass ", "\ndef ", "\n#", "\nif ", "\nprint("];

/// Writes `model-<digest>.jsonl` and says where it is. The same model, options and seed give the same samples; they are
/// not written anew.
pub fn write(session: &Session, arguments: &EvalSuite, out: &Path, suite: &Suite) -> Result<PathBuf, CliError> {
    if arguments.samples_per_task == 0 || arguments.max_tokens == 0 {
        let message = format!(
            "--samples-per-task {} with --max-tokens {} leaves nothing to write",
            arguments.samples_per_task, arguments.max_tokens
        );
        return Err(usage(message, "give numbers from 1 on"));
    }
    if !(arguments.temperature.is_finite() && arguments.temperature >= 0.0) {
        let message = format!("--temperature {} is not 0 or above", arguments.temperature);
        return Err(usage(message, "0 is greedy, 1 follows the model"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let directory = defaults::model(arguments.source.model.clone())?;
    let (model, vocabulary) = checkpoint::load_model(&directory).map_err(advice::resume)?;
    let recipe = serde_json::json!({
        "model": model.digest(),
        "suite": suite.version,
        "tasks": suite.tasks.iter().map(|task| &task.id).collect::<Vec<_>>(),
        "samples": arguments.samples_per_task,
        "max_tokens": arguments.max_tokens,
        "temperature": arguments.temperature,
        "seed": arguments.seed,
        "precision": compute.precision,
        "kernels": compute.kernels.to_string(),
    });
    let path = out.join(format!("model-{}.jsonl", prentice_base::digest_json(&recipe).short()));
    if path.exists() {
        return Ok(path);
    }
    let context = context_of(&model);
    let mut generator = Generator::new(&model, compute, context);
    let total = suite.tasks.len() as u64 * u64::from(arguments.samples_per_task);
    let began = std::time::Instant::now();
    let detail = format!("{} samples", format::count(total));
    session.emit(Event::StageStarted { stage: "sample".into(), detail: detail.clone() });
    let mut written = Vec::new();
    for (index, task) in suite.tasks.iter().enumerate() {
        for sample in 0..arguments.samples_per_task {
            let seed = Seed(arguments.seed).derive(&task.id, u64::from(sample));
            let options = SamplingOptions { temperature: arguments.temperature, top_k: 0, top_p: 0.95, seed };
            let (text, tokens) = complete(&mut generator, &vocabulary, task, arguments.max_tokens, &options)?;
            written.push(Sample { task: index, attempt: Attempt::Completion(text), cost: None, tokens: Some(tokens) });
            let done = written.len() as u64;
            session.emit(Event::Progress { stage: "sample".into(), done, total: Some(total), unit: "samples".into() });
        }
    }
    let ids: Vec<&str> = suite.tasks.iter().map(|task| task.id.as_str()).collect();
    samples::write(&path, &ids, written)?;
    session.emit(Event::StageFinished { stage: "sample".into(), seconds: began.elapsed().as_secs_f64(), detail });
    Ok(path)
}

/// What a model puts into the hole of a task, and how many tokens that took.
fn complete(
    generator: &mut Generator<'_>,
    vocabulary: &Vocabulary,
    task: &Task,
    max_tokens: usize,
    options: &SamplingOptions,
) -> Result<(String, u64), CliError> {
    let Snapshot::Program(program) = &task.snapshot else {
        return Err(usage(format!("task {} is no single program", task.id), "choose another suite"));
    };
    let end = vocabulary.special().end_of_text;
    let room = generator.context().saturating_sub(max_tokens + 1).max(generator.context() / 2);
    let mut prompt = vec![end];
    if program.suffix.is_empty() {
        let tokens = vocabulary.encode(&program.prefix);
        prompt.extend(&tokens[tokens.len().saturating_sub(room - 1)..]);
    } else {
        prompt.extend(infilling_prompt(vocabulary, &program.prefix, &program.suffix, fim::Order::Spm, room - 1));
    }
    let mut text = Vec::new();
    let generated = generator.generate(&prompt, max_tokens, options, |id| {
        text.extend_from_slice(if id == end { b"" } else { vocabulary.token_bytes(id) });
        let written = String::from_utf8_lossy(&text);
        id == end || (program.suffix.is_empty() && STOPS.iter().any(|stop| written.contains(stop)))
    })?;
    let ids: Vec<u32> = generated.iter().map(|token| token.id).filter(|id| *id != end).collect();
    let mut written = vocabulary.decode(&ids);
    if program.suffix.is_empty() {
        let cut = STOPS.iter().filter_map(|stop| written.find(stop)).min().unwrap_or(written.len());
        written.truncate(cut);
    }
    Ok((written, generated.len() as u64))
}
