//! Archives: a chat as one file, sealed under the store's key, in place of its rows.
//!
//! `archives/<workspace>/<date>-<chat>.sealed` holds AES-256-GCM (`Store::seal`, bound to the chat's id) over JSON:
//! `{"format": "redoubt-archive/1", "contents": …}` with the rows of the chat and its messages. **Invariant:** the rows
//! go in the transaction that names the file, and that only after the file was synced and read back.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redoubt_store::archives::{self, Archive, Contents};
use redoubt_store::retention::{self, Due};
use redoubt_store::{Page, Store, workspaces};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{Retention, name_of};
use crate::access::Error;
use crate::clock::rfc3339;
use crate::identity::By;
use crate::records::custody as records;
use crate::unlock::Resealer;

/// What the seal is for; no other sealed value opens as an archive.
const PURPOSE: &str = "chat-archive";
/// Where the files are, below the data folder.
pub(super) const FOLDER: &str = "archives";
/// How many rows are read at once.
const PAGE: usize = 1_000;
const FORMAT: &str = "redoubt-archive/1";
/// A chat has at most 8 MiB of text; JSON may need six bytes for one. A longer file is none of ours.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    format: String,
    contents: Contents,
}

/// An archive, and the names of whose and of which workspace it is.
pub struct ArchiveDetail {
    pub archive: Archive,
    pub owner: String,
    pub workspace: String,
}

/// The folder of the sealed files.
#[derive(Clone)]
pub(super) struct Archives {
    folder: PathBuf,
    store: Store,
}

impl Retention {
    /// The newest first: whose, from where and how large; nothing of what is in them.
    pub async fn archives(&self, limit: usize, cursor: Option<String>) -> Result<Page<ArchiveDetail>, Error> {
        self.store
            .read(move |reader| {
                let Page { items, next } = archives::list(reader, limit, cursor.as_deref())?;
                let detail = |archive: Archive| {
                    let workspace = workspaces::find(reader, &archive.workspace)?;
                    let workspace =
                        workspace.map_or_else(|| archive.workspace.clone(), |workspace| workspace.name);
                    Ok(ArchiveDetail { owner: name_of(reader, &archive.owner)?, workspace, archive })
                };
                Ok(Page { items: items.into_iter().map(detail).collect::<Result<_, Error>>()?, next })
            })
            .await
    }

    /// Moves a chat into a file. `false` if it is not to go any more: somebody changed or held it.
    pub(super) async fn archive(&self, by: &By, due: &Due) -> Result<bool, Error> {
        let id = due.id.clone();
        let read = self.store.read(move |reader| Ok::<_, Error>(archives::contents(reader, &id)?));
        let Some(contents) = read.await? else { return Ok(false) };
        let archive = self.archives.write(contents.clone(), self.clock.now_us()).await?;
        let (by, due, kept) = (by.clone(), due.clone(), archive.clone());
        let moved = self
            .store
            .write_settled(move |tx| {
                by.confirm(tx)?;
                let still = retention::still(tx, &due)?;
                let (messages, _) = retention::size(tx, &due.id)?;
                let is_same = messages == kept.messages && still.as_ref() == Some(&contents.chat);
                let Some(chat) = still.filter(|_| is_same) else { return Ok(false) };
                let seq = tx.audit(records::chat_archived(&by, &kept))?;
                archives::insert(tx, &kept, seq)?;
                retention::erase(tx, &chat)?;
                Ok::<_, Error>(true)
            })
            .await;
        if !matches!(moved, Ok(true)) {
            self.archives.remove(archive.file).await?;
        }
        moved
    }

    /// Puts an archived chat back, as if it had changed now. Nobody reads it on the way but this function.
    ///
    /// # Errors
    /// [`Error::Archive`] if the file is missing or changed: then nothing is done.
    pub async fn restore(&self, by: &By, chat_id: &str) -> Result<(), Error> {
        let id = chat_id.to_owned();
        let found = self.store.read(move |reader| Ok::<_, Error>(archives::find(reader, &id)?)).await?;
        let archive = found.ok_or(Error::NoSuch("archive"))?;
        let contents = self.archives.read(archive.clone()).await?;
        let (by, file) = (by.clone(), archive.file.clone());
        self.store
            .write_settled(move |tx| {
                by.confirm(tx)?;
                if archives::find(tx, &archive.chat_id)?.as_ref() != Some(&archive) {
                    return Err(Error::NoSuch("archive"));
                }
                archives::delete(tx, &archive.chat_id)?;
                tx.audit(records::chat_restored(&by, &archive))?;
                archives::put_back(tx, &contents)?;
                Ok(())
            })
            .await?;
        self.archives.remove(file).await
    }
}

impl Archives {
    pub(super) fn new(folder: PathBuf, store: Store) -> Self {
        Self { folder, store }
    }

