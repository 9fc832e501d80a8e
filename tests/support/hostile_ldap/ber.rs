//! Requests, as they come over the wire (RFC 4511 section 4).

use std::io::{self, Read};

/// One request of a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: u32,
    pub(crate) operation: Operation,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Bind { dn: String, password: Vec<u8> },
    Search { base: String, scope: u8, size_limit: u8, filter: Filter, attributes: Vec<String> },
    Extended { name: String },
    Unbind,
    Other(u8),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equality {
        attribute: String,
        value: Vec<u8>,
    },
    Present {
        attribute: String,
    },
    Extensible {
        rule: String,
        attribute: String,
        value: Vec<u8>,
    },
    /// Substrings, ordering, approximation: nothing of ours sends them.
    Other(u8),
}

impl Filter {
    /// Everything in it that compares a value.
    pub(crate) fn leaves(&self) -> Vec<&Filter> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(part) => part.leaves(),
            leaf => vec![leaf],
        }
    }
}

/// A tag, its content and what follows it.
type Part<'a> = (u8, &'a [u8], &'a [u8]);

fn part(bytes: &[u8]) -> Part<'_> {
    let (tag, first) = (bytes[0], usize::from(bytes[1]));
    let (length, start) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first & 0x7f;
        (bytes[2..2 + count].iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), 2 + count)
    };
    (tag, &bytes[start..start + length], &bytes[start + length..])
}

fn parts(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (tag, content, rest) = part(bytes);
        parts.push((tag, content));
        bytes = rest;
    }
    parts
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A tag and a content with its length.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    if content.len() < 0x80 {
        element.push(u8::try_from(content.len()).unwrap());
    } else {
        element.push(0x84);
        element.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
    }
    element.extend(content);
    element
}

/// One whole message.
pub(crate) fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 2];
    stream.read_exact(&mut message)?;
    let mut length = usize::from(message[1]);
    if length >= 0x80 {
        let mut digits = vec![0; length & 0x7f];
        stream.read_exact(&mut digits)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        message.extend(digits);
    }
    let start = message.len();
    message.resize(start + length, 0);
    stream.read_exact(&mut message[start..])?;
    Ok(message)
}

impl Request {
    /// Of a client that is not hostile.
    pub(crate) fn parse(message: &[u8]) -> Self {
        let parts = parts(part(message).1);
        let id = parts[0].1.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let (tag, content) = parts[1];
        let operation = match tag {
            0x60 => bind(content),
            0x63 => search(content),
            0x77 => Operation::Extended { name: text(part(content).1) },
            0x42 => Operation::Unbind,
            other => Operation::Other(other),
        };
        Self { id, operation }
    }
}

fn bind(content: &[u8]) -> Operation {
    let parts = parts(content);
    assert_eq!(parts[2].0, 0x80, "not a simple bind");
    Operation::Bind { dn: text(parts[1].1), password: parts[2].1.to_vec() }
}

fn search(content: &[u8]) -> Operation {
    let parts = parts(content);
    let attributes = self::parts(parts[7].1).into_iter().map(|(_, name)| text(name)).collect();
    Operation::Search {
        base: text(parts[0].1),
        scope: parts[1].1[0],
        size_limit: *parts[3].1.last().unwrap(),
        filter: filter(parts[6].0, parts[6].1),
        attributes,
    }
}

fn filter(tag: u8, content: &[u8]) -> Filter {
    let all = || parts(content).into_iter().map(|(tag, content)| filter(tag, content)).collect();
    match tag {
        0xa0 => Filter::And(all()),
        0xa1 => Filter::Or(all()),
        0xa2 => Filter::Not(Box::new(filter(content[0], part(content).1))),
        0xa3 => {
            let parts = parts(content);
            Filter::Equality { attribute: text(parts[0].1), value: parts[1].1.to_vec() }
        }
        0x87 => Filter::Present { attribute: text(content) },
        0xa9 => {
            let parts = parts(content);
            let find = |tag| parts.iter().find(|part| part.0 == tag).map_or(&[][..], |part| part.1);
            Filter::Extensible {
                rule: text(find(0x81)),
                attribute: text(find(0x82)),
                value: find(0x83).to_vec(),
            }
        }
        other => Filter::Other(other),
    }
}
