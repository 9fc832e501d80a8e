//! The proof of one record as a file (C2SP tlog-proof): it needs nothing beside the record and the log's key.

use data_encoding::BASE64;

use crate::tree::Hash;

/// `index`: the record's number. `hashes`: from its leaf up to the root. `note`: the checkpoint, a signed note.
pub fn proof_text(index: u64, hashes: &[Hash], note: &str) -> String {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in hashes {
        text.push_str(&BASE64.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(note);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_index_hashes_and_checkpoint() {
        let text = proof_text(5, &[[0; 32], [255; 32]], "a note\n");
        let hashes =
            ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "//////////////////////////////////////////8="];
        assert_eq!(
            text,
            format!("c2sp.org/tlog-proof@v1\nindex 5\n{}\n{}\n\na note\n", hashes[0], hashes[1])
        );
        assert_eq!(proof_text(0, &[], "a note\n"), "c2sp.org/tlog-proof@v1\nindex 0\n\na note\n");
    }
}
