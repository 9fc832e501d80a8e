//! The records of a bundle in their order, some at a time.

use std::collections::VecDeque;
use std::ops::Range;

use super::write::Log;
use crate::Record;

/// How many records are read from the log at a time.
const PIECE: u64 = 1_000;

/// Reads the records of several spans, piece after piece.
pub(super) struct Lines<'a, L> {
    log: &'a L,
    spans: VecDeque<Range<u64>>,
}

impl<'a, L: Log> Lines<'a, L> {
    pub(super) fn new(log: &'a L, spans: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self { log, spans: spans.into_iter().filter(|span| !span.is_empty()).collect() }
    }
}

impl<L: Log> Iterator for Lines<'_, L> {
    type Item = Result<Vec<Record>, L::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let span = self.spans.front_mut()?;
        let from = span.start;
        let to = span.end.min(from + PIECE);
        span.start = to;
        if span.is_empty() {
            self.spans.pop_front();
        }
        Some(self.log.records(from, to))
    }
}
