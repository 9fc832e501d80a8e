//! The same work for every row of a step, shared among the team where there are enough rows.
#![expect(unsafe_code, reason = "threads use disjoint rows of one buffer, which safe Rust cannot split")]

use super::output::Slots;
use super::team::Team;

/// From this many rows on they are worth waking the team.
const SHARED: usize = 8;

/// Rows that one thread takes at a time.
const AT_ONCE: usize = 4;

/// Threads for work on so many rows.
pub(crate) fn workers(team: &Team, rows: usize) -> usize {
    if rows < SHARED { 1 } else { team.threads() }
}

/// Calls `work` for every row's number.
pub(super) fn each(team: &Team, rows: usize, work: impl Fn(usize) + Sync) {
    if rows < SHARED {
        return (0..rows).for_each(work);
    }
    team.run_parts(rows.div_ceil(AT_ONCE), |part| {
        (part * AT_ONCE..rows.min((part + 1) * AT_ONCE)).for_each(&work);
    });
}

/// Calls `work` for every row of `width` numbers, and its number.
pub(crate) fn for_rows(
    team: &Team,
    numbers: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let rows = numbers.len() / width;
    let slots = Slots::new(numbers);
    each(team, rows, |row| {
        // SAFETY: each row's number comes once.
        work(row, unsafe { slots.part(row * width, width) });
    });
}
