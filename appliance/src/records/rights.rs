//! Records of groups, workspaces, prompts, keys, quotas and alerts.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, ModelRef, Object, Outcome};
use redoubt_store::alerts::Alert;
use redoubt_store::api_keys::ApiKey;
use redoubt_store::groups::{Group, Quotas};
use redoubt_store::prompts::Prompt;
use redoubt_store::usage;
use redoubt_store::users::User;
use redoubt_store::workspaces::Workspace;

use super::{Via, user_object};
use crate::access::{GroupChange, GroupDetail, Member, WorkspaceChange, WorkspaceDetail};
use crate::identity::{Analyst, By, Caller};

// Groups.

fn on_group(event: Event, by: &By, group: &Group) -> Draft {
    by.draft(event, Outcome::Ok)
        .object(Object::new("group", group.id.clone()))
        .data("name", group.name.clone())
}

pub fn group_created(by: &By, detail: &GroupDetail) -> Draft {
    carried(on_group(event::GROUP_CREATE, by, &detail.group), detail)
}

pub fn group_changed(by: &By, detail: &GroupDetail, change: &GroupChange) -> Draft {
    let fields = [
        (change.name.is_some(), "name"),
        (change.permissions.is_some(), "permissions"),
        (change.models.is_some(), "models"),
        (change.quotas.is_some(), "quotas"),
    ];
    carried(on_group(event::GROUP_UPDATE, by, &detail.group), detail).data("fields", named(&fields))
}

/// What the group carries now, in words.
fn carried(draft: Draft, detail: &GroupDetail) -> Draft {
    let permissions: Vec<String> = detail
        .permissions
        .iter()
        .map(|(permission, effect)| format!("{permission}={}", effect.as_str()))
        .collect();
    let Quotas { requests_per_day, tokens_per_day, parallel, priority } = detail.group.quotas;
    let quotas = [
        requests_per_day.map(|most| format!("requests_per_day={most}")),
        tokens_per_day.map(|most| format!("tokens_per_day={most}")),
        parallel.map(|most| format!("parallel={most}")),
        priority.map(|priority| format!("priority={priority}")),
    ];
    draft
        .data("permissions", permissions)
        .data("models", detail.models.clone())
        .data("quotas", quotas.into_iter().flatten().collect::<Vec<String>>())
}

pub fn group_deleted(by: &By, detail: &GroupDetail) -> Draft {
    on_group(event::GROUP_DELETE, by, &detail.group).data("members", detail.members)
}

pub fn group_member(by: &By, group: &Group, user: &User, added: bool) -> Draft {
    on_group(event::GROUP_MEMBER, by, group)
        .data("user", user.id.clone())
        .data("change", if added { "added" } else { "removed" })
        .data("source", "assigned")
}

fn named(fields: &[(bool, &str)]) -> Vec<String> {
    fields.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect()
}

// Workspaces.

fn on_workspace(event: Event, by: &By, workspace: &Workspace) -> Draft {
    by.draft(event, Outcome::Ok)
        .object(Object::new("workspace", workspace.id.clone()))
        .data("name", workspace.name.clone())
}

pub fn workspace_created(by: &By, workspace: &Workspace) -> Draft {
    on_workspace(event::WORKSPACE_CREATE, by, workspace)
}

pub fn workspace_changed(by: &By, detail: &WorkspaceDetail, change: &WorkspaceChange) -> Draft {
    let fields = [
        (change.name.is_some(), "name"),
        (change.marking.is_some(), "marking"),
        (change.system_prompt.is_some(), "system_prompt"),
        (change.models.is_some(), "models"),
        (change.retention_days.is_some(), "retention_days"),
        (change.retention_action.is_some(), "retention_action"),
        (change.groups.is_some(), "groups"),
        (change.people.is_some(), "people"),
    ];
    let draft = on_workspace(event::WORKSPACE_UPDATE, by, &detail.workspace)
        .data("fields", named(&fields))
        .data("models", detail.models.clone())
        .data("marking", detail.workspace.marking_text.clone());
    match detail.workspace.retention_days {
        Some(days) => draft
            .data("retention_days", days)
            .data("retention_action", detail.workspace.retention_action.as_str()),
        None => draft,
    }
}

pub fn workspace_deleted(by: &By, workspace: &Workspace) -> Draft {
    on_workspace(event::WORKSPACE_DELETE, by, workspace)
}

