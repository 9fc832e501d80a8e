//! What a route leaves in the log.

use redoubt_audit::Event;

use super::Route;

/// What a request that succeeds leaves in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// One or more of these records, under the request's id; of what ends another request's work, under that one's. A write that
    /// changes nothing may leave none.
    Records(&'static [Event]),
    /// Nothing: it shows the caller's own.
    Own,
    /// Nothing: it shows what everybody in the route's role is to know at any time, and of no person.
    Common,
}

/// A route that has not said yet what it leaves in the log: nobody can register it before it has.
pub(super) struct Untraced(pub(super) Route);

impl Untraced {
    pub(super) fn records(self, events: &'static [Event]) -> Route {
        self.leaves(Trace::Records(events))
    }

    pub(super) fn shows_own(self) -> Route {
        self.leaves(Trace::Own)
    }

    pub(super) fn shows_common(self) -> Route {
        self.leaves(Trace::Common)
    }

    fn leaves(self, trace: Trace) -> Route {
        Route { trace, ..self.0 }
    }
}
