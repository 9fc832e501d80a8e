//! Certificate revocation lists (RFC 5280 section 5) from a folder that operators keep up to date.
//!
//! The folder is looked at for each sign-in and read again when a file in it came, went or changed, so that a new list
//! counts at once and without a restart. A file that cannot be read stops sign-in by certificate, not the appliance: a
//! list that is silently left out would let in whom it names.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::clock::SECOND_US;

const MAX_FILES: usize = 64;
/// The largest lists in use are some tens of megabytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

pub(super) struct Lists {
    folder: PathBuf,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    read: Mutex<Option<Read>>,
}

/// What the folder held when it was last read.
struct Read {
    files: Vec<File>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// A file as it is told from a changed one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct File {
    path: PathBuf,
    changed: SystemTime,
    length: u64,
}

/// Whose list it is and until when it counts, in microseconds since 1970; `None`: it does not say.
pub struct About {
    pub issuer: String,
    pub until_us: Option<i64>,
    pub revoked: usize,
}

/// Why the lists are of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: there is no revocation list in it", .0.display())]
    Empty(PathBuf),
    #[error("{}: more than {MAX_FILES} files", .0.display())]
    TooMany(PathBuf),
    #[error("{}: larger than {} MiB", .0.display(), MAX_FILE_BYTES >> 20)]
    TooLarge(PathBuf),
    #[error("{}: not a revocation list (PEM or DER) that can be used: {why}", path.display())]
    NotAList { path: PathBuf, why: String },
}

impl Lists {
    pub(super) fn new(folder: PathBuf, roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Self {
        Self { folder, roots, provider, read: Mutex::new(None) }
    }

    /// Checks chains against the lists as they are now.
    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Unreadable> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let files = self.files()?;
        if let Some(read) = read.as_ref().filter(|read| read.files == files) {
            return Ok(read.verifier.clone());
        }
        // What was read before is void, whatever becomes of this.
        *read = None;
        let lists: Vec<_> = files.iter().map(lists_of).collect::<Result<_, _>>()?;
        let verifier = self.build(lists.concat()).map_err(|why| self.first_bad(&files, lists, why))?;
        *read = Some(Read { files, verifier: verifier.clone() });
        Ok(verifier)
    }

    /// Every certificate of a chain must be spoken of by a list that is not past its next update.
    fn build(
        &self,
        lists: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .with_crls(lists)
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| error.to_string())
    }

    /// The file that `why` is about.
    fn first_bad(
        &self,
        files: &[File],
        lists: Vec<Vec<CertificateRevocationListDer<'static>>>,
        why: String,
    ) -> Unreadable {
        let mut alone = files.iter().zip(lists).map(|(file, lists)| (&file.path, self.build(lists)));
        let found = alone.find_map(|(path, built)| built.err().map(|why| (path.clone(), why)));
        let (path, why) = found.unwrap_or((self.folder.clone(), why));
        Unreadable::NotAList { path, why }
    }

    pub(super) fn about(&self) -> Result<Vec<About>, Unreadable> {
        self.verifier()?;
        let mut about = Vec::new();
        for file in self.files()? {
            for list in lists_of(&file)? {
                let not_a_list = |why: String| Unreadable::NotAList { path: file.path.clone(), why };
                let (_, list) = CertificateRevocationList::from_der(&list)
                    .map_err(|error| not_a_list(error.to_string()))?;
                about.push(About {
                    issuer: list.issuer().to_string(),
                    until_us: list.next_update().map(|time| time.timestamp().saturating_mul(SECOND_US)),
                    revoked: list.iter_revoked_certificates().count(),
                });
            }
        }
        Ok(about)
    }

    /// The folder's files in the order of their names; hidden ones are none, because tools that replace a file write such first.
    fn files(&self) -> Result<Vec<File>, Unreadable> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Unreadable::Io { path, source }
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io(&self.folder))? {
            let path = entry.map_err(io(&self.folder))?.path();
            let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            // Follows links: lists are often kept elsewhere.
            let metadata = if hidden { continue } else { fs::metadata(&path).map_err(io(&path))? };
            if !metadata.is_file() {
                continue;
            }
            if files.len() == MAX_FILES {
                return Err(Unreadable::TooMany(self.folder.clone()));
            }
            let changed = metadata.modified().map_err(io(&path))?;
            files.push(File { path, changed, length: metadata.len() });
        }
        if files.is_empty() {
            return Err(Unreadable::Empty(self.folder.clone()));
        }
        files.sort();
        Ok(files)
    }
}

/// The lists of a file: several in PEM, one in DER.
fn lists_of(file: &File) -> Result<Vec<CertificateRevocationListDer<'static>>, Unreadable> {
    let path = &file.path;
    if file.length > MAX_FILE_BYTES {
        return Err(Unreadable::TooLarge(path.clone()));
    }
    let bytes = fs::read(path).map_err(|source| Unreadable::Io { path: path.clone(), source })?;
    // A SEQUENCE; PEM is text.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    let lists: Result<Vec<_>, pem::Error> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    let not_a_list = |why: String| Unreadable::NotAList { path: path.clone(), why };
    match lists {
        Ok(lists) if lists.is_empty() => Err(not_a_list("no list was found in it".to_owned())),
        Ok(lists) => Ok(lists),
        Err(error) => Err(not_a_list(error.to_string())),
    }
}
