//! A key that only systemd reads, and only on this machine: systemd-creds(1) seals it by the TPM where there is one.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use redoubt_store::keys::KeyFile;

/// Seals a key under the name by which the service will read it, into a new file.
pub(super) fn seal(key: &KeyFile, name: &str, path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} exists already", path.display());
    }
    let mut sealing = Command::new("systemd-creds")
        .arg("encrypt")
        .arg(format!("--name={name}"))
        .args(["-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("systemd-creds, which seals credentials, cannot be run")?;
    let mut input = sealing.stdin.take().context("systemd-creds takes no key")?;
    input.write_all(key.bytes()).context("systemd-creds takes no key")?;
    drop(input);
    let output = sealing.wait_with_output().context("systemd-creds")?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!("systemd-creds sealed no credential: {}", output.status);
    }
    crate::http::tls::write_private(path, &output.stdout).with_context(|| path.display().to_string())?;
    fs::File::open(path)?.sync_all()?;
    Ok(())
}
