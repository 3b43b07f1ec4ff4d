//! `kill -9` at any moment loses at most the work since the last checkpoint, and changes no bit of the result.

mod common;

use std::{fs, path::Path, process::Stdio, thread, time::Instant};

use common::Sandbox;
use prentice_base::ContentHash;

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
