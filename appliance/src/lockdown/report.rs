//! What was reached: which layers hold, and which ways out were tried in vain.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One process's lockdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub namespaces: Layer,
    pub files: Layer,
    pub system_calls: Layer,
    /// Every way out that was tried from inside.
    pub channels: Vec<Channel>,
}

/// One mechanism of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Layer {
    /// It holds; to what extent.
    Active { extent: String },
    /// The kernel does not offer it, or refuses it to us.
    Missing { why: String },
}

/// One way out of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    pub name: String,
    pub blocked: bool,
    /// What the kernel answered.
    pub answer: String,
}

impl Report {
    /// Whether nothing gets out, by whichever layer, and the filter keeps it so.
    ///
    /// The filter alone is required by name: without it an accepted connection, which still belongs to the
    /// namespace of the listener, could be turned round to call somebody else.
    pub fn is_full(&self) -> bool {
        self.system_calls.is_active() && self.channels.iter().all(|channel| channel.blocked)
    }
}

impl Layer {
    pub(super) fn active(extent: impl Into<String>) -> Layer {
        Layer::Active { extent: extent.into() }
    }

    pub(super) fn missing(why: impl fmt::Display) -> Layer {
        Layer::Missing { why: why.to_string() }
    }

    pub fn is_active(&self) -> bool {
        matches!(self, Layer::Active { .. })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocked = self.channels.iter().filter(|channel| channel.blocked).count();
        write!(
            formatter,
            "namespaces {}, Landlock {}, seccomp {}, {blocked} of {} channels blocked",
            self.namespaces,
            self.files,
            self.system_calls,
            self.channels.len()
        )?;
        for open in self.channels.iter().filter(|channel| !channel.blocked) {
            write!(formatter, ", {} open ({})", open.name, open.answer)?;
        }
        Ok(())
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Active { extent } => write!(formatter, "active ({extent})"),
            Layer::Missing { why } => write!(formatter, "missing ({why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str, blocked: bool) -> Channel {
        Channel { name: name.to_owned(), blocked, answer: "x".to_owned() }
    }

    fn report(system_calls: Layer, channels: Vec<Channel>) -> Report {
        Report { namespaces: Layer::active("own"), files: Layer::missing("no"), system_calls, channels }
    }

    #[test]
    fn the_level_is_full_when_the_filter_holds_and_every_channel_is_blocked() {
        let filter = || Layer::active("own list");
        assert!(report(filter(), vec![channel("a", true), channel("b", true)]).is_full());
        assert!(!report(filter(), vec![channel("a", true), channel("b", false)]).is_full());
        assert!(!report(Layer::missing("no"), vec![channel("a", true)]).is_full());
    }

    #[test]
    fn a_report_names_what_is_missing_and_what_is_open() {
        let text =
            report(Layer::active("l"), vec![channel("tcp4", true), channel("udp4", false)]).to_string();
        assert!(text.contains("Landlock missing (no)"), "{text}");
        assert!(text.contains("1 of 2 channels blocked, udp4 open (x)"), "{text}");
    }
}
