//! Reinforcement learning on a small model and environments that need no execution.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use prentice_base::{ContentHash, Seed, ignore_events};
use prentice_model::{
    BatchSampler, Compute, DecoderConfig, Model, SamplingOptions,
    kernels::{Kernels, Precision},
    ops::AttentionShape,
};
use prentice_tokens::{Vocabulary, Words};
use prentice_train::{
    finetune::Tuned,
    objective::algorithm::{Algorithm, NAMES},
    optimiser::AdamWOptions,
    pretrain::Budget,
    rl::{
        environment::{Environment, HarnessError, Judge, Outcome, Turn},
        judges::Judges,
        reinforce::{Reward, RlError, RlInputs, RlOptions, RlState, reinforce},
        rollout::{RolloutOptions, Wanted, roll_out},
    },
};

/// The reward is the share of lower-case letters. Some texts make the harness fail.
struct Letters {
    /// Turns of an attempt.
    turns: usize,
    /// One of how many texts the harness fails at; 0 for none.
    failing: u64,
    /// After how many questions it fails for good.
    patience: AtomicU64,
}

impl Letters {
    fn new(turns: usize, failing: u64, patience: u64) -> Self {
        Self { turns, failing, patience: AtomicU64::new(patience) }
    }
}

const PROMPTS: [&str; 5] = ["let a = ", "fn main", "return x", "for i in ", "if "];

impl Environment for Letters {
    fn len(&self) -> usize {
        PROMPTS.len()
    }

    fn name(&self, task: usize) -> &str {
        PROMPTS[task]
    }

    fn prompt(&self, task: usize) -> &str {
        PROMPTS[task]
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(LettersJudge(self))
    }
}

struct LettersJudge<'l>(&'l Letters);

impl Judge for LettersJudge<'_> {
    fn turn(&mut self, _task: usize, turns: &[String]) -> Result<Turn, HarnessError> {
        let Letters { turns: most, failing, patience } = self.0;
        let text = turns.concat();
        let sum: u64 = text.bytes().map(u64::from).sum();
        let is_over = patience.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if is_over || (*failing > 0 && sum.is_multiple_of(*failing)) {
            return Err(HarnessError("out of order".into()));
        }
        if turns.len() < *most {
            return Ok(Turn::Observation(" go on: ".into()));
        }
        let letters = text.chars().filter(char::is_ascii_lowercase).count();
        let reward = letters as f64 / text.chars().count().max(1) as f64;
        Ok(Turn::End(Outcome {
            reward,
            visible_passed: reward > 0.3,
            solved: reward > 0.6,
            loophole: None,
            detail: String::new(),
        }))
    }
}

fn vocabulary() -> Vocabulary {
    let text = "fn main() { let a = 1; for i in 0..9 { if a > i { return x; } } }\n".repeat(30);
    Vocabulary::train([text.as_str()].into_iter(), 300, Words::default(), &ignore_events).unwrap()
}

fn model(vocabulary: &Vocabulary) -> Model {
    let shape = AttentionShape { heads: 2, key_value_heads: 1, head: 16 };
    Model::initialise(DecoderConfig::llama(vocabulary.len(), 32, 2, shape, 64, 64), Seed(4)).unwrap()
}

fn options(algorithm: &str, steps: u64) -> RlOptions {
    RlOptions {
        algorithm: Algorithm::named(algorithm, 6).unwrap(),
        budget: Budget::Steps(steps),
        groups: 4,
        group_size: 6,
        turn_tokens: 6,
        context: 64,
        epochs: 1,
        mini_batches: 1,
        tokens_a_batch: 200,
        learning_rate: 1e-2,
        warmup_steps: 2,
        decay_share: 0.3,
        optimiser: AdamWOptions { weight_decay: 0.0, ..AdamWOptions::default() },
        curriculum: true,
        reward: Reward::Verified,
        places: 7,
        checkpoint_every: 1,
        seed: Seed(11),
    }
}

fn compute() -> Compute {
    Compute { kernels: Kernels::detect(), precision: Precision::F32 }
}

fn learn(
    environment: &Letters,
    options: &RlOptions,
    directory: &Path,
    threads: usize,
) -> Result<Tuned<RlState>, RlError> {
    let vocabulary = vocabulary();
    let mut initial = model(&vocabulary);
    if options.algorithm.needs_values() {
        initial = initial.with_value_head();
    }
    let tasks = ContentHash::of(b"letters");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    Judges::with(environment, threads, |judges| {
        let inputs = RlInputs { initial, vocabulary: &vocabulary, tasks };
        // The channels of the judges stay on this thread.
        let mut result = None;
        pool.in_place_scope(|_| {
            result = Some(reinforce(inputs, judges, options, compute(), directory, &ignore_events))
        });
        result.unwrap()
    })
}

#[test]
fn every_algorithm_raises_the_reward() {
    let mut table = String::new();
    for name in NAMES {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(name, 40);
        options.checkpoint_every = 1000;
        // So that something is off policy, and clipped.
        options.mini_batches = 2;
        let tuned = learn(&Letters::new(1, 0, u64::MAX), &options, directory.path(), 2).unwrap();
        let mean = |points: &[prentice_train::rl::reinforce::RlPoint]| {
            points.iter().map(|point| point.reward).sum::<f32>() / points.len() as f32
        };
        let curve = &tuned.state.curve;
        let (before, after) = (mean(&curve[..5]), mean(&curve[35..]));
        table += &format!("{name}: {before:.2} -> {after:.2}\n");
        assert!(after > before + 0.2, "{table}");
    }
}

