//! The repository map: an outline of the definitions that matter most, within a budget of tokens.
//!
//! The idea and the weights are aider's ("Building a better repository map with tree-sitter", 2023): files are nodes, a
//! file that mentions a name points to those that define it, and personalised PageRank (Page et al. 1999; damping .85)
//! says which files matter. What arrives at a file by a name is the rank of its definitions of that name, and as many of
//! the best are shown as fit. Names that say more weigh more: ten times for those asked for, and for long ones of
//! several words; a tenth for private ones and those with more than five definitions; mentions from the files in focus
//! fifty times; many mentions by the square root of their number.
//!
//! *Deviations:* a file that defines a name itself means that by it. Such mentions do not carry rank from file to file,
//! where they would make a trap of every file that mentions only itself; a twentieth of a file's rank is shared among
//! what it mentions of its own, to order what nobody else mentions. Languages do not mention each other. Names with
//! more than [`DEFINERS`] defining files (`new`) tell nothing apart and carry nothing. What is asked for has rank of its
//! own, since a question would otherwise only stir what is mentioned anyway. A tenth of the personalisation is spread
//! over all files, so that what it does not reach still has an order. Headers around a definition are found by
//! indentation, not by a syntax tree. *Not covered:* fields, variants, variables and modules are not shown.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use prentice_syntax::SymbolKind;

use crate::{
    dictionary,
    layers::Layer as _,
    search::{Texts, word_parts},
    symbols::{SymbolTable, family},
};

/// A name defined in more files is left out.
const DEFINERS: usize = 16;
const DAMPING: f64 = 0.85;
/// The share of the personalisation that all files have alike.
const EVEN: f64 = 0.1;
/// What the definitions asked for have beforehand, together: as much as all mentions give.
const ASKED_FOR: f64 = 1.0;
/// The share of a file's rank that its own definitions have by its own mentions.
const OWN: f64 = 0.05;
/// Iterations end when ranks change less than this in sum; since each shrinks the change by the damping, after 100.
const SETTLED: f64 = 1e-7;
/// Longer lines are cut, in characters.
const LINE: usize = 100;

/// What a map is for.
#[derive(Clone, Copy, Debug)]
pub struct MapOptions<'a> {
    /// Tokens at most, by the counting function that is given.
    pub budget: usize,
    /// Paths of the files at hand: what they mention matters. They are not in the map themselves, being at hand.
    pub focus: &'a [&'a str],
    /// Words of the question: definitions and files with them in their names matter.
    pub words: &'a [&'a str],
}

impl Default for MapOptions<'_> {
    fn default() -> Self {
        Self { budget: 1024, focus: &[], words: &[] }
    }
}

/// A map, rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct RepositoryMap {
    /// Paths with the lines of their definitions; `⋮` stands for lines left out.
    pub text: String,
    /// Its tokens.
    pub tokens: usize,
    /// The definitions that are shown.
    pub definitions: usize,
}

/// A definition and what arrives at it.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedDefinition<'a> {
    /// Its file.
    pub path: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The line of its name, from 1.
    pub line: u32,
    /// Its share of everything's rank.
    pub rank: f64,
}

/// The map of all files of `symbols`: as many of the best definitions as fit into the budget.
///
/// `texts` gives the text of files, `count` the tokens of a text. A definition whose file is gone, or has another text by
/// now, is left out.
pub fn repository_map(
    symbols: &SymbolTable,
    options: &MapOptions<'_>,
    texts: &Texts<'_>,
    count: &dyn Fn(&str) -> usize,
) -> RepositoryMap {
    let ranked = rank(symbols, options);
    let mut excerpts = Excerpts { texts, files: HashMap::new(), lines: Vec::new() };
    let mut best = RepositoryMap { text: String::new(), tokens: 0, definitions: 0 };
    // Twice as many until they do not fit, then bisected.
    let (mut fits, mut too_many) = (0, ranked.len() + 1);
    while fits + 1 < too_many {
        let tried =
            if too_many > ranked.len() { (2 * fits).max(8).min(ranked.len()) } else { usize::midpoint(fits, too_many) };
        let text = excerpts.render(&ranked[..tried]);
        let tokens = count(&text);
        if tokens <= options.budget {
            fits = tried;
            let definitions = excerpts.lines[..tried].iter().flatten().count();
            best = RepositoryMap { text, tokens, definitions };
        } else {
            too_many = tried;
        }
    }
    best
}

