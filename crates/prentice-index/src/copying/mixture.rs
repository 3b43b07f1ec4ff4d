//! What comes next: a mixture of all contexts, whose weights are learnt while it is used.
//!
//! Each context that occurred before votes for what came next there, by `f = min(7, ln(1 + c / (0.08 d)))`, `c` being how
//! often the candidate came and `d` how many different ones did. A vote's weight depends on the store and the context
//! together with the count, with the longest order that was found in the repository and in the file, and with the kind
//! of the last symbol and the place in the line. A softmax over the candidates and "none of them" gives probabilities;
//! AdaGrad on the cross-entropy learns the weights. (Logistic mixing as in Mahoney's PAQ, over symbols instead of bits.)

use super::{
    chains::Chains,
    companion::{LEAST, Outlook},
    lexicon::{Class, Lexicon, Symbol},
    shelf::Shelf,
    state::{ABSENT, CONTEXTS, FIRST_ABSTRACT, FIRST_STRUCTURE, ORDERS, PLACES, State},
};

/// Most occurrences of a context that are looked at.
const SAMPLED: usize = 48;
/// The repository, what was added to it lately, and the current file.
const STORES: usize = 3;
const COUNTS: usize = 8;
const LONGEST: usize = ORDERS.len() + 1;
const KINDS: usize = Class::COUNT * PLACES;
/// Weights of one context in one store.
const GROUP: usize = COUNTS + LONGEST + KINDS + LONGEST;
const RANKS: usize = 7;
/// Why a word that was begun may be meant ([`Known`]), and how much of it was typed.
const BEGUN: usize = 4 * TYPED;
const TYPED: usize = 5;
const BIASES: usize = Class::COUNT * KINDS + RANKS * PLACES + LONGEST * 2 + 2 + BEGUN + TYPED + 2;
/// Of what a neural model says: by how likely a symbol is to it, and whether it is one token.
const GRADES: usize = 8;
/// Weights of its vote: by the candidate's class, and by what the contexts have.
const OUTLOOK: usize = 2 * Class::COUNT + 2 * LONGEST + KINDS + 2 * GRADES + 2 * LONGEST;
const WEIGHTS: usize = STORES * CONTEXTS * GROUP + BIASES + OUTLOOK;
const FIRST_BIAS: usize = STORES * CONTEXTS * GROUP;
const RANK_BIAS: usize = FIRST_BIAS + Class::COUNT * KINDS;
const NONE_BIAS: usize = RANK_BIAS + RANKS * PLACES;
const LAST_BIAS: usize = NONE_BIAS + LONGEST * 2;
const BEGUN_BIAS: usize = LAST_BIAS + 2;
const BEGUN_NONE: usize = BEGUN_BIAS + BEGUN;
/// Weight of how often a word that was begun occurs: in the file, in the repository.
const FREQUENCY: usize = BEGUN_NONE + TYPED;
const FIRST_OUTLOOK: usize = FIRST_BIAS + BIASES;
const OUTLOOK_LONGEST: usize = FIRST_OUTLOOK + 2 * Class::COUNT;
const OUTLOOK_KIND: usize = OUTLOOK_LONGEST + 2 * LONGEST;
const OUTLOOK_GRADE: usize = OUTLOOK_KIND + KINDS;
const OUTLOOK_NONE: usize = OUTLOOK_GRADE + 2 * GRADES;
/// Weight of its vote where nothing was learnt yet.
const TRUST: f32 = 0.8;

/// Sum of squared slopes of weights that come from elsewhere: they move, but no longer by leaps.
const SETTLED: f32 = 20.0;

/// Weights, and how they were learnt.
#[derive(Clone, Debug)]
pub struct Mixture {
    weights: Vec<f32>,
    squares: Vec<f32>,
}

