//! `--snapshot`: a copy of the data directory takes its place, without a key and in one step.

use std::path::Path;

use anyhow::{Context as _, bail};
use redoubt_store::keys::KeySlots;
use redoubt_store::{Version, check_free};
use serde_json::json;

use super::super::beside::take_place;
use super::super::console::Target;
use super::super::voice::say;
use crate::control;
use crate::front::database_path;
use crate::versions::Left;

pub(super) fn run(target: &Target, folder: &Path, leaving: Option<Version>) -> anyhow::Result<()> {
    let data_dir = target.config()?.data.dir;
    let stopped = || format!("{}: stop the appliance first", data_dir.display());
    check_free(&data_dir).with_context(stopped)?;
    if data_dir.exists() && control::connect(&data_dir)?.is_some() {
        bail!(stopped());
    }
    if !database_path(folder).exists() {
        bail!("{} is no copy of a data directory: it has no store", folder.display());
    }
    if data_dir.exists() && KeySlots::load(&data_dir)?.install_id() != KeySlots::load(folder)?.install_id() {
        bail!("{} is a copy of another installation's data", folder.display());
    }
    Left::of(&data_dir, leaving.map(|version| version.to_string()))?.write(folder)?;
    let before = take_place(folder, &data_dir)?;
    if target.json() {
        say(&json!({ "restored": data_dir, "before": before }).to_string());
        return Ok(());
    }
    say(&format!("{} is as that copy has it; the next start records it.", data_dir.display()));
    if let Some(before) = before {
        say(&format!("What was there before is in {}: delete it when you are sure.", before.display()));
    }
    Ok(())
}
