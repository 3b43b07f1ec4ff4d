//! Help while writing: completion that knows the repository and cites its source.

pub mod replay;
