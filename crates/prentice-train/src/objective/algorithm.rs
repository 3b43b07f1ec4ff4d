//! A policy-gradient algorithm as data.
//!
//! An algorithm is a choice for each of a few parts; the trainer reads the parts and does not know the name. Presets
//! follow their papers where these give a value and verl 0.9.1 otherwise; each says so. Lengths are those of the run:
//! a preset is made for the largest number of tokens that a response may have.
//!
//! Left out of the presets: the learning rate, group sizes and the number of epochs over a batch, which belong to the
//! trainer.

use serde::{Deserialize, Serialize};

/// How rewards become a loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Algorithm {
    /// From rewards to an advantage for each token.
    pub advantage: Advantage,
    /// What is compared between the policy now and the policy that sampled.
    pub ratio: Ratio,
    /// What is maximised.
    pub surrogate: Surrogate,
    /// How tokens are averaged.
    pub aggregation: Aggregation,
    /// Distance to a reference policy, if it counts.
    pub kl: Option<Kl>,
    /// Penalty for responses near the length limit, if any.
    pub overlong: Option<Overlong>,
    /// Whether groups whose rewards are all equal are replaced, and how often that is tried.
    pub dynamic_sampling: Option<DynamicSampling>,
    /// The loss of the value head; there exactly when `advantage` reads values.
    pub value: Option<ValueLoss>,
}

/// How the advantage of a token follows from rewards. "Group" means the trajectories of one prompt.
///
/// A group whose scores are all equal, a group of one included, is exactly at its baseline: its advantages are 0, but
/// for the shift of a later whitening. A batch of equal values whitens to exactly 0. verl gives a group of one its bare
/// reward instead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "estimator", rename_all = "snake_case", deny_unknown_fields)]
pub enum Advantage {
    /// Score minus mean of the group (Dr.GRPO, arXiv 2503.20783), divided by its standard deviation plus
    /// `deviation_epsilon` if that is given (GRPO, arXiv 2402.03300). The deviation is unbiased, as in TRL and verl;
    /// verl adds 1e-6, TRL 1e-4.
    GroupMean {
        /// Added to the standard deviation; without it nothing is divided.
        deviation_epsilon: Option<f64>,
    },
    /// Score minus mean of the others of the group (RLOO, arXiv 2402.14740).
    LeaveOneOut,
    /// Score minus mean of the group, then whitened over all policy tokens of the batch (REINFORCE++-baseline,
    /// arXiv 2501.03262).
    WhitenedGroupMean,
    /// Discounted return from each token on, whitened over all policy tokens of the batch; the group does not matter
    /// (REINFORCE++, arXiv 2501.03262).
    WhitenedReturns {
        /// Discount for each policy token.
        gamma: f64,
    },
    /// Generalised advantage estimation (arXiv 1506.02438) from the values, whitened over all policy tokens of the
    /// batch (PPO).
    Generalised {
        /// Discount for each policy token.
        gamma: f64,
        /// Weight of longer estimates.
        lambda: f64,
    },
}

/// Whose probability is compared between the policy now and the one that sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ratio {
    /// Each token's own.
    Token,
    /// The geometric mean over the policy tokens of the sequence (GSPO, arXiv 2507.18071), in verl's form: the value
    /// is the sequence's for every token, and the gradient reaches each token as if the ratio were its own.
    Sequence,
}

/// What is maximised for each token, from ratio `r` and advantage `A`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum Surrogate {
    /// `min(r A, clip(r, 1 - low, 1 + high) A)` (PPO, arXiv 1707.06347; two bounds as in DAPO, arXiv 2503.14476).
    Clip {
        /// How far the ratio may fall below 1.
        low: f64,
        /// How far it may rise above 1.
        high: f64,
        /// For negative advantages the ratio counts as at most this (dual clip, arXiv 1912.09729). verl always does
        /// so with 3; off in our presets.
        dual: Option<f64>,
    },
    /// `clip(r, 1 - low, 1 + high) A log p`, where the clipped weight is a constant: every token keeps a gradient
    /// (CISPO, arXiv 2506.13585). With `low` of 1 or more there is no lower bound.
    ClippedWeight {
        /// How far the weight may fall below 1.
        low: f64,
        /// How far it may rise above 1.
        high: f64,
    },
}

