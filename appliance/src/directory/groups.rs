//! In which groups somebody is, by other groups too.
//!
//! Active Directory follows groups in groups itself; elsewhere we walk, breadth first, each group once, so that a circle
//! ends where it began.

use std::collections::HashSet;

use ldap3::Scope;

use super::connection::{Connection, NO_ATTRIBUTES};
use super::filter::Template;
use super::{GroupDn, Refusal};
use crate::config::{self, InChain};

/// How far a group may be from the person to count.
pub(super) const MAX_DEPTH: usize = 10;
/// Somebody in more groups is refused: a group that is left out could be one that takes rights away.
const MAX_GROUPS: usize = 4096;
/// Members asked for by one search.
const TOGETHER: usize = 32;

/// What to search, as configured.
pub(super) struct Groups {
    base: String,
    filter: Template,
    nested: bool,
    in_chain: InChain,
}

/// The groups of somebody.
#[derive(Debug, Default)]
pub(super) struct Membership {
    pub(super) groups: Vec<GroupDn>,
    /// There are groups further away than [`MAX_DEPTH`], which do not count.
    pub(super) deeper: bool,
}

impl Groups {
    pub(super) fn new(config: &config::Directory, filter: Template) -> Self {
        let base = config.group_base().to_owned();
        Self { base, filter, nested: config.nested, in_chain: config.in_chain }
    }

    /// All groups of the entry `dn`; `listed` are those that the entry itself names.
    pub(super) async fn of(
        &self,
        connection: &mut Connection,
        dn: &str,
        listed: Vec<String>,
    ) -> Result<Membership, Refusal> {
        let in_chain = match self.in_chain {
            InChain::Always => true,
            InChain::Never => false,
            InChain::Auto => connection.abilities().await?.is_active_directory,
        };
        if self.nested && in_chain {
            let filter = self.filter.with_in_chain(dn);
            let mut walk = Walk::default();
            walk.enter(self.search(connection, &filter).await?)?;
            return Ok(walk.end(false));
        }
        self.walk(connection, dn, listed).await
    }

    async fn walk(
        &self,
        connection: &mut Connection,
        dn: &str,
        listed: Vec<String>,
    ) -> Result<Membership, Refusal> {
        let mut walk = Walk::default();
        let mut edge = if listed.is_empty() {
            let found = self.search(connection, &self.filter.with(dn)).await?;
            walk.enter(found)?
        } else {
            walk.enter(listed)?
        };
        let mut depth = 1;
        while self.nested && !edge.is_empty() {
            let mut found = Vec::new();
            for members in edge.chunks(TOGETHER) {
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                found.extend(self.search(connection, &self.filter.with_any(&members)).await?);
            }
            if depth == MAX_DEPTH {
                return Ok(walk.end_before(&found));
            }
            edge = walk.enter(found)?;
            depth += 1;
        }
        Ok(walk.end(false))
    }

    async fn search(&self, connection: &mut Connection, filter: &str) -> Result<Vec<String>, Refusal> {
        let found =
            connection.search(&self.base, Scope::Subtree, filter, &[NO_ATTRIBUTES], MAX_GROUPS).await?;
        if found.limited {
            return Err(too_many());
        }
        Ok(found.entries.into_iter().map(|entry| entry.dn).collect())
    }
}

/// The groups that were met so far.
#[derive(Default)]
struct Walk {
    met: HashSet<GroupDn>,
    groups: Vec<GroupDn>,
}

impl Walk {
    /// Notes groups, and returns those that were not met before, as the directory writes them.
    fn enter(&mut self, found: Vec<String>) -> Result<Vec<String>, Refusal> {
        let mut fresh = Vec::new();
        for dn in found {
            let group = GroupDn::parse(&dn)
                .ok_or_else(|| Refusal::Unusable("a group whose name is no distinguished name".to_owned()))?;
            if self.met.insert(group.clone()) {
                self.groups.push(group);
                fresh.push(dn);
            }
        }
        if self.groups.len() > MAX_GROUPS {
            return Err(too_many());
        }
        Ok(fresh)
    }

    fn end(self, deeper: bool) -> Membership {
        Membership { groups: self.groups, deeper }
    }

    /// Leaves out what lies too deep.
    fn end_before(self, found: &[String]) -> Membership {
        let deeper = found.iter().filter_map(|dn| GroupDn::parse(dn)).any(|group| !self.met.contains(&group));
        self.end(deeper)
    }
}

fn too_many() -> Refusal {
    Refusal::Unusable(format!("a person in more than {MAX_GROUPS} groups"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_is_met_once_however_it_is_written() {
        let mut walk = Walk::default();
        let enter = |walk: &mut Walk, names: &[&str]| {
            walk.enter(names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
        };
        assert_eq!(enter(&mut walk, &["cn=A,dc=x", "CN=a, DC=x", "cn=b,dc=x"]), ["cn=A,dc=x", "cn=b,dc=x"]);
        assert_eq!(enter(&mut walk, &["cn=a,dc=x"]), [""; 0]);
        assert!(!walk.end_before(&["CN=B,dc=x".to_owned()]).deeper);
    }

    #[test]
    fn more_groups_than_can_be_are_refused_and_not_cut_off() {
        let names = (0..=MAX_GROUPS).map(|number| format!("cn={number},dc=x")).collect();
        assert!(matches!(Walk::default().enter(names), Err(Refusal::Unusable(_))));
        assert!(Walk::default().enter(vec!["nobody".to_owned()]).is_err());
    }
}
