//! Supervised fine-tuning on tiny, real data: what is learnt, what is read, and that a killed run loses nothing.

use std::{fs, path::Path};

use expect_test::{Expect, expect};
use prentice_base::{ContentHash, Seed, ignore_events};
use prentice_model::{Batch, Compute, DecoderConfig, LoraOptions, LoraTarget, Model, Workspace, ops::AttentionShape};
use prentice_tokens::{
    Vocabulary, Words,
    chat::{Chat, ChatTemplate, ChatTokens},
};
use prentice_train::{
    batches::batch_of,
    checkpoint,
    dialogue::{EmptyResponse, ExampleError, OverLong, ReadOptions, read_dialogues, read_labelled, read_pairs},
    epochs::{EpochOptions, Length, Record},
    finetune::{FineTuneError, Tuned},
    optimiser::AdamWOptions,
    schedule::Schedule,
    sft::{SftFigures, SftInputs, sft},
};

fn vocabulary() -> Vocabulary {
    let text = "def add(a, b):\n    return a + b\n\ndef is_even(n):\n    return n % 2 == 0\n";
    Vocabulary::train([text; 3].into_iter(), 300, Words::default(), &ignore_events).unwrap()
}

fn plain(vocabulary: &Vocabulary) -> Chat<'_> {
    Chat::new(ChatTemplate::named("plain").unwrap(), vocabulary).unwrap()
}

fn model(vocabulary: &Vocabulary) -> Model {
    let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 16 };
    Model::initialise(DecoderConfig::llama(vocabulary.len(), 64, 2, shape, 128, 64), Seed(2)).unwrap()
}

const READ: ReadOptions = ReadOptions { max_tokens: 64, over_long: OverLong::Drop, empty: EmptyResponse::Skip };

fn options(length: Length) -> EpochOptions {
    EpochOptions {
        length,
        tokens_a_batch: 64,
        learning_rate: 3e-3,
        warmup_steps: 5,
        schedule: Schedule::WSD,
        optimiser: AdamWOptions::default(),
        checkpoint_every: 4,
        seed: Seed(3),
    }
}

