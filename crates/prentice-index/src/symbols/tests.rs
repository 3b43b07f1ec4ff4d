//! The symbol table from the outside.

use expect_test::{Expect, expect};
use prentice_base::Seed;

use super::*;
use crate::{
    sections::SharedBytes,
    testing::{Repository, random_history},
};

const REPOSITORY: &str = r#"
== crates/net/src/http.rs
use crate::config::Config;

pub struct Server {}

impl Server {
    pub fn new(config: Config) -> Server {
        start(config)
    }
}

fn start(config: Config) -> Server {}
== crates/net/src/config.rs
pub struct Config {}

impl Config {
    pub fn new() -> Config {}
}
== crates/app/src/config.rs
pub struct Config {}

fn start() {}
== crates/app/src/main.rs
use net::http::Server;
use crate::config::Config;

fn main() {
    let server = Server::new(Config::new());
    start();
}
== tools/pkg/util.py
def start():
    return Config()

class Config:
    def load_all(self):
        start()
== tools/pkg/cli.py
from .util import start as begin
from other.util import load

def main():
    begin()
    load()
== tools/other/util.py
def start():
    pass

def load():
    pass
== web/api.ts
export function start(): void {}
== web/ui/app.ts
import { start } from "../api";

start();
== src/list.h
struct list;
== src/list.c
#include "list.h"
struct list;
function push(list) {}
"#;

fn show(hits: &[SymbolHit]) -> String {
    let line = |hit: &SymbolHit| {
        let container = hit.container.map_or(String::new(), |container| format!("{container}."));
        format!("{}:{} {:?} {container}{}\n", hit.path, hit.line, hit.kind, hit.name)
    };
    hits.iter().map(line).collect()
}

fn check_find(typed: &str, expected: Expect) {
    let (_, table) = Repository::written(REPOSITORY).tables();
    expected.assert_eq(&show(&table.find(typed, Likeness::Subsequence, 5)));
}

