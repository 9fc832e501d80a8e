//! The roots that an auditor trusts: a file that `ssh-keygen -Y verify -f` reads (ALLOWED SIGNERS in
//! ssh-keygen(1)), of which this takes one form of line only.

use super::{Certificate, PublicKey, Signature, Signer};
use crate::Error;

/// Whom the keys of an installation sign for.
pub const PRINCIPAL: &str = "redoubt";
/// What they sign.
pub const NAMESPACE: &str = "audit-bundle@redoubt";

/// The longest file that is read, in bytes, and the most roots in it.
const MAX_FILE_BYTES: usize = 64 << 10;
const MAX_ROOTS: usize = 64;

/// A key that certifies the keys by which an installation signs its bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedRoot {
    pub key: PublicKey,
    /// For people; may be empty.
    pub comment: String,
}

impl TrustedRoot {
    /// The line by which an auditor trusts this root, without a newline.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if the comment is longer than 256 bytes or has control characters.
    pub fn line(&self) -> Result<String, Error> {
        Ok(prefix() + &self.key.line(&self.comment)?)
    }

    /// The roots of a file: one a line; lines that are empty or begin with `#` say nothing.
    ///
    /// # Errors
    /// [`Error::BadSigners`] for any other line, and for a file without roots or with more than 64.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Error> {
        let bad = |line, problem| Error::BadSigners { line, problem };
        if text.len() > MAX_FILE_BYTES {
            return Err(bad(1, "the file is longer than 64 KiB".to_owned()));
        }
        let mut roots = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if roots.len() == MAX_ROOTS {
                return Err(bad(number, "there are more than 64 roots".to_owned()));
            }
            roots.push(Self::parse_line(line).map_err(|problem| bad(number, problem))?);
        }
        if roots.is_empty() {
            return Err(bad(
                1,
                "the file names no root; take the line that the installation printed".to_owned(),
            ));
        }
        Ok(roots)
    }

    fn parse_line(line: &str) -> Result<Self, String> {
        let prefix = prefix();
        let key = line.strip_prefix(&prefix).ok_or_else(|| format!("it does not begin with `{prefix}`"))?;
        let (key, comment) = PublicKey::parse_line(key).map_err(|error| error.to_string())?;
        Ok(Self { key, comment: comment.to_owned() })
    }
}

/// What `ssh-keygen -Y verify -I redoubt -n audit-bundle@redoubt -O verify-time=TIME` finds out: whether a key that one
/// of `roots` has certified for `time` (seconds since 1970) has signed `file`. The certificate says which.
///
/// # Errors
/// [`Error::SignatureRefused`], which says what does not hold.
pub fn verify_file<'s>(
    roots: &[TrustedRoot],
    file: &[u8],
    signature: &'s Signature,
    time: u64,
) -> Result<&'s Certificate, Error> {
    match signature.verify(file, NAMESPACE)? {
        Signer::Key(_) => Err(Error::SignatureRefused("it has no certificate of its key")),
        Signer::Certificate(certificate) => {
            let roots: Vec<_> = roots.iter().map(|root| root.key).collect();
            certificate.check(&roots, PRINCIPAL, time)?;
            Ok(certificate)
        }
    }
}

fn prefix() -> String {
    format!("{PRINCIPAL} cert-authority,namespaces=\"{NAMESPACE}\" ")
}
