//! Causal attention within documents, with grouped queries (Ainslie et al. 2023, arXiv 2305.13245).
//!
//! Works document by document, so that attention never crosses a border, no mask is stored, and a token's result
//! depends on its position within the document only. One function, [`attend`], serves training (keys and values of a
//! whole document, packed at once) and generation (packed as they come): the bits are the same. Scores are recomputed
//! in the backward pass from the kept logarithm of their sum (Dao et al. 2022, arXiv 2205.14135).

use std::{cell::RefCell, sync::Arc};

use crate::{
    gemm::{PackedB, Start, View, multiply_serial},
    kernels::{Bf16, SharedMut, dot, exp_sum, for_each_block, maximum, scale, vectorised},
    tape::{Compute, Graph, OperandMut, Tensor},
};

/// Queries worked on at a time.
const QUERIES: usize = 64;

/// A document within a batch: `length` rows from row `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First row.
    pub start: usize,
    /// Number of rows.
    pub length: usize,
}

/// Sizes of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; a divisor of `heads`.
    pub key_value_heads: usize,
    /// Features of a head.
    pub head: usize,
}

impl AttentionShape {
    /// Features of a row of queries, keys and values side by side.
    pub fn columns(&self) -> usize {
        (self.heads + 2 * self.key_value_heads) * self.head
    }

    fn group(&self) -> usize {
        self.heads / self.key_value_heads
    }

    fn query(&self, head: usize) -> usize {
        head * self.head
    }

    fn key(&self, head: usize) -> usize {
        (self.heads + head) * self.head
    }

    fn value(&self, head: usize) -> usize {
        (self.heads + self.key_value_heads + head) * self.head
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head as f32).sqrt()
    }
}

/// Keys and values of one layer during generation, packed as right operands.
pub struct KeyValueCache {
    /// A head: features x tokens.
    keys: Vec<PackedB>,
    /// A head: tokens x features.
    values: Vec<PackedB>,
    length: usize,
}

impl KeyValueCache {
    /// An empty cache for up to `capacity` tokens.
    pub fn new(compute: Compute, shape: AttentionShape, capacity: usize) -> Self {
        let zeros = |k, n| PackedB::zeros(compute.kernels, compute.precision, k, n);
        Self {
            keys: (0..shape.key_value_heads).map(|_| zeros(shape.head, capacity)).collect(),
            values: (0..shape.key_value_heads).map(|_| zeros(capacity, shape.head)).collect(),
            length: 0,
        }
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        // What lies beyond is overwritten before it is read, except that a pair of bf16 may hold a stale partner,
        // which meets a weight of exactly zero.
        self.length = self.length.min(length);
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.keys.iter().chain(&self.values).map(PackedB::bytes).sum()
    }

    /// Becomes what `other`, a cache of the same shape and capacity, holds.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.follow(other, 0, other.length);
    }

    /// Becomes the first `length` tokens of `other`, of which it has the first `from` already.
    pub(crate) fn follow(&mut self, other: &Self, from: usize, length: usize) {
        for (mine, theirs) in self.keys.iter_mut().zip(&other.keys) {
            mine.copy_columns(theirs, from, length);
        }
        for (mine, theirs) in self.values.iter_mut().zip(&other.values) {
            mine.copy_rows(theirs, from, length);
        }
        self.length = length;
    }

    fn append(&mut self, shape: AttentionShape, rows: &[f32]) {
        for row in rows.chunks_exact(shape.columns()) {
            for head in 0..shape.key_value_heads {
                for i in 0..shape.head {
                    self.keys[head].set(i, self.length, row[shape.key(head) + i]);
                    self.values[head].set(self.length, i, row[shape.value(head) + i]);
                }
            }
            self.length += 1;
        }
    }
}

pub(crate) struct Attention {
    x: Tensor,
    shape: AttentionShape,
    segments: Arc<[Segment]>,
    y: Tensor,
    /// Logarithm of the sum of the exponentials of the scores: a number a row and head.
    log_sum: Tensor,
}

