//! A directory's process that says what a test tells it to, over the protocol of the real one: a length, then JSON.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use redoubt::config;
use redoubt::directory::{Directory, DirectoryId};
use serde_json::{Value, json};

/// What it knows and was asked.
#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By the name that is typed; several may mean one person.
    people: HashMap<String, Known>,
    /// What it says instead of anything else.
    refusal: Option<Value>,
    delay: Duration,
    binds: usize,
    look_ups: usize,
}

#[derive(Clone)]
struct Known {
    id: String,
    name: String,
    display_name: String,
    password: String,
    groups: Vec<String>,
    refusal: Option<Value>,
}

impl Scripted {
    pub(super) fn directory(&self) -> Directory {
        let directory = Directory::new(&config::Directory::default());
        let (front, mut process) = UnixStream::pair().unwrap();
        directory.connect(front).unwrap();
        let this = self.clone();
        thread::spawn(move || {
            while let Some(question) = receive(&mut process) {
                let (answer, delay) = this.answer(&question["ask"]);
                let reply = json!({"id": question["id"], "reply": {"Person": answer}}).to_string();
                let mut socket = process.try_clone().unwrap();
                // Like the real one it answers many at once.
                thread::spawn(move || {
                    thread::sleep(delay);
                    let length = u32::try_from(reply.len()).unwrap().to_le_bytes();
                    // Whoever asked may have gone.
                    let _gone = socket.write_all(&[&length, reply.as_bytes()].concat());
                });
            }
        });
        directory
    }

    /// Somebody under this name, with the number as the id.
    pub(super) fn person(&self, number: u128, name: &str, groups: &[&str]) {
        let known = Known {
            id: id(number),
            name: name.to_owned(),
            display_name: format!("{name} of the directory"),
            password: super::appliance::PASSWORD.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            refusal: None,
        };
        self.0.lock().unwrap().people.insert(name.to_owned(), known);
    }

    /// Another name that finds the same person.
    pub(super) fn alias(&self, name: &str, alias: &str) {
        let mut state = self.0.lock().unwrap();
        let known = state.people[name].clone();
        state.people.insert(alias.to_owned(), known);
    }

    pub(super) fn forget(&self, name: &str) {
        self.0.lock().unwrap().people.remove(name);
    }

    pub(super) fn refuse(&self, name: &str, refusal: &str) {
        self.0.lock().unwrap().people.get_mut(name).unwrap().refusal = Some(json!(refusal));
    }

    /// The directory answers, with an entry that cannot be used.
    pub(super) fn spoil(&self, name: &str) {
        let refusal = json!({"Unusable": "a test spoilt it"});
        self.0.lock().unwrap().people.get_mut(name).unwrap().refusal = Some(refusal);
    }

    pub(super) fn away(&self, away: bool) {
        self.0.lock().unwrap().refusal = away.then(|| json!({"Unavailable": "a test took it away"}));
    }

    pub(super) fn delay(&self, delay: Duration) {
        self.0.lock().unwrap().delay = delay;
    }

    /// How often a password came to it.
    pub(super) fn binds(&self) -> usize {
        self.0.lock().unwrap().binds
    }

    pub(super) fn look_ups(&self) -> usize {
        self.0.lock().unwrap().look_ups
    }

    fn answer(&self, ask: &Value) -> (Value, Duration) {
        let mut state = self.0.lock().unwrap();
        let delay = state.delay;
        let found = if let Some(verify) = ask.get("Verify") {
            state.binds += 1;
            let found = state.people.get(verify["name"].as_str().unwrap()).cloned();
            found.map(|known| {
                let right = verify["password"] == known.password.as_str();
                let wrong = (!right && known.refusal.is_none()).then(|| json!("WrongPassword"));
                Known { refusal: known.refusal.or(wrong), ..known }
            })
        } else if let Some(find) = ask.get("Find") {
            state.people.get(find["name"].as_str().unwrap()).cloned()
        } else {
            state.look_ups += 1;
            let id = ask["LookUp"]["id"].as_str().unwrap();
            state.people.values().find(|known| known.id == id).cloned()
        };
        let answer = match (&state.refusal, found) {
            (Some(refusal), _) => json!({"Err": refusal}),
            (None, None) => json!({"Err": "Unknown"}),
            (None, Some(Known { refusal: Some(refusal), .. })) => json!({"Err": refusal}),
            (None, Some(known)) => json!({"Ok": {
                "id": known.id, "dn": format!("uid={},dc=example", known.name), "name": known.name,
                "display_name": known.display_name, "groups": known.groups,
            }}),
        };
        (answer, delay)
    }
}

pub(super) fn id(number: u128) -> String {
    let text = format!("{number:032x}");
    let text = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-");
    DirectoryId::parse(&text).unwrap().as_str().to_owned()
}

fn receive(socket: &mut UnixStream) -> Option<Value> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
    socket.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}
