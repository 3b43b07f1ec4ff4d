//! An immutable part of the symbol table: the outlines of some files, by name.
//!
//! Definitions and references lie in lists by name, as differences in bytes of seven bits; imports by file. A reference
//! keeps its beginning, and ends by the length of its name: there are several to a line.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use foldhash::fast::FixedState;
use prentice_syntax::{Import, ImportedName, Outline, ReferenceKind, SymbolKind};

use crate::{
    dictionary::{Dictionary, DictionaryWriter},
    layers::{Layer, Part},
    sections::{Format, Sections, SegmentError, SharedBytes, write},
    varint::{Reader, entry, put, put_signed, put_text},
};

/// Raise the version with any change of what is written, and of [`KINDS`].
const FORMAT: Format = Format { what: "a symbol segment", magic: *b"PRENSYMB", version: 1, sections: 16 };

const PATHS: usize = 0;
const FILES: usize = 2;
const LANGUAGES: usize = 3;
const NAMES: usize = 5;
const DEFINITION_STARTS: usize = 7;
const DEFINITIONS: usize = 8;
const CONTAINERS: usize = 9;
const REFERENCED: usize = 11;
const REFERENCE_STARTS: usize = 13;
const REFERENCES: usize = 14;
const IMPORTS: usize = 15;

/// Numbers per file: its language plus one, 0 for none; where its imports begin.
const FILE_WIDTH: usize = 2;

/// Kinds by number.
const KINDS: [SymbolKind; 13] = [
    SymbolKind::Function,
    SymbolKind::Method,
    SymbolKind::Class,
    SymbolKind::Struct,
    SymbolKind::Enum,
    SymbolKind::Variant,
    SymbolKind::Interface,
    SymbolKind::Module,
    SymbolKind::TypeAlias,
    SymbolKind::Constant,
    SymbolKind::Variable,
    SymbolKind::Field,
    SymbolKind::Macro,
];

/// Kinds of references by number.
const REFERENCE_KINDS: [ReferenceKind; 3] = [ReferenceKind::Call, ReferenceKind::Type, ReferenceKind::Other];

/// A file with its outline.
#[derive(Clone, Copy, Debug)]
pub struct SymbolFile<'a> {
    /// Its path in the repository, with `/` between the parts.
    pub path: &'a str,
    /// Its language.
    pub language: Option<&'a str>,
    /// The whole text; lines are counted in it.
    pub text: &'a str,
    /// What it defines, mentions and imports.
    pub outline: &'a Outline,
}

/// A definition as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoredDefinition<C> {
    pub(crate) file: u32,
    pub(crate) kind: SymbolKind,
    pub(crate) container: Option<C>,
    pub(crate) name_range: Range<usize>,
    pub(crate) range: Range<usize>,
    pub(crate) line: u32,
}

/// A reference as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredReference {
    pub(crate) file: u32,
    pub(crate) start: u32,
    /// By [`REFERENCE_KINDS`].
    kind: u8,
}

impl StoredReference {
    pub(crate) fn kind(self) -> ReferenceKind {
        REFERENCE_KINDS[usize::from(self.kind)]
    }
}

/// An immutable part of the symbol table, in memory or mapped from a file.
pub struct SymbolSegment {
    sections: Sections,
}

impl SymbolSegment {
    /// Opens the bytes of [`SymbolSegment::bytes`]; looks at the header only.
    ///
    /// # Errors
    /// The bytes are not a symbol segment of this format, or not whole.
    pub fn open(bytes: SharedBytes) -> Result<Self, SegmentError> {
        Ok(Self { sections: Sections::open(&FORMAT, bytes)? })
    }

    /// Reads everything and compares digests. A segment that is not verified may give wrong answers if it is damaged.
    ///
    /// # Errors
    /// A digest does not fit.
    pub fn verify(&self) -> Result<(), SegmentError> {
        self.sections.verify()
    }

    /// What to write to a file.
    pub fn bytes(&self) -> &SharedBytes {
        self.sections.bytes()
    }

