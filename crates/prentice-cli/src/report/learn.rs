//! The report of `prentice run`: what the models of a recipe can do, how they differ, how they learned, what they wrote.
//!
//! One HTML file, as self-contained as the quickstart's. Its words come from the same sentences as the terminal's.

use prentice_base::digest_json;
use prentice_eval::statistics::Estimate;
use prentice_train::{checkpoint::CurvePoint, rl::reinforce::RlPoint};

use super::{
    curves::{LARGE, Line, SMALL, lines},
    html::{Html, ToHtml, fill_page, html},
    sections::{self, facts},
};
use crate::{
    format,
    recipe::{
        reading::{Finding, sentences},
        results::{Course, Difference, Exam, Group, Programs, Results, StageResult, Training},
    },
};

/// The page.
pub fn page(results: &Results) -> String {
    let per_group = |section: &dyn Fn(&Group) -> Html| -> Html {
        let all: Html = results.groups.iter().map(section).collect();
        or_none(all, "Nothing was measured.")
    };
    let values: &[(&str, &dyn ToHtml)] = &[
        ("style", &Html::own(include_str!("style.css"))),
        ("title", &results.title),
        ("reading", &reading(results)),
        ("identity", &identity(results)),
        ("models", &per_group(&models)),
        ("differences", &per_group(&differences)),
        ("of_seed", &of_seed(results)),
        ("learning", &or_none(learning(&results.training), "No stage trains a model.")),
        ("programs", &per_group(&programs)),
        ("stages", &stages(&results.stages)),
        ("digest", &digest_json(&results.summary()).short()),
    ];
    fill_page(include_str!("learn.html"), values).into_string()
}

fn or_none(content: Html, otherwise: &str) -> Html {
    if content == Html::default() { html("<p class=\"none\">{}</p>", &[&otherwise]) } else { content }
}

fn reading(results: &Results) -> Html {
    let sentences: Html = sentences(results).iter().map(|sentence| html("<li>{}</li>\n", &[sentence])).collect();
    html("<ul class=\"reading\">{}</ul>", &[&sentences])
}

fn identity(results: &Results) -> Html {
    let seeds: Vec<String> = results.seeds.iter().map(|seed| seed.0.to_string()).collect();
    let seconds: f64 = results.stages.iter().map(|stage| stage.manifest.seconds).sum();
    let mut facts = vec![
        (if seeds.len() == 1 { "Seed" } else { "Seeds" }, seeds.join(", ")),
        ("Stages", results.stages.len().to_string()),
        ("Time", format::duration(seconds)),
    ];
    if let Some(stage) = results.stages.last() {
        facts.push(("Prentice", stage.manifest.code_version.clone()));
    }
    let facts: Html =
        facts.iter().map(|(name, fact)| html("<div><dt>{}</dt><dd>{}</dd></div>", &[name, fact])).collect();
    html("<dl class=\"identity\">{}</dl>", &[&facts])
}

/// Which of several seeds it is that curves and programs are shown of.
fn of_seed(results: &Results) -> Html {
    match results.seeds[..] {
        [first, _, ..] => html(" Shown of seed {}.", &[&first.0]),
        _ => Html::default(),
    }
}

