//! How much memory and processor time a piece of work takes on this thread; too much of either is a crash.

use rustix::time::{ClockId, clock_gettime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Instrumented code is several times slower than what people run, which has one second.
const SECONDS: f64 = 8.0;
/// Whatever the header, so much may be taken.
pub const HEADER: usize = 2 << 20;
/// Whatever the text: regular expressions remember what they have learnt, each up to some megabytes.
const TEXT: usize = 64 << 20;
/// For a byte of text there may be a symbol of 16 bytes and queued pairs in lists that double.
const A_BYTE: usize = 200;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is the system's allocator; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    // A thread that is ending has no counters any more.
    let _ending = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        PEAK.with(|peak| peak.set(peak.get().max(now.get())));
    });
}

/// Does the work and panics when it takes more than `most` bytes at once, or seconds of this thread's time.
pub fn within<T>(what: &str, most: usize, work: impl FnOnce() -> T) -> T {
    let (before, started) = (NOW.get(), seconds());
    PEAK.set(before);
    let result = work();
    let (peak, took) = ((PEAK.get() - before).max(0).cast_unsigned(), seconds() - started);
    assert!(peak <= most, "{what} took {peak} bytes, more than {most}");
    assert!(took <= SECONDS, "{what} took {took} s");
    result
}

/// As [`within`], with as much memory as suits a text of so many bytes.
pub fn text<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    within("a text", A_BYTE * bytes + TEXT, work)
}

/// Processor time of this thread: other processes do not count.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
