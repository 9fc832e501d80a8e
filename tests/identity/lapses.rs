//! What runs for somebody of the directory ends with the directory's word, by a session and by a key alike.

use redoubt::access::{Lapse, Standing, Way};
use redoubt::config::{self, Mapping, SignIn};
use redoubt::identity::{Analyst, By, NewMapping};
use redoubt_store::api_keys;
use redoubt_store::users::Role;

use super::appliance::Fixture;
use super::scripted::Scripted;

const MINUTE: i64 = 60;
const STAFF: &str = "cn=staff,dc=example";
const OPS: &str = "cn=ops,dc=example";

/// By what dora's answer and her program's completion run, and the mapping by which she came in.
async fn standings() -> (Fixture, Scripted, [Standing; 2], String) {
    let scripted = Scripted::default();
    scripted.person(1, "dora", &[STAFF]);
    let map = vec![Mapping { group: OPS.to_owned(), role: Some("admin".to_owned()), to: None }];
    let settings = config::Directory { map, ..config::Directory::default() };
    let limits = SignIn { screen_lock_seconds: 3600, idle_seconds: 7200, ..SignIn::default() };
    let fixture = Fixture::with_directory(limits, scripted.directory(), settings);
    let analyst = NewMapping::Role(Role::Analyst);
    let rule = fixture.identity.create_mapping(&By::console(), STAFF, analyst).await.unwrap().id;
    let token = fixture.come_in("dora").await;
    let session = fixture.caller::<Analyst>(&token).await.unwrap().standing();
    let dora = fixture.user("dora");
    fixture.identity.create_api_key_blocking(&dora, "a key", 1).unwrap();
    let keys = fixture.store.read_blocking(move |reader| api_keys::list_by_user(reader, &dora.id)).unwrap();
    let key = Standing { way: Way::Key(keys[0].id.clone()), ..session.clone() };
    (fixture, scripted, [session, key], rule)
}

/// What is lost of each.
async fn lapses(fixture: &Fixture, standings: &[Standing; 2]) -> [Option<Lapse>; 2] {
    let lapsed = fixture.identity.lapsed(standings.to_vec()).await.unwrap();
    standings.each_ref().map(|standing| lapsed.iter().find(|(of, _)| of == standing).map(|(_, lapse)| *lapse))
}

#[tokio::test]
async fn the_directory_s_refusal_ends_what_runs() {
    let (fixture, scripted, standings, _) = standings().await;
    assert_eq!(lapses(&fixture, &standings).await, [None, None]);
    scripted.refuse("dora", "Disabled");
    fixture.clock.advance(5 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(lapses(&fixture, &standings).await, [Some(Lapse::Session), Some(Lapse::Disabled)]);
}

#[tokio::test]
async fn the_end_of_a_mapping_ends_what_runs() {
    let (fixture, _scripted, standings, rule) = standings().await;
    fixture.identity.delete_mapping(&By::console(), &rule).await.unwrap();
    assert_eq!(lapses(&fixture, &standings).await, [Some(Lapse::Session), Some(Lapse::Disabled)]);
}

#[tokio::test]
async fn another_role_by_the_directory_ends_what_runs() {
    let (fixture, scripted, standings, _) = standings().await;
    scripted.person(1, "dora", &[OPS]);
    fixture.clock.advance(5 * MINUTE);
    fixture.identity.recheck_due().await.unwrap();
    assert_eq!(lapses(&fixture, &standings).await, [Some(Lapse::Session), Some(Lapse::Role)]);
}

#[tokio::test]
async fn the_directory_s_silence_ends_what_runs_after_the_grace() {
    let (fixture, scripted, standings, _) = standings().await;
    scripted.away(true);
    fixture.clock.advance(19 * MINUTE);
    assert_eq!(lapses(&fixture, &standings).await, [None, None]);
    fixture.clock.advance(MINUTE);
    assert_eq!(lapses(&fixture, &standings).await, [Some(Lapse::DirectoryAway); 2]);
}

#[tokio::test]
async fn a_session_s_limits_end_what_runs_in_it_before_housekeeping_comes() {
    let fixture = Fixture::limited(Role::Analyst, SignIn { screen_lock_seconds: 3600, ..SignIn::default() });
    let token = fixture.sign_in().await;
    let standing = fixture.caller::<Analyst>(&token).await.unwrap().standing();
    let present = || fixture.identity.lapsed(vec![standing.clone()]);
    fixture.clock.advance(15 * MINUTE - 1);
    assert_eq!(present().await.unwrap(), []);
    fixture.clock.advance(1);
    assert_eq!(present().await.unwrap(), [(standing.clone(), Lapse::Session)]);
}
