//! Records to a collector on the LAN: syslog over TLS (RFC 5425), in the log's order, from where the last hand-over ended.
//!
//! Records are read from the store, so an outage of any length costs no memory and loses nothing. Whatever goes wrong
//! here, the appliance goes on.

use std::convert::Infallible;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, anyhow};
use redoubt_audit::{Record, views};
use redoubt_store::{Store, audit_log};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};

use super::position::{self, Position};
use super::sent::{Sent, UNACKNOWLEDGED};
use crate::config::{self, Format};
use crate::outward::dial::Dialler;
use crate::outward::tls::{Tls, adopt};

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Whoever takes nothing for so long is as good as gone.
const SEND_DEADLINE: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often what has arrived is looked at while there is nothing to send.
const IDLE: Duration = Duration::from_secs(1);
/// Records that are in memory at once.
const BATCH: u64 = 64;

/// How the collector is doing. Clones share it.
#[derive(Clone, Default)]
pub struct State(Arc<Mutex<Progress>>);

/// A look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub connected: bool,
    /// The number of the record that is sent next.
    pub next: u64,
}

/// How it follows the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub connected: bool,
    /// How many records it has not been sent.
    pub waiting: u64,
}

impl State {
    pub fn progress(&self) -> Progress {
        *self.get()
    }

