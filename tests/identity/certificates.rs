//! Sign-in with a certificate in place of name and password, and everything that can be wrong with one.

use std::fs;

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use redoubt::config::{self, Certificates, Mapping, SignIn, Subject};
use redoubt::identity::certificate::{Authority, Fault, Shown};
use redoubt::identity::{Again, Anyone, Changes, Error, Next, PlainToken, Purpose, SessionHolder};
use redoubt_store::sessions::FirstFactor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::appliance::{Fixture, PASSWORD, via, via_from};
use super::scripted::Scripted;
use crate::support::authority::{self, Issued, days_from_now};

const UPN: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
const UID: [u64; 7] = [0, 9, 2342, 19200300, 100, 1, 1];
const STAFF: &str = "cn=staff,dc=example";

/// An authority with a list that revokes nothing.
struct Cards {
    root: authority::Authority,
    folder: TempDir,
}

impl Cards {
    fn new() -> Self {
        let (root, folder) = (authority::Authority::new("people's authority"), tempfile::tempdir().unwrap());
        root.write(folder.path());
        fs::create_dir(folder.path().join("lists")).unwrap();
        let cards = Self { root, folder };
        cards.put("root.crl", &cards.root.revoke(&[], 30));
        cards
    }

    /// Puts a list in place of the one of this name, as operators do.
    fn put(&self, name: &str, list: &str) {
        let lists = self.folder.path().join("lists");
        fs::write(lists.join(".new"), list).unwrap();
        fs::rename(lists.join(".new"), lists.join(name)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join("lists").join(name)).unwrap();
    }

    fn settings(&self) -> Certificates {
        Certificates {
            ca: Some(self.folder.path().join("ca.pem")),
            revocation_lists: Some(self.folder.path().join("lists")),
            subject: Subject::Cn,
            domain: String::new(),
        }
    }

    fn authority(&self) -> Authority {
        Authority::load(&self.settings()).unwrap().unwrap()
    }

    /// With the local analyst `alice`.
    fn fixture(&self) -> Fixture {
        Fixture::with_certificates(SignIn::default(), self.authority(), None, config::Directory::default())
    }
}

fn shown(issued: &Issued) -> Shown {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(issued.chain.as_bytes()).map(Result::unwrap).collect();
    Shown::new(&chain).unwrap()
}

async fn begin(fixture: &Fixture, issued: &Issued) -> Result<(PlainToken, Next), Error> {
    fixture.identity.begin_with_certificate(shown(issued), None, &via()).await
}

async fn sign_in(fixture: &Fixture, issued: &Issued) -> PlainToken {
    let code = fixture.next_code();
    let (pending, _) = begin(fixture, issued).await.unwrap();
    fixture.code(&pending, code).await.unwrap()
}

async fn prove(
    fixture: &Fixture,
    token: &PlainToken,
    password: Option<&str>,
    certificate: Option<&Issued>,
) -> Result<PlainToken, Error> {
    let (user, session) = fixture.identity.authenticate_holder(token).await?;
    let holder = SessionHolder { user, session, via: via() };
    let again = Again {
        password: password.map(str::to_owned),
        code: Some(fixture.next_code()),
        certificate: certificate.map(shown),
    };
    fixture.identity.reauthenticate(&holder, again, Purpose::Proof).await
}

#[tokio::test]
async fn a_good_certificate_stands_for_name_and_password_and_the_code_still_follows() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let card = cards.root.issue_person("Alice", |_| {});
    let (pending, next) = begin(&fixture, &card).await.unwrap();
    assert!(matches!(next, Next::Totp));
    assert!(matches!(fixture.identity.authenticate(&pending).await, Err(Error::NotSignedIn)));
    let token = fixture.code(&pending, fixture.present_code()).await.unwrap();
    let (user, session) = fixture.identity.authenticate(&token).await.unwrap();
    assert_eq!((user.name.as_str(), session.factor), ("alice", FirstFactor::Certificate));
    let records = fixture.records("login.certificate");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["d"]["serial"], "07");
    assert_eq!(records[0]["d"]["certificate_sha256"], shown(&card).sha256());
    assert_eq!(fixture.records("login.password").len(), 0);
}