impl Graph<'_> {
    /// Attention over the documents `segments` of `x` (tokens x [queries | keys | values]): tokens x (heads * head), for
    /// matrix products.
    ///
    /// Every row must belong to a segment.
    pub fn attention(&mut self, x: Tensor, shape: AttentionShape, segments: &Arc<[Segment]>) -> Tensor {
        assert_eq!(x.columns, shape.columns());
        let width = shape.heads * shape.head;
        let compute = self.workspace.compute;
        let y = self.workspace.values.allocate_operand(compute, x.rows, width);
        let log_sum = self.workspace.values.allocate(x.rows, shape.heads);
        let (earlier, out, log_sums) = self.workspace.values.outputs(y, log_sum);
        let input = earlier.get(x);
        let (out, log_sums) = (OperandMut::new(y, out), SharedMut::new(log_sums));
        for_each_block(segments.len() * shape.key_value_heads, |unit| {
            let segment = segments[unit / shape.key_value_heads];
            let key_value_head = unit % shape.key_value_heads;
            with_scratch(compute, |scratch| {
                let rows = &input[segment.start * x.columns..];
                scratch.keys.pack_serial(
                    columns(rows, segment.length, x.columns, shape.key(key_value_head), shape.head).transposed(),
                );
                scratch.values.pack_serial(columns(
                    rows,
                    segment.length,
                    x.columns,
                    shape.value(key_value_head),
                    shape.head,
                ));
                for head in key_value_head * shape.group()..(key_value_head + 1) * shape.group() {
                    let queries = columns(rows, segment.length, x.columns, shape.query(head), shape.head);
                    for first in (0..segment.length).step_by(QUERIES) {
                        let count = QUERIES.min(segment.length - first);
                        let Scratch { keys, values, scores, output, log_sum, .. } = scratch;
                        attend(
                            compute,
                            shape,
                            queries.row_range(first, count),
                            first,
                            keys,
                            values,
                            scores,
                            output,
                            log_sum,
                        );
                        for r in 0..count {
                            let row = segment.start + first + r;
                            // SAFETY: a segment and head has its own places.
                            unsafe {
                                out.write(row * width + head * shape.head, &output[r * shape.head..][..shape.head]);
                                log_sums.range(row * shape.heads + head, 1)[0] = log_sum[r];
                            }
                        }
                    }
                }
            });
        });
        self.record(Attention { x, shape, segments: Arc::clone(segments), y, log_sum });
        y
    }

    /// The same for the next rows of one document, whose earlier keys and values are in `cache`; adds theirs to it.
    pub fn cached_attention(&mut self, x: Tensor, shape: AttentionShape, cache: &mut KeyValueCache) -> Tensor {
        assert!(!self.is_training(), "generation is not differentiated");
        let width = shape.heads * shape.head;
        let compute = self.workspace.compute;
        let y = self.workspace.values.allocate_operand(compute, x.rows, width);
        let (earlier, out) = self.workspace.values.output(y);
        let input = earlier.get(x);
        let before = cache.length;
        cache.append(shape, input);
        let cache = &*cache;
        let out = OperandMut::new(y, out);
        let work = |head: usize| {
            with_scratch(compute, |scratch| {
                let queries = columns(input, x.rows, x.columns, shape.query(head), shape.head);
                let (keys, values) = (&cache.keys[head / shape.group()], &cache.values[head / shape.group()]);
                for first in (0..x.rows).step_by(QUERIES) {
                    let count = QUERIES.min(x.rows - first);
                    let Scratch { scores, output, log_sum, .. } = scratch;
                    let queries = queries.row_range(first, count);
                    attend(compute, shape, queries, before + first, keys, values, scores, output, log_sum);
                    for r in 0..count {
                        // SAFETY: a head has its own columns.
                        unsafe {
                            out.write((first + r) * width + head * shape.head, &output[r * shape.head..][..shape.head]);
                        }
                    }
                }
            });
        };
        // A few microseconds of work; below that, sharing it costs more than it brings.
        if x.rows * cache.length * width < 400_000 {
            (0..shape.heads).for_each(work);
        } else {
            for_each_block(shape.heads, work);
        }
        y
    }
}

