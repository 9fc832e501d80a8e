//! `[listen]`: where the web interface is reached, and with which certificate.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port.
    pub address: String,
    /// Names and addresses that go into the certificate which the appliance makes for itself.
    pub names: Vec<String>,
    /// The operator's own certificate chain and key (PEM) instead of the appliance's.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Also accept TLS 1.2, for old browsers.
    pub tls12: bool,
    /// Addresses that may read `/metrics`; to all others there is no such page.
    pub metrics: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: "0.0.0.0:8443".to_owned(),
            names: vec!["localhost".to_owned()],
            certificate: None,
            key: None,
            tls12: false,
            metrics: Vec::new(),
        }
    }
}

impl Listen {
    pub fn socket(&self) -> Option<SocketAddr> {
        self.address.parse().ok()
    }

    /// Whether whoever has this address may read `/metrics`.
    pub fn shows_metrics_to(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.metrics
            .iter()
            .filter_map(|address| address.parse::<IpAddr>().ok())
            .any(|ip| ip.to_canonical() == peer)
    }

    /// Names for the certificate: the configured ones, the address itself and the loopback addresses.
    pub fn certificate_names(&self) -> Vec<String> {
        let mut names = self.names.clone();
        names.extend(self.socket().map(|socket| socket.ip()).filter(|ip| !ip.is_unspecified()).map(text));
        names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
        names.sort();
        names.dedup();
        names
    }

    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.socket().is_none() {
            let address = &self.address;
            problems
                .push(format!("listen.address: {address:?} is not an address and port like 0.0.0.0:8443"));
        }
        for address in self.metrics.iter().filter(|address| address.parse::<IpAddr>().is_err()) {
            problems.push(format!("listen.metrics: {address:?} is not an address like 127.0.0.1"));
        }
        if self.certificate.is_some() != self.key.is_some() {
            problems.push("listen.certificate and listen.key: set both or neither".to_owned());
        }
        problems
    }
}

fn text(ip: IpAddr) -> String {
    ip.to_string()
}
