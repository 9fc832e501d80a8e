//! Who is told of records that are on the disk.

use std::fmt;
use std::sync::Arc;

use redoubt_audit::Record;

/// Is told of each record of this process once, in the log's order, after its transaction was synced and before whoever
/// asked for it hears of that. It is called on the thread that writes, so it must wait for nothing.
#[derive(Clone)]
pub struct OnDurable(Arc<dyn Fn(Vec<Record>) + Send + Sync>);

impl OnDurable {
    pub fn new(tell: impl Fn(Vec<Record>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, records: Vec<Record>) {
        (self.0)(records);
    }
}

impl fmt::Debug for OnDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDurable")
    }
}
