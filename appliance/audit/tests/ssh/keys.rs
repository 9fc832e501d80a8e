//! Public keys as lines, private keys as files.

use redoubt_audit::ssh::{PrivateKey, PublicKey};

use crate::{LINE, armoured, epoch, root, string, unarmoured};

#[test]
fn a_public_key_is_the_known_line() {
    let key = PublicKey::of(&epoch());
    assert_eq!(key.blob().len(), 51);
    assert_eq!(key.line("").unwrap(), LINE);
    assert_eq!(PublicKey::parse_line(LINE).unwrap(), (key, ""));
    let commented = key.line("of the test").unwrap();
    assert_eq!(PublicKey::parse_line(&commented).unwrap(), (key, "of the test"));
}

#[test]
fn public_keys_of_another_form_are_refused() {
    let blob = PublicKey::of(&epoch()).blob();
    for (what, bad) in [
        ("bytes behind it", [blob.as_slice(), &[0]].concat()),
        ("a shorter key", [string("ssh-ed25519"), string([1; 31])].concat()),
        ("another algorithm", [string("ssh-ed25518"), string([1; 32])].concat()),
        ("a length of 4 GiB", [0xff; 36].to_vec()),
    ] {
        assert!(PublicKey::from_blob(&bad).is_err(), "{what}");
    }
    for length in 0..blob.len() {
        assert!(PublicKey::from_blob(&blob[..length]).is_err(), "{length} bytes");
    }
    for line in [
        "",
        "ssh-ed25519",
        "ssh-rsa AAAA",
        "ssh-ed25519 *",
        &LINE.replace(' ', "  "),
        &format!("{LINE} \u{7}"),
    ] {
        assert!(PublicKey::parse_line(line).is_err(), "{line}");
    }
}

#[test]
fn a_private_key_is_read_back() {
    let key = PrivateKey::from_seed([3; 32], "install root").unwrap();
    let text = key.to_text(0x0102_0304).unwrap();
    let read = PrivateKey::parse(&text).unwrap();
    assert_eq!((read.public(), read.comment()), (PublicKey::of(&root(3)), "install root"));
    assert_eq!(read.to_text(0x0102_0304).unwrap(), text);
    assert!(PrivateKey::from_seed([3; 32], "two\nlines").is_err());
}

/// Besides the seed with its public key, the check number and the comment say anything one likes.
#[test]
fn a_private_key_with_a_changed_bit_is_refused_or_the_same_key() {
    let text = PrivateKey::from_seed([3; 32], "root").unwrap().to_text(0).unwrap();
    let blob = unarmoured(&text);
    for bit in 0..blob.len() * 8 {
        let mut bad = blob.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(key) = PrivateKey::parse(&armoured("OPENSSH PRIVATE KEY", &bad)) {
            assert_eq!(key.public(), PublicKey::of(&root(3)), "bit {bit}");
            assert_ne!(key.comment(), "root", "bit {bit}");
        }
    }
    for length in 0..blob.len() {
        assert!(PrivateKey::parse(&armoured("OPENSSH PRIVATE KEY", &blob[..length])).is_err());
    }
}
