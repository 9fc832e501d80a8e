//! How fast memory can be read: the limit of decoding, which reads every weight for every step.

use crate::Error;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Passes over all of the memory, of which the fastest counts: what disturbs a pass only ever slows it down. At least
/// `LEAST` of them; more over little memory, where each is short.
const LEAST: usize = 8;
const MOST: usize = 256;
const ALL_PASSES_BYTES: usize = 1 << 33;
/// Distant places that a thread reads from in turn, which keeps more of the memory busy than one.
const STREAMS: usize = 4;
/// Numbers of a stream that are added side by side.
const LANES: usize = 16;

/// Bytes a second that `threads` threads read together, over and over from `bytes` of memory. Each thread has its own
/// part of them, always the same one, so a cache that holds them counts as memory.
///
/// # Errors
/// [`Error::Memory`] where that much is not to be had.
pub fn read_bandwidth(bytes: usize, threads: usize) -> Result<f64, Error> {
    let length = bytes / size_of::<u64>();
    let mut memory: Vec<u64> = Vec::new();
    let refused = |_| Error::Memory { bytes, purpose: "measuring how fast memory is" };
    memory.try_reserve_exact(length).map_err(refused)?;
    // Not zero: pages that were never written to are all the same one.
    memory.resize(length, 1);
    let share = length.div_ceil(threads.max(1)).max(1);
    let passes = (ALL_PASSES_BYTES / bytes.max(1)).clamp(LEAST, MOST);
    let start = Barrier::new(memory.chunks(share).len());
    let slowest = thread::scope(|scope| {
        let readers: Vec<_> =
            memory.chunks(share).map(|part| scope.spawn(|| fastest_pass(part, passes, &start))).collect();
        readers.into_iter().filter_map(|reader| reader.join().ok()).max()
    });
    Ok(bytes as f64 / slowest.unwrap_or_default().as_secs_f64())
}

/// Reads a thread's part several times, each time together with the others.
fn fastest_pass(part: &[u64], passes: usize, start: &Barrier) -> Duration {
    let pass = || {
        start.wait();
        let started = Instant::now();
        black_box(sum(part));
        started.elapsed()
    };
    (0..passes).map(|_| pass()).min().unwrap_or_default()
}

/// The sum of all numbers but those of an incomplete last row.
fn sum(numbers: &[u64]) -> u64 {
    let quarter = numbers.len() / STREAMS;
    let streams: [&[[u64; LANES]]; STREAMS] =
        std::array::from_fn(|stream| numbers[stream * quarter..(stream + 1) * quarter].as_chunks().0);
    let mut sums = [[0_u64; LANES]; STREAMS];
    for row in 0..quarter / LANES {
        for (sums, stream) in sums.iter_mut().zip(streams) {
            for (sum, number) in sums.iter_mut().zip(&stream[row]) {
                *sum = sum.wrapping_add(*number);
            }
        }
    }
    sums.as_flattened().iter().fold(0, |all, sum| all.wrapping_add(*sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read() {
        let numbers: Vec<u64> = (0..4 * 160).collect();
        assert_eq!(sum(&numbers), numbers.iter().sum::<u64>());
        assert_eq!(sum(&[]), 0);
    }
}
