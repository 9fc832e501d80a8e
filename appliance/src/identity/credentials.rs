//! The one function of the appliance that checks a password: here for local accounts, by the directory for everybody else.
//! What comes of it says as well who a certificate is of (`certificate`).
//!
//! **Invariant:** signing in, re-authentication and unlocking all come through [`Identity::check_password`], so no route is
//! an oracle beside the lock, and none reaches the directory around the throttle.

use std::time::Duration;

use redoubt_store::sessions::FirstFactor;
use redoubt_store::users::{self, Source, User};
use redoubt_store::{Reader, Tx, lockouts};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::certificate::Shown;
use super::lockout::{Lock, LockoutKey, Whose};
use super::name::Username;
use super::password::PlainPassword;
use super::recheck::is_final;
use super::{Error, Identity};
use crate::clock::SECOND_US;
use crate::directory::{Directory, Person, Refusal};

/// The directory's share of the three seconds within which everybody has an answer. Refusals then take a whole number of
/// half seconds, so this is a little below one.
const DIRECTORY_DEADLINE: Duration = Duration::from_millis(2400);

/// What somebody came with.
#[derive(Clone)]
pub enum First {
    Password,
    /// With the number by which its authority knows it, in hex.
    Certificate {
        shown: Shown,
        serial: String,
    },
}

impl First {
    pub(super) fn factor(&self) -> FirstFactor {
        match self {
            Self::Password => FirstFactor::Password,
            Self::Certificate { .. } => FirstFactor::Certificate,
        }
    }

    pub(super) fn certificate(&self) -> Option<&Shown> {
        match self {
            Self::Password => None,
            Self::Certificate { shown, .. } => Some(shown),
        }
    }

    /// What whoever came with it is told.
    pub(super) fn refusal(&self) -> Error {
        match self {
            Self::Password => Error::SignInFailed,
            Self::Certificate { .. } => Error::CertificateRefused(None),
        }
    }
}

/// What came of a name and a password, or of a certificate.
pub(super) struct Checked {
    pub first: First,
    /// What failures are counted under.
    pub key: LockoutKey,
    /// Whose name it is, if anybody's.
    pub user: Option<User>,
    /// Where the attempt at the directory was taken, if it came to that.
    bind: Option<LockoutKey>,
    /// Who it is, or why not: for the record, never for the person.
    pub result: Result<Identified, Refused>,
}

/// Who gave the right password, or has the certificate's key.
pub(super) enum Identified {
    Local(User),
    /// Whether they may come in here is for their groups to say.
    Directory(Box<Person>),
}

/// Why somebody was not accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub reason: &'static str,
    /// The directory says so of the person, whatever they came with: their sessions end, too.
    pub is_final: bool,
    /// The directory said nothing.
    pub away: bool,
    /// It cannot have counted a wrong password of anybody's: none was sent. So made-up names leave nothing.
    unsent: bool,
}

impl Refused {
    pub(super) fn because(reason: &'static str) -> Self {
        Self { reason, is_final: false, away: false, unsent: false }
    }
}

impl Checked {
    pub(super) fn new(key: LockoutKey, user: Option<User>, result: Result<Identified, Refused>) -> Self {
        Self { first: First::Password, key, user, bind: None, result }
    }

    pub(super) fn with(self, first: First) -> Self {
        Self { first, ..self }
    }

    /// Whose failure it is. While the directory says nothing, failures lock as always, and are forgotten when it
    /// is back: an outage neither tells local names from others nor locks everybody out after it.
    pub(super) fn whose(&self) -> Whose {
        if self.result.as_ref().is_err_and(|refused| refused.away) {
            Whose::Away
        } else {
            whose(self.user.as_ref())
        }
    }

    /// Whether what was right was this person's: the directory may have given the name to somebody else.
    pub(super) fn is_of(&self, user: &User) -> bool {
        match &self.result {
            Ok(Identified::Local(checked)) => checked.id == user.id,
            Ok(Identified::Directory(person)) => user.directory_id.as_deref() == Some(person.id.as_str()),
            Err(_) => true,
        }
    }

    /// Settles the attempt at the directory: a right password clears what was counted.
    pub(super) fn settle(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        if let (Some(bind), Ok(_)) = (&self.bind, &self.result) {
            lockouts::clear(tx, bind.as_str())?;
            lockouts::clear(tx, self.key.away().as_str())?;
        }
        Ok(())
    }
}

fn whose(user: Option<&User>) -> Whose {
    if user.is_some() { Whose::Account } else { Whose::Nobody }
}

impl Identity {
    /// Checks a name and a password. Counts no failure: the caller does, in the transaction that acts on the result.
    pub(super) async fn check_password(&self, typed: &str, password: String) -> Result<Checked, Error> {
        let key = LockoutKey::of(typed);
        let (this, of, name) = (self.clone(), key.clone(), Username::parse(typed));
        let asked = name.clone();
        let (user, locked) = self
            .store
            .read(move |reader| {
                let user = match &asked {
                    Some(name) => users::find_by_name(reader, name.as_str())?,
                    None => None,
                };
                let locked = this.is_locked_out(reader, &of, whose(user.as_ref()))?;
                Ok::<_, Error>((user, locked))
            })
            .await?;
        if locked {
            return Ok(Checked::new(key, user, Err(Refused::because("locked"))));
        }
        let local = user.as_ref().is_some_and(|user| user.source == Source::Local);
        match (&self.directory, name) {
            (Some(directory), Some(name)) if !local => {
                self.ask_directory(directory, key, user, &name, password).await
            }
            _ => {
                let result = self.check_local(&key, user.as_ref(), password).await?;
                Ok(Checked::new(key, user, result))
            }
        }
    }

