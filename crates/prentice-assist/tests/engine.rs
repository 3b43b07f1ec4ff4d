//! The completion engine over a real repository: our own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use prentice_assist::{
    Checkout, Citation, Completion, Engine, EngineOptions,
    lsp::{Backend, Cursor},
};
use prentice_base::{ContentHash, Seed};
use prentice_index::{RepositoryFile, RepositoryIndex};
use rand::Rng as _;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it lies in `crates`").to_owned()
}

fn file(path: &str, text: &str) -> RepositoryFile {
    RepositoryFile {
        path: path.to_owned(),
        text: Arc::from(text),
        digest: ContentHash::of(text.as_bytes()),
        language: None,
        licence: Some("MIT OR Apache-2.0".to_owned()),
    }
}

/// The Rust sources of these crates.
fn sources(crates: &[&str]) -> Vec<RepositoryFile> {
    fn collect(root: &Path, directory: &Path, files: &mut Vec<RepositoryFile>) {
        for entry in fs::read_dir(directory).expect("it can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(root, &path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("it is text");
                files.push(file(&path.strip_prefix(root).expect("it lies there").to_string_lossy(), &text));
            }
        }
    }
    let mut files = Vec::new();
    crates.iter().for_each(|name| collect(&root(), &root().join("crates").join(name), &mut files));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

fn engine(files: Vec<RepositoryFile>, options: EngineOptions) -> Engine {
    let engine = Engine::new(root(), options);
    let changed = files.first().map(|file| file.path.clone()).into_iter().collect();
    engine.fill(RepositoryIndex::build(files), Checkout { commit: Some("c0ffee".to_owned()), changed });
    engine
}

fn ask(engine: &Engine, path: &str, marked: &str) -> Vec<Completion> {
    let (before, after) = marked.split_once('‸').expect("the place is marked");
    engine.complete(path, &format!("{before}{after}"), before.len(), &AtomicBool::new(false))
}

/// Whether the span stands in the cited file, beginning in the cited line: compared without white space, by reading the
/// file from the disk.
fn stands(citation: &Citation, text: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let file = fs::read_to_string(root().join(&citation.path)).expect("the cited file is there");
    let mut lines = file.lines().skip(citation.line as usize - 1);
    let Some(first) = lines.next() else { return false };
    let rest: String = lines.map(squeezed).collect();
    let first = squeezed(first);
    let copied = squeezed(&text[citation.span.clone()]);
    (0..first.len())
        .any(|start| first.is_char_boundary(start) && format!("{}{rest}", &first[start..]).starts_with(&copied))
}

#[test]
fn every_copied_span_of_a_thousand_completions_is_where_it_is_cited() {
    let files = sources(&["prentice-base", "prentice-corpus", "prentice-tokens", "prentice-eval"]);
    let engine =
        engine(files.clone(), EngineOptions { threshold: 0.0, go_on: 0.5, lines: 4, ..EngineOptions::default() });
    let mut rng = Seed(11).derive("places", 0).rng();
    let (mut completions, mut spans) = (0, 0);
    while completions < 1000 {
        let file = &files[(rng.next_u64() % files.len() as u64) as usize];
        let mut at = (rng.next_u64() % file.text.len().max(1) as u64) as usize;
        while !file.text.is_char_boundary(at) {
            at -= 1;
        }
        // Of the line at the cursor nothing is written yet, and of the file nothing below.
        for completion in engine.complete(&file.path, &file.text[..at], at, &AtomicBool::new(false)) {
            completions += 1;
            for citation in &completion.citations {
                spans += 1;
                assert!(stands(citation, &completion.text), "{citation:?}\n{}", completion.text);
                assert_eq!(citation.licence.as_deref(), Some("MIT OR Apache-2.0"));
                let is_changed = citation.path == files[0].path;
                assert_eq!(citation.commit.as_deref(), (!is_changed).then_some("c0ffee"));
            }
        }
    }
    assert!(spans > 100, "only {spans} spans were cited");
}

