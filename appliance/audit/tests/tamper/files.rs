//! The files of a bundle at hand, to be changed and put down as a folder or an archive.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use redoubt_audit::bundle::{Chunks, Folder, Sink, Tar, manifest, name};
use redoubt_audit::ssh::{NAMESPACE, Signature};
use ring::digest::{SHA256, digest};

use crate::appliance::{Appliance, Exported, Keys};

/// What a bundle has, by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) const SIGNATURES: [&str; 3] = [name::MANIFEST, name::SIGNATURE, name::PLAIN_SIGNATURE];

struct Memory<'a>(&'a mut Files);

impl Sink for Memory<'_> {
    fn file<E: From<io::Error>>(&mut self, name: &str, size: u64, content: Chunks<'_, E>) -> Result<(), E> {
        let mut whole = Vec::new();
        for chunk in content {
            whole.extend(chunk?);
        }
        assert_eq!(whole.len() as u64, size, "{name}");
        self.0.insert(name.to_owned(), whole);
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        Ok(())
    }
}

/// The bundle as the appliance writes it.
pub(crate) fn honest(appliance: &Appliance, exported: &Exported) -> Files {
    let mut files = Files::new();
    appliance.write(exported, Memory(&mut files)).unwrap();
    files
}

pub(crate) fn manifest_of(files: &Files) -> Vec<u8> {
    let listed = files.iter().filter(|(name, _)| !SIGNATURES.contains(&name.as_str()));
    let lines = listed.map(|(name, content)| manifest::line(name, &sha256(content)));
    lines.collect::<String>().into_bytes()
}

pub(crate) fn sha256(content: &[u8]) -> [u8; 32] {
    digest(&SHA256, content).as_ref().try_into().unwrap()
}

/// Makes `MANIFEST` anew, and signs it with the key of this epoch.
pub(crate) fn seal(files: &mut Files, keys: &Keys, epoch: u64) {
    let manifest = manifest_of(files);
    sign(files, manifest, keys, epoch);
}

/// Puts this `MANIFEST` in, signed with the key of this epoch.
pub(crate) fn sign(files: &mut Files, manifest: Vec<u8>, keys: &Keys, epoch: u64) {
    let (pair, certificate) = (keys.pair(epoch), keys.certificate(epoch).clone());
    let signature = Signature::sign_certified(&manifest, NAMESPACE, pair, certificate).unwrap();
    files.insert(name::PLAIN_SIGNATURE.to_owned(), pair.sign(&manifest).as_ref().to_vec());
    files.insert(name::SIGNATURE.to_owned(), signature.to_text().unwrap().into_bytes());
    files.insert(name::MANIFEST.to_owned(), manifest);
}

/// Makes `MANIFEST` anew without a key: its signatures stay those of the old one.
pub(crate) fn list(files: &mut Files) {
    let manifest = manifest_of(files);
    files.insert(name::MANIFEST.to_owned(), manifest);
}

pub(crate) fn put_folder(files: &Files, path: &Path) {
    put(files, Folder::create(path).unwrap());
}

pub(crate) fn put_archive(files: &Files, path: &Path) {
    put(files, Tar::new(io::BufWriter::new(std::fs::File::create_new(path).unwrap())));
}

pub(crate) fn archive(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    put(files, Tar::new(&mut archive));
    archive
}

fn put(files: &Files, mut sink: impl Sink) {
    for (name, content) in files {
        let mut pieces = std::iter::once(Ok::<_, io::Error>(content.clone()));
        sink.file(name, content.len() as u64, &mut pieces).unwrap();
    }
    sink.finish().unwrap();
}

/// The file of this name, to be changed.
pub(crate) fn file<'a>(files: &'a mut Files, name: &str) -> &'a mut Vec<u8> {
    files.get_mut(name).unwrap()
}
