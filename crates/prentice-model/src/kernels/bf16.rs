//! bfloat16: the upper half of an f32.

/// A bfloat16 number, as its bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Bf16 {
    /// Rounds, as [`f32_to_bf16`].
    #[inline(always)]
    pub fn round(x: f32) -> Self {
        Self(f32_to_bf16(x))
    }

    /// Exact.
    #[inline(always)]
    pub fn to_f32(self) -> f32 {
        bf16_to_f32(self.0)
    }

    /// Memory of f32 numbers used for twice as many bf16 numbers.
    pub fn slice_of(words: &[f32]) -> &[Bf16] {
        // SAFETY: any bits are a `Bf16`, and its alignment is smaller.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 2) }
    }

    /// The same, to be written to.
    pub fn slice_of_mut(words: &mut [f32]) -> &mut [Bf16] {
        // SAFETY: as above, and any bits are an f32.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 2) }
    }
}

/// Rounds to nearest, ties to even; denormals become zero, as `vcvtneps2bf16` has it.
#[inline(always)]
pub fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let exponent = bits & 0x7f80_0000;
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let special = if exponent == 0 { (bits >> 16) & 0x8000 } else { (bits >> 16) | 0x40 };
    // Only NaN must not be rounded: the carry could turn it into infinity or zero.
    let is_nan = bits & 0x7fff_ffff > 0x7f80_0000;
    (if exponent == 0 || is_nan { special } else { rounded }) as u16
}

/// Exact.
#[inline(always)]
pub fn bf16_to_f32(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding() {
        for (input, expected) in [
            (1.0f32, 1.0f32),
            (1.0 + 1.0 / 256.0, 1.0),               // tie to even, down
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0), // tie to even, up
            (-2.7182817, -2.71875),
            (f32::INFINITY, f32::INFINITY),
            (f32::MIN_POSITIVE / 2.0, 0.0),
        ] {
            assert_eq!(bf16_to_f32(f32_to_bf16(input)), expected, "{input}");
        }
        assert!(bf16_to_f32(f32_to_bf16(f32::NAN)).is_nan());
    }
}
