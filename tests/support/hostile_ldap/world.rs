//! The people of a directory in memory, and what it answers about them when it behaves.

use super::ber::{Filter, Operation, Request};
use super::replies::{ACTIVE_DIRECTORY, bind, done, entry, extended};

pub(crate) const SERVICE: &str = "cn=redoubt,dc=example,dc=org";
pub(crate) const SERVICE_PASSWORD: &str = "ebb and flow";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) is_active_directory: bool,
    /// Answers "who am I?", and says that it does.
    pub(crate) who_am_i: bool,
    pub(crate) people: Vec<Somebody>,
    /// Of each group its name and its members' names.
    pub(crate) groups: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Somebody {
    pub(crate) dn: String,
    pub(crate) password: String,
    pub(crate) attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Somebody {
    pub(crate) fn new(name: &str, password: &str) -> Self {
        let somebody = Self {
            dn: format!("uid={name},ou=people,dc=example,dc=org"),
            password: password.to_owned(),
            attributes: Vec::new(),
        };
        let id = b"6a1f4ec2-0d0f-4a3c-9a55-2f9d3b7c1e01";
        somebody.with("objectClass", b"inetOrgPerson").with("uid", name.as_bytes()).with("entryUUID", id)
    }

    pub(crate) fn with(mut self, attribute: &str, value: &[u8]) -> Self {
        self.attributes.push((attribute.to_owned(), vec![value.to_vec()]));
        self
    }

    fn matches(&self, filter: &Filter) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().all(|part| self.matches(part)),
            Filter::Or(parts) => parts.iter().any(|part| self.matches(part)),
            Filter::Not(part) => !self.matches(part),
            Filter::Equality { attribute, value } => self.attributes.iter().any(|(name, values)| {
                name.eq_ignore_ascii_case(attribute)
                    && values.iter().any(|own| own.eq_ignore_ascii_case(value))
            }),
            Filter::Present { .. } => true,
            Filter::Extensible { .. } | Filter::Other(_) => false,
        }
    }
}

impl World {
    /// One person, `alice`, and one group that she is in.
    pub(crate) fn with_alice(password: &str) -> Self {
        let alice = Somebody::new("alice", password);
        let group = ("cn=ops,ou=groups,dc=example,dc=org".to_owned(), vec![alice.dn.clone()]);
        Self { is_active_directory: false, who_am_i: true, people: vec![alice], groups: vec![group] }
    }

    pub(crate) fn answer(&self, request: &Request) -> Vec<u8> {
        let id = request.id;
        match &request.operation {
            Operation::Bind { dn, password } => {
                let service = (SERVICE, SERVICE_PASSWORD);
                let people =
                    self.people.iter().map(|somebody| (somebody.dn.as_str(), somebody.password.as_str()));
                let known = people.chain([service]).find(|(own, _)| own == dn);
                let right = known.is_some_and(|(_, own)| own.as_bytes() == password);
                bind(id, if right { 0 } else { 49 }, "")
            }
            Operation::Search { base, filter, .. } => self.search(id, base, filter),
            // Whoever was bound last; one person is enough for the tests.
            Operation::Extended { name } if name == WHO_AM_I && self.who_am_i => {
                extended(id, 0, &format!("dn:{}", self.people[0].dn))
            }
            Operation::Extended { .. } => extended(id, 2, ""),
            Operation::Unbind | Operation::Other(_) => Vec::new(),
        }
    }

    fn search(&self, id: u32, base: &str, filter: &Filter) -> Vec<u8> {
        if base.is_empty() {
            return [entry(id, "", &self.root()), done(id, 0)].concat();
        }
        let mut reply = Vec::new();
        for (dn, members) in &self.groups {
            if filter.leaves().iter().any(|leaf| names_a_member(leaf, members)) {
                reply.extend(entry(id, dn, &[]));
            }
        }
        let below = |dn: &str| dn == base || dn.ends_with(&format!(",{base}"));
        for somebody in self.people.iter().filter(|somebody| below(&somebody.dn) && somebody.matches(filter))
        {
            reply.extend(entry(id, &somebody.dn, &somebody.attributes));
        }
        reply.extend(done(id, 0));
        reply
    }

    fn root(&self) -> Vec<(String, Vec<Vec<u8>>)> {
        let mut root = Vec::new();
        if self.is_active_directory {
            root.push(("supportedCapabilities".to_owned(), vec![ACTIVE_DIRECTORY.into()]));
        }
        if self.who_am_i {
            root.push(("supportedExtension".to_owned(), vec![WHO_AM_I.into()]));
        }
        root
    }
}

fn names_a_member(leaf: &Filter, members: &[String]) -> bool {
    let (attribute, value) = match leaf {
        Filter::Equality { attribute, value } => (attribute, value),
        Filter::Extensible { rule, attribute, value } if rule == IN_CHAIN => (attribute, value),
        _ => return false,
    };
    attribute == "member" && members.iter().any(|member| member.as_bytes() == value)
}