/// All definitions by their rank; equal ones by path and line.
pub fn rank<'a>(symbols: &'a SymbolTable, options: &MapOptions<'_>) -> Vec<RankedDefinition<'a>> {
    let graph = Graph::new(symbols, options);
    let ranks = page_rank(&graph, options);
    let mut arrived: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for (edges, part) in [(&graph.edges, 1.0), (&graph.own, OWN)] {
        for (edge, share) in edges.iter().zip(shares(edges)) {
            *arrived.entry((edge.to, edge.name)).or_default() += part * share * ranks[edge.from as usize];
        }
    }
    let asked_for: Vec<bool> = graph.names.iter().map(|name| is_asked_for(name, options.words)).collect();
    let number = graph.definitions.iter().filter(|definition| asked_for[definition.name as usize]).count();
    let mut ranked = Vec::new();
    for definition in graph.definitions {
        let path = graph.files[definition.file as usize].path;
        if options.focus.contains(&path) {
            continue;
        }
        let mut rank = arrived.get(&(definition.file, definition.name)).copied().unwrap_or(0.0);
        if asked_for[definition.name as usize] {
            rank += ASKED_FOR / number as f64;
        }
        let name = graph.names[definition.name as usize];
        ranked.push(RankedDefinition { path, name, line: definition.line, rank });
    }
    ranked.sort_by(|a, b| {
        b.rank.total_cmp(&a.rank).then_with(|| (a.path, a.line, a.name).cmp(&(b.path, b.line, b.name)))
    });
    ranked
}

struct File<'a> {
    path: &'a str,
    language: String,
    part: usize,
    number: u32,
}

/// A definition to be shown, by numbers of the graph.
struct Defined {
    name: u32,
    file: u32,
    line: u32,
}

/// Mentions of one name in one file, and a file that defines it.
struct Edge {
    from: u32,
    to: u32,
    name: u32,
    weight: f64,
}

/// Who mentions whom, in the order of paths and names.
struct Graph<'a> {
    files: Vec<File<'a>>,
    names: Vec<&'a str>,
    definitions: Vec<Defined>,
    /// By mentioning file, then by name and defining file.
    edges: Vec<Edge>,
    /// Mentions of what the file itself defines.
    own: Vec<Edge>,
}

impl<'a> Graph<'a> {
    fn new(symbols: &'a SymbolTable, options: &MapOptions<'_>) -> Self {
        const DEAD: u32 = u32::MAX;
        let parts = symbols.parts();
        let mut files: Vec<File> = Vec::new();
        for (part, layer) in parts.iter().enumerate() {
            files.extend(layer.live_files().map(|number| {
                let (path, language) = (layer.layer.path(number), family(layer.layer.language(number)));
                File { path, language, part, number }
            }));
        }
        files.sort_by_key(|file| file.path);
        let mut numbers: Vec<Vec<u32>> = parts.iter().map(|part| vec![DEAD; part.layer.files() as usize]).collect();
        for (number, file) in files.iter().enumerate() {
            numbers[file.part][file.number as usize] = number as u32;
        }
        let number = |part: usize, file: u32| numbers[part].get(file as usize).copied().filter(|&file| file != DEAD);
        let focus: Vec<bool> = files.iter().map(|file| options.focus.contains(&file.path)).collect();

        let (mut names, mut definitions) = (Vec::new(), Vec::new());
        let (mut edges, mut own) = (Vec::new(), Vec::new());
        // Dictionary `n` has the names of definitions of a part, dictionary `parts + n` those of its references.
        let dictionaries: Vec<_> = parts
            .iter()
            .map(|part| part.layer.names())
            .chain(parts.iter().map(|part| part.layer.referenced()))
            .collect();
        dictionary::merge(&dictionaries, |name, owners| {
            let id = names.len() as u32;
            let mut defined: Vec<Defined> = Vec::new();
            let mut mentions: BTreeMap<u32, u32> = BTreeMap::new();
            for &(source, list) in owners {
                match parts.get(source) {
                    Some(part) => {
                        let shown = part.layer.definitions(list).filter(|definition| is_shown(definition.kind));
                        defined.extend(shown.filter_map(|definition| {
                            Some(Defined { name: id, file: number(source, definition.file)?, line: definition.line })
                        }));
                    }
                    None => {
                        let part = source - parts.len();
                        for file in parts[part].layer.references(list).filter_map(|found| number(part, found.file)) {
                            *mentions.entry(file).or_default() += 1;
                        }
                    }
                }
            }
            let Ok(text) = std::str::from_utf8(name) else { return };
            if defined.is_empty() {
                return;
            }
            defined.sort_by_key(|definition| (definition.file, definition.line));
            let mut definers: Vec<u32> = defined.iter().map(|definition| definition.file).collect();
            definers.dedup();
            names.push(text);
            definitions.extend(defined);
            if definers.len() > DEFINERS {
                return;
            }
            let weight = weight(text, definers.len(), options.words);
            for (from, count) in mentions {
                let by_focus = if focus[from as usize] { 50.0 } else { 1.0 };
                let weight = weight * by_focus * f64::from(count).sqrt();
                if definers.binary_search(&from).is_ok() {
                    own.push(Edge { from, to: from, name: id, weight });
                    continue;
                }
                let language = &files[from as usize].language;
                let known = definers.iter().filter(|&&to| files[to as usize].language == *language);
                edges.extend(known.map(|&to| Edge { from, to, name: id, weight }));
            }
        });
        for edges in [&mut edges, &mut own] {
            edges.sort_by_key(|edge| (edge.from, edge.name, edge.to));
        }
        Self { files, names, definitions, edges, own }
    }
}

