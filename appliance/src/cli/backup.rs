//! `redoubt backup`: a whole, encrypted copy in a folder, a stick for instance, read back before it counts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::io::Errno;
use serde_json::json;

use super::console::Target;
use super::progress::Progress;
use super::voice::say;
use crate::backup::{Backup, Summary};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The folder to put it into, as a file that is named after the appliance and the time
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Afterwards keep the newest N of this appliance's backups in that folder, and delete the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let to = &arguments.to;
    anyhow::ensure!(to.is_dir(), "{} is no folder", to.display());
    let console = arguments.target.open()?;
    let part = Part(to.join(format!(".redoubt-{}.part", std::process::id())));
    let mut body = console.download("/api/v1/console/backups", &json!({}))?;
    part.fill(&mut body).with_context(|| "the backup is not whole, and was deleted")?;
    let backup = Backup::open(&part.0)?;
    let mut progress = Progress::new("reading it back", Some(backup.size()));
    backup.check(|bytes| progress.add(bytes))?;
    progress.end();
    let summary = backup.summary().clone();
    let path = to.join(summary.file_name());
    fs::rename(&part.0, &path)
        .and_then(|()| File::open(to)?.sync_all())
        .with_context(|| path.display().to_string())?;
    let deleted = match arguments.keep {
        Some(keep) => thin_out(to, &summary, keep.into())?,
        None => Vec::new(),
    };
    tell(arguments, &path, &summary, &deleted)
}

/// A file that is not a backup yet, and gone if it does not become one.
struct Part(PathBuf);

impl Part {
    fn fill(&self, body: &mut impl Read) -> anyhow::Result<()> {
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0);
        let mut file = open.with_context(|| self.0.display().to_string())?;
        let mut progress = Progress::new("writing", None);
        let mut counted = progress.counting(body);
        io::copy(&mut counted, &mut file).map_err(explain)?;
        file.sync_all().map_err(explain)?;
        progress.end();
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a success it has another name.
        let _gone = fs::remove_file(&self.0);
    }
}

fn explain(error: io::Error) -> anyhow::Error {
    let is_too_large = error.raw_os_error() == Some(Errno::FBIG.raw_os_error());
    let error = anyhow::Error::from(error);
    if is_too_large {
        return error.context(
            "the medium's file system takes no file this large (FAT32 ends at 4 GiB): use exFAT or ext4",
        );
    }
    error
}

/// Deletes all but the newest of this appliance's backups; a name says whose and of when it is.
fn thin_out(folder: &Path, newest: &Summary, keep: usize) -> anyhow::Result<Vec<PathBuf>> {
    let name = newest.file_name();
    let ours = name.rsplit_once('-').map_or("", |(ours, _)| ours);
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_ours = |name: &str| name.len() == newest.file_name().len() && name.starts_with(ours);
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours) {
            found.push(path);
        }
    }
    // Times of one form: their order is that of the names.
    found.sort_unstable_by(|a, b| b.cmp(a));
    let old = found.split_off(keep.min(found.len()));
    for path in &old {
        fs::remove_file(path).with_context(|| path.display().to_string())?;
    }
    Ok(old)
}

fn tell(arguments: &Arguments, path: &Path, summary: &Summary, deleted: &[PathBuf]) -> anyhow::Result<()> {
    let bytes = fs::metadata(path)?.len();
    if arguments.target.json() {
        say(&json!({"backup": path, "bytes": bytes, "records": summary.records, "deleted": deleted})
            .to_string());
        return Ok(());
    }
    say(&format!(
        "The backup is {} ({} MiB, {} audit records).",
        path.display(),
        bytes >> 20,
        summary.records
    ));
    say(
        "It was written, synced and read back, and opens by the keys of this appliance only: keep those elsewhere.",
    );
    for old in deleted {
        say(&format!("Deleted: {}", old.display()));
    }
    say(&format!("Try it out before you need it: redoubt restore {} --drill", path.display()));
    Ok(())
}
