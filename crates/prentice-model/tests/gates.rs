//! The engine's gates: equal to PyTorch, equal between generation and training, equal at any thread count.

use std::path::{Path, PathBuf};

use prentice_base::Seed;
use prentice_model::{
    Batch, BatchSampler, Compute, DecoderConfig, GeneratedToken, Generator, LoraOptions, LoraTarget, Model,
    SampleRequest, SamplingOptions, Workspace,
    kernels::{Kernels, Precision},
    ops::AttentionShape,
};
use serde_json::Value;

fn golden(name: &str) -> (PathBuf, Value) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    let golden = serde_json::from_slice(&std::fs::read(directory.join("golden.json")).unwrap()).unwrap();
    (directory, golden)
}

fn documents(golden: &Value) -> Vec<Vec<u32>> {
    let numbers = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
    let mut documents = Vec::new();
    for (row, lengths) in golden["tokens"].as_array().unwrap().iter().zip(golden["segments"].as_array().unwrap()) {
        let (row, mut start) = (numbers(row), 0);
        for length in numbers(lengths) {
            documents.push(row[start..start + length as usize].to_vec());
            start += length as usize;
        }
    }
    documents
}

/// Logits and log-probabilities of Hugging Face's own classes, from their own checkpoint files.
#[test]
fn forward_equals_transformers() {
    for name in ["llama", "qwen2"] {
        let (directory, golden) = golden(name);
        let (model, _) = Model::load(&directory).unwrap();
        let documents = documents(&golden);
        let batch = Batch::new(documents.iter().map(Vec::as_slice));
        for kernels in Kernels::available() {
            let mut workspace = Workspace::new(Compute { kernels, precision: Precision::F32 });
            let scored = model.score(&mut workspace, &batch);
            assert!((scored.mean - golden["losses"][0].as_f64().unwrap()).abs() < 1e-5, "{name} {kernels}");
            let expected: Vec<f32> = serde_json::from_value(golden["log_probabilities_row_0"].clone()).unwrap();
            for (ours, theirs) in scored.log_probabilities.iter().zip(&expected) {
                assert!((ours - theirs).abs() < 1e-5, "{name} {kernels}: {ours} {theirs}");
            }

            let logits = model.logits(&mut workspace, &batch);
            let vocabulary = model.config().vocab_size;
            let positions: Vec<usize> = serde_json::from_value(golden["logits"]["positions"].clone()).unwrap();
            let values: Vec<Vec<f32>> = serde_json::from_value(golden["logits"]["values"].clone()).unwrap();
            for (position, values) in positions.iter().zip(values) {
                // Row 0 is one document of 24 tokens, so row 1 starts at token 24 of the batch.
                let ours = &logits[(24 + position) * vocabulary..][..vocabulary];
                for (ours, theirs) in ours.iter().zip(values) {
                    assert!((ours - theirs).abs() < 2e-5, "{name} {kernels}: {ours} {theirs}");
                }
            }
        }
    }
}

fn small_model(bias: bool) -> Model {
    let shape = AttentionShape { heads: 6, key_value_heads: 2, head: 16 };
    let mut config = DecoderConfig::llama(300, 72, 3, shape, 100, 256);
    if bias {
        config.model_type = "qwen2".into();
    }
    let mut model = Model::initialise(config, Seed(3)).unwrap();
    // Larger than initial weights, so that the distribution is not flat.
    model.parameters_mut().iter_mut().for_each(|value| *value *= 4.0);
    model
}

/// The same with adapters that do something, and a value head.
fn adapted_model(targets: &[LoraTarget]) -> Model {
    let options = LoraOptions { rank: 5, alpha: 7.0, targets: targets.to_vec() };
    let mut model = small_model(true).with_value_head().with_adapters(&options, Seed(4)).unwrap();
    for (i, value) in model.trainable_mut().iter_mut().enumerate() {
        *value += ((i * 7919 + 13) % 2003) as f32 / 10_015.0 - 0.1;
    }
    model
}

