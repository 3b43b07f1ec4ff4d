//! Symbols: what is defined where, and what mentions it, over all files' outlines.
//!
//! A table by name, not by meaning: an outline is what a parser saw in one file, so that a reference to `new` may mean
//! any of a hundred. [`SymbolTable::resolve`] ranks them by what the mentioning file says ([`resolve`]). *Not covered:*
//! types, scopes, inheritance, overloads; who needs one certain answer asks a language server.

mod likeness;
mod resolve;
mod segment;

use std::{cmp::Ordering, ops::Range};

use prentice_syntax::{Import, ReferenceKind, SymbolKind};

pub use likeness::Likeness;
pub use resolve::Mention;
pub(crate) use resolve::family;
use segment::StoredDefinition;
pub use segment::{SymbolFile, SymbolSegment, SymbolSegmentBuilder};

use crate::layers::{Layer as _, Layers, Part};

/// A definition that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolHit<'a> {
    /// Its file.
    pub path: &'a str,
    /// Its file's language; empty where that has none.
    pub language: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: SymbolKind,
    /// The type or module around it.
    pub container: Option<&'a str>,
    /// Where the name is, in bytes of the file's text.
    pub name_range: Range<usize>,
    /// The whole item.
    pub range: Range<usize>,
    /// The line of the name, from 1.
    pub line: u32,
    /// More is better; comparable within one answer only.
    pub score: i32,
}

/// A mention that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceHit<'a> {
    /// Its file.
    pub path: &'a str,
    /// How it is mentioned.
    pub kind: ReferenceKind,
    /// Where the name is, in bytes of the file's text.
    pub range: Range<usize>,
}

/// The symbols of many files. A copy shares the segments.
#[derive(Clone, Default)]
pub struct SymbolTable {
    layers: Layers<SymbolSegment>,
}

impl SymbolTable {
    /// A table without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the files of a segment, in place of those with the same paths.
    pub fn put(&mut self, segment: SymbolSegment) {
        self.layers.put(segment);
    }

    /// Adds or replaces one file.
    pub fn update(&mut self, file: &SymbolFile<'_>) {
        let mut builder = SymbolSegmentBuilder::new();
        builder.add(file);
        self.put(builder.finish());
    }

    /// Removes a file; false where there is none at `path`.
    pub fn remove(&mut self, path: &str) -> bool {
        self.layers.remove(path)
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.layers.files()
    }

    /// Merges all segments into one, without what was removed; takes seconds for a large repository.
    pub fn compact(&mut self) {
        self.layers.compact();
    }

    /// The segments, to be written to files; one after [`SymbolTable::compact`]. Removed files are in them until then.
    pub fn segments(&self) -> impl Iterator<Item = &SymbolSegment> {
        self.layers.parts().iter().map(|part| &*part.layer)
    }

    /// The parts, for who goes through everything.
    pub(crate) fn parts(&self) -> &[Part<SymbolSegment>] {
        self.layers.parts()
    }

