//! Adapters: what they compute, what is trained, what is frozen, and the files of PEFT.

use std::{error::Error as _, fs, path::Path};

use expect_test::{Expect, expect};
use prentice_base::Seed;
use prentice_model::{
    ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, AdapterError, Batch, Compute, DecoderConfig, LoraOptions, LoraTarget,
    Model, Workspace,
    kernels::{Kernels, Precision},
    ops::AttentionShape,
};

fn base(bias: bool) -> Model {
    let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 8 };
    let mut config = DecoderConfig::llama(50, 24, 2, shape, 40, 64);
    if bias {
        config.model_type = "qwen2".into();
    }
    let mut model = Model::initialise(config, Seed(1)).unwrap();
    // Larger than initial weights, so that the distribution is not flat, and biases that are not zero.
    for tensor in model.tensors().to_vec() {
        let values = &mut model.parameters_mut()[tensor.range];
        match tensor.shape.len() {
            2 => values.iter_mut().for_each(|value| *value *= 6.0),
            _ => (0..).zip(values).for_each(|(i, value)| *value += (i * 37 % 11) as f32 / 50.0 - 0.1),
        }
    }
    model
}

fn options(targets: &[LoraTarget]) -> LoraOptions {
    LoraOptions { rank: 3, alpha: 6.0, targets: targets.to_vec() }
}

/// Adapters with a B that is not zero.
fn adapted(base: Model, targets: &[LoraTarget]) -> Model {
    let mut model = base.with_adapters(&options(targets), Seed(2)).unwrap();
    for (i, value) in model.trainable_mut().iter_mut().enumerate() {
        *value += ((i * 7919 + 13) % 2003) as f32 / 10_015.0 - 0.1;
    }
    model
}

fn batch() -> Batch {
    let document: Vec<u32> = (0..40).map(|i| i * 31 % 50).collect();
    Batch::new([&document[..], &document[7..20]])
}

fn f32_compute() -> Compute {
    Compute::new(Precision::F32)
}

fn logits(model: &Model) -> Vec<f32> {
    model.logits(&mut Workspace::new(f32_compute()), &batch())
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

fn values<'m>(model: &'m Model, name: &str) -> (&'m [f32], std::ops::Range<usize>) {
    let tensor = model.tensors().iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("{name}"));
    (&model.parameters()[tensor.range.clone()], tensor.range.clone())
}

#[test]
fn fresh_adapters_and_a_fresh_value_head_change_nothing() {
    let plain = base(true);
    let model = base(true).with_adapters(&options(&LoraTarget::ALL), Seed(2)).unwrap();
    assert_eq!(logits(&model), logits(&plain));
    assert_eq!(model.base_digest(), plain.digest());
    assert_eq!(logits(&base(true).with_value_head()), logits(&plain));

    let (a, _) = values(&model, "model.layers.1.mlp.down_proj.lora_A.weight");
    let bound = 1.0 / 40f32.sqrt();
    let largest = a.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    assert!(largest < bound && largest > 0.9 * bound, "uniform within 1 / sqrt(in): {largest} of {bound}");
    let (b, _) = values(&model, "model.layers.1.mlp.down_proj.lora_B.weight");
    assert!(b.iter().all(|value| *value == 0.0));
    let again = base(true).with_adapters(&options(&LoraTarget::ALL), Seed(2)).unwrap();
    assert_eq!(again.digest(), model.digest());
    assert_ne!(base(true).with_adapters(&options(&LoraTarget::ALL), Seed(3)).unwrap().digest(), model.digest());
}

/// PEFT's formula, `W + lora_alpha / r * B A` (`peft/tuners/lora/layer.py`), in float64 and by tensor names.
fn merged_by_hand(model: &Model, targets: &[LoraTarget]) -> Model {
    let mut merged = base(model.config().model_type == "qwen2");
    for layer in 0..2 {
        for target in targets {
            let part = match target {
                LoraTarget::GateProj | LoraTarget::UpProj | LoraTarget::DownProj => "mlp",
                _ => "self_attn",
            };
            let name = format!("model.layers.{layer}.{part}.{target}");
            let (a, _) = values(model, &format!("{name}.lora_A.weight"));
            let (b, _) = values(model, &format!("{name}.lora_B.weight"));
            let (_, range) = values(model, &format!("{name}.weight"));
            let columns = a.len() / 3;
            let weight = &mut merged.parameters_mut()[range];
            for (i, value) in weight.iter_mut().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let product: f64 = (0..3).map(|r| f64::from(b[row * 3 + r]) * f64::from(a[r * columns + column])).sum();
                *value = (f64::from(*value) + 6.0 / 3.0 * product) as f32;
            }
        }
    }
    merged
}

