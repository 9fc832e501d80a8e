//! Any text through every kind of tokenizer: nothing is lost, nothing becomes a control token, and an answer that comes
//! in pieces is the answer as a whole.
#![no_main]

use candle_core::quantized::gguf_file::Value;
use libfuzzer_sys::fuzz_target;
use redoubt_engine::fixture::{Family, Tiny};
use redoubt_engine::gguf::Gguf;
use redoubt_engine::tokenizer::{Tokenizer, Utf8Stream};
use redoubt_fuzz::{limits, memory_file};
use std::sync::LazyLock;

/// One of each way to cut text into words.
const BYTE_LEVEL: [&str; 10] = [
    "gpt-2",
    "smollm",
    "llama-bpe",
    "qwen2",
    "qwen35",
    "gpt-4o",
    "tekken",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
];
/// Of the fixture's SentencePiece vocabularies: found in all text, each a token whatever stands around it.
const USER_DEFINED: [&str; 2] = ["\n\n", "   "];
const SPACE: char = '\u{2581}';

static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let byte_level = BYTE_LEVEL.map(|pre| Tiny {
        metadata: vec![("tokenizer.ggml.pre".to_owned(), Value::String(pre.to_owned()))],
        ..Tiny::default()
    });
    let pieces = [Family::Mistral, Family::Gemma3].map(|family| Tiny { family, ..Tiny::default() });
    byte_level.iter().chain(&pieces).map(tokenizer).collect()
});

fn tokenizer(tiny: &Tiny) -> Tokenizer {
    let file = memory_file(&tiny.bytes().unwrap(), 0, 0);
    Tokenizer::from_metadata(Gguf::open(&file).unwrap().metadata()).unwrap()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let which = usize::from(*choice) % TOKENIZERS.len();
    let tokenizer = &TOKENIZERS[which];
    let text = String::from_utf8_lossy(bytes);
    let encode = |special| limits::text(text.len(), || tokenizer.encode(&text, special)).unwrap();

    let plain = encode(false);
    assert!(plain.len() >= tokenizer.least_tokens(text.len()), "fewer tokens than there can be: {text:?}");
    // Those of control tokens are empty.
    assert!(plain.iter().all(|id| !tokenizer.piece(*id).is_empty()), "a control token of {text:?}");
    let spaced = which == BYTE_LEVEL.len();
    if which < BYTE_LEVEL.len() {
        assert_eq!(tokenizer.decode(&plain), text);
    } else if !spaced || !USER_DEFINED.iter().any(|name| text.contains(name)) {
        assert_eq!(tokenizer.decode(&plain), text.replace(SPACE, " "));
    }

    for ids in [&plain, &encode(true)] {
        assert!(ids.iter().all(|id| (*id as usize) < tokenizer.size()));
        let mut stream = Utf8Stream::default();
        let mut pieces: String = ids.iter().map(|id| stream.push(tokenizer.piece(*id))).collect();
        pieces += &stream.finish();
        let whole: Vec<u8> = ids.iter().flat_map(|id| tokenizer.piece(*id)).copied().collect();
        assert_eq!(pieces, String::from_utf8_lossy(&whole));
    }
    // The bytes themselves, too, as a model could emit them that never learnt UTF-8.
    let mut stream = Utf8Stream::default();
    let mut pieces: String = bytes.chunks(1 + which % 3).map(|chunk| stream.push(chunk)).collect();
    pieces += &stream.finish();
    assert_eq!(pieces, text);
});
