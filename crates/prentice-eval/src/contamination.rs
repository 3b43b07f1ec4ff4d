//! Is a task's text in a training corpus?
//!
//! Two signals, each the largest share of a task's n-grams found in any one document of the corpus:
//!
//! * *exact*: 13-grams of words and punctuation marks over prompt and reference solution, whitespace ignored. The
//!   13 are GPT-3's (Brown et al. 2020, appendix C). Deviations: GPT-3 drops punctuation and case, which in code carry
//!   meaning; it calls one shared n-gram contamination, we ask for a share in one document, since the union over a
//!   corpus grows with the corpus; and it ignores n-grams of more than ten documents, which in code would forgive
//!   exactly the benchmarks that are copied most.
//! * *normalised*: windows of 14 tokens that end in the reference solution. Before, comments, docstrings, whitespace,
//!   quote style, parentheses, semicolons and trailing commas are dropped, since formatters change them, and every
//!   identifier is replaced by the distance to its previous occurrence in the window. That is renaming in order of
//!   first appearance (Baker 1993, parameterised matching), but per window, so that a copy is found wherever in a file
//!   it stands. Literals and keywords stay, and so do names after a dot: most belong to a library.
//!
//! The design asks for an AST-normalised hash. The second signal approximates it with a lexer for two families of
//! languages ([`Lexis`]); MOSS and Dolos (which Riddell et al., arXiv 2403.04811, use for this purpose) compare k-grams
//! likewise. They thin them out by winnowing (Schleimer et al. 2003), to index a large corpus; we index the *tasks*, in
//! full, and stream the corpus past them once, so memory does not depend on its size.
//!
//! Measured on HumanEval: all 164 tasks are found in verbatim copies, and 150 in copies that Python's `ast` stripped,
//! renamed and printed anew, alone in a file. (Windows of 20 found 140; windows of 12 found 155, but took two common
//! one-liners for copies.) None is called contaminated by 763 MB of Python, a standard library and installed packages,
//! and none of HumanEval-X by 120 MB of Rust or 260 MB of C and C++. About 70 MB per CPU-second.
//!
//! A task is contaminated from a share of [`EXACT_THRESHOLD`] or [`NORMALISED_THRESHOLD`] on. Not covered: paraphrase,
//! translation to another language, reordered statements, renamed *and* restructured code, a text cut over several
//! documents, a prompt without its solution where it is the shorter part, and programs that are hardly longer than a
//! window, of which little can be said.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::statistics::TaskScore;

/// Words and marks in an n-gram of the exact signal.
const WORDS: usize = 13;
/// Tokens in a window of the normalised signal.
const WINDOW: usize = 14;
/// Documents named for a task.
const PLACES: usize = 5;

/// Share of a task's exact n-grams in one document from which the task is contaminated; the largest by chance was 0.15.
pub const EXACT_THRESHOLD: f64 = 0.5;
/// Share of a solution's normalised windows in one document from which the task is contaminated; the largest by chance
/// was 0.58, `[x for x in strings if substring in x]`.
pub const NORMALISED_THRESHOLD: f64 = 0.6;

/// How comments and strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lexis {
    /// `#` comments, strings in single, double and triple quotes: Python.
    Python,
    /// `//` and `/* */` comments, strings in single and double quotes and backticks: C, C++, Go, Java, JavaScript,
    /// Rust.
    C,
}

impl Lexis {
    /// The lexis of a language, by Linguist's name; C's for those not known to be like Python.
    pub fn of_language(language: &str) -> Self {
        match language {
            "Python" | "Ruby" | "Shell" | "R" | "Perl" | "Julia" | "Elixir" => Lexis::Python,
            _ => Lexis::C,
        }
    }
}

/// The text of a task that a corpus might hold.
#[derive(Clone, Copy, Debug)]
pub struct TaskText<'a> {
    /// Unique within the suite.
    pub task: &'a str,
    /// What stands before the solution.
    pub prompt: &'a str,
    /// The reference solution.
    pub solution: &'a str,
    /// How both are written.
    pub lexis: Lexis,
}

/// What a corpus holds of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// The task.
    pub task: String,
    /// Largest share of its exact n-grams in one document, 0..=1; 0 for a text shorter than an n-gram.
    pub exact: f64,
    /// Largest share of its solution's normalised windows in one document, 0..=1; 0 for a program shorter than a
    /// window.
    pub normalised: f64,
    /// Whether either share reaches its threshold.
    pub contaminated: bool,
    /// The first documents of the corpus, at most five, in which either does.
    pub documents: Vec<String>,
}

