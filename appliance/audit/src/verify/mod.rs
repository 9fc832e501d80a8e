//! Verifies a bundle from its files alone, on a machine that has never seen the appliance. `FORMAT.md`, section Verdicts, has
//! the rules; `installer/verify_bundle.py` is a second reading of them.

mod files;
mod hashes;
mod head;
mod records;
mod report;
mod state;

use std::io;
use std::path::Path;

use data_encoding::BASE64;

use crate::bundle::{Index, name};
use crate::proof;
use crate::ssh::{PublicKey, TrustedRoot};
use crate::tree::Hash;
pub use files::{Fault, Files};
use hashes::Checkpoints;
use records::Context;

pub use report::{Finding, Report, Verdict};
pub use state::State;

/// What the auditor knows already.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The roots that were pinned; none if nobody did.
    pub roots: Vec<TrustedRoot>,
    /// What an earlier run left.
    pub state: Option<State>,
    /// Hex, as it was given to the appliance.
    pub nonce: Option<String>,
}

/// The report, and what to keep for the next bundle if that changed.
pub struct Outcome {
    pub report: Report,
    pub state: Option<State>,
}

/// Verifies the bundle at `path`, a folder or a tar archive.
///
/// # Errors
/// If it cannot be read at all.
pub fn verify(path: &Path, known: &Known) -> io::Result<Outcome> {
    let mut notes = Notes::default();
    let judged = match Files::open(path) {
        Ok(files) => examine(&files, known, &mut notes),
        Err(Fault::Unreadable(error)) => return Err(error),
        Err(Fault::Wrong(finding)) => Err(finding),
    };
    let (verdict, findings, state) = match judged {
        Ok(Judged { verdict, finding, state }) => (verdict, finding.into_iter().collect(), state),
        Err(finding) => {
            notes.not_checked.push("everything after the first thing that was wrong".to_owned());
            (Verdict::Invalid, vec![finding], None)
        }
    };
    let Notes { origin, size, root, checked, not_checked } = notes;
    let report = Report { verdict, origin, size, root, checked, not_checked, findings };
    Ok(Outcome { report, state })
}

/// What the report will say, gathered on the way.
#[derive(Default)]
struct Notes {
    origin: Option<String>,
    size: Option<u64>,
    root: Option<String>,
    checked: Vec<String>,
    not_checked: Vec<String>,
}

struct Judged {
    verdict: Verdict,
    finding: Option<Finding>,
    state: Option<State>,
}

/// Everything that can be wrong with the bundle, then what it means to whoever knows something of the log.
fn examine(files: &Files, known: &Known, notes: &mut Notes) -> Result<Judged, Finding> {
    let roots = roots(files, known)?;
    let manifest = head::check_manifest(files)?;
    let (index, time) = head::read_index(files)?;
    let signer = head::check_signatures(files, &manifest, &roots, time)?;
    let pinned = !known.roots.is_empty() || known.state.is_some();
    notes.signed(files, &index, pinned, signer.authority());
    if known.state.as_ref().is_some_and(|state| state.origin != index.origin) {
        return Err(Finding::in_file(name::INDEX, "it is a bundle of another log than the known one"));
    }
    head::check_file_names(files)?;
    let keys = head::read_chain(files, &index.origin, &signer)?;
    let checkpoints = Checkpoints::read(files, &index, &keys)?;
    let tiles = hashes::read_tiles(files, index.size)?;
    let tree = proof::tree(&tiles, index.size).map_err(|missing| Finding::new(missing.to_string()))?;
    if tree.root() != checkpoints.newest.root {
        return Err(Finding::in_file(name::CHECKPOINT, "its root is not that of the tiles"));
    }
    let proven = checkpoints.check_proofs(files, &index)?;
    let wanted = known.state.as_ref().map(|state| state.size);
    let context = Context {
        files,
        index: &index,
        keys: &keys,
        checkpoints: &checkpoints,
        tiles: &tiles,
        proven: &proven,
        wanted,
    };
    let walked = records::walk(&context)?;
    notes.walked(&index, checkpoints.by_size.len());
    notes.root = Some(BASE64.encode(&checkpoints.newest.root));
    let root_at = |size: u64| {
        let signed = if size == index.size { Some(&checkpoints.newest) } else { None };
        let signed =
            signed.or_else(|| proven.contains(&size).then(|| checkpoints.by_size.get(&size)).flatten());
        signed.map(|signed| signed.root).or(walked.root)
    };
    let now = State {
        origin: index.origin.clone(),
        root_key: *signer.authority(),
        size: index.size,
        root: checkpoints.newest.root,
        export: index.export.max(known.state.as_ref().map_or(0, |state| state.export)),
    };
    Ok(judge(&index, known, pinned, now, root_at, notes))
}

