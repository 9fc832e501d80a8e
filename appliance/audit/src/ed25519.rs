//! Ed25519 (RFC 8032) in arrays: what notes and the formats of OpenSSH have in common.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// The public half of `pair`.
pub(crate) fn public_key(pair: &Ed25519KeyPair) -> [u8; 32] {
    array(pair.public_key().as_ref())
}

pub(crate) fn sign(pair: &Ed25519KeyPair, message: &[u8]) -> [u8; 64] {
    array(pair.sign(message).as_ref())
}

/// Whether `signature` is that of `public` under `message`.
pub(crate) fn verifies(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// `ring` lends keys and signatures as slices, whose lengths RFC 8032 fixes.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
