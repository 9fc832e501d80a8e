//! Two hundred people at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::Asking;
use crate::support::slapd::{self, PASSWORD};

const AT_ONCE: usize = 200;
/// Their part of a sign-in, which as a whole may take a second.
const LONGEST: Duration = Duration::from_millis(900);

#[tokio::test]
async fn two_hundred_people_are_verified_at_once() {
    let asking = Arc::new(Asking::slapd(slapd::shared(), |_| {}));
    let mut times = Vec::new();
    for round in 0..3 {
        let verified: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let asking = Arc::clone(&asking);
                let name = format!("person{}", 100 + round * AT_ONCE + number);
                tokio::spawn(async move {
                    let began = Instant::now();
                    let person = asking.verify(&name, PASSWORD).await.unwrap();
                    assert_eq!(person.name, name);
                    began.elapsed()
                })
            })
            .collect();
        for time in verified {
            times.push(time.await.unwrap());
        }
    }
    times.sort();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{} verified, {AT_ONCE} at once: median {median:?}, p99 {p99:?}", times.len());
    assert!(p99 < LONGEST, "median {median:?}, p99 {p99:?}");
}
