//! The two steps of signing in: name and password, then a one-time code (or its enrolment).

use std::time::Duration;

use redoubt_store::recovery_codes::{self, RecoveryCode};
use redoubt_store::sessions::{self, FirstFactor, Session, Stage};
use redoubt_store::users::{self, User};
use redoubt_store::{Tx, lockouts, totp as totp_rows, workspaces};

use super::lockout::LockoutKey;
use super::name::Username;
use super::password::PlainPassword;
use super::recovery::{self, PlainRecoveryCode};
use super::session::{PENDING_SECONDS, PlainToken};
use super::totp::{self, Code, TotpSecret};
use super::{Error, Identity, qr};
use crate::clock::SECOND_US;
use crate::random;
use crate::records::{self, Via};

/// A refusal takes a whole number of these, so that its time tells nothing of its reason.
const REFUSAL_STEP: Duration = Duration::from_millis(500);

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

/// What is typed in the second step.
pub enum Factor {
    Code(String),
    RecoveryCode(String),
}

/// A complete sign-in: the cookie's token, and the recovery codes if an authenticator was enrolled.
pub struct SignedIn {
    pub token: PlainToken,
    pub user: User,
    pub absolute_seconds: u32,
    pub recovery_codes: Option<Vec<String>>,
}

/// What a transaction found; an error would roll back the failure that it just counted.
enum Verdict<T> {
    Passed(T),
    Refused,
    Locked(u64),
}

/// What the second step is checked against.
struct Pending {
    session: Session,
    user: User,
    totp: Option<totp_rows::Totp>,
    recovery_codes: Vec<RecoveryCode>,
}

/// A factor that is right as far as can be told without the store's atomic statements.
enum Proof {
    Step { step: u64, enrols: bool },
    Recovery { id: i64 },
}

impl Identity {
    /// The first step. On success a pending session is open for five minutes.
    pub async fn begin(
        &self,
        username: &str,
        password: String,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        let started = tokio::time::Instant::now();
        let outcome = self.check_password(username, password, via).await;
        if matches!(outcome, Err(Error::SignInFailed | Error::Locked { .. })) {
            tokio::time::sleep_until(started + whole_steps(started.elapsed())).await;
        }
        outcome
    }

    async fn check_password(
        &self,
        typed: &str,
        password: String,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        let key = LockoutKey::of(typed);
        let user = self.find_by_name(typed).await?;
        // A password that no account can have goes through the same work and fails.
        let usable = PlainPassword::parse(password).ok();
        let stored = usable.as_ref().and(user.as_ref()).map(|user| user.password_hash.clone());
        let candidate = match usable {
            Some(password) => password,
            None => PlainPassword::parse("unusable".to_owned()).map_err(|_| Error::SignInFailed)?,
        };
        let matches = self.passwords.verify(candidate, stored).await?;
        let admitted = user.clone().filter(|user| matches && user.is_active());
        match admitted {
            None => self.refuse_password(user, key, via).await,
            Some(user) => self.open_pending(user, key, via).await,
        }
    }

    async fn find_by_name(&self, typed: &str) -> Result<Option<User>, Error> {
        let Some(name) = Username::parse(typed) else { return Ok(None) };
        self.store.read(move |reader| Ok(users::find_by_name(reader, name.as_str())?)).await
    }

    async fn refuse_password(
        &self,
        user: Option<User>,
        key: LockoutKey,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        // A flood of failures is counted by the lock and by its source, not recorded line by line.
        let single = self.refusals.admit(&via.source.ip, self.clock.now_us());
        let (this, via) = (self.clone(), via.clone());
        let verdict: Verdict<()> = self
            .store
            .write(move |tx| {
                if let Some(seconds) = this.locked_seconds(tx, &key)? {
                    if single {
                        tx.audit(records::password_locked(user.as_ref(), &via))?;
                    }
                    return Ok::<_, Error>(Verdict::Locked(seconds));
                }
                let lock = records::account_locked(user.as_ref(), &via);
                let failure = single.then(|| records::password_refused(user.as_ref(), &via));
                this.count_failure(tx, &key, failure, lock)?;
                Ok(Verdict::Refused)
            })
            .await?;
        Err(verdict.into_refusal(Error::SignInFailed))
    }

