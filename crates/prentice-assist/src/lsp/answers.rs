//! The backend's answers in the protocol's shapes: pure functions.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io::Read as _,
    ops::Range,
    sync::Arc,
};

use prentice_syntax::{Definition, SymbolKind};
use serde_json::{Value, json};

use super::{
    backend::{Place, Symbol},
    protocol::{
        Command, CompletionItem, CompletionList, DocumentSymbol, InlineCompletionItem, LabelDetails, Location,
        SymbolInformation, TextEdit,
    },
    statistics::Part,
    suggestions::{Suggestion, first_line, first_word},
    text::{Encoding, Text},
    workspace::Workspace,
};
use crate::{Citation, Completion};

/// The command by which the client tells that a completion was accepted.
pub const ACCEPTED: &str = "prentice.accepted";

/// Above the kinds of the code actions that accept a line or a word.
pub const ACCEPT_KIND: &str = "prentice.accept";

/// What is selected in the editor's list of completions, and would stand in place of `range`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    pub range: Range<usize>,
    pub text: String,
}

impl Selected {
    /// The text that there would be, and the cursor in it.
    pub fn applied(&self, text: &str) -> (String, usize) {
        let applied = [&text[..self.range.start], &self.text, &text[self.range.end..]].concat();
        (applied, self.range.start + self.text.len())
    }

    /// What completes the `applied` text as a completion of the original that extends what is selected; none if it
    /// does not.
    pub fn extended_by(&self, applied: &str, completion: Completion) -> Option<Completion> {
        let Completion { text, replace, confidence, citations } = completion;
        let cursor = self.range.start + self.text.len();
        let start = self.range.start;
        let (extended, added, removed) = if replace.start >= start {
            let before = applied.get(start..replace.start)?;
            (format!("{before}{text}"), before.len(), 0)
        } else {
            let before = applied.get(replace.start..start)?;
            (text.strip_prefix(before)?.to_owned(), 0, before.len())
        };
        if !extended.starts_with(&self.text) || replace.end < cursor {
            return None;
        }
        let shift = |place: usize| (place + added).saturating_sub(removed);
        let citations = citations
            .into_iter()
            .map(|citation| Citation { span: shift(citation.span.start)..shift(citation.span.end), ..citation })
            .collect();
        Some(Completion {
            text: extended,
            replace: start..replace.end - cursor + self.range.end,
            confidence,
            citations,
        })
    }
}

/// Whether a completion can be shown at `offset`: it stays on the cursor's line and changes something.
pub fn fits(completion: &Completion, text: &Text, offset: usize) -> bool {
    let Range { start, end } = completion.replace;
    let line = text.line(text.line_at(offset));
    line.start <= start
        && start <= offset
        && offset <= end
        && end <= line.end
        && text
            .as_str()
            .get(start..end)
            .is_some_and(|replaced| !completion.text.is_empty() && replaced != completion.text)
}

/// Completions as grey text; `id` is the suggestion's.
pub fn inline_items(id: u64, completions: &[Completion], text: &Text, encoding: Encoding) -> Vec<InlineCompletionItem> {
    let item = |completion: &Completion| InlineCompletionItem {
        insert_text: completion.text.clone(),
        range: text.range(completion.replace.clone(), encoding),
        command: accepted(id, Part::Whole, completion.replace.start, &completion.text, &completion.citations),
    };
    completions.iter().map(item).collect()
}

/// Completions as items of the editor's list. Each carries the line from its indentation on: the editor keeps it as long
/// as what is written is how the line begins.
pub fn list_items(
    id: u64,
    completions: &[Completion],
    text: &Text,
    encoding: Encoding,
    label_details: bool,
) -> CompletionList {
    let item = |(index, completion): (usize, &Completion)| {
        let start = completion.replace.start;
        let line = text.line(text.line_at(start));
        let before = &text.as_str()[line.start..start];
        let before = before.trim_start();
        let new_text = format!("{before}{}", completion.text);
        let whole_line = first_line(&new_text).trim().to_owned();
        CompletionItem {
            label: whole_line.clone(),
            label_details: completion
                .citations
                .first()
                .filter(|_| label_details)
                .map(|citation| LabelDetails { description: format!("{}:{}", citation.path, citation.line) }),
            kind: 15, // snippet: the only kind that stands for more than a name
            detail: (!completion.citations.is_empty()).then(|| cited(&completion.citations)),
            sort_text: format!("{index:04}"),
            filter_text: whole_line,
            insert_text_mode: 1,
            text_edit: TextEdit { range: text.range(start - before.len()..completion.replace.end, encoding), new_text },
            command: accepted(id, Part::Whole, start, &completion.text, &completion.citations),
        }
    };
    // The list is for this cursor only; each letter may bring others.
    CompletionList { is_incomplete: true, items: completions.iter().enumerate().map(item).collect() }
}

