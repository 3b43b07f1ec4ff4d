//! The small neural model beside the copying model: its side of [`Companion`].
//!
//! It reads the text around the cursor as it was trained to, the text below first (fill-in-the-middle in SPM order,
//! arXiv 2207.14255), so that what was computed for one key stroke serves the next: only what was typed since is new.
//! Text above the cursor begins where a whole number of steps has passed, for the same reason.
//!
//! It learns nothing here. `prentice adapt` trains it on a repository.

use prentice_index::copying::{
    Companion, Lexicon, NEWLINE, NO_SYMBOL, Outlook, PARTIAL, Place, Symbol, THOROUGH, pieces,
};
use prentice_model::{Branches, Compute, Model};
use prentice_tokens::{Vocabulary, Words};

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
    /// By branch, whether there was room for it.
    open: Vec<bool>,
}

impl NeuralCompanion {
    /// Makes a model answer word by word.
    ///
    /// # Errors
    /// Its vocabulary is not made for that.
    pub fn new(model: Model, vocabulary: Vocabulary, compute: Compute) -> Result<Self, NotForCompletion> {
        if !vocabulary.is_within(Words::Code) {
            return Err(NotForCompletion);
        }
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

#[cfg(test)]
mod tests {
    use prentice_base::{Seed, ignore_events};
    use prentice_index::copying::{CopyingModel, Source, read_line};
    use prentice_model::{DecoderConfig, kernels::Precision, ops::AttentionShape};

    use super::*;

    const TEXT: &str = "fn area(width: u32, height: u32) -> u32 {\n    width * height\n}\n\nfn main() {\n    let area = area(2, 3);\n    println!(\"{area}\");\n}\n";

    fn companion(words: Words) -> Result<NeuralCompanion, NotForCompletion> {
        let text = TEXT.repeat(3);
        let vocabulary = Vocabulary::train([text.as_str()].into_iter(), 300, words, &ignore_events).unwrap();
        let shape = AttentionShape { heads: 2, key_value_heads: 1, head: 32 };
        let config = DecoderConfig::llama(vocabulary.len(), 64, 2, shape, 128, CONTEXT);
        NeuralCompanion::new(Model::initialise(config, Seed(1)).unwrap(), vocabulary, Compute::new(Precision::F32))
    }

    fn logits(companion: &NeuralCompanion, branch: usize) -> Vec<f32> {
        companion.outlook(branch).expect("it is open").logits.to_vec()
    }

    /// However a place is come to, by words that were there, were read or were grown, the same is expected.
    #[test]
    fn expectations_do_not_depend_on_the_way() {
        let mut companion = companion(Words::Code).unwrap();
        let mut copying = CopyingModel::with_default_weights(&[Source { path: "a.rs", text: TEXT }]);
        copying.meet(&mut companion);
        let line = read_line("let area = area(width, nowhere);", &mut copying.lexicon).symbols;
        let above = TEXT.split_inclusive("    println").next().unwrap().trim_end_matches("    println");
        for below in ["", "}\n"] {
            let whole = |text: &str, companion: &mut NeuralCompanion| {
                companion.begin(&copying.lexicon, Place { above, line: text, below });
                logits(companion, 0)
            };
            let expected = whole("    let area = area(width", &mut companion);
            let other = whole("    let area =", &mut companion);
            let start = Place { above, line: "    ", below };
            companion.begin(&copying.lexicon, start);
            companion.read(&line);
            assert_eq!((logits(&companion, 6), logits(&companion, 3)), (expected.clone(), other));
            companion.begin(&copying.lexicon, start);
            let mut sum = 0.0;
            for symbol in &line[..6] {
                sum += companion.outlook(0).unwrap().judge(*symbol).0;
                sum += companion.grow(&[(0, *symbol), (0, line[7])])[0];
            }
            assert_eq!(logits(&companion, 0), expected);
            assert!(sum < 0.0 && sum.is_finite());
        }
        // Every token that is a word stands for the symbol that it is the only token of.
        let outlook = companion.outlook(0).unwrap();
        let mut words = 0;
        for (token, symbol) in (0..).zip(outlook.symbols) {
            if *symbol != NO_SYMBOL {
                assert_eq!((outlook.first[*symbol as usize], outlook.judge(*symbol).1), (token, true));
                words += 1;
            }
        }
        assert!(words > 20, "{words}");
    }

    #[test]
    fn long_texts_and_lines_are_cut() {
        let mut companion = companion(Words::Code).unwrap();
        let mut copying = CopyingModel::with_default_weights(&[]);
        copying.meet(&mut companion);
        let above = TEXT.repeat(200);
        let line = "width * ".repeat(150);
        let symbols = read_line(&line, &mut copying.lexicon).symbols;
        companion.begin(&copying.lexicon, Place { above: &above, line: &line, below: &above });
        companion.read(&symbols);
        assert!(companion.outlook(3).is_some() && companion.outlook(symbols.len()).is_none());
        companion.begin(&copying.lexicon, Place { above: "é".repeat(9999).as_str(), line: "", below: "é" });
        assert_eq!(companion.grow(&[(0, symbols[0])]).len(), 1);
        assert!(companion.outlook(0).is_some());
        // As many symbols as there is no room for: there is no answer then, and no panic.
        for _ in 0..CONTEXT {
            companion.grow(&[(0, symbols[0])]);
        }
        assert!(companion.outlook(0).is_none());
    }

    #[test]
    fn a_vocabulary_of_runs_is_refused() {
        let error = companion(Words::Text).err().expect("its tokens reach over words");
        assert_eq!(error.to_string(), "the model's tokens reach over words, so that it cannot be asked word by word");
    }
}
