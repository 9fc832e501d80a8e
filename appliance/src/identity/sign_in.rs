//! The two steps of signing in: name and password (or a certificate: `certificate`), then a one-time code (or its
//! enrolment).

use std::time::Duration;

use redoubt_audit::Draft;
use redoubt_store::sessions::{self, Session, Stage};
use redoubt_store::users::{self, User};
use redoubt_store::{Tx, recovery_codes, session_certificates, totp as totp_rows, workspaces};

use super::credentials::{Checked, Identified, Refused};
use super::ending::Endings;
use super::factor::{Enrolled, Factor, Match};
use super::lockout::{Lock, LockoutKey, Whose};
use super::provision::Followed;
use super::session::{PENDING_SECONDS, PlainToken};
use super::totp::{self, TotpSecret};
use super::{Error, Identity, qr, recovery};
use crate::random;
use crate::records::{self, Via};

/// A refusal takes a whole number of these, so that its time tells nothing of its reason.
const REFUSAL_STEP: Duration = Duration::from_millis(500);
/// No refusal is held back for longer: everybody has an answer within three seconds.
const LONGEST_REFUSAL: Duration = Duration::from_millis(2800);

/// What the second step asks for.
pub enum Next {
    Totp,
    Enrol(Enrolment),
}

/// What an authenticator needs to be enrolled.
pub struct Enrolment {
    pub secret: String,
    pub otpauth: String,
    pub qr_size: u32,
    pub qr_path: String,
}

/// What is typed in the first step.
pub struct Attempt {
    pub username: String,
    pub password: String,
    /// The notice that was accepted.
    pub notice_sha256: Option<String>,
}

/// A complete sign-in: the cookie's token, and the recovery codes if an authenticator was enrolled.
pub struct SignedIn {
    pub token: PlainToken,
    pub user: User,
    pub absolute_seconds: u32,
    pub recovery_codes: Option<Vec<String>>,
}

/// What a transaction found; an error would roll back the failure that it just counted.
pub(super) enum Verdict<T> {
    Passed(T),
    Refused,
    Locked(u64),
}

/// What the second step is checked against.
struct Pending {
    session: Session,
    user: User,
    enrolled: Enrolled,
}

impl Identity {
    /// The first step. On success a pending session is open for five minutes.
    ///
    /// # Errors
    /// [`Error::NoticeRequired`] where there is a notice and the attempt does not accept it.
    pub async fn begin(&self, attempt: Attempt, via: &Via) -> Result<(PlainToken, Next), Error> {
        let Attempt { username, password, notice_sha256 } = attempt;
        let notice = self.accepted_notice(notice_sha256)?;
        let attempt = async {
            let checked = self.check_password(&username, password).await?;
            match checked.result {
                Err(refused) => Err(self.refuse_first(checked, refused, via).await?),
                Ok(_) => self.open_pending(checked, notice, via).await,
            }
        };
        self.slowly(attempt).await
    }

    /// The notice by its hash, if there is one, which the sign-in must have accepted.
    pub(super) fn accepted_notice(&self, accepted: Option<String>) -> Result<Option<String>, Error> {
        let notice = self.limits.notice_sha256();
        if notice.is_some() && notice != accepted {
            return Err(Error::NoticeRequired);
        }
        Ok(notice)
    }

    /// Whether a refusal is recorded by itself: a flood of them is counted by the lock and by its source.
    fn is_single(&self, via: &Via) -> bool {
        self.refusals.admit(&via.source.ip, self.clock.now_us())
    }

    /// Records a refusal that is not one of a flood.
    pub(super) async fn record_single(&self, refusal: Draft, via: &Via) -> Result<(), Error> {
        if !self.is_single(via) {
            return Ok(());
        }
        self.store.write(move |tx| tx.audit(refusal).map(|_| ())).await.map_err(Error::from)
    }

