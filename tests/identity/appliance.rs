//! `Identity` on a real store in a folder of its own, with a clock that stands still.

use std::sync::Arc;

use redoubt::clock::FixedClock;
use redoubt::config::SignIn;
use redoubt::identity::{Error, Factor, Identity, NewUser, PlainToken, TotpSecret};
use redoubt::random::Random;
use redoubt::records::Via;
use redoubt::refusals::Refusals;
use redoubt_audit::{Origin, Source};
use redoubt_store::users::Role;
use redoubt_store::{DataKey, Options, Store};
use ring::rand::SystemRandom;
use tempfile::TempDir;

pub(super) const PASSWORD: &str = "salt marsh, nine herons";
/// 2026-11-18, in microseconds; a multiple of the codes' 30 seconds.
const START_US: i64 = 1_795_000_020_000_000;

pub(super) struct Fixture {
    pub(super) identity: Identity,
    pub(super) clock: Arc<FixedClock>,
    pub(super) store: Store,
    secret: Vec<u8>,
    _folder: TempDir,
}

impl Fixture {
    /// With one person, `alice`, of this role, whose authenticator is enrolled.
    pub(super) fn with(role: Role) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(START_US));
        let system = SystemRandom::new();
        let origin = Origin { origin: "redoubt/test".into(), boot: "boot".into(), software: "test".into() };
        let path = folder.path().join("data/redoubt.db");
        let key = DataKey::generate(&system).unwrap();
        let store = Store::create(Options::at(path), key, clock.clone(), origin).unwrap();
        let random: Arc<dyn Random> = Arc::new(system);
        let limits = SignIn::default();
        let identity =
            Identity::new(store.clone(), clock.clone(), random.clone(), Refusals::default(), limits).unwrap();
        let secret = TotpSecret::generate(random.as_ref()).unwrap();
        let bytes = secret.as_bytes().to_vec();
        let alice = NewUser { name: "alice".into(), password: PASSWORD.into(), role, totp: Some(secret) };
        identity.create_user_blocking(alice).unwrap();
        Self { identity, clock, store, secret: bytes, _folder: folder }
    }

    pub(super) async fn password(&self, password: &str) -> Result<PlainToken, Error> {
        self.identity.begin("alice", password.to_owned(), &via()).await.map(|(token, _)| token)
    }

    pub(super) async fn code(&self, pending: &PlainToken, code: String) -> Result<PlainToken, Error> {
        self.identity.finish(pending, Factor::Code(code), &via()).await.map(|signed_in| signed_in.token)
    }

    /// The code of the clock's present moment. One a step: later sign-ins move the clock first.
    pub(super) fn present_code(&self) -> String {
        use redoubt::clock::Clock as _;
        TotpSecret::from_bytes(self.secret.clone().into()).code_at(self.clock.now_us()).unwrap()
    }

    pub(super) async fn sign_in(&self) -> PlainToken {
        self.clock.advance(30);
        let pending = self.password(PASSWORD).await.unwrap();
        self.code(&pending, self.present_code()).await.unwrap()
    }
}

fn via() -> Via {
    let source = Source { ip: "192.0.2.7".into(), port: 51544, tls: None, agent_sha256: None };
    Via { request: "test".into(), source, agent: "a test".into(), typed_name: None }
}
