//! Names that there are and names that there are not: one answer, one lock, one time.
//!
//! The statistic is Welch's t between each pair of classes, over interleaved samples, so that whatever else the machine does
//! falls on all of them; |t| below 4.5 is the bound of test vector leakage assessment (TVLA). Twenty samples a class in a
//! normal run, a thousand in a long one. It is measured on `Identity`, where the time is made: a network only adds to it.

use std::time::{Duration, Instant};

use redoubt::config::{self, SignIn};
use redoubt::identity::Error;
use redoubt_store::users::Role;

use super::appliance::{Fixture, PASSWORD};
use super::scripted::Scripted;
use crate::support::long;

const WRONG: &str = "not the right password";
const STEP: Duration = Duration::from_millis(500);
const BOUND: f64 = 4.5;

fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |samples: &[f64]| {
        let count = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / count;
        let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
    (mean - other_mean) / (error + other_error).sqrt()
}

/// CVE-2025-6011 (Vault), CVE-2026-21484 (AnythingLLM), CVE-2022-39307 (Grafana).
#[tokio::test]
async fn cve_2025_6011_names_cannot_be_told_apart_by_time() {
    let scripted = Scripted::default();
    scripted.person(1, "dora", &["cn=staff"]);
    // A search and a bind at a directory nearby.
    scripted.delay(Duration::from_millis(20));
    let many = 1_000_000;
    let limits = SignIn { max_failures: many, max_daily_failures: many, ..SignIn::default() };
    let settings = config::Directory { failed_binds: many, ..config::Directory::default() };
    let fixture = Fixture::with_directory(limits, scripted.directory(), settings);
    fixture.add("disabled", Role::Analyst);
    let names = ["alice", "dora", "nobody-at-all"];
    let mut samples = vec![Vec::new(); names.len()];
    for _ in 0..if long() { 200 } else { 20 } {
        for (name, samples) in names.iter().zip(&mut samples) {
            let started = Instant::now();
            assert!(matches!(fixture.attempt(name, WRONG).await, Err(Error::SignInFailed)));
            samples.push(started.elapsed().as_secs_f64());
        }
    }
    for (name, samples) in names.iter().zip(&samples) {
        assert!(samples.iter().all(|time| *time >= STEP.as_secs_f64()), "{name:?}");
    }
    for (first, one) in samples.iter().enumerate() {
        for (second, other) in samples.iter().enumerate().skip(first + 1) {
            let t = welch(one, other);
            println!("{:?} and {:?}: t = {t:.2}", names[first], names[second]);
            assert!(t.abs() < BOUND, "{:?} and {:?}: t = {t:.2}", names[first], names[second]);
        }
    }
}

#[tokio::test]
async fn cve_2026_21484_names_cannot_be_told_apart_by_answers() {
    let (fixture, _scripted) = directory();
    for name in ["alice", "dora", "nobody-at-all", "x\0y", ""] {
        let mut told = Vec::new();
        for _ in 0..5 {
            told.push(fixture.attempt(name, WRONG).await.err().unwrap().to_string());
        }
        let expected = ["the user name or the password is not right"; 3];
        assert_eq!(told[..3], expected, "{name:?}");
        assert!(
            told[3..].iter().all(|told| told.starts_with("locked for another 900 s")),
            "{name:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn cve_2022_39307_a_locked_name_is_locked_whether_the_password_is_right() {
    let (fixture, scripted) = directory();
    for name in ["alice", "dora", "nobody-at-all"] {
        for _ in 0..3 {
            fixture.attempt(name, WRONG).await.err().unwrap();
        }
    }
    let before = scripted.binds();
    for name in ["alice", "dora", "nobody-at-all"] {
        for password in [PASSWORD, WRONG] {
            assert!(matches!(fixture.attempt(name, password).await, Err(Error::Locked { .. })), "{name}");
        }
    }
    assert_eq!(scripted.binds(), before, "a locked name does not reach the directory");
}

fn directory() -> (Fixture, Scripted) {
    let scripted = Scripted::default();
    scripted.person(1, "dora", &["cn=staff"]);
    let fixture =
        Fixture::with_directory(SignIn::default(), scripted.directory(), config::Directory::default());
    (fixture, scripted)
}
