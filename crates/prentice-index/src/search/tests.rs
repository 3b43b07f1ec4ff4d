//! Search from the outside: small repositories, queries, answers.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use prentice_base::Seed;

use super::*;
use crate::{
    sections::SharedBytes,
    testing::{Repository, random_history, random_text},
};

const REPOSITORY: &str = r#"
== src/config/load.rs
use std::fs;

/// Reads the configuration of a project.
pub fn load_config(path: &Path) -> Config {
    let text = fs::read_to_string(path)?;
    parse_config(&text)
}

fn parse_config(text: &str) -> Config {
    text.lines().map(parse_line).collect()
}
== src/config/mod.rs
pub mod load;

pub struct Config {
    pub entries: Vec<Entry>,
}

pub fn default_config() -> Config { Config { entries: Vec::new() } }
== src/main.rs
use crate::config::load;

fn main() {
    let config = load::load_config(Path::new("app.toml"));
    HTTPServer::new(config).run(8080);
}
== tools/report.py
from app.http import HTTPServer

def parse_report(text):
    """Parse the config of a report."""
    return [line for line in text.split("\n") if line != ""]

class ReportServer(HTTPServer):
    def run(self, port):
        return port => 8080
== web/größe.ts
export function größe(werte: number[]): number {
  return werte.length; // Größe
}
"#;

fn show(answer: &SearchAnswer) -> String {
    let mut text = String::new();
    for hit in &answer.hits {
        writeln!(text, "{}:{}-{}", hit.path, hit.span.first_line, hit.span.last_line).unwrap();
        for line in &hit.lines {
            let mut marked = line.text.clone();
            for span in line.spans.iter().rev() {
                marked.insert(span.end, '›');
                marked.insert(span.start, '‹');
            }
            writeln!(text, "{:>4} {marked}", line.line).unwrap();
        }
    }
    if !answer.complete {
        text += "incomplete\n";
    }
    text
}

fn check(query: &str, expected: Expect) {
    let repository = Repository::written(REPOSITORY);
    let (index, table) = repository.tables();
    let options = SearchOptions { limit: 4, ..SearchOptions::default() };
    let query = Query::parse(query).unwrap();
    expected.assert_eq(&show(&index.search(&table, &query, &options, &|path| repository.text(path))));
}

