//! A small tape: values in one preallocated arena, operations in the order they ran.
//!
//! An architecture composes the closed set of operations in [`crate::ops`] through [`Graph`]; each knows its own
//! backward. Training keeps every value; inference reuses the arena layer by layer. Memory grows in the first step and
//! is reused afterwards: per-step allocation costs the common frameworks 20-36 % on models of this size.

use std::collections::HashMap;

use crate::{
    gemm::{Operand, PackedB, Start, View},
    kernels::{Bf16, Kernels, Precision, SharedMut, zeroed},
    ops::Operation,
};

/// Which kernels compute, and in which precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compute {
    /// Kernels.
    pub kernels: Kernels,
    /// Arithmetic of matrix products.
    pub precision: Precision,
}

impl Compute {
    /// The fastest kernels of this machine in the given precision.
    pub fn new(precision: Precision) -> Self {
        Self { kernels: Kernels::detect(), precision }
    }

    /// Whether what only matrix products read is kept as the bf16 that packing would round it to: the same bits, half the
    /// memory traffic.
    pub(crate) fn keeps_bf16(&self) -> bool {
        self.precision == Precision::Bf16 && self.kernels.has_fast_bf16()
    }

    /// bf16 where the machine computes it faster than f32, else f32.
    pub fn fastest() -> Self {
        let kernels = Kernels::detect();
        Self { kernels, precision: if kernels.has_fast_bf16() { Precision::Bf16 } else { Precision::F32 } }
    }
}

/// A matrix among the parameters: `rows` x `columns`, row-major from `offset` on. A vector has one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameter {
    /// Index of the first element.
    pub offset: usize,
    /// Rows (output features of a linear layer).
    pub rows: usize,
    /// Columns (input features of a linear layer).
    pub columns: usize,
}

impl Parameter {
    /// Where the parameter's elements are.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.rows * self.columns
    }

    fn view<'a>(&self, parameters: &'a [f32]) -> View<'a> {
        View::rows(&parameters[self.range()], self.rows, self.columns, self.columns)
    }
}

/// All parameters of a model, the first of which may be frozen: they are read, and have no gradient.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    values: &'a [f32],
    /// How many are frozen.
    frozen: usize,
    /// Stands for the values of the frozen ones.
    identity: u64,
}

impl<'a> Weights<'a> {
    /// Parameters that are all trained.
    pub fn trained(values: &'a [f32]) -> Self {
        Self { values, frozen: 0, identity: 0 }
    }

    /// Parameters of which the first `frozen` stay as they are. As long as `identity` is the same, so are their values,
    /// and a workspace keeps their packed forms.
    pub fn partly_frozen(values: &'a [f32], frozen: usize, identity: u64) -> Self {
        Self { values, frozen, identity }
    }

    /// Whether the parameter has no gradient.
    pub(crate) fn freezes(&self, parameter: Parameter) -> bool {
        parameter.offset < self.frozen
    }
}

/// The gradient of the parameters that are trained.
pub(crate) struct ParameterGradient<'a> {
    /// Index of the first trained parameter.
    start: usize,
    values: &'a mut [f32],
}

impl ParameterGradient<'_> {
    /// The gradient of `parameter`, to be added to; none where it is frozen.
    pub(crate) fn of(&mut self, parameter: Parameter) -> Option<&mut [f32]> {
        let range = parameter.range();
        (range.start >= self.start).then(|| &mut self.values[range.start - self.start..range.end - self.start])
    }
}

/// A matrix of activations on the tape: row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub(crate) id: usize,
    pub(crate) offset: usize,
    /// Whether the elements are bf16, two to a number of the arena.
    pub(crate) bf16: bool,
    /// Whether it is known that no trained parameter has a part in it, so that nobody needs its gradient.
    pub(crate) constant: bool,
    /// Rows (tokens).
    pub rows: usize,
    /// Columns (features).
    pub columns: usize,
}

impl Tensor {
    /// Numbers of the arena.
    pub(crate) fn len(&self) -> usize {
        let elements = self.rows * self.columns;
        if self.bf16 { elements.div_ceil(2) } else { elements }
    }

    /// Copies a row out of the memory of this tensor.
    pub(crate) fn read_row(&self, memory: &[f32], row: usize, out: &mut [f32]) {
        let range = row * self.columns..(row + 1) * self.columns;
        if self.bf16 {
            for (value, element) in out.iter_mut().zip(&Bf16::slice_of(memory)[range]) {
                *value = element.to_f32();
            }
        } else {
            out.copy_from_slice(&memory[range]);
        }
    }

