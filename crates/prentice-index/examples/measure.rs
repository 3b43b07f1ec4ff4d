//! Measures search, symbols and map on source trees: `cargo run -p prentice-index --example measure -- DIR...`
//!
//! Chunks are thirty lines and outlines come from regular expressions that take every word for a reference, comments and
//! keywords too: more than a parser would find, so that sizes and times of symbols are upper bounds. One thread.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use prentice_base::{Rng, Seed};
use prentice_index::{
    map::{MapOptions, repository_map},
    search::{ChunkSpan, Query, SearchOptions, TextFile, TextIndex, TextSegment, TextSegmentBuilder},
    sections::SharedBytes,
    symbols::{Likeness, Mention, SymbolFile, SymbolSegment, SymbolSegmentBuilder, SymbolTable},
};
use prentice_syntax::{Definition, Outline, Reference, ReferenceKind, SymbolKind};
use rand::{RngExt as _, seq::IndexedRandom as _};
use regex::Regex;

/// Makes a query of what the files have.
type Make = fn(&mut Rng, &[File]) -> String;

struct File {
    path: String,
    text: String,
    chunks: Vec<ChunkSpan>,
    outline: Outline,
}

fn main() {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for root in std::env::args().skip(1) {
        read(Path::new(&root), Path::new(&root).parent().unwrap_or(Path::new("")), &mut texts);
    }
    let definitions =
        Regex::new(r"(?m)\b(fn|def|function|func|struct|class|interface|enum|trait|type|const)[ \t]+([A-Za-z_]\w*)")
            .unwrap();
    let words = Regex::new(r"[A-Za-z_][A-Za-z0-9_]*").unwrap();
    let files: Vec<File> = texts
        .iter()
        .map(|(path, text)| File {
            path: path.clone(),
            chunks: chunks(text, 30),
            outline: outline(text, &definitions, &words),
            text: text.clone(),
        })
        .collect();
    let bytes: usize = texts.values().map(String::len).sum();
    let mb = bytes as f64 / 1e6;
    println!("{} files, {mb:.1} MB", files.len());

    let start = Instant::now();
    let mut builder = TextSegmentBuilder::new();
    files.iter().for_each(|file| builder.add(&text_file(file)));
    let segment = builder.finish();
    let took = start.elapsed();
    let mut index = TextIndex::new();
    let text_bytes = segment.bytes().len();
    let opened = SharedBytes::new(segment.bytes().to_vec());
    index.put(segment);
    println!(
        "text: {} chunks, built at {:.0} MB/s, {:.3} of the source",
        index.chunks(),
        mb / took.as_secs_f64(),
        text_bytes as f64 / bytes as f64
    );
    time("text: open", 1, |_| drop(TextSegment::open(opened.clone()).unwrap()));
    time("text: verify", 1, |_| TextSegment::open(opened.clone()).unwrap().verify().unwrap());

    let start = Instant::now();
    let mut builder = SymbolSegmentBuilder::new();
    files.iter().for_each(|file| builder.add(&symbol_file(file)));
    let segment = builder.finish();
    let took = start.elapsed();
    println!(
        "symbols: {} definitions, {} references, built at {:.0} MB/s, {:.3} of the source",
        files.iter().map(|file| file.outline.definitions.len()).sum::<usize>(),
        files.iter().map(|file| file.outline.references.len()).sum::<usize>(),
        mb / took.as_secs_f64(),
        segment.bytes().len() as f64 / bytes as f64
    );
    let opened = SharedBytes::new(segment.bytes().to_vec());
    time("symbols: open", 1, |_| drop(SymbolSegment::open(opened.clone()).unwrap()));
    let mut table = SymbolTable::new();
    table.put(segment);

    searches("", &index, &table, &files, &texts);
    updates(&mut index, &mut table, &files);
    searches("after updates, ", &index, &table, &files, &texts);
    time("text: compact", 1, |_| index.compact());
    time("symbols: compact", 1, |_| table.compact());
    // A token is about four bytes of source.
    time("map", 1, |_| {
        let map = repository_map(&table, &MapOptions::default(), &|path| lookup(&texts, path), &|text| text.len() / 4);
        println!("{}", map.text.lines().take(24).collect::<Vec<_>>().join("\n"));
    });
}

