//! Examination with statistics.

#![deny(clippy::print_stdout, clippy::print_stderr)]
