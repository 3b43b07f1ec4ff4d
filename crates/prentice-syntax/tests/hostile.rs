//! Nothing that a text holds makes reading it fail, or take long.

use std::time::{Duration, Instant};

use prentice_syntax::{ChunkOptions, Language, read};

/// Far more than any of these takes, even without optimisation on a loaded machine; quadratic work would take hours.
const LIMIT: Duration = Duration::from_secs(60);

fn check(what: &str, language: Language, text: &str) {
    let start = Instant::now();
    let (outline, chunks) = read(Some(language), text, &ChunkOptions::default());
    assert!(start.elapsed() < LIMIT, "{what} in {language} took {:?}", start.elapsed());
    assert!(outline.unread_bytes <= text.len());
    assert_eq!(chunks.iter().map(|chunk| chunk.range.len()).sum::<usize>(), text.len(), "{what} in {language}");
}

#[test]
fn deep_nesting() {
    const DEPTH: usize = 3_000;
    let table =
        ["(", "[", "{", "{ a(", "if (a) { ", "<", "a.", "!", "fn a() { ", "def a(", "class A { ", "[[a,", "*", "x = "];
    for language in Language::ALL {
        for opening in table {
            check(opening, language, &opening.repeat(DEPTH));
            let closing: String = opening.chars().rev().filter_map(closes).collect();
            check(opening, language, &(opening.repeat(DEPTH) + "a" + &closing.repeat(DEPTH)));
        }
    }
}

fn closes(opening: char) -> Option<char> {
    Some(match opening {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        _ => return None,
    })
}

#[test]
fn many_of_one_kind() {
    const COUNT: usize = 20_000;
    let nested_use = format!("use a::{};", "{b, c::".repeat(5_000));
    let names: String = (0..COUNT).map(|index| format!("a{index}, ")).collect();
    let lets: String = (0..COUNT).map(|_| "let a = a; ").collect();
    let table = [
        (Language::Rust, nested_use),
        (Language::Rust, format!("fn f() {{ {lets} }}")),
        (Language::C, format!("int {names} z;")),
        (Language::JavaScript, format!("const [{names}] = {}a{};", "[".repeat(COUNT), "]".repeat(COUNT))),
        (Language::JavaScript, format!("const {}a{} = b;", "[a,".repeat(COUNT), "]".repeat(COUNT))),
        (Language::JavaScript, "({ a() { this.b = ".repeat(5_000)),
        (Language::Python, format!("def f():\n  global {names}z\n  {}z = 1\n", names.replace(", ", " = "))),
        (Language::Python, "class A:\n".to_owned() + &"  def f(self): self.a = 1\n".repeat(5_000)),
        (Language::Go, format!("package p\nfunc f() {{ {} }}", "a := a; ".repeat(COUNT))),
    ];
    for (language, text) in table {
        check(&text[..20], language, &text);
    }
}

#[test]
fn strange_characters() {
    let mut all: String = (0..0x3000u32).filter_map(char::from_u32).collect();
    all += "\u{10ffff}\u{feff}\r\r\n\u{2028}";
    let long_line = "é".repeat(200_000);
    let names = "fn é(ß: Ω) { ß.漢字(ß) } def é(ß): return ß\r\nint é = ß;\0 class Ω {}\n".repeat(20);
    for language in Language::ALL {
        for text in
            ["", "\n", "\0", "\r", " ", "\u{feff}", "\"", "'", "/*", "`${", "r#\"", "#if", &all, &long_line, &names]
        {
            check("strange characters", language, text);
        }
    }
}

/// Parts of fixtures, read as every language.
#[test]
fn prefixes_and_foreign_grammars() {
    let fixtures = [
        include_str!("goldens/ledger.rs"),
        include_str!("goldens/ledger.py"),
        include_str!("goldens/ledger.ts"),
        include_str!("goldens/ledger.go"),
        include_str!("goldens/ledger.cpp"),
    ];
    for (index, text) in fixtures.iter().enumerate() {
        for language in Language::ALL {
            for end in (index..text.len()).step_by(293) {
                check("a prefix", language, &text[..end]);
                check("a suffix", language, &text[end..]);
            }
        }
    }
}

#[test]
fn what_is_too_long_is_not_parsed() {
    let text = "int a;\n".repeat(700_000);
    let (outline, chunks) = read(Some(Language::C), &text, &ChunkOptions::default());
    assert_eq!(outline.unread_bytes, text.len());
    assert!(outline.definitions.is_empty());
    assert!(chunks.len() > 1_000);
}