    /// Writes a sealed file, syncs it, and reads it back.
    async fn write(&self, contents: Contents, now_us: i64) -> Result<Archive, Error> {
        self.blocking(move |this| {
            let (chat, messages) = (contents.chat.clone(), contents.messages.len() as u64);
            let date = rfc3339(now_us).get(..10).unwrap_or_default().to_owned();
            let file = format!("{}/{date}-{}.sealed", chat.workspace, chat.id);
            let envelope = Envelope { format: FORMAT.to_owned(), contents };
            let fault = |why: String| Error::Archive { file: file.clone(), why };
            let plain = zeroize::Zeroizing::new(
                serde_json::to_vec(&envelope).map_err(|error| fault(error.to_string()))?,
            );
            let sealed = this.store.seal(PURPOSE, chat.id.as_bytes(), &plain)?;
            let path = this.folder.join(&file);
            write_durably(&this.folder, &path, &sealed).map_err(|error| fault(error.to_string()))?;
            let archive = Archive {
                chat_id: chat.id,
                owner: chat.owner,
                workspace: chat.workspace,
                sha256: hex(&sealed),
                bytes: sealed.len() as u64,
                messages,
                archived_at: now_us,
                file,
            };
            if this.open(&archive)? == envelope.contents {
                Ok(archive)
            } else {
                Err(Error::Archive {
                    file: archive.file,
                    why: "it does not read as it was written".to_owned(),
                })
            }
        })
        .await
    }

    async fn read(&self, archive: Archive) -> Result<Contents, Error> {
        self.blocking(move |this| this.open(&archive)).await
    }

    fn open(&self, archive: &Archive) -> Result<Contents, Error> {
        let fault = |why: String| Error::Archive { file: archive.file.clone(), why };
        let path = self.folder.join(&archive.file);
        let length = fs::metadata(&path).map_err(|error| fault(error.to_string()))?.len();
        if length > MAX_BYTES {
            return Err(fault(format!("it has {length} bytes, more than any archive")));
        }
        let sealed = fs::read(&path).map_err(|error| fault(error.to_string()))?;
        if hex(&sealed) != archive.sha256 {
            return Err(fault("it is not the file that was written".to_owned()));
        }
        let plain = self.store.unseal(PURPOSE, archive.chat_id.as_bytes(), &sealed)?;
        let envelope: Envelope = serde_json::from_slice(&plain).map_err(|error| fault(error.to_string()))?;
        if envelope.format != FORMAT || envelope.contents.chat.id != archive.chat_id {
            return Err(fault(format!("it is no {FORMAT} of this chat")));
        }
        Ok(envelope.contents)
    }

    async fn remove(&self, file: String) -> Result<(), Error> {
        self.blocking(move |this| this.remove_now(&file)).await
    }

    /// Removes every file of a chat, known or not.
    pub(super) async fn remove_all_of(&self, chat_id: &str) -> Result<(), Error> {
        let part = format!("-{chat_id}.");
        self.blocking(move |this| {
            let mut of_chat = this.list()?.into_iter().filter(|file| file.contains(&part));
            of_chat.try_for_each(|file| this.remove_now(&file))
        })
        .await
    }

    /// Removes what an interrupted run or restore left: files that no row names.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        self.blocking(|this| {
            for file in this.list()? {
                let named = file.clone();
                if !this.store.read_blocking(move |reader| archives::knows(reader, &named))? {
                    tracing::warn!(file, "removed an archive that was never finished");
                    this.remove_now(&file)?;
                }
            }
            Ok(())
        })
        .await
    }

    fn remove_now(&self, file: &str) -> Result<(), Error> {
        let path = self.folder.join(file);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => path.parent().map_or(Ok(()), sync),
        };
        removed.map_err(|error| Error::Archive { file: file.to_owned(), why: error.to_string() })
    }

    /// Every file below the folder, as rows name them.
    fn list(&self) -> Result<Vec<String>, Error> {
        let fault = |error: std::io::Error| Error::Archive { file: ".".to_owned(), why: error.to_string() };
        let mut files = Vec::new();
        for folder in entries(&self.folder).map_err(fault)? {
            for file in entries(&self.folder.join(&folder)).map_err(fault)? {
                files.push(format!("{folder}/{file}"));
            }
        }
        Ok(files)
    }

    /// Off the threads that serve requests: the disk may take its time.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let this = self.clone();
        let broken = || Error::Archive { file: ".".to_owned(), why: "the work broke off".to_owned() };
        tokio::task::spawn_blocking(move || work(&this)).await.unwrap_or_else(|_| Err(broken()))
    }
}

/// Seals every archive anew, for another data folder. Returns them with the sums that they have there; their rows are as they
/// were.
pub(crate) fn reseal(from: &Path, to: &Path, resealer: &Resealer<'_>) -> anyhow::Result<Vec<Archive>> {
    let (from, to) = (from.join(FOLDER), to.join(FOLDER));
    let mut archives = all(resealer.old())?;
    for archive in &mut archives {
        let path = from.join(&archive.file);
        let sealed = fs::read(&path).with_context(|| path.display().to_string())?;
        anyhow::ensure!(
            hex(&sealed) == archive.sha256,
            "{}: it is not the file that was written",
            path.display()
        );
        let anew = resealer.value(PURPOSE, archive.chat_id.as_bytes(), &sealed)?;
        write_durably(&to, &to.join(&archive.file), &anew)?;
        (archive.sha256, archive.bytes) = (hex(&anew), anew.len() as u64);
    }
    Ok(archives)
}

fn all(store: &Store) -> anyhow::Result<Vec<Archive>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = store.read_blocking(move |reader| archives::list(reader, PAGE, cursor.as_deref()))?;
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// Names in a folder; none if it is not there.
fn entries(folder: &Path) -> std::io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The file is whole under its name, or not there; after `Ok` for good.
fn write_durably(root: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(root);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync(folder)?;
    sync(root)?;
    root.parent().map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}
