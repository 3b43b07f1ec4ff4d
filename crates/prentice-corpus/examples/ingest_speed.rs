//! Measures scan and decide on a directory, and prints one JSON line; `bench/` calls it.
//!
//! `ingest_speed DIRECTORY [THREADS] [REPETITIONS]`. The first run is "cold" as far as this process goes; whether the
//! operating system has the files in memory is up to the caller. The rate counts the bytes of files that were read as
//! text, not those of binary files, of which only the beginning is looked at.

use std::{path::PathBuf, time::Instant};

use prentice_base::ignore_events;
use prentice_corpus::{DecideOptions, IngestOptions, decide, scan};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("usage: ingest_speed DIRECTORY [THREADS] [REPETITIONS]")?);
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let repetitions: usize = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;

    let mut seconds = Vec::new();
    let mut scan_seconds = Vec::new();
    let mut last = None;
    for _ in 0..=repetitions {
        let start = Instant::now();
        let scan = pool.install(|| scan(&root, &IngestOptions::default(), &ignore_events))?;
        scan_seconds.push(start.elapsed().as_secs_f64());
        let corpus = decide(&scan, &DecideOptions::default());
        seconds.push(start.elapsed().as_secs_f64());
        last = Some((scan, corpus));
    }
    let (scan, corpus) = last.ok_or("at least one run")?;
    let texts = scan.documents.iter().filter(|document| document.annotations().is_some());
    let text_bytes: u64 = texts.map(|document| document.bytes).sum();
    let funnel = corpus.funnel();
    let megabytes = text_bytes as f64 / 1e6;
    let cold = seconds.remove(0);
    scan_seconds.remove(0);
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let warm = median(seconds);
    println!(
        "{}",
        json!({
            "benchmark": "ingest",
            "files": funnel.found.files,
            "text_bytes": text_bytes,
            "kept_files": funnel.train.files + funnel.held_out.files,
            "threads": threads,
            "cold_seconds": cold,
            "cold_megabytes_per_second": megabytes / cold,
            "warm_seconds": warm,
            "warm_scan_seconds": median(scan_seconds),
            "warm_megabytes_per_second": megabytes / warm,
            "digest": corpus.digest().to_string(),
        })
    );
    Ok(())
}
