//! Lockout: three failures within fifteen minutes lock a name, whether an account has it or not.

use redoubt_audit::Draft;
use redoubt_store::users::User;
use redoubt_store::{Reader, Tx, lockouts};

use super::name::Username;
use super::session::sha256;
use super::{Error, Identity};
use crate::clock::{DAY_US, SECOND_US};

/// What a failure is counted under.
#[derive(Clone, Debug)]
pub(super) struct LockoutKey(String);

impl LockoutKey {
    /// The key of a typed name: the account's name, so that all spellings share one count. What cannot be
    /// a name gets a key of its own, so that it locks just the same.
    pub(super) fn of(typed: &str) -> Self {
        match Username::parse(typed) {
            Some(name) => Self(name.as_str().to_owned()),
            None => Self(format!("\0{}", data_encoding::HEXLOWER.encode(&sha256(typed.as_bytes())))),
        }
    }

    /// Attempts that reached the directory for a person: counted by who they are, where that is known.
    pub(super) fn bind(directory_id: Option<&str>, name: &Username) -> Self {
        match directory_id {
            Some(id) => Self(format!("\0bind:id:{id}")),
            None => Self(format!("\0bind:name:{name}")),
        }
    }

    /// Failures of this name while the directory said nothing.
    pub(super) fn away(&self) -> Self {
        Self(format!("\0away:{}", self.0))
    }

    /// Everything that is counted of a person.
    pub(super) fn all_of(user: &User) -> Vec<Self> {
        let own = Self::of(&user.name);
        let mut keys = vec![own.away(), own];
        if let Some(name) = Username::parse(&user.name) {
            keys.push(Self::bind(None, &name));
            keys.push(Self::bind(user.directory_id.as_deref(), &name));
        }
        keys
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Identity {
    /// How many seconds this name is still locked.
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

    /// Counts a failure and records it (`None`: the flood is counted elsewhere); a second record tells of the
    /// lock, if this failure brought it.
    ///
    /// Runs in a transaction that does nothing else, so that nothing can roll the count back.
    pub(super) fn count_failure(
        &self,
        tx: &mut Tx<'_>,
        key: &LockoutKey,
        failure: Option<Draft>,
        lock: Draft,
    ) -> Result<(), Error> {
        let now = tx.now_us();
        let window_us = i64::from(self.limits.window_seconds) * SECOND_US;
        let lock_us = i64::from(self.limits.lock_seconds) * SECOND_US;
        let max = self.limits.max_failures;
        let was_locked = self.locked_seconds(tx, key)?.is_some();
        lockouts::record_failure(tx, &key.0, now, max, window_us, lock_us)?;
        if let Some(failure) = failure {
            tx.audit(failure)?;
        }
        if !was_locked && self.locked_seconds(tx, key)?.is_some() {
            tx.audit(lock)?;
        }
        Ok(())
    }
}

/// The moment so many seconds after another.
pub(super) fn after(now_us: i64, seconds: u64) -> i64 {
    now_us.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_US))
}

fn seconds_up(microseconds: i64) -> u64 {
    u64::try_from((microseconds + SECOND_US - 1) / SECOND_US).unwrap_or_default()
}
