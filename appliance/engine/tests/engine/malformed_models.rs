//! Model files whose headers are sound and whose metadata lies: about sizes, ropes, windows and caps, about a vocabulary,
//! about a template. Import and loading refuse each by the same named error, at once.

use crate::allocation;
use crate::support::file;
use candle_core::quantized::gguf_file::Value::{self, Array, Bool, F32, F64, I8, I32, String as Text, U32};
use redoubt_engine::fixture::{Family, Tiny};
use redoubt_engine::gguf::Gguf;
use redoubt_engine::model::Options;
use redoubt_engine::{Error, Model, inspect};
use std::time::{Duration, Instant};

/// What regular expressions and lists of a tokenizer take however small the file is.
const TOKENIZER: usize = 16 << 20;

fn with(family: Family, key: &str, value: Value) -> Vec<u8> {
    Tiny { family, metadata: vec![(key.to_owned(), value)], ..Tiny::default() }.bytes().unwrap()
}

/// Why the file is refused.
fn refusal(bytes: &[u8]) -> String {
    let named = |error| match error {
        Error::Unsupported(why) | Error::Model(why) | Error::Template(why) => why,
        other => panic!("another error: {other}"),
    };
    let file = file(bytes);
    let started = Instant::now();
    let (at_import, peak) = allocation::peak(|| inspect(&file).unwrap_err());
    let at_start = Model::load(&file, &Options::default()).map(|_| ()).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(peak <= 2 * bytes.len() + TOKENIZER, "{peak} bytes for a file of {}", bytes.len());
    let why = named(at_import);
    assert_eq!(why, named(at_start));
    why
}

/// Each is refused with a text that has the word.
fn refused(cases: &[(Family, &str, Value, &str)]) {
    for (family, key, value, word) in cases {
        let why = refusal(&with(*family, key, value.clone()));
        assert!(why.contains(word), "{key} {value:?}: {why}");
    }
}

fn text(text: &str) -> Value {
    Text(text.to_owned())
}

fn list(value: &Value, count: usize) -> Value {
    Array(vec![value.clone(); count])
}

/// A file in which a name is written otherwise, in as many bytes.
fn respelt(family: Family, name: &str, other: &str) -> Vec<u8> {
    assert_eq!(name.len(), other.len());
    let mut bytes = Tiny { family, ..Tiny::default() }.bytes().unwrap();
    let place = bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
    bytes[place..place + name.len()].copy_from_slice(other.as_bytes());
    bytes
}

#[test]
fn what_the_engine_does_not_have_is_refused_by_name() {
    refused(&[
        (Family::Llama, "general.architecture", text("rwkv7"), "rwkv7"),
        (Family::Llama, "general.architecture", text(""), "architecture"),
        (Family::Llama, "tokenizer.ggml.model", text("t5"), "t5"),
        (Family::Llama, "tokenizer.ggml.pre", text("viking"), "viking"),
        (Family::Llama, "llama.rope.scaling.type", text("yarn"), "yarn"),
        (Family::Llama, "llama.expert_count", U32(8), "experts"),
        (Family::Llama, "llama.expert_count", text("8"), "expert_count"),
    ]);
}

#[test]
fn cve_2025_0312_keys_that_are_missing_or_of_another_type() {
    for key in [
        "architecture",
        "block_count",
        "embedding_length",
        "feed_forward_length",
        "context_length",
        "head_count",
    ] {
        let why = refusal(&respelt(Family::Llama, key, &"x".repeat(key.len())));
        assert!(why.contains(key), "{key}: {why}");
    }
    for key in
        ["tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.pre"]
    {
        let why = refusal(&respelt(Family::Llama, key, &key.replace('g', "q")));
        assert!(why.contains(key), "{key}: {why}");
        let why = refusal(&with(Family::Llama, key, F64(1.0)));
        assert!(why.contains(key), "{key}: {why}");
    }
}

#[test]
fn sizes_that_are_zero_enormous_or_not_those_of_the_tensors() {
    let llama = |key: &'static str, value, word| (Family::Llama, key, value, word);
    refused(&[
        llama("llama.block_count", U32(3), "blk.2."),
        llama("llama.block_count", U32(u32::MAX), "block_count"),
        llama("llama.block_count", U32(0), "block_count"),
        llama("llama.block_count", I32(-1), "block_count"),
        llama("llama.embedding_length", U32(128), "token_embd"),
        llama("llama.embedding_length", text("64"), "embedding_length"),
        llama("llama.feed_forward_length", U32(1 << 19), "ffn_gate"),
        llama("llama.feed_forward_length", list(&U32(128), 2), "feed_forward_length"),
        llama("llama.context_length", U32(0), "context_length"),
        llama("llama.context_length", U32(1), "context_length"),
        llama("llama.context_length", U32(u32::MAX), "context_length"),
        llama("llama.attention.layer_norm_rms_epsilon", F32(f32::NAN), "epsilon"),
        llama("llama.attention.layer_norm_rms_epsilon", F32(0.0), "epsilon"),
        llama("llama.attention.layer_norm_rms_epsilon", F32(-1e-5), "epsilon"),
        llama("llama.attention.layer_norm_rms_epsilon", F32(f32::INFINITY), "epsilon"),
    ]);
    // One layer less than there are leaves tensors that nobody would use.
    assert!(refusal(&with(Family::Llama, "llama.block_count", U32(1))).contains("blk.1."));
}

