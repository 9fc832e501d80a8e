//! What a service manager hands to `serve`: the listening socket, and secrets that the service's user may not read.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};

use crate::config::Config;

/// The socket that standard input is, if it is one that listens or could: `StandardInput=socket` of a unit whose socket
/// unit has `Accept=no`. By number (`LISTEN_FDS`) it could be had through unsafe code only.
pub(super) fn listener() -> io::Result<Option<TcpListener>> {
    listener_in(io::stdin())
}

fn listener_in(file: impl AsFd) -> io::Result<Option<TcpListener>> {
    let file = file.as_fd();
    let kind = match sockopt::socket_type(file) {
        Err(Errno::NOTSOCK) => return Ok(None),
        kind => kind?,
    };
    let is_ip = [AddressFamily::INET, AddressFamily::INET6].contains(&sockopt::socket_domain(file)?);
    let is_connected = getpeername(file).is_ok();
    if kind != SocketType::STREAM || !is_ip || is_connected {
        return Ok(None);
    }
    let listener = TcpListener::from(file.try_clone_to_owned()?);
    // Whoever had it before may have died while it refused connections.
    rustix::net::listen(&listener, crate::processes::BACKLOG)?;
    Ok(Some(listener))
}

/// Reads secrets from `folder` (systemd's `$CREDENTIALS_DIRECTORY`) where it has a file of the same name: so one
/// configuration does for the service, which may read only the copy, and for root's commands.
pub(super) fn take_credentials(config: &mut Config, folder: Option<&Path>) {
    let Some(folder) = folder else { return };
    let optional = [&mut config.listen.key, &mut config.directory.bind_password_file];
    let secrets = std::iter::once(&mut config.keys.file).chain(optional.into_iter().flatten());
    for path in secrets {
        let credential: Option<PathBuf> = path.file_name().map(|name| folder.join(name));
        if let Some(credential) = credential.filter(|credential| credential.is_file()) {
            *path = credential;
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these tests are the clients, too")]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::net::TcpStream;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listening_socket_is_taken_and_one_that_was_hung_up_listens_again() {
        let given = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = given.local_addr().unwrap();
        let taken = listener_in(&given).unwrap().unwrap();
        assert_eq!(taken.local_addr().unwrap(), address);
        rustix::net::shutdown(&given, rustix::net::Shutdown::Read).unwrap();
        rustix::net::bind(&given, &address).ok();
        let again = listener_in(&given).unwrap().unwrap();
        let _caller = TcpStream::connect(address).unwrap();
        again.accept().unwrap();
    }

    #[test]
    fn what_is_no_listening_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let local = UnixListener::bind(folder.path().join("socket")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener_in(File::open("/dev/null").unwrap()).unwrap().is_none());
        assert!(listener_in(local).unwrap().is_none());
        assert!(listener_in(connected).unwrap().is_none());
    }

    #[test]
    fn a_credential_stands_in_for_the_file_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("store.key"), [0; 32]).unwrap();
        let mut config = Config::default();
        config.listen.key = Some("/etc/redoubt/tls/key.pem".into());
        take_credentials(&mut config, None);
        assert_eq!(config, { Config { listen: config.listen.clone(), ..Config::default() } });
        take_credentials(&mut config, Some(folder.path()));
        assert_eq!(config.keys.file, folder.path().join("store.key"));
        assert_eq!(config.listen.key, Some("/etc/redoubt/tls/key.pem".into()), "there is none of that name");
    }
}
