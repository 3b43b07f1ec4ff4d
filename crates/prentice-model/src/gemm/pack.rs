//! Packing: the layouts in which the micro-kernels read their operands.
//!
//! * B, f32: panel by panel, `[k][32]` f32. B, paired: `[k / 2][32]` pairs of bf16, the element of even k in the low half.
//! * A, f32: tile by tile (of `tile_rows` rows), `[k][tile_rows]`. A, paired: `[row][k]` bf16, k padded with zeros.
//!
//! Both are stored as 32-bit words.

use std::cell::RefCell;

use super::{Method, PANEL, View};
use crate::kernels::{Isa, Kernels, Precision, SharedMut, bf16_to_f32, f32_to_bf16, for_each_block};

/// A packed right operand: k x n.
#[derive(Clone, Debug)]
pub struct PackedB {
    method: Method,
    rows: usize,
    columns: usize,
    /// Words from one panel to the next.
    panel_words: usize,
    words: AlignedWords,
}

/// Words on 64-byte boundaries, so that no vector or tile row straddles cache lines.
#[derive(Clone, Debug, Default)]
struct AlignedWords(Vec<Line>);

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u32; 16]);

impl AlignedWords {
    /// Makes room for `count` words; the content is whatever it was.
    fn resize(&mut self, count: usize) {
        self.0.resize(count.div_ceil(16), Line([0; 16]));
    }

    fn as_slice(&self) -> &[u32] {
        // SAFETY: `Line` is 16 words without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) }
    }

    fn as_mut_slice(&mut self) -> &mut [u32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16) }
    }
}

impl PackedB {
    /// A k x n matrix of zeros.
    pub fn zeros(kernels: Kernels, precision: Precision, k: usize, n: usize) -> Self {
        let mut packed = Self::empty(kernels, precision);
        packed.set_shape(k, n);
        packed.words.as_mut_slice().fill(0);
        packed
    }

    /// A 0 x 0 matrix, to be packed later.
    pub fn empty(kernels: Kernels, precision: Precision) -> Self {
        let method = Method::new(kernels, precision);
        Self { method, rows: 0, columns: 0, panel_words: 0, words: AlignedWords::default() }
    }

    /// Packs `b` (k x n), on all threads of the current pool.
    pub fn new(kernels: Kernels, precision: Precision, b: View) -> Self {
        let mut packed = Self::empty(kernels, precision);
        packed.pack(b);
        packed
    }

    /// Packs `b` into this matrix's memory.
    pub fn pack(&mut self, b: View) {
        self.set_shape(b.rows, b.columns);
        let (method, panel_words) = (self.method, self.panel_words);
        let words = SharedMut::new(self.words.as_mut_slice());
        // Several panels a block, so that a block is worth a thread's while.
        let panels = b.columns.div_ceil(PANEL);
        let each = 65_536usize.div_ceil(b.rows.max(1) * PANEL).max(1);
        for_each_block(panels.div_ceil(each), |block| {
            for panel in block * each..((block + 1) * each).min(panels) {
                // SAFETY: each panel is written by one block.
                let out = unsafe { words.range(panel * panel_words, panel_words) };
                pack_panel(method, b, panel * PANEL, out);
            }
        });
    }

    /// Like [`PackedB::pack`], on the calling thread.
    pub(crate) fn pack_serial(&mut self, b: View) {
        self.set_shape(b.rows, b.columns);
        let (method, panel_words) = (self.method, self.panel_words);
        for (panel, out) in
            self.words.as_mut_slice().chunks_exact_mut(panel_words.max(1)).take(b.columns.div_ceil(PANEL)).enumerate()
        {
            pack_panel(method, b, panel * PANEL, out);
        }
    }

    /// Sets the element in row `k` and column `n`.
    pub(crate) fn set(&mut self, k: usize, n: usize, value: f32) {
        assert!(k < self.rows && n < self.columns);
        let panel = n / PANEL * self.panel_words;
        let column = n % PANEL;
        let words = self.words.as_mut_slice();
        match self.method {
            Method::F32 { rounded, .. } => {
                words[panel + k * PANEL + column] = round_word(value, rounded);
            }
            _ => {
                let word = &mut words[panel + k / 2 * PANEL + column];
                let half = u32::from(f32_to_bf16(value));
                *word = if k.is_multiple_of(2) { (*word & 0xffff_0000) | half } else { (*word & 0xffff) | half << 16 };
            }
        }
    }

