//! Replies, byte by byte.

use super::ber::element;

/// What Active Directory has among its capabilities.
pub(crate) const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// A control's type and value.
pub(crate) type Control<'a> = (&'a str, &'a [u8]);

fn message(id: u32, operation: &[u8], controls: &[Control<'_>]) -> Vec<u8> {
    let mut content = [&[2, 4][..], &id.to_be_bytes(), operation].concat();
    if !controls.is_empty() {
        let each = controls
            .iter()
            .map(|(kind, value)| element(0x30, &[element(4, kind.as_bytes()), element(4, value)].concat()));
        content.extend(element(0xa0, &each.collect::<Vec<_>>().concat()));
    }
    element(0x30, &content)
}

fn result(tag: u8, code: u8, text: &str, more: &[u8]) -> Vec<u8> {
    element(tag, &[&[10, 1, code, 4, 0][..], &element(4, text.as_bytes()), more].concat())
}

pub(crate) fn bind(id: u32, code: u8, text: &str) -> Vec<u8> {
    bind_with(id, code, text, &[])
}

pub(crate) fn bind_with(id: u32, code: u8, text: &str, controls: &[Control<'_>]) -> Vec<u8> {
    message(id, &result(0x61, code, text, b""), controls)
}

pub(crate) fn extended(id: u32, code: u8, value: &str) -> Vec<u8> {
    message(id, &result(0x78, code, "", &element(0x8b, value.as_bytes())), &[])
}

pub(crate) fn entry(id: u32, dn: &str, attributes: &[(String, Vec<Vec<u8>>)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| element(4, value)).collect();
        element(0x30, &[element(4, name.as_bytes()), element(0x31, &values.concat())].concat())
    });
    let attributes = element(0x30, &attributes.collect::<Vec<_>>().concat());
    message(id, &element(0x64, &[element(4, dn.as_bytes()), attributes].concat()), &[])
}

pub(crate) fn done(id: u32, code: u8) -> Vec<u8> {
    message(id, &result(0x65, code, "", b""), &[])
}

/// A search result that says to go on elsewhere.
pub(crate) fn reference(id: u32, url: &str) -> Vec<u8> {
    message(id, &element(0x73, &element(4, url.as_bytes())), &[])
}

/// The end of a search that says to search elsewhere.
pub(crate) fn referral(id: u32, tag: u8, url: &str) -> Vec<u8> {
    message(id, &result(tag, 10, "", &element(0xa3, &element(4, url.as_bytes()))), &[])
}
