//! `kill -9` at any moment loses at most the work since the last checkpoint, and changes no bit of the result.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    thread,
    time::Instant,
};

use common::{Sandbox, can_execute};
use prentice_base::{ContentHash, Seed};
use prentice_train::checkpoint;
use rand::{RngExt as _, seq::SliceRandom as _};
use serde_json::Value;

/// A run of half a second or more, in which there are several checkpoints.
const TRAIN: &str = "model train --shards tokens --steps 40 --layers 2 --batch-rows 4 --checkpoint-every 4";

#[test]
fn killed_and_resumed_is_the_same_to_the_bit() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 12);
    sandbox.summary("corpus build tree --out corpus --held-out 0.2");
    sandbox.summary("tokens train --corpus corpus --size 300 --out vocabulary");
    sandbox.summary("tokens encode --corpus corpus --vocabulary vocabulary --context 128 --passes 4 --out tokens");
    let whole = Instant::now();
    sandbox.summary(&format!("{TRAIN} --out whole"));
    let whole = whole.elapsed();

    let mut kills = 0;
    for round in 0..8u8 {
        let mut child =
            sandbox.prentice(&format!("{TRAIN} --out killed --quiet")).stdout(Stdio::null()).spawn().unwrap();
        // Anywhere in the first third of what a whole run takes; the last rounds have less to do and may end before.
        thread::sleep(whole.mul_f64(0.05 + 0.25 * ContentHash::of(&[round]).unit_interval()));
        child.kill().unwrap();
        kills += u32::from(!child.wait().unwrap().success());
    }
    assert!(kills >= 2, "{kills} of 8 were killed in time");
    sandbox.summary(&format!("{TRAIN} --out killed"));

    let read = |name: &str| fs::read(sandbox.path(name)).unwrap();
    for file in ["model.safetensors", "optimiser.safetensors"] {
        let name = Path::new("checkpoints/step-00000040").join(file);
        let name = name.to_str().unwrap();
        assert!(
            read(&format!("whole/{name}")) == read(&format!("killed/{name}")),
            "{file} differs after {kills} kills"
        );
    }
    assert!(read("whole/model/model.safetensors") == read("killed/model/model.safetensors"));
    let left = sandbox.listing("killed/checkpoints");
    assert_eq!(left, sandbox.listing("whole/checkpoints"));
}

/// Reinforcement learning with everything on: groups are replaced, attempts are repaired, tasks are drawn by solve rate.
const REINFORCE: &str = "model rl --model tuned/model --tasks tasks/train.jsonl --algorithm dapo --environment repair \
                         --groups 6 --group-size 4 --turn-tokens 48 --steps 8 --checkpoint-every 1 --seed 3";

#[test]
fn reinforcement_learning_that_is_killed_at_five_points_ends_with_the_same_checkpoint() {
    if !can_execute("reinforcement learning that is killed") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.summary("task generate docfn --train 120 --test 0 --depths 1 --mismatch 0 --out tasks");
    sandbox.base_model(&fs::read_to_string(sandbox.path("tasks/labels.jsonl")).unwrap());
    // So that some attempts pass, and some groups have something to teach.
    let tuned = sandbox.summary(
        "model sft --model base/model --examples tasks/labels.jsonl --epochs 10 --tokens-a-batch 1024 --out tuned",
    );
    let began = Instant::now();
    let whole = sandbox.summary(&format!("{REINFORCE} --out whole"));
    let a_step = began.elapsed().div_f64(9.0);
    assert!(whole["first"]["flat_groups"].as_f64().unwrap() < 1.0 && whole["digest"] != tuned["digest"], "{whole}");

    let mut random = Seed(20).rng();
    let mut steps: Vec<u64> = (0..6).collect();
    steps.shuffle(&mut random);
    steps.truncate(5);
    steps.sort_unstable();
    for after in steps {
        let mut child =
            sandbox.prentice(&format!("{REINFORCE} --out killed --json")).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // At the earliest when the step is over and perhaps being saved, at the latest within the next.
        let is_over = |line: &Value| line["event"] == "policy_step" && line["step"].as_u64() >= Some(after);
        let found = after == 0 || lines.any(|line| is_over(&serde_json::from_str(&line.unwrap()).unwrap()));
        assert!(found, "the run ended before step {after}");
        thread::sleep(a_step.mul_f64(random.random_range(0.0..0.5)));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "killed too late, after step {after}");
    }
    let resumed = sandbox.summary(&format!("{REINFORCE} --out killed"));
    assert_eq!(resumed["checkpoint_digest"], whole["checkpoint_digest"]);
    assert_eq!(resumed["digest"], whole["digest"]);
    let last = |run: &str| checkpoint::digest(&sandbox.path(run).join("checkpoints/step-00000008")).unwrap();
    assert_eq!(last("killed"), last("whole"));
    assert_eq!(resumed["checkpoint_digest"], last("whole").to_string());
}
