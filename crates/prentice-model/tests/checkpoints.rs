//! Checkpoints: round trip, fixed bytes, and what is said of bad ones.

use std::{error::Error as _, fs, path::Path};

use expect_test::{Expect, expect};
use prentice_base::{ContentHash, Seed};
use prentice_model::{CheckpointError, DecoderConfig, Model, checkpoint, ops::AttentionShape};

fn model() -> Model {
    let shape = AttentionShape { heads: 2, key_value_heads: 1, head: 4 };
    Model::initialise(DecoderConfig::llama(11, 8, 2, shape, 12, 32), Seed(1)).unwrap()
}

#[test]
fn saved_and_loaded_is_the_same_and_saved_twice_is_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary = ContentHash::of(b"vocabulary");
    model().save(directory.path(), Some(vocabulary)).unwrap();
    let bytes = fs::read(directory.path().join("model.safetensors")).unwrap();
    let (loaded, found) = Model::load(directory.path()).unwrap();
    assert_eq!(loaded.parameters(), model().parameters());
    assert_eq!(loaded.digest(), model().digest());
    assert_eq!(found, Some(vocabulary));
    loaded.save(directory.path(), found).unwrap();
    assert_eq!(fs::read(directory.path().join("model.safetensors")).unwrap(), bytes);
}

#[test]
fn bad_checkpoints_are_refused_with_a_reason() {
    check(
        |path| fs::remove_file(path.join("model.safetensors")).unwrap(),
        expect![[r#"
        cannot read <dir>/model.safetensors: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json"#]],
    );
    check(
        |path| {
            let bytes = fs::read(path.join("model.safetensors")).unwrap();
            fs::write(path.join("model.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
        },
        expect![[r#"
            <dir>/model.safetensors is truncated or damaged: incomplete metadata, file not fully covered
            hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        |path| fs::write(path.join("model.safetensors"), [0xff; 100]).unwrap(),
        expect![[r#"
        <dir>/model.safetensors is truncated or damaged: header too large
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        |path| edit(path, "\"hidden_size\": 8", "\"hidden_size\": 10"),
        expect![[r#"
        <dir>/model.safetensors: tensor `model.embed_tokens.weight` has shape [11, 8], the configuration says [11, 10]
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        |path| edit(path, "\"silu\"", "\"gelu\""),
        expect![[r#"
        the model configuration has hidden_act = gelu, but this engine knows silu
        hint: Llama and Qwen2 checkpoints in Hugging Face layout can be read"#]],
    );
    check(
        |path| edit(path, "\"llama\"", "\"mamba\""),
        expect![[r#"
        the model configuration has model_type = mamba, but this engine knows llama and qwen2
        hint: Llama and Qwen2 checkpoints in Hugging Face layout can be read"#]],
    );
}

#[test]
fn another_vocabulary_is_refused() {
    let (one, two) = (ContentHash::of(b"one"), ContentHash::of(b"two"));
    let error = checkpoint::check_vocabulary(Path::new("runs/train"), Some(one), two).unwrap_err();
    expect![
        "vocabulary dc770fff53f5 does not match checkpoint runs/train, which was trained with vocabulary d33fb48ab5ad"
    ]
    .assert_eq(&error.to_string());
}

fn edit(path: &Path, from: &str, to: &str) {
    let config = fs::read_to_string(path.join("config.json")).unwrap();
    assert!(config.contains(from));
    fs::write(path.join("config.json"), config.replace(from, to)).unwrap();
}

fn check(damage: impl FnOnce(&Path), expected: Expect) {
    let directory = tempfile::tempdir().unwrap();
    model().save(directory.path(), None).unwrap();
    damage(directory.path());
    let error: CheckpointError = Model::load(directory.path()).unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text += &format!("\nhint: {}", error.hint());
    expected.assert_eq(&text.replace(directory.path().to_str().unwrap(), "<dir>"));
}
