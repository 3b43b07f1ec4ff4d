//! Tasks, examples, judgements and rewards go from command to command, and what comes out is a model as any other.

mod common;

use std::fs;

use common::{Sandbox, can_execute};
use serde_json::Value;

#[test]
fn from_tasks_to_a_policy() {
    if !can_execute("from tasks to a policy") {
        return;
    }
    let sandbox = Sandbox::new();
    let made = sandbox.summary("task generate docfn --train 120 --test 5 --depths 1-2 --mismatch 0.5 --out tasks");
    assert_eq!((made["train"].as_u64(), made["test"].as_u64()), (Some(120), Some(5)));
    assert!(made["right_labels"].as_u64().unwrap() < 120, "{made}");
    sandbox.base_model(&fs::read_to_string(sandbox.path("tasks/labels.jsonl")).unwrap());
    let parameters = |model: &str| sandbox.summary(&format!("model info {model}"))["parameters"].clone();

    // Adapters alone, or merged.
    let sft = "model sft --model base/model --examples tasks/labels.jsonl --epochs 8 --tokens-a-batch 1024";
    let adapter = sandbox.summary(&format!("{sft} --lora-rank 4 --lora-targets q_proj,v_proj --out adapter"));
    assert_eq!(adapter["adapter"], "adapter/adapter");
    assert_eq!(
        sandbox.listing("adapter/adapter"),
        ["adapter_config.json", "adapter_model.safetensors"],
        "adapters alone are written"
    );
    let merged = sandbox.summary(&format!("{sft} --lora-rank 4 --lora-targets q_proj,v_proj --merge --out merged"));
    assert_eq!(merged["checkpoint_digest"], adapter["checkpoint_digest"]);
    assert_eq!(parameters("merged/model"), parameters("base/model"));

    // The same command again has nothing left to do.
    let tuned = sandbox.summary(&format!("{sft} --out tuned"));
    assert!(tuned["loss"].as_f64() < tuned["first_loss"].as_f64(), "{tuned}");
    assert_eq!(sandbox.summary(&format!("{sft} --out tuned"))["digest"], tuned["digest"]);

    // What it writes is judged, and learnt from.
    let synthesize = "model synthesize --model tuned/model --tasks tasks/train.jsonl --samples 4 --turn-tokens 48";
    let judged = sandbox.summary(&format!("{synthesize} --out lines/judged.jsonl"));
    let lines = fs::read_to_string(sandbox.path("lines/judged.jsonl")).unwrap();
    let labels: Vec<bool> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["label"].as_bool().unwrap()).collect();
    assert_eq!(labels.len() as u64, judged["lines"].as_u64().unwrap());
    assert!(labels.contains(&true) && labels.contains(&false), "{judged}");
    let kept = sandbox.summary(&format!("{synthesize} --keep-if-passes --out lines/kept.jsonl"));
    assert_eq!(kept["lines"], labels.iter().filter(|passes| **passes).count());
    sandbox.summary("model sft --model tuned/model --examples lines/kept.jsonl --steps 1 --out again");
    sandbox.summary(&format!("{synthesize} --pairs --out lines/pairs.jsonl"));
    for (objective, pairs) in [("dpo", "pairs"), ("orpo", "pairs"), ("kto", "judged")] {
        let prefer = format!("model prefer --model tuned/model --pairs lines/{pairs}.jsonl --objective {objective}");
        let preferred = sandbox.summary(&format!("{prefer} --steps 2 --out {objective}"));
        assert_ne!(preferred["digest"], tuned["digest"]);
    }

    // A value head is there to learn by and not part of what comes out; a reference changes what is learnt.
    let rl =
        "model rl --model tuned/model --tasks tasks/train.jsonl --groups 8 --group-size 4 --turn-tokens 48 --steps 2";
    let digest = |arguments: &str| sandbox.summary(&format!("{rl} {arguments}"))["digest"].clone();
    digest("--algorithm ppo --mini-batches 2 --out ppo");
    assert_eq!(parameters("ppo/model"), parameters("base/model"));
    let plain = digest("--algorithm dr-grpo --out plain");
    assert_eq!(plain, digest("--algorithm dr-grpo --kl 0 --out without"));
    assert_ne!(plain, digest("--algorithm dr-grpo --kl 0.5 --out with"));
    assert_ne!(plain, digest("--algorithm dr-grpo --reward random --out random"));
}
