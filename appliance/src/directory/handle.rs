//! The front's side of the directory's process: questions out, answers back.
//!
//! A thread reads the answers, so that callers of any runtime only ever wait on channels.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::protocol::{self, Answer, Ask, Question, Reply, Secret};
use super::{DirectoryId, Person, Refusal, Report, password_is_sendable};
use crate::config;

/// How much longer to wait for the process than it was given.
const SLACK: Duration = Duration::from_millis(250);
/// How long a question may take to be written; the process reads at once.
const WRITE_DEADLINE: Duration = Duration::from_millis(250);
/// Questions without an answer yet, of everybody together.
const MAX_WAITING: usize = 1024;
/// A test takes its time, since it tries every server.
const TEST_DEADLINE: Duration = Duration::from_secs(15);

/// The directory. Clones share it.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

struct Shared {
    /// The process of the moment.
    link: watch::Sender<Option<Arc<Link>>>,
    next_id: AtomicU64,
    /// Within this time a new process comes in place of a dead one, or the answer is that there is none.
    connect: Duration,
    answer: Duration,
}

/// Why there is no answer.
enum Unheard {
    /// The process never had the question.
    NotAsked(&'static str),
    NoAnswer(&'static str),
}

/// The socket of one process.
struct Link {
    socket: Mutex<UnixStream>,
    /// `None` once the process is gone.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Reply>>>>,
}

impl Directory {
    /// One that has no process yet: questions wait for it for a moment.
    pub fn new(config: &config::Directory) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let shared = Shared {
            link: watch::Sender::new(None),
            next_id: AtomicU64::new(1),
            connect: seconds(config.connect_seconds),
            answer: seconds(config.answer_seconds),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a new process's socket over from the supervisor. Questions to the one before are asked again.
    ///
    /// # Errors
    /// The socket or a thread to read it cannot be had.
    pub fn connect(&self, socket: UnixStream) -> io::Result<()> {
        socket.set_write_timeout(Some(WRITE_DEADLINE))?;
        let reading = socket.try_clone()?;
        let link = Arc::new(Link { socket: Mutex::new(socket), waiting: Mutex::new(Some(HashMap::new())) });
        let (followed, shared) = (Arc::clone(&link), Arc::downgrade(&self.shared));
        thread::Builder::new().name("directory-read".to_owned()).spawn(move || {
            followed.follow(&reading);
            if let Some(shared) = shared.upgrade() {
                shared.forget(&followed);
            }
        })?;
        self.shared.link.send_replace(Some(link));
        Ok(())
    }

    /// Whether there is a process to ask.
    pub fn is_connected(&self) -> bool {
        self.shared.link.borrow().is_some()
    }

    /// Who has this name and this password: the entry is searched, bound as, asked who it is, and read with its
    /// groups.
    ///
    /// # Errors
    /// Why not; a silence ([`Refusal::is_silence`]) within `answer_seconds` where the directory says nothing.
    pub async fn verify(&self, name: &str, password: Zeroizing<String>) -> Result<Person, Refusal> {
        if !password_is_sendable(&password) {
            return Err(Refusal::WrongPassword);
        }
        self.person(Ask::Verify { name: name.to_owned(), password: Secret(password) }).await
    }

    /// Looks at somebody again, with the service account: are they still there, still allowed, and in which groups?
    ///
    /// # Errors
    /// As for [`Directory::verify`], but for what only a password could show.
    pub async fn look_up(&self, id: &DirectoryId) -> Result<Person, Refusal> {
        self.person(Ask::LookUp { id: id.clone() }).await
    }

    /// Who has this name, for somebody who has proved by a certificate that it is theirs.
    ///
    /// # Errors
    /// As for [`Directory::look_up`].
    pub async fn find(&self, name: &str) -> Result<Person, Refusal> {
        self.person(Ask::Find { name: name.to_owned() }).await
    }

    /// Takes every step of a sign-in but the person's own bind, and says what each found. With a name, that person is
    /// searched, too.
    pub async fn test(&self, name: Option<&str>) -> Report {
        match self.ask(Ask::Test { name: name.map(str::to_owned) }, TEST_DEADLINE).await {
            Ok(Reply::Report(report)) => report,
            Ok(Reply::Person(_)) => Report::not_asked("an answer to another question".to_owned()),
            Err(Unheard::NotAsked(why) | Unheard::NoAnswer(why)) => Report::not_asked(why.to_owned()),
        }
    }

    async fn person(&self, ask: Ask) -> Result<Person, Refusal> {
        match self.ask(ask, self.shared.answer).await {
            Ok(Reply::Person(person)) => person,
            Ok(Reply::Report(_)) => Err(Refusal::Unanswered("an answer to another question".to_owned())),
            Err(Unheard::NotAsked(why)) => Err(Refusal::Unavailable(why.to_owned())),
            Err(Unheard::NoAnswer(why)) => Err(Refusal::Unanswered(why.to_owned())),
        }
    }

    /// A process that dies over a question is asked once more, when it has been replaced.
    async fn ask(&self, ask: Ask, within: Duration) -> Result<Reply, Unheard> {
        let deadline = Instant::now() + within;
        let mut asked = 0;
        while asked < 2 {
            let Some(link) = self.link(deadline).await else {
                return Err(Unheard::NotAsked("its process is not running"));
            };
            let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
            let left = deadline.saturating_duration_since(Instant::now());
            let within_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let Some(answered) = link.ask(&Question { id, within_ms, ask: ask.clone() })? else {
                self.shared.forget(&link);
                continue;
            };
            asked += 1;
            match timeout_at(deadline + SLACK, answered).await {
                Ok(Ok(reply)) => return Ok(reply),
                // Dropped by the thread that reads: the process is gone.
                Ok(Err(_)) => self.shared.forget(&link),
                Err(_) => {
                    link.forget(id);
                    return Err(Unheard::NoAnswer("no answer in time"));
                }
            }
        }
        Err(Unheard::NoAnswer("its process died over the question"))
    }

    /// The present process; waits a moment for one.
    async fn link(&self, deadline: Instant) -> Option<Arc<Link>> {
        let deadline = deadline.min(Instant::now() + self.shared.connect);
        let mut link = self.shared.link.subscribe();
        let present = timeout_at(deadline, link.wait_for(Option::is_some)).await.ok()?.ok()?;
        present.clone()
    }
}

impl Shared {
    /// Does not ask this process any more.
    fn forget(&self, gone: &Arc<Link>) {
        self.link.send_if_modified(|present| present.take_if(|present| Arc::ptr_eq(present, gone)).is_some());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(link) = self.link.borrow().as_ref() {
            link.close();
        }
    }
}

impl Link {
    /// Sends a question; `None` where the process is gone already. What is returned fails when it goes.
    fn ask(&self, question: &Question) -> Result<Option<oneshot::Receiver<Reply>>, Unheard> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(waiting) = waiting.as_mut() else { return Ok(None) };
            if waiting.len() >= MAX_WAITING {
                return Err(Unheard::NotAsked("too many questions at once"));
            }
            waiting.insert(question.id, answer);
        }
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if protocol::send(&socket, question).is_err() {
            // Part of a frame may be out, so nothing can follow it.
            let _closed_already = socket.shutdown(Shutdown::Both);
        }
        Ok(Some(answered))
    }

    fn forget(&self, id: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = waiting.as_mut() {
            waiting.remove(&id);
        }
    }

    /// Passes answers on until the process is gone.
    fn follow(&self, socket: &UnixStream) {
        loop {
            match protocol::receive::<Answer>(socket) {
                Ok(Some(Answer { id, reply })) => {
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(answer) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
                        // Fails only where nobody waits any more.
                        let _late = answer.send(reply);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the directory's process cannot be understood");
                    break;
                }
            }
        }
        let _closed_already = socket.shutdown(Shutdown::Both);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn close(&self) {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let _closed_already = socket.shutdown(Shutdown::Both);
    }
}
