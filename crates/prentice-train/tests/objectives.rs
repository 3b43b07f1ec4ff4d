//! Objectives against verl and TRL, whose losses and autograd gradients `goldens/objectives/make.py` recorded, and the
//! properties that a trainer builds on.

use std::path::Path;

use prentice_train::objective::{
    ObjectiveError,
    advantage::{Credit, Rewarded, advantages, varies},
    algorithm::{self, Advantage, Aggregation, Algorithm, KlPlace, Overlong, Ratio, Surrogate},
    policy::{PolicyFigures, PolicyLoss, SequenceTerms, Totals, ValueTerms, policy_loss},
    preference::{
        self, LabelledScore, PairScores, PairTotals, Paired, Preference, SequenceScore, kto_divergence, kto_loss,
        paired_loss,
    },
};
use serde::Deserialize;

/// Largest difference from verl and TRL.
const TOLERANCE: f64 = 1e-5;

#[derive(Clone, Deserialize)]
struct Batch {
    longest: usize,
    groups: Vec<usize>,
    rewards: Vec<f64>,
    masks: Vec<Vec<bool>>,
    behaviour: Vec<Vec<f32>>,
    current: Vec<Vec<f32>>,
    reference: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    predicted: Vec<Vec<f32>>,
    #[serde(default)]
    cases: Vec<PolicyCase>,
}

#[derive(Clone, Deserialize)]
struct PolicyCase {
    name: String,
    algorithm: Algorithm,
    advantages: Vec<Vec<f64>>,
    loss: f64,
    clip_fraction: f64,
    d_log_probabilities: Vec<Vec<f64>>,
    returns: Option<Vec<Vec<f64>>>,
    value_loss: Option<f64>,
    value_clip_fraction: Option<f64>,
    d_values: Option<Vec<Vec<f64>>>,
}

impl Batch {
    fn golden() -> Self {
        read("policy.json")
    }

    fn rewarded(&self) -> Vec<Rewarded<'_>> {
        let row = |row: usize| Rewarded {
            group: self.groups[row],
            reward: self.rewards[row],
            mask: &self.masks[row],
            behaviour: &self.behaviour[row],
            reference: Some(&self.reference[row]),
            values: Some(&self.values[row]),
        };
        (0..self.masks.len()).map(row).collect()
    }

    fn credit(&self, algorithm: &Algorithm) -> Vec<Credit> {
        advantages(algorithm, &self.rewarded()).unwrap()
    }

    fn terms<'a>(&'a self, credit: &'a [Credit]) -> Vec<SequenceTerms<'a>> {
        let row = |(row, credit): (usize, &'a Credit)| SequenceTerms {
            mask: &self.masks[row],
            log_probabilities: &self.current[row],
            behaviour: &self.behaviour[row],
            reference: Some(&self.reference[row]),
            advantages: &credit.advantages,
            value: credit.returns.as_ref().map(|returns| ValueTerms {
                predicted: &self.predicted[row],
                behaviour: &self.values[row],
                returns,
            }),
        };
        credit.iter().enumerate().map(row).collect()
    }

    fn totals(&self) -> Totals {
        Totals::of(self.masks.iter().map(Vec::as_slice))
    }

    fn loss(&self, algorithm: &Algorithm, credit: &[Credit]) -> PolicyLoss {
        policy_loss(algorithm, &self.terms(credit), &self.totals()).unwrap()
    }

    /// The presets, and the algorithms that only the goldens have.
    fn algorithms(&self) -> Vec<(String, Algorithm)> {
        self.cases.iter().map(|case| (case.name.clone(), case.algorithm.clone())).collect()
    }

    /// The same trajectories in another order.
    fn reordered(&self, order: &[usize]) -> Self {
        fn pick<T: Clone>(order: &[usize], rows: &[T]) -> Vec<T> {
            order.iter().map(|row| rows[*row].clone()).collect()
        }
        Self {
            longest: self.longest,
            groups: pick(order, &self.groups),
            rewards: pick(order, &self.rewards),
            masks: pick(order, &self.masks),
            behaviour: pick(order, &self.behaviour),
            current: pick(order, &self.current),
            reference: pick(order, &self.reference),
            values: pick(order, &self.values),
            predicted: pick(order, &self.predicted),
            cases: Vec::new(),
        }
    }
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/objectives").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[track_caller]
fn near(what: &str, ours: f64, theirs: f64) {
    // Written so that a NaN fails.
    assert!((ours - theirs).abs() <= TOLERANCE, "{what}: {ours}, upstream {theirs}");
}

