//! Reads little-endian numbers and strings from a byte slice; every step is checked and knows its offset.

use super::error::{Error, Fault};

/// Longest key or tensor name in bytes; the format says 65,535 and 64, real names stay below 128.
const MAX_NAME: usize = 1024;

/// A place in the header.
pub(super) struct Bytes<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(file: &'a [u8]) -> Bytes<'a> {
        Bytes { file, at: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.at as u64
    }

    pub(super) fn remaining(&self) -> u64 {
        (self.file.len() - self.at) as u64
    }

    /// A fault at this place.
    pub(super) fn fault<T>(&self, fault: Fault) -> Result<T, Error> {
        Err(Error { fault, offset: self.offset() })
    }

    pub(super) fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], Error> {
        if length > self.remaining() {
            return self.fault(Fault::Truncated(what));
        }
        // Fits: it is no more than the rest of a slice.
        let end = self.at + length as usize;
        let taken = &self.file[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64, what)?);
        Ok(bytes)
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, Error> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count of things of which each takes at least `smallest` bytes.
    pub(super) fn count(&mut self, what: &'static str, smallest: u64) -> Result<u64, Error> {
        let offset = self.offset();
        let count = self.u64(what)?;
        match count.checked_mul(smallest) {
            Some(bytes) if bytes <= self.remaining() => Ok(count),
            _ => Err(Error { fault: Fault::Count { what, count }, offset }),
        }
    }

    /// A string of any length that fits into the file.
    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, Error> {
        let offset = self.offset();
        let length = self.u64(what)?;
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map_err(|_| Error { fault: Fault::Text(what), offset })
    }

    /// A key or a tensor's name.
    pub(super) fn name(&mut self, what: &'static str) -> Result<&'a str, Error> {
        let offset = self.offset();
        let name = self.text(what)?;
        if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
            return Err(Error { fault: Fault::Text(what), offset });
        }
        Ok(name)
    }
}
