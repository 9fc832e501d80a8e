//! What somebody may, computed from the groups that they are in and the workspace that they are at work in: a function
//! of its arguments alone. The explanation to admins asks the same functions, so it cannot say anything else.

use std::collections::{BTreeMap, BTreeSet};

use redoubt_store::groups::{self, Quotas};
use redoubt_store::permissions::{self, Effect};
use redoubt_store::{Error, Reader, grants};

use super::Permission;

/// A group as far as it carries rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carrier {
    pub id: String,
    pub name: String,
    pub permissions: BTreeMap<Permission, Effect>,
    pub models: BTreeSet<String>,
    pub quotas: Quotas,
}

/// Why a permission is as it is: what nobody says anything about, or a group's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because<'a> {
    Default,
    Allowed(&'a str),
    Denied(&'a str),
}

/// What an analyst may within a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    permissions: BTreeSet<Permission>,
    models: BTreeSet<String>,
    pub quotas: Quotas,
}

impl Rights {
    /// Of a member of these groups, in a workspace that is kept to `workspace_models` (to none: to no particular ones).
    pub(super) fn of(groups: &[Carrier], workspace_models: &[String]) -> Self {
        let permissions =
            Permission::ALL.into_iter().filter(|permission| decide(*permission, groups).0).collect();
        let granted = groups.iter().flat_map(|group| &group.models);
        let models = granted.filter(|model| is_kept(model, workspace_models)).cloned().collect();
        let quotas = Quotas {
            requests_per_day: most(groups, |quotas| quotas.requests_per_day).map(|(most, _)| most),
            tokens_per_day: most(groups, |quotas| quotas.tokens_per_day).map(|(most, _)| most),
            parallel: most(groups, |quotas| quotas.parallel).map(|(most, _)| most),
            priority: most(groups, |quotas| quotas.priority).map(|(most, _)| most),
        };
        Self { permissions, models, quotas }
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub fn may_use(&self, model: &str) -> bool {
        self.models.contains(model)
    }

    /// Those that the person has, in a fixed order.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> + '_ {
        self.permissions.iter().copied()
    }

    /// Place in the queue for the model.
    pub fn priority(&self) -> i32 {
        self.quotas.priority.unwrap_or(0)
    }
}

/// Whether members of these groups have a permission, and why: one denial outweighs everything.
pub(super) fn decide(permission: Permission, groups: &[Carrier]) -> (bool, Because<'_>) {
    let who_says = |effect: Effect| {
        let says = groups.iter().filter(|group| group.permissions.get(&permission) == Some(&effect));
        says.map(|group| group.name.as_str()).min()
    };
    match (who_says(Effect::Deny), who_says(Effect::Allow)) {
        (Some(name), _) => (false, Because::Denied(name)),
        (None, Some(name)) => (true, Because::Allowed(name)),
        (None, None) => (permission.by_default(), Because::Default),
    }
}

/// The most generous value that any group sets, and the first group, by name, that sets it.
pub(super) fn most<T: Ord + Copy>(
    groups: &[Carrier],
    quota: impl Fn(&Quotas) -> Option<T>,
) -> Option<(T, &str)> {
    let set = groups.iter().filter_map(|group| Some((quota(&group.quotas)?, group.name.as_str())));
    set.min_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)))
}

/// Whether a workspace that is kept to these models has this one.
pub(super) fn is_kept(model: &str, workspace_models: &[String]) -> bool {
    workspace_models.is_empty() || workspace_models.iter().any(|kept| kept == model)
}

