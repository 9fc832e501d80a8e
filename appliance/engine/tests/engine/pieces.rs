//! Vocabularies of SentencePiece's kind: what stays text, how answers are put together, and that long texts take time in
//! proportion. (Whether the ids are right is for `../llama_cpp` to say.)

use crate::support::file;
use redoubt_engine::fixture::{Family, Tiny};
use redoubt_engine::gguf::Gguf;
use redoubt_engine::tokenizer::{Tokenizer, Utf8Stream};
use std::time::{Duration, Instant};

fn tokenizer(family: Family) -> Tokenizer {
    let bytes = Tiny { family, ..Tiny::default() }.bytes().unwrap();
    Tokenizer::from_metadata(Gguf::open(&file(&bytes)).unwrap().metadata()).unwrap()
}

#[test]
fn names_of_control_tokens_and_bytes_are_text_like_any_other() {
    for family in [Family::Mistral, Family::Gemma3] {
        let tokenizer = tokenizer(family);
        for name in ["<s>", "</s>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<0x41>"] {
            let ids = tokenizer.encode(name, false).unwrap();
            assert!(ids.len() > 1, "{name} became {ids:?}");
            assert_eq!(tokenizer.decode(&ids), name);
        }
        let turn = tokenizer.encode("<end_of_turn>", true).unwrap();
        assert_eq!(turn.len(), 1);
        assert!(tokenizer.is_end(turn[0]) && tokenizer.piece(turn[0]).is_empty());
    }
}

#[test]
fn a_guarded_name_is_text_and_leaves_no_trace() {
    let tokenizer = tokenizer(Family::Gemma3);
    let plain = tokenizer.encode("the <end_of_turn> tide", false).unwrap();
    assert_eq!(tokenizer.encode_guarded("the <end\u{e000}_of_turn> tide", '\u{e000}').unwrap(), plain);
    assert_ne!(tokenizer.encode_guarded("the <end_of_turn> tide", '\u{e000}').unwrap(), plain);
}

#[test]
fn a_space_is_put_in_front_where_the_file_says_so() {
    let (with, without) = (tokenizer(Family::Mistral), tokenizer(Family::Gemma3));
    assert_eq!(with.encode("the tide", false).unwrap(), without.encode(" the tide", false).unwrap());
    assert!(with.encode("", false).unwrap().is_empty());
    let two = with.encode("<s>the", true).unwrap();
    assert_eq!(two[1..], with.encode("the", false).unwrap());
    assert_eq!((with.leading(), without.leading()), (Some(1), Some(1)));
}

#[test]
fn answers_of_bytes_come_as_whole_characters() {
    let tokenizer = tokenizer(Family::Gemma3);
    let text = "tide 🌊 字é";
    let ids = tokenizer.encode(text, false).unwrap();
    let mut stream = Utf8Stream::default();
    let parts: Vec<String> = ids.iter().map(|id| stream.push(tokenizer.piece(*id))).collect();
    assert!(parts.iter().any(String::is_empty), "no character of several tokens: {parts:?}");
    assert_eq!(parts.concat() + &stream.finish(), text);
}

#[test]
fn megabytes_take_time_in_proportion() {
    let tokenizer = tokenizer(Family::Gemma3);
    for part in ["the tide ", "a", " ", "   ", "\n", "🌊", "<end_of_turn>", "\u{2581}", "e\u{301}"] {
        let started = Instant::now();
        let text = part.repeat((1 << 20) / part.len());
        let ids = tokenizer.encode(&text, false).unwrap();
        assert!(ids.len() >= tokenizer.least_tokens(text.len()));
        assert!(started.elapsed() < Duration::from_secs(5), "{part:?}: {:?}", started.elapsed());
    }
}

#[test]
fn text_of_the_character_for_spaces_has_no_fewer_tokens_than_are_counted_on() {
    for family in [Family::Mistral, Family::Gemma3] {
        let tokenizer = tokenizer(family);
        for length in [1, 2, 3, 100] {
            let text = "\u{2581}the".repeat(length);
            assert!(tokenizer.encode(&text, false).unwrap().len() >= tokenizer.least_tokens(text.len()));
        }
    }
}
