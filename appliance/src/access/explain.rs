//! Where somebody's rights come from, in sentences, for the admin who wonders. It asks what enforcement asks.

use redoubt_store::groups::{self, Membership};
use redoubt_store::users::{self, Origin, User};
use redoubt_store::workspaces::{self, Workspace};
use redoubt_store::{Reader, users::Role};

use super::rights::{self, Because, Carrier, decide, is_kept, most};
use super::{Access, Error, Permission};
use crate::identity::{By, Reasons};
use crate::records::rights as records;

/// Where the mapping has changed since the directory was last asked.
const UNTIL_ASKED: &str = "mapped from the directory until it is asked again";

/// A name with the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub name: String,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelReason {
    pub id: String,
    /// The workspace's name.
    pub workspace: String,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionReason {
    pub permission: Permission,
    pub allowed: bool,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaReason {
    pub name: &'static str,
    pub value: Option<i64>,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub role: Role,
    pub role_because: String,
    pub groups: Vec<Reason>,
    pub workspaces: Vec<Reason>,
    pub models: Vec<ModelReason>,
    /// None for people who do no analyst's work: they have no use of them.
    pub permissions: Vec<PermissionReason>,
    pub quotas: Vec<QuotaReason>,
}

impl Access {
    /// Looks up where a person's rights come from; that somebody did is recorded.
    pub async fn explain(&self, by: &By, user_id: &str, sources: Reasons) -> Result<Explanation, Error> {
        let (by, user_id, models) = (by.clone(), user_id.to_owned(), self.models.clone());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let user = users::find(tx, &user_id)?.ok_or(Error::NoSuch("person"))?;
                tx.audit(records::explained(&by, &user))?;
                let known: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
                explain(tx, &user, &sources, &known)
            })
            .await
    }
}

fn explain(reader: &Reader, user: &User, sources: &Reasons, models: &[&str]) -> Result<Explanation, Error> {
    let memberships = groups::list_of(reader, &user.id)?;
    let carriers = rights::load(reader, &user.id)?;
    let is_analyst = user.role == Role::Analyst;
    let (mut places, mut usable) = (Vec::new(), Vec::new());
    for workspace in workspaces::list_of(reader, &user.id)? {
        places.push(Reason {
            because: way_in(reader, &workspace, user, &memberships)?,
            name: workspace.name.clone(),
        });
        let kept = workspaces::models(reader, &workspace.id)?;
        let models = models.iter().filter(|model| is_analyst && is_kept(model, &kept));
        usable.extend(models.filter_map(|model| granted(&carriers, model, &workspace)));
    }
    let permissions = Permission::ALL.into_iter().filter(|_| is_analyst).map(|permission| {
        let (allowed, because) = decide(permission, &carriers);
        PermissionReason { permission, allowed, because: sentence(because) }
    });
    Ok(Explanation {
        role: user.role,
        role_because: match (user.role_source, &sources.role) {
            (Origin::Assigned, _) => "assigned".to_owned(),
            (Origin::Directory, Some(group)) => format!("directory group {group}"),
            (Origin::Directory, None) => UNTIL_ASKED.to_owned(),
        },
        groups: memberships.iter().map(|membership| membership_reason(membership, sources)).collect(),
        workspaces: places,
        models: usable,
        permissions: permissions.collect(),
        quotas: if is_analyst { quotas(&carriers) } else { Vec::new() },
    })
}

fn membership_reason(membership: &Membership, sources: &Reasons) -> Reason {
    let because = match (membership.source, sources.groups.get(&membership.group.id)) {
        (None, _) => "every analyst is in it".to_owned(),
        (Some(Origin::Assigned), _) => "assigned".to_owned(),
        (Some(Origin::Directory), Some(group)) => format!("directory group {group}"),
        (Some(Origin::Directory), None) => UNTIL_ASKED.to_owned(),
    };
    Reason { name: membership.group.name.clone(), because }
}

/// How a person comes to be in a workspace.
fn way_in(
    reader: &Reader,
    workspace: &Workspace,
    user: &User,
    memberships: &[Membership],
) -> Result<String, Error> {
    let named = workspaces::people(reader, &workspace.id)?.iter().any(|(id, _)| *id == user.id);
    let groups = workspaces::groups(reader, &workspace.id)?;
    let own = |id: &str| memberships.iter().any(|membership| membership.group.id == id);
    let mut ways: Vec<String> =
        groups.iter().filter(|(id, _)| own(id)).map(|(_, name)| format!("group {name}")).collect();
    ways.extend(named.then(|| "assigned".to_owned()));
    Ok(ways.join(", "))
}

fn granted(carriers: &[Carrier], model: &str, workspace: &Workspace) -> Option<ModelReason> {
    let mut groups: Vec<&str> = carriers
        .iter()
        .filter(|carrier| carrier.models.contains(model))
        .map(|carrier| carrier.name.as_str())
        .collect();
    groups.sort_unstable();
    let because = format!("granted to group {}", groups.first()?);
    Some(ModelReason { id: model.to_owned(), workspace: workspace.name.clone(), because })
}

fn sentence(because: Because<'_>) -> String {
    match because {
        Because::Default => "default".to_owned(),
        Because::Allowed(name) => format!("allowed by group {name}"),
        Because::Denied(name) => format!("denied by group {name}"),
    }
}

fn quotas(carriers: &[Carrier]) -> Vec<QuotaReason> {
    let count = |most: Option<(u64, &str)>| {
        most.map(|(most, name)| (i64::try_from(most).unwrap_or(i64::MAX), name.to_owned()))
    };
    let number = |most: Option<(i64, &str)>| most.map(|(most, name)| (most, name.to_owned()));
    let found = [
        ("requests_per_day", count(most(carriers, |quotas| quotas.requests_per_day))),
        ("tokens_per_day", count(most(carriers, |quotas| quotas.tokens_per_day))),
        ("parallel", number(most(carriers, |quotas| quotas.parallel.map(i64::from)))),
        ("priority", number(most(carriers, |quotas| quotas.priority.map(i64::from)))),
    ];
    let reason = |(name, found): (&'static str, Option<(i64, String)>)| match found {
        Some((value, group)) => {
            QuotaReason { name, value: Some(value), because: format!("set by group {group}") }
        }
        None => QuotaReason { name, value: None, because: "no group sets it".to_owned() },
    };
    found.into_iter().map(reason).collect()
}
