//! Where things are in a GGUF header, as far as it can be followed: what a lie would change.

use std::ops::Range;

/// Places in a header.
#[derive(Debug, Default)]
pub struct Layout {
    /// Numbers: counts, lengths, types, shapes, offsets, values.
    pub numbers: Vec<Range<usize>>,
    /// Strings with their 8-byte lengths.
    pub texts: Vec<Range<usize>>,
    /// Keys with their values.
    pub keys: Vec<Range<usize>>,
    /// Descriptions of tensors.
    pub tensors: Vec<Range<usize>>,
}

/// Of longer lists only so many elements are told apart.
const ELEMENTS: u64 = 2000;

/// Follows the header until it makes no sense any more.
pub fn of(header: &[u8]) -> Layout {
    let mut walk = Walk { header, at: 4, layout: Layout::default() };
    walk.all();
    walk.layout
}

struct Walk<'a> {
    header: &'a [u8],
    at: usize,
    layout: Layout,
}

impl Walk<'_> {
    fn all(&mut self) -> Option<()> {
        self.number(4)?;
        let tensors = self.number(8)?;
        let keys = self.number(8)?;
        for _ in 0..keys {
            let start = self.at;
            self.text()?;
            let kind = self.number(4)?;
            self.value(kind)?;
            self.layout.keys.push(start..self.at);
        }
        for _ in 0..tensors {
            let start = self.at;
            self.text()?;
            for _ in 0..self.number(4)?.min(8) {
                self.number(8)?;
            }
            self.number(4)?;
            self.number(8)?;
            self.layout.tensors.push(start..self.at);
        }
        Some(())
    }

    fn value(&mut self, kind: u64) -> Option<()> {
        match kind {
            8 => self.text(),
            9 => {
                let element = self.number(4)?;
                let count = self.number(8)?;
                if element == 9 {
                    return None;
                }
                (0..count.min(ELEMENTS)).try_for_each(|_| self.value(element))
            }
            0 | 1 | 7 => self.number(1).map(drop),
            2 | 3 => self.number(2).map(drop),
            4..=6 => self.number(4).map(drop),
            10..=12 => self.number(8).map(drop),
            _ => None,
        }
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        let place = self.at..self.at + width;
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(self.header.get(place.clone())?);
        self.at = place.end;
        self.layout.numbers.push(place);
        Some(u64::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Option<()> {
        let start = self.at;
        let length = usize::try_from(self.number(8)?).ok()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.header.len())?;
        self.at = end;
        self.layout.texts.push(start..end);
        Some(())
    }
}
