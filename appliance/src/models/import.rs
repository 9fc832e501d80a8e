//! Bringing a model in from a medium: who vouches for it, its bytes and their sum, and its place among the others.
//!
//! **Invariant:** under its name a model is whole, has the sum that was vouched for, and is written to by nobody.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use redoubt_audit::ssh::{PublicKey, Signature};
use ring::digest;
use rustix::fs::{FlockOperation, flock, statvfs};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BadManifest, Manifest, Part, built_in, manifest_path};

/// What signatures of manifests are made for (`ssh-keygen -Y sign -n`).
pub const NAMESPACE: &str = "model@redoubt";
/// Files of an import that goes on begin with it.
const UNFINISHED: &str = ".importing-";
const MAX_PARTS: usize = 1000;
const MAX_TEXT: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    #[error("nobody vouches for {0}: give the signature of its manifest, or the sum of its weights")]
    NotVouched(PathBuf),
    #[error("{}: {why}", path.display())]
    Signature { path: PathBuf, why: String },
    #[error("the manifest is of weights with the sum {manifest}, and not {given}")]
    OtherSum { manifest: String, given: String },
    #[error("{name} is a model that this version knows, with another sum")]
    Known { name: String },
    #[error("{} is there already, and is another model than this one", .0.display())]
    Exists(PathBuf),
    #[error("{} has {free} bytes free, and the model needs {needed}", folder.display())]
    NoSpace { folder: PathBuf, free: u64, needed: u64 },
    #[error("{file} has {found} bytes where its manifest says {expected}: copy it to the medium again")]
    Size { file: String, found: u64, expected: u64 },
    #[error("{file} has the sum {found} where {expected} is vouched for: it is not taken")]
    Digest { file: String, found: String, expected: String },
    #[error("another import is at work in {}", .0.display())]
    Busy(PathBuf),
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Who says that a model is the one meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// This version, which knows its sum.
    Version,
    /// The operator, who gave the sum.
    Sum,
    /// The signer of its manifest, by the fingerprint of the key.
    Signature(String),
}

impl Voucher {
    /// For a manifest from a medium: the sum that somebody gave, or a signature by one of the keys in `signers`.
    ///
    /// # Errors
    /// [`Error::OtherSum`], [`Error::NotVouched`], [`Error::Signature`], or what the disk says.
    pub fn of(manifest: &Manifest, path: &Path, sum: Option<&str>, signers: &Path) -> Result<Self, Error> {
        if let Some(sum) = sum {
            let given = sum.to_ascii_lowercase();
            if given == manifest.sha256 {
                return Ok(Self::Sum);
            }
            return Err(Error::OtherSum { manifest: manifest.sha256.clone(), given });
        }
        if built_in().contains(manifest) {
            return Ok(Self::Version);
        }
        let signature = with_suffix(path, ".sig");
        if !signature.exists() {
            return Err(Error::NotVouched(path.to_owned()));
        }
        signed(path, &signature, signers).map(Self::Signature)
    }
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Sum => "sum",
            Self::Signature(fingerprint) => fingerprint,
        })
    }
}

/// What is recorded of an import.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelImport)]
pub struct Imported {
    pub id: String,
    /// Of the weights, in hexadecimal digits.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// SPDX identifier.
    pub licence: String,
    /// Who said that it is the one meant: `version`, `sum`, or the fingerprint of a key.
    pub voucher: String,
}

/// The fingerprint of the key that signed, if it is one of those that may.
fn signed(path: &Path, signature: &Path, signers: &Path) -> Result<String, Error> {
    let refused = |why: String| Error::Signature { path: signature.to_owned(), why };
    let parsed = Signature::parse(&read_text(signature)?).map_err(|error| refused(error.to_string()))?;
    let text = fs::read(path).map_err(Error::io(path))?;
    let signer = parsed.verify(&text, NAMESPACE).map_err(|error| refused(error.to_string()))?.key();
    if keys(&read_text(signers)?).contains(signer) {
        return Ok(signer.fingerprint());
    }
    Err(refused(format!("its key {} is not in {}", signer.fingerprint(), signers.display())))
}

/// The Ed25519 keys of a file of allowed signers or of public keys. What else stands on a line says nothing here.
fn keys(text: &str) -> Vec<PublicKey> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|line| PublicKey::parse_line(line.get(line.find("ssh-ed25519 ")?..)?).ok())
        .map(|(key, _)| key)
        .collect()
}

fn read_text(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let file = File::open(path).map_err(Error::io(path))?;
    file.take(MAX_TEXT).read_to_string(&mut text).map_err(Error::io(path))?;
    Ok(text)
}

/// A model that is being brought in. What it has so far goes when it is dropped.
pub struct Import {
    folder: PathBuf,
    manifest: Manifest,
    /// Each under its unfinished name, locked, and the name that it will have.
    files: Vec<(PathBuf, File, PathBuf)>,
}

