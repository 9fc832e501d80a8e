//! `control.sock` in the data directory: the way of the command line to an appliance that is being served.
//!
//! It carries the same HTTP API as the LAN's address; whoever can connect acts as `console`, an admin. That is root and
//! the service's own user: the directory has mode 0700 and the socket 0600, and the front looks at who is there, too.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const NAME: &str = "control.sock";

/// Listens in a data directory. A socket that an earlier process left behind is replaced.
///
/// # Errors
/// [`ErrorKind::AddrInUse`] if somebody serves this directory already.
pub fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    if connect(data_dir)?.is_some() {
        return Err(io::Error::new(ErrorKind::AddrInUse, "this data directory is being served already"));
    }
    let folder = File::open(data_dir)?;
    let path = short_path(&folder);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to whoever serves a data directory; `None` if nobody does.
pub fn connect(data_dir: &Path) -> io::Result<Option<UnixStream>> {
    let folder = File::open(data_dir)?;
    match UnixStream::connect(short_path(&folder)) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A path that fits the 108 bytes of unix(7), however deep the directory lies.
fn short_path(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_directory_is_served_once_and_a_socket_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        assert!(connect(&deep).unwrap().is_none());
        let first = listen(&deep).unwrap();
        assert_eq!(fs::metadata(deep.join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen(&deep).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(first);
        assert!(connect(&deep).unwrap().is_none(), "nobody listens any more");
        let _second = listen(&deep).unwrap();
        assert!(connect(&deep).unwrap().is_some());
    }
}
