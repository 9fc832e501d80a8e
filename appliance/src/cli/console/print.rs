//! Answers for people: a table as wide as its words need, a list of facts, a sentence.

use serde_json::Value;

use super::super::voice::say;

pub(in super::super) fn json(value: &Value) {
    say(&value.to_string());
}

/// Rows under headings. A column is named by its heading and the field that it shows; `.` goes into an object.
pub(in super::super) fn table(columns: &[(&str, &str)], items: &[Value], nothing: &str) {
    if items.is_empty() {
        return say(nothing);
    }
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| columns.iter().map(|(_, field)| text(at(item, field))).collect()).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        longest.max(columns[column].0.chars().count())
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        say(padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(columns.iter().map(|(heading, _)| *heading).collect());
    rows.iter().for_each(|row| line(row.iter().map(String::as_str).collect()));
}

/// One fact a line.
pub(in super::super) fn facts(fields: &[(&str, &str)], item: &Value) {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, field) in fields {
        say(&format!("{name:<width$}  {}", text(at(item, field))));
    }
}

pub(in super::super) fn sentence(text: &str) {
    say(text);
}

fn at<'a>(item: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(item, |value, name| &value[name])
}

/// A value in a cell: what is not there is a dash; of objects, their names.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        // What comes from a directory or a browser must not move the cursor.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Array(values) if values.is_empty() => "–".to_owned(),
        Value::Array(values) => values.iter().map(text_of_one).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pairs = fields.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<String> =
                pairs.map(|(name, value)| format!("{name} {}", text_of_one(value))).collect();
            if pairs.is_empty() { "–".to_owned() } else { pairs.join(", ") }
        }
        other => other.to_string(),
    }
}

fn text_of_one(value: &Value) -> String {
    ["name", "username", "id"]
        .iter()
        .find_map(|key| value[*key].as_str())
        .map_or_else(|| text(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_words() {
        let item = json!({"groups": [{"id": "1", "name": "desk"}, {"id": "2", "name": "night"}], "at": null,
                          "on": true, "quotas": {"parallel": 2, "tokens": null}, "agent": "a\u{1b}[31mb", "none": []});
        let shown = |field| text(at(&item, field));
        assert_eq!(shown("groups"), "desk, night");
        assert_eq!(shown("at"), "–");
        assert_eq!(shown("on"), "yes");
        assert_eq!(shown("quotas"), "parallel 2");
        assert_eq!(shown("agent"), "a[31mb");
        assert_eq!(shown("none"), "–");
        assert_eq!(shown("quotas.parallel"), "2");
    }
}