#[test]
fn the_merged_model_equals_the_adapter_model() {
    use LoraTarget::{DownProj, GateProj, KProj, OProj, QProj, UpProj, VProj};
    let cases: [&[LoraTarget]; 9] = [
        &LoraTarget::ALL,
        &[QProj, VProj],
        &[QProj],
        &[KProj],
        &[VProj],
        &[OProj],
        &[GateProj],
        &[UpProj],
        &[DownProj],
    ];
    for targets in cases {
        let model = adapted(base(true), targets);
        let ours = logits(&model);
        let change = largest_difference(&ours, &logits(&base(true)));
        assert!(change > 0.01, "{targets:?}: the adapters change the logits by {change} only");
        let merged = model.merged();
        assert_eq!(merged.adapters(), None);
        assert_eq!(merged.trainable(), 0..merged.config().parameter_count());
        let difference = largest_difference(&ours, &logits(&merged));
        assert!(difference < 1e-5, "{targets:?}: merged differs by {difference}");
        let difference = largest_difference(&ours, &logits(&merged_by_hand(&model, targets)));
        assert!(difference < 1e-5, "{targets:?}: the formula differs by {difference}");
    }
}

/// Central differences of the loss through the whole model, for every tensor that is trained.
#[test]
fn gradients_of_adapters_agree_with_differences() {
    for kernels in Kernels::available() {
        let compute = Compute { kernels, precision: Precision::F32 };
        let model = adapted(base(true), &LoraTarget::ALL);
        let batch = batch();
        let mut workspace = Workspace::new(compute);
        let mut gradient = vec![0.0; model.trainable().len()];
        model.score_and_differentiate(&mut workspace, &batch, &mut gradient);

        let start = model.trainable().start;
        for tensor in model.tensors().iter().filter(|tensor| tensor.range.start >= start) {
            let range = tensor.range.start - start..tensor.range.end - start;
            let largest = gradient[range.clone()].iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            assert!(largest > 1e-4, "{}: nothing to check", tensor.name);
            for i in range.step_by(17) {
                let mut loss = |shift: f32| {
                    let mut moved = model.clone();
                    moved.trainable_mut()[i] += shift;
                    workspace.parameters_changed();
                    model_loss(&moved, &mut workspace, &batch)
                };
                let h = 4e-3;
                let expected = (loss(h) - loss(-h)) / (2.0 * f64::from(h));
                let error = (f64::from(gradient[i]) - expected).abs();
                assert!(
                    error < 1e-4 + 5e-3 * expected.abs(),
                    "{kernels} {} element {i}: backward {} differences {expected}",
                    tensor.name,
                    gradient[i]
                );
            }
        }
    }
}

fn model_loss(model: &Model, workspace: &mut Workspace, batch: &Batch) -> f64 {
    model.score(workspace, batch).mean
}

/// Freezing leaves out work, not terms: what is trained has the gradient that it has where more is trained.
#[test]
fn fewer_adapters_have_the_gradient_that_they_have_among_more() {
    let few = [LoraTarget::KProj, LoraTarget::DownProj];
    let is_kept = |name: &str| few.iter().any(|target| name.contains(&format!("{target}.lora_")));
    // The others do nothing, so that leaving them out is the same function.
    let mut all = adapted(base(false), &LoraTarget::ALL);
    let mut some = base(false).with_adapters(&options(&few), Seed(2)).unwrap();
    for tensor in all.tensors().to_vec() {
        if is_kept(&tensor.name) {
            let (_, range) = values(&some, &tensor.name);
            some.parameters_mut()[range].copy_from_slice(&all.parameters()[tensor.range]);
        } else if tensor.name.contains(".lora_B") {
            all.parameters_mut()[tensor.range].fill(0.0);
        }
    }
    assert_eq!(some.trainable().start, some.config().parameter_count());
    assert_eq!(some.trainable().len(), options(&few).parameter_count(some.config()));
    assert_eq!(some.trainable().len(), 2 * 3 * ((16 + 24) + (24 + 40)));
    assert_eq!(all.trainable().len(), options(&LoraTarget::ALL).parameter_count(all.config()));

    let gradient = |model: &Model| {
        let mut gradient = vec![0.0; model.trainable().len()];
        model.score_and_differentiate(&mut Workspace::new(f32_compute()), &batch(), &mut gradient);
        move |range: std::ops::Range<usize>, start: usize| gradient[range.start - start..range.end - start].to_vec()
    };
    let (of_all, of_some) = (gradient(&all), gradient(&some));
    for tensor in some.tensors().iter().filter(|tensor| is_kept(&tensor.name)) {
        let expected = of_all(values(&all, &tensor.name).1, all.trainable().start);
        let found = of_some(tensor.range.clone(), some.trainable().start);
        assert!(found.iter().any(|value| *value != 0.0));
        let difference = largest_difference(&expected, &found);
        assert!(difference < 1e-6, "{}: {difference}", tensor.name);
    }
}

