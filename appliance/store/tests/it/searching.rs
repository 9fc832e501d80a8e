//! Search: finds one's own, nothing of others, nothing that is gone, and takes no query for syntax.

use std::time::Instant;

use proptest::prelude::*;
use redoubt_store::chats::{self, Scope};
use redoubt_store::messages::{self, Finish, Role, Status};
use redoubt_store::search::{self, Hit, Part};
use redoubt_store::{Error, Store};

use crate::support::{
    Place, delete_chat, insert_chat, insert_chat_in, insert_message, insert_user, long, question, scope,
};

fn place() -> Place {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_user(tx, "bob")?;
            insert_chat(tx, "alice", "weather", "Weather in Reykjavík")?;
            insert_message(
                tx,
                "alice",
                &question("weather", "w1", None, "Will it rain in Iceland tomorrow?"),
            )?;
            insert_chat(tx, "alice", "code", "Sorting")?;
            insert_message(
                tx,
                "alice",
                &question("code", "c1", None, "Explain NEAR(a b) and \"quotes\" in C++"),
            )?;
            insert_chat(tx, "bob", "secret", "Weather of bob")?;
            insert_message(tx, "bob", &question("secret", "s1", None, "Will it rain on my parade?"))
        })
        .unwrap();
    place
}

fn find(store: &Store, owner: &'static str, query: &str) -> Vec<Hit> {
    let query = query.to_owned();
    store.read_blocking(move |reader| search::find(reader, &scope(owner), &query, 20)).unwrap()
}

/// What was hit: chat and message.
fn hits(store: &Store, owner: &'static str, query: &str) -> Vec<(String, Option<String>)> {
    find(store, owner, query).into_iter().map(|hit| (hit.chat.id, hit.message_id)).collect()
}

fn hit(chat: &str, message: Option<&str>) -> (String, Option<String>) {
    (chat.to_owned(), message.map(str::to_owned))
}

#[test]
fn titles_come_first_then_messages_by_beginnings_of_words() {
    let place = place();
    assert_eq!(hits(&place.store, "alice", "weath"), [hit("weather", None)]);
    assert_eq!(hits(&place.store, "alice", "reykjavik"), [hit("weather", None)]);
    assert_eq!(hits(&place.store, "alice", "rain TOMORROW"), [hit("weather", Some("w1"))]);
    assert_eq!(hits(&place.store, "alice", "rain sorting"), []);
}

#[test]
fn nobody_finds_what_is_somebody_else_s() {
    let place = place();
    assert_eq!(hits(&place.store, "alice", "parade"), []);
    assert_eq!(hits(&place.store, "bob", "rain"), [hit("secret", Some("s1"))]);
    assert_eq!(hits(&place.store, "carol", "rain"), []);
    assert_eq!(hits(&place.store, "alice", "bob"), [], "an owner's name is not text");
    assert_eq!(hits(&place.store, "alice", "alice"), []);
}

