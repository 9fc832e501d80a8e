//! Whatever is written is read back; whatever is foreign is refused.

use proptest::prelude::*;
use redoubt_audit::ssh::{Certificate, PrivateKey, Signature, Terms, TrustedRoot};

use crate::{armoured, certificate, root, terms};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(
        seed: [u8; 32],
        nonce: [u8; 32],
        serial: u64,
        key_id in "[ -~]{0,40}",
        principals in prop::collection::vec("[a-zé]{1,20}", 1..=16),
        valid_after in 0..u64::MAX,
        file: Vec<u8>,
        check: u32,
    ) {
        let key = PrivateKey::from_seed(seed, &key_id).unwrap();
        let text = key.to_text(check).unwrap();
        prop_assert_eq!(PrivateKey::parse(&text).unwrap().to_text(check).unwrap(), text);
        let terms = Terms { key: key.public(), serial, key_id, principals, valid_after, valid_before: u64::MAX };
        let certificate = Certificate::issue(terms, nonce, &root(1)).unwrap();
        prop_assert_eq!(&Certificate::from_blob(&certificate.blob().unwrap()).unwrap(), &certificate);
        let signature = Signature::sign_certified(&file, "a", key.pair(), certificate).unwrap();
        let read = Signature::parse(&signature.to_text().unwrap()).unwrap();
        prop_assert_eq!(&read, &signature);
        prop_assert!(read.verify(&file, "a").is_ok());
    }

    #[test]
    fn foreign_bytes_are_refused_and_never_panic(bytes: Vec<u8>, cut in 0..400_usize) {
        let good = certificate(terms()).blob().unwrap();
        let mixed = [&good[..cut.min(good.len())], &bytes].concat();
        for bytes in [&bytes, &mixed] {
            if let Ok(certificate) = Certificate::from_blob(bytes) {
                prop_assert_eq!(&certificate.blob().unwrap(), bytes);
            }
            prop_assert!(Signature::parse(&armoured("SSH SIGNATURE", bytes)).is_err());
            prop_assert!(PrivateKey::parse(&armoured("OPENSSH PRIVATE KEY", bytes)).is_err());
            prop_assert!(TrustedRoot::parse_all(&String::from_utf8_lossy(bytes)).is_err());
        }
    }
}
