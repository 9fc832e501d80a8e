//! What stands over the records: the manifest, who signed it, what the bundle says that it holds, and the keys.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use ring::digest::{Context, SHA256};

use super::files::Files;
use super::report::Finding;
use crate::bundle::{ChainLine, Index, manifest, name, parse_line};
use crate::ssh::{Certificate, PRINCIPAL, PublicKey, Signature, TrustedRoot, verify_file};
use crate::{NoteKey, NoteKeyKind, ed25519, timestamp};

/// The longest `MANIFEST`, and the longest of the other files that are read whole.
const MAX_WHOLE: u64 = 64 << 20;
const PLAIN_SIGNATURE_BYTES: u64 = 64;
const MAX_SIGNATURE_BYTES: u64 = 64 << 10;

/// Files that the manifest does not list: itself and its signatures.
const UNLISTED: [&str; 3] = [name::MANIFEST, name::SIGNATURE, name::PLAIN_SIGNATURE];

/// Each file is there, has its hash, and there are no others. Returns the manifest.
pub(super) fn check_manifest(files: &Files) -> Result<Vec<u8>, Finding> {
    let bytes = files.whole(name::MANIFEST, MAX_WHOLE)?;
    let listed = manifest::parse(&bytes)
        .map_err(|(line, why)| Finding::in_file(name::MANIFEST, format!("line {line}: {why}")))?;
    for name in files.names().filter(|name| !UNLISTED.contains(name)) {
        if !listed.contains_key(name) {
            return Err(Finding::in_file(name, "MANIFEST does not list it"));
        }
    }
    for (name, hash) in &listed {
        if UNLISTED.contains(&name.as_str()) {
            return Err(Finding::in_file(name::MANIFEST, format!("it lists {name}")));
        }
        if sha256(files, name)? != *hash {
            return Err(Finding::in_file(name, "it is not the file that MANIFEST lists"));
        }
    }
    Ok(bytes)
}

fn sha256(files: &Files, name: &str) -> Result<[u8; 32], Finding> {
    let mut reader = files.read(name)?;
    let mut hash = Context::new(&SHA256);
    loop {
        let piece = reader.fill_buf().map_err(|error| Finding::in_file(name, error))?;
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        let length = piece.len();
        reader.consume(length);
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(hash.finish().as_ref());
    Ok(sum)
}

/// `bundle.json`, read before its signature is known to be good: it says for when the certificate must hold.
pub(super) fn read_index(files: &Files) -> Result<(Index, u64), Finding> {
    let wrong = |why: &str| Finding::in_file(name::INDEX, why);
    let bytes = files.whole(name::INDEX, MAX_WHOLE)?;
    let line = bytes.strip_suffix(b"\n").ok_or_else(|| wrong("it does not end with a newline"))?;
    let index: Index = parse_line(line).map_err(|error| Finding::in_file(name::INDEX, error))?;
    let time_us = timestamp::parse(&index.time).ok_or_else(|| wrong("its time is none"))?;
    let time = u64::try_from(time_us / 1_000_000).map_err(|_| wrong("its time is before 1970"))?;
    let rules = [
        (index.v == 1, "its version is another one than 1"),
        (index.from < index.to && index.to <= index.size, "its range is none of its log"),
        (index.export >= 1, "exports are numbered from 1"),
        (index.previous.is_some() == (index.export > 1), "only the first export has none before it"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(wrong(why)),
        None => Ok((index, time)),
    }
}

/// Both signatures under the manifest; the certificate of the key that made them.
pub(super) fn check_signatures(
    files: &Files,
    manifest: &[u8],
    roots: &[TrustedRoot],
    time: u64,
) -> Result<Certificate, Finding> {
    let wrong = |error: crate::Error| Finding::in_file(name::SIGNATURE, error);
    let text = files.whole(name::SIGNATURE, MAX_SIGNATURE_BYTES)?;
    let text = str::from_utf8(&text).map_err(|error| Finding::in_file(name::SIGNATURE, error))?;
    let signature = Signature::parse(text).map_err(wrong)?;
    let certificate = verify_file(roots, manifest, &signature, time).map_err(wrong)?;
    let plain = files.whole(name::PLAIN_SIGNATURE, PLAIN_SIGNATURE_BYTES)?;
    let plain: Option<[u8; 64]> = plain.try_into().ok();
    if !plain.is_some_and(|plain| ed25519::verifies(&certificate.terms().key.0, manifest, &plain)) {
        return Err(Finding::in_file(name::PLAIN_SIGNATURE, "it is no signature of MANIFEST by that key"));
    }
    Ok(certificate.clone())
}

/// The keys of the epochs, each certified by the one root that certified the signing key.
pub(super) fn read_chain(
    files: &Files,
    origin: &str,
    signer: &Certificate,
) -> Result<BTreeMap<u64, NoteKey>, Finding> {
    let wrong = |why: String| Finding::in_file(name::CHAIN, why);
    let bytes = files.whole(name::CHAIN, MAX_WHOLE)?;
    let lines =
        bytes.strip_suffix(b"\n").ok_or_else(|| wrong("it does not end with a newline".to_owned()))?;
    let mut chain = BTreeMap::new();
    let mut last = None;
    for line in lines.split(|byte| *byte == b'\n') {
        let line: ChainLine = parse_line(line).map_err(|error| wrong(error.to_string()))?;
        let epoch = line.epoch;
        if last.is_some_and(|last: u64| last + 1 != epoch) {
            return Err(wrong(format!("epoch {epoch} does not follow the one before it")));
        }
        last = Some(epoch);
        let blob = BASE64.decode(line.certificate.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let certificate = Certificate::from_blob(&blob).map_err(|error| wrong(error.to_string()))?;
        if !certifies(&certificate, origin, epoch, signer.authority()) {
            return Err(wrong(format!(
                "the certificate of epoch {epoch} does not say so, or is by another root"
            )));
        }
        let key =
            NoteKey { name: origin.to_owned(), public: certificate.terms().key.0, kind: NoteKeyKind::Log };
        chain.insert(epoch, (key, certificate));
    }
    if chain.values().next_back().map(|(_, certificate)| certificate) != Some(signer) {
        return Err(wrong("its last certificate is not that of the signature".to_owned()));
    }
    Ok(chain.into_iter().map(|(epoch, (key, _))| (epoch, key)).collect())
}

/// Whether a certificate is what the format has for an epoch.
fn certifies(certificate: &Certificate, origin: &str, epoch: u64, root: &PublicKey) -> bool {
    let terms = certificate.terms();
    certificate.authority() == root
        && terms.serial == epoch
        && terms.key_id == format!("{origin} epoch {epoch}")
        && terms.principals == [PRINCIPAL]
        && terms.valid_before != u64::MAX
}

/// No file has a name that the format does not give one.
pub(super) fn check_file_names(files: &Files) -> Result<(), Finding> {
    let known = BTreeSet::from([
        name::MANIFEST,
        name::SIGNATURE,
        name::PLAIN_SIGNATURE,
        name::INDEX,
        name::CHECKPOINT,
        name::CHAIN,
        name::SIGNERS,
        name::GUIDE,
        name::OCSF,
        name::CEF,
        name::RFC5424,
    ]);
    for name in &known {
        files.size(name).ok_or_else(|| Finding::in_file(name, "it is missing"))?;
    }
    let folders = ["records/", "checkpoints/", "proof/", "tile/"];
    let odd = files
        .names()
        .find(|name| !known.contains(name) && !folders.iter().any(|folder| name.starts_with(folder)));
    match odd {
        Some(name) => Err(Finding::in_file(name, "a bundle has no such file")),
        None => Ok(()),
    }
}
