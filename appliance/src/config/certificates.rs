//! `[certificates]`: people who sign in with a certificate (a PIV or CAC card) in place of name and password.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which part of a certificate is the user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The subject alternative name of Windows log-on, `1234567890@mil`.
    Upn,
    /// The subject alternative name that is an e-mail address.
    Email,
    /// The subject's `UID`.
    Uid,
    /// The subject's `CN`.
    Cn,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Self::Upn => "upn",
            Self::Email => "email",
            Self::Uid => "uid",
            Self::Cn => "cn",
        }
    }

    /// Whether what stands behind an `@` in it is a domain.
    fn has_domain(self) -> bool {
        matches!(self, Self::Upn | Self::Email)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificates {
    /// The authorities whose certificates are people's (PEM); nobody is asked for one without.
    pub ca: Option<PathBuf>,
    /// A folder with their revocation lists (PEM or DER).
    pub revocation_lists: Option<PathBuf>,
    pub subject: Subject,
    /// Taken off the name, which must be of it; empty = the name is taken whole.
    pub domain: String,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { ca: None, revocation_lists: None, subject: Subject::Upn, domain: String::new() }
    }
}

impl Certificates {
    /// What a process must be able to read for it.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca, &self.revocation_lists].into_iter().flatten()
    }

    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.ca.is_some() != self.revocation_lists.is_some() {
            problems.push(
                "certificates.ca and certificates.revocation_lists: set both or neither; a card that was stolen must \
                 be refusable"
                    .to_owned(),
            );
        }
        if !self.domain.is_empty() && !self.subject.has_domain() {
            let subject = self.subject.name();
            problems.push(format!("certificates.domain: with subject = {subject:?} there is none"));
        }
        if self.domain.contains('@') {
            problems.push(format!("certificates.domain: {:?} is written without the @", self.domain));
        }
        problems
    }
}
