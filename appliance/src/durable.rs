//! Writes that outlive the request that asked for them: a client that hangs up drops its handler at the next await, while
//! what was queued is written all the same. So what has to be ended later is begun in a task of its own, which hears
//! of the outcome however late, and whoever waits is told what there is to tell in time.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;

/// What cannot be recorded within this time is refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often an outcome that could not be stored is tried again, a second apart.
const ATTEMPTS: u32 = 300;

/// Tells somebody, once, who may have gone.
pub struct Teller<T>(Option<oneshot::Sender<T>>);

impl<T> Teller<T> {
    pub fn new() -> (Self, oneshot::Receiver<T>) {
        let (tell, told) = oneshot::channel();
        (Self(Some(tell)), told)
    }

    /// The first word counts.
    pub fn tell(&mut self, word: T) {
        if let Some(tell) = self.0.take() {
            // Whoever is gone need not be told.
            let _gone = tell.send(word);
        }
    }

    /// Whether something was told.
    pub fn has_told(&self) -> bool {
        self.0.is_none()
    }

    /// Resolves when nobody listens.
    pub async fn is_alone(&mut self) {
        if let Some(tell) = &mut self.0 {
            tell.closed().await;
        }
    }
}

/// The outcome of a write, however long it takes; `late` is called when nobody should wait for it any more.
pub async fn patiently<T>(write: impl Future<Output = T>, late: impl FnOnce()) -> T {
    let mut write = pin!(write);
    match tokio::time::timeout(PATIENCE, &mut write).await {
        Ok(outcome) => outcome,
        Err(_) => {
            late();
            write.await
        }
    }
}

/// Writes it down, again and again until the store takes it. `first` hears whether the first attempt was written in time.
/// Each attempt is a [`redoubt_store::Store::write_settled`]: one that fails has written nothing.
pub async fn insist<W, E>(what: &str, mut write: impl FnMut() -> W, first: impl FnOnce(bool))
where
    W: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut first = Some(first);
    let mut tell = |written| {
        if let Some(first) = first.take() {
            first(written);
        }
    };
    let mut outcome = patiently(write(), || tell(false)).await;
    tell(outcome.is_ok());
    for _ in 0..ATTEMPTS {
        let Err(error) = outcome else { return };
        tracing::warn!(%error, what, "the end is not recorded yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
        outcome = write().await;
    }
    if let Err(error) = outcome {
        tracing::error!(%error, what, "the end could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_fails_is_written_at_last_and_told_once() {
        let (attempts, told) = (Cell::new(0), Cell::new(None));
        let write = || {
            attempts.set(attempts.get() + 1);
            std::future::ready(if attempts.get() < 2 { Err("the disk is full") } else { Ok(()) })
        };
        insist("a test", write, |written| told.set(Some(written))).await;
        assert_eq!((attempts.get(), told.get()), (2, Some(false)));
    }

    #[tokio::test]
    async fn a_late_write_is_awaited_while_others_are_told() {
        let late = Cell::new(false);
        let write = async {
            tokio::time::sleep(PATIENCE + Duration::from_millis(100)).await;
            "written"
        };
        assert_eq!(patiently(write, || late.set(true)).await, "written");
        assert!(late.get());
        assert_eq!(patiently(std::future::ready(1), || late.set(false)).await, 1);
        assert!(late.get(), "what was in time is not late");
    }
}