/// What is wrong, and the certificate, its chain included.
fn wrong(cards: &Cards) -> Vec<(Fault, Issued)> {
    let issue = |change: fn(&mut CertificateParams)| cards.root.issue_person("alice", change);
    let below = |serial: u64| cards.root.below(&format!("authority {serial} between"), serial);
    let through = |between: &authority::Authority| {
        let own = between.issue_person("alice", |_| {});
        Issued { chain: format!("{}{}", own.chain, between.pem), key: own.key }
    };
    let (revoked, without_list, with_old_list) = (below(99), below(11), below(12));
    cards.put("revoked.crl", &revoked.revoke(&[], 30));
    let mut numbered = with_old_list.revoke(&[], -20);
    numbered.push_str(&cards.root.revoke(&[8, 99], 30));
    cards.put("root.crl", &numbered);
    vec![
        (Fault::Expired, issue(|params| params.not_after = days_from_now(-30))),
        (Fault::NotYetValid, issue(|params| params.not_before = days_from_now(30))),
        (
            Fault::UnknownAuthority,
            authority::Authority::new("another authority").issue_person("alice", |_| {}),
        ),
        (
            Fault::WrongPurpose,
            issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        (
            Fault::WrongPurpose,
            issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]),
        ),
        (Fault::Revoked, issue(|params| params.serial_number = Some(8.into()))),
        (Fault::Revoked, through(&revoked)),
        (Fault::StatusUnknown, through(&without_list)),
        (Fault::ListOutdated, through(&with_old_list)),
        (
            Fault::SeveralNames,
            issue(|params| params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "bob")),
        ),
        (Fault::NoName, cards.root.issue_person("", |_| {})),
        (Fault::NoName, cards.root.issue_person("a\u{0}b", |_| {})),
    ]
}

#[tokio::test]
async fn each_wrong_certificate_is_refused_with_its_reason_in_the_record_and_for_its_holder() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let mut reasons = Vec::new();
    for (number, (fault, card)) in wrong(&cards).into_iter().enumerate() {
        // Each from a place of its own: of many refusals from one, the later ones are only counted.
        let via = via_from(&format!("192.0.2.{number}"));
        let refused = fixture.identity.begin_with_certificate(shown(&card), None, &via).await;
        assert!(
            matches!(refused, Err(Error::CertificateRefused(Some(found))) if found == fault),
            "{fault:?}: {:?}",
            refused.err()
        );
        assert!(!fault.sentence().is_empty());
        reasons.push(fault.reason());
    }
    assert_eq!(fixture.reasons("login.certificate"), reasons);
    begin(&fixture, &cards.root.issue_person("alice", |_| {})).await.unwrap();
}

/// One whose authority has the same name as the right one, and one that signed itself.
#[tokio::test]
async fn nobody_makes_their_own_certificate() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let twin = authority::Authority::new("people's authority");
    let cards_of_others = [
        twin.issue_person("alice", |_| {}),
        authority::self_signed(&[]),
        // Signed by a person's certificate, which is no authority.
        {
            let alice = cards.root.below("alice", 7);
            let own = alice.issue_person("admin", |_| {});
            Issued { chain: own.chain, key: own.key }
        },
    ];
    for card in cards_of_others {
        assert!(matches!(begin(&fixture, &card).await, Err(Error::CertificateRefused(Some(_)))));
    }
    assert_eq!(fixture.records("login.totp").len(), 0);
}

#[tokio::test]
async fn without_readable_lists_nobody_comes_in_with_a_certificate_and_everybody_with_a_password() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let card = cards.root.issue_person("alice", |_| {});
    begin(&fixture, &card).await.unwrap();
    cards.put("broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    let refused =
        async || matches!(begin(&fixture, &card).await, Err(Error::CertificateRefused(Some(Fault::NoLists))));
    assert!(refused().await, "a list that cannot be read");
    let error = cards.authority().check_lists().err().unwrap().to_string();
    assert!(error.contains("broken.crl"), "{error}");
    cards.put("broken.crl", "not a list at all");
    assert!(refused().await, "a file that is none");
    cards.remove("broken.crl");
    begin(&fixture, &card).await.unwrap();
    cards.remove("root.crl");
    assert!(refused().await, "no list");
    fixture.password(PASSWORD).await.unwrap();
}

