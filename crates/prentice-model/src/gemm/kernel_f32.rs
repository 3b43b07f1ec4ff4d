//! The f32 micro-kernel in plain Rust.

use super::{PANEL, Tile};

const ROWS: usize = 4;

/// # Safety
/// As [`Tile::run_full`].
pub(super) unsafe fn portable(tile: &Tile) {
    for first in (0..tile.rows).step_by(ROWS) {
        let rows = ROWS.min(tile.rows - first);
        let a = &tile.a.words[first / ROWS * tile.a.stride..];
        for half in (0..PANEL).step_by(8) {
            let mut sums = [[0.0f32; 8]; ROWS];
            for (r, line) in sums.iter_mut().enumerate().take(rows) {
                for (c, sum) in line.iter_mut().enumerate() {
                    if !tile.initial.is_null() {
                        // SAFETY: within the tile.
                        *sum = unsafe { *tile.initial.add((first + r) * tile.c_stride + half + c) };
                    }
                }
            }
            for k in 0..tile.k {
                // SAFETY: the panel holds `k` lines of PANEL words.
                let b = unsafe { &*tile.b.add(k * PANEL + half).cast::<[f32; 8]>() };
                for r in 0..ROWS {
                    let place = if tile.a.in_lines { (k / 16 * ROWS + r) * 16 + k % 16 } else { k * ROWS + r };
                    let factor = f32::from_bits(a[place]);
                    for c in 0..8 {
                        sums[r][c] += factor * b[c];
                    }
                }
            }
            for (r, line) in sums.iter().enumerate().take(rows) {
                for (c, sum) in line.iter().enumerate() {
                    // SAFETY: within the tile.
                    unsafe { *tile.c.add((first + r) * tile.c_stride + half + c) = *sum };
                }
            }
        }
    }
}
