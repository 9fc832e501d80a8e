//! `redoubt audit verify`: judges a bundle by its files alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use redoubt_audit::ssh::TrustedRoot;
use redoubt_audit::verify::{Known, Report, State, Verdict, verify};

use super::super::voice::say;
use super::VERIFY_USAGE;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The bundle: a folder, or a tar archive
    bundle: PathBuf,
    /// The roots that you pinned: a file of allowed_signers lines
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// What earlier verifications saw; made by the first, and kept up to date
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The nonce that you gave to the appliance
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The verdict was told already; this is for the exit code.
#[derive(Debug, thiserror::Error)]
#[error("the verdict is {0}")]
pub(in super::super) struct Judged(pub(in super::super) Verdict);

/// What keeps a bundle from being judged at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in super::super) struct Unusable(String);

impl Unusable {
    pub(in super::super) const CODE: u8 = VERIFY_USAGE;

    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self(format!("{path}: {error}"))
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let known = known(arguments)?;
    let outcome = verify(&arguments.bundle, &known).map_err(Unusable::file(&arguments.bundle))?;
    if let (Some(path), Some(state)) = (&arguments.state, &outcome.state) {
        keep(path, &state.to_text()?).map_err(Unusable::file(path))?;
    }
    let verdict = outcome.report.verdict;
    if arguments.json {
        say(&serde_json::to_string(&outcome.report)?);
    } else {
        tell(&outcome.report, arguments.state.as_deref().filter(|_| outcome.state.is_some()));
    }
    if verdict == Verdict::Verified { Ok(()) } else { Err(Judged(verdict).into()) }
}

fn known(arguments: &Arguments) -> Result<Known, Unusable> {
    let state = arguments.state.as_ref().map(|path| read_state(path)).transpose()?.flatten();
    let roots = match &arguments.trust {
        None => Vec::new(),
        Some(path) => {
            let text = fs::read_to_string(path).map_err(Unusable::file(path))?;
            TrustedRoot::parse_all(&text).map_err(|error| Unusable(format!("{}: {error}", path.display())))?
        }
    };
    let other = state.as_ref().filter(|_| !roots.is_empty());
    if other.is_some_and(|state| roots.iter().all(|root| root.key != state.root_key)) {
        return Err(Unusable("--state is of another root than those of --trust".to_owned()));
    }
    Ok(Known { roots, state, nonce: arguments.nonce.clone() })
}

fn read_state(path: &Path) -> Result<Option<State>, Unusable> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Unusable::file(path))?,
    };
    State::parse(&text).map(Some).map_err(|why| Unusable(format!("{}: {why}", path.display())))
}

/// Puts the new state in the place of the old one, which stays whole until then.
fn keep(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)
}

fn tell(report: &Report, kept: Option<&Path>) {
    say(&report.verdict.to_string());
    if let (Some(origin), Some(size)) = (&report.origin, report.size) {
        say(&format!("{origin}, {size} records, root {}", report.root.as_deref().unwrap_or("unknown")));
    }
    for (heading, lines) in [("Proved", &report.checked), ("Not proved", &report.not_checked)] {
        if !lines.is_empty() {
            say(&format!("\n{heading}:"));
            lines.iter().for_each(|line| say(&format!("  - {line}")));
        }
    }
    if !report.findings.is_empty() {
        say("\nFound:");
        report.findings.iter().for_each(|finding| say(&format!("  - {finding}")));
    }
    if let Some(path) = kept {
        say(&format!("\nWhat was seen is kept in {}, for the next bundle.", path.display()));
    }
}
