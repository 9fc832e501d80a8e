//! ArcSight's Common Event Format, version 0.

use std::fmt::{Display, Write};

use super::plain::Escapes;
use super::{PRODUCT, leaf, milliseconds};
use crate::canonical::write_data;
use crate::{Outcome, Record};

const HEADER: Escapes = Escapes::of([b'|'; 2]);
const VALUE: Escapes = Escapes::of([b'='; 2]);

/// The record as one line of CEF.
pub fn cef(record: &Record) -> String {
    let fields = record.fields();
    let mut line = String::with_capacity(record.bytes().len() * 2);
    line.extend(["CEF:0|", PRODUCT, "|", PRODUCT, "|"]);
    HEADER.push(&mut line, &fields.sw);
    line.extend(["|", &fields.act, "|", &fields.act, "|", severity(fields.outcome), "|"]);
    let mut extension = Extension { line, separator: "" };
    extension.number("rt", milliseconds(record));
    extension.number("externalId", fields.seq);
    extension.text("cat", Some(&fields.cat));
    extension.text("outcome", Some(fields.outcome.as_str()));
    extension.text("reason", fields.reason.as_deref());
    extension.text("suid", fields.actor.uid.as_deref());
    extension.text("suser", fields.actor.name.as_deref());
    if let Some(source) = &fields.src {
        // `src` is an IPv4 address by definition.
        if source.ip.contains(':') {
            extension.labelled("c6a2", "Source IPv6 Address", Some(&source.ip));
        } else {
            extension.text("src", Some(&source.ip));
        }
        extension.number("spt", source.port);
    }
    extension.labelled("cs1", "leaf", Some(&leaf(record)));
    let object = fields.obj.as_ref().map(|object| format!("{} {}", object.kind, object.id));
    extension.labelled("cs2", "object", object.as_deref());
    extension.labelled("cs3", "session", fields.actor.sess.as_deref());
    if !fields.d.is_empty() {
        let mut data = String::new();
        write_data(&mut data, &fields.d);
        extension.labelled("cs4", "data", Some(&data));
    }
    extension.labelled("cs5", "request", fields.req.as_deref());
    extension.labelled("cs6", "log", Some(&fields.origin));
    extension.line
}

fn severity(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "3",
        Outcome::Deny => "6",
        Outcome::Error => "8",
    }
}

struct Extension {
    line: String,
    separator: &'static str,
}

impl Extension {
    fn key(&mut self, key: &str) -> &mut String {
        self.line.extend([self.separator, key, "="]);
        self.separator = " ";
        &mut self.line
    }

    fn number(&mut self, key: &str, number: impl Display) {
        // Writing to a `String` does not fail.
        let _ = write!(self.key(key), "{number}");
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            VALUE.push(self.key(key), text);
        }
    }

    /// A custom field, whose meaning stands in a field beside it.
    fn labelled(&mut self, key: &str, label: &str, text: Option<&str>) {
        if text.is_some() {
            self.line.extend([self.separator, key, "Label=", label]);
            self.separator = " ";
            self.text(key, text);
        }
    }
}
