//! The completion engine: what a repository's index says at a cursor, kept up to date while people write.
//!
//! Works from the moment it is made: until [`Engine::fill`] brings the repository, open documents are all it knows. The
//! copying model completes the line; where it is sure, it goes on below, line by line; where it is not, nothing is
//! offered. Every span of eight tokens that stands in the repository word for word is cited.
//!
//! A small neural model can be asked along with it, word by word ([`Engine::accompany`]); or an endpoint, line by line,
//! where copying is not sure ([`Engine::consult`]).
//!
//! Lines that were saved are learnt at once. What was deleted stays known to the copying model until it is built anew,
//! which happens when much has changed. Citations know what was saved, symbols and search what is written now.

use std::{
    collections::{HashMap, HashSet},
    fs, mem,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use prentice_base::{ContentHash, words::is_word};
use prentice_index::{
    ParsedFile, RepositoryFile, RepositoryIndex,
    cite::{CiteIndex, CiteMatch, CiteOptions},
    copying::{
        Before, Companion, CopyingModel, Effort, Page, Place as CompanionPlace, Scratch, Source, SymbolLine, THOROUGH,
        indentation, read_line,
    },
    symbols::{Likeness, Mention, SymbolHit},
};
use prentice_syntax::{Definition, Language, ReferenceKind, outline};

use crate::{
    Citation, Completion,
    endpoint::Endpoint,
    foreseen::Foreseen,
    lsp::{Backend, Cursor, Edit, Notice, Place, Symbol},
};

/// When to offer something.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Least probability that the line is right.
    pub threshold: f32,
    /// Least probability of each further line, for going on below.
    pub go_on: f32,
    /// Most lines of a completion.
    pub lines: usize,
    /// Most completions.
    pub offers: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { threshold: 0.3, go_on: 0.8, lines: 8, offers: 3 }
    }
}

/// What the working tree is a copy of.
#[derive(Clone, Debug, Default)]
pub struct Checkout {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// Files that differ from it.
    pub changed: HashSet<String>,
}

/// Completes, finds and cites within one repository.
pub struct Engine {
    root: PathBuf,
    options: EngineOptions,
    copying: RwLock<CopyingModel>,
    companion: Mutex<Option<Box<dyn Companion>>>,
    endpoint: OnceLock<Endpoint>,
    foreseen: Mutex<Foreseen>,
    index: RwLock<RepositoryIndex>,
    cite: RwLock<CiteIndex>,
    checkout: RwLock<Checkout>,
    sheets: Mutex<HashMap<String, Sheet>>,
    /// Kept from one completion to the next: it is as large as the vocabulary.
    scratch: Mutex<Scratch>,
    /// What the files that were opened held when the copying model learnt them last.
    learnt: Mutex<HashMap<String, Arc<str>>>,
    notices: Mutex<Vec<Notice>>,
}

/// A document as far as the copying model has read it.
struct Sheet {
    page: Page,
    /// The lines of the page.
    lines: Vec<String>,
}

/// Lines that were added since the copying model was built, as a share of the whole, before it is built anew.
const RENEWED: f64 = 0.2;
/// Most lines of a saved file that weights are learnt from.
const LEARNT_LINES: usize = 50;
/// The same where a neural model is asked, too, which takes longer.
const ACCOMPANIED_LINES: usize = 15;
/// Lines that come after a sure one are sure themselves, or not wanted.
const GOING_ON: Effort = Effort { width: 2, least: -2.5 };
/// Lines around the cursor that a citation is sought for.
const AROUND: usize = 12;

impl Engine {
    /// An engine that knows no repository yet.
    pub fn new(root: PathBuf, options: EngineOptions) -> Self {
        Self {
            root,
            options,
            copying: RwLock::new(CopyingModel::with_default_weights(&[])),
            companion: Mutex::default(),
            endpoint: OnceLock::new(),
            foreseen: Mutex::default(),
            index: RwLock::default(),
            cite: RwLock::default(),
            checkout: RwLock::default(),
            sheets: Mutex::default(),
            scratch: Mutex::default(),
            learnt: Mutex::default(),
            notices: Mutex::default(),
        }
    }

