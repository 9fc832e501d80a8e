//! Memory that several threads write during one product, each its own elements.
#![expect(
    unsafe_code,
    reason = "threads write disjoint, strided parts of one slice, which safe Rust cannot split"
)]

use std::marker::PhantomData;

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

    /// Writes the elements from `first` on.
    ///
    /// # Safety
    /// No other thread writes the same elements during this borrow.
    #[inline]
    unsafe fn put_all(&self, first: usize, values: &[T]) {
        assert!(first <= self.len && values.len() <= self.len - first, "slots from {first} of {}", self.len);
        // SAFETY: as in `put`; the source is a borrowed slice and cannot overlap with an exclusive one.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.base.add(first), values.len()) }
    }
}

/// The output of a product: for every activation row, one number a weight row.
pub(super) struct Output<'a> {
    slots: Slots<'a, f32>,
    rows: usize,
}

impl<'a> Output<'a> {
    /// `rows` is the number of weight rows.
    pub(super) fn new(out: &'a mut [f32], rows: usize) -> Self {
        Self { slots: Slots::new(out), rows }
    }

    /// Writes the sums of one group of weight rows, one a lane, for activation row `token`. What lies beyond the last
    /// weight row is padding and dropped.
    ///
    /// # Safety
    /// No other thread writes the same `group` during this product.
    #[inline]
    pub(super) unsafe fn put(&self, token: usize, group: usize, sums: &[f32]) {
        let first = group * sums.len();
        let count = sums.len().min(self.rows - first);
        // SAFETY: as the caller promises.
        unsafe { self.slots.put_all(token * self.rows + first, &sums[..count]) }
    }
}