    /// k.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// n.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.words.0.len() * 64
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    /// The address of a panel from row `k` on; `k` is a multiple of the block length.
    pub(super) fn panel(&self, panel: usize, k: usize) -> *const u32 {
        let row = if self.method.is_paired() { k / 2 } else { k };
        self.words.as_slice()[panel * self.panel_words + row * PANEL..].as_ptr()
    }

    fn set_shape(&mut self, k: usize, n: usize) {
        let padded = k.next_multiple_of(self.method.k_multiple());
        (self.rows, self.columns) = (k, n);
        self.panel_words = if self.method.is_paired() { padded / 2 } else { padded } * PANEL;
        // One spare panel's row keeps `panel()` in bounds for k = 0.
        self.words.resize(n.div_ceil(PANEL) * self.panel_words + PANEL);
    }
}

#[inline(always)]
fn round_word(value: f32, rounded: bool) -> u32 {
    if rounded { bf16_to_f32(f32_to_bf16(value)).to_bits() } else { value.to_bits() }
}

#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    u32::from(f32_to_bf16(low)) | u32::from(f32_to_bf16(high)) << 16
}

fn pack_panel(method: Method, b: View, first: usize, out: &mut [u32]) {
    let columns = PANEL.min(b.columns - first);
    let panel = View { data: &b.data[first * b.column_stride..], columns, ..b };
    let isa = method.isa();
    match method {
        Method::F32 { rounded, .. } if panel.column_stride == 1 => pack_rows(isa, panel, rounded, PANEL, out),
        Method::F32 { rounded, .. } => pack_columns(isa, panel, rounded, PANEL, out),
        _ if panel.column_stride == 1 => pack_pair_rows(isa, panel, out),
        _ => pack_pair_columns(isa, panel, out),
    }
}

impl Method {
    pub(crate) fn isa(self) -> Isa {
        match self {
            Method::F32 { isa, .. } => isa,
            Method::Avx512Bf16 | Method::Amx => Isa::Avx512,
        }
    }
}

/// Packs words `[rows][width]` by 16 x 16 blocks, where word `(r, c)` of the result is `load(c, r)`: the source is
/// contiguous along the rows of the result.
#[inline(always)]
fn transpose_blocks(
    rows: usize,
    columns: usize,
    width: usize,
    out: &mut [u32],
    load: impl Fn(usize, usize, usize) -> [u32; 16],
) {
    for column in (0..width).step_by(16) {
        let count = 16.min(width - column);
        for row in (0..rows).step_by(16) {
            let mut block = [[0u32; 16]; 16];
            let height = 16.min(rows - row);
            for (c, line) in block.iter_mut().enumerate().take(count) {
                if column + c < columns {
                    *line = load(column + c, row, height);
                }
            }
            transpose16(&mut block);
            if count == 16 {
                for (r, line) in block.iter().enumerate().take(height) {
                    out[(row + r) * width + column..][..16].copy_from_slice(line);
                }
            } else {
                for (r, line) in block.iter().enumerate().take(height) {
                    out[(row + r) * width + column..][..count].copy_from_slice(&line[..count]);
                }
            }
        }
    }
}

/// Transposes by four rounds of exchanging halves, quarters, eighths, sixteenths; compiles to vector shuffles.
#[inline(always)]
fn transpose16(block: &mut [[u32; 16]; 16]) {
    #[inline(always)]
    fn round<const STEP: usize>(block: &mut [[u32; 16]; 16]) {
        let mut i = 0;
        while i < 16 {
            if i & STEP == 0 {
                let (a, b) = (block[i], block[i + STEP]);
                let (mut x, mut y) = (a, b);
                let mut lane = 0;
                while lane < 16 {
                    if lane & STEP == 0 {
                        x[lane + STEP] = b[lane];
                        y[lane] = a[lane + STEP];
                    }
                    lane += 1;
                }
                block[i] = x;
                block[i + STEP] = y;
            }
            i += 1;
        }
    }
    round::<8>(block);
    round::<4>(block);
    round::<2>(block);
    round::<1>(block);
}

