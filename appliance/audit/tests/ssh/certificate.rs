//! Certificates, of every kind that is not the one kind.

use redoubt_audit::Error;
use redoubt_audit::ssh::{Certificate, MAX_PRINCIPALS, PRINCIPAL, PublicKey, Terms};

use crate::{TIME, certificate, epoch, root, string, terms};

#[test]
fn a_certificate_is_read_back_and_no_bit_of_it_can_be_changed() {
    let certificate = certificate(terms());
    assert_eq!((certificate.terms(), certificate.authority()), (&terms(), &PublicKey::of(&root(1))));
    let blob = certificate.blob().unwrap();
    assert_eq!(Certificate::from_blob(&blob).unwrap(), certificate);
    let line = certificate.line("epoch 7").unwrap();
    assert_eq!(Certificate::parse_line(&line).unwrap(), (certificate, "epoch 7"));
    for bit in 0..blob.len() * 8 {
        let mut bad = blob.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Certificate::from_blob(&bad).is_err(), "bit {bit}");
    }
    for length in 0..blob.len() {
        assert!(Certificate::from_blob(&blob[..length]).is_err(), "{length} bytes");
    }
    assert!(Certificate::from_blob(&[blob.as_slice(), &[0]].concat()).is_err());
}

/// Fields that this package does not write, signed by the root as it would.
#[test]
fn certificates_with_options_extensions_or_of_another_kind_are_refused() {
    let made = |kind: u32, options: &[u8], extensions: &[u8], reserved: &str, nonce: &[u8]| {
        let key = PublicKey::of(&epoch());
        let signed = [
            string("ssh-ed25519-cert-v01@openssh.com"),
            string(nonce),
            string(key.0),
            7_u64.to_be_bytes().to_vec(),
            kind.to_be_bytes().to_vec(),
            string("id"),
            string(string(PRINCIPAL)),
            0_u64.to_be_bytes().to_vec(),
            u64::MAX.to_be_bytes().to_vec(),
            string(options),
            string(extensions),
            string(reserved),
            string(PublicKey::of(&root(1)).blob()),
        ]
        .concat();
        let signature = [string("ssh-ed25519"), string(root(1).sign(&signed))].concat();
        Certificate::from_blob(&[signed, string(signature)].concat())
    };
    made(1, b"", b"", "", &[9; 32]).unwrap();
    let option = [string("force-command"), string(string("true"))].concat();
    let extension = [string("permit-pty"), string("")].concat();
    for (what, result) in [
        ("for a host", made(2, b"", b"", "", &[9; 32])),
        ("of no kind", made(0, b"", b"", "", &[9; 32])),
        ("an option", made(1, &option, b"", "", &[9; 32])),
        ("an extension", made(1, b"", &extension, "", &[9; 32])),
        ("a reserved field", made(1, b"", b"", "x", &[9; 32])),
        ("a short nonce", made(1, b"", b"", "", &[9; 16])),
    ] {
        assert!(matches!(result, Err(Error::BadSsh { .. })), "{what}");
    }
}

#[test]
fn certificates_that_say_nothing_definite_are_not_issued() {
    let many = vec!["a".to_owned(); MAX_PRINCIPALS + 1];
    for (what, bad) in [
        ("everybody", Terms { principals: Vec::new(), ..terms() }),
        ("nobody", Terms { principals: vec![String::new()], ..terms() }),
        ("too many", Terms { principals: many, ..terms() }),
        ("two lines", Terms { principals: vec!["a\nb".to_owned()], ..terms() }),
        ("a long key id", Terms { key_id: "i".repeat(257), ..terms() }),
        ("no time", Terms { valid_after: TIME, valid_before: TIME, ..terms() }),
    ] {
        assert!(Certificate::issue(bad, [9; 32], &root(1)).is_err(), "{what}");
    }
}