#[test]
fn head_counts_that_are_not_those_of_the_tensors() {
    for (family, name) in [
        (Family::Llama, "llama"),
        (Family::Mistral, "llama"),
        (Family::Qwen2, "qwen2"),
        (Family::Qwen3, "qwen3"),
        (Family::Gemma3, "gemma3"),
    ] {
        let key = |part: &str| format!("{name}.attention.{part}");
        refused(&[
            (family, &key("head_count"), U32(8), "attn_q"),
            (family, &key("head_count"), U32(2), "attn_q"),
            (family, &key("head_count"), U32(0), "head_count"),
            (family, &key("head_count"), U32(5), "multiple"),
            (family, &key("head_count"), U32(u32::MAX), "head_count"),
            (family, &key("head_count_kv"), U32(4), "attn_k"),
            (family, &key("head_count_kv"), U32(1), "attn_k"),
            (family, &key("head_count_kv"), U32(3), "multiple"),
            (family, &key("head_count_kv"), U32(0), "head_count_kv"),
            (family, &key("key_length"), U32(8), "width"),
            (family, &key("key_length"), U32(u32::MAX), "key_length"),
            (family, &key("key_length"), U32(0), "key_length"),
        ]);
    }
}

#[test]
fn head_counts_of_each_layer_are_not_taken_for_one() {
    for (family, name) in [(Family::Llama, "llama"), (Family::Qwen3, "qwen3"), (Family::Gemma3, "gemma3")] {
        for key in ["head_count_kv", "head_count"] {
            let key = format!("{name}.attention.{key}");
            for layers in [vec![], vec![U32(2); 2], vec![U32(2), U32(0)], vec![I32(-2); 2]] {
                assert!(refusal(&with(family, &key, Array(layers))).contains(&key));
            }
        }
    }
}

#[test]
fn ropes_that_are_absurd() {
    for (family, name) in [(Family::Llama, "llama"), (Family::Qwen2, "qwen2"), (Family::Gemma3, "gemma3")] {
        let key = |part: &str| format!("{name}.rope.{part}");
        let mut cases = vec![
            ("dimension_count", U32(0)),
            ("dimension_count", U32(400)),
            ("dimension_count", U32(7)),
            ("dimension_count", I32(-2)),
            ("scaling.type", U32(1)),
            ("freq_base", U32(10_000)),
        ];
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0] {
            cases.extend([("freq_base", F32(number)), ("scaling.factor", F32(number))]);
        }
        cases.push(("freq_base", F64(1e300)));
        for (part, value) in cases {
            let why = refusal(&with(family, &key(part), value.clone()));
            assert!(why.contains(part), "{part} {value:?}: {why}");
        }
    }
}

#[test]
fn windows_and_caps_that_are_absurd() {
    let gemma = |key: &'static str, value| (Family::Gemma3, key, value, key.trim_start_matches("gemma3."));
    let (cap, window) = ("gemma3.attn_logit_softcapping", "gemma3.attention.sliding_window");
    let pattern = "gemma3.attention.sliding_window_pattern";
    refused(&[
        gemma(cap, F32(f32::NAN)),
        gemma(cap, F32(f32::INFINITY)),
        gemma(cap, F32(-50.0)),
        gemma(cap, text("50")),
        gemma(cap, U32(50)),
        gemma("gemma3.final_logit_softcapping", F32(f32::NAN)),
        gemma("gemma3.final_logit_softcapping", F64(f64::NEG_INFINITY)),
        gemma(window, I32(-1)),
        gemma(window, F32(512.0)),
        gemma(window, list(&U32(512), 2)),
        gemma(pattern, list(&Bool(true), 3)),
        gemma(pattern, list(&Bool(true), 0)),
        gemma(pattern, list(&I32(1), 2)),
        gemma(pattern, text("LLLLLG")),
        gemma("gemma3.rope.freq_base_swa", F32(f32::NAN)),
    ]);
}