#[test]
fn the_same_bits_at_any_number_of_threads_and_places_also_in_two_turns() {
    let run = |threads: usize| {
        let directory = tempfile::tempdir().unwrap();
        let tuned = learn(&Letters::new(2, 20, u64::MAX), &options("grpo", 4), directory.path(), threads).unwrap();
        let curve = tuned.state.curve.iter().map(|point| (point.reward, point.entropy, point.loss, point.kl));
        (tuned.model.digest(), curve.collect::<Vec<_>>())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn a_run_that_was_stopped_and_resumed_ends_with_the_same_bits() {
    for (algorithm, turns) in [("dapo", 1), ("rloo", 2)] {
        let options = RlOptions { epochs: 2, mini_batches: 2, ..options(algorithm, 6) };
        let whole = tempfile::tempdir().unwrap();
        let expected = learn(&Letters::new(turns, 0, u64::MAX), &options, whole.path(), 2).unwrap();
        let parts = tempfile::tempdir().unwrap();
        let mut stops = 0;
        let resumed = loop {
            // Each part gets through about two steps before its harness breaks down.
            match learn(&Letters::new(turns, 0, 60 * turns as u64), &options, parts.path(), 2) {
                Ok(tuned) => break tuned,
                Err(RlError::Rollout(_)) => stops += 1,
                Err(error) => panic!("{error}"),
            }
            assert!(stops < 10, "no part gets through a step");
        };
        assert!(stops > 0, "nothing was interrupted");
        let digest = prentice_train::checkpoint::digest;
        assert_eq!(digest(&expected.checkpoint).unwrap(), digest(&resumed.checkpoint).unwrap(), "{algorithm}");
        assert_eq!(expected.state.curriculum, resumed.state.curriculum);
    }
}

#[test]
fn observations_are_masked_and_token_ids_survive() {
    let (vocabulary, environment) = (vocabulary(), Letters::new(3, 0, u64::MAX));
    let model = model(&vocabulary);
    let mut sampler = BatchSampler::new(&model, compute(), 3, 64);
    let wanted: Vec<Wanted> = (0..4).map(|n| Wanted { task: n / 2, seed: Seed(n as u64) }).collect();
    let sampling = SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed: Seed(0) };
    let options = RolloutOptions { turn_tokens: 5, sampling };
    let rollouts = Judges::with(&environment, 2, |judges| {
        roll_out(&model, &vocabulary, &mut sampler, judges, &wanted, &options).unwrap()
    });
    let end = vocabulary.special().end_of_text;
    let observation = vocabulary.encode(" go on: ");
    let mut finished = 0;
    for rollout in &rollouts {
        assert_eq!(rollout.weights, model.digest());
        assert_eq!(rollout.tokens[..rollout.prompt], [vec![end], vocabulary.encode(PROMPTS[rollout.task])].concat());
        let response = &rollout.tokens[rollout.prompt..];
        assert_eq!((response.len(), response.len()), (rollout.written.len(), rollout.log_probabilities.len()));
        // Turns and observations take turns; a turn that was cut off is the last.
        let runs: Vec<(bool, Vec<u32>)> = rollout
            .written
            .chunk_by(|a, b| a == b)
            .scan(0, |at, run| {
                *at += run.len();
                Some((run[0], response[*at - run.len()..*at].to_vec()))
            })
            .collect();
        for (index, (own, tokens)) in runs.iter().enumerate() {
            assert_eq!(*own, index % 2 == 0);
            if *own {
                let text: Vec<u32> = tokens.iter().copied().filter(|id| *id != end).collect();
                assert_eq!(vocabulary.decode(&text), rollout.turns[index / 2]);
            } else {
                assert_eq!(*tokens, observation);
            }
        }
        finished += usize::from(!rollout.is_truncated);
        for (own, p) in rollout.written.iter().zip(&rollout.log_probabilities) {
            assert_eq!(*own, *p < 0.0);
        }
    }
    assert!(finished < rollouts.len(), "some turn is cut off");
}

#[test]
fn an_attempt_may_fill_the_context_to_the_last_token() {
    let directory = tempfile::tempdir().unwrap();
    // The model has 64 positions; the last token that is sampled needs none.
    let options = RlOptions { turn_tokens: 200, ..options("grpo", 2) };
    let tuned = learn(&Letters::new(1, 0, u64::MAX), &options, directory.path(), 2).unwrap();
    assert!(tuned.state.curve.iter().all(|point| point.truncated > 0.0), "{:?}", tuned.state.curve);
}

#[test]
fn a_group_without_variance_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // One attempt a group is its own mean.
    let options = RlOptions { group_size: 1, ..options("dr-grpo", 2) };
    let tuned = learn(&Letters::new(1, 0, u64::MAX), &options, directory.path(), 1).unwrap();
    assert_eq!(tuned.model.digest(), model(&vocabulary()).digest());
    assert!(tuned.state.curve.iter().all(|point| point.flat_groups == 1.0));
}

#[test]
fn nothing_to_learn_and_a_harness_that_never_works_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let none = RlOptions { groups: 0, ..options("grpo", 2) };
    let error = learn(&Letters::new(1, 0, u64::MAX), &none, directory.path(), 1).unwrap_err();
    assert_eq!(error.to_string(), "nothing to learn: the number of groups is zero");
    let error = learn(&Letters::new(1, 0, 0), &options("grpo", 2), directory.path(), 1).unwrap_err();
    assert!(error.to_string().ends_with("cannot be judged: out of order"), "{error}");
}