    /// The definitions of exactly `name`, by path and place.
    pub fn definitions(&self, name: &str) -> Vec<SymbolHit<'_>> {
        let mut hits = Vec::new();
        for part in self.layers.parts() {
            if let Some(name) = part.layer.names().find(name.as_bytes()) {
                hits.extend(living(part, name, 0));
            }
        }
        hits.sort_by_key(|hit| (hit.path, hit.name_range.start));
        hits
    }

    /// The `limit` definitions whose names are most like `typed`; equal ones by name, path and place.
    ///
    /// `Container::name`, `container.name` and `container#name` also ask for a container that is like the first half.
    pub fn find(&self, typed: &str, least: Likeness, limit: usize) -> Vec<SymbolHit<'_>> {
        let (container, typed) = split_container(typed);
        let contained = |definition: &StoredDefinition<&str>| {
            container.is_none_or(|sought| {
                let like = |found: &str| likeness::likeness(sought.as_bytes(), found.as_bytes(), least).is_some();
                definition.container.is_some_and(like)
            })
        };
        let mut found: Vec<(i32, &[u8], usize, u32)> = Vec::new();
        for (number, part) in self.layers.parts().iter().enumerate() {
            let names = part.layer.names();
            for id in 0..names.len() {
                let name = names.get(id);
                let Some(score) = likeness::likeness(typed.as_bytes(), name, least) else { continue };
                let shown = (part.all_live() && container.is_none())
                    || part.layer.definitions(id).any(|found| part.is_live(found.file) && contained(&found));
                if shown {
                    found.push((score, name, number, id));
                }
            }
        }
        // Every name has a definition to show, so that `limit` of them are enough; but those of the last may be spread
        // over several parts.
        let order = |a: &(i32, &[u8], usize, u32), b: &(i32, &[u8], usize, u32)| -> Ordering {
            b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1))
        };
        if limit == 0 {
            return Vec::new();
        }
        if found.len() > limit {
            let last = *found.select_nth_unstable_by(limit - 1, order).1;
            found.retain(|name| order(name, &last).is_le());
        }
        found.sort_unstable_by(order);
        let mut hits: Vec<SymbolHit> = Vec::new();
        for same in found.chunk_by(|a, b| a.1 == b.1) {
            let start = hits.len();
            for &(score, _, part, id) in same {
                let part = &self.layers.parts()[part];
                let matching = part.layer.definitions(id).filter(|found| part.is_live(found.file) && contained(found));
                hits.extend(matching.map(|definition| hit(part, id, definition, score)));
            }
            hits[start..].sort_by_key(|hit| (hit.path, hit.name_range.start));
            if hits.len() >= limit {
                hits.truncate(limit);
                break;
            }
        }
        hits
    }

    /// The mentions of exactly `name`, by path and place.
    pub fn references(&self, name: &str) -> Vec<ReferenceHit<'_>> {
        let mut hits = Vec::new();
        for part in self.layers.parts() {
            let Some(id) = part.layer.referenced().find(name.as_bytes()) else { continue };
            let living = part.layer.references(id).filter(|reference| part.is_live(reference.file));
            hits.extend(living.map(|reference| ReferenceHit {
                path: part.layer.path(reference.file),
                kind: reference.kind(),
                range: reference.start as usize..reference.start as usize + name.len(),
            }));
        }
        hits.sort_by_key(|hit| (hit.path, hit.range.start));
        hits
    }

    /// What the file at `path` imports.
    pub fn imports(&self, path: &str) -> Vec<Import> {
        self.layers.find(path).map(|(part, file)| self.layers.parts()[part].layer.imports(file)).unwrap_or_default()
    }

    /// The language of the file at `path`; empty where there is no file, or it has none.
    fn language(&self, path: &str) -> &str {
        self.layers.find(path).map_or("", |(part, file)| self.layers.parts()[part].layer.language(file))
    }

    /// The definitions that a mention may mean, the likeliest first; equal ones by path and place.
    pub fn resolve(&self, mention: &Mention<'_>) -> Vec<SymbolHit<'_>> {
        resolve::resolve(self, mention)
    }
}

/// The living definitions of a name of a part.
fn living(part: &Part<SymbolSegment>, name: u32, score: i32) -> impl Iterator<Item = SymbolHit<'_>> {
    let definitions = part.layer.definitions(name).filter(|definition| part.is_live(definition.file));
    definitions.map(move |definition| hit(part, name, definition, score))
}

fn hit<'a>(
    part: &'a Part<SymbolSegment>,
    name: u32,
    definition: StoredDefinition<&'a str>,
    score: i32,
) -> SymbolHit<'a> {
    let StoredDefinition { file, kind, container, name_range, range, line } = definition;
    let segment = &part.layer;
    let (path, language, name) = (segment.path(file), segment.language(file), segment.names().text(name));
    SymbolHit { path, language, name, kind, container, name_range, range, line, score }
}

/// `Container::name` in two.
fn split_container(typed: &str) -> (Option<&str>, &str) {
    let border = ["::", ".", "#"].iter().filter_map(|mark| Some((typed.rfind(mark)?, mark.len()))).max();
    match border {
        Some((at, length)) if at > 0 && at + length < typed.len() => {
            let before = typed[..at].rsplit([':', '.', '#']).next().filter(|container| !container.is_empty());
            (before, &typed[at + length..])
        }
        _ => (None, typed),
    }
}

#[cfg(test)]
mod tests;
