//! Where in the log the records of a time are. Numbers follow each other and times mostly do, so a time is found by
//! halving: that needs no index.

use std::ops::Range;

use redoubt_audit::catalogue;

use super::Filter;
use crate::{Error, Reader};

/// The numbers within the filter's bounds and before the cursor, and no others: the newest span first, none empty, and
/// two only where a clock that was set parts them.
pub(super) fn newest_first(
    reader: &Reader,
    filter: &Filter,
    before: Option<u64>,
) -> Result<Vec<Range<u64>>, Error> {
    let start = filter.from_seq.unwrap_or(0);
    let end = filter.to_seq.map_or(u64::MAX, |to| to.saturating_add(1)).min(before.unwrap_or(u64::MAX));
    if filter.from_us.is_none() && filter.to_us.is_none() {
        return Ok(Some(start..end).filter(|span| !span.is_empty()).into_iter().collect());
    }
    let times = filter.from_us.unwrap_or(i64::MIN)..=filter.to_us.unwrap_or(i64::MAX);
    let mut spans: Vec<Range<u64>> = Vec::new();
    for run in runs(reader)?.into_iter().rev() {
        let within = first_since(reader, &run, *times.start())?..first_after(reader, &run, *times.end())?;
        let span = within.start.max(start)..within.end.min(end);
        match spans.last_mut() {
            _ if span.is_empty() => {}
            Some(newer) if newer.start == span.end => newer.start = span.start,
            _ => spans.push(span),
        }
    }
    Ok(spans)
}

/// The log in pieces within which time never goes back: a new one begins with each record of a clock that was set.
fn runs(reader: &Reader) -> Result<Vec<Range<u64>>, Error> {
    let sql = "SELECT seq FROM audit WHERE act = ?1 ORDER BY seq";
    let mut starts = reader.all(sql, [catalogue::SYSTEM_CLOCK_STEP.act()], |row| row.get(0))?;
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let end = reader.one("SELECT coalesce(max(seq) + 1, 0) FROM audit", [], |row| row.get(0))?;
    let ends = starts.iter().skip(1).copied().chain(end);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

fn first_after(reader: &Reader, run: &Range<u64>, time_us: i64) -> Result<u64, Error> {
    time_us.checked_add(1).map_or(Ok(run.end), |next| first_since(reader, run, next))
}

/// The first record of a run at this time or later, or the run's end. Of many runs most are wholly before or after: two
/// looks tell.
fn first_since(reader: &Reader, run: &Range<u64>, time_us: i64) -> Result<u64, Error> {
    let is_earlier = |seq: u64| -> Result<bool, Error> {
        let time =
            reader.one("SELECT time_us FROM audit WHERE seq = ?1", [seq], |row| row.get::<_, i64>(0))?;
        Ok(time.is_none_or(|time| time < time_us))
    };
    if run.is_empty() || !is_earlier(run.start)? {
        return Ok(run.start);
    }
    if is_earlier(run.end - 1)? {
        return Ok(run.end);
    }
    let (mut low, mut high) = (run.start + 1, run.end - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_earlier(middle)? { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}
