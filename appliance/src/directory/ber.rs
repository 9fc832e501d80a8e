//! Just enough of BER (X.690, as RFC 4511 section 5.1 restricts it) to look at a message before ldap3 does.
//!
//! Borrows, allocates nothing, and never recurses deeper than it is told.

/// Universal and LDAP's own tags, each with the bit for constructed ones.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;

const CONSTRUCTED: u8 = 0x20;
/// Of a tag number that goes on in the next bytes, which LDAP never uses.
const LONG_NUMBER: u8 = 0x1f;

/// What the bytes are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// The elements of a content, one after the other.
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

/// The length that begins `bytes`, and how many bytes it takes; `None` where more of them are needed.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some(first) = bytes.first() else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some((usize::from(*first), 1)));
    }
    // 0x80 alone is the indefinite form, which LDAP forbids; nobody needs lengths of more than four bytes.
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(Malformed);
    }
    let Some(digits) = bytes.get(1..=count) else { return Ok(None) };
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    Ok(Some((length, 1 + count)))
}

impl<'a> Elements<'a> {
    pub(super) fn of(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// The next one, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        if tag & LONG_NUMBER == LONG_NUMBER {
            return Err(Malformed);
        }
        let (length, taken) = length(rest)?.ok_or(Malformed)?;
        let content = rest.get(taken..).and_then(|rest| rest.get(..length)).ok_or(Malformed)?;
        self.rest = &rest[taken + length..];
        Ok(Some(Element { tag: *tag, content }))
    }

    /// The next one, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.next()?.filter(|element| element.tag == tag).map(|element| element.content).ok_or(Malformed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Element<'_> {
    pub(super) fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }
}

/// Counts the elements of a content, at most `most` of them and at most `depth` deep, and so checks that all of them
/// are well-formed.
pub(super) fn count(content: &[u8], depth: usize, most: usize) -> Result<usize, Malformed> {
    let mut elements = Elements::of(content);
    let mut counted = 0;
    while let Some(element) = elements.next()? {
        counted += 1;
        if element.is_constructed() {
            let depth = depth.checked_sub(1).ok_or(Malformed)?;
            counted += count(element.content, depth, most.saturating_sub(counted))?;
        }
        if counted > most {
            return Err(Malformed);
        }
    }
    Ok(counted)
}

/// A number that is not negative and fits 31 bits, as all of LDAP's are.
pub(super) fn number(content: &[u8]) -> Result<u32, Malformed> {
    let fits = (1..=4).contains(&content.len()) && content.first().is_some_and(|first| *first < 0x80);
    if !fits {
        return Err(Malformed);
    }
    Ok(content.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_or_long_and_never_indefinite() {
        for (bytes, expected) in [
            (&[5][..], Ok(Some((5, 1)))),
            (&[0x81, 200], Ok(Some((200, 2)))),
            (&[0x82, 1, 0], Ok(Some((256, 3)))),
            (&[0x84, 0xff, 0xff, 0xff, 0xff], Ok(Some((0xffff_ffff, 5)))),
            (&[], Ok(None)),
            (&[0x82, 1], Ok(None)),
            (&[0x80], Err(Malformed)),
            (&[0x85, 0, 0, 0, 0, 1], Err(Malformed)),
            (&[0xff], Err(Malformed)),
        ] {
            assert_eq!(length(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_element_never_reaches_beyond_its_content() {
        for bytes in [&[4, 2, 1][..], &[4], &[0x1f, 1, 0], &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 0]] {
            assert_eq!(Elements::of(bytes).next(), Err(Malformed), "{bytes:?}");
        }
        let mut elements = Elements::of(&[2, 1, 7, 4, 0]);
        assert_eq!(elements.expect(INTEGER), Ok(&[7][..]));
        assert_eq!(elements.expect(OCTET_STRING), Ok(&[][..]));
        assert!(elements.is_empty());
    }

    #[test]
    fn depth_and_number_of_elements_are_bounded() {
        let nested = |depth: usize| {
            (0..depth).fold(Vec::new(), |inner: Vec<u8>, _| {
                let mut outer = vec![SEQUENCE, 0x82];
                outer.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
                outer.extend(inner);
                outer
            })
        };
        assert_eq!(count(&nested(9), 9, 100), Ok(9));
        assert_eq!(count(&nested(10), 9, 100), Err(Malformed));
        assert_eq!(count(&nested(10_000), 9, 100_000), Err(Malformed));
        let many = [5, 0].repeat(101);
        assert_eq!(count(&many, 1, 101), Ok(101));
        assert_eq!(count(&many, 1, 100), Err(Malformed));
    }

    #[test]
    fn numbers_are_positive_and_small() {
        assert_eq!(number(&[0x01, 0x00]), Ok(256));
        for bytes in [&[][..], &[0xff], &[0, 0, 0, 0, 1]] {
            assert_eq!(number(bytes), Err(Malformed));
        }
    }
}
