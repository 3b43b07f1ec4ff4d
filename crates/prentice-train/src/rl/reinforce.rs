//! Reinforcement learning from executed tests: sample, judge, weigh, step.
//!
//! The loop knows no algorithm: an [`Algorithm`] is data, by which rewarded attempts become advantages and a loss of
//! log-probabilities. Sampling and training use the same kernels and the same token ids, so that before the first
//! update of a step the log-probabilities of both agree bit for bit; that is asserted in every step.
//!
//! A step is a function of the weights, the optimiser, the curriculum and seeds derived from its number: a run that was
//! killed and resumed ends with the same bits as one that was not. Verdicts are part of that: a program that sometimes
//! meets a time limit and sometimes does not is outside of the promise. A budget in seconds is, too.
//!
//! Attempts of a group without variance have no gradient where nothing but the advantage has one; they are counted and
//! not trained on. *Not covered*: rewards within an attempt, several policies, rollouts that are older than a step.

use std::{path::Path, time::Instant};

use prentice_base::{ContentHash, Event, Events, Seed};
use prentice_model::{Batch, BatchSampler, Compute, ContextError, Model, SamplingOptions, Workspace};
use prentice_tokens::{Vocabulary, chat::ChatTokens};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::{
    curriculum::Curriculum,
    environment::Environment,
    judges::Judges,
    rollout::{Rollout, RolloutError, RolloutOptions, Wanted, roll_out},
};
use crate::{
    batches,
    finetune::{FineTuneError, FineTuning, Tuned, identity},
    objective::{
        ObjectiveError,
        advantage::{Credit, Rewarded, advantages, varies},
        algorithm::{Algorithm, KlPlace},
        policy::{PolicyFigures, SequenceTerms, Totals, ValueTerms, policy_loss},
    },
    optimiser::AdamWOptions,
    pretrain::Budget,
};

/// What the policy is rewarded for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reward {
    /// What the environment says.
    #[default]
    Verified,
    /// A control: 1 or 0 by the toss of a coin. If that helps, a gain is no proof of learning from verdicts.
    Random,
}

/// How to learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RlOptions {
    /// From rewarded attempts to a loss.
    pub algorithm: Algorithm,
    /// When to stop: steps, or seconds.
    pub budget: Budget,
    /// Tasks in a step.
    pub groups: usize,
    /// Attempts at each.
    pub group_size: usize,
    /// Most tokens of a turn.
    pub turn_tokens: usize,
    /// Most tokens of an attempt, prompt and observations included.
    pub context: usize,
    /// How often the attempts of a step are gone over.
    pub epochs: usize,
    /// Updates in which they are gone over; only the first of a step is on policy.
    pub mini_batches: usize,
    /// Tokens that are differentiated at a time.
    pub tokens_a_batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Share of the run, at its end, over which the rate falls linearly to a fiftieth of its peak.
    pub decay_share: f64,
    /// Constants of the optimiser.
    pub optimiser: AdamWOptions,
    /// Whether tasks that are solved sometimes are preferred.
    pub curriculum: bool,
    /// What is rewarded.
    pub reward: Reward,
    /// Attempts that are sampled at a time.
    pub places: usize,
    /// Steps between checkpoints; 0 for one a minute.
    pub checkpoint_every: u64,
    /// For tasks and samples.
    pub seed: Seed,
}

impl RlOptions {
    /// The factor on the peak rate at `step`, from 0.
    fn factor(&self, step: u64, state: &RlState) -> f64 {
        let progress = match self.budget {
            Budget::Steps(steps) => (step + 1) as f64 / steps as f64,
            Budget::Tokens(tokens) => state.tokens as f64 / tokens as f64,
            Budget::Seconds(seconds) => state.seconds / seconds,
        };
        let rising = ((step + 1) as f64 / self.warmup_steps.max(1) as f64).min(1.0);
        let falling = ((1.0 - progress) / self.decay_share.max(1e-9)).clamp(0.02, 1.0);
        rising.min(falling)
    }
}

/// What a run remembers beside weights and optimiser.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RlState {
    /// What happened, step by step.
    pub curve: Vec<RlPoint>,
    /// Solve rates of the tasks.
    pub curriculum: Curriculum,
    /// Attempts that were learnt from so far.
    pub attempts: u64,
    /// Tokens that the policy wrote in them.
    pub tokens: u64,
    /// Time spent, in seconds.
    pub seconds: f64,
}

