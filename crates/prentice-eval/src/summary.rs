//! The summary of a run: counts, metrics with intervals, failures by kind, cost.
//!
//! As JSON it is flat where scripts look (`total`, `passed`, `failed`, `infrastructure_errors`, `pass_at_1`,
//! `executions_per_second`) and nested below. Counts are of samples, metrics are of tasks. An infrastructure error
//! counts as neither passed nor failed and takes no part in any metric, only in the cost.

use std::collections::BTreeMap;

use prentice_base::{FailureKind, Verdict};
use serde::{Deserialize, Serialize};

use crate::statistics::{
    CostPerSolved, Estimate, Metric, Resampling, Spending, StatisticsError, TaskScore, cost_per_solved, estimate,
};

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every check passed.
    Pass,
    /// The candidate is wrong.
    Fail(FailureKind),
    /// The harness could not find out.
    Infrastructure,
}

impl From<&Verdict> for Outcome {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass => Outcome::Pass,
            Verdict::Fail { kind, .. } => Outcome::Fail(*kind),
            Verdict::InfrastructureError { .. } => Outcome::Infrastructure,
        }
    }
}

/// One task of the suite, and the samples drawn for it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOutcomes {
    /// Unique within the suite.
    pub task: String,
    /// As in [`TaskScore`].
    pub cluster: String,
    /// In any order; empty where the task was not attempted.
    pub outcomes: Vec<Outcome>,
    /// What the samples cost together, where it is known, in one unit for all tasks.
    pub spend: Option<f64>,
}

