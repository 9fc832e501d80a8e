//! Why a certificate does not count: a word for the record, a sentence for whoever holds it.

use rustls::CertificateError;

use super::Unreadable;

/// What is wrong with a certificate itself. It tells its holder nothing of anybody else, so they may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Expired,
    NotYetValid,
    UnknownAuthority,
    /// Not one for signing in: its extended key usage lacks client authentication.
    WrongPurpose,
    Revoked,
    /// No list speaks of it, or of an authority between it and the configured one.
    StatusUnknown,
    /// The list that speaks of it is past its next update.
    ListOutdated,
    /// The lists cannot be read.
    NoLists,
    BadSignature,
    Unreadable,
    /// The configured part is missing.
    NoName,
    /// There are several of it.
    SeveralNames,
    OtherDomain,
    Unacceptable,
}

impl Fault {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::UnknownAuthority => "unknown_authority",
            Self::WrongPurpose => "wrong_purpose",
            Self::Revoked => "revoked",
            Self::StatusUnknown => "status_unknown",
            Self::ListOutdated => "list_outdated",
            Self::NoLists => "no_lists",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
            Self::NoName => "no_name",
            Self::SeveralNames => "several_names",
            Self::OtherDomain => "other_domain",
            Self::Unacceptable => "unacceptable",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Expired => "Your certificate has expired. Sign in with another one, or with your password.",
            Self::NotYetValid => "Your certificate is not valid yet, by this appliance's clock.",
            Self::UnknownAuthority => "Your certificate is not from an authority that is accepted here.",
            Self::WrongPurpose => {
                "This certificate is not one for signing in. Choose another one of your card."
            }
            Self::Revoked => {
                "Your certificate has been revoked. Sign in with another one, or with your password."
            }
            Self::StatusUnknown | Self::ListOutdated | Self::NoLists => {
                "Whether your certificate was revoked cannot be told at present: the appliance needs a current \
                 revocation list. Tell its operator, or sign in with your password."
            }
            Self::BadSignature | Self::Unreadable | Self::Unacceptable => {
                "Your certificate cannot be accepted. Tell the appliance's operator."
            }
            Self::NoName | Self::SeveralNames | Self::OtherDomain => {
                "Your certificate does not say who you are in the way that is expected here."
            }
        }
    }
}

impl From<rustls::Error> for Fault {
    fn from(error: rustls::Error) -> Self {
        use CertificateError as E;
        let rustls::Error::InvalidCertificate(error) = error else { return Self::Unacceptable };
        match error {
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::UnknownIssuer => Self::UnknownAuthority,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::WrongPurpose,
            E::Revoked => Self::Revoked,
            E::UnknownRevocationStatus => Self::StatusUnknown,
            E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => Self::ListOutdated,
            E::BadSignature => Self::BadSignature,
            E::BadEncoding => Self::Unreadable,
            _ => Self::Unacceptable,
        }
    }
}

impl From<Unreadable> for Fault {
    fn from(why: Unreadable) -> Self {
        tracing::error!("nobody can sign in with a certificate: {why}");
        Self::NoLists
    }
}
