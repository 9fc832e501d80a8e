//! `[directory]`: the LDAP directory whose people may sign in.
//!
//! Servers, authority and bind password can be changed in this file only, all by the same person: nobody can point
//! the bind password, which they do not know, at a server of their own (CVE-2024-5967).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use redoubt_store::users::Role;
use serde::{Deserialize, Serialize};

use crate::directory::Template;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// In the order in which they are tried: `ldaps://host[:636]`, or `ldap://host[:389]` with StartTLS. None = no
    /// directory. A host is an address or a name of `/etc/hosts`.
    pub servers: Vec<String>,
    /// The certificate authority of the servers (PEM); no other is trusted.
    pub ca: Option<PathBuf>,
    /// The service account, which searches and re-checks.
    pub bind_dn: String,
    pub bind_password_file: Option<PathBuf>,
    /// Below this, people are searched.
    pub base: String,
    /// How a name becomes an entry.
    pub method: Method,
    /// For `direct`: what to bind as, with `{name}`.
    pub user_dn: String,
    /// With `{name}`. It also decides at every re-check whether somebody may still sign in.
    pub user_filter: String,
    /// With `{name}`: whom the name in a certificate means; empty = `user_filter`.
    pub certificate_filter: String,
    /// Below this, groups are searched; empty = `base`.
    pub group_base: String,
    /// With `{dn}`, which a member's name takes the place of.
    pub group_filter: String,
    /// Whether members of a group in a group are members of the outer one.
    pub nested: bool,
    /// Whether to ask Active Directory's rule for nested groups instead of walking.
    pub in_chain: InChain,
    /// `auto` = `entryUUID` or `objectGUID`, by the kind of server.
    pub attribute_id: String,
    pub attribute_name: String,
    pub attribute_display_name: String,
    /// Lists a person's groups (`memberOf`); empty = they are searched by `group_filter`.
    pub attribute_groups: String,
    /// Within this time one of the servers must be connected and have taken the service account.
    pub connect_seconds: u32,
    /// The longest that an answer may take.
    pub answer_seconds: u32,
    pub recheck_seconds: u32,
    pub grace_seconds: u32,
    /// So many refused binds of one person within the window, and no more reach the directory.
    pub failed_binds: u32,
    pub failed_binds_window_seconds: u32,
    /// What groups of the directory mean here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<Mapping>,
}

/// `[[directory.map]]`: a directory's group, and one of the two things that it gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub group: String,
    /// `analyst`, `admin` or `auditor`.
    pub role: Option<String>,
    /// The name of one of our groups.
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Find the entry with the service account, then bind as it.
    #[default]
    Search,
    /// Bind as `user_dn` at once.
    Direct,
}

/// In the file `"auto"`, `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "InChainValue", into = "InChainValue")]
pub enum InChain {
    /// Where the server says that it is Active Directory.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum InChainValue {
    Fixed(bool),
    Word(String),
}

impl TryFrom<InChainValue> for InChain {
    type Error = &'static str;

    fn try_from(value: InChainValue) -> Result<Self, Self::Error> {
        match value {
            InChainValue::Fixed(true) => Ok(Self::Always),
            InChainValue::Fixed(false) => Ok(Self::Never),
            InChainValue::Word(word) if word == "auto" => Ok(Self::Auto),
            InChainValue::Word(_) => Err("in_chain is \"auto\", true or false"),
        }
    }
}

impl From<InChain> for InChainValue {
    fn from(in_chain: InChain) -> Self {
        match in_chain {
            InChain::Auto => Self::Word("auto".to_owned()),
            InChain::Always => Self::Fixed(true),
            InChain::Never => Self::Fixed(false),
        }
    }
}

/// One of `servers`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub security: Security,
    pub host: String,
    pub port: u16,
}

/// When TLS begins. There is no way without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Ldaps,
    StartTls,
}

