//! The key file: is it there, who may read it, and does it open a slot?

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use redoubt_store::DataKey;
use redoubt_store::keys::{Error, KeySlots, Kind};

use super::{Code, Outcome};
use crate::config::{Config, Opening};
use crate::front::database_path;
use crate::unlock::Unlock;

/// What came of it, for the checks that need the key.
pub(super) struct Opened {
    pub(super) outcome: Outcome,
    pub(super) key: Option<DataKey>,
    pub(super) install_id: Option<String>,
}

pub(super) fn check(config: &Config) -> Opened {
    let (path, data_dir) = (&config.keys.file, &config.data.dir);
    let mut outcome = Outcome::new();
    judge_file(path, data_dir, &mut outcome);
    let slots = match KeySlots::load(data_dir) {
        Ok(slots) => slots,
        Err(error) => {
            let advice = match &error {
                Error::NoSlots(_) if database_path(data_dir).exists() => {
                    "without its slots no key opens the store: put `keyslots` back from a backup"
                }
                Error::NoSlots(_) => "`redoubt init` sets an appliance up",
                other => advice(other),
            };
            outcome.fail(Code::Locked, error.to_string(), advice);
            return Opened { outcome, key: None, install_id: None };
        }
    };
    let key = match Unlock::KeyFile(path.clone()).open(&slots) {
        Ok(key) => {
            outcome.find(format!("{} opens its slot", path.display()));
            Some(key)
        }
        // Nobody is asked for a secret by a look.
        Err(_) if config.keys.unlock == Opening::Console => {
            outcome.find("a start asks for the passphrase or the recovery key");
            None
        }
        Err(error) => {
            let advice = advice(&error);
            outcome.fail(Code::Locked, error.to_string(), advice);
            None
        }
    };
    if !slots.slots().iter().any(|slot| slot.kind() == Kind::RecoveryKey) {
        let advice = "keep a copy of the key file apart from this machine: without it everything is lost";
        outcome.warn("there is no slot for a recovery key", advice);
    }
    Opened { outcome, key, install_id: Some(slots.install_id().to_owned()) }
}

fn advice(error: &Error) -> &'static str {
    match error {
        Error::WrongKey(_) => "keys.file names the key of another appliance: name this one's",
        Error::DamagedSlot(_) | Error::DamagedSlots { .. } => "put `keyslots` back from a backup",
        Error::Io { .. } => "run the check as root, or as the user that the appliance runs as",
        _ => "put the key file back where keys.file says, or correct keys.file",
    }
}

/// Who else could read the key. The kernel shows the mask of an access list as the group's rights, which is how
/// systemd hands credentials over; so the group alone is no failure.
fn judge_file(path: &Path, data_dir: &Path, outcome: &mut Outcome) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        let found = format!("everybody on this machine may read or change the key (mode {mode:04o})");
        outcome.fail(Code::Failure, found, format!("chmod 600 {}", path.display()));
    } else if mode & 0o070 != 0 {
        let found = format!("its group may read or change the key (mode {mode:04o})");
        outcome.warn(found, format!("chmod 600 {}, unless the group is meant", path.display()));
    }
    if let (Ok(path), Ok(data_dir)) = (path.canonicalize(), data_dir.canonicalize())
        && path.starts_with(data_dir)
    {
        let advice = "keep it elsewhere: whoever copies the data directory has the key with it";
        outcome.warn("the key lies in the data directory", advice);
    }
}
