//! What results mean, in words: the sentences of the report, and the text at the end of `prentice run`.
//!
//! Sentences are computed from intervals alone. An interval that includes 0 is said to leave open whether there is a
//! difference, whatever one would have liked to see.

use prentice_eval::statistics::Estimate;

use super::results::{Change, Control, Difference, Exam, Figures, Group, Results};
use crate::{
    format,
    table::{Align, table},
    terminal::visible,
};

/// What a difference's interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// All of it is above 0.
    More,
    /// All of it is below 0.
    Less,
    /// It includes 0.
    Open,
}

impl Finding {
    /// What an interval says.
    pub fn of(estimate: &Estimate) -> Self {
        match estimate {
            Estimate { low, .. } if *low > 0.0 => Self::More,
            Estimate { high, .. } if *high < 0.0 => Self::Less,
            _ => Self::Open,
        }
    }
}

/// What came out, a sentence each, the most important first.
pub fn sentences(results: &Results) -> Vec<String> {
    let mut sentences: Vec<String> = results.groups.iter().flat_map(of_group).collect();
    if sentences.is_empty() {
        return vec![
            "The recipe has no stage that measures a model, so nothing is known of how good its models are.".into(),
        ];
    }
    sentences.push(match results.seeds.len() {
        1 => "Intervals are at 95 %. This is one seed: they speak of other tasks of this kind, not of other seeds."
            .to_owned(),
        seeds => format!("Figures are means over {seeds} seeds; the intervals are Student's at 95 %, over seeds."),
    });
    sentences
}

fn of_group(group: &Group) -> Vec<String> {
    let mut sentences = Vec::new();
    let Some((baseline, first)) = group.baseline.map(|index| (index, &group.exams[index])) else {
        return group.exams.iter().map(|exam| level(group, exam)).collect();
    };
    let Some((main, last)) = group.main.map(|index| (index, &group.exams[index])) else {
        return vec![level(group, first)];
    };
    sentences.push(format!("{} {}", level(group, last), level_beside(first)));
    if let Some(difference) = group.difference(baseline, main) {
        sentences.push(format!("Against {}, {}.", first.model, changes(difference)));
    }
    for (index, exam) in group.exams.iter().enumerate() {
        let Some(control) = exam.control else { continue };
        let (before, after) = (group.difference(baseline, index), group.difference(index, main));
        match (control, before, after) {
            (Control::RandomReward, Some(difference), _) => sentences.push(random_reward(exam, difference)),
            (_, _, Some(difference)) => sentences.push(against_control(last, exam, control, difference)),
            _ => {}
        }
    }
    if let (Some(before), Some(after)) = (first.figures.gap, last.figures.gap) {
        sentences.push(format!(
            "Of the samples of {}, {} pass the visible tests and fail others ({}: {}).",
            last.model,
            format::percent(after.value),
            first.model,
            format::percent(before.value),
        ));
    }
    let loopholes: Vec<String> = group
        .exams
        .iter()
        .filter(|exam| exam.figures.loopholes > 0.0)
        .map(|exam| format!("{} ({})", exam.model, format::percent(exam.figures.loopholes)))
        .collect();
    if !loopholes.is_empty() {
        sentences.push(format!("Loopholes were found in samples of {}.", loopholes.join(", ")));
    }
    sentences
}

fn level(group: &Group, exam: &Exam) -> String {
    let Figures { tasks, greedy, pass_at_1, .. } = exam.figures;
    let sampled = pass_at_1.map_or_else(String::new, |share| {
        format!("; a sample of it passes with a chance of {}", format::percent(share.value))
    });
    format!(
        "The model {} solves {} of {} ({}) at its first guess{sampled}.",
        exam.model,
        format::percent(greedy.value),
        format::counted(tasks as u64, "held-out task"),
        group.title,
    )
}

fn level_beside(exam: &Exam) -> String {
    let sampled =
        exam.figures.pass_at_1.map_or_else(String::new, |share| format!(" and {}", format::percent(share.value)));
    format!("For {} it is {}{sampled}.", exam.model, format::percent(exam.figures.greedy.value))
}

/// `pass@1 rises by 12.3 points (95 % interval +9.8 to +14.9)`, for all figures.
fn changes(difference: &Difference) -> String {
    let one = |change: &Change| {
        let Change { metric, estimate, .. } = change;
        let by = format::points(estimate.value.abs()).replace('+', "");
        match Finding::of(estimate) {
            Finding::More => format!("{metric} rises by {by} points ({})", interval(estimate)),
            Finding::Less => format!("{metric} falls by {by} points ({})", interval(estimate)),
            Finding::Open => {
                format!(
                    "the change of {metric} could be chance ({} points, {})",
                    format::points(estimate.value),
                    interval(estimate)
                )
            }
        }
    };
    let mut ordered: Vec<&Change> = difference.changes.iter().collect();
    // Sampled figures are what is learnt from, and come first.
    ordered.sort_by_key(|change| change.metric != "pass@1");
    let all: Vec<String> = ordered.into_iter().map(one).collect();
    match &all[..] {
        [many @ .., last] if !many.is_empty() => format!("{}, and {last}", many.join(", ")),
        _ => all.concat(),
    }
}

