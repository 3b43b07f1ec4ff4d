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
        return vec!["The recipe has no stage that measures a model, so nothing is known of how good its models are.".into()];
    }
    sentences.push(match results.seeds.len() {
        1 => "This is one seed: the intervals speak of other tasks of this kind, not of other seeds.".to_owned(),
        seeds => format!("Figures are means over {seeds} seeds; the intervals are Student's over seeds."),
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
        "{} solves {} of {} ({}) at its first guess{sampled}.",
        capitalised(&exam.model),
        format::percent(greedy.value),
        format::counted(tasks as u64, "held-out task"),
        group.title,
    )
}

fn level_beside(exam: &Exam) -> String {
    let sampled = exam.figures.pass_at_1.map_or_else(String::new, |share| format!(" and {}", format::percent(share.value)));
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
                format!("the change of {metric} could be chance ({} points, {})", format::points(estimate.value), interval(estimate))
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
    let figure = format!("{} {} points, {}", change.metric, format::points(change.estimate.value), interval(&change.estimate));
    match Finding::of(&change.estimate) {
        Finding::More => format!(
            "Random reward ({}) helps as well: {figure}. So much of the gain is no proof of learning from verdicts.",
            exam.model
        ),
        Finding::Less => format!("Random reward ({}) does harm, as it should: {figure}.", exam.model),
        Finding::Open => format!("Random reward ({}) has no effect that can be told from chance: {figure}.", exam.model),
    }
}

fn against_control(main: &Exam, exam: &Exam, control: Control, difference: &Difference) -> String {
    let one = |change: &Change| {
        let (place, by) = match Finding::of(&change.estimate) {
            Finding::More => ("ahead", format::points(change.estimate.value)),
            Finding::Less => ("behind", format::points(change.estimate.value)),
            Finding::Open => ("not told apart", format::points(change.estimate.value)),
        };
        format!("{place} in {} ({by} points, {})", change.metric, interval(&change.estimate))
    };
    let all: Vec<String> = difference.changes.iter().map(one).collect();
    format!("Beside {} ({}), {} is {}.", exam.model, control.in_words(), main.model, all.join(", "))
}

fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", format::points(estimate.low), format::points(estimate.high))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
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
            let cell = |name: &String| shares.iter().find(|(other, _)| other == name).map_or_else(String::new, |(_, share)| bracketed(share, |value| format::decimal(value * 100.0, 1)));
            let control = if exam.control.is_some() { " (control)" } else { "" };
            std::iter::once(format!("{}{control}", exam.model)).chain(names.iter().map(cell)).collect()
        })
        .collect();
    aligned("model", &names, &rows)
}

fn changes_table(group: &Group) -> String {
    let names = columns(group.differences.iter().flat_map(|one| one.changes.iter().map(|change| change.metric.clone())));
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
    names.for_each(|name| if !unique.contains(&name) { unique.push(name) });
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
