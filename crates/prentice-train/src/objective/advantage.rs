//! From rewards to an advantage for every token.
//!
//! As verl 0.9.1's `core_algos.py` computes them, with these differences: a group of one has no baseline and so no
//! advantage (verl: its bare reward); a batch of one token or of equal values whitens to 0 (verl: an error, or rounding
//! residue); the reward stands at the last token that the policy wrote, so that none is lost when a trajectory ends in
//! an observation; the overlong penalty counts what the policy wrote, not observations.

use super::{
    ObjectiveError,
    algorithm::{Advantage, Algorithm, KlPlace},
    required,
};

/// A trajectory with its reward. Lists have an entry for each response token, observations included.
#[derive(Clone, Copy, Debug)]
pub struct Rewarded<'a> {
    /// Which prompt it answers; any number, equal within a group.
    pub group: usize,
    /// What execution says it is worth, before any shaping.
    pub reward: f64,
    /// Which tokens the policy wrote; the others are observations.
    pub mask: &'a [bool],
    /// Log-probabilities under the policy that sampled.
    pub behaviour: &'a [f32],
    /// Log-probabilities under the reference; read when the penalty is in the reward.
    pub reference: Option<&'a [f32]>,
    /// Values at sampling time; read by [`Advantage::Generalised`].
    pub values: Option<&'a [f32]>,
}

/// What a trajectory's tokens are credited with. Lists have an entry for each response token; observations have 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// How much better each token was than expected.
    pub advantages: Vec<f32>,
    /// What the value head should have predicted; only under [`Advantage::Generalised`].
    pub returns: Option<Vec<f32>>,
}

/// Whether rewards differ at all: a group of equal rewards has nothing to teach, and dynamic sampling replaces it.
pub fn varies(rewards: &[f64]) -> bool {
    rewards.iter().any(|reward| *reward != rewards[0])
}

/// The credit of each trajectory of a batch; groups may be interleaved. A trajectory without policy tokens counts in
/// the mean of its group and is credited with nothing.
///
/// # Errors
/// When a list has the wrong length or is missing, or a reward is not finite.
pub fn advantages(algorithm: &Algorithm, batch: &[Rewarded]) -> Result<Vec<Credit>, ObjectiveError> {
    let rewards: Vec<TokenRewards> = batch
        .iter()
        .enumerate()
        .map(|(index, trajectory)| TokenRewards::new(algorithm, index, trajectory))
        .collect::<Result<_, _>>()?;
    let scores: Vec<f64> = rewards.iter().map(|rewards| rewards.score).collect();
    let mut returns = None;
    let advantages = match algorithm.advantage {
        Advantage::GroupMean { deviation_epsilon } => {
            spread(batch, &per_group(batch, &scores, |group| above_mean(group, deviation_epsilon)))
        }
        Advantage::LeaveOneOut => spread(batch, &per_group(batch, &scores, above_others)),
        Advantage::WhitenedGroupMean => {
            whitened(batch, spread(batch, &per_group(batch, &scores, |group| above_mean(group, None))))
        }
        Advantage::WhitenedReturns { gamma } => {
            let returns = batch.iter().zip(&rewards).map(|(one, rewards)| discounted(one.mask, &rewards.tokens, gamma));
            whitened(batch, returns.collect())
        }
        Advantage::Generalised { gamma, lambda } => {
            let mut estimates = Vec::with_capacity(batch.len());
            let mut targets = Vec::with_capacity(batch.len());
            for (index, (one, rewards)) in batch.iter().zip(&rewards).enumerate() {
                let values = required(one.values, index, "values", one.mask.len())?;
                let estimate = generalised(one.mask, &rewards.tokens, values, gamma, lambda);
                let target = estimate.iter().zip(values).zip(one.mask);
                targets.push(target.map(|((a, v), own)| if *own { (a + f64::from(*v)) as f32 } else { 0.0 }).collect());
                estimates.push(estimate);
            }
            returns = Some(targets);
            whitened(batch, estimates)
        }
    };
    let mut returns = returns.map(Vec::into_iter);
    let credit = advantages.into_iter().map(|advantages| Credit {
        advantages: advantages.into_iter().map(|advantage| advantage as f32).collect(),
        returns: returns.as_mut().and_then(Iterator::next),
    });
    Ok(credit.collect())
}

/// The reward of a trajectory, shaped, and laid out over its tokens.
struct TokenRewards {
    /// The sum.
    score: f64,
    /// The penalty at each policy token, and the reward at the last of them.
    tokens: Vec<f64>,
}

