//! Password and code again, in a session that there is: to open a locked one, or to prove oneself for what asks for it (IA-11).
//!
//! Each success gives the session a new token (OWASP ASVS 7.2.4), so a stolen one ends there. Failures count like those of a
//! sign-in; the one that locks the account also ends the session in which it was made, so nobody guesses on in it.

use redoubt_store::Tx;
use redoubt_store::sessions::{self, FirstFactor};
use redoubt_store::users::User;

use super::certificate::Shown;
use super::credentials::Checked;
use super::ending::Endings;
use super::factor::{Enrolled, Factor, Match};
use super::lockout::{LockoutKey, Whose};
use super::session::PlainToken;
use super::sign_in::{Verdict, unchanged};
use super::{Anyone, Caller, Error, Identity, Proven, SessionHolder};
use crate::clock::SECOND_US;
use crate::records;

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Opens a locked session: password or code.
    Unlock,
    /// Both; where a certificate came first at sign-in, it stands in for the password here, too.
    Proof,
}

/// What is given.
pub struct Again {
    pub password: Option<String>,
    pub code: Option<String>,
    /// What the connection showed; looked at only where a certificate came first at sign-in.
    pub certificate: Option<Shown>,
}

/// What was given, compared with what is stored.
struct Given {
    /// The password, or the certificate.
    first: Option<Checked>,
    /// The inner `None` is a wrong code.
    code: Option<Option<Match>>,
}

impl Identity {
    /// Lets through who gave password and code in this session a short time ago.
    ///
    /// # Errors
    /// [`Error::ProofNeeded`]; for somebody of the directory also [`Error::SessionExpired`] if it lets them in no more, and
    /// [`Error::DirectoryAway`].
    pub async fn require_proof<R>(&self, caller: Caller<R>) -> Result<Proven<R>, Error> {
        let end = caller.session.proved_at + i64::from(self.limits.proof_seconds) * SECOND_US;
        if self.clock.now_us() >= end {
            return Err(Error::ProofNeeded);
        }
        self.require_fresh(&caller.user).await?;
        Ok(Proven::new(caller))
    }

    /// Checks password, code or both, and gives the session its new token.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if less is given than the purpose asks for, [`Error::SignInFailed`], [`Error::Locked`],
    /// [`Error::CertificateRefused`].
    pub async fn reauthenticate(
        &self,
        holder: &SessionHolder,
        again: Again,
        purpose: Purpose,
    ) -> Result<PlainToken, Error> {
        let (by_password, by_code) = (again.password.is_some(), again.code.is_some());
        let certificate = wants_certificate(holder, purpose);
        let enough = match purpose {
            Purpose::Unlock => by_password != by_code,
            Purpose::Proof => {
                by_code && by_password != certificate && again.certificate.is_some() >= certificate
            }
        };
        if !enough {
            return Err(Error::Incomplete);
        }
        let attempt = async {
            let given = self.compare(holder, again, purpose).await?;
            require_word(&given)?;
            self.renew(holder, given, purpose).await
        };
        self.slowly(attempt).await
    }

    async fn compare(&self, holder: &SessionHolder, again: Again, purpose: Purpose) -> Result<Given, Error> {
        let shown = again.certificate.filter(|_| wants_certificate(holder, purpose));
        let first = match (again.password, shown) {
            (Some(password), _) => Some(self.check_password(&holder.user.name, password).await?),
            (None, Some(shown)) => Some(self.certificate_again(holder, &shown, purpose).await?),
            (None, None) => None,
        };
        let code = match again.code {
            Some(code) => {
                let id = holder.user.id.clone();
                let enrolled = self.store.read(move |reader| Enrolled::load(reader, &id)).await?;
                Some(self.match_factor(&enrolled, Factor::Code(code)).await?)
            }
            None => None,
        };
        Ok(Given { first, code })
    }

    async fn certificate_again(
        &self,
        holder: &SessionHolder,
        shown: &Shown,
        purpose: Purpose,
    ) -> Result<Checked, Error> {
        match self.check_certificate(shown).await? {
            Ok(checked) => Ok(checked),
            Err(fault) => {
                let refused = records::reauthentication_refused(holder, purpose, fault.reason());
                self.record_single(refused, &holder.via).await?;
                Err(Error::CertificateRefused(Some(fault)))
            }
        }
    }

