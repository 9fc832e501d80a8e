//! The configuration: one TOML file, one struct a section, unknown keys refused, all problems together.
//!
//! `installer/redoubt.toml` is the commented default; a test holds it against `Config::default()`.

mod alerts;
mod audit;
mod certificates;
mod digest;
mod directory;
mod egress;
mod keys;
mod listen;
mod log;
mod marking;
mod models;
mod retention;
mod sign_in;
mod size;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use alerts::{Alert, Alerts};
pub use audit::{Audit, Collector, Form, Format};
pub use certificates::{Certificates, Subject};
pub use directory::{Directory, InChain, Mapping, Method, Security, Server};
pub use egress::{Egress, Policy};
pub use keys::{Keys, Opening};
pub use listen::Listen;
pub use log::Log;
pub use marking::Marking;
pub use models::Models;
pub use retention::Retention;
pub use sign_in::SignIn;
pub use size::Size;

/// Everything that an operator can set. Times are seconds here and in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub listen: Listen,
    pub data: Data,
    pub keys: Keys,
    pub models: Models,
    pub directory: Directory,
    pub sign_in: SignIn,
    pub certificates: Certificates,
    pub egress: Egress,
    pub marking: Marking,
    pub log: Log,
    pub alerts: Alerts,
    pub audit: Audit,
    pub retention: Retention,
}

/// `[data]`: where everything that the appliance remembers lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// One folder, mode 0700.
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "/var/lib/redoubt".into() }
    }
}

/// What is wrong with a configuration file: every problem, each with its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems {
    pub path: PathBuf,
    pub problems: Vec<String>,
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.path.display())?;
        self.problems.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl Config {
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let fail = |problem: String| Problems { path: path.to_owned(), problems: vec![problem] };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        Self::parse(&text).map_err(|problems| Problems { path: path.to_owned(), problems })
    }

    /// Reads a configuration; what is absent has its default.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut sections: toml::Table =
            toml::from_str(text).map_err(|error| vec![error.to_string().trim_end().to_owned()])?;
        let mut problems = Vec::new();
        let config = Self {
            listen: section(&mut sections, "listen", &mut problems),
            data: section(&mut sections, "data", &mut problems),
            keys: section(&mut sections, "keys", &mut problems),
            models: section(&mut sections, "models", &mut problems),
            directory: section(&mut sections, "directory", &mut problems),
            sign_in: section(&mut sections, "sign_in", &mut problems),
            certificates: section(&mut sections, "certificates", &mut problems),
            egress: section(&mut sections, "egress", &mut problems),
            marking: section(&mut sections, "marking", &mut problems),
            log: section(&mut sections, "log", &mut problems),
            alerts: section(&mut sections, "alerts", &mut problems),
            audit: section(&mut sections, "audit", &mut problems),
            retention: section(&mut sections, "retention", &mut problems),
        };
        problems.extend(sections.keys().map(|name| format!("[{name}]: there is no such section")));
        problems.extend(config.check());
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn check(&self) -> Vec<String> {
        [
            self.listen.check(),
            self.models.check(),
            self.directory.check(),
            self.sign_in.check(),
            self.certificates.check(),
            self.marking.check(),
            self.log.check(),
            self.alerts.check(),
            self.audit.check(),
            self.retention.check(),
        ]
        .concat()
    }
}

