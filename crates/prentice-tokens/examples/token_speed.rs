//! Trains vocabularies on a directory's files and encodes them; prints one JSON line for each vocabulary.
//!
//! `cargo run --release -p prentice-tokens --example token_speed -- DIRECTORY [EXTENSION] [SIZE...]`

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{Seed, ignore_events};
use prentice_tokens::{EncodeOptions, FimOptions, TokenShard, VOCABULARY_FILE, Vocabulary, Words, encode_documents};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: token_speed DIRECTORY [EXTENSION] [SIZE...]")?);
    let extension = arguments.next().unwrap_or_else(|| "py".to_owned());
    let mut sizes = arguments.map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    if sizes.is_empty() {
        sizes = vec![4096, 8192];
    }

    let mut paths = Vec::new();
    collect(&directory, &extension, &mut paths)?;
    paths.sort();
    let texts: Vec<String> = paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("all.tokens");

    for size in sizes {
        let start = Instant::now();
        let vocabulary = Vocabulary::train(texts.iter().map(String::as_str), size, Words::default(), &ignore_events)?;
        let train_seconds = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let ids = vocabulary.encode_batch(&texts);
        let encode_seconds = start.elapsed().as_secs_f64();
        let tokens: usize = ids.iter().map(Vec::len).sum();
        let round_trip = texts.iter().zip(&ids).all(|(text, ids)| vocabulary.decode(ids) == *text);

        vocabulary.save(scratch.path())?;
        let library =
            tokenizers::Tokenizer::from_file(scratch.path().join(VOCABULARY_FILE)).map_err(|e| e.to_string())?;
        let start = Instant::now();
        let library_ids = library.encode_batch_fast(texts.clone(), false).map_err(|e| e.to_string())?;
        let library_seconds = start.elapsed().as_secs_f64();
        let differing = library_ids.iter().zip(&ids).filter(|(theirs, ours)| theirs.get_ids() != &ours[..]).count();

        let options = EncodeOptions { context: 1024, fim: FimOptions::default(), passes: 1, seed: Seed(1) };
        let start = Instant::now();
        let summary = encode_documents(&texts, &vocabulary, &options, &ignore_events, &path)?;
        let shard_seconds = start.elapsed().as_secs_f64();
        TokenShard::open(&path, &vocabulary.digest())?.verify()?;

        let line = serde_json::json!({
            "size": vocabulary.len(),
            "files": texts.len(),
            "megabytes": bytes as f64 / 1e6,
            "train_seconds": train_seconds,
            "encode_seconds": encode_seconds,
            "encode_megabytes_per_second": bytes as f64 / 1e6 / encode_seconds,
            "library_encode_megabytes_per_second": bytes as f64 / 1e6 / library_seconds,
            "files_encoded_unlike_the_library": differing,
            "bytes_per_token": bytes as f64 / tokens as f64,
            "round_trip": round_trip,
            "shard_seconds": shard_seconds,
            "shard": summary,
            "vocabulary": vocabulary.digest().short(),
        });
        println!("{line}");
    }
    Ok(())
}

fn collect(directory: &Path, extension: &str, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), extension, paths)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|found| found == extension) {
            paths.push(entry.path());
        }
    }
    Ok(())
}
