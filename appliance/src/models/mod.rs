//! Model manifests: which files the appliance may load, and the proof that a file is the one meant.

pub mod import;
mod installed;
mod sums;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redoubt_engine::{Role, Sampling, Turn, embedding};
use serde::{Deserialize, Serialize};

use crate::config;
pub use installed::{BadManifest, in_folder, manifest_path};
use sums::Sums;

/// The manifests in the repository's `models/` folder, part of the executable.
const BUILT_IN: &[&str] = &[
    include_str!("../../../models/smollm2-135m-instruct-q4_1.toml"),
    include_str!("../../../models/all-minilm-l6-v2.toml"),
];

/// What a model file must be, and what people are told of it. `models/README.md` explains the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub id: String,
    pub title: String,
    pub file: String,
    pub size: u64,
    pub sha256: String,
    pub context: u32,
    pub system: Option<String>,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub licence: String,
    pub source: String,
    /// Of a model that makes embeddings, and of no other.
    pub embedding: Option<EmbeddingParts>,
}

/// The files that an embedding model has besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingParts {
    pub tokenizer: Part,
    pub config: Part,
}

/// One further file, beside the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub file: String,
    pub size: u64,
    pub sha256: String,
}

impl Manifest {
    fn weights(&self) -> Part {
        Part { file: self.file.clone(), size: self.size, sha256: self.sha256.clone() }
    }

    /// How answers are sampled where a request does not say.
    pub fn sampling(&self) -> Sampling {
        let default = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_p: self.top_p.unwrap_or(default.top_p),
            ..default
        }
    }

    /// The turns with the workspace's system prompt before whatever they bring; without one, and if they bring none, with
    /// this model's own.
    pub fn with_system(&self, workspace: &str, mut turns: Vec<Turn>) -> Vec<Turn> {
        let brings_one = turns.iter().any(|turn| turn.role == Role::System);
        let system = match workspace.trim().is_empty() {
            true => self.system.as_deref().filter(|_| !brings_one),
            false => Some(workspace),
        };
        match (system, turns.first_mut().filter(|first| first.role == Role::System)) {
            (None, _) => {}
            // Many templates know one such turn, at the beginning.
            (Some(system), Some(first)) => first.content = format!("{system}\n\n{}", first.content),
            (Some(system), None) => {
                turns.insert(0, Turn { role: Role::System, content: system.to_owned() });
            }
        }
        turns
    }
}

/// Why a model file is not used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no model file at {path}; put it there, or name another (the demo's: `scripts/run --prepare` fetches it)"
    )]
    Missing { path: PathBuf },
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path}: no manifest names a file of this name, so nothing says what it must contain; `redoubt model import` \
         brings one; known without: {known}"
    )]
    Unknown { path: PathBuf, known: String },
    /// It was imported, and its manifest is none by now.
    #[error("the manifest {0}")]
    Manifest(#[from] BadManifest),
    #[error("{path}: the file has {found} bytes where its manifest says {expected}; copy it again")]
    Size { path: PathBuf, found: u64, expected: u64 },
    #[error("{path}: the SHA-256 sum is {found} where the manifest says {expected}; the file is not used")]
    Digest { path: PathBuf, found: String, expected: String },
    #[error("{path}: the file was replaced while it was being checked")]
    Replaced { path: PathBuf },
    #[error("{path}: this model makes embeddings and does not answer; name it as models.embedding")]
    Embeds { path: PathBuf },
    #[error("{path}: this model answers and makes no embeddings; name it as models.file")]
    Answers { path: PathBuf },
}

/// The built-in manifests.
pub fn built_in() -> Vec<Manifest> {
    BUILT_IN.iter().filter_map(|text| toml::from_str(text).ok()).collect()
}

/// A model file that was checked against its manifest, still open.
#[derive(Debug)]
pub struct Checked {
    pub manifest: Manifest,
    pub file: File,
}

/// The same for a model that makes embeddings, all its files.
#[derive(Debug)]
pub struct CheckedEmbedding {
    pub manifest: Manifest,
    pub files: embedding::Files,
}

/// The models of a configuration.
#[derive(Debug)]
pub struct Models {
    pub chat: Checked,
    pub embedding: Option<CheckedEmbedding>,
}

/// Opens what the configuration names and checks it. `cache` remembers sums, as [`open`] says.
pub fn open_all(config: &config::Models, cache: &Path) -> Result<Models, Error> {
    let chat = open(&config.file, cache)?;
    let embedding = config.embedding.as_ref().map(|path| open_embedding(path, cache)).transpose()?;
    Ok(Models { chat, embedding })
}

/// The manifests of a configuration's models, by their files' names; the files are not looked at.
#[derive(Debug)]
pub struct Named {
    pub chat: Manifest,
    pub embedding: Option<Manifest>,
}

/// What the configuration names, for work that needs no model.
pub fn named(config: &config::Models) -> Result<Named, Error> {
    let embedding = config.embedding.as_ref().map(|path| manifest_of(path)).transpose()?;
    Ok(Named { chat: manifest_of(&config.file)?, embedding })
}

/// Opens a model that answers and checks it against the manifest of its name.
///
/// The sum is computed once a file: `cache` remembers it with the file's identity (device, inode, size and
/// time of change), because hashing gigabytes at every start would be what people wait for.
pub fn open(path: &Path, cache: &Path) -> Result<Checked, Error> {
    open_by(path, &mut Sums::Remembered(cache))
}

/// The same, but every byte is read whatever is remembered, and nothing is written. `tell` hears how far it is: the
/// file, the bytes that were read, and of how many.
pub fn verify(path: &Path, tell: &mut dyn FnMut(&Path, u64, u64)) -> Result<Checked, Error> {
    open_by(path, &mut Sums::Computed(tell))
}