    /// From here on, a neural model is asked along with the copying model.
    pub fn accompany(&self, mut companion: Box<dyn Companion>) {
        let mut place = lock(&self.companion);
        write(&self.copying).meet(&mut *companion);
        *place = Some(companion);
        lock(&self.foreseen).clear();
    }

    /// From here on, an endpoint is asked where copying is not sure. The first one stays.
    pub fn consult(&self, endpoint: Endpoint) {
        let _ = self.endpoint.set(endpoint);
    }

    /// Brings the repository. Open documents stay as they are.
    pub fn fill(&self, index: RepositoryIndex, checkout: Checkout) {
        let sources: Vec<Source> = index.files().map(|file| Source { path: &file.path, text: &file.text }).collect();
        let (copying, cite) =
            rayon::join(|| CopyingModel::with_default_weights(&sources), || CiteIndex::build(&sources));
        drop(sources);
        {
            // Documents that are open already may differ from what was read just now.
            let mut learnt = lock(&self.learnt);
            for path in lock(&self.sheets).keys() {
                if let Some(file) = index.file(path) {
                    learnt.insert(path.clone(), Arc::clone(&file.text));
                }
            }
        }
        *write(&self.checkout) = checkout;
        *write(&self.cite) = cite;
        *write(&self.index) = index;
        self.replace_copying(copying);
    }

    /// The same files are another commit's now, or differ from it elsewhere.
    pub fn checked_out(&self, checkout: Checkout) {
        *write(&self.checkout) = checkout;
        lock(&self.foreseen).clear();
    }

    /// Symbols have other numbers from here on.
    fn replace_copying(&self, mut copying: CopyingModel) {
        let mut companion = lock(&self.companion);
        if let Some(companion) = companion.as_deref_mut() {
            copying.meet(companion);
        }
        let mut sheets = lock(&self.sheets);
        *write(&self.copying) = copying;
        sheets.clear();
        lock(&self.foreseen).clear();
    }

    /// Says something to the user, once.
    pub fn notify(&self, warning: bool, text: impl Into<String>) {
        lock(&self.notices).push(Notice { warning, text: text.into() });
    }

    /// What could stand at a byte of a text, best first.
    pub fn complete(&self, path: &str, text: &str, offset: usize, cancelled: &AtomicBool) -> Vec<Completion> {
        if let Some(known) = lock(&self.foreseen).find(path, text, offset) {
            return known;
        }
        let completions = self.complete_anew(path, text, offset, cancelled);
        if !cancelled.load(Ordering::Relaxed) {
            lock(&self.foreseen).keep(path, text, offset, &completions);
        }
        completions
    }

