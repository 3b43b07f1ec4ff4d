//! Outlines beside what compilers and language servers say of the same files. The goldens are made by `goldens/make.py`.
//!
//! Three things must agree: what is defined, and as what; which words are mentions; and what a mention means. For the
//! last, a mention of a local must lead to the very place where it is bound; any other must lead to definitions of its
//! name among which is the tool's. Where we and a tool differ for a reason, the reason is a row of `EXCEPTIONS`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use prentice_syntax::{Import, Language, Outline, SymbolKind, outline};
use serde_json::Value;

const FIXTURES: &[&str] = &[
    "ledger.rs",
    "ledger.py",
    "ledger.js",
    "ledger.ts",
    "ledger.tsx",
    "ledger.go",
    "Ledger.java",
    "ledger.c",
    "ledger.cpp",
];

/// Fixture, words of one line, and why we differ there.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("ledger.rs", "76 vec Entry Deposit", "the tool knows a macro's body only where it is expanded"),
    ("ledger.py", "37 Account", "a type in a string is a string here"),
    ("ledger.py", "41 note", "the name of an argument leads to no parameter here"),
    ("ledger.js", "2 readFile", "the tool has no types of Node"),
    ("ledger.js", "4 dirname require", "the tool has no types of Node"),
    ("ledger.js", "35 kind", "the tool knows no type that has it"),
    ("ledger.js", "82 inner", "the tool goes on to the name of the function that the constant is"),
    ("ledger.tsx", "18 className onClick", "the tool has no types of React"),
    ("ledger.tsx", "29 key", "the tool has no types of React"),
    ("ledger.c", "12 account", "a structure without a body is a mention here"),
    ("ledger.c", "28 account data", "parameters of a type of functions mean nothing outside of it"),
    ("ledger.c", "32 account", "parameters of a declaration mean nothing outside of it"),
    ("ledger.c", "78 end", "labels are nothing here"),
    ("ledger.c", "80 end", "labels are nothing here"),
    ("ledger.cpp", "83 Account", "a using declaration is a mention here"),
];

/// A place as the tools write it.
type Place = (usize, usize);

struct Golden {
    definitions: BTreeMap<Place, (String, String)>,
    mentions: BTreeMap<Place, (String, BTreeSet<Place>)>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens"))
}

fn place(written: &Value) -> Place {
    let (line, column) = written.as_str().and_then(|text| text.split_once(':')).expect("a place is line:column");
    (line.parse().expect("a number"), column.parse().expect("a number"))
}

fn golden(name: &str) -> Golden {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("the golden is committed");
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    let rows = |key: &str| value[key].as_array().expect("a list").clone();
    let word = |value: &Value| value.as_str().expect("a string").to_owned();
    Golden {
        definitions: rows("definitions").iter().map(|row| (place(&row[0]), (word(&row[1]), word(&row[2])))).collect(),
        mentions: rows("mentions")
            .iter()
            .map(|row| {
                let targets = row[2].as_array().expect("a list").iter().map(place).collect();
                (place(&row[0]), (word(&row[1]), targets))
            })
            .collect(),
    }
}

/// The kinds that tools have for one of ours.
fn kinds(kind: SymbolKind) -> &'static [&'static str] {
    match kind {
        SymbolKind::Function => &["function", "variable"],
        SymbolKind::Method => &["method", "constructor", "function", "property"],
        SymbolKind::Class => &["class"],
        SymbolKind::Struct => &["struct", "record", "class"],
        SymbolKind::Enum => &["enum"],
        SymbolKind::Variant => &["enum member", "enum"],
        SymbolKind::Interface => &["interface", "annotation_type"],
        SymbolKind::Module => &["module", "namespace"],
        SymbolKind::TypeAlias => &["type parameter", "type", "class", "interface"],
        SymbolKind::Constant => &["constant", "variable"],
        SymbolKind::Variable => &["variable"],
        SymbolKind::Field => &["field", "property", "variable"],
        SymbolKind::Macro => &["macro", "function"],
    }
}