impl Server {
    /// `None` if the text is not such a URL, or names more than host and port.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (security, default_port) = match scheme {
            "ldaps" => (Security::Ldaps, 636),
            "ldap" => (Security::StartTls, 389),
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
            }
            None => rest.split_once(':').unwrap_or((rest, "")),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let fits = host.parse::<IpAddr>().is_ok() || (!host.is_empty() && host.bytes().all(is_name));
        let port = if port.is_empty() { default_port } else { port.parse().ok().filter(|port| *port > 0)? };
        fits.then(|| Self { security, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Ldaps => "ldaps",
            Security::StartTls => "ldap",
        };
        if self.host.contains(':') {
            write!(formatter, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            ca: None,
            bind_dn: String::new(),
            bind_password_file: None,
            base: String::new(),
            method: Method::Search,
            user_dn: String::new(),
            user_filter: "(&(objectClass=inetOrgPerson)(uid={name}))".to_owned(),
            certificate_filter: String::new(),
            group_base: String::new(),
            group_filter: "(&(objectClass=groupOfNames)(member={dn}))".to_owned(),
            nested: true,
            in_chain: InChain::Auto,
            attribute_id: "auto".to_owned(),
            attribute_name: "uid".to_owned(),
            attribute_display_name: "cn".to_owned(),
            attribute_groups: String::new(),
            connect_seconds: 2,
            answer_seconds: 5,
            recheck_seconds: 5 * 60,
            grace_seconds: 15 * 60,
            failed_binds: 4,
            failed_binds_window_seconds: 30 * 60,
            map: Vec::new(),
        }
    }
}

impl Directory {
    pub fn is_configured(&self) -> bool {
        !self.servers.is_empty()
    }

    /// The servers in their order; checked ones only.
    pub fn targets(&self) -> Vec<Server> {
        self.servers.iter().filter_map(|url| Server::parse(url)).collect()
    }

    /// By what somebody is found whose name is in a certificate.
    pub fn certificate_filter(&self) -> &str {
        if self.certificate_filter.is_empty() { &self.user_filter } else { &self.certificate_filter }
    }

    /// Where groups are searched.
    pub fn group_base(&self) -> &str {
        if self.group_base.is_empty() { &self.base } else { &self.group_base }
    }

    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = self.check_values();
        if self.is_configured() {
            problems.extend(self.check_needed());
        }
        problems
    }

    /// What would be wrong without any server, too.
    fn check_values(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for url in self.servers.iter().filter(|url| Server::parse(url).is_none()) {
            problems.push(format!(
                "directory.servers: {url:?} is not ldaps://host:port, or ldap://host:port for StartTLS"
            ));
        }
        for (key, filter, placeholder) in [
            ("user_filter", self.user_filter.as_str(), "{name}"),
            ("certificate_filter", self.certificate_filter(), "{name}"),
            ("group_filter", &self.group_filter, "{dn}"),
        ] {
            if let Err(error) = Template::parse(filter, placeholder) {
                problems.push(format!("directory.{key}: {error}"));
            }
        }
        if self.method == Method::Direct && !self.user_dn.contains("{name}") {
            problems.push("directory.user_dn: with method \"direct\" it must contain {name}".to_owned());
        }
        let attributes = [
            ("attribute_id", self.attribute_id.as_str()),
            ("attribute_name", self.attribute_name.as_str()),
            ("attribute_display_name", self.attribute_display_name.as_str()),
            // Empty means something.
            (
                "attribute_groups",
                if self.attribute_groups.is_empty() { "none" } else { &self.attribute_groups },
            ),
        ];
        for (key, name) in attributes.iter().filter(|(_, name)| !is_attribute(name)) {
            problems.push(format!("directory.{key}: {name:?} is not the name of an attribute"));
        }
        problems.extend(self.check_times());
        problems.extend(self.map.iter().flat_map(Mapping::check));
        problems
    }

    fn check_times(&self) -> Vec<String> {
        let positive = [
            ("connect_seconds", self.connect_seconds),
            ("answer_seconds", self.answer_seconds),
            ("recheck_seconds", self.recheck_seconds),
            ("grace_seconds", self.grace_seconds),
            ("failed_binds", self.failed_binds),
            ("failed_binds_window_seconds", self.failed_binds_window_seconds),
        ];
        let zero = positive.iter().filter(|(_, value)| *value == 0);
        let mut problems: Vec<_> =
            zero.map(|(key, _)| format!("directory.{key}: must be at least 1")).collect();
        if self.connect_seconds > self.answer_seconds {
            problems.push("directory.connect_seconds: must not be more than answer_seconds".to_owned());
        }
        problems
    }

    /// What is needed as soon as there is a server.
    fn check_needed(&self) -> Vec<String> {
        let missing = [
            ("ca", self.ca.is_none(), "the certificate authority of the servers"),
            ("bind_dn", self.bind_dn.is_empty(), "the service account, which searches and re-checks"),
            ("bind_password_file", self.bind_password_file.is_none(), "the service account's password"),
            ("base", self.base.is_empty(), "where people are searched"),
        ];
        let missing = missing.iter().filter(|(_, missing, _)| *missing);
        missing.map(|(key, _, what)| format!("directory.{key}: needed with servers: {what}")).collect()
    }
}