/// How the losses of tokens are averaged; observations never count, nor do sequences without policy tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mean", rename_all = "snake_case", deny_unknown_fields)]
pub enum Aggregation {
    /// Over the tokens of a sequence, then over sequences (GRPO). A token of a long response counts for less.
    Sequence,
    /// Over all tokens of the batch (DAPO).
    Token,
    /// Sum over the tokens of a sequence, divided by a constant, then the mean over sequences (Dr.GRPO).
    ConstantLength {
        /// The constant: the largest number of tokens of a response.
        length: usize,
    },
}

/// A penalty for leaving a reference policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kl {
    /// Factor on the estimate.
    pub coefficient: f64,
    /// How it is estimated from one sample.
    pub estimator: KlEstimator,
    /// Where it enters.
    pub place: KlPlace,
}

/// An estimate of the divergence from a reference at one token (Schulman 2020, "Approximating KL divergence"), from
/// `d`, the log-probability minus that of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `d`: unbiased, may be negative. In the loss its gradient is zero on average: use it in the reward.
    K1,
    /// `d^2 / 2`: biased, but its gradient is that of the divergence.
    K2,
    /// `exp(-d) + d - 1`: unbiased and never negative. As in verl the estimate counts as at most 10, and there is no
    /// gradient beyond.
    K3,
}

/// Where the penalty enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlace {
    /// Added to the loss of each token, with a gradient.
    Loss,
    /// Taken from the reward of each token, measured under the policy that sampled.
    Reward,
}

/// Soft overlong punishment (DAPO, arXiv 2503.14476, equation 13): the reward falls linearly over the last `buffer` of
/// `length` tokens, down to `-factor`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlong {
    /// The largest number of tokens of a response.
    pub length: usize,
    /// How many of them are penalised.
    pub buffer: usize,
    /// The penalty at the full length.
    pub factor: f64,
}

/// Groups whose rewards are all equal teach nothing; they are replaced by groups of other prompts (DAPO).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicSampling {
    /// Rounds of sampling for one step at most, the first included; then the step is taken with what there is.
    pub rounds: usize,
}

/// The loss of the value head, half of the squared error, averaged as the policy loss (PPO).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueLoss {
    /// Factor on the loss, for a head that shares its trunk with the policy.
    pub coefficient: f64,
    /// How far a value may move from the one at sampling time before the move stops being rewarded.
    pub clip: f64,
}

/// The names that [`Algorithm::named`] knows.
pub const NAMES: [&str; 9] =
    ["grpo", "dr-grpo", "dapo", "rloo", "reinforce++", "reinforce++-baseline", "gspo", "cispo", "ppo"];

