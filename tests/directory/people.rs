//! Sign-in against a real directory.

use redoubt::config::Method;
use redoubt::directory::{DirectoryId, Refusal};

use super::asking::Asking;
use crate::support::slapd::{self, PASSWORD, PEOPLE};

#[tokio::test]
async fn somebody_signs_in_over_ldaps_and_over_start_tls() {
    let slapd = slapd::shared();
    let urls = [
        format!("ldaps://127.0.0.1:{}", slapd.ldaps),
        format!("ldap://127.0.0.1:{}", slapd.ldap),
        format!("ldaps://dc1.example:{}", slapd.ldaps),
    ];
    for url in urls {
        let asking =
            Asking::servers(std::slice::from_ref(&url), &slapd.ca, "127.0.0.1 dc1.example\n", |config| {
                config.attribute_display_name = "displayName".to_owned();
            });
        let alice = asking.verify("alice", PASSWORD).await.unwrap();
        assert_eq!(alice.dn, format!("uid=alice,{PEOPLE}"), "{url}");
        assert_eq!((alice.name.as_str(), alice.display_name.as_str()), ("alice", "Alice of the Marsh"));
        assert_eq!(asking.verify("alice", "another password").await, Err(Refusal::WrongPassword));
        assert_eq!(asking.verify("nobody", PASSWORD).await, Err(Refusal::Unknown));
        assert_eq!(asking.verify("twin", PASSWORD).await, Err(Refusal::Ambiguous));
        assert_eq!(asking.verify("without-password", PASSWORD).await, Err(Refusal::WrongPassword));
    }
}

#[tokio::test]
async fn an_id_stays_when_the_name_changes() {
    let slapd = slapd::Slapd::start();
    let asking = Asking::slapd(&slapd, |_| {});
    let before = asking.verify("dave", PASSWORD).await.unwrap();
    slapd.modify(&format!("dn: uid=dave,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=david\ndeleteoldrdn: 1\n"));
    assert_eq!(asking.verify("dave", PASSWORD).await, Err(Refusal::Unknown));
    let after = asking.verify("david", PASSWORD).await.unwrap();
    assert_eq!(after.id, before.id);
    let again = asking.directory.look_up(&before.id).await.unwrap();
    assert_eq!((again.name.as_str(), again.dn), ("david", format!("uid=david,{PEOPLE}")));
    slapd.modify(&format!("dn: uid=david,{PEOPLE}\nchangetype: delete\n"));
    assert_eq!(asking.directory.look_up(&before.id).await, Err(Refusal::Unknown));
}

#[tokio::test]
async fn whom_the_filter_no_longer_finds_is_refused_at_the_next_look() {
    let slapd = slapd::Slapd::start();
    let asking = Asking::slapd(&slapd, |config| {
        config.user_filter = "(&(uid={name})(!(description=left)))".to_owned();
    });
    let erin = asking.verify("erin", PASSWORD).await.unwrap();
    assert_eq!(asking.directory.look_up(&erin.id).await.unwrap(), erin);
    slapd
        .modify(&format!("dn: uid=erin,{PEOPLE}\nchangetype: modify\nadd: description\ndescription: left\n"));
    assert_eq!(asking.directory.look_up(&erin.id).await, Err(Refusal::Unknown));
    assert_eq!(asking.verify("erin", PASSWORD).await, Err(Refusal::Unknown));
}

#[tokio::test]
async fn a_direct_bind_escapes_the_name() {
    let asking = Asking::slapd(slapd::shared(), |config| {
        config.method = Method::Direct;
        config.user_dn = format!("uid={{name}},{PEOPLE}");
    });
    let alice = asking.verify("alice", PASSWORD).await.unwrap();
    assert_eq!(alice.dn, format!("uid=alice,{PEOPLE}"));
    assert!(!alice.groups.is_empty());
    assert_eq!(asking.verify("alice", "another password").await, Err(Refusal::WrongPassword));
    let odd = asking.verify("o'brien (x) *", PASSWORD).await.unwrap();
    assert_eq!(odd.name, "o'brien (x) *");
    // One component more would be another entry.
    assert_eq!(asking.verify("alice,ou=people", PASSWORD).await, Err(Refusal::Unknown));
}

#[tokio::test]
async fn names_with_signs_of_the_filter_language_find_themselves() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    assert_eq!(asking.verify("o'brien (x) *", PASSWORD).await.unwrap().name, "o'brien (x) *");
    for name in ["*", "ali*", "alice)(uid=*", "(uid=alice)", "alice\\", "al\0ice", "", " "] {
        assert_eq!(asking.verify(name, PASSWORD).await, Err(Refusal::Unknown), "{name:?}");
    }
}

#[tokio::test]
async fn whoever_nobody_knows_is_unknown() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    let id = DirectoryId::parse("00000000-0000-4000-8000-000000000000").unwrap();
    assert_eq!(asking.directory.look_up(&id).await, Err(Refusal::Unknown));
}