/// Why scores cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The check did not cover a scored task.
    #[error("task `{task}` has a score, but was not checked for contamination; check the suite that was scored")]
    Unchecked {
        /// The task.
        task: String,
    },
}

/// Splits scores into those of clean and of contaminated tasks, each in the given order.
///
/// # Errors
/// Where a scored task was not checked.
pub fn split(
    scores: &[TaskScore],
    contamination: &[Contamination],
) -> Result<(Vec<TaskScore>, Vec<TaskScore>), SplitError> {
    let contaminated: HashMap<&str, bool> =
        contamination.iter().map(|found| (found.task.as_str(), found.contaminated)).collect();
    let (mut clean, mut dirty) = (Vec::new(), Vec::new());
    for score in scores {
        match contaminated.get(score.task.as_str()) {
            Some(false) => clean.push(score.clone()),
            Some(true) => dirty.push(score.clone()),
            None => return Err(SplitError::Unchecked { task: score.task.clone() }),
        }
    }
    Ok((clean, dirty))
}

/// An index of tasks, past which a corpus is streamed.
pub struct Detector {
    tasks: Vec<String>,
    exact: GramIndex,
    /// One per lexis that occurs among the tasks.
    normalised: BTreeMap<Lexis, GramIndex>,
}

impl Detector {
    /// Indexes the tasks; about 12 bytes per n-gram of theirs.
    pub fn new(tasks: &[TaskText<'_>]) -> Self {
        let mut exact = Vec::new();
        let mut normalised: BTreeMap<Lexis, Vec<(u64, u32)>> = BTreeMap::new();
        let mut scratch = Scratch::default();
        for (number, task) in (0..).zip(tasks) {
            let text = [task.prompt, task.solution].concat();
            word_grams(&text, |gram| exact.push((gram, number)));
            let windows = normalised.entry(task.lexis).or_default();
            scratch.windows(&text, task.lexis, |end, gram| {
                if end > task.prompt.len() {
                    windows.push((gram, number));
                }
            });
        }
        Self {
            tasks: tasks.iter().map(|task| task.task.to_owned()).collect(),
            exact: GramIndex::new(exact, tasks.len()),
            normalised: normalised
                .into_iter()
                .map(|(lexis, grams)| (lexis, GramIndex::new(grams, tasks.len())))
                .collect(),
        }
    }

    /// Streams a corpus of (id, text) past the tasks, on several threads, and says what it holds of each, in their
    /// order. The result does not depend on the number of threads. Memory is that of the index and of one document a
    /// thread.
    ///
    /// # Errors
    /// The first error of the corpus, which ends the scan.
    pub fn scan<E: Send>(
        &self,
        corpus: impl Iterator<Item = Result<(String, String), E>> + Send,
        threads: NonZeroUsize,
    ) -> Result<Vec<Contamination>, E> {
        let corpus = Mutex::new(Some(corpus.enumerate()));
        let failure = Mutex::new(None);
        // After an error the corpus is gone, for all threads.
        let next_document = || {
            let mut corpus = lock(&corpus);
            match corpus.as_mut()?.next()? {
                (ordinal, Ok(document)) => Some((ordinal, document)),
                (_, Err(error)) => {
                    *corpus = None;
                    *lock(&failure) = Some(error);
                    None
                }
            }
        };
        let work = || {
            let mut findings = vec![Finding::default(); self.tasks.len()];
            let mut scratch = Scratch::default();
            while let Some((ordinal, (id, text))) = next_document() {
                self.examine(ordinal, &id, &text, &mut scratch, &mut findings);
            }
            findings
        };
        let mut merged = vec![Finding::default(); self.tasks.len()];
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                let findings = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for (merged, finding) in merged.iter_mut().zip(findings) {
                    merged.merge(finding);
                }
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(self.tasks.iter().zip(merged).map(|(task, finding)| finding.of(task)).collect()),
        }
    }

