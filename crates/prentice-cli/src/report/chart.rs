//! The loss curve as inline SVG: training loss (raw, and smoothed over it), held-out measurements, and the learning
//! rate as a strip below on the same steps.
//!
//! Losses are drawn on a logarithmic scale: the first steps fall so far that on a linear one the rest would be flat.
//!
//! The chart is drawn twice, for wide and for narrow screens, because scaled-down text cannot be read; the style sheet
//! shows one of them.

use super::{
    CurvePoint, Training,
    html::{Html, html},
};
use crate::format;

/// Distance between the tops of two labels that must not touch.
const LABEL_HEIGHT: f64 = 16.0;
/// A loss of zero has no place on a logarithmic scale.
const SMALLEST_LOSS: f64 = 1e-3;
/// A curve is smoothed over a fortieth of its points.
const WINDOWS: usize = 40;
const LEFT: f64 = 34.0;
const TOP: f64 = 26.0;
const STRIP_GAP: f64 = 20.0;
const STRIP: f64 = 38.0;
const BELOW: f64 = 26.0;

#[derive(Clone, Copy)]
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    /// Room for the labels at the ends of the lines.
    right: f64,
}

const FRAMES: [Frame; 2] = [
    Frame { class: "wide", width: 820.0, height: 400.0, right: 112.0 },
    Frame { class: "narrow", width: 430.0, height: 340.0, right: 106.0 },
];

/// The chart for both kinds of screens, or a sentence where there is nothing to draw.
pub fn loss_curve(training: &Training) -> Html {
    let points: Vec<CurvePoint> = training.curve.iter().filter(|point| point.loss.is_finite()).copied().collect();
    if points.len() < 2 {
        return html("<p class=\"none\">Too few steps to draw a curve.</p>", &[]);
    }
    FRAMES.iter().map(|frame| draw(training, &points, *frame)).collect()
}

