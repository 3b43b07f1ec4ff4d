use expect_test::{Expect, expect};
use prentice_base::Seed;
use rand::{Rng as _, RngExt as _};

use super::*;

const FILES: &[(&str, &str)] = &[
    ("src/area.rs", "//! Areas.\n\nfn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n\nfn last() {}\n"),
    ("src/deep/area.rs", "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n"),
    ("tables/zeros.c", "uint zeros[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };\n} } } } } ) ) ) ) ]\n"),
    ("tables/crc.c", "crc[] = { 0x1db7, 0x3b6e, 0x26d9, 0x76dc, 0x6b6b };\n"),
    ("tables/align.c", "#define  WIDTH\t\t10\n#define  HEIGHT\t\t20\n\n\n#define  DEPTH\t\t30\n"),
];

fn index(files: &[(&str, &str)]) -> CiteIndex {
    CiteIndex::build(&files.iter().map(|(path, text)| Source { path, text }).collect::<Vec<_>>())
}

fn shown(text: &str, matches: &[CiteMatch]) -> String {
    let line = |found: &CiteMatch| {
        let CiteMatch { span, path, line, last_line, tokens } = found;
        format!("{path}:{line}-{last_line} {tokens} {:?}\n", &text[span.clone()])
    };
    matches.iter().map(line).collect()
}

fn check(text: &str, options: &CiteOptions, expected: Expect) {
    expected.assert_eq(&shown(text, &index(FILES).cite(text, options)));
}