/// Takes one section out of the file; a faulty one is reported and has its default meanwhile.
fn section<T: DeserializeOwned + Default>(
    sections: &mut toml::Table,
    name: &str,
    problems: &mut Vec<String>,
) -> T {
    let Some(value) = sections.remove(name) else { return T::default() };
    value.try_into().unwrap_or_else(|error: toml::de::Error| {
        problems.push(format!("[{name}]: {}", error.to_string().trim_end().replace('\n', " ")));
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_default_that_ships_is_the_default() {
        let shipped = include_str!("../../../installer/redoubt.toml");
        assert_eq!(Config::parse(shipped).unwrap(), Config::default());
    }

    #[test]
    fn alerts_and_metrics_are_checked() {
        let text = "[listen]\nmetrics = [\"127.0.0.1\", \"localhost\"]\n\
                    [alerts]\nquota = { threshold = 1, window_seconds = 5 }\n";
        let problems = Config::parse(text).unwrap_err().join("\n");
        assert!(problems.contains("listen.metrics: \"localhost\""), "{problems}");
        assert!(problems.contains("alerts.quota"), "{problems}");
        let text =
            "[listen]\nmetrics = [\"127.0.0.1\"]\n[alerts]\nquota = { threshold = 0, window_seconds = 60 }\n";
        let config = Config::parse(text).unwrap();
        let shows = |peer: &str| config.listen.shows_metrics_to(peer.parse().unwrap());
        assert!(shows("127.0.0.1") && shows("::ffff:127.0.0.1") && !shows("127.0.0.2") && !shows("::1"));
        assert_eq!(config.alerts.failed_sign_ins, Alerts::default().failed_sign_ins);
    }

    #[test]
    fn thresholds_of_space_rise() {
        for wrong in ["warn_percent = 0", "stop_percent = 100", "warn_percent = 95", "alert_percent = 80"] {
            let problems = Config::parse(&format!("[audit]\n{wrong}\n")).unwrap_err().join("\n");
            assert!(problems.contains("stop_percent"), "{wrong}: {problems}");
        }
        assert_eq!(Config::parse("[audit]\nwarn_percent = 75\n").unwrap().audit.warn_percent, 75);
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn all_problems_are_reported_together() {
        let problems = Config::parse(
            "[listen]\naddress = \"nowhere\"\n[sign_in]\nidel_seconds = 3\n[telemetry]\non = true\n\
             [marking]\nbackground = \"red\"\n[models]\ndevice = \"cuda\"\n[retention]\nhour = 24\n",
        )
        .unwrap_err();
        let all = problems.join("\n");
        for expected in [
            "listen.address",
            "idel_seconds",
            "[telemetry]",
            "marking.background",
            "models.device",
            "retention.hour",
        ] {
            assert!(all.contains(expected), "{expected} is missing in:\n{all}");
        }
    }

    #[test]
    fn what_the_engine_gets_is_as_configured() {
        let text = "[models]\nthreads = 3\ndevice = \"cpu\"\ncache_memory = \"512 MiB\"\nparallel = 5\n\
                    queue = 6\nparallel_each = 2\nqueue_each = 4\n";
        let models = Config::parse(text).unwrap().models;
        let expected = redoubt_engine::worker::Settings {
            threads: 3,
            context: Some(2048),
            max_parallel: 5,
            queue: 6,
            running_each: 2,
            waiting_each: 4,
            device: redoubt_engine::Device::Cpu,
            cache_bytes: 512 << 20,
            embedding_tokens: None,
        };
        assert_eq!(models.engine(2048), expected);
        for wrong in ["cache_memory = \"lots\"", "cache_memory = 7", "device = \"tpu\"", "parallel_each = 0"]
        {
            let problems = Config::parse(&format!("[models]\n{wrong}\n")).unwrap_err().join("\n");
            assert!(problems.contains("models"), "{problems}");
        }
    }

    #[test]
    fn certificates_need_both_an_authority_and_its_lists() {
        for (text, problem) in [
            ("ca = \"/a\"", "certificates.ca and certificates.revocation_lists"),
            ("revocation_lists = \"/a\"", "certificates.ca and certificates.revocation_lists"),
            ("subject = \"cn\"\ndomain = \"mil\"", "certificates.domain"),
            ("domain = \"@mil\"", "certificates.domain"),
            ("subject = \"dn\"", "[certificates]"),
        ] {
            let problems = Config::parse(&format!("[certificates]\n{text}\n")).unwrap_err().join("\n");
            assert!(problems.contains(problem), "{text}: {problems}");
        }
        let text =
            "[certificates]\nca = \"/a\"\nrevocation_lists = \"/b\"\nsubject = \"email\"\ndomain = \"mil\"\n";
        assert_eq!(Config::parse(text).unwrap().certificates.paths().count(), 2);
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let problems = Config::parse("[listen]\naddress = \n").unwrap_err().join("\n");
        assert!(problems.contains("line 2"), "{problems}");
    }
}
