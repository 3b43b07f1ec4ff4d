//! `prentice tokens train` and `prentice tokens encode`.

use std::{collections::BTreeMap, path::Path, time::Instant};

use prentice_base::{Event, Seed, StageKey};
use prentice_corpus::{Corpus, Split};
use prentice_tokens::{EncodeOptions, FimOptions, VOCABULARY_FILE, Vocabulary, Words};
use serde_json::json;

use crate::{
    advice,
    arguments::Encode,
    commands::{Session, check_rate, lock, usage, write_manifest},
    error::CliError,
    format, stages,
};

/// Learns a vocabulary.
pub fn train(session: &Session, corpus: &Path, size: usize, words: Words, out: &Path) -> Result<(), CliError> {
    let corpus = Corpus::open(corpus).map_err(advice::corpus)?;
    let began = Instant::now();
    let events = |event| session.emit(event);
    let detail = format!("learning {} tokens", format::count(size as u64));
    events(Event::StageStarted { stage: "tokens".into(), detail });
    let texts = corpus.documents(Split::Train).map(|document| document.text);
    let vocabulary = Vocabulary::train(texts, size, words, &events).map_err(advice::vocabulary)?;
    let _lock = lock(out, "tokens")?;
    let path = out.join(VOCABULARY_FILE);
    vocabulary.save(&path).map_err(advice::vocabulary)?;
    let seconds = began.elapsed().as_secs_f64();
    let detail = format!("{} tokens", format::count(vocabulary.len() as u64));
    events(Event::StageFinished { stage: "tokens".into(), seconds, detail });
    let summary = json!({
        "vocabulary": path,
        "size": vocabulary.len(),
        "digest": vocabulary.digest(),
        "seconds": seconds,
    });
    session.conclude(summary, &format!("{} ({} tokens)\n", path.display(), format::count(vocabulary.len() as u64)))
}

/// Encodes both sides of a corpus.
pub fn encode(session: &Session, arguments: Encode) -> Result<(), CliError> {
    let Encode { corpus, vocabulary, context, passes, fim_rate, spm_rate, out, seed } = arguments;
    check_rate("--fim-rate", fim_rate)?;
    check_rate("--spm-rate", spm_rate)?;
    if passes == 0 {
        return Err(usage("--passes 0 encodes nothing", "give a number from 1 on"));
    }
    let corpus = Corpus::open(&corpus).map_err(advice::corpus)?;
    let vocabulary = Vocabulary::load(&vocabulary).map_err(advice::vocabulary)?;
    let fim = FimOptions { rate: fim_rate, spm_rate, ..FimOptions::default() };
    let options = EncodeOptions { context, fim, passes, seed: Seed(seed) };

    let began = Instant::now();
    let events = |event| session.emit(event);
    events(Event::StageStarted { stage: "tokens".into(), detail: "encoding".into() });
    let _lock = lock(&out, "tokens")?;
    let summary = stages::encode(&corpus, &vocabulary, &options, &events, &out)?;
    let seconds = began.elapsed().as_secs_f64();
    let detail = stages::encoded_in_words(&summary);
    let key = StageKey::new("tokens", &json!({"encode": options}))
        .input("corpus", corpus.kept_digest())
        .input(VOCABULARY_FILE, vocabulary.digest());
    let outputs = stages::open_encoded(&out)?.digests();
    let figures = json!({"detail": detail, "encode": summary});
    write_manifest(&out, &stages::manifest(&key, key.digest(), Seed(seed), "", outputs.clone(), seconds, figures))?;
    events(Event::StageFinished { stage: "tokens".into(), seconds, detail: detail.clone() });
    let outputs: BTreeMap<_, _> = outputs.into_iter().collect();
    let result = json!({"tokens": out, "digests": outputs, "seconds": seconds, "encode": summary});
    session.conclude(result, &format!("{}: {detail}\n", out.display()))
}