fn random_reward(exam: &Exam, difference: &Difference) -> String {
    let Some(change) = difference.change("pass@1").or(difference.changes.first()) else { return String::new() };
    let figure =
        format!("{} {} points, {}", change.metric, format::points(change.estimate.value), interval(&change.estimate));
    match Finding::of(&change.estimate) {
        Finding::More => format!(
            "Random reward ({}) helps, too: {figure}. So much of a gain is no proof of learning from verdicts.",
            exam.model
        ),
        Finding::Less => format!("Random reward ({}) does not help, it does harm: {figure}.", exam.model),
        Finding::Open => {
            format!("Random reward ({}) has no effect that could be told from chance: {figure}.", exam.model)
        }
    }
}

fn against_control(main: &Exam, exam: &Exam, control: Control, difference: &Difference) -> String {
    let one = |change: &Change| {
        let (place, by) = match Finding::of(&change.estimate) {
            Finding::More => ("ahead", format::points(change.estimate.value)),
            Finding::Less => ("behind", format::points(change.estimate.value)),
            Finding::Open => ("not to be told apart", format::points(change.estimate.value)),
        };
        format!("{place} in {} ({by} points, {})", change.metric, interval(&change.estimate))
    };
    let all: Vec<String> = difference.changes.iter().map(one).collect();
    format!("Against the control {} ({}), {} is {}.", exam.model, control.in_words(), main.model, all.join(", "))
}

fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", format::points(estimate.low), format::points(estimate.high))
}

/// The ending on the terminal: figures, differences, what they mean, and where the page is.
pub fn ending(results: &Results, report: &str) -> String {
    let mut text = String::new();
    for group in &results.groups {
        text += &format!("\n{}, held-out tasks, % [95 % interval]\n\n", visible(&group.title));
        text += &levels(group);
        if !group.differences.is_empty() {
            text += "\ndifferences in points [95 % interval]; * where it excludes 0\n\n";
            text += &changes_table(group);
        }
    }
    text += "\n";
    for sentence in sentences(results) {
        text += &format!("{}\n", visible(&sentence));
    }
    text + &format!("\nreport  {}\n", visible(report))
}

fn levels(group: &Group) -> String {
    let names = columns(group.exams.iter().flat_map(|exam| exam.figures.shares().into_iter().map(|(name, _)| name)));
    let rows: Vec<Vec<String>> = group
        .exams
        .iter()
        .map(|exam| {
            let shares = exam.figures.shares();
            let cell = |name: &String| {
                shares
                    .iter()
                    .find(|(other, _)| other == name)
                    .map_or_else(String::new, |(_, share)| bracketed(share, |value| format::decimal(value * 100.0, 1)))
            };
            let control = if exam.control.is_some() { " (control)" } else { "" };
            std::iter::once(format!("{}{control}", exam.model)).chain(names.iter().map(cell)).collect()
        })
        .collect();
    aligned("model", &names, &rows)
}

fn changes_table(group: &Group) -> String {
    let names =
        columns(group.differences.iter().flat_map(|one| one.changes.iter().map(|change| change.metric.clone())));
    let rows: Vec<Vec<String>> = group
        .differences
        .iter()
        .map(|one| {
            let cell = |name: &String| {
                let Some(change) = one.change(name) else { return String::new() };
                let mark = if Finding::of(&change.estimate) == Finding::Open { ' ' } else { '*' };
                format!("{}{mark}", bracketed(&change.estimate, format::points))
            };
            let who = format!("{} − {}", group.exam(&one.to).model, group.exam(&one.from).model);
            std::iter::once(who).chain(names.iter().map(cell)).collect()
        })
        .collect();
    aligned("difference", &names, &rows)
}

/// Every name once, in the order of its first use.
fn columns(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    names.for_each(|name| {
        if !unique.contains(&name) {
            unique.push(name)
        }
    });
    unique
}

fn aligned(first: &str, names: &[String], rows: &[Vec<String>]) -> String {
    let titles: Vec<(&str, Align)> =
        std::iter::once((first, Align::Left)).chain(names.iter().map(|name| (name.as_str(), Align::Right))).collect();
    table(&titles, rows)
}

