//! Any model file: refused by a typed error or loaded, run and served; never a panic, a hang, or much memory.
//!
//! Most files are small models that lie in a place or two (see [`redoubt_fuzz::mutate`]): bytes at random would
//! hardly come past the first key.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use redoubt_engine::gguf::Gguf;
use redoubt_engine::model::Options;
use redoubt_engine::{Error, Model, Prompt, Role, Turn, inspect};
use redoubt_fuzz::input::Input;
use redoubt_fuzz::{limits, mutate};

/// What the rest of the engine may take besides twice the file: the regular expressions of a tokenizer, mostly.
const MODEL: usize = 96 << 20;

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::read(data) else { return };
    let (file, length) = (input.file(), input.length());
    match limits::within("the header", 2 * length + limits::HEADER, || Gguf::open(&file)) {
        Ok(_) => {}
        Err(Error::Gguf(error)) => {
            assert!(error.offset <= length as u64, "{error}");
            return;
        }
        Err(other) => panic!("not found by the first reader: {other}"),
    }
    let said = limits::within("inspect", 2 * length + MODEL, || inspect(&file));
    let options = Options { threads: 1, ..Options::default() };
    let model = limits::within("load", 2 * length + MODEL, || Model::load(&file, &options));
    match (said, model) {
        (Ok(said), Ok(model)) => {
            assert_eq!((said.vocabulary, said.context), (model.info().vocabulary, model.info().context));
            limits::within("use", MODEL, || run(&model));
        }
        (Err(said), Err(found)) => {
            assert_eq!(said.to_string(), found.to_string());
            assert!(!matches!(said, Error::Tensor(_) | Error::Io(_)), "foreseen by no check: {said}");
        }
        (Ok(_), Err(found)) => panic!("inspect let pass: {found}"),
        (Err(said), Ok(_)) => panic!("inspect alone refused: {said}"),
    }
});

/// What people do with a model. Weights and templates may be nonsense, so it may fail, but only by its own errors.
fn run(model: &Model) {
    let tokenizer = model.tokenizer();
    let ids = tokenizer.encode("Hello  world, 123\n\n<|im_end|>", true).unwrap_or_default();
    tokenizer.decode(&ids);
    let turn = Turn { role: Role::User, content: "hello <|im_end|>".to_owned() };
    match model.prompt_tokens(&Prompt::Chat(vec![turn]), 1) {
        Ok(_) | Err(Error::Template(_) | Error::ContextExceeded { .. } | Error::Invalid { .. }) => {}
        Err(other) => panic!("a prompt: {other}"),
    }
    match model.score(&[0, 1, 0], 2) {
        Ok(_) | Err(Error::Model(_) | Error::ContextExceeded { .. } | Error::Invalid { .. }) => {}
        Err(other) => panic!("a step: {other}"),
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match mutate::next(&data[..size], max_size, seed) {
        Some(next) => {
            data[..next.len()].copy_from_slice(&next);
            next.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
});
