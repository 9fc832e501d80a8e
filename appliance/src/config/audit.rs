//! `[audit]`: how full the disk of the store may be, and where records go besides the store.

use std::path::PathBuf;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Per cent of the space of the store's file system: from here on the log has it,
    pub warn_percent: u8,
    /// from here on admins see an alert,
    pub alert_percent: u8,
    /// and from here on there are no new chats, messages or answers.
    pub stop_percent: u8,
    /// Whether records also go to standard output.
    pub standard_output: Form,
    /// Who gets them over the LAN.
    pub collector: Option<Collector>,
}

/// `[audit.collector]`: a server that takes syslog over TLS (RFC 5425).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    /// Host and port; the host is an address or a name of /etc/hosts.
    pub address: String,
    /// The name or the address that its certificate must have; that of `address` where there is none.
    pub server_name: Option<String>,
    /// The authorities of its certificate (PEM).
    pub ca: PathBuf,
    #[serde(default)]
    pub format: Format,
}

/// What the collector gets of each record: the views of the log's format, or the record itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Rfc5424,
    Cef,
    Ocsf,
    Json,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            warn_percent: 80,
            alert_percent: 90,
            stop_percent: 95,
            standard_output: Form::default(),
            collector: None,
        }
    }
}

impl Audit {
    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = self.collector.as_ref().map(Collector::check).unwrap_or_default();
        let percents = [self.warn_percent, self.alert_percent, self.stop_percent];
        let rising = percents.is_sorted_by(|lower, higher| lower < higher);
        if !rising || !percents.iter().all(|percent| (1..=99).contains(percent)) {
            problems.push(
                "audit: warn_percent, alert_percent and stop_percent must rise, from 1 at least to 99 at most"
                    .to_owned(),
            );
        }
        problems
    }
}

impl Collector {
    /// Host and port of the address; `None` if it is none.
    pub fn target(&self) -> Option<(String, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (is_name(host) && bracketed.is_some() == host.contains(':')).then(|| (host.to_owned(), port))
    }

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.target().is_none() {
            let address = &self.address;
            problems.push(format!(
                "audit.collector.address: {address:?} is not host and port, such as 10.0.0.9:6514"
            ));
        }
        if let Some(name) = self.server_name.as_ref().filter(|name| !is_name(name)) {
            problems.push(format!("audit.collector.server_name: {name:?} is neither a name nor an address"));
        }
        problems
    }
}

/// Whether a certificate could have this name or address.
fn is_name(host: &str) -> bool {
    ServerName::try_from(host).is_ok()
}

/// In which form records go there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    #[default]
    Off,
    /// As they are in the log: canonical JSON, one a line.
    Json,
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn problems(collector: &str) -> Vec<String> {
        Config::parse(&format!("[audit.collector]\n{collector}\n"))
            .map_or_else(|problems| problems, |_| Vec::new())
    }

    #[test]
    fn a_collector_has_an_address_an_authority_and_a_known_format() {
        for address in ["10.0.0.9:6514", "[fd00::9]:6514", "siem.example:6514", "siem:1"] {
            assert_eq!(problems(&format!("address = {address:?}\nca = \"ca.pem\"")), [""; 0], "{address}");
        }
        for address in [
            "",
            "10.0.0.9",
            "10.0.0.9:0",
            "10.0.0.9:65536",
            "fd00::9:6514",
            "[siem]:1",
            "a b:1",
            ":1",
            "tcp://a:1",
        ] {
            let problems = problems(&format!("address = {address:?}\nca = \"ca.pem\""));
            assert!(
                problems.iter().any(|problem| problem.contains("audit.collector.address")),
                "{address}: {problems:?}"
            );
        }
        for lines in [
            "address = \"a:1\"",
            "address = \"a:1\"\nca = \"ca.pem\"\nformat = \"leef\"",
            "address = \"a:1\"\nca = \"ca.pem\"\nserver_name = \"not a name\"",
            "address = \"a:1\"\nca = \"ca.pem\"\ntls = false",
        ] {
            assert_eq!(problems(lines).len(), 1, "{lines}");
        }
    }
}
