//! What groups of the directory mean here: a role, and groups of this appliance. A pure function of rules and groups, which
//! sign-in, re-check, dry run and explanation all ask.

use std::collections::{BTreeMap, BTreeSet};

use redoubt_store::directory_mappings::{self, DirectoryMapping, Gives};
use redoubt_store::users::Role;
use redoubt_store::{Error, Reader};

use crate::config;
use crate::directory::GroupDn;

/// The group of everybody has no rows, so nobody is mapped into it.
pub(super) const EVERYONE: &str = "everyone";

/// One rule: of the configuration, or of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    /// A normalised DN.
    pub directory_group: String,
    pub gives: Given,
    /// In the configuration, so no admin deletes it.
    pub configured: bool,
}

/// What a rule gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Role(Role),
    Group {
        id: String,
        name: String,
    },
    /// The configuration names a group that there is not.
    NoSuchGroup {
        name: String,
    },
}

/// Why no role is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRole {
    None,
    /// Nobody is both (separation of duties).
    AdminAndAuditor,
}

impl NoRole {
    /// The word of records and of `users.directory_state`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::None => "no_role",
            Self::AdminAndAuditor => "admin_and_auditor",
        }
    }
}

/// What somebody's groups come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub role: Result<Role, NoRole>,
    /// The directory's groups that gave the role.
    pub role_because: Vec<String>,
    /// By id.
    pub groups: BTreeMap<String, MappedGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedGroup {
    pub name: String,
    /// The directory's groups that gave it.
    pub because: Vec<String>,
}

/// The rules in force: those of the configuration first.
pub(super) fn rules(reader: &Reader, configured: &[config::Mapping]) -> Result<Vec<Rule>, Error> {
    let groups = directory_mappings::groups(reader)?;
    let find = |name: &str| groups.iter().find(|(_, other)| other == name).cloned();
    let from_file = |(number, mapping): (usize, &config::Mapping)| {
        let directory_group = GroupDn::parse(&mapping.group)?.as_str().to_owned();
        let gives = match (&mapping.role, &mapping.to) {
            (Some(role), _) => Given::Role(Role::parse(role)?),
            (None, Some(name)) => match find(name) {
                Some((id, name)) => Given::Group { id, name },
                None => Given::NoSuchGroup { name: name.clone() },
            },
            (None, None) => return None,
        };
        Some(Rule { id: format!("configured-{}", number + 1), directory_group, gives, configured: true })
    };
    let mut rules: Vec<Rule> = configured.iter().enumerate().filter_map(from_file).collect();
    rules.extend(directory_mappings::list(reader)?.into_iter().map(Rule::from));
    Ok(rules)
}

impl From<DirectoryMapping> for Rule {
    fn from(mapping: DirectoryMapping) -> Self {
        let DirectoryMapping { id, directory_group, gives, .. } = mapping;
        let gives = match gives {
            Gives::Role(role) => Given::Role(role),
            Gives::Group { id, name } => Given::Group { id, name },
        };
        Self { id, directory_group, gives, configured: false }
    }
}

/// Applies rules to the groups that somebody is in. Of several roles the one that may most wins, analyst being the least;
/// admin and auditor together are none.
pub(super) fn map(rules: &[Rule], groups: &BTreeSet<String>) -> Mapped {
    let mut roles: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut mapped: BTreeMap<String, MappedGroup> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| groups.contains(&rule.directory_group)) {
        let because = match &rule.gives {
            Given::Role(role) => roles.entry(role.as_str()).or_default(),
            Given::Group { id, name } if id != EVERYONE => {
                let group = MappedGroup { name: name.clone(), because: Vec::new() };
                &mut mapped.entry(id.clone()).or_insert(group).because
            }
            Given::Group { .. } | Given::NoSuchGroup { .. } => continue,
        };
        if !because.contains(&rule.directory_group) {
            because.push(rule.directory_group.clone());
        }
    }
    let has = |role: Role| roles.contains_key(role.as_str());
    let role = if has(Role::Admin) && has(Role::Auditor) {
        Err(NoRole::AdminAndAuditor)
    } else {
        let most = [Role::Admin, Role::Auditor, Role::Analyst].into_iter().find(|role| has(*role));
        most.ok_or(NoRole::None)
    };
    let role_because = match role {
        Ok(role) => roles.remove(role.as_str()).unwrap_or_default(),
        Err(_) => roles.into_values().flatten().collect(),
    };
    Mapped { role, role_because, groups: mapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(directory_group: &str, gives: Given) -> Rule {
        let id = format!("{directory_group} {gives:?}");
        Rule { id, directory_group: directory_group.to_owned(), gives, configured: false }
    }

    fn rules() -> Vec<Rule> {
        let group = |id: &str| Given::Group { id: id.to_owned(), name: id.to_uppercase() };
        vec![
            rule("cn=staff", Given::Role(Role::Analyst)),
            rule("cn=ops", Given::Role(Role::Admin)),
            rule("cn=root", Given::Role(Role::Admin)),
            rule("cn=watch", Given::Role(Role::Auditor)),
            rule("cn=lab", group("research")),
            rule("cn=staff", group("research")),
            rule("cn=staff", group("library")),
            rule("cn=staff", group(EVERYONE)),
            rule("cn=staff", Given::NoSuchGroup { name: "gone".to_owned() }),
        ]
    }

    fn mapped(groups: &[&str]) -> Mapped {
        map(&rules(), &groups.iter().map(|group| (*group).to_owned()).collect())
    }

    #[test]
    fn the_role_that_may_most_wins_and_says_why() {
        assert_eq!(mapped(&["cn=staff"]).role, Ok(Role::Analyst));
        let both = mapped(&["cn=staff", "cn=ops", "cn=root"]);
        assert_eq!(both.role, Ok(Role::Admin));
        assert_eq!(both.role_because, ["cn=ops", "cn=root"]);
        assert_eq!(mapped(&["cn=staff", "cn=watch"]).role, Ok(Role::Auditor));
    }

    #[test]
    fn nobody_is_admin_and_auditor_and_nobody_has_a_role_for_nothing() {
        let both = mapped(&["cn=ops", "cn=watch", "cn=staff"]);
        assert_eq!(both.role, Err(NoRole::AdminAndAuditor));
        for groups in [&[][..], &["cn=lab"], &["cn=strangers"], &["cn=Staff"], &["cn=staff,dc=x"]] {
            assert_eq!(mapped(groups).role, Err(NoRole::None), "{groups:?}");
        }
    }

    #[test]
    fn groups_are_mapped_once_with_every_reason() {
        let groups = mapped(&["cn=lab", "cn=staff"]).groups;
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["library", "research"]);
        assert_eq!(groups["research"].because, ["cn=lab", "cn=staff"]);
        assert_eq!(groups["research"].name, "RESEARCH");
        assert!(mapped(&[]).groups.is_empty(), "losing all groups loses all of these");
    }
}