    fn complete_anew(&self, path: &str, text: &str, offset: usize, cancelled: &AtomicBool) -> Vec<Completion> {
        let place = At::new(text, offset);
        let mut companion = lock(&self.companion);
        let mut sheets = lock(&self.sheets);
        let sheet = sheets.entry(path.to_owned()).or_insert_with(|| Sheet::new(path));
        let (before, below, margin) = {
            let mut copying = write(&self.copying);
            sheet.follow(place.above, place.below, &mut copying);
            let (own, trimmed) = split_indentation(place.before);
            let before = Before::read(trimmed, &mut copying.lexicon);
            let below = place.below.lines().find(|line| !line.trim().is_empty());
            let below = below.map(|line| read_line(line, &mut copying.lexicon));
            // What was indented by the editor counts; a line without anything gets what belongs there.
            let margin = if place.before.is_empty() && place.after.is_empty() {
                match companion.as_deref_mut() {
                    Some(companion) => companion.indentation(&copying.lexicon, place.above, place.below),
                    None => place.margin(sheet.page.opens_block(&copying.lexicon)),
                }
            } else {
                own.to_owned()
            };
            (before, below, margin)
        };
        if cancelled.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let scratch = &mut *lock(&self.scratch);
        let columns = indentation(&margin).0;
        // What the line begins with that is not there yet.
        let missing = if place.before.is_empty() { margin.as_str() } else { "" };
        let lines = {
            let copying = read(&self.copying);
            if let Some(companion) = companion.as_deref_mut() {
                let line = format!("{margin}{}", &place.before[margin.len() - missing.len()..][..before.whole]);
                companion
                    .begin(&copying.lexicon, CompanionPlace { above: place.above, line: &line, below: place.below });
            }
            let (effort, companion) = (self.effort(), companion.as_deref_mut());
            sheet.page.complete(&copying, columns, &before, below.as_ref(), effort, companion, scratch).lines
        };
        drop(companion);
        let mut completions: Vec<Completion> = Vec::new();
        for line in lines {
            if line.confidence < self.options.threshold || completions.len() == self.options.offers {
                break;
            }
            let Some(text) = place.fits(&line.text) else { continue };
            let text = format!("{missing}{text}");
            let mut completion =
                Completion { text, replace: offset..offset, confidence: line.confidence, citations: Vec::new() };
            if completions.is_empty() && place.after.trim().is_empty() && !cancelled.load(Ordering::Relaxed) {
                self.go_on(sheet, &place, &margin, columns, &mut completion, cancelled, scratch);
            }
            if completions.iter().all(|known| known.text != completion.text) {
                completions.push(completion);
            }
        }
        drop(sheets);
        self.ask_endpoint(&place, text, offset, &mut completions, cancelled);
        for completion in &mut completions {
            completion.citations = self.cite_completion(path, &before.partial, &completion.text);
            if place.windows {
                let carried = completion.text.replace('\n', "\r\n");
                completion.citations.iter_mut().for_each(|one| one.span = with_returns(&completion.text, &one.span));
                completion.text = carried;
            }
        }
        completions
    }

    /// Adds what an endpoint offers, where copying is not sure.
    fn ask_endpoint(
        &self,
        place: &At<'_>,
        text: &str,
        offset: usize,
        completions: &mut Vec<Completion>,
        cancelled: &AtomicBool,
    ) {
        let Some(endpoint) = self.endpoint.get() else { return };
        if completions.first().is_some_and(|best| best.confidence >= self.options.go_on) {
            return;
        }
        let suggestion = match endpoint.complete(&text[..offset], &text[offset..], cancelled) {
            Ok(Some(suggestion)) => suggestion,
            Ok(None) => return,
            Err(error) => return self.notify(true, format!("completions are copied only: {error} ({})", error.hint())),
        };
        let confidence = suggestion.probability.unwrap_or(self.options.threshold);
        let Some(text) = place.fits(&suggestion.text).filter(|_| confidence >= self.options.threshold) else { return };
        match completions.iter_mut().find(|known| known.text == text) {
            Some(known) => known.confidence = known.confidence.max(confidence),
            None => completions.push(Completion { text, replace: offset..offset, confidence, citations: Vec::new() }),
        }
        completions.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
        completions.truncate(self.options.offers);
    }

    /// Prepares for the best of `completions` being accepted, where that takes long.
    fn prepare(&self, path: &str, text: &str, completions: &[Completion], cancelled: &AtomicBool) {
        let Some(best) = completions.first() else { return };
        if self.endpoint.get().is_none() && lock(&self.companion).is_none() {
            return;
        }
        let mut accepted = text.to_owned();
        accepted.replace_range(best.replace.clone(), &best.text);
        self.complete(path, &accepted, best.replace.start + best.text.len(), cancelled);
    }

