//! One attack on one bundle, before both verifiers, with what the auditor knew and without.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use redoubt_audit::ssh::TrustedRoot;
use redoubt_audit::verify::{Finding, Known, State, Verdict, verify};
use tempfile::TempDir;

use crate::files::{Files, list, put_archive, put_folder, seal};
use crate::peers;
use crate::world::World;

/// What becomes of a bundle.
pub(crate) enum Change {
    /// These files; `MANIFEST` is made for them, without a key and with the key of the present epoch.
    Files(Files),
    /// These files with the `MANIFEST` and the signatures among them.
    Exact(Files),
    /// These files with their `MANIFEST`, and a link in place of one of them to a copy of it.
    Linked(Files, &'static str),
    /// An archive.
    Archive(Vec<u8>),
}

pub(crate) struct Attack {
    pub(crate) change: Change,
    /// The verdict with the anchor, and without.
    pub(crate) expected: [Verdict; 2],
    /// What the auditor has, if not what the world says.
    pub(crate) anchor: Option<State>,
    pub(crate) nonce: Option<Option<String>>,
}

impl Attack {
    fn new(change: Change, expected: [Verdict; 2]) -> Self {
        Self { change, expected, anchor: None, nonce: None }
    }

    /// Wrong in itself, whoever signs `MANIFEST`.
    pub(crate) fn on(files: Files) -> Self {
        Self::new(Change::Files(files), [Verdict::Invalid; 2])
    }

    /// Wrong in itself.
    pub(crate) fn invalid(change: Change) -> Self {
        Self::new(change, [Verdict::Invalid; 2])
    }

    /// Another log, right in itself.
    pub(crate) fn fork(files: Files) -> Self {
        Self::new(Change::Exact(files), [Verdict::Diverged, Verdict::Unanchored])
    }

    /// As it is, with these verdicts.
    pub(crate) fn exact(files: Files, expected: [Verdict; 2]) -> Self {
        Self::new(Change::Exact(files), expected)
    }
}

/// How much is tried for each kind.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// Whether this seed goes before the second verifier and the standard tools, too.
    pub(crate) peers: bool,
}

/// What came of an attack: the verdicts with the anchor and without, for each bundle that it made.
pub(crate) type Caught = Vec<[Verdict; 2]>;

/// # Panics
/// If a verifier does not find what it should, or the attack changes nothing.
pub(crate) fn run(world: &World, attack: Attack, extent: Extent) -> Caught {
    let place = Place::new(world);
    let Attack { change, expected, anchor, nonce } = attack;
    let known = place.known(anchor.unwrap_or_else(|| world.anchor.clone()), nonce, world);
    let both = |bundle: &Path, expected| place.both(bundle, &known, expected, extent);
    match change {
        Change::Files(files) => {
            let mut unsigned = files.clone();
            list(&mut unsigned);
            let bundle = place.put(&unsigned, world);
            both(&bundle, [Verdict::Invalid; 2]);
            place.tools_agree(&bundle, false, extent);
            let mut signed = files;
            seal(&mut signed, &world.appliance.keys, world.present());
            let bundle = place.put(&signed, world);
            for finding in both(&bundle, expected) {
                let by_manifest = ["MANIFEST", "MANIFEST.sig", "MANIFEST.ed25519"];
                let name = finding.file.as_deref().unwrap_or_default();
                let is_inner = !by_manifest.contains(&name) && !finding.why.contains("MANIFEST");
                assert!(is_inner, "only MANIFEST shows it: {finding}");
            }
            place.tools_agree(&bundle, true, extent);
            vec![[Verdict::Invalid; 2], expected]
        }
        Change::Exact(files) => {
            assert_ne!(files, world.honest, "nothing is changed");
            both(&place.put(&files, world), expected);
            vec![expected]
        }
        Change::Linked(files, name) => {
            let bundle = place.next();
            put_folder(&files, &bundle);
            let target = place.next();
            fs::rename(bundle.join(name), &target).unwrap();
            symlink(target, bundle.join(name)).unwrap();
            both(&bundle, expected);
            vec![expected]
        }
        Change::Archive(bytes) => {
            let bundle = place.next();
            fs::write(&bundle, bytes).unwrap();
            both(&bundle, expected);
            vec![expected]
        }
    }
}

/// A folder for bundles, with what the auditor has in files.
pub(crate) struct Place {
    folder: TempDir,
    used: Cell<u32>,
}

impl Place {
    pub(crate) fn new(world: &World) -> Self {
        Self::trusting(&world.trusted())
    }

    pub(crate) fn trusting(roots: &[TrustedRoot]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), used: Cell::new(0) };
        let lines: String = roots.iter().map(|root| root.line().unwrap() + "\n").collect();
        fs::write(place.trust(), lines).unwrap();
        place
    }

    pub(crate) fn trust(&self) -> PathBuf {
        self.folder.path().join("trust")
    }

    /// A path at which there is nothing.
    pub(crate) fn next(&self) -> PathBuf {
        self.used.set(self.used.get() + 1);
        self.folder.path().join(format!("bundle{}", self.used.get()))
    }

    /// In turn as a folder and as an archive.
    pub(crate) fn put(&self, files: &Files, world: &World) -> PathBuf {
        let path = self.next();
        let is_folder = (world.seed + u64::from(self.used.get())).is_multiple_of(2);
        if is_folder {
            put_folder(files, &path)
        } else {
            put_archive(files, &path)
        }
        path
    }

    pub(crate) fn known(&self, anchor: State, nonce: Option<Option<String>>, world: &World) -> Known {
        let nonce = nonce.unwrap_or_else(|| world.exported.index.nonce.clone());
        Known { roots: world.trusted(), state: Some(anchor), nonce }
    }

    /// Both verifiers, with the anchor and without. Returns what ours found.
    fn both(&self, bundle: &Path, known: &Known, expected: [Verdict; 2], extent: Extent) -> Vec<Finding> {
        let bare = Known { state: None, ..known.clone() };
        let cases = [known, &bare].into_iter().zip(expected);
        cases.flat_map(|(known, expected)| self.judge(bundle, known, expected, extent.peers).0).collect()
    }

    /// Both verifiers' verdict (that of the second one if wanted) and the state that they leave must be the same. Returns
    /// our findings, and that state.
    pub(crate) fn judge(
        &self,
        bundle: &Path,
        known: &Known,
        expected: Verdict,
        peer: bool,
    ) -> (Vec<Finding>, Option<State>) {
        let ours = verify(bundle, known).unwrap();
        assert_eq!(ours.report.verdict, expected, "{:?}", ours.report);
        let state = ours.state.or(known.state.clone());
        if peer {
            let theirs = peers::verify_bundle_py(bundle, &self.trust(), known, &self.next());
            assert_eq!(
                theirs.verdict, expected,
                "verify_bundle.py; ours: {:?}\n{}",
                ours.report, theirs.said
            );
            assert_eq!(theirs.state, state, "the state is another one");
        }
        (ours.report.findings, state)
    }

    /// `ssh-keygen` and `sha256sum` see what is listed and who signed the list: nothing if there was a key for it.
    fn tools_agree(&self, bundle: &Path, is_signed: bool, extent: Extent) {
        if extent.peers && bundle.is_dir() {
            assert_eq!(peers::standard_tools(bundle, &self.trust()), is_signed, "the standard tools");
        }
    }
}
