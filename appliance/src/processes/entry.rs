//! The first steps of a child, before it is locked in.

use std::fs;
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::unistd::close;
use rustix::stdio::dup2_stdin;

/// The socket that the supervisor gave us as stdin; stdin itself is at its end from then on.
///
/// **Invariant:** the first call of a child's process: it closes every other descriptor, whoever holds it.
pub(super) fn take_socket() -> io::Result<UnixStream> {
    close_inherited()?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    // A pipe without a writer, because /dev/null would be one more open file.
    let (empty, _) = io::pipe()?;
    dup2_stdin(empty)?;
    Ok(UnixStream::from(socket))
}

/// Ends a child whose supervisor died before the child had asked to be killed at that moment.
pub(super) fn check_parent(supervisor: u32) -> io::Result<()> {
    if std::os::unix::process::parent_id() == supervisor {
        return Ok(());
    }
    Err(io::Error::other("the supervisor is gone"))
}

/// Whoever started the supervisor may have left descriptors open that no lockdown could take away again.
fn close_inherited() -> io::Result<()> {
    let mut inherited = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let descriptor = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        inherited.extend(descriptor.filter(|descriptor| *descriptor > 2));
    }
    for descriptor in inherited {
        // The one of the listing itself is closed already.
        let _closed_already = close(descriptor);
    }
    Ok(())
}