    /// Appends lines as long as each is nearly certain.
    #[expect(clippy::too_many_arguments, reason = "one step of `complete`, apart for reading only")]
    fn go_on(
        &self,
        sheet: &mut Sheet,
        place: &At<'_>,
        own: &str,
        indentation: u32,
        completion: &mut Completion,
        cancelled: &AtomicBool,
        scratch: &mut Scratch,
    ) {
        let start = sheet.page.len();
        let below = place.below.lines().find(|line| !line.trim().is_empty());
        let unit = place.unit();
        let mut line = format!("{}{}", place.before, completion.text);
        let mut here = indentation;
        let mut indent = own.to_owned();
        for _ in 1..self.options.lines {
            if cancelled.load(Ordering::Relaxed) || completion.confidence < self.options.go_on {
                break;
            }
            let next = {
                let mut copying = write(&self.copying);
                let mut symbols = read_line(&line, &mut copying.lexicon);
                symbols.indentation = here;
                sheet.page.push(&symbols, None, &copying.lexicon);
                let guessed = sheet.page.next_indentation(&copying.lexicon);
                if guessed > here {
                    indent.push_str(unit);
                }
                here = guessed;
                let below = below.map(|below| read_line(below, &mut copying.lexicon));
                let lines =
                    sheet.page.complete(&copying, here, &Before::default(), below.as_ref(), GOING_ON, None, scratch);
                lines.lines.into_iter().next()
            };
            let Some(next) = next.filter(|next| next.confidence >= self.options.go_on) else { break };
            if below.is_some_and(|below| below.trim() == next.text.trim()) || next.text.trim().is_empty() {
                break;
            }
            // A line that closes a block stands further out.
            if next.text.starts_with(['}', ')', ']']) && indent.ends_with(unit) {
                indent.truncate(indent.len() - unit.len());
                here = here.saturating_sub(4);
            }
            completion.text.push('\n');
            completion.text.push_str(&indent);
            completion.text.push_str(&next.text);
            completion.confidence *= next.confidence;
            // The block that was begun is complete.
            if here < indentation {
                break;
            }
            line = format!("{indent}{}", next.text);
        }
        sheet.page.truncate(start);
    }

    /// What is not worth looking for: the ranking makes a line likelier than the mixture has it, but not by so much.
    fn effort(&self) -> Effort {
        let least = if self.options.threshold > 0.0 { (self.options.threshold / 40.0).ln() } else { THOROUGH.least };
        Effort { least, ..THOROUGH }
    }

    fn cite_completion(&self, path: &str, partial: &str, text: &str) -> Vec<Citation> {
        let whole = format!("{partial}{text}");
        let options = CiteOptions { near: Some(path), ..CiteOptions::default() };
        let matches = read(&self.cite).cite(&whole, &options);
        let inside = |found: CiteMatch| {
            let span = found.span.start.saturating_sub(partial.len())..found.span.end.saturating_sub(partial.len());
            self.citation_of(found, span)
        };
        matches.into_iter().map(inside).filter(|one| !one.span.is_empty()).collect()
    }

    fn citation_of(&self, found: CiteMatch, span: Range<usize>) -> Citation {
        let checkout = read(&self.checkout);
        Citation {
            span,
            line: found.line as u32,
            commit: checkout.commit.clone().filter(|_| !checkout.changed.contains(&found.path)),
            licence: read(&self.index).file(&found.path).and_then(|file| file.licence.clone()),
            path: found.path,
        }
    }

    /// Takes a file as it is being written: for search and symbols.
    fn update(&self, path: &str, text: &str) {
        let digest = ContentHash::of(text.as_bytes());
        let known = read(&self.index).file(path).map(|file| (file.digest, file.language.clone(), file.licence.clone()));
        if known.as_ref().is_some_and(|(known, ..)| *known == digest) {
            return;
        }
        let (language, licence) = match known {
            Some((_, language, licence)) => (language, licence),
            None => (Language::of_path(path).map(|language| language.name().to_owned()), None),
        };
        let file = RepositoryFile { path: path.to_owned(), text: Arc::from(text), digest, language, licence };
        let parsed = ParsedFile::new(file);
        write(&self.index).update(parsed);
        write(&self.checkout).changed.insert(path.to_owned());
    }