    /// Memory of this tensor as an operand of a matrix product.
    pub(crate) fn operand<'v>(&self, memory: &'v [f32]) -> Operand<'v> {
        if self.bf16 {
            View::rows(Bf16::slice_of(memory), self.rows, self.columns, self.columns).into()
        } else {
            View::rows(memory, self.rows, self.columns, self.columns).into()
        }
    }

    /// Memory of this tensor's gradient likewise: half as long where who made the gradient kept it in bf16.
    pub(crate) fn gradient_operand<'v>(&self, memory: &'v [f32]) -> Operand<'v> {
        Tensor { bf16: memory.len() < self.rows * self.columns, ..*self }.operand(memory)
    }
}

/// The arena of activations.
#[derive(Default)]
pub(crate) struct Values {
    arena: Vec<f32>,
    used: usize,
    tensors: usize,
}

/// Values that were computed before the one being written.
pub(crate) struct Earlier<'a>(&'a [f32]);

impl<'a> Earlier<'a> {
    pub(crate) fn get(&self, tensor: Tensor) -> &'a [f32] {
        &self.0[tensor.offset..][..tensor.len()]
    }
}

impl Values {
    pub(crate) fn allocate(&mut self, rows: usize, columns: usize) -> Tensor {
        self.allocate_as(false, rows, columns)
    }

    /// For what only matrix products read: bf16 where that gives the same bits.
    pub(crate) fn allocate_operand(&mut self, compute: Compute, rows: usize, columns: usize) -> Tensor {
        self.allocate_as(compute.keeps_bf16(), rows, columns)
    }

    fn allocate_as(&mut self, bf16: bool, rows: usize, columns: usize) -> Tensor {
        let tensor = Tensor { id: self.tensors, offset: self.used, bf16, constant: false, rows, columns };
        self.tensors += 1;
        // Rounded up to whole cache lines.
        self.used += tensor.len().next_multiple_of(16);
        if self.arena.len() < self.used {
            self.arena.resize(self.used, 0.0);
        }
        tensor
    }

    pub(crate) fn get(&self, tensor: Tensor) -> &[f32] {
        &self.arena[tensor.offset..][..tensor.len()]
    }

    pub(crate) fn get_mut(&mut self, tensor: Tensor) -> &mut [f32] {
        &mut self.arena[tensor.offset..][..tensor.len()]
    }

    /// What is needed to compute `output` from values allocated before it.
    pub(crate) fn output(&mut self, output: Tensor) -> (Earlier<'_>, &mut [f32]) {
        let (before, after) = self.arena.split_at_mut(output.offset);
        (Earlier(before), &mut after[..output.len()])
    }

    /// The same for two outputs, the first allocated before the second.
    pub(crate) fn outputs(&mut self, first: Tensor, second: Tensor) -> (Earlier<'_>, &mut [f32], &mut [f32]) {
        let (before, after) = self.arena.split_at_mut(first.offset);
        let (one, two) = after.split_at_mut(second.offset - first.offset);
        (Earlier(before), &mut one[..first.len()], &mut two[..second.len()])
    }

    fn reset(&mut self) {
        self.used = 0;
        self.tensors = 0;
    }
}