impl TokenRewards {
    fn new(algorithm: &Algorithm, index: usize, trajectory: &Rewarded) -> Result<Self, ObjectiveError> {
        let Rewarded { reward, mask, behaviour, reference, .. } = *trajectory;
        if !reward.is_finite() {
            return Err(ObjectiveError::Reward { trajectory: index, reward });
        }
        ObjectiveError::check_length(index, "behaviour log-probabilities", behaviour.len(), mask.len())?;
        let written = mask.iter().filter(|own| **own).count();
        let reward = reward + algorithm.overlong.map_or(0.0, |overlong| overlong.penalty(written));
        let mut tokens = vec![0.0; mask.len()];
        if let Some(kl) = algorithm.kl_in(KlPlace::Reward) {
            let reference = required(reference, index, "reference log-probabilities", mask.len())?;
            for token in (0..mask.len()).filter(|token| mask[*token]) {
                tokens[token] = -kl.coefficient * kl.estimator.estimate(behaviour[token], reference[token]).0;
            }
        }
        let score = reward + tokens.iter().sum::<f64>();
        if let Some(last) = mask.iter().rposition(|own| *own) {
            tokens[last] += reward;
        }
        Ok(Self { score, tokens })
    }
}

/// Applies a function to the scores of each group, and puts the results where the scores came from.
fn per_group(batch: &[Rewarded], scores: &[f64], function: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by_key(|index| batch[*index].group);
    let mut results = vec![0.0; batch.len()];
    for members in order.chunk_by(|a, b| batch[*a].group == batch[*b].group) {
        let group: Vec<f64> = members.iter().map(|index| scores[*index]).collect();
        // Rounding of the mean would leave residue, which a division by a tiny deviation blows up.
        if varies(&group) {
            members.iter().zip(function(&group)).for_each(|(index, result)| results[*index] = result);
        }
    }
    results
}

/// Scores minus their mean, divided by their deviation if there is an epsilon to add to it.
fn above_mean(group: &[f64], deviation_epsilon: Option<f64>) -> Vec<f64> {
    let (mean, variance) = moments(group.iter().copied());
    let divisor = deviation_epsilon.map_or(1.0, |epsilon| variance.sqrt() + epsilon);
    group.iter().map(|score| (score - mean) / divisor).collect()
}

/// Scores minus the mean of the others.
fn above_others(group: &[f64]) -> Vec<f64> {
    let (mean, _) = moments(group.iter().copied());
    let factor = group.len() as f64 / (group.len() - 1) as f64;
    group.iter().map(|score| factor * (score - mean)).collect()
}

/// Mean and unbiased variance, in two passes.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0).max(1.0))
}

/// One advantage for all policy tokens of each trajectory.
fn spread(batch: &[Rewarded], scores: &[f64]) -> Vec<Vec<f64>> {
    let row = |one: &Rewarded, score: f64| one.mask.iter().map(|own| if *own { score } else { 0.0 }).collect();
    batch.iter().zip(scores).map(|(one, score)| row(one, *score)).collect()
}

/// The sum of discounted rewards from each policy token on; observations take no time.
fn discounted(mask: &[bool], rewards: &[f64], gamma: f64) -> Vec<f64> {
    let mut returns = vec![0.0; mask.len()];
    let mut following = 0.0;
    for token in (0..mask.len()).rev().filter(|token| mask[*token]) {
        following = rewards[token] + gamma * following;
        returns[token] = following;
    }
    returns
}

/// Generalised advantage estimates at policy tokens; observations take no time.
fn generalised(mask: &[bool], rewards: &[f64], values: &[f32], gamma: f64, lambda: f64) -> Vec<f64> {
    let mut estimates = vec![0.0; mask.len()];
    let (mut next_value, mut following) = (0.0, 0.0);
    for token in (0..mask.len()).rev().filter(|token| mask[*token]) {
        let value = f64::from(values[token]);
        following = rewards[token] + gamma * next_value - value + gamma * lambda * following;
        next_value = value;
        estimates[token] = following;
    }
    estimates
}

/// Mean 0 and variance 1 over all policy tokens of the batch.
fn whitened(batch: &[Rewarded], mut values: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let policy = |values: &[Vec<f64>]| -> Vec<f64> {
        let owned = batch.iter().zip(values).flat_map(|(one, values)| one.mask.iter().zip(values));
        owned.filter(|(own, _)| **own).map(|(_, value)| *value).collect()
    };
    let all = policy(&values);
    let (mean, scale) = if varies(&all) {
        let (mean, variance) = moments(all.iter().copied());
        // verl's epsilon, inside the root.
        (mean, (variance + 1e-8).sqrt().recip())
    } else {
        (0.0, 0.0)
    };
    for (one, values) in batch.iter().zip(&mut values) {
        for (own, value) in one.mask.iter().zip(values) {
            *value = if *own { (*value - mean) * scale } else { 0.0 };
        }
    }
    values
}
