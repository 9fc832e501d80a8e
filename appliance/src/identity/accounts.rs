//! Local accounts: made by `init`, `demo` or an admin. **Invariant:** nobody becomes an admin by signing in; an account has the
//! role that whoever made it said, or the one that the directory's groups are mapped to.

use redoubt_store::users::{self, Origin, Role, Source, User};
use redoubt_store::{Tx, recovery_codes, totp as totp_rows};

use super::name::Username;
use super::password::{self, PlainPassword};
use super::totp::{self, TotpSecret};
use super::{By, Error, Identity, PersonView};
use crate::random;
use crate::records;

/// The longest name to show, in characters.
const MAX_DISPLAY_CHARACTERS: usize = 128;

/// What a new local account of the command line needs.
pub struct NewUser {
    pub name: String,
    pub password: String,
    pub role: Role,
    /// An authenticator that is enrolled already (the demo's people); `None`: at the first sign-in.
    pub totp: Option<TotpSecret>,
}

/// What a new local account by an admin needs; its password is made.
pub struct NewPerson {
    pub name: String,
    pub role: Role,
    /// May be empty.
    pub display_name: String,
}

impl Identity {
    /// Makes a local account. Blocks: for the command line, before anything is served.
    pub fn create_user_blocking(&self, new: NewUser) -> Result<User, Error> {
        let password = PlainPassword::parse(new.password).map_err(|_| password::Weak::Short)?;
        let mut user = self.new_local(&new.name, new.role)?;
        password::check_new(&password, &user.name)?;
        user.password_hash = self.passwords.hash_blocking(&password)?;
        let sealed = match &new.totp {
            Some(secret) => {
                Some(self.store.seal(totp::SEAL_PURPOSE, user.id.as_bytes(), secret.as_bytes())?)
            }
            None => None,
        };
        let inserted = user.clone();
        self.store.write_blocking(move |tx| {
            insert(tx, &By::console(), &inserted)?;
            if let Some(sealed) = sealed {
                let confirmed_at = Some(tx.now_us());
                let user_id = inserted.id.clone();
                totp_rows::insert(tx, &totp_rows::Totp { user_id, sealed, last_step: 0, confirmed_at })?;
                tx.audit(records::enrolled_by_console(&inserted))?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(user)
    }

    /// Makes a local account with a generated password, which is returned once and kept nowhere.
    ///
    /// # Errors
    /// [`Error::NameTaken`], also by somebody of the directory; [`Error::BadName`].
    pub async fn create_person(&self, by: &By, new: NewPerson) -> Result<(PersonView, String), Error> {
        let mut user = self.new_local(&new.name, new.role)?;
        user.display_name = display_name(&new.display_name)?;
        let (password, hash) = self.new_password().await?;
        user.password_hash = hash;
        let by = by.clone();
        let person = self
            .store
            .write(move |tx| {
                by.confirm(tx)?;
                insert(tx, &by, &user)?;
                PersonView::load(tx, user)
            })
            .await?;
        Ok((person, password))
    }

    /// A generated password and its hash.
    pub(super) async fn new_password(&self) -> Result<(String, String), Error> {
        let password = password::generate(self.random.as_ref())?;
        let plain = PlainPassword::parse(password.clone()).map_err(|_| password::Weak::Short)?;
        let passwords = self.passwords.clone();
        let hash = self.passwords.run(move || passwords.hash_blocking(&plain)).await??;
        Ok((password, hash))
    }

    fn new_local(&self, name: &str, role: Role) -> Result<User, Error> {
        let parsed = Username::parse(name).ok_or_else(|| Error::BadName(name.to_owned()))?;
        Ok(User {
            id: random::id(self.random.as_ref())?,
            name: parsed.as_str().to_owned(),
            role,
            password_hash: String::new(),
            disabled: false,
            created_at: self.clock.now_us(),
            display_name: String::new(),
            source: Source::Local,
            role_source: Origin::Assigned,
            directory_id: None,
            directory_state: None,
            checked_at: None,
        })
    }

    /// How many unused recovery codes the person has.
    pub async fn recovery_codes_left(&self, user_id: &str) -> Result<usize, Error> {
        let user_id = user_id.to_owned();
        self.store.read(move |reader| Ok(recovery_codes::count_unused(reader, &user_id)?)).await
    }
}

fn insert(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<(), Error> {
    if users::find_by_name(tx, &user.name)?.is_some() {
        return Err(Error::NameTaken);
    }
    users::insert(tx, user)?;
    tx.audit(records::user_created(by, user))?;
    Ok(())
}

/// A name to show: one line, at most 128 characters.
///
/// # Errors
/// [`Error::BadDisplayName`]
pub(super) fn display_name(typed: &str) -> Result<String, Error> {
    let name = typed.trim();
    let fits = name.chars().count() <= MAX_DISPLAY_CHARACTERS && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(Error::BadDisplayName) }
}
