//! An immutable part of the text index: which words stand in which chunks.
//!
//! A posting list per term, of chunk and count, as differences in bytes of seven bits. Terms are runs without their case
//! (identifiers, numbers, marks), the parts of identifiers, and the words of the path, which count for every chunk of a
//! file. Positions are not kept: they would take as much room as the text, which is at hand to look at. Files lie in the
//! order of their paths, chunks in that of their lines, so that a segment depends on what is in it alone.
//!
//! *Deviation:* zoekt (and Cox 2012) look substrings up by trigrams of the text, which take several times its room where
//! they have positions. Here a substring is looked up in the list of distinct terms, see [`super::filter`].

use std::{collections::HashMap, ops::Range};

use foldhash::fast::FixedState;

use super::{
    ChunkSpan,
    words::{self, Class},
};
use crate::{
    dictionary::{self, Dictionary, DictionaryWriter},
    layers::{Layer, Part},
    sections::{Format, Sections, SegmentError, SharedBytes, write},
    varint::{Reader, entry, put},
};

/// Raise the version with any change of what is written.
const FORMAT: Format = Format { what: "a text segment", magic: *b"PRENTEXT", version: 1, sections: 10 };

const PATHS: usize = 0;
const FILES: usize = 2;
const LANGUAGES: usize = 3;
const CHUNKS: usize = 5;
const TERMS: usize = 6;
const POSTING_STARTS: usize = 8;
const POSTINGS: usize = 9;

/// Numbers per file: the first of its chunks, and its language plus one, 0 for none.
const FILE_WIDTH: usize = 2;
/// Numbers per chunk: first and last line, start and end in bytes, terms.
const CHUNK_WIDTH: usize = 5;

/// A file to be indexed.
#[derive(Clone, Copy, Debug)]
pub struct TextFile<'a> {
    /// Its path in the repository, with `/` between the parts.
    pub path: &'a str,
    /// Its language, as `lang:` should find it.
    pub language: Option<&'a str>,
    /// The whole text.
    pub text: &'a str,
    /// Its chunks, in order; only what lies in one is searched. A range that is not one of the text is left out.
    pub chunks: &'a [ChunkSpan],
}

/// An immutable part of the text index, in memory or mapped from a file.
pub struct TextSegment {
    sections: Sections,
}

impl TextSegment {
    /// Opens the bytes of [`TextSegment::bytes`]; looks at the header only.
    ///
    /// # Errors
    /// The bytes are not a text segment of this format, or not whole.
    pub fn open(bytes: SharedBytes) -> Result<Self, SegmentError> {
        Ok(Self { sections: Sections::open(&FORMAT, bytes)? })
    }

    /// Reads everything and compares digests. A segment that is not verified may give wrong answers if it is damaged.
    ///
    /// # Errors
    /// A digest does not fit.
    pub fn verify(&self) -> Result<(), SegmentError> {
        self.sections.verify()
    }

    /// What to write to a file.
    pub fn bytes(&self) -> &SharedBytes {
        self.sections.bytes()
    }