impl Graph<'_> {
    /// The same for many documents at once: row `i` of `x` is the next token of the document in `caches[active[i]]`. No
    /// document is named twice.
    pub fn batched_attention(
        &mut self,
        x: Tensor,
        shape: AttentionShape,
        caches: &mut [KeyValueCache],
        active: &[usize],
    ) -> Tensor {
        assert!(!self.is_training(), "generation is not differentiated");
        assert!(active.len() == x.rows && active.windows(2).all(|pair| pair[0] < pair[1]), "each document once");
        let width = shape.heads * shape.head;
        let compute = self.workspace.compute;
        let y = self.workspace.values.allocate_operand(compute, x.rows, width);
        let (earlier, out) = self.workspace.values.output(y);
        let input = earlier.get(x);
        let (out, caches) = (OperandMut::new(y, out), SharedMut::new(caches));
        // A few documents a block, so that a block is worth a thread's while.
        const ROWS: usize = 4;
        for_each_block(x.rows.div_ceil(ROWS), |block| {
            with_scratch(compute, |scratch| {
                for row in block * ROWS..((block + 1) * ROWS).min(x.rows) {
                    let line = &input[row * x.columns..][..x.columns];
                    // SAFETY: each document is worked on by one block.
                    let cache = &mut unsafe { caches.range(active[row], 1) }[0];
                    let position = cache.length;
                    cache.append(shape, line);
                    for head in 0..shape.heads {
                        let (keys, values) = (&cache.keys[head / shape.group()], &cache.values[head / shape.group()]);
                        let Scratch { scores, output, log_sum, .. } = scratch;
                        let query = columns(line, 1, x.columns, shape.query(head), shape.head);
                        attend(compute, shape, query, position, keys, values, scores, output, log_sum);
                        // SAFETY: each row and head has its own place.
                        unsafe { out.write(row * width + head * shape.head, &output[..shape.head]) };
                    }
                }
            });
        });
        y
    }
}

fn columns(rows: &[f32], count: usize, stride: usize, first: usize, width: usize) -> View<'_> {
    View::rows(&rows[first..], count, width, stride)
}

/// Buffers of a thread.
struct Scratch {
    compute: Compute,
    /// Head x tokens.
    keys: PackedB,
    /// Tokens x head.
    values: PackedB,
    /// Tokens x head.
    keys_back: PackedB,
    /// Head x tokens.
    values_back: PackedB,
    packed: PackedB,
    scores: Vec<f32>,
    d_scores: Vec<f32>,
    output: Vec<f32>,
    log_sum: Vec<f32>,
    d_query: Vec<f32>,
    d_key: Vec<f32>,
    d_value: Vec<f32>,
}

fn with_scratch(compute: Compute, work: impl FnOnce(&mut Scratch)) {
    thread_local! {
        static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
    }
    SCRATCH.with(|slot| {
        let mut slot = slot.borrow_mut();
        if slot.as_ref().is_none_or(|scratch| scratch.compute != compute) {
            let empty = || PackedB::empty(compute.kernels, compute.precision);
            *slot = Some(Scratch {
                compute,
                keys: empty(),
                values: empty(),
                keys_back: empty(),
                values_back: empty(),
                packed: empty(),
                scores: Vec::new(),
                d_scores: Vec::new(),
                output: Vec::new(),
                log_sum: Vec::new(),
                d_query: Vec::new(),
                d_key: Vec::new(),
                d_value: Vec::new(),
            });
        }
        work(slot.as_mut().expect("just filled"));
    });
}

fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

