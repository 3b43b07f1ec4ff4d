//! Token shards: rows of tokens on disk, memory-mapped.
//!
//! Layout, everything little-endian:
//!
//! | Part | Bytes |
//! |---|---|
//! | header | 192: magic `PRNTCTOK`, then `version`, `context`, `vocabulary_size`, `padding` as u32, `rows`, `segments`, `tokens`, `source_bytes` as u64, three digests of 32 bytes (vocabulary, rows, header and tables), zeros |
//! | rows | `rows` x `context` x 4: token ids, padded with `<fim_pad>` |
//! | segment counts | `rows` x 4: how many segments each row has |
//! | segments | `segments` x 8: start and length within the row, in order |
//!
//! Opening checks the length of the file and the digest of header and tables, which is quick; [`TokenShard::verify`]
//! also reads all rows. Not covered: a file that another program cuts short while it is mapped.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use prentice_base::{ContentHash, FileError, HashWriter, files};

use crate::{Vocabulary, file_hint};

#[cfg(target_endian = "big")]
compile_error!("token shards are read in place, which needs a little-endian machine");

const MAGIC: &[u8; 8] = b"PRNTCTOK";
const VERSION: u32 = 1;
/// A multiple of 64, so that the rows are aligned to cache lines.
const HEADER_BYTES: usize = 192;
/// Where the digest of header and tables lies; it is taken as zeros when hashing.
const CHECKSUM_AT: usize = 120;

/// A run of tokens that belong together: attention does not reach beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first token's place in the row.
    pub start: u32,
    /// How many tokens.
    pub length: u32,
}

/// A row of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'s> {
    /// `context` tokens; those beyond the last segment are padding.
    pub tokens: &'s [u32],
    /// The segments, in order and without gaps.
    pub segments: &'s [Segment],
}

/// What a shard says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Digest of the vocabulary.
    pub vocabulary: ContentHash,
    /// How many tokens the vocabulary has.
    pub vocabulary_size: u32,
    /// The token that fills rows up.
    pub padding: u32,
    /// Tokens in a row.
    pub context: u32,
    /// Bytes of the text behind the rows; each document counts once, however many passes over it the rows hold.
    pub source_bytes: u64,
}

impl ShardInfo {
    /// For rows of `context` tokens of `vocabulary`.
    pub fn new(vocabulary: &Vocabulary, context: u32, source_bytes: u64) -> Self {
        Self {
            vocabulary: vocabulary.digest(),
            vocabulary_size: vocabulary.len() as u32,
            padding: vocabulary.special().fim_pad,
            context,
            source_bytes,
        }
    }
}

/// Why a shard cannot be read or written. Shards are called by their file names.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The file cannot be opened, read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is something else.
    #[error("{} is not a token shard", path.display())]
    NotAShard {
        /// The file.
        path: PathBuf,
    },
    /// Written by another version of Prentice.
    #[error("shard `{name}` has format version {found}, this program reads version {VERSION}")]
    Version {
        /// The shard.
        name: String,
        /// Its format version.
        found: u32,
    },
    /// A part of the file is missing, or something was appended.
    #[error("shard `{name}` has {found} bytes where its header promises {expected}")]
    Length {
        /// The shard.
        name: String,
        /// Bytes by the header.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The content is not what was written.
    #[error("shard `{name}` is damaged: {what}")]
    Damaged {
        /// The shard.
        name: String,
        /// Which part.
        what: &'static str,
    },
    /// Made for another vocabulary.
    #[error("shard `{name}` was tokenised with vocabulary {}, the checkpoint expects {}", found.short(), expected.short())]
    Vocabulary {
        /// The shard.
        name: String,
        /// Digest of its vocabulary.
        found: ContentHash,
        /// Digest of the vocabulary asked for.
        expected: ContentHash,
    },
}

