//! Weights that are no numbers, in every type that a file may have: whoever meets them gets an error, everybody else the
//! answer that they would have got without.

use crate::support::{events, exactly, file, ids, request, settings};
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use redoubt_engine::fixture::{Family, Tiny};
use redoubt_engine::gguf::Gguf;
use redoubt_engine::model::Options;
use redoubt_engine::tokenizer::Tokenizer;
use redoubt_engine::worker;
use redoubt_engine::{Engine, Error, Event, Finish, Model};
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::thread;

const TYPES: [GgmlDType; 13] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
    GgmlDType::F16,
    GgmlDType::BF16,
    GgmlDType::F32,
];

/// Where a tensor's data is in the file.
pub(crate) fn data(bytes: &[u8], name: &str) -> Range<usize> {
    let content = Content::read(&mut Cursor::new(bytes)).unwrap();
    let info = &content.tensor_infos[name];
    let length = info.shape.elem_count() / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
    let start = usize::try_from(content.tensor_data_offset + info.offset).unwrap();
    start..start + length
}

/// A model with a head of its own, so that a token's embedding concerns nobody who does not use the token.
fn tiny(weights: GgmlDType) -> Tiny {
    Tiny { family: Family::Llama31, width: 256, weights, ..Tiny::default() }
}

#[test]
fn matrices_of_no_numbers_or_of_infinities_end_the_answer_with_an_error() {
    for weights in TYPES {
        let whole = tiny(weights).bytes().unwrap();
        let whole_model = Model::load(&file(&whole), &Options { threads: 1, ..Options::default() }).unwrap();
        assert!(whole_model.score(&[1, 2, 3], 1).is_ok());
        // As 16-bit and as 32-bit floats: no number, infinities of both signs, and the largest numbers.
        for pattern in [[0xff, 0xff], [0x00, 0x7c], [0x00, 0xfc], [0x80, 0x7f], [0xff, 0x7b], [0xc0, 0x7f]] {
            for tensor in
                ["blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight", "token_embd.weight"]
            {
                let mut bytes = whole.clone();
                let place = data(&bytes, tensor);
                bytes[place].as_chunks_mut::<2>().0.fill(pattern);
                let model =
                    Model::load(&file(&bytes), &Options { threads: 1, ..Options::default() }).unwrap();
                match model.score(&[1, 2, 3], 1) {
                    Ok(scores) => assert!(scores.iter().all(|score| !score.target_logprob.is_nan())),
                    Err(Error::Model(why)) => assert!(why.contains("not numbers"), "{why}"),
                    Err(other) => panic!("{weights:?} {tensor}: {other}"),
                }
            }
        }
    }
}

#[test]
fn a_norm_of_no_numbers_ends_the_answer_with_an_error() {
    let mut bytes = Tiny::default().bytes().unwrap();
    // The last tensor is the final norm: 64 numbers.
    let start = bytes.len() - 64 * 4;
    bytes[start..].copy_from_slice(&f32::NAN.to_le_bytes().repeat(64));
    let model = Model::load(&file(&bytes), &Options { threads: 1, ..Options::default() }).unwrap();
    let why = model.score(&[1, 2, 3], 1).unwrap_err();
    assert!(matches!(&why, Error::Model(why) if why.contains("not numbers")), "{why}");
}

fn engine(bytes: Vec<u8>) -> Engine {
    let (front, back) = UnixStream::pair().unwrap();
    thread::spawn(move || worker::serve(back, file(&bytes), settings()));
    Engine::connect(front).unwrap()
}

async fn answer(engine: &Engine, prompt: &str, party: &str) -> Vec<Event> {
    events(engine.submit(request(prompt, party, exactly(40))).await.unwrap()).await
}

/// Blocks of the cache that held no numbers go back to the pool with what is in them, and steps are shared.
#[tokio::test]
async fn a_token_of_no_numbers_fails_its_own_answer_and_changes_no_other() {
    for weights in TYPES {
        let clean = tiny(weights).bytes().unwrap();
        let expected = ids(&answer(&engine(clean.clone()), "hello world", "good").await);
        assert_eq!(expected.len(), 40);
        let tokenizer = Tokenizer::from_metadata(Gguf::open(&file(&clean)).unwrap().metadata()).unwrap();
        let used = tokenizer.encode("hello world", false).unwrap();
        // A letter that neither prompt nor answer has.
        let mut letters =
            ('A'..='z').map(|letter| (letter, tokenizer.encode(&letter.to_string(), false).unwrap()[0]));
        let (letter, token) = letters.find(|(_, id)| !expected.contains(id) && !used.contains(id)).unwrap();
        let mut poisoned = clean;
        let place = data(&poisoned, "token_embd.weight");
        let row = place.len() / tokenizer.size();
        let start = place.start + row * token as usize;
        poisoned[start..start + row].fill(0xff);
        let engine = engine(poisoned);
        let bad = letter.to_string().repeat(50);
        for round in 0..3 {
            let (good, fails) =
                tokio::join!(answer(&engine, "hello world", "good"), answer(&engine, &bad, "bad"));
            assert_eq!(ids(&good), expected, "{weights:?}, round {round}");
            let Some(Event::End(end)) = fails.last() else { panic!("no end: {fails:?}") };
            assert_eq!(end.reason, Finish::Error, "{weights:?}, round {round}");
            assert!(end.error.as_ref().is_some_and(|why| why.contains("not numbers")), "{end:?}");
        }
        assert!(engine.is_alive());
    }
}
