//! Walks a whole header before anything is allocated for it, and refuses what is not sound.
//!
//! **Invariant:** after [`header`] has said yes, candle's reader finds every count, length, type and offset
//! in range, and what it builds takes at most twice the file's size. No `unsafe` here.

use super::bytes::Bytes;
use super::error::{Error, Fault};
use super::types;
use std::collections::HashSet;

const STRING: u32 = 8;
const ARRAY: u32 = 9;
const DEFAULT_ALIGNMENT: u64 = 32;
/// A list's element as candle keeps it (an enum of 32 bytes), twice for the growth of the list.
const ELEMENT: u64 = 64;
/// A key or a tensor in candle's maps and in ours, its name's heap block included.
const ENTRY: u64 = 320;
/// Headers below this are not worth counting.
const SMALL: u64 = 1 << 20;

/// Checks the header and that every tensor's data lies within `file`, aligned, and is its own.
pub(super) fn header(file: &[u8]) -> Result<(), Error> {
    let mut bytes = Bytes::new(file);
    if bytes.take(4, "the magic number")? != b"GGUF" {
        return Err(Error { fault: Fault::NotGguf, offset: 0 });
    }
    let version = bytes.u32("the version")?;
    if !(2..=3).contains(&version) {
        return Err(Error { fault: Fault::Version(version), offset: 4 });
    }
    // Smallest: an 8-byte length, one byte of name, a type, and one byte of value; or the shape and place of a tensor.
    let tensors = bytes.count("tensors", 8 + 1 + 4 + 8 + 4 + 8)?;
    let keys = bytes.count("keys", 8 + 1 + 4 + 1)?;
    let limit = (file.len() as u64).saturating_mul(2).max(SMALL);
    let mut walk = Walk { memory: 0, limit, alignment: DEFAULT_ALIGNMENT, bytes };
    walk.keys(keys)?;
    let mut tensors = walk.tensors(tensors)?;
    let data = walk.bytes.offset().next_multiple_of(walk.alignment);
    places(&mut tensors, data, walk.alignment, file.len() as u64)
}

/// Where a tensor's data is, relative to the beginning of all data.
struct Place<'a> {
    name: &'a str,
    start: u64,
    length: u64,
    /// Where the header says so.
    offset: u64,
}

struct Walk<'a> {
    bytes: Bytes<'a>,
    alignment: u64,
    /// What the header will take once it is read, estimated from above.
    memory: u64,
    limit: u64,
}

