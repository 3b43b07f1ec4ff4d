//! Preference objectives: what is preferred becomes more probable than what is not.
//!
//! As TRL 1.16.0 computes them, from the log-probability of whole responses:
//!
//! * DPO (Rafailov et al. 2023, arXiv 2305.18290), with label smoothing in the conservative form (Mitchell 2023).
//! * IPO (Azar et al. 2023, arXiv 2310.12036), with log-probabilities averaged over tokens, as TRL does after asking
//!   the authors.
//! * KTO (Ethayarajh et al. 2024, arXiv 2402.01306), from single labelled examples.
//! * ORPO (Hong et al. 2024, arXiv 2403.07691): odds of averaged log-probabilities, plus the negative log-likelihood of
//!   the chosen responses, a mean over their tokens in the batch. TRL takes that mean over prompts too; ours, as the
//!   paper's, is over responses only.
//! * SimPO (Meng et al. 2024, arXiv 2405.14734): averaged log-probabilities, without a reference; TRL's `CPOTrainer`
//!   with `cpo_alpha = 0`.
//!
//! A response without tokens has an average of 0 and no derivative that matters.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A preference objective.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// One that compares two responses to a prompt; see [`paired_loss`].
    Paired(Paired),
    /// Kahneman-Tversky optimisation, from single responses labelled good or bad; see [`kto_loss`].
    Kto(Kto),
}

/// An objective over pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "objective", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paired {
    /// Direct preference optimisation.
    Dpo {
        /// How strongly the reference holds.
        beta: f64,
        /// Assumed share of wrong labels.
        label_smoothing: f64,
    },
    /// Identity preference optimisation.
    Ipo {
        /// How strongly the reference holds; the paper's tau.
        beta: f64,
    },
    /// Odds ratio preference optimisation.
    Orpo {
        /// Weight of the odds ratio beside the likelihood; the paper's lambda.
        beta: f64,
    },
    /// Simple preference optimisation.
    SimPo {
        /// Factor on the averaged log-probabilities.
        beta: f64,
        /// The margin that is asked for, after that factor.
        gamma: f64,
    },
}

/// Options of KTO.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kto {
    /// How strongly the reference holds.
    pub beta: f64,
    /// Weight of good examples. Weight times number should be about equal on both sides.
    pub desirable_weight: f64,
    /// Weight of bad examples.
    pub undesirable_weight: f64,
}

/// The names that [`Preference::named`] knows.
pub const NAMES: [&str; 5] = ["dpo", "ipo", "kto", "orpo", "simpo"];

impl Preference {
    /// The objective of this name, one of [`NAMES`]. Betas are TRL's (.1), but for SimPO's (2, with a margin of 1, as
    /// the paper has for Llama 3 8B).
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dpo" => Self::Paired(Paired::Dpo { beta: 0.1, label_smoothing: 0.0 }),
            "ipo" => Self::Paired(Paired::Ipo { beta: 0.1 }),
            "kto" => Self::Kto(Kto { beta: 0.1, desirable_weight: 1.0, undesirable_weight: 1.0 }),
            "orpo" => Self::Paired(Paired::Orpo { beta: 0.1 }),
            "simpo" => Self::Paired(Paired::SimPo { beta: 2.0, gamma: 1.0 }),
            _ => return None,
        })
    }

    /// Whether log-probabilities under a reference are read.
    pub fn needs_reference(&self) -> bool {
        !matches!(self, Self::Paired(Paired::Orpo { .. } | Paired::SimPo { .. }))
    }

    /// Whether it compares pairs; KTO does not.
    pub fn is_paired(&self) -> bool {
        matches!(self, Self::Paired(_))
    }
}

/// How probable a response is, given its prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequenceScore {
    /// Sum of its tokens' log-probabilities under the policy.
    pub policy: f64,
    /// The same under the reference; not read by objectives without one.
    pub reference: f64,
    /// Its number of tokens.
    pub tokens: usize,
}

/// Two responses to a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairScores {
    /// The better one.
    pub chosen: SequenceScore,
    /// The other.
    pub rejected: SequenceScore,
}