/// Memory of a tensor, to be written by rows.
pub(crate) enum OperandMut<'v> {
    F32(SharedMut<'v, f32>),
    Bf16(SharedMut<'v, Bf16>),
}

impl<'v> OperandMut<'v> {
    pub(crate) fn new(tensor: Tensor, memory: &'v mut [f32]) -> Self {
        if tensor.bf16 {
            Self::Bf16(SharedMut::new(Bf16::slice_of_mut(memory)))
        } else {
            Self::F32(SharedMut::new(memory))
        }
    }

    /// Writes elements from `start` on.
    ///
    /// # Safety
    /// As [`SharedMut::range`].
    pub(crate) unsafe fn write(&self, start: usize, values: &[f32]) {
        // SAFETY: by the caller's promise.
        unsafe {
            match self {
                Self::F32(memory) => memory.range(start, values.len()).copy_from_slice(values),
                Self::Bf16(memory) => {
                    for (element, value) in memory.range(start, values.len()).iter_mut().zip(values) {
                        *element = Bf16::round(*value);
                    }
                }
            }
        }
    }
}

/// Gradients of activations during a backward pass. Buffers are owned by whoever works on them, and reused.
#[derive(Default)]
pub(crate) struct Gradients {
    of: Vec<Option<Vec<f32>>>,
    free: Vec<Vec<f32>>,
}

impl Gradients {
    /// Takes the gradient of `tensor`, which its producer consumes.
    pub(crate) fn take(&mut self, tensor: Tensor) -> Vec<f32> {
        self.of[tensor.id].take().expect("every value on the tape is used, so it has a gradient")
    }

    /// Gives a buffer for `tensor`, and whether to overwrite it or to add to it. Must be returned by [`Self::put`].
    pub(crate) fn borrow(&mut self, tensor: Tensor) -> (Vec<f32>, Start<'static>) {
        match self.of[tensor.id].take() {
            Some(buffer) => (buffer, Start::Accumulate),
            None => (self.buffer(tensor.rows * tensor.columns), Start::Zero),
        }
    }

    /// A gradient is as long as its tensor has elements, or half as long where it is bf16.
    pub(crate) fn put(&mut self, tensor: Tensor, buffer: Vec<f32>) {
        debug_assert!([1, 2].contains(&(tensor.rows * tensor.columns / buffer.len())));
        self.of[tensor.id] = Some(buffer);
    }

    /// Whether something was already added to the gradient of `tensor`.
    pub(crate) fn exists(&self, tensor: Tensor) -> bool {
        self.of[tensor.id].is_some()
    }

    /// A buffer with arbitrary content.
    pub(crate) fn buffer(&mut self, length: usize) -> Vec<f32> {
        // The smallest that is large enough; else the largest grows.
        self.free.sort_by_key(Vec::capacity);
        let index = self.free.partition_point(|buffer| buffer.capacity() < length);
        let mut buffer =
            if index < self.free.len() { self.free.remove(index) } else { self.free.pop().unwrap_or_default() };
        if buffer.capacity() < length {
            // Not `resize`, which would copy the old content.
            drop(buffer);
            buffer = zeroed(length);
        }
        buffer.resize(length, 0.0);
        buffer
    }

    pub(crate) fn recycle(&mut self, buffer: Vec<f32>) {
        self.free.push(buffer);
    }

    fn bytes(&self) -> usize {
        let all = self.free.iter().chain(self.of.iter().flatten());
        all.map(|buffer| buffer.capacity() * 4).sum()
    }
}

/// Packed forms of weight matrices, made on first use after each change of the values.
#[derive(Default)]
pub(crate) struct WeightPacks {
    version: u64,
    packs: HashMap<(Parameter, bool), (Option<Packed>, PackedB)>,
}

/// What was packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packed {
    /// Frozen values with this identity.
    Frozen(u64),
    /// Trained values of this version.
    Trained(u64),
}

impl WeightPacks {
    /// W^T as right operand, for `x W^T`.
    pub(crate) fn forward(&mut self, compute: Compute, weight: Parameter, parameters: Weights) -> &PackedB {
        self.pack(compute, weight, parameters, true)
    }

    /// W as right operand, for `dy W`.
    pub(crate) fn backward(&mut self, compute: Compute, weight: Parameter, parameters: Weights) -> &PackedB {
        self.pack(compute, weight, parameters, false)
    }

    fn pack(&mut self, compute: Compute, weight: Parameter, parameters: Weights, transposed: bool) -> &PackedB {
        let current = if parameters.freezes(weight) {
            Packed::Frozen(parameters.identity)
        } else {
            Packed::Trained(self.version)
        };
        let (content, packed) = self
            .packs
            .entry((weight, transposed))
            .or_insert_with(|| (None, PackedB::empty(compute.kernels, compute.precision)));
        if *content != Some(current) {
            let view = weight.view(parameters.values);
            packed.pack(if transposed { view.transposed() } else { view });
            *content = Some(current);
        }
        packed
    }
}

/// Memory and packed weights that are kept between steps.
pub struct Workspace {
    /// Kernels and precision.
    pub compute: Compute,
    pub(crate) values: Values,
    pub(crate) gradients: Gradients,
    pub(crate) packs: WeightPacks,
    pub(crate) packed_activations: PackedB,
    /// Gradient of what an adapter's A computes.
    pub(crate) low_rank_gradient: Vec<f32>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) logits: Vec<f32>,
}

impl Workspace {
    /// An empty workspace: memory is taken when it is first needed.
    pub fn new(compute: Compute) -> Self {
        Self {
            compute,
            values: Values::default(),
            gradients: Gradients::default(),
            packs: WeightPacks::default(),
            packed_activations: PackedB::empty(compute.kernels, compute.precision),
            low_rank_gradient: Vec::new(),
            operations: Vec::new(),
            logits: Vec::new(),
        }
    }

