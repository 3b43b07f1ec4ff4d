//! What learning after pre-training minimises: pure functions from scores to a loss and its derivatives.
//!
//! * [`algorithm`]: a policy-gradient algorithm as data, and the presets with a name.
//! * [`advantage`]: a batch of rewarded trajectories becomes an advantage for every token.
//! * [`policy`]: the policy loss (and PPO's value loss), with its derivative by each token's log-probability.
//! * [`preference`]: DPO, IPO, ORPO and SimPO over pairs, KTO over labelled examples.
//!
//! Nothing here knows a model: whoever calls multiplies the derivatives into the network. Everything is computed in
//! f64; per-token numbers cross the border as f32. Sequences may come in micro-batches: the sizes of the whole batch
//! are an argument, and losses, figures and derivatives of the parts add up to those of the whole.
//!
//! The reference is verl 0.9.1 for policy losses and TRL 1.16.0 for preferences; `tests/objectives.rs` compares both,
//! and each file says where it departs. Not covered: entropy bonuses, off-policy corrections between sampler and
//! trainer (ours are one engine), rewards within a trajectory.

pub mod advantage;
pub mod algorithm;
pub mod policy;
pub mod preference;

/// Why advantages or a loss cannot be computed. The index is that of the trajectory or sequence in the argument.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// A list does not have an entry for each token.
    #[error("sequence {sequence}: {found} {what} for {expected} tokens")]
    Length {
        /// Which sequence.
        sequence: usize,
        /// What the list holds.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The number of tokens, observations included.
        expected: usize,
    },
    /// The algorithm asks for something that the sequence does not have.
    #[error("sequence {sequence} has no {what}, which the algorithm needs")]
    Missing {
        /// Which sequence.
        sequence: usize,
        /// What is missing.
        what: &'static str,
    },
    /// A reward is NaN or infinite, which would spoil the advantages of its whole group.
    #[error("trajectory {trajectory} has the reward {reward}")]
    Reward {
        /// Which trajectory.
        trajectory: usize,
        /// Its reward.
        reward: f64,
    },
}

impl ObjectiveError {
    /// What can be done about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Length { .. } => "score the tokens again: every list has an entry for each response token",
            Self::Missing { .. } => "score with the reference model or value head, or choose an algorithm without one",
            Self::Reward { .. } => "score a failed check with a finite number, and sample again after a harness error",
        }
    }

    /// Checks that a list has an entry for each of `expected` tokens.
    fn check_length(sequence: usize, what: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::Length { sequence, what, found, expected }) }
    }
}

/// An optional list that must be there, with an entry for each of `expected` tokens.
fn required<'a>(
    list: Option<&'a [f32]>,
    sequence: usize,
    what: &'static str,
    expected: usize,
) -> Result<&'a [f32], ObjectiveError> {
    let list = list.ok_or(ObjectiveError::Missing { sequence, what })?;
    ObjectiveError::check_length(sequence, what, list.len(), expected)?;
    Ok(list)
}
