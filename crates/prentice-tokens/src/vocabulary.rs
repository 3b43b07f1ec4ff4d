//! The vocabulary: byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909) in the file format of Hugging Face
//! `tokenizers`, with StarCoder's special tokens.
//!
//! The library trains, stores and merges. Two things are done here instead. Text is split and looked up through a
//! cache of words, because the library's own path aligns every character with its origin and is several times slower
//! (measured by `examples/token_speed.rs`; a test holds the two equal). And plain text never becomes a special
//! token, which is what the library does by default.

use std::{
    collections::HashMap,
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use prentice_base::{ContentHash, Event, Events, FileError, files};
use rayon::prelude::*;
use tokenizers::{
    AddedToken, Model, SplitDelimiterBehavior, Tokenizer, Trainer,
    models::{
        ModelWrapper,
        bpe::{BPE, BpeTrainer},
    },
    pre_tokenizers::{
        PreTokenizerWrapper,
        byte_level::ByteLevel,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

use crate::{
    STAGE, Words, file_hint,
    words::{byte_characters, words},
};

/// The name of a vocabulary's file.
pub const VOCABULARY_FILE: &str = "tokenizer.json";

/// Training reads at most this many bytes of text: more takes longer and hardly changes which pairs are frequent.
pub const TRAINING_BYTES: usize = 32 << 20;

/// The smallest vocabulary: the special tokens and the 256 bytes.
pub const MINIMUM_SIZE: usize = SpecialTokens::SPELLINGS.len() + 256;

/// A pair is merged only if it occurs at least this often: a token seen once teaches nothing.
const MINIMUM_FREQUENCY: u64 = 2;

/// Words longer than this many bytes are not cached: they hardly ever come back.
const CACHED_WORD_BYTES: usize = 48;

/// A cache holds at most this many words, about 12 MiB.
const CACHED_WORDS: usize = 1 << 17;

/// The ids of the special tokens. A vocabulary trained here has them at 0 to 6, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `<|endoftext|>`: a document, or a filled middle, ends.
    pub end_of_text: u32,
    /// `<fim_prefix>`: what stands before the hole follows.
    pub fim_prefix: u32,
    /// `<fim_middle>`: what fills the hole follows.
    pub fim_middle: u32,
    /// `<fim_suffix>`: what stands after the hole follows.
    pub fim_suffix: u32,
    /// `<fim_pad>`: fills rows up; never trained on.
    pub fim_pad: u32,
    /// `<repo_name>`: the name of a repository follows.
    pub repo_name: u32,
    /// `<file_sep>`: another file of the repository follows.
    pub file_sep: u32,
}

impl SpecialTokens {
    /// The spellings, as StarCoder has them, in the order of the fields.
    pub const SPELLINGS: [&str; 7] =
        ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>"];

    fn find(tokenizer: &Tokenizer) -> Result<Self, Vec<&'static str>> {
        // A special token must be an *added* token: an entry of the model alone could also be reached by merges.
        let added = tokenizer.get_added_vocabulary().get_vocab();
        let missing: Vec<_> = Self::SPELLINGS.into_iter().filter(|token| !added.contains_key(*token)).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let [end_of_text, fim_prefix, fim_middle, fim_suffix, fim_pad, repo_name, file_sep] =
            Self::SPELLINGS.map(|token| added[token]);
        Ok(Self { end_of_text, fim_prefix, fim_middle, fim_suffix, fim_pad, repo_name, file_sep })
    }
}

/// Turns text into token ids and back: `decode(encode(text)) == text` for every text.
pub struct Vocabulary {
    tokenizer: Tokenizer,
    split: Split,
    special: SpecialTokens,
    byte_characters: [char; 256],
    /// The bytes of each token by id; empty for special tokens.
    bytes: Vec<Box<[u8]>>,
    digest: ContentHash,
    /// Caches that no call uses at the moment. What a cache holds changes the speed, never the result.
    caches: Mutex<Vec<WordCache>>,
}

/// Why there is no vocabulary.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// No such file.
    #[error("there is no vocabulary at {}", path.display())]
    NotFound {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is something else, or damaged.
    #[error("{} is not a tokenizer file", path.display())]
    NotATokenizer {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A tokenizer without the tokens that mark documents and holes.
    #[error("the vocabulary {} lacks the special tokens {}", path.display(), missing.join(", "))]
    MissingSpecialTokens {
        /// The file.
        path: PathBuf,
        /// The missing spellings.
        missing: Vec<&'static str>,
    },
    /// A tokenizer that would not give every text back, or that works in a way this version does not know.
    #[error("the vocabulary {} cannot be used: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },
    /// Too few tokens were asked for.
    #[error("a vocabulary of {size} tokens is too small: the bytes and the special tokens alone are {MINIMUM_SIZE}")]
    TooSmall {
        /// The size asked for.
        size: usize,
    },
    /// There is nothing to learn from.
    #[error("there is no text to train a vocabulary on")]
    NoText,
}

impl VocabularyError {
    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some("train one with `prentice tokens train`, or name a `tokenizer.json`"),
            Self::File(error) => file_hint(error),
            Self::NotATokenizer { .. } => {
                Some("the file is damaged or of another kind: train it again with `prentice tokens train`")
            }
            Self::MissingSpecialTokens { .. } | Self::Unsupported { .. } => {
                Some("use a vocabulary made by `prentice tokens train`")
            }
            Self::TooSmall { .. } => Some("ask for at least 512 tokens; 4096 to 16384 suit small models"),
            Self::NoText => Some("check what the corpus keeps with `prentice corpus explain`"),
        }
    }
}

