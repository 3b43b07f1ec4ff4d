//! Packing with AVX-512: rounding to bf16 in hardware, transposition in registers.
//!
//! `vcvtneps2bf16` rounds as [`crate::kernels::f32_to_bf16`] does, so elements set one by one are the same bits.

use std::arch::x86_64::*;

use super::{PANEL, View};
use crate::kernels::Bf16;

type Block = [__m512i; 16];

/// Transposes 16 x 16 words.
#[target_feature(enable = "avx512f")]
fn transpose(rows: Block) -> Block {
    let mut a = rows;
    for i in (0..16).step_by(2) {
        a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut b = a;
    for i in (0..16).step_by(4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    // Now word `c % 4` of quarter `c / 4` of row `r` is in `b[4 * (r / 4) + c % 4]`, quarter `c / 4`, place `r % 4`.
    let mut out = b;
    for i in 0..4 {
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(b[i], b[i + 4]);
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(b[i], b[i + 4]);
        let low2 = _mm512_shuffle_i32x4::<0b10_00_10_00>(b[i + 8], b[i + 12]);
        let high2 = _mm512_shuffle_i32x4::<0b11_01_11_01>(b[i + 8], b[i + 12]);
        out[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low2);
        out[i + 4] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high2);
        out[i + 8] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low2);
        out[i + 12] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high2);
    }
    out
}

fn mask(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

/// Up to 16 elements; zeros beyond.
#[target_feature(enable = "avx512f")]
fn load(source: &[f32], count: usize) -> __m512 {
    assert!(count <= 16 && count <= source.len());
    // SAFETY: lanes beyond `count` are not read.
    unsafe { _mm512_maskz_loadu_ps(mask(count), source.as_ptr()) }
}

/// Elements that can be packed in pairs of bf16.
///
/// The methods are inlined into functions that enable AVX-512 F, BW, VL and BF16, and must only be called from such.
pub(super) trait Element: Copy {
    /// Sixteen pairs from up to 32 consecutive elements.
    ///
    /// # Safety
    /// The processor must have the instructions.
    unsafe fn pairs(source: &[Self], count: usize) -> __m512i;

    /// Up to 16 elements as bf16 in the low halves of 16 words.
    ///
    /// # Safety
    /// The processor must have the instructions.
    unsafe fn low_halves(source: &[Self], count: usize) -> __m512i;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn pairs(source: &[f32], count: usize) -> __m512i {
        // SAFETY: by the caller's promise; the transmutation keeps 512 bits.
        unsafe {
            let low = load(source, count.min(16));
            let high = if count > 16 { load(&source[16..], count - 16) } else { _mm512_setzero_ps() };
            std::mem::transmute(_mm512_cvtne2ps_pbh(high, low))
        }
    }

    #[inline(always)]
    unsafe fn low_halves(source: &[f32], count: usize) -> __m512i {
        // SAFETY: by the caller's promise; the transmutation keeps 256 bits.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(load(source, count));
            _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(rounded))
        }
    }
}

impl Element for Bf16 {
    #[inline(always)]
    unsafe fn pairs(source: &[Bf16], count: usize) -> __m512i {
        assert!(count <= 32 && count <= source.len());
        let mask = ((1u64 << count) - 1) as __mmask32;
        // SAFETY: by the caller's promise; lanes beyond `count` are not read.
        unsafe { _mm512_maskz_loadu_epi16(mask, source.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn low_halves(source: &[Bf16], count: usize) -> __m512i {
        assert!(count <= 16 && count <= source.len());
        // SAFETY: as above.
        unsafe { _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask(count), source.as_ptr().cast())) }
    }
}

/// Sixteen pairs from two rows of up to 16 elements; the second may be missing.
///
/// # Safety
/// As [`Element`]'s methods.
#[inline(always)]
unsafe fn pairs_of_rows<T: Element>(low: &[T], high: Option<&[T]>, count: usize) -> __m512i {
    // SAFETY: by the caller's promise.
    unsafe {
        let word = T::low_halves(low, count);
        match high {
            Some(high) => _mm512_or_si512(word, _mm512_slli_epi32::<16>(T::low_halves(high, count))),
            None => word,
        }
    }
}

#[target_feature(enable = "avx512f")]
fn store(out: &mut [u32], line: __m512i, count: usize) {
    assert!(count <= 16 && count <= out.len());
    // SAFETY: lanes beyond `count` are not written.
    unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().cast(), mask(count), line) };
}