    /// Counts a failure, records it, and says what the person is told.
    pub(super) async fn refuse_first(
        &self,
        checked: Checked,
        refused: Refused,
        via: &Via,
    ) -> Result<Error, Error> {
        if let Some(user) = checked.user.as_ref().filter(|_| refused.is_final) {
            // The name may be somebody else's now, or nobody's: only what is said of the person themselves counts.
            self.recheck(user).await?;
        }
        let refusal = checked.first.refusal();
        let (this, via) = (self.clone(), via.clone());
        let verdict: Verdict<()> = self
            .store
            .write(move |tx| {
                checked.settle(tx)?;
                this.refuse(tx, &checked, checked.user.as_ref(), refused.reason, false, &via)
            })
            .await?;
        Ok(verdict.into_refusal(refusal))
    }

    /// Counts and records a wrong first step. `single`: by itself in any case. So is what counts against an account, of which
    /// its lock lets nobody have many; all else may be one of a flood.
    fn refuse<T>(
        &self,
        tx: &mut Tx<'_>,
        checked: &Checked,
        user: Option<&User>,
        reason: &'static str,
        single: bool,
        via: &Via,
    ) -> Result<Verdict<T>, Error> {
        let now = tx.now_us();
        let (whose, state) = match self.lock_of(tx, &checked.key, checked.whose(), now)? {
            Lock::Open => (checked.whose(), Lock::Open),
            // The account's own count stays as it is while it is locked.
            state => (Whose::Nobody, state),
        };
        let counts = whose == Whose::Account && checked.first.certificate().is_none();
        let single = single || counts || self.is_single(via);
        let reason = if state == Lock::Open { reason } else { "locked" };
        let failure = single.then(|| records::first_refused(&checked.first, user, reason, via));
        let uncounted = match state {
            Lock::Locked(seconds) => Some(Verdict::Locked(seconds)),
            // Nobody guesses certificates.
            _ => checked.first.certificate().map(|_| Verdict::Refused),
        };
        if let Some(verdict) = uncounted {
            failure.map(|failure| tx.audit(failure)).transpose()?;
            return Ok(verdict);
        }
        // Of names that nobody has, locks are recorded like failures: not line by line in a flood.
        let lock = (single && state == Lock::Open).then(|| records::account_locked(user, via));
        self.count_failure(tx, &checked.key, whose, failure, lock)?;
        Ok(Verdict::Refused)
    }

    pub(super) async fn open_pending(
        &self,
        checked: Checked,
        notice: Option<String>,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        let token = PlainToken::generate(self.random.as_ref())?;
        let secret = TotpSecret::generate(self.random.as_ref())?;
        let new_id = random::id(self.random.as_ref())?;
        let (this, via, hash) = (self.clone(), via.clone(), token.hash());
        let session_id = random::id(self.random.as_ref())?;
        let refusal = checked.first.refusal();
        let verdict = self
            .write_ending(move |tx, endings| {
                checked.settle(tx)?;
                let user = match this.admit(tx, endings, &checked, &new_id)? {
                    Ok(user) => user,
                    Err((user, reason)) => {
                        return this.refuse(tx, &checked, user.as_ref(), reason, true, &via);
                    }
                };
                match this.lock_of(tx, &checked.key, checked.whose(), tx.now_us())? {
                    Lock::Open => {}
                    // Whoever has the certificate's key is told below.
                    Lock::Hidden if checked.first.certificate().is_some() => {}
                    _ => return this.refuse(tx, &checked, Some(&user), "locked", true, &via),
                }
                // The name that was typed may be another one of somebody who is locked.
                if let Some(seconds) = this.locked_seconds(tx, &LockoutKey::of(&user.name))? {
                    tx.audit(records::first_refused(&checked.first, Some(&user), "locked", &via))?;
                    return Ok(Verdict::Locked(seconds));
                }
                let session = Session {
                    factor: checked.first.factor(),
                    ..this.new_session(session_id, &user, hash, Stage::Pending, PENDING_SECONDS, &via)
                };
                sessions::insert(tx, &session)?;
                if let Some(shown) = checked.first.certificate() {
                    session_certificates::insert(tx, &session.id, &shown.to_rows())?;
                }
                tx.audit(records::first_accepted(&checked.first, &user, notice.as_deref(), &via))?;
                if totp_rows::find(tx, &user.id)?.is_some_and(|totp| totp.confirmed_at.is_some()) {
                    return Ok(Verdict::Passed(Next::Totp));
                }
                this.offer_enrolment(tx, &user, &secret).map(Verdict::Passed)
            })
            .await?;
        match verdict {
            Verdict::Passed(next) => Ok((token, next)),
            refused => Err(refused.into_refusal(refusal)),
        }
    }