    async fn open_pending(
        &self,
        user: User,
        key: LockoutKey,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        let token = PlainToken::generate(self.random.as_ref())?;
        let secret = TotpSecret::generate(self.random.as_ref())?;
        let session = self.new_session(&user, &token, Stage::Pending, PENDING_SECONDS, via)?;
        let (this, via) = (self.clone(), via.clone());
        let verdict = self
            .store
            .write(move |tx| {
                if let Some(seconds) = this.locked_seconds(tx, &key)? {
                    tx.audit(records::password_locked(Some(&user), &via))?;
                    return Ok::<_, Error>(Verdict::Locked(seconds));
                }
                sessions::insert(tx, &session)?;
                tx.audit(records::password_accepted(&user, &via))?;
                if totp_rows::find(tx, &user.id)?.is_some_and(|totp| totp.confirmed_at.is_some()) {
                    return Ok(Verdict::Passed(Next::Totp));
                }
                this.offer_enrolment(tx, &user, &secret).map(Verdict::Passed)
            })
            .await?;
        match verdict {
            Verdict::Passed(next) => Ok((token, next)),
            refused => Err(refused.into_refusal(Error::SignInFailed)),
        }
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
        let started = tokio::time::Instant::now();
        let pending = self.pending(token).await?;
        let proof = self.prove(&pending, factor).await?;
        let outcome = self.settle(pending, proof, via).await;
        if matches!(outcome, Err(Error::CodeRefused | Error::Locked { .. })) {
            tokio::time::sleep_until(started + whole_steps(started.elapsed())).await;
        }
        outcome
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
                    totp: totp_rows::find(reader, &session.user_id)?,
                    recovery_codes: recovery_codes::list_unused(reader, &session.user_id)?,
                    session,
                })
            })
            .await
    }

    /// Compares the factor with what is stored; `None` if it is wrong.
    async fn prove(&self, pending: &Pending, factor: Factor) -> Result<Option<Proof>, Error> {
        let Some(totp) = &pending.totp else { return Ok(None) };
        match factor {
            Factor::Code(typed) => {
                let Some(code) = Code::parse(&typed) else { return Ok(None) };
                let secret =
                    self.store.unseal(totp::SEAL_PURPOSE, pending.user.id.as_bytes(), &totp.sealed)?;
                let step = TotpSecret::from_bytes(secret).matching_step(&code, self.clock.now_us())?;
                Ok(step.map(|step| Proof::Step { step, enrols: totp.confirmed_at.is_none() }))
            }
            // Recovery codes stand in for an enrolled authenticator, never for the enrolment.
            Factor::RecoveryCode(_) if totp.confirmed_at.is_none() => Ok(None),
            Factor::RecoveryCode(typed) => {
                let Some(code) = PlainRecoveryCode::parse(&typed) else { return Ok(None) };
                let stored = pending.recovery_codes.clone();
                let found = tokio::task::spawn_blocking(move || recovery::find_match(&code, &stored));
                let found = found.await.map_err(|_| Error::Interrupted)??;
                Ok(found.map(|id| Proof::Recovery { id }))
            }
        }
    }

    async fn settle(&self, pending: Pending, proof: Option<Proof>, via: &Via) -> Result<SignedIn, Error> {
        let token = PlainToken::generate(self.random.as_ref())?;
        let absolute = self.limits.absolute_seconds;
        let mut session = self.new_session(&pending.user, &token, Stage::Full, i64::from(absolute), via)?;
        let codes = self.codes_for(&proof).await?;
        let (this, via, user) = (self.clone(), via.clone(), pending.user.clone());
        let (hashes, recovery_codes) = codes.map(|set| (set.hashes, set.codes)).unzip();
        let verdict = self
            .store
            .write(move |tx| {
                let key = LockoutKey::of(&pending.user.name);
                if let Some(seconds) = this.locked_seconds(tx, &key)? {
                    tx.audit(records::code_locked(&pending.user, &via))?;
                    return Ok::<_, Error>(Verdict::Locked(seconds));
                }
                if let Err(reason) = this.accept(tx, &pending, &proof)? {
                    let lock = records::account_locked(Some(&pending.user), &via);
                    let failure = records::code_refused(&pending.user, reason, &via);
                    this.count_failure(tx, &key, Some(failure), lock)?;
                    return Ok(Verdict::Refused);
                }
                lockouts::clear(tx, key.as_str())?;
                sessions::delete(tx, &pending.user.id, &pending.session.id)?;
                // With one workspace there is nothing to choose.
                if let [only] = &workspaces::list_of(tx, &pending.user.id)?[..] {
                    session.workspace = Some(only.id.clone());
                }
                sessions::insert(tx, &session)?;
                if let Some(hashes) = &hashes {
                    recovery_codes::insert_all(tx, &pending.user.id, hashes)?;
                    tx.audit(records::enrolled(&pending.user, &session, &via))?;
                }
                tx.audit(records::code_accepted(
                    &pending.user,
                    &session,
                    matches!(proof, Some(Proof::Recovery { .. })),
                    &via,
                ))?;
                Ok(Verdict::Passed(()))
            })
            .await?;
        match verdict {
            Verdict::Passed(()) => Ok(SignedIn { token, user, absolute_seconds: absolute, recovery_codes }),
            refused => Err(refused.into_refusal(Error::CodeRefused)),
        }
    }

    /// An enrolment brings a set of recovery codes; ten hashes are too much work for the writer's thread.
    async fn codes_for(&self, proof: &Option<Proof>) -> Result<Option<recovery::NewSet>, Error> {
        if !matches!(proof, Some(Proof::Step { enrols: true, .. })) {
            return Ok(None);
        }
        let random = self.random.clone();
        let set = tokio::task::spawn_blocking(move || recovery::generate(random.as_ref()));
        Ok(Some(set.await.map_err(|_| Error::Interrupted)??))
    }

    /// Uses the factor up, by one atomic statement each; the inner error is the reason of a refusal.
    fn accept(
        &self,
        tx: &mut Tx<'_>,
        pending: &Pending,
        proof: &Option<Proof>,
    ) -> Result<Result<(), &'static str>, Error> {
        let user_id = &pending.user.id;
        let used = match proof {
            None => return Ok(Err("wrong")),
            Some(Proof::Step { step, enrols }) => {
                let fresh = totp_rows::accept_step(tx, user_id, *step)?;
                if fresh && *enrols {
                    let now = tx.now_us();
                    totp_rows::confirm(tx, user_id, now)?;
                }
                fresh
            }
            Some(Proof::Recovery { id }) => {
                let now = tx.now_us();
                recovery_codes::mark_used(tx, user_id, *id, now)?
            }
        };
        Ok(if used { Ok(()) } else { Err("replay") })
    }

    fn new_session(
        &self,
        user: &User,
        token: &PlainToken,
        stage: Stage,
        seconds: i64,
        via: &Via,
    ) -> Result<Session, Error> {
        let now = self.clock.now_us();
        Ok(Session {
            id: random::id(self.random.as_ref())?,
            token_hash: token.hash(),
            user_id: user.id.clone(),
            stage,
            created_at: now,
            last_seen_at: now,
            expires_at: now + seconds * SECOND_US,
            address: via.source.ip.clone(),
            agent: via.agent.clone(),
            workspace: None,
            proved_at: if stage == Stage::Full { now } else { 0 },
            locked_at: None,
            factor: FirstFactor::Password,
        })
    }
}

impl<T> Verdict<T> {
    fn into_refusal(self, refused: Error) -> Error {
        match self {
            Self::Locked(seconds) => Error::Locked { seconds },
            Self::Refused | Self::Passed(_) => refused,
        }
    }
}

fn whole_steps(elapsed: Duration) -> Duration {
    let steps = elapsed.as_millis() / REFUSAL_STEP.as_millis() + 1;
    REFUSAL_STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}
