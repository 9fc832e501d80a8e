//! Sign-in and sessions under a clock that the tests move: every limit is met without waiting for it.

mod appliance;
mod lockout;
mod sessions;
