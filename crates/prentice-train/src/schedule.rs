//! The learning rate over time.

use serde::{Deserialize, Serialize};

/// The shape of the learning rate after the linear warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Schedule {
    /// Warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395): constant, then linear to `final_share` over the last
    /// `decay_share` of the steps. A run can be prolonged from its stable part.
    WarmupStableDecay {
        /// Share of all steps in which the rate falls.
        decay_share: f64,
        /// Rate at the end, as a share of the peak.
        final_share: f64,
    },
    /// Half a cosine from the peak to `final_share`.
    Cosine {
        /// Rate at the end, as a share of the peak.
        final_share: f64,
    },
}

impl Schedule {
    /// Warm-up, stable, decay with the usual shares: the last fifth falls to a twentieth.
    pub const WSD: Self = Self::WarmupStableDecay { decay_share: 0.2, final_share: 0.05 };
    /// A cosine to a tenth.
    pub const COSINE: Self = Self::Cosine { final_share: 0.1 };

    /// The factor on the peak rate at `step` (from 0) of `steps`, after `warmup` steps of linear warm-up.
    pub fn factor(&self, step: u64, steps: u64, warmup: u64) -> f64 {
        let rising = if step < warmup { (step + 1) as f64 / warmup as f64 } else { 1.0 };
        let fraction = |from: f64, to: f64| ((step as f64 + 1.0 - from) / (to - from).max(1.0)).clamp(0.0, 1.0);
        let falling = match *self {
            Schedule::WarmupStableDecay { final_share, .. } => {
                let start = self.decay_start(steps) as f64;
                1.0 - (1.0 - final_share) * fraction(start, steps as f64)
            }
            Schedule::Cosine { final_share } => {
                let progress = fraction(warmup.min(steps) as f64, steps as f64);
                final_share + (1.0 - final_share) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        };
        rising.min(falling)
    }

    /// The learning rate at `step` (from 0), whose peak is `peak`. Warm-up takes `warmup` steps, at most a fifth of
    /// them; before their number is settled, the rate does not depend on it.
    pub fn rate(&self, peak: f64, step: u64, steps: Option<u64>, warmup: u64) -> f64 {
        let steps = steps.unwrap_or(u64::MAX / 2);
        peak * self.factor(step, steps, warmup.min(steps / 5).max(1))
    }

    /// The number of steps of a run with a budget of time, once it matters: when the rate begins to fall, or the time
    /// is up. Until then, none.
    pub(crate) fn settle(&self, budget: f64, step: u64, seconds: f64) -> Option<u64> {
        let expected = expected_steps(budget, step, seconds);
        let begins = match self {
            Schedule::WarmupStableDecay { .. } => self.decay_start(expected),
            Schedule::Cosine { .. } => 5,
        };
        (step >= begins.max(5) || seconds >= budget).then(|| expected.max(step))
    }

    /// The first step of the decay of a run of `steps` steps; 0 for shapes that always fall.
    pub fn decay_start(&self, steps: u64) -> u64 {
        match *self {
            Schedule::WarmupStableDecay { decay_share, .. } => steps - (steps as f64 * decay_share).round() as u64,
            Schedule::Cosine { .. } => 0,
        }
    }
}

/// The number of steps in `budget` seconds, as expected after `step` steps in `seconds`.
pub(crate) fn expected_steps(budget: f64, step: u64, seconds: f64) -> u64 {
    if step == 0 {
        return 1000;
    }
    let left = (budget - seconds).max(0.0);
    step + (left / (seconds / step as f64)) as u64
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(schedule: Schedule, expected: Expect) {
        let factors: Vec<String> = (0..10).map(|step| format!("{:.3}", schedule.factor(step, 10, 3))).collect();
        expected.assert_eq(&factors.join(" "));
    }

    #[test]
    fn shapes() {
        check(Schedule::WSD, expect!["0.333 0.667 1.000 1.000 1.000 1.000 1.000 1.000 0.525 0.050"]);
        check(Schedule::COSINE, expect!["0.333 0.667 1.000 0.955 0.831 0.650 0.450 0.269 0.145 0.100"]);
    }
}
