//! Landlock: which files a caged process may still open, and on newer kernels which ports and sockets.
//!
//! What is already open stays usable: the listener, the model, the socketpairs.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::{Cage, Error, Layer};

/// Everything that Landlock can deny up to here is denied, as far as the kernel knows it.
const ABI_KNOWN: ABI = ABI::V10;
/// Where SQLite and others look for randomness, some before they ask the kernel. A machine may lack them.
const RANDOMNESS: [&str; 2] = ["/dev/urandom", "/dev/random"];

/// Since which Landlock says where TCP may go.
const ABI_WITH_PORTS: ABI = ABI::V4;

pub(super) struct Restricted {
    pub(super) layer: Layer,
    /// TCP reaches the cage's ports only.
    pub(super) holds_ports: bool,
}

pub(super) fn restrict(cage: &Cage) -> Result<Restricted, Error> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_KNOWN))?
        .handle_access(AccessNet::from_all(ABI_KNOWN))?
        .scope(Scope::from_all(ABI_KNOWN))?
        .create()?;
    if let Cage::Front { data_dir, read } = cage {
        rules = allow(rules, data_dir, AccessFs::from_all(ABI_KNOWN) & !AccessFs::Execute)?;
        let reading = AccessFs::ReadFile | AccessFs::ReadDir;
        let devices = RANDOMNESS.iter().map(Path::new).filter(|path| path.exists());
        for path in read.iter().map(|path| path.as_path()).chain(devices) {
            rules = allow(rules, path, reading)?;
        }
    }
    if let Cage::Dialler { ports } = cage {
        for port in ports {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    let (layer, holds_ports) = match rules.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } => {
            (Layer::active(format!("ABI {effective_abi}")), effective_abi >= ABI_WITH_PORTS)
        }
        LandlockStatus::NotEnabled => (Layer::missing("not enabled at boot"), false),
        LandlockStatus::NotImplemented => (Layer::missing("not built into the kernel"), false),
    };
    Ok(Restricted { layer, holds_ports })
}

fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, Error> {
    let opened = PathFd::new(path).map_err(|source| Error::Path { path: path.to_owned(), source })?;
    // A right that only a folder can have would make the rule for a file invalid.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI_KNOWN) };
    rules.add_rule(PathBeneath::new(opened, access)).map_err(|error: RulesetError| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    // Landlock binds the thread that calls it, so a thread of this test can be locked in alone.
    fn caged<T: Send + 'static>(cage: Cage, inside: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = thread::spawn(move || {
            assert!(restrict(&cage).unwrap().layer.is_active());
            inside()
        });
        thread.join().unwrap()
    }

    #[test]
    fn the_front_writes_its_data_reads_what_it_is_given_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (data, key, other) =
            (folder.path().join("data"), folder.path().join("key"), folder.path().join("other"));
        fs::create_dir(&data).unwrap();
        fs::write(&key, "k").unwrap();
        fs::write(&other, "o").unwrap();
        caged(Cage::Front { data_dir: data.clone(), read: vec![key.clone()] }, move || {
            fs::write(data.join("a"), "1").unwrap();
            fs::create_dir(data.join("sub")).unwrap();
            fs::rename(data.join("a"), data.join("sub/b")).unwrap();
            fs::remove_file(data.join("sub/b")).unwrap();
            assert_eq!(fs::read(&key).unwrap(), b"k");
            assert_eq!(fs::write(&key, "x").unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(fs::read(&other).unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(fs::read("/etc/passwd").unwrap_err().kind(), ErrorKind::PermissionDenied);
        });
    }

    #[test]
    fn nobody_but_the_front_reads_a_file() {
        for cage in [Cage::Engine, Cage::Directory, Cage::Dialler { ports: vec![636] }] {
            let error = caged(cage, || fs::read("/etc/hostname").unwrap_err());
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn the_dialler_connects_to_its_ports_only_where_the_kernel_can_tell() {
        let [allowed, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [allowed, other] = [&allowed, &other].map(|listener| listener.local_addr().unwrap());
        let reached = caged(Cage::Dialler { ports: vec![allowed.port()] }, move || {
            [allowed, other]
                .map(|address| TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok())
        });
        assert!(reached[0]);
        let holds_ports = thread::spawn(|| restrict(&Cage::Engine).unwrap().holds_ports).join().unwrap();
        assert_eq!(reached[1], !holds_ports);
    }

    #[test]
    fn a_needed_path_that_is_missing_is_named() {
        let cage = Cage::Front { data_dir: "/no/such/folder".into(), read: Vec::new() };
        let error = thread::spawn(move || restrict(&cage).err().unwrap()).join().unwrap();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}
