//! Lockout: three failures within fifteen minutes lock a name, whether an account has it or not.
//!
//! Failures are counted twice. Under a key of the account, where there is one: that count locks, and nothing pushes it
//! out. And under a key of the name that was typed, be it anybody's or nobody's: that count is what people are told, and
//! of these the newest are kept, since anybody can make them.
//!
//! **Invariant:** the answer to a refused first step depends on the count of the typed name alone, so it does not tell
//! names that somebody has from others, a flood of made-up names or not.

use redoubt_audit::Draft;
use redoubt_store::lockouts::{self, Limits};
use redoubt_store::users::User;
use redoubt_store::{Reader, Tx};

use super::name::Username;
use super::session::sha256;
use super::{Error, Identity};
use crate::clock::{DAY_US, SECOND_US};

/// What a failure is counted under: an account, by its name.
#[derive(Clone, Debug)]
pub(super) struct LockoutKey(String);

/// Whose failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Account,
    /// No account here has the name.
    Nobody,
    /// The directory said nothing, so whose the name is is not known.
    Away,
}

/// Whether a name is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    Open,
    /// For so many seconds; people are told.
    Locked(u64),
    /// The account is, but what was told of the name is forgotten: it looks like a name that nobody has.
    Hidden,
}

impl LockoutKey {
    /// The key of a typed name: the account's name, so that all spellings share one count. What cannot be
    /// a name gets a key of its own, so that it locks just the same.
    pub(super) fn of(typed: &str) -> Self {
        match Username::parse(typed) {
            Some(name) => Self(name.as_str().to_owned()),
            None => Self(format!("\0{}", hashed(typed))),
        }
    }

    /// Attempts that reached the directory for a person: counted by who they are, where that is known.
    pub(super) fn bind(directory_id: Option<&str>, name: &Username) -> Self {
        match directory_id {
            Some(id) => Self(format!("\0bind:id:{id}")),
            None => Self(format!("\0bind:name:{name}")),
        }
    }

    /// What people are told of this name.
    fn told(&self) -> Self {
        Self(format!("\0told:{}", hashed(&self.0)))
    }

    /// Failures of this name while the directory said nothing.
    pub(super) fn away(&self) -> Self {
        Self(format!("\0away:{}", hashed(&self.0)))
    }

    /// Everything that is counted of a person.
    pub(super) fn all_of(user: &User) -> Vec<Self> {
        let own = Self::of(&user.name);
        let mut keys = vec![own.away(), own.told(), own];
        if let Some(name) = Username::parse(&user.name) {
            keys.push(Self::bind(None, &name));
            keys.push(Self::bind(user.directory_id.as_deref(), &name));
        }
        keys
    }

    /// Forgets the account's failures and its lock, but not the day's count.
    pub(super) fn clear(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        lockouts::clear(tx, &self.0)?;
        Ok(lockouts::clear(tx, &self.told().0)?)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// As long for every name.
fn hashed(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&sha256(text.as_bytes()))
}

impl Identity {
    /// How many seconds this account is still locked: for whoever has given its password, and for admins.
    pub(super) fn locked_seconds(&self, tx: &Tx<'_>, key: &LockoutKey) -> Result<Option<u64>, Error> {
        self.locked_seconds_at(tx, key, tx.now_us())
    }

    /// The same before there is a transaction. What it says may be old: the transaction that acts asks again.
    pub(super) fn locked_seconds_at(
        &self,
        reader: &Reader,
        key: &LockoutKey,
        now: i64,
    ) -> Result<Option<u64>, Error> {
        let Some(lockout) = lockouts::find(reader, &key.0)? else { return Ok(None) };
        if lockout.failures_today(now) >= self.limits.max_daily_failures {
            return Ok(Some(seconds_up(lockout.day_start + DAY_US - now)));
        }
        Ok(lockout.locked_until.filter(|until| *until > now).map(|until| seconds_up(until - now)))
    }

    /// Whether a name is locked, as far as people are told and beyond. Without `whose` being an account's, nothing is
    /// beyond.
    pub(super) fn lock_of(
        &self,
        reader: &Reader,
        key: &LockoutKey,
        whose: Whose,
        now: i64,
    ) -> Result<Lock, Error> {
        let mut told = vec![key.told()];
        if whose == Whose::Away {
            told.push(key.away());
        }
        for key in told {
            if let Some(seconds) = self.locked_seconds_at(reader, &key, now)? {
                return Ok(Lock::Locked(seconds));
            }
        }
        let hidden = whose == Whose::Account && self.locked_seconds_at(reader, key, now)?.is_some();
        Ok(if hidden { Lock::Hidden } else { Lock::Open })
    }

    /// Counts a failure and records it (`None`: the flood is counted elsewhere); a second record tells of the
    /// lock, if this failure brought it.
    ///
    /// Runs in a transaction that does nothing else, so that nothing can roll the count back.
    pub(super) fn count_failure(
        &self,
        tx: &mut Tx<'_>,
        key: &LockoutKey,
        whose: Whose,
        failure: Option<Draft>,
        lock: Option<Draft>,
    ) -> Result<(), Error> {
        let now = tx.now_us();
        let counted = match whose {
            Whose::Account => key.clone(),
            Whose::Nobody => key.told(),
            Whose::Away => key.away(),
        };
        let was_locked = self.locked_seconds(tx, &counted)?.is_some();
        if whose == Whose::Account {
            lockouts::record_typed_failure(tx, &key.told().0, now, self.lockout_limits())?;
            lockouts::record_failure(tx, &counted.0, now, self.lockout_limits())?;
        } else {
            lockouts::record_typed_failure(tx, &counted.0, now, self.lockout_limits())?;
        }
        if let Some(failure) = failure {
            tx.audit(failure)?;
        }
        if let Some(lock) = lock
            && !was_locked
            && self.locked_seconds(tx, &counted)?.is_some()
        {
            tx.audit(lock)?;
        }
        Ok(())
    }

    fn lockout_limits(&self) -> Limits {
        Limits {
            max: self.limits.max_failures,
            window_us: i64::from(self.limits.window_seconds) * SECOND_US,
            lock_us: i64::from(self.limits.lock_seconds) * SECOND_US,
        }
    }
}

/// The moment so many seconds after another.
pub(super) fn after(now_us: i64, seconds: u64) -> i64 {
    now_us.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_US))
}

fn seconds_up(microseconds: i64) -> u64 {
    u64::try_from((microseconds + SECOND_US - 1) / SECOND_US).unwrap_or_default()
}
