//! Where a bundle is written: a folder, or a tar archive.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The content of a file in pieces.
pub type Chunks<'a, E> = &'a mut dyn Iterator<Item = Result<Vec<u8>, E>>;

/// Takes the files of a bundle, each once.
pub trait Sink {
    /// One file of `size` bytes.
    ///
    /// # Errors
    /// What the content's pieces or the place where they are written have to say.
    fn file<E: From<io::Error>>(&mut self, name: &str, size: u64, content: Chunks<'_, E>) -> Result<(), E>;

    /// After the last file: makes everything durable.
    ///
    /// # Errors
    /// What the place has to say.
    fn finish(self) -> io::Result<()>;
}

/// A new folder.
pub struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// If there is something of that name already.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Sink for Folder {
    fn file<E: From<io::Error>>(&mut self, name: &str, _: u64, content: Chunks<'_, E>) -> Result<(), E> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        for chunk in content {
            file.write_all(&chunk?)?;
        }
        Ok(file.sync_all()?)
    }

    fn finish(self) -> io::Result<()> {
        fs::File::open(&self.0)?.sync_all()
    }
}

/// A tar archive (POSIX ustar): regular files, readable by their owner.
pub struct Tar<W>(W);

/// What the content of a file in an archive is filled up to.
const BLOCK: u64 = 512;

impl<W: Write> Tar<W> {
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Sink for Tar<W> {
    fn file<E: From<io::Error>>(&mut self, name: &str, size: u64, content: Chunks<'_, E>) -> Result<(), E> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_cksum();
        self.0.write_all(header.as_bytes())?;
        for chunk in content {
            self.0.write_all(&chunk?)?;
        }
        let rest = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
        Ok(self.0.write_all(&[0; 512][..rest])?)
    }

    fn finish(mut self) -> io::Result<()> {
        self.0.write_all(&[0; 1024])?;
        self.0.flush()
    }
}