    /// Forgets a file.
    fn remove(&self, path: &str) {
        write(&self.index).remove(path);
        write(&self.cite).remove(path);
    }

    /// Learns what a save added: what to copy, and what the contexts are worth.
    fn learn(&self, path: &str, old: Option<&str>, text: &str) {
        let mut known: HashMap<&str, usize> = HashMap::new();
        old.unwrap_or_default().lines().for_each(|line| *known.entry(line.trim()).or_default() += 1);
        lock(&self.foreseen).clear();
        let mut companion = lock(&self.companion);
        let most = if companion.is_some() { ACCOMPANIED_LINES } else { LEARNT_LINES };
        let mut copying = write(&self.copying);
        let lines: Vec<SymbolLine> = text.lines().map(|line| read_line(line, &mut copying.lexicon)).collect();
        let mut page = Page::new(path);
        let mut scratch = Scratch::default();
        let mut notes = Vec::new();
        let mut learnt = 0;
        for (index, (line, written)) in lines.iter().zip(text.lines()).enumerate() {
            let at = written.as_ptr() as usize - text.as_ptr() as usize;
            let next = lines[index + 1..].iter().find(|next| !next.symbols.is_empty());
            let added = match known.get_mut(written.trim()) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => !line.symbols.is_empty(),
            };
            if added && learnt < most {
                let mut companion = companion.as_deref_mut();
                if let Some(companion) = companion.as_deref_mut() {
                    let (margin, _) = split_indentation(written);
                    companion.begin(&copying.lexicon, CompanionPlace { above: &text[..at], line: margin, below: "" });
                }
                page.learn(&mut copying, line, next, companion, &mut scratch);
                learnt += 1;
            }
            let more = page.push(line, next, &copying.lexicon);
            if added {
                notes.extend(more);
            }
        }
        copying.add(&notes);
        let stale = copying.added_share() > RENEWED;
        drop(copying);
        drop(companion);
        if stale {
            self.renew();
        }
    }

    /// Builds the copying model anew from the files as they are, with the weights as they are.
    fn renew(&self) {
        let texts: Vec<(String, Arc<str>)> =
            read(&self.index).files().map(|file| (file.path.clone(), Arc::clone(&file.text))).collect();
        let sources: Vec<Source> = texts.iter().map(|(path, text)| Source { path, text }).collect();
        let (alone, accompanied) = {
            let copying = read(&self.copying);
            (copying.alone.clone(), copying.accompanied.clone())
        };
        self.replace_copying(CopyingModel::build(&sources, alone, accompanied));
    }

    fn word_at(text: &str, offset: usize) -> Option<Range<usize>> {
        let start = text[..offset]
            .rfind(|c| !is_word(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let end = text[offset..].find(|c| !is_word(c)).map_or(text.len(), |at| offset + at);
        (start < end).then_some(start..end)
    }
}

impl Sheet {
    fn new(path: &str) -> Self {
        Self { page: Page::new(path), lines: Vec::new() }
    }

    /// Reads up to the cursor's line, again only what has changed.
    fn follow(&mut self, above: &str, below: &str, copying: &mut CopyingModel) {
        let same = self.lines.iter().zip(above.lines()).take_while(|(known, line)| known == line).count();
        // A line is noted with the one below it: where that changed, it is read again.
        let keep = if same < self.lines.len() { same.saturating_sub(1) } else { same };
        self.page.truncate(keep);
        self.lines.truncate(keep);
        let rest: Vec<&str> = above.lines().skip(keep).collect();
        let symbols: Vec<SymbolLine> = rest.iter().map(|line| read_line(line, &mut copying.lexicon)).collect();
        let last = below.lines().find(|line| !line.trim().is_empty()).map(|line| read_line(line, &mut copying.lexicon));
        for (index, (line, text)) in symbols.iter().zip(&rest).enumerate() {
            let next = symbols[index + 1..].iter().find(|next| !next.symbols.is_empty()).or(last.as_ref());
            self.page.push(line, next, &copying.lexicon);
            self.lines.push((*text).to_owned());
        }
    }
}

/// A cursor in a text, by lines.
struct At<'a> {
    above: &'a str,
    before: &'a str,
    after: &'a str,
    below: &'a str,
    /// Whether lines end with a return too.
    windows: bool,
}

