//! The threads that read, each with its own connection. A job sees one moment of the store, whatever the
//! writer does meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::Error;
use crate::queue::Queue;
use crate::tx::Reader;

/// One caller's read. The argument is why it could not begin, if it could not.
pub(crate) type Job = Box<dyn FnOnce(Result<&Reader, Error>) + Send>;

/// Works until the queue is closed and drained.
pub(crate) fn work(reader: &Reader, queue: &Arc<Queue<Job>>) {
    loop {
        let Some(job) = queue.take(1).pop() else { return };
        let began = reader.connection().execute_batch("BEGIN");
        // A job that panics has no result: its caller finds the answer's channel closed.
        let _ = catch_unwind(AssertUnwindSafe(|| match began {
            Ok(()) => job(Ok(reader)),
            Err(error) => job(Err(error.into())),
        }));
        if !reader.connection().is_autocommit()
            && let Err(error) = reader.connection().execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a reader cannot end its view");
        }
    }
}
