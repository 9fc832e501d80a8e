//! An auditor's workbench: the pinned root, the state of what was seen, and three ways to verify.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Demo, executable_with};

pub(crate) struct Workbench {
    folder: TempDir,
}

impl Workbench {
    /// With the line by which the installation was pinned.
    pub(crate) fn trusting(trust: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(bench.trust(), format!("{trust}\n")).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn trust(&self) -> PathBuf {
        self.path("my_allowed_signers")
    }

    /// Exports on the command line; the bundle's path.
    pub(crate) fn export(&self, data: &Path, name: &str, more: &[&str]) -> PathBuf {
        let out = self.path(name);
        let output = self.try_export(data, &out, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        out
    }

    pub(crate) fn try_export(&self, data: &Path, out: &Path, more: &[&str]) -> Output {
        let mut command = executable_with(["audit", "export", "--data"]);
        command.arg(data).args(more).arg("--out").arg(out).output().unwrap()
    }

    /// The verdict of the executable and, which must be the same, of the verifier in Python. Each keeps a state of its own
    /// by this name.
    pub(crate) fn verdict(&self, bundle: &Path, state: &str, more: &[&str]) -> String {
        let (code, report) = self.verify(bundle, Some(&self.path(state)), more);
        let second = self.verify_in_python(bundle, &self.path(&format!("{state}.python")), more);
        assert_eq!((code, report["verdict"].as_str().unwrap()), (second.0, second.1.as_str()), "{report}");
        second.1
    }

    pub(crate) fn verify(&self, bundle: &Path, state: Option<&Path>, more: &[&str]) -> (i32, Value) {
        let mut command = executable_with(["audit", "verify", "--json", "--trust"]);
        command.arg(self.trust()).args(more).arg(bundle);
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&said)
            .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), report)
    }

    fn verify_in_python(&self, bundle: &Path, state: &Path, more: &[&str]) -> (i32, String) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../installer/verify_bundle.py");
        let mut command = Command::new("python3");
        command.arg(program).args(["--json", "--trust"]).arg(self.trust()).args(more);
        let output = command.arg("--state").arg(state).arg(bundle).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), report["verdict"].as_str().unwrap().to_owned())
    }

    /// The commands of VERIFY.txt's first step, as they stand there, run in the bundle's folder.
    pub(crate) fn check_with_common_tools(&self, bundle: &Path) -> bool {
        let guide = fs::read_to_string(bundle.join("VERIFY.txt")).unwrap();
        let script: String =
            guide.lines().filter(|line| line.starts_with("     ")).take(3).collect::<Vec<_>>().join("\n");
        assert!(script.contains("ssh-keygen -Y verify") && script.contains("sha256sum -c"), "{script}");
        let script = script.replace("my_allowed_signers", self.trust().to_str().unwrap());
        Command::new("sh").args(["-c", &script]).current_dir(bundle).output().unwrap().status.success()
    }
}

pub(crate) fn bench_of(demo: &Demo) -> Workbench {
    Workbench::trusting(&demo.told("trust"))
}

/// A copy of a data directory that nobody serves, but for its socket.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&path, &target);
        } else if kind.is_file() {
            fs::copy(&path, &target).unwrap();
        }
    }
}