/// Prompts whose answers do not follow from each other.
fn eight_examples(chat: &Chat, directory: &Path) -> Vec<ChatTokens> {
    let lines: Vec<String> = ["a + b", "n % 2", "b", "0", "a", "n == b", "2 + a", "is_even"]
        .iter()
        .enumerate()
        .map(|(i, answer)| {
            serde_json::json!({"prompt": format!("def f{i}():\n    return "), "response": answer}).to_string()
        })
        .collect();
    let path = directory.join("examples.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    read_dialogues(&path, chat, &READ).unwrap().examples
}

fn run(
    vocabulary: &Vocabulary,
    examples: &[ChatTokens],
    options: &EpochOptions,
    directory: &Path,
) -> Result<Tuned<Record<SftFigures>>, FineTuneError> {
    let inputs = SftInputs { examples, vocabulary, initial: model(vocabulary) };
    sft(inputs, options, Compute::fastest(), directory, &ignore_events)
}

#[test]
fn eight_examples_are_learnt_by_heart() {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary();
    let examples = eight_examples(&plain(&vocabulary), directory.path());
    let tuned = run(&vocabulary, &examples, &options(Length::Epochs(60)), &directory.path().join("run")).unwrap();

    let batch = batch_of(&examples);
    let scores = tuned.model.score(&mut Workspace::new(Compute::fastest()), &batch);
    assert!(scores.mean < 0.05, "loss {}", scores.mean);
    for row in (0..batch.len()).filter(|row| batch.weights[*row] > 0.0) {
        assert_eq!(scores.most_probable[row], batch.targets[row]);
    }
    let learnt: u32 = tuned.state.figures.iter().map(|figures| figures.response_tokens).sum();
    let responses = examples.iter().flat_map(|example| &example.is_response).filter(|is_response| **is_response);
    assert_eq!(learnt as usize, 60 * responses.count(), "each epoch learns every response token once");
    // What the prompts say is not learnt.
    let prompts = Batch::new(examples.iter().map(|example| &example.ids[1..8]));
    assert!(tuned.model.score(&mut Workspace::new(Compute::fastest()), &prompts).mean > 2.0);
}

/// A run that lost its last checkpoint, and one on a single thread, end with the bits of an undisturbed one.
fn check_resumption(vocabulary: &Vocabulary, initial: &Model) -> Model {
    let directory = tempfile::tempdir().unwrap();
    let examples = eight_examples(&plain(vocabulary), directory.path());
    let digest = |tuned: &Tuned<_>| -> ContentHash { checkpoint::digest(&tuned.checkpoint).unwrap() };
    let run = |name: &str, examples: &[ChatTokens]| {
        let inputs = SftInputs { examples, vocabulary, initial: initial.clone() };
        sft(inputs, &options(Length::Epochs(6)), Compute::fastest(), &directory.path().join(name), &ignore_events)
    };
    let whole = run("run", &examples).unwrap();
    let expected = digest(&whole);
    assert_ne!(whole.model.digest(), initial.digest());

    fs::remove_dir_all(&whole.checkpoint).unwrap();
    let resumed = run("run", &examples).unwrap();
    assert_eq!(digest(&resumed), expected);
    assert_eq!((&resumed.state.curve, &resumed.state.figures), (&whole.state.curve, &whole.state.figures));
    assert_eq!((resumed.state.tokens, resumed.state.steps), (whole.state.tokens, whole.state.steps));

    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(digest(&one_thread.install(|| run("one-thread", &examples)).unwrap()), expected);

    let error = run("run", &examples[1..]).unwrap_err();
    assert!(matches!(error, FineTuneError::AnotherRun { .. }), "{error}");
    whole.model
}

#[test]
fn resumed_equals_uninterrupted() {
    let vocabulary = vocabulary();
    check_resumption(&vocabulary, &model(&vocabulary));
}

#[test]
fn adapters_are_tuned_alone_and_resume_likewise() {
    let vocabulary = vocabulary();
    let options = LoraOptions { rank: 4, alpha: 8.0, targets: LoraTarget::ALL.to_vec() };
    let adapted = model(&vocabulary).with_adapters(&options, Seed(5)).unwrap();
    let tuned = check_resumption(&vocabulary, &adapted);
    assert_eq!(tuned.base_digest(), adapted.base_digest());
}

#[test]
fn a_budget_of_time_is_kept_and_settled() {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary();
    let examples = eight_examples(&plain(&vocabulary), directory.path());
    let tuned = run(&vocabulary, &examples, &options(Length::Seconds(0.3)), &directory.path().join("timed")).unwrap();
    let state = &tuned.state;
    assert!(state.seconds > 0.05 && state.seconds < 10.0, "{} s", state.seconds);
    assert_eq!(state.steps, Some(state.curve.len() as u64));
    assert!(tuned.checkpoint.ends_with(format!("step-{:08}", state.curve.len())));
}

#[test]
fn divergence_stops_and_names_the_batch() {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary();
    let examples = eight_examples(&plain(&vocabulary), directory.path());
    let mut initial = model(&vocabulary);
    initial.parameters_mut()[5] = f32::INFINITY;
    let inputs = SftInputs { examples: &examples, vocabulary: &vocabulary, initial };
    let path = directory.path().join("infinite");
    let error = sft(inputs, &options(Length::Steps(9)), Compute::fastest(), &path, &ignore_events).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("training diverged at step 1 on examples ["), "{text}");
    assert!(text.contains("of epoch 1: loss ") && text.ends_with("no checkpoint was written yet"), "{text}");

    // Once weights are beyond use, the checkpoint from before stays the last one.
    let path = directory.path().join("wild");
    let wild = EpochOptions { learning_rate: 1e30, warmup_steps: 0, checkpoint_every: 1, ..options(Length::Steps(9)) };
    let error = run(&vocabulary, &examples, &wild, &path).unwrap_err();
    assert!(matches!(error, FineTuneError::Overflow { step: 1, checkpoint: None }), "{error}");
    assert!(checkpoint::list(&path).unwrap().is_empty());
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary();
    let examples = eight_examples(&plain(&vocabulary), directory.path());
    let long = ChatTokens { ids: vec![1; 70], is_response: vec![true; 70] };
    for (examples, options, expected) in [
        (&examples[..], options(Length::Epochs(0)), expect!["nothing to train: the budget is zero"]),
        (&examples, options(Length::Seconds(f64::NAN)), expect!["nothing to train: the budget is zero"]),
        (&[], options(Length::Epochs(1)), expect!["nothing to train: the number of examples is zero"]),
        (
            &examples,
            EpochOptions { tokens_a_batch: 0, ..options(Length::Epochs(1)) },
            expect!["nothing to train: the number of tokens in a batch is zero"],
        ),
        (&[long], options(Length::Epochs(1)), expect!["an example has 70 tokens, the model's context is 64"]),
    ] {
        expected
            .assert_eq(&run(&vocabulary, examples, &options, &directory.path().join("run")).unwrap_err().to_string());
    }
}

/// The tokens of a line, what carries loss in «».
fn check_mask(line: &str, options: ReadOptions, expected: Expect) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("line.jsonl");
    fs::write(&path, line).unwrap();
    let vocabulary = vocabulary();
    let shown = match read_dialogues(&path, &plain(&vocabulary), &options) {
        Ok(read) => show(&vocabulary, &read.examples[0]) + if read.truncated > 0 { " (truncated)" } else { "" },
        Err(error) => error.to_string().replace(&path.display().to_string(), "line.jsonl"),
    };
    expected.assert_eq(&shown);
}