impl Mixture {
    /// The weights, to be kept.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// A mixture with these weights, as if each had been learnt from a little; none if they are not as many.
    pub(super) fn from_weights(weights: Vec<f32>) -> Option<Self> {
        (weights.len() == WEIGHTS).then(|| Self { weights, squares: vec![SETTLED; WEIGHTS] })
    }
}

impl Default for Mixture {
    fn default() -> Self {
        let mut weights = vec![0.0; WEIGHTS];
        for group in weights[..FIRST_BIAS].chunks_mut(GROUP) {
            group[..COUNTS].fill(0.1);
        }
        weights[FIRST_OUTLOOK..OUTLOOK_LONGEST].fill(TRUST);
        weights[OUTLOOK_NONE..OUTLOOK_NONE + LONGEST].fill(TRUST);
        Self { weights, squares: vec![0.0; WEIGHTS] }
    }
}

/// What a text can be continued by.
#[derive(Debug)]
pub struct Stores<'a> {
    /// The repository.
    pub shelf: &'a Shelf,
    /// Lines that were added lately.
    pub added: &'a Chains,
    /// The current file above the cursor.
    pub file: &'a Chains,
}

/// Candidates with their probabilities; what is missing to one belongs to none of them.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// Symbol and probability, in no order.
    pub candidates: Vec<(Symbol, f32)>,
    /// Probability that none of them comes.
    pub none: f32,
    /// Longest order found in any store, as an index of [`ORDERS`] plus one; 0 for none.
    pub longest: usize,
}

/// A word that was begun: what comes next must go on from it.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What was typed of the word.
    pub text: String,
    /// Whether a space stands before it.
    pub space: bool,
    /// Words that may be meant, even where no context has them.
    pub words: Vec<BegunWord>,
}

/// Why a word may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Known {
    /// It is as it was typed.
    Typed,
    /// It was used recently.
    Recent,
    /// It is in the file.
    File,
    /// It is in the repository.
    Repository,
}

/// A word that may be meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BegunWord {
    /// The word.
    pub symbol: Symbol,
    /// Why it may be meant.
    pub known: Known,
    /// How often it occurs in the file, and in the repository.
    pub counts: [u32; 2],
}

/// Memory for one prediction after another, and what the last one needs to be learnt from.
#[derive(Debug, Default)]
pub struct Scratch {
    /// By symbol: epoch and number of the candidate.
    slots: Vec<(u32, u32)>,
    epoch: u32,
    symbols: Vec<Symbol>,
    scores: Vec<f32>,
    /// Candidate, count and whether it came last, for the context at hand.
    counts: Vec<u32>,
    touched: Vec<u32>,
    /// A vote: candidate, weight of its count, strength.
    votes: Vec<(u32, u32, f32)>,
    /// A voter: its first vote, and its three shared weights.
    voters: Vec<(u32, [u32; 3])>,
    biases: Vec<[u32; 3]>,
    /// Of words that were begun: candidate, weights, and their strengths.
    begun: Vec<(u32, [u32; 3], [f32; 3])>,
    /// Of a neural model: by candidate, the weights of its vote, that of its bias, and its strength.
    outlook: Vec<([u32; 4], u32, f32)>,
    /// First tokens of candidates.
    tokens: Vec<u32>,
    none: [u32; 3],
    /// The same for "none of them".
    none_outlook: Option<([u32; 2], f32)>,
    none_probability: f32,
    last: Option<u32>,
}

impl Scratch {
    fn candidate(&mut self, symbol: Symbol) -> u32 {
        let index = symbol as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1024, (0, 0));
        }
        let (epoch, number) = self.slots[index];
        if epoch == self.epoch {
            return number;
        }
        let number = self.symbols.len() as u32;
        self.slots[index] = (self.epoch, number);
        self.symbols.push(symbol);
        self.counts.push(0);
        number
    }
}