/// The rollout's log-probabilities are the trainer's, to the last bit: fed at once, token by token, behind another
/// document in the batch, in both precisions, on every kernel, with adapters and without.
#[test]
fn generation_equals_training_bit_for_bit() {
    use LoraTarget::{DownProj, KProj, QProj, UpProj};
    let models = [small_model(true), adapted_model(&LoraTarget::ALL), adapted_model(&[QProj, KProj, UpProj, DownProj])];
    for (kernels, model) in Kernels::available().iter().flat_map(|kernels| models.iter().map(move |m| (*kernels, m))) {
        for precision in [Precision::F32, Precision::Bf16] {
            let compute = Compute { kernels, precision };
            let prompt: Vec<u32> = (0..77).map(|i| i * 31 % 300).collect();
            let options = SamplingOptions { temperature: 1.0, top_k: 50, top_p: 0.95, seed: Seed(5) };
            let mut generator = Generator::new(model, compute, 256);
            let generated = generator.generate(&prompt, 90, &options, |_| false).unwrap();
            assert_eq!(generated.len(), 90);
            let again = generator.generate(&prompt, 90, &options, |_| false).unwrap();
            assert_eq!(generated, again, "the cache is reused for the common prompt");

            let mut document = prompt.clone();
            document.extend(generated.iter().map(|token| token.id));
            let other: Vec<u32> = (0..41).map(|i| i * 17 % 300).collect();
            let batch = Batch::new([other.as_slice(), &document, &other]);
            let mut gradient = vec![0.0; model.trainable().len()];
            let mut workspace = Workspace::new(compute);
            let trained = model.score_and_differentiate(&mut workspace, &batch, &mut gradient);
            let first = other.len() + prompt.len() - 1;
            for (i, token) in generated.iter().enumerate() {
                assert_eq!(
                    token.log_probability.to_bits(),
                    trained.log_probabilities[first + i].to_bits(),
                    "{kernels} {precision} token {i}"
                );
            }
            let scored = model.score(&mut workspace, &batch);
            assert_eq!(scored.log_probabilities, trained.log_probabilities);
        }
    }
}

/// A sample does not depend on what runs beside it, on the number of places, or on threads; and its log-probabilities
/// are the trainer's, to the last bit.
#[test]
fn samples_equal_training_and_do_not_depend_on_their_neighbours() {
    for kernels in Kernels::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            let compute = Compute { kernels, precision };
            let model = small_model(true);
            let prompts: Vec<Vec<u32>> =
                [33u32, 50, 1].map(|length| (0..length).map(|i| i * 31 % 300).collect()).into();
            let options = SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed: Seed(0) };
            let request = |number: usize| SampleRequest {
                prompt: &prompts[number / 4],
                seed: Seed(9).derive("sample", number as u64),
                limit: 90,
            };
            // About one in 30 tokens ends a sample, so places become free at different times.
            let stop = |token: u32| token.is_multiple_of(30);
            let sample = |places: usize, threads: usize, numbers: Vec<usize>| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut results: Vec<Vec<GeneratedToken>> = vec![Vec::new(); numbers.len()];
                let requests: Vec<SampleRequest> = numbers.into_iter().map(request).collect();
                let mut sampler = BatchSampler::new(&model, compute, places, 128);
                pool.install(|| {
                    sampler
                        .sample(&model, &requests, &options, stop, |number, tokens| results[number] = tokens)
                        .unwrap();
                });
                results
            };
            let all: Vec<usize> = (0..12).collect();
            let samples = sample(5, 2, all.clone());
            assert_eq!(samples, sample(12, 1, all.clone()), "{kernels} {precision}");
            assert_eq!(samples, sample(1, 3, all), "{kernels} {precision}");
            assert_eq!(samples[7..8], sample(2, 1, vec![7]), "{kernels} {precision}");
            assert_ne!(samples[0], samples[1], "samples of one prompt differ");
            assert!(samples.iter().map(Vec::len).collect::<std::collections::BTreeSet<_>>().len() > 3);

            let mut documents = Vec::new();
            for (number, sample) in samples.iter().enumerate() {
                let mut document = request(number).prompt.to_vec();
                document.extend(sample.iter().map(|token| token.id));
                documents.push(document);
            }
            let batch = Batch::new(documents.iter().map(Vec::as_slice));
            let scored = model.score(&mut Workspace::new(compute), &batch);
            for ((number, sample), segment) in samples.iter().enumerate().zip(batch.segments.iter()) {
                let first = segment.start + request(number).prompt.len() - 1;
                for (i, token) in sample.iter().enumerate() {
                    assert_eq!(token.log_probability.to_bits(), scored.log_probabilities[first + i].to_bits());
                }
            }
        }
    }
}

