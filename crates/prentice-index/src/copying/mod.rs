//! The copying model: completes lines from what the repository says elsewhere, without a neural network.
//!
//! Contexts of many lengths and kinds ([`state`]) are looked up in the repository ([`shelf`]), in lines that were added
//! lately and in the current file ([`chains`]); a learnt mixture ([`mixture`]) says what comes next; beam search and a
//! learnt ranking ([`beam`], [`rerank`]) make a line of it, with the probability that it is right.

mod beam;
mod chains;
mod companion;
mod lexicon;
mod mixer;
mod mixture;
mod rerank;
mod shelf;
mod state;
mod weights;

use std::collections::HashMap;

use prentice_base::{Seed, words::is_word};
use rand::Rng as _;
use rayon::prelude::*;

use beam::Search;
pub use beam::{Before, Effort, Line, Lines, THOROUGH};
use chains::Chains;
pub use companion::{Asked, Companion, NO_SYMBOL, Outlook, PARTIAL, Place};
use lexicon::Vocabulary;
pub use lexicon::{Class, Lexicon, NEWLINE, SEPARATOR, Symbol, pieces};
use mixture::Stores;
pub use mixture::{Mixture, Scratch};
pub use rerank::Reranker;
use shelf::Shelf;
pub use state::Below;
pub use state::indentation;
use state::{CONTEXTS, FIRST_STRUCTURE, STRUCTURES, Walker, line_below};
pub use weights::Weights;

/// Lines with more symbols than this are data, not code.
const LONGEST_LINE: usize = 400;

/// A file of the repository.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Path within the repository.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The copying model of a repository.
#[derive(Debug)]
pub struct CopyingModel {
    /// Words.
    pub lexicon: Lexicon,
    vocabulary: Vocabulary,
    shelf: Shelf,
    added: Chains,
    /// What was learnt without a neural model.
    pub alone: Weights,
    /// What was learnt with one.
    pub accompanied: Weights,
}

/// What is noted of a position: its contexts, and what came next.
type Note = ([u32; CONTEXTS], Symbol, u32);

impl CopyingModel {
    /// Reads a repository. The order of the files decides nothing but ties.
    pub fn build(sources: &[Source], alone: Weights, accompanied: Weights) -> Self {
        let mut lexicon = Lexicon::default();
        let lines: Vec<Vec<SymbolLine>> = sources.iter().map(|source| read_lines(source.text, &mut lexicon)).collect();
        let shelf = shelve(sources, &lines, &lexicon);
        let vocabulary = Vocabulary::new(&lexicon);
        Self { lexicon, vocabulary, shelf, added: Chains::default(), alone, accompanied }
    }

    /// Reads a repository, with the weights that come with Prentice: learnt on other repositories (`weights.rs`).
    pub fn with_default_weights(sources: &[Source]) -> Self {
        Self::build(sources, Weights::alone(), Weights::accompanied())
    }

