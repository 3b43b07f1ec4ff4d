//! Prentice's engine.

pub mod gemm;
pub mod kernels;
pub mod ops;
mod tape;
pub use tape::*;