/// Packed forms of frozen weights outlive a step, and are made anew where the weights are others.
#[test]
fn a_workspace_notices_other_frozen_weights() {
    let mut workspace = Workspace::new(f32_compute());
    let one = adapted(base(false), &LoraTarget::ALL);
    let mut two = one.clone();
    let fresh = |model: &Model| model.logits(&mut Workspace::new(f32_compute()), &batch());
    assert_eq!(one.logits(&mut workspace, &batch()), fresh(&one));
    let count = two.config().parameter_count();
    two.parameters_mut()[..count].iter_mut().for_each(|value| *value *= 1.1);
    workspace.parameters_changed();
    assert_eq!(two.logits(&mut workspace, &batch()), fresh(&two));
    workspace.parameters_changed();
    assert_eq!(one.logits(&mut workspace, &batch()), fresh(&one));
    // Only the adapters change: a step of training.
    let mut three = one.clone();
    three.trainable_mut().iter_mut().for_each(|value| *value *= 1.1);
    workspace.parameters_changed();
    assert_eq!(three.logits(&mut workspace, &batch()), fresh(&three));
    assert_ne!(fresh(&three), fresh(&one));
}

#[test]
fn value_heads_come_last_and_survive_adapters() {
    let mut model = base(false).with_value_head();
    let count = model.config().parameter_count();
    assert_eq!(model.trainable(), 0..count + 25, "24 features and a bias, trained with all the rest");
    let (weight, bias) = model.value_head().unwrap();
    assert_eq!((weight.range(), bias.range()), (count..count + 24, count + 24..count + 25));
    assert!(model.parameters()[count..].iter().all(|value| *value == 0.0));
    model.parameters_mut()[weight.range()].fill(0.5);

    let model = adapted(model, &[LoraTarget::QProj]);
    let (weight, bias) = model.value_head().unwrap();
    assert_eq!(bias.range().end, model.parameters().len());
    assert_eq!(model.trainable(), count..bias.range().end);
    assert_eq!(model.trainable().len(), options(&[LoraTarget::QProj]).parameter_count(model.config()) + 25);
    let (head, _) = values(&model, "value_head.weight");
    assert!((head[0] - 0.5).abs() < 0.2 && head == &model.parameters()[weight.range()]);

    let (merged, head) = (model.merged(), head.to_vec());
    assert_eq!(values(&merged, "value_head.weight").0, head);
    assert_eq!(merged.without_value_head().parameters().len(), count);
    let without = model.clone().without_value_head();
    assert_eq!(without.value_head(), None);
    assert_eq!(logits(&without), logits(&model));
}

#[test]
fn checkpoints_keep_adapters_and_value_head() {
    let directory = tempfile::tempdir().unwrap();
    for model in [
        adapted(base(true), &[LoraTarget::VProj, LoraTarget::GateProj]),
        adapted(base(true).with_value_head(), &LoraTarget::ALL),
        base(true).with_value_head(),
        base(true),
    ] {
        model.save(directory.path(), None).unwrap();
        let (loaded, _) = Model::load(directory.path()).unwrap();
        assert_eq!(loaded.digest(), model.digest());
        assert_eq!(loaded.adapters(), model.adapters());
        assert_eq!(loaded.value_head(), model.value_head());
        assert_eq!(loaded.trainable(), model.trainable());
        assert_eq!(logits(&loaded), logits(&model));
    }
}