#[track_caller]
fn rows_near(what: &str, ours: &[Vec<f32>], theirs: &[Vec<f64>]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        all_near(&format!("{what}, row {row}"), ours.iter().copied().map(f64::from), theirs);
    }
}

#[track_caller]
fn all_near(what: &str, ours: impl ExactSizeIterator<Item = f64>, theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (place, (ours, theirs)) in ours.zip(theirs).enumerate() {
        near(&format!("{what} [{place}]"), ours, *theirs);
    }
}

#[test]
fn policy_losses_equal_verl() {
    let batch = Batch::golden();
    let mut names: Vec<&str> = batch.cases.iter().map(|case| case.name.as_str()).collect();
    names.truncate(algorithm::NAMES.len());
    assert_eq!(names, algorithm::NAMES, "a preset without a golden");
    for case in &batch.cases {
        let name = &case.name;
        if let Some(preset) = Algorithm::named(name, batch.longest) {
            assert_eq!(preset, case.algorithm, "{name}: the golden is of something else");
        }
        let credit = batch.credit(&case.algorithm);
        let advantages: Vec<Vec<f32>> = credit.iter().map(|credit| credit.advantages.clone()).collect();
        rows_near(&format!("{name}: advantages"), &advantages, &case.advantages);
        let loss = batch.loss(&case.algorithm, &credit);
        near(&format!("{name}: loss"), loss.figures.surrogate + loss.figures.penalty, case.loss);
        near(&format!("{name}: clip fraction"), loss.figures.clip_fraction, case.clip_fraction);
        rows_near(&format!("{name}: gradient"), &loss.d_log_probabilities, &case.d_log_probabilities);

        let returns: Option<Vec<Vec<f32>>> = credit.iter().map(|credit| credit.returns.clone()).collect();
        assert_eq!(returns.is_some(), case.returns.is_some(), "{name}");
        assert_eq!(loss.d_values.is_some(), case.d_values.is_some(), "{name}");
        if let (Some(ours), Some(theirs)) = (&returns, &case.returns) {
            rows_near(&format!("{name}: returns"), ours, theirs);
        }
        if let (Some(ours), Some(theirs)) = (&loss.d_values, &case.d_values) {
            rows_near(&format!("{name}: value gradient"), ours, theirs);
        }
        near(&format!("{name}: value loss"), loss.figures.value, case.value_loss.unwrap_or(0.0));
        let clipped = case.value_clip_fraction.unwrap_or(0.0);
        near(&format!("{name}: clipped values"), loss.figures.value_clip_fraction, clipped);
        let parts = loss.figures.surrogate + loss.figures.penalty + loss.figures.value;
        assert_eq!(loss.figures.loss, parts, "{name}");
    }
}

/// The goldens would show nothing if no ratio were clipped and no gradient exceeded the tolerance.
#[test]
fn policy_goldens_are_demanding() {
    let batch = Batch::golden();
    for case in &batch.cases {
        let name = &case.name;
        assert!(case.clip_fraction > 0.05 && case.clip_fraction < 0.95, "{name}: {}", case.clip_fraction);
        let largest = case.d_log_probabilities.iter().flatten().fold(0.0f64, |most, d| most.max(d.abs()));
        assert!(largest > 300.0 * TOLERANCE, "{name}: largest derivative {largest}");
    }
}