/// Every difference, a line for each.
fn differences(name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(name)).expect("the fixture is committed");
    let golden = golden(name);
    let outline = outline(Language::of_path(name).expect("a known extension"), &text);
    let at = |offset: usize| {
        let before = &text[..offset];
        (before.matches('\n').count() + 1, offset - before.rfind('\n').map_or(0, |end| end + 1) + 1)
    };
    let mut faults = Vec::new();
    let mut fault = |place: Place, word: &str, what: String| {
        let excepted = EXCEPTIONS.iter().any(|(fixture, line, _)| {
            *fixture == name && {
                line.split_once(' ').is_some_and(|(number, words)| {
                    number.parse() == Ok(place.0) && words.split(' ').any(|each| each == word)
                })
            }
        });
        if !excepted {
            faults.push(format!("{name}:{}:{} `{word}` {what}", place.0, place.1));
        }
    };
    // Definitions.
    let defined: BTreeMap<Place, _> =
        outline.definitions.iter().map(|definition| (at(definition.name_range.start), definition)).collect();
    for (place, (word, kind)) in &golden.definitions {
        match defined.get(place) {
            Some(definition) if kinds(definition.kind).contains(&kind.as_str()) => {}
            Some(definition) => fault(*place, word, format!("is a {:?} here, a {kind} there", definition.kind)),
            None => fault(*place, word, format!("is no definition here, a {kind} there")),
        }
    }
    for (place, definition) in &defined {
        // A tool does not list all that it takes for a definition.
        let defines_itself = golden.mentions.get(place).is_some_and(|(_, targets)| targets.contains(place));
        if !golden.definitions.contains_key(place) && !defines_itself {
            fault(*place, &definition.name, format!("is a {:?} here, nothing there", definition.kind));
        }
    }
    // Mentions, and what they mean.
    let meanings = meanings(&outline);
    let meanings: BTreeMap<Place, (&str, BTreeSet<Place>, bool)> = meanings
        .into_iter()
        .map(|(offset, (word, targets, exact))| (at(offset), (word, targets.into_iter().map(at).collect(), exact)))
        .collect();
    for (place, (word, theirs)) in &golden.mentions {
        // The tools that know an import, but not what is imported, lead to the import.
        let imported = |place: &Place| {
            let brings = |import: &Import| {
                let names = import.names.iter().flat_map(|name| [Some(&name.name), name.alias.as_ref()]);
                let itself = import.module.rsplit('/').next() == Some(word);
                itself || names.chain([import.alias.as_ref()]).flatten().any(|name| name == word)
            };
            let around = |import: &&Import| (at(import.range.start)..at(import.range.end)).contains(place);
            outline.imports.iter().filter(around).any(brings)
        };
        match meanings.get(place) {
            None if theirs.is_empty() || imported(place) || word == "_" => {}
            // A definition may lead to another declaration, and what takes an object apart to that object's field.
            Some((_, ours, false)) if ours.contains(place) => {}
            Some((_, ours, true))
                if ours.contains(place) && theirs.iter().all(|target| defined.contains_key(target)) => {}
            Some((_, _, false)) if theirs.iter().any(imported) => {}
            None => fault(*place, word, format!("is nothing here, {theirs:?} there")),
            Some((_, ours, true)) if !ours.is_subset(theirs) => {
                fault(*place, word, format!("is the local {ours:?} here, {theirs:?} there"));
            }
            Some((_, ours, false)) if !theirs.is_empty() && ours.is_disjoint(theirs) => {
                fault(*place, word, format!("is one of {ours:?} here, {theirs:?} there"));
            }
            Some(_) => {}
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for (place, (word, targets, _)) in &meanings {
        // A tool is silent on members of what it does not know the type of, and may be on a name where it is bound.
        let is_member = lines[place.0 - 1][..place.1 - 1].ends_with('.');
        if !golden.mentions.contains_key(place) && !is_member && !targets.contains(place) {
            fault(*place, word, "is a mention here, nothing there".to_owned());
        }
    }
    faults
}

/// What each name means, by the byte where it stands: the places that define it, and whether that is certain.
fn meanings(outline: &Outline) -> BTreeMap<usize, (&str, Vec<usize>, bool)> {
    let mut meanings = BTreeMap::new();
    for local in &outline.locals {
        for range in local.mentions.iter().chain([&local.range]) {
            meanings.insert(range.start, (local.name.as_str(), vec![local.range.start], true));
        }
    }
    let defined = |name: &str| {
        let same = outline.definitions.iter().filter(|definition| definition.name == name);
        same.map(|definition| definition.name_range.start).collect::<Vec<_>>()
    };
    for reference in &outline.references {
        meanings.insert(reference.range.start, (&reference.name, defined(&reference.name), false));
    }
    for definition in &outline.definitions {
        meanings.insert(definition.name_range.start, (&definition.name, defined(&definition.name), false));
    }
    meanings
}

#[test]
fn outlines_agree_with_compilers_and_language_servers() {
    let faults: Vec<String> = FIXTURES.iter().flat_map(|name| differences(name)).collect();
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
}
