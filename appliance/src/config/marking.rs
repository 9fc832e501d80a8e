//! `[marking]`: the classification banner at the top and bottom of every page, print and export.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Marking {
    /// Empty = no banner.
    pub text: String,
    /// `#rrggbb`; empty = grey.
    pub background: String,
    /// `#rrggbb`; empty = white.
    pub color: String,
}

impl Marking {
    pub(crate) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, value) in [("background", &self.background), ("color", &self.color)] {
            if !value.is_empty() && !is_color(value) {
                problems.push(format!("marking.{key}: {value:?} is not a colour like #007a33"));
            }
        }
        if self.text.chars().count() > 200 || self.text.chars().any(char::is_control) {
            problems.push("marking.text: at most 200 characters on one line".to_owned());
        }
        problems
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