#[tokio::test]
async fn who_has_no_account_or_a_disabled_one_or_a_locked_one_is_refused_as_one() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    fixture.add("root", redoubt_store::users::Role::Admin);
    let stranger = cards.root.issue_person("stranger", |_| {});
    assert!(matches!(begin(&fixture, &stranger).await, Err(Error::CertificateRefused(None))));
    let card = cards.root.issue_person("alice", |_| {});
    let admin = fixture.sign_in_as("root").await;
    let id = fixture.user("alice").id;
    let set = async |disabled: bool| {
        let by = fixture.by(&admin).await;
        let changes = Changes { disabled: Some(disabled), ..Changes::default() };
        fixture.identity.change_person(&by, &id, changes).await.unwrap();
    };
    set(true).await;
    assert!(matches!(begin(&fixture, &card).await, Err(Error::CertificateRefused(None))));
    set(false).await;
    for _ in 0..3 {
        fixture.password("not the right password").await.err().unwrap();
    }
    assert!(matches!(begin(&fixture, &card).await, Err(Error::Locked { .. })));
    assert_eq!(fixture.reasons("login.certificate"), ["unknown_name", "disabled", "locked"]);
}

#[tokio::test]
async fn refused_certificates_lock_nobody_out() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let revoked = cards.root.issue_person("alice", |params| params.serial_number = Some(8.into()));
    cards.put("root.crl", &cards.root.revoke(&[8], 30));
    for _ in 0..10 {
        assert!(matches!(
            begin(&fixture, &revoked).await,
            Err(Error::CertificateRefused(Some(Fault::Revoked)))
        ));
    }
    fixture.password(PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_notice_is_accepted_with_a_certificate_as_with_a_password() {
    let cards = Cards::new();
    let limits = SignIn { notice: "You are watched.".to_owned(), ..SignIn::default() };
    let sha256 = limits.notice_sha256();
    let settings = config::Directory::default();
    let fixture = Fixture::with_certificates(limits, cards.authority(), None, settings);
    let card = cards.root.issue_person("alice", |_| {});
    assert!(matches!(begin(&fixture, &card).await, Err(Error::NoticeRequired)));
    fixture.identity.begin_with_certificate(shown(&card), sha256.clone(), &via()).await.unwrap();
    assert_eq!(fixture.records("login.certificate")[0]["d"]["notice_sha256"], sha256.unwrap());
}

#[tokio::test]
async fn a_proof_in_such_a_session_takes_the_same_persons_certificate_and_a_code() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    fixture.add("bob", redoubt_store::users::Role::Analyst);
    let [alice, bob] = ["alice", "bob"].map(|name| cards.root.issue_person(name, |_| {}));
    let token = sign_in(&fixture, &alice).await;
    assert!(matches!(prove(&fixture, &token, Some(PASSWORD), Some(&alice)).await, Err(Error::Incomplete)));
    assert!(matches!(prove(&fixture, &token, None, None).await, Err(Error::Incomplete)));
    let token = prove(&fixture, &token, None, Some(&alice)).await.unwrap();
    assert!(matches!(prove(&fixture, &token, None, Some(&bob)).await, Err(Error::SignInFailed)));
    cards.put("root.crl", &cards.root.revoke(&[7], 30));
    let refused = prove(&fixture, &token, None, Some(&alice)).await;
    assert!(matches!(refused, Err(Error::CertificateRefused(Some(Fault::Revoked)))));
    assert_eq!(fixture.reasons("session.proof"), ["", "somebody_else", "revoked"]);
    // In a session that began with a password, a certificate is no password.
    let by_password = fixture.sign_in_as("bob").await;
    assert!(matches!(prove(&fixture, &by_password, None, Some(&bob)).await, Err(Error::Incomplete)));
}