    fn dictionary(&self, section: usize) -> Dictionary<'_> {
        Dictionary::new(self.sections.get(section), self.sections.get(section + 1))
    }

    /// The names of definitions.
    pub(crate) fn names(&self) -> Dictionary<'_> {
        self.dictionary(NAMES)
    }

    /// The names of references.
    pub(crate) fn referenced(&self) -> Dictionary<'_> {
        self.dictionary(REFERENCED)
    }

    /// The language of a file; empty where it has none.
    pub(crate) fn language(&self, file: u32) -> &str {
        let number = entry(self.sections.get(FILES), file as usize * FILE_WIDTH).unwrap_or(0);
        number.checked_sub(1).map_or("", |language| self.dictionary(LANGUAGES).text(language))
    }

    fn list(&self, starts: usize, lists: usize, number: u32) -> Reader<'_> {
        let bounds = || {
            let starts = self.sections.get(starts);
            let start = entry(starts, number as usize)? as usize;
            let end = entry(starts, number as usize + 1)? as usize;
            self.sections.get(lists).get(start..end)
        };
        Reader(bounds().unwrap_or_default())
    }

    /// The definitions of name `name`, by file and place.
    pub(crate) fn definitions(&self, name: u32) -> impl Iterator<Item = StoredDefinition<&str>> {
        let mut reader = self.list(DEFINITION_STARTS, DEFINITIONS, name);
        let mut file = 0u32;
        std::iter::from_fn(move || {
            file = file.checked_add(reader.small()?)?;
            let kind = *KINDS.get(reader.small()? as usize)?;
            let container = reader.small()?.checked_sub(1).map(|container| self.dictionary(CONTAINERS).text(container));
            let name_start = reader.small()? as usize;
            let name_range = name_start..name_start + reader.small()? as usize;
            let start = usize::try_from(name_start as i64 - i64::from(i32::try_from(reader.signed()?).ok()?)).ok()?;
            let range = start..start + reader.small()? as usize;
            Some(StoredDefinition { file, kind, container, name_range, range, line: reader.small()? })
        })
    }

    /// The references to name `name` of [`SymbolSegment::referenced`], by file and place.
    pub(crate) fn references(&self, name: u32) -> impl Iterator<Item = StoredReference> {
        let mut reader = self.list(REFERENCE_STARTS, REFERENCES, name);
        let (mut file, mut left, mut start) = (0u32, 0u64, 0u32);
        std::iter::from_fn(move || {
            if left == 0 {
                file = file.checked_add(reader.small()?)?;
                left = reader.number()?;
                start = 0;
            }
            left = left.checked_sub(1)?;
            let number = reader.number()?;
            let kind = (number & 3) as u8;
            start = start.checked_add(u32::try_from(number >> 2).ok()?)?;
            (usize::from(kind) < REFERENCE_KINDS.len()).then_some(StoredReference { file, start, kind })
        })
    }

    /// The imports of a file, as far as they can be read.
    pub(crate) fn imports(&self, file: u32) -> Vec<Import> {
        let start = entry(self.sections.get(FILES), file as usize * FILE_WIDTH + 1).unwrap_or(u32::MAX) as usize;
        let reader = &mut Reader(self.sections.get(IMPORTS).get(start..).unwrap_or_default());
        let count = reader.number().unwrap_or(0);
        let mut import = || {
            let module = reader.text()?.to_owned();
            let start = reader.small()? as usize;
            let range = start..start + reader.small()? as usize;
            let mut names = Vec::new();
            for _ in 0..reader.number()? {
                let name = reader.text()?.to_owned();
                let alias = reader.text()?;
                names.push(ImportedName { name, alias: (!alias.is_empty()).then(|| alias.to_owned()) });
            }
            let alias = reader.text()?;
            let alias = (!alias.is_empty()).then(|| alias.to_owned());
            Some(Import { module, alias, names, range })
        };
        // Every import takes bytes, so that a wrong count ends with them.
        (0..count).map_while(|_| import()).collect()
    }
}

impl Layer for SymbolSegment {
    fn files(&self) -> u32 {
        self.dictionary(PATHS).len()
    }

    fn path(&self, file: u32) -> &str {
        self.dictionary(PATHS).text(file)
    }

    fn find(&self, path: &str) -> Option<u32> {
        self.dictionary(PATHS).find(path.as_bytes())
    }

    fn size(&self) -> usize {
        self.bytes().len()
    }