/// Ranked by how rare a word is in the whole table, one's own hits change places when somebody else writes it: so one
/// could ask the order what others wrote.
#[test]
fn nothing_that_others_write_moves_one_s_own_hits() {
    let place = Place::with_alice();
    let mine = [
        ("m1", "Pelican pelican pelican control"),
        ("m2", "pelican control control control"),
        ("m3", "control of a brown pelican"),
        ("m4", "control"),
    ];
    place
        .store
        .write_blocking(move |tx| {
            insert_user(tx, "bob")?;
            for (id, text) in mine {
                insert_chat(tx, "alice", id, text)?;
                insert_message(tx, "alice", &question(id, &format!("{id}q"), None, text))?;
            }
            // So that either word is rare.
            for number in 0..30 {
                let id = format!("other{number}");
                insert_chat(tx, "alice", &id, "albatross")?;
                insert_message(tx, "alice", &question(&id, &format!("{id}q"), None, "albatross"))?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    let queries = ["pelican control", "pel cont", "pelican-pelican", "brown-pel", "control", "p c"];
    let told = || queries.map(|query| find(&place.store, "alice", query));
    let before = told();
    assert!(before.iter().all(|hits| !hits.is_empty()));
    let elsewhere = Scope { owner: "alice".to_owned(), workspace: "elsewhere".to_owned() };
    let far = Scope { owner: "bob".to_owned(), workspace: "elsewhere".to_owned() };
    for (round, scope) in [scope("bob"), far, elsewhere].into_iter().enumerate() {
        for (turn, text) in
            ["pelican", "control", "pelican control", "brown pelican pelican"].iter().enumerate()
        {
            let (scope, chat) = (scope.clone(), format!("{round}-{turn}"));
            place
                .store
                .write_blocking(move |tx| {
                    insert_chat_in(tx, &scope, &chat, text)?;
                    for number in 0..50 {
                        let id = format!("{chat}-{number}");
                        insert_message(tx, &scope.owner, &question(&chat, &id, None, text))?;
                    }
                    Ok::<_, Error>(())
                })
                .unwrap();
            assert_eq!(told(), before, "after {text:?} in {round}");
        }
    }
}

/// Two hundred thousand foreign messages in a long run (`REDOUBT_LONG=1`), a tenth in a normal one; read the numbers with
/// `--nocapture`.
#[test]
fn how_long_a_search_takes_beside_others_texts() {
    let place = Place::with_alice();
    let insert = |owner: &'static str, chat: String, messages: usize| {
        let inserted = place.store.write_blocking(move |tx| {
            insert_chat(tx, owner, &chat, "common words")?;
            for number in 0..messages {
                let text = format!("common words of message {number} and companions");
                insert_message(tx, owner, &question(&chat, &format!("{chat}-{number}"), None, &text))?;
            }
            Ok::<_, Error>(())
        });
        inserted.unwrap();
    };
    place.store.write_blocking(|tx| insert_user(tx, "bob")).unwrap();
    insert("alice", "mine".to_owned(), 100);
    let time = |query: &'static str| {
        let started = Instant::now();
        let found = (0..20).map(|_| find(&place.store, "alice", query).len()).max().unwrap();
        (started.elapsed() / 20, found)
    };
    let queries = ["common", "com wor", "message-7", "c"];
    let alone = queries.map(time);
    for chat in 0..if long() { 100 } else { 10 } {
        insert("bob", format!("theirs{chat}"), 2_000);
    }
    for ((query, (alone, found)), (beside, found_beside)) in queries.iter().zip(alone).zip(queries.map(time))
    {
        println!("{query:?}: {alone:?} alone, {beside:?} beside others");
        assert_eq!(found, found_beside);
    }
}

#[test]
fn the_snippet_marks_the_matches() {
    let place = place();
    let found = find(&place.store, "alice", "rain");
    let part = |text: &str, is_match| Part { text: text.to_owned(), is_match };
    assert_eq!(
        found[0].snippet,
        [part("Will it ", false), part("rain", true), part(" in Iceland tomorrow?", false)]
    );
}

#[test]
fn a_query_is_words_whatever_it_looks_like() {
    let place = place();
    for query in ["NEAR(a b)", "\"quotes\"", "C++", "explain AND", "near(", "a\u{0}b quotes"] {
        let found = hits(&place.store, "alice", query);
        let expected = if query.contains('\u{0}') { vec![] } else { vec![hit("code", Some("c1"))] };
        assert!(found == expected || found == [hit("code", Some("c1"))], "{query}: {found:?}");
    }
    for query in ["", " ", "*", "\"", "(", "()", "^", "-", "--", "'", ";", "\u{0}", "🙂", "owner:bob rain"]
    {
        assert_eq!(hits(&place.store, "alice", query), [], "{query:?}");
    }
    for query in
        ["owner : bob", "content:parade", "parade OR rain", "NOT zebra", "rain'; DROP TABLE messages; --"]
    {
        assert!(hits(&place.store, "alice", query).iter().all(|(chat, _)| chat != "secret"), "{query}");
    }
    assert_eq!(hits(&place.store, "alice", &"rain ".repeat(10_000)), [hit("weather", Some("w1"))]);
    assert_eq!(hits(&place.store, "alice", &"x".repeat(1 << 20)), []);
}

#[test]
fn what_changes_is_found_anew_and_what_goes_is_gone() {
    let place = place();
    let store = &place.store;
    store
        .write_blocking(|tx| {
            chats::rename(tx, &scope("alice"), "weather", "Climate", 0)?;
            let answer = messages::Message {
                role: Role::Assistant,
                status: Status::Streaming,
                ..question("weather", "w2", Some("w1"), "")
            };
            insert_message(tx, "alice", &answer)?;
            let finish = Finish {
                status: Status::Done,
                content: "Probably drizzle".to_owned(),
                finish_reason: None,
                prompt_tokens: None,
                completion_tokens: None,
                cached_tokens: None,
                dropped_turns: None,
                elapsed_ms: None,
            };
            messages::finish(tx, "w2", &finish)
        })
        .unwrap();
    assert_eq!(hits(store, "alice", "weather"), []);
    assert_eq!(hits(store, "alice", "climate"), [hit("weather", None)]);
    assert_eq!(hits(store, "alice", "drizzle"), [hit("weather", Some("w2"))]);
    store.write_blocking(|tx| delete_chat(tx, "alice", "weather")).unwrap();
    for word in ["climate", "rain", "drizzle"] {
        assert_eq!(hits(store, "alice", word), [], "{word}");
    }
    assert_eq!(hits(store, "bob", "rain"), [hit("secret", Some("s1"))]);
    place.assert_intact();
}

#[test]
fn no_more_hits_than_asked_for() {
    let place = place();
    for limit in 0..4 {
        let found: Result<Vec<Hit>, Error> =
            place.store.read_blocking(move |reader| search::find(reader, &scope("alice"), "in", limit));
        assert_eq!(found.unwrap().len(), limit.min(3));
    }
}

#[test]
fn no_query_is_an_error() {
    let place = place();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2_000));
    let syntax = "([a-z]{0,3}|[\"*^:(){}+\\-,;'\u{0}\u{2}]|NEAR|AND|OR|NOT| |\\PC){0,40}";
    runner
        .run(&prop_oneof![syntax.prop_map(String::from), any::<String>()], |query| {
            let query_of_job = query.clone();
            let found = place
                .store
                .read_blocking(move |reader| search::find(reader, &scope("alice"), &query_of_job, 5));
            let found = found.map_err(|error| TestCaseError::fail(format!("{query:?}: {error}")))?;
            prop_assert!(found.iter().all(|hit| hit.chat.owner == "alice"));
            Ok(())
        })
        .unwrap();
}
