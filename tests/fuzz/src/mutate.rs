//! The next model file to try: mostly a lie in one place of the one before, the rest of which stays sound.

use crate::input::FRONT;
use crate::layout::{self, Layout};
use crate::random::Random;
use crate::seeds::SEEDS;
use std::ops::Range;

/// Numbers at which readers stumble; as 32-bit floats the last ones are infinite, no number, and tiny.
const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    31,
    32,
    33,
    62,
    255,
    256,
    1 << 16,
    1 << 31,
    1 << 32,
    1 << 61,
    1 << 62,
    u64::MAX,
    0x7f80_0000,
    0xffc0_0000,
    1,
];
/// Words that the engine looks for.
const WORDS: [&str; 34] = [
    "llama",
    "qwen2",
    "qwen3",
    "gemma3",
    "gpt2",
    "bert",
    "",
    "\0",
    "default",
    "llama-bpe",
    "deepseek-v3",
    "tekken",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.pre",
    "tokenizer.chat_template",
    "general.alignment",
    "general.architecture",
    "gemma3.attn_logit_softcapping",
    "llama.rope.scaling.type",
    "llama.attention.sliding_window",
    "gemma3.attention.sliding_window_pattern",
    "rope_freqs.weight",
    "output.weight",
    "blk.0.attn_q.bias",
    "blk.0.attn_q_norm.weight",
    "yarn",
    "linear",
    "{% for m in messages %}{{ m.content * 9999 }}{% endfor %}",
    "{{ raise_exception('no') }}",
    "▁",
    "<0x41>",
    "a a",
];

/// What follows these bytes; `None` where bytes are to be changed at random.
pub fn next(data: &[u8], most: usize, seed: u32) -> Option<Vec<u8>> {
    let mut random = Random(u64::from(seed));
    let choice = random.below(100);
    if data.len() < FRONT + 24 || choice < 2 {
        return random.one(&SEEDS).filter(|seed| seed.len() <= most).cloned();
    }
    if choice < 10 {
        return None;
    }
    let mut data = data.to_vec();
    if choice < 14 {
        data[..FRONT].copy_from_slice(&(random.number() as u32).to_le_bytes()[..FRONT]);
    }
    for _ in 0..=random.below(3) {
        lie(&mut data, &mut random);
    }
    (data.len() <= most).then_some(data)
}

/// Changes one thing.
fn lie(data: &mut Vec<u8>, random: &mut Random) {
    let Layout { mut numbers, mut texts, mut keys, mut tensors } = layout::of(&data[FRONT..]);
    for place in [&mut numbers, &mut texts, &mut keys, &mut tensors].into_iter().flatten() {
        *place = place.start + FRONT..place.end + FRONT;
    }
    // Lists have thousands of elements: without this nearly every lie would be about one of them.
    let few = |places: Vec<Range<usize>>, random: &mut Random| -> Vec<Range<usize>> {
        let within = random.one(&keys).or(random.one(&tensors)).cloned();
        let tensor = random.one(&tensors).cloned();
        let chosen = if random.below(2) == 0 { within } else { tensor };
        let inside = |place: &Range<usize>| {
            chosen.as_ref().is_some_and(|item| item.start <= place.start && place.end <= item.end)
        };
        let some: Vec<_> = places.iter().filter(|place| inside(place)).cloned().collect();
        if some.is_empty() { places } else { some }
    };
    let items = if random.below(2) == 0 { (keys.as_slice(), 16) } else { (tensors.as_slice(), 8) };
    match random.below(8) {
        0..=3 => {
            let numbers = few(numbers, random);
            if let Some(place) = random.one(&numbers) {
                number(data, place.clone(), random);
            }
        }
        4 | 5 => {
            let texts = few(texts, random);
            if let Some(place) = random.one(&texts) {
                text(data, place.clone(), random);
            }
        }
        6 => repeat(data, items, random),
        _ => remove(data, items, random),
    }
}

fn number(data: &mut [u8], place: Range<usize>, random: &mut Random) {
    let width = place.len();
    let mut bytes = [0; 8];
    bytes[..width].copy_from_slice(&data[place.clone()]);
    let now = u64::from_le_bytes(bytes);
    let near = random.below(5) as u64;
    let next = match random.below(6) {
        0 => now.wrapping_add(near),
        1 => now.wrapping_sub(near),
        2 => now.wrapping_mul(2),
        3 => random.number() >> random.below(64),
        _ => random.one(&NUMBERS).copied().unwrap_or_default().wrapping_sub(near / 4),
    };
    data[place].copy_from_slice(&next.to_le_bytes()[..width]);
}

fn text(data: &mut Vec<u8>, place: Range<usize>, random: &mut Random) {
    let start = place.start + 8;
    let mut text = data[start..place.end].to_vec();
    match random.below(4) {
        0 if !text.is_empty() => {
            let at = random.below(text.len());
            text[at] = random.number() as u8;
        }
        1 => text.truncate(random.below(text.len() + 1)),
        2 => text.extend_from_within(..),
        _ => text = random.one(&WORDS).map(|word| word.as_bytes().to_vec()).unwrap_or_default(),
    }
    let length = (text.len() as u64).to_le_bytes();
    data.splice(place, length.into_iter().chain(text));
}

/// Writes a key or a tensor twice, the second one mostly under another name.
fn repeat(data: &mut Vec<u8>, (places, count): (&[Range<usize>], usize), random: &mut Random) {
    let (Some(from), Some(to)) = (random.one(places).cloned(), random.one(places)) else { return };
    let mut item = data[from].to_vec();
    if random.below(4) > 0 {
        let name = 0..8 + usize::from(item[0]);
        if name.end <= item.len() {
            text(&mut item, name, random);
        }
    }
    data.splice(to.start..to.start, item);
    add(data, count, 1);
}

fn remove(data: &mut Vec<u8>, (places, count): (&[Range<usize>], usize), random: &mut Random) {
    if let Some(place) = random.one(places).cloned() {
        data.drain(place);
        add(data, count, u64::MAX);
    }
}

/// Corrects the header's count of tensors or keys.
fn add(data: &mut [u8], count: usize, more: u64) {
    if let Some(bytes) =
        data[FRONT..].get_mut(count..count + 8).and_then(|bytes| bytes.first_chunk_mut::<8>())
    {
        *bytes = u64::from_le_bytes(*bytes).wrapping_add(more).to_le_bytes();
    }
}