#[inline(always)]
fn load16(source: &[f32], count: usize, rounded: bool) -> [u32; 16] {
    let mut line = [0u32; 16];
    if count == 16 {
        let source: &[f32; 16] = source[..16].try_into().expect("16 elements");
        for i in 0..16 {
            line[i] = round_word(source[i], rounded);
        }
    } else {
        for (word, value) in line.iter_mut().zip(&source[..count]) {
            *word = round_word(*value, rounded);
        }
    }
    line
}

/// Sixteen pairs from up to 32 consecutive elements.
#[inline(always)]
fn load_pairs(source: &[f32], count: usize) -> [u32; 16] {
    let mut line = [0u32; 16];
    if count == 32 {
        let source: &[f32; 32] = source[..32].try_into().expect("32 elements");
        for i in 0..16 {
            line[i] = pair(source[2 * i], source[2 * i + 1]);
        }
    } else {
        for (i, value) in source[..count].iter().enumerate() {
            line[i / 2] |= u32::from(f32_to_bf16(*value)) << (16 * (i % 2));
        }
    }
    line
}

crate::kernels::vectorised! {
    /// `[k][width]` from rows that are contiguous along the width.
    fn pack_rows(source: View, rounded: bool, width: usize, out: &mut [u32]) {
        for k in 0..source.rows {
            let row = &source.data[k * source.row_stride..][..source.columns];
            let line = &mut out[k * width..][..width];
            for (word, value) in line.iter_mut().zip(row) {
                *word = round_word(*value, rounded);
            }
            line[source.columns..].fill(0);
        }
    }

    /// `[k][width]` from columns that are contiguous along k.
    fn pack_columns(source: View, rounded: bool, width: usize, out: &mut [u32]) {
        transpose_blocks(source.rows, source.columns, width, out, |column, k, count| {
            load16(&source.data[column * source.column_stride + k..], count, rounded)
        });
    }

    /// `[k / 2][32]` pairs from rows that are contiguous along n.
    fn pack_pair_rows(source: View, out: &mut [u32]) {
        let columns = source.columns;
        let pairs = out.len() / PANEL;
        for (p, line) in out.chunks_exact_mut(PANEL).enumerate().take(pairs) {
            let line: &mut [u32; PANEL] = line.try_into().expect("a line of a panel");
            let low = 2 * p;
            if low + 1 < source.rows {
                let a = &source.data[low * source.row_stride..][..columns];
                let b = &source.data[(low + 1) * source.row_stride..][..columns];
                if columns == PANEL {
                    for i in 0..PANEL {
                        line[i] = pair(a[i], b[i]);
                    }
                } else {
                    line.fill(0);
                    for i in 0..columns {
                        line[i] = pair(a[i], b[i]);
                    }
                }
            } else {
                line.fill(0);
                if low < source.rows {
                    for (i, value) in source.data[low * source.row_stride..][..columns].iter().enumerate() {
                        line[i] = u32::from(f32_to_bf16(*value));
                    }
                }
            }
        }
    }

    /// `[k / 2][32]` pairs from columns that are contiguous along k.
    fn pack_pair_columns(source: View, out: &mut [u32]) {
        let pairs = out.len() / PANEL;
        let k = source.rows;
        transpose_blocks(pairs, source.columns, PANEL, out, |column, p, _| {
            let start = (2 * p).min(k);
            load_pairs(&source.data[column * source.column_stride + start..], 32.min(k - start))
        });
    }

    /// `[row][k / 2]` pairs from rows that are contiguous along k; `words` a row.
    fn pack_a_pair_rows(a: View, first_k: usize, k: usize, words: usize, out: &mut [u32]) {
        for row in 0..a.rows {
            let source = &a.data[row * a.row_stride + first_k..][..k];
            let line = &mut out[row * words..][..words];
            let mut pairs = source.chunks_exact(32);
            let mut done = 0;
            for chunk in &mut pairs {
                line[done..][..16].copy_from_slice(&load_pairs(chunk, 32));
                done += 16;
            }
            if done < words {
                line[done..].fill(0);
                let rest = pairs.remainder();
                let tail = load_pairs(rest, rest.len());
                let count = rest.len().div_ceil(2);
                line[done..][..count].copy_from_slice(&tail[..count]);
            }
        }
    }

    /// `[row][k / 2]` pairs from columns that are contiguous along the rows; `words` a row.
    fn pack_a_pair_columns(a: View, first_k: usize, k: usize, words: usize, out: &mut [u32]) {
        transpose_blocks(a.rows, words, words, out, |p, row, count| {
            let mut line = [0u32; 16];
            let low = 2 * p;
            if low + 1 < k {
                let x = &a.data[(first_k + low) * a.column_stride + row..][..count];
                let y = &a.data[(first_k + low + 1) * a.column_stride + row..][..count];
                if count == 16 {
                    for i in 0..16 {
                        line[i] = pair(x[i], y[i]);
                    }
                } else {
                    for i in 0..count {
                        line[i] = pair(x[i], y[i]);
                    }
                }
            } else if low < k {
                for (word, value) in line.iter_mut().zip(&a.data[(first_k + low) * a.column_stride + row..][..count]) {
                    *word = u32::from(f32_to_bf16(*value));
                }
            }
            line
        });
    }
}

