//! Distinguished names (RFC 4514), brought to the one form in which they are compared.
//!
//! Values are compared as most naming attributes are (caseIgnoreMatch, RFC 4517 section 4.2.11): compatibility
//! forms, letter case and runs of spaces make no difference. Where a directory compares more strictly, two of its
//! groups would have to differ by nothing else to be taken for one.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization;

/// Longest name that is looked at, in bytes.
pub(super) const MAX_BYTES: usize = 4096;

/// The name in one form, or `None` if the text is none: `"CN = Ops , DC=example"` is `cn=ops,dc=example`.
pub(super) fn normalise(text: &str) -> Option<String> {
    components(text).map(|components| components.join(","))
}

/// Whether `dn` is `base` or lies below it. An empty base has everything below it; what is no name lies nowhere.
pub(super) fn is_within(dn: &str, base: &str) -> bool {
    let Some(dn) = components(dn) else { return false };
    if base.trim().is_empty() {
        return true;
    }
    components(base).is_some_and(|base| dn.ends_with(&base))
}

/// The relative names from the left, each normalised.
fn components(text: &str) -> Option<Vec<String>> {
    if text.len() > MAX_BYTES || text.trim().is_empty() {
        return None;
    }
    let mut components = Vec::new();
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        let (pair, separator, tail) = pair(rest)?;
        pairs.push(pair);
        rest = tail;
        if separator != Some(b'+') {
            // The pairs of one component have no order.
            pairs.sort();
            components.push(pairs.join("+"));
            pairs.clear();
        }
        if separator.is_none() {
            return Some(components);
        }
    }
}

/// The first type and value, what separates it from the next, and the rest after that.
fn pair(text: &str) -> Option<(String, Option<u8>, &str)> {
    let (kind, text) = text.split_once('=')?;
    let kind = kind.trim().to_ascii_lowercase();
    let kind = kind.strip_prefix("oid.").unwrap_or(&kind);
    let is_type = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if kind.is_empty() || !kind.bytes().all(is_type) {
        return None;
    }
    let text = text.trim_start();
    let (value, taken) = if text.starts_with('"') { quoted(text)? } else { plain(text)? };
    let rest = text.get(taken..)?.trim_start();
    let separator = rest.bytes().next();
    let tail = match separator {
        None => "",
        Some(b',' | b';' | b'+') => rest.get(1..)?,
        Some(_) => return None,
    };
    Some((format!("{kind}={}", escape(&fold(&value))), separator, tail))
}

/// The value up to a separator, and its length in the text. `\` takes away the meaning of what follows.
fn plain(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let (mut value, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b',' | b';' | b'+' => break,
            b'\\' => at += unescape(&bytes[at..], &mut value)?,
            _ => {
                value.push(byte);
                at += 1;
            }
        }
    }
    Some((String::from_utf8(value).ok()?, at))
}

/// The value between quotation marks, as RFC 2253 still allowed it.
fn quoted(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let (mut value, mut at) = (Vec::new(), 1);
    loop {
        match *bytes.get(at)? {
            b'"' => return Some((String::from_utf8(value).ok()?, at + 1)),
            b'\\' => at += unescape(&bytes[at..], &mut value)?,
            byte => {
                value.push(byte);
                at += 1;
            }
        }
    }
}

/// Adds what an escape sequence stands for, and returns its length: `\2c` is three, `\,` two.
fn unescape(escaped: &[u8], value: &mut Vec<u8>) -> Option<usize> {
    let digit = |at: usize| char::from(*escaped.get(at)?).to_digit(16);
    if let (Some(high), Some(low)) = (digit(1), digit(2)) {
        value.push(u8::try_from(high << 4 | low).ok()?);
        return Some(3);
    }
    value.push(*escaped.get(1)?);
    Some(2)
}

fn fold(value: &str) -> String {
    let folded = value.nfkc().collect::<String>().to_lowercase();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes a value so that it is read as itself.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => escaped.extend(['\\', character]),
            '#' if at == 0 => escaped.push_str("\\#"),
            _ if character.is_control() => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(escaped, "\\{byte:02x}");
                }
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A value as part of a name that is sent to the directory: every byte that could mean something is written as `\xx`.
pub(super) fn value(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "\\{byte:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        let expected = "cn=operators,ou=groups,dc=example,dc=org";
        for spelling in [
            "cn=operators,ou=groups,dc=example,dc=org",
            "CN=Operators, OU=Groups, DC=Example, DC=org",
            " cn = operators ; ou=groups,dc = example,dc=org ",
            "CN=\"Operators\",ou=groups,dc=example,dc=org",
            "cn=\\6fperators,ou=groups,dc=example,dc=org",
            "cn=ｏｐｅｒａｔｏｒｓ,ou=groups,dc=example,dc=org",
        ] {
            assert_eq!(normalise(spelling).as_deref(), Some(expected), "{spelling}");
        }
    }

    #[test]
    fn a_separator_in_a_value_stays_in_the_value() {
        let expected = Some("cn=smith\\, john,ou=a\\+b,dc=x");
        for spelling in [
            "CN=Smith\\, John,OU=a\\+b,DC=x",
            "cn=Smith\\2C  John,ou=a\\2bb,dc=x",
            "cn=\"Smith, John\",ou=\"a+b\",dc=x",
        ] {
            assert_eq!(normalise(spelling).as_deref(), expected, "{spelling}");
        }
        assert_ne!(normalise("cn=smith,cn=john,dc=x"), normalise("cn=smith\\,cn\\=john,dc=x"));
    }

    #[test]
    fn a_normal_form_is_its_own() {
        for name in
            ["cn=smith\\, john,dc=x", "cn=\\#1,dc=x", "cn=a+ou=b,dc=x", "cn=\\00\\\\,dc=x", "cn=é,dc=x"]
        {
            let normal = normalise(name).unwrap();
            assert_eq!(normalise(&normal).unwrap(), normal, "{name}");
        }
    }

    #[test]
    fn parts_of_one_component_have_no_order() {
        assert_eq!(normalise("ou=b + CN=a,dc=x"), normalise("cn=a+ou=b,dc=x"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in
            ["", " ", "alice", "=x", "cn=a,", "cn=a,b", "cn=\"a", "cn=a\\", "c n=a", "cn=\"a\"b", "cn=\\ff"]
        {
            assert_eq!(normalise(text), None, "{text:?}");
        }
        assert_eq!(normalise(&format!("cn={}", "x".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn below_means_whole_components() {
        assert!(is_within("uid=a,ou=people,DC=x", "ou=People, dc=x"));
        assert!(is_within("dc=x", "dc=x"));
        assert!(is_within("uid=a,dc=x", ""));
        for (dn, base) in [
            ("", "dc=x"),
            ("uid=a\\,dc=x", "dc=x"),
            ("uid=a,dc=xx", "dc=x"),
            ("uid=a,dc=y", "dc=x"),
            ("x", ""),
        ] {
            assert!(!is_within(dn, base), "{dn:?} in {base:?}");
        }
    }

    #[test]
    fn a_value_never_ends_a_component() {
        for name in ["a,b", "a+b=c", " a", "#a", "a\\", "a\0b", "é", "\"", "<>;="] {
            let built = format!("uid={},ou=people,dc=x", value(name));
            assert_eq!(components(&built).unwrap().len(), 3, "{built}");
        }
        assert_eq!(value("a,b"), "a\\2cb");
    }
}