impl<'a> At<'a> {
    fn new(text: &'a str, offset: usize) -> Self {
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        Self {
            above: &text[..start],
            before: &text[start..offset],
            after: text[offset..end].trim_end_matches('\r'),
            below: text.get(end + 1..).unwrap_or_default(),
            windows: text.contains("\r\n"),
        }
    }

    /// The text to insert, where the line agrees with what follows the cursor: all of it, or up to what is there.
    fn fits(&self, line: &str) -> Option<String> {
        let after = self.after.trim();
        let text = line.trim_end();
        let text = if after.is_empty() { text } else { text.strip_suffix(after)? };
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The indentation of a new line, which stands further in where the one above it opens a block.
    fn margin(&self, opens_block: bool) -> String {
        let last = self.above.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("{}{}", split_indentation(last).0, if opens_block { self.unit() } else { "" })
    }

    /// One step of indentation, by the first line that has one.
    fn unit(&self) -> &'a str {
        let indented = |text: &'a str| {
            text.lines().take(400).map(|line| split_indentation(line).0).find(|indentation| !indentation.is_empty())
        };
        match indented(self.before).or_else(|| indented(self.above)).or_else(|| indented(self.below)) {
            Some(indentation) if indentation.starts_with('\t') => "\t",
            Some(indentation) if indentation.len() == 2 => "  ",
            _ => "    ",
        }
    }
}

fn split_indentation(line: &str) -> (&str, &str) {
    let text = line.trim_start_matches([' ', '\t']);
    line.split_at(line.len() - text.len())
}