/// Names of the figures that a group has, in the order in which they are shown.
fn columns(group: &Group) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in group.exams.iter().flat_map(|exam| exam.figures.shares()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn models(group: &Group) -> Html {
    let names = columns(group);
    let titles: Html = names.iter().map(|name| html("<th class=\"n\">{}</th>", &[name])).collect();
    let plotted = plotted(group);
    let of_plot = |exam: &Exam| exam.figures.shares().into_iter().find(|(name, _)| name == plotted).map(|(_, of)| of);
    let highest = group.exams.iter().filter_map(of_plot).map(|share| share.high).fold(0.01, f64::max);
    let rows: Html = group
        .exams
        .iter()
        .enumerate()
        .map(|(index, exam)| {
            let shares = exam.figures.shares();
            let cells: Html = names
                .iter()
                .map(|name| cell(shares.iter().find(|(other, _)| other == name).map(|(_, share)| share)))
                .collect();
            let whisker = of_plot(exam).map_or_else(Html::default, |share| whisker(&share, (0.0, highest)));
            html(
                "<tr class=\"{}\">{}{}<td class=\"plot\">{}</td></tr>\n",
                &[&role(group, index), &name_of(exam), &cells, &whisker],
            )
        })
        .collect();
    let tasks = group.exams.first().map_or(0, |exam| exam.figures.tasks);
    let table = html(
        "<div class=\"scroll\"><table class=\"measures\"><thead><tr><th>{}</th>{}<th class=\"plot\">{} from 0 to {}</th></tr></thead><tbody>\n{}</tbody></table></div>\n",
        &[&format::counted(tasks as u64, "task"), &titles, &plotted, &format::percent(highest), &rows],
    );
    html("<div class=\"group\"><h3>{}</h3>\n{}{}</div>\n", &[&group.title, &table, &by_depth(group)])
}

/// The figure that is drawn: pass@1, or greedy where no model was sampled.
fn plotted(group: &Group) -> &'static str {
    if group.exams.iter().any(|exam| exam.figures.pass_at_1.is_some()) { "pass@1" } else { "greedy" }
}

fn role(group: &Group, index: usize) -> &'static str {
    match group.exams[index].control {
        Some(_) => "control",
        None if group.main == Some(index) => "main",
        None => "",
    }
}

fn name_of(exam: &Exam) -> Html {
    match exam.control {
        None => html("<th scope=\"row\">{}</th>", &[&exam.model]),
        Some(control) => html(
            "<th scope=\"row\">{} <span class=\"tag\">control</span><small>{}</small></th>",
            &[&exam.model, &control.in_words()],
        ),
    }
}

fn cell(share: Option<&Estimate>) -> Html {
    let Some(share) = share else { return html("<td class=\"n\">{}</td>", &[&format::UNKNOWN]) };
    let percent = |value: f64| format::decimal(value * 100.0, 1);
    html(
        "<td class=\"n\">{}<small>{}–{}</small></td>",
        &[&format::percent(share.value), &percent(share.low), &percent(share.high)],
    )
}

