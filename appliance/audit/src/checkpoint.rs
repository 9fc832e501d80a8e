//! The checkpoint of a log (C2SP tlog-checkpoint): its name, how many leaves it has, and their root.

use data_encoding::BASE64;

use crate::Error;
use crate::note_key::is_name;
use crate::tree::Hash;

/// What a log says about itself at one moment. Extension lines are not used: time belongs in the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is also the name of the key that signs: no white space, no `+`.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed: origin, size in decimal, root in Base64, each on its line.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads what [`Checkpoint::text`] wrote, and no other spelling of it.
    ///
    /// # Errors
    /// [`Error::BadCheckpoint`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(Error::BadCheckpoint("it has not exactly three lines"));
        };
        let checkpoint = Self { origin: origin.to_owned(), size: parse_size(size)?, root: parse_root(root)? };
        checkpoint.check_origin()?;
        Ok(checkpoint)
    }

    /// One key signs notes, cosignatures, signatures of files (SSHSIG) and bare lists of sums. What is signed must
    /// begin differently for each, so a log may not have a name with which one of the others begins.
    pub(crate) fn check_origin(&self) -> Result<(), Error> {
        if !is_name(&self.origin) {
            return Err(Error::BadCheckpoint(
                "the origin is empty, or has white space, `+` or control characters",
            ));
        }
        let sum =
            self.origin.as_bytes().iter().take(64).filter(|byte| byte.is_ascii_hexdigit()).count() == 64;
        if sum || self.origin.starts_with("SSHSIG") || self.origin.starts_with("cosignature/") {
            return Err(Error::BadCheckpoint("the origin looks like something else that is signed"));
        }
        Ok(())
    }
}

/// Decimal digits without sign and leading zeros.
fn parse_size(text: &str) -> Result<u64, Error> {
    text.parse()
        .ok()
        .filter(|size: &u64| size.to_string() == text)
        .ok_or(Error::BadCheckpoint("the size is not a decimal number of 64 bits without leading zeros"))
}

fn parse_root(text: &str) -> Result<Hash, Error> {
    let root = BASE64.decode(text.as_bytes()).ok();
    root.and_then(|root| root.try_into().ok())
        .ok_or(Error::BadCheckpoint("the root is not 32 bytes in Base64"))
}