impl<'a> Walk<'a> {
    /// Counts memory before it is used.
    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > self.limit {
            return self.bytes.fault(Fault::Memory(self.memory));
        }
        Ok(())
    }

    fn keys(&mut self, count: u64) -> Result<(), Error> {
        let mut seen = HashSet::new();
        for _ in 0..count {
            let offset = self.bytes.offset();
            let key = self.bytes.name("a key")?;
            if !seen.insert(key) {
                return Err(Error { fault: Fault::Duplicate(key.to_owned()), offset });
            }
            self.charge(ENTRY + key.len() as u64)?;
            let kind = self.bytes.u32("a value's type")?;
            if key == "general.alignment" {
                self.read_alignment(kind)?;
            } else {
                self.value(kind)?;
            }
        }
        Ok(())
    }

    fn read_alignment(&mut self, kind: u32) -> Result<(), Error> {
        let offset = self.bytes.offset();
        let fault = Err(Error { fault: Fault::Alignment, offset });
        if kind != 4 {
            return fault;
        }
        let alignment = self.bytes.u32("the alignment")?;
        if !alignment.is_power_of_two() || !(8..=65_536).contains(&alignment) {
            return fault;
        }
        self.alignment = u64::from(alignment);
        Ok(())
    }

    fn value(&mut self, kind: u32) -> Result<(), Error> {
        if kind != ARRAY {
            return self.scalar(kind);
        }
        let element = self.bytes.u32("a list's type")?;
        let Some(smallest) = size(element) else {
            return self.bytes.fault(Fault::ValueType(element));
        };
        let count = self.bytes.count("list elements", smallest)?;
        self.charge(count.saturating_mul(ELEMENT))?;
        if element == STRING || element == 7 {
            for _ in 0..count {
                self.scalar(element)?;
            }
        } else {
            self.bytes.take(count * smallest, "a list")?;
        }
        Ok(())
    }

    fn scalar(&mut self, kind: u32) -> Result<(), Error> {
        match (kind, size(kind)) {
            (STRING, _) => {
                let text = self.bytes.text("a string")?;
                self.charge(text.len() as u64)?;
            }
            (7, _) => {
                let value = self.bytes.u8("a boolean")?;
                if value > 1 {
                    return self.bytes.fault(Fault::Bool(value));
                }
            }
            (_, Some(length)) => {
                self.bytes.take(length, "a number")?;
            }
            (_, None) => return self.bytes.fault(Fault::ValueType(kind)),
        }
        Ok(())
    }

    fn tensors(&mut self, count: u64) -> Result<Vec<Place<'a>>, Error> {
        let mut seen = HashSet::new();
        let mut places = Vec::new();
        for _ in 0..count {
            let offset = self.bytes.offset();
            let name = self.bytes.name("a tensor's name")?;
            if !seen.insert(name) {
                return Err(Error { fault: Fault::Duplicate(name.to_owned()), offset });
            }
            self.charge(ENTRY + name.len() as u64)?;
            let length = self.tensor(name)?;
            let start = self.bytes.u64("a tensor's offset")?;
            places.push(Place { name, start, length, offset });
        }
        Ok(places)
    }

    /// Shape and type of one tensor; gives the length of its data.
    fn tensor(&mut self, name: &str) -> Result<u64, Error> {
        let offset = self.bytes.offset();
        let shape = || Error { fault: Fault::Shape(name.to_owned()), offset };
        let dimensions = self.bytes.u32("a tensor's dimensions")?;
        if !(1..=4).contains(&dimensions) {
            return Err(shape());
        }
        let row = self.bytes.u64("a tensor's shape")?;
        let mut rows = 1_u64;
        for _ in 1..dimensions {
            rows = rows.checked_mul(self.bytes.u64("a tensor's shape")?).ok_or_else(shape)?;
        }
        let number = self.bytes.u32("a tensor's type")?;
        let Some(dtype) = types::from_number(number) else {
            let name = name.to_owned();
            return Err(Error {
                fault: Fault::TensorType { tensor: name, name: types::unsupported_name(number) },
                offset,
            });
        };
        if row == 0 || rows == 0 {
            return Err(shape());
        }
        let block = dtype.block_size() as u64;
        if !row.is_multiple_of(block) {
            return Err(Error { fault: Fault::Blocks(name.to_owned()), offset });
        }
        let bytes = (row / block).checked_mul(dtype.type_size() as u64).and_then(|row| row.checked_mul(rows));
        // Also the number of weights must be countable, or candle's own sums overflow.
        let length = row.checked_mul(rows).filter(|weights| *weights <= i64::MAX as u64).and(bytes);
        length.ok_or_else(shape)
    }
}

/// Bytes of a scalar; of a string the least it can have.
fn size(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        STRING | 10..=12 => 8,
        _ => return None,
    })
}

/// Every tensor's data is aligned, within the file and nobody else's.
fn places(tensors: &mut [Place<'_>], data: u64, alignment: u64, file: u64) -> Result<(), Error> {
    tensors.sort_unstable_by_key(|tensor| tensor.start);
    let mut taken = 0;
    for tensor in tensors {
        let fail = |fault: fn(String) -> Fault| Error {
            fault: fault(tensor.name.to_owned()),
            offset: tensor.offset,
        };
        if !tensor.start.is_multiple_of(alignment) {
            return Err(fail(Fault::Unaligned));
        }
        let end = tensor.start.checked_add(tensor.length).ok_or_else(|| fail(Fault::Outside))?;
        if data.checked_add(end).is_none_or(|end| end > file) {
            return Err(fail(Fault::Outside));
        }
        if tensor.start < taken {
            return Err(fail(Fault::Overlap));
        }
        taken = end;
    }
    Ok(())
}