    /// Adds what one document holds to the findings, one per task.
    fn examine(&self, ordinal: usize, id: &str, text: &str, scratch: &mut Scratch, findings: &mut [Finding]) {
        word_grams(text, |gram| scratch.hits.extend(self.exact.find(gram)));
        self.exact.shares(&mut scratch.hits, |task, share| findings[task].add(Signal::Exact, share, ordinal, id));
        for (&lexis, index) in &self.normalised {
            let mut hits = std::mem::take(&mut scratch.hits);
            scratch.windows(text, lexis, |_, gram| hits.extend(index.find(gram)));
            index.shares(&mut hits, |task, share| findings[task].add(Signal::Normalised, share, ordinal, id));
            scratch.hits = hits;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic in another thread is passed on when it is joined.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy)]
enum Signal {
    Exact,
    Normalised,
}

/// What is known of one task so far; merging is commutative, which makes the scan deterministic.
#[derive(Clone, Default)]
struct Finding {
    exact: f64,
    normalised: f64,
    /// The first documents with a share over a threshold, by their place in the corpus.
    documents: BTreeMap<usize, String>,
}

impl Finding {
    fn add(&mut self, signal: Signal, share: f64, ordinal: usize, id: &str) {
        let (largest, threshold) = match signal {
            Signal::Exact => (&mut self.exact, EXACT_THRESHOLD),
            Signal::Normalised => (&mut self.normalised, NORMALISED_THRESHOLD),
        };
        *largest = largest.max(share);
        if share >= threshold {
            self.documents.entry(ordinal).or_insert_with(|| id.to_owned());
            self.keep_first();
        }
    }

    fn merge(&mut self, other: Finding) {
        self.exact = self.exact.max(other.exact);
        self.normalised = self.normalised.max(other.normalised);
        self.documents.extend(other.documents);
        self.keep_first();
    }

    fn keep_first(&mut self) {
        while self.documents.len() > PLACES {
            self.documents.pop_last();
        }
    }

    fn of(self, task: &str) -> Contamination {
        Contamination {
            task: task.to_owned(),
            exact: self.exact,
            normalised: self.normalised,
            contaminated: self.exact >= EXACT_THRESHOLD || self.normalised >= NORMALISED_THRESHOLD,
            documents: self.documents.into_values().collect(),
        }
    }
}

/// From an n-gram's hash to the tasks that have it.
struct GramIndex {
    /// A bit per hash, by its low bits: most n-grams of a corpus are ruled out without a look into the map.
    filter: Vec<u64>,
    /// The number of a gram, by its hash.
    numbers: HashMap<u64, u32, BuildHasherDefault<AlreadyHashed>>,
    /// Where a gram's tasks begin in `tasks`; one more than there are grams.
    starts: Vec<u32>,
    tasks: Vec<u32>,
    /// Distinct grams of every task.
    totals: Vec<u32>,
}

impl GramIndex {
    fn new(mut grams: Vec<(u64, u32)>, tasks: usize) -> Self {
        grams.sort_unstable();
        grams.dedup();
        let mut totals = vec![0; tasks];
        let mut numbers = HashMap::default();
        let mut starts = vec![0];
        // Sixteen bits a gram: about 6 % of other grams pass.
        let mut filter = vec![0; (grams.len() * 16 / 64).next_power_of_two()];
        for group in grams.chunk_by(|a, b| a.0 == b.0) {
            let hash = group[0].0;
            numbers.insert(hash, numbers.len() as u32);
            starts.push(starts[starts.len() - 1] + group.len() as u32);
            let (word, bit) = filter_place(hash, filter.len());
            filter[word] |= bit;
            group.iter().for_each(|&(_, task)| totals[task as usize] += 1);
        }
        Self { filter, numbers, starts, tasks: grams.into_iter().map(|(_, task)| task).collect(), totals }
    }

    /// The number of a gram, if any task has it.
    fn find(&self, hash: u64) -> Option<u32> {
        let (word, bit) = filter_place(hash, self.filter.len());
        if self.filter[word] & bit == 0 { None } else { self.numbers.get(&hash).copied() }
    }

    /// Calls `report` with every task that has one of the grams in `hits`, and the share of its grams that are there.
    /// Leaves `hits` empty.
    fn shares(&self, hits: &mut Vec<u32>, mut report: impl FnMut(usize, f64)) {
        hits.sort_unstable();
        hits.dedup();
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for gram in hits.drain(..) {
            for &task in &self.tasks[self.starts[gram as usize] as usize..self.starts[gram as usize + 1] as usize] {
                *counts.entry(task).or_default() += 1;
            }
        }
        for (task, count) in counts {
            report(task as usize, f64::from(count) / f64::from(self.totals[task as usize]));
        }
    }
}

fn filter_place(hash: u64, words: usize) -> (usize, u64) {
    ((hash >> 6) as usize & (words - 1), 1 << (hash & 63))
}

/// A hasher for keys that are hashes.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The multiplier of the rolling hashes; odd, so that no information is lost.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads a number over all 64 bits (the finaliser of SplitMix64).
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A hash of bytes, eight at a time.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash.wrapping_mul(BASE) ^ u64::from_le_bytes(word));
    }
    hash
}

