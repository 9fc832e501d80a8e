//! A release that scripts/release made of this build, signed by two keys, and copies of it to spoil.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Models are cut at this size, so that joining is tried; bytes.
const SPLIT: &str = "40000000";
pub(super) const NAMESPACE: &str = "release@redoubt";

/// Both signers' private keys, and what they signed.
pub(super) struct Release {
    pub(super) folder: PathBuf,
    pub(super) keys: [PathBuf; 2],
}

/// The honest release that all tests share. It lies where cargo keeps what tests leave behind, and is made anew by each run.
pub(super) fn honest() -> &'static Release {
    static HONEST: OnceLock<Release> = OnceLock::new();
    HONEST.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stick");
        let _none_yet = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).unwrap();
        let second = new_key(&out, "second-key");
        let made = Command::new(checkout().join("scripts/release"))
            .args(["--test-key", "--executable", env!("CARGO_BIN_EXE_redoubt"), "--split", SPLIT, "--signer"])
            .arg(second.with_extension("pub"))
            .arg(&out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let folder = out.join(format!("redoubt-{}", env!("CARGO_PKG_VERSION")));
        sign(&folder, &second, NAMESPACE, "MANIFEST.sig2");
        Release { folder, keys: [out.join("test-key"), second] }
    })
}

pub(super) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A new Ed25519 key of this name; its public half is beside it.
pub(super) fn new_key(folder: &Path, name: &str) -> PathBuf {
    let key = folder.join(name);
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    key
}

pub(super) fn fingerprint(key: &Path) -> String {
    let told = Command::new("ssh-keygen").args(["-l", "-E", "sha256", "-f"]).arg(key).output().unwrap();
    text(&told.stdout).split(' ').nth(1).unwrap().to_owned()
}

/// Signs the MANIFEST of a release as it is now.
pub(super) fn sign(release: &Path, key: &Path, namespace: &str, name: &str) {
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .stdin(fs::File::open(release.join("MANIFEST")).unwrap())
        .output()
        .unwrap();
    assert!(signed.status.success(), "{}", text(&signed.stderr));
    fs::write(release.join(name), signed.stdout).unwrap();
}

impl Release {
    /// Options that demand both signatures, as the paper does.
    pub(super) fn demands(&self) -> Vec<String> {
        self.keys.iter().flat_map(|key| ["--fingerprint".to_owned(), fingerprint(key)]).collect()
    }

    /// A copy to spoil: files are links to those of the honest one until they are written anew.
    pub(super) fn copy(&self) -> Stick {
        let holder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = holder.path().join("release");
        let copied = Command::new("cp").arg("-rl").arg(&self.folder).arg(&path).status().unwrap();
        assert!(copied.success());
        Stick { path, _holder: holder }
    }
}

/// Removed when dropped.
pub(super) struct Stick {
    pub(super) path: PathBuf,
    _holder: TempDir,
}

impl Stick {
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file anew, so that the honest release keeps its own.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        let _none_yet = fs::remove_file(&path);
        fs::write(path, bytes).unwrap();
    }

    /// Changes a file's bytes.
    pub(super) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.at(name)).unwrap();
        change(&mut bytes);
        self.write(name, &bytes);
    }

    /// Changes the MANIFEST's text, and has both signers sign it: what they would have to be tricked into.
    pub(super) fn edit_signed(&self, change: impl FnOnce(String) -> String) {
        self.edit("MANIFEST", |bytes| *bytes = change(text(bytes)).into_bytes());
        self.sign_by(&honest().keys);
    }

    pub(super) fn sign_by(&self, keys: &[PathBuf; 2]) {
        for (key, name) in keys.iter().zip(["MANIFEST.sig", "MANIFEST.sig2"]) {
            fs::remove_file(self.at(name)).unwrap();
            sign(&self.path, key, NAMESPACE, name);
        }
    }
}

/// The release's own script by this name, as the operator has it who verified it by hand.
pub(super) fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(honest().folder.join(name));
    command
}

/// `verify.sh` over a folder.
pub(super) fn verify(folder: &Path, demands: &[String], root: &Path) -> Output {
    script("verify.sh").args(demands).arg("--root").arg(root).arg(folder).output().unwrap()
}
