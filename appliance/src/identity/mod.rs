//! Who is asking: accounts, passwords, one-time codes, lockout, sessions.
//!
//! Sign-in has two steps. The first checks name and password (local accounts; the directory joins here) and
//! opens a *pending* session that can do nothing but the second: the one-time code, a recovery code, or the
//! enrolment of an authenticator. No other place in the appliance checks a password or a code.

mod accounts;
mod api_key;
mod caller;
mod error;
mod lockout;
mod name;
mod password;
pub mod qr;
mod recovery;
mod session;
mod sign_in;
mod totp;

use std::sync::Arc;

use redoubt_store::{Clock, Store};

pub use accounts::NewUser;
pub use api_key::{ApiCaller, PlainApiKey};
pub use caller::{
    Admin, Administrator, Analyst, Anyone, Auditor, By, Caller, Proven, ProvenAdministrator, RoleSet,
};
pub use error::Error;
pub use name::Username;
pub use password::{PlainPassword, Weak};
pub use session::{HashedToken, PENDING_SECONDS, PlainToken, SignedInSession};
pub use sign_in::{Enrolment, Factor, Next, SignedIn};
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
}

impl Identity {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        refusals: Refusals,
        limits: SignIn,
    ) -> Result<Self, Error> {
        let passwords = Passwords::new(random.clone())?;
        Ok(Self { store, clock, random, passwords, refusals, limits })
    }
}
