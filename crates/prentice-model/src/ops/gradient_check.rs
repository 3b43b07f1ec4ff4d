//! Compares an operation's backward with central differences of its forward.

use crate::{
    kernels::{Kernels, Precision},
    tape::{Compute, Graph, Parameter, Tensor, Weights, Workspace},
};

/// Checks the gradient, with respect to every parameter, of a fixed linear functional of the resulting tensor.
///
/// The functional is a projection to one class followed by the loss against it, which is checked by its own test.
pub(crate) fn check_gradient(shapes: &[(usize, usize)], build: impl Fn(&mut Graph, &[Parameter]) -> Tensor) {
    let probe = {
        let (parameters, layout) = make(shapes);
        let mut workspace = workspace(Kernels::detect());
        let mut graph = Graph::inference(&mut workspace, Weights::trained(&parameters));
        build(&mut graph, &layout)
    };
    let mut shapes = shapes.to_vec();
    shapes.push((9, probe.columns));
    check_loss_gradient(&shapes, |graph, p| {
        let y = build(graph, p);
        let targets: Vec<u32> = (0..y.rows as u32).map(|row| row * 5 % 9).collect();
        graph.cross_entropy(y, *p.last().unwrap(), &targets, &vec![1.0; y.rows]).mean
    });
}

/// The same for a function that ends in a loss.
pub(crate) fn check_loss_gradient(shapes: &[(usize, usize)], build: impl Fn(&mut Graph, &[Parameter]) -> f64) {
    for kernels in Kernels::available() {
        let (parameters, layout) = make(shapes);
        let mut workspace = workspace(kernels);
        let mut gradient = vec![0.0; parameters.len()];
        let mut graph = Graph::training(&mut workspace, Weights::trained(&parameters), &mut gradient);
        build(&mut graph, &layout);
        graph.backward();

        let mut loss = |parameters: &[f32]| {
            workspace.parameters_changed();
            build(&mut Graph::inference(&mut workspace, Weights::trained(parameters)), &layout)
        };
        let largest = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(largest > 1e-3, "the check has nothing to check");
        // Every parameter where there are few, else a spread of them.
        let step = (parameters.len() / 300).max(1);
        for i in (0..parameters.len()).step_by(step) {
            let mut moved = parameters.clone();
            let h = 2e-3;
            moved[i] = parameters[i] + h;
            let above = loss(&moved);
            moved[i] = parameters[i] - h;
            let below = loss(&moved);
            let expected = (above - below) / (2.0 * f64::from(h));
            let error = (f64::from(gradient[i]) - expected).abs();
            assert!(
                error < 2e-4 + 2e-3 * expected.abs(),
                "{kernels}: parameter {i}: backward {} differences {expected}",
                gradient[i]
            );
        }
    }
}

fn workspace(kernels: Kernels) -> Workspace {
    Workspace::new(Compute { kernels, precision: Precision::F32 })
}

fn make(shapes: &[(usize, usize)]) -> (Vec<f32>, Vec<Parameter>) {
    let mut layout = Vec::new();
    let mut offset = 0;
    for (rows, columns) in shapes {
        layout.push(Parameter { offset, rows: *rows, columns: *columns });
        offset += rows * columns;
    }
    let parameters = (0..offset).map(|i| ((i * 7919 + 13) % 2003) as f32 / 1001.5 - 1.0).collect();
    (parameters, layout)
}