    /// Whose account it is that a right password or a certificate opens, as the store has it now; or why none, for the record.
    pub(super) fn admit(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        checked: &Checked,
        new_id: &str,
    ) -> Result<Result<User, (Option<User>, &'static str)>, Error> {
        Ok(match &checked.result {
            Err(refused) => Err((checked.user.clone(), refused.reason)),
            Ok(Identified::Local(user)) => {
                unchanged(tx, user)?.ok_or_else(|| (Some(user.clone()), "changed_meanwhile"))
            }
            Ok(Identified::Directory(person)) => match self.follow(tx, endings, person, new_id)? {
                Followed::Admitted(user) => Ok(user),
                Followed::Refused(user, reason) => Err((user, reason)),
            },
        })
    }

    /// A new secret each time, so that one seen over a shoulder in an abandoned enrolment is worthless.
    fn offer_enrolment(&self, tx: &mut Tx<'_>, user: &User, secret: &TotpSecret) -> Result<Next, Error> {
        let sealed = self.store.seal(totp::SEAL_PURPOSE, user.id.as_bytes(), secret.as_bytes())?;
        let offered = totp_rows::Totp { user_id: user.id.clone(), sealed, last_step: 0, confirmed_at: None };
        totp_rows::insert(tx, &offered)?;
        let otpauth = secret.otpauth(&user.name)?;
        let (qr_size, qr_path) = qr::svg_path(&otpauth)?;
        Ok(Next::Enrol(Enrolment { secret: secret.base32(), otpauth, qr_size, qr_path }))
    }

    /// The second step: turns a pending session into a complete one.
    pub async fn finish(&self, token: &PlainToken, factor: Factor, via: &Via) -> Result<SignedIn, Error> {
        let attempt = async {
            let pending = self.pending(token).await?;
            let found = self.match_factor(&pending.enrolled, factor).await?;
            self.settle(pending, found, via).await
        };
        self.slowly(attempt).await
    }

    async fn pending(&self, token: &PlainToken) -> Result<Pending, Error> {
        let (hash, now) = (token.hash(), self.clock.now_us());
        self.store
            .read(move |reader| {
                let session = sessions::find_by_token(reader, &hash)?.ok_or(Error::SessionExpired)?;
                if session.stage != Stage::Pending {
                    return Err(Error::NotSignedIn);
                }
                let user = users::find(reader, &session.user_id)?.filter(User::is_active);
                if now >= session.expires_at {
                    return Err(Error::SessionExpired);
                }
                Ok(Pending {
                    user: user.ok_or(Error::SessionExpired)?,
                    enrolled: Enrolled::load(reader, &session.user_id)?,
                    session,
                })
            })
            .await
    }

