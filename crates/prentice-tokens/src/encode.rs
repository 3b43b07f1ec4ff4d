//! Documents in, token shard out.
//!
//! Holds the tokens of one pass in memory (4 bytes a token, about 1.2 times the text), because best-fit packing needs
//! all lengths before it can lay the first row.

use std::path::Path;

use prentice_base::{Events, Seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    FimOptions, MINIMUM_CONTEXT, ShardError, ShardInfo, Vocabulary, cut, fill_rate, pack, vocabulary::Progress,
    write_shard,
};

/// How documents become rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodeOptions {
    /// Tokens in a row.
    pub context: u32,
    /// Fill-in-the-middle; [`FimOptions::NONE`] for held-out documents.
    pub fim: FimOptions,
    /// How often the shard goes over the documents, each time with other holes and in another order.
    pub passes: u32,
    /// The seed of holes and order.
    pub seed: Seed,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodeSummary {
    /// Documents, empty ones included.
    pub documents: u64,
    /// Pieces of documents, over all passes.
    pub pieces: u64,
    /// Of these, pieces rearranged for fill-in-the-middle.
    pub fim_pieces: u64,
    /// Rows.
    pub rows: u64,
    /// Tokens without padding, over all passes.
    pub tokens: u64,
    /// Bytes of the documents' text, each counted once.
    pub bytes: u64,
    /// Share of the rows' tokens that is not padding.
    pub fill_rate: f64,
    /// Bytes of text for each token, special tokens included.
    pub bytes_per_token: f64,
}

/// Why there is no shard.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The rows are too short.
    #[error("a context of {context} tokens is too short: at least {MINIMUM_CONTEXT} are needed")]
    ContextTooShort {
        /// The context asked for.
        context: u32,
    },
    /// There is nothing to write.
    #[error("there is no text to encode")]
    NoText,
    /// The shard cannot be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

impl EncodeError {
    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ContextTooShort { .. } => Some("256 to 2048 tokens suit small models"),
            Self::NoText => Some("check what the corpus keeps with `prentice corpus explain`, and ask for one pass"),
            Self::Shard(error) => error.hint(),
        }
    }
}

/// Encodes documents, in a stable order, into a shard at `path`.
///
/// The same documents, vocabulary and options give the same bytes at any thread count: the random choices of a piece
/// derive from the seed and from its pass, document and place, not from the order of work.
///
/// # Errors
/// The context is too short, there is no text (or no pass), or the file cannot be written; then nothing is left behind.
pub fn encode_documents<T: AsRef<str> + Sync>(
    texts: &[T],
    vocabulary: &Vocabulary,
    options: &EncodeOptions,
    events: Events<'_>,
    path: &Path,
) -> Result<EncodeSummary, EncodeError> {
    let context = options.context as usize;
    if context < MINIMUM_CONTEXT {
        return Err(EncodeError::ContextTooShort { context: options.context });
    }
    let bytes: u64 = texts.iter().map(|text| text.as_ref().len() as u64).sum();
    let passes = u64::from(options.passes);
    if bytes == 0 || passes == 0 {
        return Err(EncodeError::NoText);
    }

    let progress = Progress::new(events, bytes * passes);
    let info = ShardInfo::new(vocabulary, options.context, bytes);
    let mut summary = EncodeSummary {
        documents: texts.len() as u64,
        pieces: 0,
        fim_pieces: 0,
        rows: 0,
        tokens: 0,
        bytes,
        fill_rate: 0.0,
        bytes_per_token: 0.0,
    };
    write_shard(path, &info, |shard| {
        for pass in 0..passes {
            let examples = examples(texts, vocabulary, options, pass, &progress);
            let lengths: Vec<_> = examples.iter().map(|(tokens, _)| tokens.len()).collect();
            for row in pack(&lengths, context, options.seed.derive("rows", pass)) {
                shard.push(row.iter().map(|&piece| &examples[piece].0[..]))?;
            }
            summary.pieces += examples.len() as u64;
            summary.fim_pieces += examples.iter().filter(|(_, rearranged)| *rearranged).count() as u64;
        }
        (summary.rows, summary.tokens) = (shard.rows(), shard.tokens());
        Ok(())
    })?;
    summary.fill_rate = fill_rate(summary.tokens, summary.rows as usize, context);
    summary.bytes_per_token = (bytes * passes) as f64 / summary.tokens as f64;
    Ok(summary)
}

