//! Whatever people write into a chat, none of it becomes a control token, and all of it arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redoubt_engine::fixture::Tiny;
use redoubt_engine::model::Options;
use redoubt_engine::{Model, Prompt, Role, Turn};
use redoubt_fuzz::limits;
use redoubt_fuzz::memory_file;
use std::sync::LazyLock;

const CONTEXT: u32 = 1 << 16;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let bytes = Tiny { context: CONTEXT, ..Tiny::default() }.bytes().unwrap();
    Model::load(&memory_file(&bytes, 0, 0), &Options { threads: 1, ..Options::default() }).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // A byte that people can hardly type separates the turns.
    let turns: Vec<Turn> =
        text.split('\u{1e}').zip([Role::User, Role::Assistant].into_iter().cycle()).map(turn).collect();
    let prompt = Prompt::Chat(turns.clone());
    let tokens = limits::text(text.len(), || MODEL.prompt_tokens(&prompt, 1));
    let Ok((tokens, 0)) = tokens else { return };
    let control = |id: &&u32| MODEL.tokenizer().piece(**id).is_empty();
    assert_eq!(tokens.iter().filter(control).count(), 2 * turns.len() + 1, "{text:?}");
    let expected: String =
        turns.iter().map(|turn| format!("{}\n{}\n", turn.role.name(), turn.content)).collect();
    assert_eq!(MODEL.tokenizer().decode(&tokens), expected + "assistant\n");
});

fn turn((content, role): (&str, Role)) -> Turn {
    Turn { role, content: content.to_owned() }
}
