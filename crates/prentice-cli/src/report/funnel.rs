//! The corpus as a horizontal waterfall: what was found, what each check took away, what is left.

use super::{
    Amount, Corpus, Drop,
    html::{Html, html},
};
use crate::format;

/// The waterfall, with a switch between bytes and files that needs no script.
pub fn funnel(corpus: &Corpus) -> Html {
    let scale = corpus.found;
    let mut rows = vec![row("found", &html("Found", &[]), Amount::default(), scale, scale)];
    let mut remaining = scale;
    for drop in corpus.drops.iter().filter(|drop| drop.amount != Amount::default()) {
        remaining = Amount {
            files: remaining.files.saturating_sub(drop.amount.files),
            bytes: remaining.bytes.saturating_sub(drop.amount.bytes),
        };
        rows.push(drop_row(drop, remaining, scale));
    }
    rows.push(row("kept", &html("Kept", &[]), Amount::default(), corpus.kept, scale));
    rows.push(row("part", &html("to learn from", &[]), Amount::default(), corpus.train, scale));
    rows.push(row("part", &html("held out for the examination", &[]), corpus.train, corpus.held_out, scale));
    let rows: Html = rows.into_iter().collect();

    let idle: Vec<&Drop> = corpus.drops.iter().filter(|drop| drop.amount == Amount::default()).collect();
    let idle = if idle.is_empty() {
        Html::default()
    } else {
        let names: Html = idle.iter().map(|drop| html(" <code>{}</code>", &[&drop.reason])).collect();
        html("<p class=\"aside\">Checked, and nothing found to drop:{}</p>", &[&names])
    };
    html(
        concat!(
            "<input class=\"hidden\" type=\"radio\" name=\"measure\" id=\"by-bytes\" checked>",
            "<input class=\"hidden\" type=\"radio\" name=\"measure\" id=\"by-files\">\n",
            "<div class=\"measure\"><span>Bars show</span>",
            "<label for=\"by-bytes\">bytes</label><label for=\"by-files\">files</label></div>\n",
            "<div class=\"funnel\">\n",
            "<div class=\"funnel-row head\"><span></span><span class=\"track\" style=\"background:none\"></span>",
            "<span class=\"n\">files</span><span class=\"n\">size</span></div>\n",
            "{}</div>\n{}",
        ),
        &[&rows, &idle],
    )
}

fn drop_row(drop: &Drop, remaining: Amount, scale: Amount) -> Html {
    let what = html("{} <code>{}</code>", &[&drop.explanation, &drop.reason]);
    if drop.samples.is_empty() {
        return row("dropped", &what, remaining, drop.amount, scale);
    }
    let samples: Html = drop
        .samples
        .iter()
        .map(|sample| {
            let gap = if sample.detail.is_empty() { "" } else { " · " };
            html("<li><code>{}</code>{}{}</li>", &[&sample.path, &gap, &sample.detail])
        })
        .collect();
    html(
        "<details><summary class=\"funnel-row dropped\">{}</summary><ul class=\"samples\">{}</ul></details>\n",
        &[&cells(&what, remaining, drop.amount, scale), &samples],
    )
}

fn row(class: &'static str, what: &Html, left: Amount, amount: Amount, scale: Amount) -> Html {
    html("<div class=\"funnel-row {}\">{}</div>\n", &[&class, &cells(what, left, amount, scale)])
}

/// A bar of `amount` that starts behind `left`.
fn cells(what: &Html, left: Amount, amount: Amount, scale: Amount) -> Html {
    let rest = Html::own("<i class=\"rest\"></i>");
    html(
        concat!(
            "<span class=\"what\">{}</span><span class=\"track\" style=\"",
            "--bytes-left:{}%;--bytes-width:{}%;--files-left:{}%;--files-width:{}%\">{}<i></i></span>",
            "<span class=\"n\">{}</span><span class=\"n\">{}</span>",
        ),
        &[
            what,
            &share(left.bytes, scale.bytes),
            &share(amount.bytes, scale.bytes),
            &share(left.files, scale.files),
            &share(amount.files, scale.files),
            &rest,
            &format::count(amount.files),
            &format::bytes(amount.bytes),
        ],
    )
}

/// `part` of `whole` as a percentage from 0 to 100.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (100.0 * part as f64 / whole as f64).min(100.0) }
}
