//! An entry of the directory: a name and attributes, each with values of any bytes.

use ldap3::ResultEntry;
use ldap3::asn1::{PL, StructureTag};

/// A value that is longer than this is not looked at, in bytes.
const MAX_VALUE: usize = 64 << 10;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    /// By the name in lower case and without options.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// `None` where the bytes are no entry.
    pub(super) fn read(entry: ResultEntry) -> Option<Self> {
        let mut parts = constructed(entry.0)?.into_iter();
        let dn = text(parts.next()?)?;
        let attributes = constructed(parts.next()?)?.into_iter().map(attribute).collect::<Option<_>>()?;
        Some(Self { dn, attributes })
    }

    /// One of which nothing but the name is known.
    pub(super) fn named(dn: &str) -> Self {
        Self { dn: dn.to_owned(), attributes: Vec::new() }
    }

    pub(super) fn values(&self, attribute: &str) -> impl Iterator<Item = &[u8]> {
        let attribute = attribute.to_ascii_lowercase();
        let named = self.attributes.iter().filter(move |(name, _)| *name == attribute);
        named
            .flat_map(|(_, values)| values.iter().map(Vec::as_slice))
            .filter(|value| value.len() <= MAX_VALUE)
    }

    pub(super) fn value(&self, attribute: &str) -> Option<&[u8]> {
        self.values(attribute).next()
    }

    /// The first value, where it is a text.
    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        std::str::from_utf8(self.value(attribute)?).ok()
    }

    pub(super) fn number(&self, attribute: &str) -> Option<i64> {
        self.text(attribute)?.trim().parse().ok()
    }

    #[cfg(test)]
    pub(super) fn with(dn: &str, attributes: &[(&str, &[u8])]) -> Self {
        let attributes =
            attributes.iter().map(|(name, value)| (name.to_ascii_lowercase(), vec![value.to_vec()]));
        Self { dn: dn.to_owned(), attributes: attributes.collect() }
    }
}

fn attribute(tag: StructureTag) -> Option<(String, Vec<Vec<u8>>)> {
    let mut parts = constructed(tag)?.into_iter();
    let name = text(parts.next()?)?;
    // `memberOf;range=0-1499` and the like are the attribute still.
    let name = name.split(';').next().unwrap_or_default().to_ascii_lowercase();
    let values = constructed(parts.next()?)?.into_iter().map(primitive).collect::<Option<_>>()?;
    Some((name, values))
}

fn constructed(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

fn text(tag: StructureTag) -> Option<String> {
    String::from_utf8(primitive(tag)?).ok()
}
