//! A run on a real, tiny corpus: it learns, resumes to the bit, and refuses what it cannot do.

use std::{fs, path::Path, sync::Mutex};

use prentice_base::{Event, Seed, ignore_events};
use prentice_model::{Compute, DecoderConfig, LoraOptions, LoraTarget, Model, ops::AttentionShape};
use prentice_tokens::{EncodeOptions, FimOptions, TokenShard, Vocabulary, Words, encode_documents};
use prentice_train::{
    checkpoint::{self, RunState},
    examine::{ExamineOptions, HeldOutDocument, examine, token_counts},
    optimiser::AdamWOptions,
    pretrain::{Budget, PretrainError, PretrainInputs, PretrainOptions, pretrain},
    schedule::Schedule,
};

/// Some of this crate's own sources.
fn texts() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    ["checkpoint.rs", "optimiser.rs", "schedule.rs"]
        .map(|name| fs::read_to_string(directory.join(name)).unwrap())
        .into()
}

struct Fixture {
    directory: tempfile::TempDir,
    vocabulary: Vocabulary,
    shard: TokenShard,
    texts: Vec<String>,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let texts = texts();
    let vocabulary =
        Vocabulary::train(texts.iter().map(String::as_str), 600, Words::default(), &ignore_events).unwrap();
    let path = directory.path().join("train.tokens");
    let options = EncodeOptions { context: 64, fim: FimOptions::default(), passes: 1, seed: Seed(1) };
    encode_documents(&texts, &vocabulary, &options, &ignore_events, &path).unwrap();
    let shard = TokenShard::open(&path, &vocabulary.digest()).unwrap();
    Fixture { directory, vocabulary, shard, texts }
}

impl Fixture {
    fn model(&self) -> Model {
        let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 16 };
        Model::initialise(DecoderConfig::llama(600, 64, 2, shape, 128, 128), Seed(2)).unwrap()
    }

    fn run(
        &self,
        name: &str,
        options: &PretrainOptions,
    ) -> Result<prentice_train::pretrain::Pretrained, PretrainError> {
        self.run_from(self.model(), name, options)
    }

    fn run_from(
        &self,
        initial: Model,
        name: &str,
        options: &PretrainOptions,
    ) -> Result<prentice_train::pretrain::Pretrained, PretrainError> {
        let inputs =
            PretrainInputs { train: &self.shard, held_out: Some(&self.shard), vocabulary: &self.vocabulary, initial };
        pretrain(inputs, options, Compute::fastest(), &self.directory.path().join(name), &ignore_events)
    }
}

fn options(steps: u64) -> PretrainOptions {
    PretrainOptions {
        budget: Budget::Steps(steps),
        batch_rows: 8,
        learning_rate: 3e-3,
        warmup_steps: 5,
        schedule: Schedule::WSD,
        optimiser: AdamWOptions::default(),
        evaluate_every: 20,
        evaluation_rows: 8,
        checkpoint_every: 7,
        seed: Seed(3),
    }
}

#[test]
fn the_loss_falls_and_the_examination_beats_its_baselines() {
    let fixture = fixture();
    let trained = fixture.run("learn", &options(150)).unwrap();
    let losses: Vec<f32> = trained.state.curve.iter().map(|point| point.loss).collect();
    assert!((losses[0] - 600f32.ln()).abs() < 0.2, "an untrained model is uniform: {}", losses[0]);
    assert!(losses[140..].iter().all(|loss| *loss < 4.5), "{:?}", &losses[140..]);
    assert_eq!(
        trained.state.evaluations.iter().map(|e| e.step).collect::<Vec<_>>(),
        [20, 40, 60, 80, 100, 120, 140, 150]
    );

    let documents: Vec<_> =
        fixture.texts.iter().map(|text| HeldOutDocument { path: "x.rs", language: Some("Rust"), text }).collect();
    let exam = ExamineOptions { context: 64, bytes: 1 << 20, holes: 20, seed: Seed(1) };
    let counts = token_counts(&fixture.vocabulary, &fixture.texts);
    let run =
        || examine(&trained.model, &fixture.vocabulary, &counts, &documents, &exam, Compute::fastest(), &ignore_events);
    let examination = run();
    let scores = &examination.overall;
    assert_eq!(examination.bytes, fixture.texts.iter().map(|text| text.len() as u64).sum::<u64>(), "every byte counts");
    assert!(scores.bits_per_byte < scores.unigram_bits_per_byte * 0.8, "{scores:?}");
    assert!(scores.top1 > 0.15 && scores.holes == 20, "{scores:?}");
    assert_eq!(examination.languages["Rust"], *scores);
    assert_eq!(run(), examination);

    let (loaded, vocabulary) = checkpoint::load_model(&trained.checkpoint).unwrap();
    assert_eq!(loaded.digest(), trained.model.digest());
    assert_eq!(vocabulary.digest(), fixture.vocabulary.digest());
}

