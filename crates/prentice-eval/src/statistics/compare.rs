//! Two runs on the same tasks: is the difference more than chance?
//!
//! Tests, by what the data allow:
//! 1. One attempt per task in both runs and no clusters: McNemar's test in its exact form, twice the smaller binomial
//!    tail of the tasks that only one run solves. It is conservative (its p-value may miss what the interval shows);
//!    the mid-p variant is less so, but does not guarantee its level.
//! 2. Otherwise a permutation test: under the null hypothesis each cluster's summed difference is as likely to have the
//!    other sign. All sign patterns are enumerated for up to 20 clusters that differ at all; beyond, random ones are
//!    drawn, and p is `(b + 1) / (m + 1)` (Phipson and Smyth 2010), which is never 0.
//!
//! The difference has a bootstrap interval over clusters, and the smallest detectable gap is `(z_.975 + z_.80) * SE`,
//! with the cluster-robust standard error of the paired difference (Miller, arXiv 2411.00640): the true gap
//! that a run of these tasks would find with a chance of 80 % at a two-sided level of 5 %. Errors shrink with the root
//! of the number of tasks, so twice as many would find a gap smaller by `sqrt(2)`.

use std::collections::BTreeMap;

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::interval::{Z, bootstrap, standard_error, sum_clusters};
use super::{Estimate, Metric, Resampling, StatisticsError, TaskScore};

/// The normal quantile for a power of 80 %.
const Z_POWER: f64 = 0.841_621_233_572_914_3;
/// Up to so many clusters, all sign patterns are tried (half a million by symmetry).
const ENUMERABLE: usize = 20;

/// What the comparison of run B with run A came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What was compared, such as `pass@1`.
    pub metric: String,
    /// Tasks with attempts in both runs.
    pub tasks: usize,
    /// Groups of tasks that share a source; as many as tasks where none do.
    pub clusters: usize,
    /// Tasks left out, because one of the runs has no verdict on them.
    pub unscored: usize,
    /// The metric of run A over the compared tasks.
    pub a: f64,
    /// The metric of run B over the compared tasks.
    pub b: f64,
    /// B minus A.
    pub difference: Estimate,
    /// The standard error of the difference; none for a single cluster.
    pub standard_error: Option<f64>,
    /// Where the p-value comes from.
    pub test: Test,
    /// The chance of a difference at least as large between equal systems, two-sided.
    pub p_value: f64,
    /// The p-value corrected for the comparisons made together; see [`adjust`].
    pub adjusted_p_value: f64,
    /// The true gap that so many tasks would show in 80 % of runs; none where the runs do not differ anywhere.
    pub detectable_gap: Option<f64>,
    /// The same with twice the tasks.
    pub detectable_gap_with_twice_the_tasks: Option<f64>,
}

/// Tests of a paired difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Test {
    /// McNemar's, exact.
    McNemar {
        /// Tasks that only run A solves.
        only_a: u32,
        /// Tasks that only run B solves.
        only_b: u32,
    },
    /// All sign patterns.
    ExactPermutation {
        /// Clusters whose difference is not 0.
        differing: usize,
    },
    /// Random sign patterns.
    Permutation {
        /// Clusters whose difference is not 0.
        differing: usize,
        /// How many patterns.
        rounds: u32,
    },
}

/// Compares run B with run A on the same tasks. Tasks without a verdict in either run are left out and counted.
///
/// # Errors
/// Where the runs are not of the same tasks and clusters, a task occurs twice, or the metric needs more attempts than a
/// task has.
pub fn compare(
    a: &[TaskScore],
    b: &[TaskScore],
    metric: Metric,
    resampling: Resampling,
) -> Result<Comparison, StatisticsError> {
    let pairs = pair(a, b)?;
    let scored: Vec<_> = pairs.iter().filter(|(a, b)| a.attempts > 0 && b.attempts > 0).collect();
    let mut values = Vec::with_capacity(scored.len());
    let (mut sum_a, mut sum_b) = (0.0, 0.0);
    for (a, b) in &scored {
        let (value_a, value_b) = (metric.of(a)?, metric.of(b)?);
        sum_a += value_a;
        sum_b += value_b;
        values.push((a.cluster.as_str(), a.task.as_str(), value_b - value_a));
    }
    let clusters = sum_clusters(values)?;

    let single = scored.iter().all(|(a, b)| a.attempts == 1 && b.attempts == 1) && clusters.len() == scored.len();
    let (test, p_value) = if single {
        let count =
            |better: fn(u32, u32) -> bool| scored.iter().filter(|(a, b)| better(a.passed, b.passed)).count() as u32;
        let (only_a, only_b) = (count(|a, b| a > b), count(|a, b| b > a));
        (Test::McNemar { only_a, only_b }, mcnemar(only_a, only_b))
    } else {
        permutation(&clusters.iter().map(|cluster| cluster.sum).collect::<Vec<_>>(), resampling)
    };

    let difference = bootstrap(&clusters, (-1.0, 1.0), resampling);
    let standard_error = standard_error(&clusters);
    let detectable_gap = standard_error.filter(|error| *error > 0.0).map(|error| (Z + Z_POWER) * error);
    Ok(Comparison {
        metric: metric.to_string(),
        tasks: scored.len(),
        clusters: clusters.len(),
        unscored: pairs.len() - scored.len(),
        a: sum_a / scored.len() as f64,
        b: sum_b / scored.len() as f64,
        difference,
        standard_error,
        test,
        p_value,
        adjusted_p_value: p_value,
        detectable_gap,
        detectable_gap_with_twice_the_tasks: detectable_gap.map(|gap| gap / 2f64.sqrt()),
    })
}

