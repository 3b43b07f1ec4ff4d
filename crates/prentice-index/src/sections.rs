//! How a segment lies on disk: a header, then sections of bytes, read in place.
//!
//! ```text
//! magic 8 | version u32 | number of sections u32 | length of each u64 | digest of the sections 32 | digest of the header 32
//! ```
//!
//! Numbers are little-endian. Opening looks at the header alone, so that it costs the same for a gigabyte as for a page;
//! [`Sections::verify`] reads everything. Whoever reads a section must bear any bytes in it: without `verify` a damaged one
//! may give wrong answers, and never a panic or an allocation beyond its own size. *Not covered:* damage by intent, and
//! a file that somebody truncates while it is mapped.

use std::{
    ops::{Deref, Range},
    sync::Arc,
};

use prentice_base::ContentHash;

/// Bytes with an owner: a vector, a memory map, a part of either. Copies share them.
#[derive(Clone)]
pub struct SharedBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl SharedBytes {
    /// All bytes of `owner`.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let range = 0..owner.as_ref().len();
        Self { owner: Arc::new(owner), range }
    }

    /// The bytes in `range`, counted from the first of these; none where that reaches beyond them.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range.clone())?;
        Some(Self {
            owner: Arc::clone(&self.owner),
            range: self.range.start + range.start..self.range.start + range.end,
        })
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.owner).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

/// Why bytes are not a segment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Another file, or none of ours.
    #[error("the bytes are not {expected}")]
    Foreign {
        /// What was to be opened.
        expected: &'static str,
    },
    /// Written by another release.
    #[error("{what} has format {found}, this program reads {expected}")]
    Version {
        /// What was to be opened.
        what: &'static str,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Shorter or longer than its header says.
    #[error("{what} should have {expected} bytes and has {found}")]
    Length {
        /// What was to be opened.
        what: &'static str,
        /// By the header; all there could be where that is absurd.
        expected: u64,
        /// In fact.
        found: u64,
    },
    /// A digest does not fit.
    #[error("{what} is damaged: the digest of its {part} does not fit")]
    Damaged {
        /// What was to be opened.
        what: &'static str,
        /// Header or sections.
        part: &'static str,
    },
}

impl SegmentError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        "delete the index; it is built anew from the source"
    }
}

/// What distinguishes one kind of segment from another.
pub(crate) struct Format {
    /// For messages: "a text segment".
    pub what: &'static str,
    pub magic: [u8; 8],
    pub version: u32,
    /// How many sections it has.
    pub sections: usize,
}

const FIXED: usize = 16;
const DIGEST: usize = 32;

/// A header and `sections` behind it.
pub(crate) fn write(format: &Format, sections: &[&[u8]]) -> Vec<u8> {
    assert_eq!(sections.len(), format.sections, "sections of {}", format.what);
    let header = header_length(format);
    let mut bytes = Vec::with_capacity(header + sections.iter().map(|section| section.len()).sum::<usize>());
    bytes.extend_from_slice(&format.magic);
    bytes.extend_from_slice(&format.version.to_le_bytes());
    bytes.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    for section in sections {
        bytes.extend_from_slice(&(section.len() as u64).to_le_bytes());
    }
    let digests = bytes.len();
    bytes.resize(header, 0);
    for section in sections {
        bytes.extend_from_slice(section);
    }
    let of_sections = ContentHash::of(&bytes[header..]);
    bytes[digests..digests + DIGEST].copy_from_slice(of_sections.as_bytes());
    let of_header = ContentHash::of(&bytes[..digests + DIGEST]);
    bytes[digests + DIGEST..header].copy_from_slice(of_header.as_bytes());
    bytes
}

fn header_length(format: &Format) -> usize {
    FIXED + 8 * format.sections + 2 * DIGEST
}

/// An opened segment's sections.
#[derive(Clone)]
pub(crate) struct Sections {
    bytes: SharedBytes,
    what: &'static str,
    header: usize,
    ranges: Vec<Range<usize>>,
}

