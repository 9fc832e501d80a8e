//! `MANIFEST`: the hash of every file, in the form that `sha256sum -c` reads.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use crate::tree::Hash;

/// The longest name of a file, in bytes.
pub const MAX_NAME: usize = 255;

/// One line of a `MANIFEST`.
pub fn line(name: &str, sha256: &Hash) -> String {
    format!("{}  {name}\n", HEXLOWER.encode(sha256))
}

/// The files of a `MANIFEST` with their hashes.
///
/// # Errors
/// The number of the line that is none, and why.
pub fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Hash>, (usize, &'static str)> {
    let text = str::from_utf8(bytes).map_err(|_| (1, "it is not UTF-8"))?;
    if !text.ends_with('\n') {
        return Err((1, "it does not end with a newline"));
    }
    let mut files = BTreeMap::new();
    let mut last = "";
    for (number, line) in (1..).zip(text.split_terminator('\n')) {
        let (hash, name) = line.split_once("  ").ok_or((number, "it is no line of sha256sum"))?;
        let hash = HEXLOWER.decode(hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
        let hash = hash.ok_or((number, "it does not begin with a SHA-256 in lower-case hex"))?;
        check_name(name).map_err(|why| (number, why))?;
        if name <= last {
            return Err((number, "the names are not in order, or one stands twice"));
        }
        last = name;
        files.insert(name.to_owned(), hash);
    }
    Ok(files)
}

/// Whether a file of a bundle may have this name.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.len() > MAX_NAME {
        return Err("a name is longer than 255 bytes");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b)) {
        return Err("a name has a character that no name of a bundle has");
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("a name leads out of the bundle, or has an empty part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let text = line("a", &[1; 32]) + &line("b/c.d", &[2; 32]);
        let files = parse(text.as_bytes()).unwrap();
        assert_eq!(files, BTreeMap::from([("a".to_owned(), [1; 32]), ("b/c.d".to_owned(), [2; 32])]));
        for wrong in [
            "".to_owned(),
            text.trim_end().to_owned(),
            text.replace("  ", " *"),
            text.replace("01", "0G"),
            text.to_uppercase(),
            line("b", &[1; 32]) + &line("a", &[1; 32]),
            line("a", &[1; 32]) + &line("a", &[1; 32]),
            line("../a", &[1; 32]),
            line("/a", &[1; 32]),
            line("a//b", &[1; 32]),
            line("a\u{e4}", &[1; 32]),
            line(&"a".repeat(256), &[1; 32]),
            text.replace('\n', "\r\n"),
            format!("{text}\n"),
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
