//! Passwords of local accounts: the rules for new ones, Argon2id for stored ones.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::random::{self, NoRandomness, Random};

/// The shortest password, in characters (DISA Application Security STIG: 15).
pub(super) const MIN_CHARACTERS: usize = 15;
/// The longest password, in bytes, so that nobody can make us hash megabytes.
pub(super) const MAX_BYTES: usize = 1024;
/// How many hashes are computed at once: each takes 19 MiB and a core for some tens of milliseconds.
const PARALLEL_HASHES: usize = 2;

const COMMON: &str = include_str!("common-passwords.txt");

/// A password as typed. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct PlainPassword(Zeroizing<String>);

/// A password that cannot be one, so that no account need be asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable;

impl PlainPassword {
    /// Refuses what no account can have: an empty password (which a directory would take for an
    /// anonymous bind, RFC 4513 section 5.1.2), one with NUL, one that is too long.
    pub fn parse(typed: String) -> Result<Self, Unusable> {
        let typed = Zeroizing::new(typed);
        let usable = !typed.trim().is_empty() && !typed.contains('\0') && typed.len() <= MAX_BYTES;
        if usable { Ok(Self(typed)) } else { Err(Unusable) }
    }

    /// For the directory, which checks it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password of 100 random bits that can be typed: `xxxxx-xxxxx-xxxxx-xxxxx`.
pub fn generate(random: &dyn Random) -> Result<String, NoRandomness> {
    let letters = data_encoding::BASE32_NOPAD.encode(&random::bytes::<13>(random)?).to_lowercase();
    let characters: Vec<char> = letters.chars().take(20).collect();
    Ok(characters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

/// Why a new password is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a password has at least {MIN_CHARACTERS} characters")]
    Short,
    #[error("this password is in the list of common ones")]
    Common,
    #[error("a password does not contain the user name")]
    ContainsName,
}

/// The rules for a new password (NIST SP 800-63B: length and a list of common ones, no composition).
pub(super) fn check_new(password: &PlainPassword, username: &str) -> Result<(), Weak> {
    let folded = password.0.to_lowercase();
    if password.0.chars().count() < MIN_CHARACTERS {
        return Err(Weak::Short);
    }
    if COMMON.lines().any(|common| common == folded) || is_repetitive(&folded) {
        return Err(Weak::Common);
    }
    if username.chars().count() >= 4 && folded.contains(username) {
        return Err(Weak::ContainsName);
    }
    Ok(())
}

/// One short piece over and over ("aaaaaaaaaaaaaaa", "abcabcabcabcabc").
fn is_repetitive(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    (1..=4).any(|period| characters.iter().zip(characters.iter().skip(period)).all(|(a, b)| a == b))
}

/// Hashes and checks passwords, a bounded number at once.
#[derive(Clone)]
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    random: Arc<dyn Random>,
    /// The hash of a password that nobody knows: an unknown name costs what a known one does.
    decoy: Arc<str>,
}

/// The password could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("a password could not be hashed: {0}")]
    Hashing(String),
}

impl Passwords {
    pub(super) fn new(random: Arc<dyn Random>) -> Result<Self, Error> {
        let secret = data_encoding::BASE64.encode(&random::bytes::<32>(random.as_ref())?);
        let decoy = hash(random.as_ref(), secret.as_bytes())?;
        Ok(Self { permits: Arc::new(Semaphore::new(PARALLEL_HASHES)), random, decoy: decoy.into() })
    }

    /// A PHC string (`$argon2id$v=19$…`) with a fresh salt. Blocks for some tens of milliseconds.
    pub(super) fn hash_blocking(&self, password: &PlainPassword) -> Result<String, Error> {
        hash(self.random.as_ref(), password.bytes())
    }

    /// Whether the password is the one behind `stored`; `None` does the same work and is always false. So is everything, without
    /// the work, once nobody wants to know: `wanted` is asked when there is a place to hash.
    pub(super) async fn verify(
        &self,
        password: PlainPassword,
        stored: Option<String>,
        wanted: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, Error> {
        let decoy = self.decoy.clone();
        self.run(move || {
            if !wanted() {
                return Ok(false);
            }
            let known = stored.is_some();
            let phc = stored.as_deref().unwrap_or(&decoy);
            verify(phc, password.bytes()).map(|matches| matches && known)
        })
        .await?
    }

    /// Runs a job that hashes: no more of them at once than there is memory for.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let unavailable = |what: &str| Error::Hashing(what.to_owned());
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| unavailable("shutting down"))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job()
        })
        .await
        .map_err(|_| unavailable("the check was interrupted"))
    }
}

fn hash(random: &dyn Random, password: &[u8]) -> Result<String, Error> {
    let salt = random::bytes::<16>(random)?;
    let hashed = Argon2::default().hash_password_with_salt(password, &salt);
    hashed.map(|phc| phc.to_string()).map_err(|error| Error::Hashing(error.to_string()))
}

fn verify(phc: &str, password: &[u8]) -> Result<bool, Error> {
    let stored = PasswordHash::new(phc).map_err(|error| Error::Hashing(error.to_string()))?;
    match Argon2::default().verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(Error::Hashing(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    fn password(text: &str) -> PlainPassword {
        PlainPassword::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn passwords_that_would_bind_anonymously_are_refused_before_anything_else() {
        for typed in ["", " ", "\0", "abc\0def", "\u{2003}\u{a0}", &"x".repeat(MAX_BYTES + 1)] {
            assert!(PlainPassword::parse(typed.to_owned()).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn new_passwords_are_long_and_uncommon() {
        assert_eq!(check_new(&password("only-fourteen-"), "alice"), Err(Weak::Short));
        assert_eq!(check_new(&password("passwordpassword"), "alice"), Err(Weak::Common));
        assert_eq!(check_new(&password("Passwordpassword"), "alice"), Err(Weak::Common));
        assert_eq!(check_new(&password("abcabcabcabcabcabc"), "alice"), Err(Weak::Common));
        assert_eq!(check_new(&password("my name is Alice now"), "alice"), Err(Weak::ContainsName));
        assert_eq!(check_new(&password("salt marsh, nine herons"), "alice"), Ok(()));
    }

    #[test]
    fn generated_passwords_keep_the_rules() {
        let generated = generate(&SystemRandom::new()).unwrap();
        assert_eq!(generated.len(), 23, "{generated}");
        assert_eq!(check_new(&password(&generated), "alice"), Ok(()));
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_matches() {
        let passwords = Passwords::new(Arc::new(SystemRandom::new())).unwrap();
        let right = password("salt marsh, nine herons");
        let stored = passwords.hash_blocking(&right).unwrap();
        assert!(passwords.verify(right.clone(), Some(stored.clone()), || true).await.unwrap());
        assert!(!passwords.verify(password("salt marsh, ten herons!"), Some(stored), || true).await.unwrap());
        assert!(!passwords.verify(right, None, || true).await.unwrap());
    }
}
