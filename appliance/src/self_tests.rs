//! The self-test of each caged process, as the front hears of it: recorded, and kept for the admins' page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use redoubt_store::Store;
use tokio::sync::mpsc;

use crate::lockdown::{Process, Report};
use crate::records;

/// What came of it at the last start of each process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SelfTests(Arc<Mutex<BTreeMap<Process, Report>>>);

impl SelfTests {
    pub fn keep(&self, process: Process, report: Report) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(process, report);
    }

    /// In the order of [`Process`].
    pub fn latest(&self) -> Vec<(Process, Report)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|(process, report)| (*process, report.clone())).collect()
    }

    /// Waits for the next report and records it. `None`: the supervisor is gone.
    ///
    /// # Errors
    /// It cannot be recorded; it is kept all the same.
    pub async fn record_next(
        &self,
        heard: &mut mpsc::UnboundedReceiver<(Process, Report)>,
        store: &Store,
    ) -> Option<Result<(), redoubt_store::Error>> {
        let (process, report) = heard.recv().await?;
        let draft = records::egress_tested(process, &report);
        self.keep(process, report);
        Some(store.write(move |tx| tx.audit(draft)).await.map(drop))
    }

    /// Records every report until the supervisor is gone.
    pub async fn follow(self, mut heard: mpsc::UnboundedReceiver<(Process, Report)>, store: Store) {
        while let Some(recorded) = self.record_next(&mut heard, &store).await {
            if let Err(error) = recorded {
                tracing::error!(%error, "a process's self-test was not recorded");
            }
        }
    }
}