impl ShardError {
    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) if error.source.kind() == io::ErrorKind::NotFound => {
                Some("write one with `prentice tokens encode`")
            }
            Self::File(error) => file_hint(error),
            Self::NotAShard { .. } => Some("name a file written by `prentice tokens encode`"),
            Self::Version { .. } | Self::Length { .. } | Self::Damaged { .. } => {
                Some("delete the shard and write it again with `prentice tokens encode`")
            }
            Self::Vocabulary { .. } => Some("run `prentice tokens encode --vocabulary <checkpoint>`"),
        }
    }
}

/// A shard, opened for reading. Rows are read from disk when they are first used.
#[derive(Debug)]
pub struct TokenShard {
    name: String,
    map: Mmap,
    info: ShardInfo,
    rows: usize,
    tokens: u64,
    data_digest: ContentHash,
    segments: Vec<Segment>,
    /// The segments of row `i` are `segments[first_segment[i]..first_segment[i + 1]]`.
    first_segment: Vec<usize>,
}

impl TokenShard {
    /// Opens a shard that must have been made with the given vocabulary.
    ///
    /// # Errors
    /// The file cannot be read, is not a shard, is cut short or damaged, or belongs to another vocabulary.
    pub fn open(path: &Path, expected_vocabulary: &ContentHash) -> Result<Self, ShardError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = File::open(path).map_err(FileError::new("read", path))?;
        let metadata = file.metadata().map_err(FileError::new("read", path))?;
        if !metadata.is_file() || metadata.len() < MAGIC.len() as u64 {
            return Err(ShardError::NotAShard { path: path.to_owned() });
        }
        // SAFETY: shards are replaced by renaming and never changed in place by Prentice. The module says that a file
        // cut short by another program while it is mapped is not covered.
        let map = unsafe { Mmap::map(&file) }.map_err(FileError::new("read", path))?;
        if !map.starts_with(MAGIC) {
            return Err(ShardError::NotAShard { path: path.to_owned() });
        }

        let found = map.len() as u64;
        let wrong_length = |expected| ShardError::Length { name: name.clone(), expected, found };
        let damaged = |what| ShardError::Damaged { name: name.clone(), what };
        if map.len() < HEADER_BYTES {
            return Err(wrong_length(HEADER_BYTES as u64));
        }
        let header = Header::parse(&map[..HEADER_BYTES]);
        if header.version != VERSION {
            return Err(ShardError::Version { name, found: header.version });
        }
        let expected = header.file_bytes().ok_or_else(|| damaged("the header does not match its digest"))?;
        if expected != found {
            return Err(wrong_length(expected));
        }
        let tables = &map[HEADER_BYTES + header.data_bytes()..];
        if header.checksum(tables) != header.checksum {
            return Err(damaged("the header or the table of segments does not match its digest"));
        }
        if header.info.vocabulary != *expected_vocabulary {
            let (found, expected) = (header.info.vocabulary, *expected_vocabulary);
            return Err(ShardError::Vocabulary { name, found, expected });
        }

        let (counts, segments) = tables.split_at(header.rows as usize * 4);
        let mut first_segment = vec![0];
        first_segment.extend(counts.chunks_exact(4).scan(0, |end, count| {
            *end += u32_at(count, 0) as usize;
            Some(*end)
        }));
        let segments: Vec<_> = segments
            .chunks_exact(8)
            .map(|bytes| Segment { start: u32_at(bytes, 0), length: u32_at(bytes, 4) })
            .collect();
        // Mapping starts at a page and the header is a multiple of 64 bytes, so this holds on any system we know.
        if first_segment.last() != Some(&segments.len())
            || bytemuck::try_cast_slice::<u8, u32>(header.data(&map)).is_err()
        {
            return Err(damaged("the table of segments does not fit the rows"));
        }
        let Header { info, rows, tokens, data_digest, .. } = header;
        Ok(Self { name, map, info, rows: rows as usize, tokens, data_digest, segments, first_segment })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many tokens a row has, padding included.
    pub fn context(&self) -> usize {
        self.info.context as usize
    }