/// Central differences. Inputs are f32, so the step is large, and its real size is read back.
#[test]
fn policy_gradients_equal_differences() {
    type List = fn(&mut Batch) -> &mut Vec<Vec<f32>>;
    let lists: [(&str, List); 2] = [("policy", |batch| &mut batch.current), ("value", |batch| &mut batch.predicted)];
    let batch = Batch::golden();
    let mut compared = 0;
    for (name, algorithm) in batch.algorithms() {
        // By design the gradients of these two are not the derivatives of the loss as a number; the goldens have them.
        if algorithm.ratio == Ratio::Sequence || matches!(algorithm.surrogate, Surrogate::ClippedWeight { .. }) {
            continue;
        }
        let credit = batch.credit(&algorithm);
        let exact = batch.loss(&algorithm, &credit);
        let mut moved = batch.clone();
        for (what, list) in lists {
            let derivatives = if what == "policy" { Some(&exact.d_log_probabilities) } else { exact.d_values.as_ref() };
            let places = derivatives.into_iter().flatten().enumerate();
            for (row, token, derivative) in
                places.flat_map(|(row, tokens)| tokens.iter().enumerate().map(move |(token, d)| (row, token, *d)))
            {
                let start = list(&mut moved)[row][token];
                let mut at = |place: f32| {
                    list(&mut moved)[row][token] = place;
                    moved.loss(&algorithm, &credit).figures
                };
                let (before, after) = (start - 1.0 / 1024.0, start + 1.0 / 1024.0);
                let (low, high) = (at(before), at(after));
                at(start);
                // A step over the edge of a clip has no derivative to compare with. Those of k3 leave no mark in the
                // figures; the goldens have them.
                let over_edge = (low.clip_fraction, low.value_clip_fraction)
                    != (high.clip_fraction, high.value_clip_fraction)
                    || (batch.reference[row][token] - batch.current[row][token]).abs() > 2.0;
                if !over_edge {
                    let difference = (high.loss - low.loss) / (f64::from(after) - f64::from(before));
                    let error = (difference - f64::from(derivative)).abs();
                    assert!(error < 2e-6, "{name}: {what} [{row}][{token}] {derivative}, difference {difference}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000, "{compared} compared");
}

#[test]
fn micro_batches_add_up() {
    let batch = Batch::golden();
    for (name, algorithm) in batch.algorithms() {
        let credit = batch.credit(&algorithm);
        let terms = batch.terms(&credit);
        let whole = policy_loss(&algorithm, &terms, &batch.totals()).unwrap();
        let mut figures = PolicyFigures::default();
        let (mut d_log_probabilities, mut d_values) = (Vec::new(), Vec::new());
        for part in terms.chunks(4) {
            let part = policy_loss(&algorithm, part, &batch.totals()).unwrap();
            figures += part.figures;
            d_log_probabilities.extend(part.d_log_probabilities);
            d_values.extend(part.d_values.unwrap_or_default());
        }
        // Derivatives to the bit, sums up to rounding.
        assert_eq!(d_log_probabilities, whole.d_log_probabilities, "{name}");
        assert_eq!(d_values, whole.d_values.unwrap_or_default(), "{name}");
        let list = |f: PolicyFigures| {
            [f.loss, f.surrogate, f.penalty, f.value, f.clip_fraction, f.value_clip_fraction, f.behaviour_kl]
                .into_iter()
                .chain([f.reference_kl])
        };
        for (parts, whole) in list(figures).zip(list(whole.figures)) {
            assert!((parts - whole).abs() < 1e-12, "{name}: {parts}, whole {whole}");
        }
    }
}

/// Where the policy has not moved, the gradient is that of plain REINFORCE to the bit, whatever the surrogate.
#[test]
fn on_policy_ratios_are_one() {
    let mut batch = Batch::golden();
    batch.current = batch.behaviour.clone();
    for (name, algorithm) in batch.algorithms() {
        let algorithm = Algorithm { kl: algorithm.kl.filter(|kl| kl.place == KlPlace::Reward), ..algorithm };
        let credit = batch.credit(&algorithm);
        let loss = batch.loss(&algorithm, &credit);
        assert_eq!(loss.figures.clip_fraction, 0.0, "{name}");
        assert_eq!(loss.figures.behaviour_kl, 0.0, "{name}");
        let totals = batch.totals();
        for (row, mask) in batch.masks.iter().enumerate() {
            let tokens = mask.iter().filter(|own| **own).count() as f64;
            let weight = match algorithm.aggregation {
                Aggregation::Sequence => 1.0 / (tokens * totals.sequences as f64),
                Aggregation::Token => 1.0 / totals.tokens as f64,
                Aggregation::ConstantLength { length } => 1.0 / (length as f64 * totals.sequences as f64),
            };
            for (token, own) in mask.iter().enumerate() {
                let advantage = f64::from(credit[row].advantages[token]);
                let expected = if *own { (weight * -advantage) as f32 } else { 0.0 };
                assert_eq!(loss.d_log_probabilities[row][token], expected, "{name} [{row}][{token}]");
            }
        }
    }
}

/// Group 2 of the golden batch has the same reward throughout, of the kind whose mean rounds; group 3 has one member.
#[test]
fn groups_without_variance_teach_nothing() {
    let mut batch = Batch::golden();
    // Nothing is clipped, so that what is 0 is 0 for want of an advantage.
    batch.current = batch.behaviour.clone();
    for (name, mut algorithm) in batch.algorithms() {
        if !matches!(algorithm.advantage, Advantage::GroupMean { .. } | Advantage::LeaveOneOut) {
            continue;
        }
        (algorithm.kl, algorithm.overlong) = (None, None);
        let loss = batch.loss(&algorithm, &batch.credit(&algorithm));
        for (row, gradient) in loss.d_log_probabilities.iter().enumerate() {
            let without = [2, 3].contains(&batch.groups[row]) || !batch.masks[row].contains(&true);
            assert_eq!(gradient.iter().all(|d| *d == 0.0), without, "{name}, row {row}: {gradient:?}");
        }
    }
    // Whitening has nothing to divide by when all rewards agree, and one token has no deviation.
    for name in ["reinforce++", "reinforce++-baseline"] {
        let algorithm = Algorithm { kl: None, ..Algorithm::named(name, batch.longest).unwrap() };
        let mut equal = batch.clone();
        equal.rewards.fill(0.1);
        assert!(equal.credit(&algorithm).iter().all(|credit| credit.advantages.iter().all(|a| *a == 0.0)), "{name}");
        let single =
            Rewarded { group: 0, reward: 3.0, mask: &[true], behaviour: &[-1.0], reference: None, values: None };
        assert_eq!(advantages(&algorithm, &[single]).unwrap()[0].advantages, [0.0], "{name}");
    }
    assert!(!varies(&[]) && !varies(&[0.1; 3]) && varies(&[0.0, 0.0, 1.0]));
}

#[test]
fn order_does_not_matter() {
    let batch = Batch::golden();
    let order = [12, 3, 7, 0, 9, 1, 11, 5, 2, 10, 8, 4, 6];
    let reordered = batch.reordered(&order);
    for (name, algorithm) in batch.algorithms() {
        let (credit, moved_credit) = (batch.credit(&algorithm), reordered.credit(&algorithm));
        let (loss, moved) = (batch.loss(&algorithm, &credit), reordered.loss(&algorithm, &moved_credit));
        assert!((loss.figures.loss - moved.figures.loss).abs() < 1e-7, "{name}");
        for (place, row) in order.into_iter().enumerate() {
            let pairs = loss.d_log_probabilities[row].iter().zip(&moved.d_log_probabilities[place]);
            for (here, there) in pairs {
                assert!((here - there).abs() < 1e-7, "{name}, row {row}: {here}, reordered {there}");
            }
        }
    }
}

#[test]
fn nothing_to_learn_from_is_a_loss_of_zero() {
    let mut batch = Batch::golden();
    batch.masks.iter_mut().for_each(|mask| mask.fill(false));
    for (name, algorithm) in batch.algorithms() {
        let loss = batch.loss(&algorithm, &batch.credit(&algorithm));
        assert_eq!(loss.figures, PolicyFigures::default(), "{name}");
        assert!(loss.d_log_probabilities.iter().flatten().all(|d| *d == 0.0), "{name}");
        assert!(loss.d_values.iter().flatten().flatten().all(|d| *d == 0.0), "{name}");
        let none = policy_loss(&algorithm, &[], &Totals::default()).unwrap();
        assert_eq!((none.figures, advantages(&algorithm, &[]).unwrap().len()), (PolicyFigures::default(), 0), "{name}");
    }
}

#[test]
fn a_nan_reaches_the_loss() {
    let batch = Batch::golden();
    for (name, algorithm) in batch.algorithms() {
        let credit = batch.credit(&algorithm);
        let mut broken = batch.clone();
        broken.current[1][0] = f32::NAN;
        let loss = broken.loss(&algorithm, &credit);
        assert!(loss.figures.loss.is_nan() && loss.d_log_probabilities[1][0].is_nan(), "{name}");
        if algorithm.needs_values() {
            broken = batch.clone();
            broken.predicted[1][0] = f32::NAN;
            assert!(broken.loss(&algorithm, &credit).figures.loss.is_nan(), "{name}");
        }
    }
}

#[test]
fn unusable_sequences_are_errors() {
    let named = |name| Algorithm::named(name, 8).unwrap();
    let good = Rewarded {
        group: 0,
        reward: 1.0,
        mask: &[true, true],
        behaviour: &[-1.0, -1.0],
        reference: Some(&[-1.0, -1.0]),
        values: Some(&[0.0, 0.0]),
    };
    let check = |name, bad: Rewarded, message: &str| {
        let error = advantages(&named(name), &[good, bad]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!error.hint().is_empty());
    };
    check("grpo", Rewarded { reward: f64::NAN, ..good }, "trajectory 1 has the reward NaN");
    let message = "sequence 1: 1 behaviour log-probabilities for 2 tokens";
    check("grpo", Rewarded { behaviour: &[-1.0], ..good }, message);
    let message = "sequence 1 has no reference log-probabilities, which the algorithm needs";
    check("rloo", Rewarded { reference: None, ..good }, message);
    check("ppo", Rewarded { values: None, ..good }, "sequence 1 has no values, which the algorithm needs");

    let terms = SequenceTerms {
        mask: good.mask,
        log_probabilities: good.behaviour,
        behaviour: good.behaviour,
        reference: None,
        advantages: &[0.5, 0.5],
        value: None,
    };
    let check = |name, terms, error: ObjectiveError| {
        let totals = Totals { sequences: 1, tokens: 2 };
        assert_eq!(policy_loss(&named(name), &[terms], &totals).unwrap_err(), error);
    };
    let missing = |what| ObjectiveError::Missing { sequence: 0, what };
    check("grpo", terms, missing("reference log-probabilities"));
    check("ppo", terms, missing("values"));
    let short = SequenceTerms { advantages: &[0.5], ..terms };
    check("dapo", short, ObjectiveError::Length { sequence: 0, what: "advantages", found: 1, expected: 2 });
}

#[test]
fn overlong_responses_lose_up_to_the_factor() {
    let overlong = Overlong { length: 10, buffer: 4, factor: 2.0 };
    let penalties = [0, 6, 7, 8, 9, 10, 11, 50].map(|tokens| overlong.penalty(tokens));
    assert_eq!(penalties, [0.0, 0.0, -0.5, -1.0, -1.5, -2.0, -2.0, -2.0]);
}

#[test]
fn algorithms_are_data() {
    for name in algorithm::NAMES {
        let preset = Algorithm::named(name, 100).unwrap();
        let written = serde_json::to_string(&preset).unwrap();
        assert_eq!(serde_json::from_str::<Algorithm>(&written).unwrap(), preset);
        assert!(preset.value.is_some() == preset.needs_values(), "{name}");
    }
    assert_eq!(Algorithm::named("GRPO", 100), None);
    let unknown = r#"{"form": "clip", "low": 0.2, "high": 0.2, "dual": null, "middle": 1}"#;
    assert!(serde_json::from_str::<Surrogate>(unknown).is_err());
    for name in preference::NAMES {
        let preset = Preference::named(name).unwrap();
        let written = serde_json::to_string(&preset).unwrap();
        assert_eq!(serde_json::from_str::<Preference>(&written).unwrap(), preset);
        assert_eq!(preset.is_paired(), name != "kto");
        assert_eq!(preset.needs_reference(), !["orpo", "simpo"].contains(&name));
    }
    assert_eq!(Preference::named("ppo"), None);
}

#[derive(Clone, Copy, Deserialize)]
struct Score {
    policy: f64,
    reference: f64,
    tokens: usize,
}

impl From<Score> for SequenceScore {
    fn from(Score { policy, reference, tokens }: Score) -> Self {
        Self { policy, reference, tokens }
    }
}

#[derive(Deserialize)]
struct Preferences {
    paired: Vec<PairedCase>,
    labelled: Vec<LabelledCase>,
}

#[derive(Deserialize)]
struct PairedCase {
    name: String,
    objective: Preference,
    chosen: Vec<Score>,
    rejected: Vec<Score>,
    loss: f64,
    margin: f64,
    accuracy: f64,
    d_chosen: Vec<f64>,
    d_rejected: Vec<f64>,
}

#[derive(Deserialize)]
struct LabelledCase {
    name: String,
    objective: Preference,
    scores: Vec<Score>,
    desirable: Vec<bool>,
    mismatched: Vec<Score>,
    divergence: f64,
    loss: f64,
    d_scores: Vec<f64>,
}

impl PairedCase {
    fn objective(&self) -> Paired {
        let Preference::Paired(objective) = self.objective else { panic!("{} is not over pairs", self.name) };
        objective
    }

    fn pairs(&self) -> Vec<PairScores> {
        let pairs = self.chosen.iter().zip(&self.rejected);
        pairs.map(|(chosen, rejected)| PairScores { chosen: (*chosen).into(), rejected: (*rejected).into() }).collect()
    }

    fn totals(&self) -> PairTotals {
        PairTotals::of(self.chosen.iter().map(|score| score.tokens))
    }
}

#[test]
fn preference_losses_equal_trl() {
    let goldens: Preferences = read("preference.json");
    let mut met = Vec::new();
    for case in &goldens.paired {
        let name = &case.name;
        met.extend(Preference::named(name).map(|preset| (preset == case.objective).then_some(name.as_str())));
        let ours = paired_loss(&case.objective(), &case.pairs(), &case.totals());
        near(&format!("{name}: loss"), ours.figures.loss, case.loss);
        near(&format!("{name}: margin"), ours.figures.margin, case.margin);
        near(&format!("{name}: accuracy"), ours.figures.accuracy, case.accuracy);
        all_near(&format!("{name}: chosen"), ours.d_chosen.into_iter(), &case.d_chosen);
        all_near(&format!("{name}: rejected"), ours.d_rejected.into_iter(), &case.d_rejected);
    }
    for case in &goldens.labelled {
        let name = &case.name;
        met.extend(Preference::named(name).map(|preset| (preset == case.objective).then_some(name.as_str())));
        let Preference::Kto(options) = case.objective else { panic!("{name}") };
        let mismatched: Vec<SequenceScore> = case.mismatched.iter().map(|score| (*score).into()).collect();
        let divergence = kto_divergence(&mismatched);
        near(&format!("{name}: divergence"), divergence, case.divergence);
        let scores = case.scores.iter().zip(&case.desirable);
        let batch: Vec<LabelledScore> =
            scores.map(|(score, desirable)| LabelledScore { score: (*score).into(), desirable: *desirable }).collect();
        let ours = kto_loss(&options, &batch, divergence, batch.len());
        near(&format!("{name}: loss"), ours.figures.loss, case.loss);
        all_near(name, ours.d_scores.iter().copied(), &case.d_scores);

        let (mut loss, mut d_scores) = (0.0, Vec::new());
        for part in batch.chunks(3) {
            let part = kto_loss(&options, part, divergence, batch.len());
            loss += part.figures.loss;
            d_scores.extend(part.d_scores);
        }
        assert!((loss - ours.figures.loss).abs() < 1e-12, "{name}");
        assert_eq!(d_scores, ours.d_scores, "{name}");
    }
    met.sort();
    assert_eq!(met, preference::NAMES.map(Some), "each preset has a golden of exactly its options");
}

#[test]
fn preference_gradients_equal_differences_and_parts_add_up() {
    type Side = fn(&mut PairScores) -> &mut f64;
    let goldens: Preferences = read("preference.json");
    let step = 1e-6;
    for case in &goldens.paired {
        let (name, objective, pairs, totals) = (&case.name, case.objective(), case.pairs(), case.totals());
        let whole = paired_loss(&objective, &pairs, &totals);
        for row in 0..pairs.len() {
            let sides: [(Side, f64); 2] = [
                (|pair| &mut pair.chosen.policy, whole.d_chosen[row]),
                (|pair| &mut pair.rejected.policy, whole.d_rejected[row]),
            ];
            for (side, derivative) in sides {
                let at = |offset: f64| {
                    let mut moved = pairs.clone();
                    *side(&mut moved[row]) += offset;
                    paired_loss(&objective, &moved, &totals).figures.loss
                };
                let difference = (at(step) - at(-step)) / (2.0 * step);
                assert!((difference - derivative).abs() < 1e-7, "{name} [{row}]: {derivative}, {difference}");
            }
        }
        let mut figures = preference::PreferenceFigures::default();
        let (mut d_chosen, mut d_rejected) = (Vec::new(), Vec::new());
        for part in pairs.chunks(2) {
            let part = paired_loss(&objective, part, &totals);
            figures += part.figures;
            d_chosen.extend(part.d_chosen);
            d_rejected.extend(part.d_rejected);
        }
        assert_eq!((d_chosen, d_rejected), (whole.d_chosen, whole.d_rejected), "{name}");
        for (parts, whole) in [
            (figures.loss, whole.figures.loss),
            (figures.margin, whole.figures.margin),
            (figures.accuracy, whole.figures.accuracy),
        ] {
            assert!((parts - whole).abs() < 1e-12, "{name}: {parts}, whole {whole}");
        }
    }
}

#[test]
fn extreme_scores_stay_finite() {
    let certain = SequenceScore { policy: 0.0, reference: 0.0, tokens: 3 };
    let impossible = SequenceScore { policy: -1e4, reference: 0.0, tokens: 3 };
    let empty = SequenceScore { policy: 0.0, reference: 0.0, tokens: 0 };
    for name in preference::NAMES {
        for (chosen, rejected) in [(certain, impossible), (impossible, certain), (certain, certain), (empty, empty)] {
            let finite = match Preference::named(name).unwrap() {
                Preference::Paired(objective) => {
                    let totals = PairTotals::of([chosen.tokens]);
                    let loss = paired_loss(&objective, &[PairScores { chosen, rejected }], &totals);
                    [loss.figures.loss, loss.d_chosen[0], loss.d_rejected[0]].iter().all(|x| x.is_finite())
                }
                Preference::Kto(options) => {
                    let batch = [(chosen, true), (rejected, false)]
                        .map(|(score, desirable)| LabelledScore { score, desirable });
                    let loss = kto_loss(&options, &batch, 0.5, 2);
                    loss.figures.loss.is_finite() && loss.d_scores.iter().all(|x| x.is_finite())
                }
            };
            assert!(finite, "{name}: {chosen:?} over {rejected:?}");
        }
    }
    let nan = SequenceScore { policy: f64::NAN, ..certain };
    assert!(kto_divergence(&[nan]).is_nan());
    let orpo = Paired::Orpo { beta: 0.1 };
    let pair = PairScores { chosen: certain, rejected: nan };
    assert!(paired_loss(&orpo, &[pair], &PairTotals::of([3])).figures.loss.is_nan());
    assert_eq!(paired_loss(&orpo, &[], &PairTotals::default()).figures.loss, 0.0);
}