impl Vocabulary {
    /// Learns a vocabulary of `size` tokens, special tokens and bytes included.
    ///
    /// The same texts in the same order give the same bytes at any thread count. Of more than [`TRAINING_BYTES`] of
    /// text, documents are chosen by their digest, so the choice is fair and does not depend on the order. Text with
    /// few repetitions gives a smaller vocabulary than asked for, with a warning.
    ///
    /// # Errors
    /// `size` is below [`MINIMUM_SIZE`], or there is no text.
    pub fn train<'t>(
        texts: impl Iterator<Item = &'t str>,
        size: usize,
        split: Words,
        events: Events<'_>,
    ) -> Result<Self, VocabularyError> {
        if size < MINIMUM_SIZE {
            return Err(VocabularyError::TooSmall { size });
        }
        let texts = choose(texts.filter(|text| !text.is_empty()).collect(), TRAINING_BYTES);
        if texts.is_empty() {
            return Err(VocabularyError::NoText);
        }

        let special = || SpecialTokens::SPELLINGS.map(|token| AddedToken::from(token, true)).to_vec();
        let mut trainer = BpeTrainer::builder()
            .vocab_size(size)
            .min_frequency(MINIMUM_FREQUENCY)
            .show_progress(false)
            .initial_alphabet(byte_characters().into_iter().collect())
            .special_tokens(special())
            .build();
        let split = Split::new(SplitPattern::Regex(split.pattern()), SplitDelimiterBehavior::Isolated, false)
            .expect("the pattern is valid");

        // The trainer is deterministic although it hashes with random keys: it reduces counts by addition and breaks
        // ties by pair. Its counts are 32-bit, which `TRAINING_BYTES` respects.
        let total = texts.iter().map(|text| text.len() as u64).sum();
        let progress = Progress::new(events, total);
        let characters = byte_characters();
        trainer
            .feed(texts.into_iter(), |text| {
                progress.add(text.len() as u64);
                Ok(words(text, split.regex.find_iter(text)).map(|word| byte_level(word, &characters)).collect())
            })
            .expect("splitting cannot fail");
        let mut model = BPE::default();
        trainer.train(&mut model).expect("training on counted words cannot fail");

        let mut tokenizer = Tokenizer::new(model);
        let bytes = ByteLevel::new(false, false, false);
        tokenizer
            .with_pre_tokenizer(Some(Sequence::new(vec![
                PreTokenizerWrapper::Split(split),
                PreTokenizerWrapper::ByteLevel(bytes),
            ])))
            .with_decoder(Some(bytes));
        tokenizer.add_special_tokens(special()).expect("without a normaliser, adding tokens cannot fail");

        let vocabulary = Self::new(tokenizer, Path::new(VOCABULARY_FILE)).expect("what was just made is supported");
        if vocabulary.len() < size {
            events(Event::Warning {
                message: format!(
                    "the text repeats itself too little for {size} tokens: the vocabulary has {}",
                    vocabulary.len()
                ),
            });
        }
        Ok(vocabulary)
    }

    /// Reads a vocabulary from a file, or from `tokenizer.json` in a directory.
    ///
    /// # Errors
    /// There is none, it is not a tokenizer, or it is one that cannot be used.
    pub fn load(path: &Path) -> Result<Self, VocabularyError> {
        let path = file_of(path);
        let json = files::read(&path).map_err(|error| match error.source.kind() {
            io::ErrorKind::NotFound => VocabularyError::NotFound { path: path.clone() },
            _ => error.into(),
        })?;
        let tokenizer = Tokenizer::from_bytes(&json)
            .map_err(|source| VocabularyError::NotATokenizer { path: path.clone(), source })?;
        Self::new(tokenizer, &path)
    }

    /// Writes the vocabulary to a file, or to `tokenizer.json` in a directory.
    ///
    /// # Errors
    /// The file cannot be written; nothing half-written is left.
    pub fn save(&self, path: &Path) -> Result<(), VocabularyError> {
        let json = self.tokenizer.to_string(true).expect("a tokenizer serialises");
        Ok(files::write_atomic(&file_of(path), json.as_bytes())?)
    }

    /// The identity of the vocabulary: the digest of its canonical JSON, whatever the white space of the file.
    pub fn digest(&self) -> ContentHash {
        self.digest
    }

    /// The ids of the special tokens.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// The id of the added token of this spelling, such as `<|im_start|>`; none for tokens that merges reach.
    pub fn special_token(&self, spelling: &str) -> Option<u32> {
        self.tokenizer.get_added_vocabulary().get_vocab().get(spelling).copied()
    }

    /// Whether it was made to stay within these words.
    pub fn is_within(&self, words: Words) -> bool {
        self.split.pattern == SplitPattern::Regex(words.pattern())
    }

    /// How many tokens there are; ids are below it.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of text each token stands for, by id; 0 for special tokens.
    pub fn byte_lengths(&self) -> Vec<u32> {
        self.bytes.iter().map(|bytes| bytes.len() as u32).collect()
    }

    /// The bytes a token stands for; none for special tokens and unknown ids. May be a part of a character.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }

    /// The tokens of a text, all of which is taken as plain text: no spelling becomes a special token.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut cache = self.caches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut ids = Vec::with_capacity(text.len() / 3);
        for word in words(text, self.split.regex.find_iter(text)) {
            match cache.get(word) {
                Some(known) => ids.extend_from_slice(known),
                None => {
                    let start = ids.len();
                    self.merge(word, &mut ids);
                    cache.insert(word, &ids[start..]);
                }
            }
        }
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(cache);
        ids
    }

    /// The tokens of many texts, encoded in parallel, in the order of the texts.
    pub fn encode_batch<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<u32>> {
        texts.par_iter().map(|text| self.encode(text.as_ref())).collect()
    }

    /// The text of tokens. Special tokens have none; bytes that are not UTF-8, as at the end of an unfinished
    /// generation, become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.token_bytes(id)).copied().collect();
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Like [`Vocabulary::decode`], with special tokens spelt out. For people: it cannot be encoded back.
    pub fn spell(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids
            .iter()
            .flat_map(|&id| match self.token_bytes(id) {
                [] => self.tokenizer.id_to_token(id).unwrap_or_default().into_bytes(),
                bytes => bytes.to_vec(),
            })
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn new(mut tokenizer: Tokenizer, path: &Path) -> Result<Self, VocabularyError> {
        let unsupported =
            |reason: &str| VocabularyError::Unsupported { path: path.to_owned(), reason: reason.to_owned() };

        let special = SpecialTokens::find(&tokenizer)
            .map_err(|missing| VocabularyError::MissingSpecialTokens { path: path.to_owned(), missing })?;
        if tokenizer.get_normalizer().is_some() {
            return Err(unsupported("it changes the text before splitting it"));
        }
        let split = splitter(&tokenizer).ok_or_else(|| unsupported("it does not split by one pattern into bytes"))?;
        let ModelWrapper::BPE(mut model) = tokenizer.get_model().clone() else {
            return Err(unsupported("it is not byte-pair encoding"));
        };
        if model.dropout.is_some() {
            return Err(unsupported("it drops merges at random"));
        }
        let marks = [&model.continuing_subword_prefix, &model.end_of_word_suffix];
        if marks.into_iter().flatten().any(|mark| !mark.is_empty()) {
            return Err(unsupported("it marks the parts of words"));
        }

        let byte_characters = byte_characters();
        if byte_characters.iter().any(|character| model.token_to_id(&character.to_string()).is_none()) {
            return Err(unsupported("some bytes have no token"));
        }
        let byte_of: HashMap<char, u8> = byte_characters.into_iter().zip(0..=255).collect();
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let bytes = (0..tokenizer.get_vocab_size(true) as u32)
            .map(|id| {
                if added.contains_key(&id) {
                    return Ok(Box::default());
                }
                let token = model.id_to_token(id).ok_or_else(|| unsupported("its token ids have gaps"))?;
                let bytes: Option<Box<[u8]>> =
                    token.chars().map(|character| byte_of.get(&character).copied()).collect();
                bytes.ok_or_else(|| unsupported("a token is not spelt in the byte alphabet"))
            })
            .collect::<Result<_, _>>()?;

        let digest = ContentHash::of(tokenizer.to_string(false).expect("a tokenizer serialises").as_bytes());
        // The library's own cache is per thread and is never freed; ours replaces it.
        model.resize_cache(0);
        tokenizer.with_model(model);
        Ok(Self { tokenizer, split, special, byte_characters, bytes, digest, caches: Mutex::default() })
    }

    fn merge(&self, word: &str, ids: &mut Vec<u32>) {
        let tokens = self
            .tokenizer
            .get_model()
            .tokenize(&byte_level(word, &self.byte_characters))
            .expect("byte-pair encoding with all bytes in the vocabulary cannot fail");
        ids.extend(tokens.iter().map(|token| token.id));
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary").field("len", &self.len()).field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Reports progress in bytes, at most a few hundred times, from any thread.
pub(crate) struct Progress<'a> {
    events: Events<'a>,
    total: u64,
    done: AtomicU64,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(events: Events<'a>, total: u64) -> Self {
        Self { events, total, done: AtomicU64::new(0) }
    }

    pub(crate) fn add(&self, bytes: u64) {
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        let done = before + bytes;
        let step = (self.total / 200).max(1);
        if before / step != done / step {
            let (done, total, unit) = (done, Some(self.total), "bytes".to_owned());
            (self.events)(Event::Progress { stage: STAGE.to_owned(), done, total, unit });
        }
    }
}

/// The tokens of words seen before.
#[derive(Default)]
struct WordCache {
    /// Where the tokens of a word lie in `ids`.
    places: HashMap<Box<str>, (u32, u32)>,
    ids: Vec<u32>,
}

impl WordCache {
    fn get(&self, word: &str) -> Option<&[u32]> {
        let &(start, length) = self.places.get(word)?;
        Some(&self.ids[start as usize..][..length as usize])
    }

    fn insert(&mut self, word: &str, ids: &[u32]) {
        if word.len() <= CACHED_WORD_BYTES && self.places.len() < CACHED_WORDS {
            self.places.insert(word.into(), (self.ids.len() as u32, ids.len() as u32));
            self.ids.extend_from_slice(ids);
        }
    }
}

/// Documents of at most `limit` bytes together, by their digest; the last one is cut. All of them if they fit.
fn choose(texts: Vec<&str>, limit: usize) -> Vec<&str> {
    if texts.iter().map(|text| text.len()).sum::<usize>() <= limit {
        return texts;
    }
    let mut ranked: Vec<_> = texts.par_iter().map(|text| (ContentHash::of(text.as_bytes()), *text)).collect();
    ranked.par_sort_unstable();
    let mut left = limit;
    let mut chosen = Vec::new();
    for (_, text) in ranked {
        let text = &text[..text.floor_char_boundary(left)];
        left -= text.len();
        chosen.push(text);
        if left == 0 || text.is_empty() {
            break;
        }
    }
    chosen
}

fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(VOCABULARY_FILE) } else { path.to_owned() }
}