    /// What the shard says about itself.
    pub fn info(&self) -> &ShardInfo {
        &self.info
    }

    /// Tokens in all rows, without padding.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Digest of all rows, as recorded when they were written; [`TokenShard::verify`] compares.
    pub fn data_digest(&self) -> ContentHash {
        self.data_digest
    }

    /// Row `index`.
    ///
    /// # Panics
    /// There is no such row.
    pub fn row(&self, index: usize) -> Row<'_> {
        assert!(index < self.rows, "row {index} of a shard of {} rows", self.rows);
        let context = self.context();
        Row {
            tokens: &self.data()[index * context..(index + 1) * context],
            segments: &self.segments[self.first_segment[index]..self.first_segment[index + 1]],
        }
    }

    /// Reads everything and checks it: rows by their digest, tokens by the vocabulary's size, segments by the rows.
    ///
    /// # Errors
    /// Says which part is not what was written.
    pub fn verify(&self) -> Result<(), ShardError> {
        let damaged = |what| Err(ShardError::Damaged { name: self.name.clone(), what });
        if ContentHash::of(bytemuck::cast_slice(self.data())) != self.data_digest {
            return damaged("the rows do not match their digest");
        }
        if self.data().iter().any(|&token| token >= self.info.vocabulary_size) {
            return damaged("a token is not in the vocabulary");
        }
        let follows = |end: u32, segment: &Segment| {
            (segment.start == end && segment.length > 0).then(|| end.saturating_add(segment.length))
        };
        let fits =
            |segments: &[Segment]| segments.iter().try_fold(0, follows).is_some_and(|end| end <= self.info.context);
        if !(0..self.rows).all(|index| fits(self.row(index).segments)) {
            return damaged("the segments of a row overlap or exceed it");
        }
        Ok(())
    }

    fn data(&self) -> &[u32] {
        bytemuck::cast_slice(&self.map[HEADER_BYTES..HEADER_BYTES + self.rows * self.context() * 4])
    }
}

/// Writes a shard: `fill` pushes the rows. The file appears when it is complete, or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_shard(
    path: &Path,
    info: &ShardInfo,
    fill: impl FnOnce(&mut ShardWriter<'_, '_>) -> io::Result<()>,
) -> Result<(), ShardError> {
    files::write_atomic_with(path, |file| {
        file.write_all(&[0; HEADER_BYTES])?;
        let mut writer = ShardWriter {
            file,
            header: Header {
                version: VERSION,
                info: *info,
                rows: 0,
                segments: 0,
                tokens: 0,
                data_digest: ContentHash::of(b""),
                checksum: ContentHash::of(b""),
            },
            hasher: HashWriter::new(),
            counts: Vec::new(),
            segments: Vec::new(),
            row: Vec::new(),
        };
        fill(&mut writer)?;
        let ShardWriter { file, mut header, hasher, mut counts, segments, .. } = writer;
        counts.extend_from_slice(&segments);
        file.write_all(&counts)?;
        header.data_digest = hasher.finish();
        header.checksum = header.checksum(&counts);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.bytes())
    })?;
    Ok(())
}

/// Takes the rows of a shard that is being written.
pub struct ShardWriter<'w, 'f> {
    file: &'w mut BufWriter<&'f mut File>,
    header: Header,
    hasher: HashWriter,
    counts: Vec<u8>,
    segments: Vec<u8>,
    row: Vec<u8>,
}

