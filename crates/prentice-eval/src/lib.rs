//! Examination with statistics: from samples and verdicts to what may be said of a model.
//!
//! * [`samples`]: files of completions in upstream's format, checked from end to end, read in bounded memory.
//! * [`run`](mod@run): executes samples on all cores; a run that was killed continues, and ends with the same bytes.
//! * [`statistics`]: pass@k, pass^k, intervals, comparison of runs, cost. Pure functions of outcomes and a seed.
//! * [`summary`]: the figures of a run, flat where scripts look.
//! * [`contamination`]: which tasks a training corpus contains.
//!
//! An infrastructure error is neither a pass nor a failure: it takes no part in any metric, only in the cost. How a
//! verdict comes about is `prentice-environment`'s business, and where a corpus lies the caller's.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod contamination;
pub mod run;
pub mod samples;
pub mod statistics;
pub mod summary;