/// `changes`: who, and whether they joined.
pub fn workspace_members(by: &By, workspace: &Workspace, changes: &[(&String, bool)]) -> Draft {
    let of = |joined: bool| {
        let changes = changes.iter().filter(|(_, is)| *is == joined);
        changes.map(|(who, _)| (*who).clone()).collect::<Vec<String>>()
    };
    on_workspace(event::WORKSPACE_MEMBER, by, workspace).data("added", of(true)).data("removed", of(false))
}

pub fn workspace_chosen(caller: &Caller<Analyst>, workspace: &Workspace) -> Draft {
    caller
        .via
        .stamp(Draft::new(event::SESSION_WORKSPACE, Outcome::Ok, caller.actor()))
        .object(Object::new("session", caller.session.id.clone()).owned_by(caller.id()))
        .data("workspace", workspace.id.clone())
}

// Looking.

pub fn explained(by: &By, user: &User) -> Draft {
    by.draft(event::RIGHTS_EXPLAINED, Outcome::Ok).object(user_object(user))
}

pub fn usage_read(by: &By, grouping: usage::By, days: u32) -> Draft {
    let grouping = match grouping {
        usage::By::Person => "person",
        usage::By::Model => "model",
        usage::By::Workspace => "workspace",
    };
    by.draft(event::USAGE_READ, Outcome::Ok).data("by", grouping).data("days", days)
}

// Prompts.

fn on_prompt(event: Event, member: &Member, prompt: &Prompt) -> Draft {
    member
        .via
        .stamp(Draft::new(event, Outcome::Ok, member.actor()))
        .object(Object::new("prompt", prompt.id.clone()).owned_by(prompt.owner.clone()))
        .data("workspace", prompt.workspace_id.clone())
}

pub fn prompt_created(member: &Member, prompt: &Prompt) -> Draft {
    on_prompt(event::PROMPT_CREATE, member, prompt)
}

pub fn prompt_changed(member: &Member, prompt: &Prompt) -> Draft {
    on_prompt(event::PROMPT_UPDATE, member, prompt)
}

pub fn prompt_deleted(member: &Member, prompt: &Prompt) -> Draft {
    on_prompt(event::PROMPT_DELETE, member, prompt)
}

// Keys.

fn key_object(key: &ApiKey) -> Object {
    Object::new("apikey", key.id.clone()).owned_by(key.user_id.clone())
}

/// A person made one for themself.
pub fn key_created(member: &Member, key: &ApiKey) -> Draft {
    member
        .via
        .stamp(Draft::new(event::APIKEY_CREATE, Outcome::Ok, member.actor()))
        .object(key_object(key))
        .data("workspace", key.workspace.clone())
        .data("scopes", key.scopes.clone())
}

/// Its person ended it.
pub fn key_revoked(caller: &Caller<Analyst>, key: &ApiKey) -> Draft {
    caller.via.stamp(Draft::new(event::APIKEY_REVOKE, Outcome::Ok, caller.actor())).object(key_object(key))
}

/// An admin ended somebody's.
pub fn key_taken(by: &By, key: &ApiKey) -> Draft {
    by.draft(event::APIKEY_REVOKE, Outcome::Ok).object(key_object(key))
}

/// A key that opens nothing. `key`: which, and whose, if it was ever one of ours.
pub fn key_refused(actor: Option<&Actor>, key: Option<&str>, reason: &'static str, via: &Via) -> Draft {
    let actor = actor.cloned().unwrap_or_else(|| via.nobody());
    let owner = actor.uid.clone();
    let draft = via.stamp(Draft::new(event::APIKEY_REFUSED, Outcome::Deny, actor)).reason(reason);
    match (key, owner) {
        (Some(key), Some(owner)) => draft.object(Object::new("apikey", key).owned_by(owner)),
        _ => draft,
    }
}

// Quotas and alerts.

/// A request to a model that a quota may stand in the way of; the reason is added when one does.
pub fn request_refused(actor: Actor, via: &Via, object: Object, model: ModelRef) -> Draft {
    via.stamp(Draft::new(event::INFERENCE_START, Outcome::Deny, actor)).object(object).model(model)
}

fn alert_object(alert: &Alert) -> Object {
    Object::new("alert", alert.id.clone())
}

pub fn alert_raised(alert: &Alert) -> Draft {
    Draft::new(event::ALERT_RAISED, Outcome::Ok, Actor::system())
        .object(alert_object(alert))
        .data("rule", alert.rule.as_str())
        .data("count", alert.count)
        .data("threshold", alert.threshold)
        .data("window_seconds", alert.window_seconds)
}

pub fn alert_acknowledged(by: &By, alert: &Alert) -> Draft {
    by.draft(event::ALERT_ACKNOWLEDGED, Outcome::Ok)
        .object(alert_object(alert))
        .data("rule", alert.rule.as_str())
}
