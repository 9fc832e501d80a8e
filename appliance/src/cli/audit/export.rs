//! `redoubt audit export`: asks the appliance for a bundle and writes it to an archive or a folder.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use redoubt_audit::bundle::{Folder, Sink as _, manifest};
use serde_json::{Map, Value, json};

use super::super::console::{Body, Target};
use super::super::voice::say;

/// How much is read at a time.
const PIECE: usize = 64 << 10;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The first record: a number, or an RFC 3339 time; the first there is without one
    #[arg(long, value_name = "SEQ|TIME")]
    from: Option<String>,
    /// The last record: a number, or an RFC 3339 time; the last there is without one
    #[arg(long, value_name = "SEQ|TIME")]
    to: Option<String>,
    /// A number of the auditor's own, which shows that the bundle was made for them and now
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// Prove that the log goes on from the checkpoint of so many records; may be given again
    #[arg(long, value_name = "SIZE")]
    extends: Vec<u64>,
    /// A new file that ends with .tar, or a new folder
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let out = &arguments.out;
    if out.exists() {
        bail!("{} exists already; nothing was exported", out.display());
    }
    let console = arguments.target.open()?;
    let mut body = console.download("/api/v1/audit/exports", &order(arguments))?;
    let written = if is_archive(out) { save(&mut body, out) } else { unpack(body, out) };
    written.with_context(|| format!("{} is not whole", out.display()))?;
    if arguments.target.json() {
        say(&json!({ "out": out }).to_string());
    } else {
        say(&format!("The bundle is in {}. Verify it elsewhere:", out.display()));
        say(&format!("  redoubt audit verify --trust my_allowed_signers --state my_state {}", out.display()));
    }
    Ok(())
}

fn order(arguments: &Arguments) -> Value {
    let mut order = Map::new();
    let texts = [("from", &arguments.from), ("to", &arguments.to), ("nonce", &arguments.nonce)];
    for (name, value) in texts {
        if let Some(value) = value {
            order.insert(name.to_owned(), value.as_str().into());
        }
    }
    if !arguments.extends.is_empty() {
        order.insert("extends".to_owned(), arguments.extends.clone().into());
    }
    Value::Object(order)
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

fn save(body: &mut Body, out: &Path) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(out)?;
    io::copy(body, &mut file)?;
    Ok(file.sync_all()?)
}

/// The archive's files as they come. Nothing else than plain files with names of a bundle is written.
fn unpack(body: Body, out: &Path) -> anyhow::Result<()> {
    let mut folder = Folder::create(out)?;
    let mut archive = tar::Archive::new(body);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8(entry.path_bytes().into_owned())?;
        manifest::check_name(&name).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
        let size = entry.size();
        let mut pieces = std::iter::from_fn(|| piece(&mut entry).transpose());
        folder.file::<io::Error>(&name, size, &mut pieces)?;
    }
    Ok(folder.finish()?)
}

fn piece(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; PIECE];
    let read = reader.read(&mut piece)?;
    piece.truncate(read);
    Ok((read > 0).then_some(piece))
}