/// What is unusual, but no lie, is computed: finite numbers, in little memory.
#[test]
fn windows_ropes_and_caps_at_their_limits_are_computed() {
    for (family, key, value) in [
        (Family::Gemma3, "gemma3.attention.sliding_window", U32(u32::MAX)),
        (Family::Gemma3, "gemma3.attention.sliding_window", U32(1)),
        (Family::Gemma3, "gemma3.attention.sliding_window_pattern", U32(u32::MAX)),
        (Family::Gemma3, "gemma3.attention.sliding_window_pattern", U32(0)),
        (Family::Gemma3, "gemma3.attention.sliding_window_pattern", U32(1)),
        (Family::Gemma3, "gemma3.attn_logit_softcapping", F32(0.0)),
        (Family::Gemma3, "gemma3.attn_logit_softcapping", F32(f32::MIN_POSITIVE)),
        (Family::Gemma3, "gemma3.attn_logit_softcapping", F32(f32::MAX)),
        (Family::Gemma3, "gemma3.final_logit_softcapping", F32(f32::MIN_POSITIVE)),
        (Family::Llama, "llama.rope.freq_base", F32(f32::MIN_POSITIVE)),
        (Family::Llama, "llama.rope.freq_base", F32(f32::MAX)),
        (Family::Llama, "llama.rope.scaling.factor", F32(f32::MIN_POSITIVE)),
        (Family::Llama, "llama.attention.layer_norm_rms_epsilon", F32(f32::MAX)),
        (Family::Llama, "llama.context_length", U32(1 << 24)),
    ] {
        let bytes = with(family, key, value.clone());
        let file = file(&bytes);
        let ((), peak) = allocation::peak(|| {
            let model = Model::load(&file, &Options { threads: 1, ..Options::default() }).unwrap();
            let scores = model.score(&(0..70).collect::<Vec<u32>>(), 1).unwrap();
            assert!(scores.iter().all(|score| score.target_logprob.is_finite()), "{key} {value:?}");
        });
        assert!(peak < 2 * bytes.len() + 2 * TOKENIZER, "{key} {value:?}: {peak} bytes");
    }
}

#[test]
fn factors_of_the_rope_that_are_no_factors() {
    for factor in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let mut bytes = Tiny { family: Family::Llama31, ..Tiny::default() }.bytes().unwrap();
        let place = crate::poison::data(&bytes, "rope_freqs.weight").start;
        bytes[place..place + 4].copy_from_slice(&factor.to_le_bytes());
        assert!(refusal(&bytes).contains("rope_freqs.weight"), "{factor}");
    }
}

#[test]
fn special_tokens_beyond_the_vocabulary() {
    for family in [Family::Llama, Family::Mistral] {
        for name in ["bos", "eos", "eot", "eom"] {
            let key = format!("tokenizer.ggml.{name}_token_id");
            for value in [U32(1 << 20), U32(u32::MAX), I32(-1), text("2")] {
                assert!(refusal(&with(family, &key, value)).contains(&key));
            }
        }
    }
}

#[test]
fn byte_level_vocabularies_that_do_not_fit_together() {
    let llama = |key: &'static str, value, word| (Family::Llama, key, value, word);
    refused(&[
        llama("tokenizer.ggml.token_type", list(&I32(1), 3), "3 token types"),
        llama("tokenizer.ggml.token_type", list(&I32(7), 263), "token type 7"),
        llama("tokenizer.ggml.token_type", list(&I32(-1), 263), "token type -1"),
        llama("tokenizer.ggml.token_type", list(&I32(3), 263), "byte"),
        llama("tokenizer.ggml.token_type", list(&F32(1.0), 263), "token_type"),
        llama("tokenizer.ggml.tokens", list(&text("a"), 263), "twice"),
        llama("tokenizer.ggml.tokens", list(&text(""), 263), "byte"),
        llama("tokenizer.ggml.tokens", list(&I32(0), 263), "tokens"),
        llama("tokenizer.ggml.tokens", Array(Vec::new()), "tokens"),
        llama("tokenizer.ggml.merges", list(&text("nospace"), 1), "nospace"),
        llama("tokenizer.ggml.merges", list(&text("hell hell"), 1), "hell hell"),
        llama("tokenizer.ggml.merges", list(&text("<|im_start|> a"), 1), "im_start"),
        llama("tokenizer.ggml.merges", list(&text(""), 1), "merge"),
        llama("tokenizer.ggml.merges", list(&text(" "), 1), "merge"),
        llama("tokenizer.ggml.add_bos_token", U32(1), "add_bos_token"),
    ]);
}