    /// Meets the words of a neural model that is to be asked, too.
    pub fn meet(&mut self, companion: &mut (dyn Companion + 'static)) {
        companion.forget();
        for word in companion.words() {
            self.lexicon.word(word);
        }
        self.vocabulary = Vocabulary::new(&self.lexicon);
    }

    /// Symbols that were added since the repository was read, as a share of what it had.
    pub fn added_share(&self) -> f64 {
        self.added.len() as f64 / (self.shelf.symbols() + 10_000) as f64
    }

    /// Bytes of the repository's part in memory.
    pub fn bytes(&self) -> usize {
        self.shelf.bytes()
    }

    /// Remembers lines that were added.
    pub fn add(&mut self, notes: &[Note]) {
        for (contexts, successor, seen) in notes {
            self.added.push(contexts, *successor, *seen);
        }
    }

    fn search<'a>(&'a self, page: &'a Page, effort: Effort, accompanied: bool) -> Search<'a> {
        Search {
            stores: Stores { shelf: &self.shelf, added: &self.added, file: &page.chains },
            lexicon: &self.lexicon,
            vocabulary: &self.vocabulary,
            words: &page.words,
            weights: if accompanied { &self.accompanied } else { &self.alone },
            effort,
        }
    }
}

/// A line as symbols.
#[derive(Clone, Debug, Default)]
pub struct SymbolLine {
    /// Columns before the text.
    pub indentation: u32,
    /// Its symbols.
    pub symbols: Vec<Symbol>,
}

/// The lines of a text; blank ones have no symbols.
pub fn read_lines(text: &str, lexicon: &mut Lexicon) -> Vec<SymbolLine> {
    text.lines().map(|line| read_line(line, lexicon)).collect()
}

/// A line of text.
pub fn read_line(line: &str, lexicon: &mut Lexicon) -> SymbolLine {
    let (indentation, text) = indentation(line);
    let mut symbols = Vec::new();
    if line.len() <= 4 * LONGEST_LINE {
        lexicon.read(text, &mut symbols);
        symbols.truncate(LONGEST_LINE);
    }
    SymbolLine { indentation, symbols }
}

fn shelve(sources: &[Source], lines: &[Vec<SymbolLine>], lexicon: &Lexicon) -> Shelf {
    struct Part {
        symbols: Vec<Symbol>,
        seen: Vec<u32>,
        structures: Vec<Vec<u32>>,
    }
    let parts: Vec<Part> = sources
        .par_iter()
        .zip(lines)
        .map(|(source, lines)| {
            let mut part =
                Part { symbols: vec![SEPARATOR], seen: vec![SEPARATOR], structures: vec![vec![0]; STRUCTURES] };
            let mut walker = Walker::new(source.path);
            walk(&mut walker, lines, lexicon, |contexts, symbol, seen| {
                part.symbols.push(symbol);
                part.seen.push(seen);
                for (hashes, hash) in part.structures.iter_mut().zip(&contexts[FIRST_STRUCTURE..]) {
                    hashes.push(*hash);
                }
            });
            part
        })
        .collect();
    let symbols = parts.iter().flat_map(|part| part.symbols.iter().copied()).collect();
    let seen = parts.iter().flat_map(|part| part.seen.iter().copied()).collect();
    let structures = (0..STRUCTURES)
        .into_par_iter()
        .map(|structure| parts.iter().flat_map(|part| part.structures[structure].iter().copied()).collect())
        .collect();
    Shelf::build(symbols, seen, structures)
}

/// Goes through all lines, telling the contexts at each position and what comes next.
fn walk(
    walker: &mut Walker,
    lines: &[SymbolLine],
    lexicon: &Lexicon,
    mut tell: impl FnMut(&[u32; CONTEXTS], Symbol, u32),
) {
    let full: Vec<&SymbolLine> = lines.iter().filter(|line| !line.symbols.is_empty()).collect();
    for (index, line) in full.iter().enumerate() {
        let below = full.get(index + 1).map_or(Below::default(), |next| line_below(&next.symbols));
        walk_line(walker, line, below, lexicon, &mut tell);
    }
}

fn walk_line(
    walker: &mut Walker,
    line: &SymbolLine,
    below: Below,
    lexicon: &Lexicon,
    mut tell: impl FnMut(&[u32; CONTEXTS], Symbol, u32),
) {
    walker.begin_line(line.indentation, below);
    for symbol in line.symbols.iter().copied().chain([NEWLINE]) {
        let seen = walker.state.abstracted(symbol, lexicon.class(symbol));
        tell(&walker.state.contexts(), symbol, seen);
        if symbol != NEWLINE {
            walker.state.push(symbol, lexicon);
        }
    }
    walker.end_line(lexicon);
}

/// A file as far as it was written: what the model knows of it above a line.
#[derive(Clone, Debug)]
pub struct Page {
    walker: Walker,
    chains: Chains,
    words: HashMap<u32, u32>,
    /// The lines so far, each with the state and the number of positions before it.
    lines: Vec<(SymbolLine, Walker, usize)>,
}

impl Page {
    /// The beginning of a file.
    pub fn new(path: &str) -> Self {
        Self { walker: Walker::new(path), chains: Chains::default(), words: HashMap::new(), lines: Vec::new() }
    }

