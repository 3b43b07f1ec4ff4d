//! The loop that all fine-tuning shares: resumed equals uninterrupted, other runs are refused, divergence stops.

use std::path::Path;

use prentice_base::{ContentHash, Seed, ignore_events};
use prentice_model::{Batch, Compute, DecoderConfig, Model, Workspace, ops::AttentionShape};
use prentice_tokens::{MINIMUM_SIZE, Vocabulary, Words};
use prentice_train::{
    checkpoint,
    finetune::{FineTuneError, FineTuning, Tuned},
    optimiser::AdamWOptions,
};

fn vocabulary() -> Vocabulary {
    Vocabulary::train(["fn main() {}"].into_iter(), MINIMUM_SIZE, Words::default(), &ignore_events).unwrap()
}

fn model() -> Model {
    let shape = AttentionShape { heads: 2, key_value_heads: 1, head: 16 };
    Model::initialise(DecoderConfig::llama(MINIMUM_SIZE, 32, 1, shape, 64, 32), Seed(2)).unwrap()
}

/// Losses so far, as a caller would remember them.
type State = Vec<f32>;

fn open(directory: &Path, identity: &str) -> Result<FineTuning<State>, FineTuneError> {
    let identity = ContentHash::of(identity.as_bytes());
    FineTuning::open(directory, identity, model(), AdamWOptions::default(), &ignore_events)
}

/// Trains until `steps` steps are done; `finish` or the kill that the caller acts out comes after.
fn train(run: &mut FineTuning<State>, steps: u64, learning_rate: f64, every: u64) -> Result<(), FineTuneError> {
    let (mut workspace, mut gradient) = (Workspace::new(Compute::fastest()), run.gradient());
    while run.step < steps {
        let tokens: Vec<u32> = (0..16).map(|i| (i * 5 + run.step as u32) % MINIMUM_SIZE as u32).collect();
        let batch = Batch::new([tokens.as_slice()]);
        let loss = run.model.score_and_differentiate(&mut workspace, &batch, &mut gradient).mean;
        let name = format!("tokens from {}", run.step);
        run.update(&mut workspace, &mut gradient, learning_rate, loss, &name)?;
        run.state.push(loss as f32);
        run.save_if_due(every, &vocabulary())?;
    }
    Ok(())
}

fn digest(tuned: &Tuned<State>) -> ContentHash {
    checkpoint::digest(&tuned.checkpoint).unwrap()
}

#[test]
fn resumed_equals_uninterrupted_wherever_it_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut whole = open(&directory.path().join("whole"), "run").unwrap();
    train(&mut whole, 10, 1e-3, 0).unwrap();
    let whole = whole.finish(&vocabulary()).unwrap();

    for killed_after in 0..10 {
        let path = directory.path().join(format!("killed-{killed_after}"));
        // Checkpoints come every 3 steps; what was done since the last is lost with the process.
        train(&mut open(&path, "run").unwrap(), killed_after, 1e-3, 3).unwrap();
        let mut resumed = open(&path, "run").unwrap();
        assert_eq!(resumed.step, killed_after / 3 * 3);
        train(&mut resumed, 10, 1e-3, 3).unwrap();
        let resumed = resumed.finish(&vocabulary()).unwrap();
        assert_eq!(digest(&resumed), digest(&whole), "killed after {killed_after}");
        assert_eq!(resumed.state, whole.state);
    }
}

#[test]
fn another_run_is_refused_whatever_it_remembers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    train(&mut open(&path, "run").unwrap(), 1, 1e-3, 1).unwrap();
    let error = open(&path, "other").err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("{} holds checkpoints of a run with other data, options or weights", path.display())
    );
    let other_state =
        FineTuning::<u64>::open(&path, ContentHash::of(b"other"), model(), AdamWOptions::default(), &ignore_events);
    assert!(matches!(other_state, Err(FineTuneError::AnotherRun { .. })));
}

#[test]
fn divergence_changes_nothing_and_keeps_the_last_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let mut run = open(&path, "run").unwrap();
    train(&mut run, 3, 1e-3, 3).unwrap();
    let (weights, good) = (run.model.digest(), path.join("step-00000003"));
    let expected = checkpoint::digest(&good).unwrap();

    let (mut workspace, mut gradient) = (Workspace::new(Compute::fastest()), run.gradient());
    for (loss, poison) in [(f64::NAN, 0.0), (f64::INFINITY, 0.0), (1.0, f32::NAN), (1.0, f32::INFINITY)] {
        gradient[7] = poison;
        let error = run.update(&mut workspace, &mut gradient, 1e-3, loss, &"rows 8 to 15").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "training diverged at step 4 on rows 8 to 15: loss {loss}, gradient norm {}; the last checkpoint is {}",
                f64::from(poison).abs(),
                good.display()
            )
        );
        assert_eq!((run.step, run.model.digest(), run.optimiser.steps), (3, weights, 3));
    }

    // A step so long that the weights are finite and of no use: the checkpoint that is due is not written.
    gradient.fill(1.0);
    run.update(&mut workspace, &mut gradient, 1e30, 1.0, &"rows 16 to 23").unwrap();
    assert!(run.model.parameters().iter().all(|weight| weight.is_finite()));
    let error = run.save(&vocabulary()).unwrap_err();
    assert!(matches!(&error, FineTuneError::Overflow { step: 4, checkpoint: Some(path) } if *path == good), "{error}");
    assert_eq!(checkpoint::list(&path).unwrap(), std::slice::from_ref(&good));
    assert_eq!(checkpoint::digest(&good).unwrap(), expected);
    assert_eq!(open(&path, "run").unwrap().model.digest(), weights);
}