    fn dictionary(&self, section: usize) -> Dictionary<'_> {
        Dictionary::new(self.sections.get(section), self.sections.get(section + 1))
    }

    pub(super) fn terms(&self) -> Dictionary<'_> {
        self.dictionary(TERMS)
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> u32 {
        (self.sections.get(CHUNKS).len() / (4 * CHUNK_WIDTH)) as u32
    }

    /// The chunks of a file; empty where it has none.
    pub(super) fn chunks_of(&self, file: u32) -> Range<u32> {
        let first = |file: u32| entry(self.sections.get(FILES), file as usize * FILE_WIDTH).unwrap_or(self.chunks());
        let end = if file + 1 < self.files() { first(file + 1) } else { self.chunks() };
        let end = end.min(self.chunks());
        first(file).min(end)..end
    }

    /// The file of a chunk.
    pub(super) fn file_of(&self, chunk: u32) -> u32 {
        let (mut low, mut high) = (0, self.files());
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.chunks_of(middle).start <= chunk { low = middle } else { high = middle }
        }
        low
    }

    /// The language of a file; empty where it has none.
    pub(super) fn language(&self, file: u32) -> &str {
        let number = entry(self.sections.get(FILES), file as usize * FILE_WIDTH + 1).unwrap_or(0);
        number.checked_sub(1).map_or("", |language| self.dictionary(LANGUAGES).text(language))
    }

    fn chunk_number(&self, chunk: u32, field: usize) -> u32 {
        entry(self.sections.get(CHUNKS), chunk as usize * CHUNK_WIDTH + field).unwrap_or(0)
    }

    /// Where a chunk is.
    pub(super) fn span(&self, chunk: u32) -> ChunkSpan {
        let number = |field| self.chunk_number(chunk, field);
        ChunkSpan { first_line: number(0), last_line: number(1), range: number(2) as usize..number(3) as usize }
    }

    /// The chunk of `file` in which byte `place` of its text lies.
    pub(super) fn chunk_at(&self, file: u32, place: usize) -> Option<u32> {
        let chunks = self.chunks_of(file);
        let (mut low, mut high) = (chunks.start, chunks.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.span(middle).range.end <= place { low = middle + 1 } else { high = middle }
        }
        (low < chunks.end && self.span(low).range.contains(&place)).then_some(low)
    }

    /// How many terms each chunk has.
    pub(super) fn lengths(&self) -> Lengths<'_> {
        Lengths(self.sections.get(CHUNKS))
    }

    /// The chunks with a term, and how often each has it.
    pub(super) fn postings(&self, term: u32) -> Postings<'_> {
        let bounds = || {
            let starts = self.sections.get(POSTING_STARTS);
            let start = entry(starts, term as usize)? as usize;
            let end = entry(starts, term as usize + 1)? as usize;
            self.sections.get(POSTINGS).get(start..end)
        };
        Postings { bytes: Reader(bounds().unwrap_or_default()), chunk: 0, chunks: self.chunks() }
    }
}

impl Layer for TextSegment {
    fn files(&self) -> u32 {
        self.dictionary(PATHS).len()
    }

    fn path(&self, file: u32) -> &str {
        self.dictionary(PATHS).text(file)
    }

    fn find(&self, path: &str) -> Option<u32> {
        self.dictionary(PATHS).find(path.as_bytes())
    }

    fn size(&self) -> usize {
        self.bytes().len()
    }

    fn merge(parts: &[Part<Self>]) -> Self {
        merge(parts)
    }
}

/// How many terms chunks have, each term as often as it occurs.
#[derive(Clone, Copy)]
pub(super) struct Lengths<'a>(&'a [u8]);

impl Lengths<'_> {
    #[inline]
    pub(super) fn get(self, chunk: u32) -> u32 {
        entry(self.0, chunk as usize * CHUNK_WIDTH + 4).unwrap_or(0)
    }
}

/// Chunks, ascending, with counts.
#[derive(Clone, Copy)]
pub(super) struct Postings<'a> {
    bytes: Reader<'a>,
    chunk: u32,
    chunks: u32,
}

impl Postings<'_> {
    /// How many bytes are left: what going through costs, and about the number of chunks.
    pub(super) fn cost(&self) -> usize {
        self.bytes.0.len()
    }
}

impl Iterator for Postings<'_> {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        let number = self.bytes.number()?;
        let count = if number & 1 == 0 { 1 } else { self.bytes.small()? };
        self.chunk = self.chunk.checked_add(u32::try_from(number >> 1).ok()?)?;
        let chunk = self.chunk;
        // The next is at least one further; a list that reaches beyond the chunks is damaged.
        self.chunk = self.chunk.checked_add(1)?;
        (chunk < self.chunks).then_some((chunk, count))
    }
}

/// A posting list being written.
#[derive(Default)]
struct PostingsWriter {
    bytes: Vec<u8>,
    next: u32,
}

impl PostingsWriter {
    fn push(&mut self, chunk: u32, count: u32) {
        let difference = u64::from(chunk - self.next) << 1;
        if count == 1 {
            put(&mut self.bytes, difference);
        } else {
            put(&mut self.bytes, difference | 1);
            put(&mut self.bytes, u64::from(count));
        }
        self.next = chunk + 1;
    }
}

