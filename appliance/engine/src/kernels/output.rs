//! Memory that several threads write during one product, each its own elements.
#![expect(
    unsafe_code,
    reason = "threads write disjoint, strided parts of one slice, which safe Rust cannot split"
)]

use std::marker::PhantomData;
use std::ops::Range;

/// A slice, borrowed for the length of one job, whose elements are written from several threads.
pub(super) struct Slots<'a, T> {
    base: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: elements are only written, and the callers of the writing methods promise that no two threads write the same
// one; T: Send lets an element come from another thread.
unsafe impl<T: Send> Sync for Slots<'_, T> {}

impl<'a, T: Copy> Slots<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self { base: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// Writes one element.
    ///
    /// # Safety
    /// No other thread writes the same element during this borrow.
    #[inline]
    pub(super) unsafe fn put(&self, index: usize, value: T) {
        assert!(index < self.len, "slot {index} of {}", self.len);
        // SAFETY: the index was checked against the slice that `base` came from, which is borrowed for 'a; the caller
        // promises that nobody else touches the element.
        unsafe { self.base.add(index).write(value) }
    }

    /// The `len` elements from `first` on.
    ///
    /// # Safety
    /// Nobody else uses the same elements while the slice lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the caller promises that it is the only one")]
    pub(super) unsafe fn part(&self, first: usize, len: usize) -> &mut [T] {
        assert!(first <= self.len && len <= self.len - first, "slots from {first} of {}", self.len);
        // SAFETY: within the slice that `base` came from, which is borrowed for 'a; the caller promises that nobody
        // else touches the elements.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(first), len) }
    }
}

/// What a product does with its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They replace what is there.
    Set,
    /// They are added to it.
    Add,
}

/// The output of a product: for every activation row, one number a weight row.
pub(super) struct Output<'a> {
    slots: Slots<'a, f32>,
    rows: usize,
    mode: Mode,
    bias: Option<&'a [f32]>,
}

impl<'a> Output<'a> {
    /// `rows` is the number of weight rows, and of the bias's numbers, which are added to every activation row's sums.
    pub(super) fn new(out: &'a mut [f32], rows: usize, mode: Mode, bias: Option<&'a [f32]>) -> Self {
        Self { slots: Slots::new(out), rows, mode, bias }
    }

    /// Takes the sums of one group of weight rows, one a lane, for activation row `token`. What lies beyond the last
    /// weight row is padding and dropped.
    ///
    /// # Safety
    /// No other thread uses the same `group` during this product.
    #[inline]
    pub(super) unsafe fn put(&self, token: usize, group: usize, sums: &[f32]) {
        let first = group * sums.len();
        let count = sums.len().min(self.rows - first);
        // SAFETY: as the caller promises.
        let out = unsafe { self.slots.part(token * self.rows + first, count) };
        match self.mode {
            // A loop, as a copy of unknown length would be a call.
            Mode::Set => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum),
            Mode::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
        }
        if let Some(bias) = self.bias {
            out.iter_mut().zip(&bias[first..]).for_each(|(out, bias)| *out += bias);
        }
    }

    /// The numbers of activation row `token` for some weight rows.
    ///
    /// # Safety
    /// Nobody else uses the same ones while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that it is the only one")]
    pub(super) unsafe fn columns(&self, token: usize, columns: &Range<usize>) -> &mut [f32] {
        // SAFETY: as the caller promises.
        unsafe { self.slots.part(token * self.rows + columns.start, columns.len()) }
    }
}
