//! Chats as the file's own template renders them, and their tokens, in which what people wrote stays text.

use redoubt_engine::{Prompt, Turn};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    chats: Vec<Chat>,
}

#[derive(Deserialize)]
struct Chat {
    messages: Vec<Turn>,
    prompt: String,
    ids: Vec<u32>,
}

#[test]
fn chats_become_the_text_and_the_tokens_that_the_template_means() {
    let model = crate::load(&crate::model_file());
    let template = model.template().expect("the demo model has a template");
    let Expected { chats } = crate::expected("chat_template.json");
    assert!(chats.len() >= 12, "only {} chats", chats.len());
    for Chat { messages, prompt, ids } in chats {
        assert_eq!(template.render(&messages).unwrap(), prompt, "{messages:?}");
        let (tokens, dropped) = model.prompt_tokens(&Prompt::Chat(messages), 64).unwrap();
        assert_eq!((tokens, dropped), (ids, 0), "{prompt:?}");
    }
}
