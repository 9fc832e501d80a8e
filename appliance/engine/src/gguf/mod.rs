//! GGUF model files: checked, mapped, and open to typed questions.
//!
//! The file is hostile until [`check`] has walked its header; only then does candle read it.

mod bytes;
mod check;
mod error;
mod metadata;
mod types;

pub use error::{Error, Fault};
pub use metadata::Metadata;
pub use types::name as type_name;

use candle_core::quantized::{GgmlDType, gguf_file::Content};
use memmap2::Mmap;
use std::fs::File;
use std::io::Cursor;

/// A model file whose header is sound. Its data stays in the file until it is asked for.
pub struct Gguf {
    map: Mmap,
    content: Content,
}

/// One tensor of it.
pub struct Tensor<'a> {
    /// How its weights are stored.
    pub dtype: GgmlDType,
    /// Number of rows: 1 for a vector.
    pub rows: usize,
    /// Weights in a row.
    pub cols: usize,
    /// Its data, in the file.
    pub bytes: &'a [u8],
}

impl Gguf {
    /// Maps the file and reads its header.
    ///
    /// # Errors
    /// [`crate::Error::Gguf`] with the fault and its place. Takes at most twice the file's size in memory and
    /// time in proportion to the header, whatever the file says.
    pub fn open(file: &File) -> Result<Gguf, crate::Error> {
        if file.metadata()?.len() == 0 {
            // An empty mapping is an error of its own on Linux.
            return Err(Error { fault: Fault::Truncated("the magic number"), offset: 0 }.into());
        }
        let map = map(file)?;
        check::header(&map)?;
        let content = Content::read(&mut Cursor::new(&map[..]))?;
        Ok(Gguf { map, content })
    }

    /// The metadata.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.content.metadata)
    }

    /// The names of all tensors, in no order.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.content.tensor_infos.keys().map(String::as_str)
    }

    /// A tensor, if the file has it. Of more than two dimensions all but the first count as rows.
    pub fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let info = self.content.tensor_infos.get(name)?;
        let (cols, rows) = info.shape.dims().split_last()?;
        let rows = rows.iter().product();
        let length = cols / info.ggml_dtype.block_size() * info.ggml_dtype.type_size() * rows;
        let start = usize::try_from(self.content.tensor_data_offset + info.offset).ok()?;
        let bytes = self.map.get(start..start.checked_add(length)?)?;
        Some(Tensor { dtype: info.ggml_dtype, rows, cols: *cols, bytes })
    }
}

/// Maps a model file of any kind.
#[expect(unsafe_code, reason = "the only way to map a file")]
pub(crate) fn map(file: &File) -> Result<Mmap, crate::Error> {
    // SAFETY: the mapping is private and only ever read as bytes. Model files lie in a directory that nobody
    // changes while they are in use; if somebody truncates one all the same, reading it ends this process by
    // SIGBUS, which its supervisor treats like any other crash.
    Ok(unsafe { Mmap::map(file)? })
}