impl ShardWriter<'_, '_> {
    /// Appends a row with the given segments, padded to the context.
    ///
    /// # Errors
    /// The file cannot be written.
    ///
    /// # Panics
    /// The segments are longer than the context.
    pub fn push<'p>(&mut self, pieces: impl IntoIterator<Item = &'p [u32]>) -> io::Result<()> {
        let info = &self.header.info;
        self.row.clear();
        let (mut start, mut count) = (0u32, 0u32);
        for piece in pieces {
            let length = piece.len() as u32;
            self.row.extend_from_slice(bytemuck::cast_slice(piece));
            self.segments.extend_from_slice(&start.to_le_bytes());
            self.segments.extend_from_slice(&length.to_le_bytes());
            start += length;
            count += 1;
        }
        assert!(start <= info.context, "a row of {start} tokens in a shard of context {}", info.context);
        for _ in start..info.context {
            self.row.extend_from_slice(&info.padding.to_le_bytes());
        }
        self.counts.extend_from_slice(&count.to_le_bytes());
        self.header.rows += 1;
        self.header.segments += u64::from(count);
        self.header.tokens += u64::from(start);
        self.hasher.write_all(&self.row)?;
        self.file.write_all(&self.row)
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.header.rows
    }

    /// Tokens so far, without padding.
    pub fn tokens(&self) -> u64 {
        self.header.tokens
    }
}

struct Header {
    version: u32,
    info: ShardInfo,
    rows: u64,
    segments: u64,
    tokens: u64,
    data_digest: ContentHash,
    checksum: ContentHash,
}

