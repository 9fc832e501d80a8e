//! What can be wrong with a model file's header, and where.

/// A fault and the byte of the file at which it was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {offset})")]
pub struct Error {
    /// What is wrong.
    pub fault: Fault,
    /// Offset from the beginning of the file.
    pub offset: u64,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file")]
    NotGguf,
    /// Only versions 2 and 3, little-endian, are read.
    #[error("GGUF version {0} is not supported")]
    Version(u32),
    /// The file ends before what it announces.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// A count that the rest of the file cannot hold.
    #[error("{count} {what} cannot fit into the file")]
    Count {
        /// Of what.
        what: &'static str,
        /// The announced number.
        count: u64,
    },
    /// A string that is too long for its place, empty, not UTF-8, or has a NUL where names have none.
    #[error("{0} is not a valid string")]
    Text(&'static str),
    /// The same key or tensor twice.
    #[error("`{0}` appears twice")]
    Duplicate(String),
    /// A value type beyond those of the format, or a list within a list.
    #[error("value type {0} is not allowed here")]
    ValueType(u32),
    /// A boolean that is neither 0 nor 1.
    #[error("{0} is not a boolean")]
    Bool(u8),
    /// An alignment that is not a power of two from 8 to 65,536, or not a number.
    #[error("the alignment is not valid")]
    Alignment,
    /// A tensor with no dimension, more than four, an empty one, or more weights than can be counted.
    #[error("tensor `{0}` has an impossible shape")]
    Shape(String),
    /// Rows that do not consist of whole blocks.
    #[error("the rows of tensor `{0}` are not whole blocks")]
    Blocks(String),
    /// A tensor type that this engine cannot compute with.
    #[error("tensor `{tensor}` has type {name}, which is not supported")]
    TensorType {
        /// Which tensor.
        tensor: String,
        /// The type's name in ggml, or its number.
        name: String,
    },
    /// Data that begins at an unaligned place.
    #[error("the data of tensor `{0}` is not aligned")]
    Unaligned(String),
    /// Data that ends beyond the file.
    #[error("the data of tensor `{0}` is not within the file")]
    Outside(String),
    /// Data that another tensor has, too.
    #[error("the data of tensor `{0}` overlaps that of another")]
    Overlap(String),
    /// A header that would take more memory than twice the file.
    #[error("the header would take {0} bytes of memory")]
    Memory(u64),
}
