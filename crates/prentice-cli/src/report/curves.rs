//! Small charts of figures over steps, as inline SVG: up to three lines, and the space between two of them shaded.
//!
//! The figures of single steps are means over few attempts and jump; what is drawn is smoothed over a twelfth of the
//! steps. Axes begin at 0, so that a small change does not look like a large one.

use super::{
    chart::{path, smoothed, thinned, ticks},
    html::{Html, html},
};
use crate::format;

/// A figure, step by step.
pub struct Line<'a> {
    /// At the end of the line; may be empty where there is only one.
    pub label: &'a str,
    /// (step, value), in order of steps.
    pub points: Vec<(f64, f64)>,
}

/// Where a chart is shown, and how large.
#[derive(Clone, Copy)]
pub struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    right: f64,
}

/// Of the width of the page.
pub const LARGE: [Frame; 2] = [
    Frame { class: "wide", width: 820.0, height: 300.0, right: 112.0 },
    Frame { class: "narrow", width: 430.0, height: 260.0, right: 96.0 },
];
/// One of several beside each other.
pub const SMALL: [Frame; 1] = [Frame { class: "both", width: 300.0, height: 130.0, right: 6.0 }];

/// Lines are smoothed over a twelfth of their points.
const WINDOWS: usize = 12;
const LEFT: f64 = 34.0;
const TOP: f64 = 10.0;
const BELOW: f64 = 24.0;
const LABEL_HEIGHT: f64 = 16.0;
/// Classes of lines, in their order.
const CLASSES: [(&str, &str); 3] = [("first", "label-first"), ("second", "label-second"), ("third", "label-third")];

/// Draws the lines; the space between the first two is shaded where `band` says so. Nothing is drawn of fewer than two
/// steps.
pub fn lines(frames: &[Frame], summary: &str, lines: &[Line], band: bool) -> Html {
    let lines: Vec<Line> = lines
        .iter()
        .map(|line| {
            let finite: Vec<(f64, f64)> = line.points.iter().filter(|point| point.1.is_finite()).copied().collect();
            Line { label: line.label, points: if finite.is_empty() { finite } else { smoothed(&finite, WINDOWS) } }
        })
        .filter(|line| line.points.len() > 1)
        .collect();
    if lines.is_empty() {
        return html("<p class=\"none\">Too few steps to draw a curve.</p>", &[]);
    }
    frames.iter().map(|frame| draw(*frame, summary, &lines, band && lines.len() > 1)).collect()
}

fn draw(frame: Frame, summary: &str, lines: &[Line], band: bool) -> Html {
    let all = || lines.iter().flat_map(|line| line.points.iter().copied());
    let low = all().map(|point| point.1).fold(0.0, f64::min);
    let high = all().map(|point| point.1).fold(0.0, f64::max);
    let value_ticks = ticks(low, if high > low { high } else { low + 1.0 }, if frame.height > 200.0 { 5 } else { 3 });
    let (low, high) = (value_ticks[0], value_ticks[value_ticks.len() - 1]);
    // As many places as tell one tick from the next; steps are 1, 2 or 5 times a power of ten.
    let places = (-(value_ticks[1] - value_ticks[0]).log10()).ceil().clamp(0.0, 6.0) as usize;
    let first = all().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let last = all().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
    let (right, bottom) = (frame.width - frame.right, frame.height - BELOW);
    let x = |step: f64| LEFT + (step - first) / (last - first).max(1.0) * (right - LEFT);
    let y = |value: f64| bottom - (value - low) / (high - low) * (bottom - TOP);
    let place = |point: (f64, f64)| (x(point.0), y(point.1));
    let columns = (right - LEFT) as usize / 2;

    let mut marks = Vec::new();
    for tick in &value_ticks {
        marks.push(html(
            "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            &[&LEFT, &right, &y(*tick), &y(*tick), &(LEFT - 6.0), &(y(*tick) + 4.0), &format::decimal(*tick, places)],
        ));
    }
    let steps = ticks(first, last, if frame.width > 600.0 { 7 } else { 3 });
    for tick in steps.iter().filter(|tick| (first..=last).contains(*tick)) {
        marks.push(html(
            "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            &[&x(*tick), &x(*tick), &bottom, &(bottom + 4.0), &x(*tick), &(bottom + 17.0), &format::count(*tick as u64)],
        ));
    }
    let thin: Vec<Vec<(f64, f64)>> = lines.iter().map(|line| thinned(&line.points, columns)).collect();
    if band {
        let outline = lines[0].points.iter().chain(lines[1].points.iter().rev()).map(|point| place(*point));
        marks.push(html("<path class=\"band\" d=\"{}Z\"/>", &[&path(outline)]));
    }
    // The first line lies on top.
    for (points, (class, _)) in thin.iter().zip(CLASSES).rev() {
        marks.push(html("<path class=\"{}\" d=\"{}\"/>", &[&class, &path(points.iter().map(|point| place(*point)))]));
    }
    marks.extend(labels(lines, frame, right, &y));
    let marks: Html = marks.into_iter().collect();
    html(
        "<svg class=\"chart {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\n",
        &[&frame.class, &frame.width, &frame.height, &summary, &marks],
    )
}