    /// How many lines it has; blank ones count.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it has no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Goes on by a line, above the line `below`. Returns what may be remembered of it.
    pub fn push(&mut self, line: &SymbolLine, below: Option<&SymbolLine>, lexicon: &Lexicon) -> Vec<Note> {
        self.lines.push((line.clone(), self.walker.clone(), self.chains.len()));
        let mut notes = Vec::new();
        if line.symbols.is_empty() {
            return notes;
        }
        let below = below.map_or(Below::default(), |below| line_below(&below.symbols));
        walk_line(&mut self.walker, line, below, lexicon, |contexts, symbol, seen| {
            notes.push((*contexts, symbol, seen))
        });
        for (contexts, symbol, seen) in &notes {
            self.chains.push(contexts, *symbol, *seen);
            if lexicon.class(*symbol) == Class::Identifier {
                *self.words.entry(symbol >> 1).or_default() += 1;
            }
        }
        notes
    }

    /// Takes back all lines from this one on.
    pub fn truncate(&mut self, length: usize) {
        while self.lines.len() > length {
            let (line, walker, positions) = self.lines.pop().expect("there are more lines");
            for symbol in &line.symbols {
                if let Some(count) = self.words.get_mut(&(symbol >> 1)) {
                    *count -= 1;
                    if *count == 0 {
                        self.words.remove(&(symbol >> 1));
                    }
                }
            }
            self.chains.truncate(positions);
            self.walker = walker;
        }
    }

    /// The indentation that the next line most likely has.
    pub fn next_indentation(&self, lexicon: &Lexicon) -> u32 {
        let last = self.last_line().map_or(0, |line| line.indentation);
        last + if self.opens_block(lexicon) { 4 } else { 0 }
    }

    /// Whether the last line opens a block.
    pub fn opens_block(&self, lexicon: &Lexicon) -> bool {
        self.last_line()
            .and_then(|line| line.symbols.last())
            .is_some_and(|symbol| lexicon.class(*symbol) == Class::Open || lexicon.word_text(*symbol >> 1) == ":")
    }

    /// The last line that is not blank.
    fn last_line(&self) -> Option<&SymbolLine> {
        self.lines.iter().rev().map(|(line, ..)| line).find(|line| !line.symbols.is_empty())
    }

    /// The likeliest lines after `before`, in a line that is indented so far and stands above `below`. `companion` has
    /// begun at the last whole symbol.
    #[expect(clippy::too_many_arguments, reason = "the place, and what is asked")]
    pub fn complete(
        &self,
        model: &CopyingModel,
        indentation: u32,
        before: &Before,
        below: Option<&SymbolLine>,
        effort: Effort,
        companion: Asked<'_>,
        scratch: &mut Scratch,
    ) -> Lines {
        let mut walker = self.walker.clone();
        walker.begin_line(indentation, below.map_or(Below::default(), |below| line_below(&below.symbols)));
        model.search(self, effort, companion.is_some()).lines(&walker.state, before, companion, scratch)
    }

