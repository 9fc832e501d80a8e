//! Randomness, as an argument: tokens, secrets, ids and salts all come from the source given here.

use ring::rand::{SecureRandom, SystemRandom};

/// The kernel gave no random bytes. Nothing that needs them may go on.
#[derive(Debug, thiserror::Error)]
#[error("the system has no random bytes to give")]
pub struct NoRandomness;

/// A source of random bytes fit for secrets.
pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        SecureRandom::fill(self, bytes).map_err(|_| NoRandomness)
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A new random id (UUID version 4, 122 random bits: not to be guessed).
pub fn id(random: &dyn Random) -> Result<String, NoRandomness> {
    Ok(uuid::Builder::from_random_bytes(bytes(random)?).into_uuid().to_string())
}
