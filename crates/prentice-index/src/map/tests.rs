//! The map from the outside.

use expect_test::{Expect, expect};
use prentice_base::Seed;

use super::*;
use crate::testing::{Repository, random_history};

const REPOSITORY: &str = r#"
== src/config.rs
use std::fs;

/// Reads.
pub fn load_config(path: &str) -> Config {
    parse_lines(path)
}

fn parse_lines(text: &str) -> Config {}

pub struct Config {
    entries: u8,
}

impl Config {
    /// The value.
    pub fn value_of(&self, key: &str) -> &str {
        key
    }

    fn unused_helper(&self) {}
}
== src/main.rs
fn main() {
    let config = load_config("a");
    serve(config.value_of("port"));
}
== src/server.rs
pub fn serve(port: &str) {
    let config = load_config("b");
    config.value_of("host")
}
== tools/report.py
def load_config():
    return render_report(format_row())

def render_report(row):
    pass
== tools/rows.py
def format_row():
    return load_config()
== docs/empty.py
"#;

/// Tokens for tests: words and marks.
fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

fn check(options: &MapOptions<'_>, expected: Expect) {
    let repository = Repository::written(REPOSITORY);
    let (_, table) = repository.tables();
    let map = repository_map(&table, options, &|path| repository.text(path), &count);
    assert_eq!(map.tokens, count(&map.text));
    expected.assert_eq(&format!("{}{} definitions, {} tokens", map.text, map.definitions, map.tokens));
}

#[test]
fn the_map_shows_what_is_used_most() {
    check(
        &MapOptions { budget: 1024, ..MapOptions::default() },
        expect![[r#"
            src/config.rs:
            ⋮
            │pub fn load_config(path: &str) -> Config {
            ⋮
            │fn parse_lines(text: &str) -> Config {}
            ⋮
            │pub struct Config {
            ⋮
            │impl Config {
            ⋮
            │    pub fn value_of(&self, key: &str) -> &str {
            ⋮
            │    fn unused_helper(&self) {}
            ⋮

            src/main.rs:
            │fn main() {
            ⋮

            src/server.rs:
            │pub fn serve(port: &str) {
            ⋮

            tools/report.py:
            │def load_config():
            ⋮
            │def render_report(row):
            ⋮

            tools/rows.py:
            │def format_row():
            ⋮
            10 definitions, 64 tokens"#]],
    );
    check(
        &MapOptions { budget: 25, ..MapOptions::default() },
        expect![[r#"
            src/config.rs:
            ⋮
            │pub fn load_config(path: &str) -> Config {
            ⋮

            tools/report.py:
            │def load_config():
            ⋮

            tools/rows.py:
            │def format_row():
            ⋮
            3 definitions, 18 tokens"#]],
    );
    check(&MapOptions { budget: 3, ..MapOptions::default() }, expect!["0 definitions, 0 tokens"]);
}

/// The first four definitions.
fn check_order(focus: &[&str], words: &[&str], expected: Expect) {
    let (_, table) = Repository::written(REPOSITORY).tables();
    let ranked = rank(&table, &MapOptions { focus, words, ..MapOptions::default() });
    let order = ranked.iter().take(4).map(|found| format!("{}:{}\n", found.path, found.name));
    expected.assert_eq(&order.collect::<String>());
}

#[test]
fn focus_and_words_change_what_matters() {
    check_order(
        &[],
        &[],
        expect![[r#"
        tools/report.py:load_config
        tools/rows.py:format_row
        src/config.rs:load_config
        src/config.rs:value_of
    "#]],
    );
    check_order(
        &["src/main.rs"],
        &[],
        expect![[r#"
        src/config.rs:load_config
        src/config.rs:value_of
        tools/report.py:load_config
        tools/rows.py:format_row
    "#]],
    );
    check_order(
        &["tools/report.py"],
        &[],
        expect![[r#"
        tools/rows.py:format_row
        src/config.rs:load_config
        src/config.rs:value_of
        src/config.rs:parse_lines
    "#]],
    );
    check_order(
        &["src/config.rs"],
        &[],
        expect![[r#"
        tools/report.py:load_config
        tools/rows.py:format_row
        tools/report.py:render_report
        src/server.rs:serve
    "#]],
    );
    check_order(
        &[],
        &["report"],
        expect![[r#"
        tools/report.py:render_report
        tools/rows.py:format_row
        tools/report.py:load_config
        src/config.rs:load_config
    "#]],
    );
    check_order(
        &[],
        &["VALUE"],
        expect![[r#"
        src/config.rs:value_of
        tools/report.py:load_config
        tools/rows.py:format_row
        tools/report.py:render_report
    "#]],
    );
    check_order(
        &[],
        &["serve"],
        expect![[r#"
        src/server.rs:serve
        tools/report.py:load_config
        tools/rows.py:format_row
        src/config.rs:load_config
    "#]],
    );
}

#[test]
fn ranks_are_those_of_page_rank() {
    // `a` mentions what `b` defines, which mentions nothing: with r(a) + r(b) = 1 and half of what `b` has going to each,
    // r(a) = .5 (.15 + .85 r(b)).
    let repository = Repository::written("== a.rs\nhelper();\n== b.rs\nfn helper() {}\n");
    let (_, table) = repository.tables();
    let graph = Graph::new(&table, &MapOptions::default());
    let ranks = page_rank(&graph, &MapOptions::default());
    assert!((ranks[0] - 0.5 / 1.425).abs() < 1e-6, "{ranks:?}");
    assert!((ranks.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{ranks:?}");
    // All that `a` has goes to `helper`.
    let ranked = rank(&table, &MapOptions::default());
    assert_eq!((ranked.len(), ranked[0].name, ranked[0].rank), (1, "helper", ranks[0]));
}

#[test]
fn a_map_keeps_to_its_budget_and_does_not_depend_on_history() {
    for round in 0..6 {
        let (repository, _, table) = random_history(Seed(2).derive("map", round), 50);
        let (_, afresh) = repository.tables();
        let mut before = 0;
        for budget in (0..120).step_by(7) {
            let options = MapOptions { budget, focus: &["a.rs"], words: &["parse"] };
            let map = repository_map(&table, &options, &|path| repository.text(path), &count);
            assert_eq!(map, repository_map(&afresh, &options, &|path| repository.text(path), &count));
            assert!(map.tokens <= budget && map.definitions >= before, "{budget}: {map:?}");
            before = map.definitions;
        }
    }
}

#[test]
fn what_has_changed_since_or_is_gone_is_left_out() {
    let repository = Repository::written(REPOSITORY);
    let (_, table) = repository.tables();
    let map = repository_map(&table, &MapOptions::default(), &|_| None, &count);
    assert_eq!((map.text.as_str(), map.definitions), ("", 0));
    let other = |path: &str| (path == "src/server.rs").then_some(Cow::Borrowed("// one line\n"));
    assert_eq!(repository_map(&table, &MapOptions::default(), &other, &count).definitions, 0);
    assert_eq!(repository_map(&SymbolTable::new(), &MapOptions::default(), &|_| None, &count).text, "");
}
