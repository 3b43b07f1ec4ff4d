//! The repository index on disk: used again, brought up to date, and made anew where it is damaged.

use std::{fs, sync::Arc};

use prentice_base::ContentHash;
use prentice_index::{
    Opened, RepositoryFile, RepositoryIndex,
    search::{Query, SearchOptions},
};

fn file(path: &str, text: &str) -> RepositoryFile {
    RepositoryFile {
        path: path.to_owned(),
        text: Arc::from(text),
        digest: ContentHash::of(text.as_bytes()),
        language: Some("Rust".to_owned()),
        licence: None,
    }
}

fn files() -> Vec<RepositoryFile> {
    (0..20)
        .map(|number| {
            file(&format!("src/file_{number}.rs"), &format!("pub fn item_{number}() -> u32 {{\n    {number}\n}}\n"))
        })
        .collect()
}

fn found(index: &RepositoryIndex, query: &str) -> Vec<String> {
    let query = Query::parse(query).expect("the query is right");
    index.search(&query, &SearchOptions::default()).hits.into_iter().map(|hit| hit.path).collect()
}

#[test]
fn an_index_is_used_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut index, opened) = RepositoryIndex::open(directory.path(), files());
    assert_eq!(opened, Opened { read: 20, ..Opened::default() });
    index.save(directory.path()).expect("the disk takes it");

    let (index, opened) = RepositoryIndex::open(directory.path(), files());
    assert_eq!(opened, Opened::default());
    assert_eq!(found(&index, "\"item_7(\""), ["src/file_7.rs"]);
    assert_eq!(index.symbols().definitions("item_3")[0].path, "src/file_3.rs");
}

#[test]
fn only_what_changed_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    RepositoryIndex::build(files()).save(directory.path()).expect("the disk takes it");
    let mut now = files();
    now.remove(4);
    now[0] = file("src/file_0.rs", "pub fn renamed() {}\n");
    now.push(file("src/new.rs", "pub struct Fresh;\n"));
    let (mut index, opened) = RepositoryIndex::open(directory.path(), now.clone());
    assert_eq!(opened, Opened { read: 2, gone: 1, rebuilt: None });
    let check = |index: &RepositoryIndex| {
        assert!(index.symbols().definitions("item_0").is_empty());
        assert!(index.symbols().definitions("item_4").is_empty());
        assert_eq!(index.symbols().definitions("Fresh")[0].path, "src/new.rs");
        assert_eq!(found(index, "renamed"), ["src/file_0.rs"]);
        assert_eq!(found(index, "\"item_4(\""), [""; 0]);
    };
    check(&index);
    index.save(directory.path()).expect("the disk takes it");
    let (index, opened) = RepositoryIndex::open(directory.path(), now);
    assert_eq!(opened, Opened::default());
    check(&index);
    let segments = fs::read_dir(directory.path()).expect("it is there").flatten();
    let segments = segments.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "segment"));
    assert_eq!(segments.count(), 2, "what is not named any more is removed");
}

#[test]
fn damage_is_said_and_mended() {
    let directory = tempfile::tempdir().expect("a directory");
    let damage = |harm: &dyn Fn()| {
        RepositoryIndex::build(files()).save(directory.path()).expect("the disk takes it");
        harm();
        let (index, opened) = RepositoryIndex::open(directory.path(), files());
        assert_eq!(found(&index, "\"item_7(\""), ["src/file_7.rs"]);
        assert_eq!(opened.read, 20);
        opened.rebuilt.expect("the reason is given")
    };
    let segments = || -> Vec<_> {
        let entries = fs::read_dir(directory.path()).expect("it is there").flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "segment")).collect()
    };
    let flip = |path: &std::path::Path| {
        let mut bytes = fs::read(path).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::remove_file(path).and_then(|()| fs::write(path, bytes)).expect("the disk takes it");
    };
    for number in 0..2 {
        let reason = damage(&|| flip(&segments()[number]));
        assert!(reason.ends_with("is damaged"), "{reason}");
        let reason = damage(&|| fs::remove_file(&segments()[number]).expect("it is there"));
        assert!(reason.ends_with("is missing"), "{reason}");
    }
    let list = directory.path().join("index.json");
    let reason = damage(&|| fs::write(&list, b"{\"version\":1,").expect("the disk takes it"));
    assert!(reason.ends_with("index.json is damaged"), "{reason}");
    let reason = damage(&|| {
        let text = fs::read_to_string(&list).expect("it is there").replacen("\"version\":1", "\"version\":999", 1);
        fs::write(&list, text).expect("the disk takes it");
    });
    assert!(reason.ends_with("was written by another release"), "{reason}");
}
