//! Cuts the attention of a step into units of work that threads can take one by one.

use super::super::forward::Span;
use super::super::shape::Shape;
use super::CHUNK;
use std::ops::Range;

/// Queries of a unit with several rows: they share every tile of keys and values while it is in the nearest cache.
const QUERIES: usize = 32;

/// A part of the work: one key head and
/// - of a span with several rows, some of them over all positions that they see, or
/// - of a span with one row, that row over one chunk of positions.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) span: usize,
    pub(super) kv_head: usize,
    /// Rows within the span.
    pub(super) rows: Range<usize>,
    /// Chunks of positions, absolute.
    pub(super) chunks: Range<usize>,
    /// Where its results begin, counted in queries.
    pub(super) first: usize,
}

/// The units of one span: for each key head equally many.
struct Place {
    first: usize,
    per_head: usize,
    /// Rows of each unit but the last of a head; `None` where the units are chunks of one row.
    rows: Option<usize>,
}

/// What is to be computed in every layer of a step that has the same window.
#[derive(Default)]
pub(crate) struct Plan {
    units: Vec<Unit>,
    places: Vec<Place>,
    /// Queries of all units.
    queries: usize,
}

impl Plan {
    /// Cuts the rows of `spans`, whose rows see `window` positions, themselves included (`None`: all).
    pub(crate) fn prepare(&mut self, spans: &[Span<'_>], shape: &Shape, window: Option<usize>) {
        self.units.clear();
        self.places.clear();
        self.queries = 0;
        let group = shape.group();
        let most_rows = (QUERIES / group).max(1);
        for (index, span) in spans.iter().enumerate() {
            let seen = |rows: &Range<usize>| {
                let first = span.position + rows.start;
                let begin = window.map_or(0, |window| (first + 1).saturating_sub(window));
                begin / CHUNK..(span.position + rows.end - 1) / CHUNK + 1
            };
            let place = Place {
                first: self.units.len(),
                per_head: if span.rows == 1 { seen(&(0..1)).len() } else { span.rows.div_ceil(most_rows) },
                rows: (span.rows > 1).then_some(most_rows),
            };
            for kv_head in 0..shape.kv_heads {
                for part in 0..place.per_head {
                    let (rows, chunks) = if span.rows == 1 {
                        let chunk = seen(&(0..1)).start + part;
                        (0..1, chunk..chunk + 1)
                    } else {
                        let rows = part * most_rows..span.rows.min((part + 1) * most_rows);
                        (rows.clone(), seen(&rows))
                    };
                    let first = self.queries;
                    self.queries += rows.len() * group;
                    self.units.push(Unit { span: index, kv_head, rows, chunks, first });
                }
            }
            self.places.push(place);
        }
    }

    pub(super) fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Queries of all units together.
    pub(super) fn queries(&self) -> usize {
        self.queries
    }

    /// The results of one row and key head: where each begins, counted in queries, in order of positions.
    pub(super) fn results(
        &self,
        span: usize,
        row: usize,
        kv_head: usize,
        group: usize,
    ) -> impl Iterator<Item = usize> {
        let place = &self.places[span];
        let units = &self.units[place.first + kv_head * place.per_head..][..place.per_head];
        let (units, skipped) = match place.rows {
            None => (units, 0),
            Some(rows) => (&units[row / rows..][..1], row % rows * group),
        };
        units.iter().map(move |unit| unit.first + skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_row_is_cut_by_positions_and_several_by_rows() {
        let shape = Shape { heads: 6, kv_heads: 2, ..Shape::for_tests() };
        let table = [0; 64];
        let spans = [
            Span { first: 0, rows: 1, position: CHUNK + 3, table: &table },
            Span { first: 1, rows: 25, position: 10, table: &table },
        ];
        let mut plan = Plan::default();
        plan.prepare(&spans, &shape, None);
        let units: Vec<_> =
            plan.units().iter().map(|unit| (unit.rows.clone(), unit.chunks.clone())).collect();
        let one = [(0..1, 0..1), (0..1, 1..2)];
        let many = [(0..10, 0..1), (10..20, 0..1), (20..25, 0..1)];
        assert_eq!(units, [&one[..], &one, &many, &many].concat());
        assert_eq!(plan.queries(), 2 * 2 * 3 + 2 * 25 * 3);
        assert_eq!(plan.results(0, 0, 1, 3).collect::<Vec<_>>(), [6, 9]);
        assert_eq!(plan.results(1, 12, 1, 3).collect::<Vec<_>>(), [12 + 75 + 36]);
    }

    #[test]
    fn a_window_leaves_out_chunks_that_no_row_sees() {
        let shape = Shape { heads: 1, kv_heads: 1, ..Shape::for_tests() };
        let table = [0; 128];
        let spans = [Span { first: 0, rows: 1, position: 3 * CHUNK, table: &table }];
        let mut plan = Plan::default();
        plan.prepare(&spans, &shape, Some(CHUNK));
        assert_eq!(plan.units().iter().map(|unit| unit.chunks.start).collect::<Vec<_>>(), [2, 3]);
        plan.prepare(&spans, &shape, Some(1));
        assert_eq!(plan.units().iter().map(|unit| unit.chunks.start).collect::<Vec<_>>(), [3]);
    }
}
