//! Text search over chunks of source: by words, exact strings, regular expressions and symbols.
//!
//! Three rankings are made of the chunks that a query admits, and fused by reciprocal ranks (Cormack, Clarke & Buettcher
//! 2009: a chunk has the sum of `1 / (60 + rank)` over the rankings that have it):
//!
//! * *words*: BM25 over words, their parts and the words of the path ([`bm25`]);
//! * *exact*: chunks in which the query, or what it quotes, stands as typed, whole words first; what might have it is
//!   found by the list of distinct words ([`filter`]) and looked up in the text;
//! * *symbols*: chunks that define what the query names.
//!
//! Quotes, expressions and filters must hold; plain words only rank. Equal scores go by path and line. The text itself is
//! not kept: the caller provides it, and a file that is missing or has changed meanwhile yields no exact match.
//!
//! Per-term statistics and scores depend on what is indexed, and not on the order or grouping of updates.
//!
//! *Not covered:* matches across lines; text outside of chunks; languages without spaces between words, whose runs are
//! words as they stand; synonyms and stemming.

mod bm25;
mod filter;
mod lines;
mod query;
mod segment;
mod words;

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use bm25::Place;
use lines::{ChunkTexts, Match, Wanted, matched_lines};
use regex::Regex;

pub use query::{Query, QueryError};
pub use segment::{TextFile, TextSegment, TextSegmentBuilder};
pub(crate) use words::parts as word_parts;

use crate::{
    layers::{Layer as _, Layers, Part},
    symbols::{Likeness, SymbolHit, SymbolTable},
};

/// The text of the file at a path, as it is now; none where it is gone.
pub type Texts<'a> = dyn Fn(&str) -> Option<Cow<'a, str>> + 'a;

/// Where a chunk is in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkSpan {
    /// Its first line, from 1.
    pub first_line: u32,
    /// Its last line.
    pub last_line: u32,
    /// Its bytes in the file's text.
    pub range: Range<usize>,
}

/// How much to search and to answer.
#[derive(Clone, Copy, Debug)]
pub struct SearchOptions {
    /// Hits at most.
    pub limit: usize,
    /// Lines shown of a hit at most.
    pub lines: usize,
    /// Chunks whose text is looked at for quotes and expressions at most: what cannot be told by words alone, such as
    /// `/[0-9]{4}/`, would otherwise read everything.
    pub looked_at: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { limit: 20, lines: 3, looked_at: 20_000 }
    }
}

/// A line of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedLine {
    /// Its number, from 1.
    pub line: u32,
    /// Its text without the line break, up to 400 bytes.
    pub text: String,
    /// What matched, in bytes of `text`; ascending, without overlaps.
    pub spans: Vec<Range<usize>>,
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its file.
    pub path: String,
    /// Where it is.
    pub span: ChunkSpan,
    /// The sum of reciprocal ranks; comparable within one answer only.
    pub score: f64,
    /// Lines that show why; empty where only the path matched, or the text is not at hand.
    pub lines: Vec<MatchedLine>,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchAnswer {
    /// The best first.
    pub hits: Vec<Hit>,
    /// False where [`SearchOptions::looked_at`] chunks were looked at before the answer was full, and others could match.
    pub complete: bool,
}

/// How far down rankings are fused.
const DEPTH: usize = 200;
/// Chunks looked at for the plain words as one phrase, which is a preference and no demand.
const PHRASE_LOOKED_AT: usize = 100;
/// Definitions that a `sym:` stands for at most.
const NAMED: usize = 10_000;
/// Shorter words (`to`, `is`) are not taken for the beginning of a name.
const NAMING: usize = 3;
/// Words that are taken for the beginning of a name at most; each is a scan of all names.
const NAMING_WORDS: usize = 8;
/// The constant of reciprocal rank fusion.
const FUSION: f64 = 60.0;

/// The text of many files, searchable. A copy shares the segments.
#[derive(Clone, Default)]
pub struct TextIndex {
    layers: Layers<TextSegment>,
}

impl TextIndex {
    /// An index without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the files of a segment, in place of those with the same paths.
    pub fn put(&mut self, segment: TextSegment) {
        self.layers.put(segment);
    }