fn show(vocabulary: &Vocabulary, tokens: &ChatTokens) -> String {
    let batch = batch_of([tokens]);
    let mut shown = vocabulary.spell(&tokens.ids[..1]);
    for (target, weight) in batch.targets.iter().zip(&batch.weights) {
        let token = vocabulary.spell(&[*target]);
        shown += &if *weight > 0.0 { format!("«{token}»") } else { token };
    }
    shown.replace("»«", "").replace('\n', "\\n")
}

#[test]
fn loss_is_on_responses_only() {
    check_mask(
        r#"{"prompt": "def add", "response": "(a, b)", "source": 3}"#,
        READ,
        expect!["<|endoftext|>def add«(a, b)<|endoftext|>»"],
    );
    check_mask(r#"{"prompt": "", "completion": "0"}"#, READ, expect!["<|endoftext|>«0<|endoftext|>»"]);
    check_mask(
        r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "n"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "and"}]}"#,
        READ,
        expect!["<|endoftext|>sn«2<|endoftext|>»b«a<|endoftext|>»"],
    );
    check_mask(
        r#"{"prompt": [{"role": "user", "content": "n"}], "response": [{"role": "assistant", "content": "<|endoftext|>"}]}"#,
        READ,
        expect!["<|endoftext|>n«<|endoftext|><|endoftext|>»"],
    );
}

#[test]
fn a_response_without_weight_is_not_learnt() {
    let line = |first: &str, second: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "n"}}, {{"role": "assistant", "content": "2", "weight": {first}}}, {{"role": "user", "content": "b"}}, {{"role": "assistant", "content": "a", "weight": {second}}}]}}"#
        )
    };
    check_mask(&line("0", "1"), READ, expect!["<|endoftext|>n2<|endoftext|>b«a<|endoftext|>»"]);
    check_mask(&line("1", "0.0"), READ, expect!["<|endoftext|>n«2<|endoftext|>»ba<|endoftext|>"]);
    check_mask(&line("0", "0"), READ, expect!["line.jsonl, line 1: every response has the weight 0"]);
    check_mask(
        &line("1", "0.5"),
        READ,
        expect!["line.jsonl, line 1: field `messages[3].weight` is a number, expected is 0 or 1"],
    );
    check_mask(
        &line("0", "1"),
        ReadOptions { max_tokens: 5, over_long: OverLong::Truncate, ..READ },
        expect!["line.jsonl has no examples: 0 with an empty response and 1 too long were passed over"],
    );
}

