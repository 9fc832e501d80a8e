//! Search filters (RFC 4515) with a place for one value: a person's name, or a member's distinguished name.

use std::fmt::Write as _;

/// Active Directory's rule for "in this group, or in a group in it" (LDAP_MATCHING_RULE_IN_CHAIN).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// A filter whose placeholder stands where the value of an equality does.
///
/// **Invariant:** whatever takes the place of the placeholder is the value of that equality and nothing else: only
/// ASCII letters, digits and a few signs without meaning stand for themselves, every other byte is written as `\xx`.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    placeholder: &'static str,
}

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFilter {
    #[error("{0:?} is not a search filter (RFC 4515)")]
    Syntax(String),
    #[error(
        "{filter:?} must contain {placeholder}, as the whole value of an equality: (attribute={placeholder})"
    )]
    Placeholder { filter: String, placeholder: &'static str },
}

impl Template {
    /// # Errors
    /// The text is no filter, or its placeholder is missing or stands elsewhere.
    pub fn parse(text: &str, placeholder: &'static str) -> Result<Self, NotAFilter> {
        let template = Self { text: text.to_owned(), placeholder };
        let pieces: Vec<&str> = text.split(placeholder).collect();
        let is_value = |around: &[&str]| ends_with_equality(around[0]) && around[1].starts_with(')');
        if pieces.len() < 2 || !pieces.windows(2).all(is_value) {
            return Err(NotAFilter::Placeholder { filter: text.to_owned(), placeholder });
        }
        let is_filter = text.starts_with('(') && ldap3::parse_filter(template.with("x")).is_ok();
        if !is_filter {
            return Err(NotAFilter::Syntax(text.to_owned()));
        }
        Ok(template)
    }

    /// The attributes that are compared with the value.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &str> {
        let before = self.text.split(self.placeholder).filter_map(|piece| piece.strip_suffix('='));
        before.filter_map(|piece| piece.rsplit_once('(').map(|(_, attribute)| attribute))
    }

    /// The filter for one value.
    pub(super) fn with(&self, value: &str) -> String {
        self.text.replace(self.placeholder, &escape(value.as_bytes()))
    }

    /// The filter for any of several values.
    pub(super) fn with_any(&self, values: &[&str]) -> String {
        let each: String = values.iter().map(|value| self.with(value)).collect();
        format!("(|{each})")
    }

    /// The filter for one value, followed through groups in groups by the server.
    pub(super) fn with_in_chain(&self, value: &str) -> String {
        let equality = format!("={})", self.placeholder);
        let chained = format!(":{IN_CHAIN}:={})", escape(value.as_bytes()));
        self.text.replace(&equality, &chained)
    }
}

/// `(attribute=value)` for a value of any bytes.
pub(super) fn equality(attribute: &str, value: &[u8]) -> String {
    format!("({attribute}={})", escape(value))
}

/// Whether the text ends with `(attribute=`, and not with another comparison such as `>=`.
fn ends_with_equality(text: &str) -> bool {
    let Some(text) = text.strip_suffix('=') else { return false };
    let Some((_, attribute)) = text.rsplit_once('(') else { return false };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.;".contains(&byte);
    !attribute.is_empty() && attribute.bytes().all(fits)
}

fn escape(value: &[u8]) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-_.@=,".contains(byte) {
            escaped.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\{byte:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2022_2232_a_name_is_a_value_whatever_it_contains() {
        let template = Template::parse("(&(objectClass=person)(uid={name}))", "{name}").unwrap();
        for (name, expected) in [
            ("alice", "alice"),
            ("*", "\\2a"),
            ("*)(uid=*", "\\2a\\29\\28uid=\\2a"),
            ("\\2a", "\\5c2a"),
            ("a\0b", "a\\00b"),
            ("{name}", "\\7bname\\7d"),
            ("é b", "\\c3\\a9\\20b"),
        ] {
            let filter = template.with(name);
            assert_eq!(filter, format!("(&(objectClass=person)(uid={expected}))"));
            assert!(ldap3::parse_filter(&filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_placeholder_is_the_value_of_an_equality_or_the_template_is_refused() {
        assert!(Template::parse("(|(uid={name})(mail={name}))", "{name}").is_ok());
        for text in [
            "",
            "uid={name}",
            "(uid=*)",
            "(uid={dn})",
            "(uid=*{name})",
            "(uid={name}*)",
            "(uid>={name})",
            "(uid~={name})",
            "(uid:rule:={name})",
            "({name}=x)",
            "(&(uid={name})",
            "(uid={name}))",
            "(&(uid={name})(cn=a{name}))",
        ] {
            assert!(Template::parse(text, "{name}").is_err(), "{text:?}");
        }
    }

    #[test]
    fn several_members_and_the_rule_of_active_directory() {
        let template = Template::parse("(&(objectClass=group)(member={dn}))", "{dn}").unwrap();
        assert_eq!(
            template.with_any(&["cn=a", "cn=b*"]),
            "(|(&(objectClass=group)(member=cn=a))(&(objectClass=group)(member=cn=b\\2a)))"
        );
        let chained = template.with_in_chain("cn=(a),dc=x");
        assert_eq!(chained, "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=cn=\\28a\\29,dc=x))");
        assert!(ldap3::parse_filter(chained).is_ok());
    }

    #[test]
    fn bytes_are_values_too() {
        assert_eq!(equality("objectGUID", &[0, 0x2a, b'a', 0xff]), "(objectGUID=\\00\\2aa\\ff)");
    }
}