    /// Adds or replaces one file.
    pub fn update(&mut self, file: &TextFile<'_>) {
        let mut builder = TextSegmentBuilder::new();
        builder.add(file);
        self.put(builder.finish());
    }

    /// Removes a file; false where there is none at `path`.
    pub fn remove(&mut self, path: &str) -> bool {
        self.layers.remove(path)
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.layers.files()
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        let chunks =
            |part: &Part<TextSegment>| part.live_files().map(|file| part.layer.chunks_of(file).len()).sum::<usize>();
        self.layers.parts().iter().map(chunks).sum()
    }

    /// Whether there is a file at `path`.
    pub fn contains(&self, path: &str) -> bool {
        self.layers.find(path).is_some()
    }

    /// The paths of all files, in order.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = Vec::with_capacity(self.files());
        for part in self.layers.parts() {
            paths.extend(part.live_files().map(|file| part.layer.path(file)));
        }
        paths.sort_unstable();
        paths
    }

    /// Merges all segments into one, without what was removed; takes seconds for a large repository.
    pub fn compact(&mut self) {
        self.layers.compact();
    }

    /// The segments, to be written to files; one after [`TextIndex::compact`]. Removed files are in them until then.
    pub fn segments(&self) -> impl Iterator<Item = &TextSegment> {
        self.layers.parts().iter().map(|part| &*part.layer)
    }

    /// Searches. `symbols` may be empty; `texts` gives the text of files.
    pub fn search(
        &self,
        symbols: &SymbolTable,
        query: &Query,
        options: &SearchOptions,
        texts: &Texts<'_>,
    ) -> SearchAnswer {
        let parts = self.layers.parts();
        Search { parts, symbols, query, options, texts: ChunkTexts::new(parts, texts) }.run()
    }
}

/// A search under way.
struct Search<'a, 't> {
    parts: &'a [Part<TextSegment>],
    symbols: &'a SymbolTable,
    query: &'a Query,
    options: &'a SearchOptions,
    texts: ChunkTexts<'a, 't>,
}