/// A step. Means are over the attempts of the step, if nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RlPoint {
    /// Steps done, from 1.
    pub step: u64,
    /// Reward that was learnt from.
    pub reward: f32,
    /// Share that passes all tests.
    pub solved: f32,
    /// Share that passes the visible tests. What it has beyond `solved` is the gap in which hacks live.
    pub visible: f32,
    /// Share that a detector found to use a loophole.
    pub loopholes: f32,
    /// Entropy of the policy, in nats a token: the mean of `-log p` over the sampled tokens, an unbiased estimate.
    pub entropy: f32,
    /// Tokens that the policy wrote.
    pub length: f32,
    /// Share that was cut off.
    pub truncated: f32,
    /// Share of groups without variance, which teach nothing.
    pub flat_groups: f32,
    /// Different texts at a task, as a share of the attempts.
    pub distinct: f32,
    /// Share of policy tokens that were clipped.
    pub clip_fraction: f32,
    /// Divergence from the reference, in nats a token, where there is one.
    pub kl: f32,
    /// The loss.
    pub loss: f32,
    /// Norm of the gradient of the last update, before clipping.
    pub gradient_norm: f32,
    /// Learning rate.
    pub learning_rate: f32,
    /// Time until the attempts were sampled and judged, in seconds.
    pub rollout_seconds: f32,
    /// Time for the updates, in seconds.
    pub update_seconds: f32,
}

/// Reinforcement learning failed.
#[derive(Debug, thiserror::Error)]
pub enum RlError {
    /// There is nothing to learn from.
    #[error("nothing to learn: the {0} is zero")]
    NothingToDo(&'static str),
    /// The run itself.
    #[error(transparent)]
    FineTune(#[from] FineTuneError),
    /// Attempts cannot be made or judged.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// The environment's rewards and the algorithm do not go together.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    /// Sampling and training disagree, which must never happen.
    #[error(
        "step {step}: token {token} of an attempt at task {task} was sampled with log-probability {sampled}, and the same weights \
         give it {trained}"
    )]
    OffPolicy {
        /// The step.
        step: u64,
        /// The task.
        task: String,
        /// Which token of the response.
        token: usize,
        /// Its log-probability when it was sampled.
        sampled: f32,
        /// That of the trainer.
        trained: f32,
    },
    /// The algorithm needs a value head.
    #[error("the algorithm reads values, and the model has no value head")]
    NoValueHead,
}

impl RlError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::NothingToDo(_) => "give a positive number of tasks, groups, attempts and steps".into(),
            Self::FineTune(error) => error.hint(),
            Self::Rollout(error) => error.hint().into(),
            Self::Objective(error) => error.hint().into(),
            Self::OffPolicy { .. } => {
                "this is a fault of Prentice: please report it with the model and the seed".into()
            }
            Self::NoValueHead => "choose an algorithm without values, or give the model a value head".into(),
        }
    }
}

/// What to learn with.
pub struct RlInputs<'a> {
    /// The policy to begin with; also the reference, where the algorithm has one.
    pub initial: Model,
    /// Its vocabulary.
    pub vocabulary: &'a Vocabulary,
    /// Digest of the tasks, for the identity of the run.
    pub tasks: ContentHash,
}

