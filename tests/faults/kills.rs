//! `kill -9` of the front in the middle of writes: what was acknowledged is there, and the store is whole.
//!
//! 50 times; with `REDOUBT_LONG=1` 500 times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redoubt_store::messages::Status;
use serde_json::json;

use super::survey::Survey;
use crate::support::{Answer, Client, Demo, await_some, long};

const WRITERS: usize = 3;
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// A chat whose making was acknowledged.
struct Chat {
    owner: String,
    id: String,
    /// The title acknowledged last, then the one sent after it without an answer: one of them it has.
    titles: Vec<String>,
    /// A question and its answer whose start was acknowledged.
    messages: Vec<String>,
    /// The text of an answer whose end was acknowledged.
    answered: Option<String>,
}

/// An answer, unless the front was killed meanwhile or is not back yet.
fn written(
    client: &Client,
    method: &str,
    path: &str,
    body: &serde_json::Value,
    status: u16,
) -> Option<Answer> {
    let answer = client.try_send(method, path, JSON, Some(body.to_string().into_bytes())).ok()?;
    // A front that is starting has no engine yet; anything else is wrong.
    assert!(answer.status == status || answer.status == 503, "{}", answer.text());
    (answer.status == status).then_some(answer)
}

fn write(client: &Client, owner: &str, number: usize) -> Option<Chat> {
    let title = format!("Chat {number}");
    let made = written(client, "POST", "/api/v1/chats", &json!({"title": title}), 201)?;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/chats/{id}");
    let mut chat =
        Chat { owner: owner.to_owned(), id, titles: vec![title], messages: Vec::new(), answered: None };
    let renamed = format!("Chat {number}, renamed");
    chat.titles.push(renamed.clone());
    if written(client, "PATCH", &path, &json!({"title": renamed}), 200).is_some() {
        chat.titles = vec![renamed];
    }
    if number.is_multiple_of(4) {
        ask(client, &path, &mut chat);
    }
    Some(chat)
}

/// The `start` event acknowledges the question, the `end` event the answer.
fn ask(client: &Client, path: &str, chat: &mut Chat) {
    let body = json!({"content": "Say yes.", "params": {"max_tokens": 2}});
    let messages = format!("{path}/messages");
    let Some(events) = client.try_stream("POST", &messages, Some(&body)) else { return };
    let mut text = String::new();
    for event in events {
        let data = event.json();
        match event.name.as_str() {
            "start" => {
                chat.messages =
                    ["question", "answer"].map(|name| data[name].as_str().unwrap().to_owned()).to_vec();
            }
            "token" => text.push_str(data["text"].as_str().unwrap()),
            "end" if data["status"] == "done" => chat.answered = Some(text.clone()),
            _ => {}
        }
    }
}

#[test]
fn a_killed_front_loses_nothing_that_it_acknowledged() {
    let kills = if long() { 500 } else { 50 };
    let demo = Demo::start(WRITERS);
    let over = AtomicBool::new(false);
    let chats: Vec<Chat> = thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|number| {
                let owner = format!("analyst{number}");
                let client = demo.sign_in(&demo.person(&owner));
                let over = &over;
                scope.spawn(move || {
                    let numbers = (0..).take_while(|_| !over.load(Ordering::Relaxed));
                    numbers.filter_map(|number| write(&client, &owner, number)).collect::<Vec<_>>()
                })
            })
            .collect();
        for round in 0..kills {
            // A different moment each time, without chance.
            thread::sleep(Duration::from_millis(20 + round * 37 % 180));
            demo.kill("@front");
            await_some("the next front", || demo.is_ready().then_some(()));
        }
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let data = demo.data();
    let (status, _folder) = demo.stop();
    assert_eq!(status.code(), Some(0));
    let survey = Survey::of(&data);
    for chat in &chats {
        assert_is_there(&survey, chat);
    }
    let answered = chats.iter().filter(|chat| chat.answered.is_some()).count();
    println!("{kills} kills: {} chats and {answered} answers acknowledged, none lost", chats.len());
    assert!(chats.len() > 20 && answered > 2, "{} chats, {answered} answers: too few to tell", chats.len());
}

fn assert_is_there(survey: &Survey, chat: &Chat) {
    let Some((stored, messages)) = survey.chat(&chat.owner, &chat.id) else { panic!("{} is lost", chat.id) };
    assert!(chat.titles.contains(&stored.title), "{:?} is none of {:?}", stored.title, chat.titles);
    for id in &chat.messages {
        assert!(messages.iter().any(|message| message.id == *id), "message {id} is lost");
    }
    for message in &messages {
        assert_ne!(message.status, Status::Streaming, "nobody closed message {}", message.id);
    }
    if let Some(text) = &chat.answered {
        let answer = messages.iter().find(|message| message.id == chat.messages[1]).unwrap();
        assert_eq!((answer.status, &answer.content), (Status::Done, text));
    }
}
