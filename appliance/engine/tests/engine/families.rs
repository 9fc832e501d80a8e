//! Every family: the engine's forward pass against the plain one, and what a family needs or does not have.

use crate::reference::Reference;
use crate::support::file;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{self, Content, Value};
use redoubt_engine::fixture::{Family, Tiny, known};
use redoubt_engine::model::{Model, Options, Session};
use redoubt_engine::{Error, inspect};
use std::io::Cursor;

/// With this metadata besides, and weights that nothing rounds.
fn tiny(family: Family, layers: usize, metadata: &[(&str, Value)]) -> Tiny {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Tiny { family, layers, metadata, context: 512, weights: GgmlDType::F32, ..Tiny::default() }
}

/// Mean distance of logits over all positions, relative to their spread.
fn distance(bytes: &[u8]) -> f64 {
    let ids: Vec<u32> = (0..160_u32).map(|n| n * n * 37 % 257 + 3).collect();
    let model = Model::load(&file(bytes), &Options::default()).unwrap();
    let mut ours: Vec<Vec<f32>> = vec![Vec::new(); ids.len()];
    Session::new(&model).feed_all(&ids, |position, logits| ours[position] = logits.to_vec()).unwrap();
    let plain = Reference::new(bytes).logits(&ids);
    let mut total = 0.0;
    for (ours, plain) in ours.iter().zip(&plain) {
        let mean = plain.iter().sum::<f32>() / plain.len() as f32;
        let spread: f32 = plain.iter().map(|x| (x - mean).powi(2)).sum();
        let error: f32 = ours.iter().zip(plain).map(|(a, b)| (a - b).powi(2)).sum();
        total += f64::from((error / spread).sqrt());
    }
    total / ids.len() as f64
}

#[test]
fn logits_of_each_family_are_those_of_the_plain_forward_pass() {
    for (name, tiny) in known() {
        let distance = distance(&tiny.bytes().unwrap());
        // What is left is the rounding of keys and values to 16 bits.
        assert!(distance < 2e-3, "{name}: {distance}");
    }
}

#[test]
fn whatever_metadata_says_of_ropes_windows_and_caps_is_computed() {
    let window = |architecture: &str| format!("{architecture}.attention.sliding_window");
    let pattern = |architecture: &str| format!("{architecture}.attention.sliding_window_pattern");
    let list = |layers: &[bool]| Value::Array(layers.iter().map(|layer| Value::Bool(*layer)).collect());
    for (family, layers, metadata) in [
        (Family::Llama, 2, vec![(window("llama"), Value::U32(33))]),
        (Family::Qwen3, 3, vec![(window("qwen3"), Value::U32(20)), (pattern("qwen3"), Value::U32(2))]),
        (Family::Gemma3, 3, vec![(pattern("gemma3"), list(&[false, true, false]))]),
        (Family::Gemma3, 2, vec![(window("gemma3"), Value::U32(0))]),
        (Family::Gemma3, 2, vec![("gemma3.rope.freq_base_swa".to_owned(), Value::F32(500.0))]),
        (Family::Gemma3, 2, vec![("gemma3.attn_logit_softcapping".to_owned(), Value::F32(2.0))]),
        (Family::Qwen2, 2, vec![("qwen2.rope.dimension_count".to_owned(), Value::U32(8))]),
        (Family::Qwen2, 2, vec![("qwen2.rope.scaling.factor".to_owned(), Value::F32(4.0))]),
        // The number of layers by which Gemma 3 27B is known, whose scores are scaled otherwise.
        (Family::Gemma3, 62, vec![]),
    ] {
        let metadata: Vec<(&str, Value)> =
            metadata.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let bytes = tiny(family, layers, &metadata).bytes().unwrap();
        let distance = distance(&bytes);
        assert!(distance < 5e-3, "{family:?} of {layers} layers with {metadata:?}: {distance}");
    }
}

#[test]
fn cutting_a_prompt_into_pieces_changes_no_bit_in_any_family() {
    let ids: Vec<u32> = (0..200_u32).map(|n| n * 37 % 256).collect();
    for (name, tiny) in known() {
        let tiny = Tiny { weights: GgmlDType::Q8_0, ..tiny };
        let model = Model::load(&file(&tiny.bytes().unwrap()), &Options::default()).unwrap();
        let whole = Session::new(&model).feed(&ids).unwrap().to_vec();
        for piece in [1, 7, 64] {
            let mut session = Session::new(&model);
            let mut last = Vec::new();
            for ids in ids.chunks(piece) {
                last = session.feed(ids).unwrap().to_vec();
            }
            let same = last.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} in pieces of {piece}");
        }
    }
}