fn bracketed(estimate: &Estimate, number: impl Fn(f64) -> String) -> String {
    format!("{} [{}, {}]", number(estimate.value), number(estimate.low), number(estimate.high))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_eval::statistics::Method;

    use super::*;
    use crate::recipe::results::{over_seeds, tests::sample};

    fn check(results: &Results, expected: Expect) {
        expected.assert_eq(&format!("{}\n", sentences(results).join("\n")));
    }

    #[test]
    fn sentences_say_what_the_intervals_say() {
        check(
            &sample("", 1),
            expect![[r#"
                The model rl solves 53.3 % of 120 held-out tasks (docfn in Python) at its first guess; a sample of it passes with a chance of 45.1 %. For sft it is 25.8 % and 27.2 %.
                Against sft, pass@1 rises by 17.9 points (+14.8 to +21.6), greedy rises by 27.5 points (+20.8 to +37.5), and pass@8 rises by 14.2 points (+8.3 to +20.0).
                Against the control sft-equal-compute (more supervised learning for the same time), rl is ahead in greedy (+19.2 points, +12.5 to +26.7), ahead in pass@1 (+14.4 points, +10.7 to +17.5), ahead in pass@8 (+11.7 points, +5.8 to +19.0).
                Random reward (random-reward) does not help, it does harm: pass@1 −8.5 points, −12.1 to −4.9.
                Against the control copy-nearest (copying the response to the nearest prompt), rl is ahead in greedy (+53.3 points, +45.0 to +61.7).
                Of the samples of rl, 2.1 % pass the visible tests and fail others (sft: 3.1 %).
                The model rl solves 4.2 % of 120 held-out tasks (iofn in Python) at its first guess; a sample of it passes with a chance of 13.9 %. For sft it is 4.2 % and 10.6 %.
                Against sft, pass@1 rises by 3.2 points (+0.4 to +6.5), the change of greedy could be chance (0.0 points, −6.3 to +5.0), and pass@8 rises by 10.0 points (+1.7 to +17.6).
                Of the samples of rl, 2.0 % pass the visible tests and fail others (sft: 2.9 %).
                Intervals are at 95 %. This is one seed: they speak of other tasks of this kind, not of other seeds.
            "#]],
        );
    }

    #[test]
    fn over_seeds_it_is_said() {
        let mut results = over_seeds([1, 2].map(|seed| sample("", seed)).into());
        results.groups.truncate(1);
        check(
            &results,
            expect![[r#"
                The model rl solves 44.2 % of 120 held-out tasks (docfn in Python) at its first guess; a sample of it passes with a chance of 39.9 %. For sft it is 25.0 % and 24.6 %.
                Against sft, the change of pass@1 could be chance (+15.3 points, −17.8 to +48.4), the change of greedy could be chance (+19.2 points, −86.7 to +125.1), and the change of pass@8 could be chance (+20.8 points, −63.9 to +105.5).
                Against the control sft-equal-compute (more supervised learning for the same time), rl is not to be told apart in greedy (+14.6 points, −43.7 to +72.8), not to be told apart in pass@1 (+13.0 points, −4.2 to +30.2), not to be told apart in pass@8 (+13.8 points, −12.7 to +40.2).
                Random reward (random-reward) does not help, it does harm: pass@1 −8.6 points, −9.3 to −7.9.
                Against the control copy-nearest (copying the response to the nearest prompt), rl is not to be told apart in greedy (+43.3 points, −83.7 to +170.4).
                Of the samples of rl, 2.3 % pass the visible tests and fail others (sft: 2.6 %).
                Figures are means over 2 seeds; the intervals are Student's at 95 %, over seeds.
            "#]],
        );
    }

    #[test]
    fn without_models_there_is_little_to_say() {
        let mut results = sample("", 1);
        results.groups.truncate(1);
        results.groups[0].baseline = None;
        results.groups[0].exams.truncate(1);
        check(
            &results,
            expect![[r#"
                The model sft solves 25.8 % of 120 held-out tasks (docfn in Python) at its first guess; a sample of it passes with a chance of 27.2 %.
                Intervals are at 95 %. This is one seed: they speak of other tasks of this kind, not of other seeds.
            "#]],
        );
        results.groups.clear();
        check(
            &results,
            expect![[r#"
            The recipe has no stage that measures a model, so nothing is known of how good its models are.
        "#]],
        );
    }

    #[test]
    fn random_reward_that_helps_is_said() {
        let results = sample("", 1);
        let group = &results.groups[0];
        let (exam, mut difference) = (&group.exams[4], group.difference(0, 4).unwrap().clone());
        let change = difference.changes.iter_mut().find(|change| change.metric == "pass@1").unwrap();
        let mut text = String::new();
        for (value, low, high) in [(0.05, 0.02, 0.08), (0.01, -0.02, 0.04), (-0.05, -0.08, -0.02)] {
            change.estimate = Estimate { value, low, high, method: Method::Bootstrap };
            let one = Difference { changes: vec![change.clone()], ..group.differences[0].clone() };
            text += &format!("{}\n", random_reward(exam, &one));
        }
        expect![[r#"
            Random reward (random-reward) helps, too: pass@1 +5.0 points, +2.0 to +8.0. So much of a gain is no proof of learning from verdicts.
            Random reward (random-reward) has no effect that could be told from chance: pass@1 +1.0 points, −2.0 to +4.0.
            Random reward (random-reward) does not help, it does harm: pass@1 −5.0 points, −8.0 to −2.0.
        "#]].assert_eq(&text);
    }

    #[test]
    fn the_ending_is_a_table_for_people() {
        let mut results = sample("", 1);
        results.groups.truncate(1);
        expect![[r#"

            docfn in Python, held-out tasks, % [95 % interval]

            model                                   greedy             pass@1             pass@8             gap
            ───────────────────────────  ─────────────────  ─────────────────  ─────────────────  ──────────────
            sft                          25.8 [18.8, 34.3]  27.2 [22.6, 31.4]  69.2 [61.7, 77.0]  3.1 [2.3, 4.3]
            preferred                    36.7 [28.6, 45.6]  30.8 [26.1, 34.8]  73.3 [64.2, 80.8]  2.2 [1.4, 3.1]
            rl                           53.3 [44.4, 62.0]  45.1 [39.8, 50.6]  83.3 [74.9, 89.2]  2.1 [1.4, 3.0]
            sft-equal-compute (control)  34.2 [26.3, 43.0]  30.7 [25.9, 35.7]  71.7 [63.3, 79.2]  2.7 [1.9, 3.8]
            random-reward (control)       12.5 [7.7, 19.6]  18.6 [15.1, 23.2]  53.3 [45.0, 62.5]  2.8 [1.9, 3.9]
            copy-nearest (control)          0.0 [0.0, 3.1]

            differences in points [95 % interval]; * where it excludes 0

            difference                              greedy                 pass@1                 pass@8
            ───────────────────────  ─────────────────────  ─────────────────────  ─────────────────────
            preferred − sft           +10.8 [+2.5, +18.3]*     +3.6 [−0.3, +7.4]     +4.2 [−0.8, +10.0]
            rl − sft                 +27.5 [+20.8, +37.5]*  +17.9 [+14.8, +21.6]*   +14.2 [+8.3, +20.0]*
            sft-equal-compute − sft    +8.3 [+2.5, +17.4]*     +3.5 [+0.3, +7.3]*     +2.5 [−3.3, +8.3]
            random-reward − sft       −13.3 [−20.8, −6.7]*    −8.5 [−12.1, −4.9]*  −15.8 [−23.5, −10.0]*
            copy-nearest − sft       −25.8 [−35.0, −18.4]*
            rl − preferred           +16.7 [+10.8, +25.0]*  +14.3 [+10.6, +18.1]*   +10.0 [+5.0, +17.5]*
            rl − sft-equal-compute   +19.2 [+12.5, +26.7]*  +14.4 [+10.7, +17.5]*   +11.7 [+5.8, +19.0]*
            rl − random-reward       +40.8 [+32.5, +50.0]*  +26.5 [+22.8, +30.6]*  +30.0 [+22.5, +39.2]*
            rl − copy-nearest        +53.3 [+45.0, +61.7]*

            The model rl solves 53.3 % of 120 held-out tasks (docfn in Python) at its first guess; a sample of it passes with a chance of 45.1 %. For sft it is 25.8 % and 27.2 %.
            Against sft, pass@1 rises by 17.9 points (+14.8 to +21.6), greedy rises by 27.5 points (+20.8 to +37.5), and pass@8 rises by 14.2 points (+8.3 to +20.0).
            Against the control sft-equal-compute (more supervised learning for the same time), rl is ahead in greedy (+19.2 points, +12.5 to +26.7), ahead in pass@1 (+14.4 points, +10.7 to +17.5), ahead in pass@8 (+11.7 points, +5.8 to +19.0).
            Random reward (random-reward) does not help, it does harm: pass@1 −8.5 points, −12.1 to −4.9.
            Against the control copy-nearest (copying the response to the nearest prompt), rl is ahead in greedy (+53.3 points, +45.0 to +61.7).
            Of the samples of rl, 2.1 % pass the visible tests and fail others (sft: 3.1 %).
            Intervals are at 95 %. This is one seed: they speak of other tasks of this kind, not of other seeds.

            report  .prentice/recipes/docfn/report.html
        "#]].assert_eq(&ending(&results, ".prentice/recipes/docfn/report.html"));
    }
}