impl Mixture {
    /// What comes next. `allowed` may refuse candidates.
    #[expect(clippy::too_many_arguments, reason = "all that decides what comes next")]
    pub fn predict(
        &self,
        stores: &Stores,
        lexicon: &Lexicon,
        state: &State,
        begun: Option<&Begun>,
        outlook: Option<&Outlook>,
        allowed: impl Fn(Symbol) -> bool,
        scratch: &mut Scratch,
    ) -> Prediction {
        let contexts = state.contexts();
        let found = stores.shelf.find(state, &contexts);
        scratch.epoch += 1;
        scratch.symbols.clear();
        scratch.counts.clear();
        scratch.votes.clear();
        scratch.voters.clear();
        scratch.last = None;
        scratch.begun.clear();
        let typed = begun.map_or(0, |begun| (begun.text.len().max(1).ilog2() as usize).min(TYPED - 1));
        for word in begun.iter().flat_map(|begun| &begun.words) {
            let candidate = scratch.candidate(word.symbol);
            let weights =
                [BEGUN_BIAS + word.known as usize * TYPED + typed, FREQUENCY, FREQUENCY + 1].map(|index| index as u32);
            let [file, repository] = word.counts.map(|count| (1.0 + count as f32).ln());
            scratch.begun.push((candidate, weights, [1.0, file, repository]));
        }
        let kind = lexicon.class(state.history[0]) as usize * PLACES + state.place();
        let longest = found[..FIRST_STRUCTURE].iter().take_while(|found| found.len() > 0).count();
        let in_file = longest_in(stores.file, &contexts);
        let in_added = longest_in(stores.added, &contexts);
        let longest = longest.max(in_added);
        for (context, hash) in contexts.iter().enumerate() {
            if *hash == ABSENT {
                continue;
            }
            for store in 0..STORES {
                scratch.touched.clear();
                let mut total = 0;
                let mut take = |seen: u32, scratch: &mut Scratch| {
                    total += 1;
                    let symbol = if context >= FIRST_ABSTRACT { state.concrete(seen) } else { Some(seen) };
                    if let Some(symbol) = symbol.filter(|symbol| allowed(*symbol)) {
                        let candidate = scratch.candidate(symbol);
                        if scratch.counts[candidate as usize] == 0 {
                            scratch.touched.push(candidate);
                        }
                        scratch.counts[candidate as usize] += 1;
                    }
                };
                match store {
                    0 => stores.shelf.successors(context, found[context], SAMPLED).for_each(|seen| take(seen, scratch)),
                    1 => stores.added.successors(context, *hash).take(SAMPLED).for_each(|seen| take(seen, scratch)),
                    _ => {
                        stores.file.successors(context, *hash).take(SAMPLED).for_each(|seen| take(seen, scratch));
                        if context + 1 == in_file {
                            scratch.last = scratch.touched.first().copied();
                        }
                    }
                }
                if scratch.touched.is_empty() {
                    continue;
                }
                let group = ((store * CONTEXTS + context) * GROUP) as u32;
                let shared = [
                    group + (COUNTS + longest) as u32,
                    group + (COUNTS + LONGEST + kind) as u32,
                    group + (COUNTS + LONGEST + KINDS + in_file) as u32,
                ];
                scratch.voters.push((scratch.votes.len() as u32, shared));
                let distinct = scratch.touched.len() as f32;
                // Where there are more occurrences than were looked at, each stands for several.
                let each = if store == 0 { (found[context].len() as f32 / total.max(1) as f32).max(1.0) } else { 1.0 };
                for index in 0..scratch.touched.len() {
                    let candidate = scratch.touched[index];
                    let count = std::mem::take(&mut scratch.counts[candidate as usize]) as f32 * each;
                    let strength = (1.0 + count / (0.08 * distinct)).ln().min(7.0);
                    scratch.votes.push((candidate, group + bucket(count), strength));
                }
            }
        }
        scratch.outlook.clear();
        scratch.none_outlook = None;
        if let Some(outlook) = outlook {
            for symbol in outlook.likely().filter(|symbol| allowed(*symbol)) {
                scratch.candidate(symbol);
            }
            weigh_outlook(outlook, lexicon, [longest, in_file, kind], scratch);
        }
        // Without a word that was begun, the third bias is the first again.
        let none = if begun.is_some() { BEGUN_NONE + typed } else { NONE_BIAS + longest };
        scratch.none = [NONE_BIAS + longest, NONE_BIAS + LONGEST + in_file, none].map(|index| index as u32);
        self.score(lexicon, state, kind, scratch);
        Prediction {
            candidates: scratch.symbols.iter().copied().zip(scratch.scores.iter().copied()).collect(),
            none: scratch.none_probability,
            longest: longest.max(in_file),
        }
    }

