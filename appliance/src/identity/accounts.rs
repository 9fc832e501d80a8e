//! Local accounts: made by `init` and `demo`; the directory's people join in the same table.

use redoubt_store::users::{self, Origin, Role, Source, User};
use redoubt_store::{recovery_codes, totp as totp_rows};

use super::name::Username;
use super::password::{self, PlainPassword};
use super::totp::{self, TotpSecret};
use super::{Error, Identity};
use crate::random;
use crate::records;

/// What a new local account needs.
pub struct NewUser {
    pub name: String,
    pub password: String,
    pub role: Role,
    /// An authenticator that is enrolled already (the demo's people); `None`: at the first sign-in.
    pub totp: Option<TotpSecret>,
}

impl Identity {
    /// Makes a local account. Blocks: for the command line, before anything is served.
    pub fn create_user_blocking(&self, new: NewUser) -> Result<User, Error> {
        let name = Username::parse(&new.name).ok_or_else(|| Error::BadName(new.name.clone()))?;
        let password = PlainPassword::parse(new.password).map_err(|_| password::Weak::Short)?;
        password::check_new(&password, name.as_str())?;
        let user = User {
            id: random::id(self.random.as_ref())?,
            name: name.as_str().to_owned(),
            role: new.role,
            password_hash: self.passwords.hash_blocking(&password)?,
            disabled: false,
            created_at: self.clock.now_us(),
            display_name: String::new(),
            source: Source::Local,
            role_source: Origin::Assigned,
            directory_id: None,
            directory_state: None,
            checked_at: None,
        };
        let sealed = match &new.totp {
            Some(secret) => {
                Some(self.store.seal(totp::SEAL_PURPOSE, user.id.as_bytes(), secret.as_bytes())?)
            }
            None => None,
        };
        let inserted = user.clone();
        self.store.write_blocking(move |tx| {
            if users::find_by_name(tx, &inserted.name)?.is_some() {
                return Err(Error::NameTaken);
            }
            users::insert(tx, &inserted)?;
            tx.audit(records::user_created(&inserted))?;
            if let Some(sealed) = sealed {
                let confirmed_at = Some(tx.now_us());
                let user_id = inserted.id.clone();
                totp_rows::insert(tx, &totp_rows::Totp { user_id, sealed, last_step: 0, confirmed_at })?;
                tx.audit(records::enrolled_by_console(&inserted))?;
            }
            Ok(())
        })?;
        Ok(user)
    }

    /// How many unused recovery codes the person has.
    pub async fn recovery_codes_left(&self, user_id: &str) -> Result<usize, Error> {
        let user_id = user_id.to_owned();
        self.store.read(move |reader| Ok(recovery_codes::count_unused(reader, &user_id)?)).await
    }
}
