//! Groups, workspaces, prompts, usage and alerts: who is in what, and what goes with what.

use redoubt_audit::catalogue;
use redoubt_store::alerts::{self, Alert, Rule};
use redoubt_store::groups::{self, EVERYONE, Group, Quotas};
use redoubt_store::permissions::{self, Effect};
use redoubt_store::prompts::{self, Prompt};
use redoubt_store::usage::{self, Account, Amount, By};
use redoubt_store::users::{self, Origin, Role};
use redoubt_store::workspaces::{self, Expiry, GENERAL, Workspace};
use redoubt_store::{Error, Tx, grants};

use crate::support::{Place, START_US, draft, insert_chat, insert_user};

/// A group with its record; its id is its name.
fn insert_group(tx: &mut Tx<'_>, name: &str, quotas: Quotas) -> Result<(), Error> {
    tx.audit(draft(catalogue::GROUP_CREATE, "group", name))?;
    let created_at = tx.now_us();
    groups::insert(tx, &Group { id: name.to_owned(), name: name.to_owned(), quotas, created_at })
}

fn insert_workspace(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    tx.audit(draft(catalogue::WORKSPACE_CREATE, "workspace", name))?;
    let workspace = Workspace {
        id: name.to_owned(),
        name: name.to_owned(),
        marking_text: String::new(),
        marking_background: String::new(),
        marking_color: String::new(),
        system_prompt: String::new(),
        created_at: tx.now_us(),
        retention_days: None,
        retention_action: Expiry::Delete,
    };
    workspaces::insert(tx, &workspace)
}

fn insert_prompt(tx: &mut Tx<'_>, workspace: &str, id: &str) -> Result<(), Error> {
    tx.audit(draft(catalogue::PROMPT_CREATE, "prompt", id).data("workspace", workspace))?;
    let now = tx.now_us();
    let prompt = Prompt {
        id: id.to_owned(),
        workspace_id: workspace.to_owned(),
        owner: "alice".to_owned(),
        name: format!("prompt {id}"),
        content: "text".to_owned(),
        created_at: now,
        updated_at: now,
    };
    prompts::insert(tx, &prompt)
}

fn ids(workspaces: Vec<Workspace>) -> Vec<String> {
    workspaces.into_iter().map(|workspace| workspace.id).collect()
}

#[test]
fn every_analyst_is_in_the_group_of_everyone_and_nobody_else_is() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_user(tx, "root")?;
            users::update_role(tx, "root", Role::Admin, Origin::Assigned)?;
            let groups = |tx: &Tx<'_>, user: &str| {
                let memberships = groups::list_of(tx, user)?;
                Ok::<_, Error>(memberships.into_iter().map(|is| (is.group.id, is.source)).collect::<Vec<_>>())
            };
            assert_eq!(groups(tx, "alice")?, [(EVERYONE.to_owned(), None)]);
            assert_eq!(groups(tx, "root")?, []);
            assert_eq!(ids(workspaces::list_of(tx, "alice")?), [GENERAL]);
            assert_eq!(ids(workspaces::list_of(tx, "root")?), [""; 0]);
            assert_eq!(groups::count_members(tx, EVERYONE)?, 1);
            users::update_role(tx, "root", Role::Analyst, Origin::Assigned)?;
            assert_eq!(groups::count_members(tx, EVERYONE)?, 2);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn somebody_in_a_group_for_two_reasons_stays_until_both_are_gone() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_group(tx, "red", Quotas { priority: Some(-3), ..Quotas::default() })?;
            grants::replace(tx, "red", &["m".to_owned()])?;
            permissions::replace(tx, "red", &[("export".to_owned(), Effect::Deny)])?;
            assert!(groups::insert_member(tx, "red", "alice", Origin::Assigned)?);
            assert!(!groups::insert_member(tx, "red", "alice", Origin::Assigned)?);
            assert!(groups::insert_member(tx, "red", "alice", Origin::Directory)?);
            assert_eq!(groups::count_members(tx, "red")?, 1);
            assert_eq!(groups::members(tx, "red", 10, None)?.items.len(), 2);
            assert_eq!(grants::list_of(tx, "alice")?.len(), 1);
            assert_eq!(permissions::list_of(tx, "alice")?[0].effect, Effect::Deny);
            assert!(groups::delete_member(tx, "red", "alice", Origin::Assigned)?);
            assert!(!groups::delete_member(tx, "red", "alice", Origin::Assigned)?);
            assert_eq!(grants::list_of(tx, "alice")?.len(), 1, "the directory says so still");
            assert!(groups::delete_member(tx, "red", "alice", Origin::Directory)?);
            assert_eq!((grants::list_of(tx, "alice")?, permissions::list_of(tx, "alice")?), (vec![], vec![]));
            Ok::<_, Error>(())
        })
        .unwrap();
    place.assert_intact();
}

