//! An answer while it is being written: one writer, any number of readers that come and go.
//!
//! Readers follow a growing text by their own position in it, so a slow one holds nothing up and costs no
//! memory: it gets what it missed in one piece.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redoubt_store::messages::Status;
use tokio::sync::{Notify, watch};

/// Tokens of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub cached_tokens: u32,
}

/// The outcome of an answer, once it is in the store.
#[derive(Clone, Debug)]
pub struct Ended {
    pub status: Status,
    pub finish_reason: &'static str,
    pub usage: Usage,
    pub elapsed_ms: u64,
    /// The model failed, or the outcome could not be stored.
    pub error: Option<Failure>,
}

/// Where an answer stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1 is next.
    pub position: u32,
    /// Seconds until it may be its turn.
    pub wait_s: u32,
}

/// Why an answer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Engine,
    Unrecorded,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    place: Option<Place>,
    ended: Option<Ended>,
}

/// The shared side: what is written so far, and the way to stop it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub question_id: String,
    pub answer_id: String,
    pub dropped_turns: u32,
    /// The chat's title where this question gave it one.
    pub title: Option<String>,
    state: Arc<Mutex<State>>,
    version: Arc<watch::Sender<u64>>,
    stop: Arc<Notify>,
}

impl Answer {
    pub(super) fn new(
        question_id: String,
        answer_id: String,
        dropped_turns: u32,
        title: Option<String>,
    ) -> Self {
        Self {
            question_id,
            answer_id,
            dropped_turns,
            title,
            state: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
            stop: Arc::default(),
        }
    }

    /// An answer that ended before, for readers that come late.
    pub(super) fn finished(question_id: String, answer_id: String, text: String, ended: Ended) -> Self {
        let answer = Self::new(question_id, answer_id, 0, None);
        answer.change(|state| (state.text, state.ended) = (text, Some(ended)));
        answer
    }

    pub(super) fn queued(&self, place: Place) {
        self.change(|state| state.place = Some(place));
    }

    pub(super) fn started(&self) {
        self.change(|state| state.place = None);
    }

    pub(super) fn push(&self, text: &str) {
        self.change(|state| state.text.push_str(text));
    }

    pub(super) fn end(&self, ended: Ended) {
        self.change(|state| state.ended = Some(ended));
    }

    pub(super) fn text(&self) -> String {
        self.state().text.clone()
    }

    /// Asks the writer to stop; it does so within a token.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Follows the answer from its beginning.
    pub fn watch(&self) -> Watcher {
        Watcher { answer: self.clone(), changes: self.version.subscribe(), read: 0, place: None, over: false }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.version.send_modify(|version| *version += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader sees next.
#[derive(Clone, Debug)]
pub enum Step {
    Queued(Place),
    Text(String),
    Ended(Ended),
}

/// A reader's place in an answer.
pub struct Watcher {
    answer: Answer,
    changes: watch::Receiver<u64>,
    read: usize,
    place: Option<Place>,
    over: bool,
}

impl Watcher {
    /// Waits for the next step; `None` after the end.
    pub async fn next(&mut self) -> Option<Step> {
        while !self.over {
            self.changes.mark_unchanged();
            if let Some(step) = self.take() {
                return Some(step);
            }
            self.changes.changed().await.ok()?;
        }
        None
    }

    fn take(&mut self) -> Option<Step> {
        let state = self.answer.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = state.text.get(self.read..).filter(|new| !new.is_empty()) {
            self.read = state.text.len();
            return Some(Step::Text(new.to_owned()));
        }
        if let Some(ended) = &state.ended {
            self.over = true;
            return Some(Step::Ended(ended.clone()));
        }
        if state.place != self.place {
            self.place = state.place;
            return self.place.map(Step::Queued);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> Ended {
        let usage = Usage { prompt_tokens: 1, completion_tokens: 2, cached_tokens: 0 };
        Ended { status: Status::Done, finish_reason: "stop", usage, elapsed_ms: 3, error: None }
    }

    #[tokio::test]
    async fn a_late_reader_gets_the_text_so_far_and_then_the_rest() {
        let answer = Answer::new("q".into(), "a".into(), 0, None);
        answer.push("The capital ");
        answer.push("is ");
        let mut late = answer.watch();
        assert!(matches!(late.next().await, Some(Step::Text(text)) if text == "The capital is "));
        answer.push("Paris.");
        answer.end(ended());
        assert!(matches!(late.next().await, Some(Step::Text(text)) if text == "Paris."));
        assert!(matches!(late.next().await, Some(Step::Ended(_))));
        assert!(late.next().await.is_none());
    }

    #[tokio::test]
    async fn a_reader_waits_for_what_is_not_written_yet() {
        let answer = Answer::new("q".into(), "a".into(), 0, None);
        let mut reader = answer.watch();
        let waiting = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        let third = Place { position: 3, wait_s: 9 };
        answer.queued(third);
        assert!(matches!(waiting.await.unwrap(), Some(Step::Queued(place)) if place == third));
    }

    #[tokio::test]
    async fn who_comes_after_the_start_is_told_of_no_place_in_the_queue() {
        let answer = Answer::new("q".into(), "a".into(), 0, None);
        answer.queued(Place { position: 1, wait_s: 1 });
        answer.started();
        let mut late = answer.watch();
        answer.push("Paris.");
        assert!(matches!(late.next().await, Some(Step::Text(text)) if text == "Paris."));
    }
}