fn open_by(path: &Path, sums: &mut Sums<'_>) -> Result<Checked, Error> {
    let file = open_file(path)?;
    let manifest = manifest_of(path)?;
    if manifest.embedding.is_some() {
        return Err(Error::Embeds { path: path.to_owned() });
    }
    let file = sums::check(path, file, &manifest.weights(), sums)?;
    Ok(Checked { manifest, file })
}

/// Opens a model that makes embeddings: the weights at `path`, its other files beside them.
pub fn open_embedding(path: &Path, cache: &Path) -> Result<CheckedEmbedding, Error> {
    open_embedding_by(path, &mut Sums::Remembered(cache))
}

/// What [`verify`] is to [`open`].
pub fn verify_embedding(
    path: &Path,
    tell: &mut dyn FnMut(&Path, u64, u64),
) -> Result<CheckedEmbedding, Error> {
    open_embedding_by(path, &mut Sums::Computed(tell))
}

fn open_embedding_by(path: &Path, sums: &mut Sums<'_>) -> Result<CheckedEmbedding, Error> {
    let file = open_file(path)?;
    let manifest = manifest_of(path)?;
    let Some(parts) = &manifest.embedding else { return Err(Error::Answers { path: path.to_owned() }) };
    let mut open_part = |part: &Part| {
        let path = path.with_file_name(&part.file);
        sums::check(&path, open_file(&path)?, part, sums)
    };
    let (tokenizer, config) = (open_part(&parts.tokenizer)?, open_part(&parts.config)?);
    let weights = sums::check(path, file, &manifest.weights(), sums)?;
    Ok(CheckedEmbedding { files: embedding::Files { weights, tokenizer, config }, manifest })
}

/// The weights of an embedding model that lie beside another model.
pub fn embedding_beside(model: &Path) -> Option<PathBuf> {
    let known = built_in().into_iter().filter(|manifest| manifest.embedding.is_some());
    known.map(|manifest| model.with_file_name(manifest.file)).find(|path| path.exists())
}

fn open_file(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), source },
    })
}

fn manifest_of(path: &Path) -> Result<Manifest, Error> {
    let known = built_in();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(manifest) = known.iter().find(|manifest| manifest.file == name) {
        return Ok(manifest.clone());
    }
    if let Some(manifest) = installed::beside(path)? {
        return Ok(manifest);
    }
    let known: Vec<&str> = known.iter().map(|manifest| manifest.file.as_str()).collect();
    Err(Error::Unknown { path: path.to_owned(), known: known.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_built_in_manifest_parses() {
        assert_eq!(built_in().len(), BUILT_IN.len());
        for manifest in built_in() {
            let parts = manifest.embedding.iter().flat_map(|parts| [&parts.tokenizer, &parts.config]);
            assert!(parts.map(|part| &part.sha256).chain([&manifest.sha256]).all(|sum| sum.len() == 64));
            assert!(manifest.context > 0);
        }
    }

    #[test]
    fn the_workspace_s_system_prompt_comes_before_everything() {
        let manifest = Manifest { system: Some("model".to_owned()), ..built_in()[0].clone() };
        let turn = |role, content: &str| Turn { role, content: content.to_owned() };
        let (own, question) = (turn(Role::System, "own"), turn(Role::User, "?"));
        let with = |workspace: &str, turns: &[&Turn]| {
            let turns = manifest.with_system(workspace, turns.iter().map(|turn| (*turn).clone()).collect());
            turns.into_iter().map(|turn| turn.content).collect::<Vec<_>>()
        };
        assert_eq!(with("", &[&question]), ["model", "?"]);
        assert_eq!(with(" ", &[&own, &question]), ["own", "?"]);
        assert_eq!(with("place", &[&question]), ["place", "?"]);
        assert_eq!(with("place", &[&own, &question]), ["place\n\nown", "?"]);
        assert_eq!(with("place", &[&question, &own]), ["place", "?", "own"]);
    }

    #[test]
    fn files_that_are_not_what_a_manifest_says_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache.json");
        let path = folder.path().join(built_in()[0].file.clone());
        assert!(matches!(open(&path, &cache), Err(Error::Missing { .. })));
        fs::write(&path, b"GGUF").unwrap();
        assert!(matches!(open(&path, &cache), Err(Error::Size { found: 4, .. })));
        File::create(&path).unwrap().set_len(built_in()[0].size).unwrap();
        assert!(matches!(open(&path, &cache), Err(Error::Digest { .. })));
        let other = folder.path().join("other.gguf");
        fs::write(&other, b"GGUF").unwrap();
        assert!(matches!(open(&other, &cache), Err(Error::Unknown { .. })));
    }

    #[test]
    fn a_model_is_used_for_what_it_is_and_only_with_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache.json");
        let [chat, embedding] = [0, 1].map(|index| folder.path().join(&built_in()[index].file));
        assert_eq!(embedding_beside(&chat), None);
        fs::write(&chat, b"GGUF").unwrap();
        File::create(&embedding).unwrap().set_len(built_in()[1].size).unwrap();
        assert_eq!(embedding_beside(&chat), Some(embedding.clone()));
        assert!(matches!(open(&embedding, &cache), Err(Error::Embeds { .. })));
        assert!(matches!(open_embedding(&chat, &cache), Err(Error::Answers { .. })));
        let Err(Error::Missing { path }) = open_embedding(&embedding, &cache) else { panic!("accepted") };
        fs::write(&path, b"{}").unwrap();
        assert!(matches!(open_embedding(&embedding, &cache), Err(Error::Size { found: 2, .. })));
    }
}
