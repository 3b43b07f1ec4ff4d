//! Layers of immutable segments that act as one table of files.
//!
//! A changed file is a segment of its own, laid on top; its former self in a segment below is marked dead, and a segment
//! without living files goes. Small segments are merged as they gather, which keeps their number logarithmic; the large
//! ones only in [`Layers::compact`], which the caller runs when there is time. Since a path lives in one segment at a
//! time, the order and grouping of changes cannot matter to whoever counts what lives (O'Neil et al. 1996 have the
//! idea, Lucene the use for text). Segments are shared between copies of a table, so that one can be read while another
//! is changed.

use std::sync::Arc;

/// As many small segments of about one size are merged.
const FAN: usize = 8;

/// Segments that would together be larger are left to [`Layers::compact`], so that no save waits long for a merge.
const MERGED_BYTES: usize = 512 << 10;

/// An immutable table of files, in the order of their paths.
pub(crate) trait Layer: Sized {
    /// How many files it has, dead or alive.
    fn files(&self) -> u32;
    /// The path of file `file`; empty where there is none.
    fn path(&self, file: u32) -> &str;
    /// The file at `path`.
    fn find(&self, path: &str) -> Option<u32>;
    /// Its size in bytes.
    fn size(&self) -> usize;
    /// One segment of all living files of `parts`, the same whatever parts they came in.
    fn merge(parts: &[Part<Self>]) -> Self;
}

/// A segment, and which of its files are dead.
pub(crate) struct Part<L> {
    pub(crate) layer: Arc<L>,
    /// Empty as long as all live.
    dead: Vec<bool>,
    dead_files: u32,
}

impl<L> Clone for Part<L> {
    fn clone(&self) -> Self {
        Self { layer: Arc::clone(&self.layer), dead: self.dead.clone(), dead_files: self.dead_files }
    }
}

impl<L: Layer> Part<L> {
    pub(crate) fn new(layer: L) -> Self {
        Self { layer: Arc::new(layer), dead: Vec::new(), dead_files: 0 }
    }

    pub(crate) fn is_live(&self, file: u32) -> bool {
        file < self.layer.files() && !self.dead.get(file as usize).copied().unwrap_or(false)
    }

    pub(crate) fn all_live(&self) -> bool {
        self.dead_files == 0
    }

    /// Its living files, in the order of paths.
    pub(crate) fn live_files(&self) -> impl Iterator<Item = u32> {
        (0..self.layer.files()).filter(|&file| self.is_live(file))
    }

    /// The living file at `path`.
    pub(crate) fn find(&self, path: &str) -> Option<u32> {
        self.layer.find(path).filter(|&file| self.is_live(file))
    }

    fn kill(&mut self, file: u32) {
        self.dead.resize(self.layer.files() as usize, false);
        self.dead[file as usize] = true;
        self.dead_files += 1;
    }
}

/// The layers.
pub(crate) struct Layers<L> {
    parts: Vec<Part<L>>,
}

impl<L> Clone for Layers<L> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}

impl<L> Default for Layers<L> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

impl<L: Layer> Layers<L> {
    pub(crate) fn parts(&self) -> &[Part<L>] {
        &self.parts
    }

    /// How many files live.
    pub(crate) fn files(&self) -> usize {
        self.parts.iter().map(|part| (part.layer.files() - part.dead_files) as usize).sum()
    }

    /// The living file at `path`, by part and number.
    pub(crate) fn find(&self, path: &str) -> Option<(usize, u32)> {
        self.parts.iter().enumerate().rev().find_map(|(part, layer)| Some((part, layer.find(path)?)))
    }

    /// Lays a segment on top: its files take the place of those with the same path.
    pub(crate) fn put(&mut self, layer: L) {
        if layer.files() == 0 {
            return;
        }
        for file in 0..layer.files() {
            self.kill(layer.path(file));
        }
        self.drop_dead();
        self.parts.push(Part::new(layer));
        self.merge_small();
    }

    /// Removes the file at `path`; false where there is none.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        let removed = self.kill(path);
        self.drop_dead();
        removed
    }

    /// Merges everything into one segment, which is the one that all living files would make if built afresh.
    ///
    /// Beyond 4 GB, which numbers of 32 bits cannot address, the segments stay apart.
    pub(crate) fn compact(&mut self) {
        let size: usize = self.parts.iter().map(|part| part.layer.size()).sum();
        if (self.parts.len() != 1 || !self.parts[0].all_live()) && u32::try_from(size).is_ok() {
            let merged = L::merge(&self.parts);
            self.parts = vec![Part::new(merged)];
        }
    }

    fn kill(&mut self, path: &str) -> bool {
        let place = self.find(path);
        if let Some((part, file)) = place {
            self.parts[part].kill(file);
        }
        place.is_some()
    }

    fn drop_dead(&mut self) {
        self.parts.retain(|part| part.dead_files < part.layer.files());
    }

    fn merge_small(&mut self) {
        // Sizes within a factor of eight are one tier.
        let tier = |part: &Part<L>| part.layer.size().max(1).ilog2() / 3;
        loop {
            let full = self.parts.iter().map(tier).find(|&sought| {
                let sizes = || self.parts.iter().filter(|part| tier(part) == sought).map(|part| part.layer.size());
                sizes().count() >= FAN && sizes().sum::<usize>() <= MERGED_BYTES
            });
            let Some(full) = full else { break };
            let (small, mut others): (Vec<_>, Vec<_>) = self.parts.drain(..).partition(|part| tier(part) == full);
            others.push(Part::new(L::merge(&small)));
            self.parts = others;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths, and a size that is stated.
    struct Paths(Vec<String>);

    impl Layer for Paths {
        fn files(&self) -> u32 {
            self.0.len() as u32
        }
        fn path(&self, file: u32) -> &str {
            self.0.get(file as usize).map_or("", String::as_str)
        }
        fn find(&self, path: &str) -> Option<u32> {
            self.0.iter().position(|other| other == path).map(|file| file as u32)
        }
        fn size(&self) -> usize {
            1024 * self.0.len()
        }
        fn merge(parts: &[Part<Self>]) -> Self {
            let mut paths: Vec<String> =
                parts.iter().flat_map(|part| part.live_files().map(|file| part.layer.path(file).to_owned())).collect();
            paths.sort();
            Self(paths)
        }
    }

    fn paths(names: &[&str]) -> Paths {
        Paths(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn a_path_lives_once_and_in_the_segment_that_came_last() {
        let mut layers = Layers::default();
        layers.put(paths(&["a", "b", "c"]));
        let before = layers.clone();
        layers.put(paths(&["b"]));
        assert_eq!((layers.files(), layers.find("b"), layers.find("a")), (3, Some((1, 0)), Some((0, 0))));
        assert!(layers.remove("b") && !layers.remove("b") && !layers.remove("d"));
        assert_eq!((layers.files(), layers.parts().len(), layers.find("b")), (2, 1, None));
        assert_eq!((before.files(), before.find("b")), (3, Some((0, 1))), "a copy is not touched");
        layers.compact();
        assert_eq!(layers.parts()[0].layer.0, ["a", "c"]);
    }

    #[test]
    fn many_saves_leave_few_segments() {
        let mut layers = Layers::default();
        for round in 0..3 {
            for file in 0..400 {
                layers.put(paths(&[&format!("{file}")]));
                assert!(layers.parts().len() <= 40, "round {round}, file {file}: {}", layers.parts().len());
            }
        }
        assert_eq!(layers.files(), 400);
    }
}
