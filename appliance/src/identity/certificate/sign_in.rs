//! The first step of signing in with a certificate: the name comes from it, and everything after that is the same way as
//! with a password.

use redoubt_store::users::{self, Source};

use super::{Fault, Shown, Subject};
use crate::identity::credentials::{Checked, First, Identified, Refused};
use crate::identity::lockout::LockoutKey;
use crate::identity::name::Username;
use crate::identity::session::PlainToken;
use crate::identity::{Error, Identity, Next};
use crate::records::{self, Via};

impl Identity {
    /// Whether people may sign in with a certificate.
    pub fn takes_certificates(&self) -> bool {
        self.certificates.is_some()
    }

    /// The first step, with a certificate in place of name and password. On success a pending session is open for five
    /// minutes.
    ///
    /// # Errors
    /// [`Error::CertificateRefused`]; [`Error::DirectoryAway`] where it must be asked who that is and does not answer.
    pub async fn begin_with_certificate(
        &self,
        shown: Shown,
        notice_sha256: Option<String>,
        via: &Via,
    ) -> Result<(PlainToken, Next), Error> {
        let notice = self.accepted_notice(notice_sha256)?;
        let checked = match self.check_certificate(&shown).await? {
            Ok(checked) => checked,
            Err(fault) => {
                let refused = records::certificate_refused(&shown.sha256(), fault.reason(), via);
                self.record_single(refused, via).await?;
                return Err(Error::CertificateRefused(Some(fault)));
            }
        };
        let Err(refused) = checked.result else { return self.open_pending(checked, notice, via).await };
        self.refuse_first(checked, refused, via).await?;
        Err(if refused.away { Error::DirectoryAway } else { Error::CertificateRefused(None) })
    }

    /// Whose certificate it is; the inner error is what is wrong with the certificate itself. Nothing is counted as a
    /// failure: there is nothing to guess.
    pub(in crate::identity) async fn check_certificate(
        &self,
        shown: &Shown,
    ) -> Result<Result<Checked, Fault>, Error> {
        let authority = self.certificates.clone().ok_or(Error::CertificateRefused(None))?;
        let (now, judged) = (self.clock.now_us(), shown.clone());
        let judged = tokio::task::spawn_blocking(move || authority.judge(&judged, now));
        let Subject { name, serial } = match judged.await.map_err(|_| Error::CertificateRefused(None))? {
            Ok(subject) => subject,
            Err(fault) => return Ok(Err(fault)),
        };
        let first = First::Certificate { shown: shown.clone(), serial };
        let key = LockoutKey::of(&name);
        let Some(name) = Username::parse(&name) else { return Ok(Err(Fault::NoName)) };
        let asked = name.clone();
        let user = self.store.read(move |reader| users::find_by_name(reader, asked.as_str())).await?;
        let local = user.as_ref().is_some_and(|user| user.source == Source::Local);
        let result = match (&self.directory, &user) {
            (_, Some(user)) if user.disabled => Err(Refused::because("disabled")),
            (_, Some(user)) if local => Ok(Identified::Local(user.clone())),
            (Some(directory), _) => self.hear(directory.find(name.as_str())).await?,
            (None, _) => Err(Refused::because("unknown_name")),
        };
        Ok(Ok(Checked::new(key, user, result).with(first)))
    }
}
