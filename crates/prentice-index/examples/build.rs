//! Development.
use std::time::Instant;
use prentice_index::copying::*;
fn main() {
    let mut files = Vec::new();
    let mut stack = vec![std::path::PathBuf::from(std::env::args().nth(1).unwrap())];
    while let Some(d) = stack.pop() {
        for e in std::fs::read_dir(&d).unwrap().flatten() {
            let p = e.path();
            if e.file_type().unwrap().is_dir() { stack.push(p) }
            else if p.extension().is_some_and(|x| ["rs","py","ts","tsx","js"].contains(&x.to_str().unwrap_or(""))) && let Ok(t) = std::fs::read_to_string(&p) && t.lines().all(|l| l.len() < 1000) { files.push((p.display().to_string(), t)) }
        }
    }
    files.sort();
    let sources: Vec<Source> = files.iter().map(|(p, t)| Source { path: p, text: t }).collect();
    let bytes: usize = files.iter().map(|f| f.1.len()).sum();
    for _ in 0..3 {
        let s = Instant::now();
        let m = CopyingModel::build(&sources, Mixture::default(), Reranker::default());
        println!("{:.1} MB {:.2} s {:.1} MB/s index {:.1} MB", bytes as f64 / 1e6, s.elapsed().as_secs_f64(), bytes as f64 / 1e6 / s.elapsed().as_secs_f64(), m.bytes() as f64 / 1e6);
    }
}