/// Learns, or continues to learn, with checkpoints under `directory`.
///
/// # Errors
/// There is nothing to do, tasks cannot be judged, a file cannot be read or written, or training diverged.
pub fn reinforce(
    inputs: RlInputs,
    judges: &mut Judges,
    options: &RlOptions,
    compute: Compute,
    directory: &Path,
    events: Events,
) -> Result<Tuned<RlState>, RlError> {
    let tasks = judges.environment().len();
    let is_nothing = match options.budget {
        Budget::Steps(amount) | Budget::Tokens(amount) => amount == 0,
        Budget::Seconds(seconds) => !(seconds.is_finite() && seconds > 0.0),
    };
    if is_nothing {
        return Err(RlError::NothingToDo("budget"));
    }
    let amounts = [
        ("number of tasks", tasks),
        ("number of groups", options.groups),
        ("number of attempts", options.group_size),
        ("number of epochs", options.epochs),
        ("number of mini-batches", options.mini_batches),
        ("length of a turn", options.turn_tokens),
    ];
    if let Some((what, _)) = amounts.iter().find(|(_, amount)| *amount == 0) {
        return Err(RlError::NothingToDo(what));
    }
    let RlInputs { initial, vocabulary, tasks: tasks_digest } = inputs;
    if options.algorithm.needs_values() && initial.value_head().is_none() {
        return Err(RlError::NoValueHead);
    }
    check_prompts(judges.environment(), vocabulary, options.context.min(initial.config().max_position_embeddings))?;
    let identity = identity(options, tasks_digest, vocabulary, &initial, compute);
    let reference = options.algorithm.needs_reference().then(|| initial.clone());
    let mut run = FineTuning::<RlState>::open(directory, identity, initial, options.optimiser, events)?;
    if run.step == 0 {
        run.state.curriculum = Curriculum::new(tasks);
    }
    let mut learner = Learner {
        options,
        vocabulary,
        reference,
        sampler: BatchSampler::new(&run.model, compute, options.places, options.context),
        workspace: Workspace::new(compute),
        reference_workspace: Workspace::new(compute),
        gradient: run.gradient(),
    };
    let (started, before) = (Instant::now(), run.state.seconds);
    let is_over = |run: &FineTuning<RlState>| match options.budget {
        Budget::Steps(steps) => run.step >= steps,
        Budget::Tokens(tokens) => run.state.tokens >= tokens,
        Budget::Seconds(seconds) => run.state.seconds >= seconds,
    };
    while !is_over(&run) {
        let (run_step, point) = (run.step, learner.step(&mut run, judges)?);
        debug_assert!(run.step > run_step);
        run.state.curve.push(point);
        run.state.seconds = before + started.elapsed().as_secs_f64();
        let steps = match options.budget {
            Budget::Steps(steps) => steps,
            Budget::Seconds(budget) => (point.step as f64 * (budget / run.state.seconds).max(1.0)).round() as u64,
            Budget::Tokens(_) => 0,
        };
        events(Event::PolicyStep {
            step: point.step,
            steps,
            reward: point.reward,
            solved: point.solved,
            visible: point.visible,
            entropy: point.entropy,
            length: point.length,
            seconds_left: steps.saturating_sub(point.step) as f64 * run.state.seconds / point.step as f64,
        });
        run.save_if_due(options.checkpoint_every, vocabulary)?;
    }
    Ok(run.finish(vocabulary)?)
}

/// Checks that every prompt leaves room for an answer: a task may be drawn late in a run.
fn check_prompts(environment: &dyn Environment, vocabulary: &Vocabulary, context: usize) -> Result<(), RolloutError> {
    for task in 0..environment.len() {
        // The start of text stands before it.
        let tokens = 1 + vocabulary.encode(environment.prompt(task)).len();
        if tokens > context {
            let task = environment.name(task).to_owned();
            return Err(RolloutError::Prompt { task, error: ContextError { tokens, context } });
        }
    }
    Ok(())
}

struct Learner<'a> {
    options: &'a RlOptions,
    vocabulary: &'a Vocabulary,
    reference: Option<Model>,
    sampler: BatchSampler,
    workspace: Workspace,
    reference_workspace: Workspace,
    gradient: Vec<f32>,
}

/// An attempt, with what it is trained by.
struct Lesson {
    rollout: Rollout,
    /// What is learnt from, which may be a coin's.
    reward: f64,
    /// Whether that counts as a success.
    succeeded: bool,
    reference: Option<Vec<f32>>,
    /// Values at sampling time.
    values: Option<Vec<f32>>,
}

