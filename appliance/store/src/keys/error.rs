use std::io;
use std::path::PathBuf;

use super::Kind;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there are no key slots at {}", .0.display())]
    NoSlots(PathBuf),
    #[error("{}: {why}", path.display())]
    DamagedSlots { path: PathBuf, why: String },
    /// There is no such way of opening this store.
    #[error("the store has no slot for a {0}")]
    NoSlot(Kind),
    /// A slot does not match its own checksum, whatever the key.
    #[error("the slot for a {0} is damaged")]
    DamagedSlot(Kind),
    #[error("the {0} is not one of this store")]
    WrongKey(Kind),
    #[error("{} is not a key file: {why}", path.display())]
    BadKeyFile { path: PathBuf, why: &'static str },
    #[error("that is not a recovery key: {0}")]
    BadRecoveryKey(&'static str),
    #[error("that cannot be a passphrase: {0}")]
    BadPassphrase(&'static str),
    #[error("the store has no slot {0}")]
    UnknownSlot(String),
    #[error("that is the last slot: without it nobody opens the store again")]
    LastSlot,
    #[error("there are {} slots, and no more are kept", super::MAX_SLOTS)]
    TooManySlots,
    #[error("{}: {why}", path.display())]
    Io { path: PathBuf, why: io::Error },
    #[error(transparent)]
    Store(#[from] crate::Error),
}
