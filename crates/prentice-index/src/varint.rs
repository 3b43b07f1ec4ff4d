//! Numbers in as few bytes as they need: LEB128, seven bits a byte, the lowest first.

/// Appends `value`.
pub(crate) fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a number of either sign, small where its amount is.
pub(crate) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a text with its length.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads what was put, as long as there is something: damaged bytes end it, and never make it go beyond its slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next number; none at the end, or where the bytes are not one of 64 bits.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The next number, where it fits into 32 bits.
    #[inline]
    pub(crate) fn small(&mut self) -> Option<u32> {
        self.number().and_then(|number| u32::try_from(number).ok())
    }

    /// The next number of either sign.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.number().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Entry `index` of a table of 32-bit numbers in little-endian order.
#[inline]
pub(crate) fn entry(table: &[u8], index: usize) -> Option<u32> {
    let bytes = table.get(index.checked_mul(4)?..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put(&mut bytes, number);
            put_signed(&mut bytes, number as i64);
            put_text(&mut bytes, &number.to_string());
        }
        let reader = &mut Reader(&bytes);
        for number in numbers {
            assert_eq!(reader.number(), Some(number));
            assert_eq!(reader.signed(), Some(number as i64));
            assert_eq!(reader.text(), Some(number.to_string().as_str()));
        }
        assert_eq!(reader.number(), None);
    }

    #[test]
    fn damaged_bytes_end_the_reading() {
        for bytes in [&[0x80][..], &[0xff; 12], &[5, b'a', b'b'], &[2, 0xff, 0xff]] {
            assert!(Reader(bytes).text().is_none(), "{bytes:?}");
        }
        assert_eq!(Reader(&[0x80, 0x80, 0x80, 0x80, 0x10]).small(), None, "more than 32 bits");
        assert_eq!((entry(&[1, 0, 0, 0, 2], 0), entry(&[1, 0, 0, 0, 2], 1)), (Some(1), None));
    }
}
