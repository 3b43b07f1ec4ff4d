//! The policy loss and its derivative by the log-probability of each token; PPO's value loss beside it.
//!
//! As verl 0.9.1's `compute_policy_loss_{vanilla,gspo,cispo}`, `kl_penalty`, `compute_value_loss` and `agg_loss`, with
//! these differences: the mean over sequences leaves out sequences without policy tokens in micro-batches too; GSPO's
//! logarithm of the ratio is bounded by 20 as everywhere, not by 10; the epsilon of 1e-8 in verl's means is dropped.
//!
//! On policy, where both log-probabilities agree bit for bit, every ratio is exactly 1 and nothing is clipped.

use std::ops::AddAssign;

use super::{
    ObjectiveError,
    algorithm::{Aggregation, Algorithm, KlEstimator, KlPlace, Ratio, Surrogate, ValueLoss},
    required,
};

/// What the loss of a sequence is made of. Lists have an entry for each response token, observations included.
#[derive(Clone, Copy, Debug)]
pub struct SequenceTerms<'a> {
    /// Which tokens the policy wrote; the others are observations and have no loss.
    pub mask: &'a [bool],
    /// Log-probabilities under the policy now.
    pub log_probabilities: &'a [f32],
    /// Log-probabilities under the policy that sampled.
    pub behaviour: &'a [f32],
    /// Log-probabilities under the reference; required when the penalty is in the loss, otherwise only for the figures.
    pub reference: Option<&'a [f32]>,
    /// From [`advantages`](super::advantage::advantages).
    pub advantages: &'a [f32],
    /// Required when the algorithm has a value loss.
    pub value: Option<ValueTerms<'a>>,
}

/// What the value loss of a sequence is made of; lists as in [`SequenceTerms`].
#[derive(Clone, Copy, Debug)]
pub struct ValueTerms<'a> {
    /// Values predicted now.
    pub predicted: &'a [f32],
    /// Values predicted at sampling time.
    pub behaviour: &'a [f32],
    /// From [`advantages`](super::advantage::advantages).
    pub returns: &'a [f32],
}

/// The size of the whole batch, of which a micro-batch is a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sequences with at least one policy token.
    pub sequences: usize,
    /// Policy tokens.
    pub tokens: usize,
}

impl Totals {
    /// Counts the masks of a batch.
    pub fn of<'a>(masks: impl IntoIterator<Item = &'a [bool]>) -> Self {
        let mut totals = Self::default();
        for mask in masks {
            let tokens = policy_tokens(mask);
            totals.sequences += usize::from(tokens > 0);
            totals.tokens += tokens;
        }
        totals
    }
}

/// The share of a micro-batch in the loss of its batch, and derivatives. All is 0 where no token counts.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyLoss {
    /// Loss and figures for the record.
    pub figures: PolicyFigures,
    /// Derivative of the loss by `log_probabilities`, for each sequence; 0 at observations.
    pub d_log_probabilities: Vec<Vec<f32>>,
    /// Derivative of the loss by `predicted`, for each sequence, if the algorithm has a value loss; 0 at observations.
    pub d_values: Option<Vec<Vec<f32>>>,
}

/// Sums and token means over the whole batch; those of micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyFigures {
    /// What is minimised: the sum of the next three.
    pub loss: f64,
    /// The surrogate, negated.
    pub surrogate: f64,
    /// The penalty in the loss, with its coefficient.
    pub penalty: f64,
    /// The value loss, with its coefficient.
    pub value: f64,
    /// Share of policy tokens whose ratio was clipped where that matters; under [`Surrogate::ClippedWeight`], whose
    /// weight was.
    pub clip_fraction: f64,
    /// Share of policy tokens whose move of the value was clipped.
    pub value_clip_fraction: f64,
    /// Divergence of the sampling policy from the policy now: token mean of k1 under the former. Exactly 0 on policy.
    pub behaviour_kl: f64,
    /// Divergence from the reference: token mean of k3, over the sequences that have one.
    pub reference_kl: f64,
}

impl AddAssign for PolicyFigures {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.surrogate += other.surrogate;
        self.penalty += other.penalty;
        self.value += other.value;
        self.clip_fraction += other.clip_fraction;
        self.value_clip_fraction += other.value_clip_fraction;
        self.behaviour_kl += other.behaviour_kl;
        self.reference_kl += other.reference_kl;
    }
}

/// The loss of a micro-batch, as its share of that of a batch of the size `totals`.
///
/// # Errors
/// When a list has the wrong length or is missing.
pub fn policy_loss(
    algorithm: &Algorithm,
    sequences: &[SequenceTerms],
    totals: &Totals,
) -> Result<PolicyLoss, ObjectiveError> {
    let mut figures = PolicyFigures::default();
    let mut d_log_probabilities = Vec::with_capacity(sequences.len());
    let mut d_values = algorithm.value.map(|_| Vec::with_capacity(sequences.len()));
    for (index, sequence) in sequences.iter().enumerate() {
        let tokens = sequence.mask.len();
        let lists = [
            ("log-probabilities", sequence.log_probabilities),
            ("behaviour log-probabilities", sequence.behaviour),
            ("advantages", sequence.advantages),
        ];
        for (what, list) in lists {
            ObjectiveError::check_length(index, what, list.len(), tokens)?;
        }
        if algorithm.kl_in(KlPlace::Loss).is_some() || sequence.reference.is_some() {
            required(sequence.reference, index, "reference log-probabilities", tokens)?;
        }
        let weight = token_weight(algorithm.aggregation, policy_tokens(sequence.mask), totals);
        d_log_probabilities.push(policy_terms(algorithm, sequence, weight, totals, &mut figures));
        if let (Some(options), Some(d_values)) = (algorithm.value, &mut d_values) {
            let value = sequence.value.ok_or(ObjectiveError::Missing { sequence: index, what: "values" })?;
            let lists =
                [("values", value.predicted), ("behaviour values", value.behaviour), ("returns", value.returns)];
            for (what, list) in lists {
                ObjectiveError::check_length(index, what, list.len(), tokens)?;
            }
            d_values.push(value_terms(options, sequence.mask, &value, weight, totals, &mut figures));
        }
    }
    figures.loss = figures.surrogate + figures.penalty + figures.value;
    Ok(PolicyLoss { figures, d_log_probabilities, d_values })
}

