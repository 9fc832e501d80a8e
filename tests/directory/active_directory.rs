//! Active Directory's answers, which no free server gives: its flags, its codes, its rule for groups, its ids.

use redoubt::config::{self, Method};
use redoubt::directory::{DirectoryId, Refusal};

use super::asking::{Scripted, assert_unavailable};
use crate::support::hostile_ldap::{
    Filter, Operation, Request, SERVICE, Somebody, World, bind, done, entry, extended,
};

const PASSWORD: &str = "salt marsh, nine herons";
/// {3f79048f-42cd-4c77-8426-835cd9f8a3ad} as it comes over the wire.
const GUID: [u8; 16] =
    [0x8f, 0x04, 0x79, 0x3f, 0xcd, 0x42, 0x77, 0x4c, 0x84, 0x26, 0x83, 0x5c, 0xd9, 0xf8, 0xa3, 0xad];
const GUID_TEXT: &str = "3f79048f-42cd-4c77-8426-835cd9f8a3ad";

fn alice() -> Somebody {
    let dn = "CN=Smith\\, Alice,OU=Staff,DC=example,DC=org".to_owned();
    let somebody = Somebody { dn, password: PASSWORD.to_owned(), attributes: Vec::new() };
    somebody
        .with("objectClass", b"user")
        .with("sAMAccountName", b"alice")
        .with("displayName", "Alice Smith ✓".as_bytes())
        .with("objectGUID", &GUID)
        .with("userAccountControl", b"512")
        .with("accountExpires", b"9223372036854775807")
}

fn world(alice: Somebody) -> World {
    let groups = vec![("CN=Ops,DC=example,DC=org".to_owned(), vec![alice.dn.clone()])];
    World { is_active_directory: true, who_am_i: true, people: vec![alice], groups }
}

fn scripted(alice: Somebody, refuse: Option<&'static str>) -> Scripted {
    let script = move |request: &Request| match (&request.operation, refuse) {
        (Operation::Bind { dn, .. }, Some(code)) if dn != SERVICE => {
            let text = format!(
                "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {code}, v4563"
            );
            Some(bind(request.id, 49, &text))
        }
        (Operation::Extended { .. }, _) => Some(extended(request.id, 0, "u:EXAMPLE\\alice")),
        _ => None,
    };
    Scripted::configured(world(alice), script, configure)
}

fn configure(config: &mut config::Directory) {
    config.user_filter = "(&(objectClass=user)(sAMAccountName={name}))".to_owned();
    config.group_filter = "(&(objectClass=group)(member={dn}))".to_owned();
    config.base = "dc=example,dc=org".to_owned();
    config.attribute_name = "sAMAccountName".to_owned();
    config.attribute_display_name = "displayName".to_owned();
}

#[tokio::test]
async fn somebody_of_active_directory_signs_in_and_is_found_again_by_their_guid() {
    // Its own world spells the base in capitals.
    let mut somebody = alice();
    somebody.dn = "CN=Smith\\, Alice,OU=Staff,dc=example,dc=org".to_owned();
    let scripted = scripted(somebody, None);
    let alice = scripted.verify("alice", PASSWORD).await.unwrap();
    assert_eq!(alice.id.as_str(), GUID_TEXT);
    assert_eq!((alice.name.as_str(), alice.display_name.as_str()), ("alice", "Alice Smith ✓"));
    let groups: Vec<_> = alice.groups.iter().map(|group| group.as_str()).collect();
    assert_eq!(groups, ["cn=ops,dc=example,dc=org"]);
    scripted.server.forget();
    let id = DirectoryId::parse(GUID_TEXT).unwrap();
    assert_eq!(scripted.asking.directory.look_up(&id).await.unwrap(), alice);
    let asked = scripted.server.requests();
    let by_id = Filter::Equality { attribute: "objectGUID".to_owned(), value: GUID.to_vec() };
    let filters: Vec<_> = asked
        .iter()
        .filter_map(|request| match &request.operation {
            Operation::Search { filter, .. } => Some(filter),
            _ => None,
        })
        .collect();
    assert!(filters.contains(&&by_id), "{filters:?}");
    let in_chain = filters.iter().flat_map(|filter| filter.leaves()).any(|leaf| {
        matches!(leaf, Filter::Extensible { rule, attribute, value }
            if rule == "1.2.840.113556.1.4.1941" && attribute == "member" && value == alice.dn.as_bytes())
    });
    assert!(in_chain, "{filters:?}");
}