#[test]
fn resumed_equals_uninterrupted_whatever_was_lost() {
    let fixture = fixture();
    let whole = fixture.run("whole", &options(30)).unwrap();
    let expected = checkpoint::digest(&whole.checkpoint).unwrap();

    // Two checkpoints are kept: 28 and 30. Without the last, two steps are repeated.
    fs::remove_dir_all(&whole.checkpoint).unwrap();
    // What a kill in the middle of a write leaves.
    let runs = fixture.directory.path().join("whole");
    fs::create_dir(runs.join(".partial-step-00000030")).unwrap();
    fs::write(runs.join(".partial-step-00000030/model.safetensors"), b"half").unwrap();
    let resumed = fixture.run("whole", &options(30)).unwrap();
    assert_eq!(resumed.checkpoint, whole.checkpoint);
    assert_eq!(checkpoint::digest(&resumed.checkpoint).unwrap(), expected);
    assert_eq!(resumed.state.curve, whole.state.curve);
    assert_eq!(resumed.state.evaluations, whole.state.evaluations);

    // A damaged newest checkpoint is passed over, with a warning.
    let weights = whole.checkpoint.join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..1000]).unwrap();
    let warnings = Mutex::new(Vec::new());
    let inputs = PretrainInputs {
        train: &fixture.shard,
        held_out: Some(&fixture.shard),
        vocabulary: &fixture.vocabulary,
        initial: fixture.model(),
    };
    let events = |event| {
        if let Event::Warning { message } = event {
            warnings.lock().unwrap().push(message);
        }
    };
    let repaired = pretrain(inputs, &options(30), Compute::fastest(), &runs, &events).unwrap();
    assert_eq!(checkpoint::digest(&repaired.checkpoint).unwrap(), expected);
    assert_eq!(warnings.lock().unwrap().len(), 1);
}

/// The optimiser moves adapters and nothing else, its state is as long as they are, and a run with them resumes.
#[test]
fn adapters_are_all_that_a_run_moves_and_its_checkpoints_keep_them() {
    let fixture = fixture();
    let lora = LoraOptions { rank: 8, alpha: 16.0, targets: LoraTarget::ALL.to_vec() };
    let pretrained = fixture.run("base", &options(40)).unwrap();
    let base = &pretrained.model;
    for value_head in [false, true] {
        let initial = if value_head { base.clone().with_value_head() } else { base.clone() };
        let initial = initial.with_adapters(&lora, Seed(4)).unwrap();
        let count = lora.parameter_count(initial.config()) + if value_head { 65 } else { 0 };
        assert_eq!(initial.trainable().len(), count);
        let name = format!("adapters-{value_head}");
        let whole = fixture.run_from(initial.clone(), &name, &options(30)).unwrap();
        let trained = &whole.model;
        assert_eq!(trained.base_digest(), base.digest());
        let moved = trained
            .tensors()
            .iter()
            .filter(|tensor| tensor.name.contains(".lora_"))
            .all(|tensor| trained.parameters()[tensor.range.clone()] != initial.parameters()[tensor.range.clone()]);
        assert!(moved, "every adapter learns");
        // On the same rows: one batch differs from the next by more than a short run brings.
        let loss = |state: &RunState| state.evaluations.last().unwrap().loss;
        let (before, after) = (loss(&pretrained.state), loss(&whole.state));
        assert!(after < before - 0.05, "{before} {after}");

        let (loaded, optimiser, _) = checkpoint::load::<RunState>(&whole.checkpoint).unwrap();
        assert_eq!(loaded.digest(), trained.digest());
        assert_eq!((loaded.adapters(), loaded.value_head()), (Some(&lora), trained.value_head()));
        assert_eq!((optimiser.mean.len(), optimiser.square.len()), (count, count));
        let expected = checkpoint::digest(&whole.checkpoint).unwrap();
        fs::remove_dir_all(&whole.checkpoint).unwrap();
        let resumed = fixture.run_from(initial, &name, &options(30)).unwrap();
        assert_eq!(checkpoint::digest(&resumed.checkpoint).unwrap(), expected);
    }
}

#[test]
fn one_and_two_threads_give_the_same_checkpoint() {
    let fixture = fixture();
    let digest = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let trained = pool.install(|| fixture.run(&format!("threads-{threads}"), &options(12))).unwrap();
        checkpoint::digest(&trained.checkpoint).unwrap()
    };
    assert_eq!(digest(1), digest(2));
}

#[test]
fn zero_budgets_other_runs_and_divergence_are_refused() {
    let fixture = fixture();
    let zero = PretrainOptions { budget: Budget::Seconds(0.0), ..options(1) };
    assert_eq!(fixture.run("zero", &zero).unwrap_err().to_string(), "nothing to train: the budget is zero");

    fixture.run("run", &options(7)).unwrap();
    let error = fixture.run("run", &options(9)).unwrap_err();
    assert!(matches!(error, PretrainError::AnotherRun { .. }), "{error}");

    let wild = PretrainOptions { learning_rate: 1e30, ..options(20) };
    let error = fixture.run("wild", &wild).unwrap_err();
    assert!(matches!(error, PretrainError::Diverged { .. }), "{error}");
}