    async fn renew(
        &self,
        holder: &SessionHolder,
        given: Given,
        purpose: Purpose,
    ) -> Result<PlainToken, Error> {
        let token = PlainToken::generate(self.random.as_ref())?;
        let (this, holder, new_hash) = (self.clone(), holder.clone(), token.hash());
        let verdict = self
            .write_ending(move |tx, endings| {
                let (user, old_hash) = (&holder.user, holder.session.token_hash);
                let found = sessions::find_by_token(tx, &old_hash)?;
                let session = found.ok_or(Error::SessionExpired)?;
                unchanged(tx, user)?.ok_or(Error::SessionExpired)?;
                let key = LockoutKey::of(&user.name);
                if let Some(seconds) = this.locked_seconds(tx, &key)? {
                    tx.audit(records::reauthentication_refused(&holder, purpose, "locked"))?;
                    return Ok(Verdict::Locked(seconds));
                }
                if let Err(reason) = this.judge(tx, endings, user, &given)? {
                    let refused = records::reauthentication_refused(&holder, purpose, reason);
                    this.count_failure(
                        tx,
                        &key,
                        Whose::Account,
                        Some(refused),
                        Some(records::account_locked(Some(user), &holder.via)),
                    )?;
                    if this.locked_seconds(tx, &key)?.is_some() {
                        endings.end(tx, &session, records::session_locked_out(&holder))?;
                    }
                    return Ok(Verdict::Refused);
                }
                let proved = (purpose == Purpose::Proof).then(|| tx.now_us());
                if proved.is_some() {
                    // Both factors: as good as a sign-in.
                    key.clear(tx)?;
                }
                let now = tx.now_us();
                sessions::renew(tx, &old_hash, &new_hash, now, proved)?;
                tx.audit(records::reauthenticated(&holder, purpose, given.first.is_some(), &new_hash))?;
                Ok(Verdict::Passed(()))
            })
            .await?;
        match verdict {
            Verdict::Passed(()) => Ok(token),
            refused => Err(refused.into_refusal(Error::SignInFailed)),
        }
    }

    /// A new set of recovery codes for the person; the old ones are void.
    pub async fn issue_recovery_codes(&self, caller: &Proven<Anyone>) -> Result<Vec<String>, Error> {
        let set = self.new_recovery_codes().await?;
        let (caller, hashes) = (caller.clone(), set.hashes);
        self.store
            .write(move |tx| {
                caller.confirm(tx)?;
                redoubt_store::recovery_codes::insert_all(tx, caller.id(), &hashes)?;
                tx.audit(records::recovery_codes_issued(&caller, hashes.len()))?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(set.codes)
    }

    /// The code is used up only where the first factor is right, so that whoever guesses passwords costs the person no code.
    fn judge(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        user: &User,
        given: &Given,
    ) -> Result<Result<(), &'static str>, Error> {
        if let Some(checked) = &given.first {
            checked.settle(tx)?;
            if !checked.is_of(user) {
                return Ok(Err("somebody_else"));
            }
            // It is the person of a row that there is, so no id is needed for a new one.
            match self.admit(tx, endings, checked, &user.id)? {
                Ok(admitted) if admitted.id == user.id && admitted.role == user.role => {}
                Ok(_) => return Ok(Err("somebody_else")),
                Err((_, reason)) => return Ok(Err(reason)),
            }
        }
        match &given.code {
            Some(found) => Self::use_up(tx, &user.id, found.as_ref()),
            None => Ok(Ok(())),
        }
    }
}

/// A directory that says nothing is no wrong password: whoever is signed in is told so, and it is not counted.
fn require_word(given: &Given) -> Result<(), Error> {
    let away = given.first.as_ref().is_some_and(|checked| checked.whose() == Whose::Away);
    if away { Err(Error::DirectoryAway) } else { Ok(()) }
}

/// Whether the session's own certificate is to be shown again.
fn wants_certificate(holder: &SessionHolder, purpose: Purpose) -> bool {
    purpose == Purpose::Proof && holder.session.factor == FirstFactor::Certificate
}
