//! `prentice model rl`: learning from rewards for what the model writes.
//!
//! Prompts are continued as they are: *chat templates are not covered here*.

use std::time::{Duration, Instant};

use prentice_base::{ContentHash, Event, Seed, StageKey, Task, digest_json};
use prentice_environment::Workshop;
use prentice_train::{
    objective::algorithm::{Algorithm, Kl, KlEstimator, KlPlace, NAMES},
    optimiser::AdamWOptions,
    pretrain::Budget,
    rl::{
        command::{CommandRewards, Prompt},
        environment::Environment,
        judges::Judges,
        reinforce::{Reward, RlError, RlInputs, RlOptions, RlPoint, RlState, reinforce},
        rollout::RolloutError,
        verified::VerifiedTasks,
    },
};
use serde_json::{Value, json};

use crate::{
    advice,
    arguments::{EnvironmentChoice, RewardChoice, Rl, RlLength},
    budget,
    commands::{
        Session, check_minutes, check_rate, eval,
        learn::{self, Learning, Run},
        lock, usage,
    },
    defaults,
    error::CliError,
    format,
    recipe::nearest,
    stages::CHECKPOINTS,
};

/// Most samples that are generated at a time.
const PLACES: usize = 128;
/// Room for what a failed test says between two turns, in tokens; where it says more, the attempt ends.
const OBSERVATION: usize = 256;