#[test]
fn lines_may_be_moved_and_indented() {
    let text = "class A:\n\t\tfn area(width: u32, \r\n\r\n\theight: u32) -> u32 {  \n width * height }";
    // What stands before `height` on a line of its own is no space.
    check(
        text,
        &CiteOptions::default(),
        expect![[r#"
        src/area.rs:3-4 10 "height: u32) -> u32 {  \n width * height"
    "#]],
    );
    let text = "x(fn area(width: u32, height: u32) -> u32 {\r\n\r\n  width * height\r\n}) + 1";
    check(
        text,
        &CiteOptions::default(),
        expect![[r#"
        src/area.rs:3-5 18 "fn area(width: u32, height: u32) -> u32 {\r\n\r\n  width * height\r\n}"
    "#]],
    );
}

#[test]
fn white_space_within_a_line_and_names_have_to_be_the_same() {
    for text in [
        "fn area(width: u32,  height: u32)",
        "fn area(width : u32, height: u32)",
        "fn area(width: u32, depth: u32)",
        "fn area(width: u32, unheard_of: u32) ->",
        "area(width: u3",
        "",
    ] {
        check(text, &CiteOptions::default(), expect![""]);
    }
    check(
        "#define  WIDTH\t\t10\n\n#define  HEIGHT\t\t20\n#define  DEPTH\t\t30",
        &CiteOptions::default(),
        expect![[r##"
        tables/align.c:1-5 12 "#define  WIDTH\t\t10\n\n#define  HEIGHT\t\t20\n#define  DEPTH\t\t30"
    "##]],
    );
}

#[test]
fn what_says_nothing_is_not_cited() {
    let zeros = "a = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };\n} } } } } ) ) ) )";
    check(zeros, &CiteOptions::default(), expect![""]);
    // Numbers of a table say something.
    check(
        "{ 0x1db7, 0x3b6e, 0x26d9, 0x76dc, 0x6b6b };",
        &CiteOptions::default(),
        expect![[r#"
        tables/crc.c:1-1 12 "{ 0x1db7, 0x3b6e, 0x26d9, 0x76dc, 0x6b6b };"
    "#]],
    );
    // Zeros before something are skipped as far as they must.
    check(
        "0, 0, 0, 0, 0, 0, 0, 0 };\n} } } } } ) ) ) ) ] uint zeros[] = { 0, 0,",
        &CiteOptions::default(),
        expect![[r#"
        tables/zeros.c:1-1 10 "uint zeros[] = { 0, 0,"
    "#]],
    );
}

#[test]
fn the_nearest_of_equal_places_is_cited_and_no_excluded_line() {
    let text = "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n";
    let near = |near| CiteOptions { near: Some(near), ..CiteOptions::default() };
    check(
        text,
        &near("src/new.rs"),
        expect![[r#"
        src/area.rs:3-5 18 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}"
    "#]],
    );
    check(
        text,
        &near("src/deep/area.rs"),
        expect![[r#"
        src/deep/area.rs:1-3 18 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}"
    "#]],
    );
    check(
        text,
        &near("src/deep/new.rs"),
        expect![[r#"
        src/deep/area.rs:1-3 18 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}"
    "#]],
    );
    let without = |lines| CiteOptions { exclude: Some(("src/area.rs", lines)), ..near("src/area.rs") };
    check(
        text,
        &without(1..usize::MAX),
        expect![[r#"
        src/deep/area.rs:1-3 18 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}"
    "#]],
    );
    // A place that is cut short by the excluded lines is worse than a longer one...
    check(
        text,
        &without(4..5),
        expect![[r#"
        src/deep/area.rs:1-3 18 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}"
    "#]],
    );
    // ... and as long as it can be where there is no other.
    let text = "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n\nfn last() {}\n";
    let alone = |lines| {
        shown(
            text,
            &index(&FILES[..1])
                .cite(text, &CiteOptions { exclude: Some(("src/area.rs", lines)), ..CiteOptions::default() }),
        )
    };
    expect![[r#"
        src/area.rs:3-3 14 "fn area(width: u32, height: u32) -> u32 {"
    "#]]
    .assert_eq(&alone(4..5));
    expect![""].assert_eq(&alone(3..9));
    check(text, &CiteOptions { least: 30, ..CiteOptions::default() }, expect![""]);
    check(
        text,
        &CiteOptions { least: 20, ..CiteOptions::default() },
        expect![[r#"
        src/area.rs:3-7 24 "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n\nfn last() {}"
    "#]],
    );
}

#[test]
fn long_copies_are_one_citation() {
    let text: String = (0..300).map(|line| format!("call_{line}(argument, {line});\n")).collect();
    let other = text.replace("call_250", "call_251");
    let index = index(&[("a.rs", &other), ("b.rs", &text), ("c.rs", &text)]);
    let options = CiteOptions { least: 100, ..CiteOptions::default() };
    let places: Vec<_> = index
        .cite(&text, &options)
        .into_iter()
        .map(|found| (found.path, found.line, found.last_line, found.tokens))
        .collect();
    assert_eq!(places, [("b.rs".to_owned(), 1, 300, 2100)]);
}

/// Minutes, if each of the many places were compared to its end.
#[test]
fn long_tables_are_no_trouble() {
    let zeros = "0, ".repeat(30_000);
    let index =
        index(&[("a.c", &format!("first table = {zeros}1;")), ("b.c", &format!("{zeros}2 }} last of table(two);"))]);
    let text = format!("{zeros}2 }} last of table(two);");
    let near = CiteOptions { near: Some("a.c"), ..CiteOptions::default() };
    let found = index.cite(&text, &near);
    assert_eq!(found.iter().map(|found| (&*found.path, found.tokens)).collect::<Vec<_>>(), [("b.c", 60_009)]);
    assert_eq!(index.cite(&zeros, &near), []);
}

/// A few phrases in any order, so that much is the same in many files.
fn scribble(random: &mut impl rand::Rng) -> String {
    let phrases =
        ["alpha beta ", "gamma(alpha, ", "delta;\n", "0x1f } ", ") ) ) ) ", "beta\n\n    ", "beta gamma delta "];
    (0..random.random_range(0..60)).map(|_| phrases[random.random_range(0..phrases.len())]).collect()
}

#[test]
fn an_index_that_was_changed_is_one_that_was_built_so() {
    let paths: Vec<String> = (0..24).map(|file| format!("{}/{file}.rs", ["a", "a/b", "c"][file % 3])).collect();
    let mut cited = 0;
    for round in 0..6 {
        let mut random = Seed(5).derive("edits", round).rng();
        let mut now: std::collections::BTreeMap<&str, String> =
            paths.iter().take(12).map(|path| (&**path, scribble(&mut random))).collect();
        let build = |files: &std::collections::BTreeMap<&str, String>| {
            CiteIndex::build(&files.iter().map(|(path, text)| Source { path, text }).collect::<Vec<_>>())
        };
        let mut changed = build(&now);
        for edit in 0..80 {
            let path = &*paths[random.random_range(0..paths.len())];
            if random.random_range(0..4) == 0 {
                changed.remove(path);
                now.remove(path);
            } else {
                let text = scribble(&mut random);
                changed.replace(path, &text);
                now.insert(path, text);
            }
            if edit % 8 != 7 {
                continue;
            }
            let anew = build(&now);
            assert_eq!(changed.tokens(), anew.tokens());
            let text: String = (0..8).map(|_| scribble(&mut random)).collect::<String>()
                + &now.values().next().cloned().unwrap_or_default();
            let options = CiteOptions {
                least: 0,
                near: Some("a/b/1.rs"),
                exclude: (edit % 16 == 7).then_some((&*paths[3], 2..6)),
            };
            let found = changed.cite(&text, &options);
            assert_eq!(found, anew.cite(&text, &options));
            cited += found.len();
        }
        assert!(changed.segments.len() <= 6, "{} segments", changed.segments.len());
    }
    assert!(cited > 1000, "only {cited}");
}

/// The longest match at each token, tried one by one.
#[test]
fn matches_are_the_longest_there_are() {
    let mut random = Seed(6).rng();
    let files: Vec<(String, String)> = (0..10).map(|file| (format!("{file}"), scribble(&mut random))).collect();
    let index = CiteIndex::build(&files.iter().map(|(path, text)| Source { path, text }).collect::<Vec<_>>());
    let mut found = 0;
    for _ in 0..30 {
        let text: String = (0..3).map(|_| scribble(&mut random)).collect();
        let (symbols, spans) = text::read(&text, &index.lexicon);
        let known: Vec<Vec<Symbol>> = files.iter().map(|(_, text)| text::read(text, &index.lexicon).0).collect();
        let longest = |at: usize| {
            let same = |left: &[Symbol], right: &[Symbol]| {
                let first = usize::from(left.first().zip(right.first()).is_some_and(|(l, r)| l >> 1 == r >> 1));
                first + left.iter().zip(right).skip(1).take_while(|(l, r)| first == 1 && l == r).count()
            };
            known
                .iter()
                .flat_map(|file| (0..file.len()).map(|start| same(&file[start..], &symbols[at..])))
                .max()
                .unwrap()
        };
        for citation in index.cite(&text, &CiteOptions::default()) {
            let at = spans.iter().position(|span| span.start == citation.span.start).unwrap();
            assert_eq!(citation.tokens, longest(at));
            found += 1;
        }
    }
    assert!(found > 100, "only {found}");
}

#[test]
fn memory_is_what_was_promised() {
    let mut random = Seed(7).rng();
    let files: Vec<(String, String)> = (0..200)
        .map(|file| {
            (
                format!("{file}.rs"),
                (0..400)
                    .map(|_| format!("name_{} = other({});\n", random.next_u32() % 5000, random.next_u32() % 50))
                    .collect(),
            )
        })
        .collect();
    let index = CiteIndex::build(&files.iter().map(|(path, text)| Source { path, text }).collect::<Vec<_>>());
    let each = index.bytes() as f64 / index.tokens() as f64;
    assert!(each - 4.0 < 8.0, "{each} bytes a token, of which 4 are the token itself");
}
