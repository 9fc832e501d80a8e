//! One page of a long list.

use crate::Error;

/// Where a page of a list begins that is ordered by time and id, the newest first.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of such a list.
pub(crate) fn before(cursor: Option<&str>) -> Result<(i64, &str), Error> {
    let Some(cursor) = cursor else { return Ok((i64::MAX, "")) };
    let parts = cursor.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id)));
    parts.ok_or(Error::BadCursor)
}

/// Some items of a list and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Opaque; `None` at the end of the list.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` items from a query that was asked for one more.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}