/// Whose certificates count: the pinned roots, else the one that the bundle names itself.
fn roots(files: &Files, known: &Known) -> Result<Vec<TrustedRoot>, Finding> {
    match &known.state {
        Some(state) => Ok(vec![TrustedRoot { key: state.root_key, comment: String::new() }]),
        None if known.roots.is_empty() => {
            let text = files.whole(name::SIGNERS, 64 << 10)?;
            let text = str::from_utf8(&text).map_err(|error| Finding::in_file(name::SIGNERS, error))?;
            TrustedRoot::parse_all(text).map_err(|error| Finding::in_file(name::SIGNERS, error))
        }
        None => Ok(known.roots.clone()),
    }
}

/// The verdict on a bundle that is right in itself.
fn judge(
    index: &Index,
    known: &Known,
    pinned: bool,
    now: State,
    root_at: impl Fn(u64) -> Option<Hash>,
    notes: &mut Notes,
) -> Judged {
    let found = |verdict, why: String| Judged { verdict, finding: Some(Finding::new(why)), state: None };
    let anchor = known.state.as_ref();
    match (&known.nonce, anchor) {
        (Some(nonce), _) if index.nonce.as_ref() != Some(nonce) => {
            return found(Verdict::Stale, "it is not the answer to this nonce".to_owned());
        }
        (None, Some(anchor)) if index.export < anchor.export => {
            let why = format!("it is export {}, and export {} was seen", index.export, anchor.export);
            return found(Verdict::Stale, why);
        }
        (None, _) => notes.not_checked.push("that it was made just now: no nonce was given".to_owned()),
        (Some(_), _) => notes.checked.push("it is the answer to the nonce".to_owned()),
    }
    let Some(anchor) = anchor.filter(|anchor| anchor.size > 0) else {
        notes
            .not_checked
            .push("that the log goes on from one that was known: no anchor was given".to_owned());
        let state = (pinned && known.state.is_none()).then_some(now);
        return Judged { verdict: Verdict::Unanchored, finding: None, state };
    };
    if anchor.size > index.size {
        let why = format!("the log has {} records, and {} were seen", index.size, anchor.size);
        return found(Verdict::Diverged, why);
    }
    match root_at(anchor.size) {
        Some(root) if root == anchor.root => {
            notes.checked.push(format!("the log extends the {} records that were known", anchor.size));
            Judged { verdict: Verdict::Verified, finding: None, state: Some(now) }
        }
        Some(_) => found(
            Verdict::Diverged,
            format!("its first {} records are not those that were seen", anchor.size),
        ),
        None => found(
            Verdict::Unanchored,
            format!(
                "it does not show how it goes on from the {} records that were seen; ask for an export that extends \
                     them",
                anchor.size
            ),
        ),
    }
}

impl Notes {
    fn signed(&mut self, files: &Files, index: &Index, pinned: bool, root: &PublicKey) {
        self.origin = Some(index.origin.clone());
        let count = files.names().count().saturating_sub(3);
        self.checked.push(format!(
            "MANIFEST is signed by a key of {}, and its {count} files are as it lists them",
            index.origin
        ));
        if pinned {
            self.checked.push(format!("that key is certified by the pinned root {}", root.fingerprint()));
        } else {
            let why = format!(
                "whether the root {} is the installation's: none was pinned (--trust)",
                root.fingerprint()
            );
            self.not_checked.push(why);
        }
    }

    fn walked(&mut self, index: &Index, checkpoints: usize) {
        let Index { from, to, size, .. } = index;
        self.size = Some(*size);
        let count = to - from + u64::from(to < size);
        self.checked
            .push(format!("{count} records: their form, numbers, order in time and place in the tree"));
        self.checked.push(format!("{checkpoints} checkpoints: their roots, and the key of the day for each"));
        self.checked.push("the files in siem/ say what the records say".to_owned());
        if *from > 0 {
            self.not_checked.push(format!("what the records before {from} say: they are not in the bundle"));
        }
        if to + 1 < *size {
            self.not_checked
                .push(format!("what the records {to} to {} say: they are not in the bundle", size - 2));
        }
    }
}
