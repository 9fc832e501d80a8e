//! Signatures of files, of every form that is not the one form.

use redoubt_audit::Error;
use redoubt_audit::ssh::{NAMESPACE, PublicKey, Signature, Signer, Terms, TrustedRoot, verify_file};

use crate::{
    SIGNATURE, TIME, armoured, certificate, certified, epoch, root, string, terms, trusted, unarmoured,
};

#[test]
fn a_signature_is_the_known_one() {
    let signature = Signature::sign(b"abc\n", NAMESPACE, &epoch()).unwrap();
    assert_eq!(signature.to_text().unwrap(), SIGNATURE);
    let read = Signature::parse(SIGNATURE).unwrap();
    assert_eq!(read, signature);
    assert_eq!(read.verify(b"abc\n", NAMESPACE).unwrap(), &Signer::Key(PublicKey::of(&epoch())));
    assert!(include_str!("../../FORMAT.md").contains(&format!("```\n{SIGNATURE}```")));
}

#[test]
fn no_bit_of_a_certified_signature_can_be_changed() {
    let (text, roots) = (certified().to_text().unwrap(), [trusted(1)]);
    let verified = |text: &str| {
        Signature::parse(text).and_then(|read| verify_file(&roots, b"abc\n", &read, TIME).map(|_| ()))
    };
    verified(&text).unwrap();
    for bit in 0..text.len() * 8 {
        let mut bad = text.clone().into_bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        // What is no text is refused where the file is read.
        if let Ok(bad) = str::from_utf8(&bad) {
            assert!(verified(bad).is_err(), "bit {bit}");
        }
    }
    for length in 0..text.len() {
        assert!(verified(&text[..length]).is_err(), "{length} bytes");
    }
    let blob = unarmoured(&text);
    for bit in 0..blob.len() * 8 {
        let mut bad = blob.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verified(&armoured("SSH SIGNATURE", &bad)).is_err(), "bit {bit} of the blob");
    }
}

