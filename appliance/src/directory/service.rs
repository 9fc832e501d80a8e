//! The body of the directory's process: takes questions, answers each in its time, survives all of them.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::filter::{NotAFilter, Template};
use super::groups::Groups;
use super::protocol::{self, Answer, Ask, Question, Reply};
use super::search::People;
use super::servers::Servers;
use super::{Refusal, Report, test, verify};
use crate::clock::Clock;
use crate::config::{self, Method};
use crate::outward::Unusable;
use crate::outward::dial::Dialler;
use crate::outward::tls::Tls;
use crate::random::{self, Random};

/// Questions that are with a server at the same time; the others wait.
const MAX_PARALLEL: usize = 32;
/// Questions that are read before one of them is answered.
const QUEUE: usize = 64;
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// What a service is made of.
pub struct Parts {
    pub config: config::Directory,
    /// `[directory] ca`, as it lies on the disk.
    pub ca: Vec<u8>,
    /// The service account's password.
    pub password: Zeroizing<String>,
    /// The other end is the dialler's.
    pub dialler: UnixStream,
    pub clock: Arc<dyn Clock>,
}

/// The directory as configured, ready to be asked.
pub(super) struct Service {
    pub(super) servers: Servers,
    pub(super) people: People,
    pub(super) groups: Groups,
    pub(super) base: String,
    pub(super) group_base: String,
    pub(super) method: Method,
    pub(super) user_dn: String,
    /// A password that nobody has.
    pub(super) decoy: Zeroizing<String>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why nothing could ever be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("directory.ca: {0}")]
    Authority(#[from] Unusable),
    #[error("directory: {0}")]
    Filter(#[from] NotAFilter),
    #[error("directory.bind_password_file: it is empty")]
    NoPassword,
    #[error("no randomness: {0}")]
    Random(#[from] random::NoRandomness),
    #[error("the directory's socket: {0}")]
    Socket(#[from] io::Error),
}

/// A service that has all it needs.
pub struct Ready(Service);

/// Makes a service, without asking anybody anything yet.
///
/// # Errors
/// What the configuration names is unusable.
pub fn prepare(parts: Parts, random: &dyn Random) -> Result<Ready, Error> {
    let Parts { config, ca, password, dialler, clock } = parts;
    let tls = Tls::trusting(&ca)?;
    if !super::password_is_sendable(&password) {
        return Err(Error::NoPassword);
    }
    let filter = Template::parse(&config.user_filter, "{name}")?;
    let certificate_filter = Template::parse(config.certificate_filter(), "{name}")?;
    let people = People::new(&config, filter, certificate_filter);
    let groups = Groups::new(&config, Template::parse(&config.group_filter, "{dn}")?);
    let decoy = data_encoding::HEXLOWER.encode(&random::bytes::<16>(random)?);
    Ok(Ready(Service {
        base: config.base.clone(),
        group_base: config.group_base().to_owned(),
        method: config.method,
        user_dn: config.user_dn.clone(),
        servers: Servers::new(&config, password, tls, Dialler::new(dialler)?),
        people,
        groups,
        decoy: Zeroizing::new(decoy),
        clock,
    }))
}

impl Ready {
    /// Answers until the front closes its end of the socket.
    ///
    /// # Errors
    /// There is no runtime, no thread, or the front sends what is no question.
    pub fn serve(self, socket: UnixStream) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (pass_on, mut questions) = mpsc::channel(QUEUE);
        let reading = socket.try_clone()?;
        let reader = thread::Builder::new().name("questions".to_owned()).spawn(move || {
            while let Some(question) = protocol::receive::<Question>(&reading)? {
                if pass_on.blocking_send(question).is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        let desk = Arc::new(Desk {
            service: Arc::new(self.0),
            permits: Arc::new(Semaphore::new(MAX_PARALLEL)),
            answers: Mutex::new(socket),
        });
        runtime.block_on(async {
            while let Some(question) = questions.recv().await {
                tokio::spawn(Arc::clone(&desk).answer(question));
            }
        });
        reader.join().map_err(|_| io::Error::other("the thread that reads questions died"))?
    }
}

struct Desk {
    service: Arc<Service>,
    permits: Arc<Semaphore>,
    answers: Mutex<UnixStream>,
}

impl Desk {
    /// A task of its own does the work, so that whatever goes wrong in it is an answer, too.
    async fn answer(self: Arc<Self>, question: Question) {
        let Question { id, within_ms, ask } = question;
        let is_test = matches!(ask, Ask::Test { .. });
        let (service, permits) = (Arc::clone(&self.service), Arc::clone(&self.permits));
        let work = tokio::spawn(async move {
            let _permit = permits.acquire().await;
            service.reply(ask).await
        });
        let abort = work.abort_handle();
        let within = Duration::from_millis(within_ms).min(LONGEST_ANSWER);
        let why = match timeout(within, work).await {
            Ok(Ok(reply)) => return self.send(id, reply, is_test),
            Ok(Err(_)) => "a reply that cannot be read",
            Err(_) => {
                abort.abort();
                "no answer in time"
            }
        };
        self.send(id, unavailable(why, is_test), is_test);
    }

    fn send(&self, id: u64, reply: Reply, is_test: bool) {
        let socket = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = protocol::send(&socket, &Answer { id, reply }) {
            tracing::warn!(%error, "an answer could not be sent");
            let instead = Answer { id, reply: unavailable("an answer that is too long", is_test) };
            // Fails only where the front is gone.
            let _gone = protocol::send(&socket, &instead);
        }
    }
}

impl Service {
    async fn reply(&self, ask: Ask) -> Reply {
        match ask {
            Ask::Verify { name, password } => Reply::Person(verify::verify(self, &name, password.0).await),
            Ask::LookUp { id } => Reply::Person(verify::look_up(self, &id).await),
            Ask::Find { name } => Reply::Person(verify::find(self, &name).await),
            Ask::Test { name } => Reply::Report(test::test(self, name.as_deref()).await),
        }
    }
}

fn unavailable(why: &str, is_test: bool) -> Reply {
    if is_test {
        return Reply::Report(Report::not_asked(why.to_owned()));
    }
    Reply::Person(Err(Refusal::Unanswered(why.to_owned())))
}
