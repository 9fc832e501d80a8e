//! Token ids of some 800 strings: scripts, emoji, digits, white space, code, names of special tokens as text.

use redoubt_engine::gguf::Gguf;
use redoubt_engine::tokenizer::Tokenizer;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) strings: Vec<(String, Vec<u32>)>,
}

#[test]
fn ids_equal_those_of_llama_cpp() {
    let tokenizer = Tokenizer::from_metadata(Gguf::open(&crate::model_file()).unwrap().metadata()).unwrap();
    let Expected { strings } = crate::expected("tokens.json");
    assert!(strings.len() >= 500, "only {} strings", strings.len());
    let wrong: Vec<String> = strings
        .iter()
        .filter_map(|(text, ids)| {
            let ours = tokenizer.encode(text, false).unwrap();
            (ours != *ids).then(|| format!("{text:?}\n  llama.cpp {ids:?}\n  ours      {ours:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), strings.len(), wrong.join("\n"));
}
