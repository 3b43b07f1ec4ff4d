//! Learns the weights that come with Prentice (`prentice-index/src/copying/weights*.bin`) on the trees that are named.
//!
//! `weights.bin` comes from Prentice's own `crates`, Python 3.11's standard library (`/usr/lib/python3.11`) and npm's own
//! source (`/usr/share/nodejs/npm` or where it is installed), in this order, twice:
//!
//! `cargo run --release -p prentice-assist --example practise -- crates /usr/lib/python3.11 NPM > weights.bin`
//!
//! With `--model DIR` they are those for when a neural model is asked, too: `weights-accompanied.bin` comes from the model
//! of `bench/replay` on the same and on packages that it was not trained on (`bench/replay/README.md`).

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use prentice_assist::NeuralCompanion;
use prentice_base::Seed;
use prentice_index::copying::{Companion, Source, Weights, practise};
use prentice_model::{Compute, Model};
use prentice_tokens::Vocabulary;

/// Symbols that are learnt from in each tree, and how often the trees are gone through: with a neural model less, since
/// that takes far longer, and it begins where the copying model alone has come to.
const ALONE: (usize, u64) = (60_000, 2);
const ACCOMPANIED: (usize, u64) = (30_000, 1);

fn main() {
    let mut trees: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let mut companion = None;
    if trees.first().is_some_and(|first| first.as_os_str() == "--model") {
        let directory = &trees.drain(..2).collect::<Vec<_>>()[1];
        let (model, _) = Model::load(directory).expect("the model can be read");
        let vocabulary = Vocabulary::load(directory).expect("its vocabulary can be read");
        let made = NeuralCompanion::new(model, vocabulary, Compute::fastest());
        companion = Some(made.expect("its tokens are within words"));
    }
    let mut learnt = if companion.is_some() { Weights::alone() } else { Weights::default() };
    let (symbols, rounds) = if companion.is_some() { ACCOMPANIED } else { ALONE };
    for round in 0..rounds {
        for tree in &trees {
            let mut files = Vec::new();
            collect(tree, tree, &mut files);
            files.sort();
            let sources: Vec<Source> = files.iter().map(|(path, text)| Source { path, text }).collect();
            let companion = companion.as_mut().map(|companion| companion as &mut (dyn Companion + 'static));
            learnt = practise(&sources, learnt, symbols, companion, Seed(round));
            eprintln!("{}: {} files", tree.display(), files.len());
        }
    }
    std::io::stdout().write_all(&learnt.bytes()).expect("standard output takes it");
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("the tree can be read").flatten() {
        let path = entry.path();
        let is_code = ["rs", "py", "ts", "js"].iter().any(|code| path.extension().is_some_and(|found| found == *code));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(root, &path, files);
        } else if is_code
            && let Ok(text) = fs::read_to_string(&path)
            && text.lines().all(|line| line.len() < 1000)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.push((path, text));
        }
    }
}
