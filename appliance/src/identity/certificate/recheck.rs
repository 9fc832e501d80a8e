//! Looks again at the certificates with which sessions began: one that was revoked since, or that ran out, ends them.

use redoubt_store::session_certificates::{self, Chain};
use redoubt_store::sessions;

use super::{Authority, Fault, Shown};
use crate::identity::{Error, Identity};
use crate::records;

impl Identity {
    /// One round over every session that began with a certificate. Returns how many ended.
    pub async fn recheck_certificates(&self) -> Result<usize, Error> {
        let Some(authority) = self.certificates.clone() else { return Ok(0) };
        let kept = self.store.read(session_certificates::list).await?;
        let now = self.clock.now_us();
        let judged = tokio::task::spawn_blocking(move || {
            let over = |(id, chain): (String, Chain)| Some((id, over(&authority, chain, now)?));
            kept.into_iter().filter_map(over).collect::<Vec<_>>()
        });
        // Interrupted only where the appliance ends.
        let over = judged.await.unwrap_or_default();
        self.write_ending(move |tx, endings| {
            let mut ended = 0;
            for (id, reason) in &over {
                if let Some(session) = sessions::find(tx, id)? {
                    ended +=
                        usize::from(endings.end(tx, &session, records::session_refused(&session, reason))?);
                }
            }
            Ok(ended)
        })
        .await
    }
}

/// Why the session must end. That a list is missing or outdated keeps people from signing in; it is no word against those
/// who are.
fn over(authority: &Authority, chain: Chain, now_us: i64) -> Option<&'static str> {
    match authority.judge(&Shown::from_rows(chain), now_us).err()? {
        Fault::Revoked => Some("certificate_revoked"),
        Fault::Expired => Some("certificate_expired"),
        Fault::UnknownAuthority => Some("certificate_unknown_authority"),
        _ => None,
    }
}
