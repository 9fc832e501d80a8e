//! `redoubt @prepare`: makes the demo's data folder, or checks that it is one, in a process of its own.
//!
//! The supervisor starts it and reads only the sheet that it leaves: a demo's secrets are for printing.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use redoubt_store::groups::EVERYONE;
use redoubt_store::permissions::Effect;
use redoubt_store::users::Role;
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};

use super::setup::{self, Fresh};
use crate::access::{self, GroupChange, Permission};
use crate::config::{Audit, Config, Egress, Keys, Listen, Policy};
use crate::identity::{self, By, NewUser, TotpSecret};
use crate::models;

/// Answers that the demo's key may have running at once.
const KEY_PARALLEL: u32 = 32;

/// The demo's people and secrets: made once, the same at every start.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sheet {
    pub(super) people: Vec<Person>,
    pub(super) api_key: String,
    pub(super) trust: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) username: String,
    pub(super) password: String,
    /// `None`: not enrolled yet.
    pub(super) totp_secret: Option<String>,
    pub(super) role: String,
}

pub(super) fn sheet_path(data_dir: &Path) -> PathBuf {
    data_dir.join("demo.json")
}

pub(super) fn read_sheet(data_dir: &Path) -> anyhow::Result<Sheet> {
    let path = sheet_path(data_dir);
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| format!("{}: not a demo's sheet", path.display()))
}

/// Where the checksums of the models are remembered.
pub(super) fn model_cache(data_dir: &Path) -> PathBuf {
    data_dir.join("model-checksum.json")
}

/// The configuration of a demo.
pub(super) fn config(data_dir: &Path, model: &Path, address: String) -> Config {
    let mut config = Config::default();
    config.data.dir = data_dir.to_owned();
    config.keys = Keys { file: data_dir.join("store.key"), ..Keys::default() };
    let metrics = vec!["127.0.0.1".to_owned()];
    config.listen = Listen { address, metrics, ..Listen::default() };
    config.models.file = model.to_owned();
    config.models.embedding = models::embedding_beside(model);
    // Most disks of those who try it out are fuller than an appliance's, and large.
    config.audit = Audit { warn_percent: 97, alert_percent: 98, stop_percent: 99, ..config.audit };
    config.egress = Egress { policy: Policy::Report };
    config
}

pub(super) fn run(data_dir: &Path, model: &Path, people: u32) -> anyhow::Result<()> {
    if !sheet_path(data_dir).exists() {
        let occupied = fs::read_dir(data_dir).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            bail!(
                "{} is not empty and was not made by `redoubt demo`; name another folder with --data",
                data_dir.display()
            );
        }
        create(data_dir, model, people)?;
    }
    let config = config(data_dir, model, "127.0.0.1:0".to_owned());
    models::open_all(&config.models, &model_cache(data_dir))?;
    Ok(())
}

fn create(data_dir: &Path, model: &Path, people: u32) -> anyhow::Result<()> {
    let config = config(data_dir, model, "127.0.0.1:0".to_owned());
    let fresh = setup::create(&config)?;
    fresh.root.keep(data_dir, &fresh.store, &SystemRandom::new())?;
    let mut sheet = Sheet { people: Vec::new(), api_key: String::new(), trust: fresh.trust.clone() };
    let analysts = (1..=people).map(|number| (format!("analyst{number}"), Role::Analyst, true));
    let others = [
        ("admin".to_owned(), Role::Admin, true),
        ("auditor".to_owned(), Role::Auditor, true),
        ("newcomer".to_owned(), Role::Analyst, false),
    ];
    for (name, role, enrolled) in analysts.chain(others) {
        let (person, user) = add(&fresh, name, role, enrolled)?;
        if sheet.api_key.is_empty() && role == Role::Analyst {
            let key = fresh.identity.create_api_key_blocking(&user, "demo", KEY_PARALLEL)?;
            sheet.api_key = key.as_str().to_owned();
        }
        sheet.people.push(person);
    }
    grant_everything(&fresh)?;
    fresh.finish()?;
    // Written last: a folder without it was not finished, and is not taken for a demo's.
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(sheet_path(data_dir))?;
    file.write_all(&serde_json::to_vec_pretty(&sheet)?)?;
    file.sync_all()?;
    Ok(())
}

/// Everybody may use every model, and make keys.
fn grant_everything(fresh: &Fresh) -> anyhow::Result<()> {
    let change = GroupChange {
        models: Some(models::built_in().into_iter().map(|model| model.id).collect()),
        permissions: Some([(Permission::ApiKeys, Effect::Allow)].into()),
        ..GroupChange::default()
    };
    fresh.store.write_blocking(move |tx| access::change_group(tx, &By::console(), EVERYONE, &change))?;
    Ok(())
}

fn add(
    fresh: &Fresh,
    name: String,
    role: Role,
    enrolled: bool,
) -> anyhow::Result<(Person, redoubt_store::users::User)> {
    let random = SystemRandom::new();
    let password = identity::generate_password(&random)?;
    let totp = if enrolled { Some(TotpSecret::generate(&random)?) } else { None };
    let totp_secret = totp.as_ref().map(TotpSecret::base32);
    let new = NewUser { name: name.clone(), password: password.clone(), role, totp };
    let user = fresh.identity.create_user_blocking(new)?;
    Ok((Person { username: name, password, totp_secret, role: role.as_str().to_owned() }, user))
}
