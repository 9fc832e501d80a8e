//! What was reached: which layers hold, and which ways out were tried in vain.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One process's lockdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub namespaces: Layer,
    pub files: Layer,
    pub system_calls: Layer,
    /// Every way to a network that was tried from inside.
    pub channels: Vec<Channel>,
    /// The ways to somebody else on the machine: a Unix socket, another program.
    pub detours: Vec<Channel>,
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

/// A mechanism that the kernel does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack<'a> {
    pub layer: &'static str,
    pub why: &'a str,
    /// What would bring it.
    pub remedy: &'static str,
}

impl Report {
    /// Whether nothing gets out, by whichever layer, and the filter keeps it so.
    ///
    /// The filter alone is required by name: without it an accepted connection, which still belongs to the
    /// namespace of the listener, could be turned round to call somebody else.
    pub fn is_full(&self) -> bool {
        self.system_calls.is_active() && self.tried().all(|channel| channel.blocked)
    }

    /// Everything that was tried.
    pub fn tried(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().chain(&self.detours)
    }

    /// What got through.
    pub fn open(&self) -> impl Iterator<Item = &Channel> {
        self.tried().filter(|channel| !channel.blocked)
    }

    /// The layers, by the names that operators know them by.
    pub fn layers(&self) -> [(&'static str, &Layer); 3] {
        [("namespaces", &self.namespaces), ("Landlock", &self.files), ("seccomp", &self.system_calls)]
    }

    /// What the kernel does not give, and what would bring it.
    pub fn lacks(&self) -> impl Iterator<Item = Lack<'_>> {
        self.layers().into_iter().zip(REMEDIES).filter_map(|((layer, state), remedy)| match state {
            Layer::Missing { why } => Some(Lack { layer, why, remedy }),
            Layer::Active { .. } => None,
        })
    }
}

/// In the order of [`Report::layers`].
const REMEDIES: [&str; 3] = [
    "allow user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's restriction)",
    "boot with Landlock (lsm=landlock,… and Linux 5.13 or newer)",
    "use a kernel with seccomp filters (CONFIG_SECCOMP_FILTER)",
];

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
        for (name, layer) in self.layers() {
            write!(formatter, "{name} {layer}, ")?;
        }
        let blocked = self.channels.iter().filter(|channel| channel.blocked).count();
        write!(formatter, "{blocked} of {} channels blocked", self.channels.len())?;
        for open in self.open() {
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

impl fmt::Display for Lack<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} missing ({})", self.layer, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str, blocked: bool) -> Channel {
        Channel { name: name.to_owned(), blocked, answer: "x".to_owned() }
    }

    fn report(system_calls: Layer, channels: Vec<Channel>) -> Report {
        let (namespaces, files) = (Layer::active("own"), Layer::missing("no"));
        Report { namespaces, files, system_calls, channels, detours: vec![channel("unix", true)] }
    }

    #[test]
    fn the_level_is_full_when_the_filter_holds_and_every_way_is_blocked() {
        let filter = || Layer::active("own list");
        assert!(report(filter(), vec![channel("a", true), channel("b", true)]).is_full());
        assert!(!report(filter(), vec![channel("a", true), channel("b", false)]).is_full());
        assert!(!report(Layer::missing("no"), vec![channel("a", true)]).is_full());
        let mut detour = report(filter(), vec![channel("a", true)]);
        detour.detours[0].blocked = false;
        assert!(!detour.is_full());
    }

    #[test]
    fn a_report_names_what_is_missing_and_what_is_open() {
        let report = report(Layer::active("l"), vec![channel("tcp4", true), channel("udp4", false)]);
        let text = report.to_string();
        assert!(text.contains("Landlock missing (no)"), "{text}");
        assert!(text.contains("1 of 2 channels blocked, udp4 open (x)"), "{text}");
        let lacks: Vec<_> = report.lacks().map(|lack| (lack.layer, lack.remedy.contains("lsm="))).collect();
        assert_eq!(lacks, [("Landlock", true)]);
    }
}