/// The groups of a person with what they carry. What this version has no name for carries nothing.
pub(super) fn load(reader: &Reader, user_id: &str) -> Result<Vec<Carrier>, Error> {
    let mut carriers: BTreeMap<String, Carrier> = BTreeMap::new();
    for membership in groups::list_of(reader, user_id)? {
        let groups::Group { id, name, quotas, .. } = membership.group;
        carriers.insert(id.clone(), Carrier { id, name, quotas, ..Carrier::default() });
    }
    for rule in permissions::list_of(reader, user_id)? {
        if let (Some(carrier), Some(permission)) =
            (carriers.get_mut(&rule.group_id), Permission::parse(&rule.permission))
        {
            carrier.permissions.insert(permission, rule.effect);
        }
    }
    for grant in grants::list_of(reader, user_id)? {
        if let Some(carrier) = carriers.get_mut(&grant.group_id) {
            carrier.models.insert(grant.model);
        }
    }
    Ok(carriers.into_values().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carrier(name: &str, rules: &[(Permission, Effect)], models: &[&str]) -> Carrier {
        Carrier {
            name: name.to_owned(),
            permissions: rules.iter().copied().collect(),
            models: models.iter().map(|&model| model.to_owned()).collect(),
            ..Carrier::default()
        }
    }

    #[test]
    fn nobody_has_a_model_by_default_and_keys_are_not_for_everybody() {
        let rights = Rights::of(&[], &[]);
        assert!(!rights.may_use("m") && rights.quotas == Quotas::default());
        for permission in Permission::ALL {
            assert_eq!(rights.may(permission), permission != Permission::ApiKeys, "{permission}");
        }
    }

    #[test]
    fn a_workspace_that_lists_models_keeps_to_them() {
        let groups = [carrier("a", &[], &["m", "n"])];
        let in_workspace = |kept: &[&str]| {
            let kept: Vec<String> = kept.iter().map(|&model| model.to_owned()).collect();
            let rights = Rights::of(&groups, &kept);
            ["m", "n", "o"].map(|model| rights.may_use(model))
        };
        assert_eq!(in_workspace(&[]), [true, true, false]);
        assert_eq!(in_workspace(&["n", "o"]), [false, true, false]);
    }

    #[test]
    fn the_reason_names_the_group() {
        use Permission::{ApiKeys, Export};
        let groups = [
            carrier("b", &[(Export, Effect::Deny), (ApiKeys, Effect::Allow)], &[]),
            carrier("a", &[(Export, Effect::Allow), (ApiKeys, Effect::Allow)], &[]),
        ];
        assert_eq!(decide(Export, &groups), (false, Because::Denied("b")));
        assert_eq!(decide(ApiKeys, &groups), (true, Because::Allowed("a")));
        assert_eq!(decide(Permission::SeeUsage, &groups), (true, Because::Default));
    }

    fn any_carrier() -> impl Strategy<Value = Carrier> {
        let rule = (0..6usize, any::<bool>());
        let quota = proptest::option::of(0..9u64);
        let parts = (
            "[a-e]",
            proptest::collection::vec(rule, 0..6),
            proptest::collection::btree_set("[m-q]", 0..4),
            (quota.clone(), quota, proptest::option::of(1..9u32), proptest::option::of(-9..9i32)),
        );
        parts.prop_map(|(name, rules, models, (requests, tokens, parallel, priority))| {
            let effect = |denies| if denies { Effect::Deny } else { Effect::Allow };
            Carrier {
                id: name.clone(),
                name,
                permissions: rules
                    .into_iter()
                    .map(|(at, denies)| (Permission::ALL[at], effect(denies)))
                    .collect(),
                models,
                quotas: Quotas { requests_per_day: requests, tokens_per_day: tokens, parallel, priority },
            }
        })
    }

    proptest! {
        #[test]
        fn one_denial_outweighs_everything(
            groups in proptest::collection::vec(any_carrier(), 0..8), at in 0..8usize, permission in 0..6usize,
        ) {
            let permission = Permission::ALL[permission];
            let mut groups = groups;
            let mut denying = Carrier::default();
            denying.permissions.insert(permission, Effect::Deny);
            groups.insert(at.min(groups.len()), denying);
            prop_assert!(!Rights::of(&groups, &[]).may(permission));
        }

        #[test]
        fn the_order_of_the_groups_does_not_matter(
            groups in proptest::collection::vec(any_carrier(), 0..8), turn in 0..8usize,
        ) {
            let mut others = groups.clone();
            others.reverse();
            others.rotate_left(turn.min(groups.len()));
            prop_assert_eq!(Rights::of(&groups, &[]), Rights::of(&others, &[]));
            for permission in Permission::ALL {
                prop_assert_eq!(decide(permission, &groups), decide(permission, &others));
            }
        }

        #[test]
        fn a_further_group_adds_models_and_quotas_and_never_takes_one(
            groups in proptest::collection::vec(any_carrier(), 0..8), more in any_carrier(),
        ) {
            let before = Rights::of(&groups, &[]);
            let after = Rights::of(&[groups, vec![more.clone()]].concat(), &[]);
            prop_assert!(before.models.is_subset(&after.models));
            prop_assert!(after.models.iter().all(|model| before.may_use(model) || more.models.contains(model)));
            // A quota that nobody set is no limit: there the first one that is set takes something.
            if let Some(requests) = before.quotas.requests_per_day {
                prop_assert!(after.quotas.requests_per_day >= Some(requests));
            }
            prop_assert!(before.quotas.priority <= after.quotas.priority);
        }
    }
}
