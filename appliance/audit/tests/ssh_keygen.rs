//! The formats of OpenSSH against `ssh-keygen`: what this package writes it reads, and the other way round.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of these tests fail as the tests do")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Output, Stdio};

use data_encoding::BASE64;
use redoubt_audit::ssh::{
    Certificate, NAMESPACE, PRINCIPAL, PrivateKey, PublicKey, Signature, Terms, TrustedRoot, verify_file,
};
use tempfile::TempDir;

/// 2026-11-23 00:00:00 UTC, and a year later.
const VALID_AFTER: u64 = 1_795_392_000;
const VALID_BEFORE: u64 = 1_826_928_000;
const WITHIN: &str = "20261123082550";
const WITHIN_SECONDS: u64 = 1_795_422_350;
const MANIFEST: &[u8] =
    b"d18cc3e5c308d82889cc5dc7182b7522efa136129628fdb7a6286f3061694c44  records/00000000.jsonl\n";

fn root() -> PrivateKey {
    PrivateKey::from_seed([1; 32], "install root").unwrap()
}

fn epoch() -> PrivateKey {
    PrivateKey::from_seed([2; 32], "epoch 7").unwrap()
}

fn certificate() -> Certificate {
    let terms = Terms {
        key: epoch().public(),
        serial: 7,
        key_id: "redoubt/test epoch 7".to_owned(),
        principals: vec![PRINCIPAL.to_owned()],
        valid_after: VALID_AFTER,
        valid_before: VALID_BEFORE,
    };
    Certificate::issue(terms, [9; 32], root().pair()).unwrap()
}

fn certified() -> String {
    let signature = Signature::sign_certified(MANIFEST, NAMESPACE, epoch().pair(), certificate()).unwrap();
    signature.to_text().unwrap()
}

fn trust(root: &PrivateKey) -> String {
    TrustedRoot { key: root.public(), comment: root.comment().to_owned() }.line().unwrap() + "\n"
}

/// A folder in which `ssh-keygen` runs, with UTC for local time.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// `ssh-keygen` refuses private keys that others can read.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
        file.write_all(content.as_ref()).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let child = Command::new("ssh-keygen")
            .args(arguments)
            .current_dir(self.0.path())
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("ssh-keygen: {error}; install openssh-client (Debian)"));
        // A verifier that refuses early does not read its input.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What it printed, where it must not fail.
    fn output(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, b"");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether `ssh-keygen -Y verify` accepts `MANIFEST.sig` for `manifest`, as an auditor asks it.
    fn verifies(&self, namespace: &str, principal: &str, time: &str, manifest: &[u8]) -> bool {
        let time = format!("verify-time={time}");
        let arguments =
            ["-Y", "verify", "-f", "allowed_signers", "-I", principal, "-n", namespace, "-O", &time];
        self.run(&[&arguments, ["-s", "MANIFEST.sig"].as_slice()].concat(), manifest).status.success()
    }
}

#[test]
fn it_reads_our_public_key_and_prints_our_fingerprint() {
    let folder = Folder::new();
    folder.write("key.pub", epoch().public().line("epoch 7").unwrap() + "\n");
    let expected = format!("256 {} epoch 7 (ED25519)\n", epoch().public().fingerprint());
    assert_eq!(folder.output(&["-l", "-f", "key.pub"]), expected);
}

#[test]
fn it_reads_our_private_key() {
    for comment in ["", "r", "ro", "roo", "root", "root!", "of the", "install", "installed"] {
        let folder = Folder::new();
        let key = PrivateKey::from_seed([1; 32], comment).unwrap();
        folder.write("key", key.to_text(0xdead_beef).unwrap());
        assert_eq!(folder.output(&["-y", "-f", "key"]), key.public().line(comment).unwrap() + "\n");
    }
}

