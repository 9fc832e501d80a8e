//! Canonical JSON as RFC 8785 (JCS) defines it, for the values that records have: objects, lists,
//! strings, whole numbers and booleans. There is no `null` and no fraction in a record.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use serde_json::Value;

use crate::{Error, draft};

/// The largest whole number that every JSON reader holds exactly (RFC 8785 section 3.2.2.3: IEEE 754).
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The canonical bytes of `value`.
///
/// # Errors
/// [`Error::OutOfRange`] for a fraction, `null`, or a number beyond ±(2⁵³ − 1).
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, Error> {
    let mut text = String::new();
    write_value(&mut text, value)?;
    Ok(text.into_bytes())
}

fn write_value(out: &mut String, value: &Value) -> Result<(), Error> {
    match value {
        Value::Bool(value) => write_bool(out, *value),
        Value::Number(number) => {
            let number = number.as_i64().ok_or(Error::OutOfRange("number"))?;
            if !(-MAX_INTEGER..=MAX_INTEGER).contains(&number) {
                return Err(Error::OutOfRange("number"));
            }
            write_integer(out, number);
        }
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| by_utf_16(a, b));
            let mut members = Members::open(out);
            for (name, item) in fields {
                write_value(members.any_name(name), item)?;
            }
            members.close();
        }
        Value::Null => return Err(Error::OutOfRange("null")),
    }
    Ok(())
}

/// RFC 8785 section 3.2.3: names are ordered by their UTF-16 code units.
fn by_utf_16(a: &str, b: &str) -> std::cmp::Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// An object that is being written. **Invariant:** the caller names its members in canonical order.
pub(crate) struct Members<'a> {
    out: &'a mut String,
    separator: &'static str,
}

impl<'a> Members<'a> {
    pub(crate) fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, separator: "" }
    }

    /// Begins a member of the format, whose name needs no escape; its value is to be written next.
    pub(crate) fn name(&mut self, name: &'static str) -> &mut String {
        self.out.extend([self.separator, "\"", name, "\":"]);
        self.separator = ",";
        self.out
    }

    /// [`Members::name`] with any name.
    fn any_name(&mut self, name: &str) -> &mut String {
        self.out.push_str(self.separator);
        self.separator = ",";
        write_string(self.out, name);
        self.out.push(':');
        self.out
    }

    pub(crate) fn string(&mut self, name: &'static str, text: &str) {
        write_string(self.name(name), text);
    }

    pub(crate) fn optional(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.string(name, text);
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str, number: impl Display) {
        write_integer(self.name(name), number);
    }

    /// A list of strings, if it has any.
    pub(crate) fn strings(&mut self, name: &'static str, items: &[String]) {
        if !items.is_empty() {
            write_strings(self.name(name), items);
        }
    }

    /// The values of an event, if it has any.
    pub(crate) fn data(&mut self, name: &'static str, data: &BTreeMap<String, draft::Value>) {
        if !data.is_empty() {
            write_data(self.name(name), data);
        }
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Members<'_> {
        Members::open(self.name(name))
    }

    pub(crate) fn close(self) {
        self.out.push('}');
    }
}

/// The values of an event as an object.
pub(crate) fn write_data(out: &mut String, data: &BTreeMap<String, draft::Value>) {
    let mut members: Vec<_> = data.iter().collect();
    // The map has them by their bytes, which is the same order unless a name is beyond the Basic Multilingual Plane.
    if !data.keys().all(|name| name.is_ascii()) {
        members.sort_by(|(a, _), (b, _)| by_utf_16(a, b));
    }
    let mut object = Members::open(out);
    for (name, value) in members {
        let out = object.any_name(name);
        match value {
            draft::Value::Bool(value) => write_bool(out, *value),
            draft::Value::Int(number) => write_integer(out, *number),
            draft::Value::Str(text) => write_string(out, text),
            draft::Value::List(items) => write_strings(out, items),
        }
    }
    object.close();
}

fn write_strings(out: &mut String, items: &[String]) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, item);
    }
    out.push(']');
}

fn write_bool(out: &mut String, value: bool) {
    out.push_str(if value { "true" } else { "false" });
}

fn write_integer(out: &mut String, number: impl Display) {
    // Writing to a `String` does not fail.
    let _ = write!(out, "{number}");
}

/// RFC 8785 section 3.2.2.2: only what must be escaped is, in its shortest form, hex in lower case.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    // Most texts need no escape. Without an early end the compiler looks at many bytes at once.
    if text.bytes().fold(false, |found, byte| found | is_escaped(byte)) {
        write_escaped(out, text);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn write_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    // What is escaped is ASCII, so a text can be cut before and behind it.
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, found) = rest.split_at(at);
        out.push_str(plain);
        let (escaped, behind) = found.split_at(1);
        match escaped {
            "\"" => out.push_str("\\\""),
            "\\" => out.push_str("\\\\"),
            "\u{8}" => out.push_str("\\b"),
            "\t" => out.push_str("\\t"),
            "\n" => out.push_str("\\n"),
            "\u{c}" => out.push_str("\\f"),
            "\r" => out.push_str("\\r"),
            control => {
                // Writing to a `String` does not fail.
                let _ = write!(out, "\\u{:04x}", control.bytes().next().unwrap_or_default());
            }
        }
        rest = behind;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical(value: &Value) -> String {
        String::from_utf8(canonical_json(value).unwrap()).unwrap()
    }

    #[test]
    fn names_are_sorted_by_utf_16_code_units() {
        // The example of RFC 8785 section 3.2.3, which UTF-8 order would sort differently.
        let value = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        let expected =
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value), expected);
        let mut written = String::new();
        write_data(&mut written, &serde_json::from_value(value).unwrap());
        assert_eq!(written, expected);
    }

    #[test]
    fn strings_are_escaped_in_the_shortest_form() {
        // The string of the example in RFC 8785 section 3.2.2.
        let value = json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/");
        assert_eq!(canonical(&value), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    }

    #[test]
    fn fractions_null_and_unsafe_integers_are_refused() {
        for value in [json!(1.5), json!(null), json!(1_i64 << 53), json!(-(1_i64 << 53)), json!([1, [null]])]
        {
            assert!(canonical_json(&value).is_err(), "{value}");
        }
        assert_eq!(canonical(&json!([(1_i64 << 53) - 1, -3, 0])), "[9007199254740991,-3,0]");
    }
}