/// The size of the whole batch, of which a micro-batch is a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTotals {
    /// Pairs.
    pub pairs: usize,
    /// Tokens of chosen responses.
    pub chosen_tokens: usize,
}

impl PairTotals {
    /// Counts from the numbers of tokens of the chosen responses of a batch.
    pub fn of(chosen_tokens: impl IntoIterator<Item = usize>) -> Self {
        let add = |totals: Self, tokens| Self { pairs: totals.pairs + 1, chosen_tokens: totals.chosen_tokens + tokens };
        chosen_tokens.into_iter().fold(Self::default(), add)
    }
}

/// The share of a micro-batch in the loss of its batch, and derivatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PreferenceLoss {
    /// Loss and figures for the record.
    pub figures: PreferenceFigures,
    /// Derivative of the loss by each chosen response's `policy`.
    pub d_chosen: Vec<f64>,
    /// Derivative of the loss by each rejected response's `policy`.
    pub d_rejected: Vec<f64>,
}

/// Means over the whole batch; those of micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PreferenceFigures {
    /// What is minimised.
    pub loss: f64,
    /// By how much the implicit reward of the chosen response exceeds that of the rejected one.
    pub margin: f64,
    /// Share of pairs where it does.
    pub accuracy: f64,
}

impl AddAssign for PreferenceFigures {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.margin += other.margin;
        self.accuracy += other.accuracy;
    }
}

/// The loss of a micro-batch of pairs, as its share of that of a batch of the size `totals`. Without pairs all is 0.
pub fn paired_loss(objective: &Paired, pairs: &[PairScores], totals: &PairTotals) -> PreferenceLoss {
    let share = 1.0 / totals.pairs as f64;
    let mut result = PreferenceLoss::default();
    for pair in pairs {
        let one = objective.evaluate(pair);
        result.figures.loss += share * one.loss;
        result.figures.margin += share * one.margin;
        result.figures.accuracy += if one.margin > 0.0 { share } else { 0.0 };
        let mut d_chosen = share * one.d_chosen;
        if matches!(objective, Paired::Orpo { .. }) && pair.chosen.tokens > 0 {
            result.figures.loss -= pair.chosen.policy / totals.chosen_tokens as f64;
            d_chosen -= 1.0 / totals.chosen_tokens as f64;
        }
        result.d_chosen.push(d_chosen);
        result.d_rejected.push(share * one.d_rejected);
    }
    result
}

/// The loss of one pair, and its derivatives by the summed log-probabilities.
struct PairLoss {
    loss: f64,
    d_chosen: f64,
    d_rejected: f64,
    margin: f64,
}

impl Paired {
    fn evaluate(&self, PairScores { chosen, rejected }: &PairScores) -> PairLoss {
        let (chosen_length, rejected_length) = (chosen.length(), rejected.length());
        match *self {
            Self::Dpo { beta, label_smoothing } => {
                let margin = beta * (chosen.log_ratio() - rejected.log_ratio());
                let loss = -(1.0 - label_smoothing) * log_sigmoid(margin) - label_smoothing * log_sigmoid(-margin);
                let slope = beta * (label_smoothing - sigmoid(-margin));
                PairLoss { loss, d_chosen: slope, d_rejected: -slope, margin }
            }
            Self::Ipo { beta } => {
                let difference = chosen.log_ratio() / chosen_length - rejected.log_ratio() / rejected_length;
                let excess = difference - 1.0 / (2.0 * beta);
                PairLoss {
                    loss: excess * excess,
                    d_chosen: 2.0 * excess / chosen_length,
                    d_rejected: -2.0 * excess / rejected_length,
                    margin: beta * (chosen.log_ratio() - rejected.log_ratio()),
                }
            }
            Self::Orpo { beta } => {
                let (good, bad) = (LogOdds::of(chosen), LogOdds::of(rejected));
                let log_odds_ratio = good.value - bad.value;
                let slope = -beta * sigmoid(-log_odds_ratio);
                PairLoss {
                    loss: -beta * log_sigmoid(log_odds_ratio),
                    d_chosen: slope * good.slope / chosen_length,
                    d_rejected: -slope * bad.slope / rejected_length,
                    margin: beta * (chosen.policy / chosen_length - rejected.policy / rejected_length),
                }
            }
            Self::SimPo { beta, gamma } => {
                let margin = beta * (chosen.policy / chosen_length - rejected.policy / rejected_length);
                let slope = -beta * sigmoid(gamma - margin);
                PairLoss {
                    loss: -log_sigmoid(margin - gamma),
                    d_chosen: slope / chosen_length,
                    d_rejected: -slope / rejected_length,
                    margin,
                }
            }
        }
    }
}

