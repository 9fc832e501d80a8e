//! `Identity` on a real store in a folder of its own, with a clock that stands still.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use redoubt::clock::{Clock as _, FixedClock};
use redoubt::config::{self, SignIn};
use redoubt::directory::Directory;
use redoubt::identity::certificate::Authority;
use redoubt::identity::{
    self, Admin, Again, Anyone, Attempt, By, Caller, Error, Factor, Identity, NewUser, Next, PlainToken,
    Purpose, RoleSet, SessionHolder, SignedIn, TotpSecret,
};
use redoubt::random::Random;
use redoubt::records::Via;
use redoubt::refusals::Refusals;
use redoubt_audit::{Origin, Source};
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::groups::{self, Group, Quotas};
use redoubt_store::users::{self, Role, User};
use redoubt_store::{DataKey, Options, Store};
use ring::rand::SystemRandom;
use serde_json::Value;
use tempfile::TempDir;

pub(super) const PASSWORD: &str = "salt marsh, nine herons";
/// 2026-11-18, in microseconds; a multiple of the codes' 30 seconds.
const START_US: i64 = 1_795_000_020_000_000;
const STEP_SECONDS: i64 = 30;

pub(super) struct Fixture {
    pub(super) identity: Identity,
    pub(super) clock: Arc<FixedClock>,
    pub(super) store: Store,
    /// The ids of ended sessions, in their order, as those were told who have to stop what runs in them.
    pub(super) ended: Arc<Mutex<Vec<String>>>,
    secret: Vec<u8>,
    /// The authenticators of those who enrolled here, by the name that they typed.
    enrolled: Mutex<HashMap<String, Vec<u8>>>,
    _folder: TempDir,
}

impl Fixture {
    /// With one person, `alice`, of this role, whose authenticator is enrolled.
    pub(super) fn with(role: Role) -> Self {
        Self::limited(role, SignIn::default())
    }

    /// The same with other limits.
    pub(super) fn limited(role: Role, limits: SignIn) -> Self {
        let fixture = Self::empty(limits, None, config::Directory::default(), None);
        fixture.add("alice", role);
        fixture
    }

    /// With one local analyst, `alice`, and certificates in place of passwords; and with a directory if there is one.
    pub(super) fn with_certificates(
        limits: SignIn,
        certificates: Authority,
        directory: Option<Directory>,
        settings: config::Directory,
    ) -> Self {
        let fixture = Self::empty(limits, directory, settings, Some(certificates));
        fixture.add("alice", Role::Analyst);
        fixture
    }

    /// With one local analyst, `alice`, and a directory.
    pub(super) fn with_directory(limits: SignIn, directory: Directory, settings: config::Directory) -> Self {
        let fixture = Self::empty(limits, Some(directory), settings, None);
        fixture.add("alice", Role::Analyst);
        fixture
    }

