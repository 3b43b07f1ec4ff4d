//! The small neural model beside the copying model: its side of [`Companion`].
//!
//! It reads the text around the cursor as it was trained to, the text below first (fill-in-the-middle in SPM order,
//! arXiv 2207.14255), so that what was computed for one key stroke serves the next: only what was typed since is new.
//! Text above the cursor begins where a whole number of steps has passed, for the same reason.
//!
//! It learns nothing here. `prentice adapt` trains it on a repository.

use prentice_index::copying::{
    Companion, Lexicon, NEWLINE, NO_SYMBOL, Outlook, PARTIAL, Piece, Place, Symbol, THOROUGH, pieces,
};
use prentice_model::{Branches, Compute, Model};
use prentice_tokens::Vocabulary;

/// Tokens of the text around the cursor and of the line together: what models are trained with.
const CONTEXT: usize = 512;
/// Tokens that are left for the line.
const ROOM: usize = 64;
/// Most tokens of the text below.
const BELOW: usize = 64;
/// Bytes of the text below that are read for these.
const BELOW_BYTES: usize = 320;
/// Bytes above the line at least, where there are as many; and by how many the beginning moves at a time.
const ABOVE_BYTES: usize = 768;
const STEP_BYTES: usize = 384;
/// Most tokens of a symbol that are asked for one after another.
const TOKENS: usize = 6;

/// A line whose words touch in many ways.
const LINE: &str = "x = f(a[0], -b)?.c()[i]; g({\"k\": &*v}); // 'q' + h::<T>() => (!z)\n";

/// The model's vocabulary has tokens that reach over words.
#[derive(Debug, thiserror::Error)]
#[error("the model's tokens reach over words, so that it cannot be asked word by word")]
pub struct NotForCompletion;

impl NotForCompletion {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        "train a model on a vocabulary of `prentice tokens train --words code`"
    }
}

/// A small neural model that is asked along with the copying model.
pub struct NeuralCompanion {
    model: Model,
    vocabulary: Vocabulary,
    branches: Branches,
    /// By symbol: where its tokens begin in `tokens`; one more than symbols.
    starts: Vec<u32>,
    tokens: Vec<u32>,
    /// By symbol, its first token, marked where there are more.
    first: Vec<u32>,
    /// By token, the symbol that it is alone.
    symbols: Vec<Symbol>,
    /// Tokens that are a whole word, with their text and whether a space stands before it.
    words: Vec<(u32, String, bool)>,
    /// Tokens that are white space within a line.
    spaces: Vec<u32>,
    newline: u32,
    /// By branch, its length in tokens beyond the place; none where it has become too long.
    open: Vec<bool>,
}

impl NeuralCompanion {
    /// Makes a model answer word by word.
    ///
    /// # Errors
    /// Its vocabulary is not made for that.
    pub fn new(model: Model, vocabulary: Vocabulary, compute: Compute) -> Result<Self, NotForCompletion> {
        let mut words = Vec::new();
        let mut spaces = Vec::new();
        for token in 0..vocabulary.len() as u32 {
            // Parts of characters are never words.
            let Ok(text) = std::str::from_utf8(vocabulary.token_bytes(token)) else { continue };
            let mut found = pieces(text);
            match (found.next(), found.next()) {
                (Some(piece), None) if piece.end == text.len() => {
                    words.push((token, text[piece.start..].to_owned(), piece.space));
                }
                (None, _) if !text.is_empty() && !text.contains(['\n', '\r']) => spaces.push(token),
                _ => {}
            }
        }
        let [newline] = vocabulary.encode("\n")[..] else { return Err(NotForCompletion) };
        let word = |piece: Piece| &LINE[piece.start - usize::from(piece.space)..piece.end];
        let by_word: Vec<u32> =
            pieces(LINE.trim_end()).map(word).chain(["\n"]).flat_map(|word| vocabulary.encode(word)).collect();
        if by_word != vocabulary.encode(LINE) {
            return Err(NotForCompletion);
        }
        let branches = Branches::new(&model, compute, THOROUGH.width, CONTEXT);
        Ok(Self {
            model,
            vocabulary,
            branches,
            starts: vec![0],
            tokens: Vec::new(),
            first: Vec::new(),
            symbols: Vec::new(),
            words,
            spaces,
            newline,
            open: Vec::new(),
        })
    }

    /// Memory held, in bytes, but for the vocabulary.
    pub fn bytes(&self) -> usize {
        let tables = self.starts.len() + self.tokens.len() + self.first.len() + self.symbols.len();
        4 * (self.model.parameters().len() + tables) + self.branches.bytes()
    }

    /// Knows the words that are new.
    fn extend(&mut self, lexicon: &Lexicon) {
        let known = self.first.len();
        let mut text = String::new();
        for symbol in known as Symbol..2 * lexicon.words() as Symbol {
            text.clear();
            lexicon.write(symbol, &mut text);
            let tokens = match symbol {
                NEWLINE => vec![self.newline],
                _ => self.vocabulary.encode(&text),
            };
            let several = if tokens.len() == 1 { 0 } else { PARTIAL };
            self.first.push(tokens.first().copied().unwrap_or(self.newline) | several);
            self.tokens.extend(tokens.iter().take(TOKENS));
            self.starts.push(self.tokens.len() as u32);
        }
        if known < self.first.len() {
            self.symbols = vec![NO_SYMBOL; self.vocabulary.len().max(self.model.config().vocab_size)];
            for (token, text, space) in &self.words {
                if let Some(word) = lexicon.find(text) {
                    self.symbols[*token as usize] = word << 1 | u32::from(*space);
                }
            }
            self.symbols[self.newline as usize] = NEWLINE;
        }
    }