    fn merge(parts: &[Part<Self>]) -> Self {
        let mut files: Vec<(&str, usize, u32)> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            files.extend(part.live_files().map(|file| (part.layer.path(file), number, file)));
        }
        files.sort_unstable();
        let mut builder = SymbolSegmentBuilder::new();
        let mut renumbered: Vec<Vec<Option<u32>>> =
            parts.iter().map(|part| vec![None; part.layer.files() as usize]).collect();
        for (path, number, file) in files {
            let segment = &parts[number].layer;
            let language = segment.language(file);
            let new = builder.add_file(path, (!language.is_empty()).then_some(language), &segment.imports(file));
            renumbered[number][file as usize] = Some(new);
        }
        for (part, renumbered) in parts.iter().zip(&renumbered) {
            let segment = &part.layer;
            let new = |file: u32| renumbered.get(file as usize).copied().flatten();
            for name in 0..segment.names().len() {
                for definition in segment.definitions(name) {
                    if let Some(file) = new(definition.file) {
                        builder.add_definition(segment.names().text(name), StoredDefinition { file, ..definition });
                    }
                }
            }
            for name in 0..segment.referenced().len() {
                let living = segment
                    .references(name)
                    .filter_map(|reference| Some(StoredReference { file: new(reference.file)?, ..reference }));
                builder.add_references(segment.referenced().text(name), living);
            }
        }
        builder.finish()
    }
}

type NameMap<T> = HashMap<Box<str>, T, FixedState>;

/// Builds a segment out of outlines, one after the other.
#[derive(Default)]
pub struct SymbolSegmentBuilder {
    paths: Vec<String>,
    files: Vec<(Option<String>, u32)>,
    imports: Vec<u8>,
    definitions: NameMap<Vec<StoredDefinition<String>>>,
    references: NameMap<Vec<StoredReference>>,
}

impl SymbolSegmentBuilder {
    /// A builder without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    ///
    /// # Panics
    /// The path does not come after those before it.
    pub fn add(&mut self, file: &SymbolFile<'_>) {
        let ascending = self.paths.last().is_none_or(|last| last.as_str() < file.path);
        assert!(ascending, "`{}` comes after `{}`", file.path, self.paths[self.paths.len() - 1]);
        let number = self.add_file(file.path, file.language, &file.outline.imports);
        let lines: Vec<usize> = memchr::memchr_iter(b'\n', file.text.as_bytes()).collect();
        for definition in &file.outline.definitions {
            let stored = StoredDefinition {
                file: number,
                kind: definition.kind,
                container: definition.container.as_deref(),
                name_range: definition.name_range.clone(),
                range: definition.range.clone(),
                line: lines.partition_point(|&end| end < definition.name_range.start) as u32 + 1,
            };
            self.add_definition(&definition.name, stored);
        }
        for reference in &file.outline.references {
            let kind =
                REFERENCE_KINDS.iter().position(|&kind| kind == reference.kind).expect("all kinds are listed") as u8;
            // Nobody reads a file of 4 GB for its symbols.
            let Ok(start) = u32::try_from(reference.range.start) else { continue };
            self.add_references(&reference.name, [StoredReference { file: number, start, kind }]);
        }
    }

    fn add_file(&mut self, path: &str, language: Option<&str>, imports: &[Import]) -> u32 {
        let start = u32::try_from(self.imports.len()).expect("a segment has less than 4 GB of imports");
        put(&mut self.imports, imports.len() as u64);
        for import in imports {
            put_text(&mut self.imports, &import.module);
            put(&mut self.imports, import.range.start as u64);
            put(&mut self.imports, import.range.len() as u64);
            put(&mut self.imports, import.names.len() as u64);
            for name in &import.names {
                put_text(&mut self.imports, &name.name);
                put_text(&mut self.imports, name.alias.as_deref().unwrap_or_default());
            }
            put_text(&mut self.imports, import.alias.as_deref().unwrap_or_default());
        }
        self.paths.push(path.to_owned());
        self.files.push((language.map(str::to_owned), start));
        self.paths.len() as u32 - 1
    }

    fn add_definition(&mut self, name: &str, definition: StoredDefinition<&str>) {
        let StoredDefinition { file, kind, container, name_range, range, line } = definition;
        let container = container.map(str::to_owned);
        let stored = StoredDefinition { file, kind, container, name_range, range, line };
        match self.definitions.get_mut(name) {
            Some(list) => list.push(stored),
            None => drop(self.definitions.insert(name.into(), vec![stored])),
        }
    }