fn draw(training: &Training, points: &[CurvePoint], frame: Frame) -> Html {
    let held: Vec<(f64, f64)> = training
        .evaluations
        .iter()
        .filter(|point| point.loss.is_finite())
        .map(|point| (point.step as f64, f64::from(point.loss)))
        .collect();
    let raw: Vec<(f64, f64)> = points.iter().map(|point| (point.step as f64, f64::from(point.loss))).collect();
    let smooth = smoothed(&raw, WINDOWS);

    // The raw curve may have spikes: the axis fits what is smooth and all but the lowest hundredth, the rest is cut.
    let mut ordered: Vec<f64> = raw.iter().map(|point| point.1).collect();
    ordered.sort_by(f64::total_cmp);
    let losses = smooth.iter().chain(&held).map(|point| point.1).chain([ordered[ordered.len() / 100]]);
    let (low, high) = losses.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let (low, high) = (low.max(SMALLEST_LOSS) * 0.94, high.max(SMALLEST_LOSS) * 1.03);
    let loss_ticks = logarithmic_ticks(low, high);
    let first = raw[0].0;
    let last = raw[raw.len() - 1].0.max(held.last().map_or(0.0, |point| point.0));

    let right = frame.width - frame.right;
    let strip_bottom = frame.height - BELOW;
    let strip_top = strip_bottom - STRIP;
    let bottom = strip_top - STRIP_GAP;
    let x = |step: f64| LEFT + (step - first) / (last - first).max(1.0) * (right - LEFT);
    let y = |loss: f64| bottom - (loss.clamp(low, high) / low).ln() / (high / low).ln() * (bottom - TOP);
    let place = |point: &(f64, f64)| (x(point.0), y(point.1));

    let columns = (right - LEFT) as usize;
    let mut marks = Vec::new();
    for tick in &loss_ticks {
        marks.push(html(
            "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            &[&LEFT, &right, &y(*tick), &y(*tick), &(LEFT - 8.0), &(y(*tick) + 4.0), &tick_label(*tick)],
        ));
    }
    let step_ticks = ticks(first, last, if frame.width > 600.0 { 7 } else { 4 });
    for tick in step_ticks.iter().filter(|tick| (first..=last).contains(*tick)) {
        marks.push(html(
            "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            &[
                &x(*tick),
                &x(*tick),
                &strip_bottom,
                &(strip_bottom + 4.0),
                &x(*tick),
                &(strip_bottom + 18.0),
                &format::count(*tick as u64),
            ],
        ));
    }
    marks.push(html("<text x=\"0\" y=\"12\">nats per token, logarithmic</text>", &[]));
    marks.push(html("<text x=\"{}\" y=\"{}\">steps</text>", &[&(right + 10.0), &(strip_bottom + 18.0)]));
    marks.push(learning_rate_strip(points, &x, strip_top, strip_bottom, right, columns));

    let raw_path = path(thinned(&raw, columns).iter().map(&place));
    let smooth_path = path(thinned(&smooth, columns / 2).iter().map(&place));
    marks.push(html("<path class=\"raw\" d=\"{}\"/>", &[&raw_path]));
    marks.push(html("<path class=\"smooth\" d=\"{}\"/>", &[&smooth_path]));
    marks.push(html("<path class=\"held\" d=\"{}\"/>", &[&path(held.iter().map(&place))]));
    // Many measurements would hide the line; every so many get a dot, counted from the last.
    let stride = held.len().div_ceil(24).max(1);
    for point in held.iter().rev().step_by(stride) {
        let (cx, cy) = place(point);
        marks.push(html("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"3.2\"/>", &[&cx, &cy]));
    }

    let train_end = smooth[smooth.len() - 1].1;
    let held_end = held.last().map(|point| point.1);
    let mut train_y = y(train_end) + 4.0;
    let mut summary = format!("Training loss ends at {train_end:.2} nats per token");
    if let Some(held_end) = held_end {
        let mut held_y = y(held_end) + 4.0;
        let overlap = LABEL_HEIGHT - (held_y - train_y).abs();
        if overlap > 0.0 {
            let push = if held_end >= train_end { overlap / 2.0 } else { -overlap / 2.0 };
            held_y -= push;
            train_y += push;
            // The lower label must not run into the strip.
            let excess = (held_y.max(train_y) - (bottom + 6.0)).max(0.0);
            held_y -= excess;
            train_y -= excess;
        }
        summary += &format!(", held-out loss at {held_end:.2}");
        marks.push(html(
            "<text class=\"label-held\" x=\"{}\" y=\"{}\">held-out {}</text>",
            &[&(right + 10.0), &held_y, &format::decimal(held_end, 2)],
        ));
    }
    marks.push(html(
        "<text class=\"label-model\" x=\"{}\" y=\"{}\">training {}</text>",
        &[&(right + 10.0), &train_y, &format::decimal(train_end, 2)],
    ));
    let marks: Html = marks.into_iter().collect();
    html(
        "<svg class=\"chart {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\n",
        &[&frame.class, &frame.width, &frame.height, &summary, &marks],
    )
}

fn learning_rate_strip(
    points: &[CurvePoint],
    x: &dyn Fn(f64) -> f64,
    top: f64,
    bottom: f64,
    right: f64,
    columns: usize,
) -> Html {
    let rates: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.learning_rate.is_finite())
        .map(|point| (point.step as f64, f64::from(point.learning_rate)))
        .collect();
    let peak = rates.iter().map(|point| point.1).fold(0.0, f64::max);
    if peak <= 0.0 {
        return Html::default();
    }
    let y = |rate: f64| bottom - rate / peak * (bottom - top);
    let (first, last) = (rates[0].0, rates[rates.len() - 1].0);
    let outline = std::iter::once((x(first), bottom))
        .chain(thinned(&rates, columns / 2).into_iter().map(|(step, rate)| (x(step), y(rate))))
        .chain(std::iter::once((x(last), bottom)));
    html(
        concat!(
            "<path class=\"rate\" d=\"{}\"/>",
            "<text x=\"{}\" y=\"{}\">learning rate</text><text x=\"{}\" y=\"{}\">peak {}</text>",
        ),
        &[
            &path(outline),
            &(right + 10.0),
            &(top + 10.0),
            &(right + 10.0),
            &(top + 10.0 + LABEL_HEIGHT),
            &format::two_figures(peak),
        ],
    )
}

