//! `prentice complete FILE:LINE[:COLUMN]`: by a trained model, or by copying from the repository with citations.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use prentice_assist::{Engine, EngineOptions};
use prentice_base::files;
use prentice_model::SamplingOptions;
use prentice_train::{checkpoint, examine::LineCompleter};
use serde_json::{Value, json};

use crate::{
    advice,
    arguments::Complete,
    commands::{Session, companion, held_out::context_of, repository, usage},
    defaults,
    error::{CliError, ErrorKind, OrCliError as _},
    terminal::{stdout_is_terminal, visible},
};

/// Prints what the model would insert at a place.
pub fn run(session: &Session, arguments: Complete) -> Result<(), CliError> {
    let place = Place::parse(&arguments.place, |path| path.exists())
        .ok_or_else(|| usage(format!("`{}` is not a place in a file", arguments.place), EXAMPLE))?;
    let compute = defaults::compute(arguments.arithmetic)?;
    let bytes = files::read(&place.file).or_kind(ErrorKind::Usage)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        usage(format!("{} is not UTF-8: byte {} begins no character", place.file.display(), at + 1), "give a text file")
    })?;
    let (prefix, suffix) = place.split(&text)?;
    if arguments.copying {
        return copy(session, &place, &text, prefix.len(), arguments.model.as_deref());
    }
    let directory = defaults::model(arguments.model).map_err(|error| {
        error.hint("`--copying` completes from the repository alone, with citations, and needs no model")
    })?;
    let (model, vocabulary) = checkpoint::load_model(&directory).map_err(advice::resume)?;
    let mut completer = LineCompleter::new(&model, &vocabulary, compute, context_of(&model));
    let completion = completer.complete(prefix, suffix, &SamplingOptions::GREEDY);
    let shown = if stdout_is_terminal() { visible(&completion) } else { completion.clone() };
    let summary = json!({
        "file": place.file,
        "line": place.line,
        "column": prefix.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        "completion": completion,
        "model": directory,
    });
    session.conclude(summary, &format!("{shown}\n"))
}

/// Prints what the repository says at a place, and where it stands.
fn copy(session: &Session, place: &Place, text: &str, offset: usize, model: Option<&Path>) -> Result<(), CliError> {
    let file = fs::canonicalize(&place.file)?;
    let repository = repository::open(session, &repository::root_of(Some(&file)))?;
    let checkout = repository::checkout(&repository.root, &repository.index);
    let engine = Engine::new(repository.root.clone(), EngineOptions::default());
    engine.fill(repository.index, checkout);
    if let Some(model) = companion::beside(model, &repository.root) {
        engine.accompany(Box::new(companion::load(&model)?));
    }
    let path = file.strip_prefix(&repository.root).unwrap_or(&file).to_string_lossy().into_owned();
    let completions = engine.complete(&path, text, offset, &AtomicBool::new(false));
    let mut shown = String::new();
    for (number, completion) in completions.iter().enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        let _ = writeln!(
            shown,
            "{}",
            if stdout_is_terminal() { visible(&completion.text) } else { completion.text.clone() }
        );
        let _ = writeln!(shown, "  {:.0} % sure", 100.0 * completion.confidence);
        for citation in &completion.citations {
            let licence = citation.licence.as_deref().unwrap_or("no licence found");
            let commit = citation.commit.as_deref().map_or("not committed", |commit| &commit[..commit.len().min(12)]);
            let copied = completion.text[citation.span.clone()].trim();
            let _ = writeln!(shown, "  {}:{} · {licence} · {commit} · `{copied}`", citation.path, citation.line);
        }
    }
    if completions.is_empty() {
        shown += "nothing is likely enough\n";
    }
    let rows: Vec<Value> = completions
        .iter()
        .map(|completion| {
            let citations: Vec<Value> = completion
                .citations
                .iter()
                .map(|citation| {
                    json!({
                        "start": citation.span.start,
                        "end": citation.span.end,
                        "path": citation.path,
                        "line": citation.line,
                        "commit": citation.commit,
                        "licence": citation.licence,
                    })
                })
                .collect();
            json!({"text": completion.text, "confidence": completion.confidence, "citations": citations})
        })
        .collect();
    session.conclude(json!({"file": place.file, "line": place.line, "completions": rows}), &shown)
}

const EXAMPLE: &str = "write FILE:LINE or FILE:LINE:COLUMN, counted from 1, such as src/main.rs:12:9";

