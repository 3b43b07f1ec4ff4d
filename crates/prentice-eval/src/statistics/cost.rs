//! What a solved task costs: total spend by the number of passes, as a ratio of two sums over tasks.
//!
//! The interval is the bootstrap's over clusters, of passes per spend, and then turned over: spend per pass itself is
//! infinite in a resample without passes, and BCa does not mind the change of scale. Failed attempts and
//! infrastructure errors are part of the spend, if the caller put them there; they were paid for.

use serde::{Deserialize, Serialize};

use super::interval::{Cluster, bootstrap, sum_clusters};
use super::{Resampling, StatisticsError};

/// What one task cost, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spending {
    /// Unique within the run.
    pub task: String,
    /// As in [`super::TaskScore`].
    pub cluster: String,
    /// All attempts together, in any one unit: dollars, tokens, seconds.
    pub spend: f64,
    /// Attempts that passed.
    pub solved: u32,
}

/// Spend per pass, in the unit of the spend, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostPerSolved {
    /// Total spend by total passes.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; none where so few passes do not bound it.
    pub high: Option<f64>,
}

/// The cost of a pass; none where nothing passed.
///
/// # Errors
/// No tasks, a task twice, or a spend that is not an amount.
pub fn cost_per_solved(
    spending: &[Spending],
    resampling: Resampling,
) -> Result<Option<CostPerSolved>, StatisticsError> {
    if let Some(bad) = spending.iter().find(|task| !(task.spend.is_finite() && task.spend >= 0.0)) {
        return Err(StatisticsError::BadSpend { task: bad.task.clone(), spend: bad.spend.to_string() });
    }
    let by_cluster = |amount: fn(&Spending) -> f64| {
        sum_clusters(spending.iter().map(|task| (task.cluster.as_str(), task.task.as_str(), amount(task))).collect())
    };
    let spends = by_cluster(|task| task.spend)?;
    let passes = by_cluster(|task| f64::from(task.solved))?;
    let clusters: Vec<Cluster> =
        passes.iter().zip(&spends).map(|(passes, spend)| Cluster { sum: passes.sum, weight: spend.sum }).collect();

    let spend: f64 = spends.iter().map(|cluster| cluster.sum).sum();
    let solved: f64 = passes.iter().map(|cluster| cluster.sum).sum();
    if solved == 0.0 {
        return Ok(None);
    }
    if spend == 0.0 {
        return Ok(Some(CostPerSolved { value: 0.0, low: 0.0, high: Some(0.0) }));
    }
    let passes_per_spend = bootstrap(&clusters, (0.0, solved / spend), resampling);
    Ok(Some(CostPerSolved {
        value: spend / solved,
        low: 1.0 / passes_per_spend.high,
        high: (passes_per_spend.low > 0.0).then(|| 1.0 / passes_per_spend.low),
    }))
}
