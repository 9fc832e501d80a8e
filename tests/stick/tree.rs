//! A machine's folders with an appliance in them, of which nothing is started by systemd.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use redoubt::clock::SystemClock;
use redoubt::front::open_store;
use redoubt::unlock::Unlock;
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::{Store, check_free};
use ring::rand::SystemRandom;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::release::{honest, text};
use crate::support::slapd::free_ports;
use crate::support::{Client, await_some, executable_with, model};

/// Removed when dropped.
pub(super) struct Tree {
    folder: TempDir,
    port: u16,
}

impl Tree {
    /// One where the honest release is installed, with an account `ada`.
    pub(super) fn new() -> Self {
        let [port] = free_ports();
        let tree = Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), port };
        let releases = tree.at("opt/redoubt/releases");
        for folder in
            [&releases, &tree.at("opt/redoubt/models"), &tree.at("etc/redoubt"), &tree.at("var/lib")]
        {
            fs::create_dir_all(folder).unwrap();
        }
        let stick = honest().copy().without_models();
        copy(&stick.path, &releases.join(env!("CARGO_PKG_VERSION")));
        symlink(format!("releases/{}", env!("CARGO_PKG_VERSION")), tree.at("opt/redoubt/current")).unwrap();
        fs::copy(stick.at("signers"), tree.at("etc/redoubt/release-signers")).unwrap();
        let (data, key) = (tree.data(), tree.at("etc/redoubt/store.key"));
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\n[data]\ndir = {data:?}\n[keys]\nfile = {key:?}\n[models]\nfile = {:?}\n\
             cache_memory = \"64 MiB\"\n[egress]\npolicy = \"report\"\n",
            model()
        );
        fs::write(tree.config(), text).unwrap();
        tree.does(&["init", "--data", data.to_str().unwrap()]);
        tree.does(&["user", "add", "ada", "--role", "analyst"]);
        tree
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.at("var/lib/redoubt")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.at("etc/redoubt/redoubt.toml")
    }

    /// The executable that would start.
    fn current(&self) -> PathBuf {
        self.at("opt/redoubt/current/redoubt")
    }

    pub(super) fn version(&self) -> String {
        fs::read_link(self.at("opt/redoubt/current"))
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[track_caller]
    fn does(&self, arguments: &[&str]) {
        let said = executable_with(arguments).arg("--config").arg(self.config()).output().unwrap();
        assert!(said.status.success(), "{}", text(&said.stderr));
    }

    /// A script of this release, working on the tree.
    pub(super) fn script(&self, release: &Path, name: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg(release.join(name))
            .arg("--root")
            .arg(self.folder.path())
            .arg("--yes")
            .stdin(Stdio::null());
        command
    }

    /// What is current serves, as after power came back.
    #[track_caller]
    pub(super) fn starts(&self) {
        let mut process = self.start();
        let client =
            Client::new(&format!("https://127.0.0.1:{}", self.port), &self.data().join("tls/ca.pem"));
        await_some("the appliance", || {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "it did not start");
            client.try_send("GET", "/readyz", &[], None).ok().filter(|answer| answer.status == 200)
        });
        kill_process(Pid::from_raw(process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
        assert!(process.wait().unwrap().success());
        await_some("the end of the front", || check_free(&self.data()).ok());
    }

    fn start(&self) -> Child {
        let mut command = Command::new(self.current());
        command.args(["serve", "--config"]).arg(self.config());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The store, which nobody serves, whole and with its log intact.
    pub(super) fn store(&self) -> Store {
        let unlock = Unlock::KeyFile(self.at("etc/redoubt/store.key"));
        let clock = Arc::new(SystemClock::new());
        let store = open_store(&self.data(), &unlock, "tests", clock, &SystemRandom::new()).unwrap();
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
        store
    }

    /// How many records of an event the log has.
    pub(super) fn records(&self, act: &str) -> usize {
        let store = self.store();
        let filter = Filter { act: Some(act.to_owned()), ..Filter::default() };
        let page = store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 100)).unwrap();
        store.close().unwrap();
        page.items.len()
    }

    /// Another tree in the same state.
    pub(super) fn copy(&self) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // Of releases, files are shared: nobody writes into them.
        for (name, how) in [("opt", "-al"), ("etc", "-a"), ("var", "-a")] {
            let copied = Command::new("cp").arg(how).arg(self.at(name)).arg(folder.path()).status().unwrap();
            assert!(copied.success());
        }
        let tree = Self { folder, port: self.port };
        let config = fs::read_to_string(tree.config()).unwrap();
        let moved =
            config.replace(self.folder.path().to_str().unwrap(), tree.folder.path().to_str().unwrap());
        fs::write(tree.config(), moved).unwrap();
        tree
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-R").arg(from).arg(to).status().unwrap().success());
}
