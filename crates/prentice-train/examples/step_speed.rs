//! Times training steps of the 7M model; driven by `bench/engine.py` through standard input and output.

use std::{io::BufRead as _, time::Instant};

use prentice_base::Seed;
use prentice_model::{
    Batch, Compute, DecoderConfig, Model, Workspace,
    kernels::{Kernels, Precision, zeroed},
    ops::AttentionShape,
};
use prentice_train::optimiser::{AdamW, AdamWOptions};

fn main() {
    let bf16 = std::env::args().any(|argument| argument == "bf16");
    let precision = if bf16 { Precision::Bf16 } else { Precision::F32 };
    // A third argument names other kernels than the fastest.
    let kernels = std::env::args().nth(2).filter(|name| name != "f32" && name != "bf16");
    let kernels = kernels.map_or_else(Kernels::detect, |name| name.parse().expect("kernels of this machine"));
    let compute = Compute { kernels, precision };
    let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 64 };
    let config = DecoderConfig::llama(8192, 256, 6, shape, 704, 256);
    let mut model = Model::initialise(config, Seed(1)).expect("a valid configuration");
    let rows: Vec<Vec<u32>> = (0..8).map(|row| (0..256).map(|i| (i * 7919 + row * 104_729) % 8192).collect()).collect();
    let batch = Batch::new(rows.iter().map(Vec::as_slice));
    let mut workspace = Workspace::new(compute);
    let mut gradient = zeroed(model.trainable().len());
    let mut optimiser = AdamW::new(gradient.len(), AdamWOptions::default());
    let mut step = || {
        let start = Instant::now();
        let losses = model.score_and_differentiate(&mut workspace, &batch, &mut gradient);
        optimiser.step(&mut model, &mut gradient, 3e-4);
        workspace.parameters_changed();
        (start.elapsed().as_secs_f64(), losses.mean)
    };
    step();
    step();
    println!("ready {}", serde_json::json!({"precision": compute.precision, "kernels": compute.kernels.to_string()}));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["run", count] => {
                let count: usize = count.parse().expect("a number of steps");
                let (seconds, losses): (Vec<f64>, Vec<f64>) = (0..count).map(|_| step()).unzip();
                println!("{}", serde_json::json!({"seconds": seconds, "loss": losses.last()}));
            }
            _ => break,
        }
    }
}
