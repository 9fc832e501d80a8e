//! Those who read bundles beside us: the second verifier, and the tools that every machine has.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use redoubt_audit::ssh::{NAMESPACE, PRINCIPAL};
use redoubt_audit::verify::{Known, State, Verdict};

const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../installer/verify_bundle.py");

pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    /// The state file afterwards.
    pub(crate) state: Option<State>,
    pub(crate) said: String,
}

/// # Panics
/// If it reaches no verdict.
pub(crate) fn verify_bundle_py(bundle: &Path, trust: &Path, known: &Known, state: &Path) -> Said {
    let mut command = Command::new("python3");
    command.arg(VERIFIER).arg(bundle).arg("--state").arg(state);
    if !known.roots.is_empty() {
        command.arg("--trust").arg(trust);
    }
    if let Some(nonce) = &known.nonce {
        command.arg("--nonce").arg(nonce);
    }
    if let Some(known) = &known.state {
        fs::write(state, known.to_text().unwrap()).unwrap();
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let verdict = match output.status.code() {
        Some(0) => Verdict::Verified,
        Some(1) if said.starts_with("INVALID") => Verdict::Invalid,
        Some(2) => Verdict::Diverged,
        Some(3) => Verdict::Unanchored,
        Some(4) => Verdict::Stale,
        other => panic!("verify_bundle.py ended with {other:?}: {said}"),
    };
    let state = fs::read_to_string(state).ok().map(|text| State::parse(&text).unwrap());
    Said { verdict, state, said }
}

/// What `VERIFY.txt` says to do first: whether both commands accept.
pub(crate) fn standard_tools(bundle: &Path, trust: &Path) -> bool {
    let index = fs::read_to_string(bundle.join("bundle.json")).unwrap_or_default();
    let time = index.split("\"time\":\"").nth(1).unwrap_or_default();
    let time: String = time.chars().take(19).filter(char::is_ascii_digit).collect();
    let signature = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-I", PRINCIPAL, "-n", NAMESPACE, "-s", "MANIFEST.sig", "-f"])
        .arg(trust)
        .args(["-O", &format!("verify-time={time}")])
        .env("TZ", "UTC")
        .current_dir(bundle)
        .stdin(File::open(bundle.join("MANIFEST")).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let sums = Command::new("sha256sum")
        .args(["-c", "--strict", "--quiet", "MANIFEST"])
        .current_dir(bundle)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    signature.success() && sums.success()
}