#[test]
fn definitions_are_found_by_what_is_typed() {
    check_find(
        "Config",
        expect![[r#"
        crates/app/src/config.rs:1 Struct Config
        crates/net/src/config.rs:1 Struct Config
        tools/pkg/util.py:4 Class Config
    "#]],
    );
    check_find(
        "ld",
        expect![[r#"
        tools/other/util.py:4 Function load
        tools/pkg/util.py:5 Method Config.load_all
    "#]],
    );
    check_find(
        "Server::new",
        expect![[r#"
        crates/net/src/http.rs:6 Method Server.new
    "#]],
    );
    check_find(
        "net::config.NEW",
        expect![[r#"
        crates/net/src/config.rs:4 Method Config.new
    "#]],
    );
    check_find("zzz", expect![""]);
}

#[test]
fn definitions_and_references_are_found_by_name() {
    let repository = Repository::written(REPOSITORY);
    let (_, table) = repository.tables();
    expect![[r#"
        crates/app/src/config.rs:3 Function start
        crates/net/src/http.rs:11 Function start
        tools/other/util.py:1 Function start
        tools/pkg/util.py:1 Function start
        web/api.ts:1 Function start
    "#]]
    .assert_eq(&show(&table.definitions("start")));
    let references: String = table
        .references("start")
        .into_iter()
        .map(|hit| {
            assert_eq!(&repository.0[hit.path][hit.range.clone()], "start");
            format!("{}:{} {:?}\n", hit.path, hit.range.start, hit.kind)
        })
        .collect();
    expect![[r#"
        crates/app/src/main.rs:112 Call
        crates/net/src/http.rs:115 Call
        tools/pkg/util.py:80 Call
        web/ui/app.ts:33 Call
    "#]]
    .assert_eq(&references);
    assert!(table.definitions("Start").is_empty() && table.references("nowhere").is_empty());
    assert_eq!(table.imports("tools/pkg/cli.py").len(), 2);
    assert_eq!(table.imports("tools/pkg/cli.py")[0].names[0].alias.as_deref(), Some("begin"));
}

fn check_resolve(path: &str, qualifier: Option<&str>, name: &str, kind: ReferenceKind, expected: &str) {
    let (_, table) = Repository::written(REPOSITORY).tables();
    let hits = table.resolve(&Mention { path, name, qualifier, kind });
    let first = hits.first().map_or(String::new(), |hit| format!("{}:{}", hit.path, hit.line));
    assert_eq!(first, expected, "{name} in {path}; all: {hits:#?}");
    assert!(hits.get(1).is_none_or(|second| second.score < hits[0].score), "{name} in {path} is a tie");
}

#[test]
fn a_mention_means_the_definition_that_its_file_speaks_for() {
    use ReferenceKind::{Call, Type};
    let http = "crates/net/src/http.rs";
    check_resolve(http, None, "start", Call, "crates/net/src/http.rs:11");
    check_resolve(http, None, "Config", Type, "crates/net/src/config.rs:1");
    let main = "crates/app/src/main.rs";
    check_resolve(main, None, "Server", Type, "crates/net/src/http.rs:3");
    check_resolve(main, Some("Server"), "new", Call, "crates/net/src/http.rs:6");
    check_resolve(main, Some("Config"), "new", Call, "crates/net/src/config.rs:4");
    check_resolve(main, None, "Config", Type, "crates/app/src/config.rs:1");
    check_resolve(main, None, "start", Call, "crates/app/src/config.rs:3");
    check_resolve("tools/pkg/cli.py", None, "begin", Call, "tools/pkg/util.py:1");
    check_resolve("tools/pkg/cli.py", None, "load", Call, "tools/other/util.py:4");
    check_resolve("tools/pkg/util.py", None, "start", Call, "tools/pkg/util.py:1");
    check_resolve("web/ui/app.ts", None, "start", Call, "web/api.ts:1");
    check_resolve("src/list.c", None, "push", Call, "src/list.c:3");
    check_resolve("nowhere.rs", None, "load_all", Call, "tools/pkg/util.py:5");
    check_resolve(main, None, "absent", Call, "");
}

#[test]
fn order_and_grouping_of_changes_do_not_matter() {
    let mut hits = 0;
    for round in 0..25 {
        let (repository, _, mut table) = random_history(Seed(11).derive("history", round), 60);
        let (_, afresh) = repository.tables();
        for typed in ["parse", "p", "Seg", "ld", "x"] {
            for limit in [1, 3, 1000] {
                let expected = afresh.find(typed, Likeness::Subsequence, limit);
                assert_eq!(table.find(typed, Likeness::Subsequence, limit), expected, "{typed}");
                hits += expected.len();
            }
            assert_eq!(table.references(typed), afresh.references(typed), "{typed}");
            for path in repository.0.keys() {
                let mention = Mention { path, name: typed, qualifier: Some("Index"), kind: ReferenceKind::Call };
                assert_eq!(table.resolve(&mention), afresh.resolve(&mention), "{typed} in {path}");
                assert_eq!(table.imports(path), afresh.imports(path), "{path}");
            }
        }
        table.compact();
        if !repository.0.is_empty() {
            assert_eq!(**table.segments().next().unwrap().bytes(), **afresh.segments().next().unwrap().bytes());
        }
    }
    assert!(hits > 500, "{hits} hits are too few to tell");
}

#[test]
fn damaged_segments_are_refused_or_do_no_harm() {
    let (_, table) = Repository::written(REPOSITORY).tables();
    let good = table.segments().next().unwrap().bytes().to_vec();
    let open = |bytes: Vec<u8>| SymbolSegment::open(SharedBytes::new(bytes));
    for length in 0..good.len() {
        assert!(open(good[..length].to_vec()).is_err(), "cut at {length}");
    }
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        let Ok(segment) = open(bytes) else { continue };
        assert!(segment.verify().is_err(), "byte {place}");
        // Whoever does not verify gets some answer.
        let mut table = SymbolTable::new();
        table.put(segment);
        table.find("con", Likeness::Subsequence, 10);
        table.references("start");
        for path in ["crates/app/src/main.rs", "tools/pkg/cli.py"] {
            table.resolve(&Mention { path, name: "start", qualifier: None, kind: ReferenceKind::Call });
        }
        crate::map::rank(&table, &crate::map::MapOptions::default());
        table.remove("web/api.ts");
        table.compact();
    }
    assert!(open(good).unwrap().verify().is_ok());
}