/// A packed block of A.
#[derive(Clone, Copy)]
pub(crate) struct PackedA<'a> {
    pub(crate) words: &'a [u32],
    /// f32: words of one tile. Paired: words of one row.
    pub(crate) stride: usize,
}

thread_local! {
    static SCRATCH: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Lends this thread's buffer for packed A.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut Vec<u32>) -> T) -> T {
    SCRATCH.with(|scratch| work(&mut scratch.borrow_mut()))
}

/// Packs columns `first_k..first_k + k` of `a`.
pub(super) fn pack_a<'s>(
    method: Method,
    a: View,
    first_k: usize,
    k: usize,
    scratch: &'s mut Vec<u32>,
) -> PackedA<'s> {
    let isa = method.isa();
    let offset = |scratch: &Vec<u32>| scratch.as_ptr().align_offset(64);
    match method {
        Method::F32 { rounded, .. } => {
            let tile_rows = method.shape().tile_rows;
            let stride = k * tile_rows;
            let needed = a.rows.div_ceil(tile_rows) * stride;
            grow(scratch, needed + 16);
            let start = offset(scratch);
            let out = &mut scratch[start..][..needed];
            for (tile, out) in out.chunks_exact_mut(stride.max(1)).enumerate() {
                let first = tile * tile_rows;
                let rows = tile_rows.min(a.rows - first);
                // The tile is B-like: k x rows.
                let data = &a.data[first * a.row_stride + first_k * a.column_stride..];
                let view = View { data, rows: k, columns: rows, row_stride: a.column_stride, column_stride: a.row_stride };
                if view.column_stride == 1 {
                    pack_rows(isa, view, rounded, tile_rows, out);
                } else {
                    pack_columns(isa, view, rounded, tile_rows, out);
                }
            }
            PackedA { words: &scratch[start..][..needed], stride }
        }
        Method::Avx512Bf16 | Method::Amx => {
            let words = k.next_multiple_of(method.k_multiple()) / 2;
            let needed = a.rows * words;
            grow(scratch, needed + 16);
            let start = offset(scratch);
            let out = &mut scratch[start..][..needed];
            if a.column_stride == 1 {
                pack_a_pair_rows(isa, a, first_k, k, words, out);
            } else {
                pack_a_pair_columns(isa, a, first_k, k, words, out);
            }
            PackedA { words: &scratch[start..][..needed], stride: words }
        }
    }
}

fn grow(scratch: &mut Vec<u32>, count: usize) {
    if scratch.len() < count {
        scratch.resize(count, 0);
    }
}