impl<'a> Search<'a, '_> {
    fn run(mut self) -> SearchAnswer {
        let depth = DEPTH.max(self.options.limit);
        let living = self.masks(|part, file| part.is_live(file));
        let mut masks = self.masks(|part, file| part.is_live(file) && self.admits(&part.layer, file));
        let named = self.required_symbols(&mut masks);
        for pattern in &self.query.patterns {
            for (part, mask) in self.parts.iter().zip(&mut masks) {
                pattern.filter.apply(&part.layer, mask);
            }
        }
        let scores = bm25::score(self.parts, &living, &self.query.ranking_terms());

        let mut complete = true;
        let (by_words, by_exact) = if !self.query.patterns.is_empty() {
            let (found, all) = self.look_up(&scores, &mut masks, depth);
            complete = all;
            let by_words = found.iter().map(|(place, _)| *place).collect();
            (by_words, whole_first(found))
        } else {
            let by_words = bm25::best(self.parts, &scores, &masks, depth);
            (by_words, self.with_phrase(&scores, &masks))
        };
        let mut by_symbols = named;
        if by_symbols.is_empty() {
            by_symbols = self.words_as_symbols(depth);
        }
        by_symbols.retain(|(place, _)| masks[place.part][place.chunk as usize]);
        by_symbols.truncate(depth);

        let mut definitions: HashMap<Place, Vec<SymbolHit>> = HashMap::new();
        let symbol_places: Vec<Place> = by_symbols.iter().map(|(place, _)| *place).collect();
        for (place, symbol) in by_symbols {
            definitions.entry(place).or_default().push(symbol);
        }
        let mut fused = self.fuse(&[&by_words, &by_exact, &symbol_places]);
        fused.truncate(self.options.limit);
        let terms = self.query.plain_terms();
        let regexes: Vec<&Regex> = self.query.patterns.iter().map(|pattern| &pattern.regex).collect();
        let hits = fused
            .into_iter()
            .map(|(place, score)| {
                let definitions = definitions.remove(&place).unwrap_or_default();
                self.hit(place, score, &terms, &regexes, &definitions)
            })
            .collect();
        SearchAnswer { hits, complete }
    }

    /// For each part, which of its chunks are of files that pass a test.
    fn masks(&self, passes: impl Fn(&Part<TextSegment>, u32) -> bool) -> Vec<Vec<bool>> {
        let mask = |part: &Part<TextSegment>| {
            let mut mask = vec![false; part.layer.chunks() as usize];
            for file in (0..part.layer.files()).filter(|&file| passes(part, file)) {
                let chunks = part.layer.chunks_of(file);
                mask[chunks.start as usize..chunks.end as usize].fill(true);
            }
            mask
        };
        self.parts.iter().map(mask).collect()
    }

    /// Whether the filters by path and language admit a file.
    fn admits(&self, segment: &TextSegment, file: u32) -> bool {
        let (path, language) = (segment.path(file), segment.language(file));
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is = |wanted: &String| wanted.eq_ignore_ascii_case(language) || wanted.eq_ignore_ascii_case(extension);
        let languages = &self.query.languages;
        self.query.paths.iter().all(|filter| filter.matches(path)) && (languages.is_empty() || languages.iter().any(is))
    }

    /// Leaves the chunks that define something like every `sym:`, and gives them, the most alike first.
    fn required_symbols(&self, masks: &mut [Vec<bool>]) -> Vec<(Place, SymbolHit<'a>)> {
        let mut named = Vec::new();
        for symbol in &self.query.symbols {
            let places = self.places(self.symbols.find(symbol, Likeness::Subsequence, NAMED));
            let mut defining: Vec<Vec<bool>> = masks.iter().map(|mask| vec![false; mask.len()]).collect();
            for (place, _) in &places {
                defining[place.part][place.chunk as usize] = true;
            }
            for (mask, defining) in masks.iter_mut().zip(defining) {
                mask.iter_mut().zip(defining).for_each(|(may, defines)| *may &= defines);
            }
            named.extend(places);
        }
        named
    }

    /// Chunks that define what a plain word names, in full or by its beginning; names with more of the words first.
    fn words_as_symbols(&self, depth: usize) -> Vec<(Place, SymbolHit<'a>)> {
        let mut hits: Vec<SymbolHit> = Vec::new();
        for word in self.query.words.iter().filter(|word| word.len() >= NAMING).take(NAMING_WORDS) {
            hits.extend(self.symbols.find(word, Likeness::Prefix, depth));
        }
        let mut words: Vec<Cow<str>> = self.query.words.iter().map(|word| words::fold(word)).collect();
        words.sort_unstable();
        words.dedup();
        let having = |name: &str| {
            let parts: Vec<Cow<str>> = std::iter::once(name).chain(words::parts(name)).map(words::fold).collect();
            words.iter().filter(|word| parts.contains(word)).count()
        };
        hits.sort_by_cached_key(|hit| std::cmp::Reverse((having(hit.name), hit.score)));
        self.places(hits)
    }

    /// The chunks in which definitions are.
    fn places(&self, hits: Vec<SymbolHit<'a>>) -> Vec<(Place, SymbolHit<'a>)> {
        let place = |hit: SymbolHit<'a>| {
            let parts = self.parts.iter().enumerate();
            let (part, file) = parts.filter_map(|(part, layer)| Some((part, layer.find(hit.path)?))).next()?;
            let chunk = self.parts[part].layer.chunk_at(file, hit.name_range.start)?;
            Some((Place { part, chunk }, hit))
        };
        hits.into_iter().filter_map(place).collect()
    }

    /// The first `depth` chunks in which all patterns match, by score, path and line; and whether all were considered.
    /// Leaves what was found in `masks`.
    fn look_up(&mut self, scores: &[Vec<f64>], masks: &mut [Vec<bool>], depth: usize) -> (Vec<(Place, Match)>, bool) {
        let scored = bm25::best(self.parts, scores, masks, self.options.looked_at);
        let mut candidates: usize = masks.iter().map(|mask| mask.iter().filter(|may| **may).count()).sum();
        let mut unscored: Vec<Place> = Vec::new();
        if scored.len() < self.options.looked_at {
            for (part, mask) in masks.iter().enumerate() {
                let open = mask.iter().enumerate().filter(|&(chunk, &may)| may && scores[part][chunk] <= 0.0);
                unscored.extend(open.map(|(chunk, _)| Place { part, chunk: chunk as u32 }));
            }
            unscored.sort_unstable_by(|&a, &b| bm25::by_path(self.parts, a, b));
        }
        masks.iter_mut().for_each(|mask| mask.fill(false));
        let mut found = Vec::new();
        for place in scored.into_iter().chain(unscored).take(self.options.looked_at) {
            if found.len() == depth {
                break;
            }
            candidates -= 1;
            let Some(text) = self.texts.get(place) else { continue };
            let each = self.query.patterns.iter().map(|pattern| lines::matches(&pattern.regex, text));
            if let Some(worst) = each.min().flatten() {
                found.push((place, worst));
                masks[place.part][place.chunk as usize] = true;
            }
        }
        let complete = candidates == 0 || found.len() == depth;
        (found, complete)
    }

    /// Chunks with the plain words as one phrase, whole words first.
    fn with_phrase(&mut self, scores: &[Vec<f64>], masks: &[Vec<bool>]) -> Vec<Place> {
        let Some(phrase) = &self.query.phrase else { return Vec::new() };
        let mut masks = masks.to_vec();
        for (part, mask) in self.parts.iter().zip(&mut masks) {
            phrase.filter.apply(&part.layer, mask);
        }
        let scored = bm25::best(self.parts, scores, &masks, PHRASE_LOOKED_AT);
        let found = scored.into_iter().filter_map(|place| {
            let text = self.texts.get(place)?;
            Some((place, lines::matches(&phrase.regex, text)?))
        });
        whole_first(found.collect())
    }

    /// Reciprocal rank fusion.
    fn fuse(&self, rankings: &[&[Place]]) -> Vec<(Place, f64)> {
        let mut scores: HashMap<Place, (f64, usize)> = HashMap::new();
        for (number, ranking) in rankings.iter().enumerate() {
            let mut rank = 0.0;
            for place in *ranking {
                let share = |rank: f64| 1.0 / (FUSION + rank);
                match scores.entry(*place) {
                    // A chunk that defines two of the names counts once.
                    Entry::Occupied(entry) if entry.get().1 == number => continue,
                    Entry::Occupied(mut entry) => {
                        rank += 1.0;
                        *entry.get_mut() = (entry.get().0 + share(rank), number);
                    }
                    Entry::Vacant(entry) => {
                        rank += 1.0;
                        entry.insert((share(rank), number));
                    }
                }
            }
        }
        let mut fused: Vec<(Place, f64)> = scores.into_iter().map(|(place, (score, _))| (place, score)).collect();
        fused.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| bm25::by_path(self.parts, a.0, b.0)));
        fused
    }

    fn hit(
        &mut self,
        place: Place,
        score: f64,
        terms: &[String],
        regexes: &[&Regex],
        definitions: &[SymbolHit<'_>],
    ) -> Hit {
        let segment = &self.parts[place.part].layer;
        let span = segment.span(place.chunk);
        let names: Vec<(Range<usize>, &str)> = definitions
            .iter()
            .filter_map(|definition| {
                let start = definition.name_range.start.checked_sub(span.range.start)?;
                Some((start..start + definition.name_range.len(), definition.name))
            })
            .collect();
        let wanted = Wanted { terms, regexes, names: &names };
        let lines = match self.texts.get(place) {
            Some(text) => matched_lines(text, span.first_line, &wanted, self.options.lines),
            None => Vec::new(),
        };
        Hit { path: segment.path(segment.file_of(place.chunk)).to_owned(), span, score, lines }
    }
}

fn whole_first(mut found: Vec<(Place, Match)>) -> Vec<Place> {
    // Stable: within both kinds the order stays.
    found.sort_by_key(|(_, kind)| std::cmp::Reverse(*kind));
    found.into_iter().map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests;
