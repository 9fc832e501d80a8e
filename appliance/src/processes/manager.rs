//! What systemd is told: that the appliance serves, that it lives, that it ends. The datagrams of sd_notify(3).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Whoever started the appliance and wants to hear of it; often nobody.
pub struct Manager {
    socket: Option<UnixDatagram>,
    /// How often it must hear that the supervisor lives.
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Manager {
    /// As the environment names it: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` if it is for this process.
    ///
    /// # Errors
    /// The socket that is named cannot be reached.
    pub fn from_environment() -> io::Result<Self> {
        let own = std::process::id().to_string();
        let is_ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == own);
        let microseconds = std::env::var("WATCHDOG_USEC").ok().filter(|_| is_ours);
        Self::new(std::env::var_os("NOTIFY_SOCKET"), microseconds.as_deref())
    }

    fn new(socket: Option<OsString>, watchdog_microseconds: Option<&str>) -> io::Result<Self> {
        let socket = socket.map(|name| connect(&name)).transpose()?;
        let patience = watchdog_microseconds.and_then(|text| text.parse().ok()).map(Duration::from_micros);
        // sd_watchdog_enabled(3): half the time, so that one late report is no death.
        let interval = patience.filter(|patience| !patience.is_zero()).map(|patience| patience / 2);
        Ok(Self { socket, interval, next: None })
    }

    /// It serves. From now on it is expected to live.
    pub(super) fn ready(&mut self) {
        self.live("READY=1\nSTATUS=It serves.");
    }

    /// It waits for a key, for as long as it takes: that is no failure to start.
    pub(super) fn waits(&mut self) {
        self.live("READY=1\nSTATUS=The store is locked: `redoubt key unlock` opens it.");
    }

    fn live(&mut self, state: &str) {
        self.tell(state);
        self.next = self.interval.map(|_| Instant::now());
    }

    /// Reports that the supervisor lives, if that is due.
    pub(super) fn beat(&mut self) {
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.tell("WATCHDOG=1");
            self.next = self.interval.map(|interval| now + interval);
        }
    }

    /// When [`Manager::beat`] is due.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn stopping(&mut self) {
        self.tell("STOPPING=1");
        self.next = None;
    }

    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::warn!(%error, state, "the service manager was not told");
        }
    }
}

/// A path, or a name in the abstract namespace, which begins with `@`.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(name)?,
    }
    // A manager that does not read must not hold up the supervisor.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_that_it_serves_lives_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut told = Manager::new(Some(path.into()), Some("2000000")).unwrap();
        assert_eq!(told.next_beat(), None, "nothing is expected before it serves");
        told.ready();
        told.beat();
        told.beat();
        assert!(told.next_beat().unwrap() > Instant::now() + Duration::from_millis(900));
        told.stopping();
        assert_eq!(told.next_beat(), None);
        assert_eq!(
            [(); 3].map(|()| heard(&manager)),
            ["READY=1\nSTATUS=It serves.", "WATCHDOG=1", "STOPPING=1"]
        );
    }

    #[test]
    fn a_manager_may_have_an_abstract_name_and_no_watchdog() {
        let name = format!("redoubt-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let mut told = Manager::new(Some(format!("@{name}").into()), Some("0")).unwrap();
        told.ready();
        told.beat();
        told.stopping();
        assert_eq!([(); 2].map(|()| heard(&manager)), ["READY=1\nSTATUS=It serves.", "STOPPING=1"]);
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_a_name_that_nobody_has_is_an_error() {
        let mut nobody = Manager::new(None, None).unwrap();
        nobody.ready();
        nobody.beat();
        assert!(Manager::new(Some("/nowhere/notify".into()), None).is_err());
    }
}