#[test]
fn saved_adapters_have_the_layout_of_peft_and_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let model = adapted(base(false), &[LoraTarget::QProj, LoraTarget::DownProj]);
    model.save_adapter(directory.path(), "models/base").unwrap();
    expect![[r#"
        {
          "peft_type": "LORA",
          "task_type": "CAUSAL_LM",
          "base_model_name_or_path": "models/base",
          "r": 3,
          "lora_alpha": 6,
          "target_modules": [
            "q_proj",
            "down_proj"
          ],
          "lora_dropout": 0.0,
          "bias": "none",
          "fan_in_fan_out": false,
          "init_lora_weights": true,
          "inference_mode": true
        }
    "#]]
    .assert_eq(&fs::read_to_string(directory.path().join(ADAPTER_CONFIG_FILE)).unwrap());
    let bytes = fs::read(directory.path().join(ADAPTER_WEIGHTS_FILE)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let shapes: Vec<String> = header
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, entry)| format!("{name} {}", entry["shape"]))
        .collect();
    expect![[r#"
        base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [3,24]
        base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [32,3]
        base_model.model.model.layers.0.mlp.down_proj.lora_A.weight [3,40]
        base_model.model.model.layers.0.mlp.down_proj.lora_B.weight [24,3]
        base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight [3,24]
        base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight [32,3]
        base_model.model.model.layers.1.mlp.down_proj.lora_A.weight [3,40]
        base_model.model.model.layers.1.mlp.down_proj.lora_B.weight [24,3]
    "#]]
    .assert_eq(&(shapes.join("\n") + "\n"));

    let loaded = base(false).load_adapter(directory.path()).unwrap();
    assert_eq!(loaded.digest(), model.digest());
    assert_eq!(loaded.adapters(), model.adapters());
    loaded.save_adapter(directory.path(), "models/base").unwrap();
    assert_eq!(fs::read(directory.path().join(ADAPTER_WEIGHTS_FILE)).unwrap(), bytes);
    let with_head = base(false).with_value_head().load_adapter(directory.path()).unwrap();
    assert_eq!(with_head.without_value_head().digest(), model.digest());
}

/// Every field that PEFT 0.18 writes by itself, with its targets in the order of a set.
#[test]
fn a_configuration_as_peft_writes_it_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let model = adapted(base(false), &[LoraTarget::QProj, LoraTarget::DownProj]);
    model.save_adapter(directory.path(), "x").unwrap();
    fs::write(directory.path().join(ADAPTER_CONFIG_FILE), PEFT_CONFIG).unwrap();
    let loaded = base(false).load_adapter(directory.path()).unwrap();
    assert_eq!(loaded.digest(), model.digest());
    assert_eq!(loaded.adapters(), model.adapters());
}

const PEFT_CONFIG: &str = r#"{
  "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
  "base_model_name_or_path": "base", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
  "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
  "init_lora_weights": true, "layer_replication": null, "layers_pattern": null, "layers_to_transform": null,
  "loftq_config": {}, "lora_alpha": 6, "lora_bias": false, "lora_dropout": 0.05, "megatron_config": null,
  "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA", "peft_version": "0.18.0",
  "qalora_group_size": 16, "r": 3, "rank_pattern": {}, "revision": null,
  "target_modules": ["down_proj", "q_proj"], "target_parameters": null, "task_type": "CAUSAL_LM",
  "trainable_token_indices": null, "use_dora": false, "use_qalora": false, "use_rslora": false
}"#;

