//! The rest of a line: several likely ones, found by beam search and put in order by a learnt ranking.

use std::collections::HashMap;

use super::{
    chains::Chains,
    companion::Asked,
    lexicon::{Class, Lexicon, NEWLINE, Symbol, UNKNOWN, Vocabulary, pieces},
    mixture::{Begun, BegunWord, Known, Scratch, Stores},
    rerank::{FEATURES, NONE_FEATURES},
    state::{FIRST_STRUCTURE, State},
    weights::Weights,
};

/// How much a search looks at.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Hypotheses that are continued at each step.
    pub width: usize,
    /// Natural logarithm of the probability below which a hypothesis is given up.
    pub least: f32,
}

/// Nearly everything is looked for: hardly any line is as unlikely.
pub const THOROUGH: Effort = Effort { width: 5, least: -30.0 };

/// Finished lines that are ranked.
const LINES: usize = 8;
/// Most words of the file, and of the repository, that may be meant where one was begun.
const MEANT: usize = 12;
/// Longest rest of a line, in symbols.
const LONGEST: usize = 48;

/// What stands before the cursor in its line: whole symbols, and what the next one must begin with.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Symbols that are complete.
    pub symbols: Vec<Symbol>,
    /// The word that the cursor touches, which may go on.
    pub partial: String,
    /// Whether the next word has a space before it; `None` where both are possible.
    pub space: Option<bool>,
    /// Bytes of the text that the whole symbols are.
    pub whole: usize,
}

impl Before {
    /// Reads the text before the cursor, without indentation.
    pub fn read(text: &str, lexicon: &mut Lexicon) -> Self {
        let mut all: Vec<_> = pieces(text).collect();
        let end = all.last().map_or(0, |piece| piece.end);
        let mut before = Self::default();
        match &text[end..] {
            "" => {
                if let Some(last) = all.pop() {
                    before.partial = text[last.start..].to_owned();
                    before.space = Some(last.space);
                }
            }
            " " => before.space = Some(true),
            _ => {}
        }
        before.whole = all.last().map_or(0, |piece| piece.end);
        before.symbols = all.iter().map(|p| lexicon.word(&text[p.start..p.end]) << 1 | u32::from(p.space)).collect();
        before
    }
}

/// A line that the text may go on by.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its text after the cursor.
    pub text: String,
    /// Its symbols; the first includes what was typed of it.
    pub symbols: Vec<Symbol>,
    /// Natural logarithm of its probability under the mixture.
    pub log_probability: f32,
    /// Probability that it is right.
    pub confidence: f32,
    /// What the ranking sees.
    pub features: [f32; FEATURES],
}

/// Lines, best first, and what the ranking sees of all of them.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Best first.
    pub lines: Vec<Line>,
    /// For "none of them".
    pub beam: [f32; NONE_FEATURES],
}

#[derive(Clone)]
struct Hypothesis {
    state: State,
    symbols: Vec<Symbol>,
    sum: f32,
    least: f32,
    first: f32,
    last: f32,
    orders: f32,
    longest: f32,
    /// What a neural model says of the symbols: sum, least and first of the logarithms.
    outlook: [f32; 3],
    finished: bool,
}

impl Hypothesis {
    /// Notes what a neural model says of a symbol, or of more of its tokens.
    fn judge(&mut self, log_probability: f32, first: bool) {
        let [sum, least, begin] = &mut self.outlook;
        *sum += log_probability;
        *least = least.min(log_probability);
        if first {
            *begin = log_probability;
        }
    }
}

/// Everything that a search needs to look at.
pub struct Search<'a> {
    /// What a text can be continued by.
    pub stores: Stores<'a>,
    /// Words.
    pub lexicon: &'a Lexicon,
    /// Words of the repository, sorted.
    pub vocabulary: &'a Vocabulary,
    /// Words of the file, and how often each occurs.
    pub words: &'a HashMap<u32, u32>,
    /// What the contexts are worth, and which line is right.
    pub weights: &'a Weights,
    /// How much to look at.
    pub effort: Effort,
}

