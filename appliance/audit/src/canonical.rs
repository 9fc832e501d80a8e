//! Canonical JSON as RFC 8785 (JCS) defines it, for the values that records have: objects, lists,
//! strings, whole numbers and booleans. There is no `null` and no fraction in a record.

use std::fmt::Write;

use serde_json::Value;

use crate::Error;

/// The largest whole number that every JSON reader holds exactly (RFC 8785 section 3.2.2.3: IEEE 754).
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The canonical bytes of `value`.
pub(crate) fn to_bytes(value: &Value) -> Result<Vec<u8>, Error> {
    let mut text = String::new();
    write_value(&mut text, value)?;
    Ok(text.into_bytes())
}

fn write_value(out: &mut String, value: &Value) -> Result<(), Error> {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let number = number.as_i64().ok_or(Error::OutOfRange("number"))?;
            if !(-MAX_INTEGER..=MAX_INTEGER).contains(&number) {
                return Err(Error::OutOfRange("number"));
            }
            out.push_str(&number.to_string());
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
            // RFC 8785 section 3.2.3: names are ordered by their UTF-16 code units.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (name, item)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write_value(out, item)?;
            }
            out.push('}');
        }
        Value::Null => return Err(Error::OutOfRange("null")),
    }
    Ok(())
}

/// RFC 8785 section 3.2.2.2: only what must be escaped is, in its shortest form, hex in lower case.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                // Writing to a `String` does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical(value: &Value) -> String {
        String::from_utf8(to_bytes(value).unwrap()).unwrap()
    }

    #[test]
    fn names_are_sorted_by_utf_16_code_units() {
        // The example of RFC 8785 section 3.2.3, which UTF-8 order would sort differently.
        let value = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        assert_eq!(
            canonical(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
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
            assert!(to_bytes(&value).is_err(), "{value}");
        }
        assert_eq!(canonical(&json!([(1_i64 << 53) - 1, -3, 0])), "[9007199254740991,-3,0]");
    }
}
