//! The parts of the report other than the funnel and the curve.

use std::collections::BTreeMap;

use prentice_base::{ContentHash, RunManifest};

use super::{
    Amount, Completion, Corpus, HeldOut, Infilling, ModelCard, NextCommand, Planned, Quantity, Report, Training,
    Verdicts,
    funnel::share,
    html::{Html, html},
};
use crate::{execution::Proof, format};

/// Rows of a table of shares before the rest is folded away.
const ROWS: usize = 8;
/// Lines shown before and after a hole.
const CONTEXT_LINES: usize = 6;
const LINES_AFTER: usize = 2;
/// Characters of a context line before it is cut; a table row of data can be thousands of characters long.
const CONTEXT_WIDTH: usize = 160;

/// One sentence a reader can repeat to others.
pub fn lead(report: &Report) -> Html {
    let scores = &report.held_out.overall;
    let filled = scores.infilling.map_or_else(Html::default, |infilling| {
        let comparison = if infilling.exact_match > infilling.copy_exact_match {
            "copying the nearest earlier line fills"
        } else {
            "not yet better than copying the nearest earlier line, which fills"
        };
        html(
            " and fills <b>{}</b> of missing lines exactly; {} <span class=\"nowrap\">{}</span>",
            &[&format::percent(infilling.exact_match), &comparison, &format::percent(infilling.copy_exact_match)],
        )
    });
    html(
        "<p class=\"lead\">{} of code, {} of training. On files it never saw, the model predicts <b>{}</b> of tokens right at the first guess{}.</p>",
        &[
            &format::bytes(report.corpus.train.bytes),
            &format::duration(report.training.seconds),
            &format::percent(scores.top1),
            &filled,
        ],
    )
}

/// What was trained on and under which seed, without any time of day.
pub fn identity(report: &Report) -> Html {
    let mut facts = vec![("From", report.path.clone()), ("Policy", report.policy.clone())];
    if let Some(stage) = report.stages.last() {
        facts.push(("Seed", stage.seed.0.to_string()));
        facts.push(("Prentice", stage.code_version.clone()));
    }
    let facts: Html =
        facts.iter().map(|(name, fact)| html("<div><dt>{}</dt><dd>{}</dd></div>", &[name, fact])).collect();
    html("<dl class=\"identity\">{}</dl>", &[&facts])
}

/// The six figures at the top.
pub fn headline(report: &Report) -> Html {
    let scores = &report.held_out.overall;
    let figure = |class: &'static str, name: &str, value: String, unit: &str, note: String| {
        html(
            "<div class=\"{}\"><dt>{}</dt><dd class=\"figure\">{}<small>{}</small></dd><dd class=\"note\">{}</dd></div>",
            &[&class, &name, &value, &unit, &note],
        )
    };
    let split = |text: String| match text.rsplit_once(' ') {
        Some((value, unit)) => (value.to_owned(), unit.to_owned()),
        None => (text, String::new()),
    };
    let share = |value: f64| split(format::percent(value));
    let (top1, percent) = share(scores.top1);
    let (exact, exact_unit) =
        scores.infilling.map_or_else(|| (format::UNKNOWN.to_owned(), String::new()), |i| share(i.exact_match));
    let exact_note = scores.infilling.map_or_else(
        || "no holes could be made".to_owned(),
        |infilling| format!("copying: {}", format::percent(infilling.copy_exact_match)),
    );
    let (parameters, million) = split(format::compact(report.model.parameters));
    let speed = format::rate(report.training.tokens_per_second);
    let figures: Html = [
        figure(
            "key-figure",
            "Bits per byte",
            format::decimal(scores.bits_per_byte, 2),
            "",
            format!("frequencies alone: {}", format::decimal(scores.unigram_bits_per_byte, 2)),
        ),
        figure("key-figure", "Next token", top1, &percent, "right at first guess".to_owned()),
        figure("key-figure", "Lines filled exactly", exact, &exact_unit, exact_note),
        figure("", "Training speed", speed, "", "tokens a second".to_owned()),
        figure("", "Size", parameters, &million, format!("parameters, {} layers", report.model.layers)),
        figure(
            "",
            "Time",
            format::decimal(report.seconds() / 60.0, 1),
            "min",
            format!("{} training", format::duration(report.training.seconds)),
        ),
    ]
    .into_iter()
    .collect();
    html("<dl class=\"headline\">{}</dl>", &[&figures])
}

/// Languages with their shares.
pub fn languages(corpus: &Corpus) -> Html {
    let rows: Vec<(Html, Amount)> = corpus
        .languages
        .iter()
        .map(|language| (known(language.name.as_deref(), "not recognised"), language.amount))
        .collect();
    shares("Languages kept", rows, corpus.kept)
}