impl Search<'_> {
    /// The likeliest rests of the line. `state` is that before the whole symbols in `before`; `companion` has begun after
    /// them.
    pub fn lines(&self, state: &State, before: &Before, mut companion: Asked<'_>, scratch: &mut Scratch) -> Lines {
        let mut start = state.clone();
        before.symbols.iter().for_each(|symbol| start.push(*symbol, self.lexicon));
        let mut live = vec![Hypothesis {
            state: start,
            symbols: Vec::new(),
            sum: 0.0,
            least: 0.0,
            first: 0.0,
            last: 0.0,
            orders: 0.0,
            longest: 0.0,
            outlook: [0.0; 3],
            finished: false,
        }];
        let mut finished: Vec<Hypothesis> = Vec::new();
        let mut first_none = 0.0;
        let begun = self.begun(&live[0].state, &before.partial, before.space == Some(true));
        for step in 0..LONGEST {
            let mut next: Vec<(f32, usize, Symbol, usize, f32)> = Vec::new();
            for (index, hypothesis) in live.iter().enumerate() {
                let allowed = |symbol: Symbol| step > 0 || self.fits(symbol, before);
                let begun = begun.as_ref().filter(|_| step == 0);
                let outlook = companion.as_deref().and_then(|companion| companion.outlook(index));
                let prediction = self.weights.mixture.predict(
                    &self.stores,
                    self.lexicon,
                    &hypothesis.state,
                    begun,
                    outlook.as_ref(),
                    allowed,
                    scratch,
                );
                if step == 0 {
                    first_none = prediction.none;
                }
                let mut candidates = prediction.candidates;
                let keep = candidates.len().min(self.effort.width);
                if keep < candidates.len() {
                    candidates.select_nth_unstable_by(keep, |left, right| right.1.total_cmp(&left.1));
                }
                for (symbol, probability) in &candidates[..keep] {
                    if *probability > 0.004 {
                        let judged = outlook.map_or(0.0, |outlook| outlook.judge(*symbol).0);
                        next.push((hypothesis.sum + probability.ln(), index, *symbol, prediction.longest, judged));
                    }
                }
            }
            next.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.2.cmp(&right.2)));
            let mut grown: Vec<Hypothesis> = Vec::new();
            let mut steps = Vec::new();
            for (sum, index, symbol, longest, judged) in next {
                if grown.len() == self.effort.width || finished.len() == LINES {
                    break;
                }
                // What is far behind the best finished line does not overtake it.
                if sum < self.effort.least || finished.first().is_some_and(|best| sum < best.sum - 5.0) {
                    break;
                }
                let mut hypothesis = live[index].clone();
                let here = sum - hypothesis.sum;
                hypothesis.sum = sum;
                hypothesis.least = hypothesis.least.min(here);
                hypothesis.last = here;
                if step == 0 {
                    hypothesis.first = here;
                }
                hypothesis.orders += longest as f32;
                hypothesis.longest = hypothesis.longest.max(longest as f32);
                hypothesis.judge(judged, step == 0);
                if symbol == NEWLINE {
                    hypothesis.finished = true;
                    finished.push(hypothesis);
                } else {
                    hypothesis.state.push(symbol, self.lexicon);
                    hypothesis.symbols.push(symbol);
                    grown.push(hypothesis);
                    steps.push((index, symbol));
                }
            }
            live = grown;
            if live.is_empty() || finished.len() == LINES {
                break;
            }
            if let Some(companion) = companion.as_deref_mut() {
                for (hypothesis, further) in live.iter_mut().zip(companion.grow(&steps)) {
                    hypothesis.judge(further, false);
                }
            }
        }
        finished.extend(live.into_iter().take(LINES.saturating_sub(finished.len()).min(1)));
        self.rank(state, before, finished, first_none)
    }

    /// The words that may be meant where one was begun.
    pub fn begun(&self, state: &State, text: &str, space: bool) -> Option<Begun> {
        if text.is_empty() {
            return None;
        }
        let mut words: Vec<BegunWord> = Vec::new();
        let mut put = |word: u32, known: Known| {
            let symbol = word << 1 | u32::from(space);
            if words.iter().all(|other| other.symbol != symbol) {
                let file = self.words.get(&word).copied().unwrap_or(0);
                let repository = self.stores.shelf.count(symbol) as u32;
                words.push(BegunWord { symbol, known, counts: [file, repository] });
            }
        };
        put(self.lexicon.find(text).unwrap_or(UNKNOWN), Known::Typed);
        let fits = |word: &u32| self.lexicon.word_text(*word).starts_with(text);
        state.recent().filter(fits).for_each(|word| put(word, Known::Recent));
        let mut in_file: Vec<u32> = self.words.keys().copied().filter(fits).collect();
        in_file.sort_unstable_by_key(|word| (std::cmp::Reverse(self.words[word]), *word));
        in_file.into_iter().take(MEANT).for_each(|word| put(word, Known::File));
        let mut elsewhere: Vec<(usize, u32)> = self
            .vocabulary
            .beginning(text, self.lexicon)
            .iter()
            .take(1000)
            .map(|word| (self.stores.shelf.count(word << 1 | u32::from(space)), *word))
            .collect();
        elsewhere.sort_unstable_by_key(|(count, word)| (std::cmp::Reverse(*count), *word));
        elsewhere.into_iter().take(MEANT).for_each(|(_, word)| put(word, Known::Repository));
        Some(Begun { text: text.to_owned(), space, words })
    }

    fn fits(&self, symbol: Symbol, before: &Before) -> bool {
        if before.partial.is_empty() {
            return before.space.is_none_or(|space| space == (symbol & 1 == 1) && symbol != NEWLINE);
        }
        before.space == Some(symbol & 1 == 1) && self.lexicon.word_text(symbol >> 1).starts_with(&before.partial)
    }

    fn rank(&self, state: &State, before: &Before, mut finished: Vec<Hypothesis>, first_none: f32) -> Lines {
        finished.sort_by(|left, right| right.sum.total_cmp(&left.sum));
        let best = finished.first().map_or(0.0, |line| line.sum);
        let foreseen = finished.iter().map(|line| line.outlook[0]).fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = finished.iter().map(|line| (line.sum - best).exp()).sum();
        let mut lines: Vec<Line> = finished
            .iter()
            .enumerate()
            .map(|(rank, line)| {
                let features = self.features(state, line, rank, [best, total, foreseen], !before.partial.is_empty());
                let mut text = String::new();
                for symbol in &line.symbols {
                    if symbol >> 1 == UNKNOWN {
                        text.push_str(if before.space == Some(true) { " " } else { "" });
                        text.push_str(&before.partial);
                    } else {
                        self.lexicon.write(*symbol, &mut text);
                    }
                }
                let typed = before.partial.len() + usize::from(before.space == Some(true));
                let text = text.get(typed..).unwrap_or_default().to_owned();
                Line { text, symbols: line.symbols.clone(), log_probability: line.sum, confidence: 0.0, features }
            })
            .collect();
        let second = finished.get(1).map_or(-10.0, |line| line.sum);
        let length = lines.first().map_or(0.0, |line| line.symbols.len() as f32);
        let beam = [
            1.0,
            best.max(-20.0) / 3.0,
            (best - second).min(6.0) / 3.0,
            first_none,
            (1.0 + length).ln(),
            f32::from(state.position == 0 && before.symbols.is_empty()),
            if before.partial.is_empty() { 0.0 } else { 1.0 },
            total / 3.0,
            finished.first().map_or(-3.0, |line| line.least.max(-6.0) / 2.0),
            (1.0 + before.symbols.len() as f32).ln(),
        ];
        let features: Vec<_> = lines.iter().map(|line| line.features).collect();
        for (line, confidence) in lines.iter_mut().zip(self.weights.reranker.rank(&features, &beam)) {
            line.confidence = self.weights.reranker.calibrated(confidence);
        }
        lines.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
        Lines { lines, beam }
    }

    fn features(
        &self,
        begin: &State,
        line: &Hypothesis,
        rank: usize,
        [best, total, foreseen]: [f32; 3],
        partial: bool,
    ) -> [f32; FEATURES] {
        let mut features = [0.0; FEATURES];
        let length = line.symbols.len() as f32 + 1.0;
        let mut next = 0;
        let mut put = |value: f32| {
            features[next] = value;
            next += 1;
        };
        put(1.0);
        put(line.sum.max(-20.0));
        put((line.sum / length).max(-6.0));
        put(line.least.max(-8.0));
        put(line.first.max(-8.0));
        put(line.last.max(-8.0));
        put(length.ln());
        put(if line.finished { 0.0 } else { 1.0 });
        put(((line.sum - best).exp() / total).ln().max(-8.0));
        put(f32::from(rank == 0));
        put(line.orders / length / 3.0);
        put(line.longest / 3.0);
        let (mut open, mut close) = (0i32, 0i32);
        let mut names = 0;
        for symbol in &line.symbols {
            match self.lexicon.class(*symbol) {
                Class::Open => open += 1,
                Class::Close => close += 1,
                Class::Identifier => names += 1,
                _ => {}
            }
        }
        put((open - close).clamp(-3, 3) as f32);
        put((open - close).abs().min(3) as f32);
        put(names as f32 / length);
        put(f32::from(partial));
        put(f32::from(begin.below().line != 0));
        put(f32::from(begin.below().line != 0 && line.state.line().line == begin.below().line));
        let kind = line.symbols.last().map_or(Class::Border, |symbol| self.lexicon.class(*symbol));
        put(f32::from(kind == Class::Open));
        put(f32::from(kind == Class::Separator));
        put(f32::from(kind == Class::Close));
        // How often this whole line stands elsewhere: anywhere, below these lines, in such a block, above that line.
        let contexts = line.state.contexts();
        let found = self.stores.shelf.find(&line.state, &contexts);
        for context in [0, 1, 2, 3, 9].map(|structure| FIRST_STRUCTURE + structure) {
            let shelf = self.stores.shelf.successors(context, found[context], 32).filter(|s| *s == NEWLINE).count();
            let ended = |chains: &Chains| {
                chains.successors(context, contexts[context]).take(32).filter(|s| *s == NEWLINE).count() as f32
            };
            put((1.0 + shelf as f32).ln());
            put((1.0 + ended(self.stores.added)).ln());
            put((1.0 + ended(self.stores.file)).ln());
        }
        let [sum, least, first] = line.outlook;
        put(sum.max(-30.0) / 2.0);
        put((sum / length).max(-6.0));
        put(least.max(-10.0));
        put(first.max(-8.0));
        put((sum - foreseen).max(-10.0));
        features
    }
}
