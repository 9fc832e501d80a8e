//! What the tests share: a clock that obeys, a store in a temporary folder, and rows to put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use redoubt_audit::{Actor, Draft, Event, Object, Origin, Outcome, catalogue};
use redoubt_store::chats::{self, Chat, Scope};
use redoubt_store::messages::{self, Message, Status};
use redoubt_store::users::{self, Role, Source, User};
use redoubt_store::{Clock, DataKey, Error, Options, Store, Tx, workspaces};
use ring::rand::SystemRandom;
use tempfile::TempDir;

pub(crate) const START_US: i64 = 1_795_422_350_000_000;
pub(crate) const SECOND_US: i64 = 1_000_000;

/// Whether the long forms of the tests were asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("REDOUBT_LONG").is_some_and(|value| value == "1")
}

/// Both clocks, moved together or apart.
#[derive(Debug)]
pub(crate) struct TestClock {
    now_us: AtomicI64,
    mono_us: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now_us: AtomicI64::new(START_US), mono_us: AtomicU64::new(0) })
    }

    pub(crate) fn pass(&self, us: u32) {
        self.now_us.fetch_add(us.into(), Ordering::SeqCst);
        self.mono_us.fetch_add(us.into(), Ordering::SeqCst);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn step(&self, us: i64) {
        self.now_us.fetch_add(us, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::SeqCst)
    }

    fn mono_us(&self) -> u64 {
        self.mono_us.load(Ordering::SeqCst)
    }
}

/// A data directory with its key and clock, and the store in it while it is open.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) key: DataKey,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Store,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = DataKey::generate(&SystemRandom::new()).unwrap();
        let clock = TestClock::new();
        let options = Options::at(data_dir(folder.path()).join("redoubt.db"));
        let store = Store::create(options, key.clone(), clock.clone(), origin()).unwrap();
        Self { folder, key, clock, store }
    }

    /// With one analyst in it, `alice`.
    pub(crate) fn with_alice() -> Self {
        let place = Self::new();
        place.store.write_blocking(|tx| insert_user(tx, "alice")).unwrap();
        place
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        data_dir(self.folder.path())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    pub(crate) fn options(&self) -> Options {
        Options::at(self.file("redoubt.db"))
    }

    /// Opens what is on the disk. The store must have been closed or dropped.
    pub(crate) fn open(&self) -> Result<Store, Error> {
        open_at(&self.file("redoubt.db"), &self.key)
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(&mut self) {
        self.store.close().unwrap();
        self.reopen_with(self.options());
    }

    /// Opens the store, which must have been closed.
    pub(crate) fn reopen_with(&mut self, options: Options) {
        self.store = Store::open(options, self.key.clone(), self.clock.clone(), origin()).unwrap();
    }

    pub(crate) fn assert_intact(&self) {
        assert_eq!(self.store.check_integrity().unwrap(), Vec::<String>::new());
    }
}

pub(crate) fn open_at(path: &Path, key: &DataKey) -> Result<Store, Error> {
    Store::open(Options::at(path), key.clone(), TestClock::new(), origin())
}

fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

pub(crate) fn origin() -> Origin {
    Origin {
        origin: "redoubt/7f3a1c9e-52d0-4b86-9f0e-6a4d2b8c1e35".to_owned(),
        boot: "0b9f8a7e-1d2c-4e3f-8a9b-5c6d7e8f9a0b".to_owned(),
        software: "0.1.0+sha256:00".to_owned(),
    }
}

pub(crate) fn draft(event: Event, kind: &'static str, id: &str) -> Draft {
    Draft::new(event, Outcome::Ok, Actor::system()).object(Object::new(kind, id))
}

/// A user whose id is their name.
pub(crate) fn insert_user(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    tx.audit(draft(catalogue::USER_CREATE, "user", name))?;
    let user = User {
        id: name.to_owned(),
        name: name.to_owned(),
        role: Role::Analyst,
        password_hash: "$argon2id$…".to_owned(),
        disabled: false,
        created_at: tx.now_us(),
        display_name: String::new(),
        source: Source::Local,
        role_source: users::Origin::Assigned,
        directory_id: None,
        directory_state: None,
        checked_at: None,
    };
    users::insert(tx, &user)
}

/// The chats of this person in the workspace that there always is.
pub(crate) fn scope(owner: &str) -> Scope {
    Scope { owner: owner.to_owned(), workspace: workspaces::GENERAL.to_owned() }
}

/// A chat with its record.
pub(crate) fn insert_chat(tx: &mut Tx<'_>, owner: &str, id: &str, title: &str) -> Result<(), Error> {
    insert_chat_in(tx, &scope(owner), id, title)
}

pub(crate) fn insert_chat_in(tx: &mut Tx<'_>, scope: &Scope, id: &str, title: &str) -> Result<(), Error> {
    let seq = tx.audit(draft(catalogue::CHAT_CREATE, "chat", id))?;
    let now = tx.now_us();
    let chat = Chat {
        id: id.to_owned(),
        owner: scope.owner.clone(),
        title: title.to_owned(),
        model: "smollm2".to_owned(),
        head: None,
        salt: [7; 16],
        created_at: now,
        updated_at: now,
        workspace: scope.workspace.clone(),
    };
    chats::insert(tx, &chat, seq)
}

pub(crate) fn question(chat_id: &str, id: &str, parent: Option<&str>, content: &str) -> Message {
    Message {
        id: id.to_owned(),
        chat_id: chat_id.to_owned(),
        parent: parent.map(str::to_owned),
        role: messages::Role::User,
        content: content.to_owned(),
        status: Status::Done,
        finish_reason: None,
        model: None,
        prompt_tokens: None,
        completion_tokens: None,
        cached_tokens: None,
        dropped_turns: None,
        elapsed_ms: None,
        created_at: START_US,
    }
}

/// A message with its record.
pub(crate) fn insert_message(tx: &mut Tx<'_>, owner: &str, message: &Message) -> Result<(), Error> {
    let draft = draft(catalogue::MESSAGE_CREATE, "message", &message.id);
    let seq = tx.audit(draft.data("chat", message.chat_id.as_str()))?;
    messages::insert(tx, owner, message, seq)
}

pub(crate) fn delete_chat(tx: &mut Tx<'_>, owner: &str, id: &str) -> Result<Option<usize>, Error> {
    tx.audit(draft(catalogue::CHAT_DELETE, "chat", id))?;
    chats::delete(tx, &scope(owner), id)
}