impl Import {
    /// Looks whether there is a place for the model in `folder`, and removes what an interrupted import left there.
    ///
    /// # Errors
    /// [`Error::Known`], [`Error::Exists`], [`Error::NoSpace`], [`Error::Busy`], or what the disk says.
    pub fn begin(manifest: Manifest, folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let is_other = |known: &Manifest| {
            (known.file == manifest.file || known.id == manifest.id) && known.sha256 != manifest.sha256
        };
        if built_in().iter().any(is_other) {
            return Err(Error::Known { name: manifest.id });
        }
        if let Some(part) = manifest.parts().find(|part| folder.join(&part.file).exists()) {
            return Err(Error::Exists(folder.join(part.file)));
        }
        sweep(folder)?;
        let space = statvfs(folder).map_err(|error| Error::io(folder)(error.into()))?;
        let (free, needed) = (space.f_bavail * space.f_frsize, manifest.parts().map(|part| part.size).sum());
        if free < needed {
            return Err(Error::NoSpace { folder: folder.to_owned(), free, needed });
        }
        Ok(Self { folder: folder.to_owned(), manifest, files: Vec::new() })
    }

    /// The bytes to be copied.
    pub fn size(&self) -> u64 {
        self.manifest.parts().map(|part| part.size).sum()
    }

    /// Copies the model's files, whole or cut in parts, from a medium's folder; `tell` hears of each piece's length. Each must
    /// have the sum of the manifest. Returns the weights, to be looked at.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Digest`], or what either disk says.
    pub fn copy(&mut self, from: &Path, mut tell: impl FnMut(u64)) -> Result<&File, Error> {
        for part in self.manifest.parts().collect::<Vec<_>>() {
            let path = self.folder.join(format!("{UNFINISHED}{}", part.file));
            let mut file = File::create_new(&path).map_err(Error::io(&path))?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| Error::Busy(self.folder.clone()))?;
            let copied = copy_part(&part, from, &mut file, &path, &mut tell);
            self.files.push((path, file, self.folder.join(&part.file)));
            copied?;
        }
        let (path, weights, _) =
            self.files.first().ok_or_else(|| Error::io(&self.folder)(io::ErrorKind::NotFound.into()))?;
        io::Seek::rewind(&mut &*weights).map_err(Error::io(path))?;
        Ok(weights)
    }

    /// Gives the files their names, the manifest first: from then on the model is there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(mut self) -> Result<PathBuf, Error> {
        let weights = self.folder.join(&self.manifest.file);
        if !built_in().contains(&self.manifest) {
            let (path, draft) = (manifest_path(&weights), self.folder.join(format!("{UNFINISHED}manifest")));
            let text = toml::to_string(&self.manifest)
                .map_err(|error| Error::io(&path)(io::Error::other(error.to_string())))?;
            let mut file = File::create(&draft).map_err(Error::io(&draft))?;
            file.write_all(text.as_bytes()).and_then(|()| seal(&file)).map_err(Error::io(&draft))?;
            fs::rename(&draft, &path).map_err(Error::io(&path))?;
        }
        for (path, file, name) in self.files.drain(..).rev() {
            seal(&file).and_then(|()| fs::rename(&path, &name)).map_err(Error::io(&name))?;
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(Error::io(&self.folder))?;
        Ok(weights)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        for (path, _, _) in &self.files {
            // The next import removes it otherwise.
            let _stays = fs::remove_file(path);
        }
    }
}

/// On the disk, and read-only for everybody.
fn seal(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

/// Removes what interrupted imports left.
fn sweep(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with(UNFINISHED) {
            continue;
        }
        let file = File::open(&path).map_err(Error::io(&path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::Busy(folder.to_owned()))?;
        fs::remove_file(&path).map_err(Error::io(&path))?;
    }
    Ok(())
}

fn copy_part(
    part: &Part,
    from: &Path,
    to: &mut File,
    path: &Path,
    tell: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut copied = 0;
    let mut buffer = vec![0; 1 << 20];
    for source in pieces(from, &part.file) {
        let mut piece = File::open(&source).map_err(Error::io(&source))?;
        loop {
            let read = piece.read(&mut buffer).map_err(Error::io(&source))?;
            let bytes = buffer.get(..read).unwrap_or_default();
            copied += read as u64;
            if read == 0 || copied > part.size {
                break;
            }
            sum.update(bytes);
            to.write_all(bytes).map_err(Error::io(path))?;
            tell(read as u64);
        }
    }
    if copied != part.size {
        return Err(Error::Size { file: part.file.clone(), found: copied, expected: part.size });
    }
    let found = data_encoding::HEXLOWER.encode(sum.finish().as_ref());
    if found == part.sha256 {
        return Ok(());
    }
    Err(Error::Digest { file: part.file.clone(), found, expected: part.sha256.clone() })
}

/// The file, or the parts that it was cut into for a medium: `NAME.000`, `NAME.001` and so on.
fn pieces(folder: &Path, file: &str) -> Vec<PathBuf> {
    let whole = folder.join(file);
    let part = |number| folder.join(format!("{file}.{number:03}"));
    if whole.exists() || !part(0).exists() {
        return vec![whole];
    }
    (0..MAX_PARTS).map(part).take_while(|path| path.exists()).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

impl Manifest {
    /// All files of the model, the weights first.
    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let further = self.embedding.clone().map(|parts| [parts.tokenizer, parts.config]);
        [self.weights()].into_iter().chain(further.into_iter().flatten())
    }
}