/// An interval with its best guess, on an axis from `low` to `high`; zero is marked where it is within.
fn whisker(estimate: &Estimate, (low, high): (f64, f64)) -> Html {
    let place = |value: f64| ((value - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    let (left, right) = (place(estimate.low), place(estimate.high));
    let zero =
        if low < 0.0 && high > 0.0 { html("<u style=\"left:{}%\"></u>", &[&place(0.0)]) } else { Html::default() };
    html(
        "<span class=\"whisker\">{}<i style=\"left:{}%;width:{}%\"></i><b style=\"left:{}%\"></b></span>",
        &[&zero, &left, &(right - left), &place(estimate.value)],
    )
}

fn by_depth(group: &Group) -> Html {
    let mut depths: Vec<(usize, usize)> = Vec::new();
    for (depth, figures) in group.exams.iter().flat_map(|exam| &exam.by_depth) {
        if !depths.iter().any(|(other, _)| other == depth) {
            depths.push((*depth, figures.tasks));
        }
    }
    depths.sort_unstable();
    if depths.len() < 2 {
        return Html::default();
    }
    let plotted = plotted(group);
    let titles: Html = depths
        .iter()
        .map(|(depth, tasks)| {
            html("<th class=\"n\">depth {} ({})</th>", &[&(*depth as u64), &format::counted(*tasks as u64, "task")])
        })
        .collect();
    let rows: Html = group
        .exams
        .iter()
        .enumerate()
        .map(|(index, exam)| {
            let figures = |depth: usize| exam.by_depth.iter().find(|(other, _)| *other == depth).map(|(_, of)| of);
            let cells: Html = depths
                .iter()
                .map(|(depth, _)| {
                    let shares = figures(*depth).map(|of| of.shares()).unwrap_or_default();
                    cell(shares.iter().find(|(name, _)| name == plotted).map(|(_, share)| share))
                })
                .collect();
            html("<tr class=\"{}\"><th scope=\"row\">{}</th>{}</tr>\n", &[&role(group, index), &exam.model, &cells])
        })
        .collect();
    html(
        "<h4>{} by the depth of the wanted program</h4><div class=\"scroll\"><table class=\"measures\"><thead><tr><th></th>{}</tr></thead><tbody>\n{}</tbody></table></div>\n",
        &[&plotted, &titles, &rows],
    )
}

fn differences(group: &Group) -> Html {
    if group.differences.is_empty() {
        return html(
            "<div class=\"group\"><h3>{}</h3><p class=\"none\">There are no two models to compare.</p></div>\n",
            &[&group.title],
        );
    }
    let mut names: Vec<&str> = Vec::new();
    let mut bound = 0.01f64;
    for change in group.differences.iter().flat_map(|one| &one.changes) {
        if !names.contains(&change.metric.as_str()) {
            names.push(&change.metric);
        }
    }
    let plotted = plotted(group);
    for change in group.differences.iter().filter_map(|one| one.change(plotted)) {
        bound = bound.max(change.estimate.low.abs()).max(change.estimate.high.abs());
    }
    let titles: Html = names.iter().map(|name| html("<th class=\"n\">{}</th>", &[name])).collect();
    let rows: Html = group.differences.iter().map(|one| difference(group, one, &names, bound)).collect();
    html(
        "<div class=\"group\"><h3>{}</h3>\n<div class=\"scroll\"><table class=\"measures\"><thead><tr><th></th>{}<th class=\"plot\">{}, ±{} points</th></tr></thead><tbody>\n{}</tbody></table></div></div>\n",
        &[&group.title, &titles, &plotted, &format::decimal(bound * 100.0, 1), &rows],
    )
}

fn difference(group: &Group, difference: &Difference, names: &[&str], bound: f64) -> Html {
    let (from, to) = (group.exam(&difference.from), group.exam(&difference.to));
    let is_control = from.control.is_some() || to.control.is_some();
    let cells: Html = names
        .iter()
        .map(|name| match difference.change(name) {
            None => cell(None),
            Some(change) => {
                let class = if Finding::of(&change.estimate) == Finding::Open { "n open" } else { "n sure" };
                html(
                    "<td class=\"{}\">{}<small>{} to {}</small></td>",
                    &[
                        &class,
                        &format::points(change.estimate.value),
                        &format::points(change.estimate.low),
                        &format::points(change.estimate.high),
                    ],
                )
            }
        })
        .collect();
    let drawn = difference.change(plotted(group)).map(|change| change.estimate);
    let class = match drawn {
        Some(change) if Finding::of(&change) == Finding::Open => "plot open",
        _ => "plot",
    };
    let drawn = drawn.map_or_else(Html::default, |change| whisker(&change, (-bound, bound)));
    let is_main = group.baseline.zip(group.main).and_then(|(from, to)| group.difference(from, to)) == Some(difference);
    let role = match (is_main, is_control) {
        (true, _) => "main",
        (false, true) => "control",
        (false, false) => "",
    };
    html(
        "<tr class=\"{}\"><th scope=\"row\">{}<small>against {}</small></th>{}<td class=\"{}\">{}</td></tr>\n",
        &[&role, &to.model, &from.model, &cells, &class, &drawn],
    )
}

/// Learning from execution first; of several such stages, controls are folded.
fn learning(training: &[Training]) -> Html {
    let from_execution = training.iter().filter_map(|one| match &one.course {
        Course::Execution(curve) => Some(execution(one, curve)),
        _ => None,
    });
    let others: Html = training
        .iter()
        .flat_map(|one| match &one.course {
            Course::Examples(curve) => vec![losses(one, curve)],
            Course::Pairs(curve, figures) => {
                let of = |value: &dyn Fn(usize) -> Option<f32>| -> Vec<(f64, f64)> {
                    let points = curve.iter().enumerate().map(|(index, point)| (point.step, value(index)));
                    points.filter_map(|(step, value)| Some((step as f64, f64::from(value?)))).collect()
                };
                vec![
                    losses(one, curve),
                    small(
                        &format!("{}: margin", one.stage),
                        "of the better response",
                        of(&|at| figures.get(at)?.margin),
                    ),
                    small(
                        &format!("{}: ranked rightly", one.stage),
                        "share of pairs",
                        of(&|at| figures.get(at)?.accuracy),
                    ),
                ]
            }
            Course::Execution(_) => Vec::new(),
        })
        .collect();
    let mut all: Vec<Html> = from_execution.collect();
    if others != Html::default() {
        all.push(html(
            "<div class=\"course\"><h3>From texts, examples and pairs</h3><div class=\"small-charts\">{}</div></div>\n",
            &[&others],
        ));
    }
    all.into_iter().collect()
}

/// One figure of a step.
type Figure = fn(&RlPoint) -> f32;

fn execution(training: &Training, curve: &[RlPoint]) -> Html {
    let of = |value: Figure| -> Vec<(f64, f64)> {
        curve.iter().map(|point| (point.step as f64, f64::from(value(point)))).collect()
    };
    let mut shares = vec![
        Line { label: "solved", points: of(|point| point.solved) },
        Line { label: "visible", points: of(|point| point.visible) },
    ];
    // Where reward is the share that is solved, its line would hide the other.
    if curve.iter().any(|point| (point.reward - point.solved).abs() > 1e-4) {
        shares.push(Line { label: "reward", points: of(|point| point.reward) });
    }
    let end = curve.last().copied().unwrap_or_default();
    let summary = format!(
        "{} of attempts solved at the end, {} pass the visible tests",
        format::percent(f64::from(end.solved)),
        format::percent(f64::from(end.visible))
    );
    let chart = lines(&LARGE, &summary, &shares, true);
    // Figures that stay 0 say so in words instead of an empty chart.
    let figures: [(&str, &str, Figure); 9] = [
        ("Entropy", "nats a token", |point| point.entropy),
        ("Length", "tokens written", |point| point.length),
        ("Flat groups", "share without variance, which teach nothing", |point| point.flat_groups),
        ("Distinct", "share of attempts unlike others at their task", |point| point.distinct),
        ("KL", "to the reference, nats a token", |point| point.kl),
        ("Clipped", "share of tokens", |point| point.clip_fraction),
        ("Loopholes", "share of attempts", |point| point.loopholes),
        ("Cut off", "share of attempts", |point| point.truncated),
        ("Gradient", "norm before clipping", |point| point.gradient_norm),
    ];
    let (drawn, zero): (Vec<_>, Vec<_>) =
        figures.into_iter().partition(|(_, _, value)| curve.iter().any(|point| value(point) != 0.0));
    let charts: Html = drawn.into_iter().map(|(name, unit, value)| small(name, unit, of(value))).collect();
    let zero: Vec<&str> = zero.into_iter().map(|(name, ..)| name).collect();
    let zero = match zero[..] {
        [] => Html::default(),
        _ => html("<p class=\"under-table\">0 in all steps: {}.</p>", &[&zero.join(", ").to_lowercase()]),
    };
    let seconds: f64 = curve.iter().map(|point| f64::from(point.rollout_seconds + point.update_seconds)).sum();
    let sampling: f64 = curve.iter().map(|point| f64::from(point.rollout_seconds)).sum();
    let times = facts(
        "under",
        &[
            ("Steps", format::count(curve.len() as u64)),
            ("Time", format::duration(seconds)),
            ("Sampling and judging", format::percent(sampling / seconds)),
        ],
    );
    let inside = html(
        "<p class=\"under-table\">Share of attempts, smoothed</p>{}<div class=\"small-charts\">{}</div>{}{}",
        &[&chart, &charts, &zero, &times],
    );
    match training.control {
        None => html("<div class=\"course\"><h3>{}</h3>{}</div>\n", &[&training.stage, &inside]),
        Some(control) => html(
            "<details class=\"course\"><summary><h3>{}</h3> <span class=\"tag\">control</span> {}</summary>{}</details>\n",
            &[&training.stage, &control.in_words(), &inside],
        ),
    }
}

fn losses(training: &Training, curve: &[CurvePoint]) -> Html {
    let points = curve.iter().map(|point| (point.step as f64, f64::from(point.loss))).collect();
    small(&format!("{}: loss", training.stage), "smoothed", points)
}

fn small(name: &str, unit: &str, points: Vec<(f64, f64)>) -> Html {
    let end = points.last().map_or(f64::NAN, |point| point.1);
    let chart = lines(
        &SMALL,
        &format!("{name}, {unit}: ends at {}", format::decimal(end, 3)),
        &[Line { label: "", points }],
        false,
    );
    html("<figure><figcaption><b>{}</b> · {}</figcaption>{}</figure>\n", &[&name, &unit, &chart])
}

fn programs(group: &Group) -> Html {
    let (Some(before), Some(after)) = (group.baseline, group.main) else { return Html::default() };
    let (before, after) = (&group.exams[before].model, &group.exams[after].model);
    let [gains, losses] = group.solved_by_one;
    let count = |count: usize| format::counted(count as u64, "task");
    let figures: Html = group.programs.iter().map(|programs| one(programs, before, after)).collect();
    html(
        "<div class=\"group\"><h3>{}</h3>\n<p class=\"counts\">Only {} solves {}, only {} solves {}.</p>\n{}</div>\n",
        &[&group.title, after, &count(gains), before, &count(losses), &figures],
    )
}

fn one(programs: &Programs, before: &str, after: &str) -> Html {
    let part = |class: &str, label: &str, text: &str| -> Html {
        let text = text.trim_end_matches('\n');
        let lines = text.split('\n').enumerate().map(|(number, line)| {
            html(
                "<span class=\"line {}\"><b>{}</b>{}\n</span>",
                &[&class, &if number == 0 { label } else { "" }, &line],
            )
        });
        lines.collect()
    };
    let (class, solver) = if programs.is_gain { ("exact", after) } else { ("", before) };
    html(
        concat!(
            "<figure class=\"completion\"><figcaption><code>{}</code><span class=\"origin\">depth {}</span>",
            "<span class=\"mark {}\">only {} solves it</span></figcaption>\n",
            "<pre class=\"code\"><div>{}{}{}</div></pre></figure>\n",
        ),
        &[
            &programs.task,
            &(programs.depth as u64),
            &class,
            &solver,
            &part("context", "", &programs.prompt),
            &part("turn", "before", &programs.before),
            &part("turn after", "after", &programs.after),
        ],
    )
}

fn stages(stages: &[StageResult]) -> Html {
    stages.iter().map(stage).collect()
}

fn stage(stage: &StageResult) -> Html {
    let manifest = &stage.manifest;
    let reused = if stage.reused { ", reused" } else { "" };
    html(
        concat!(
            "<details class=\"stage run\"><summary><b>{}</b><span>{}{}</span><span>{}</span>",
            "<span class=\"n\">{}</span></summary>\n<div class=\"inside\">{}{}</div></details>\n",
        ),
        &[
            &manifest.stage,
            &stage.does,
            &reused,
            &manifest.summary["detail"].as_str().unwrap_or_default(),
            &format::duration(manifest.seconds),
            &html("<div><h3>Place</h3><pre>{}</pre></div>\n", &[&stage.directory]),
            &sections::provenance(manifest),
        ],
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        recipe::results::{over_seeds, tests::sample},
        report::tests::{HOSTILE, assert_closed, tags},
    };

    #[test]
    fn a_sample_to_look_at() {
        let page = page(&sample("", 1));
        assert!(page.len() < 200_000, "{} bytes", page.len());
        if std::env::var_os("PRENTICE_REPORT_SAMPLE").is_some() {
            let target = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
            std::fs::create_dir_all(&target).unwrap();
            std::fs::write(target.join("recipe-sample.html"), page).unwrap();
        }
    }

    #[test]
    fn hostile_text_adds_no_element() {
        let (plain, hostile) = (page(&sample("", 1)), page(&sample(HOSTILE, 1)));
        // A model is called by its stage: without its name `sft` another is the baseline, so only whole pages compare.
        assert!(hostile.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
        assert!(!hostile.contains("<script") && !hostile.contains("<img") && !hostile.contains('\u{202e}'));
        let known: Vec<&str> = tags(&plain);
        assert!(tags(&hostile).iter().all(|tag| known.contains(tag)));
        assert_closed(&plain);
        assert_closed(&hostile);
    }

    #[test]
    fn the_page_asks_for_nothing() {
        let once = page(&sample("", 1));
        for forbidden in ["http:", "https:", "url(", "@import", "<link", "src=", "javascript:"] {
            assert!(!once.contains(forbidden), "{forbidden}");
        }
        assert!(once.contains("default-src 'none'"));
        assert_eq!(once, page(&sample("", 1)), "the same results give the same bytes");
    }

    #[test]
    fn an_empty_recipe_still_renders() {
        let mut results = sample("", 1);
        (results.groups, results.training, results.stages) = (Vec::new(), Vec::new(), Vec::new());
        let page = page(&results);
        assert!(page.contains("Nothing was measured") && page.contains("No stage trains a model"));
        assert_closed(&page);
    }

    #[test]
    fn seeds_are_named() {
        let page = page(&over_seeds([1, 2].map(|seed| sample("", seed)).into()));
        assert!(page.contains("<dt>Seeds</dt><dd>1, 2</dd>"), "{page}");
        assert_eq!(page.matches("Shown of seed 1.").count(), 2);
        assert_closed(&page);
    }

    #[test]
    fn rows_show_figures_with_intervals_and_mark_controls() {
        let mut group = sample("", 1).groups.remove(0);
        group.exams.drain(..4);
        group.exams.iter_mut().for_each(|exam| exam.by_depth.clear());
        expect![[r#"
            <div class="group"><h3>docfn in Python</h3>
            <div class="scroll"><table class="measures"><thead><tr><th>120 tasks</th><th class="n">greedy</th><th class="n">pass@1</th><th class="n">pass@8</th><th class="n">gap</th><th class="plot">pass@1 from 0 to 23.2 %</th></tr></thead><tbody>
            <tr class="control"><th scope="row">random-reward <span class="tag">control</span><small>learning from random rewards</small></th><td class="n">12.5 %<small>7.7–19.6</small></td><td class="n">18.6 %<small>15.1–23.2</small></td><td class="n">53.3 %<small>45.0–62.5</small></td><td class="n">2.8 %<small>1.9–3.9</small></td><td class="plot"><span class="whisker"><i style="left:65.02%;width:34.98%"></i><b style="left:80.27%"></b></span></td></tr>
            <tr class="control"><th scope="row">copy-nearest <span class="tag">control</span><small>copying the response to the nearest prompt</small></th><td class="n">0.0 %<small>0.0–3.1</small></td><td class="n">–</td><td class="n">–</td><td class="n">–</td><td class="plot"></td></tr>
            </tbody></table></div>
            </div>
        "#]].assert_eq(&models(&group).into_string());
    }

    #[test]
    fn a_difference_that_may_be_chance_is_hollow() {
        let group = sample("", 1).groups.remove(1);
        expect![[r#"
            <div class="group"><h3>iofn in Python</h3>
            <div class="scroll"><table class="measures"><thead><tr><th></th><th class="n">greedy</th><th class="n">pass@1</th><th class="n">pass@8</th><th class="plot">pass@1, ±6.5 points</th></tr></thead><tbody>
            <tr class="main"><th scope="row">rl<small>against sft</small></th><td class="n open">0.0<small>−6.3 to +5.0</small></td><td class="n sure">+3.2<small>+0.4 to +6.5</small></td><td class="n sure">+10.0<small>+1.7 to +17.6</small></td><td class="plot"><span class="whisker"><u style="left:50%"></u><i style="left:53.23%;width:46.77%"></i><b style="left:75%"></b></span></td></tr>
            </tbody></table></div></div>
        "#]].assert_eq(&differences(&group).into_string());
    }

    #[test]
    fn programs_stand_below_each_other() {
        let mut group = sample("", 1).groups.remove(0);
        group.programs.truncate(1);
        expect![[r#"
            <div class="group"><h3>docfn in Python</h3>
            <p class="counts">Only rl solves 34 tasks, only sft solves 1 task.</p>
            <figure class="completion"><figcaption><code>docfn/test/0</code><span class="origin">depth 1</span><span class="mark exact">only rl solves it</span></figcaption>
            <pre class="code"><div><span class="line context"><b></b>def solve(xs):
            </span><span class="line context"><b></b>    &quot;&quot;&quot;Keep every number above 0.&quot;&quot;&quot;
            </span><span class="line turn"><b>before</b>    return [x for x in xs if x &gt; 0]
            </span><span class="line turn after"><b>after</b>    return [x for x in xs if x &gt; 1]
            </span></div></pre></figure>
            </div>
        "#]].assert_eq(&programs(&group).into_string());
    }
}