    fn add_references(&mut self, name: &str, references: impl IntoIterator<Item = StoredReference>) {
        match self.references.get_mut(name) {
            Some(list) => list.extend(references),
            None => {
                let list: Vec<StoredReference> = references.into_iter().collect();
                if !list.is_empty() {
                    self.references.insert(name.into(), list);
                }
            }
        }
    }

    /// The segment of all files added.
    pub fn finish(self) -> SymbolSegment {
        let mut definitions: BTreeMap<Box<str>, Vec<StoredDefinition<String>>> = self.definitions.into_iter().collect();
        definitions
            .values_mut()
            .for_each(|list| list.sort_by_key(|definition| (definition.file, definition.name_range.start)));
        let references: BTreeMap<Box<str>, Vec<StoredReference>> = self.references.into_iter().collect();
        let mut containers: Vec<&str> =
            definitions.values().flatten().filter_map(|definition| definition.container.as_deref()).collect();
        containers.sort_unstable();
        containers.dedup();
        let mut languages: Vec<&str> = self.files.iter().filter_map(|(language, _)| language.as_deref()).collect();
        languages.sort_unstable();
        languages.dedup();
        let number = |strings: &[&str], string: &Option<String>| {
            string.as_deref().map_or(0, |string| strings.partition_point(|&other| other < string) as u32 + 1)
        };

        let mut defined = ListsWriter::default();
        for (name, list) in &definitions {
            let mut file = 0;
            for definition in list {
                let bytes = &mut defined.lists;
                put(bytes, u64::from(definition.file - file));
                file = definition.file;
                put(bytes, definition.kind as u64);
                put(bytes, u64::from(number(&containers, &definition.container)));
                put(bytes, definition.name_range.start as u64);
                put(bytes, definition.name_range.len() as u64);
                put_signed(bytes, definition.name_range.start as i64 - definition.range.start as i64);
                put(bytes, definition.range.len() as u64);
                put(bytes, u64::from(definition.line));
            }
            defined.end(name);
        }
        let mut referenced = ListsWriter::default();
        for (name, mut list) in references {
            list.sort_unstable();
            let mut file = 0;
            for group in list.chunk_by(|a, b| a.file == b.file) {
                let bytes = &mut referenced.lists;
                put(bytes, u64::from(group[0].file - file));
                file = group[0].file;
                put(bytes, group.len() as u64);
                let mut start = 0;
                for reference in group {
                    put(bytes, u64::from(reference.start - start) << 2 | u64::from(reference.kind));
                    start = reference.start;
                }
            }
            referenced.end(&name);
        }

        let numbers = self.files.iter().flat_map(|(language, imports)| [number(&languages, language), *imports]);
        let numbers: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        let paths: DictionaryWriter = self.paths.iter().collect();
        let languages: DictionaryWriter = languages.into_iter().collect();
        let containers: DictionaryWriter = containers.into_iter().collect();
        let bytes = write(
            &FORMAT,
            &[
                &paths.text,
                &paths.starts,
                &numbers,
                &languages.text,
                &languages.starts,
                &defined.names.text,
                &defined.names.starts,
                &defined.starts,
                &defined.lists,
                &containers.text,
                &containers.starts,
                &referenced.names.text,
                &referenced.names.starts,
                &referenced.starts,
                &referenced.lists,
                &self.imports,
            ],
        );
        SymbolSegment::open(SharedBytes::new(bytes)).expect("what was just written can be opened")
    }
}

/// Names with their lists, being written.
struct ListsWriter {
    names: DictionaryWriter,
    starts: Vec<u8>,
    lists: Vec<u8>,
}

impl Default for ListsWriter {
    fn default() -> Self {
        Self { names: DictionaryWriter::new(), starts: vec![0; 4], lists: Vec::new() }
    }
}

impl ListsWriter {
    /// Ends the list of `name`, which is greater than all before.
    fn end(&mut self, name: &str) {
        self.names.push(name.as_bytes());
        let end = u32::try_from(self.lists.len()).expect("a segment has less than 4 GB of symbols");
        self.starts.extend_from_slice(&end.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_by_their_number() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