/// What share of its file's rank each edge passes on.
fn shares(edges: &[Edge]) -> Vec<f64> {
    let mut shares = Vec::with_capacity(edges.len());
    for edges in edges.chunk_by(|a, b| a.from == b.from) {
        let sum: f64 = edges.iter().map(|edge| edge.weight).sum();
        shares.extend(edges.iter().map(|edge| edge.weight / sum));
    }
    shares
}

fn is_shown(kind: SymbolKind) -> bool {
    !matches!(kind, SymbolKind::Field | SymbolKind::Variant | SymbolKind::Variable | SymbolKind::Module)
}

fn weight(name: &str, definers: usize, words: &[&str]) -> f64 {
    let parts = word_parts(name);
    let mut weight = 1.0;
    if is_asked_for(name, words) {
        weight *= 10.0;
    }
    if parts.len() > 1 && name.len() >= 8 {
        weight *= 10.0;
    }
    if name.starts_with('_') {
        weight *= 0.1;
    }
    if definers > 5 {
        weight *= 0.1;
    }
    weight
}

/// Whether one of `words` is the name or a part of it.
fn is_asked_for(name: &str, words: &[&str]) -> bool {
    let is = |word: &&str| {
        word.eq_ignore_ascii_case(name) || word_parts(name).iter().any(|part| part.eq_ignore_ascii_case(word))
    };
    words.iter().any(is)
}

/// Where somebody who does not follow mentions goes: to the files in focus, and those whose paths have the words.
fn personalisation(files: &[File<'_>], options: &MapOptions<'_>) -> Vec<f64> {
    let wanted = |file: &File<'_>| {
        let pieces = || file.path.split(|character: char| !character.is_alphanumeric());
        let has = |word: &&str| pieces().any(|piece| piece.eq_ignore_ascii_case(word));
        options.focus.contains(&file.path) || options.words.iter().any(has)
    };
    let wanted: Vec<bool> = files.iter().map(wanted).collect();
    let number = wanted.iter().filter(|wanted| **wanted).count();
    let even = 1.0 / files.len() as f64;
    match number {
        0 => vec![even; files.len()],
        _ => {
            let special = |wanted: bool| if wanted { (1.0 - EVEN) / number as f64 } else { 0.0 };
            wanted.into_iter().map(|wanted| EVEN * even + special(wanted)).collect()
        }
    }
}

