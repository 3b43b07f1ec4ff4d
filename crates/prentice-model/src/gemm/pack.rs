//! Packing: the layouts in which the micro-kernels read their operands.
//!
//! * B, f32: panel by panel, `[k][32]` f32. B, paired: `[k / 2][32]` pairs of bf16, the element of even k in the low half.
//! * A, f32: tile by tile (of `tile_rows` rows). From rows contiguous along k, `[k / 16][tile_rows][16]`, which is a copy of
//!   cache lines; from columns, `[k][tile_rows]`. Neither is a transposition, which would cost more than it brings.
//! * A, paired, in chunks of 32 k: `[row][chunk][32]` bf16; for AMX `[row / 16][chunk][16][32]`, whole tiles. k is padded
//!   with zeros.
//!
//! Both are stored as 32-bit words.

use std::cell::RefCell;

#[cfg(target_arch = "x86_64")]
use super::pack_x86;
use super::{Method, Operand, PANEL, View};
use crate::kernels::{Isa, Kernels, Precision, SharedMut, bf16_to_f32, f32_to_bf16, for_each_block, zeroed};

/// A packed right operand: k x n.
#[derive(Debug)]
pub struct PackedB {
    method: Method,
    rows: usize,
    columns: usize,
    /// Words from one panel to the next.
    panel_words: usize,
    words: AlignedWords,
}

/// Words on a 64-byte boundary, so that no vector or tile row straddles cache lines.
#[derive(Debug, Default)]
struct AlignedWords {
    memory: Vec<u32>,
    start: usize,
    length: usize,
}

impl AlignedWords {
    /// Makes room for `count` words; the content is whatever it was.
    fn resize(&mut self, count: usize) {
        if self.memory.len() < count + 16 {
            self.memory = Vec::new();
            self.memory = zeroed(count + 16);
            self.start = self.memory.as_ptr().align_offset(64);
        }
        self.length = count;
    }

    fn as_slice(&self) -> &[u32] {
        &self.memory[self.start..][..self.length]
    }

    fn as_mut_slice(&mut self) -> &mut [u32] {
        &mut self.memory[self.start..][..self.length]
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
    pub fn new<'b>(kernels: Kernels, precision: Precision, b: impl Into<Operand<'b>>) -> Self {
        let mut packed = Self::empty(kernels, precision);
        packed.pack(b);
        packed
    }