/// Why a file is refused; import and loading must agree.
fn refusal(bytes: &[u8]) -> String {
    let named = |error| match error {
        Error::Unsupported(why) | Error::Model(why) => why,
        other => panic!("another error: {other}"),
    };
    let at_import = named(inspect(&file(bytes)).unwrap_err());
    let at_start = Model::load(&file(bytes), &Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(at_import, named(at_start));
    at_import
}

/// The tensors of a file under other names; those that become nameless leave.
fn renamed(bytes: &[u8], rename: impl Fn(&str) -> String) -> Vec<u8> {
    let mut source = Cursor::new(bytes);
    let content = Content::read(&mut source).unwrap();
    let mut tensors = Vec::new();
    for name in content.tensor_infos.keys() {
        let tensor = content.tensor(&mut source, name, &candle_core::Device::Cpu).unwrap();
        tensors.push((rename(name), tensor));
    }
    tensors.retain(|(name, _)| !name.is_empty());
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let metadata: Vec<_> = content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let mut to = Cursor::new(Vec::new());
    gguf_file::write(&mut to, &metadata, &tensors).unwrap();
    to.into_inner()
}

#[test]
fn what_a_family_needs_and_a_file_lacks_is_named() {
    for (family, tensor) in [
        (Family::Llama, "output_norm.weight"),
        (Family::Llama, "blk.1.ffn_gate.weight"),
        (Family::Qwen2, "blk.0.attn_k.bias"),
        (Family::Qwen3, "blk.1.attn_q_norm.weight"),
        (Family::Gemma3, "blk.0.attn_k_norm.weight"),
        (Family::Gemma3, "blk.1.post_attention_norm.weight"),
        (Family::Gemma3, "blk.0.post_ffw_norm.weight"),
    ] {
        let whole = tiny(family, 2, &[]).bytes().unwrap();
        let lacking = renamed(&whole, |name| if name == tensor { String::new() } else { name.to_owned() });
        let why = refusal(&lacking);
        assert!(why.contains(tensor) && why.contains("missing"), "{why}");
    }
}

#[test]
fn what_a_file_has_and_its_family_does_not_use_is_named() {
    for (family, tensor, other) in [
        (Family::Qwen3, "output.weight", "output.scale"),
        (Family::Llama31, "rope_freqs.weight", "rope_factors_long.weight"),
        (Family::Qwen2, "blk.0.attn_q.bias", "blk.0.attn_q_norm.weight"),
    ] {
        let whole = tiny(family, 2, &[]).bytes().unwrap();
        let strange = renamed(&whole, |name| if name == tensor { other.to_owned() } else { name.to_owned() });
        let why = refusal(&strange);
        assert!(why.contains(other) || why.contains(tensor), "{why}");
    }
    // A norm of heads in a family that has none.
    let whole = tiny(Family::Llama31, 2, &[]).bytes().unwrap();
    let strange = renamed(&whole, |name| match name {
        "output.weight" => "blk.0.attn_q_norm.weight".to_owned(),
        other => other.to_owned(),
    });
    assert!(refusal(&strange).contains("blk.0.attn_q_norm.weight"));
}

#[test]
fn metadata_that_would_change_the_answers_is_refused_by_name() {
    use Value::{Array, Bool, F32, String as Text, U32};
    for (family, key, value, word) in [
        (Family::Llama, "llama.attention.scale", F32(0.5), "attention.scale"),
        (Family::Llama, "llama.logit_scale", F32(2.0), "logit_scale"),
        (Family::Llama, "llama.residual_scale", F32(2.0), "residual_scale"),
        (Family::Llama, "llama.embedding_scale", F32(2.0), "embedding_scale"),
        (Family::Llama, "llama.attention.causal", Bool(false), "later tokens"),
        (Family::Qwen2, "qwen2.rope.scaling.type", Text("yarn".to_owned()), "yarn"),
        (Family::Qwen3, "qwen3.rope.scaling.type", Text("longrope".to_owned()), "longrope"),
        (Family::Qwen3, "qwen3.rope.scaling.attn_factor", F32(1.5), "attn_factor"),
        (Family::Qwen3, "qwen3.expert_count", U32(8), "experts"),
        (Family::Qwen3, "qwen3.attention.value_length", U32(16), "width"),
        (Family::Gemma3, "gemma3.attention.key_length_swa", U32(16), "key_length_swa"),
        (Family::Gemma3, "gemma3.attention.sliding_window_pattern", Array(vec![Bool(true)]), "pattern"),
        (Family::Gemma3, "gemma3.final_logit_softcapping", F32(-1.0), "final_logit_softcapping"),
        (Family::Gemma3, "gemma3.rope.freq_base_swa", F32(0.0), "freq_base_swa"),
        (Family::Gemma3, "tokenizer.ggml.scores", Array(vec![F32(0.0)]), "scores"),
        (Family::Mistral, "tokenizer.ggml.bos_token_id", U32(1 << 20), "bos_token_id"),
    ] {
        let why = refusal(&tiny(family, 2, &[(key, value)]).bytes().unwrap());
        assert!(why.contains(word), "{key}: {why}");
    }
}

#[test]
fn a_vocabulary_that_cannot_write_every_byte_is_refused() {
    let bytes = tiny(Family::Mistral, 2, &[]).bytes().unwrap();
    let place = bytes.windows(6).position(|name| name == b"<0x41>").unwrap();
    let mut broken = bytes;
    broken[place..place + 6].copy_from_slice(b"<0y41>");
    assert!(refusal(&broken).contains("byte 65"));
}
