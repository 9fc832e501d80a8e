//! Good model files to begin with: one of each family, vocabulary and kind of weights.

use crate::input::Input;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use redoubt_engine::fixture::{Family, Tiny};
use std::io::Cursor;
use std::sync::LazyLock;

/// Each as the fuzzer keeps it: without its data, of which only the length is known.
pub static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let tiny = |family, layers, weights| Tiny { family, layers, weights, ..Tiny::default() };
    let wide = |family, weights| Tiny { width: 256, ..tiny(family, 1, weights) };
    let all = [
        tiny(Family::Llama, 1, GgmlDType::Q4_1),
        tiny(Family::Llama31, 1, GgmlDType::Q8_0),
        tiny(Family::Mistral, 2, GgmlDType::Q4_0),
        tiny(Family::Qwen2, 1, GgmlDType::Q5_0),
        tiny(Family::Qwen3, 2, GgmlDType::F16),
        tiny(Family::Gemma3, 7, GgmlDType::Q5_1),
        tiny(Family::Llama, 2, GgmlDType::F32),
        tiny(Family::Llama, 1, GgmlDType::BF16),
        wide(Family::Llama, GgmlDType::Q4K),
        wide(Family::Llama, GgmlDType::Q6K),
        wide(Family::Qwen2, GgmlDType::Q2K),
        wide(Family::Qwen2, GgmlDType::Q3K),
        wide(Family::Llama, GgmlDType::Q5K),
    ];
    all.iter().map(seed).collect()
});

fn seed(tiny: &Tiny) -> Vec<u8> {
    let bytes = tiny.bytes().expect("a tiny model");
    let content = Content::read(&mut Cursor::new(&bytes)).expect("a sound header");
    let (header, data) = bytes.split_at(content.tensor_data_offset as usize);
    [&Input::front(0, data.len())[..], header].concat()
}
