//! Models that were imported: each file has its manifest beside it, `NAME.toml` for the file `NAME`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Manifest, built_in};

/// The longest manifest that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;
const MAX_NAME: usize = 128;

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct BadManifest {
    path: PathBuf,
    why: String,
}

impl Manifest {
    /// Reads a manifest's file and holds it to the rules: plain names, sums of 64 hexadecimal digits, sizes and a context.
    ///
    /// # Errors
    /// [`BadManifest`], which says what is wrong.
    pub fn read(path: &Path) -> Result<Self, BadManifest> {
        let bad = |why: String| BadManifest { path: path.to_owned(), why };
        let read = || {
            let mut text = String::new();
            File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
            io::Result::Ok(text)
        };
        let text = read().map_err(|error| bad(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(bad(format!("a manifest has at most {MAX_BYTES} bytes")));
        }
        let manifest: Self = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        manifest.check().map_err(|why| bad(why.to_owned()))?;
        Ok(manifest)
    }

    /// What [`Manifest::read`] demands.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let parts = self.embedding.iter().flat_map(|parts| [&parts.tokenizer, &parts.config]);
        let files = parts.map(|part| (&part.file, part.size, &part.sha256));
        for (file, size, sha256) in files.chain([(&self.file, self.size, &self.sha256)]) {
            if !is_plain(file) || file.ends_with(".toml") {
                return Err(
                    "`file` is a name of letters, digits, `.`, `-` and `_`, and not that of a manifest",
                );
            }
            if size == 0 {
                return Err("`size` is in bytes, and not 0");
            }
            if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err("`sha256` is 64 hexadecimal digits in small letters");
            }
        }
        if !is_plain(&self.id) {
            return Err("`id` is a name of letters, digits, `.`, `-` and `_`");
        }
        let texts = [&self.title, &self.licence, &self.source];
        if self.title.is_empty()
            || texts.iter().any(|text| text.len() > 512 || text.contains(char::is_control))
        {
            return Err(
                "`title`, `licence` and `source` are a line of at most 512 bytes each, and the title is not empty",
            );
        }
        if self.context < 2 {
            return Err("`context` is at least 2 tokens");
        }
        Ok(())
    }
}

/// A name that is one everywhere, and no path.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Where the manifest of a file lies.
pub fn manifest_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".toml");
    path.into()
}

/// The manifest beside a file; `None` if there is none.
pub(super) fn beside(file: &Path) -> Result<Option<Manifest>, BadManifest> {
    let path = manifest_path(file);
    if !path.exists() {
        return Ok(None);
    }
    let manifest = Manifest::read(&path)?;
    if file.file_name().is_some_and(|name| name == manifest.file.as_str()) {
        return Ok(Some(manifest));
    }
    Err(BadManifest { path, why: format!("it is the manifest of {}", manifest.file) })
}

/// The models of a folder whose weights are there, known to this version or imported.
pub fn in_folder(folder: &Path) -> Vec<Manifest> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let imported = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| beside(&path.with_extension("")).ok().flatten());
    let mut found: Vec<_> = built_in()
        .into_iter()
        .chain(imported)
        .filter(|manifest| folder.join(&manifest.file).exists())
        .collect();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found.dedup_by(|one, other| one.id == other.id);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest { id: "other-1".to_owned(), file: "Other-1.gguf".to_owned(), ..built_in()[0].clone() }
    }

    #[test]
    fn a_manifest_that_breaks_a_rule_is_refused() {
        let broken: [fn(&mut Manifest); 9] = [
            |manifest| manifest.file = "../other.gguf".to_owned(),
            |manifest| manifest.file = ".other.gguf".to_owned(),
            |manifest| manifest.file = "other.toml".to_owned(),
            |manifest| manifest.file = "a".repeat(MAX_NAME + 1),
            |manifest| manifest.id = "an id".to_owned(),
            |manifest| manifest.title = "two\nlines".to_owned(),
            |manifest| manifest.sha256 = "E3".repeat(32),
            |manifest| manifest.size = 0,
            |manifest| manifest.context = 1,
        ];
        assert_eq!(manifest().check(), Ok(()));
        for (index, change) in broken.into_iter().enumerate() {
            let mut manifest = manifest();
            change(&mut manifest);
            assert!(manifest.check().is_err(), "rule {index}");
        }
    }

    #[test]
    fn a_file_has_the_manifest_that_lies_beside_it_and_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Other-1.gguf");
        assert_eq!(beside(&file).unwrap(), None);
        fs::write(manifest_path(&file), toml::to_string(&manifest()).unwrap()).unwrap();
        assert_eq!(beside(&file).unwrap(), Some(manifest()));
        assert!(in_folder(folder.path()).is_empty(), "there are no weights yet");
        fs::write(&file, "GGUF").unwrap();
        assert_eq!(in_folder(folder.path()), [manifest()]);
        let another = folder.path().join("another.gguf");
        fs::rename(manifest_path(&file), manifest_path(&another)).unwrap();
        assert!(beside(&another).unwrap_err().to_string().contains("Other-1.gguf"));
        fs::write(manifest_path(&another), " ".repeat(65 << 10)).unwrap();
        assert!(beside(&another).unwrap_err().to_string().contains("at most"));
    }
}