/// The frequencies of sampled tokens are the model's probabilities.
#[test]
fn samples_follow_the_distribution() {
    let model = small_model(false);
    let compute = Compute { kernels: Kernels::detect(), precision: Precision::F32 };
    let prompt = [7, 3, 11];
    let requests: Vec<SampleRequest> = (0..4000)
        .map(|number| SampleRequest { prompt: &prompt, seed: Seed(1).derive("sample", number), limit: 1 })
        .collect();
    let options = SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed: Seed(0) };
    let mut counts = vec![0.0f64; 300];
    let mut probabilities = vec![0.0f64; 300];
    let mut sampler = BatchSampler::new(&model, compute, 8, 16);
    sampler
        .sample(
            &model,
            &requests,
            &options,
            |_| false,
            |_, tokens| {
                counts[tokens[0].id as usize] += 1.0;
                probabilities[tokens[0].id as usize] = f64::from(tokens[0].log_probability).exp();
            },
        )
        .unwrap();
    // Pearson's statistic over the tokens that are expected often enough, all others as one.
    let (mut statistic, mut classes, mut rest, mut rest_expected) = (0.0, 0, 0.0, 4000.0);
    for (count, probability) in counts.iter().zip(&probabilities) {
        let expected = probability * 4000.0;
        if expected >= 10.0 {
            statistic += (count - expected).powi(2) / expected;
            rest_expected -= expected;
            classes += 1;
        } else {
            rest += count;
        }
    }
    statistic += (rest - rest_expected).powi(2) / rest_expected;
    let freedom = f64::from(classes);
    assert!(classes > 5, "{classes}");
    assert!(statistic < freedom + 4.0 * (2.0 * freedom).sqrt(), "{statistic} at {freedom} degrees of freedom");
}

#[test]
fn gradients_are_the_same_bits_at_one_two_and_three_threads() {
    let models = [small_model(false), adapted_model(&LoraTarget::ALL)];
    let documents: Vec<Vec<u32>> =
        (0..9u32).map(|d| (0..20 + d * 25).map(|i| (i * 31 + d * 7) % 300).collect()).collect();
    let batch = Batch::new(documents.iter().map(Vec::as_slice));
    for (precision, model) in
        [Precision::F32, Precision::Bf16].into_iter().flat_map(|precision| models.iter().map(move |m| (precision, m)))
    {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut gradient = vec![0.0; model.trainable().len()];
                let mut workspace = Workspace::new(Compute::new(precision));
                let losses = model.score_and_differentiate(&mut workspace, &batch, &mut gradient);
                (losses, gradient.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }
}

/// bf16 changes the rounding of products, and where activations and gradients are kept, and nothing else.
#[test]
fn bf16_gradients_point_where_f32_gradients_do() {
    check_bf16_gradients(&small_model(true));
    check_bf16_gradients(&adapted_model(&LoraTarget::ALL).without_value_head());
}

fn check_bf16_gradients(model: &Model) {
    let document: Vec<u32> = (0..200).map(|i| i * 31 % 300).collect();
    let batch = Batch::new([&document[..], &document[30..95]]);
    let trainable = model.trainable();
    let run = |kernels, precision| {
        let mut gradient = vec![0.0; trainable.len()];
        let mut workspace = Workspace::new(Compute { kernels, precision });
        let loss = model.score_and_differentiate(&mut workspace, &batch, &mut gradient).mean;
        (loss, gradient)
    };
    let (loss, expected) = run(Kernels::PORTABLE, Precision::F32);
    for kernels in Kernels::available() {
        let (bf16_loss, gradient) = run(kernels, Precision::Bf16);
        assert!((bf16_loss - loss).abs() < 0.02 * loss, "{kernels}: {bf16_loss} {loss}");
        for tensor in model.tensors().iter().filter(|tensor| tensor.range.start >= trainable.start) {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                let range = tensor.range.start - trainable.start..tensor.range.end - trainable.start;
                let (a, b) = (&a[range.clone()], &b[range]);
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let cosine =
                dot(&gradient, &expected) / (dot(&gradient, &gradient) * dot(&expected, &expected)).sqrt().max(1e-30);
            // The bias of the keys has no influence on the loss: its gradient is rounding noise around zero.
            assert!(cosine > 0.93 || tensor.name.ends_with("k_proj.bias"), "{kernels} {}: {cosine}", tensor.name);
        }
    }
}

#[test]
fn greedy_takes_the_most_probable_token_and_truncation_keeps_the_beginning() {
    let model = small_model(false);
    let compute = Compute::new(Precision::F32);
    let prompt = [5, 9, 200, 17];
    let mut generator = Generator::new(&model, compute, 64);
    let tokens = generator.generate(&prompt, 10, &SamplingOptions::GREEDY, |_| false).unwrap();
    let mut document = prompt.to_vec();
    document.extend(tokens.iter().map(|token| token.id));
    let scored = model.score(&mut Workspace::new(compute), &Batch::new([document.as_slice()]));
    assert_eq!(scored.most_probable[3..13], document[4..]);

    generator.truncate(2);
    generator.feed(&document[2..6]).unwrap();
    assert_eq!(generator.tokens(), &document[..6]);
    let error = generator.feed(&[1; 60]).unwrap_err();
    assert_eq!(error.to_string(), "66 tokens do not fit into the context of 64 tokens");
}