    /// Turns votes into probabilities.
    fn score(&self, lexicon: &Lexicon, state: &State, kind: usize, scratch: &mut Scratch) {
        let weight = |index: u32| self.weights[index as usize];
        scratch.scores.clear();
        scratch.biases.clear();
        for (number, symbol) in scratch.symbols.iter().enumerate() {
            let class = lexicon.class(*symbol);
            let rank = match (class, state.rank(*symbol)) {
                (Class::Identifier, Some(rank)) => (rank + 1).ilog2() as usize,
                (Class::Identifier, None) => 5,
                _ => 6,
            };
            let biases = [
                (FIRST_BIAS + class as usize * KINDS + kind) as u32,
                (RANK_BIAS + rank.min(RANKS - 1) * PLACES + state.place()) as u32,
                (LAST_BIAS + usize::from(scratch.last == Some(number as u32))) as u32,
            ];
            scratch.scores.push(biases.iter().map(|bias| weight(*bias)).sum());
            scratch.biases.push(biases);
        }
        for (candidate, weights, strengths) in &scratch.begun {
            let sum: f32 = weights.iter().zip(strengths).map(|(index, strength)| weight(*index) * strength).sum();
            scratch.scores[*candidate as usize] += sum;
        }
        for (index, (first, shared)) in scratch.voters.iter().enumerate() {
            let end = scratch.voters.get(index + 1).map_or(scratch.votes.len(), |(next, _)| *next as usize);
            let together: f32 = shared.iter().map(|shared| weight(*shared)).sum();
            for (candidate, counted, strength) in &scratch.votes[*first as usize..end] {
                scratch.scores[*candidate as usize] += strength * (together + weight(*counted));
            }
        }
        for (score, (weights, bias, strength)) in scratch.scores.iter_mut().zip(&scratch.outlook) {
            *score += strength * weights.iter().map(|index| weight(*index)).sum::<f32>() + weight(*bias);
        }
        let mut none: f32 = scratch.none.iter().map(|bias| weight(*bias)).sum();
        if let Some((weights, strength)) = &scratch.none_outlook {
            none += weight(weights[0]) * strength + weight(weights[1]);
        }
        let highest = scratch.scores.iter().copied().fold(none, f32::max);
        let mut sum = (none - highest).exp();
        scratch.none_probability = sum;
        for score in &mut scratch.scores {
            *score = (*score - highest).exp();
            sum += *score;
        }
        scratch.scores.iter_mut().for_each(|score| *score /= sum);
        scratch.none_probability /= sum;
    }

