//! `prentice run` on a tiny recipe: what it says at the end, and what it leaves.

mod common;

use std::fs;

use common::Sandbox;
use expect_test::expect;
use prentice_sandbox::{Language, Toolchain};
use serde_json::json;

/// Far too short to learn anything, but with every kind of figure in the report.
const RECIPE: &str = r#"
title = "A <tiny> recipe"
[[stage]]
name = "tasks"
does = "generate"
family = "docfn"
train = 40
test = 6
[[stage]]
name = "labels"
does = "label"
tasks = "tasks"
[[stage]]
name = "sft"
does = "pretrain"
texts = ["labels"]
vocabulary = 300
layers = 1
hidden = 64
steps = 2
[[stage]]
name = "rl"
does = "rl"
model = "sft"
tasks = ["tasks"]
groups = 2
group_size = 2
turn_tokens = 8
steps = 2
[[stage]]
name = "exam-sft"
does = "measure"
model = "sft"
tasks = "tasks"
samples = 2
turn_tokens = 8
[[stage]]
name = "exam-rl"
does = "measure"
model = "rl"
tasks = "tasks"
samples = 2
turn_tokens = 8
[[stage]]
name = "exam-copy-nearest"
does = "measure"
model = "labels"
tasks = "tasks"
"#;

#[test]
fn a_recipe_ends_with_figures_and_a_page() {
    if let Err(missing) = Toolchain::find(Language::Python) {
        eprintln!("SKIPPED a_recipe_ends_with_figures_and_a_page: {missing}");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", RECIPE);
    let once = sandbox.summary("run tiny.toml --seed 1");
    for field in ["greedy_sft", "pass_at_1_sft", "pass_at_2_rl", "gap_rl", "greedy_copy_nearest"] {
        assert!(once[field].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{field}: {once}");
    }
    assert!(once["pass_at_1_copy_nearest"].is_null());
    assert_eq!((&once["seed"], &once["report"]), (&json!(1), &json!(".prentice/recipes/tiny/report.html")));
    assert_eq!(once["measured"][0]["exams"][0]["by_depth"].as_array().map(Vec::is_empty), Some(false));
    let mut files = sandbox.listing(".prentice/recipes");
    files.retain(|name| !name.starts_with('.'));
    assert_eq!(files, ["tiny", "tiny/report.html", "tiny/summary.json"]);
    let page = fs::read_to_string(sandbox.path(".prentice/recipes/tiny/report.html")).unwrap();
    for inside in ["A &lt;tiny&gt; recipe", "docfn in Python", "against copy-nearest", "Entropy", "exam-rl"] {
        assert!(page.contains(inside), "the page lacks {inside}");
    }

    let text = sandbox.outcome(&mut sandbox.prentice("run tiny.toml --seeds 1,2 --quiet"));
    for inside in
        ["copy-nearest (control)", "rl − sft", "means over 2 seeds", "report  .prentice/recipes/tiny/report.html"]
    {
        assert!(text.contains(inside), "the text lacks {inside}: {text}");
    }
    let both = fs::read(sandbox.path(".prentice/recipes/tiny/summary.json")).unwrap();
    let both: serde_json::Value = serde_json::from_slice(&both).unwrap();
    assert_eq!((&both["seeds"], &both["by_seed"][0]["greedy_rl"]), (&json!([1, 2]), &once["greedy_rl"]));
    assert_eq!(both["stages"][0]["reused"], json!(true), "what the first run made is used again");
}

#[test]
fn seeds_that_cannot_be_meant_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", RECIPE);
    let say = |arguments: &str| sandbox.outcome(&mut sandbox.prentice(arguments));
    let twice = say("run tiny.toml --seeds 1,2,1");
    assert!(twice.contains("--seeds names 1 twice") && twice.ends_with("exit code 2\n"), "{twice}");
    assert!(say("run tiny.toml --seeds 1,2 --seed 3").contains("cannot be used with"));
}

#[test]
fn recipes_that_cannot_be_meant_are_refused() {
    let sandbox = Sandbox::new();
    let stage = |rest: &str| {
        format!(
            "title = \"t\"\n[[stage]]\nname = \"tasks\"\ndoes = \"generate\"\nfamily = \"docfn\"\ntrain = 4\ntest = 2\n{rest}"
        )
    };
    let table = [
        (
            "title = \"t\"\nseed = [1\n".to_owned(),
            expect![[r#"
            error: recipe.toml: line 2: unclosed array, expected `]`
            hint: recipes are TOML; recipes/docfn.toml is an example
            exit code 2
        "#]],
        ),
        (
            "title = \"t\"\n".to_owned(),
            expect![[r#"
            error: recipe.toml: there are no stages
            hint: each stage is a table that begins with [[stage]]
            exit code 2
        "#]],
        ),
        (
            stage("depth = [1, 2]\n"),
            expect![[r#"
                error: recipe.toml: stage `tasks`: `depth` is no key that is known here
                hint: did you mean `depths`? Known are: family, language, train, test, depths, domains
                exit code 2
            "#]],
        ),
        (
            stage("depths = [2, 1]\n"),
            expect![[r#"
            error: recipe.toml: stage `tasks`: depths = [2, 1]
            hint: depths are [least, most], within 1 to 3
            exit code 2
        "#]],
        ),
        (
            stage("language = \"pyhton\"\n"),
            expect![[r#"
            error: recipe.toml: stage `tasks`: `pyhton` is no value that is known here
            hint: did you mean `python`? Known are: python, javascript, rust
            exit code 2
        "#]],
        ),
        (
            stage("[[stage]]\nname = \"tasks\"\ndoes = \"sft\"\n"),
            expect![[r#"
            error: recipe.toml: the name "tasks" of stage 2 cannot be used
            hint: names are unique, and have no dots or slashes
            exit code 2
        "#]],
        ),
        (
            stage("[[stage]]\nname = \"m\"\ndoes = \"measur\"\n"),
            expect![[r#"
            error: recipe.toml: stage `m` does "measur", which is no kind of stage
            hint: did you mean `measure`? Known are: generate, label, demonstrate, pretrain, sft, synthesize, pair, prefer, rl, measure
            exit code 2
        "#]],
        ),
        (
            stage("[[stage]]\nname = \"l\"\ndoes = \"label\"\ntasks = \"task\"\n"),
            expect![[r#"
            error: recipe.toml: stage `l` uses `task`, which is no earlier stage
            hint: did you mean `tasks`? Known are: tasks
            exit code 2
        "#]],
        ),
        (
            stage("[[stage]]\nname = \"l\"\ndoes = \"label\"\ntasks = \"tasks\"\nmismatch = 2\n"),
            expect![[r#"
            error: recipe.toml: stage `l`: mismatch = 2
            hint: a share is from 0 to 1
            exit code 2
        "#]],
        ),
        (
            stage(
                "[[stage]]\nname = \"l\"\ndoes = \"label\"\ntasks = \"tasks\"\n[[stage]]\nname = \"b\"\ndoes = \"pretrain\"\ntexts = [\"l\"]\n",
            ),
            expect![[r#"
                error: recipe.toml: stage `b`: it does not say how long
                hint: give `steps`, `minutes` or another length that this kind of stage knows
                exit code 2
            "#]],
        ),
        (
            stage(
                "[[stage]]\nname = \"r\"\ndoes = \"rl\"\nmodel = \"tasks\"\ntasks = [\"tasks\"]\nsteps = 1\nalgorithm = \"gpro\"\n",
            ),
            expect![[r#"
                error: recipe.toml: stage `r`: algorithm = "gpro" is none of grpo, dr-grpo, dapo, rloo, reinforce++, reinforce++-baseline, gspo, cispo, ppo
                hint: give one of these
                exit code 2
            "#]],
        ),
        (
            stage("[[stage]]\nname = \"m\"\ndoes = \"measure\"\nmodel = \"tasks\"\ntasks = \"tasks\"\n"),
            expect![[r#"
                error: recipe.toml: stage `m` needs a model or examples of `tasks`, which gives tasks
                hint: name a stage that gives a model or examples
                exit code 2
            "#]],
        ),
    ];
    for (text, expected) in table {
        sandbox.write("recipe.toml", &text);
        sandbox.check(&mut sandbox.prentice("run recipe.toml --quiet"), expected);
    }
    sandbox.check(
        &mut sandbox.prentice("run missing.toml --quiet"),
        expect![[r#"
        error: cannot read missing.toml
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2
    "#]],
    );
}
