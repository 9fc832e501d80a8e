//! Which server, and which connection to it.
//!
//! Connections are kept and used again, always beginning with the service account's bind: whoever was bound before is
//! not bound any more. A server that failed is asked after the others for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::Refusal;
use super::connection::Connection;
use super::tls;
use crate::config::{self, Server};
use crate::outward::dial::Dialler;
use crate::outward::tls::Tls;

/// Connections that wait for the next question.
const MAX_IDLE: usize = 32;
/// Servers and firewalls end connections that are idle for long.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// A server that failed comes last for this long.
const SHUNNED: Duration = Duration::from_secs(30);
/// A connection that was kept gets this part of the time; a new one gets what is left.
const KEPT_SHARE: u32 = 2;

pub(super) struct Servers {
    servers: Vec<Server>,
    bind_dn: String,
    password: Zeroizing<String>,
    connect: Duration,
    tls: Tls,
    dialler: Dialler,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Where the last question was answered.
    last_good: usize,
    /// Until when each server comes last.
    shunned: Vec<Option<Instant>>,
}

impl Servers {
    pub(super) fn new(
        config: &config::Directory,
        password: Zeroizing<String>,
        tls: Tls,
        dialler: Dialler,
    ) -> Self {
        let servers = config.targets();
        let state = State { shunned: vec![None; servers.len()], ..State::default() };
        Self {
            servers,
            bind_dn: config.bind_dn.clone(),
            password,
            connect: Duration::from_secs(config.connect_seconds.into()),
            tls,
            dialler,
            state: Mutex::new(state),
        }
    }

    pub(super) fn all(&self) -> &[Server] {
        &self.servers
    }

    /// A connection on which the service account is bound, within the time for connecting.
    pub(super) async fn lease(&self) -> Result<Connection, Refusal> {
        let deadline = Instant::now() + self.connect;
        while let Some(mut connection) = self.take_idle() {
            connection.begin_question();
            let bound = timeout(self.connect / KEPT_SHARE, self.bind_service(&mut connection)).await;
            match bound {
                Ok(Ok(())) => return Ok(connection),
                // It says no at once; a new connection would hear the same.
                Ok(Err(refusal)) if !connection.is_broken() => return Err(refusal),
                Ok(Err(_)) => {}
                Err(_) => break,
            }
        }
        let order = self.order();
        let mut failures = Vec::new();
        for (tried, index) in order.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(order.len() - tried).unwrap_or(1);
            match timeout(share, self.connect(*index, share)).await {
                Ok(Ok(connection)) => {
                    self.note_success(*index);
                    return Ok(connection);
                }
                Ok(Err(failure)) => failures.push(format!("{}: {failure}", self.servers[*index])),
                Err(_) => failures.push(format!("{}: no answer in time", self.servers[*index])),
            }
            self.note_failure(*index);
        }
        Err(Refusal::Unavailable(failures.join("; ")))
    }

    /// Keeps a connection for the next question, if it is good for one.
    pub(super) fn give_back(&self, mut connection: Connection) {
        connection.idle_since = Instant::now();
        let mut state = self.state();
        if state.idle.len() < MAX_IDLE && connection.is_usable(IDLE_LIMIT) {
            state.idle.push(connection);
        }
    }

    /// Binds the service account anew, which ends whatever anybody else was allowed on this connection.
    pub(super) async fn bind_service(&self, connection: &mut Connection) -> Result<(), Refusal> {
        let result = connection.bind(&self.bind_dn, &self.password).await?;
        if result.rc == 0 {
            return Ok(());
        }
        Err(Refusal::Unavailable(format!("the service account is refused: {result}")))
    }

    /// A new connection with the service account, or why there is none.
    async fn connect(&self, index: usize, within: Duration) -> Result<Connection, String> {
        let dialled = self.dialler.dial(index, within).await;
        let secured = tls::secure(&self.tls, dialled.socket?, &self.servers[index]).await;
        let stream = secured.map_err(|error| error.to_string())?;
        let mut connection = Connection::over(index, stream).await?;
        self.bind_service(&mut connection).await.map_err(|refusal| match refusal {
            Refusal::Unavailable(why) => why,
            other => other.to_string(),
        })?;
        Ok(connection)
    }

    pub(super) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut state = self.state();
        while let Some(mut connection) = state.idle.pop() {
            if connection.is_usable(IDLE_LIMIT) {
                return Some(connection);
            }
        }
        None
    }

    /// From the last good one on, those that failed lately last.
    fn order(&self) -> Vec<usize> {
        let mut state = self.state();
        let now = Instant::now();
        for shunned in &mut state.shunned {
            shunned.take_if(|until| *until <= now);
        }
        let count = self.servers.len();
        let mut order: Vec<usize> = (0..count).map(|step| (state.last_good + step) % count).collect();
        order.sort_by_key(|index| state.shunned.get(*index).copied().flatten().is_some());
        order
    }

    fn note_success(&self, index: usize) {
        let mut state = self.state();
        state.last_good = index;
        if let Some(shunned) = state.shunned.get_mut(index) {
            *shunned = None;
        }
    }

    fn note_failure(&self, index: usize) {
        let mut state = self.state();
        state.idle.retain(|connection| connection.server != index);
        if let Some(shunned) = state.shunned.get_mut(index) {
            *shunned = Some(Instant::now() + SHUNNED);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
