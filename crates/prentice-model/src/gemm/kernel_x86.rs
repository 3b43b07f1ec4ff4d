//! Micro-kernels for x86-64: AVX2, AVX-512, `vdpbf16ps`, AMX.

use std::arch::{asm, x86_64::*};

use super::{PANEL, Tile};

/// Runs `$kernel::<ROWS>` for a number of rows known only at run time.
macro_rules! dispatch_rows {
    ($rows:expr, $kernel:ident $arguments:tt, [$($count:literal),*]) => {
        match $rows {
            $($count => $kernel::<$count> $arguments,)*
            _ => unreachable!("a register tile has no {} rows", $rows),
        }
    };
}

/// # Safety
/// As [`Tile::run_full`], on a processor with AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(tile: &Tile) {
    for first in (0..tile.rows).step_by(6) {
        let a = tile.a.words[first / 6 * tile.a.stride..].as_ptr();
        let rows = 6.min(tile.rows - first);
        for half in (0..PANEL).step_by(16) {
            // SAFETY: by the caller's promise.
            unsafe { dispatch_rows!(rows, avx2_rows(tile, a.cast(), first, half), [1, 2, 3, 4, 5, 6]) };
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_rows<const ROWS: usize>(tile: &Tile, a: *const f32, first: usize, half: usize) {
    // SAFETY: all addresses lie in the packed operands or in the tile.
    unsafe {
        let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
        if !tile.initial.is_null() {
            for (r, line) in sums.iter_mut().enumerate() {
                for (c, sum) in line.iter_mut().enumerate() {
                    *sum = _mm256_loadu_ps(tile.initial.add((first + r) * tile.c_stride + half + 8 * c));
                }
            }
        }
        let b = tile.b.cast::<f32>();
        // Element `(r, k)` of A is at `a + r * row`, where `a` moves along k.
        let mut step = |k: usize, a: *const f32, row: usize| {
            let columns = [0, 1].map(|c| _mm256_loadu_ps(b.add(k * PANEL + half + 8 * c)));
            for (r, line) in sums.iter_mut().enumerate() {
                let factor = _mm256_broadcast_ss(&*a.add(r * row));
                line[0] = _mm256_fmadd_ps(factor, columns[0], line[0]);
                line[1] = _mm256_fmadd_ps(factor, columns[1], line[1]);
            }
        };
        if tile.a.in_lines {
            for k in 0..tile.k {
                step(k, a.add(k / 16 * 6 * 16 + k % 16), 16);
            }
        } else {
            for k in 0..tile.k {
                step(k, a.add(k * 6), 1);
            }
        }
        for (r, line) in sums.iter().enumerate() {
            for (c, sum) in line.iter().enumerate() {
                _mm256_storeu_ps(tile.c.add((first + r) * tile.c_stride + half + 8 * c), *sum);
            }
        }
    }
}

/// # Safety
/// As [`Tile::run_full`], on a processor with AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512(tile: &Tile) {
    for first in (0..tile.rows).step_by(12) {
        let a = tile.a.words[first / 12 * tile.a.stride..].as_ptr();
        let rows = 12.min(tile.rows - first);
        // SAFETY: by the caller's promise.
        unsafe {
            dispatch_rows!(rows, avx512_rows(tile, a.cast(), first), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn avx512_rows<const ROWS: usize>(tile: &Tile, a: *const f32, first: usize) {
    // SAFETY: all addresses lie in the packed operands or in the tile.
    unsafe {
        let mut sums = initial_sums::<ROWS>(tile, first);
        let b = tile.b.cast::<f32>();
        // Element `(r, k)` of A is at `a + r * row`, where `a` moves along k.
        let mut step = |k: usize, a: *const f32, row: usize| {
            if ROWS <= 2 {
                prefetch(tile.b.wrapping_add(k * PANEL + AHEAD), 2);
            }
            let left = _mm512_loadu_ps(b.add(k * PANEL));
            let right = _mm512_loadu_ps(b.add(k * PANEL + 16));
            for (r, line) in sums.iter_mut().enumerate() {
                let factor = _mm512_set1_ps(*a.add(r * row));
                line[0] = _mm512_fmadd_ps(factor, left, line[0]);
                line[1] = _mm512_fmadd_ps(factor, right, line[1]);
            }
        };
        if tile.a.in_lines {
            let (mut k, mut a) = (0, a);
            while k + 16 <= tile.k {
                for i in 0..16 {
                    step(k + i, a.add(i), 16);
                }
                k += 16;
                a = a.add(12 * 16);
            }
            for i in 0..tile.k - k {
                step(k + i, a.add(i), 16);
            }
        } else {
            for k in 0..tile.k {
                step(k, a.add(k * 12), 1);
            }
        }
        store_sums(tile, first, &sums);
    }
}

/// # Safety
/// As [`Tile::run_full`], on a processor with AVX-512 BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn avx512_bf16(tile: &Tile) {
    for first in (0..tile.rows).step_by(12) {
        let a = tile.a.words[first * tile.a.stride..].as_ptr();
        let rows = 12.min(tile.rows - first);
        // SAFETY: by the caller's promise.
        unsafe {
            dispatch_rows!(rows, avx512_bf16_rows(tile, a, first), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn avx512_bf16_rows<const ROWS: usize>(tile: &Tile, a: *const u32, first: usize) {
    // SAFETY: all addresses lie in the packed operands or in the tile.
    unsafe {
        let mut sums = initial_sums::<ROWS>(tile, first);
        for p in 0..tile.k.div_ceil(2) {
            let left: __m512bh = std::mem::transmute(_mm512_loadu_si512(tile.b.add(p * PANEL).cast()));
            let right: __m512bh = std::mem::transmute(_mm512_loadu_si512(tile.b.add(p * PANEL + 16).cast()));
            for (r, line) in sums.iter_mut().enumerate() {
                let factor: __m512bh = std::mem::transmute(_mm512_set1_epi32(*a.add(r * tile.a.stride + p) as i32));
                line[0] = _mm512_dpbf16_ps(line[0], factor, left);
                line[1] = _mm512_dpbf16_ps(line[1], factor, right);
            }
        }
        store_sums(tile, first, &sums);
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn initial_sums<const ROWS: usize>(tile: &Tile, first: usize) -> [[__m512; 2]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    if !tile.initial.is_null() {
        for (r, line) in sums.iter_mut().enumerate() {
            for (c, sum) in line.iter_mut().enumerate() {
                // SAFETY: within the tile.
                *sum = unsafe { _mm512_loadu_ps(tile.initial.add((first + r) * tile.c_stride + 16 * c)) };
            }
        }
    }
    sums
}

#[target_feature(enable = "avx512f")]
unsafe fn store_sums<const ROWS: usize>(tile: &Tile, first: usize, sums: &[[__m512; 2]; ROWS]) {
    for (r, line) in sums.iter().enumerate() {
        for (c, sum) in line.iter().enumerate() {
            // SAFETY: within the tile.
            unsafe { _mm512_storeu_ps(tile.c.add((first + r) * tile.c_stride + 16 * c), *sum) };
        }
    }
}

/// AMX's description of the tile registers (Intel SDM, `LDTILECFG`).
#[repr(C, align(64))]
struct TileConfiguration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_a_row: [u16; 16],
    rows: [u8; 16],
}

impl TileConfiguration {
    /// C in tmm0-3 (2 x 2), A in tmm4 and 5, B in tmm6 and 7; the upper tiles have `upper` rows, the lower `lower`.
    fn new(upper: usize, lower: usize) -> Self {
        let mut configuration =
            Self { palette: 1, start_row: 0, reserved: [0; 14], bytes_a_row: [0; 16], rows: [0; 16] };
        for (register, rows) in [upper, upper, lower, lower, upper, lower, 16, 16].into_iter().enumerate() {
            configuration.rows[register] = rows as u8;
            configuration.bytes_a_row[register] = if rows == 0 { 0 } else { 64 };
        }
        configuration
    }
}

/// The tile registers are configured; released when dropped.
pub(super) struct AmxConfigured(());

impl AmxConfigured {
    /// For products of `rows` rows: a multiple of 32, or fewer than 32.
    ///
    /// # Safety
    /// The processor must have AMX BF16, and the process the permission to use it.
    pub(super) unsafe fn new(rows: usize) -> Self {
        let configuration = match rows {
            0..=16 => TileConfiguration::new(rows, 0),
            17..32 => TileConfiguration::new(16, rows - 16),
            _ => TileConfiguration::new(16, 16),
        };
        // SAFETY: a valid configuration for palette 1.
        unsafe { asm!("ldtilecfg [{0}]", in(reg) &configuration, options(nostack, readonly)) };
        Self(())
    }
}

impl Drop for AmxConfigured {
    fn drop(&mut self) {
        // SAFETY: the tiles were configured by `new`.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// # Safety
/// As [`Tile::run_full`], with an [`AmxConfigured`] for `tile.rows` alive.
pub(super) unsafe fn amx(tile: &Tile) {
    for first in (0..tile.rows).step_by(32) {
        // SAFETY: by the caller's promise.
        unsafe { if tile.rows > 16 { amx_rows::<true>(tile, first) } else { amx_rows::<false>(tile, first) } }
    }
}

/// How far ahead packed weights are asked for when few rows make them the bottleneck, in words: 8 KiB. The processor's
/// own prefetching stops at the borders of 4 KiB pages.
const AHEAD: usize = 512;

/// Asks for cache lines. Addresses past the end are harmless.
#[inline(always)]
fn prefetch(start: *const u32, lines: usize) {
    for line in 0..lines {
        // SAFETY: a prefetch does not fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(16 * line).cast()) };
    }
}

/// Up to 32 rows against the panel; `TWO` says whether the lower tiles take part.
#[inline(always)]
unsafe fn amx_rows<const TWO: bool>(tile: &Tile, first: usize) {
    let c_bytes = tile.c_stride * 4;
    // Tiles of A are contiguous: 16 rows of 64 bytes.
    let a_bytes = 64usize;
    let group = tile.a.stride * 16;
    // SAFETY: tile loads and stores touch only the configured rows, which lie in the packed operands and in the tile.
    unsafe {
        if tile.initial.is_null() {
            asm!("tilezero tmm0", "tilezero tmm1", out("tmm0") _, out("tmm1") _, options(nostack));
            if TWO {
                asm!("tilezero tmm2", "tilezero tmm3", out("tmm2") _, out("tmm3") _, options(nostack));
            }
        } else {
            let upper = tile.initial.add(first * tile.c_stride);
            asm!("tileloadd tmm0, [{c} + {s}]", "tileloadd tmm1, [{c} + {s} + 64]",
                 c = in(reg) upper, s = in(reg) c_bytes, out("tmm0") _, out("tmm1") _, options(nostack, readonly));
            if TWO {
                let lower = upper.add(16 * tile.c_stride);
                asm!("tileloadd tmm2, [{c} + {s}]", "tileloadd tmm3, [{c} + {s} + 64]",
                     c = in(reg) lower, s = in(reg) c_bytes, out("tmm2") _, out("tmm3") _, options(nostack, readonly));
            }
        }
        let mut a = tile.a.words.as_ptr().add((tile.first_row + first) / 16 * group);
        let mut b = tile.b;
        for _ in 0..tile.k.div_ceil(32) {
            if TWO {
                asm!(
                    "tileloadd tmm6, [{b} + {bs}]",
                    "tileloadd tmm4, [{a} + {s}]",
                    "tileloadd tmm7, [{b} + {bs} + 64]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm5, [{lower} + {s}]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    a = in(reg) a, lower = in(reg) a.add(group), b = in(reg) b,
                    s = in(reg) a_bytes, bs = in(reg) PANEL * 4,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack, readonly)
                );
            } else {
                asm!(
                    "tileloadd tmm4, [{a} + {s}]",
                    "tileloadd tmm6, [{b} + {bs}]",
                    "tileloadd tmm7, [{b} + {bs} + 64]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    a = in(reg) a, b = in(reg) b, s = in(reg) a_bytes, bs = in(reg) PANEL * 4,
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack, readonly)
                );
            }
            a = a.add(256);
            b = b.add(16 * PANEL);
        }
        let upper = tile.c.add(first * tile.c_stride);
        asm!("tilestored [{c} + {s}], tmm0", "tilestored [{c} + {s} + 64], tmm1",
             c = in(reg) upper, s = in(reg) c_bytes, options(nostack));
        if TWO {
            let lower = upper.add(16 * tile.c_stride);
            asm!("tilestored [{c} + {s}], tmm2", "tilestored [{c} + {s} + 64], tmm3",
                 c = in(reg) lower, s = in(reg) c_bytes, options(nostack));
        }
    }
}