impl Header {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            version: u32_at(bytes, 8),
            info: ShardInfo {
                context: u32_at(bytes, 12),
                vocabulary_size: u32_at(bytes, 16),
                padding: u32_at(bytes, 20),
                source_bytes: u64_at(bytes, 48),
                vocabulary: digest_at(bytes, 56),
            },
            rows: u64_at(bytes, 24),
            segments: u64_at(bytes, 32),
            tokens: u64_at(bytes, 40),
            data_digest: digest_at(bytes, 88),
            checksum: digest_at(bytes, CHECKSUM_AT),
        }
    }

    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let info = &self.info;
        let numbers = [self.version, info.context, info.vocabulary_size, info.padding];
        let counts = [self.rows, self.segments, self.tokens, info.source_bytes];
        let mut parts = MAGIC.to_vec();
        parts.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        parts.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        for digest in [&info.vocabulary, &self.data_digest, &self.checksum] {
            parts.extend_from_slice(digest.as_bytes());
        }
        let mut bytes = [0; HEADER_BYTES];
        bytes[..parts.len()].copy_from_slice(&parts);
        bytes
    }

    fn data_bytes(&self) -> usize {
        self.rows as usize * self.info.context as usize * 4
    }

    fn data<'m>(&self, map: &'m [u8]) -> &'m [u8] {
        &map[HEADER_BYTES..HEADER_BYTES + self.data_bytes()]
    }

    /// How long the file must be; `None` if the numbers are absurd.
    fn file_bytes(&self) -> Option<u64> {
        let row = u64::from(self.info.context).checked_mul(4)?.checked_add(4)?;
        let tables = self.segments.checked_mul(8)?.checked_add(HEADER_BYTES as u64)?;
        self.rows.checked_mul(row)?.checked_add(tables)
    }

    /// The digest of this header, without its checksum, and of the tables.
    fn checksum(&self, tables: &[u8]) -> ContentHash {
        let mut header = self.bytes();
        header[CHECKSUM_AT..CHECKSUM_AT + 32].fill(0);
        let mut hasher = HashWriter::new();
        hasher.field(&header).field(tables);
        hasher.finish()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn digest_at(bytes: &[u8], at: usize) -> ContentHash {
    let digits: String = bytes[at..at + 32].iter().map(|byte| format!("{byte:02x}")).collect();
    digits.parse().expect("64 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::testing::vocabulary;

    fn write(path: &Path) {
        let info = ShardInfo::new(vocabulary(), 4, 99);
        write_shard(path, &info, |shard| {
            shard.push([&[10, 11, 12][..], &[0][..]])?;
            shard.push([&[20, 0][..]])?;
            shard.push([&[300][..], &[30, 0][..]])
        })
        .unwrap();
    }

    #[test]
    fn rows_come_back_with_their_segments() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        write(&path);
        let shard = TokenShard::open(&path, &vocabulary().digest()).unwrap();
        shard.verify().unwrap();
        assert_eq!((shard.rows(), shard.context(), shard.tokens(), shard.info().source_bytes), (3, 4, 9, 99));
        let rows: String = (0..shard.rows())
            .map(|index| {
                let row = shard.row(index);
                let segments: Vec<_> = row.segments.iter().map(|segment| (segment.start, segment.length)).collect();
                format!("{:?} {segments:?}\n", row.tokens)
            })
            .collect();
        expect![[r#"
            [10, 11, 12, 0] [(0, 3), (3, 1)]
            [20, 0, 4, 4] [(0, 2)]
            [300, 30, 0, 4] [(0, 1), (1, 2)]
        "#]]
        .assert_eq(&rows);

        write_shard(&path, shard.info(), |_| Ok(())).unwrap();
        assert_eq!(TokenShard::open(&path, &vocabulary().digest()).unwrap().rows(), 0);
    }

    fn check(damage: impl FnOnce(&mut Vec<u8>), expected: Expect) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        write(&path);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let result = TokenShard::open(&path, &vocabulary().digest()).and_then(|shard| shard.verify());
        let error = result.expect_err("damage is noticed");
        let message = error.to_string().replace(&*directory.path().to_string_lossy(), "DIR");
        expected.assert_eq(&format!("error: {message}\nhint: {}", error.hint().unwrap_or("-")));
    }

    #[test]
    fn damage_is_named() {
        check(
            |bytes| bytes.clear(),
            expect![[r#"
            error: DIR/train.tokens is not a token shard
            hint: name a file written by `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[0] ^= 1,
            expect![[r#"
            error: DIR/train.tokens is not a token shard
            hint: name a file written by `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes.truncate(100),
            expect![[r#"
            error: shard `train.tokens` has 100 bytes where its header promises 192
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes.truncate(bytes.len() - 1),
            expect![[r#"
            error: shard `train.tokens` has 291 bytes where its header promises 292
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes.push(0),
            expect![[r#"
            error: shard `train.tokens` has 293 bytes where its header promises 292
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[8] = 9,
            expect![[r#"
            error: shard `train.tokens` has format version 9, this program reads version 1
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[48] ^= 1,
            expect![[r#"
            error: shard `train.tokens` is damaged: the header or the table of segments does not match its digest
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[60] ^= 1,
            expect![[r#"
            error: shard `train.tokens` is damaged: the header or the table of segments does not match its digest
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[HEADER_BYTES + 5] ^= 1,
            expect![[r#"
            error: shard `train.tokens` is damaged: the rows do not match their digest
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            expect![[r#"
            error: shard `train.tokens` is damaged: the header or the table of segments does not match its digest
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
        check(
            |bytes| bytes[24..32].fill(0xff),
            expect![[r#"
            error: shard `train.tokens` is damaged: the header does not match its digest
            hint: delete the shard and write it again with `prentice tokens encode`"#]],
        );
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        write(&path);
        let good = fs::read(&path).unwrap();
        // The last bytes of the header are reserved and mean nothing.
        for at in (0..CHECKSUM_AT + 32).chain(HEADER_BYTES..good.len()) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, bytes).unwrap();
            let result = TokenShard::open(&path, &vocabulary().digest()).and_then(|shard| shard.verify());
            assert!(result.is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_vocabulary_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train.tokens");
        write(&path);
        let error = TokenShard::open(&path, &ContentHash::of(b"another")).unwrap_err();
        let message = error.to_string().replace(&vocabulary().digest().short(), "<ours>");
        expect!["shard `train.tokens` was tokenised with vocabulary <ours>, the checkpoint expects cee450a24062"]
            .assert_eq(&message);
        expect!["run `prentice tokens encode --vocabulary <checkpoint>`"].assert_eq(error.hint().unwrap());

        let missing = TokenShard::open(&directory.path().join("none.tokens"), &ContentHash::of(b"")).unwrap_err();
        expect!["write one with `prentice tokens encode`"].assert_eq(missing.hint().unwrap());
    }
}
