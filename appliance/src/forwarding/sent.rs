//! What was sent on one connection and may be taken for arrived.
//!
//! Syslog has no receipts. A connection on which something sent was not acknowledged for [`UNACKNOWLEDGED`] is ended by the
//! kernel; so what was sent longer ago than that on a connection that still stands has reached the other machine.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The kernel's limit (TCP_USER_TIMEOUT).
pub(super) const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// With time for the kernel to say so.
pub(super) const ARRIVED_AFTER: Duration = Duration::from_secs(20);
/// What is sent within this time is one moment, so that there are few.
const APART: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Sent {
    /// The oldest first.
    moments: VecDeque<Moment>,
}

struct Moment {
    began: Instant,
    ended: Instant,
    /// The number of the first record that was not sent by its end.
    next: u64,
}

impl Sent {
    /// Everything before record `next` has been sent.
    pub(super) fn note(&mut self, now: Instant, next: u64) {
        match self.moments.back_mut() {
            Some(moment) if now.duration_since(moment.began) < APART => {
                (moment.ended, moment.next) = (now, next);
            }
            _ => self.moments.push_back(Moment { began: now, ended: now, next }),
        }
    }

    /// The number of the first record that may not have arrived, if more have arrived since it was asked last.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<u64> {
        let mut arrived = None;
        while let Some(moment) =
            self.moments.pop_front_if(|moment| now.duration_since(moment.ended) >= ARRIVED_AFTER)
        {
            arrived = Some(moment.next);
        }
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_has_arrived_only_after_its_time() {
        let start = Instant::now();
        let at = |tenths: u32| start + Duration::from_millis(100) * tenths;
        let mut sent = Sent::default();
        assert_eq!(sent.arrived(at(0)), None);
        // Without a pause, for a minute.
        for tenth in 0..600 {
            sent.note(at(tenth), u64::from(tenth) + 1);
            let arrived = sent.arrived(at(tenth)).unwrap_or_default();
            assert!(arrived <= u64::from(tenth.saturating_sub(199)), "{arrived} at {tenth}");
            assert!(sent.moments.len() <= 22, "{}", sent.moments.len());
        }
        assert!(sent.arrived(at(700)).is_some_and(|arrived| arrived >= 490));
        assert_eq!(sent.arrived(at(700)), None, "nothing new");
        assert_eq!(sent.arrived(at(800)), Some(600));
    }
}
