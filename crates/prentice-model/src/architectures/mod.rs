//! Architectures, one file each. They compose the operations of [`crate::ops`] and never write a backward.

pub mod decoder;