#[tokio::test]
async fn a_certificate_that_is_revoked_later_ends_its_sessions_and_no_others() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let card = cards.root.issue_person("alice", |_| {});
    let token = sign_in(&fixture, &card).await;
    let by_password = fixture.sign_in_as("alice").await;
    let recheck = async || fixture.identity.recheck_certificates().await.unwrap();
    assert_eq!(recheck().await, 0);
    // Nothing speaks against her; but whoever comes now is not let in.
    cards.remove("root.crl");
    assert_eq!(recheck().await, 0);
    cards.put("root.crl", &cards.root.revoke(&[7], 30));
    assert_eq!(recheck().await, 1);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    fixture.caller::<Anyone>(&by_password).await.unwrap();
    assert_eq!(fixture.reasons("session.revoked"), ["certificate_revoked"]);
    assert_eq!(fixture.ended.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_runs_out_ends_its_sessions() {
    let cards = Cards::new();
    let fixture = cards.fixture();
    let card = cards.root.issue_person("alice", |_| {});
    let token = sign_in(&fixture, &card).await;
    fixture.clock.advance(70 * 24 * 3600);
    assert_eq!(fixture.identity.recheck_certificates().await.unwrap(), 1);
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    assert_eq!(fixture.reasons("session.revoked"), ["certificate_expired"]);
}

#[tokio::test]
async fn the_name_is_the_configured_part_and_its_domain_the_configured_one() {
    let cards = Cards::new();
    let upn = |name: &str| SanType::OtherName((UPN.to_vec(), OtherNameValue::Utf8String(name.to_owned())));
    let email = |address: &str| SanType::Rfc822Name(Ia5String::try_from(address).unwrap());
    let card = cards.root.issue_person("DOE.JANE.Q.1234567890", |params| {
        params.distinguished_name.push(DnType::CustomDnType(UID.to_vec()), "jdoe");
        params.subject_alt_names = vec![upn("1234567890@mil"), email("Jane.Doe@example.mil")];
    });
    let two = cards.root.issue_person("jane", |params| {
        params.subject_alt_names = vec![upn("1@mil"), upn("2@mil")];
    });
    let now = days_from_now(0).unix_timestamp() * 1_000_000;
    let judge = |card: &Issued, subject: Subject, domain: &str| {
        let settings = Certificates { subject, domain: domain.to_owned(), ..cards.settings() };
        Authority::load(&settings).unwrap().unwrap().judge(&shown(card), now).map(|found| found.name)
    };
    for (subject, domain, expected) in [
        (Subject::Cn, "", Ok("DOE.JANE.Q.1234567890")),
        (Subject::Uid, "", Ok("jdoe")),
        (Subject::Email, "", Ok("Jane.Doe@example.mil")),
        (Subject::Upn, "", Ok("1234567890@mil")),
        (Subject::Upn, "MIL", Ok("1234567890")),
        (Subject::Email, "mil", Err(Fault::OtherDomain)),
    ] {
        assert_eq!(judge(&card, subject, domain), expected.map(str::to_owned), "{subject:?} {domain}");
    }
    assert_eq!(judge(&two, Subject::Upn, ""), Err(Fault::SeveralNames));
    assert_eq!(judge(&two, Subject::Uid, ""), Err(Fault::NoName));
}

#[test]
fn an_authority_that_is_none_is_refused_by_name() {
    let cards = Cards::new();
    let load = |text: &str| {
        fs::write(cards.folder.path().join("ca.pem"), text).unwrap();
        Authority::load(&cards.settings()).err().unwrap().to_string()
    };
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = load(text);
        assert!(error.contains("certificates.ca") && error.contains("ca.pem"), "{error}");
    }
    assert!(Authority::load(&Certificates::default()).unwrap().is_none());
}

/// `dora` is of the directory, which says who she is and what she may; her password counts for nothing.
#[tokio::test]
async fn somebody_of_the_directory_is_found_there_and_loses_all_when_it_says_so() {
    let cards = Cards::new();
    let scripted = Scripted::default();
    scripted.person(1, "dora", &[STAFF]);
    let map = vec![Mapping { group: STAFF.to_owned(), role: Some("analyst".to_owned()), to: None }];
    let settings = config::Directory { map, ..config::Directory::default() };
    let directory = Some(scripted.directory());
    let fixture = Fixture::with_certificates(SignIn::default(), cards.authority(), directory, settings);
    let card = cards.root.issue_person("dora", |_| {});
    let (_, next) = begin(&fixture, &card).await.unwrap();
    assert!(matches!(next, Next::Enrol(_)));
    assert_eq!((fixture.user("dora").display_name.as_str(), scripted.binds()), ("dora of the directory", 0));
    let token = fixture.come_in("dora").await;
    scripted.refuse("dora", "Disabled");
    assert!(matches!(begin(&fixture, &card).await, Err(Error::CertificateRefused(None))));
    assert!(matches!(fixture.identity.authenticate(&token).await, Err(Error::SessionExpired)));
    let stranger = cards.root.issue_person("stranger", |_| {});
    assert!(matches!(begin(&fixture, &stranger).await, Err(Error::CertificateRefused(None))));
    scripted.away(true);
    assert!(matches!(begin(&fixture, &card).await, Err(Error::DirectoryAway)));
    // A local account does not need it.
    begin(&fixture, &cards.root.issue_person("alice", |_| {})).await.unwrap();
}
