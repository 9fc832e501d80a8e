//! Who is asking: accounts, passwords, one-time codes, lockout, sessions.
//!
//! Sign-in has two steps. The first checks name and password (`credentials`: local accounts and the directory's) and
//! opens a *pending* session that can do nothing but the second: the one-time code, a recovery code, or the
//! enrolment of an authenticator (`factor`). No other place in the appliance checks a password or a code.

mod accounts;
mod api_key;
mod caller;
mod credentials;
mod ending;
mod error;
mod factor;
mod limits;
mod lockout;
mod name;
mod password;
mod people;
pub mod qr;
mod reauthentication;
mod recovery;
mod session;
mod sessions;
mod sign_in;
mod totp;

use std::sync::Arc;

use redoubt_store::{Clock, Store};

pub use accounts::{NewPerson, NewUser};
pub use api_key::{ApiCaller, PlainApiKey};
pub use caller::{Admin, Analyst, Anyone, Auditor, By, Caller, Proven, RoleSet, SessionHolder};
pub use ending::OnEnd;
pub use error::Error;
pub use factor::Factor;
pub use name::Username;
pub use password::{PlainPassword, Weak, generate as generate_password};
pub use people::{Changes, PersonView, State};
pub use reauthentication::Purpose;
pub use session::{HashedToken, PENDING_SECONDS, PlainToken, SignedInSession};
pub use sign_in::{Attempt, Enrolment, Next, SignedIn};
pub use totp::TotpSecret;

use crate::config::SignIn;
use crate::random::Random;
use crate::refusals::Refusals;
use password::Passwords;

/// Everything about people and their sessions.
#[derive(Clone)]
pub struct Identity {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    passwords: Passwords,
    refusals: Refusals,
    limits: SignIn,
    on_end: OnEnd,
}

/// What it is built from.
pub struct Parts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub refusals: Refusals,
    pub limits: SignIn,
    /// Stops what runs in a session that ended.
    pub on_end: OnEnd,
}

impl Identity {
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let Parts { store, clock, random, refusals, limits, on_end } = parts;
        let passwords = Passwords::new(random.clone())?;
        Ok(Self { store, clock, random, passwords, refusals, limits, on_end })
    }
}