/// A of f32 from columns that are contiguous along the rows: tiles of `[k][tile_rows]`.
#[target_feature(enable = "avx512f")]
pub(super) fn a_columns_f32(a: View, first_k: usize, k: usize, tile_rows: usize, out: &mut [u32]) {
    // Along k outside, so that memory is read in long runs; each run is dealt out to the tiles.
    for p in 0..k {
        let run = &a.data[(first_k + p) * a.column_stride..][..a.rows];
        for (tile, values) in run.chunks(tile_rows).enumerate() {
            let line = _mm512_castps_si512(load(values, values.len()));
            store(&mut out[(tile * k + p) * tile_rows..], line, tile_rows);
        }
    }
}

/// A panel of B, f32: `[k][32]`.
#[target_feature(enable = "avx512f")]
pub(super) fn panel_f32(b: View, out: &mut [u32]) {
    if b.column_stride == 1 {
        for (k, line) in out.chunks_exact_mut(PANEL).enumerate().take(b.rows) {
            let row = &b.data[k * b.row_stride..][..b.columns];
            let (left, right) = row.split_at(b.columns.min(16));
            store(line, _mm512_castps_si512(load(left, left.len())), 16);
            store(&mut line[16..], _mm512_castps_si512(load(right, right.len())), 16);
        }
        return;
    }
    for half in (0..PANEL).step_by(16) {
        for k in (0..b.rows).step_by(16) {
            let height = 16.min(b.rows - k);
            let mut block: Block = [_mm512_setzero_si512(); 16];
            for (column, line) in (half..b.columns.min(half + 16)).zip(&mut block) {
                *line = _mm512_castps_si512(load(&b.data[column * b.column_stride + k..], height));
            }
            for (i, line) in transpose(block).into_iter().enumerate().take(height) {
                store(&mut out[(k + i) * PANEL + half..], line, 16);
            }
        }
    }
}

/// A panel of B in pairs: `[k / 2][32]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn panel_pairs<T: Element>(b: View<T>, out: &mut [u32]) {
    if b.column_stride == 1 {
        for (p, line) in out.chunks_exact_mut(PANEL).enumerate() {
            for half in (0..PANEL).step_by(16) {
                let count = b.columns.saturating_sub(half).min(16);
                let row = |k: usize| &b.data[k * b.row_stride + half.min(b.columns)..];
                let words = if 2 * p < b.rows && count > 0 {
                    // SAFETY: the instructions are enabled here.
                    unsafe { pairs_of_rows(row(2 * p), (2 * p + 1 < b.rows).then(|| row(2 * p + 1)), count) }
                } else {
                    _mm512_setzero_si512()
                };
                store(&mut line[half..], words, 16);
            }
        }
        return;
    }
    let lines = out.len() / PANEL;
    for half in (0..PANEL).step_by(16) {
        for line in (0..lines).step_by(16) {
            let height = 16.min(lines - line);
            let k = (2 * line).min(b.rows);
            let count = 32.min(b.rows - k);
            let mut block: Block = [_mm512_setzero_si512(); 16];
            for (column, words) in (half..b.columns.min(half + 16)).zip(&mut block) {
                // SAFETY: the instructions are enabled here.
                *words = unsafe { T::pairs(&b.data[column * b.column_stride + k..], count) };
            }
            for (i, words) in transpose(block).into_iter().enumerate().take(height) {
                store(&mut out[(line + i) * PANEL + half..], words, 16);
            }
        }
    }
}

/// Where the 16 words (32 elements) of a row and chunk of k go.
pub(super) type Place = fn(row: usize, chunk: usize, chunks: usize) -> usize;

/// A in pairs, chunk by chunk of 32 k.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn a_pairs<T: Element>(a: View<T>, first_k: usize, k: usize, place: Place, out: &mut [u32]) {
    let chunks = k.div_ceil(32);
    if a.column_stride == 1 {
        for row in 0..a.rows {
            let source = &a.data[row * a.row_stride + first_k..];
            for chunk in 0..chunks {
                // SAFETY: the instructions are enabled here.
                let words = unsafe { T::pairs(&source[chunk * 32..], 32.min(k - chunk * 32)) };
                store(&mut out[place(row, chunk, chunks)..], words, 16);
            }
        }
        return;
    }
    for row in (0..a.rows).step_by(16) {
        let count = 16.min(a.rows - row);
        let column = |k: usize| &a.data[(first_k + k) * a.column_stride + row..];
        for chunk in 0..chunks {
            let mut block: Block = [_mm512_setzero_si512(); 16];
            for (i, words) in block.iter_mut().enumerate() {
                let low = chunk * 32 + 2 * i;
                if low < k {
                    // SAFETY: the instructions are enabled here.
                    *words = unsafe { pairs_of_rows(column(low), (low + 1 < k).then(|| column(low + 1)), count) };
                }
            }
            for (i, words) in transpose(block).into_iter().enumerate().take(count) {
                store(&mut out[place(row + i, chunk, chunks)..], words, 16);
            }
        }
    }
}
