//! Mappings of the directory's groups: made, tried and taken away, and what that does to whoever has something by them.

use redoubt::identity::{Anyone, By, Changes, Error, NewMapping};
use redoubt_store::directory_groups;
use redoubt_store::users::Role;

use super::appliance::Fixture;
use super::directory::{MINUTE, STAFF, fixture, is_over};

fn groups_of(fixture: &Fixture, name: &str) -> Vec<String> {
    let user = fixture.user(name).id;
    let found = fixture.store.read_blocking(move |reader| directory_groups::memberships(reader, &user));
    found.unwrap().into_iter().map(|membership| membership.id).collect()
}

#[tokio::test]
async fn no_mapping_changes_its_authors_role_or_takes_the_last_admin() {
    let (fixture, scripted) = fixture();
    let lab = "cn=lab,dc=example";
    scripted.person(5, "olga", &[lab]);
    let admin = || NewMapping::Role(Role::Admin);
    let rule = fixture.identity.create_mapping(&By::console(), lab, admin()).await.unwrap();
    let token = fixture.come_in("olga").await;
    let olga = fixture.by(&token).await;
    let auditor = fixture.identity.create_mapping(&olga, lab, NewMapping::Role(Role::Auditor)).await;
    assert!(matches!(auditor, Err(Error::OwnAccount)));
    assert!(matches!(fixture.identity.delete_mapping(&olga, &rule.id).await, Err(Error::OwnAccount)));
    let disabled = Changes { disabled: Some(true), ..Changes::default() };
    fixture.identity.change_person(&olga, &fixture.user("root").id, disabled).await.unwrap();
    let by = By::console();
    assert!(matches!(fixture.identity.delete_mapping(&by, &rule.id).await, Err(Error::LastAdmin)));
    assert!(!is_over(&fixture, &token).await, "nothing of it was done");
    let enabled = Changes { disabled: Some(false), ..Changes::default() };
    fixture.identity.change_person(&by, &fixture.user("root").id, enabled).await.unwrap();
    fixture.identity.delete_mapping(&by, &rule.id).await.unwrap();
    assert!(is_over(&fixture, &token).await);
}

#[tokio::test]
async fn mappings_are_made_tried_and_taken_away() {
    let (fixture, scripted) = fixture();
    fixture.add_group("research");
    let lab = "cn=lab,dc=example";
    scripted.person(1, "dora", &[STAFF, lab]);
    let token = fixture.come_in("dora").await;
    assert!(groups_of(&fixture, "dora").is_empty());
    let by = By::console();
    let group = || NewMapping::Group("research".to_owned());
    let rule = fixture.identity.create_mapping(&by, "CN=Lab , DC=Example", group()).await.unwrap();
    assert_eq!(rule.directory_group, lab);
    assert_eq!(groups_of(&fixture, "dora"), ["research"], "at once, by what the directory said last");
    let again = fixture.identity.create_mapping(&by, lab, group()).await;
    assert!(matches!(again, Err(Error::MappingExists)));
    for (name, gives) in [("not a dn", group()), (lab, NewMapping::Group("everyone".to_owned()))] {
        assert!(fixture.identity.create_mapping(&by, name, gives).await.is_err(), "{name}");
    }
    let reasons = fixture.identity.reasons(&fixture.user("dora").id).await.unwrap();
    assert_eq!(reasons.role.as_deref(), Some(STAFF));
    assert_eq!(reasons.groups["research"], lab);

    // She leaves the lab, which the dry run sees before the re-check does.
    assert!(fixture.identity.dry_run(&by, None).await.unwrap().changes.is_empty());
    scripted.person(1, "dora", &[STAFF]);
    let run = fixture.identity.dry_run(&by, Some("Dora".to_owned())).await.unwrap();
    let change = &run.changes[0];
    assert_eq!((change.from.as_str(), change.to.as_str()), ("analyst in research", "analyst"));
    assert_eq!(groups_of(&fixture, "dora"), ["research"], "a dry run changes nothing");
    fixture.clock.advance(5 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert!(groups_of(&fixture, "dora").is_empty());
    assert!(!is_over(&fixture, &token).await, "a group is no role");
    assert!(matches!(fixture.identity.dry_run(&by, Some("root".to_owned())).await, Err(Error::NoSuchPerson)));

    let auditor = fixture.identity.create_mapping(&by, lab, NewMapping::Role(Role::Auditor)).await.unwrap();
    fixture.identity.delete_mapping(&by, &auditor.id).await.unwrap();
    let configured = fixture.identity.delete_mapping(&by, "configured-1").await;
    assert!(matches!(configured, Err(Error::Configured)));
    assert!(matches!(fixture.identity.delete_mapping(&by, &auditor.id).await, Err(Error::NoSuchMapping)));
    assert_eq!(fixture.records("mapping.create").len(), 2);
    assert_eq!(fixture.records("mapping.delete").len(), 1);
}

/// A role that only a mapping gave is gone with it, and so are the sessions.
#[tokio::test]
async fn a_deleted_mapping_takes_effect_at_once() {
    let (fixture, scripted) = fixture();
    let by = By::console();
    let guests = "cn=guests,dc=example";
    let rule = fixture.identity.create_mapping(&by, guests, NewMapping::Role(Role::Analyst)).await.unwrap();
    scripted.person(7, "gus", &[guests]);
    let token = fixture.come_in("gus").await;
    fixture.identity.delete_mapping(&by, &rule.id).await.unwrap();
    assert!(is_over(&fixture, &token).await);
    assert_eq!(fixture.user("gus").directory_state.as_deref(), Some("no_role"));
    assert!(fixture.caller::<Anyone>(&token).await.is_err());
}