/// A response that is known to be good or bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelledScore {
    /// How probable it is.
    pub score: SequenceScore,
    /// Whether it is good.
    pub desirable: bool,
}

/// The share of a micro-batch in KTO's loss of its batch, and derivatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledLoss {
    /// Loss and figures for the record.
    pub figures: LabelledFigures,
    /// Derivative of the loss by each response's `policy`.
    pub d_scores: Vec<f64>,
}

/// Sums over a batch; those of micro-batches add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LabelledFigures {
    /// What is minimised.
    pub loss: f64,
    /// Implicit rewards of good responses, summed.
    pub desirable_reward: f64,
    /// Implicit rewards of bad responses, summed.
    pub undesirable_reward: f64,
}

impl AddAssign for LabelledFigures {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.desirable_reward += other.desirable_reward;
        self.undesirable_reward += other.undesirable_reward;
    }
}

/// KTO's estimate of the divergence from the reference, from responses put to the *wrong* prompts of the batch (TRL:
/// each prompt with the response of another example): their mean log-ratio, at least 0. It is a constant of the loss,
/// so these responses need no gradient; take it over the whole batch, before its micro-batches. Without responses it
/// is 0.
pub fn kto_divergence(mismatched: &[SequenceScore]) -> f64 {
    let sum: f64 = mismatched.iter().map(SequenceScore::log_ratio).sum();
    // Not `max`, which would turn a NaN into 0.
    if sum < 0.0 { 0.0 } else { sum / mismatched.len().max(1) as f64 }
}

/// KTO's loss of a micro-batch, as its share of that of a batch of `examples` responses; `divergence` is from
/// [`kto_divergence`]. Either label may be absent.
pub fn kto_loss(options: &Kto, batch: &[LabelledScore], divergence: f64, examples: usize) -> LabelledLoss {
    let mut result = LabelledLoss::default();
    for LabelledScore { score, desirable } in batch {
        let log_ratio = score.log_ratio();
        let (sign, weight, reward) = if *desirable {
            (1.0, options.desirable_weight, &mut result.figures.desirable_reward)
        } else {
            (-1.0, options.undesirable_weight, &mut result.figures.undesirable_reward)
        };
        *reward += options.beta * log_ratio;
        let share = weight / examples as f64;
        let disutility = sigmoid(-sign * options.beta * (log_ratio - divergence));
        result.figures.loss += share * disutility;
        result.d_scores.push(-sign * share * options.beta * disutility * (1.0 - disutility));
    }
    result
}

impl SequenceScore {
    fn log_ratio(&self) -> f64 {
        self.policy - self.reference
    }

    /// The number of tokens to average over.
    fn length(&self) -> f64 {
        self.tokens.max(1) as f64
    }
}

/// The logarithm of `p / (1 - p)`, for `p` the geometric mean of a response's probabilities.
struct LogOdds {
    value: f64,
    /// Derivative by the averaged log-probability.
    slope: f64,
}

impl LogOdds {
    fn of(score: &SequenceScore) -> Self {
        // A certain response has infinite odds; its probability counts as at most 1 - 1e-10.
        let average = score.policy / score.length();
        let average = if average > -1e-10 { -1e-10 } else { average };
        let against = -average.exp_m1();
        Self { value: average - against.ln(), slope: against.recip() }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The logarithm of [`sigmoid`], without overflow.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}