/// A span of a text once every line break got a return before it.
fn with_returns(text: &str, span: &Range<usize>) -> Range<usize> {
    let moved = |at: usize| at + text[..at].matches('\n').count();
    moved(span.start)..moved(span.end)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(hit: &SymbolHit<'_>) -> Place {
    Place { path: hit.path.to_owned(), range: hit.name_range.clone() }
}

impl Backend for Engine {
    fn opened(&self, path: &str, _language: &str, text: &str) {
        if let Some(file) = read(&self.index).file(path) {
            lock(&self.learnt).entry(path.to_owned()).or_insert_with(|| Arc::clone(&file.text));
        }
        self.update(path, text);
        // Reading a long document takes longer than a completion may.
        let mut sheets = lock(&self.sheets);
        let sheet = sheets.entry(path.to_owned()).or_insert_with(|| Sheet::new(path));
        sheet.follow(text, "", &mut write(&self.copying));
    }

    fn changed(&self, path: &str, text: &str, _edits: &[Edit]) {
        self.update(path, text);
    }

    fn saved(&self, path: &str, text: &str) {
        let old = lock(&self.learnt).insert(path.to_owned(), Arc::from(text));
        self.update(path, text);
        write(&self.cite).replace(path, text);
        self.learn(path, old.as_deref(), text);
    }

    fn closed(&self, path: &str) {
        lock(&self.sheets).remove(path);
        lock(&self.foreseen).clear();
        match fs::read_to_string(self.root.join(path)) {
            Ok(text) => {
                self.update(path, &text);
                write(&self.cite).replace(path, &text);
            }
            Err(_) => self.remove(path),
        }
    }

    fn complete(&self, cursor: &Cursor<'_>, cancelled: &AtomicBool) -> Vec<Completion> {
        Engine::complete(self, cursor.path, cursor.text, cursor.offset, cancelled)
    }

    fn answered(&self, cursor: &Cursor<'_>, completions: &[Completion], cancelled: &AtomicBool) {
        self.prepare(cursor.path, cursor.text, completions, cancelled);
    }

    fn definitions(&self, cursor: &Cursor<'_>) -> Vec<Place> {
        let Some(word) = Self::word_at(cursor.text, cursor.offset) else { return Vec::new() };
        let read_text = Language::of_path(cursor.path).map(|language| outline(language, cursor.text));
        if let Some(local) = read_text.as_ref().and_then(|outline| outline.local_at(word.start)) {
            return vec![Place { path: cursor.path.to_owned(), range: local.range.clone() }];
        }
        let kind = read_text
            .as_ref()
            .and_then(|outline| outline.references.iter().find(|reference| reference.range == word))
            .map_or(ReferenceKind::Other, |reference| reference.kind);
        let mention = Mention {
            path: cursor.path,
            name: &cursor.text[word.clone()],
            qualifier: qualifier(cursor.text, word.start),
            kind,
        };
        let index = read(&self.index);
        let hits = index.symbols().resolve(&mention);
        let best = hits.first().map_or(0, |hit| hit.score);
        hits.iter().filter(|hit| hit.score == best).map(place).collect()
    }

    fn references(&self, cursor: &Cursor<'_>, declarations: bool) -> Vec<Place> {
        let Some(word) = Self::word_at(cursor.text, cursor.offset) else { return Vec::new() };
        let read_text = Language::of_path(cursor.path).map(|language| outline(language, cursor.text));
        if let Some(local) = read_text.as_ref().and_then(|outline| outline.local_at(word.start)) {
            let bound = declarations.then(|| local.range.clone());
            let ranges = bound.into_iter().chain(local.mentions.iter().cloned());
            return ranges.map(|range| Place { path: cursor.path.to_owned(), range }).collect();
        }
        let name = &cursor.text[word];
        let index = read(&self.index);
        let symbols = index.symbols();
        let mut places: Vec<Place> = Vec::new();
        if declarations {
            places.extend(symbols.definitions(name).iter().map(place));
        }
        let mentions = symbols.references(name);
        places.extend(mentions.into_iter().map(|hit| Place { path: hit.path.to_owned(), range: hit.range }));
        places
    }

    fn outline(&self, path: &str, _language: &str, text: &str) -> Vec<Definition> {
        Language::of_path(path).map_or_else(Vec::new, |language| outline(language, text).definitions)
    }

    fn symbols(&self, query: &str) -> Vec<Symbol> {
        let index = read(&self.index);
        let found = index.symbols().find(query, Likeness::Subsequence, 128);
        let symbol = |hit: SymbolHit<'_>| Symbol {
            path: hit.path.to_owned(),
            definition: Definition {
                name: hit.name.to_owned(),
                kind: hit.kind,
                container: hit.container.map(str::to_owned),
                name_range: hit.name_range,
                range: hit.range,
            },
        };
        found.into_iter().map(symbol).collect()
    }

    fn citation(&self, cursor: &Cursor<'_>) -> Option<Citation> {
        let text = cursor.text;
        let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let line = starts.partition_point(|start| *start <= cursor.offset) - 1;
        let first = line.saturating_sub(AROUND);
        let last = (line + AROUND).min(starts.len() - 1);
        let begin = starts[first];
        let end = starts.get(last + 1).copied().unwrap_or(text.len());
        let options =
            CiteOptions { near: Some(cursor.path), exclude: Some((cursor.path, first + 1..last + 2)), least: 0 };
        let matches = read(&self.cite).cite(&text[begin..end], &options);
        let found = matches.into_iter().find(|found| found.span.contains(&(cursor.offset - begin)))?;
        let span = found.span.start + begin..found.span.end + begin;
        Some(self.citation_of(found, span))
    }

    fn notices(&self) -> Vec<Notice> {
        mem::take(&mut *lock(&self.notices))
    }
}

/// What is written before a name: `Parser` of `Parser::new`.
fn qualifier(text: &str, start: usize) -> Option<&str> {
    let before = text[..start].strip_suffix("::").or_else(|| text[..start].strip_suffix('.'))?;
    let begin =
        before.rfind(|c| !is_word(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    (begin < before.len()).then(|| &before[begin..])
}