fn byte_level(word: &str, characters: &[char; 256]) -> String {
    word.bytes().map(|byte| characters[byte as usize]).collect()
}

/// The pattern of a tokenizer that splits by it and then into bytes, and does nothing else.
fn splitter(tokenizer: &Tokenizer) -> Option<Split> {
    let Some(PreTokenizerWrapper::Sequence(sequence)) = tokenizer.get_pre_tokenizer() else { return None };
    match sequence.as_ref() {
        [PreTokenizerWrapper::Split(split), PreTokenizerWrapper::ByteLevel(bytes)]
            if split.behavior == SplitDelimiterBehavior::Isolated
                && !split.invert
                && !bytes.add_prefix_space
                && !bytes.use_regex =>
        {
            Some(split.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::atomic::AtomicUsize};

    use expect_test::{Expect, expect};
    use prentice_base::ignore_events;

    use super::*;
    use crate::testing::{PROGRAM, nasty_texts, vocabulary};

    fn json(vocabulary: &Vocabulary) -> String {
        vocabulary.tokenizer.to_string(true).unwrap()
    }

    fn train(size: usize, threads: usize) -> String {
        let texts = nasty_texts();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        json(
            &pool
                .install(|| Vocabulary::train(texts.iter().map(String::as_str), size, Words::Text, &ignore_events))
                .unwrap(),
        )
    }

    #[test]
    fn every_text_survives_and_none_becomes_a_special_token() {
        for text in nasty_texts() {
            let ids = vocabulary().encode(&text);
            assert_eq!(vocabulary().decode(&ids), text);
            assert!(ids.iter().all(|&id| id as usize >= SpecialTokens::SPELLINGS.len()), "{text:?}");
            assert_eq!(vocabulary().encode(&text), ids, "with a warm cache");
            let lengths = vocabulary().byte_lengths();
            assert_eq!(ids.iter().map(|&id| lengths[id as usize] as usize).sum::<usize>(), text.len());
        }
    }

    #[test]
    fn tokens_are_those_of_the_library() {
        let mut library = vocabulary().tokenizer.clone();
        library.set_encode_special_tokens(true);
        for text in nasty_texts() {
            assert_eq!(library.encode(text.as_str(), false).unwrap().get_ids(), vocabulary().encode(&text), "{text:?}");
        }
    }

    #[test]
    fn special_tokens_come_first_and_stand_for_no_text() {
        let special = vocabulary().special();
        let ids = [special.end_of_text, special.fim_prefix, special.fim_middle, special.fim_suffix, special.fim_pad];
        assert_eq!(ids, [0, 1, 2, 3, 4]);
        assert_eq!((special.repo_name, special.file_sep), (5, 6));
        assert_eq!(vocabulary().decode(&[0, 1, 6]), "");
        assert_eq!(vocabulary().spell(&[0, 1, 6]), "<|endoftext|><fim_prefix><file_sep>");
        assert_eq!(vocabulary().byte_lengths()[..8], [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn training_twice_or_with_other_threads_gives_the_same_bytes() {
        let first = train(600, 1);
        assert_eq!(first, train(600, 1));
        assert_eq!(first, train(600, 2));
    }

    #[test]
    fn too_much_text_is_chosen_by_digest_whatever_the_order() {
        let texts = ["first document", "second ééé", "third", "fourth"];
        let chosen = choose(texts.to_vec(), 20);
        assert_eq!(chosen.iter().map(|text| text.len()).sum::<usize>(), 20);
        assert_eq!(chosen, choose(texts.iter().rev().copied().collect(), 20));
        assert_eq!(choose(texts.to_vec(), 1000), texts);
    }

    #[test]
    fn a_small_text_gives_a_smaller_vocabulary_and_a_warning() {
        let warnings = AtomicUsize::new(0);
        let count = |event| {
            if matches!(event, Event::Warning { .. }) {
                warnings.fetch_add(1, Ordering::Relaxed);
            }
        };
        let small = Vocabulary::train([PROGRAM].into_iter(), 100_000, Words::Text, &count).unwrap();
        assert!((MINIMUM_SIZE..400).contains(&small.len()), "{}", small.len());
        assert_eq!(warnings.into_inner(), 1);
    }

    #[test]
    fn a_saved_vocabulary_is_the_same_one() {
        let directory = tempfile::tempdir().unwrap();
        vocabulary().save(directory.path()).unwrap();
        let loaded = Vocabulary::load(directory.path()).unwrap();
        assert_eq!(loaded.digest(), vocabulary().digest());
        assert_eq!(loaded.encode(PROGRAM), vocabulary().encode(PROGRAM));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(json(&loaded), fs::read_to_string(directory.path().join(VOCABULARY_FILE)).unwrap());
    }

    fn check_refusal(content: Option<&str>, expected: Expect) {
        let directory = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            fs::write(directory.path().join(VOCABULARY_FILE), content).unwrap();
        }
        let error = Vocabulary::load(&directory.path().join(VOCABULARY_FILE)).unwrap_err();
        let message = error.to_string().replace(&*directory.path().to_string_lossy(), "DIR");
        expected.assert_eq(&format!("error: {message}\nhint: {}", error.hint().unwrap_or("-")));
    }

    #[test]
    fn what_is_no_usable_vocabulary_is_refused_with_a_reason() {
        let good = json(vocabulary());
        let edit = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            good.replace(from, to)
        };
        check_refusal(
            None,
            expect![[r#"
            error: there is no vocabulary at DIR/tokenizer.json
            hint: train one with `prentice tokens train`, or name a `tokenizer.json`"#]],
        );
        check_refusal(
            Some("{\"version\": \"1.0\"}"),
            expect![[r#"
            error: DIR/tokenizer.json is not a tokenizer file
            hint: the file is damaged or of another kind: train it again with `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&good[..good.len() / 2]),
            expect![[r#"
            error: DIR/tokenizer.json is not a tokenizer file
            hint: the file is damaged or of another kind: train it again with `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("<fim_pad>", "<pad>")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json lacks the special tokens <fim_pad>
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json cannot be used: it changes the text before splitting it
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("\"use_regex\": false", "\"use_regex\": true")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json cannot be used: it does not split by one pattern into bytes
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("\"dropout\": null", "\"dropout\": 0.1")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json cannot be used: it drops merges at random
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json cannot be used: it marks the parts of words
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
        check_refusal(
            Some(&edit("\"Ā\":", "\"Ж\":")),
            expect![[r#"
            error: the vocabulary DIR/tokenizer.json cannot be used: some bytes have no token
            hint: use a vocabulary made by `prentice tokens train`"#]],
        );
    }

    #[test]
    fn training_on_nothing_or_for_too_few_tokens_is_refused() {
        let refuse = |texts: &[&'static str], size| {
            Vocabulary::train(texts.iter().copied(), size, Words::Text, &ignore_events).unwrap_err().to_string()
        };
        expect!["there is no text to train a vocabulary on"].assert_eq(&refuse(&["", ""], 512));
        expect!["a vocabulary of 100 tokens is too small: the bytes and the special tokens alone are 263"]
            .assert_eq(&refuse(&["x"], 100));
    }
}
