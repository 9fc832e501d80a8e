//! The formats of OpenSSH against known answers, and against every single bit that somebody might change.
//! `ssh_keygen.rs` holds them against `ssh-keygen` itself.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

mod certificate;
mod keys;
mod properties;
mod signature;
mod signers;

use data_encoding::{BASE64, HEXLOWER};
use redoubt_audit::ssh::{Certificate, NAMESPACE, PRINCIPAL, PublicKey, Signature, Terms, TrustedRoot};
use ring::signature::Ed25519KeyPair;

/// The key of RFC 8032 test 1.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
/// What `ssh-keygen -Y sign` of OpenSSH 9.2 makes of `abc\n` with it.
const SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg11qYAYKxCrfVS/7TyWQHOg7hcv
PapiMlrwIaaPcHURoAAAAUYXVkaXQtYnVuZGxlQHJlZG91YnQAAAAAAAAABnNoYTUxMgAA
AFMAAAALc3NoLWVkMjU1MTkAAABA2pICxQwNETC2qCJRbtGiyVJ7gklWRe3opNCOzXxSe7
txUgSW++RoerJEPhzU5YLgyYwOfb5NAlbWRjBU+NbRAg==
-----END SSH SIGNATURE-----
";
const TIME: u64 = 1_795_422_350;

fn epoch() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&HEXLOWER.decode(SEED.as_bytes()).unwrap()).unwrap()
}

fn root(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn trusted(seed: u8) -> TrustedRoot {
    TrustedRoot { key: PublicKey::of(&root(seed)), comment: String::new() }
}

fn terms() -> Terms {
    Terms {
        key: PublicKey::of(&epoch()),
        serial: 7,
        key_id: "redoubt/test epoch 7".to_owned(),
        principals: vec![PRINCIPAL.to_owned()],
        valid_after: TIME - 100,
        valid_before: TIME + 100,
    }
}

fn certificate(terms: Terms) -> Certificate {
    Certificate::issue(terms, [9; 32], &root(1)).unwrap()
}

fn certified() -> Signature {
    Signature::sign_certified(b"abc\n", NAMESPACE, &epoch(), certificate(terms())).unwrap()
}

/// A string of SSH, without this package's writer.
fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// The armour, without this package's.
fn armoured(label: &str, blob: &[u8]) -> String {
    let text = BASE64.encode(blob);
    let lines: Vec<_> = text.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn unarmoured(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64.decode(body.as_bytes()).unwrap()
}