impl Mapping {
    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let group = &self.group;
        if crate::directory::GroupDn::parse(group).is_none() {
            problems.push(format!("directory.map: {group:?} is not a distinguished name"));
        }
        if self.role.is_some() == self.to.is_some() {
            problems.push(format!("directory.map: {group:?} needs either role or to"));
        }
        if let Some(role) = &self.role
            && Role::parse(role).is_none()
        {
            problems.push(format!("directory.map: {role:?} is not analyst, admin or auditor"));
        }
        problems
    }
}

/// RFC 4512 section 2.5, without options.
fn is_attribute(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const COMPLETE: &str = "[directory]\nservers = [\"ldaps://10.1.2.3\", \"ldap://dc2.example:1389\"]\n\
        ca = \"/etc/redoubt/ca.pem\"\nbind_dn = \"cn=redoubt,dc=x\"\nbind_password_file = \"/etc/redoubt/bind\"\n\
        base = \"dc=x\"\n";

    #[test]
    fn servers_are_read_and_written_in_the_same_way() {
        let directory = Config::parse(COMPLETE).unwrap().directory;
        let shown: Vec<_> = directory.targets().iter().map(Server::to_string).collect();
        assert_eq!(shown, ["ldaps://10.1.2.3:636", "ldap://dc2.example:1389"]);
        let server = Server::parse("ldaps://[fd00::1]:1636/").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("fd00::1", 1636));
        assert_eq!(server.to_string(), "ldaps://[fd00::1]:1636");
        for url in [
            "10.1.2.3",
            "https://x",
            "ldaps://",
            "ldaps://x:0",
            "ldaps://x:99999",
            "ldaps://u@x",
            "ldaps://x/dc=x",
            "ldapi://x",
            "ldaps://[x]:1",
            "ldaps://[::1]1",
        ] {
            assert_eq!(Server::parse(url), None, "{url}");
        }
    }

    #[test]
    fn a_server_needs_everything_that_makes_it_safe() {
        let problems =
            Config::parse("[directory]\nservers = [\"ldaps://10.1.2.3\"]\n").unwrap_err().join("\n");
        for key in ["directory.ca", "directory.bind_dn", "directory.bind_password_file", "directory.base"] {
            assert!(problems.contains(key), "{key} is missing in:\n{problems}");
        }
    }

    #[test]
    fn wrong_values_are_named() {
        for (line, word) in [
            ("servers = [\"http://x\"]", "directory.servers"),
            ("user_filter = \"(uid=*)\"", "directory.user_filter"),
            ("user_filter = \"(uid=*{name}*)\"", "directory.user_filter"),
            ("user_filter = \"(&(uid={name})\"", "directory.user_filter"),
            ("group_filter = \"(member=x)\"", "directory.group_filter"),
            ("method = \"direct\"", "directory.user_dn"),
            ("method = \"guess\"", "method"),
            ("in_chain = \"perhaps\"", "in_chain"),
            ("attribute_id = \"a b\"", "directory.attribute_id"),
            ("connect_seconds = 0", "directory.connect_seconds"),
            ("connect_seconds = 9", "directory.connect_seconds"),
            ("allow_anonymous = true", "allow_anonymous"),
            ("tls_verify = false", "tls_verify"),
            ("[[directory.map]]\ngroup = \"cn=a\"", "directory.map"),
            ("[[directory.map]]\ngroup = \"ops\"\nto = \"x\"", "directory.map"),
            ("[[directory.map]]\ngroup = \"cn=a\"\nrole = \"root\"", "directory.map"),
        ] {
            let problems = Config::parse(&format!("[directory]\n{line}\n")).unwrap_err().join("\n");
            assert!(problems.contains(word), "{word} is missing for {line}:\n{problems}");
        }
    }

    #[test]
    fn cve_2025_13357_nothing_allows_binds_without_a_password() {
        let known = toml::Table::try_from(Directory::default()).unwrap();
        for key in known.keys() {
            for word in ["anonymous", "null", "unauthenticated", "insecure", "verify", "empty"] {
                assert!(!key.contains(word), "{key}");
            }
        }
    }

    #[test]
    fn in_chain_is_a_word_or_a_switch() {
        for (value, expected) in
            [("\"auto\"", InChain::Auto), ("true", InChain::Always), ("false", InChain::Never)]
        {
            let config = Config::parse(&format!("[directory]\nin_chain = {value}\n")).unwrap();
            assert_eq!(config.directory.in_chain, expected);
            let travelled = serde_json::to_string(&config.directory).unwrap();
            assert_eq!(serde_json::from_str::<Directory>(&travelled).unwrap(), config.directory);
        }
    }
}
