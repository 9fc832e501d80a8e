//! Groups in groups of a real directory: a thousand of them, twelve in a circle.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redoubt::directory::Person;

use super::asking::Asking;
use crate::support::slapd::{self, GROUPS, PASSWORD};

fn names(person: &Person) -> BTreeSet<String> {
    let names: BTreeSet<_> = person.groups.iter().map(|group| group.as_str().to_owned()).collect();
    assert_eq!(names.len(), person.groups.len(), "a group twice");
    names
}

fn expected(groups: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    groups.into_iter().map(|group| format!("cn={group},{GROUPS}")).collect()
}

#[tokio::test]
async fn a_circle_is_walked_once_and_ten_groups_deep() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    let began = Instant::now();
    let alice = asking.verify("alice", PASSWORD).await.unwrap();
    let elapsed = began.elapsed();
    assert_eq!(names(&alice), expected((1..=10).map(|number| format!("ring{number}"))));
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    let report = asking.directory.test(Some("alice")).await;
    let step = report.steps.last().unwrap();
    assert!(report.ok && step.found.contains("more than 10 deep do not count"), "{step:?}");
}

#[tokio::test]
async fn many_groups_are_all_found() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    let began = Instant::now();
    let carol = asking.verify("carol", PASSWORD).await.unwrap();
    let elapsed = began.elapsed();
    let own = (20..1000).step_by(10).map(|number| format!("group{number}"));
    assert_eq!(names(&carol), expected(own.chain(["outer".to_owned()])));
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[tokio::test]
async fn without_nesting_only_the_own_groups_count() {
    let asking = Asking::slapd(slapd::shared(), |config| config.nested = false);
    let alice = asking.verify("alice", PASSWORD).await.unwrap();
    assert_eq!(names(&alice), expected(["ring1".to_owned()]));
}

#[tokio::test]
async fn groups_may_come_from_an_attribute_of_the_person() {
    let asking = Asking::slapd(slapd::shared(), |config| config.attribute_groups = "memberOf".to_owned());
    let bob = asking.verify("bob", PASSWORD).await.unwrap();
    assert_eq!(names(&bob), expected((1..=10).map(|number| format!("ring{number}"))));
}

#[tokio::test]
async fn groups_below_another_base_are_not_there() {
    let asking =
        Asking::slapd(slapd::shared(), |config| config.group_base = format!("ou=policies,{}", slapd::BASE));
    assert!(asking.verify("alice", PASSWORD).await.unwrap().groups.is_empty());
}