    /// Packs `b` into this matrix's memory.
    pub fn pack<'b>(&mut self, b: impl Into<Operand<'b>>) {
        let b = b.into();
        let (rows, columns) = b.shape();
        self.set_shape(rows, columns);
        let (method, panel_words) = (self.method, self.panel_words);
        let words = SharedMut::new(self.words.as_mut_slice());
        // Several panels a block, so that a block is worth a thread's while.
        let panels = columns.div_ceil(PANEL);
        let each = 65_536usize.div_ceil(rows.max(1) * PANEL).max(1);
        for_each_block(panels.div_ceil(each), |block| {
            for panel in block * each..((block + 1) * each).min(panels) {
                // SAFETY: each panel is written by one block.
                let out = unsafe { words.range(panel * panel_words, panel_words) };
                pack_panel(method, b, panel * PANEL, out);
            }
        });
    }

    /// Like [`PackedB::pack`], on the calling thread.
    pub(crate) fn pack_serial<'b>(&mut self, b: impl Into<Operand<'b>>) {
        let b = b.into();
        let (rows, columns) = b.shape();
        self.set_shape(rows, columns);
        let (method, panel_words) = (self.method, self.panel_words);
        for (panel, out) in
            self.words.as_mut_slice().chunks_exact_mut(panel_words.max(1)).take(columns.div_ceil(PANEL)).enumerate()
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

    /// Makes the columns from `from` to `to` those of `other`, a matrix of the same shape and method; others of the first
    /// and the last panel may follow.
    pub(crate) fn copy_columns(&mut self, other: &Self, from: usize, to: usize) {
        assert!(self.has_shape_of(other) && to <= self.columns);
        let words = from / PANEL * self.panel_words..to.div_ceil(PANEL) * self.panel_words;
        if !words.is_empty() {
            self.words.as_mut_slice()[words.clone()].copy_from_slice(&other.words.as_slice()[words]);
        }
    }

    /// The same for rows; for pairs of bf16, one more on each side may follow.
    pub(crate) fn copy_rows(&mut self, other: &Self, from: usize, to: usize) {
        assert!(self.has_shape_of(other) && to <= self.rows);
        let (from, to) = if self.method.is_paired() { (from / 2, to.div_ceil(2)) } else { (from, to) };
        for panel in 0..if from < to { self.columns.div_ceil(PANEL) } else { 0 } {
            let start = panel * self.panel_words;
            let words = start + from * PANEL..start + to * PANEL;
            self.words.as_mut_slice()[words.clone()].copy_from_slice(&other.words.as_slice()[words]);
        }
    }

    fn has_shape_of(&self, other: &Self) -> bool {
        (self.method, self.rows, self.columns) == (other.method, other.rows, other.columns)
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
        self.words.memory.len() * 4
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

fn pack_panel(method: Method, b: Operand, first: usize, out: &mut [u32]) {
    fn part<T>(b: View<T>, first: usize) -> View<T> {
        View { data: &b.data[first * b.column_stride..], columns: PANEL.min(b.columns - first), ..b }
    }
    match (method, b) {
        (Method::F32 { isa, rounded }, Operand::F32(b)) => {
            let panel = part(b, first);
            #[cfg(target_arch = "x86_64")]
            if isa == Isa::Avx512 && !rounded {
                // SAFETY: this level is chosen only where the processor supports it.
                return unsafe { pack_x86::panel_f32(panel, out) };
            }
            if panel.column_stride == 1 {
                pack_rows(isa, panel, rounded, PANEL, out);
            } else {
                pack_columns(isa, panel, rounded, out);
            }
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: these methods are chosen only where the processor supports them.
        (Method::Avx512Bf16 | Method::Amx, b) => unsafe {
            match b {
                Operand::F32(b) => pack_x86::panel_pairs(part(b, first), out),
                Operand::Bf16(b) => pack_x86::panel_pairs(part(b, first), out),
            }
        },
        _ => unreachable!("bf16 operands are packed where their kernels exist"),
    }
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

    /// `[k][32]` from columns that are contiguous along k.
    fn pack_columns(source: View, rounded: bool, out: &mut [u32]) {
        if source.columns < PANEL {
            out.fill(0);
        }
        for column in 0..source.columns {
            let values = &source.data[column * source.column_stride..][..source.rows];
            for (line, value) in out.chunks_exact_mut(PANEL).zip(values) {
                line[column] = round_word(*value, rounded);
            }
        }
    }

    /// `[k / 16][tile_rows][16]` from rows that are contiguous along k.
    fn pack_a_lines(tile: View, rounded: bool, tile_rows: usize, out: &mut [u32]) {
        let k = tile.columns;
        for row in 0..tile.rows {
            let source = &tile.data[row * tile.row_stride..][..k];
            for (chunk, values) in source.chunks(16).enumerate() {
                let line = &mut out[(chunk * tile_rows + row) * 16..][..16];
                if let (Ok(line), Ok(values)) = (<&mut [u32; 16]>::try_from(&mut *line), <&[f32; 16]>::try_from(values)) {
                    for i in 0..16 {
                        line[i] = round_word(values[i], rounded);
                    }
                } else {
                    for (word, value) in line.iter_mut().zip(values) {
                        *word = round_word(*value, rounded);
                    }
                }
            }
        }
    }
}

/// A packed block of A.
#[derive(Clone, Copy)]
pub(crate) struct PackedA<'a> {
    pub(crate) words: &'a [u32],
    /// f32: words of a tile. Pairs: words of a row.
    pub(crate) stride: usize,
    /// f32: whether the layout is `[k / 16][tile_rows][16]`.
    pub(crate) in_lines: bool,
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
    a: Operand,
    first_k: usize,
    k: usize,
    scratch: &'s mut Vec<u32>,
) -> PackedA<'s> {
    let (rows, _) = a.shape();
    let tile_rows = method.shape().tile_rows;
    let in_lines = matches!(a, Operand::F32(View { column_stride: 1, .. }));
    let (needed, stride) = match method {
        Method::F32 { .. } => {
            let stride = if in_lines { k.next_multiple_of(16) } else { k } * tile_rows;
            (rows.div_ceil(tile_rows) * stride, stride)
        }
        _ => (rows.next_multiple_of(16) * k.div_ceil(32) * 16, k.div_ceil(32) * 16),
    };
    if scratch.len() < needed + 16 {
        scratch.resize(needed + 16, 0);
    }
    let start = scratch.as_ptr().align_offset(64);
    let out = &mut scratch[start..][..needed];
    match (method, a) {
        #[cfg(target_arch = "x86_64")]
        (Method::F32 { isa: Isa::Avx512, rounded: false }, Operand::F32(a)) if !in_lines => {
            // SAFETY: this level is chosen only where the processor supports it.
            unsafe { pack_x86::a_columns_f32(a, first_k, k, tile_rows, out) };
        }
        (Method::F32 { isa, rounded }, Operand::F32(a)) => {
            for (tile, out) in out.chunks_exact_mut(stride.max(1)).enumerate() {
                let first = tile * tile_rows;
                let rows = tile_rows.min(a.rows - first);
                let data = &a.data[first * a.row_stride + first_k * a.column_stride..];
                let tile = View { data, rows, columns: k, ..a };
                if in_lines {
                    pack_a_lines(isa, tile, rounded, tile_rows, out);
                } else {
                    pack_rows(isa, tile.transposed(), rounded, tile_rows, out);
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        (Method::Avx512Bf16 | Method::Amx, a) => {
            let place: pack_x86::Place = if method == Method::Amx {
                |row, chunk, chunks| ((row / 16 * chunks + chunk) * 16 + row % 16) * 16
            } else {
                |row, chunk, chunks| (row * chunks + chunk) * 16
            };
            // SAFETY: these methods are chosen only where the processor supports them.
            unsafe {
                match a {
                    Operand::F32(a) => pack_x86::a_pairs(a, first_k, k, place, out),
                    Operand::Bf16(a) => pack_x86::a_pairs(a, first_k, k, place, out),
                }
            }
        }
        _ => unreachable!("bf16 operands are packed where their kernels exist"),
    }
    PackedA { words: &scratch[start..][..needed], stride, in_lines }
}