#[test]
fn members_are_listed_page_by_page() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_group(tx, "red", Quotas::default())?;
            for number in 0..25 {
                let name = format!("user {number:02}");
                insert_user(tx, &name)?;
                groups::insert_member(tx, "red", &name, Origin::Assigned)?;
                groups::insert_member(tx, "red", &name, Origin::Directory)?;
            }
            let (mut cursor, mut seen) = (None, Vec::new());
            loop {
                let page = groups::members(tx, "red", 7, cursor.as_deref())?;
                seen.extend(page.items.into_iter().map(|member| (member.user_id, member.source)));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 50);
            seen.dedup();
            assert_eq!(seen.len(), 50, "one came twice");
            assert!(matches!(groups::members(tx, "red", 7, Some("x")), Err(Error::BadCursor)));
            assert_eq!(groups::members(tx, EVERYONE, 100, None)?.items.len(), 26);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn a_workspace_has_the_people_that_it_names_and_those_of_its_groups() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_user(tx, "bob")?;
            insert_group(tx, "red", Quotas::default())?;
            groups::insert_member(tx, "red", "bob", Origin::Directory)?;
            insert_workspace(tx, "x")?;
            assert_eq!(ids(workspaces::list_of(tx, "bob")?), [GENERAL]);
            workspaces::replace_groups(tx, "x", &["red".to_owned()])?;
            workspaces::replace_people(tx, "x", &["alice".to_owned(), "alice".to_owned()])?;
            workspaces::replace_models(tx, "x", &["n".to_owned(), "m".to_owned()])?;
            assert_eq!(workspaces::models(tx, "x")?, ["m", "n"]);
            for user in ["alice", "bob"] {
                assert_eq!(ids(workspaces::list_of(tx, user)?), [GENERAL, "x"]);
                assert!(workspaces::find_of(tx, user, "x")?.is_some());
            }
            workspaces::replace_groups(tx, "x", &[])?;
            assert_eq!(workspaces::find_of(tx, "bob", "x")?, None);
            workspaces::replace_groups(tx, GENERAL, &[])?;
            assert_eq!(ids(workspaces::list_of(tx, "alice")?), ["x"]);
            assert!(matches!(insert_workspace(tx, "x"), Err(Error::Conflict)));
            let unknown = workspaces::replace_people(tx, "x", &["nobody".to_owned()]);
            assert!(matches!(unknown, Err(Error::Sql(_))), "{unknown:?}");
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn what_belongs_to_a_group_or_a_workspace_goes_with_it() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_group(tx, "red", Quotas::default())?;
            grants::replace(tx, "red", &["m".to_owned()])?;
            groups::insert_member(tx, "red", "alice", Origin::Assigned)?;
            insert_workspace(tx, "x")?;
            workspaces::replace_groups(tx, "x", &["red".to_owned()])?;
            insert_prompt(tx, "x", "p")?;
            insert_prompt(tx, GENERAL, "q")?;
            insert_chat(tx, "alice", "c", "title")?;
            assert_eq!((workspaces::count_chats(tx, "x")?, workspaces::count_chats(tx, GENERAL)?), (0, 1));
            tx.audit(draft(catalogue::GROUP_DELETE, "group", "red"))?;
            assert!(groups::delete(tx, "red")?);
            assert!(!groups::delete(tx, "red")?);
            assert_eq!(workspaces::groups(tx, "x")?, []);
            assert_eq!(grants::groups_of(tx, "m")?, []);
            tx.audit(draft(catalogue::WORKSPACE_DELETE, "workspace", "x"))?;
            assert!(workspaces::delete(tx, "x")?);
            assert_eq!(prompts::find(tx, "x", "p")?, None);
            Ok::<_, Error>(())
        })
        .unwrap();
    place.assert_intact();
}

#[test]
fn a_prompt_is_its_owner_s_to_change_within_its_workspace() {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_workspace(tx, "x")?;
            insert_prompt(tx, "x", "p")?;
            let prompt = prompts::find(tx, "x", "p")?.unwrap();
            assert_eq!(prompts::find(tx, GENERAL, "p")?, None);
            assert!(!prompts::update(tx, &Prompt { owner: "bob".to_owned(), ..prompt.clone() })?);
            assert!(!prompts::update(tx, &Prompt { workspace_id: GENERAL.to_owned(), ..prompt.clone() })?);
            assert!(prompts::update(tx, &Prompt { content: "new".to_owned(), ..prompt })?);
            assert!(!prompts::delete(tx, "x", "bob", "p")? && !prompts::delete(tx, GENERAL, "alice", "p")?);
            assert_eq!(prompts::list(tx, "x", 10, None)?.items[0].content, "new");
            assert_eq!((prompts::count_of(tx, "x", "alice")?, prompts::count_of(tx, "x", "bob")?), (1, 0));
            tx.audit(draft(catalogue::PROMPT_DELETE, "prompt", "p"))?;
            assert!(prompts::delete(tx, "x", "alice", "p")?);
            Ok::<_, Error>(())
        })
        .unwrap();
    place.assert_intact();
}

