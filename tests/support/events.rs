//! Server-sent events as they arrive.

use std::io::{BufRead, BufReader};

use serde_json::Value;
use ureq::BodyReader;

/// One event. Events of `/v1` have no name.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {:?}", self.data))
    }
}

/// The events of a response, to be read one by one. Dropped before its end, it closes the connection.
pub(crate) struct Events(BufReader<BodyReader<'static>>);

impl Events {
    pub(super) fn new(body: ureq::Body) -> Self {
        Self(BufReader::new(body.into_reader()))
    }

    /// Reads an answer of a chat to its end.
    pub(crate) fn finish(self) -> Asked {
        Asked::of(self.collect())
    }

    /// Reads until an event of that name.
    pub(crate) fn until(&mut self, name: &str) -> Event {
        self.find(|event| event.name == name).unwrap_or_else(|| panic!("there was no event {name}"))
    }
}

impl Iterator for Events {
    type Item = Event;

    /// `None` when the response is over or broke off.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event { name: String::new(), data: String::new() };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => data.clone_into(&mut event.data),
                Some(("", _)) => {}
                _ if line.is_empty() && event.data.is_empty() => {}
                _ if line.is_empty() => return Some(event),
                _ => panic!("not a line of an event: {line:?}"),
            }
        }
    }
}

/// A chat's answer, read to its end; its events were in the right order.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) start: Value,
    /// The texts of the `token` events.
    pub(crate) tokens: Vec<String>,
    pub(crate) error: Option<Value>,
    pub(crate) end: Value,
}

impl Asked {
    fn of(events: Vec<Event>) -> Self {
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        let rank =
            |name: &&str| ["start", "queue", "token", "error", "end"].iter().position(|known| known == name);
        let ranks: Vec<_> =
            names.iter().map(|name| rank(name).unwrap_or_else(|| panic!("event {name}"))).collect();
        assert!(ranks.is_sorted(), "out of order: {names:?}");
        assert_eq!(names.iter().filter(|name| **name == "start").count(), 1, "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "end").count(), 1, "{names:?}");
        let named =
            |name: &'static str| events.iter().filter(move |event| event.name == name).map(Event::json);
        let start = named("start").next().unwrap();
        let id = |field: &str| start[field].as_str().unwrap().to_owned();
        Self {
            question: id("question"),
            answer: id("answer"),
            tokens: named("token").map(|token| token["text"].as_str().unwrap().to_owned()).collect(),
            error: named("error").next(),
            end: named("end").next().unwrap(),
            start,
        }
    }

    pub(crate) fn text(&self) -> String {
        self.tokens.concat()
    }
}