    /// Whether the name goes no further.
    fn is_locked_out(&self, reader: &Reader, key: &LockoutKey, whose: Whose) -> Result<bool, Error> {
        Ok(self.lock_of(reader, key, whose, self.clock.now_us())? != Lock::Open)
    }

    async fn check_local(
        &self,
        key: &LockoutKey,
        user: Option<&User>,
        password: String,
    ) -> Result<Result<Identified, Refused>, Error> {
        // A password that no account can have goes through the same work and fails.
        let usable = PlainPassword::parse(password).ok();
        let stored = usable.as_ref().and(user).map(|user| user.password_hash.clone());
        let candidate = match usable {
            Some(password) => password,
            None => PlainPassword::parse("unusable".to_owned()).map_err(|_| Error::SignInFailed)?,
        };
        let started = Instant::now();
        let (this, key, whose) = (self.clone(), key.clone(), whose(user));
        // Of many at once for a name, those that come after the lock cost no time by which the name could be told.
        let wanted = move || {
            let (asked, store) = (this.clone(), &this.store);
            store
                .read_blocking(move |reader| asked.is_locked_out(reader, &key, whose))
                .is_ok_and(|locked| !locked)
        };
        let stored = stored.filter(|hash| !hash.is_empty());
        let matches = self.passwords.verify(candidate, stored, wanted).await?;
        self.presence.hashed_for(started.elapsed());
        Ok(match user {
            None => Err(Refused::because("unknown_name")),
            Some(user) if user.disabled => Err(Refused::because("disabled")),
            Some(user) if matches => Ok(Identified::Local(user.clone())),
            Some(_) => Err(Refused::because("wrong")),
        })
    }

    async fn ask_directory(
        &self,
        directory: &Directory,
        key: LockoutKey,
        user: Option<User>,
        name: &Username,
        password: String,
    ) -> Result<Checked, Error> {
        let Ok(password) = PlainPassword::parse(password) else {
            return Ok(Checked::new(key, user, Err(Refused::because("wrong"))));
        };
        if user.as_ref().is_some_and(|user| user.disabled) {
            return Ok(Checked::new(key, user, Err(Refused::because("disabled"))));
        }
        let bind = LockoutKey::bind(user.as_ref().and_then(|user| user.directory_id.as_deref()), name);
        if !self.take_bind(&bind).await? {
            return Ok(Checked::new(key, user, Err(Refused::because("throttled"))));
        }
        let (this, directory, of, name) = (self.clone(), directory.clone(), bind.clone(), name.clone());
        // To its end, though whoever asked may go: what comes of an attempt decides whether it stays counted.
        let asked = tokio::spawn(async move {
            let password = Zeroizing::new(password.as_str().to_owned());
            let result = this.hear(directory.verify(name.as_str(), password)).await?;
            if result.as_ref().is_err_and(|refused| refused.unsent) {
                this.store.write(move |tx| lockouts::return_attempt(tx, of.as_str())).await?;
            }
            Ok::<_, Error>(result)
        });
        let silent = || Err(Refused { away: true, ..Refused::because("directory_unavailable") });
        let result = asked.await.unwrap_or_else(|_| Ok(silent()))?;
        Ok(Checked { bind: Some(bind), ..Checked::new(key, user, result) })
    }

    /// What the directory says of somebody, within its share of the time.
    pub(super) async fn hear(
        &self,
        answer: impl Future<Output = Result<Person, Refusal>>,
    ) -> Result<Result<Identified, Refused>, Error> {
        let started = Instant::now();
        let answer = tokio::time::timeout(DIRECTORY_DEADLINE, answer).await;
        self.presence.asked_for(started.elapsed());
        let result = match answer {
            Ok(Ok(person)) => Ok(Identified::Directory(Box::new(person))),
            Ok(Err(refusal)) => Err(Refused {
                is_final: is_final(&refusal),
                away: refusal.is_silence(),
                unsent: matches!(refusal, Refusal::Unavailable(_) | Refusal::Unknown),
                ..Refused::because(refusal.reason())
            }),
            Err(_) => Err(Refused { away: true, ..Refused::because("directory_unavailable") }),
        };
        match &result {
            Err(refused) if refused.away => self.presence.silent(self.clock.now_us()),
            _ => self.heard().await?,
        }
        Ok(result)
    }

    /// Takes one of the few attempts that may reach the directory for a person, before it does: however many come at once, it
    /// sees no more.
    async fn take_bind(&self, bind: &LockoutKey) -> Result<bool, Error> {
        let (bind, limits) = (bind.clone(), &self.directory_settings);
        let (max, window_us) =
            (limits.failed_binds, i64::from(limits.failed_binds_window_seconds) * SECOND_US);
        self.store
            .write(move |tx| {
                let now = tx.now_us();
                Ok(lockouts::take_attempt(tx, bind.as_str(), now, max, window_us)?)
            })
            .await
    }
}
