//! StartTLS that is refused, stripped, confused or raced: nothing but the request for it is ever sent in the clear.

use super::asking::{Asking, assert_unavailable, good_certificate};
use crate::support::hostile_ldap::{Before, Hostile, World};

const PASSWORD: &str = "salt marsh, nine herons";

#[tokio::test]
async fn cve_2024_5967_nothing_secret_is_sent_without_tls() {
    let (_folder, ca, issued) = good_certificate();
    for before in [
        Before::Refuse(2),
        Before::Refuse(52),
        Before::Strip,
        Before::Inject,
        Before::Confuse,
        Before::Silent,
    ] {
        let server = Hostile::start(before, &issued, World::with_alice(PASSWORD));
        let url = server.url();
        assert!(url.starts_with("ldap://"));
        let asking = Asking::servers(&[url], &ca, "", |config| config.connect_seconds = 1);
        assert_unavailable(asking.verify("alice", PASSWORD).await, "");
        let plain = server.plain();
        let has = |secret: &str| plain.windows(secret.len()).any(|window| window == secret.as_bytes());
        for secret in [PASSWORD, "ebb and flow", "alice", "redoubt"] {
            assert!(!has(secret), "{before:?}: {secret} in the clear");
        }
        assert!(has("1.3.6.1.4.1.1466.20037"), "{before:?}: no request for TLS");
        assert_eq!(server.requests(), [], "{before:?}");
    }
}
