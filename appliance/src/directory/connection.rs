//! One connection to a server: TLS outside, ldap3 inside, the gate between them.

use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::exop::WhoAmI;
use ldap3::{
    DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Scope, SearchOptions, StdStream,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Refusal;
use super::account::PASSWORD_POLICY;
use super::entry::Entry;
use super::gate::{self, Gate};

/// Of everything that one search brings: entries and references to other servers, which nobody follows.
const MAX_ITEMS: usize = 20_000;
/// Says that a server is Active Directory ([MS-ADTS] 3.1.1.3.4.3).
const ACTIVE_DIRECTORY: &[u8] = b"1.2.840.113556.1.4.800";
/// "Who am I?" (RFC 4532).
const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";
/// Asks for no attribute (RFC 4511 section 4.5.1.8).
pub(super) const NO_ATTRIBUTES: &str = "1.1";

type Result<T> = std::result::Result<T, Refusal>;

/// Ends when dropped.
pub(super) struct Connection {
    /// Which of the configured servers.
    pub(super) server: usize,
    ldap: Ldap,
    gate: Gate,
    tasks: [AbortHandle; 2],
    abilities: Option<Abilities>,
    /// An answer was left half read, so the next one would be taken for it.
    spoiled: bool,
    pub(super) idle_since: Instant,
}

/// What a server says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) is_active_directory: bool,
    pub(super) who_am_i: bool,
}

/// What a search brought.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// There is more, which the limit kept back.
    pub(super) limited: bool,
}

impl Connection {
    /// ldap3 speaks plain LDAP into a socketpair, whose other end the gate joins with the server's TLS.
    pub(super) async fn over(
        server: usize,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
    ) -> std::result::Result<Self, String> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| error.to_string())?;
        theirs.set_nonblocking(true).map_err(|error| error.to_string())?;
        let theirs = tokio::net::UnixStream::from_std(theirs).map_err(|error| error.to_string())?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(ours));
        let connected = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (driver, ldap) = connected.map_err(|error| error.to_string())?;
        let gate = Gate::default();
        let carried = tokio::spawn(gate.clone().carry(stream, theirs));
        let driven = tokio::spawn(async {
            // Why it ended, the gate knows better.
            let _ended = driver.drive().await;
        });
        let tasks = [carried.abort_handle(), driven.abort_handle()];
        let idle_since = Instant::now();
        Ok(Self { server, ldap, gate, tasks, abilities: None, spoiled: false, idle_since })
    }

    /// Whether it may serve another question.
    pub(super) fn is_usable(&mut self, idle_limit: Duration) -> bool {
        let alive = !self.spoiled && self.gate.fault().is_none() && !self.ldap.is_closed();
        alive && self.idle_since.elapsed() < idle_limit
    }

    /// For the next question.
    pub(super) fn begin_question(&self) {
        self.gate.begin_question();
    }

    /// A simple bind, which replaces whoever was bound before. It asks for the reasons of a password policy.
    ///
    /// **Invariant:** neither name nor password is empty; that would be a bind as nobody, which succeeds.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult> {
        if dn.trim().is_empty() || !super::password_is_sendable(password) {
            return Err(Refusal::WrongPassword);
        }
        let policy = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
        let bound = self.ldap.with_controls(policy).simple_bind(dn, password).await;
        bound.map_err(|error| self.trouble(&error.to_string()))
    }

    /// At most `limit` entries. What a server sends beyond is not read, and what it refers to is not followed.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        limit: usize,
    ) -> Result<Found> {
        let size = i32::try_from(limit).unwrap_or(i32::MAX);
        let options = SearchOptions::new().deref(DerefAliases::Never).sizelimit(size);
        let started = self
            .ldap
            .with_search_options(options)
            .streaming_search(base, scope, filter, attributes.to_vec())
            .await;
        let mut stream = started.map_err(|error| self.trouble(&error.to_string()))?;
        let mut entries = Vec::new();
        // Until the end is read.
        self.spoiled = true;
        for _ in 0..MAX_ITEMS {
            let Some(item) = stream.next().await.map_err(|error| self.trouble(&error.to_string()))? else {
                self.spoiled = false;
                let result = stream.finish().await;
                return self.judge_search(&result, scope, entries);
            };
            if item.is_ref() || item.is_intermediate() {
                continue;
            }
            if entries.len() == limit {
                return Ok(Found { entries, limited: true });
            }
            entries.push(Entry::read(item).ok_or_else(|| self.trouble("a malformed entry"))?);
        }
        Err(self.trouble("a search that does not end"))
    }

    fn judge_search(&self, result: &LdapResult, scope: Scope, entries: Vec<Entry>) -> Result<Found> {
        match result.rc {
            0 => Ok(Found { entries, limited: false }),
            // sizeLimitExceeded, adminLimitExceeded
            4 | 11 => Ok(Found { entries, limited: true }),
            // noSuchObject: the entry itself is gone, or nothing is to be seen where all should be, which says nothing about
            // anybody.
            32 if scope == Scope::Base => Ok(Found { entries: Vec::new(), limited: false }),
            10 => Err(self.trouble("it refers to another server, which is never followed")),
            _ => Err(self.trouble(&result.to_string())),
        }
    }

    /// The server's name for whoever is bound; empty for nobody.
    pub(super) async fn who_am_i(&mut self) -> Result<String> {
        let asked = self.ldap.extended(WhoAmI).await;
        let answer = asked.map_err(|error| self.trouble(&error.to_string()))?;
        if answer.1.rc != 0 {
            return Err(self.trouble(&format!("it does not say who is bound: {}", answer.1)));
        }
        String::from_utf8(answer.0.val.unwrap_or_default()).map_err(|_| self.trouble("a malformed name"))
    }

    /// What the server can do; asked once.
    pub(super) async fn abilities(&mut self) -> Result<Abilities> {
        if let Some(abilities) = self.abilities {
            return Ok(abilities);
        }
        let attributes = ["supportedCapabilities", "supportedExtension"];
        let found = self.search("", Scope::Base, "(objectClass=*)", &attributes, 1).await?;
        let root = found.entries.into_iter().next().unwrap_or_default();
        let abilities = Abilities {
            is_active_directory: root.values("supportedCapabilities").any(|oid| oid == ACTIVE_DIRECTORY),
            who_am_i: root.values("supportedExtension").any(|oid| oid == WHO_AM_I),
        };
        self.abilities = Some(abilities);
        Ok(abilities)
    }

    /// The gate's reason, where it had one.
    fn trouble(&self, otherwise: &str) -> Refusal {
        match self.gate.fault() {
            Some(fault) => Refusal::Unavailable(fault.to_string()),
            None => Refusal::Unavailable(otherwise.to_owned()),
        }
    }

    /// Whether the server, not its answer, is to blame: another one may do better.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.gate.fault(), Some(gate::Fault::Broken | gate::Fault::Ended))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}
