//! llama.cpp's own test vocabularies: whole ones of well-known models, with strings and the ids that the models' own
//! tokenizers give them. They come with llama.cpp's sources; `scripts/test` fetches them.

use std::fs;
use std::path::{Path, PathBuf};

/// Stands between two strings.
const MARKER: &str = "\n__ggml_vocab_test__\n";

const NAMES: [&str; 12] = [
    "llama-spm",
    "phi-3",
    "llama-bpe",
    "gpt-2",
    "qwen2",
    "qwen35",
    "deepseek-llm",
    "deepseek-coder",
    "starcoder",
    "refact",
    "mpt",
    "command-r",
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/vocabularies").join(name)
}

fn read(name: &str) -> String {
    let path = path(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; scripts/test fetches it", path.display()))
}

#[test]
fn ids_equal_those_of_the_models_own_tokenizers() {
    for name in NAMES {
        let file = format!("ggml-vocab-{name}.gguf");
        let (strings, ids) = (read(&format!("{file}.inp")), read(&format!("{file}.out")));
        let tokenizer = crate::tokenizer_of(&fs::read(path(&file)).unwrap());
        let strings: Vec<&str> = strings.split(MARKER).collect();
        // The last marker has nothing after it but the end of the file.
        let lines: Vec<&str> = ids.lines().collect();
        assert!(lines.len() >= 40 && strings.len() >= lines.len(), "{name}: {} strings", lines.len());
        for (text, line) in strings.into_iter().zip(lines) {
            let expected: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
            let ids = tokenizer.encode(text, false).unwrap();
            assert_eq!(ids, expected, "{name}: {text:?}");
            assert_eq!(tokenizer.decode(&ids), text, "{name}");
        }
    }
}