#[test]
fn usage_is_added_up_by_day_person_model_and_workspace() {
    let place = Place::with_alice();
    let day = usage::day(START_US);
    place
        .store
        .write_blocking(move |tx| {
            insert_user(tx, "bob")?;
            let used = |user: &str, workspace: &str, model: &str| Account {
                user_id: user.to_owned(),
                workspace: workspace.to_owned(),
                model: model.to_owned(),
            };
            let amount = |requests, prompt_tokens, completion_tokens, refusals| Amount {
                requests,
                prompt_tokens,
                completion_tokens,
                refusals,
            };
            for (account, day, is) in [
                (used("alice", GENERAL, "m"), day, amount(1, 10, 5, 0)),
                (used("alice", GENERAL, "m"), day, amount(1, 10, 5, 2)),
                (used("alice", "x", "n"), day, amount(1, 1, 1, 0)),
                (used("alice", GENERAL, "m"), day - 1, amount(7, 7, 7, 7)),
                (used("bob", GENERAL, "m"), day, amount(100, 100, 100, 0)),
            ] {
                usage::add(tx, &account, day, is)?;
            }
            assert_eq!(usage::of_day(tx, "alice", day)?, amount(3, 21, 11, 2));
            assert_eq!(usage::of_day(tx, "alice", day + 1)?, Amount::default());
            let days: Vec<_> = usage::list_of(tx, "alice", day - 1)?
                .into_iter()
                .map(|row| (row.day, row.model, row.amount.requests))
                .collect();
            assert_eq!(days, [(day, "m".into(), 2), (day, "n".into(), 1), (day - 1, "m".into(), 7)]);
            let totals = |by, from| {
                let totals = usage::totals(tx, from, by)?.into_iter();
                Ok::<_, Error>(totals.map(|is| (is.key, is.name, is.amount.requests)).collect::<Vec<_>>())
            };
            let line = |key: &str, name: &str, requests| (key.to_owned(), name.to_owned(), requests);
            assert_eq!(totals(By::Person, day)?, [line("bob", "bob", 100), line("alice", "alice", 3)]);
            assert_eq!(totals(By::Model, day)?, [line("m", "m", 102), line("n", "n", 1)]);
            // A workspace that was deleted has only its id.
            assert_eq!(totals(By::Workspace, day - 1)?, [line(GENERAL, "General", 109), line("x", "x", 1)]);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn an_alert_is_acknowledged_once() {
    let place = Place::new();
    place
        .store
        .write_blocking(|tx| {
            for number in 0..3 {
                let alert = Alert {
                    id: number.to_string(),
                    rule: Rule::Quota,
                    raised_at: START_US + number,
                    count: 5,
                    threshold: 4,
                    window_seconds: 60,
                    acknowledged_at: None,
                    acknowledged_by: None,
                };
                alerts::insert(tx, &alert)?;
            }
            let last = |rule, now_us| alerts::last(tx, rule, now_us).map(|last| last.map(|alert| alert.id));
            assert_eq!(last(Rule::Quota, START_US + 9)?.as_deref(), Some("2"));
            assert_eq!(last(Rule::Quota, START_US + 1)?.as_deref(), Some("1"), "one of the future is none");
            assert_eq!(last(Rule::Quota, START_US - 1)?, None);
            assert_eq!(last(Rule::Refusals, START_US + 9)?, None);
            assert!(alerts::acknowledge(tx, "1", "root", 7)?);
            assert!(!alerts::acknowledge(tx, "1", "other", 8)?);
            assert_eq!(alerts::find(tx, "1")?.unwrap().acknowledged_by.as_deref(), Some("root"));
            assert_eq!(alerts::count_open(tx, Rule::Quota)?, 2);
            let first = alerts::list(tx, 2, None)?;
            assert_eq!(first.items.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
            let second = alerts::list(tx, 2, first.next.as_deref())?;
            assert_eq!((second.items.len(), second.next), (1, None));
            Ok::<_, Error>(())
        })
        .unwrap();
}
