//! The one function of the appliance that checks a password.
//!
//! **Invariant:** signing in, re-authentication and unlocking all come through [`Identity::check_password`], so no route is
//! an oracle beside the lock.

use redoubt_store::users::{self, User};

use super::lockout::LockoutKey;
use super::name::Username;
use super::password::PlainPassword;
use super::{Error, Identity};

/// What came of a name and a password.
pub(super) struct Checked {
    /// What failures are counted under.
    pub key: LockoutKey,
    /// Whose name it is, if anybody's.
    pub user: Option<User>,
    /// Who it is, or why not: for the record, never for the person.
    pub result: Result<User, &'static str>,
}

impl Identity {
    /// Checks a name and a password. Counts nothing: the caller does, in the transaction that acts on the result.
    pub(super) async fn check_password(&self, typed: &str, password: String) -> Result<Checked, Error> {
        let key = LockoutKey::of(typed);
        let user = self.find_by_name(typed).await?;
        let result = self.check_local(user.as_ref(), password).await?;
        Ok(Checked { key, user, result })
    }

    async fn check_local(
        &self,
        user: Option<&User>,
        password: String,
    ) -> Result<Result<User, &'static str>, Error> {
        // A password that no account can have goes through the same work and fails.
        let usable = PlainPassword::parse(password).ok();
        let stored = usable.as_ref().and(user).map(|user| user.password_hash.clone());
        let candidate = match usable {
            Some(password) => password,
            None => PlainPassword::parse("unusable".to_owned()).map_err(|_| Error::SignInFailed)?,
        };
        let matches = self.passwords.verify(candidate, stored.filter(|hash| !hash.is_empty())).await?;
        Ok(match user {
            None => Err("unknown_name"),
            Some(user) if user.disabled => Err("disabled"),
            Some(user) if matches => Ok(user.clone()),
            Some(_) => Err("wrong"),
        })
    }

    async fn find_by_name(&self, typed: &str) -> Result<Option<User>, Error> {
        let Some(name) = Username::parse(typed) else { return Ok(None) };
        self.store.read(move |reader| Ok(users::find_by_name(reader, name.as_str())?)).await
    }
}
