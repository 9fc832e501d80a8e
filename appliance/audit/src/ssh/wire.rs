//! The data types of SSH (RFC 4251 section 5): big-endian numbers, and strings behind their length in 4 bytes.

use crate::Error;

/// The longest string that is written or read, in bytes. A certificate takes less than 8 KiB.
const MAX_STRING_BYTES: usize = 64 << 10;

/// Writes one value behind the other.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Bytes without a length.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn uint32(self, number: u32) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn uint64(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn string(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        match u32::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= MAX_STRING_BYTES => self.uint32(length).raw(bytes),
            _ => {
                self.too_long = true;
                self
            }
        }
    }

    /// What was written. `what` names it, with its article, for the error.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if one of the strings was longer than 64 KiB.
    pub(super) fn finish(self, what: &'static str) -> Result<Vec<u8>, Error> {
        if self.too_long {
            return Err(Error::BadSsh { what, problem: "one of its strings would be longer than 64 KiB" });
        }
        Ok(self.bytes)
    }
}

/// Reads one value after the other, and says what was being read where they end too early.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names that which is read, with its article.
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn error(&self, problem: &'static str) -> Error {
        Error::BadSsh { what: self.what, problem }
    }

    /// Exactly these bytes, without a length.
    pub(super) fn magic(&mut self, expected: &[u8]) -> Result<(), Error> {
        self.rest = self.rest.strip_prefix(expected).ok_or(self.error("it does not begin as one"))?;
        Ok(())
    }

    pub(super) fn uint32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn uint64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Error> {
        let length = usize::try_from(self.uint32()?).unwrap_or(usize::MAX);
        if length > MAX_STRING_BYTES {
            return Err(self.error("one of its strings is longer than 64 KiB"));
        }
        let (string, rest) = self.rest.split_at_checked(length).ok_or(self.error("it ends too early"))?;
        self.rest = rest;
        Ok(string)
    }

    /// A string of `N` bytes.
    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let string = self.string()?;
        string.try_into().map_err(|_| self.error("a key, a nonce or a signature in it has the wrong length"))
    }

    /// A string of text that may be shown.
    pub(super) fn name(&mut self) -> Result<&'a str, Error> {
        let text = str::from_utf8(self.string()?).ok().filter(|text| super::is_plain(text));
        text.ok_or(self.error("a name in it is too long, is not UTF-8 or has control characters"))
    }

    /// Exactly this string.
    pub(super) fn expect(&mut self, expected: impl AsRef<[u8]>, problem: &'static str) -> Result<(), Error> {
        if self.string()? == expected.as_ref() { Ok(()) } else { Err(self.error(problem)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet, of a format that says itself how it ends.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// There is nothing behind the last value.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.error("there are bytes behind its end")) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(self.error("it ends too early"))?;
        self.rest = rest;
        Ok(*array)
    }
}