fn accepted(id: u64, part: Part, start: usize, text: &str, citations: &[Citation]) -> Command {
    Command {
        title: cited(citations),
        command: ACCEPTED,
        arguments: vec![json!(id), json!(part), json!(start), json!(text)],
    }
}

/// The first three citations in a line.
fn cited(citations: &[Citation]) -> String {
    citations.iter().take(3).map(cite).collect::<Vec<_>>().join(", ")
}

fn cite(citation: &Citation) -> String {
    let mut said = format!("{}:{}", citation.path, citation.line);
    if let Some(commit) = &citation.commit {
        said += &format!(" @ {}", &commit[..commit.floor_char_boundary(10)]);
    }
    if let Some(licence) = &citation.licence {
        said += &format!(" ({licence})");
    }
    said
}

/// Accepting the rest of a line or word of what is shown behind the cursor.
pub fn code_actions(
    suggestion: &Suggestion,
    text: &Text,
    encoding: Encoding,
    wanted: Option<&[String]>,
    workspace_edit: impl Fn(TextEdit) -> Value,
) -> Vec<Value> {
    let Suggestion { id, offset, completions, .. } = suggestion;
    let completion = &completions[0];
    let written = &text.as_str()[completion.replace.start..*offset];
    let Some(rest) = completion.text.strip_prefix(written) else { return Vec::new() };
    [("line", Part::Line, first_line(rest)), ("word", Part::Word, first_word(rest))]
        .into_iter()
        .map(|(name, part, piece)| (name, format!("{ACCEPT_KIND}.{name}"), part, piece))
        .filter(|(_, kind, _, piece)| !piece.is_empty() && wanted.is_none_or(|wanted| is_wanted(kind, wanted)))
        .map(|(name, kind, part, piece)| {
            // The last of a completion also takes away what the completion replaces behind the cursor.
            let end = if piece.len() == rest.len() { completion.replace.end } else { *offset };
            let edit = TextEdit { range: text.range(*offset..end, encoding), new_text: piece.to_owned() };
            json!({
                "title": format!("Prentice: accept {name} `{}`", piece.trim()),
                "kind": kind,
                "edit": workspace_edit(edit),
                "command": accepted(*id, part, *offset, piece, &completion.citations),
            })
        })
        .collect()
}

