//! Element-wise functions and reductions over rows.
//!
//! Reductions keep 16 partial results, element `i` going to partial `i % 16`, and fold them in a fixed order. A row that
//! is extended by neutral elements therefore gives the same bits: attention relies on it.

use super::vectorised;

const LANES: usize = 16;

/// `e^x` to about 1 ulp in f32; 0 below -87.3 and saturating above 88. Cephes' `expf` polynomial.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-87.3, 88.0);
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    let shifted = clamped * std::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 0.166_666_65;
    p = p * r + 0.5;
    let value = p * (r * r) + r + 1.0;
    // The low bits of `shifted` hold n, so this adds n to the exponent.
    let scaled = f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < -87.3 { 0.0 } else { scaled }
}

#[inline(always)]
fn fold(partials: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut values = partials;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            values[i] = combine(values[i], values[i + width]);
        }
        width /= 2;
    }
    values[0]
}

#[inline(always)]
fn reduce(x: &[f32], neutral: f32, map: impl Fn(f32) -> f32, combine: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let mut partials = [neutral; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            partials[lane] = combine(partials[lane], map(chunk[lane]));
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        partials[lane] = combine(partials[lane], map(*value));
    }
    fold(partials, combine)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    // A NaN in `b` is kept, so that a diverged model shows up as NaN instead of as a plausible number.
    if a > b { a } else { b }
}

#[inline(always)]
fn dot_body(x: &[f32], y: &[f32]) -> f32 {
    let mut partials = [0.0; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let (x_rest, y_rest) = (xs.remainder(), ys.remainder());
    for (a, b) in xs.zip(ys) {
        for lane in 0..LANES {
            partials[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in x_rest.iter().zip(y_rest).enumerate() {
        partials[lane] += a * b;
    }
    fold(partials, |a, b| a + b)
}

#[inline(always)]
fn exp_sum_body(x: &mut [f32], scale: f32, shift: f32) -> f32 {
    let mut partials = [0.0; LANES];
    let mut chunks = x.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            let value = exp(chunk[lane] * scale - shift);
            chunk[lane] = value;
            partials[lane] += value;
        }
    }
    for (lane, value) in chunks.into_remainder().iter_mut().enumerate() {
        *value = exp(*value * scale - shift);
        partials[lane] += *value;
    }
    fold(partials, |a, b| a + b)
}

/// Constants of [`adamw_update`], for a step.
#[derive(Clone, Copy, Debug)]
pub struct AdamWConstants {
    /// Factor on the gradient, from clipping.
    pub scale: f32,
    /// Decay of the mean of the gradient.
    pub beta1: f32,
    /// 1 - `beta1`.
    pub rest1: f32,
    /// Decay of the mean of its square.
    pub beta2: f32,
    /// 1 - `beta2`.
    pub rest2: f32,
    /// Learning rate over the bias correction of the mean.
    pub step_size: f32,
    /// Root of the bias correction of the square.
    pub root: f32,
    /// Added to the root of the square.
    pub epsilon: f32,
    /// Factor on the parameters, from weight decay.
    pub keep: f32,
}

vectorised! {
    /// A step of AdamW on some parameters; clears their gradient.
    pub fn adamw_update(
        c: AdamWConstants,
        parameters: &mut [f32],
        gradient: &mut [f32],
        mean: &mut [f32],
        square: &mut [f32],
    ) {
        let length = parameters.len();
        let (gradient, mean, square) = (&mut gradient[..length], &mut mean[..length], &mut square[..length]);
        for i in 0..length {
            let g = gradient[i] * c.scale;
            gradient[i] = 0.0;
            mean[i] = c.beta1 * mean[i] + c.rest1 * g;
            square[i] = c.beta2 * square[i] + c.rest2 * (g * g);
            let denominator = square[i].sqrt() / c.root + c.epsilon;
            parameters[i] = parameters[i] * c.keep - c.step_size * (mean[i] / denominator);
        }
    }

    /// The sum of the squares of a row.
    pub fn sum_of_squares(x: &[f32]) -> f32 {
        reduce(x, 0.0, |v| v * v, |a, b| a + b)
    }

    /// The largest element of a row; negative infinity for an empty one.
    pub(crate) fn maximum(x: &[f32]) -> f32 {
        reduce(x, f32::NEG_INFINITY, |v| v, larger)
    }

    /// The inner product of two rows.
    pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
        dot_body(x, y)
    }

    /// Replaces each `x` by `exp(x * scale - shift)` and returns the sum.
    pub(crate) fn exp_sum(x: &mut [f32], scale: f32, shift: f32) -> f32 {
        exp_sum_body(x, scale, shift)
    }

    /// `x *= factor`.
    pub(crate) fn scale(x: &mut [f32], factor: f32) {
        for value in x {
            *value *= factor;
        }
    }

    /// `x += y`.
    pub(crate) fn add_assign(x: &mut [f32], y: &[f32]) {
        for (a, b) in x.iter_mut().zip(y) {
            *a += b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Kernels;

    #[test]
    fn exp_is_close_to_the_library_function() {
        let mut worst = 0.0f64;
        for i in -87_000..88_000 {
            let x = i as f32 / 1000.0;
            worst = worst.max((f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs());
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn every_level_gives_the_same_bits_and_zeros_do_not_matter() {
        let x: Vec<f32> = (0..1003).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.037).collect();
        let run = |isa, x: &[f32]| {
            let mut e = x.to_vec();
            let sum = exp_sum(isa, &mut e, 0.9, 0.3);
            [sum, sum_of_squares(isa, x), maximum(isa, x), dot(isa, x, x)].map(f32::to_bits)
        };
        let reference = run(super::super::Isa::Portable, &x);
        for kernels in Kernels::available() {
            assert_eq!(run(kernels.isa, &x), reference, "{kernels}");
        }
        let mut longer = x.clone();
        longer.extend([0.0; 45]);
        assert_eq!(sum_of_squares(Kernels::detect().isa, &longer).to_bits(), reference[1]);
    }
}