#[test]
fn over_long_and_empty_examples_are_counted_or_refused() {
    let line = r#"{"prompt": "a", "response": "b\nb\nb\nb"}"#;
    let at = |max_tokens, over_long| ReadOptions { max_tokens, over_long, ..READ };
    check_mask(line, at(10, OverLong::Fail), expect![[r#"<|endoftext|>a«b\nb\nb\nb<|endoftext|>»"#]]);
    check_mask(
        line,
        at(9, OverLong::Fail),
        expect!["line.jsonl, line 1: the example has 10 tokens, at most 9 are allowed"],
    );
    check_mask(line, at(4, OverLong::Truncate), expect![[r#"<|endoftext|>a«b\n» (truncated)"#]]);
    check_mask(
        line,
        at(2, OverLong::Truncate),
        expect!["line.jsonl has no examples: 0 with an empty response and 1 too long were passed over"],
    );
    check_mask(
        line,
        at(9, OverLong::Drop),
        expect!["line.jsonl has no examples: 0 with an empty response and 1 too long were passed over"],
    );

    let empty = r#"{"prompt": "a", "response": " \n"}"#;
    check_mask(
        empty,
        READ,
        expect!["line.jsonl has no examples: 1 with an empty response and 0 too long were passed over"],
    );
    check_mask(
        empty,
        ReadOptions { empty: EmptyResponse::Fail, ..READ },
        expect!["line.jsonl, line 1: the response is empty"],
    );
}

#[test]
fn bad_lines_are_named_with_their_field() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.jsonl");
    let vocabulary = vocabulary();
    let chat = plain(&vocabulary);
    let said = |error: ExampleError| error.to_string().replace(&path.display().to_string(), "bad.jsonl");
    let dialogues = |line: &str| {
        fs::write(&path, format!("{{\"prompt\": \"a\", \"response\": \"b\"}}\n\n{line}\n")).unwrap();
        said(read_dialogues(&path, &chat, &READ).unwrap_err())
    };
    for (line, expected) in [
        (r#"{"prompt": "a", "#, expect!["bad.jsonl, line 3: is not JSON: EOF while parsing a value at column 16"]),
        ("\u{fffd}", expect!["bad.jsonl, line 3: is not JSON: expected value at column 1"]),
        ("[1]", expect!["bad.jsonl, line 3: is a list, not an object"]),
        (r#"{"response": "b"}"#, expect!["bad.jsonl, line 3: field `prompt` is missing"]),
        (r#"{"prompt": "a"}"#, expect!["bad.jsonl, line 3: field `response` is missing"]),
        (
            r#"{"prompt": 7, "response": "b"}"#,
            expect!["bad.jsonl, line 3: field `prompt` is a number, expected is a text or a list of messages"],
        ),
        (
            r#"{"prompt": "a", "response": null}"#,
            expect!["bad.jsonl, line 3: field `response` is null, expected is a text or a list of messages"],
        ),
        (
            r#"{"prompt": "a", "response": "b", "completion": "b"}"#,
            expect!["bad.jsonl, line 3: has both fields `response` and `completion`"],
        ),
        (
            r#"{"messages": "a"}"#,
            expect!["bad.jsonl, line 3: field `messages` is a text, expected is a list of messages"],
        ),
        (r#"{"messages": []}"#, expect!["bad.jsonl, line 3: no message has the role `assistant`"]),
        (r#"{"messages": ["a"]}"#, expect!["bad.jsonl, line 3: field `messages[0]` is a text, expected is a message"]),
        (
            r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant"}]}"#,
            expect!["bad.jsonl, line 3: field `messages[1].content` is missing"],
        ),
        (
            r#"{"messages": [{"role": "narrator", "content": "a"}]}"#,
            expect![
                "bad.jsonl, line 3: field `messages[0].role` is `narrator`, expected is `system`, `user` or `assistant`"
            ],
        ),
        (
            r#"{"messages": [{"role": "user", "content": ["a"]}]}"#,
            expect!["bad.jsonl, line 3: field `messages[0].content` is a list, expected is a text"],
        ),
        (
            r#"{"messages": [{"role": "assistant", "content": "a"}]}"#,
            expect!["bad.jsonl, line 3: message 1 has the role `assistant`, expected is `user`"],
        ),
    ] {
        expected.assert_eq(&dialogues(line));
    }
    let pairs = |line: &str| {
        fs::write(&path, line).unwrap();
        said(read_pairs(&path, &chat, &READ).unwrap_err())
    };
    expect!["bad.jsonl, line 1: field `rejected` is missing"].assert_eq(&pairs(r#"{"prompt": "a", "chosen": "b"}"#));
    expect!["bad.jsonl, line 1: field `prompt` is missing"].assert_eq(&pairs(r#"{"chosen": "b", "rejected": "c"}"#));
    let labelled = |line: &str| {
        fs::write(&path, line).unwrap();
        said(read_labelled(&path, &chat, &READ).unwrap_err())
    };
    expect!["bad.jsonl, line 1: field `label` is missing"]
        .assert_eq(&labelled(r#"{"prompt": "a", "completion": "b"}"#));
    expect!["bad.jsonl, line 1: field `label` is a number, expected is true or false"]
        .assert_eq(&labelled(r#"{"prompt": "a", "completion": "", "label": 1}"#));
}

#[test]
fn of_pairs_only_the_last_response_is_judged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.jsonl");
    let vocabulary = vocabulary();
    let show = |line: &str| {
        fs::write(&path, line).unwrap();
        let pair = &read_pairs(&path, &plain(&vocabulary), &READ).unwrap().examples[0];
        format!("{}\n{}", show(&vocabulary, &pair.chosen), show(&vocabulary, &pair.rejected))
    };
    expect![[r#"
        <|endoftext|>n«2<|endoftext|>»
        <|endoftext|>n«0<|endoftext|>»"#]]
    .assert_eq(&show(r#"{"prompt": "n", "chosen": "2", "rejected": "0"}"#));
    let turns =
        r#"{"role": "user", "content": "n"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "b"}"#;
    let say = |content: &str| format!(r#"{{"role": "assistant", "content": "{content}"}}"#);
    let (better, worse) = (say("a"), say("def"));
    let split = show(&format!(r#"{{"prompt": [{turns}], "chosen": [{better}], "rejected": "def"}}"#));
    expect![[r#"
        <|endoftext|>n2<|endoftext|>b«a<|endoftext|>»
        <|endoftext|>n2<|endoftext|>b«def<|endoftext|>»"#]]
    .assert_eq(&split);
    let whole = show(&format!(r#"{{"chosen": [{turns}, {better}], "rejected": [{turns}, {worse}]}}"#));
    assert_eq!(whole, split, "the prompt may be part of both");
}