/// Trains a model by rewards, or continues to.
pub fn run(session: &Session, arguments: Rl) -> Result<(), CliError> {
    let budget = training_budget(arguments.length)?;
    let algorithm = algorithm(&arguments)?;
    let amounts = [
        ("--groups", arguments.groups),
        ("--group-size", arguments.group_size),
        ("--turn-tokens", arguments.turn_tokens),
        ("--epochs", arguments.epochs),
        ("--mini-batches", arguments.mini_batches),
        ("--tokens-a-batch", arguments.tokens_a_batch),
    ];
    if let Some((option, _)) = amounts.iter().find(|(_, amount)| *amount == 0) {
        return Err(usage(format!("{option} 0 leaves nothing to learn from"), "give a number above 0"));
    }
    check_rate("--decay-share", arguments.decay_share)?;
    if !(arguments.reward_seconds > 0.0 && arguments.reward_seconds <= A_DAY) {
        let message = format!("--reward-seconds {} is no time to judge in", arguments.reward_seconds);
        return Err(usage(message, "give a number above 0, at most 86400"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let (mut model, vocabulary) = learn::open(&arguments.model)?;
    let learning_rate = learn::learning_rate(arguments.learning_rate, Learning::Rewards, &model)?;
    if algorithm.needs_values() {
        model = model.with_value_head();
    }
    let source = Source::read(session, &arguments)?;
    let environment = source.environment(&arguments);

    let prompts = (0..environment.len()).map(|task| vocabulary.encode(environment.prompt(task)).len() + 1);
    let turns = match arguments.environment {
        EnvironmentChoice::Once => arguments.turn_tokens,
        EnvironmentChoice::Repair => 2 * arguments.turn_tokens + OBSERVATION,
    };
    let context = (prompts.max().unwrap_or(0) + turns).min(model.config().max_position_embeddings);
    let options = RlOptions {
        algorithm,
        budget,
        groups: arguments.groups,
        group_size: arguments.group_size,
        turn_tokens: arguments.turn_tokens,
        context,
        epochs: arguments.epochs,
        mini_batches: arguments.mini_batches,
        tokens_a_batch: arguments.tokens_a_batch,
        learning_rate,
        warmup_steps: arguments.warmup,
        decay_share: arguments.decay_share,
        // Decay would pull towards zero, whatever is rewarded.
        optimiser: AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() },
        curriculum: !arguments.no_curriculum,
        reward: match arguments.reward {
            RewardChoice::Verified => Reward::Verified,
            RewardChoice::Random => Reward::Random,
        },
        places: PLACES.min(arguments.groups * arguments.group_size),
        checkpoint_every: arguments.checkpoint_every,
        seed: Seed(arguments.seed),
    };
    let planned = budget::held_now() + budget::reinforcement_memory(&options, &model, compute);
    session.emit(Event::Plan(json!({
        "model": {
            "parameters": model.parameters().len(),
            "precision": compute.precision,
            "kernels": compute.kernels.to_string(),
        },
        "data": {
            "tasks": environment.len(),
            "attempts_a_step": options.groups * options.group_size,
            "tokens_an_attempt": context,
        },
        "learning_rate": format::two_figures(learning_rate),
        "peak_memory_bytes": planned,
    })));
    budget::check_memory(planned, "lower --tokens-a-batch, --groups or --turn-tokens, or take a smaller model")?;

    let described = json!({
        "options": options,
        "precision": compute.precision,
        "kernels": compute.kernels.to_string(),
    });
    let tasks = source.digest(&arguments);
    let key = StageKey::new("rl", &described).input("model", model.digest()).input("tasks", tasks);
    let out = arguments.out.as_path();
    let _lock = lock(out, "rl")?;
    let began = Instant::now();
    let detail = format!(
        "{} parameters, {}, {} attempts a step",
        format::compact(model.parameters().len() as u64),
        format::counted(environment.len() as u64, "task"),
        format::count((options.groups * options.group_size) as u64)
    );
    session.emit(Event::StageStarted { stage: learn::STAGE.into(), detail });
    let events = |event| session.emit(event);
    let inputs = RlInputs { initial: model, vocabulary: &vocabulary, tasks };
    let mut tuned = Judges::with(environment.as_ref(), session.threads(), |judges| {
        reinforce(inputs, judges, &options, compute, &out.join(CHECKPOINTS), &events)
    })
    .map_err(|error| explained(error, &source))?;
    // The head was there to learn by; what is left is a model as any other.
    tuned.model = tuned.model.without_value_head();
    let (seconds, figures) = (tuned.state.seconds, figures(&tuned.state));
    if !tuned.state.curve.is_empty() && tuned.state.curve.iter().all(|point| point.gradient_norm == 0.0) {
        let message = "in no group did attempts differ in their reward, so nothing was learnt: give tasks that the model \
                       solves sometimes, or train it on examples first";
        session.emit(Event::Warning { message: message.to_owned() });
    }
    let (seed, base) = (options.seed, arguments.model.as_path());
    let run = Run { out, key, seed, compute, base, merge: false, planned, began };
    run.conclude(session, tuned, &vocabulary, seconds, figures)
}

/// What attempts are judged by.
enum Source {
    Tests { tasks: Vec<Task>, workshop: Workshop },
    Command { prompts: Vec<Prompt>, command: String },
}

impl Source {
    fn read(session: &Session, arguments: &Rl) -> Result<Self, CliError> {
        let Some(command) = &arguments.reward_command else {
            let tasks = learn::read_tasks(&arguments.tasks)?;
            let workshop = Workshop::new(&eval::sandbox(session, arguments.isolation)?);
            learn::require_toolchains(&tasks, &workshop)?;
            return Ok(Source::Tests { tasks, workshop });
        };
        if arguments.environment == EnvironmentChoice::Repair {
            let message = "--environment repair needs tests, which say what to repair, and --reward-command has none";
            return Err(usage(message, "leave out one of the two"));
        }
        Ok(Source::Command { prompts: learn::read_prompts(&arguments.tasks)?, command: command.clone() })
    }

    fn environment(&self, arguments: &Rl) -> Box<dyn Environment + '_> {
        match (self, arguments.environment) {
            (Source::Tests { tasks, workshop }, EnvironmentChoice::Once) => {
                Box::new(VerifiedTasks::once(tasks, workshop))
            }
            (Source::Tests { tasks, workshop }, EnvironmentChoice::Repair) => {
                Box::new(VerifiedTasks::with_repair(tasks, workshop))
            }
            (Source::Command { prompts, command }, _) => {
                let limit = Duration::from_secs_f64(arguments.reward_seconds);
                Box::new(CommandRewards::new(prompts, command, limit))
            }
        }
    }

    /// What is learnt from, for the identity of the run. How long a command may take does not change what it says.
    fn digest(&self, arguments: &Rl) -> ContentHash {
        match self {
            Source::Tests { tasks, .. } => digest_json(&(format!("{:?}", arguments.environment), tasks)),
            Source::Command { prompts, command } => digest_json(&(command, prompts)),
        }
    }
}

/// The error, with what helps where it is the user's own command that fails.
fn explained(error: RlError, source: &Source) -> CliError {
    let is_harness = matches!(error, RlError::Rollout(RolloutError::Harness { .. }));
    let mut error = advice::reinforcement(error);
    if is_harness && let Source::Command { .. } = source {
        error.hints =
            vec!["nothing was scored: mend what the command runs; the same command line continues this run".into()];
    }
    error
}

fn figures(state: &RlState) -> Value {
    let steps = state.curve.len();
    // Single steps differ by chance.
    let tenth = steps.div_ceil(10).max(1);
    let mean = |points: &[RlPoint], of: fn(&RlPoint) -> f32| {
        points.iter().map(|point| f64::from(of(point))).sum::<f64>() / points.len().max(1) as f64
    };
    let figures = |points: &[RlPoint]| {
        json!({
            "reward": mean(points, |point| point.reward),
            "solved": mean(points, |point| point.solved),
            "visible": mean(points, |point| point.visible),
            "loopholes": mean(points, |point| point.loopholes),
            "entropy": mean(points, |point| point.entropy),
            "length": mean(points, |point| point.length),
            "kl": mean(points, |point| point.kl),
            "clip_fraction": mean(points, |point| point.clip_fraction),
            "flat_groups": mean(points, |point| point.flat_groups),
        })
    };
    let (first, last) = (&state.curve[..tenth.min(steps)], &state.curve[steps - tenth.min(steps)..]);
    let (before, after) = (mean(first, |point| point.reward), mean(last, |point| point.reward));
    let detail = format!(
        "{}, {} attempts, reward {} -> {}",
        format::counted(steps as u64, "step"),
        format::count(state.attempts),
        format::decimal(before, 3),
        format::decimal(after, 3)
    );
    json!({
        "detail": detail,
        "steps": steps,
        "attempts": state.attempts,
        "seconds": state.seconds,
        "first": figures(first),
        "last": figures(last),
    })
}

/// The longest that a reward command may take, in seconds.
const A_DAY: f64 = 86_400.0;

fn training_budget(length: RlLength) -> Result<Budget, CliError> {
    match (length.steps, length.minutes) {
        (Some(0), _) => Err(usage("--steps 0 leaves nothing to train on", "give a number above 0")),
        (Some(steps), _) => Ok(Budget::Steps(steps)),
        (None, Some(minutes)) => check_minutes(minutes).map(|()| Budget::Seconds(minutes * 60.0)),
        (None, None) => Err(usage("no budget is given", "give --steps or --minutes")),
    }
}

/// The preset that was named, with what was said of the divergence.
fn algorithm(arguments: &Rl) -> Result<Algorithm, CliError> {
    let name = &arguments.algorithm;
    let turns = match arguments.environment {
        EnvironmentChoice::Once => 1,
        EnvironmentChoice::Repair => 2,
    };
    let Some(mut algorithm) = Algorithm::named(name, arguments.turn_tokens * turns) else {
        return Err(usage(format!("{name:?} is no algorithm"), nearest(name, &NAMES.map(str::to_owned))));
    };
    match arguments.kl {
        None => {}
        Some(0.0) => algorithm.kl = None,
        Some(coefficient) if coefficient.is_finite() && coefficient > 0.0 => {
            // Where the preset has none, GRPO's form.
            let form = Kl { coefficient, estimator: KlEstimator::K3, place: KlPlace::Loss };
            algorithm.kl = Some(algorithm.kl.map_or(form, |kl| Kl { coefficient, ..kl }));
        }
        Some(other) => return Err(usage(format!("--kl {other} is not 0 or above"), "0 does without a reference")),
    }
    Ok(algorithm)
}