    fn tokens_of(&self, symbol: Symbol) -> &[u32] {
        match self.starts.get(symbol as usize..symbol as usize + 2) {
            Some([start, end]) if start < end => &self.tokens[*start as usize..*end as usize],
            _ => std::slice::from_ref(&self.newline),
        }
    }

    /// The prompt for a place.
    fn prompt(&self, place: Place<'_>) -> Vec<u32> {
        let special = self.vocabulary.special();
        let mut below = Vec::new();
        if !place.below.trim().is_empty() {
            let end =
                place.below.char_indices().map(|(at, _)| at).take_while(|at| *at <= BELOW_BYTES).last().unwrap_or(0);
            below = self.vocabulary.encode(&place.below[..end]);
            below.truncate(BELOW);
        }
        let from = place.above.len().saturating_sub(ABOVE_BYTES) / STEP_BYTES * STEP_BYTES;
        // A whole line, unless there is none.
        let from = match from {
            0 => 0,
            from => place.above.as_bytes()[from..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(place.above.len(), |at| from + at + 1),
        };
        let mut above = self.vocabulary.encode(&place.above[from..]);
        let line = self.vocabulary.encode(place.line);
        // What is cut off for its length is cut in steps, too.
        let room = CONTEXT - ROOM - 4 - below.len();
        let excess = (above.len() + line.len()).saturating_sub(room).next_multiple_of(64).min(above.len());
        above.drain(..excess);
        let line = &line[line.len().saturating_sub(room)..];
        let mut prompt = vec![special.end_of_text];
        if !below.is_empty() {
            prompt.extend([special.fim_prefix, special.fim_suffix]);
            prompt.extend(below);
            prompt.push(special.fim_middle);
        }
        prompt.extend(above);
        prompt.extend(line);
        prompt
    }
}

impl Companion for NeuralCompanion {
    fn words(&self) -> Vec<&str> {
        self.words.iter().map(|(_, text, _)| text.as_str()).collect()
    }

    fn forget(&mut self) {
        self.starts = vec![0];
        self.tokens.clear();
        self.first.clear();
    }

    fn begin(&mut self, lexicon: &Lexicon, place: Place<'_>) {
        self.extend(lexicon);
        let prompt = self.prompt(place);
        self.branches.begin(&self.model, &prompt).expect("the prompt was made to fit");
        self.open = vec![true];
    }

    fn indentation(&mut self, lexicon: &Lexicon, above: &str, below: &str) -> String {
        self.begin(lexicon, Place { above, line: "", below });
        let outlook = self.branches.outlook(0);
        let probability = |token: u32| outlook.log_probability(token).exp();
        let indented: f32 = self.spaces.iter().map(|token| probability(*token)).sum();
        let best = self.spaces.iter().copied().max_by(|a, b| probability(*a).total_cmp(&probability(*b)));
        // A blank line is not asked for.
        match best {
            Some(token) if probability(token) > 1.0 - indented - probability(self.newline) => {
                self.vocabulary.decode(&[token])
            }
            _ => String::new(),
        }
    }

    fn read(&mut self, symbols: &[Symbol]) {
        let mut ends = vec![0];
        let mut tokens: Vec<u32> = Vec::new();
        for symbol in symbols {
            tokens.extend(self.tokens_of(*symbol));
            ends.push(tokens.len());
        }
        // A line that is too long is not foreseen at its end.
        let fits = ends.iter().rposition(|end| *end <= ROOM).unwrap_or(0);
        self.branches.read(&self.model, &tokens[..ends[fits]]).expect("there is room for the line");
        self.branches.keep(&ends[..=fits]);
        self.open = vec![true; fits + 1];
        self.open.resize(symbols.len() + 1, false);
    }

    fn grow(&mut self, steps: &[(usize, Symbol)]) -> Vec<f32> {
        let tokens: Vec<Vec<u32>> = steps.iter().map(|(_, symbol)| self.tokens_of(*symbol).to_vec()).collect();
        let parts: Vec<(usize, &[u32])> =
            steps.iter().zip(&tokens).map(|((branch, _), tokens)| (*branch, tokens.as_slice())).collect();
        let grown =
            if self.open.iter().all(|open| *open) { self.branches.grow(&self.model, &parts).ok() } else { None };
        self.open = vec![grown.is_some(); steps.len()];
        grown.unwrap_or_else(|| vec![0.0; steps.len()])
    }

    fn outlook(&self, branch: usize) -> Option<Outlook<'_>> {
        if !*self.open.get(branch)? {
            return None;
        }
        let logits = self.branches.outlook(branch);
        Some(Outlook { logits: &logits.values, log_sum: logits.log_sum, first: &self.first, symbols: &self.symbols })
    }
}
