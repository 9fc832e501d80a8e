//! The rows that go into products: made once, quantized once, multiplied with several matrices.
#![expect(unsafe_code, reason = "threads write disjoint rows of the buffers, which safe Rust cannot split")]

use super::activations::{Activations, BLOCK, Block, Quantizer};
use super::error::Error;
use super::isa::Path;
use super::output::Slots;
use super::rows::each;
use super::team::Team;

/// Rows of activations, as numbers for candle's kernels and as blocks of 8 bits for the own ones.
pub(crate) struct Input {
    path: Path,
    numbers: Vec<f32>,
    blocks: Vec<Block>,
    rows: usize,
    cols: usize,
}

impl Input {
    /// No rows yet; to be multiplied with matrices that are packed for `path`.
    pub(crate) fn new(path: Path) -> Input {
        Input { path, numbers: Vec::new(), blocks: Vec::new(), rows: 0, cols: 0 }
    }

    /// Makes room for `rows` rows of `cols` numbers, so that filling allocates nothing.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn reserve(&mut self, rows: usize, cols: usize) -> Result<(), Error> {
        let (numbers, blocks) = (rows * cols, rows * (cols / BLOCK));
        let bytes = numbers * size_of::<f32>() + blocks * size_of::<Block>();
        let memory = |_| Error::Memory { bytes };
        self.numbers.try_reserve_exact(numbers.saturating_sub(self.numbers.len())).map_err(memory)?;
        self.blocks.try_reserve_exact(blocks.saturating_sub(self.blocks.len())).map_err(memory)?;
        self.numbers.resize(numbers.max(self.numbers.len()), 0.0);
        self.blocks.resize(blocks.max(self.blocks.len()), Block::ZERO);
        (self.rows, self.cols) = (rows, cols);
        Ok(())
    }

    /// Lets `make` write each row that there is room for, and quantizes it. It also gets the row of `beside` with the
    /// same number, if `beside` has rows.
    pub(crate) fn fill(
        &mut self,
        beside: &mut [f32],
        team: &Team,
        make: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
    ) {
        let (rows, cols) = (self.rows, self.cols);
        let width = beside.len() / rows;
        let (beside, numbers) = (Slots::new(beside), Slots::new(&mut self.numbers));
        let quantizer = Quantizer::new(self.path, &mut self.blocks, rows, cols);
        each(team, rows, |row| {
            // SAFETY: each row's number comes once, and with it its row of each buffer.
            unsafe {
                let numbers = numbers.part(row * cols, cols);
                make(row, beside.part(row * width, width), numbers);
                quantizer.put(row, 0, numbers);
            }
        });
    }

    /// The rows as numbers.
    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers[..self.rows * self.cols]
    }

    /// Room for the rows as numbers, and their quantizer.
    pub(super) fn parts(&mut self) -> (&mut [f32], Quantizer<'_>) {
        let (rows, cols) = (self.rows, self.cols);
        (&mut self.numbers[..rows * cols], Quantizer::new(self.path, &mut self.blocks, rows, cols))
    }

    /// The rows as blocks.
    pub(super) fn activations(&self) -> Activations<'_> {
        Activations::new(self.path, &self.blocks, self.rows, self.cols)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}
