//! Preference training on tiny, real data: every objective widens the gap, from a reference that is exactly the start.

use std::{fs, path::Path};

use prentice_base::{Seed, ignore_events};
use prentice_model::{Compute, DecoderConfig, Model, Workspace, ops::AttentionShape};
use prentice_tokens::{
    Vocabulary, Words,
    chat::{Chat, ChatTemplate, ChatTokens},
};
use prentice_train::{
    batches::batch_of,
    checkpoint,
    dialogue::{EmptyResponse, Labelled, OverLong, Pair, ReadOptions, read_labelled, read_pairs},
    epochs::{EpochOptions, Length, Record},
    finetune::{FineTuneError, Tuned},
    objective::preference::Preference,
    optimiser::AdamWOptions,
    prefer::{Judgements, PreferFigures, PreferInputs, prefer},
    schedule::Schedule,
};
use serde_json::json;

struct Fixture {
    directory: tempfile::TempDir,
    vocabulary: Vocabulary,
    pairs: Vec<Pair>,
    labelled: Vec<Labelled>,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let text = "def add(a, b):\n    return a + b\n\ndef is_even(n):\n    return n % 2 == 0\n";
    let vocabulary = Vocabulary::train([text; 3].into_iter(), 300, Words::default(), &ignore_events).unwrap();
    let answers = [("a + b", "a"), ("n % 2 == 0", "n"), ("b", "a b + a"), ("0", "2"), ("add(a, b)", "n"), ("n", "0")];
    let write = |name: &str, lines: Vec<serde_json::Value>| {
        let path = directory.path().join(name);
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        path
    };
    let prompt = |i: usize| format!("def f{i}():\n    return ");
    let pairs = answers.iter().enumerate();
    let pairs = pairs.map(|(i, (good, bad))| json!({"prompt": prompt(i), "chosen": good, "rejected": bad}));
    let pairs = write("pairs.jsonl", pairs.collect());
    let labelled = answers.iter().enumerate().flat_map(|(i, (good, bad))| {
        [(good, true), (bad, false)]
            .map(|(text, label)| json!({"prompt": prompt(i), "completion": text, "label": label}))
    });
    let labelled = write("labelled.jsonl", labelled.collect());

    let chat = Chat::new(ChatTemplate::named("plain").unwrap(), &vocabulary).unwrap();
    let read = ReadOptions { max_tokens: 64, over_long: OverLong::Fail, empty: EmptyResponse::Fail };
    let pairs = read_pairs(&pairs, &chat, &read).unwrap().examples;
    let labelled = read_labelled(&labelled, &chat, &read).unwrap().examples;
    Fixture { directory, vocabulary, pairs, labelled }
}

impl Fixture {
    fn model(&self) -> Model {
        let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 16 };
        Model::initialise(DecoderConfig::llama(self.vocabulary.len(), 64, 2, shape, 128, 64), Seed(2)).unwrap()
    }

    fn judgements(&self, objective: &str) -> Judgements<'_> {
        match Preference::named(objective).unwrap() {
            Preference::Paired(paired) => Judgements::Pairs(paired, &self.pairs),
            Preference::Kto(kto) => Judgements::Labelled(kto, &self.labelled),
        }
    }

    fn run(&self, objective: &str, name: &str, steps: u64) -> Result<Tuned<Record<PreferFigures>>, FineTuneError> {
        let options = EpochOptions {
            length: Length::Steps(steps),
            tokens_a_batch: 160,
            learning_rate: 1e-3,
            warmup_steps: 3,
            schedule: Schedule::WSD,
            optimiser: AdamWOptions::default(),
            checkpoint_every: 4,
            seed: Seed(3),
        };
        let inputs = PreferInputs {
            judgements: self.judgements(objective),
            vocabulary: &self.vocabulary,
            initial: self.model(),
        };
        prefer(inputs, &options, Compute::fastest(), &self.directory.path().join(name), &ignore_events)
    }

    /// By how much the log-probability of better responses exceeds that of worse ones, a token, on average.
    fn gap(&self, model: &Model) -> f64 {
        let score =
            |tokens: &ChatTokens| -model.score(&mut Workspace::new(Compute::fastest()), &batch_of([tokens])).mean;
        self.pairs.iter().map(|pair| score(&pair.chosen) - score(&pair.rejected)).sum::<f64>() / self.pairs.len() as f64
    }
}

fn digest(path: &Path) -> prentice_base::ContentHash {
    checkpoint::digest(path).unwrap()
}

#[test]
fn every_objective_prefers_what_is_preferred() {
    let fixture = fixture();
    let before = fixture.gap(&fixture.model());
    for objective in prentice_train::objective::preference::NAMES {
        let tuned = fixture.run(objective, objective, 60).unwrap();
        let state = &tuned.state;
        let after = fixture.gap(&tuned.model);
        assert!(after > before + 1.0, "{objective}: {before} to {after}");
        let mean = |points: &[PreferFigures]| {
            let margins: Vec<f32> = points.iter().filter_map(|point| point.margin).collect();
            margins.iter().sum::<f32>() / margins.len() as f32
        };
        let (first, last) = (mean(&state.figures[..5]), mean(&state.figures[55..]));
        assert!(last > first + 0.05, "{objective}: margin {first} to {last}");
        if objective != "kto" {
            assert!(state.figures[55..].iter().all(|point| point.accuracy == Some(1.0)), "{objective}");
        }
    }
}

#[test]
fn the_reference_is_exactly_the_initial_model() {
    let fixture = fixture();
    for (objective, expected) in [("dpo", 2f32.ln()), ("ipo", 25.0), ("kto", 0.5)] {
        let tuned = fixture.run(objective, objective, 1).unwrap();
        assert_eq!(tuned.state.curve[0].loss, expected, "{objective}");
        assert_eq!(tuned.state.figures[0].margin, Some(0.0), "{objective}");
    }
}

#[test]
fn resumed_equals_uninterrupted() {
    let fixture = fixture();
    for objective in ["dpo", "kto"] {
        let whole = fixture.run(objective, objective, 10).unwrap();
        let expected = digest(&whole.checkpoint);
        // Kept are the checkpoints of steps 8 and 10: the reference is computed again, two steps are repeated.
        fs::remove_dir_all(&whole.checkpoint).unwrap();
        let resumed = fixture.run(objective, objective, 10).unwrap();
        assert_eq!(digest(&resumed.checkpoint), expected, "{objective}");
        assert_eq!((&resumed.state.curve, &resumed.state.figures), (&whole.state.curve, &whole.state.figures));
    }
    let error = fixture.run("ipo", "dpo", 10).unwrap_err();
    assert!(matches!(error, FineTuneError::AnotherRun { .. }), "{error}");
}
