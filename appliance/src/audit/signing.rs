//! Signs what leaves the appliance beside bundles, by the key that signs those, so that the pinned root vouches for it.

use redoubt_audit::ssh::{Certificate, NAMESPACE, Signature};
use redoubt_store::{Tx, audit_epochs};

use super::export::Error;
use crate::clock::SECOND_US;

/// `text` with what it takes to verify it, and the signature over all that: an armoured SSHSIG as the last lines. `name` is
/// the file that it will probably be in.
///
/// # Errors
/// [`Error::NoKey`] if no key is certified, else what the store says.
pub fn signed(tx: &Tx<'_>, name: &str, text: &str) -> Result<String, Error> {
    let epoch = tx.epoch().ok_or(Error::NoKey)?;
    let certificate = audit_epochs::find(tx, epoch.number())?.ok_or(Error::NoKey)?.certificate;
    let time = verify_time(tx.now_us());
    let text = format!(
        "{text}\nSigned\n  by a key that the installation's root has certified. In a file {name}, with the pinned root in\n  \
         my_allowed_signers:\n    sed '/^-----BEGIN/,$d' {name} > text; sed -n '/^-----BEGIN/,$p' {name} > text.sig\n    \
         ssh-keygen -Y verify -f my_allowed_signers -I redoubt -n {NAMESPACE} \\\n      \
         -O verify-time={time} -s text.sig < text\n"
    );
    let certificate = Certificate::from_blob(&certificate)?;
    let signature = Signature::sign_certified(text.as_bytes(), NAMESPACE, epoch.pair(), certificate)?;
    Ok(text + &signature.to_text()?)
}

/// As `ssh-keygen` reads it: UTC to the second.
fn verify_time(now_us: i64) -> String {
    let digits: String = crate::clock::rfc3339(now_us / SECOND_US * SECOND_US)
        .chars()
        .take_while(|c| *c != '.')
        .filter(char::is_ascii_digit)
        .collect();
    format!("{digits}Z")
}
