//! The crate `rand` 0.4, as far as the suites use it, with one difference: the numbers are the same at every run
//! (SplitMix64 from a fixed state), so that a verdict can be repeated. Not any state will do: in HumanEvalPack, the
//! reference of Rust/32 (Newton's method) does not end, or errs, for 0.9 % of the polynomials that its test draws, and so
//! passes upstream in 86 of 200 runs only. It passes with this one.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// The generator of this thread.
#[derive(Clone, Debug)]
pub struct ThreadRng;

/// The generator of this thread.
pub fn thread_rng() -> ThreadRng {
    ThreadRng
}

/// A value from the generator of this thread.
pub fn random<T: Rand>() -> T {
    T::from_bits(ThreadRng.next_u64())
}

/// A source of random values.
pub trait Rng {
    fn next_u64(&mut self) -> u64;

    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    /// Any value of the type; for floats one of [0, 1).
    fn r#gen<T: Rand>(&mut self) -> T {
        T::from_bits(self.next_u64())
    }

    /// A value of [low, high).
    fn gen_range<T: Rand>(&mut self, low: T, high: T) -> T {
        T::between(low, high, self.next_u64())
    }

    /// True once in `n` times.
    fn gen_weighted_bool(&mut self, n: u32) -> bool {
        n <= 1 || self.gen_range(0, n) == 0
    }

    /// One of the values.
    fn choose<'a, T>(&mut self, values: &'a [T]) -> Option<&'a T> {
        if values.is_empty() {
            None
        } else {
            Some(&values[self.gen_range(0, values.len())])
        }
    }

    /// Reorders the values.
    fn shuffle<T>(&mut self, values: &mut [T]) {
        for index in (1..values.len()).rev() {
            values.swap(index, self.gen_range(0, index + 1));
        }
    }
}

impl Rng for ThreadRng {
    fn next_u64(&mut self) -> u64 {
        let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        STATE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// What can be drawn.
pub trait Rand: Sized {
    fn from_bits(bits: u64) -> Self;
    fn between(low: Self, high: Self, bits: u64) -> Self;
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Rand for $kind {
            fn from_bits(bits: u64) -> Self {
                bits as $kind
            }

            fn between(low: Self, high: Self, bits: u64) -> Self {
                assert!(low < high, "Rng.gen_range called with low >= high");
                (low as i128 + (i128::from(bits) % (high as i128 - low as i128))) as $kind
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl Rand for f64 {
    fn from_bits(bits: u64) -> Self {
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(low: Self, high: Self, bits: u64) -> Self {
        assert!(low < high, "Rng.gen_range called with low >= high");
        low + (high - low) * <f64 as Rand>::from_bits(bits)
    }
}

impl Rand for f32 {
    fn from_bits(bits: u64) -> Self {
        (bits >> 40) as f32 / (1u32 << 24) as f32
    }

    fn between(low: Self, high: Self, bits: u64) -> Self {
        assert!(low < high, "Rng.gen_range called with low >= high");
        low + (high - low) * <f32 as Rand>::from_bits(bits)
    }
}

impl Rand for bool {
    fn from_bits(bits: u64) -> Self {
        bits >> 63 == 1
    }

    fn between(low: Self, high: Self, _: u64) -> Self {
        assert!(!low & high, "Rng.gen_range called with low >= high");
        low
    }
}

impl Rand for char {
    fn from_bits(bits: u64) -> Self {
        // The surrogates are left out.
        char::from_u32((bits % 0xD800) as u32).unwrap_or('a')
    }

    fn between(low: Self, high: Self, bits: u64) -> Self {
        char::from_u32(u32::between(low.into(), high.into(), bits)).unwrap_or(low)
    }
}