/// `BASE` to the powers 0 to `N - 1`.
const fn powers<const N: usize>() -> [u64; N] {
    let mut powers = [1_u64; N];
    let mut index = 1;
    while index < N {
        powers[index] = powers[index - 1].wrapping_mul(BASE);
        index += 1;
    }
    powers
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Calls `report` with the hash of every run of [`WORDS`] words and punctuation marks.
fn word_grams(text: &str, mut report: impl FnMut(u64)) {
    const LAST: u64 = powers::<{ WORDS + 1 }>()[WORDS];
    let bytes = text.as_bytes();
    let mut recent = [0; WORDS];
    let (mut hash, mut count, mut at) = (0_u64, 0, 0);
    while at < bytes.len() {
        let start = at;
        at += 1;
        if bytes[start].is_ascii_whitespace() {
            continue;
        }
        if is_word(bytes[start]) {
            at += bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
        }
        let token = hash_bytes(&bytes[start..at]);
        let leaving = std::mem::replace(&mut recent[count % WORDS], token);
        hash = hash.wrapping_mul(BASE).wrapping_add(token).wrapping_sub(leaving.wrapping_mul(LAST));
        count += 1;
        if count >= WORDS {
            report(mix(hash));
        }
    }
}

/// A token of the normalised signal.
#[derive(Clone, Copy)]
struct Token {
    /// Hash of the text of a keyword, literal or mark; for an identifier, what tells it from other identifiers.
    hash: u64,
    identifier: bool,
    /// End in the text, in bytes.
    end: usize,
}

/// Buffers that are reused from document to document.
#[derive(Default)]
struct Scratch {
    tokens: Vec<Token>,
    hits: Vec<u32>,
    /// Last position of an identifier.
    last_seen: HashMap<u64, usize, BuildHasherDefault<AlreadyHashed>>,
    /// For every token, the next position of the same identifier; 0 where there is none.
    next: Vec<usize>,
    /// For every token, its part of the current window's hash.
    values: Vec<u64>,
}

impl Scratch {
    /// Calls `report` with every window's end in the text, in bytes, and its hash.
    ///
    /// A rolling hash, in which an identifier counts as the distance to its previous occurrence; when that occurrence
    /// leaves the window, the identifier becomes a first one, and its part is corrected.
    fn windows(&mut self, text: &str, lexis: Lexis, mut report: impl FnMut(usize, u64)) {
        const POWERS: [u64; WINDOW + 1] = powers();
        self.tokens.clear();
        self.last_seen.clear();
        self.next.clear();
        self.values.clear();
        lex(text, lexis, &mut self.tokens);
        let first = identifier_value(0);
        let mut hash = 0_u64;
        for (position, token) in self.tokens.iter().enumerate() {
            self.next.push(0);
            let value = if token.identifier {
                match self.last_seen.insert(token.hash, position) {
                    Some(previous) => {
                        self.next[previous] = position;
                        if position - previous < WINDOW { identifier_value(position - previous) } else { first }
                    }
                    None => first,
                }
            } else {
                token.hash
            };
            self.values.push(value);
            hash = hash.wrapping_mul(BASE).wrapping_add(value);
            if position >= WINDOW {
                let leaving = position - WINDOW;
                hash = hash.wrapping_sub(self.values[leaving].wrapping_mul(POWERS[WINDOW]));
                let next = self.next[leaving];
                // 0 is no position of a next occurrence; the newest token has been judged against the new window.
                if next > leaving && next < position {
                    let change = first.wrapping_sub(self.values[next]);
                    hash = hash.wrapping_add(change.wrapping_mul(POWERS[position - next]));
                    self.values[next] = first;
                }
            }
            if position + 1 >= WINDOW {
                report(token.end, mix(hash));
            }
        }
    }
}

fn identifier_value(distance: usize) -> u64 {
    mix(BASE ^ distance as u64)
}

/// Appends the tokens of a text that survive normalisation.
fn lex(text: &str, lexis: Lexis, tokens: &mut Vec<Token>) {
    const COMMA: u64 = mark(b',');
    const DOT: u64 = mark(b'.');
    let bytes = text.as_bytes();
    let mut line_start = true;
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        at += 1;
        let rest = &bytes[start..];
        match byte {
            b'\n' => {
                line_start = true;
                continue;
            }
            _ if byte.is_ascii_whitespace() => continue,
            b'#' if lexis == Lexis::Python => {
                at = start + line_length(rest);
                continue;
            }
            b'/' if lexis == Lexis::C && rest.starts_with(b"//") => {
                at = start + line_length(rest);
                continue;
            }
            b'/' if lexis == Lexis::C && rest.starts_with(b"/*") => {
                at = start + 2 + find(&rest[2..], b"*/").map_or(rest.len() - 2, |length| length + 2);
                continue;
            }
            b'"' | b'\'' if lexis == Lexis::Python && (rest.starts_with(b"\"\"\"") || rest.starts_with(b"'''")) => {
                let length = find(&rest[3..], &rest[..3]).unwrap_or(rest.len() - 3);
                at = (start + 3 + length + 3).min(bytes.len());
                // A statement that is only a string documents.
                if !line_start {
                    push(tokens, &rest[3..3 + length], Kind::String, at);
                }
            }
            b'"' | b'\'' | b'`' => match string_length(rest, byte) {
                Some(length) => {
                    at = start + length;
                    push(tokens, &rest[1..length - 1], Kind::String, at);
                }
                None => push(tokens, &rest[..1], Kind::Other, at),
            },
            _ if is_word(byte) => {
                let number = byte.is_ascii_digit();
                at += rest[1..].iter().take_while(|byte| is_word(**byte) || (number && **byte == b'.')).count();
                let word = &bytes[start..at];
                let member = tokens.last().is_some_and(|token| token.hash == DOT);
                let kept = number || member || KEYWORDS.binary_search(&word).is_ok();
                let kind = if kept { Kind::Other } else { Kind::Identifier };
                push(tokens, word, kind, at);
            }
            _ => {
                if byte == b'\\' {
                    // An escaped quote begins no string; else a line of them would be searched again from each.
                    at = (at + 1).min(bytes.len());
                }
                // Formatters add and remove a comma before the end of a list.
                if matches!(byte, b')' | b']' | b'}') && tokens.last().is_some_and(|token| token.hash == COMMA) {
                    tokens.pop();
                }
                if !matches!(byte, b'(' | b')' | b';') {
                    tokens.push(Token { hash: mark(byte), identifier: false, end: at });
                }
            }
        }
        line_start = false;
    }
}

