//! The repository index: what a team's own source says, found fast.

pub mod cite;
pub mod copying;
