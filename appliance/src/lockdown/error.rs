//! What keeps a process from being locked in.

use std::io;
use std::path::PathBuf;

use super::Report;

/// The process is not locked in as demanded and must end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the process has {0} threads already, of which only one would be locked in")]
    Threads(usize),
    #[error("the process cannot count its threads in /proc/self/task")]
    Uncounted(#[source] io::Error),
    #[error("cannot give up {what}")]
    Privilege { what: &'static str, source: io::Error },
    #[error("cannot open {path}, which the process needs")]
    Path { path: PathBuf, source: landlock::PathFdError },
    #[error("Landlock cannot be set up")]
    Files(#[from] landlock::RulesetError),
    #[error("the system call filter cannot be built")]
    Filter(#[from] seccompiler::BackendError),
    #[error("{}", shortfall(.0))]
    Level(Box<Report>),
}

/// What is open, what the kernel lacks, and what to do about it.
fn shortfall(report: &Report) -> String {
    let open: Vec<_> =
        report.open().map(|channel| format!("{} ({})", channel.name, channel.answer)).collect();
    let open = if open.is_empty() { "nothing that was tried".to_owned() } else { open.join(", ") };
    let lacks: Vec<_> = report.lacks().map(|lack| format!("{lack}: {}", lack.remedy)).collect();
    let lacks = if lacks.is_empty() { "no layer is missing".to_owned() } else { lacks.join("; ") };
    format!(
        "this kernel cannot lock the process in as [egress] policy = \"strict\" demands. Open: {open}. {lacks}. \
         `redoubt check` shows all of it, and the demo runs without"
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Layer};
    use super::*;

    #[test]
    fn a_refusal_says_what_is_open_what_the_kernel_lacks_and_what_to_do() {
        let channel =
            |name: &str, blocked| Channel { name: name.to_owned(), blocked, answer: "it worked".to_owned() };
        let report = Report {
            namespaces: Layer::missing("EPERM"),
            files: Layer::active("ABI 7"),
            system_calls: Layer::missing("Invalid argument"),
            channels: vec![channel("tcp4", true), channel("udp4", false)],
            detours: vec![channel("unix", false)],
        };
        let text = Error::Level(Box::new(report)).to_string();
        for words in [
            "Open: udp4 (it worked), unix (it worked).",
            "namespaces missing (EPERM): allow user namespaces",
            "seccomp missing (Invalid argument): use a kernel with seccomp filters",
            "redoubt check",
        ] {
            assert!(text.contains(words), "{words} not in {text}");
        }
        assert!(!text.contains("Landlock") && !text.contains("tcp4"), "{text}");
    }
}
