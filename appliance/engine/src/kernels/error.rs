//! Why bytes are not a weight matrix.

use candle_core::quantized::GgmlDType;

use super::Isa;

/// What is wrong with a tensor that was to become a [`super::Matrix`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No matrix has this shape: a side is 0, the size overflows, or a row is no whole number of blocks.
    #[error("a {rows} × {cols} matrix of {dtype:?}, whose blocks hold {} weights", dtype.block_size())]
    Shape {
        /// The file's type.
        dtype: GgmlDType,
        /// Weight rows.
        rows: usize,
        /// Weights a row.
        cols: usize,
    },
    /// The data is shorter or longer than the shape.
    #[error("{found} bytes of weights where the shape needs {expected}")]
    Length {
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// A type for activations, which no file has weights in.
    #[error("weights of type {dtype:?}")]
    Type {
        /// The file's type.
        dtype: GgmlDType,
    },
    /// This processor lacks the instruction set.
    #[error("this processor has no {isa:?}")]
    Isa {
        /// What was asked for.
        isa: Isa,
    },
    /// The allocator has no room for the repacked weights.
    #[error("out of memory: {bytes} bytes of weights")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// Candle refused what the checks before let pass.
    #[error("tensor: {0}")]
    Candle(#[from] candle_core::Error),
}