/// Licences with their shares.
pub fn licences(corpus: &Corpus) -> Html {
    let rows: Vec<(Html, Amount)> = corpus
        .licences
        .iter()
        .map(|licence| (known(licence.expression.as_deref(), "none found"), licence.amount))
        .collect();
    shares("Licences kept", rows, corpus.kept)
}

fn known(name: Option<&str>, otherwise: &str) -> Html {
    match name {
        Some(name) => html("{}", &[&name]),
        None => html("<span class=\"none\">{}</span>", &[&otherwise]),
    }
}

fn shares(title: &str, mut rows: Vec<(Html, Amount)>, whole: Amount) -> Html {
    rows.sort_by_key(|(_, amount)| std::cmp::Reverse(amount.bytes));
    let table = |rows: &[(Html, Amount)]| {
        let rows: Html = rows
            .iter()
            .map(|(name, amount)| {
                html(
                    "<tr><td>{}</td><td><span class=\"bar\"><i style=\"width:{}%\"></i></span></td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                    &[name, &share(amount.bytes, whole.bytes), &format::count(amount.files), &format::bytes(amount.bytes)],
                )
            })
            .collect();
        html(
            "<table class=\"shares\"><thead><tr><th>{}</th><th></th><th class=\"n\">files</th><th class=\"n\">size</th></tr></thead><tbody>\n{}</tbody></table>\n",
            &[&title, &rows],
        )
    };
    // Folding a single row away would not save anything.
    if rows.len() <= ROWS + 1 {
        return table(&rows);
    }
    let (shown, folded) = rows.split_at(ROWS);
    let more = html(
        "<details class=\"more\"><summary>{} more</summary>{}</details>\n",
        &[&(folded.len() as u64), &table(folded)],
    );
    [table(shown), more].into_iter().collect()
}

pub fn facts(class: &'static str, facts: &[(&str, String)]) -> Html {
    let facts: Html =
        facts.iter().map(|(name, fact)| html("<div><dt>{}</dt><dd>{}</dd></div>\n", &[name, fact])).collect();
    html("<dl class=\"facts {}\">{}</dl>", &[&class, &facts])
}

/// The model's shape.
pub fn model_card(model: &ModelCard) -> Html {
    let tied = if model.tied_embeddings { "tied" } else { "separate" };
    let kernels = if model.kernels.is_empty() { "portable" } else { &model.kernels };
    let list = facts(
        "under",
        &[
            ("Parameters", format::count(model.parameters)),
            ("Layers", format::count(model.layers)),
            ("Width", format::count(model.hidden_size)),
            ("Feed-forward width", format::count(model.feed_forward_size)),
            ("Attention heads", format!("{} ({} key/value)", model.heads, model.key_value_heads)),
            ("Context", format::counted(model.context, "token")),
            ("Vocabulary", format::counted(model.vocabulary, "token")),
            ("Embeddings", tied.to_owned()),
            ("Precision", model.precision.clone()),
            ("Kernels", kernels.to_owned()),
        ],
    );
    html(
        "<dl class=\"facts\"><div class=\"wide\"><dt>Architecture</dt><dd>{}</dd></div></dl>{}",
        &[&model.architecture, &list],
    )
}

/// The figures of training.
pub fn training_facts(training: &Training) -> Html {
    facts(
        "under",
        &[
            ("Speed", format!("{} tokens/s", format::rate(training.tokens_per_second))),
            ("Time", format::duration(training.seconds)),
            ("Steps", format::count(training.steps)),
            ("Tokens seen", format::compact(training.tokens)),
            ("Passes over the corpus", format::decimal(training.epochs, 2)),
            ("Tokens a step", format::count(training.batch_tokens)),
            ("Schedule", training.schedule.clone()),
        ],
    )
}

