//! Somebody of the directory: who it is, and in which groups.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dn;

/// A person whom the directory knows and lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: DirectoryId,
    /// As the directory writes it.
    pub dn: String,
    /// The name under which the directory keeps this person, which need not be the one that was typed.
    pub name: String,
    pub display_name: String,
    /// All groups, those that they are in by another group included.
    pub groups: Vec<GroupDn>,
}

/// What stays the same when a person marries, moves or is renamed: `entryUUID` (RFC 4530) or Active
/// Directory's `objectGUID`, as a lower-case UUID with hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DirectoryId(String);

impl DirectoryId {
    /// `None` if the text is no UUID.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self::of)
    }

    /// From the 16 bytes of an `objectGUID`, whose first three fields are little endian ([MS-DTYP] 2.3.4.2).
    pub(super) fn from_object_guid(bytes: [u8; 16]) -> Self {
        Self::of(Uuid::from_bytes_le(bytes))
    }

    pub(super) fn to_object_guid(&self) -> [u8; 16] {
        Uuid::try_parse(&self.0).unwrap_or_default().to_bytes_le()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(uuid: Uuid) -> Self {
        Self(uuid.hyphenated().to_string())
    }
}

impl TryFrom<String> for DirectoryId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a UUID")
    }
}

impl From<DirectoryId> for String {
    fn from(id: DirectoryId) -> Self {
        id.0
    }
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The distinguished name of a group, in the one form in which names are compared: lower case, no spaces
/// around `,` and `=`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupDn(String);

impl GroupDn {
    /// `None` if the text is no distinguished name (RFC 4514).
    pub fn parse(text: &str) -> Option<Self> {
        dn::normalise(text).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GroupDn {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a distinguished name")
    }
}

impl From<GroupDn> for String {
    fn from(dn: GroupDn) -> Self {
        dn.0
    }
}

impl fmt::Display for GroupDn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_guid_is_written_as_microsoft_writes_it() {
        // The bytes of {3f79048f-42cd-4c77-8426-835cd9f8a3ad}, as in [MS-ADTS].
        let bytes =
            [0x8f, 0x04, 0x79, 0x3f, 0xcd, 0x42, 0x77, 0x4c, 0x84, 0x26, 0x83, 0x5c, 0xd9, 0xf8, 0xa3, 0xad];
        let id = DirectoryId::from_object_guid(bytes);
        assert_eq!(id.as_str(), "3f79048f-42cd-4c77-8426-835cd9f8a3ad");
        assert_eq!(id.to_object_guid(), bytes);
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = DirectoryId::parse("3F79048F-42CD-4C77-8426-835CD9F8A3AD").unwrap();
        assert_eq!(id.as_str(), "3f79048f-42cd-4c77-8426-835cd9f8a3ad");
        assert_eq!(DirectoryId::parse("alice"), None);
        assert_eq!(DirectoryId::parse(""), None);
    }
}