fn searches(when: &str, index: &TextIndex, table: &SymbolTable, files: &[File], texts: &BTreeMap<String, String>) {
    let rng = &mut Seed(1).rng();
    let options = SearchOptions::default();
    let kinds: [(&str, Make); 8] = [
        ("one word", |rng, files| word(rng, files)),
        ("three words", |rng, files| format!("{} {} {}", word(rng, files), word(rng, files), word(rng, files))),
        ("quoted", |rng, files| format!("\"{}\"", cut(rng, files, 16))),
        ("quoted, short", |rng, files| format!("\"{}\"", cut(rng, files, 4))),
        ("expression", |rng, files| format!(r"/{}\w*\s*[(=]/", word(rng, files))),
        ("expression of two", |rng, files| format!(r"/\b{}\W+(self|{})/", word(rng, files), word(rng, files))),
        ("expression without a word", |_, _| r"/\b[0-9]{4}-[0-9]{2}\b/".to_owned()),
        ("words in a language", |rng, files| format!("{} {} path:src lang:rs", word(rng, files), word(rng, files))),
    ];
    for (kind, make) in kinds {
        let queries: Vec<Query> = (0..300).map(|_| Query::parse(&make(rng, files)).unwrap()).collect();
        let mut hits = 0;
        time(&format!("{when}search, {kind}"), queries.len(), |number| {
            hits += index.search(table, &queries[number], &options, &|path| lookup(texts, path)).hits.len();
        });
    }
    let typed: Vec<String> = (0..300)
        .map(|_| {
            let word = word(rng, files);
            let length = rng.random_range(1..6);
            word.chars().filter(|character| *character != '_').step_by(2).take(length).collect()
        })
        .collect();
    time(&format!("{when}symbols, subsequence"), typed.len(), |number| {
        table.find(&typed[number], Likeness::Subsequence, 100);
    });
    let mentions: Vec<(&str, String)> =
        (0..300).map(|_| (files.choose(rng).unwrap().path.as_str(), word(rng, files))).collect();
    time(&format!("{when}symbols, resolve"), mentions.len(), |number| {
        let (path, name) = &mentions[number];
        table.resolve(&Mention { path, name, qualifier: None, kind: ReferenceKind::Call });
    });
}

fn updates(index: &mut TextIndex, table: &mut SymbolTable, files: &[File]) {
    let rng = &mut Seed(2).rng();
    let usual: Vec<&File> = files.iter().filter(|file| (2_000..50_000).contains(&file.text.len())).collect();
    let chosen: Vec<&File> = (0..1000).filter_map(|_| usual.choose(rng).copied()).collect();
    time("text: update", chosen.len(), |number| index.update(&text_file(chosen[number])));
    time("symbols: update", chosen.len(), |number| table.update(&symbol_file(chosen[number])));
    println!("{} and {} segments", index.segments().count(), table.segments().count());
}

fn time(what: &str, times: usize, mut work: impl FnMut(usize)) {
    let mut took: Vec<Duration> = (0..times)
        .map(|number| {
            let start = Instant::now();
            work(number);
            start.elapsed()
        })
        .collect();
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.2} ms, p95 {:.2} ms, most {:.2} ms", at(0.5), at(0.95), at(1.0));
}

fn lookup<'a>(texts: &'a BTreeMap<String, String>, path: &str) -> Option<Cow<'a, str>> {
    texts.get(path).map(|text| Cow::Borrowed(text.as_str()))
}

fn text_file(file: &File) -> TextFile<'_> {
    TextFile { path: &file.path, language: None, text: &file.text, chunks: &file.chunks }
}

fn symbol_file(file: &File) -> SymbolFile<'_> {
    SymbolFile { path: &file.path, language: None, text: &file.text, outline: &file.outline }
}

/// A word of a file at random.
fn word(rng: &mut Rng, files: &[File]) -> String {
    loop {
        let file = files.choose(rng).unwrap();
        if let Some(reference) = file.outline.references.choose(rng).filter(|reference| reference.name.len() > 2) {
            return reference.name.clone();
        }
    }
}

/// Some characters of a line at random.
fn cut(rng: &mut Rng, files: &[File], length: usize) -> String {
    loop {
        let text = &files.choose(rng).unwrap().text;
        let start = text.floor_char_boundary(rng.random_range(0..text.len().max(1)));
        let cut: String = text[start..].chars().take(length).collect();
        if cut.chars().count() == length && !cut.contains(['\n', '"', '\\']) && !cut.contains("  ") {
            return cut;
        }
    }
}

fn read(path: &Path, root: &Path, texts: &mut BTreeMap<String, String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            read(&entry.path(), root, texts);
        }
        return;
    }
    const SOURCE: [&str; 12] = ["rs", "py", "js", "jsx", "ts", "tsx", "go", "java", "c", "h", "cpp", "md"];
    let source = path.extension().is_some_and(|extension| SOURCE.iter().any(|known| *known == extension));
    // A file of megabytes is data.
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() < 1 << 20);
    if source
        && small
        && let Ok(text) = fs::read_to_string(path)
    {
        let path = path.strip_prefix(root).unwrap_or(path);
        texts.insert(path.to_string_lossy().into_owned(), text);
    }
}

fn chunks(text: &str, lines: usize) -> Vec<ChunkSpan> {
    let mut chunks: Vec<ChunkSpan> = Vec::new();
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let (end, line) = (start + line.len(), number as u32 + 1);
        match chunks.last_mut().filter(|_| !number.is_multiple_of(lines)) {
            Some(chunk) => (chunk.last_line, chunk.range.end) = (line, end),
            None => chunks.push(ChunkSpan { first_line: line, last_line: line, range: start..end }),
        }
        start = end;
    }
    chunks
}

fn outline(text: &str, definitions: &Regex, words: &Regex) -> Outline {
    let mut outline = Outline::default();
    for found in definitions.captures_iter(text) {
        let name = found.get(2).unwrap();
        outline.definitions.push(Definition {
            name: name.as_str().to_owned(),
            kind: SymbolKind::Function,
            container: None,
            name_range: name.range(),
            range: found.get(0).unwrap().range(),
        });
    }
    outline.references = words
        .find_iter(text)
        .map(|word| Reference { name: word.as_str().to_owned(), kind: ReferenceKind::Other, range: word.range() })
        .collect();
    outline
}