/// A hash with a fixed state: what is built does not depend on the run, nor does the time it takes.
type WordMap<T> = HashMap<Box<str>, T, FixedState>;

/// Builds a segment out of files, one after the other; their texts are not kept.
///
/// Files in groups of neighbouring paths can be built by threads of their own and put together by
/// [`super::TextIndex::put`] and [`super::TextIndex::compact`]: the result is the same.
#[derive(Default)]
pub struct TextSegmentBuilder {
    paths: Vec<String>,
    files: Vec<(u32, Option<String>)>,
    chunks: Vec<[u32; CHUNK_WIDTH]>,
    /// Runs as they stand in texts, with the range of their terms in `word_terms`.
    words: WordMap<Range<u32>>,
    word_terms: Vec<u32>,
    terms: WordMap<u32>,
    postings: Vec<PostingsWriter>,
    /// How often each term occurs in the chunk at hand, and the terms that do.
    counts: Vec<u32>,
    touched: Vec<u32>,
}

impl TextSegmentBuilder {
    /// A builder without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    ///
    /// # Panics
    /// The path does not come after those before it.
    pub fn add(&mut self, file: &TextFile<'_>) {
        let ascending = self.paths.last().is_none_or(|last| last.as_str() < file.path);
        assert!(ascending, "`{}` comes after `{}`", file.path, self.paths[self.paths.len() - 1]);
        self.paths.push(file.path.to_owned());
        self.files.push((self.chunks.len() as u32, file.language.map(str::to_owned)));
        for span in file.chunks {
            let Some(text) = file.text.get(span.range.clone()) else { continue };
            let (Ok(start), Ok(end)) = (u32::try_from(span.range.start), u32::try_from(span.range.end)) else {
                continue;
            };
            let mut length = 0;
            for (class, range) in words::runs(text) {
                length += self.count(class, &text[range]);
            }
            for (_, range) in words::runs(file.path).filter(|(class, _)| *class == Class::Word) {
                length += self.count(Class::Word, &file.path[range]);
            }
            let chunk = self.chunks.len() as u32;
            for term in self.touched.drain(..) {
                let count = std::mem::take(&mut self.counts[term as usize]);
                self.postings[term as usize].push(chunk, count);
            }
            self.chunks.push([span.first_line, span.last_line, start, end, length]);
        }
    }

    /// Counts the terms of a run; says how many count for the length of the chunk.
    fn count(&mut self, class: Class, run: &str) -> u32 {
        let run = if run.len() > words::LONGEST { class.overlong() } else { run };
        let terms = match self.words.get(run) {
            Some(terms) => terms.clone(),
            None => self.learn(class, run),
        };
        for place in terms.start as usize..terms.end as usize {
            let term = self.word_terms[place];
            let count = &mut self.counts[term as usize];
            if *count == 0 {
                self.touched.push(term);
            }
            *count += 1;
        }
        // Marks are found and never ranked by.
        if class == Class::Word { terms.end - terms.start } else { 0 }
    }

    /// Notes the terms of a run that was not seen before.
    fn learn(&mut self, class: Class, run: &str) -> Range<u32> {
        let start = self.word_terms.len() as u32;
        self.learn_term(&words::fold(run));
        if class == Class::Word && run != class.overlong() {
            for part in words::parts(run) {
                self.learn_term(&words::fold(part));
            }
        }
        let terms = start..self.word_terms.len() as u32;
        self.words.insert(run.into(), terms.clone());
        terms
    }

    fn learn_term(&mut self, term: &str) {
        let number = match self.terms.get(term) {
            Some(&number) => number,
            None => {
                let number = self.terms.len() as u32;
                self.terms.insert(term.into(), number);
                self.postings.push(PostingsWriter::default());
                self.counts.push(0);
                number
            }
        };
        self.word_terms.push(number);
    }

