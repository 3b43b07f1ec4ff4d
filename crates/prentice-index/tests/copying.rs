//! The copying model as its users see it: what it completes, what it forgets, and that nothing else decides.

use prentice_index::copying::{Before, CopyingModel, Page, Scratch, Source, SymbolLine, THOROUGH, read_line};

const READER: &str = "fn read_config(path: &Path) -> Result<Config, ConfigError> {
    let text = fs::read_to_string(path).map_err(ConfigError::Read)?;
    let config: Config = toml::from_str(&text).map_err(ConfigError::Parse)?;
    config.validate()?;
    Ok(config)
}
";
const WRITER: &str = "fn write_config(path: &Path, config: &Config) -> Result<(), ConfigError> {
    let text = toml::to_string(config).map_err(ConfigError::Format)?;
    fs::write(path, text).map_err(ConfigError::Write)
}
";

fn model() -> CopyingModel {
    CopyingModel::with_default_weights(&[
        Source { path: "src/read.rs", text: READER },
        Source { path: "src/write.rs", text: WRITER },
    ])
}

/// A page with these lines.
fn page(model: &mut CopyingModel, text: &str) -> Page {
    let mut page = Page::new("src/new.rs");
    let lines: Vec<SymbolLine> = text.lines().map(|line| read_line(line, &mut model.lexicon)).collect();
    for (index, line) in lines.iter().enumerate() {
        page.push(line, lines.get(index + 1), &model.lexicon);
    }
    page
}

/// The best rest of the line at `‸`, which stands in the last line.
fn complete(model: &mut CopyingModel, text: &str) -> Option<(String, f32)> {
    let (before, _) = text.split_once('‸').expect("the place is marked");
    let (above, line) = before.rsplit_once('\n').unwrap_or(("", before));
    let page = page(model, above);
    let indentation = read_line(&format!("{line}x"), &mut model.lexicon).indentation;
    let before = Before::read(line.trim_start(), &mut model.lexicon);
    let lines = page.complete(model, indentation, &before, None, THOROUGH, None, &mut Scratch::default()).lines;
    lines.first().map(|line| (line.text.clone(), line.confidence))
}

#[test]
fn lines_are_completed_from_elsewhere() {
    let mut model = model();
    let mut check = |text: &str, expected: &str| {
        let (found, confidence) = complete(&mut model, text).unwrap_or_else(|| panic!("nothing for {text}"));
        assert_eq!(found, expected, "{text}");
        assert!((0.0..=1.0).contains(&confidence));
    };
    check("    let text = fs::‸", "read_to_string(path).map_err(ConfigError::Read)?;");
    // Inside of words, with and without the space before the next one.
    check("    let config: Config = toml::from_s‸", "tr(&text).map_err(ConfigError::Parse)?;");
    check("    let text =‸", " fs::read_to_string(path).map_err(ConfigError::Read)?;");
    check("    let text = ‸", "fs::read_to_string(path).map_err(ConfigError::Read)?;");
    // A whole line, by the one above.
    let above = READER.replace("read_config", "read_again").replace("    Ok(config)\n}\n", "");
    check(&format!("{above}    ‸"), "Ok(config)");
}

#[test]
fn a_line_of_this_file_is_known_at_once() {
    let mut model = model();
    let text = "    let total = weigh(&parcels, Unit::Gram);\n    print(total);\n    let total = wei‸";
    assert_eq!(complete(&mut model, text).map(|(text, _)| text).as_deref(), Some("gh(&parcels, Unit::Gram);"));
}

#[test]
fn what_was_taken_back_is_as_if_it_never_was() {
    let mut model = model();
    let above = "fn a() {\n    first(one);\n}\n\nfn b() {";
    let mut once = page(&mut model, above);
    let length = once.len();
    for line in ["    second(two, three);", "    third(four);", "}"] {
        let line = read_line(line, &mut model.lexicon);
        once.push(&line, None, &model.lexicon);
    }
    once.truncate(length);
    let never = page(&mut model, above);
    let before = Before::read("fir", &mut model.lexicon);
    let ask = |page: &Page| {
        let lines = page.complete(&model, 4, &before, None, THOROUGH, None, &mut Scratch::default()).lines;
        lines.into_iter().map(|line| (line.text, line.confidence.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(ask(&once), ask(&never));
    assert!(!ask(&never).is_empty());
}

#[test]
fn added_lines_are_remembered() {
    let mut model = model();
    let line = "    registry.subscribe(Topic::Deployments, handler);";
    assert_ne!(complete(&mut model, "    registry.sub‸").map(|(text, _)| text).as_deref(), Some(&line[16..]));
    let mut other = Page::new("src/other.rs");
    let symbols = read_line(line, &mut model.lexicon);
    let notes = other.push(&symbols, None, &model.lexicon);
    model.add(&notes);
    assert_eq!(complete(&mut model, "    registry.sub‸").map(|(text, _)| text).as_deref(), Some(&line[16..]));
}

#[test]
fn threads_decide_nothing() {
    let texts: Vec<String> = (0..300)
        .map(|number| format!("{READER}\nfn number_{number}() -> u32 {{\n    {number}\n}}\n{WRITER}"))
        .collect();
    let paths: Vec<String> = (0..300).map(|number| format!("src/{number}.rs")).collect();
    let sources: Vec<Source> = paths.iter().zip(&texts).map(|(path, text)| Source { path, text }).collect();
    let answers = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        let mut model = pool.install(|| CopyingModel::with_default_weights(&sources));
        ["fn number_1‸", "    let text‸", "‸", "    con‸"]
            .map(|text| complete(&mut model, text).map(|(text, confidence)| (text, confidence.to_bits())))
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn strange_text_is_borne() {
    let long = "x".repeat(100_000);
    let texts = [
        "",
        "\n\n\n",
        "\u{feff}let a = 1;\r\n\tb\r\n",
        "\0\u{1}\u{7f}",
        "ß∆ 漢字 = \"🦀\"",
        &long,
        "((((((((((((((((((((",
        "}}}}",
    ];
    let sources: Vec<Source> = texts.iter().map(|text| Source { path: "a.rs", text }).collect();
    let mut model = CopyingModel::with_default_weights(&sources);
    for text in texts {
        let page = page(&mut model, text);
        for typed in ["", "漢", "🦀", " ", "x", "("] {
            let before = Before::read(typed, &mut model.lexicon);
            page.complete(&model, 0, &before, None, THOROUGH, None, &mut Scratch::default());
        }
    }
    assert_eq!(
        complete(&mut CopyingModel::with_default_weights(&[]), "let x‸").map(|(text, _)| text).as_deref().unwrap_or(""),
        ""
    );
}