/// The examination: one small chart a figure, then the languages.
pub fn held_out(held_out: &HeldOut) -> Html {
    let scores = &held_out.overall;
    let mut metrics = vec![
        metric(
            "Bits per byte",
            "To write the files down with the model's help; lower is better. The baseline knows how frequent each token is.",
            &[
                ("of-model", "model", scores.bits_per_byte, format::decimal(scores.bits_per_byte, 3)),
                (
                    "of-base",
                    "frequencies",
                    scores.unigram_bits_per_byte,
                    format::decimal(scores.unigram_bits_per_byte, 3),
                ),
            ],
            scores.bits_per_byte.max(scores.unigram_bits_per_byte),
        ),
        metric(
            "Next token at first guess",
            &format!("Of {} tokens; higher is better.", format::count(held_out.tokens)),
            &[("of-model", "model", scores.top1, format::percent(scores.top1))],
            1.0,
        ),
    ];
    if let Some(infilling) = scores.infilling {
        let percent = |class, name, value: f64| (class, name, value, format::percent(value));
        let (low, high) = interval(infilling.exact_match, infilling.holes);
        metrics.push(metric(
            "Missing line, filled exactly",
            &format!(
                "Of {}; higher is better. With so many, the model's true share is likely between {} and {}.",
                format::counted(infilling.holes, "hole"),
                format::percent(low),
                format::percent(high)
            ),
            &[
                percent("of-model", "model", infilling.exact_match),
                percent("of-base", "copying", infilling.copy_exact_match),
            ],
            1.0,
        ));
        metrics.push(metric(
            "Missing line, edit similarity",
            "How much of the line is right, on average; higher is better. Copying repeats the nearest earlier line.",
            &[
                percent("of-model", "model", infilling.edit_similarity),
                percent("of-base", "copying", infilling.copy_edit_similarity),
            ],
            1.0,
        ));
    }
    let metrics: Html = metrics.into_iter().collect();
    html(
        "<div class=\"metrics\">{}</div>\n{}<p class=\"aside\">Examined: {}, {}.</p>",
        &[
            &metrics,
            &by_language(held_out),
            &format::counted(held_out.amount.files, "held-out file"),
            &format::bytes(held_out.amount.bytes),
        ],
    )
}