    /// Learns from what really came after the last prediction.
    pub fn learn(&mut self, truth: Symbol, scratch: &mut Scratch) {
        let (epoch, number) = scratch.slots.get(truth as usize).copied().unwrap_or_default();
        let right = (epoch == scratch.epoch).then_some(number as usize);
        let mut errors = std::mem::take(&mut scratch.scores);
        errors.iter_mut().for_each(|probability| *probability = -*probability);
        if let Some(right) = right {
            errors[right] += 1.0;
        }
        for (index, (first, shared)) in scratch.voters.iter().enumerate() {
            let end = scratch.voters.get(index + 1).map_or(scratch.votes.len(), |(next, _)| *next as usize);
            let mut together = 0.0;
            for (candidate, counted, strength) in &scratch.votes[*first as usize..end] {
                let slope = errors[*candidate as usize] * strength;
                if slope.abs() > 1e-5 {
                    together += slope;
                    self.step(*counted, slope);
                }
            }
            if together.abs() > 1e-5 {
                shared.iter().for_each(|shared| self.step(*shared, together));
            }
        }
        for (candidate, weights, strengths) in &scratch.begun {
            let error = errors[*candidate as usize];
            if error.abs() > 1e-4 {
                weights.iter().zip(strengths).for_each(|(index, strength)| self.step(*index, error * strength));
            }
        }
        for (error, biases) in errors.iter().zip(&scratch.biases) {
            if error.abs() > 1e-4 {
                biases.iter().for_each(|bias| self.step(*bias, *error));
            }
        }
        for (error, (weights, bias, strength)) in errors.iter().zip(&scratch.outlook) {
            if error.abs() > 1e-4 {
                weights.iter().for_each(|index| self.step(*index, error * strength));
                self.step(*bias, *error);
            }
        }
        let none = if right.is_none() { 1.0 } else { 0.0 } - scratch.none_probability;
        if let Some((weights, strength)) = scratch.none_outlook {
            self.step(weights[0], none * strength);
            self.step(weights[1], none);
        }
        scratch.none.iter().for_each(|bias| self.step(*bias, none));
        scratch.scores = errors;
    }

    fn step(&mut self, index: u32, slope: f32) {
        let square = &mut self.squares[index as usize];
        *square = 0.9995 * *square + slope * slope;
        self.weights[index as usize] += 0.02 * slope / (*square + 1.0).sqrt();
    }
}

/// Notes what a neural model says of each candidate, and of all the others together.
fn weigh_outlook(outlook: &Outlook, lexicon: &Lexicon, [longest, in_file, kind]: [usize; 3], scratch: &mut Scratch) {
    scratch.tokens.clear();
    for symbol in &scratch.symbols {
        let (log_probability, whole) = outlook.judge(*symbol);
        scratch.tokens.extend(outlook.first_token(*symbol));
        let whole = usize::from(whole);
        let weights = [
            FIRST_OUTLOOK + 2 * lexicon.class(*symbol) as usize + whole,
            OUTLOOK_LONGEST + longest,
            OUTLOOK_LONGEST + LONGEST + in_file,
            OUTLOOK_KIND + kind,
        ];
        let grade = ((-log_probability * 0.9) as usize).min(GRADES - 1);
        let bias = OUTLOOK_GRADE + whole * GRADES + grade;
        scratch.outlook.push((weights.map(|index| index as u32), bias as u32, strength(log_probability)));
    }
    scratch.tokens.sort_unstable();
    scratch.tokens.dedup();
    let known: f32 = scratch.tokens.iter().map(|token| (outlook.logits[*token as usize] - outlook.log_sum).exp()).sum();
    let weights = [OUTLOOK_NONE + longest, OUTLOOK_NONE + LONGEST + longest].map(|index| index as u32);
    scratch.none_outlook = Some((weights, strength((1.0 - known).max(1e-5).ln())));
}

/// How much a probability counts, from 0 to 6.
fn strength(log_probability: f32) -> f32 {
    0.5 * (log_probability - LEAST).max(0.0)
}

/// Longest order that a store has, as an index plus one.
fn longest_in(store: &Chains, contexts: &[u32; CONTEXTS]) -> usize {
    (0..FIRST_STRUCTURE).take_while(|context| store.successors(*context, contexts[*context]).next().is_some()).count()
}

fn bucket(count: f32) -> u32 {
    match count as u32 {
        0..=1 => 0,
        2 => 1,
        3 => 2,
        4..=5 => 3,
        6..=9 => 4,
        10..=19 => 5,
        20..=49 => 6,
        _ => 7,
    }
}
