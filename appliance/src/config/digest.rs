//! The configuration in force as one hash, by which the log tells that it is another one.

use redoubt_audit::canonical_json;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::Config;

impl Config {
    /// SHA-256, in hex, over the canonical JSON of everything that is set, defaults included; what is absent has no name.
    /// No secret goes in: a configuration names the files that have them.
    ///
    /// # Errors
    /// For a number beyond ±(2⁵³ − 1), which canonical JSON has no form for.
    pub fn sha256(&self) -> anyhow::Result<String> {
        let json = canonical_json(&without_absent(serde_json::to_value(self)?))?;
        Ok(data_encoding::HEXLOWER.encode(digest(&SHA256, &json).as_ref()))
    }
}

/// `null` is how serde writes what is absent; canonical JSON has none.
fn without_absent(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name, without_absent(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_absent).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_counts_and_how_the_file_is_written_does_not() {
        let hash = |text: &str| Config::parse(text).unwrap().sha256().unwrap();
        let default = Config::default().sha256().unwrap();
        assert_eq!(default.len(), 64);
        assert_eq!(hash("# nothing\n[sign_in]\nmax_failures = 3\n"), default);
        assert_ne!(hash("[sign_in]\nmax_failures = 4\n"), default);
        let collector = "[audit.collector]\naddress = \"10.0.0.1:6514\"\nca = \"/ca.pem\"\n";
        assert_ne!(hash(collector), default);
        assert_ne!(hash(&format!("{collector}server_name = \"siem\"\n")), hash(collector));
    }
}