#[test]
fn words_find_what_has_them_and_what_defines_them_first() {
    check(
        "parse config",
        expect![[r#"
        src/config/load.rs:9-11
           9 fn ‹parse_config›(text: &str) -> ‹Config› {
          10     text.lines().map(‹parse›_line).collect()
        tools/report.py:1-4
           3 def ‹parse_report›(text):
           4     """‹Parse› the ‹config› of a report."""
        src/config/mod.rs:1-4
           3 pub struct ‹Config› {
        src/config/load.rs:5-8
           6     ‹parse›_‹config›(&text)
    "#]],
    );
    check(
        "parse_config",
        expect![[r#"
        src/config/load.rs:9-11
           9 fn ‹parse_config›(text: &str) -> ‹Config› {
          10     text.lines().map(‹parse›_line).collect()
        src/config/load.rs:5-8
           6     ‹parse_config›(&text)
        tools/report.py:1-4
           3 def ‹parse›_report(text):
           4     """‹Parse› the ‹config› of a report."""
        src/config/mod.rs:5-7
           7 pub fn default_‹config›() -> ‹Config› { ‹Config› { entries: Vec::new() } }
    "#]],
    );
    check(
        "server",
        expect![[r#"
        tools/report.py:5-8
           7 class Report‹Server›(HTTP‹Server›):
        src/main.rs:5-6
           5     HTTP‹Server›::new(config).run(8080);
        tools/report.py:1-4
           1 from app.http import HTTP‹Server›
    "#]],
    );
    check(
        "GRÖSSE größe",
        expect![[r#"
        web/größe.ts:1-3
           1 export function ‹größe›(werte: number[]): number {
           2   return werte.length; // ‹Größe›
    "#]],
    );
    check("nowhere", expect![""]);
}

#[test]
fn paths_count_as_words() {
    check(
        "report",
        expect![[r#"
        tools/report.py:5-8
           7 class ‹ReportServer›(HTTPServer):
        tools/report.py:1-4
           3 def parse_‹report›(text):
           4     """Parse the config of a ‹report›."""
        tools/report.py:9-9
    "#]],
    );
}

#[test]
fn quotes_and_expressions_must_match_within_a_line() {
    check(
        r#""load_config(""#,
        expect![[r#"
        src/main.rs:1-4
           4     let config = load::‹load_config(›Path::new("app.toml"));
        src/config/load.rs:1-4
           4 pub fn ‹load_config(›path: &Path) -> Config {
    "#]],
    );
    check(r#""LOAD_CONFIG(""#, expect![""]);
    check(
        r"/fn \w+_config/",
        expect![[r#"
        src/config/mod.rs:5-7
           7 pub ‹fn default_config›() -> Config { Config { entries: Vec::new() } }
        src/config/load.rs:9-11
           9 ‹fn parse_config›(text: &str) -> Config {
        src/config/load.rs:1-4
           4 pub ‹fn load_config›(path: &Path) -> Config {
    "#]],
    );
    check(
        r"/^\s+return .*0$/",
        expect![[r#"
        tools/report.py:9-9
           9 ‹        return port => 8080›
    "#]],
    );
    check(r"/\{\s+let/", expect![""]);
    check(
        "=>",
        expect![[r#"
        tools/report.py:9-9
           9         return port ‹=>› 8080
    "#]],
    );
    check(
        r#"config "8080""#,
        expect![[r#"
        src/main.rs:5-6
           5     HTTPServer::new(‹config›).run(‹8080›);
        tools/report.py:9-9
           9         return port => ‹8080›
    "#]],
    );
    check(
        r"/(?i)GRÖSSE|größe/ path:web",
        expect![[r#"
        web/größe.ts:1-3
           1 export function ‹größe›(werte: number[]): number {
           2   return werte.length; // ‹Größe›
    "#]],
    );
}

#[test]
fn filters_narrow() {
    check(
        "config lang:python",
        expect![[r#"
        tools/report.py:1-4
           4     """Parse the ‹config› of a report."""
    "#]],
    );
    check(
        "config lang:rs path:main",
        expect![[r#"
        src/main.rs:1-4
           1 use crate::‹config›::load;
           4     let ‹config› = load::load_‹config›(Path::new("app.toml"));
        src/main.rs:5-6
           5     HTTPServer::new(‹config›).run(8080);
    "#]],
    );
    check(
        "return lang:py lang:typescript",
        expect![[r#"
        tools/report.py:9-9
           9         ‹return› port => 8080
        web/größe.ts:1-3
           2   ‹return› werte.length; // Größe
        tools/report.py:5-8
           5     ‹return› [line for line in text.split("\n") if line != ""]
    "#]],
    );
    check(
        "config path:src/**/mod.rs",
        expect![[r#"
        src/config/mod.rs:1-4
           3 pub struct ‹Config› {
        src/config/mod.rs:5-7
           7 pub fn default_‹config›() -> ‹Config› { ‹Config› { entries: Vec::new() } }
    "#]],
    );
    check(
        "sym:prsconf",
        expect![[r#"
        src/config/load.rs:9-11
           9 fn ‹parse_config›(text: &str) -> Config {
    "#]],
    );
    check(
        "text sym:parse",
        expect![[r#"
        src/config/load.rs:9-11
           9 fn ‹parse_config›(‹text›: &str) -> Config {
          10     ‹text›.lines().map(parse_line).collect()
        tools/report.py:1-4
           3 def ‹parse_report›(‹text›):
    "#]],
    );
    check(
        "sym:ReportServer.run",
        expect![[r#"
        tools/report.py:5-8
           8     def ‹run›(self, port):
    "#]],
    );
}

/// All chunks that have a line with a match, by looking at all of them.
fn by_looking(repository: &Repository, regex: &Regex) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for (path, text) in &repository.0 {
        for chunk in crate::testing::chunks(text, 4) {
            let mut lines = text[chunk.range.clone()].split_inclusive('\n').map(lines::content);
            if lines.any(|line| regex.is_match(line)) {
                found.push((path.clone(), chunk.first_line));
            }
        }
    }
    found
}

#[test]
fn the_index_finds_just_what_looking_at_everything_finds() {
    let everything = SearchOptions { limit: usize::MAX, ..SearchOptions::default() };
    let mut matched = 0;
    for round in 0..12 {
        let (repository, index, table) = random_history(Seed(5).derive("look", round), 40);
        let written =
            ["parse", "oad_f", "x::of", "(?i)HTTPSERVER", "g?röße", r"\bof\b", "^fn", r"value\d$", "Abc_Abc", "^$"];
        let more = [
            r"Abc_\b",
            r"new(\(|\.)",
            r"Index = |\+ Segment",
            r"[0]\s*of",
            r"\s=>\s",
            r"parse\s",
            r"[^x]\W$",
            "—",
            "s+elf.",
            "(x|of)[.]parse",
        ];
        for source in written.iter().chain(&more) {
            let query = Query::parse(&format!("/{source}/")).unwrap();
            let answer = index.search(&table, &query, &everything, &|path| repository.text(path));
            let mut found: Vec<(String, u32)> =
                answer.hits.iter().map(|hit| (hit.path.clone(), hit.span.first_line)).collect();
            found.sort();
            assert_eq!(found, by_looking(&repository, &query.patterns[0].regex), "{source}");
            assert!(answer.complete && answer.hits.iter().all(|hit| !hit.lines.is_empty()), "{source}");
            matched += found.len();
        }
        // Strings that are there, cut at random.
        for (number, text) in repository.0.values().enumerate() {
            let characters: Vec<char> = text.chars().collect();
            let length = 3 + number % 9;
            for cut in characters.windows(length).step_by(17) {
                let cut: String = cut.iter().collect();
                if cut.contains(['\n', '\r']) || cut.trim().is_empty() {
                    continue;
                }
                let query = Query::parse(&format!("\"{}\"", cut.replace('"', "\\\""))).unwrap();
                let answer = index.search(&table, &query, &everything, &|path| repository.text(path));
                assert_eq!(answer.hits.len(), by_looking(&repository, &query.patterns[0].regex).len(), "{cut:?}");
                assert!(!answer.hits.is_empty(), "{cut:?}");
            }
        }
    }
    assert!(matched > 500, "{matched} matches are too few to tell");
}

#[test]
fn order_and_grouping_of_changes_do_not_matter() {
    let options = SearchOptions { limit: 50, ..SearchOptions::default() };
    let mut hits = 0;
    for round in 0..25 {
        let (repository, mut index, mut table) = random_history(Seed(9).derive("history", round), 60);
        let (afresh, afresh_table) = repository.tables();
        assert_eq!((index.files(), index.chunks(), index.paths()), (afresh.files(), afresh.chunks(), afresh.paths()));
        for source in
            ["parse config", "HTTPServer new", "\"x.\"", "/of|new/", "parse sym:load", "größe path:src", "self =>"]
        {
            let query = Query::parse(source).unwrap();
            let search =
                |index: &TextIndex, table| index.search(table, &query, &options, &|path| repository.text(path));
            let expected = search(&afresh, &afresh_table);
            assert_eq!(search(&index, &table), expected, "{source}");
            hits += expected.hits.len();
        }
        index.compact();
        table.compact();
        if !repository.0.is_empty() {
            assert_eq!(**index.segments().next().unwrap().bytes(), **afresh.segments().next().unwrap().bytes());
        }
    }
    assert!(hits > 500, "{hits} hits are too few to tell");
}

#[test]
fn many_small_changes_are_found_at_once() {
    let mut index = TextIndex::new();
    let rng = &mut Seed(3).rng();
    for number in 0..300 {
        let text = format!("{}\nmarker_{number} here\n", random_text(rng));
        let path = format!("dir{}/file{number}.rs", number % 7);
        index.update(&TextFile { path: &path, language: None, text: &text, chunks: &crate::testing::chunks(&text, 4) });
        let query = Query::parse(&format!("marker_{number}")).unwrap();
        let answer =
            index.search(&SymbolTable::new(), &query, &SearchOptions::default(), &|_| Some(Cow::Borrowed(&text)));
        assert_eq!(answer.hits[0].path, path);
    }
    assert!(index.segments().count() < 40, "{} segments", index.segments().count());
}

#[test]
fn texts_that_are_gone_or_have_changed_give_no_lines_and_no_panic() {
    let repository = Repository::written(REPOSITORY);
    let (index, table) = repository.tables();
    let texts: [&Texts<'_>; 3] = [&|_| None, &|_| Some(Cow::Borrowed("ä")), &|_| Some(Cow::Owned("ü".repeat(10_000)))];
    for text in texts {
        let search =
            |source: &str| index.search(&table, &Query::parse(source).unwrap(), &SearchOptions::default(), text).hits;
        assert!(search("config").iter().all(|hit| hit.lines.is_empty()));
        assert!(!search("config").is_empty() && search("\"config\"").is_empty());
    }
}

#[test]
fn an_answer_says_when_it_is_not_complete() {
    let repository = Repository::written(REPOSITORY);
    let (index, table) = repository.tables();
    let search = |source: &str, looked_at| {
        let options = SearchOptions { looked_at, ..SearchOptions::default() };
        index.search(&table, &Query::parse(source).unwrap(), &options, &|path| repository.text(path))
    };
    assert!(!search("/[0-9]{4}/", 2).complete);
    assert!(search("/[0-9]{4}/", 100).complete);
    assert!(search("\"ReportServer\"", 2).complete, "words narrow it down first");
}

#[test]
fn damaged_segments_are_refused_or_do_no_harm() {
    let mut repository = Repository::written(REPOSITORY);
    repository.0.retain(|path, _| path.ends_with(".rs"));
    let (index, _) = repository.tables();
    let good = index.segments().next().unwrap().bytes().to_vec();
    let open = |bytes: Vec<u8>| TextSegment::open(SharedBytes::new(bytes));
    for length in 0..good.len() {
        assert!(open(good[..length].to_vec()).is_err(), "cut at {length}");
    }
    let queries = ["config", "\"parse_\"", "/[a-z]+ng/ path:src"].map(|source| Query::parse(source).unwrap());
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        let Ok(segment) = open(bytes) else { continue };
        assert!(segment.verify().is_err(), "byte {place}");
        // Whoever does not verify gets some answer.
        let mut index = TextIndex::new();
        index.put(segment);
        for query in &queries {
            index.search(&SymbolTable::new(), query, &SearchOptions::default(), &|path| repository.text(path));
        }
        index.update(&TextFile { path: "src/new.rs", language: None, text: "config", chunks: &[] });
        index.compact();
    }
    assert!(open(good).unwrap().verify().is_ok());
}