#[test]
fn adapters_that_do_not_fit_are_refused_with_a_reason() {
    let edit = |from: &'static str, to: &'static str| {
        move |path: &Path| {
            let path = path.join(ADAPTER_CONFIG_FILE);
            let config = fs::read_to_string(&path).unwrap();
            assert!(config.contains(from), "{config}");
            fs::write(path, config.replace(from, to)).unwrap();
        }
    };
    let same = || base(false);
    check(
        same,
        |path| fs::remove_file(path.join(ADAPTER_WEIGHTS_FILE)).unwrap(),
        expect![[r#"
            cannot read <dir>/adapter_model.safetensors: No such file or directory (os error 2)
            hint: LoRA adapters in the layout of PEFT can be read: adapter_config.json and adapter_model.safetensors"#]],
    );
    check(
        same,
        |path| fs::write(path.join(ADAPTER_WEIGHTS_FILE), [0xff; 100]).unwrap(),
        expect![[r#"
        <dir>/adapter_model.safetensors is truncated or damaged: header too large
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        same,
        |path| fs::write(path.join(ADAPTER_CONFIG_FILE), "{}").unwrap(),
        expect![[r#"
        <dir>/adapter_config.json has no readable configuration of adapters: missing field `peft_type` at line 1 column 2
        hint: LoRA adapters in the layout of PEFT can be read: adapter_config.json and adapter_model.safetensors"#]],
    );
    check(
        same,
        edit("\"r\": 3", "\"r\": 4"),
        expect![[r#"
        <dir>/adapter_model.safetensors: tensor `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` has shape [3, 24], the configuration says [4, 24]
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        same,
        edit("\"r\": 3", "\"r\": 99999999999"),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have r = 99999999999, but this engine needs a rank from 1 to 40 for this model
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("\"r\": 3", "\"r\": 3, \"use_dora\": true"),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have use_dora = true, but this engine does not implement it
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("\"r\": 3", "\"r\": 3, \"rank_pattern\": {\"q_proj\": 8}"),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have rank_pattern = {"q_proj":8}, but this engine does not implement it
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("init_lora_weights\": true", "init_lora_weights\": \"pissa\""),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have init_lora_weights = "pissa", but this engine does not implement it
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("\"LORA\"", "\"IA3\""),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have peft_type = "IA3", but this engine knows LORA
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("\"down_proj\"", "\"lm_head\""),
        expect![[r#"
            <dir>/adapter_config.json: the adapters have target_modules = ["q_proj","lm_head"], but this engine knows lists of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, and all-linear
            hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part"#]],
    );
    check(
        same,
        edit("\"down_proj\"", "\"v_proj\""),
        expect![[r#"
        <dir>/adapter_model.safetensors: tensor `base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight` is missing
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        same,
        edit("\"q_proj\",", ""),
        expect![[r#"
        <dir>/adapter_model.safetensors: tensor `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` belongs to no projection that the configuration names
        hint: copy the checkpoint again, or use an earlier one of the same run"#]],
    );
    check(
        || base(true).with_value_head(),
        |_| {},
        expect![[r#"
            the adapters in <dir>/adapter_model.safetensors were trained on a model with digest 24aa62f00c34, this one has fb6cfb70e33d
            hint: load the model that the adapters were trained on"#]],
    );
    check(
        || adapted(base(false), &[LoraTarget::QProj]),
        |_| {},
        expect![[r#"
        <dir>/adapter_config.json: the model has adapters already
        hint: merge them into the model first"#]],
    );
}

fn check(base_model: impl Fn() -> Model, damage: impl FnOnce(&Path), expected: Expect) {
    let directory = tempfile::tempdir().unwrap();
    let saved = adapted(base(false), &[LoraTarget::QProj, LoraTarget::DownProj]);
    saved.save_adapter(directory.path(), "base").unwrap();
    damage(directory.path());
    let error = base_model().load_adapter(directory.path()).unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text += &format!("\nhint: {}", error.hint());
    expected.assert_eq(&text.replace(directory.path().to_str().unwrap(), "<dir>"));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: LoraOptions| base(false).with_adapters(&options, Seed(1)).unwrap_err().to_string();
    let rows = [
        refused(LoraOptions { rank: 0, ..options(&LoraTarget::ALL) }),
        refused(LoraOptions { rank: 41, ..options(&LoraTarget::ALL) }),
        refused(LoraOptions { alpha: f64::NAN, ..options(&LoraTarget::ALL) }),
        refused(options(&[])),
        refused(options(&[LoraTarget::QProj, LoraTarget::QProj])),
    ];
    expect![[r#"
        the adapters have r = 0, but this engine needs a rank from 1 to 40 for this model
        the adapters have r = 41, but this engine needs a rank from 1 to 40 for this model
        the adapters have lora_alpha = NaN, but this engine needs a positive number
        the adapters have target_modules = [], but this engine needs at least one projection, and each once
        the adapters have target_modules = [q_proj, q_proj], but this engine needs at least one projection, and each once"#]].assert_eq(&rows.join("\n"));
    let twice = adapted(base(false), &LoraTarget::ALL).with_adapters(&options(&LoraTarget::ALL), Seed(1));
    assert_eq!(twice.unwrap_err(), AdapterError::Already);
}
