//! What the tests of this folder share.

use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::{self, Settings};
use redoubt_engine::{CacheScope, Engine, Event, Prompt, Reply, Request, Role, Sampling, Turn};
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::net::UnixStream;
use std::thread;

/// A file that has no name, with these bytes.
pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

pub(crate) fn settings() -> Settings {
    Settings { threads: 2, ..Settings::default() }
}

/// An engine on a thread of its own, over the same protocol as a process.
pub(crate) fn start(tiny: &Tiny, settings: Settings) -> Engine {
    let (front, back) = UnixStream::pair().unwrap();
    let model = file(&tiny.bytes().unwrap());
    thread::spawn(move || worker::serve(back, model, settings));
    Engine::connect(front).unwrap()
}

pub(crate) fn request(prompt: &str, party: &str, sampling: Sampling) -> Request {
    Request {
        prompt: Prompt::Text(prompt.to_owned()),
        sampling,
        cache_scope: CacheScope::default(),
        party: party.to_owned(),
        priority: 0,
    }
}

/// Greedy, for exactly so many tokens.
pub(crate) fn exactly(max_tokens: u32) -> Sampling {
    Sampling { ignore_eos: true, ..Sampling::greedy(max_tokens) }
}

pub(crate) fn turn(role: Role, content: &str) -> Turn {
    Turn { role, content: content.to_owned() }
}

/// All events to the end.
pub(crate) async fn events(mut reply: Reply) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = reply.next().await {
        events.push(event);
    }
    events
}

pub(crate) fn ids(events: &[Event]) -> Vec<u32> {
    let id = |event: &Event| match event {
        Event::Token { id, .. } => Some(*id),
        _ => None,
    };
    events.iter().filter_map(id).collect()
}

pub(crate) fn text(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Token { text, .. } => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}
