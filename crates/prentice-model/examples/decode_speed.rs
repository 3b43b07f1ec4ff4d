//! Times decoding and prefill of the 7M model; driven by `bench/engine.py` through standard input and output.

use std::{io::BufRead as _, time::Instant};

use prentice_base::Seed;
use prentice_model::{
    Compute, DecoderConfig, Generator, Model, SamplingOptions, kernels::Precision, ops::AttentionShape,
};

fn main() {
    let bf16 = std::env::args().any(|argument| argument == "bf16");
    let compute = Compute::new(if bf16 { Precision::Bf16 } else { Precision::F32 });
    let shape = AttentionShape { heads: 4, key_value_heads: 2, head: 64 };
    let config = DecoderConfig::llama(8192, 256, 6, shape, 704, 1024);
    let model = Model::initialise(config, Seed(1)).expect("a valid configuration");
    let mut generator = Generator::new(&model, compute, 1024);
    let prompt = |length: u32| -> Vec<u32> { (0..length).map(|i| i * 7919 % 8192).collect() };
    let mut decode = |count: usize| {
        generator.truncate(0);
        let start = Instant::now();
        let tokens = generator.generate(&prompt(32), count, &SamplingOptions::GREEDY, |_| false).expect("it fits");
        assert_eq!(tokens.len(), count);
        start.elapsed().as_secs_f64()
    };
    decode(64);
    println!("ready {}", serde_json::json!({"precision": compute.precision, "kernels": compute.kernels.to_string()}));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds = match words.as_slice() {
            ["decode", count] => decode(count.parse().expect("a number of tokens")),
            ["prefill", count] => {
                let prompt = prompt(count.parse().expect("a number of tokens"));
                let mut generator = Generator::new(&model, compute, 1024);
                // The weights are packed once for a generator, so the first call is not what is measured.
                generator.feed(&prompt).expect("it fits");
                generator.truncate(0);
                let start = Instant::now();
                generator.feed(&prompt).expect("it fits");
                start.elapsed().as_secs_f64()
            }
            _ => break,
        };
        println!("{}", serde_json::json!({"seconds": seconds}));
    }
}
