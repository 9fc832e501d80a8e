//! The files of a bundle, in a folder or in a tar archive that stays packed. Whatever is odd about them is a finding.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::report::Finding;
use crate::bundle::manifest::check_name;

const MAX_FILES: usize = 1_000_000;
/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 16;
const BUFFER: usize = 128 * 1024;

/// The files of one bundle by name.
pub enum Files {
    Folder { path: PathBuf, sizes: BTreeMap<String, u64> },
    Tar { file: File, places: BTreeMap<String, Place> },
}

/// Where a file lies in an archive.
pub struct Place {
    offset: u64,
    size: u64,
}

/// Why the files cannot be listed.
pub enum Fault {
    /// The bundle is not there, or may not be read: nothing is said about it.
    Unreadable(io::Error),
    Wrong(Finding),
}

impl From<Finding> for Fault {
    fn from(finding: Finding) -> Self {
        Self::Wrong(finding)
    }
}

impl Files {
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let kind = fs::metadata(path).map_err(Fault::Unreadable)?;
        let files = if kind.is_dir() {
            let mut sizes = BTreeMap::new();
            list(path, "", 0, &mut sizes)?;
            Self::Folder { path: path.to_owned(), sizes }
        } else {
            let file = File::open(path).map_err(Fault::Unreadable)?;
            let places = index(&file)?;
            Self::Tar { file, places }
        };
        files.check_names()?;
        Ok(files)
    }

    pub fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Folder { sizes, .. } => Box::new(sizes.keys().map(String::as_str)),
            Self::Tar { places, .. } => Box::new(places.keys().map(String::as_str)),
        }
    }

    /// In bytes; `None` if there is no such file.
    pub fn size(&self, name: &str) -> Option<u64> {
        match self {
            Self::Folder { sizes, .. } => sizes.get(name).copied(),
            Self::Tar { places, .. } => places.get(name).map(|place| place.size),
        }
    }

    /// A file from its beginning.
    pub fn read(&self, name: &str) -> Result<Box<dyn BufRead + '_>, Finding> {
        let missing = || Finding::in_file(name, "it is missing");
        match self {
            Self::Folder { path, sizes } => {
                sizes.get(name).ok_or_else(missing)?;
                let file = File::open(path.join(name)).map_err(|error| Finding::in_file(name, error))?;
                Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
            }
            Self::Tar { file, places } => {
                let place = places.get(name).ok_or_else(missing)?;
                let part = Part { file, offset: place.offset, left: place.size };
                Ok(Box::new(BufReader::with_capacity(BUFFER, part)))
            }
        }
    }

    /// A whole file of at most `limit` bytes.
    pub fn whole(&self, name: &str, limit: u64) -> Result<Vec<u8>, Finding> {
        if self.size(name).is_some_and(|size| size > limit) {
            return Err(Finding::in_file(name, format!("it is longer than {limit} bytes")));
        }
        let mut content = Vec::new();
        let read = self.read(name)?.take(limit).read_to_end(&mut content);
        read.map_err(|error| Finding::in_file(name, error))?;
        Ok(content)
    }

    fn check_names(&self) -> Result<(), Finding> {
        let mut seen = HashSet::new();
        for name in self.names() {
            check_name(name).map_err(|why| Finding::in_file(name, why))?;
            if !seen.insert(name.to_ascii_lowercase()) {
                return Err(Finding::in_file(name, "another file has this name in other letters"));
            }
        }
        Ok(())
    }
}

fn too_many() -> Finding {
    Finding::new("it has more than 1,000,000 files")
}

/// Regular files and folders only: what a link leads to is not of the bundle.
fn list(folder: &Path, prefix: &str, depth: usize, sizes: &mut BTreeMap<String, u64>) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err(Finding::in_file(prefix, "its folders lie too deep").into());
    }
    for entry in fs::read_dir(folder).map_err(Fault::Unreadable)? {
        let entry = entry.map_err(Fault::Unreadable)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Finding::in_file(prefix, "a name in it is not UTF-8").into());
        };
        let name = format!("{prefix}{name}");
        let metadata = entry.metadata().map_err(Fault::Unreadable)?;
        if metadata.is_dir() {
            list(&entry.path(), &format!("{name}/"), depth + 1, sizes)?;
        } else if metadata.is_file() {
            sizes.insert(name, metadata.len());
        } else {
            return Err(Finding::in_file(&name, "it is neither a file nor a folder").into());
        }
        if sizes.len() > MAX_FILES {
            return Err(too_many().into());
        }
    }
    Ok(())
}

/// The members of an archive; nothing is unpacked.
fn index(file: &File) -> Result<BTreeMap<String, Place>, Finding> {
    let wrong = |error: io::Error| Finding::new(format!("it is no tar archive of a bundle: {error}"));
    let length = file.metadata().map_err(wrong)?.len();
    let mut places = BTreeMap::new();
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries_with_seek().map_err(wrong)?.raw(true) {
        let entry = entry.map_err(wrong)?;
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| Finding::new("a name in the archive is not UTF-8"))?;
        if entry.header().as_ustar().is_none() || !entry.header().entry_type().is_file() {
            return Err(Finding::in_file(&name, "the archive has it as something else than a plain file"));
        }
        let place = Place { offset: entry.raw_file_position(), size: entry.size() };
        if place.offset.checked_add(place.size).is_none_or(|end| end > length) {
            return Err(Finding::in_file(&name, "the archive ends before it does"));
        }
        if places.insert(name.clone(), place).is_some() {
            return Err(Finding::in_file(&name, "the archive has it twice"));
        }
        if places.len() > MAX_FILES {
            return Err(too_many());
        }
    }
    if places.is_empty() {
        return Err(Finding::new("it is neither a folder nor a tar archive with files"));
    }
    Ok(places)
}

/// A stretch of a file, read without moving anybody else's place in it.
struct Part<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