    fn get(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What hands records over. It lives as long as the appliance serves.
pub struct Collector {
    host: String,
    format: Format,
    tls: Tls,
    store: Store,
    data_dir: PathBuf,
    /// Says that there may be new records.
    news: Arc<Notify>,
    state: State,
    position: Position,
}

impl Collector {
    /// # Errors
    /// The authority or the position cannot be read.
    pub fn new(
        settings: &config::Collector,
        store: Store,
        data_dir: PathBuf,
        news: Arc<Notify>,
        state: State,
    ) -> anyhow::Result<Self> {
        let place = || format!("audit.collector.ca: {}", settings.ca.display());
        let tls = Tls::trusting(&fs::read(&settings.ca).with_context(place)?).with_context(place)?;
        let (host, _) = settings.target().context("audit.collector.address is not host and port")?;
        let host = settings.server_name.clone().unwrap_or(host);
        let advice =
            || format!("{}: delete it to hand everything over again", position::path(&data_dir).display());
        let position = Position::load(&data_dir).with_context(advice)?;
        state.get().next = position.next;
        Ok(Self { host, format: settings.format, tls, store, data_dir, news, state, position })
    }

    /// Hands over whatever is recorded, through the newest of the diallers, until there are no more of them.
    pub async fn run(mut self, mut diallers: mpsc::UnboundedReceiver<UnixStream>) {
        let mut wait = FIRST_WAIT;
        let Some(mut dialler) = diallers.recv().await.map(Dialler::new) else { return };
        loop {
            while let Ok(newer) = diallers.try_recv() {
                dialler = Dialler::new(newer);
            }
            let began = Instant::now();
            let Err(error) = match &dialler {
                Ok(dialler) => self.hand_over(dialler).await,
                Err(error) => Err(anyhow!("the dialler cannot be asked: {error}")),
            };
            if began.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            self.note_failure(format!("{error:#}"), wait);
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// One connection, from its beginning to its end, which is an error.
    async fn hand_over(&mut self, dialler: &Dialler) -> anyhow::Result<Infallible> {
        let socket = dialler.dial(0, CONNECT_DEADLINE).await.socket.map_err(anyhow::Error::msg)?;
        sockopt::set_tcp_user_timeout(&socket, u32::try_from(UNACKNOWLEDGED.as_millis())?)?;
        sockopt::set_socket_keepalive(&socket, true)?;
        let handshake = self.tls.handshake(&self.host, adopt(socket)?);
        let stream = timeout(CONNECT_DEADLINE, handshake).await.context("no TLS in time")??;
        let (reading, mut writing) = tokio::io::split(stream);
        let mut ended = pin!(ended(reading));
        let size = self.store.read(audit_log::size).await?;
        if self.position.next > size {
            // The data folder was set back to an earlier state, and this file was not.
            tracing::warn!(next = self.position.next, size, "the collector has more records than there are");
            self.position.next = size;
        }
        self.note_connection();
        let mut sent = Sent::default();
        let mut next = self.position.next;
        loop {
            let entries = self.store.read(move |reader| audit_log::range(reader, next, next + BATCH)).await?;
            if let Some(last) = entries.last() {
                next = last.record.fields().seq + 1;
                let messages = messages(entries.iter().map(|entry| &entry.record), self.format);
                tokio::select! {
                    sent = timeout(SEND_DEADLINE, send(&mut writing, &messages)) => sent.context("it takes nothing more")??,
                    error = &mut ended => return Err(error),
                }
                sent.note(Instant::now(), next);
                self.state.get().next = next;
            } else {
                tokio::select! {
                    () = self.news.notified() => {}
                    () = sleep(IDLE) => {}
                    error = &mut ended => return Err(error),
                }
            }
            if let Some(arrived) = sent.arrived(Instant::now()) {
                self.position.next = arrived;
                self.save();
            }
        }
    }

    fn note_connection(&mut self) {
        tracing::info!(from = self.position.next, "the collector is connected");
        *self.state.get() = Progress { connected: true, next: self.position.next };
        self.position.failure = None;
        self.save();
    }

    fn note_failure(&mut self, failure: String, wait: Duration) {
        tracing::warn!(error = failure, retry_in_s = wait.as_secs(), "the collector gets no records");
        *self.state.get() = Progress { connected: false, next: self.position.next };
        self.position.failure = Some(failure);
        self.save();
    }

    /// What is not remembered is sent again; nothing is lost by that.
    fn save(&self) {
        if let Err(error) = self.position.save(&self.data_dir) {
            tracing::warn!(%error, "how far the collector has got could not be written");
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), messages: &[u8]) -> io::Result<()> {
    stream.write_all(messages).await?;
    stream.flush().await
}

/// A collector has nothing to say; what it says all the same is passed over. Resolves to why the connection ended.
async fn ended(mut stream: impl AsyncRead + Unpin) -> anyhow::Error {
    let mut unread = [0; 512];
    loop {
        match stream.read(&mut unread).await {
            Ok(0) => return anyhow!("it ended the connection"),
            Ok(_) => {}
            Err(error) => return error.into(),
        }
    }
}

/// Each with its length before it (RFC 5425 section 4.3).
fn messages<'a>(records: impl IntoIterator<Item = &'a Record>, format: Format) -> Vec<u8> {
    let mut messages = Vec::new();
    for record in records {
        let message = message(record, format);
        messages.extend_from_slice(message.len().to_string().as_bytes());
        messages.push(b' ');
        messages.extend_from_slice(message.as_bytes());
    }
    messages
}

fn message(record: &Record, format: Format) -> String {
    let body = match format {
        Format::Rfc5424 => return views::rfc5424(record),
        Format::Cef => views::cef(record),
        Format::Ocsf => views::ocsf(record),
        Format::Json => String::from_utf8_lossy(record.bytes()).into_owned(),
    };
    // No structured data; then the message.
    format!("{} - {body}", views::syslog_header(record))
}

#[cfg(test)]
mod tests {
    use redoubt_audit::{Actor, Draft, Origin, Outcome, Stamp, catalogue};

    use super::*;

    #[test]
    fn a_message_is_counted_in_bytes_and_has_the_form_that_was_asked_for() {
        let origin = Origin { origin: "redoubt/x".into(), boot: "b".into(), software: "s".into() };
        let draft =
            Draft::new(catalogue::LOGIN_PASSWORD, Outcome::Deny, Actor::nobody(Some("größer".into())));
        let record = draft.seal(&origin, Stamp { seq: 3, time_us: 0, mono_us: 0 }).unwrap();
        let header = "<108>1 1970-01-01T00:00:00.000000Z x redoubt - login.password ";
        let json = String::from_utf8(record.bytes().to_vec()).unwrap();
        for (format, body) in [
            (
                Format::Rfc5424,
                views::rfc5424(&record).split_once(" [").map(|(_, data)| format!("[{data}")).unwrap(),
            ),
            (Format::Cef, format!("- {}", views::cef(&record))),
            (Format::Ocsf, format!("- {}", views::ocsf(&record))),
            (Format::Json, format!("- {json}")),
        ] {
            let message = format!("{header}{body}");
            let counted = format!("{} {message}", message.len());
            let sent = messages([&record, &record], format);
            assert_eq!(String::from_utf8(sent).unwrap(), format!("{counted}{counted}"));
        }
    }
}
