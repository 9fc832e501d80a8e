//! Memory that begins at a cache line and is zero until it is first written, page by page, by whichever thread does that.
#![expect(unsafe_code, reason = "no safe container allocates aligned, zeroed memory that may be refused")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

use super::Error;

/// Bytes of a cache line.
const LINE: usize = 64;

/// A boxed slice of bytes at the beginning of a cache line.
pub(super) struct Buffer {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the buffer owns its memory alone, like a boxed slice.
unsafe impl Send for Buffer {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `bytes` bytes of zeros.
    pub(super) fn zeroed(bytes: usize) -> Result<Self, Error> {
        // One byte at least, as an empty allocation is not allowed.
        let layout = Layout::from_size_align(bytes.max(1), LINE).map_err(|_| Error::Memory { bytes })?;
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Error::Memory { bytes })?;
        Ok(Self { base, layout })
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `base` is an allocation of that many bytes, all of them written.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `base` was allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
