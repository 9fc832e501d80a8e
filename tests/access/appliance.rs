//! A whole appliance within this process: store, engine and HTTPS, under a clock that the tests move.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use redoubt::app::{App, Parts};
use redoubt::chat::Engines;
use redoubt::clock::{Clock, DAY_US, FixedClock, SystemClock};
use redoubt::config::Config;
use redoubt::http::{self, Listeners, tls};
use redoubt::identity::{NewUser, TotpSecret};
use redoubt::random::Random;
use redoubt::self_tests::SelfTests;
use redoubt::{control, models};
use redoubt_audit::Origin;
use redoubt_engine::{Engine, worker};
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::messages::{self, Message};
use redoubt_store::users::{Role, User};
use redoubt_store::{DataKey, Options, Store};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::{Client, model};

pub(super) const PASSWORD: &str = "salt marsh, nine herons";

/// Ended when dropped; then its log and its data must agree.
pub(super) struct House {
    pub(super) app: App,
    pub(super) clock: Arc<FixedClock>,
    pub(super) store: Store,
    pub(super) model: String,
    pub(super) embedding: String,
    url: String,
    people: Mutex<HashMap<String, (User, Vec<u8>)>>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    folder: TempDir,
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(|_| ())
    }

    /// With other settings than the defaults.
    pub(super) fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(noon()));
        let system = SystemRandom::new();
        let mut config = Config::default();
        config.data.dir = folder.path().join("data");
        config.models.file = model();
        config.models.embedding = models::embedding_beside(&model());
        config.models.threads = 2;
        configure(&mut config);
        let origin = Origin { origin: "redoubt/test".into(), boot: "boot".into(), software: "test".into() };
        let options = Options::at(config.data.dir.join("redoubt.db"));
        let key = DataKey::generate(&system).unwrap();
        let store = Store::create(options, key, clock.clone(), origin).unwrap();
        tls::create(&config.data.dir, &["127.0.0.1".to_owned()], &store, clock.as_ref()).unwrap();
        let unseal = |purpose: &str, aad: &[u8], sealed: &[u8]| store.unseal(purpose, aad, sealed);
        let tls = tls::server_config(&config.data.dir, &config.listen, None, unseal).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let console = control::listen(&config.data.dir).unwrap();

        let loaded = models::open_all(&config.models, &folder.path().join("sums")).unwrap();
        let (chat, embedding) = (loaded.chat.manifest, loaded.embedding.unwrap());
        let files = worker::Files { model: loaded.chat.file, embedding: Some(embedding.files) };
        let settings = config.models.engine(2048);
        let (front, back) = UnixStream::pair().unwrap();
        thread::spawn(move || worker::serve(back, files, settings));
        let engines = Engines::default();
        engines.replace(Engine::connect(front).unwrap());

        let (model, embedding_id) = (chat.id.clone(), embedding.manifest.id.clone());
        let random: Arc<dyn Random> = Arc::new(system);
        let app = App::build(Parts {
            config,
            store: store.clone(),
            clock: clock.clone(),
            random,
            engines,
            model: chat,
            embedding: Some(embedding.manifest),
            directory: None,
            certificates: None,
            self_tests: SelfTests::default(),
        })
        .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = app.clone();
        let server = thread::spawn(move || {
            let shutdown = async move {
                let _over = stopped.await;
            };
            let listeners = Listeners { lan: Some((listener, tls)), console };
            actix_web::rt::System::new().block_on(http::run(serving, listeners, shutdown)).unwrap();
        });
        let (people, stop, server) = (Mutex::default(), Some(stop), Some(server));
        Self { app, clock, store, model, embedding: embedding_id, url, people, stop, server, folder }
    }

    /// With everything granted to everybody, keys too.
    pub(super) fn open() -> Self {
        let house = Self::new();
        let models = json!([house.model, house.embedding]);
        house.change_group("everyone", &json!({"models": models, "permissions": {"api_keys": "allow"}}));
        house
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.url, &tls::ca_path(&self.folder.path().join("data")))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("https://").parse().unwrap()
    }

    pub(super) fn data(&self) -> &Path {
        self.folder.path()
    }

    /// A person with this name, made when first named.
    pub(super) fn person(&self, name: &str, role: Role) -> User {
        let mut people = self.people.lock().unwrap();
        let (user, _) = people.entry(name.to_owned()).or_insert_with(|| {
            let totp = TotpSecret::generate(&SystemRandom::new()).unwrap();
            let secret = totp.as_bytes().to_vec();
            let new =
                NewUser { name: name.to_owned(), password: PASSWORD.to_owned(), role, totp: Some(totp) };
            (self.app.identity.create_user_blocking(new).unwrap(), secret)
        });
        user.clone()
    }

    /// A new session of this person. Half a minute passes, because each code works once.
    pub(super) fn sign_in(&self, name: &str, role: Role) -> Client {
        self.person(name, role);
        let code = self.next_code(name);
        let mut client = self.client();
        client.offer_password(name, PASSWORD).is(200);
        client.offer_code(&code).is(200);
        client
    }

    /// A code of this person that no other was, half a minute later.
    pub(super) fn next_code(&self, name: &str) -> String {
        let secret = self.people.lock().unwrap()[name].1.clone();
        self.clock.advance(30);
        TotpSecret::from_bytes(secret.into()).code_at(self.clock.now_us()).unwrap()
    }

    pub(super) fn analyst(&self, name: &str) -> Client {
        self.sign_in(name, Role::Analyst)
    }

    pub(super) fn admin(&self) -> Client {
        self.sign_in("root", Role::Admin)
    }

    /// A program with a key of this person, which may have so many requests at once.
    pub(super) fn program(&self, name: &str, parallel: u32) -> Client {
        let user = self.person(name, Role::Analyst);
        let key = self.app.identity.create_api_key_blocking(&user, "a key", parallel).unwrap();
        let mut client = self.client();
        client.bearer = Some(key.as_str().to_owned());
        client
    }

    pub(super) fn change_group(&self, id: &str, change: &Value) -> Value {
        self.admin().patch(&format!("/api/v1/admin/groups/{id}"), change).is(200).json()
    }

    /// A group with these people in it.
    pub(super) fn group(&self, body: &Value, people: &[&str]) -> String {
        let admin = self.admin();
        let group = admin.post("/api/v1/admin/groups", body).is(201).json();
        let id = group["id"].as_str().unwrap().to_owned();
        for name in people {
            let user = self.person(name, Role::Analyst);
            admin.put(&format!("/api/v1/admin/groups/{id}/members/{}", user.id)).is(204);
        }
        id
    }

    /// A workspace of these people.
    pub(super) fn workspace(&self, name: &str, people: &[&str]) -> String {
        let people: Vec<String> = people.iter().map(|name| self.person(name, Role::Analyst).id).collect();
        let body = json!({"name": name, "people": people});
        let made = self.admin().post("/api/v1/admin/workspaces", &body).is(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// A body for `/v1/chat/completions`.
    pub(super) fn completion(&self, content: &str, max_tokens: u32) -> Value {
        let message = json!({"role": "user", "content": content});
        json!({"model": self.model, "messages": [message], "max_tokens": max_tokens, "ignore_eos": true})
    }

    /// The records of this event, the oldest first.
    pub(super) fn records(&self, act: &str) -> Vec<Value> {
        let auditor = self.sign_in("auditor", Role::Auditor);
        let page = auditor.get(&format!("/api/v1/audit/records?act={act}&limit=1000")).is(200).json();
        let mut records: Vec<Value> =
            page["items"].as_array().unwrap().iter().map(|item| item["record"].clone()).collect();
        records.reverse();
        records
    }

    /// The same without a sign-in: the clock stands still.
    pub(super) fn log(&self, act: &str) -> Vec<Value> {
        let filter = Filter { act: Some(act.to_owned()), ..Filter::default() };
        let page =
            self.store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 1000)).unwrap();
        let mut records: Vec<Value> =
            page.items.iter().map(|entry| serde_json::from_slice(entry.record.bytes()).unwrap()).collect();
        records.reverse();
        records
    }

    /// Keeps the store from writing until the hold is dropped. Writes wait for two seconds at most.
    pub(super) fn hold(&self) -> Hold {
        let ((holding, held), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
        let store = self.store.clone();
        let job = move || {
            store.write_blocking(move |_| {
                holding.send(()).unwrap();
                let _dropped = released.recv();
                Ok::<_, redoubt_store::Error>(())
            })
        };
        let thread = thread::spawn(job);
        held.recv().unwrap();
        Hold { release: Some(release), thread: Some(thread) }
    }

    /// A message as it is stored.
    pub(super) fn stored(&self, name: &str, chat: &str, id: &str) -> Message {
        let (owner, chat, id) = (self.person(name, Role::Analyst).id, chat.to_owned(), id.to_owned());
        let found = self.store.read_blocking(move |reader| messages::find(reader, &owner, &chat, &id));
        found.unwrap().unwrap()
    }

    /// What an analyst is told of themself.
    pub(super) fn me(client: &Client) -> Value {
        client.get("/api/v1/me").is(200).json()
    }
}

/// The store's writer, kept busy.
pub(super) struct Hold {
    release: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<Result<(), redoubt_store::Error>>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.release.take());
        // Whether the store took longer than a write may is what the test is about.
        let _in_time = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ended = stop.send(());
        }
        let ended = self.server.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
            assert_eq!(self.store.check_integrity().unwrap(), Vec::<String>::new());
        }
    }
}

/// Runs something of the appliance that is not asked for by HTTP.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Today's, so that the certificate holds and no test comes to midnight by itself.
fn noon() -> i64 {
    SystemClock::new().now_us().div_euclid(DAY_US) * DAY_US + DAY_US / 2
}