/// The mean over a window that is one of `windows` parts of the points, centred, so that the curve does not lag behind.
/// The window shrinks towards the ends; the last point averages backwards, since a single batch says little.
pub fn smoothed(points: &[(f64, f64)], windows: usize) -> Vec<(f64, f64)> {
    let half = points.len() / (2 * windows);
    let mut sums = vec![0.0];
    for point in points {
        sums.push(sums[sums.len() - 1] + point.1);
    }
    let last = points.len() - 1;
    (0..points.len())
        .map(|i| {
            let from = i.saturating_sub(if i + half > last { half } else { half.min(i) });
            let to = (i + half.min(i)).min(last);
            (points[i].0, (sums[to + 1] - sums[from]) / (to + 1 - from) as f64)
        })
        .collect()
}

/// At most about `columns` points. A bucket of many keeps its lowest and its highest, so that spikes stay visible; the
/// first and the last point stay.
pub fn thinned(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    if points.len() <= columns {
        return points.to_vec();
    }
    let size = (2 * points.len()).div_ceil(columns.max(2));
    let mut kept = vec![points[0]];
    for bucket in points[1..points.len() - 1].chunks(size) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = [bucket.iter().min_by(by_value), bucket.iter().max_by(by_value)];
        let mut extremes: Vec<(f64, f64)> = extremes.into_iter().flatten().copied().collect();
        extremes.sort_by(|a, b| a.0.total_cmp(&b.0));
        extremes.dedup();
        kept.extend(extremes);
    }
    kept.push(points[points.len() - 1]);
    kept
}

/// An SVG path through the points, in tenths of a unit.
pub fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.enumerate() {
        path += &format!("{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
    }
    path
}

/// About `wanted` round numbers from just below `low` to just above `high`.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = (high - low).max(high.abs() * 1e-3).max(1e-6);
    let rough = span / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough).unwrap_or(rough);
    let from = (low / step).floor() as i64;
    let to = (high / step).ceil() as i64;
    (from..=to.max(from + 1)).map(|i| i as f64 * step).collect()
}

/// Round numbers between `low` and `high`, about evenly spaced in their logarithms.
fn logarithmic_ticks(low: f64, high: f64) -> Vec<f64> {
    let within = |value: &f64| (low..=high).contains(value);
    let ladder: Vec<f64> = (-3..=3)
        .flat_map(|power| [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0].map(|value| value * 10f64.powi(power)))
        .filter(within)
        .collect();
    if ladder.len() >= 4 { ladder } else { ticks(low, high, 5).into_iter().filter(within).collect() }
}

fn tick_label(value: f64) -> String {
    // Ticks are multiples of round numbers; two places are enough for any loss worth drawing.
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_ticks(low: f64, high: f64, wanted: usize, expected: Expect) {
        expected.assert_eq(&ticks(low, high, wanted).into_iter().map(tick_label).collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        check_ticks(2.13, 8.9, 5, expect!["2 4 6 8 10"]);
        check_ticks(2.13, 2.2, 5, expect!["2.12 2.14 2.16 2.18 2.2"]);
        check_ticks(1.0, 1234.0, 7, expect!["0 200 400 600 800 1000 1200 1400"]);
        let logarithmic =
            |low, high| logarithmic_ticks(low, high).into_iter().map(tick_label).collect::<Vec<_>>().join(" ");
        expect!["1.5 2 3 4 6 8"].assert_eq(&logarithmic(1.4, 9.2));
        expect!["1.4 1.5 1.6 1.7 1.8"].assert_eq(&logarithmic(1.4, 1.9));
        check_ticks(3.0, 3.0, 5, expect!["3 3"]);
    }

    #[test]
    fn smoothing_keeps_the_ends_and_evens_out_the_middle() {
        let noisy: Vec<(f64, f64)> = (0..400).map(|i| (f64::from(i), 5.0 + f64::from(i % 2))).collect();
        let smooth = smoothed(&noisy, WINDOWS);
        assert_eq!(smooth[0], (0.0, 5.0));
        assert!(smooth[20..].iter().all(|point| (point.1 - 5.5).abs() < 0.1), "{smooth:?}");
    }

    #[test]
    fn thinning_keeps_spikes_and_ends() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[4_321].1 = 9.0;
        let thin = thinned(&points, 500);
        assert!(thin.len() <= 600, "{}", thin.len());
        assert!(thin.contains(&(4_321.0, 9.0)) && thin.contains(&(0.0, 1.0)) && thin.contains(&(9_999.0, 1.0)));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
