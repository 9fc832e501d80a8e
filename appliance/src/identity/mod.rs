//! Who is asking: accounts, passwords, one-time codes, lockout, sessions.
//!
//! Sign-in has two steps. The first checks name and password (`credentials`: local accounts and the directory's) or a
//! certificate (`certificate`) and opens a *pending* session that can do nothing but the second: the one-time code, a recovery code, or the
//! enrolment of an authenticator (`factor`). No other place in the appliance checks a password or a code.

mod accounts;
mod api_key;
mod attempts;
mod caller;
pub mod certificate;
mod credentials;
mod ending;
mod error;
mod factor;
mod lapses;
mod limits;
mod lockout;
mod mapping;
mod mappings;
mod name;
mod password;
mod people;
mod presence;
mod provision;
pub mod qr;
mod reauthentication;
mod recheck;
mod recovery;
mod session;
mod sessions;
mod sign_in;
mod totp;

use std::sync::Arc;

use redoubt_store::{Clock, Store};

pub use accounts::{NewPerson, NewUser};
pub use api_key::{ApiCaller, KeyScope, ListedKey, MOST_KEY_DAYS, NewKey, PlainApiKey, RefusedKey};
pub use caller::{
    Admin, Administrator, Analyst, Anyone, Auditor, By, Caller, Console, Proven, ProvenAdministrator,
    ProvenAuditor, RoleSet, SessionHolder,
};
pub use credentials::First;
pub use ending::OnEnd;
pub use error::Error;
pub use factor::Factor;
pub use mapping::{Given, Mapped, MappedGroup, NoRole, Rule};
pub use mappings::{Change, DryRun, NewMapping, Reasons};
pub use name::Username;
pub use password::{PlainPassword, Weak, generate as generate_password};
pub use people::{Changes, PersonView, State};
pub use presence::Heard;
pub use reauthentication::{Again, Purpose};
pub use session::{HashedToken, PENDING_SECONDS, PlainToken, SignedInSession};
pub use sign_in::{Attempt, Enrolment, Next, SignedIn};
pub use totp::TotpSecret;
pub(crate) use totp::reseal;

use crate::config::{self, SignIn};
use crate::directory::Directory;
use crate::random::Random;
use crate::refusals::Refusals;
use attempts::Attempts;
use certificate::Authority;
use password::Passwords;
use presence::Presence;

/// Everything about people and their sessions.
#[derive(Clone)]
pub struct Identity {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    passwords: Passwords,
    refusals: Refusals,
    attempts: Attempts,
    limits: SignIn,
    directory: Option<Directory>,
    directory_settings: Arc<config::Directory>,
    presence: Presence,
    certificates: Option<Authority>,
    on_end: OnEnd,
}

/// What it is built from.
pub struct Parts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub refusals: Refusals,
    pub limits: SignIn,
    /// Whose people may sign in, too.
    pub directory: Option<Directory>,
    /// Its section of the configuration: how often it is asked, and what its groups mean.
    pub directory_settings: config::Directory,
    /// Whose certificates let people sign in.
    pub certificates: Option<Authority>,
    /// Stops what runs in a session that ended.
    pub on_end: OnEnd,
}

impl Identity {
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let Parts {
            store,
            clock,
            random,
            refusals,
            limits,
            directory,
            directory_settings,
            certificates,
            on_end,
        } = parts;
        Ok(Self {
            passwords: Passwords::new(random.clone())?,
            store,
            clock,
            random,
            refusals,
            attempts: Attempts::default(),
            limits,
            directory,
            directory_settings: Arc::new(directory_settings),
            presence: Presence::default(),
            certificates,
            on_end,
        })
    }
}