#[test]
fn a_signature_holds_for_its_file_its_namespace_and_its_root_while_its_certificate_does() {
    let signature = certified();
    let holds = |roots: &[TrustedRoot], file: &[u8], time| {
        verify_file(roots, file, &signature, time).map(|certificate| certificate.terms().serial)
    };
    let refused = |result: Result<u64, Error>| match result {
        Err(Error::SignatureRefused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(holds(&[trusted(2), trusted(1)], b"abc\n", TIME).unwrap(), 7);
    assert_eq!(holds(&[trusted(1)], b"abc\n", TIME - 100).unwrap(), 7);
    assert_eq!(holds(&[trusted(1)], b"abc\n", TIME + 99).unwrap(), 7);
    assert!(refused(holds(&[trusted(1)], b"abc", TIME)).contains("this file"));
    assert!(refused(holds(&[trusted(2)], b"abc\n", TIME)).contains("not trusted"));
    assert!(refused(holds(&[], b"abc\n", TIME)).contains("not trusted"));
    assert!(refused(holds(&[trusted(1)], b"abc\n", TIME - 101)).contains("not yet"));
    assert!(refused(holds(&[trusted(1)], b"abc\n", TIME + 100)).contains("no longer"));
    assert!(matches!(signature.verify(b"abc\n", "file"), Err(Error::SignatureRefused(_))));
}

#[test]
fn keys_that_no_root_has_certified_for_the_bundle_are_refused() {
    let plain = Signature::sign(b"abc\n", NAMESPACE, &root(1)).unwrap();
    // Not even the root signs a bundle itself.
    assert!(verify_file(&[trusted(1)], b"abc\n", &plain, TIME).is_err());
    let other = certificate(Terms { principals: vec!["somebody".to_owned()], ..terms() });
    let other = Signature::sign_certified(b"abc\n", NAMESPACE, &epoch(), other).unwrap();
    assert!(verify_file(&[trusted(1)], b"abc\n", &other, TIME).is_err());
    let elsewhere = Signature::sign_certified(b"abc\n", "file", &epoch(), certificate(terms())).unwrap();
    assert!(verify_file(&[trusted(1)], b"abc\n", &elsewhere, TIME).is_err());
    assert!(Signature::sign_certified(b"abc\n", NAMESPACE, &root(1), certificate(terms())).is_err());
}

/// A signature of which any field may be another one; the key has really signed what the fields say.
struct Fields {
    version: u32,
    key: Vec<u8>,
    namespace: &'static str,
    reserved: &'static str,
    hash: &'static str,
    algorithm: &'static str,
    behind: &'static [u8],
    behind_signature: &'static [u8],
}

impl Fields {
    fn good() -> Self {
        Self {
            version: 1,
            key: PublicKey::of(&epoch()).blob(),
            namespace: NAMESPACE,
            reserved: "",
            hash: "sha512",
            algorithm: "ssh-ed25519",
            behind: b"",
            behind_signature: b"",
        }
    }

    fn text(&self) -> String {
        let digest = match self.hash {
            "sha256" => ring::digest::digest(&ring::digest::SHA256, b"abc\n"),
            _ => ring::digest::digest(&ring::digest::SHA512, b"abc\n"),
        };
        let common = [string(self.namespace), string(self.reserved), string(self.hash)].concat();
        let signed = [b"SSHSIG".as_slice(), &common, &string(digest)].concat();
        let signature =
            [string(self.algorithm), string(epoch().sign(&signed)), self.behind_signature.to_vec()].concat();
        let blob = [
            b"SSHSIG".as_slice(),
            &self.version.to_be_bytes(),
            &string(&self.key),
            &common,
            &string(signature),
            self.behind,
        ];
        armoured("SSH SIGNATURE", &blob.concat())
    }
}

#[test]
fn signatures_of_another_form_are_refused_though_the_key_made_them() {
    assert_eq!(Fields::good().text(), SIGNATURE);
    let good = Fields::good;
    let rsa = [string("ssh-rsa"), string([1, 0, 1]), string([0x55; 256])].concat();
    for (what, text) in [
        ("another version", Fields { version: 2, ..good() }.text()),
        ("no namespace", Fields { namespace: "", ..good() }.text()),
        ("a reserved field", Fields { reserved: "x", ..good() }.text()),
        ("another hash that OpenSSH admits", Fields { hash: "sha256", ..good() }.text()),
        ("an unknown hash", Fields { hash: "sha513", ..good() }.text()),
        ("another algorithm than the key's", Fields { algorithm: "rsa-sha2-512", ..good() }.text()),
        ("another key's algorithm", Fields { key: rsa, ..good() }.text()),
        ("no key", Fields { key: Vec::new(), ..good() }.text()),
        ("bytes behind it", Fields { behind: b"x", ..good() }.text()),
        ("bytes behind the inner signature", Fields { behind_signature: b"x", ..good() }.text()),
        ("longer lines", SIGNATURE.replacen("hcv\n", "hcv", 1)),
        ("CRLF", SIGNATURE.replace('\n', "\r\n")),
        ("no newline at its end", SIGNATURE.trim_end().to_owned()),
        ("text behind it", format!("{SIGNATURE}\n")),
        ("text before it", format!("\n{SIGNATURE}")),
        ("no padding", SIGNATURE.replace("==", "")),
        ("another label", SIGNATURE.replace("SSH SIGNATURE", "SSH2 SIGNATURE")),
        ("nothing", String::new()),
        ("only the frame", armoured("SSH SIGNATURE", b"")),
        ("64 KiB", armoured("SSH SIGNATURE", &[0; 64 << 10])),
    ] {
        assert!(matches!(Signature::parse(&text), Err(Error::BadSsh { .. })), "{what}");
    }
    for namespace in ["", "a\nb", &"n".repeat(257)] {
        assert!(Signature::sign(b"", namespace, &epoch()).is_err(), "{namespace:?}");
    }
}