/// Fills in the adjusted p-values of comparisons made together (several metrics, or several runs against one), by
/// [`holm`].
pub fn adjust(comparisons: &mut [Comparison]) {
    let adjusted = holm(&comparisons.iter().map(|comparison| comparison.p_value).collect::<Vec<_>>());
    for (comparison, p_value) in comparisons.iter_mut().zip(adjusted) {
        comparison.adjusted_p_value = p_value;
    }
}

/// P-values adjusted by Holm (1979), in the order given: the chance of even one false positive among all of them stays
/// below the level, whatever their dependence.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// McNemar's exact two-sided p-value, from the tasks that only one of two runs solves.
pub fn mcnemar(only_a: u32, only_b: u32) -> f64 {
    let trials = f64::from(only_a + only_b);
    // In logarithms: 0.5 to the power of 5,815 trials underflows.
    let mut logarithm = -trials * 2f64.ln();
    let mut tail = 0.0;
    for successes in 0..=only_a.min(only_b) {
        tail += logarithm.exp();
        logarithm += ((trials - f64::from(successes)) / f64::from(successes + 1)).ln();
    }
    (2.0 * tail).min(1.0)
}

/// Tasks of both runs side by side, in the order of their names.
fn pair<'a>(a: &'a [TaskScore], b: &'a [TaskScore]) -> Result<Vec<(&'a TaskScore, &'a TaskScore)>, StatisticsError> {
    let by_name = |scores: &'a [TaskScore]| {
        let mut named = BTreeMap::new();
        for score in scores {
            if named.insert(score.task.as_str(), score).is_some() {
                return Err(StatisticsError::DuplicateTask { task: score.task.clone() });
            }
        }
        Ok(named)
    };
    let (a, b) = (by_name(a)?, by_name(b)?);
    let only_a = a.keys().filter(|task| !b.contains_key(*task)).map(|task| (*task, 'A'));
    let only_b = b.keys().filter(|task| !a.contains_key(*task)).map(|task| (*task, 'B'));
    let unpaired: Vec<_> = only_a.chain(only_b).collect();
    if let Some((task, present)) = unpaired.first() {
        let (task, count) = ((*task).to_owned(), unpaired.len());
        return Err(StatisticsError::UnpairedTask { task, present: *present, count });
    }
    let pairs: Vec<_> = a.into_values().zip(b.into_values()).collect();
    if let Some((a, b)) = pairs.iter().find(|(a, b)| a.cluster != b.cluster) {
        let (task, a, b) = (a.task.clone(), a.cluster.clone(), b.cluster.clone());
        return Err(StatisticsError::ClustersDiffer { task, a, b });
    }
    Ok(pairs)
}

/// The sign-flip test: how often do random signs make the sum of the differences at least as large?
fn permutation(differences: &[f64], resampling: Resampling) -> (Test, f64) {
    let differing: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let observed = differing.iter().sum::<f64>().abs();
    // Equal sums may differ by rounding, and must count as equal.
    let threshold = observed - 1e-9 * differing.iter().map(|difference| difference.abs()).sum::<f64>();
    if differing.len() <= ENUMERABLE {
        (Test::ExactPermutation { differing: differing.len() }, enumerate_signs(&differing, threshold))
    } else {
        let rounds = resampling.rounds.get();
        let mut rng = resampling.seed.derive("permutation", 0).rng();
        let mut at_least = 0_u32;
        for _ in 0..rounds {
            let mut sum = 0.0;
            for chunk in differing.chunks(64) {
                let mut signs = rng.next_u64();
                for difference in chunk {
                    // Flipping the sign bit avoids a branch that half of the time is mispredicted.
                    sum += f64::from_bits(difference.to_bits() ^ (signs << 63));
                    signs >>= 1;
                }
            }
            at_least += u32::from(sum.abs() >= threshold);
        }
        let p_value = (f64::from(at_least) + 1.0) / (f64::from(rounds) + 1.0);
        (Test::Permutation { differing: differing.len(), rounds }, p_value)
    }
}

/// The share of sign patterns whose sum is at least `threshold` in absolute value. One sign stays fixed, as a pattern
/// and its negative have the same absolute sum; the others change one at a time, in the order of the Gray code.
fn enumerate_signs(differences: &[f64], threshold: f64) -> f64 {
    let mut signed = differences.to_vec();
    let mut sum: f64 = signed.iter().sum();
    let patterns = 1_u64 << differences.len().saturating_sub(1);
    let mut at_least = 0_u64;
    for pattern in 1..=patterns {
        at_least += u64::from(sum.abs() >= threshold);
        if pattern < patterns {
            let flipped = &mut signed[pattern.trailing_zeros() as usize];
            *flipped = -*flipped;
            sum += 2.0 * *flipped;
        }
    }
    at_least as f64 / patterns as f64
}