    async fn settle(&self, pending: Pending, found: Option<Match>, via: &Via) -> Result<SignedIn, Error> {
        let token = PlainToken::generate(self.random.as_ref())?;
        let absolute = self.limits.absolute_seconds;
        let id = random::id(self.random.as_ref())?;
        let mut session =
            self.new_session(id, &pending.user, token.hash(), Stage::Full, i64::from(absolute), via);
        session.factor = pending.session.factor;
        let enrols = found.as_ref().is_some_and(Match::enrols);
        let codes = if enrols { Some(self.new_recovery_codes().await?) } else { None };
        let (this, via, user) = (self.clone(), via.clone(), pending.user.clone());
        let (hashes, recovery_codes) = codes.map(|set| (set.hashes, set.codes)).unzip();
        let verdict = self
            .write_ending(move |tx, endings| {
                let Pending { user, session: half, .. } = &pending;
                // Ended meanwhile, by a reset or a disabling, or completed by another request.
                if sessions::find(tx, &half.id)?.is_none() || unchanged(tx, user)?.is_none() {
                    return Err(Error::SessionExpired);
                }
                let key = LockoutKey::of(&user.name);
                if let Some(seconds) = this.locked_seconds(tx, &key)? {
                    tx.audit(records::code_refused(user, "locked", &via))?;
                    return Ok(Verdict::Locked(seconds));
                }
                if let Err(reason) = Self::use_up(tx, &user.id, found.as_ref())? {
                    let refused = records::code_refused(user, reason, &via);
                    let lock = records::account_locked(Some(user), &via);
                    this.count_failure(tx, &key, Whose::Account, Some(refused), Some(lock))?;
                    return Ok(Verdict::Refused);
                }
                key.clear(tx)?;
                // With one workspace there is nothing to choose.
                if let [only] = &workspaces::list_of(tx, &user.id)?[..] {
                    session.workspace = Some(only.id.clone());
                }
                this.make_room(tx, endings, user, &session, &via)?;
                Endings::complete(tx, half, &session)?;
                if let Some(hashes) = &hashes {
                    recovery_codes::insert_all(tx, &user.id, hashes)?;
                    tx.audit(records::enrolled(user, &session, &via))?;
                }
                let recovery = found.as_ref().is_some_and(Match::is_recovery);
                tx.audit(records::code_accepted(user, &session, recovery, &via))?;
                Ok(Verdict::Passed(()))
            })
            .await?;
        match verdict {
            Verdict::Passed(()) => Ok(SignedIn { token, user, absolute_seconds: absolute, recovery_codes }),
            refused => Err(refused.into_refusal(Error::CodeRefused)),
        }
    }

    /// A new set of recovery codes; ten hashes are too much work for the writer's thread.
    pub(super) async fn new_recovery_codes(&self) -> Result<recovery::NewSet, Error> {
        let random = self.random.clone();
        Ok(self.passwords.run(move || recovery::generate(random.as_ref())).await??)
    }

    /// Sends a refusal after a whole number of steps, and no sooner than the directory would let it be sent, whatever its
    /// reason.
    pub(super) async fn slowly<T>(
        &self,
        attempt: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let started = tokio::time::Instant::now();
        let outcome = attempt.await;
        if matches!(outcome, Err(Error::SignInFailed | Error::CodeRefused | Error::Locked { .. })) {
            let taken = whole_steps(started.elapsed().max(self.presence.pace()));
            tokio::time::sleep_until(started + taken.min(LONGEST_REFUSAL)).await;
        }
        outcome
    }
}

impl<T> Verdict<T> {
    pub(super) fn into_refusal(self, refused: Error) -> Error {
        match self {
            Self::Locked(seconds) => Error::Locked { seconds },
            Self::Refused | Self::Passed(_) => refused,
        }
    }
}

/// The person as the store has them now, if they may still come in and the password is the one that was checked.
pub(super) fn unchanged(tx: &Tx<'_>, user: &User) -> Result<Option<User>, Error> {
    let same = |now: &User| now.is_active() && now.password_hash == user.password_hash;
    Ok(users::find(tx, &user.id)?.filter(same))
}

fn whole_steps(elapsed: Duration) -> Duration {
    let steps = elapsed.as_millis() / REFUSAL_STEP.as_millis() + 1;
    REFUSAL_STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}
