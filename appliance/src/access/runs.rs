//! Everything that runs for somebody after they were let in: answers, completions, embeddings, and streams that are read.
//!
//! **Invariant:** whatever runs holds a [`Run`], so that it can be told that the right to it is lost. Two ways lead there:
//! the end of a session tells at once (`identity/ending.rs`), and `http::run` has all of them compared with the store
//! twice a second (`App::follow_rights`), whoever lost which right in whatever way. When the appliance stops, all of them are told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::standing::{Lapse, Standing, Way};

/// How often, and at what distance, it is looked whether everything has ended before the appliance stops.
const SHUT_LOOKS: u32 = 30;
const SHUT_LOOK_EVERY: Duration = Duration::from_millis(100);

/// What runs. Clones share it.
#[derive(Clone, Default)]
pub struct Runs(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    /// From then on nothing begins that could not end.
    is_shut: bool,
    last: u64,
    by_number: HashMap<u64, Running>,
}

struct Running {
    standing: Standing,
    tell: watch::Sender<Option<Lapse>>,
}

/// Something that runs, until it is dropped.
pub struct Run {
    runs: Runs,
    number: u64,
    notice: Notice,
}

/// Where somebody hears that the right to a run is lost. Clones hear the same.
#[derive(Clone)]
pub struct Notice(watch::Receiver<Option<Lapse>>);

impl Runs {
    /// Before the right to it is looked at, so that no loss falls between.
    pub fn enter(&self, standing: Standing) -> Run {
        let mut open = self.open();
        let (tell, hear) = watch::channel(open.is_shut.then_some(Lapse::Shutdown));
        open.last += 1;
        let number = open.last;
        open.by_number.insert(number, Running { standing, tell });
        Run { runs: self.clone(), number, notice: Notice(hear) }
    }

    /// What runs in a session that has ended is told so.
    pub fn end_session(&self, session_id: &str) {
        let is_of = |standing: &Standing| matches!(&standing.way, Way::Session(id) if id == session_id);
        self.end(is_of, Lapse::Session);
    }

    /// What runs by this standing is told what is lost of it.
    pub fn lapsed(&self, standing: &Standing, lapse: Lapse) {
        self.end(|of| of == standing, lapse);
    }

    /// Ends everything, because the appliance stops, and gives it a moment to be recorded.
    pub async fn shut(&self) {
        self.open().is_shut = true;
        self.end(|_| true, Lapse::Shutdown);
        for _ in 0..SHUT_LOOKS {
            if self.open().by_number.is_empty() {
                return;
            }
            tokio::time::sleep(SHUT_LOOK_EVERY).await;
        }
    }

    fn end(&self, matches: impl Fn(&Standing) -> bool, lapse: Lapse) {
        for running in self.open().by_number.values().filter(|running| matches(&running.standing)) {
            // The first reason stays.
            running.tell.send_if_modified(|told| {
                let is_news = told.is_none();
                told.get_or_insert(lapse);
                is_news
            });
        }
    }

    /// By what the present ones run, each once.
    pub fn standings(&self) -> HashSet<Standing> {
        self.open().by_number.values().map(|running| running.standing.clone()).collect()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    pub fn notice(&self) -> Notice {
        self.notice.clone()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.runs.open().by_number.remove(&self.number);
    }
}

impl Notice {
    /// What was lost, if anything was.
    pub fn lapse(&self) -> Option<Lapse> {
        *self.0.borrow()
    }

    /// Waits until something is lost; for ever, if nothing is.
    pub async fn lapsed(&mut self) -> Lapse {
        loop {
            if let Some(lapse) = self.lapse() {
                return lapse;
            }
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redoubt_store::users::Role;

    use super::*;

    fn of(way: Way) -> Standing {
        let (workspace, model) = (None, None);
        Standing { user_id: "alice".into(), role: Role::Analyst, way, workspace, model }
    }

    #[tokio::test]
    async fn who_runs_hears_what_was_lost_first_and_others_hear_nothing() {
        let runs = Runs::default();
        let (one, key) = (of(Way::Session("one".into())), of(Way::Key("key".into())));
        let (run, same, other) = (runs.enter(one.clone()), runs.enter(one.clone()), runs.enter(key.clone()));
        assert_eq!(runs.standings(), HashSet::from([one.clone(), key.clone()]));
        runs.lapsed(&one, Lapse::Model);
        runs.end_session("one");
        assert_eq!(run.notice().lapsed().await, Lapse::Model);
        assert_eq!((same.notice().lapse(), other.notice().lapse()), (Some(Lapse::Model), None));
        drop((run, same));
        assert_eq!(runs.standings(), HashSet::from([key]));
    }
}