/// Personalised PageRank by power iteration, in one fixed order. Files that mention nothing pass their rank on as
/// somebody does who starts anew.
fn page_rank(graph: &Graph<'_>, options: &MapOptions<'_>) -> Vec<f64> {
    let start = personalisation(&graph.files, options);
    // One arc for all edges between two files.
    let mut arcs: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for (edge, share) in graph.edges.iter().zip(shares(&graph.edges)) {
        *arcs.entry((edge.from, edge.to)).or_default() += share;
    }
    let arcs: Vec<(u32, u32, f64)> = arcs.into_iter().map(|((from, to), share)| (from, to, share)).collect();
    let mut dangling = vec![true; start.len()];
    arcs.iter().for_each(|&(from, _, _)| dangling[from as usize] = false);

    let mut ranks = start.clone();
    let mut change = f64::INFINITY;
    while change > SETTLED {
        let lost: f64 = ranks.iter().zip(&dangling).filter(|(_, dangling)| **dangling).map(|(rank, _)| rank).sum();
        let mut next: Vec<f64> = start.iter().map(|start| start * (1.0 - DAMPING + DAMPING * lost)).collect();
        for &(from, to, share) in &arcs {
            next[to as usize] += DAMPING * share * ranks[from as usize];
        }
        change = next.iter().zip(&ranks).map(|(next, rank)| (next - rank).abs()).sum();
        ranks = next;
    }
    ranks
}

/// A text, and where its lines begin.
struct Lines<'t> {
    text: Cow<'t, str>,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: Cow<'t, str>) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        // No line begins at the end of the text.
        let starts = std::iter::once(0).chain(breaks).filter(|&start| start < text.len()).collect();
        Self { text, starts }
    }

    /// Line `number`, from 1, without what is blank at its end.
    fn get(&self, number: u32) -> Option<&str> {
        let index = (number as usize).checked_sub(1)?;
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        Some(self.text[*self.starts.get(index)?..end].trim_end())
    }
}

/// The lines of definitions, read when they are first wanted.
struct Excerpts<'a, 't> {
    texts: &'a Texts<'t>,
    files: HashMap<String, Option<Lines<'t>>>,
    /// For each ranked definition its lines with their numbers; none where its file has another text by now.
    lines: Vec<Option<Vec<(u32, String)>>>,
}

impl Excerpts<'_, '_> {
    fn render(&mut self, definitions: &[RankedDefinition<'_>]) -> String {
        for definition in &definitions[self.lines.len().min(definitions.len())..] {
            let lines = self.read(definition);
            self.lines.push(lines);
        }
        let mut by_path: BTreeMap<&str, BTreeMap<u32, &str>> = BTreeMap::new();
        for (definition, lines) in definitions.iter().zip(&self.lines) {
            let lines = lines.iter().flatten().map(|(number, line)| (*number, line.as_str()));
            by_path.entry(definition.path).or_default().extend(lines);
        }
        by_path.retain(|_, lines| !lines.is_empty());
        let mut text = String::new();
        for (path, lines) in by_path {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(path);
            text.push_str(":\n");
            let mut next = 1;
            for (number, line) in lines {
                if number > next {
                    text.push_str("⋮\n");
                }
                text.push('│');
                text.push_str(line);
                text.push('\n');
                next = number + 1;
            }
            let total = self.files.get(path).and_then(Option::as_ref).map_or(0, |lines| lines.starts.len());
            if (next as usize) <= total {
                text.push_str("⋮\n");
            }
        }
        text
    }

    /// The line of a definition and those of what is around it.
    fn read(&mut self, definition: &RankedDefinition<'_>) -> Option<Vec<(u32, String)>> {
        let texts = self.texts;
        let file =
            self.files.entry(definition.path.to_owned()).or_insert_with(|| texts(definition.path).map(Lines::new));
        let file = file.as_ref()?;
        let own = file.get(definition.line)?;
        if !own.contains(definition.name) {
            return None;
        }
        let shown = |line: &str| line.chars().take(LINE).collect::<String>();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut lines = vec![(definition.line, shown(own))];
        let mut around = indent(own);
        let mut number = definition.line;
        while around > 0 && number > 1 {
            number -= 1;
            let header = file.get(number)?;
            // Brackets, comments and attributes open nothing that has a name.
            let named = header.trim_start().starts_with(|first: char| first.is_alphabetic() || first == '_');
            if named && indent(header) < around && header.trim() != "where" {
                around = indent(header);
                lines.push((number, shown(header)));
            }
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests;