fn is_wanted(kind: &str, wanted: &[String]) -> bool {
    wanted
        .iter()
        .any(|wanted| kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// What a hover says of a citation.
pub fn hover(citation: &Citation, text: &Text, encoding: Encoding) -> Value {
    let mut said = format!("Stands word for word in {}:{}", citation.path, citation.line);
    for (what, value) in [("Commit", &citation.commit), ("Licence", &citation.licence)] {
        said += &format!("\n{what}: {}", value.as_deref().unwrap_or("unknown"));
    }
    json!({
        "contents": { "kind": "plaintext", "value": said },
        "range": text.range(citation.span.clone(), encoding),
    })
}

/// The outline of a document as a tree, by which range contains which.
pub fn document_symbols(definitions: Vec<Definition>, text: &Text, encoding: Encoding) -> Vec<DocumentSymbol> {
    let mut definitions = definitions;
    definitions.sort_by_key(|definition| (definition.range.start, std::cmp::Reverse(definition.range.end)));
    let mut roots = Vec::new();
    // What is open, outermost first, with where it ends.
    let mut open: Vec<(usize, DocumentSymbol)> = Vec::new();
    for definition in definitions {
        let Range { start, end } = definition.range;
        close(&mut open, &mut roots, |outer| start >= outer || end > outer);
        let name_start = definition.name_range.start.clamp(start, end);
        let name_range = name_start..definition.name_range.end.clamp(name_start, end);
        let symbol = DocumentSymbol {
            name: name_or_dash(definition.name),
            detail: definition.container,
            kind: symbol_kind(definition.kind),
            range: text.range(start..end, encoding),
            selection_range: text.range(name_range, encoding),
            children: Vec::new(),
        };
        open.push((end, symbol));
    }
    close(&mut open, &mut roots, |_| true);
    roots
}

/// Moves what has ended, innermost first, to where it belongs.
fn close(open: &mut Vec<(usize, DocumentSymbol)>, roots: &mut Vec<DocumentSymbol>, has_ended: impl Fn(usize) -> bool) {
    while let Some((_, symbol)) = open.pop_if(|(end, _)| has_ended(*end)) {
        match open.last_mut() {
            Some((_, parent)) => parent.children.push(symbol),
            None => roots.push(symbol),
        }
    }
}

/// The outline of a document as a list, for clients that know no tree.
pub fn flat_symbols(
    definitions: Vec<Definition>,
    uri: &str,
    text: &Text,
    encoding: Encoding,
) -> Vec<SymbolInformation> {
    let symbol = |definition: Definition| SymbolInformation {
        name: name_or_dash(definition.name),
        kind: symbol_kind(definition.kind),
        location: Location { uri: uri.to_owned(), range: text.range(definition.range, encoding) },
        container_name: definition.container,
    };
    definitions.into_iter().map(symbol).collect()
}

/// The protocol forbids empty names.
fn name_or_dash(name: String) -> String {
    if name.trim().is_empty() { "-".to_owned() } else { name }
}

fn symbol_kind(kind: SymbolKind) -> u32 {
    match kind {
        SymbolKind::Module => 2,
        SymbolKind::Class => 5,
        SymbolKind::Method => 6,
        SymbolKind::Field => 8,
        SymbolKind::Enum => 10,
        SymbolKind::Interface => 11,
        // The protocol has no macros.
        SymbolKind::Function | SymbolKind::Macro => 12,
        SymbolKind::Variable => 13,
        SymbolKind::Constant => 14,
        SymbolKind::Variant => 22,
        SymbolKind::Struct => 23,
        // Nor names for types; a type parameter is what comes closest.
        SymbolKind::TypeAlias => 26,
    }
}

/// Texts by the backend's names, for the positions of places: open documents as the backend knows them, other files
/// from disk, each read once.
pub struct Texts<'a> {
    workspace: &'a Workspace,
    open: &'a HashMap<String, (String, Arc<Text>)>,
    read: HashMap<String, Option<Arc<Text>>>,
    max_bytes: usize,
    encoding: Encoding,
}

impl<'a> Texts<'a> {
    /// `open`: URI and text of open documents. Files of more than `max_bytes` are not read.
    pub fn new(
        workspace: &'a Workspace,
        open: &'a HashMap<String, (String, Arc<Text>)>,
        max_bytes: usize,
        encoding: Encoding,
    ) -> Self {
        Self { workspace, open, read: HashMap::new(), max_bytes, encoding }
    }

    /// Places as locations; those in files that are gone are left out.
    pub fn locations(&mut self, places: Vec<Place>) -> Vec<Location> {
        places.into_iter().filter_map(|place| self.location(&place.path, place.range)).collect()
    }

    /// Symbols of the workspace; those in files that are gone are left out.
    pub fn symbols(&mut self, symbols: Vec<Symbol>) -> Vec<SymbolInformation> {
        let mut said = Vec::new();
        for Symbol { definition, path } in symbols {
            if let Some(location) = self.location(&path, definition.name_range) {
                let (name, kind) = (name_or_dash(definition.name), symbol_kind(definition.kind));
                said.push(SymbolInformation { name, kind, location, container_name: definition.container });
            }
        }
        said
    }

    fn location(&mut self, name: &str, bytes: Range<usize>) -> Option<Location> {
        if let Some((uri, text)) = self.open.get(name) {
            return Some(Location { uri: uri.clone(), range: text.range(bytes, self.encoding) });
        }
        let text = match self.read.entry(name.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(read(self.workspace, name, self.max_bytes)),
        };
        let range = text.as_ref()?.range(bytes, self.encoding);
        Some(Location { uri: self.workspace.uri(name), range })
    }
}

fn read(workspace: &Workspace, name: &str, max_bytes: usize) -> Option<Arc<Text>> {
    let file = File::open(workspace.file(name)?).ok()?;
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() > max_bytes {
        return None;
    }
    let content =
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Some(Arc::new(Text::new(content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(text: &str, replace: Range<usize>) -> Completion {
        let span = 0..text.len();
        let citation = Citation { span, path: "a.rs".into(), line: 1, commit: None, licence: None };
        Completion { text: text.into(), replace, confidence: 1.0, citations: vec![citation] }
    }

    #[test]
    fn completions_extend_what_is_selected() {
        let document = "x.re();";
        let selected = Selected { range: 2..4, text: "read".into() };
        let (applied, cursor) = selected.applied(document);
        assert_eq!((applied.as_str(), cursor), ("x.read();", 6));
        let check = |text: &str, replace: Range<usize>| {
            let extended = selected.extended_by(&applied, completion(text, replace))?;
            let span = extended.text.get(extended.citations[0].span.clone())?.to_owned();
            Some((extended.text, extended.replace, span))
        };
        // Behind the cursor, from its middle, from before it; with what stands behind.
        assert_eq!(check("_all", 6..6), Some(("read_all".into(), 2..4, "_all".into())));
        assert_eq!(check("ad_all(1)", 4..8), Some(("read_all(1)".into(), 2..6, "ad_all(1)".into())));
        assert_eq!(check("x.read_all", 0..6), Some(("read_all".into(), 2..4, "read_all".into())));
        // It says something else, or begins otherwise, or misses the cursor.
        assert_eq!(check("write", 2..6), None);
        assert_eq!(check("y.read_all", 0..6), None);
        assert_eq!(check("read", 2..5), None);
    }

    #[test]
    fn what_leaves_the_line_does_not_fit() {
        let text = Text::new("ab\n  cé\nef".into());
        for (replace, new, fitting) in [
            (7..8, "x", false), // within é
            (5..8, "cd", true),
            (5..5, "cd", false), // behind the cursor
            (8..8, "", false),
            (5..8, "cé", false), // as it is
            (2..8, "x", false),
            (5..9, "x", false),
            (3..80, "x", false),
        ] {
            assert_eq!(fits(&completion(new, replace.clone()), &text, 8), fitting, "{replace:?} {new:?}");
        }
    }

    #[test]
    fn places_in_closed_files_are_read_from_disk() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("latin.rs"), b"\xe9\r\nfn a").unwrap();
        std::fs::write(directory.path().join("large.rs"), "x".repeat(101)).unwrap();
        std::fs::write(directory.path().join("open.rs"), "old").unwrap();
        let workspace = Workspace::new(directory.path().into());
        let open =
            HashMap::from([("open.rs".to_owned(), ("as:given".to_owned(), Arc::new(Text::new("\n\nnew".into()))))]);
        let mut texts = Texts::new(&workspace, &open, 100, Encoding::Utf16);
        let places = ["latin.rs", "large.rs", "open.rs", "gone.rs", "latin.rs", "untitled:1"];
        let locations = texts.locations(places.map(|path| Place { path: path.into(), range: 8..9 }).into());
        let found: Vec<_> = locations.iter().map(|location| (&location.uri, location.range.start.line)).collect();
        let latin = workspace.uri("latin.rs");
        assert_eq!(found, [(&latin, 1), (&"as:given".to_owned(), 2), (&latin, 1)]);
    }

    #[test]
    fn definitions_nest_by_their_ranges() {
        let define = |name: &str, range: Range<usize>| Definition {
            name: name.into(),
            kind: SymbolKind::Struct,
            container: None,
            name_range: range.start..range.start + 1,
            range,
        };
        let text = Text::new("x".repeat(100));
        // Out of order, overlapping, empty, and beyond the text.
        let definitions = vec![
            define("c", 12..18),
            define("a", 0..50),
            define("b", 10..20),
            define("e", 45..60),
            define("d", 20..30),
            define("", 70..70),
            define("f", 90..900),
        ];
        fn render(symbols: &[DocumentSymbol]) -> String {
            let each = |symbol: &DocumentSymbol| {
                let (range, name) = (symbol.range, symbol.selection_range);
                assert!(range.start <= name.start && name.end <= range.end);
                format!("{}[{}]", symbol.name, render(&symbol.children))
            };
            symbols.iter().map(each).collect()
        }
        let symbols = document_symbols(definitions, &text, Encoding::Utf8);
        assert_eq!(render(&symbols), "a[b[c[]]d[]]e[]-[]f[]");
    }
}
