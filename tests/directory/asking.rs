//! The two processes of a directory, started from the real executable, and the front's way to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use redoubt::config;
use redoubt::directory::{Directory, Person, Refusal};
use redoubt::lockdown::Egress;
use redoubt::processes::{DirectoryPair, DirectoryPlan};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::support::authority::{Authority, Issued};
use crate::support::hostile_ldap::{Before, Hostile, Request, World};
use crate::support::slapd::{self, Slapd};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_redoubt");

/// A directory that can be asked. Its processes end when it is dropped.
pub(crate) struct Asking {
    pub(crate) directory: Directory,
    plan: DirectoryPlan,
    pair: Mutex<DirectoryPair>,
    folder: TempDir,
}

impl Asking {
    /// Asks servers of this authority. `change` is the last to touch the configuration.
    pub(super) fn servers(
        urls: &[String],
        ca: &Path,
        hosts: &str,
        change: impl FnOnce(&mut config::Directory),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("bind-password");
        fs::write(&password, format!("{}\n", slapd::SERVICE_PASSWORD)).unwrap();
        let mut config = config::Directory {
            servers: urls.to_vec(),
            ca: Some(ca.to_owned()),
            bind_dn: slapd::SERVICE.to_owned(),
            bind_password_file: Some(password),
            base: slapd::BASE.to_owned(),
            ..config::Directory::default()
        };
        change(&mut config);
        let path = folder.path().join("hosts");
        fs::write(&path, hosts).unwrap();
        let plan = DirectoryPlan { config, hosts: path, policy: Egress::Report };
        let (pair, socket) = DirectoryPair::start(Path::new(EXECUTABLE), &plan).unwrap();
        let directory = Directory::new(&plan.config);
        directory.connect(socket).unwrap();
        Self { directory, plan, pair: Mutex::new(pair), folder }
    }

    pub(crate) fn slapd(slapd: &Slapd, change: impl FnOnce(&mut config::Directory)) -> Self {
        Self::servers(&[format!("ldaps://127.0.0.1:{}", slapd.ldaps)], &slapd.ca, "", change)
    }

    /// Starts both processes anew, as the supervisor does after a death.
    pub(super) fn restart(&self) {
        let (pair, socket) = DirectoryPair::start(Path::new(EXECUTABLE), &self.plan).unwrap();
        *self.pair.lock().unwrap() = pair;
        self.directory.connect(socket).unwrap();
    }

    /// The number of the directory's process, and that of the dialler.
    pub(super) fn pids(&self) -> (u32, u32) {
        let pair = self.pair.lock().unwrap();
        (pair.directory(), pair.dialler())
    }

    pub(crate) fn config(&self) -> &config::Directory {
        &self.plan.config
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) async fn verify(&self, name: &str, password: &str) -> Result<Person, Refusal> {
        self.directory.verify(name, Zeroizing::new(password.to_owned())).await
    }
}

/// A scripted server with a good certificate, and somebody to ask it.
pub(super) struct Scripted {
    pub(super) server: Hostile,
    pub(super) asking: Asking,
    _folder: TempDir,
}

impl Scripted {
    pub(super) fn new(
        world: World,
        script: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::configured(world, script, |_| {})
    }

    pub(super) fn configured(
        world: World,
        script: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static,
        change: impl FnOnce(&mut config::Directory),
    ) -> Self {
        let (folder, ca, issued) = good_certificate();
        let server = Hostile::scripted(Before::Ldaps, &issued, world, script);
        let asking = Asking::servers(&[server.url()], &ca, "", change);
        Self { server, asking, _folder: folder }
    }

    pub(super) async fn verify(&self, name: &str, password: &str) -> Result<Person, Refusal> {
        self.asking.verify(name, password).await
    }
}

/// An authority's certificate in a folder, and a certificate by it for this machine.
pub(super) fn good_certificate() -> (TempDir, PathBuf, Issued) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("the directory's authority");
    let ca = authority.write(folder.path());
    (folder, ca, authority.issue(&["127.0.0.1", "dc1.example"]))
}

#[track_caller]
pub(super) fn assert_unavailable(answer: Result<Person, Refusal>, words: &str) {
    match answer {
        Err(Refusal::Unusable(why) | Refusal::Unavailable(why) | Refusal::Unanswered(why)) => {
            assert!(why.contains(words), "{words:?} is not in {why:?}")
        }
        other => panic!("{other:?} instead of {words:?}"),
    }
}