#[test]
fn we_read_its_private_key_and_write_it_back() {
    let folder = Folder::new();
    folder.output(&["-q", "-t", "ed25519", "-N", "", "-C", "made by ssh-keygen", "-f", "key"]);
    let text = folder.read("key");
    let key = PrivateKey::parse(&text).unwrap();
    assert_eq!(key.public().line("made by ssh-keygen").unwrap() + "\n", folder.read("key.pub"));
    // Its check number is random, and stands behind 98 bytes that are the same for every key of this kind.
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let check = BASE64.decode(body.as_bytes()).unwrap()[98..102].try_into().unwrap();
    assert_eq!(key.to_text(u32::from_be_bytes(check)).unwrap(), text);
}

#[test]
fn a_private_key_with_a_passphrase_is_refused_with_what_to_do() {
    let folder = Folder::new();
    folder.output(&["-q", "-t", "ed25519", "-N", "secret", "-f", "key"]);
    let error = PrivateKey::parse(&folder.read("key")).err().unwrap().to_string();
    assert!(error.contains("ssh-keygen -p"), "{error}");
    folder.output(&["-q", "-p", "-P", "secret", "-N", "", "-f", "key"]);
    assert!(PrivateKey::parse(&folder.read("key")).is_ok());
}

#[test]
fn it_prints_our_certificate() {
    let folder = Folder::new();
    folder.write("key-cert.pub", certificate().line("epoch 7").unwrap() + "\n");
    let printed = folder.output(&["-L", "-f", "key-cert.pub"]);
    let lines: Vec<_> = printed.lines().skip(1).map(str::trim).collect();
    let public = format!("Public key: ED25519-CERT {}", epoch().public().fingerprint());
    let authority = format!("Signing CA: ED25519 {} (using ssh-ed25519)", root().public().fingerprint());
    assert_eq!(
        lines,
        [
            "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
            &public,
            &authority,
            "Key ID: \"redoubt/test epoch 7\"",
            "Serial: 7",
            "Valid: from 2026-11-23T00:00:00 to 2027-11-23T00:00:00",
            "Principals:",
            "redoubt",
            "Critical Options: (none)",
            "Extensions: (none)",
        ]
    );
}

#[test]
fn its_certificate_is_byte_for_byte_ours() {
    let folder = Folder::new();
    folder.write("root", root().to_text(1).unwrap());
    folder.write("key.pub", epoch().public().line("epoch 7").unwrap() + "\n");
    let validity = "20261123000000:20271123000000";
    let terms = ["-I", "redoubt/test epoch 7", "-n", PRINCIPAL, "-z", "7", "-V", validity];
    let issued = |options: &[&str]| {
        folder.output(&[["-q", "-s", "root"].as_slice(), &terms, options, &["key.pub"]].concat());
        folder.read("key-cert.pub").trim_end().to_owned()
    };
    let line = issued(&["-O", "clear"]);
    let (theirs, comment) = Certificate::parse_line(&line).unwrap();
    assert_eq!((theirs.terms(), comment), (certificate().terms(), "epoch 7"));
    // The nonce is the first string behind the algorithm.
    let nonce = theirs.blob().unwrap()[40..72].try_into().unwrap();
    let ours = Certificate::issue(theirs.terms().clone(), nonce, root().pair()).unwrap();
    assert_eq!(ours.line(comment).unwrap(), line);
    // Left to itself it adds extensions, which mean nothing here.
    assert!(Certificate::parse_line(&issued(&[])).is_err());
}

#[test]
fn it_verifies_our_certified_signature_and_nothing_else() {
    let folder = Folder::new();
    folder.write("MANIFEST.sig", certified());
    folder.write("allowed_signers", trust(&root()));
    assert!(folder.verifies(NAMESPACE, PRINCIPAL, WITHIN, MANIFEST));
    assert!(folder.verifies(NAMESPACE, PRINCIPAL, "20271122235959", MANIFEST), "the last second");
    assert!(!folder.verifies("file", PRINCIPAL, WITHIN, MANIFEST), "another namespace");
    assert!(!folder.verifies(NAMESPACE, "somebody", WITHIN, MANIFEST), "another principal");
    assert!(!folder.verifies(NAMESPACE, PRINCIPAL, "20271123000000", MANIFEST), "after its end");
    assert!(!folder.verifies(NAMESPACE, PRINCIPAL, "20261122235959", MANIFEST), "before its beginning");
    let mut changed = MANIFEST.to_vec();
    changed[0] ^= 1;
    assert!(!folder.verifies(NAMESPACE, PRINCIPAL, WITHIN, &changed), "a changed byte");
    folder.write("allowed_signers", trust(&epoch()));
    assert!(!folder.verifies(NAMESPACE, PRINCIPAL, WITHIN, MANIFEST), "another root");
}