    /// Learns what the contexts are worth from a line that comes next, before it is pushed. `companion` has begun at its
    /// start. Returns how many of its symbols were foreseen as the likeliest, and how many there were.
    pub fn learn(
        &self,
        model: &mut CopyingModel,
        line: &SymbolLine,
        below: Option<&SymbolLine>,
        mut companion: Asked<'_>,
        scratch: &mut Scratch,
    ) -> (usize, usize) {
        let mut walker = self.walker.clone();
        walker.begin_line(line.indentation, below.map_or(Below::default(), |below| line_below(&below.symbols)));
        let accompanied = companion.is_some();
        if let Some(companion) = companion.as_deref_mut() {
            companion.read(&line.symbols);
        }
        let (mut right, mut all) = (0, 0);
        for (index, symbol) in line.symbols.iter().copied().chain([NEWLINE]).enumerate() {
            let outlook = companion.as_deref().and_then(|companion| companion.outlook(index));
            let search = model.search(self, THOROUGH, accompanied);
            // One word in three is learnt as if a part of it were typed already.
            let text = model.lexicon.word_text(symbol >> 1);
            let chance = mixer::fold(walker.state.history[0], symbol);
            let typed = (symbol != NEWLINE && chance.is_multiple_of(3) && text.starts_with(is_word))
                .then(|| text.chars().take(1 + (chance >> 8) as usize % text.chars().count()).collect::<String>());
            let begun = typed.and_then(|typed| search.begun(&walker.state, &typed, symbol & 1 == 1));
            let weights = if accompanied { &mut model.accompanied } else { &mut model.alone };
            let (lexicon, state) = (&model.lexicon, &walker.state);
            let stores = Stores { shelf: &model.shelf, added: &model.added, file: &self.chains };
            if let Some(begun) = begun {
                let fits = |seen: Symbol| {
                    seen & 1 == symbol & 1 && lexicon.word_text(seen >> 1).starts_with(begun.text.as_str())
                };
                weights.mixture.predict(&stores, lexicon, state, Some(&begun), outlook.as_ref(), fits, scratch);
                weights.mixture.learn(symbol, scratch);
            }
            let prediction =
                weights.mixture.predict(&stores, lexicon, state, None, outlook.as_ref(), |_| true, scratch);
            let best = prediction.candidates.iter().max_by(|left, right| left.1.total_cmp(&right.1));
            right += usize::from(best.is_some_and(|(best, _)| *best == symbol));
            all += 1;
            weights.mixture.learn(symbol, scratch);
            if symbol != NEWLINE {
                walker.state.push(symbol, lexicon);
            }
        }
        (right, all)
    }

    /// The symbols that a line may go on by are learnt by [`Page::learn`]; which line is right, by this.
    pub fn learn_ranking(model: &mut CopyingModel, lines: &Lines, right: &str, accompanied: bool) {
        let features: Vec<_> = lines.lines.iter().map(|line| line.features).collect();
        let right = lines.lines.iter().position(|line| line.text == right);
        let weights = if accompanied { &mut model.accompanied } else { &mut model.alone };
        weights.reranker.learn(&features, &lines.beam, right);
    }
}

/// Learns the weights of a mixture and a ranking on a repository alone: hunks of some files are hidden and predicted.
///
/// A sixth of the files is practised on, at most `most` symbols of them; the weights begin as they are given. With a
/// companion, they are those for when one is asked.
pub fn practise(sources: &[Source], weights: Weights, most: usize, mut companion: Asked<'_>, seed: Seed) -> Weights {
    let mut rng = seed.derive("practice", 0).rng();
    let mut kept = Vec::new();
    let mut added = Vec::new();
    let mut practice: Vec<(usize, Vec<bool>)> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let role = rng.next_u32() % 12;
        if role >= 2 {
            // Some files count as added lately, as a whole.
            let is_added = role < 4;
            kept.push(if is_added { String::new() } else { source.text.to_owned() });
            added.extend(is_added.then_some(index));
            continue;
        }
        let lines: Vec<&str> = source.text.lines().collect();
        let mut hidden = vec![false; lines.len()];
        // One file in four is new as a whole.
        if rng.next_u32().is_multiple_of(4) {
            hidden.fill(true);
        } else {
            let mut at = (rng.next_u32() % 20) as usize;
            while at < lines.len() {
                let end = (at + 1 + (rng.next_u32() % 10) as usize).min(lines.len());
                hidden[at..end].fill(true);
                at = end + 6 + (rng.next_u32() % 25) as usize;
            }
        }
        kept.push(
            lines.iter().zip(&hidden).filter(|(_, hidden)| !**hidden).map(|(line, _)| format!("{line}\n")).collect(),
        );
        practice.push((index, hidden));
    }
    let shown: Vec<Source> =
        sources.iter().zip(&kept).map(|(source, text)| Source { path: source.path, text }).collect();
    let mut model = CopyingModel::build(&shown, weights.clone(), weights);
    if let Some(companion) = companion.as_deref_mut() {
        model.meet(companion);
    }
    for index in added {
        let lines = read_lines(sources[index].text, &mut model.lexicon);
        let mut page = Page::new(sources[index].path);
        for (number, line) in lines.iter().enumerate() {
            let next = lines[number + 1..].iter().find(|next| !next.symbols.is_empty());
            let notes = page.push(line, next, &model.lexicon);
            model.add(&notes);
        }
    }
    for index in (1..practice.len()).rev() {
        practice.swap(index, (rng.next_u64() % (index as u64 + 1)) as usize);
    }
    let mut scratch = Scratch::default();
    let mut learnt = 0;
    for (index, hidden) in practice {
        let source = sources[index];
        let lines = read_lines(source.text, &mut model.lexicon);
        let text: Vec<&str> = source.text.lines().collect();
        let mut page = Page::new(source.path);
        let mut notes = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            if line.symbols.is_empty() {
                continue;
            }
            if hidden[number] && line.symbols.len() > 1 && learnt < most {
                // What stands below the hunk, for one line in two.
                let below = (number + 1..lines.len())
                    .find(|next| !hidden[*next] && !lines[*next].symbols.is_empty())
                    .filter(|_| rng.next_u32().is_multiple_of(2))
                    .map(|next| &lines[next]);
                // The text as the model may see it: what is hidden below, without its line ends, is not there yet.
                let above = &source.text[..text[number].as_ptr() as usize - source.text.as_ptr() as usize];
                let shown = below.is_some().then(|| (number + 1..lines.len()).filter(|next| !hidden[*next]));
                let after: String = shown.into_iter().flatten().take(BELOW).flat_map(|i| [text[i], "\n"]).collect();
                let place = Place { above, line: "", below: &after };
                if rng.next_u32().is_multiple_of(3) && learnt > most / 10 {
                    let companion = companion.as_deref_mut();
                    practise_line(
                        &mut model,
                        &page,
                        text[number],
                        line,
                        below,
                        place,
                        companion,
                        &mut rng,
                        &mut scratch,
                    );
                }
                let margin = &text[number][..text[number].len() - text[number].trim_start().len()];
                if let Some(companion) = companion.as_deref_mut() {
                    companion.begin(&model.lexicon, Place { line: margin, below: "", ..place });
                }
                page.learn(&mut model, line, below, companion.as_deref_mut(), &mut scratch);
                learnt += line.symbols.len();
            }
            let next = lines[number + 1..].iter().find(|next| !next.symbols.is_empty());
            let more = page.push(line, next, &model.lexicon);
            if hidden[number] {
                notes.extend(more);
            }
        }
        // What was hidden counts as added from here on.
        model.add(&notes);
        if learnt >= most {
            break;
        }
    }
    if companion.is_some() { model.accompanied } else { model.alone }
}

