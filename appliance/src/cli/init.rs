//! `redoubt init`: keys, store, certificate and the first admin. Prints each secret once.

use std::path::PathBuf;

use anyhow::bail;
use redoubt_store::users::Role;
use ring::rand::SystemRandom;

use super::setup;
use crate::config::Config;
use crate::front::database_path;
use crate::identity::{self, NewUser};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder for everything the appliance remembers
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The configuration file; the defaults without one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    let fresh = setup::create(&config)?;
    let password = identity::generate_password(&SystemRandom::new())?;
    let admin =
        NewUser { name: "admin".to_owned(), password: password.clone(), role: Role::Admin, totp: None };
    fresh.identity.create_user_blocking(admin)?;
    fresh.store.close()?;
    say("The appliance is set up. Each of these is shown once:\n");
    say(&format!("  first admin    admin, password {password}; the first sign-in enrols an authenticator"));
    say(&format!("  recovery key   {}", fresh.recovery_key));
    say(&format!("  key file       {}", config.keys.file.display()));
    say("\nNobody may use a model yet. Grant it to the group of everyone, or to one that you make:");
    say("  redoubt model grant MODEL everyone; or on the page, as an admin");
    say(&format!("\nFor the auditor to pin, as my_allowed_signers:\n  {}", fresh.trust));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "secrets are shown once, here")]
fn say(text: &str) {
    println!("{text}");
}
