//! `prentice cite FILE`: where a text stands already, and under which licence.
//!
//! Licences are those that the corpus finds evidence of; a commit is named where the cited file is, byte for byte, what
//! is checked out. Lines of a patch that was applied are not cited to themselves, unless they were changed since; a file
//! is not cited to itself, but may be to its other versions in another tree. Files that are no corpus material (binary, larger than 8 MiB, in no known language) are not looked in.

mod passages;
pub mod shelf;

use std::{fs, path::Path};

use prentice_base::files;
use prentice_index::cite::{CiteMatch, CiteOptions, Policy, SHORTEST};
use serde_json::{Value, json};

use self::{
    passages::{Passage, looks_like_diff, of_diff},
    shelf::{Shelf, Work},
};
use crate::{
    arguments::{Cite, CitePolicy},
    commands::{Session, model::standard_input, usage},
    error::{CliError, ErrorKind, OrCliError as _},
    format,
    table::{Align::Left, Align::Right, table},
};

/// Characters of a span, and of what is said about licences, that people are shown.
const EXCERPT: usize = 48;

/// Cites a text.
pub fn run(session: &Session, arguments: Cite) -> Result<(), CliError> {
    if arguments.least < SHORTEST {
        let message = format!("--least {} is below {SHORTEST}, the shortest span that is looked up", arguments.least);
        return Err(usage(message, format!("give {SHORTEST} or more")));
    }
    let is_stdin = arguments.file == Path::new("-");
    let text = if is_stdin { standard_input()? } else { read(&arguments.file)? };
    let is_diff = match arguments.file.extension().and_then(|extension| extension.to_str()) {
        Some("patch" | "diff") => true,
        _ => is_stdin && looks_like_diff(&text),
    };
    let shelf = Shelf::open(session, &arguments.trees)?;
    let passages = if is_diff {
        of_diff(&text)
    } else {
        let own = fs::canonicalize(&arguments.file).ok().filter(|_| !is_stdin);
        vec![Passage { own, ..Passage::whole(&text) }]
    };
    let mut spans = Vec::new();
    for passage in &passages {
        let (near, exclude) = shelf.place(passage);
        let options = CiteOptions {
            least: arguments.least,
            near: near.as_deref(),
            exclude: exclude.as_ref().map(|(path, lines)| (path.as_str(), lines.clone())),
        };
        for citation in shelf.index.cite(&passage.text, &options) {
            spans.push(Span::new(passage, citation, &shelf));
        }
    }
    let commits = shelf.commits(session, spans.iter().map(|span| span.work));
    let policy = meaning(arguments.policy);
    let refused = spans.iter().filter(|span| policy.refuses(span.work.terms)).count();

    let rows: Vec<Value> = spans.iter().map(|span| span.to_json(commits.get(&span.work.file), policy)).collect();
    let summary = json!({
        "file": arguments.file,
        "files": shelf.works.len(),
        "spans": rows,
        "refused": refused,
    });
    let mut shown = String::new();
    if !spans.is_empty() {
        let columns = [
            ("Lines", Left),
            ("Stand in", Left),
            ("Licence", Left),
            ("Commit", Left),
            ("Tokens", Right),
            ("Text", Left),
        ];
        let rows: Vec<_> = spans.iter().map(|span| span.to_row(commits.get(&span.work.file), policy)).collect();
        shown += &table(&columns, &rows);
    }
    let count = format::counted(spans.len() as u64, "span");
    shown += &format!("{count} found in {}\n", format::counted(shelf.works.len() as u64, "file"));
    session.conclude(summary, &shown)?;
    if refused == 0 {
        return Ok(());
    }
    let message = format!("the policy refuses {refused} of {count}");
    let hint = "write these lines yourself, or ask whoever holds the rights; `--policy any` only reports";
    Err(CliError::new(ErrorKind::TaskFailed, message).hint(hint).after_summary())
}

fn read(path: &Path) -> Result<String, CliError> {
    String::from_utf8(files::read(path).or_kind(ErrorKind::Usage)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        usage(format!("{} is not UTF-8: byte {at} begins no character", path.display()), "give a text file")
    })
}

fn meaning(policy: CitePolicy) -> Policy {
    match policy {
        CitePolicy::Any => Policy::default(),
        CitePolicy::NoCopyleft => Policy { refuse_copyleft: true, ..Policy::default() },
        CitePolicy::Permissive => Policy::PERMISSIVE,
    }
}

/// A span of the text, and the file it stands in.
struct Span<'a> {
    /// Lines of the text, from 1.
    line: usize,
    last_line: usize,
    text: &'a str,
    citation: CiteMatch,
    work: &'a Work,
}

impl<'a> Span<'a> {
    fn new(passage: &'a Passage, citation: CiteMatch, shelf: &'a Shelf) -> Self {
        let breaks = |text: &str| text.matches('\n').count();
        let text = &passage.text[citation.span.clone()];
        let line = passage.line + breaks(&passage.text[..citation.span.start]);
        let work = &shelf.works[&citation.path];
        Self { line, last_line: line + breaks(text), text, citation, work }
    }

    fn to_json(&self, commit: Option<&String>, policy: Policy) -> Value {
        let CiteMatch { path, line, last_line, tokens, .. } = &self.citation;
        json!({
            "line": self.line,
            "last_line": self.last_line,
            "tokens": tokens,
            "text": self.text,
            "path": path,
            "cited_line": line,
            "cited_last_line": last_line,
            "origin": self.work.origin,
            "commit": commit,
            "licence": self.work.licence,
            "standing": self.work.standing,
            "refused": policy.refuses(self.work.terms),
        })
    }

    fn to_row(&self, commit: Option<&String>, policy: Policy) -> Vec<String> {
        let range =
            |first: usize, last: usize| if first == last { first.to_string() } else { format!("{first}-{last}") };
        let excerpt = |text: &str| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            match text.char_indices().nth(EXCERPT) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        };
        let refused = if policy.refuses(self.work.terms) { " (refused)" } else { "" };
        let licence = excerpt(self.work.licence.as_deref().unwrap_or("none found"));
        vec![
            range(self.line, self.last_line),
            format!("{}:{}", self.citation.path, range(self.citation.line, self.citation.last_line)),
            format!("{licence}{refused}"),
            commit.map_or(format::UNKNOWN, |commit| &commit[..commit.len().min(12)]).to_owned(),
            self.citation.tokens.to_string(),
            excerpt(self.text),
        ]
    }
}
