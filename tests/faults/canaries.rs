//! Words that were typed are searched for in every file that the appliance leaves: none may be there in the
//! clear. 50 chats; with `REDOUBT_LONG=1` 1,000.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use crate::support::{Client, Demo, long};

/// What is typed: in any spelling or encoding that a store, an index or a log might give it.
pub(crate) const CANARY: &str = "Kanarienvogel-3f9a";

fn traces() -> Vec<Vec<u8>> {
    let utf16 = CANARY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let words = ["kanarienvogel", "Kanarienvogel", "KANARIENVOGEL"].map(|word| word.as_bytes().to_vec());
    // Base64 of the word at each of the three offsets, without the ends that depend on the neighbours.
    let base64 = (0..3).map(|offset| {
        let text = data_encoding::BASE64.encode(format!("{}{CANARY}", " ".repeat(offset)).as_bytes());
        text.as_bytes()[4..text.len() - 6].to_vec()
    });
    let hex = data_encoding::HEXLOWER.encode(CANARY.as_bytes()).into_bytes();
    words.into_iter().chain(base64).chain([utf16, hex]).collect()
}

/// The files below a folder in which a trace is found; what is not a regular file holds nothing.
pub(crate) fn tainted(folder: &Path) -> Vec<PathBuf> {
    let traces = traces();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if entry.file_type().unwrap().is_file() {
                let bytes = fs::read(&path).unwrap();
                let holds = |trace: &Vec<u8>| bytes.windows(trace.len()).any(|window| window == &trace[..]);
                if traces.iter().any(holds) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// Everything that a person can type, and the model's own words.
fn type_everywhere(client: &Client, number: usize) {
    let title = format!("{CANARY} title {number}");
    let chat = client.post("/api/v1/chats", &json!({"title": title})).is(201).json();
    let id = chat["id"].as_str().unwrap();
    let params = json!({"max_tokens": 1});
    let question = json!({"content": format!("{CANARY} question {number}"), "params": params});
    assert_eq!(client.begin(id, &question).finish().end["status"], "done");
    if number.is_multiple_of(10) {
        client.get(&format!("/api/v1/search?q={CANARY}")).is(200);
        client.get(&format!("/api/v1/chats/{id}/export?format=markdown")).is(200);
        client.get(&format!("/api/v1/chats/{CANARY}")).refuses(404, "not_found");
        client.get(&format!("/{CANARY}?{CANARY}")).is(200);
        client.post("/api/v1/chats", &json!({"title": CANARY, CANARY: CANARY})).refuses(422, "invalid");
        client.delete(&format!("/api/v1/chats/{id}")).is(204);
    }
}

#[test]
fn nothing_that_was_typed_is_found_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    fs::create_dir(root.join("temporary")).unwrap();
    let mut command = Demo::command(&root.join("data"), 1);
    command
        .env("TMPDIR", root.join("temporary"))
        .stderr(Stdio::from(File::create(root.join("stderr")).unwrap()));
    let demo = Demo::run(command, Some(folder));
    let client = demo.sign_in(&demo.person("analyst1"));
    let chats = if long() { 1_000 } else { 50 };
    for number in 0..chats {
        type_everywhere(&client, number);
    }
    let mut stranger = demo.client();
    stranger.offer_password(CANARY, CANARY).refuses(401, "sign_in_failed");
    let messages = json!([{"role": "user", "content": CANARY}]);
    let completion =
        json!({"model": demo.told("model"), "messages": messages, "max_tokens": 1, "user": CANARY});
    demo.program().post("/v1/chat/completions", &completion).is(200);
    let found = client.get(&format!("/api/v1/search?q={CANARY}&limit=100")).is(200).json();
    assert!(found["items"].as_array().unwrap().len() >= 40, "the words did not arrive: {found}");

    assert_eq!(tainted(&root), Vec::<PathBuf>::new(), "while it runs");
    let (status, folder) = demo.stop();
    assert_eq!(status.code(), Some(0));
    assert_eq!(tainted(&root), Vec::<PathBuf>::new(), "after it ended");
    for name in ["data/redoubt.db", "data/logs", "stderr"] {
        assert!(root.join(name).exists(), "{name} was not searched");
    }
    drop(folder);
}

/// The search itself finds a word in every form that it looks for.
#[test]
fn the_search_for_traces_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("clean"), b"nothing").unwrap();
    assert_eq!(tainted(folder.path()), Vec::<PathBuf>::new());
    let padded = format!("xx{CANARY}yy");
    let utf16: Vec<u8> = padded.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms = [
        padded.clone().into_bytes(),
        padded.to_lowercase().into_bytes(),
        utf16,
        data_encoding::BASE64.encode(padded.as_bytes()).into_bytes(),
        data_encoding::BASE64.encode(format!("x{padded}").as_bytes()).into_bytes(),
        data_encoding::BASE64.encode(format!("xx{padded}").as_bytes()).into_bytes(),
        data_encoding::HEXLOWER.encode(padded.as_bytes()).into_bytes(),
    ];
    for form in forms {
        let path = folder.path().join("deep/trace");
        fs::write(&path, &form).unwrap();
        assert_eq!(tainted(folder.path()), [path], "{:?}", String::from_utf8_lossy(&form));
    }
}
