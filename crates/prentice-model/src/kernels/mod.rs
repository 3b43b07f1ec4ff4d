//! What the processor can do, found out at run time, and loops compiled once for each level.
//!
//! Numbers depend on the level (an FMA rounds once where a multiplication and an addition round twice), never on the
//! number of threads or rows. A machine always picks the same level, so its results repeat.

mod bf16;
mod math;
mod memory;
mod parallel;

use std::{fmt, str::FromStr, sync::OnceLock};

use serde::{Deserialize, Serialize};

pub use bf16::{Bf16, bf16_to_f32, f32_to_bf16};
pub(crate) use math::*;
pub use math::{AdamWConstants, adamw_update, sum_of_squares};
pub use memory::zeroed;
pub(crate) use parallel::{SharedMut, for_each_block, with_team};

/// Vector instructions for f32 arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, whatever the compiler's target offers.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// How products of bf16 matrices are computed. All accumulate in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bf16Kernel {
    /// Operands are rounded to bf16 and multiplied by the f32 kernels: right, but no faster than f32.
    Rounded,
    /// `vdpbf16ps`.
    Avx512Bf16,
    /// AMX tiles.
    Amx,
}

/// The kernels in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// For f32.
    pub isa: Isa,
    /// For bf16.
    pub bf16: Bf16Kernel,
}

/// The arithmetic of matrix products. Everything else is always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit operands.
    F32,
    /// Operands rounded to bfloat16, f32 accumulation; weights and activations stay f32 in memory.
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        })
    }
}

/// The kernels asked for cannot run here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// No such name.
    #[error("no kernels are called `{0}`: choose portable, avx2, avx512, avx512bf16 or amx")]
    Unknown(String),
    /// The processor or the operating system lacks the instructions.
    #[error("this processor cannot run the `{wanted}` kernels, its best are `{best}`")]
    Unsupported {
        /// Asked for.
        wanted: String,
        /// What there is.
        best: String,
    },
}

impl Kernels {
    /// The fastest kernels of this machine.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Kernels> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The slowest, which run everywhere.
    pub const PORTABLE: Kernels = Kernels { isa: Isa::Portable, bf16: Bf16Kernel::Rounded };

    /// Every combination this machine can run, slowest first; for tests.
    pub fn available() -> Vec<Kernels> {
        ALL.iter().map(|(_, kernels)| *kernels).filter(|kernels| kernels.supported()).collect()
    }

    /// Whether bf16 is worth choosing for speed.
    pub fn has_fast_bf16(&self) -> bool {
        self.bf16 > Bf16Kernel::Rounded
    }

    fn supported(&self) -> bool {
        let best = Self::detect();
        self.isa <= best.isa && self.bf16 <= best.bf16
    }
}

const ALL: [(&str, Kernels); 5] = [
    ("portable", Kernels::PORTABLE),
    ("avx2", Kernels { isa: Isa::Avx2, bf16: Bf16Kernel::Rounded }),
    ("avx512", Kernels { isa: Isa::Avx512, bf16: Bf16Kernel::Rounded }),
    ("avx512bf16", Kernels { isa: Isa::Avx512, bf16: Bf16Kernel::Avx512Bf16 }),
    ("amx", Kernels { isa: Isa::Avx512, bf16: Bf16Kernel::Amx }),
];

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(_, kernels)| kernels == self).map_or("custom", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Kernels {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        let (_, kernels) =
            ALL.iter().find(|(known, _)| *known == name).ok_or_else(|| KernelError::Unknown(name.to_owned()))?;
        if !kernels.supported() {
            return Err(KernelError::Unsupported { wanted: name.to_owned(), best: Self::detect().to_string() });
        }
        Ok(*kernels)
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Kernels {
    let isa = if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
    {
        Isa::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Isa::Avx2
    } else {
        Isa::Portable
    };
    let bf16 = if isa < Isa::Avx512 || !is_x86_feature_detected!("avx512bf16") {
        Bf16Kernel::Rounded
    } else if amx_permitted() {
        Bf16Kernel::Amx
    } else {
        Bf16Kernel::Avx512Bf16
    };
    Kernels { isa, bf16 }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Kernels {
    Kernels::PORTABLE
}

/// Whether the processor has AMX with bf16, and Linux lets this process use it (asked for once; threads inherit it).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn amx_permitted() -> bool {
    // CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE (Intel SDM vol. 2A, table 3-8).
    let features = std::arch::x86_64::__cpuid_count(7, 0).edx;
    if features & (1 << 22) == 0 || features & (1 << 24) == 0 {
        return false;
    }
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: `arch_prctl` with these arguments changes only this process's permission bits.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn amx_permitted() -> bool {
    false
}

/// Defines a function whose body is compiled for each [`Isa`] and chosen by its first argument.
///
/// The body must not use fused multiply-add, so that element-wise results are the same bits at every level.
macro_rules! vectorised {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::kernels::Isa, $($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body($($arg: $type),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $type),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $type),*) $(-> $ret)? {
                    body($($arg),*)
                }
                match isa {
                    // SAFETY: a level is chosen only where the processor supports it.
                    $crate::kernels::Isa::Avx512 => unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::Isa::Avx2 => unsafe { avx2($($arg),*) },
                    $crate::kernels::Isa::Portable => body($($arg),*),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            {
                let _ = isa;
                body($($arg),*)
            }
        }
    )*};
}
pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_chosen_by_name_and_refused_with_a_reason() {
        assert_eq!("portable".parse(), Ok(Kernels::PORTABLE));
        assert_eq!(
            "sse9".parse::<Kernels>().unwrap_err().to_string(),
            "no kernels are called `sse9`: choose portable, avx2, avx512, avx512bf16 or amx"
        );
        for kernels in Kernels::available() {
            assert_eq!(kernels.to_string().parse(), Ok(kernels));
        }
    }
}
