//! The lists: what is hostile, what libc does without, and what each process needs.
//!
//! Found by reading what libc, tokio, SQLite and the engine do, and checked by strace of the running
//! processes. A call is listed because something needs it, never because it looks harmless.

use nix::libc::{self, c_long};
use rustix::process::getpid;

use super::{Cage, Error, Rules, rules};

/// Flags of clone(2) that make a new namespace.
const NEW_NAMESPACE: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Nothing of ours ever calls these. Whoever does is not us.
const HOSTILE: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
];

/// libc and std try these first and fall back on what is listed below. The filters on clone(2) and
/// sendmsg(2) could not see into the structures that some of them take. `seccomp` is here because it is
/// needed until the last filter stands.
const REPLACED: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_faccessat2,
    libc::SYS_close_range,
    libc::SYS_epoll_pwait2,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_sendmmsg,
    libc::SYS_pidfd_open,
    libc::SYS_seccomp,
];

/// Memory, threads, time, and reading and writing what is already open.
const EVERYBODY: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getrusage,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_seccomp,
];

/// Files of the store, the connections of the inherited listener, and what tokio waits with.
/// Which files is Landlock's to say.
const FRONT: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_utimensat,
    libc::SYS_umask,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_preadv,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_copy_file_range,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
];

/// What tokio waits with, and what it asks of a socket that it is given.
const DIRECTORY: &[c_long] = &[
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
];

/// Whether a connection has come about; making one has conditions.
const DIALLER: &[c_long] = &[libc::SYS_connect, libc::SYS_getsockopt];

/// Models are read through the descriptor that came with the settings; threads may be pinned. Randomness is
/// getrandom(2): `.cargo/config.toml` tells the crate of that name so, which in a static executable would
/// otherwise open a device.
const ENGINE: &[c_long] = &[libc::SYS_sched_setaffinity];

/// Options that are set on connections and socketpairs. None of them can name another address.
const SOCKET_OPTIONS: &[i32] = &[
    libc::SO_REUSEADDR,
    libc::SO_SNDBUF,
    libc::SO_RCVBUF,
    libc::SO_KEEPALIVE,
    libc::SO_LINGER,
    libc::SO_SNDTIMEO,
];
const TCP_OPTIONS: &[i32] = &[
    libc::TCP_NODELAY,
    libc::TCP_KEEPIDLE,
    libc::TCP_KEEPINTVL,
    libc::TCP_KEEPCNT,
    libc::TCP_USER_TIMEOUT,
    libc::TCP_QUICKACK,
];

/// Duplicates, flags and locks; not the ones that send signals to others.
const DESCRIPTOR_COMMANDS: &[i32] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
];

pub(super) fn hostile() -> Rules {
    unconditional(HOSTILE)
}

pub(super) fn replaced() -> Rules {
    unconditional(REPLACED)
}

/// The list of one process.
pub(super) fn allowed(cage: &Cage) -> Result<Rules, Error> {
    let mut list = unconditional(EVERYBODY);
    list.extend(conditional()?);
    match cage {
        Cage::Front { .. } => {
            list.extend(unconditional(FRONT));
            list.extend(of_sockets()?);
        }
        Cage::Engine => {
            list.extend(unconditional(ENGINE));
            list.extend(of_the_open_model()?);
        }
        Cage::Directory => {
            list.extend(unconditional(DIRECTORY));
            list.extend(of_sockets()?);
        }
        Cage::Dialler { .. } => {
            list.extend(unconditional(DIALLER));
            list.extend(of_dialling()?);
        }
    }
    Ok(list)
}

