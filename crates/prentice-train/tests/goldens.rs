//! Eight training losses and gradient norms against PyTorch and Hugging Face's own classes, from the same initial
//! weights and batch. `crates/prentice-model/tests/goldens/make.py` made the goldens.

use std::path::Path;

use prentice_model::{
    Batch, Compute, Model, Workspace,
    kernels::{Kernels, Precision},
};
use prentice_train::optimiser::{AdamW, AdamWOptions};
use serde_json::Value;

#[test]
fn eight_losses_equal_pytorch() {
    for name in ["llama", "qwen2"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prentice-model/tests/goldens").join(name);
        let golden: Value = serde_json::from_slice(&std::fs::read(directory.join("golden.json")).unwrap()).unwrap();
        let numbers = |key: &str| -> Vec<f64> { serde_json::from_value(golden[key].clone()).unwrap() };
        let rows: Vec<Vec<u32>> = serde_json::from_value(golden["tokens"].clone()).unwrap();
        let lengths: Vec<Vec<usize>> = serde_json::from_value(golden["segments"].clone()).unwrap();
        let mut documents = Vec::new();
        for (row, lengths) in rows.iter().zip(lengths) {
            let mut start = 0;
            for length in lengths {
                documents.push(&row[start..start + length]);
                start += length;
            }
        }
        let batch = Batch::new(documents);
        for kernels in Kernels::available() {
            let (mut model, _) = Model::load(&directory).unwrap();
            let mut workspace = Workspace::new(Compute { kernels, precision: Precision::F32 });
            let mut gradient = vec![0.0; model.parameters().len()];
            let mut optimiser = AdamW::new(gradient.len(), AdamWOptions::default());
            let mut worst = 0.0f64;
            for (loss, norm) in numbers("losses").into_iter().zip(numbers("gradient_norms")) {
                let ours = model.score_and_differentiate(&mut workspace, &batch, &mut gradient).mean;
                worst = worst.max((ours - loss).abs());
                let ours = optimiser.step(&mut model, &mut gradient, 3e-3);
                assert!((ours - norm).abs() < 2e-5, "{name} {kernels}: gradient norm {ours}, PyTorch {norm}");
                workspace.parameters_changed();
            }
            assert!(worst < 1e-5, "{name} {kernels}: losses differ by up to {worst}");
        }
    }
}