/// A place in a file.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    line: usize,
    /// In characters; `None` for the end of the line.
    column: Option<usize>,
}

impl Place {
    /// Reads a place from the right, because names of files may contain colons. Where `a:1:2` could be column 2 or line
    /// 2 of a file `a:1`, it is the file that exists.
    fn parse(text: &str, exists: impl Fn(&Path) -> bool) -> Option<Self> {
        let (rest, last) = text.rsplit_once(':')?;
        let last: usize = last.parse().ok()?;
        let with_column = rest.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
        let place = match with_column {
            Some((file, line)) if exists(Path::new(file)) || !exists(Path::new(rest)) => {
                Self { file: file.into(), line, column: Some(last) }
            }
            _ => Self { file: rest.into(), line: last, column: None },
        };
        (!place.file.as_os_str().is_empty()).then_some(place)
    }

    /// The text before and after the place.
    ///
    /// At the end of a line the line end belongs to neither: the model writes it, as it learnt to.
    fn split<'t>(&self, text: &'t str) -> Result<(&'t str, &'t str), CliError> {
        let name = self.file.display();
        let lines = text.split('\n').count();
        if self.line == 0 || self.line > lines {
            let message = format!("{name} has no line {}: it has {lines}", self.line);
            return Err(usage(message, EXAMPLE));
        }
        let start = text.split_inclusive('\n').take(self.line - 1).map(str::len).sum::<usize>();
        let rest = &text[start..];
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        let length = line.chars().count();
        let column = self.column.unwrap_or(length + 1);
        if column == 0 || column > length + 1 {
            let message = format!("line {} of {name} has no column {column}: it has {}", self.line, length + 1);
            return Err(usage(message, "leave out the column for the end of the line"));
        }
        let offset = line.char_indices().nth(column - 1).map_or(line.len(), |(offset, _)| offset);
        let suffix = if offset == line.len() { below } else { &rest[offset..] };
        Ok((&text[..start + offset], suffix))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn places_are_read_from_the_right() {
        let check = |text: &str, files: &[&str], expected: Option<(&str, usize, Option<usize>)>| {
            let place = Place::parse(text, |path| files.iter().any(|file| Path::new(file) == path));
            let expected = expected.map(|(file, line, column)| Place { file: file.into(), line, column });
            assert_eq!(place, expected, "{text}");
        };
        check("a.rs:3", &[], Some(("a.rs", 3, None)));
        check("a.rs:3:9", &[], Some(("a.rs", 3, Some(9))));
        check("a:b.rs:3:9", &[], Some(("a:b.rs", 3, Some(9))));
        check("a:b.rs:3", &[], Some(("a:b.rs", 3, None)));
        check("a:1:2", &["a:1"], Some(("a:1", 2, None)));
        check("a:1:2", &["a", "a:1"], Some(("a", 1, Some(2))));
        check("a.rs", &["a.rs"], None);
        check("a.rs:x", &[], None);
        check("a.rs:", &[], None);
        check(":3", &[], None);
        check("3", &[], None);
    }

    #[test]
    fn columns_count_characters_and_line_ends_belong_to_the_model() {
        let check = |line, column, expected: Expect| {
            let place = Place { file: "f".into(), line, column };
            let shown = match place.split("aé🦀\r\n  b\n") {
                Ok(parts) => format!("{parts:?}"),
                Err(error) => error.message,
            };
            expected.assert_eq(&shown);
        };
        check(1, None, expect![[r#"("aé🦀", "  b\n")"#]]);
        check(1, Some(1), expect![[r#"("", "aé🦀\r\n  b\n")"#]]);
        check(1, Some(3), expect![[r#"("aé", "🦀\r\n  b\n")"#]]);
        check(1, Some(4), expect![[r#"("aé🦀", "  b\n")"#]]);
        check(1, Some(5), expect!["line 1 of f has no column 5: it has 4"]);
        check(1, Some(0), expect!["line 1 of f has no column 0: it has 4"]);
        check(2, Some(3), expect![[r#"("aé🦀\r\n  ", "b\n")"#]]);
        check(3, None, expect![[r#"("aé🦀\r\n  b\n", "")"#]]);
        check(4, None, expect!["f has no line 4: it has 3"]);
        check(0, None, expect!["f has no line 0: it has 3"]);
    }
}