impl Algorithm {
    /// The preset of this name, for responses of at most `longest` tokens (from 1); one of [`NAMES`].
    ///
    /// | Name | Advantage | Surrogate | Mean | Reference |
    /// |---|---|---|---|---|
    /// | `grpo` | group mean, deviation (verl's 1e-6) | clip .2 | sequence | k3 in the loss, .001 (verl; paper: .04) |
    /// | `dr-grpo` | group mean | clip .2 | constant length | - |
    /// | `dapo` | as `grpo` | clip .2/.28 | token | - |
    /// | `rloo` | leave one out | clip .2 | token | k1 in the reward, .05 (TRL) |
    /// | `reinforce++` | whitened returns, gamma 1 | clip .2 | token | k1 in the reward, .01 (OpenRLHF) |
    /// | `reinforce++-baseline` | whitened group mean | clip .2 | token | k2 in the loss, .001 (verl) |
    /// | `gspo` | as `grpo` | sequence ratio, clip 3e-4/4e-4 | sequence | - |
    /// | `cispo` | as `grpo` | clipped weight, below 1.2 (verl) | token | - |
    /// | `ppo` | generalised, gamma 1, lambda 1 (verl) | clip .2 | token | - |
    ///
    /// RLOO clips the ratios of tokens, as in verl; its paper clips nothing, TRL the ratios of whole sequences. CISPO
    /// has no penalty, as in its paper; verl's example adds GRPO's. DAPO punishes the last fifth of `longest` (the
    /// paper: 4096 of 20480 tokens) by up to 1, and samples at most 10 rounds for a step (verl's recipe). PPO's value
    /// loss has verl's clip of .5, and the coefficient of .1 that TRL's PPO trainer had, since the head shares the
    /// policy's trunk.
    pub fn named(name: &str, longest: usize) -> Option<Self> {
        let clip = |low, high| Surrogate::Clip { low, high, dual: None };
        let kl = |coefficient, estimator, place| Some(Kl { coefficient, estimator, place });
        let grpo = Self {
            advantage: Advantage::GroupMean { deviation_epsilon: Some(1e-6) },
            ratio: Ratio::Token,
            surrogate: clip(0.2, 0.2),
            aggregation: Aggregation::Token,
            kl: None,
            overlong: None,
            dynamic_sampling: None,
            value: None,
        };
        Some(match name {
            "grpo" => {
                Self { aggregation: Aggregation::Sequence, kl: kl(0.001, KlEstimator::K3, KlPlace::Loss), ..grpo }
            }
            "dr-grpo" => Self {
                advantage: Advantage::GroupMean { deviation_epsilon: None },
                aggregation: Aggregation::ConstantLength { length: longest },
                ..grpo
            },
            "dapo" => Self {
                surrogate: clip(0.2, 0.28),
                overlong: Some(Overlong { length: longest, buffer: longest.div_ceil(5), factor: 1.0 }),
                dynamic_sampling: Some(DynamicSampling { rounds: 10 }),
                ..grpo
            },
            "rloo" => {
                Self { advantage: Advantage::LeaveOneOut, kl: kl(0.05, KlEstimator::K1, KlPlace::Reward), ..grpo }
            }
            "reinforce++" => Self {
                advantage: Advantage::WhitenedReturns { gamma: 1.0 },
                kl: kl(0.01, KlEstimator::K1, KlPlace::Reward),
                ..grpo
            },
            "reinforce++-baseline" => {
                Self { advantage: Advantage::WhitenedGroupMean, kl: kl(0.001, KlEstimator::K2, KlPlace::Loss), ..grpo }
            }
            "gspo" => {
                Self { ratio: Ratio::Sequence, surrogate: clip(3e-4, 4e-4), aggregation: Aggregation::Sequence, ..grpo }
            }
            "cispo" => Self { surrogate: Surrogate::ClippedWeight { low: 1.0, high: 0.2 }, ..grpo },
            "ppo" => Self {
                advantage: Advantage::Generalised { gamma: 1.0, lambda: 1.0 },
                value: Some(ValueLoss { coefficient: 0.1, clip: 0.5 }),
                ..grpo
            },
            _ => return None,
        })
    }

    /// Whether log-probabilities under a reference policy are read.
    pub fn needs_reference(&self) -> bool {
        self.kl.is_some()
    }

    /// Whether values are read: the model then has a value head.
    pub fn needs_values(&self) -> bool {
        matches!(self.advantage, Advantage::Generalised { .. }) || self.value.is_some()
    }

    /// The penalty of a place, if the algorithm has one there.
    pub(super) fn kl_in(&self, place: KlPlace) -> Option<Kl> {
        self.kl.filter(|kl| kl.place == place)
    }
}

impl Overlong {
    /// What a response of this many policy tokens loses: 0 to `-factor`. A buffer of 0 punishes nothing below
    /// `length`.
    pub fn penalty(&self, tokens: usize) -> f64 {
        let excess = tokens.saturating_sub(self.length.saturating_sub(self.buffer));
        if excess == 0 { 0.0 } else { -self.factor * (excess as f64 / self.buffer.max(1) as f64).min(1.0) }
    }
}

impl KlEstimator {
    /// The estimate and its derivative by the policy's log-probability.
    pub(super) fn estimate(self, policy: f32, reference: f32) -> (f64, f64) {
        let difference = f64::from(policy) - f64::from(reference);
        match self {
            Self::K1 => (difference, 1.0),
            Self::K2 => (0.5 * difference * difference, difference),
            Self::K3 => {
                let inverse_ratio = (-difference).exp();
                let estimate = inverse_ratio + difference - 1.0;
                if estimate > 10.0 { (10.0, 0.0) } else { (estimate, 1.0 - inverse_ratio) }
            }
        }
    }
}
