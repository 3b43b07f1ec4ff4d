//! The report of `prentice eval SUITE`: one HTML file, as self-contained as the quickstart's.

use prentice_base::Verdict;
use prentice_eval::{
    statistics::Estimate,
    summary::{Outcome, Summary, TaskOutcomes},
};

use super::{
    html::{Html, ToHtml, fill_page, html},
    sections::facts,
};
use crate::{commands::verdict_in_words, format};

/// Rows of failing samples that are shown.
const ROWS: usize = 200;

/// The page. `failed` are the samples that did not pass, `skipped` the languages that cannot be executed here.
pub fn page(
    title: &str,
    summary: &Summary,
    tasks: &[TaskOutcomes],
    failed: &[(String, Verdict)],
    skipped: &[(String, usize, String)],
) -> String {
    let values: &[(&str, &dyn ToHtml)] = &[
        ("style", &Html::own(include_str!("style.css"))),
        ("title", &title),
        ("lead", &lead(summary)),
        ("metrics", &metrics(summary)),
        ("counts", &counts(summary, skipped)),
        ("tasks", &grid(tasks)),
        ("failed", &failures(failed)),
    ];
    fill_page(include_str!("suite.html"), values).into_string()
}

fn lead(summary: &Summary) -> Html {
    let Some(estimate) = summary.pass_at.get(&1) else {
        return html("<p class=\"lead\">No sample has a verdict.</p>", &[]);
    };
    html(
        "<p class=\"lead\">A sample passes with probability <b>{}</b> (95 % interval {}), over {}.</p>",
        &[&format::percent(estimate.value), &interval(estimate), &format::counted(summary.tasks as u64, "task")],
    )
}

fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", format::percent(estimate.low), format::percent(estimate.high))
}

fn metrics(summary: &Summary) -> Html {
    let rows = [("pass@", &summary.pass_at), ("pass^", &summary.pass_hat)].into_iter().flat_map(|(name, values)| {
        values.iter().filter(move |(k, _)| name == "pass@" || **k > 1).map(move |(k, estimate)| {
            let cells: [&dyn ToHtml; 3] =
                [&format!("{name}{k}"), &format::percent(estimate.value), &interval(estimate)];
            html("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>", &cells)
        })
    });
    let rows: Html = rows.collect();
    html(
        "<table><thead><tr><th>Metric</th><th>Value</th><th>95 % interval</th></tr></thead><tbody>{}</tbody></table>",
        &[&rows],
    )
}

fn counts(summary: &Summary, skipped: &[(String, usize, String)]) -> Html {
    let count = |value: usize| format::count(value as u64);
    let mut rows: Vec<(&str, String)> = vec![
        ("Samples", count(summary.total)),
        ("Passed", count(summary.passed)),
        ("Failed", count(summary.failed)),
        ("Infrastructure errors", count(summary.infrastructure_errors)),
    ];
    let kinds: Vec<String> =
        summary.failures.iter().map(|(kind, number)| format!("{} {}", number, kind.replace('_', " "))).collect();
    if !kinds.is_empty() {
        rows.push(("Failures", kinds.join(", ")));
    }
    if let Some(cost) = &summary.cost_per_solved {
        rows.push(("US dollars a solved sample", format!("{:.4}", cost.value)));
    }
    let languages: Vec<String> =
        skipped.iter().map(|(language, tasks, hint)| format!("{language}: {tasks} tasks, {hint}")).collect();
    if !languages.is_empty() {
        rows.push(("Not executed here", languages.join("; ")));
    }
    facts("", &rows)
}

/// A square for each task: how many of its samples passed.
fn grid(tasks: &[TaskOutcomes]) -> Html {
    let squares: Html = tasks
        .iter()
        .map(|task| {
            let total = task.outcomes.len();
            let passed = task.outcomes.iter().filter(|outcome| **outcome == Outcome::Pass).count();
            let class = match (total, passed) {
                (0, _) => "none",
                (_, 0) => "failed",
                (total, passed) if total == passed => "passed",
                _ => "some",
            };
            let name = format!("{}: {passed} of {total}", task.task);
            html("<li class=\"{}\" title=\"{}\"></li>", &[&class, &name])
        })
        .collect();
    html("<ol class=\"tasks\">{}</ol>", &[&squares])
}

fn failures(failed: &[(String, Verdict)]) -> Html {
    if failed.is_empty() {
        return html("<p>Every sample passed.</p>", &[]);
    }
    let rows: Html = failed
        .iter()
        .take(ROWS)
        .map(|(task, verdict)| {
            html("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", &[task, &verdict_in_words(verdict)])
        })
        .collect();
    let more = match failed.len() - failed.len().min(ROWS) {
        0 => Html::default(),
        more => html("<p>And {} more, in results.jsonl.</p>", &[&format::count(more as u64)]),
    };
    html(
        "<table><thead><tr><th>Task</th><th>What happened</th></tr></thead><tbody>{}</tbody></table>{}",
        &[&rows, &more],
    )
}
