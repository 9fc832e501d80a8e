//! Bytes as text between a first and a last line, as `ssh-keygen` writes them: Base64 in lines of 70.

use data_encoding::BASE64;

use crate::Error;

/// The longest text that is read, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;
const LINE: usize = 70;

/// `label` is what stands between `BEGIN` and the dashes.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = &*BASE64.encode(bytes);
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + &format!("-----END {label}-----\n")
}

/// Reads what [`encode`] wrote, and no other spelling of it. `what` names it, with its article, for the error.
pub(super) fn decode(label: &str, what: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let bad = |problem| Error::BadSsh { what, problem };
    if text.len() > MAX_TEXT_BYTES {
        return Err(bad("it is longer than 64 KiB"));
    }
    let body = text
        .strip_prefix(&*format!("-----BEGIN {label}-----\n"))
        .and_then(|rest| rest.strip_suffix(&*format!("-----END {label}-----\n")))
        .ok_or(bad("its first or its last line is missing"))?;
    let bytes = BASE64.decode(body.replace('\n', "").as_bytes()).map_err(|_| bad("it is not Base64"))?;
    if encode(label, &bytes) != text {
        return Err(bad("its lines are not those that ssh-keygen writes"));
    }
    Ok(bytes)
}
