//! The tamper trial: bundles that somebody changed, cut, forged or replayed, and honest ones, before this package's
//! verifier and before `installer/verify_bundle.py`. Both must come to the same verdict, and to the right one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of these tests fail as the tests do")]

mod appliance;
mod attacks;
mod events;
mod files;
mod forge;
mod honest;
mod hostile;
mod kinds;
mod limits;
mod peers;
mod random;
mod speed;
mod trial;
mod world;

/// Whether the counts are those of a release.
fn long() -> bool {
    std::env::var_os("REDOUBT_LONG").is_some()
}