    fn empty(
        limits: SignIn,
        directory: Option<Directory>,
        directory_settings: config::Directory,
        certificates: Option<Authority>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(START_US));
        let system = SystemRandom::new();
        let origin = Origin { origin: "redoubt/test".into(), boot: "boot".into(), software: "test".into() };
        let path = folder.path().join("data/redoubt.db");
        let key = DataKey::generate(&system).unwrap();
        let store = Store::create(Options::at(path), key, clock.clone(), origin).unwrap();
        let random: Arc<dyn Random> = Arc::new(system);
        let ended: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = ended.clone();
        let identity = Identity::new(identity::Parts {
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            refusals: Refusals::default(),
            limits,
            directory,
            directory_settings,
            certificates,
            on_end: Arc::new(move |id| told.lock().unwrap().push(id.to_owned())),
        })
        .unwrap();
        let secret = TotpSecret::generate(random.as_ref()).unwrap().as_bytes().to_vec();
        Self { identity, clock, store, ended, secret, enrolled: Mutex::default(), _folder: folder }
    }

    /// One more person, with the same password and the same authenticator as everybody here.
    pub(super) fn add(&self, name: &str, role: Role) -> User {
        let totp = Some(self.secret());
        let new = NewUser { name: name.to_owned(), password: PASSWORD.to_owned(), role, totp };
        self.identity.create_user_blocking(new).unwrap()
    }

    pub(super) async fn attempt(&self, name: &str, password: &str) -> Result<(PlainToken, Next), Error> {
        self.identity.begin(attempt(name, password), &via()).await
    }

    pub(super) async fn password(&self, password: &str) -> Result<PlainToken, Error> {
        self.attempt("alice", password).await.map(|(token, _)| token)
    }

    pub(super) async fn finish(&self, pending: &PlainToken, factor: Factor) -> Result<SignedIn, Error> {
        self.identity.finish(pending, factor, &via()).await
    }

    pub(super) async fn code(&self, pending: &PlainToken, code: String) -> Result<PlainToken, Error> {
        self.finish(pending, Factor::Code(code)).await.map(|signed_in| signed_in.token)
    }

    /// One of the appliance's own groups, whose id is its name.
    pub(super) fn add_group(&self, name: &str) {
        let (id, name) = (name.to_owned(), name.to_owned());
        let group = Group { id, name, quotas: Quotas::default(), created_at: START_US };
        self.store.write_blocking(move |tx| groups::insert(tx, &group)).unwrap();
    }

    /// Signs somebody of the directory in, who enrols an authenticator the first time.
    pub(super) async fn come_in(&self, name: &str) -> PlainToken {
        let (pending, next) = self.attempt(name, PASSWORD).await.unwrap();
        if let Next::Enrol(offer) = next {
            let secret = data_encoding::BASE32_NOPAD.decode(offer.secret.as_bytes()).unwrap();
            self.enrolled.lock().unwrap().insert(name.to_owned(), secret);
        } else {
            self.clock.advance(STEP_SECONDS);
        }
        let secret = self.enrolled.lock().unwrap()[name].clone();
        let code = TotpSecret::from_bytes(secret.into()).code_at(self.clock.now_us()).unwrap();
        self.code(&pending, code).await.unwrap()
    }

    fn secret(&self) -> TotpSecret {
        TotpSecret::from_bytes(self.secret.clone().into())
    }

    /// The code of the clock's present moment. One a step: later sign-ins move the clock first.
    pub(super) fn present_code(&self) -> String {
        self.secret().code_at(self.clock.now_us()).unwrap()
    }

    /// A code that was not used before: the clock goes on to the next one.
    pub(super) fn next_code(&self) -> String {
        self.clock.advance(STEP_SECONDS);
        self.present_code()
    }

    pub(super) async fn sign_in(&self) -> PlainToken {
        self.sign_in_as("alice").await
    }

    pub(super) async fn sign_in_as(&self, name: &str) -> PlainToken {
        let code = self.next_code();
        let (pending, _) = self.attempt(name, PASSWORD).await.unwrap();
        self.code(&pending, code).await.unwrap()
    }

    /// Who holds the token, if it opens anything.
    pub(super) async fn caller<R: RoleSet>(&self, token: &PlainToken) -> Result<Caller<R>, Error> {
        let (user, session) = self.identity.authenticate(token).await?;
        Caller::admit(user, session, via()).ok_or(Error::Forbidden)
    }

    pub(super) async fn by(&self, token: &PlainToken) -> By {
        By::from(&self.caller::<Admin>(token).await.unwrap())
    }

    pub(super) async fn lock(&self, token: &PlainToken) {
        self.identity.lock(&self.caller::<Anyone>(token).await.unwrap()).await.unwrap();
    }

    /// Password, code or both again, in the session of this token.
    pub(super) async fn again(
        &self,
        token: &PlainToken,
        password: Option<&str>,
        code: Option<&str>,
        purpose: Purpose,
    ) -> Result<PlainToken, Error> {
        let (user, session) = self.identity.authenticate_holder(token).await?;
        let holder = SessionHolder { user, session, via: via() };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let again = Again { password: owned(password), code: owned(code), certificate: None };
        self.identity.reauthenticate(&holder, again, purpose).await
    }

    pub(super) fn user(&self, name: &str) -> User {
        let name = name.to_owned();
        self.store.read_blocking(move |reader| users::find_by_name(reader, &name)).unwrap().unwrap()
    }

    /// The records of this event, the oldest first.
    pub(super) fn records(&self, act: &str) -> Vec<Value> {
        let filter = Filter { act: Some(act.to_owned()), ..Filter::default() };
        let page =
            self.store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 1000)).unwrap();
        let mut records: Vec<Value> =
            page.items.iter().map(|entry| serde_json::from_slice(entry.record.bytes()).unwrap()).collect();
        records.reverse();
        records
    }

    /// The reasons of the records of this event.
    pub(super) fn reasons(&self, act: &str) -> Vec<String> {
        let reason = |record: &Value| record["reason"].as_str().unwrap_or_default().to_owned();
        self.records(act).iter().map(reason).collect()
    }
}

pub(super) fn attempt(name: &str, password: &str) -> Attempt {
    Attempt { username: name.to_owned(), password: password.to_owned(), notice_sha256: None }
}

pub(super) fn via() -> Via {
    via_from("192.0.2.7")
}

pub(super) fn via_from(ip: &str) -> Via {
    let source = Source { ip: ip.to_owned(), port: 51544, tls: None, agent_sha256: None };
    Via { request: "test".into(), source, agent: "a test".into(), typed_name: None }
}