/// Attention of consecutive queries, the first at position `first`, over the keys at positions up to their own.
///
/// `queries` is count x head, `keys` head x tokens, `values` tokens x head; writes `output` (count x head) and the
/// logarithm of the sum of the exponentials of each query's scores.
#[allow(clippy::too_many_arguments)]
fn attend(
    compute: Compute,
    shape: AttentionShape,
    queries: View,
    first: usize,
    keys: &PackedB,
    values: &PackedB,
    scores: &mut Vec<f32>,
    output: &mut Vec<f32>,
    log_sum: &mut Vec<f32>,
) {
    let isa = compute.kernels.isa;
    let count = queries.rows;
    let visible = first + count;
    let stride = visible.next_multiple_of(16);
    let scores = sized(scores, count * stride);
    let output = sized(output, count * shape.head);
    let log_sum = sized(log_sum, count);
    multiply_serial(queries, keys, visible, Start::Zero, scores, stride);
    let mut sums = [0.0; QUERIES];
    for (r, row) in scores.chunks_exact_mut(stride).enumerate() {
        let (seen, future) = row.split_at_mut(first + r + 1);
        let shift = maximum(isa, seen) * shape.scale();
        sums[r] = exp_sum(isa, seen, shape.scale(), shift);
        log_sum[r] = shift + sums[r].ln();
        future.fill(0.0);
    }
    multiply_serial(View::rows(scores, count, visible, stride), values, shape.head, Start::Zero, output, shape.head);
    for (row, sum) in output.chunks_exact_mut(shape.head).zip(sums) {
        scale(isa, row, 1.0 / sum);
    }
}

impl Attention {
    pub(crate) fn backward(&self, graph: &mut Graph) {
        let workspace = &mut *graph.workspace;
        let compute = workspace.compute;
        let (shape, stride) = (self.shape, self.x.columns);
        let width = shape.heads * shape.head;
        let dy = workspace.gradients.take(self.y);
        assert!(!workspace.gradients.exists(self.x), "queries, keys and values feed one attention only");
        let mut dx = workspace.gradients.buffer(self.x.len());
        let x = workspace.values.get(self.x);
        let y = workspace.values.get(self.y);
        let log_sums = workspace.values.get(self.log_sum);
        let shared = SharedMut::new(&mut dx);
        for_each_block(self.segments.len() * shape.key_value_heads, |unit| {
            let segment = self.segments[unit / shape.key_value_heads];
            let key_value_head = unit % shape.key_value_heads;
            with_scratch(compute, |scratch| {
                let rows = &x[segment.start * stride..];
                let dy = &dy[segment.start * width..];
                let key_rows = columns(rows, segment.length, stride, shape.key(key_value_head), shape.head);
                let value_rows = columns(rows, segment.length, stride, shape.value(key_value_head), shape.head);
                let length = segment.length;
                scratch.keys.pack_serial(key_rows.transposed());
                scratch.keys_back.pack_serial(key_rows);
                scratch.values_back.pack_serial(value_rows.transposed());
                sized(&mut scratch.d_key, length * shape.head).fill(0.0);
                sized(&mut scratch.d_value, length * shape.head).fill(0.0);
                for head in key_value_head * shape.group()..(key_value_head + 1) * shape.group() {
                    let queries = columns(rows, length, stride, shape.query(head), shape.head);
                    let d_outputs = columns(dy, length, width, shape.query(head), shape.head);
                    let log_sum = |r: usize| log_sums[(segment.start + r) * shape.heads + head];
                    let output = |r: usize, buffer: &mut [f32]| {
                        let place = (segment.start + r) * width + shape.query(head);
                        if self.y.bf16 {
                            for (value, element) in buffer.iter_mut().zip(&Bf16::slice_of(y)[place..]) {
                                *value = element.to_f32();
                            }
                        } else {
                            buffer.copy_from_slice(&y[place..][..shape.head]);
                        }
                    };
                    for first in (0..length).step_by(QUERIES) {
                        let count = QUERIES.min(length - first);
                        self.block_backward(scratch, Block { first, count, queries, d_outputs }, log_sum, output);
                        for r in 0..count {
                            let row = segment.start + first + r;
                            // SAFETY: a segment and head has its own places.
                            unsafe { shared.range(row * stride + shape.query(head), shape.head) }
                                .copy_from_slice(&scratch.d_query[r * shape.head..][..shape.head]);
                        }
                    }
                }
                for r in 0..length {
                    let row = segment.start + r;
                    // SAFETY: as above.
                    unsafe {
                        shared
                            .range(row * stride + shape.key(key_value_head), shape.head)
                            .copy_from_slice(&scratch.d_key[r * shape.head..][..shape.head]);
                        shared
                            .range(row * stride + shape.value(key_value_head), shape.head)
                            .copy_from_slice(&scratch.d_value[r * shape.head..][..shape.head]);
                    }
                }
            });
        });
        workspace.gradients.put(self.x, dx);
        workspace.gradients.recycle(dy);
    }