/// The examples of one pass, in the order of the documents, and which of them are rearranged.
fn examples<T: AsRef<str> + Sync>(
    texts: &[T],
    vocabulary: &Vocabulary,
    options: &EncodeOptions,
    pass: u64,
    progress: &Progress<'_>,
) -> Vec<(Vec<u32>, bool)> {
    let context = options.context as usize;
    let seed = options.seed.derive("pass", pass);
    let documents: Vec<Vec<_>> = texts
        .par_iter()
        .enumerate()
        .map(|(document, text)| {
            let seed = seed.derive("document", document as u64);
            let pieces = cut(text.as_ref(), vocabulary, context);
            progress.add(text.as_ref().len() as u64);
            pieces
                .into_iter()
                .zip(0..)
                .map(|(piece, place)| {
                    let mut rng = seed.derive("piece", place).rng();
                    piece.into_example(vocabulary, &options.fim, context, &mut rng)
                })
                .collect()
        })
        .collect();
    documents.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use expect_test::expect;
    use prentice_base::{Event, ignore_events};

    use super::*;
    use crate::{
        TokenShard,
        testing::{PROGRAM, nasty_texts, vocabulary},
    };

    const OPTIONS: EncodeOptions = EncodeOptions {
        context: 64,
        fim: FimOptions { rate: 0.5, spm_rate: 0.5, line_rate: 0.3 },
        passes: 2,
        seed: Seed(7),
    };

    fn encode(options: &EncodeOptions, threads: usize) -> (EncodeSummary, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let texts = nasty_texts();
        let summary = pool.install(|| encode_documents(&texts, vocabulary(), options, &ignore_events, &path)).unwrap();
        (summary, fs::read(&path).unwrap())
    }

    #[test]
    fn bytes_do_not_depend_on_threads_but_on_the_seed() {
        let (summary, bytes) = encode(&OPTIONS, 1);
        assert!((summary, bytes.clone()) == encode(&OPTIONS, 2), "one thread and two");
        assert!(bytes != encode(&EncodeOptions { seed: Seed(8), ..OPTIONS }, 2).1, "another seed");
        assert!((0.4..0.6).contains(&(summary.fim_pieces as f64 / summary.pieces as f64)), "{summary:?}");
        assert!(summary.fill_rate > 0.9, "{summary:?}");
    }

    #[test]
    fn a_held_out_shard_holds_exactly_the_documents() {
        let texts = [PROGRAM.repeat(5), String::new(), "x".to_owned(), "é".repeat(200)];
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("held-out.tokens");
        let options = EncodeOptions { fim: FimOptions::NONE, passes: 1, ..OPTIONS };
        let summary = encode_documents(&texts, vocabulary(), &options, &ignore_events, &path).unwrap();
        let shard = TokenShard::open(&path, &vocabulary().digest()).unwrap();
        shard.verify().unwrap();

        let segments = (0..shard.rows()).flat_map(|index| {
            let row = shard.row(index);
            row.segments.iter().map(move |segment| &row.tokens[segment.start as usize..][..segment.length as usize])
        });
        let mut pieces: Vec<_> = segments.map(|tokens| vocabulary().spell(tokens)).collect();
        let mut expected: Vec<_> = texts
            .iter()
            .flat_map(|text| cut(text, vocabulary(), 64))
            .map(|piece| format!("{}{}", piece.text, if piece.is_last { "<|endoftext|>" } else { "" }))
            .collect();
        pieces.sort();
        expected.sort();
        assert_eq!(pieces, expected);

        let bytes: usize = texts.iter().map(String::len).sum();
        assert_eq!((summary.documents, summary.bytes, summary.fim_pieces), (4, bytes as u64, 0));
        assert_eq!((summary.rows, summary.tokens), (shard.rows() as u64, shard.tokens()));
        assert_eq!(shard.info().source_bytes, bytes as u64);
    }

    #[test]
    fn passes_go_over_the_same_documents_with_other_holes() {
        let texts = [PROGRAM; 20];
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        let (context, fim) = (512, FimOptions { rate: 1.0, ..FimOptions::default() });
        let options = EncodeOptions { context, fim, passes: 2, seed: Seed(1) };
        let summary = encode_documents(&texts, vocabulary(), &options, &ignore_events, &path).unwrap();
        let shard = TokenShard::open(&path, &vocabulary().digest()).unwrap();
        assert_eq!((summary.pieces, summary.fim_pieces, shard.rows() % 2), (40, 40, 0));
        let half = shard.rows() / 2;
        let pieces = |rows: std::ops::Range<usize>| rows.map(|row| shard.row(row).segments.len()).sum::<usize>();
        assert_eq!((pieces(0..half), pieces(half..shard.rows())), (20, 20), "a pass ends before the next begins");
        assert_ne!(shard.row(0).tokens, shard.row(half).tokens);
        assert!((summary.bytes_per_token * summary.tokens as f64 / 2.0 - summary.bytes as f64).abs() < 1e-6);
    }

    #[test]
    fn progress_reaches_the_total() {
        let events = Mutex::new(Vec::new());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        let texts = nasty_texts();
        let summary =
            encode_documents(&texts, vocabulary(), &OPTIONS, &|event| events.lock().unwrap().push(event), &path)
                .unwrap();
        let furthest = events.into_inner().unwrap().into_iter().filter_map(|event| match event {
            Event::Progress { done, total, .. } => Some((done, total)),
            _ => None,
        });
        assert_eq!(furthest.max(), Some((2 * summary.bytes, Some(2 * summary.bytes))));
    }

    #[test]
    fn what_cannot_be_encoded_is_refused_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let check = |texts: &[&str], options: EncodeOptions, name: &str| {
            let error = encode_documents(texts, vocabulary(), &options, &ignore_events, &directory.path().join(name))
                .unwrap_err();
            error.to_string().replace(&*directory.path().to_string_lossy(), "DIR")
        };
        expect!["a context of 8 tokens is too short: at least 16 are needed"].assert_eq(&check(
            &["x"],
            EncodeOptions { context: 8, ..OPTIONS },
            "a",
        ));
        expect!["there is no text to encode"].assert_eq(&check(&["", ""], OPTIONS, "a"));
        expect!["there is no text to encode"].assert_eq(&check(&["x"], EncodeOptions { passes: 0, ..OPTIONS }, "a"));
        expect!["cannot write DIR/no/such/directory"].assert_eq(&check(&["x"], OPTIONS, "no/such/directory"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
