//! The demo model's vocabulary with the words of other families, each by its name in `tokenizer.ggml.pre`.

use candle_core::quantized::gguf_file::{self, Value};
use redoubt_engine::tokenizer::Tokenizer;
use serde::Deserialize;
use std::io::Cursor;

#[derive(Deserialize)]
struct Expected {
    families: Vec<Words>,
}

#[derive(Deserialize)]
struct Words {
    names: Vec<String>,
    /// Ids of those strings of `tokens.json`, by their places, that are not as with the demo model's own words.
    others: Vec<(usize, Vec<u32>)>,
}

/// Only every so many strings were asked.
const EVERY: usize = 2;

#[test]
fn ids_equal_those_of_llama_cpp_whatever_cuts_the_words() {
    let Expected { families } = crate::expected("pretokenizers.json");
    let usual: crate::tokens::Expected = crate::expected("tokens.json");
    assert!(families.iter().map(|words| words.names.len()).sum::<usize>() >= 17);
    for Words { names, others } in families {
        let mut expected: Vec<&Vec<u32>> = usual.strings.iter().map(|(_, ids)| ids).collect();
        others.iter().for_each(|(at, ids)| expected[*at] = ids);
        for name in names {
            let tokenizer = tokenizer(&name);
            for ((text, _), ids) in usual.strings.iter().zip(&expected).step_by(EVERY) {
                assert_eq!(tokenizer.encode(text, false).unwrap(), **ids, "{name}: {text:?}");
            }
        }
    }
}

/// The demo model's vocabulary, with other words.
fn tokenizer(pre: &str) -> Tokenizer {
    let content = gguf_file::Content::read(&mut crate::model_file()).unwrap();
    let pre = Value::String(pre.to_owned());
    let metadata: Vec<(&str, &Value)> = content
        .metadata
        .iter()
        .map(|(key, value)| (key.as_str(), if key == "tokenizer.ggml.pre" { &pre } else { value }))
        .collect();
    let mut bytes = Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &metadata, &[]).unwrap();
    crate::tokenizer_of(bytes.get_ref())
}