fn policy_tokens(mask: &[bool]) -> usize {
    mask.iter().filter(|own| **own).count()
}

/// What the loss of one of the `tokens` policy tokens of a sequence counts for; used only where there are any.
fn token_weight(aggregation: Aggregation, tokens: usize, totals: &Totals) -> f64 {
    match aggregation {
        Aggregation::Sequence => 1.0 / (tokens as f64 * totals.sequences as f64),
        Aggregation::Token => 1.0 / totals.tokens as f64,
        Aggregation::ConstantLength { length } => 1.0 / (length as f64 * totals.sequences as f64),
    }
}

/// Adds a sequence's surrogate and penalty to the figures; returns the derivative by its log-probabilities.
fn policy_terms(
    algorithm: &Algorithm,
    sequence: &SequenceTerms,
    weight: f64,
    totals: &Totals,
    figures: &mut PolicyFigures,
) -> Vec<f32> {
    let SequenceTerms { mask, log_probabilities, behaviour, reference, advantages, .. } = *sequence;
    let share = 1.0 / totals.tokens as f64;
    let log_ratio = |token: usize| f64::from(log_probabilities[token]) - f64::from(behaviour[token]);
    let written = || (0..mask.len()).filter(|token| mask[*token]);
    let mean_log_ratio = written().map(log_ratio).sum::<f64>() / written().count() as f64;
    let mut derivative = vec![0.0; mask.len()];
    for token in written() {
        let log_probability = log_probabilities[token];
        let compared = match algorithm.ratio {
            Ratio::Token => log_ratio(token),
            Ratio::Sequence => mean_log_ratio,
        };
        let surrogate = algorithm.surrogate.evaluate(compared, f64::from(advantages[token]), log_probability.into());
        figures.surrogate += weight * surrogate.loss;
        figures.clip_fraction += if surrogate.clipped { share } else { 0.0 };
        figures.behaviour_kl -= share * log_ratio(token);
        let mut slope = surrogate.slope;
        if let Some(reference) = reference {
            figures.reference_kl += share * KlEstimator::K3.estimate(log_probability, reference[token]).0;
            if let Some(kl) = algorithm.kl_in(KlPlace::Loss) {
                let (estimate, by_policy) = kl.estimator.estimate(log_probability, reference[token]);
                figures.penalty += weight * kl.coefficient * estimate;
                slope += kl.coefficient * by_policy;
            }
        }
        derivative[token] = (weight * slope) as f32;
    }
    derivative
}

/// Adds a sequence's value loss to the figures; returns the derivative by its predicted values.
fn value_terms(
    options: ValueLoss,
    mask: &[bool],
    value: &ValueTerms,
    weight: f64,
    totals: &Totals,
    figures: &mut PolicyFigures,
) -> Vec<f32> {
    let factor = 0.5 * options.coefficient * weight;
    let mut derivative = vec![0.0; mask.len()];
    for token in (0..mask.len()).filter(|token| mask[*token]) {
        let [predicted, behaviour, target] =
            [value.predicted[token], value.behaviour[token], value.returns[token]].map(f64::from);
        let bounded = predicted.max(behaviour - options.clip).min(behaviour + options.clip);
        let (error, bounded_error) = (predicted - target, bounded - target);
        if bounded_error.powi(2) > error.powi(2) {
            figures.value += factor * bounded_error.powi(2);
            figures.value_clip_fraction += 1.0 / totals.tokens as f64;
        } else {
            figures.value += factor * error.powi(2);
            derivative[token] = (factor * 2.0 * error) as f32;
        }
    }
    derivative
}

/// The loss of one token under a surrogate.
struct TokenLoss {
    loss: f64,
    /// Derivative by the token's log-probability.
    slope: f64,
    clipped: bool,
}

/// Bound of a logarithm of a ratio, beyond which there is no gradient, as in verl.
const MOST: f64 = 20.0;

impl Surrogate {
    fn evaluate(&self, log_ratio: f64, advantage: f64, log_probability: f64) -> TokenLoss {
        let ratio = log_ratio.clamp(-MOST, MOST).exp();
        match *self {
            Surrogate::Clip { low, high, dual } => {
                let free = -advantage * ratio;
                let held = -advantage * ratio.clamp(1.0 - low, 1.0 + high);
                let loss = free.max(held);
                match dual.map(|most| -advantage * most).filter(|most| advantage < 0.0 && loss > *most) {
                    Some(most) => TokenLoss { loss: most, slope: 0.0, clipped: true },
                    None if held > free => TokenLoss { loss, slope: 0.0, clipped: true },
                    None => TokenLoss { loss, slope: if log_ratio.abs() > MOST { 0.0 } else { free }, clipped: false },
                }
            }
            Surrogate::ClippedWeight { low, high } => {
                let weight = ratio.clamp(1.0 - low, 1.0 + high);
                let slope = -weight * advantage;
                TokenLoss { loss: slope * log_probability, slope, clipped: weight != ratio }
            }
        }
    }
}
