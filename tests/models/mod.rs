//! Models that come from a medium: only with somebody who vouches for them, whole, and recorded.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;

use crate::audit::served::Served;
use crate::support::{executable_with, model};

const NAME: &str = "Other-135M.gguf";

/// A stick with a model, its manifest, and the key that signed it; and the folder that it goes to.
struct Medium {
    folder: TempDir,
    into: TempDir,
    sum: String,
}

impl Medium {
    fn new() -> Self {
        let medium = Self {
            folder: tempfile::tempdir().unwrap(),
            into: tempfile::tempdir().unwrap(),
            sum: sum_of(&model()),
        };
        fs::copy(model(), medium.at(NAME)).unwrap();
        medium.write_manifest("other-135m", NAME);
        let key = medium.at("key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.unwrap().success());
        medium
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn manifest(&self) -> PathBuf {
        self.at("other.toml")
    }

    fn write_manifest(&self, id: &str, file: &str) {
        let size = fs::metadata(model()).unwrap().len();
        let text = format!(
            "id = {id:?}\ntitle = \"Other 135M\"\nfile = {file:?}\nsize = {size}\nsha256 = {:?}\ncontext = 2048\n\
             licence = \"Apache-2.0\"\nsource = \"the curator\"\n",
            self.sum
        );
        fs::write(self.manifest(), text).unwrap();
    }

    fn sign(&self) {
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "model@redoubt", "-f"])
            .arg(self.at("key"))
            .arg(self.manifest())
            .output()
            .unwrap();
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    }

    fn import(&self, served: &Served, path: &Path, options: &[&str]) -> Output {
        executable_with(["model", "import"])
            .arg(path)
            .arg("--config")
            .arg(served.config())
            .arg("--into")
            .arg(self.into.path())
            .arg("--signers")
            .arg(self.at("key.pub"))
            .args(options)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn refused(&self, served: &Served, path: &Path, options: &[&str], why: &str) {
        let said = self.import(served, path, options);
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && words.contains(why), "{why}: {words}");
        assert_eq!(fs::read_dir(self.into.path()).unwrap().count(), 0, "{why}: something was left behind");
    }
}

fn sum_of(path: &Path) -> String {
    let told = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(told.stdout).unwrap()[..64].to_owned()
}