impl Learner<'_> {
    fn step(&mut self, run: &mut FineTuning<RlState>, judges: &mut Judges) -> Result<RlPoint, RlError> {
        let began = Instant::now();
        let options = self.options;
        let mut point = RlPoint { step: run.step + 1, ..RlPoint::default() };
        let mut lessons = self.sample(run, judges, &mut point)?;
        let rollout_seconds = began.elapsed();
        self.score_before(run, &mut lessons);
        let rewarded: Vec<Rewarded> = lessons
            .iter()
            .map(|lesson| Rewarded {
                group: lesson.rollout.task,
                reward: lesson.reward,
                mask: &lesson.rollout.written,
                behaviour: &lesson.rollout.log_probabilities,
                reference: lesson.reference.as_deref(),
                values: lesson.values.as_deref(),
            })
            .collect();
        let credits = advantages(&options.algorithm, &rewarded)?;
        let learning_rate = options.learning_rate * options.factor(run.step, &run.state);
        let mut figures = PolicyFigures::default();
        let step = run.step + 1;
        // A whole step is one update of the run's count; mini-batches and epochs are within it.
        for epoch in 0..options.epochs {
            for mini in 0..options.mini_batches {
                let size = lessons.len().div_ceil(options.mini_batches);
                let range = (mini * size).min(lessons.len())..((mini + 1) * size).min(lessons.len());
                if range.is_empty() {
                    continue;
                }
                let is_first = epoch == 0 && mini == 0;
                let (part, credit) = (&lessons[range.clone()], &credits[range]);
                let environment = is_first.then(|| judges.environment());
                // Where nothing is to be learnt, momentum and decay must not move the weights either.
                let Some(update) = self.differentiate(run, part, credit, environment)? else { continue };
                let batch = format!("mini-batch {} of epoch {}", mini + 1, epoch + 1);
                point.gradient_norm =
                    run.update(&mut self.workspace, &mut self.gradient, learning_rate, update.loss, &batch)? as f32;
                figures += update;
                // One step, however many updates.
                run.step = step - 1;
            }
        }
        run.step = step;
        self.sampler.parameters_changed();
        let updates = (options.epochs * options.mini_batches) as f64;
        run.state.attempts += lessons.len() as u64;
        run.state.tokens +=
            lessons.iter().map(|lesson| lesson.rollout.written.iter().filter(|own| **own).count() as u64).sum::<u64>();
        self.note(&lessons, &mut point);
        point.loss = (figures.loss / updates) as f32;
        point.clip_fraction = (figures.clip_fraction / updates) as f32;
        point.kl = (figures.reference_kl / updates) as f32;
        point.learning_rate = learning_rate as f32;
        point.rollout_seconds = rollout_seconds.as_secs_f32();
        point.update_seconds = began.elapsed().saturating_sub(rollout_seconds).as_secs_f32();
        Ok(point)
    }

    /// The attempts of a step. Where the algorithm asks for it, groups without variance are replaced.
    fn sample(
        &mut self,
        run: &mut FineTuning<RlState>,
        judges: &mut Judges,
        point: &mut RlPoint,
    ) -> Result<Vec<Lesson>, RlError> {
        let options = self.options;
        let mut coin = options.seed.derive("coin", run.step).rng();
        let rounds = options.algorithm.dynamic_sampling.map_or(1, |dynamic| dynamic.rounds.max(1));
        let sampling = SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed: Seed(0) };
        let rollout_options = RolloutOptions { turn_tokens: options.turn_tokens, sampling };
        let (mut kept, mut left): (Vec<Lesson>, Vec<Lesson>) = (Vec::new(), Vec::new());
        let (mut flat, mut seen): (usize, Vec<usize>) = (0, Vec::new());
        for round in 0..rounds {
            let missing = options.groups - kept.len() / options.group_size;
            if missing == 0 {
                break;
            }
            let seed = options.seed.derive("step", run.step).derive("round", round as u64);
            let drawn = run.state.curriculum.draw(missing, &seen, !options.curriculum, seed.derive("tasks", 0));
            if drawn.is_empty() {
                break;
            }
            let attempts = |task: &usize| {
                let seed = seed.derive("task", *task as u64);
                let task = *task;
                (0..options.group_size as u64).map(move |number| Wanted { task, seed: seed.derive("attempt", number) })
            };
            let wanted: Vec<Wanted> = drawn.iter().flat_map(attempts).collect();
            let rollouts = roll_out(&run.model, self.vocabulary, &mut self.sampler, judges, &wanted, &rollout_options)?;
            seen.extend(drawn);
            left.clear();
            let mut rollouts = rollouts.into_iter().peekable();
            while rollouts.peek().is_some() {
                let group: Vec<Lesson> = rollouts
                    .by_ref()
                    .take(options.group_size)
                    .map(|rollout| {
                        // The coin takes the verdict's place everywhere, or the control would be steered by verdicts.
                        let heads = coin.next_u32() & 1 == 1;
                        let (reward, succeeded) = match options.reward {
                            Reward::Verified => (rollout.outcome.reward, rollout.outcome.solved),
                            Reward::Random => (f64::from(u8::from(heads)), heads),
                        };
                        Lesson { rollout, reward, succeeded, reference: None, values: None }
                    })
                    .collect();
                let succeeded = group.iter().filter(|lesson| lesson.succeeded).count();
                run.state.curriculum.note(group[0].rollout.task, succeeded, group.len());
                let rewards: Vec<f64> = group.iter().map(|lesson| lesson.reward).collect();
                let is_flat = !varies(&rewards);
                flat += usize::from(is_flat);
                if is_flat && rounds > 1 { left.extend(group) } else { kept.extend(group) }
            }
        }
        // The step is taken with what there is.
        if kept.is_empty() {
            kept = left;
        }
        point.flat_groups = flat as f32 / seen.len().max(1) as f32;
        Ok(kept)
    }

    /// What the algorithm wants to know of the attempts before anything changes.
    fn score_before(&mut self, run: &FineTuning<RlState>, lessons: &mut [Lesson]) {
        let needs_values = self.options.algorithm.needs_values();
        if self.reference.is_none() && !needs_values {
            return;
        }
        for range in packed(lessons, self.options.tokens_a_batch) {
            let part = &mut lessons[range];
            let batch = batch_of(part);
            if let Some(reference) = &self.reference {
                let scores = reference.score(&mut self.reference_workspace, &batch).log_probabilities;
                for (lesson, segment) in part.iter_mut().zip(batch.segments.iter()) {
                    let first = segment.start + lesson.rollout.prompt - 1;
                    lesson.reference = Some(scores[first..][..lesson.rollout.written.len()].to_vec());
                }
            }
            if needs_values {
                let values = run.model.values(&mut self.workspace, &batch);
                for (lesson, segment) in part.iter_mut().zip(batch.segments.iter()) {
                    let first = segment.start + lesson.rollout.prompt - 1;
                    lesson.values = Some(values[first..][..lesson.rollout.written.len()].to_vec());
                }
            }
        }
    }

    /// Adds up the gradient over some attempts; `None` where none of them has any. On policy, checks that sampling and
    /// training agree.
    fn differentiate(
        &mut self,
        run: &FineTuning<RlState>,
        lessons: &[Lesson],
        credits: &[Credit],
        on_policy: Option<&dyn Environment>,
    ) -> Result<Option<PolicyFigures>, RlError> {
        let algorithm = &self.options.algorithm;
        let totals = Totals::of(lessons.iter().map(|lesson| lesson.rollout.written.as_slice()));
        let moves_all = algorithm.kl.is_some_and(|kl| kl.place == KlPlace::Loss) || algorithm.value.is_some();
        let has_gradient = |credit: &Credit| moves_all || credit.advantages.iter().any(|advantage| *advantage != 0.0);
        let (taught, credits): (Vec<&Lesson>, Vec<&Credit>) =
            lessons.iter().zip(credits).filter(|(_, credit)| has_gradient(credit)).unzip();
        let mut figures = PolicyFigures::default();
        for range in packed(&taught, self.options.tokens_a_batch) {
            let (part, credits) = (&taught[range.clone()], &credits[range]);
            let batch = batch_of(part);
            let of_response = |list: &[f32], index: usize| -> Vec<f32> {
                let rollout = &part[index].rollout;
                let first = batch.segments[index].start + rollout.prompt - 1;
                list[first..][..rollout.written.len()].to_vec()
            };
            let mut outcome: Result<PolicyFigures, RlError> = Ok(PolicyFigures::default());
            let mut loss = |scores: &[f32], values: &[f32]| -> (Vec<f32>, Vec<f32>) {
                let mut d_scores = vec![0.0; batch.len()];
                let mut d_values = vec![0.0; values.len()];
                let now: Vec<Vec<f32>> = (0..part.len()).map(|index| of_response(scores, index)).collect();
                if let Some(environment) = on_policy {
                    for (lesson, now) in part.iter().zip(&now) {
                        if let Err(error) = check_on_policy(run.step + 1, lesson, now, environment) {
                            outcome = Err(error);
                            return (d_scores, d_values);
                        }
                    }
                }
                let predicted: Option<Vec<Vec<f32>>> =
                    (!values.is_empty()).then(|| (0..part.len()).map(|index| of_response(values, index)).collect());
                let terms: Vec<SequenceTerms> = (0..part.len())
                    .map(|index| SequenceTerms {
                        mask: &part[index].rollout.written,
                        log_probabilities: &now[index],
                        behaviour: &part[index].rollout.log_probabilities,
                        reference: part[index].reference.as_deref(),
                        advantages: &credits[index].advantages,
                        value: value_terms(part[index], credits[index], predicted.as_deref(), index),
                    })
                    .collect();
                match policy_loss(algorithm, &terms, &totals) {
                    Ok(result) => {
                        for (index, segment) in batch.segments.iter().enumerate() {
                            let first = segment.start + part[index].rollout.prompt - 1;
                            let derivatives = &result.d_log_probabilities[index];
                            d_scores[first..][..derivatives.len()].copy_from_slice(derivatives);
                            if let Some(all) = &result.d_values {
                                d_values[first..][..all[index].len()].copy_from_slice(&all[index]);
                            }
                        }
                        outcome = Ok(result.figures);
                    }
                    Err(error) => outcome = Err(error.into()),
                }
                (d_scores, d_values)
            };
            if algorithm.needs_values() {
                run.model.score_and_weigh_values(&mut self.workspace, &batch, &mut self.gradient, |scores, values| {
                    loss(&scores.log_probabilities, values)
                });
            } else {
                run.model.score_and_weigh(&mut self.workspace, &batch, &mut self.gradient, |scores| {
                    loss(&scores.log_probabilities, &[]).0
                });
            }
            figures += outcome?;
        }
        Ok((!taught.is_empty()).then_some(figures))
    }

    /// The figures of a step's attempts.
    fn note(&self, lessons: &[Lesson], point: &mut RlPoint) {
        let count = lessons.len().max(1) as f32;
        let share = |is: fn(&Lesson) -> bool| lessons.iter().filter(|lesson| is(lesson)).count() as f32 / count;
        point.reward = (lessons.iter().map(|lesson| lesson.reward).sum::<f64>() / f64::from(count)) as f32;
        point.solved = share(|lesson| lesson.rollout.outcome.solved);
        point.visible = share(|lesson| lesson.rollout.outcome.visible_passed);
        point.loopholes = share(|lesson| lesson.rollout.outcome.loophole.is_some());
        point.truncated = share(|lesson| lesson.rollout.is_truncated);
        let mut texts: Vec<(usize, &[String])> =
            lessons.iter().map(|lesson| (lesson.rollout.task, lesson.rollout.turns.as_slice())).collect();
        texts.sort_unstable();
        texts.dedup();
        point.distinct = texts.len() as f32 / count;
        let (mut tokens, mut nats) = (0usize, 0.0f64);
        for Lesson { rollout, .. } in lessons {
            tokens += rollout.written.iter().filter(|own| **own).count();
            nats -= rollout.log_probabilities.iter().map(|p| f64::from(*p)).sum::<f64>();
        }
        point.length = tokens as f32 / count;
        point.entropy = (nats / tokens.max(1) as f64) as f32;
    }
}

