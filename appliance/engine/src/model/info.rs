//! What a model file says of itself, from its header alone.

use super::cache::bytes_per_position;
use super::shape::Shape;
use super::tensors;
use crate::gguf::{Gguf, type_name};
use crate::template::Template;
use crate::tokenizer::Tokenizer;
use crate::{Device, Error, ModelInfo};
use std::collections::BTreeMap;
use std::fs::File;

/// Reads a file's header and says what it holds; refuses what [`super::Model::load`] would refuse: an architecture or a
/// feature of it, tensors that are missing, misshapen or unknown, a tokenizer, a template. Weights are not read.
///
/// # Errors
/// As [`super::Model::load`].
pub fn inspect(file: &File) -> Result<ModelInfo, Error> {
    let gguf = Gguf::open(file)?;
    let shape = Shape::from_metadata(gguf.metadata())?;
    let tokenizer = Tokenizer::from_metadata(gguf.metadata())?;
    if let Some(source) = gguf.metadata().text("tokenizer.chat_template")? {
        Template::new(source, "", "")?;
    }
    tensors::check(&gguf, &shape, tokenizer.size())?;
    describe(&gguf, &shape)
}

/// Memory that one position of a sequence takes in the KV cache, in bytes; from a file's header.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_cache(file: &File) -> Result<u64, Error> {
    let gguf = Gguf::open(file)?;
    Ok(bytes_per_position(&Shape::from_metadata(gguf.metadata())?) as u64)
}

/// `load_ms` is 0 and `context` that of the file.
pub(super) fn describe(gguf: &Gguf, shape: &Shape) -> Result<ModelInfo, Error> {
    let metadata = gguf.metadata();
    let text = |key: &str| metadata.text(key).map(|text| text.map(str::to_owned));
    let architecture = metadata.required("general.architecture", text("general.architecture"))?;
    let mut by_type = BTreeMap::<&str, u64>::new();
    let (mut parameters, mut weights_bytes) = (0, 0);
    for tensor in gguf.tensor_names().filter_map(|name| gguf.tensor(name)) {
        let weights = (tensor.rows * tensor.cols) as u64;
        parameters += weights;
        weights_bytes += tensor.bytes.len() as u64;
        *by_type.entry(type_name(tensor.dtype)).or_default() += weights;
    }
    let most = by_type.into_iter().max_by_key(|(_, weights)| *weights);
    let tokens = metadata.required("tokenizer.ggml.tokens", metadata.texts("tokenizer.ggml.tokens"))?;
    Ok(ModelInfo {
        name: text("general.name")?.unwrap_or_else(|| architecture.clone()),
        architecture,
        parameters,
        quantization: most.map_or("none", |(name, _)| name).to_owned(),
        context: shape.context,
        vocabulary: u32::try_from(tokens.len()).unwrap_or(u32::MAX),
        license: text("general.license")?,
        weights_bytes,
        has_template: metadata.has("tokenizer.chat_template"),
        load_ms: 0,
        device: Device::Cpu,
    })
}