impl TaskOutcomes {
    /// Attempts and passes, without infrastructure errors.
    pub fn score(&self) -> TaskScore {
        let count = |wanted: fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| wanted(outcome)).count();
        TaskScore {
            task: self.task.clone(),
            cluster: self.cluster.clone(),
            attempts: count(|outcome| *outcome != Outcome::Infrastructure) as u32,
            passed: count(|outcome| *outcome == Outcome::Pass) as u32,
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the suite.
    pub suite: String,
    /// Samples.
    pub total: usize,
    /// Samples that passed.
    pub passed: usize,
    /// Samples that failed.
    pub failed: usize,
    /// Samples about which the harness could not find out.
    pub infrastructure_errors: usize,
    /// Unbiased pass@1 over the scored tasks; none where no task is scored.
    pub pass_at_1: Option<f64>,
    /// Samples executed in a second of elapsed time; filled in by whoever held the clock.
    pub executions_per_second: Option<f64>,
    /// Tasks with at least one verdict: the ones that metrics are of.
    pub tasks: usize,
    /// Tasks of the suite without samples.
    pub missing: usize,
    /// Tasks whose samples all ended in infrastructure errors.
    pub unscored: usize,
    /// pass@k with intervals, by k.
    pub pass_at: BTreeMap<u32, Estimate>,
    /// pass^k with intervals, by k.
    pub pass_hat: BTreeMap<u32, Estimate>,
    /// Why a k that was asked for is not in `pass_at` and `pass_hat`: infrastructure errors left too few verdicts.
    pub refused: BTreeMap<u32, String>,
    /// Failed samples by kind.
    pub failures: BTreeMap<String, usize>,
    /// Spend per passed sample; none where nothing passed or a spend is not known.
    pub cost_per_solved: Option<CostPerSolved>,
}

/// Sums up a run, with pass@k and pass^k for the given `ks` and always for 1.
///
/// Tasks without a verdict are left out of the metrics and counted (`missing`, `unscored`).
///
/// # Errors
/// Where a task has fewer samples than a k that was asked for, a task occurs twice, or a spend is not an amount. A k
/// that only infrastructure errors put out of reach is left out and named in `refused`; the rest stands.
pub fn summarise(
    suite: &str,
    tasks: &[TaskOutcomes],
    ks: &[u32],
    resampling: Resampling,
) -> Result<Summary, StatisticsError> {
    let outcomes = || tasks.iter().flat_map(|task| &task.outcomes);
    let count = |wanted: fn(&Outcome) -> bool| outcomes().filter(|outcome| wanted(outcome)).count();
    let mut failures = BTreeMap::new();
    for outcome in outcomes() {
        if let Outcome::Fail(kind) = outcome {
            *failures.entry(kind_name(*kind)).or_default() += 1;
        }
    }

    let attempted: Vec<&TaskOutcomes> = tasks.iter().filter(|task| !task.outcomes.is_empty()).collect();
    let scores: Vec<TaskScore> = attempted.iter().map(|task| task.score()).filter(|score| score.attempts > 0).collect();
    let (mut pass_at, mut pass_hat, mut refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    if !scores.is_empty() {
        for k in ks.iter().copied().chain([1]) {
            // The samples themselves must suffice; only then is a shortage of verdicts the harness's fault.
            for task in &attempted {
                let attempts = task.outcomes.len() as u32;
                Metric::PassAt(k).of(&TaskScore { attempts, ..task.score() })?;
            }
            match scores.iter().find_map(|score| Metric::PassAt(k).of(score).err()) {
                Some(error) => {
                    refused.insert(k, error.to_string());
                }
                None => {
                    pass_at.insert(k, estimate(&scores, Metric::PassAt(k), resampling)?);
                    pass_hat.insert(k, estimate(&scores, Metric::PassHat(k), resampling)?);
                }
            }
        }
    }

    let spending: Option<Vec<Spending>> = attempted
        .iter()
        .map(|task| {
            let (solved, spend) = (task.score().passed, task.spend?);
            Some(Spending { task: task.task.clone(), cluster: task.cluster.clone(), spend, solved })
        })
        .collect();
    let cost_per_solved = match spending {
        Some(spending) if !spending.is_empty() => cost_per_solved(&spending, resampling)?,
        _ => None,
    };

    Ok(Summary {
        suite: suite.to_owned(),
        total: outcomes().count(),
        passed: count(|outcome| matches!(outcome, Outcome::Pass)),
        failed: count(|outcome| matches!(outcome, Outcome::Fail(_))),
        infrastructure_errors: count(|outcome| matches!(outcome, Outcome::Infrastructure)),
        pass_at_1: pass_at.get(&1).map(|estimate: &Estimate| estimate.value),
        executions_per_second: None,
        tasks: scores.len(),
        missing: tasks.len() - attempted.len(),
        unscored: attempted.len() - scores.len(),
        pass_at,
        pass_hat,
        refused,
        failures,
        cost_per_solved,
    })
}

/// The kind as it is spelt in JSON.
fn kind_name(kind: FailureKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("a kind of failure serialises to a string, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Seed;

    use super::Outcome::{Fail, Infrastructure, Pass};
    use super::*;

    const WRONG: Outcome = Fail(FailureKind::WrongAnswer);

    fn check(tasks: &[(&str, &[Outcome])], ks: &[u32], spend: Option<f64>, expected: Expect) {
        let tasks: Vec<TaskOutcomes> = tasks
            .iter()
            .map(|(task, outcomes)| TaskOutcomes {
                task: (*task).to_owned(),
                cluster: (*task).to_owned(),
                outcomes: outcomes.to_vec(),
                spend,
            })
            .collect();
        let text = match summarise("suite", &tasks, ks, Resampling::new(Seed(1))) {
            Ok(summary) => {
                let text = serde_json::to_string(&summary).expect("serialises");
                assert_eq!(serde_json::from_str::<Summary>(&text).expect("reads back"), summary);
                text.replace(",\"", ",\n\"")
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn single_samples_get_wilson_and_flat_counts() {
        let timeout = Fail(FailureKind::Timeout);
        check(
            &[("a", &[Pass]), ("b", &[WRONG]), ("c", &[timeout]), ("d", &[Infrastructure]), ("e", &[]), ("f", &[Pass])],
            &[],
            Some(0.5),
            expect![[r#"
                {"suite":"suite",
                "total":5,
                "passed":2,
                "failed":2,
                "infrastructure_errors":1,
                "pass_at_1":0.5,
                "executions_per_second":null,
                "tasks":4,
                "missing":1,
                "unscored":1,
                "pass_at":{"1":{"value":0.5,
                "low":0.15003898915214947,
                "high":0.8499610108478506,
                "method":"wilson"}},
                "pass_hat":{"1":{"value":0.5,
                "low":0.15003898915214947,
                "high":0.8499610108478506,
                "method":"wilson"}},
                "refused":{},
                "failures":{"timeout":1,
                "wrong_answer":1},
                "cost_per_solved":{"value":1.25,
                "low":0.5,
                "high":null}}"#]],
        );
    }

    #[test]
    fn infrastructure_errors_refuse_a_k_without_losing_the_rest() {
        check(
            &[("a", &[Pass, Pass, WRONG]), ("b", &[WRONG, Pass, Infrastructure]), ("c", &[Pass, Pass, Pass])],
            &[2, 3],
            None,
            expect![[r#"
                {"suite":"suite",
                "total":9,
                "passed":6,
                "failed":2,
                "infrastructure_errors":1,
                "pass_at_1":0.7222222222222222,
                "executions_per_second":null,
                "tasks":3,
                "missing":0,
                "unscored":0,
                "pass_at":{"1":{"value":0.7222222222222222,
                "low":0.5,
                "high":1.0,
                "method":"bootstrap"},
                "2":{"value":1.0,
                "low":0.4385029682449545,
                "high":1.0,
                "method":"no_spread"}},
                "pass_hat":{"1":{"value":0.7222222222222222,
                "low":0.5,
                "high":1.0,
                "method":"bootstrap"},
                "2":{"value":0.4444444444444444,
                "low":0.0,
                "high":1.0,
                "method":"bootstrap"}},
                "refused":{"3":"pass@k with k = 3 is not defined for task `b` with n = 2 attempts; ask for a smaller k or sample more"},
                "failures":{"wrong_answer":2},
                "cost_per_solved":null}"#]],
        );
    }

    #[test]
    fn too_few_samples_are_an_error() {
        check(
            &[("a", &[Pass, Pass]), ("b", &[WRONG])],
            &[2],
            None,
            expect![
                "pass@k with k = 2 is not defined for task `b` with n = 1 attempts; ask for a smaller k or sample more"
            ],
        );
    }

    #[test]
    fn nothing_scored_has_no_metric() {
        check(
            &[("a", &[Infrastructure]), ("b", &[])],
            &[1],
            None,
            expect![[r#"
            {"suite":"suite",
            "total":1,
            "passed":0,
            "failed":0,
            "infrastructure_errors":1,
            "pass_at_1":null,
            "executions_per_second":null,
            "tasks":0,
            "missing":1,
            "unscored":1,
            "pass_at":{},
            "pass_hat":{},
            "refused":{},
            "failures":{},
            "cost_per_solved":null}"#]],
        );
    }
}