#[tokio::test]
async fn cve_2025_0604_active_directorys_codes_are_told_apart() {
    for (code, expected) in [
        ("52e", Refusal::WrongPassword),
        ("532", Refusal::PasswordExpired),
        ("533", Refusal::Disabled),
        ("701", Refusal::AccountExpired),
        ("773", Refusal::MustChange),
        ("775", Refusal::Locked),
    ] {
        let mut somebody = alice();
        somebody.dn = "CN=Alice,dc=example,dc=org".to_owned();
        assert_eq!(scripted(somebody, Some(code)).verify("alice", PASSWORD).await, Err(expected), "{code}");
    }
}

#[tokio::test]
async fn cve_2025_0604_active_directorys_flags_refuse_at_sign_in_and_at_every_look() {
    for (attribute, value, expected) in [
        ("userAccountControl", "514", Refusal::Disabled),
        ("accountExpires", "132223104000000000", Refusal::AccountExpired),
        ("pwdLastSet", "0", Refusal::MustChange),
        ("msDS-User-Account-Control-Computed", "8388608", Refusal::PasswordExpired),
    ] {
        let mut somebody = alice();
        somebody.dn = "CN=Alice,dc=example,dc=org".to_owned();
        somebody.attributes.retain(|(name, _)| name != attribute);
        let scripted = scripted(somebody.with(attribute, value.as_bytes()), None);
        assert_eq!(scripted.verify("alice", PASSWORD).await, Err(expected.clone()), "{attribute}");
        let id = DirectoryId::parse(GUID_TEXT).unwrap();
        assert_eq!(scripted.asking.directory.look_up(&id).await, Err(expected), "{attribute}");
    }
}

/// Active Directory compares without accents. Each spelling would have a lock and a throttle of its own, so none but the
/// kept one is hers, and no other reaches her account.
#[tokio::test]
async fn cve_2025_31947_a_spelling_that_only_the_server_takes_for_a_name_is_nobody() {
    for method in [Method::Search, Method::Direct] {
        let mut somebody = alice();
        somebody.dn = "CN=Alice,dc=example,dc=org".to_owned();
        let (dn, attributes) = (somebody.dn.clone(), somebody.attributes.clone());
        let script = move |request: &Request| match &request.operation {
            Operation::Search { filter, .. } if filter.leaves().iter().any(|leaf| is_accented(leaf)) => {
                Some([entry(request.id, &dn, &attributes), done(request.id, 0)].concat())
            }
            Operation::Extended { .. } => Some(extended(request.id, 0, "u:EXAMPLE\\alice")),
            _ => None,
        };
        let scripted = Scripted::configured(world(somebody), script, |config| {
            configure(config);
            config.method = method;
            config.user_dn = "{name}@example.org".to_owned();
        });
        for spelling in ["álice", "alìce", "ALICÉ"] {
            assert_eq!(scripted.verify(spelling, PASSWORD).await, Err(Refusal::Unknown), "{spelling}");
        }
        let bound = scripted.server.requests().into_iter().filter_map(|request| match request.operation {
            Operation::Bind { dn, .. } if dn != SERVICE => Some(dn),
            _ => None,
        });
        assert!(bound.into_iter().all(|dn| dn.contains("redoubt-nobody")), "{method:?}");
    }
}

fn is_accented(leaf: &Filter) -> bool {
    matches!(leaf, Filter::Equality { attribute, value } if attribute == "sAMAccountName" && !value.is_ascii())
}

#[tokio::test]
async fn nobody_is_let_in_without_an_id() {
    for broken in [None, Some(&b"short"[..]), Some(&[0xff; 17][..])] {
        let mut somebody = alice();
        somebody.dn = "CN=Alice,dc=example,dc=org".to_owned();
        somebody.attributes.retain(|(name, _)| name != "objectGUID");
        let somebody = broken.map_or(somebody.clone(), |value| somebody.with("objectGUID", value));
        assert_unavailable(scripted(somebody, None).verify("alice", PASSWORD).await, "objectGUID");
    }
}
