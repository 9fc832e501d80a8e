//! Processes that are killed or told to end, and what the others make of it.

use rustix::process::Signal;

use super::appliance::{Appliance, await_that, lives, signal, status};

#[test]
fn a_killed_engine_is_replaced_and_the_front_stays() {
    let appliance = Appliance::start();
    assert!(appliance.is_ready());
    signal(appliance.engine, Signal::KILL);
    await_that("the engine is gone", || !lives(appliance.engine));
    // The front may not have noticed yet, so that it is ready says nothing before there is a new engine.
    await_that("the new engine is caged", || {
        let engine = appliance.child("@engine").filter(|engine| *engine != appliance.engine);
        engine.is_some_and(|engine| status(engine, "Seccomp").as_deref() == Some("2"))
    });
    await_that("the new engine is ready", || appliance.is_ready());
    assert_eq!(appliance.child("@front"), Some(appliance.front));
}

#[test]
fn a_killed_front_is_replaced_with_its_engine_behind_the_same_listener() {
    let appliance = Appliance::start();
    signal(appliance.front, Signal::KILL);
    await_that("the front is gone", || !lives(appliance.front));
    await_that("the new front is ready", || appliance.is_ready());
    let (front, engine) = (appliance.child("@front").unwrap(), appliance.child("@engine").unwrap());
    assert_ne!((front, engine), (appliance.front, appliance.engine));
    assert!(!lives(appliance.engine), "an engine outlived its front");
    assert_eq!(status(front, "Seccomp").as_deref(), Some("2"));
}

#[test]
fn a_killed_supervisor_leaves_nothing_behind() {
    let mut appliance = Appliance::start();
    signal(appliance.supervisor, Signal::KILL);
    appliance.wait();
    await_that("front and engine are gone", || !lives(appliance.front) && !lives(appliance.engine));
}

#[test]
fn sigterm_and_ctrl_c_end_everything_with_success() {
    for ending in [Signal::TERM, Signal::INT] {
        let mut appliance = Appliance::start();
        signal(appliance.supervisor, ending);
        assert_eq!(appliance.wait().code(), Some(0), "{ending:?}");
        assert!(!lives(appliance.front) && !lives(appliance.engine), "{ending:?}");
    }
}
