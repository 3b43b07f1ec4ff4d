//! The whole life on a small tree: one command, then every command that uses its results.

mod common;

use std::fs;

use common::{Sandbox, truncate};
use expect_test::expect;
use serde_json::json;

const QUICKSTART: &str = "quickstart tree --minutes 0.05 --layers 2 --held-out 0.2 --seed 3";

#[test]
fn one_command_then_all_others() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 12);
    let summary = sandbox.summary(QUICKSTART);
    let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    expect!["event bits_per_byte unigram_bits_per_byte top1 fim_exact_match fim_exact_match_copy fim_edit_similarity fim_edit_similarity_copy tokens_per_second parameters steps tokens seconds planned_memory_bytes peak_memory_bytes execution learning report model corpus reused copied"].assert_eq(&keys.join(" "));
    let number = |key: &str| summary[key].as_f64().unwrap();
    assert!(number("bits_per_byte") > 0.0 && number("bits_per_byte") < 8.0, "{summary}");
    assert!(number("tokens_per_second") > 0.0 && number("steps") >= 1.0);
    assert_eq!(summary["reused"], json!([]));
    assert_eq!(summary["report"], ".prentice/quickstart/report.html");
    if cfg!(target_os = "linux") {
        assert!(number("planned_memory_bytes") > 0.0 && number("peak_memory_bytes") > 0.0);
    }
    let mut files = sandbox.listing(".prentice/quickstart");
    files.retain(|name| !name.starts_with('.'));
    expect![
        "examination.json model model/config.json model/model.safetensors model/tokenizer.json report.html summary.json"
    ]
    .assert_eq(&files.join(" "));
    let page = fs::read_to_string(sandbox.path(".prentice/quickstart/report.html")).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
    for inside in ["module_", "symlink", "Peak memory", "prentice complete", "prentice eval held-out", "Execution"] {
        assert!(page.contains(inside), "the page lacks {inside}");
    }

    // The results are found from below, too.
    fs::create_dir_all(sandbox.path("tree/deep")).unwrap();
    let below = |arguments: &str| {
        let mut command = sandbox.prentice(arguments);
        command.current_dir(sandbox.path("tree/deep"));
        let outcome = sandbox.outcome(&mut command);
        assert!(outcome.ends_with("exit code 0\n"), "{arguments}: {outcome}");
        outcome
    };
    assert_eq!(below("complete ../module_0.py:3 --quiet").lines().count(), 2);
    below("model info");
    below("corpus explain");

    let generate = "model generate --prompt def --max-tokens 8 --seed 5";
    assert_eq!(sandbox.summary(generate)["text"], sandbox.summary(generate)["text"]);
    assert_eq!(
        sandbox.summary(generate)["prompt_tokens"],
        sandbox.summary("model generate --prompt def --max-tokens 1")["prompt_tokens"]
    );
    let long = "word ".repeat(5000);
    let mut command = sandbox.prentice("model generate --max-tokens 4 --temperature 0 --prompt");
    let outcome = sandbox.outcome(command.arg(&long));
    assert!(outcome.contains("warning: the prompt has") && outcome.ends_with("exit code 0\n"), "{outcome}");

    let eval = sandbox.summary("eval held-out --holes 5 --bytes 20000 --out eval.json");
    assert_eq!(eval["holes"], 5);
    let written: serde_json::Value = serde_json::from_slice(&fs::read(sandbox.path("eval.json")).unwrap()).unwrap();
    assert_eq!(written["examination"]["overall"]["bits_per_byte"], eval["bits_per_byte"]);

    let explained = sandbox.summary("corpus explain --path module_1.");
    assert_eq!(explained["matching"], 1);

    // A second run does nothing again, and a damaged result is made again.
    let second = sandbox.summary(QUICKSTART);
    assert_eq!(second["reused"], json!(["corpus", "tokens", "train", "examine", "execution"]));
    for key in ["bits_per_byte", "peak_memory_bytes", "steps"] {
        assert_eq!(second[key], summary[key], "{key}");
    }
    let runs = sandbox.listing(".prentice/runs");
    let train = runs.iter().find(|name| name.starts_with("train-") && !name.contains('/')).unwrap();
    truncate(&sandbox.path(&format!(".prentice/runs/{train}/model/model.safetensors")));
    let third = sandbox.summary(QUICKSTART);
    assert_eq!(third["reused"], json!(["corpus", "tokens", "examine", "execution"]));
    assert_eq!(third["bits_per_byte"], summary["bits_per_byte"]);
    // A file that is dropped does not change what is learnt.
    sandbox.write("tree/short.py", "x = 1\n");
    assert_eq!(sandbox.summary(QUICKSTART)["reused"], json!(["tokens", "train", "examine", "execution"]));
}

#[test]
fn help() {
    let sandbox = Sandbox::new();
    let mut text = String::new();
    for command in [
        "",
        "quickstart",
        "corpus",
        "corpus build",
        "corpus explain",
        "tokens",
        "tokens train",
        "tokens encode",
        "model",
        "model train",
        "model sft",
        "model prefer",
        "model rl",
        "model synthesize",
        "model generate",
        "model info",
        "task",
        "task generate",
        "eval",
        "eval held-out",
        "eval replay",
        "eval fetch",
        "eval compare",
        "eval suites",
        "complete",
        "cite",
        "sandbox",
        "sandbox doctor",
        "sandbox run",
        "sandbox serve",
    ] {
        let mut command_line = sandbox.prentice(&format!("{command} --help"));
        let outcome = sandbox.outcome(command_line.env("COLUMNS", "100"));
        text += &format!("$ prentice {command} --help\n{outcome}\n");
    }
    expect_test::expect_file!["help.txt"].assert_eq(&text);
}