fn value_terms<'l>(
    lesson: &'l Lesson,
    credit: &'l Credit,
    predicted: Option<&'l [Vec<f32>]>,
    index: usize,
) -> Option<ValueTerms<'l>> {
    Some(ValueTerms {
        predicted: &predicted?[index],
        behaviour: lesson.values.as_deref()?,
        returns: credit.returns.as_deref()?,
    })
}

/// Both are computed by the same kernels from the same weights and tokens.
fn check_on_policy(step: u64, lesson: &Lesson, now: &[f32], environment: &dyn Environment) -> Result<(), RlError> {
    let rollout = &lesson.rollout;
    let pairs = rollout.log_probabilities.iter().zip(now).zip(&rollout.written).enumerate();
    for (token, ((sampled, trained), own)) in pairs {
        if *own && sampled.to_bits() != trained.to_bits() {
            let task = environment.name(rollout.task).to_owned();
            return Err(RlError::OffPolicy { step, task, token, sampled: *sampled, trained: *trained });
        }
    }
    Ok(())
}

/// Attempts as a batch in which only what the policy wrote is predicted. The last token of an attempt is a target only: it
/// may stand one beyond the last position of the model.
fn batch_of<L: std::borrow::Borrow<Lesson>>(lessons: &[L]) -> Batch {
    let marked: Vec<ChatTokens> = lessons
        .iter()
        .map(|lesson| {
            let Rollout { tokens, prompt, written, .. } = &lesson.borrow().rollout;
            ChatTokens { ids: tokens.clone(), is_response: [&vec![false; *prompt], written.as_slice()].concat() }
        })
        .collect();
    batches::batch_of(&marked)
}

/// Neighbours that together have about as many tokens; a single attempt may have more.
fn packed<L: std::borrow::Borrow<Lesson>>(lessons: &[L], tokens: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    let mut held = 0;
    for (index, lesson) in lessons.iter().enumerate() {
        let length = lesson.borrow().rollout.tokens.len();
        match ranges.last_mut() {
            Some(range) if held + length <= tokens => {
                range.end = index + 1;
                held += length;
            }
            _ => {
                ranges.push(index..index + 1);
                held = length;
            }
        }
    }
    ranges
}