#[test]
fn scores_that_are_no_numbers_missing_or_too_few() {
    for family in [Family::Mistral, Family::Gemma3] {
        let (key, count) = ("tokenizer.ggml.scores", names(family).len());
        let mut scores = vec![F32(-1.0); count];
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            scores[count - 1] = F32(number);
            assert!(refusal(&with(family, key, Array(scores.clone()))).contains(key));
        }
        for number in [0, 1, count - 1, count + 1] {
            assert!(refusal(&with(family, key, list(&F32(0.0), number))).contains("scores"));
        }
        assert!(refusal(&respelt(family, key, "tokenizer.ggml.scorez")).contains(key));
    }
}

#[test]
fn poc_2026_05_15_scores_and_types_of_one_byte_are_not_read_as_four() {
    for family in [Family::Mistral, Family::Gemma3] {
        let count = names(family).len();
        for key in ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"] {
            assert!(refusal(&with(family, key, list(&I8(1), count))).contains(key));
        }
    }
}

#[test]
fn sentencepiece_vocabularies_that_do_not_fit_together() {
    for family in [Family::Mistral, Family::Gemma3] {
        let count = names(family).len();
        refused(&[
            (family, "tokenizer.ggml.token_type", list(&I32(1), count - 1), "token types"),
            (family, "tokenizer.ggml.token_type", list(&I32(7), count), "token type 7"),
            (family, "tokenizer.ggml.token_type", text("1"), "token_type"),
            (family, "tokenizer.ggml.tokens", list(&text("a"), count), "twice"),
            (family, "tokenizer.ggml.tokens", list(&text(""), count), "byte 0"),
            (family, "tokenizer.ggml.add_space_prefix", U32(1), "add_space_prefix"),
        ]);
        assert!(refusal(&respelt(family, "<0x00>", "<0x0g>")).contains("byte 0"));
        assert!(refusal(&respelt(family, "<0xFF>", "<0xff>")).contains("byte 255"));
        assert!(refusal(&respelt(family, "<0xFE>", "<0xFF>")).contains("twice"));
    }
}

/// The fixture's tokens.
fn names(family: Family) -> Vec<String> {
    let bytes = Tiny { family, ..Tiny::default() }.bytes().unwrap();
    let gguf = Gguf::open(&file(&bytes)).unwrap();
    let names = gguf.metadata().texts("tokenizer.ggml.tokens").unwrap().unwrap();
    names.into_iter().map(str::to_owned).collect()
}

fn texts(names: &[String]) -> Value {
    Array(names.iter().map(|name| text(name)).collect())
}

#[test]
fn vocabularies_of_another_size_than_the_embeddings() {
    let mut names = names(Family::Llama);
    let kinds = names.iter().map(|name| I32(if name.starts_with("<|") { 3 } else { 1 }));
    let kinds = Array(kinds.chain([I32(1)]).collect());
    names.push("one more".to_owned());
    let metadata = vec![
        ("tokenizer.ggml.tokens".to_owned(), texts(&names)),
        ("tokenizer.ggml.token_type".to_owned(), kinds),
    ];
    let why = refusal(&Tiny { metadata, ..Tiny::default() }.bytes().unwrap());
    assert!(why.contains("`token_embd.weight` is 263 × 64, not 264 × 64"), "{why}");
}

#[test]
fn control_tokens_that_people_could_not_help_writing() {
    for (family, control) in [(Family::Llama, "<|im_start|>"), (Family::Mistral, "<start_of_turn>")] {
        let mut names = names(family);
        let control = names.iter().position(|name| name == control).unwrap();
        for name in ["\u{e000}", "a\u{fdd0}"] {
            names[control] = name.to_owned();
            let why = refusal(&with(family, "tokenizer.ggml.tokens", texts(&names)));
            assert!(why.contains("control token"), "{name:?}: {why}");
        }
    }
}

/// It is allowed, so what counts is what it costs.
#[test]
fn a_control_token_of_an_endless_name_takes_little_memory() {
    let mut names = names(Family::Llama);
    let control = names.iter().position(|name| name == "<|im_start|>").unwrap();
    names[control] = ('!'..='\u{7ff}').cycle().take(100_000).collect();
    let bytes = with(Family::Llama, "tokenizer.ggml.tokens", texts(&names));
    let file = file(&bytes);
    let (info, peak) = allocation::peak(|| inspect(&file));
    assert!(info.is_ok(), "{info:?}");
    assert!(peak < 100 * bytes.len(), "{peak} bytes for a file of {}", bytes.len());
}

#[test]
fn templates_that_are_no_templates() {
    let (nested, deep) = ("{% if x %}".repeat(10_000), format!("{{{{ {}", "(".repeat(1 << 16)));
    for source in ["{% for %}", "{{ messages", "{% include 'x' %", &nested, &deep] {
        refusal(&with(Family::Llama, "tokenizer.chat_template", text(source)));
    }
    assert!(refusal(&with(Family::Llama, "tokenizer.chat_template", U32(1))).contains("chat_template"));
}