fn unconditional(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// For every process: threads but no processes, memory that is never executable, signals only to itself.
fn conditional() -> Result<Rules, Error> {
    let own = getpid().as_raw_nonzero().get();
    Ok(Rules::from([
        (libc::SYS_clone, rules::bits(0, libc::CLONE_THREAD | NEW_NAMESPACE, libc::CLONE_THREAD)?),
        (libc::SYS_mmap, rules::bits(2, libc::PROT_EXEC, 0)?),
        (libc::SYS_mprotect, rules::bits(2, libc::PROT_EXEC, 0)?),
        (libc::SYS_tgkill, rules::one_of(0, &[own])?),
        (libc::SYS_prctl, rules::one_of(0, &[libc::PR_SET_NAME, libc::PR_SET_NO_NEW_PRIVS])?),
        (libc::SYS_prlimit64, rules::all(vec![rules::equals(0, 0)?, rules::null(2)?])?),
        (libc::SYS_fcntl, rules::one_of(1, DESCRIPTOR_COMMANDS)?),
        (libc::SYS_ioctl, rules::one_of(1, &[fionbio()])?),
        // TCP Fast Open would open a connection by sending.
        (libc::SYS_sendto, rules::bits(3, libc::MSG_FASTOPEN, 0)?),
        (libc::SYS_sendmsg, rules::bits(2, libc::MSG_FASTOPEN, 0)?),
    ]))
}

/// For the front and the directory's process: pairs of streams, which tokio wakes itself with, and options of
/// connections.
///
/// **Invariant:** neither `socket` nor `connect` is on any list but the dialler's. An accepted connection is a socket of the
/// listener's network; connect(2) could dissolve it and call another address.
fn of_sockets() -> Result<Rules, Error> {
    const KIND: i32 = 0xf;
    let mut options = rules::level_and_name(libc::SOL_SOCKET, SOCKET_OPTIONS)?;
    options.extend(rules::level_and_name(libc::IPPROTO_TCP, TCP_OPTIONS)?);
    Ok(Rules::from([
        (
            libc::SYS_socketpair,
            rules::all(vec![rules::equals(0, libc::AF_UNIX)?, rules::masked(1, KIND, libc::SOCK_STREAM)?])?,
        ),
        (libc::SYS_setsockopt, options),
    ]))
}

/// For the dialler: sockets for TCP and for nothing else, neither MPTCP nor SCTP.
fn of_dialling() -> Result<Rules, Error> {
    const KIND: i32 = 0xf;
    let mut sockets = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for protocol in [0, libc::IPPROTO_TCP] {
            sockets.extend(rules::all(vec![
                rules::equals(0, family)?,
                rules::masked(1, KIND, libc::SOCK_STREAM)?,
                rules::equals(2, protocol)?,
            ])?);
        }
    }
    Ok(Rules::from([(libc::SYS_socket, sockets)]))
}

/// For the engine: stat by descriptor, for the size of the model.
fn of_the_open_model() -> Result<Rules, Error> {
    let only_the_descriptor = |flags| rules::bits(flags, libc::AT_EMPTY_PATH, libc::AT_EMPTY_PATH);
    Ok(Rules::from([
        (libc::SYS_statx, only_the_descriptor(2)?),
        (libc::SYS_newfstatat, only_the_descriptor(3)?),
    ]))
}

fn fionbio() -> i32 {
    i32::try_from(libc::FIONBIO).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cages() -> [Cage; 4] {
        let front = Cage::Front { data_dir: "/".into(), read: Vec::new() };
        [Cage::Engine, front, Cage::Directory, Cage::Dialler { ports: vec![636] }]
    }

    #[test]
    fn no_list_but_the_diallers_has_a_call_that_opens_a_connection_and_none_one_that_starts_a_program() {
        for cage in cages() {
            let list = allowed(&cage).unwrap();
            for call in [libc::SYS_bind, libc::SYS_listen, libc::SYS_dup3] {
                assert!(!list.contains_key(&call), "{call} in {cage:?}");
            }
            for call in [libc::SYS_socket, libc::SYS_connect] {
                let is_dialler = matches!(cage, Cage::Dialler { .. });
                assert_eq!(list.contains_key(&call), is_dialler, "{call} in {cage:?}");
            }
            for call in HOSTILE {
                assert!(!list.contains_key(call), "{call} in {cage:?}");
            }
        }
    }

    #[test]
    fn a_call_is_on_one_list_only_so_that_its_conditions_count() {
        let own = [&[], ENGINE, FRONT, DIRECTORY, DIALLER];
        let sockets = || of_sockets().unwrap();
        let conditions =
            [Rules::new(), of_the_open_model().unwrap(), sockets(), sockets(), of_dialling().unwrap()];
        for (own, conditions) in own.into_iter().zip(conditions) {
            for call in conditions.keys().chain(conditional().unwrap().keys()) {
                assert!(!EVERYBODY.contains(call) && !own.contains(call), "{call}");
            }
        }
    }

    #[test]
    fn the_door_is_closed_by_the_last_filter() {
        assert!(EVERYBODY.contains(&libc::SYS_seccomp) && REPLACED.contains(&libc::SYS_seccomp));
    }
}