/// Names at the ends of the lines, pushed apart where they would touch.
fn labels(lines: &[Line], frame: Frame, right: f64, y: &dyn Fn(f64) -> f64) -> Vec<Html> {
    let mut ends: Vec<(f64, &str, &str)> = lines
        .iter()
        .zip(CLASSES)
        .filter(|(line, _)| !line.label.is_empty())
        .map(|(line, (_, class))| (y(line.points[line.points.len() - 1].1) + 4.0, line.label, class))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for index in 1..ends.len() {
        ends[index].0 = ends[index].0.max(ends[index - 1].0 + LABEL_HEIGHT);
    }
    // What has been pushed below the axis goes up again, with those above it.
    let mut lowest = frame.height - BELOW + 4.0;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(lowest);
        lowest = end.0 - LABEL_HEIGHT;
    }
    let label = |(top, label, class): &(f64, &str, &str)| {
        html("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", &[class, &(right + 8.0), top, label])
    };
    ends.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn lines_are_drawn_with_the_space_between_them() {
        let line = |label, values: [f64; 3]| Line { label, points: (1..).map(f64::from).zip(values).collect() };
        let chart = lines(&SMALL, "a < b", &[line("solved", [0.0, 0.5, 1.0]), line("", [1.0, 1.0, 1.0])], true);
        expect![[r#"
            <svg class="chart both" viewBox="0 0 300 130" role="img" aria-label="a &lt; b">
            <line class="grid" x1="34" x2="294" y1="106" y2="106"/>
            <text x="28" y="110" text-anchor="end">0.0</text>
            <line class="grid" x1="34" x2="294" y1="58" y2="58"/>
            <text x="28" y="62" text-anchor="end">0.5</text>
            <line class="grid" x1="34" x2="294" y1="10" y2="10"/>
            <text x="28" y="14" text-anchor="end">1.0</text>
            <line class="axis" x1="34" x2="34" y1="106" y2="110"/>
            <text x="34" y="123" text-anchor="middle">1</text>
            <line class="axis" x1="164" x2="164" y1="106" y2="110"/>
            <text x="164" y="123" text-anchor="middle">2</text>
            <line class="axis" x1="294" x2="294" y1="106" y2="110"/>
            <text x="294" y="123" text-anchor="middle">3</text>
            <path class="band" d="M34.0 106.0L164.0 58.0L294.0 10.0L294.0 10.0L164.0 10.0L34.0 10.0Z"/>
            <path class="second" d="M34.0 10.0L164.0 10.0L294.0 10.0"/>
            <path class="first" d="M34.0 106.0L164.0 58.0L294.0 10.0"/>
            <text class="label-first" x="302" y="14">solved</text>
            </svg>
        "#]]
        .assert_eq(&chart.into_string().replace("><", ">\n<"));
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let line =
            |values: &[f64]| Line { label: "x", points: (1..).map(f64::from).zip(values.iter().copied()).collect() };
        for values in [&[][..], &[1.0], &[f64::NAN, 1.0]] {
            let chart = lines(&LARGE, "", &[line(values)], true).into_string();
            assert!(chart.contains("Too few steps"), "{values:?}: {chart}");
        }
        let flat = lines(&SMALL, "", &[line(&[0.0, 0.0])], false).into_string();
        assert!(flat.contains("<path") && !flat.contains("NaN"), "{flat}");
    }
}