    /// Writes the gradient of the block's queries to `d_query` and adds to `d_key` and `d_value`.
    fn block_backward(
        &self,
        scratch: &mut Scratch,
        block: Block,
        log_sum: impl Fn(usize) -> f32,
        output: impl Fn(usize, &mut [f32]),
    ) {
        let (shape, isa) = (self.shape, scratch.compute.kernels.isa);
        let Block { first, count, .. } = block;
        let head = shape.head;
        let visible = first + count;
        let stride = visible.next_multiple_of(16);
        let queries = block.queries.row_range(first, count);
        let d_outputs = block.d_outputs.row_range(first, count);
        let probabilities = sized(&mut scratch.scores, count * stride);
        let d_scores = sized(&mut scratch.d_scores, count * stride);

        multiply_serial(queries, &scratch.keys, visible, Start::Zero, probabilities, stride);
        multiply_serial(d_outputs, &scratch.values_back, visible, Start::Zero, d_scores, stride);
        for r in 0..count {
            let probability = &mut probabilities[r * stride..][..stride];
            let (seen, future) = probability.split_at_mut(first + r + 1);
            future.fill(0.0);
            exp_sum(isa, seen, shape.scale(), log_sum(first + r));
            let row_output = sized(&mut scratch.output, head);
            output(first + r, row_output);
            let d_output = &block.d_outputs.data[(first + r) * block.d_outputs.row_stride..][..head];
            let delta = dot(isa, row_output, d_output);
            let d_score = &mut d_scores[r * stride..][..stride];
            softmax_backward(isa, probability, d_score, delta, shape.scale());
        }
        let (probabilities, d_scores) =
            (View::rows(probabilities, count, visible, stride), View::rows(d_scores, count, visible, stride));

        let d_query = sized(&mut scratch.d_query, count * head);
        multiply_serial(d_scores, &scratch.keys_back, head, Start::Zero, d_query, head);
        scratch.packed.pack_serial(queries);
        multiply_serial(d_scores.transposed(), &scratch.packed, head, Start::Accumulate, &mut scratch.d_key, head);
        scratch.packed.pack_serial(d_outputs);
        multiply_serial(
            probabilities.transposed(),
            &scratch.packed,
            head,
            Start::Accumulate,
            &mut scratch.d_value,
            head,
        );
    }
}

/// A block of queries of one head in the backward pass; the views cover the whole document, whose keys and values are
/// packed in the scratch.
struct Block<'a> {
    first: usize,
    count: usize,
    queries: View<'a>,
    d_outputs: View<'a>,
}

vectorised! {
    /// `d_score = probability (d_score - delta) scale`; zero where the probability is.
    fn softmax_backward(probability: &[f32], d_score: &mut [f32], delta: f32, scale: f32) {
        for (d, p) in d_score.iter_mut().zip(probability) {
            *d = if *p == 0.0 { 0.0 } else { p * (*d - delta) * scale };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ops::gradient_check::check_gradient;

    const SHAPE: AttentionShape = AttentionShape { heads: 4, key_value_heads: 2, head: 4 };

    #[test]
    fn gradient() {
        let segments: Arc<[Segment]> = [Segment { start: 0, length: 5 }, Segment { start: 5, length: 2 }].into();
        check_gradient(&[(7, 32)], |graph, p| {
            let x = graph.embedding(&[3, 0, 2, 4, 6, 1, 2], p[0]);
            graph.attention(x, SHAPE, &segments)
        });
    }

    #[test]
    fn gradient_over_several_blocks_of_queries() {
        let segments: Arc<[Segment]> = [Segment { start: 0, length: 150 }].into();
        let ids: Vec<u32> = (0..150).map(|i| i * 7 % 11).collect();
        check_gradient(&[(11, 32)], |graph, p| {
            let x = graph.embedding(&ids, p[0]);
            graph.attention(x, SHAPE, &segments)
        });
    }
}