fn metric(name: &str, note: &str, bars: &[(&'static str, &str, f64, String)], scale: f64) -> Html {
    let bars: Html = bars
        .iter()
        .map(|(class, who, value, text)| {
            let base = if *class == "of-base" { "base" } else { "" };
            let width = (100.0 * value / scale).clamp(0.0, 100.0);
            html(
                "<span class=\"{}\">{}</span><span class=\"bar {}\"><i style=\"width:{}%\"></i></span><span class=\"n {}\">{}</span>",
                &[class, who, &base, &width, class, text],
            )
        })
        .collect();
    html("<div class=\"metric\"><h3>{}</h3><p>{}</p><div class=\"against\">{}</div></div>\n", &[&name, &note, &bars])
}

/// Wilson's 95 % interval of a share: with a few hundred holes a percentage alone says more than it knows.
fn interval(share: f64, cases: u64) -> (f64, f64) {
    if cases == 0 {
        return (0.0, 1.0);
    }
    let n = cases as f64;
    let z = 1.96_f64;
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

fn by_language(held_out: &HeldOut) -> Html {
    if held_out.languages.is_empty() {
        return Html::default();
    }
    let rows: Html = held_out
        .languages
        .iter()
        .map(|language| {
            let scores = &language.scores;
            let filled = |figure: fn(Infilling) -> f64| {
                scores.infilling.map_or_else(|| format::UNKNOWN.to_owned(), |infilling| format::percent(figure(infilling)))
            };
            html(
                concat!(
                    "<tr><td>{}</td><td class=\"n model\">{}</td><td class=\"n base\">{}</td><td class=\"n model\">{}</td>",
                    "<td class=\"n model\">{}</td><td class=\"n base\">{}</td><td class=\"n model\">{}</td><td class=\"n base\">{}</td></tr>\n",
                ),
                &[
                    &language.language,
                    &format::decimal(scores.bits_per_byte, 2),
                    &format::decimal(scores.unigram_bits_per_byte, 2),
                    &format::percent(scores.top1),
                    &filled(|infilling| infilling.exact_match),
                    &filled(|infilling| infilling.copy_exact_match),
                    &filled(|infilling| infilling.edit_similarity),
                    &filled(|infilling| infilling.copy_edit_similarity),
                ],
            )
        })
        .collect();
    html(
        concat!(
            "<div class=\"by-language scroll\"><table><thead>",
            "<tr><th>language</th><th class=\"n\">bits/byte</th><th class=\"n\">frequencies</th><th class=\"n\">next token</th>",
            "<th class=\"n\">filled exactly</th><th class=\"n\">copying</th><th class=\"n\">similarity</th><th class=\"n\">copying</th></tr>",
            "</thead><tbody>\n{}</tbody></table></div>\n",
        ),
        &[&rows],
    )
}

/// Holes, each with the truth and the model's line under its context.
pub fn completions(completions: &[Completion]) -> Html {
    if completions.is_empty() {
        return html("<p class=\"none\">The held-out files have no line to take out.</p>", &[]);
    }
    completions.iter().map(completion).collect()
}

fn completion(completion: &Completion) -> Html {
    let (above, start) = completion.before.rsplit_once('\n').unwrap_or(("", &completion.before));
    let (end, below) = completion.after.split_once('\n').unwrap_or((&completion.after, ""));
    let above: Vec<&str> = if completion.before.contains('\n') { above.lines().collect() } else { Vec::new() };
    let above = &above[above.len().saturating_sub(CONTEXT_LINES)..];

    let context = |number: u64, text: &str| {
        html("<span class=\"line context\"><b>{}</b>{}\n</span>", &[&number, &shortened(text)])
    };
    let mut lines: Vec<Html> = above
        .iter()
        .enumerate()
        .map(|(i, text)| context(completion.line.saturating_sub((above.len() - i) as u64), text))
        .collect();
    let (same, truth, model, same_end) = difference(&completion.truth, &completion.model);
    for (class, who, middle) in [("truth", "truth", truth), ("model", "model", model)] {
        lines.push(html(
            "<span class=\"line {}\"><b>{}</b><span class=\"context\">{}</span>{}<mark>{}</mark>{}<span class=\"context\">{}</span>\n</span>",
            &[&class, &who, &start, &same, &middle, &same_end, &shortened(end)],
        ));
    }
    let next = completion.line + completion.truth.lines().count().max(1) as u64;
    lines.extend((next..).zip(below.lines().take(LINES_AFTER)).map(|(number, text)| context(number, text)));
    let lines: Html = lines.into_iter().collect();

    let (class, mark) = if completion.exact {
        ("mark exact", "✓ exact".to_owned())
    } else {
        ("mark", format!("{} similar", format::percent(completion.edit_similarity)))
    };
    html(
        concat!(
            "<figure class=\"completion\"><figcaption><code>{}:{}</code><span class=\"origin\">{} · {}</span>",
            "<span class=\"{}\">{}</span></figcaption>\n<pre class=\"code\"><div>{}</div></pre></figure>\n",
        ),
        &[
            &completion.path,
            &completion.line,
            &completion.origin,
            &completion.licence.as_deref().unwrap_or("no licence found"),
            &class,
            &mark,
            &lines,
        ],
    )
}

/// Both lines as (common start, rest of the truth, rest of the model's, common end), cut between characters.
fn difference<'a>(truth: &'a str, model: &'a str) -> (&'a str, &'a str, &'a str, &'a str) {
    let start: usize = truth.chars().zip(model.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (same, truth) = truth.split_at(start);
    let model = &model[start..];
    let end: usize =
        truth.chars().rev().zip(model.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (truth, same_end) = truth.split_at(truth.len() - end);
    (same, truth, &model[..model.len() - end], same_end)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(CONTEXT_WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether this machine executes programs safely, and how fast.
pub fn execution(proof: &Proof) -> Html {
    let Proof::Works { speed, refused, reached } = proof else {
        return html("<p>{}</p>", &[&proof.in_words()]);
    };
    let mut rows = vec![
        ("Isolation", format!("tier {:?}", speed.tier)),
        ("Candidates a second, one interpreter", format::rate(speed.candidates_per_second)),
        ("CPU time of a small candidate", format!("{} ms", format::decimal(speed.candidate_cpu_ms, 1))),
        ("Start of a command", format!("{} ms", format::decimal(speed.command_ms, 1))),
        ("Tried and refused", refused.join(", ")),
    ];
    if !reached.is_empty() {
        rows.push(("Tried and NOT refused", reached.join(", ")));
    }
    facts("", &rows)
}

/// What learning from execution came to.
pub fn verdicts(verdicts: &Verdicts) -> Html {
    let sentences: Html = verdicts.sentences.iter().map(|sentence| html("<p>{}</p>\n", &[sentence])).collect();
    let Some(page) = &verdicts.page else { return sentences };
    html("{}<p><a href=\"{}\">All figures, curves and programs</a></p>", &[&sentences, page])
}

/// The plan beside what was measured.
pub fn plan(plan: &[Planned]) -> Html {
    let rows: Html = plan
        .iter()
        .map(|planned| {
            let (measured, deviation) = match planned.measured {
                Some(measured) => {
                    (quantity(measured), format::deviation(magnitude(planned.planned), magnitude(measured)))
                }
                None => (format::UNKNOWN.to_owned(), String::new()),
            };
            html(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                &[&planned.what, &quantity(planned.planned), &measured, &deviation],
            )
        })
        .collect();
    html(
        "<table><thead><tr><th></th><th class=\"n\">planned</th><th class=\"n\">measured</th><th class=\"n\">difference</th></tr></thead><tbody>\n{}</tbody></table>",
        &[&rows],
    )
}

fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::Bytes(bytes) => format::bytes(bytes),
        Quantity::Seconds(seconds) => format::duration(seconds),
        Quantity::Count(count) => format::count(count),
        Quantity::PerSecond(rate) => format!("{}/s", format::rate(rate)),
    }
}

fn magnitude(quantity: Quantity) -> f64 {
    match quantity {
        Quantity::Bytes(value) | Quantity::Count(value) => value as f64,
        Quantity::Seconds(value) | Quantity::PerSecond(value) => value,
    }
}

/// The manifests, folded.
pub fn stages(stages: &[RunManifest]) -> Html {
    stages.iter().map(stage).collect()
}

fn stage(manifest: &RunManifest) -> Html {
    html(
        concat!(
            "<details class=\"stage\"><summary><b>{}</b><span><code>{}</code></span><span>seed {} · {}</span>",
            "<span class=\"n\">{}</span></summary>\n<div class=\"inside\">{}</div></details>\n",
        ),
        &[
            &manifest.stage,
            &manifest.key.short(),
            &manifest.seed.0,
            &machine(manifest),
            &format::duration(manifest.seconds),
            &provenance(manifest),
        ],
    )
}

fn machine(manifest: &RunManifest) -> String {
    let machine = &manifest.machine;
    let threads = format::counted(machine.threads as u64, "thread");
    let kernels = if machine.kernels.is_empty() { String::new() } else { format!(", {}", machine.kernels) };
    format!("{} {}, {threads}{kernels}", machine.os, machine.architecture)
}

/// How a stage's result came about, block by block.
pub fn provenance(manifest: &RunManifest) -> Html {
    let mut code = manifest.code_version.clone();
    if let Some(commit) = &manifest.commit {
        code += &format!(", commit {commit}");
    }
    let inside = [
        block("Key", &html("<pre>{}</pre>", &[&manifest.key.to_string()])),
        hashes("Inputs", &manifest.inputs),
        block("Options", &json(&manifest.options)),
        hashes("Outputs", &manifest.outputs),
        block("Figures", &json(&manifest.summary)),
        block("Code", &html("<pre>{}</pre>", &[&code])),
        block("Machine", &html("<pre>{}</pre>", &[&machine(manifest)])),
    ];
    inside.into_iter().collect()
}

fn block(title: &str, content: &Html) -> Html {
    if *content == Html::default() {
        return Html::default();
    }
    html("<div><h3>{}</h3>{}</div>\n", &[&title, content])
}

fn hashes(title: &str, hashes: &BTreeMap<String, ContentHash>) -> Html {
    let rows: Html =
        hashes.iter().map(|(name, hash)| html("<li>{} <code>{}</code></li>", &[name, &hash.short()])).collect();
    if hashes.is_empty() {
        return Html::default();
    }
    block(title, &html("<ul class=\"hashes\">{}</ul>", &[&rows]))
}

fn json(value: &serde_json::Value) -> Html {
    if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Html::default();
    }
    html("<pre>{}</pre>", &[&format!("{value:#}")])
}

/// Commands to copy.
pub fn next_commands(commands: &[NextCommand]) -> Html {
    let commands: Html = commands
        .iter()
        .map(|next| html("<div><p>{}</p><pre><code>{}</code></pre></div>\n", &[&next.purpose, &next.command]))
        .collect();
    html("<div class=\"commands\">{}</div>", &[&commands])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_difference(truth: &str, model: &str, expected: Expect) {
        expected.assert_eq(&format!("{:?}", difference(truth, model)));
    }

    #[test]
    fn a_difference_is_cut_between_characters() {
        check_difference("return a + b", "return a - b", expect![[r#"("return a ", "+", "-", " b")"#]]);
        check_difference("same", "same", expect![[r#"("same", "", "", "")"#]]);
        check_difference("aa", "a", expect![[r#"("a", "a", "", "")"#]]);
        check_difference("naïve é", "naïve è", expect![[r#"("naïve ", "é", "è", "")"#]]);
        check_difference("", "x", expect![[r#"("", "", "x", "")"#]]);
    }

    #[test]
    fn intervals_widen_with_fewer_cases() {
        let text: Vec<String> = [(0.25, 400), (0.25, 20), (0.0, 50), (1.0, 50), (0.0, 0)]
            .into_iter()
            .map(|(share, cases)| {
                let (low, high) = interval(share, cases);
                format!("{low:.3}–{high:.3}")
            })
            .collect();
        expect!["0.210–0.295 0.112–0.469 0.000–0.071 0.929–1.000 0.000–1.000"].assert_eq(&text.join(" "));
    }
}
