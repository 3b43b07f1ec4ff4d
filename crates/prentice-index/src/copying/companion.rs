//! The seam to a neural model that is asked along with the copying model, word by word.
//!
//! What it says of a symbol is the probability of the symbol's first token, which the forward pass that ends before the
//! symbol has for all symbols at once; the mixture weighs it against what the contexts say (`mixture.rs`). Symbols that
//! begin with the same token are told apart by the contexts, and by the ranking, which sees the probability of whole
//! lines. For that, no token of the model reaches over the end of a symbol (`prentice_tokens::Words::Code`).

use super::lexicon::{Lexicon, Symbol};

/// Where a line is completed, for a model that reads text.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The text above the line, with its last line end.
    pub above: &'a str,
    /// The line up to the last symbol that is complete, with its indentation.
    pub line: &'a str,
    /// The text below the line; empty where it is not to be used.
    pub below: &'a str,
}

/// A neural model that says what may come next.
pub trait Companion: Send {
    /// Words that it can propose although no text of the repository has them.
    fn words(&self) -> Vec<&str>;

    /// From here on, symbols are those of another lexicon.
    fn forget(&mut self);

    /// Starts anew: branch 0 is then the place itself. Symbols of words that `lexicon` has now can be asked for.
    fn begin(&mut self, lexicon: &Lexicon, place: Place<'_>);

    /// The indentation that it expects of the line after `above`.
    fn indentation(&mut self, lexicon: &Lexicon, above: &str, below: &str) -> String;

    /// Adds known symbols to the place; branch `i` is then the place with the first `i` of them.
    fn read(&mut self, symbols: &[Symbol]);

    /// Replaces the branches by continuations of them, each of a branch and a symbol. Returns the natural logarithms of
    /// the probabilities of the symbols' further tokens. At most [`super::THOROUGH`]`.width` of them.
    fn grow(&mut self, steps: &[(usize, Symbol)]) -> Vec<f32>;

    /// What may follow a branch; none where it has become too long for the model.
    fn outlook(&self, branch: usize) -> Option<Outlook<'_>>;
}

/// A neural model to ask, if there is one.
pub type Asked<'a> = Option<&'a mut (dyn Companion + 'static)>;

/// What a neural model expects next.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    /// By token, its logit.
    pub logits: &'a [f32],
    /// Logarithm of the sum of the logits' exponentials.
    pub log_sum: f32,
    /// By symbol, its first token; [`PARTIAL`] is set where more follow.
    pub first: &'a [u32],
    /// By token, the symbol that it is alone; [`NO_SYMBOL`] where it is none.
    pub symbols: &'a [Symbol],
}

/// Marks the first token of a symbol that has several.
pub const PARTIAL: u32 = 1 << 31;
/// Marks a token that is no symbol.
pub const NO_SYMBOL: Symbol = Symbol::MAX;

/// Natural logarithm of the least probability that is told apart from none.
pub const LEAST: f32 = -12.0;
/// Least probability of a symbol that is proposed.
const LIKELY: f32 = 0.01;

impl Outlook<'_> {
    /// The natural logarithm of the probability that a symbol begins, at least [`LEAST`], and whether that is all of it.
    pub fn judge(&self, symbol: Symbol) -> (f32, bool) {
        match self.first.get(symbol as usize) {
            Some(token) => {
                let whole = token & PARTIAL == 0;
                ((self.logits[(token & !PARTIAL) as usize] - self.log_sum).max(LEAST), whole)
            }
            None => (LEAST, false),
        }
    }

    /// The first token of a symbol.
    pub fn first_token(&self, symbol: Symbol) -> Option<u32> {
        self.first.get(symbol as usize).map(|token| token & !PARTIAL)
    }

    /// Symbols of one token that are not unlikely.
    pub fn likely(&self) -> impl Iterator<Item = Symbol> + '_ {
        let least = self.log_sum + LIKELY.ln();
        let likely = self.logits.iter().zip(self.symbols).filter(move |(logit, _)| **logit > least);
        likely.map(|(_, symbol)| *symbol).filter(|symbol| *symbol != NO_SYMBOL)
    }
}