#[test]
fn completions_fit_their_place() {
    let text = "fn f(items: &[Item]) -> usize {\n    let total = items.iter().map(Item::weight).sum();\n    total\n}\n";
    let engine = engine(
        vec![file("src/a.rs", text), file("src/b.rs", &text.replace("fn f", "fn g"))],
        EngineOptions { threshold: 0.05, lines: 1, ..EngineOptions::default() },
    );
    let first = |marked: &str| ask(&engine, "src/new.rs", marked).into_iter().next().map(|completion| completion.text);
    assert_eq!(first("fn h() {\n    let total = items.it‸").as_deref(), Some("er().map(Item::weight).sum();"));
    // What stands after the cursor is not written twice.
    assert_eq!(first("fn h() {\n    let total = items.it‸ + 1;").as_deref(), None);
    assert_eq!(first("fn h() {\n    let total = items.it‸.sum();").as_deref(), Some("er().map(Item::weight)"));
    // A document keeps its line ends.
    let whole =
        first("fn h(items: &[Item]) -> usize {\r\n    let total = items.iter().map(Item::weight).sum();\r\n    ‸")
            .expect("there is one");
    assert!(whole.starts_with("total"), "{whole:?}");
    assert!(ask(&engine, "src/new.rs", "‸").iter().all(|completion| completion.confidence >= 0.05));
}

#[test]
fn a_block_is_gone_on_with() {
    let text = "fn f(items: &[Item]) -> usize {\n\tlet total = items.iter().map(Item::weight).sum();\n\ttotal\n}\n";
    let options = EngineOptions { threshold: 0.05, go_on: 0.3, ..EngineOptions::default() };
    let engine = engine(vec![file("src/a.rs", text), file("src/b.rs", &text.replace("fn f", "fn g"))], options);
    let first = |marked: &str| ask(&engine, "src/new.rs", marked).into_iter().next().map(|completion| completion.text);
    let below = "er().map(Item::weight).sum();\n\ttotal\n}";
    assert_eq!(first("fn h(items: &[Item]) -> usize {\n\tlet total = items.it‸").as_deref(), Some(below));
    let windows = first("fn h(items: &[Item]) -> usize {\r\n\tlet total = items.it‸\r\n");
    assert_eq!(windows.as_deref(), Some(below.replace('\n', "\r\n").as_str()));
    // What stands below already is not written again.
    let whole = first("fn h(items: &[Item]) -> usize {\n\tlet total = items.it‸\n\ttotal\n}\n");
    assert_eq!(whole.as_deref(), Some("er().map(Item::weight).sum();"));
}

#[test]
fn what_is_saved_is_known_at_once() {
    // A line that was seen once is no sure thing.
    let options = EngineOptions { threshold: 0.0, ..EngineOptions::default() };
    let engine = engine(sources(&["prentice-base"]), options);
    let path = "src/b.rs";
    let text = "fn connect() {\n    let socket = Socket::bind(address, Mode::Shared, timeout)?;\n}\n";
    let line = "cket::bind(address, Mode::Shared, timeout)?;";
    assert!(ask(&engine, "src/c.rs", "    let socket = So‸").iter().all(|completion| completion.text != line));
    engine.opened(path, "rust", text);
    engine.saved(path, text);
    let found = ask(&engine, "src/c.rs", "    let socket = So‸");
    assert_eq!(found[0].text, line, "{found:?}");
    assert_eq!((found[0].citations[0].path.as_str(), found[0].citations[0].line), (path, 2));
    assert_eq!(found[0].citations[0].commit, None, "it is in no commit yet");
    // A renamed function is found under its new name only.
    let cursor = |text, offset| Cursor { path: "src/c.rs", language: "rust", text, offset };
    let mention = "fn main() { connect() }";
    assert_eq!(engine.definitions(&cursor(mention, 14))[0].path, path);
    engine.changed(path, &text.replace("connect", "dial"), &[]);
    assert!(engine.definitions(&cursor(mention, 14)).is_empty());
    let is_known = || engine.symbols("dial").iter().any(|symbol| symbol.definition.name == "dial");
    assert!(is_known());
    // Closed without saving: the disk counts, which has no such file.
    engine.closed(path);
    assert!(!is_known());
}

#[test]
fn locals_are_defined_where_they_are_bound() {
    let text = "fn total(items: &[u32]) -> u32 {\n    let sum = items.iter().sum();\n    sum\n}\n\nfn sum() {}\n";
    let engine = engine(vec![file("src/a.rs", text)], EngineOptions::default());
    let at = text.rfind("    sum\n").expect("it is there") + 5;
    let cursor = Cursor { path: "src/a.rs", language: "rust", text, offset: at };
    let places = engine.definitions(&cursor);
    let bound = text.find("sum").expect("it is there");
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].range, bound..bound + 3);
    assert_eq!(engine.references(&cursor, true).len(), 2);
}