    /// To be called after the parameters changed: packed weights are out of date, except those of frozen ones.
    pub fn parameters_changed(&mut self) {
        self.packs.version += 1;
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let packs: usize = self.packs.packs.values().map(|(_, packed)| packed.bytes()).sum();
        self.values.arena.capacity() * 4
            + self.gradients.bytes()
            + packs
            + self.packed_activations.bytes()
            + self.low_rank_gradient.capacity() * 4
            + self.logits.capacity() * 4
    }
}

/// Records operations while they compute.
pub struct Graph<'a> {
    pub(crate) workspace: &'a mut Workspace,
    pub(crate) parameters: Weights<'a>,
    /// The gradient of the trained parameters; `None` in inference.
    pub(crate) parameter_gradient: Option<ParameterGradient<'a>>,
}

impl<'a> Graph<'a> {
    /// A graph for training: everything is kept for [`Graph::backward`], which adds to `gradient`, that of the trained
    /// parameters.
    pub fn training(workspace: &'a mut Workspace, parameters: Weights<'a>, gradient: &'a mut [f32]) -> Self {
        assert_eq!(parameters.values.len() - parameters.frozen, gradient.len(), "one gradient a trained parameter");
        let gradient = ParameterGradient { start: parameters.frozen, values: gradient };
        Self::new(workspace, parameters, Some(gradient))
    }

    /// A graph for inference: values below the last [`Graph::mark`] are kept, others may be overwritten.
    pub fn inference(workspace: &'a mut Workspace, parameters: Weights<'a>) -> Self {
        Self::new(workspace, parameters, None)
    }

    fn new(workspace: &'a mut Workspace, parameters: Weights<'a>, gradient: Option<ParameterGradient<'a>>) -> Self {
        workspace.values.reset();
        workspace.operations.clear();
        Self { workspace, parameters, parameter_gradient: gradient }
    }

    /// Makes room for as many numbers in the arena at once, instead of growing it step by step.
    pub fn reserve(&mut self, numbers: usize) {
        let arena = &mut self.workspace.values.arena;
        if arena.len() < numbers {
            // Not `resize`, which would copy the old content and hold both for a moment.
            *arena = Vec::new();
            *arena = zeroed(numbers);
        }
    }

    /// Whether a backward pass will follow.
    pub fn is_training(&self) -> bool {
        self.parameter_gradient.is_some()
    }

    /// The current end of the arena.
    pub fn mark(&self) -> usize {
        self.workspace.values.used
    }

    /// In inference, frees everything since `mark` but `tensor`, which is moved there. In training, does nothing.
    pub fn keep(&mut self, mark: usize, tensor: Tensor) -> Tensor {
        if self.is_training() {
            return tensor;
        }
        let values = &mut self.workspace.values;
        values.arena.copy_within(tensor.offset..tensor.offset + tensor.len(), mark);
        values.used = mark;
        values.allocate(tensor.rows, tensor.columns)
    }

    pub(crate) fn record(&mut self, operation: impl Into<Operation>) {
        if self.is_training() {
            self.workspace.operations.push(operation.into());
        }
    }

    /// Runs every operation's backward in reverse order, adding to the parameters' gradient.
    pub fn backward(mut self) {
        let operations = std::mem::take(&mut self.workspace.operations);
        let gradients = &mut self.workspace.gradients;
        gradients.of.clear();
        gradients.of.resize_with(self.workspace.values.tensors, || None);
        for operation in operations.iter().rev() {
            operation.backward(&mut self);
        }
        self.workspace.operations = operations;
    }

    pub(crate) fn parameter(&self, parameter: Parameter) -> &'a [f32] {
        &self.parameters.values[parameter.range()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::multiply;

    /// Other values under the same identity show that nothing was packed again.
    #[test]
    fn packs_of_frozen_weights_are_kept_until_their_identity_changes() {
        let mut workspace = Workspace::new(Compute { kernels: Kernels::PORTABLE, precision: Precision::F32 });
        let mut products = |values: [f32; 2], identity: u64| {
            workspace.parameters_changed();
            let weights = Weights::partly_frozen(&values, 1, identity);
            [0, 1].map(|offset| {
                let weight = Parameter { offset, rows: 1, columns: 1 };
                let packed = workspace.packs.forward(workspace.compute, weight, weights);
                let mut product = [0.0];
                multiply(View::rows(&[1.0], 1, 1, 1), packed, Start::Zero, &mut product, 1);
                product[0]
            })
        };
        assert_eq!(products([2.0, 3.0], 7), [2.0, 3.0]);
        assert_eq!(products([4.0, 5.0], 7), [2.0, 5.0]);
        assert_eq!(products([4.0, 5.0], 8), [4.0, 5.0]);
    }
}
