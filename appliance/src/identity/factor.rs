//! The second factor: a one-time code or a recovery code, compared with what is stored and used up.

use redoubt_store::recovery_codes::{self, RecoveryCode};
use redoubt_store::{Reader, Tx, totp as totp_rows};

use super::recovery::{self, PlainRecoveryCode};
use super::totp::{self, Code, TotpSecret};
use super::{Error, Identity};

/// What is typed in the second step.
pub enum Factor {
    Code(String),
    RecoveryCode(String),
}

/// What a person's second factor is checked against.
pub(super) struct Enrolled {
    user_id: String,
    totp: Option<totp_rows::Totp>,
    recovery_codes: Vec<RecoveryCode>,
}

/// A factor that is right as far as can be told without the store's atomic statements.
pub(super) enum Match {
    Step { step: u64, enrols: bool, sealed: Vec<u8> },
    Recovery { id: i64 },
}

impl Match {
    pub(super) fn enrols(&self) -> bool {
        matches!(self, Self::Step { enrols: true, .. })
    }

    pub(super) fn is_recovery(&self) -> bool {
        matches!(self, Self::Recovery { .. })
    }
}

impl Enrolled {
    pub(super) fn load(reader: &Reader, user_id: &str) -> Result<Self, Error> {
        Ok(Self {
            user_id: user_id.to_owned(),
            totp: totp_rows::find(reader, user_id)?,
            recovery_codes: recovery_codes::list_unused(reader, user_id)?,
        })
    }
}

impl Identity {
    /// Compares the factor with what is stored; `None` if it is wrong.
    pub(super) async fn match_factor(
        &self,
        enrolled: &Enrolled,
        factor: Factor,
    ) -> Result<Option<Match>, Error> {
        let Some(totp) = &enrolled.totp else { return Ok(None) };
        match factor {
            Factor::Code(typed) => {
                let Some(code) = Code::parse(&typed) else { return Ok(None) };
                let secret =
                    self.store.unseal(totp::SEAL_PURPOSE, enrolled.user_id.as_bytes(), &totp.sealed)?;
                let step = TotpSecret::from_bytes(secret).matching_step(&code, self.clock.now_us())?;
                let (enrols, sealed) = (totp.confirmed_at.is_none(), totp.sealed.clone());
                Ok(step.map(|step| Match::Step { step, enrols, sealed }))
            }
            // Recovery codes stand in for an enrolled authenticator, never for the enrolment.
            Factor::RecoveryCode(_) if totp.confirmed_at.is_none() => Ok(None),
            Factor::RecoveryCode(typed) => {
                let Some(code) = PlainRecoveryCode::parse(&typed) else { return Ok(None) };
                let stored = enrolled.recovery_codes.clone();
                let found = self.passwords.run(move || recovery::find_match(&code, &stored)).await??;
                Ok(found.map(|id| Match::Recovery { id }))
            }
        }
    }

    /// Uses the factor up, by one atomic statement each; the inner error is the reason of a refusal.
    pub(super) fn use_up(
        tx: &mut Tx<'_>,
        user_id: &str,
        found: Option<&Match>,
    ) -> Result<Result<(), &'static str>, Error> {
        let now = tx.now_us();
        let used = match found {
            None => return Ok(Err("wrong")),
            Some(Match::Step { step, enrols, sealed }) => {
                // The secret may have been reset or offered anew since the code was compared.
                if totp_rows::find(tx, user_id)?.is_none_or(|totp| totp.sealed != *sealed) {
                    return Ok(Err("wrong"));
                }
                let fresh = totp_rows::accept_step(tx, user_id, *step)?;
                if fresh && *enrols {
                    totp_rows::confirm(tx, user_id, now)?;
                }
                fresh
            }
            Some(Match::Recovery { id }) => recovery_codes::mark_used(tx, user_id, *id, now)?,
        };
        Ok(if used { Ok(()) } else { Err("replay") })
    }
}
