//! Keys and certificates on one line, as in a `.pub` file: algorithm, Base64, and a comment.

use data_encoding::BASE64;

use crate::Error;

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 16 << 10;

/// The line, without a newline. An empty comment takes no space. `what` names what is written, for the error.
pub(super) fn encode(
    algorithm: &str,
    what: &'static str,
    blob: &[u8],
    comment: &str,
) -> Result<String, Error> {
    check_comment(what, comment)?;
    let blob = BASE64.encode(blob);
    Ok(if comment.is_empty() {
        format!("{algorithm} {blob}")
    } else {
        format!("{algorithm} {blob} {comment}")
    })
}

/// The blob and the comment of a line. `what` names what is read, with its article, for the error.
pub(super) fn decode<'a>(
    algorithm: &str,
    what: &'static str,
    line: &'a str,
) -> Result<(Vec<u8>, &'a str), Error> {
    let bad = |problem| Error::BadSsh { what, problem };
    if line.len() > MAX_LINE_BYTES {
        return Err(bad("it is longer than 16 KiB"));
    }
    let rest = line.strip_prefix(algorithm).and_then(|rest| rest.strip_prefix(' '));
    let rest = rest.ok_or(bad("the line does not begin with the name of the algorithm"))?;
    let (blob, comment) = rest.split_once(' ').unwrap_or((rest, ""));
    check_comment(what, comment)?;
    let blob = BASE64.decode(blob.as_bytes()).map_err(|_| bad("what follows the algorithm is not Base64"))?;
    Ok((blob, comment))
}

/// A newline in a comment would begin another line, perhaps one that says whom to trust.
pub(super) fn check_comment(what: &'static str, comment: &str) -> Result<(), Error> {
    if !super::is_plain(comment) {
        let problem = "the comment is longer than 256 bytes or has control characters";
        return Err(Error::BadSsh { what, problem });
    }
    Ok(())
}
