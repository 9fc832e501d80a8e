//! The three files of an embedding model, read with bounds before anything believes them.

use super::bert::Encoder;
use super::config::Config;
use crate::Error;
use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device, Tensor};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Longest `config.json` and `tokenizer.json`, in bytes.
const MAX_CONFIG: u64 = 64 << 10;
const MAX_TOKENIZER: u64 = 16 << 20;
/// Longest header of a safetensors file: the names and shapes of thousands of tensors.
const MAX_HEADER: u64 = 1 << 20;

/// An embedding model as Hugging Face lays it out: open files, of which each was checked against its manifest.
#[derive(Debug)]
pub struct Files {
    /// `model.safetensors`.
    pub weights: File,
    /// `tokenizer.json`.
    pub tokenizer: File,
    /// `config.json`.
    pub config: File,
}

impl Files {
    /// What the model is.
    pub(super) fn read_config(&self) -> Result<Config, Error> {
        Config::parse(&read(&self.config, "config.json", MAX_CONFIG)?)
    }

    /// The bytes of `tokenizer.json`.
    pub(super) fn read_tokenizer(&self) -> Result<Vec<u8>, Error> {
        read(&self.tokenizer, "tokenizer.json", MAX_TOKENIZER)
    }

    /// The weights, copied out of the file as f32: once in memory.
    pub(super) fn load_weights(&self, config: &Config) -> Result<Encoder, Error> {
        let length = self.weights.metadata()?.len();
        let mut header = [0; 8];
        if length > header.len() as u64 {
            self.weights.read_exact_at(&mut header, 0)?;
        }
        let header = u64::from_le_bytes(header);
        if header == 0 || header > MAX_HEADER || header > length - 8 {
            let why = format!("model.safetensors: a header of {header} bytes in a file of {length}");
            return Err(Error::Model(why));
        }
        let map = crate::gguf::map(&self.weights)?;
        // Refuses tensors that overlap, leave gaps or reach beyond the file.
        let tensors = SliceSafetensors::new(&map).map_err(|error| damaged(&error))?;
        Encoder::load(&Tensors(tensors), config)
    }
}

/// The tensors of the weights' file.
pub(super) struct Tensors<'a>(SliceSafetensors<'a>);

impl Tensors<'_> {
    /// A tensor as f32, which must have exactly this shape: nothing is allocated for another.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let view = self.0.get(name).map_err(|error| damaged(&error))?;
        if view.shape() != shape {
            let why = format!("model.safetensors: {name} has the shape {:?}, not {shape:?}", view.shape());
            return Err(Error::Model(why));
        }
        let tensor = self.0.load(name, &Device::Cpu).and_then(|tensor| tensor.to_dtype(DType::F32));
        tensor.map_err(|error| damaged(&error))
    }
}

fn damaged(error: &candle_core::Error) -> Error {
    Error::Model(format!("model.safetensors: {error}"))
}

fn read(file: &File, name: &str, most: u64) -> Result<Vec<u8>, Error> {
    let length = file.metadata()?.len();
    if length > most {
        return Err(Error::Model(format!("{name}: {length} bytes, it may have {most}")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