/// Lines below a hunk that a neural model is shown.
const BELOW: usize = 20;

/// Learns the ranking on one line, cut at its start or anywhere.
#[expect(clippy::too_many_arguments, reason = "one step of `practise`, apart for reading only")]
fn practise_line(
    model: &mut CopyingModel,
    page: &Page,
    text: &str,
    line: &SymbolLine,
    below: Option<&SymbolLine>,
    place: Place,
    mut companion: Asked<'_>,
    rng: &mut prentice_base::Rng,
    scratch: &mut Scratch,
) {
    let trimmed = text.trim();
    let mut cut = if rng.next_u32().is_multiple_of(2) { 0 } else { (rng.next_u64() % trimmed.len() as u64) as usize };
    while !trimmed.is_char_boundary(cut) {
        cut -= 1;
    }
    let before = Before::read(&trimmed[..cut], &mut model.lexicon);
    let mut columns = if cut == 0 { page.next_indentation(&model.lexicon) } else { line.indentation };
    let accompanied = companion.is_some();
    if let Some(companion) = companion.as_deref_mut() {
        let margin = match cut {
            0 => companion.indentation(&model.lexicon, place.above, place.below),
            _ => text[..text.len() - text.trim_start().len()].to_owned(),
        };
        if cut == 0 {
            columns = indentation(&margin).0;
        }
        let line = format!("{margin}{}", &trimmed[..before.whole]);
        companion.begin(&model.lexicon, Place { line: &line, ..place });
    }
    let lines = page.complete(model, columns, &before, below, THOROUGH, companion, scratch);
    Page::learn_ranking(model, &lines, &trimmed[cut..], accompanied);
}