#[test]
fn a_signed_model_in_parts_comes_in_while_the_appliance_serves_and_answers_after_that() {
    let (mut served, medium) = (Served::new(""), Medium::new());
    medium.sign();
    let cut = Command::new("split")
        .args(["--bytes=40000000", "--numeric-suffixes=0", "--suffix-length=3"])
        .args([medium.at(NAME), medium.at(&format!("{NAME}."))])
        .status();
    assert!(cut.unwrap().success());
    fs::remove_file(medium.at(NAME)).unwrap();
    drop(served.start());
    let said = medium.import(&served, &medium.manifest(), &["--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let told: Value = serde_json::from_slice(&said.stdout).unwrap();
    served.stop();

    let file = PathBuf::from(told["file"].as_str().unwrap());
    assert_eq!(sum_of(&file), medium.sum);
    for path in [&file, &file.with_extension("gguf.toml")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o444, "{}", path.display());
    }
    let records = served.records("model.import");
    let d = format!("{:?}", records[0].fields().d);
    assert!(d.contains(told["voucher"].as_str().unwrap()) && d.contains("SHA256:"), "{d}");

    let config = fs::read_to_string(served.config()).unwrap();
    fs::write(served.config(), config.replace(model().to_str().unwrap(), file.to_str().unwrap())).unwrap();
    assert_eq!(served.check("models")["status"], "ok", "{}", served.check("models"));
    drop(served.start());
    let listed =
        executable_with(["model", "list", "--json", "--config"]).arg(served.config()).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"][0]["id"], "other-135m");
    assert_eq!(listed["items"][0]["available"], true);
    served.stop();
    let again = medium.import(&served, &medium.manifest(), &[]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
}

#[test]
fn weights_without_a_manifest_come_in_by_the_sum_that_the_operator_gives() {
    let (served, medium) = (Served::new(""), Medium::new());
    // An import that was killed left this.
    fs::write(medium.into.path().join(".importing-old.gguf"), "half").unwrap();
    let said = medium.import(&served, &medium.at(NAME), &["--sha256", &medium.sum.to_uppercase()]);
    let words = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(words.contains("other-135m") && words.contains("the one that you gave"), "{words}");
    assert!(!medium.into.path().join(".importing-old.gguf").exists());
    let manifest = fs::read_to_string(medium.into.path().join(format!("{NAME}.toml"))).unwrap();
    assert!(manifest.contains(&medium.sum) && manifest.contains("context = 8192"), "{manifest}");
    assert_eq!(served.records("model.import").len(), 1);
}

#[test]
fn a_model_whose_sum_this_version_knows_needs_nobody_else() {
    let (served, medium) = (Served::new(""), Medium::new());
    let said = medium.import(&served, &model(), &[]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(String::from_utf8_lossy(&said.stdout).contains("this version knows its sum"));
}

#[test]
fn what_nobody_vouches_for_or_what_is_not_whole_is_refused_and_leaves_nothing() {
    let (served, medium) = (Served::new(""), Medium::new());
    let (weights, manifest) = (medium.at(NAME), medium.manifest());
    medium.refused(&served, &manifest, &[], "nobody vouches");
    medium.refused(&served, &weights, &[], "nobody vouches");
    medium.refused(&served, &manifest, &["--sha256", &"0".repeat(64)], "and not 000");
    medium.refused(&served, &manifest, &["--sha256", "12"], "no SHA-256 sum");
    medium.refused(&served, &weights, &["--sha256", &"0".repeat(64)], "it is not taken");
    medium.refused(&served, &medium.at("none.toml"), &[], "none.toml");

    medium.sign();
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("Other 135M", "Another")).unwrap();
    medium.refused(&served, &manifest, &[], "other.toml.sig");
    fs::write(&manifest, &text).unwrap();
    let other = medium.at("other-key.pub");
    fs::write(&other, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxm0cKqXqBnGJ0Y3cOqzTsvcCWfIqvRwRoaPHDvEQ9j x\n")
        .unwrap();
    fs::copy(&other, medium.at("key.pub")).unwrap();
    medium.refused(&served, &manifest, &[], "is not in");

    let sum = medium.sum.clone();
    let by_sum = ["--sha256", sum.as_str()];
    for (id, file, why) in [("other", "../other.gguf", "`file` is a name"), ("an id", NAME, "`id` is a name")]
    {
        medium.write_manifest(id, file);
        medium.refused(&served, &manifest, &by_sum, why);
    }
    medium.write_manifest("smollm2-135m-instruct-q4_1", NAME);
    let zeros = "0".repeat(64);
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace(&medium.sum, &zeros)).unwrap();
    medium.refused(&served, &manifest, &["--sha256", &zeros], "a model that this version knows");
    medium.write_manifest("other", NAME);
    File::options().write(true).open(&weights).unwrap().set_len(1000).unwrap();
    medium.refused(&served, &manifest, &by_sum, "has 1000 bytes");
    fs::copy(model(), &weights).unwrap();
    File::options().append(true).open(&weights).unwrap().set_len(98_362_433).unwrap();
    medium.refused(&served, &manifest, &by_sum, "98362433 bytes");
    fs::write(&weights, "no model at all").unwrap();
    let sum = sum_of(&weights);
    medium.refused(&served, &weights, &["--sha256", &sum], "the engine cannot run this model");
    assert_eq!(served.records("model.import").len(), 0);
}

#[test]
fn a_full_disk_is_said_before_anything_is_copied() {
    if !geteuid().is_root() {
        eprintln!("not tried: only root mounts a small disk");
        return;
    }
    let (served, medium) = (Served::new(""), Medium::new());
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(medium.into.path()).status();
    assert!(mounted.unwrap().success());
    medium.refused(
        &served,
        &medium.manifest(),
        &["--sha256", &medium.sum],
        "bytes free, and the model needs",
    );
    assert!(Command::new("umount").arg(medium.into.path()).status().unwrap().success());
}