    /// The segment of all files added.
    ///
    /// # Panics
    /// It would have more than 4 GB of postings: give so many files to several builders.
    pub fn finish(self) -> TextSegment {
        let mut terms: Vec<(Box<str>, u32)> = self.terms.into_iter().collect();
        terms.sort_unstable();
        let mut lists = ListsWriter::default();
        for (term, number) in terms {
            lists.push(term.as_bytes(), &self.postings[number as usize].bytes);
        }
        let files = self.files.iter().map(|(first, language)| (*first, language.as_deref()));
        assemble(&self.paths, files.collect(), &self.chunks, lists)
    }
}

/// Terms with their posting lists, being written.
struct ListsWriter {
    terms: DictionaryWriter,
    starts: Vec<u8>,
    postings: Vec<u8>,
}

impl Default for ListsWriter {
    fn default() -> Self {
        Self { terms: DictionaryWriter::new(), starts: vec![0; 4], postings: Vec::new() }
    }
}

impl ListsWriter {
    fn push(&mut self, term: &[u8], postings: &[u8]) {
        self.terms.push(term);
        self.postings.extend_from_slice(postings);
        let end = u32::try_from(self.postings.len()).expect("a segment has less than 4 GB of postings");
        self.starts.extend_from_slice(&end.to_le_bytes());
    }
}

fn assemble(
    paths: &[impl AsRef<[u8]>],
    files: Vec<(u32, Option<&str>)>,
    chunks: &[[u32; CHUNK_WIDTH]],
    lists: ListsWriter,
) -> TextSegment {
    let mut languages: Vec<&str> = files.iter().filter_map(|(_, language)| *language).collect();
    languages.sort_unstable();
    languages.dedup();
    let numbers = files.iter().flat_map(|&(first, language)| {
        [first, language.map_or(0, |language| languages.partition_point(|&other| other < language) as u32 + 1)]
    });
    let numbers: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    let spans: Vec<u8> = chunks.as_flattened().iter().copied().flat_map(u32::to_le_bytes).collect();
    let paths: DictionaryWriter = paths.iter().collect();
    let languages: DictionaryWriter = languages.into_iter().collect();
    let bytes = write(
        &FORMAT,
        &[
            &paths.text,
            &paths.starts,
            &numbers,
            &languages.text,
            &languages.starts,
            &spans,
            &lists.terms.text,
            &lists.terms.starts,
            &lists.starts,
            &lists.postings,
        ],
    );
    TextSegment::open(SharedBytes::new(bytes)).expect("what was just written can be opened")
}

fn merge(parts: &[Part<TextSegment>]) -> TextSegment {
    const DEAD: u32 = u32::MAX;
    let mut places: Vec<(&str, usize, u32)> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        places.extend(part.live_files().map(|file| (part.layer.path(file), number, file)));
    }
    places.sort_unstable();

    let mut renumbered: Vec<Vec<u32>> = parts.iter().map(|part| vec![DEAD; part.layer.chunks() as usize]).collect();
    let (mut paths, mut files, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
    for (path, number, file) in places {
        let segment = &parts[number].layer;
        let language = segment.language(file);
        paths.push(path);
        files.push((chunks.len() as u32, (!language.is_empty()).then_some(language)));
        for chunk in segment.chunks_of(file) {
            renumbered[number][chunk as usize] = chunks.len() as u32;
            chunks.push(std::array::from_fn(|field| segment.chunk_number(chunk, field)));
        }
    }

    let terms: Vec<Dictionary> = parts.iter().map(|part| part.layer.terms()).collect();
    let mut lists = ListsWriter::default();
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    dictionary::merge(&terms, |term, owners| {
        pairs.clear();
        for &(number, id) in owners {
            let living = parts[number].layer.postings(id).filter_map(|(chunk, count)| {
                let chunk = renumbered[number][chunk as usize];
                (chunk != DEAD).then_some((chunk, count))
            });
            pairs.extend(living);
        }
        if pairs.is_empty() {
            return;
        }
        if !pairs.is_sorted() {
            pairs.sort_unstable();
        }
        // Of sound segments no two have the same chunk; damaged ones must not break the writer.
        pairs.dedup_by_key(|(chunk, _)| *chunk);
        let mut postings = PostingsWriter::default();
        pairs.iter().for_each(|&(chunk, count)| postings.push(chunk, count));
        lists.push(term, &postings.bytes);
    });
    assemble(&paths, files, &chunks, lists)
}
