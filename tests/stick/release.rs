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
pub(crate) struct Release {
    pub(crate) folder: PathBuf,
    pub(super) keys: [PathBuf; 2],
}

/// The honest release that all tests share. It lies where cargo keeps what tests leave behind, and is made anew by each run.
pub(crate) fn honest() -> &'static Release {
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

pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn text(bytes: &[u8]) -> String {
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

    /// Makes it the release of this version with this executable, and has both signers sign what is there now.
    pub(super) fn become_release(&self, version: &str, executable: &[u8]) {
        self.write("redoubt", executable);
        self.edit_signed(|manifest| {
            let header = manifest.lines().filter(|line| line.starts_with('#')).filter(|line| {
                let joined = line.strip_prefix("# joined ").and_then(|rest| rest.split(' ').nth(2));
                joined.is_none_or(|name| self.at(&format!("{name}.000")).exists())
            });
            let header = header.map(|line| match line.strip_prefix("# version ") {
                Some(_) => format!("# version {version}\n"),
                None => format!("{line}\n"),
            });
            header.collect::<String>() + &sums(&self.path)
        });
    }

    /// Takes the files of models away, which an upgrade finds in their place, and the package.
    pub(super) fn without_models(self) -> Self {
        for entry in fs::read_dir(self.at("models")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                fs::remove_file(path).unwrap();
            }
        }
        fs::remove_file(self.at(&package_of(env!("CARGO_PKG_VERSION")))).unwrap();
        self
    }

    pub(super) fn sign_by(&self, keys: &[PathBuf; 2]) {
        for (key, name) in keys.iter().zip(["MANIFEST.sig", "MANIFEST.sig2"]) {
            fs::remove_file(self.at(name)).unwrap();
            sign(&self.path, key, NAMESPACE, name);
        }
    }
}

/// The name of a version's package.
pub(super) fn package_of(version: &str) -> String {
    format!("redoubt_{version}_amd64.deb")
}

/// Lines of a MANIFEST for all files of a release but itself.
fn sums(release: &Path) -> String {
    let listed = Command::new("sh")
        .args(["-c", "find . -type f ! -name 'MANIFEST*' | sed 's|^./||' | sort | xargs sha256sum"])
        .current_dir(release)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    text(&listed.stdout)
}

/// This build's executable as one of another version: three numbers of one digit each. Of all that differs between versions,
/// only the name by which records and store know the software does.
pub(super) fn executable_of(version: &str) -> Vec<u8> {
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_redoubt")).unwrap();
    let (name, other) =
        (concat!(env!("CARGO_PKG_VERSION"), "+sha256:").as_bytes(), format!("{version}+sha256:"));
    assert_eq!(name.len(), other.len());
    let places: Vec<_> = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, window)| *window == name)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(places.len(), 1, "the software's name is there once");
    bytes[places[0]..places[0] + name.len()].copy_from_slice(other.as_bytes());
    bytes
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
