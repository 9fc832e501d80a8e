//! The system calls that are left to a caged process.
//!
//! Three filters, of which the kernel obeys the strictest: what only an intruder would call ends the
//! process; what is on the process's own list works, some of it only with certain arguments; everything
//! else is refused. Calls that libc replaces by older ones are said not to exist.

mod calls;
mod rules;

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter};

use super::{Cage, Error, Layer};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn restrict(cage: &Cage) -> Result<Layer, Error> {
    let filters = [
        compile(calls::hostile(), SeccompAction::Allow, SeccompAction::KillProcess)?,
        compile(calls::allowed(cage)?, refused(libc::EPERM), SeccompAction::Allow)?,
        // Last, because of two refusals the younger one's errno counts; and it closes the door behind itself.
        compile(calls::replaced(), SeccompAction::Allow, refused(libc::ENOSYS))?,
    ];
    for filter in &filters {
        if let Err(error) = apply_filter(filter) {
            return Ok(Layer::missing(error));
        }
    }
    Ok(Layer::active("own list of calls"))
}

fn compile(rules: Rules, others: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, others, listed, architecture)?.try_into()?)
}

fn refused(errno: i32) -> SeccompAction {
    SeccompAction::Errno(errno.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::super::channels;
    use super::*;
    use rustix::io::Errno;
    use rustix::net::{
        AddressFamily, SendFlags, SocketType, connect, connect_unspec, listen, sendto, socket,
    };
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;
    use std::thread;

    /// Says to the test that it runs in a process which may die.
    const INTRUDER: &str = "REDOUBT_TEST_INTRUDER";

    fn cages() -> [Cage; 4] {
        let front = Cage::Front { data_dir: "/".into(), read: Vec::new() };
        [Cage::Engine, front, Cage::Directory, Cage::Dialler { ports: vec![636] }]
    }

    // A filter binds the thread that installs it, so a thread of this test can be locked in alone.
    #[test]
    fn the_filter_alone_blocks_every_channel_and_threads_still_work() {
        for cage in cages() {
            let caged = thread::spawn(move || {
                assert!(restrict(&cage).unwrap().is_active());
                let sum = thread::spawn(|| (0..1000_u64).sum::<u64>()).join().unwrap();
                // Without Landlock the dialler reaches every port.
                (channels::probe(&cage, false), sum)
            });
            let (tried, sum) = caged.join().unwrap();
            assert_eq!(sum, 499_500);
            for channel in tried.channels.into_iter().chain(tried.detours) {
                assert!(channel.blocked, "{channel:?}");
            }
        }
    }

    #[test]
    fn only_the_front_can_open_a_file() {
        for cage in [Cage::Engine, Cage::Directory, Cage::Dialler { ports: Vec::new() }] {
            let opened = thread::spawn(move || {
                restrict(&cage).unwrap();
                std::fs::File::open("/dev/null").map(drop)
            });
            let error = opened.join().unwrap().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        }
    }

    #[test]
    fn a_process_that_executes_a_program_is_killed() {
        if std::env::var_os(INTRUDER).is_some() {
            restrict(&Cage::Engine).unwrap();
            panic!("still here: {}", Command::new("/bin/true").exec());
        }
        let itself = ["--exact", "lockdown::seccomp::tests::a_process_that_executes_a_program_is_killed"];
        let mut intruder = Command::new(std::env::current_exe().unwrap());
        let status = intruder.args(itself).env(INTRUDER, "1").output().unwrap().status;
        assert_eq!(status.signal(), Some(libc::SIGSYS), "{status}");
    }

    #[test]
    fn an_accepted_connection_serves_its_caller_and_cannot_be_turned_round() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let caller = thread::spawn(move || call(address));
        let front = Cage::Front { data_dir: "/".into(), read: Vec::new() };
        let caged = thread::spawn(move || {
            restrict(&front).unwrap();
            let (mut connection, _) = listener.accept().unwrap();
            connection.set_nodelay(true).unwrap();
            let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
            let turned = [
                connect_unspec(&connection),
                connect(&connection, &address),
                sendto(&connection, b"x", fast_open, &address).map(drop),
                listen(&connection, 1),
            ];
            connection.write_all(b"served").unwrap();
            turned
        });
        assert_eq!(caged.join().unwrap(), [Err(Errno::PERM); 4]);
        assert_eq!(caller.join().unwrap(), "served");
    }

    #[test]
    fn the_dialler_connects_and_the_directory_cannot_turn_what_it_gets_round() {
        let [called, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, elsewhere] = [&called, &other].map(|listener| listener.local_addr().unwrap());
        let dialled = thread::spawn(move || {
            restrict(&Cage::Dialler { ports: vec![address.port()] }).unwrap();
            let dialled = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            connect(&dialled, &address).unwrap();
            dialled
        });
        let given = dialled.join().unwrap();
        let turned = thread::spawn(move || {
            restrict(&Cage::Directory).unwrap();
            let turned = [connect_unspec(&given), connect(&given, &elsewhere), listen(&given, 1)];
            TcpStream::from(given).write_all(b"asked").unwrap();
            turned
        });
        assert_eq!(turned.join().unwrap(), [Err(Errno::PERM); 3]);
        let mut heard = String::new();
        called.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "asked");
    }

    fn call(address: SocketAddr) -> String {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        connect(&socket, &address).unwrap();
        let mut heard = String::new();
        TcpStream::from(socket).read_to_string(&mut heard).unwrap();
        heard
    }
}
