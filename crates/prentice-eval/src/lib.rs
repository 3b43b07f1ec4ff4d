//! Examination with statistics.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod contamination;
pub mod run;
pub mod samples;
pub mod statistics;
pub mod summary;
