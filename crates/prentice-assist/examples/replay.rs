//! Development.
use std::{io::Write as _, path::Path};

use prentice_assist::replay::{ReplayOptions, replay};
use prentice_base::Seed;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let options = ReplayOptions {
        end: arguments.get(2).cloned().unwrap_or("HEAD".into()),
        commits: arguments.get(3).map_or(200, |n| n.parse().unwrap()),
        lines_per_commit: std::env::var("LINES").map_or(10, |n| n.parse().unwrap()),
        practice: arguments.get(4).map_or(60_000, |n| n.parse().unwrap()),
        seed: Seed(0),
    };
    let mut out = arguments.get(5).map(|file| std::io::BufWriter::new(std::fs::File::create(file).unwrap()));
    let summary = replay(Path::new(&arguments[1]), &options, |record| {
        if let Some(out) = &mut out {
            writeln!(out, "{}", serde_json::to_string(record).unwrap()).unwrap();
        }
    })
    .unwrap();
    println!("{}", serde_json::to_string(&summary).unwrap());
}