impl Sections {
    /// Checks the header and the length of everything, and nothing else.
    pub(crate) fn open(format: &Format, bytes: SharedBytes) -> Result<Self, SegmentError> {
        let what = format.what;
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        if !bytes.starts_with(&format.magic) {
            return Err(SegmentError::Foreign { expected: what });
        }
        let header = header_length(format);
        let length_error = |expected| SegmentError::Length { what, expected, found: bytes.len() as u64 };
        let version = number(8).ok_or_else(|| length_error(header as u64))?;
        if version != format.version {
            return Err(SegmentError::Version { what, found: version, expected: format.version });
        }
        if bytes.len() < header {
            return Err(length_error(header as u64));
        }
        let checked = header - DIGEST;
        let fits = ContentHash::of(&bytes[..checked]).as_bytes() == &bytes[checked..header];
        if !fits || number(12) != Some(format.sections as u32) {
            return Err(SegmentError::Damaged { what, part: "header" });
        }
        let mut ranges = Vec::with_capacity(format.sections);
        let mut start = header as u64;
        for length in bytes[FIXED..FIXED + 8 * format.sections].as_chunks::<8>().0 {
            let end = start.saturating_add(u64::from_le_bytes(*length));
            ranges.push(start as usize..end as usize);
            start = end;
        }
        if start != bytes.len() as u64 {
            return Err(length_error(start));
        }
        Ok(Self { bytes, what, header, ranges })
    }

    /// Reads everything and compares digests.
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        let stated = &self.bytes[self.header - 2 * DIGEST..self.header - DIGEST];
        if ContentHash::of(&self.bytes[self.header..]).as_bytes() == stated {
            Ok(())
        } else {
            Err(SegmentError::Damaged { what: self.what, part: "sections" })
        }
    }

    /// All bytes, header included: what to write to a file.
    pub(crate) fn bytes(&self) -> &SharedBytes {
        &self.bytes
    }

    /// The bytes of one section.
    #[inline]
    pub(crate) fn get(&self, section: usize) -> &[u8] {
        self.ranges.get(section).and_then(|range| self.bytes.get(range.clone())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const FORMAT: Format = Format { what: "a test segment", magic: *b"TESTTEST", version: 3, sections: 3 };

    fn check(bytes: Vec<u8>, expected: Expect) {
        let answer = match Sections::open(&FORMAT, SharedBytes::new(bytes)).and_then(|sections| {
            sections.verify()?;
            Ok(sections)
        }) {
            Ok(sections) => format!("{:?}", (0..4).map(|section| sections.get(section)).collect::<Vec<_>>()),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_ours_is_refused() {
        let good = write(&FORMAT, &[b"ab", b"", b"c"]);
        check(good.clone(), expect!["[[97, 98], [], [99], []]"]);
        check(Vec::new(), expect!["the bytes are not a test segment"]);
        check(b"TESTTEST".to_vec(), expect!["a test segment should have 104 bytes and has 8"]);
        check(good[..50].to_vec(), expect!["a test segment should have 104 bytes and has 50"]);
        check(good[..good.len() - 1].to_vec(), expect!["a test segment should have 107 bytes and has 106"]);
        let other = Format { version: 4, ..FORMAT };
        check(write(&other, &[b"", b"", b""]), expect!["a test segment has format 4, this program reads 3"]);
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        check(flipped, expect!["a test segment is damaged: the digest of its sections does not fit"]);
        let mut longer = good;
        longer[16] = 0xff;
        check(longer, expect!["a test segment is damaged: the digest of its header does not fit"]);
    }

    #[test]
    fn a_slice_stays_within_its_bytes() {
        let bytes = SharedBytes::new(vec![1, 2, 3, 4]);
        let middle = bytes.slice(1..3).unwrap();
        assert_eq!((&*middle, &*middle.slice(1..2).unwrap()), (&[2, 3][..], &[3][..]));
        assert!(middle.slice(1..3).is_none());
    }
}
