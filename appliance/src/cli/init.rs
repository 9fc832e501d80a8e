//! `redoubt init`: keys, store, certificate and the first admin. Prints each secret once.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use redoubt_store::users::Role;
use ring::rand::SystemRandom;

use super::setup;
use super::voice::say;
use crate::config::Config;
use crate::front::database_path;
use crate::http::tls;
use crate::identity::{self, NewUser};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder for everything the appliance remembers
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The configuration file; the defaults without one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the private key of the audit log's root to this new file, on a medium that leaves the machine, instead of
    /// printing it
    #[arg(long, value_name = "FILE", conflicts_with = "keep_root")]
    root_key: Option<PathBuf>,
    /// Keep that key here, sealed: for trials. Whoever gets hold of this machine can then certify keys of their own
    #[arg(long)]
    keep_root: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut config = match &arguments.config {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    };
    config.data.dir = std::path::absolute(&arguments.data)?;
    if database_path(&config.data.dir).exists() {
        bail!("{} holds a store already; nothing was changed", config.data.dir.display());
    }
    if let Some(path) = arguments.root_key.as_ref().filter(|path| path.exists()) {
        bail!("{} exists already; nothing was changed", path.display());
    }
    let fresh = setup::create(&config)?;
    let random = SystemRandom::new();
    if arguments.keep_root {
        fresh.root.keep(&config.data.dir, &fresh.store, &random)?;
    }
    let root_key = fresh.root.to_text(&random)?;
    if let Some(path) = &arguments.root_key {
        tls::write_private(path, root_key.as_bytes()).with_context(|| path.display().to_string())?;
    }
    let password = identity::generate_password(&SystemRandom::new())?;
    let admin =
        NewUser { name: "admin".to_owned(), password: password.clone(), role: Role::Admin, totp: None };
    fresh.identity.create_user_blocking(admin)?;
    let (recovery_key, trust) = (fresh.recovery_key.clone(), fresh.trust.clone());
    let fingerprint = fresh.root.public().fingerprint();
    fresh.finish()?;
    say("The appliance is set up. Each of these is shown once:\n");
    say(&format!("  first admin    admin, password {password}; the first sign-in enrols an authenticator"));
    say(&format!("  recovery key   {}", recovery_key));
    say(&format!("  key file       {}", config.keys.file.display()));
    say("\nNobody may use a model yet. Grant it to the group of everyone, or to one that you make:");
    say("  redoubt model grant MODEL everyone; or on the page, as an admin");
    say("\nThe audit log is signed by keys of a day, which its root has certified for 400 days.");
    say(&format!("  root           {fingerprint}"));
    say(&format!("For the auditor to pin, as my_allowed_signers:\n  {trust}"));
    match &arguments.root_key {
        _ if arguments.keep_root => say("\nThe root's private key stays here, sealed."),
        Some(path) => say(&format!(
            "\nThe root's private key is in {}: take that medium away. `redoubt audit certify-epochs` asks for it again.",
            path.display()
        )),
        None => say(&format!(
            "\nThe root's private key, for a file on a medium that leaves this machine (`redoubt audit certify-epochs`\n\
             asks for it again; it is kept nowhere here):\n\n{}",
            root_key.as_str()
        )),
    }
    Ok(())
}