/// What one of the two accepts the other accepts too, where a file may be one that somebody has changed.
#[test]
fn it_agrees_with_us_on_every_changed_byte_of_a_signature() {
    let (folder, text) = (Folder::new(), certified());
    folder.write("allowed_signers", trust(&root()));
    let roots = TrustedRoot::parse_all(&trust(&root())).unwrap();
    let body = 30..text.len() - 29;
    for position in body.step_by(41) {
        let mut bad = text.clone();
        let other = if &text[position..=position] == "A" { "B" } else { "A" };
        bad.replace_range(position..=position, other);
        let ours = Signature::parse(&bad)
            .and_then(|read| verify_file(&roots, MANIFEST, &read, WITHIN_SECONDS).map(|_| ()));
        assert!(ours.is_err(), "byte {position}");
        folder.write("MANIFEST.sig", &bad);
        assert!(!folder.verifies(NAMESPACE, PRINCIPAL, WITHIN, MANIFEST), "byte {position}");
    }
}

#[test]
fn its_signature_is_byte_for_byte_ours() {
    let folder = Folder::new();
    folder.write("key", epoch().to_text(1).unwrap());
    folder.write("MANIFEST", MANIFEST);
    folder.output(&["-q", "-Y", "sign", "-f", "key", "-n", NAMESPACE, "MANIFEST"]);
    let theirs = folder.read("MANIFEST.sig");
    let ours = Signature::sign(MANIFEST, NAMESPACE, epoch().pair()).unwrap();
    assert_eq!(theirs, ours.to_text().unwrap());
    let read = Signature::parse(&theirs).unwrap();
    assert_eq!(read.verify(MANIFEST, NAMESPACE).unwrap().key(), &epoch().public());
}

#[test]
fn its_certified_signature_is_byte_for_byte_ours() {
    let folder = Folder::new();
    folder.write("key", epoch().to_text(1).unwrap());
    folder.write("key-cert.pub", certificate().line("").unwrap() + "\n");
    folder.write("MANIFEST", MANIFEST);
    folder.output(&["-q", "-Y", "sign", "-f", "key-cert.pub", "-n", NAMESPACE, "MANIFEST"]);
    let theirs = folder.read("MANIFEST.sig");
    assert_eq!(theirs, certified());
    let roots = TrustedRoot::parse_all(&trust(&root())).unwrap();
    let read = Signature::parse(&theirs).unwrap();
    assert_eq!(verify_file(&roots, MANIFEST, &read, WITHIN_SECONDS).unwrap(), &certificate());
}

/// Other algorithms that OpenSSH knows are refused, though their signatures are good.
#[test]
fn its_signatures_by_other_keys_and_hashes_are_refused() {
    let folder = Folder::new();
    folder.write("MANIFEST", MANIFEST);
    folder.output(&["-q", "-t", "ecdsa", "-N", "", "-f", "ecdsa"]);
    folder.output(&["-q", "-Y", "sign", "-f", "ecdsa", "-n", NAMESPACE, "MANIFEST"]);
    assert!(Signature::parse(&folder.read("MANIFEST.sig")).is_err());
    folder.write("key", epoch().to_text(1).unwrap());
    fs::remove_file(folder.0.path().join("MANIFEST.sig")).unwrap();
    folder.output(&["-q", "-Y", "sign", "-O", "hashalg=sha256", "-f", "key", "-n", NAMESPACE, "MANIFEST"]);
    assert!(Signature::parse(&folder.read("MANIFEST.sig")).is_err());
    assert!(PublicKey::parse_line(folder.read("ecdsa.pub").trim_end()).is_err());
}