/// The hash of a punctuation mark.
const fn mark(byte: u8) -> u64 {
    mix(byte as u64 + 1)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Identifier,
    String,
    Other,
}

fn push(tokens: &mut Vec<Token>, text: &[u8], kind: Kind, end: usize) {
    // A string is not the word that it spells.
    let hash = hash_bytes(text) ^ if kind == Kind::String { BASE } else { 0 };
    tokens.push(Token { hash, identifier: kind == Kind::Identifier, end });
}

fn line_length(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

/// Length of the string that begins with this quote, with both quotes; none where the line ends first, as it does
/// after an apostrophe or the tick of a lifetime. Only backticks go on over lines.
fn string_length(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\n' if quote != b'`' => return None,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    // An unclosed backtick takes the rest, lest every one of many be searched to the end again.
    (quote == b'`' && bytes.len() > 1).then_some(bytes.len())
}

/// Words that are not renamed: reserved ones of the languages of the suites, sorted.
const KEYWORDS: &[&[u8]] = &[
    b"False",
    b"None",
    b"Self",
    b"True",
    b"abstract",
    b"and",
    b"as",
    b"assert",
    b"async",
    b"auto",
    b"await",
    b"bool",
    b"boolean",
    b"break",
    b"byte",
    b"case",
    b"catch",
    b"chan",
    b"char",
    b"class",
    b"const",
    b"continue",
    b"crate",
    b"def",
    b"default",
    b"defer",
    b"del",
    b"delete",
    b"do",
    b"double",
    b"elif",
    b"else",
    b"enum",
    b"except",
    b"export",
    b"extends",
    b"extern",
    b"false",
    b"final",
    b"finally",
    b"float",
    b"fn",
    b"for",
    b"from",
    b"func",
    b"function",
    b"global",
    b"go",
    b"goto",
    b"if",
    b"impl",
    b"implements",
    b"import",
    b"in",
    b"include",
    b"instanceof",
    b"int",
    b"interface",
    b"is",
    b"lambda",
    b"let",
    b"long",
    b"loop",
    b"map",
    b"match",
    b"mod",
    b"mut",
    b"namespace",
    b"new",
    b"nil",
    b"nonlocal",
    b"not",
    b"null",
    b"nullptr",
    b"of",
    b"operator",
    b"or",
    b"package",
    b"pass",
    b"private",
    b"protected",
    b"pub",
    b"public",
    b"raise",
    b"range",
    b"ref",
    b"return",
    b"select",
    b"self",
    b"short",
    b"signed",
    b"sizeof",
    b"static",
    b"struct",
    b"super",
    b"switch",
    b"template",
    b"this",
    b"throw",
    b"throws",
    b"trait",
    b"true",
    b"try",
    b"type",
    b"typedef",
    b"typeof",
    b"undefined",
    b"union",
    b"unsafe",
    b"unsigned",
    b"use",
    b"using",
    b"var",
    b"virtual",
    b"void",
    b"volatile",
    b"where",
    b"while",
    b"with",
    b"yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    /// The hash of a window, from scratch.
    fn window_hash(window: &[Token]) -> u64 {
        let value = |at: usize| {
            let token = window[at];
            let previous = window[..at].iter().rposition(|other| other.identifier && other.hash == token.hash);
            if token.identifier { identifier_value(previous.map_or(0, |previous| at - previous)) } else { token.hash }
        };
        mix((0..window.len()).fold(0_u64, |hash, at| hash.wrapping_mul(BASE).wrapping_add(value(at))))
    }

    #[test]
    fn rolling_windows_equal_windows_from_scratch() {
        // A few names in an irregular order, so that occurrences at all distances enter and leave windows.
        let text: String = (0..600_u64)
            .map(|at| ["a", "b", "c", "ddd", "=", "1", "if"][mix(at) as usize % 7])
            .fold(String::new(), |text, word| text + word + " ");
        let mut tokens = Vec::new();
        lex(&text, Lexis::Python, &mut tokens);
        let expected: Vec<_> = tokens.windows(WINDOW).map(|w| (w[WINDOW - 1].end, window_hash(w))).collect();
        let mut got = Vec::new();
        Scratch::default().windows(&text, Lexis::Python, |end, hash| got.push((end, hash)));
        assert_eq!(got, expected);
        assert_eq!(got.len(), 600 - WINDOW + 1);
    }

    #[test]
    fn normalisation_keeps_what_programs_mean() {
        let lexed = |text: &str, lexis| {
            let mut tokens = Vec::new();
            lex(text, lexis, &mut tokens);
            let mut names = Vec::new();
            let value = |token: &Token| {
                if token.identifier {
                    let place = names.iter().position(|name| *name == token.hash).unwrap_or(names.len());
                    if place == names.len() {
                        names.push(token.hash);
                    }
                    place as u64
                } else {
                    token.hash
                }
            };
            tokens.iter().map(value).collect::<Vec<_>>()
        };
        let same = |a, b, lexis| assert_eq!(lexed(a, lexis), lexed(b, lexis), "{a:?} and {b:?}");
        let different = |a, b, lexis| assert_ne!(lexed(a, lexis), lexed(b, lexis), "{a:?} and {b:?}");
        same("x = f(y)  # why", "count=g(\n    total,\n)\n", Lexis::Python);
        same("def f(a):\n    \"\"\"Adds.\n\n    More.\"\"\"\n    return a", "def g(b): return b", Lexis::Python);
        same("x = 'a b'", "y = \"a b\"", Lexis::Python);
        same("x = [1, 2,]", "x = [1, 2]", Lexis::Python);
        same("int f(int a) { /* b */ return a; } // c", "int g(int x)\n{\n  return x;\n}", Lexis::C);
        same("x = `a\nb`", "y = `a\nb`", Lexis::C);
        different("x = a + a", "x = a + b", Lexis::Python);
        different("x = 1", "x = 2", Lexis::Python);
        different("x = 'one'", "x = 'two'", Lexis::Python);
        different("x = 'one'", "x = one", Lexis::Python);
        different("if x: y", "while x: y", Lexis::Python);
        different("x = a // b", "x = a", Lexis::Python);
        // Whatever is not a program of either family still ends, and keeps its bounds.
        for text in ["'", "\"\"\"", "\"\"\"\"", "/*", "`", "\\", "'\\", "#", "é '''", "fn f<'a>(x: &'a str)", "don't"]
        {
            for lexis in [Lexis::Python, Lexis::C] {
                lexed(text, lexis);
            }
        }
    }
}
