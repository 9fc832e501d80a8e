//! The permissions that groups allow and deny.

use std::fmt;

/// Something an analyst may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    FileUpload,
    Export,
    ApiKeys,
    /// Have answers sampled otherwise than the model's manifest says.
    ModelParameters,
    DeleteOwnChats,
    SeeUsage,
}

impl Permission {
    pub const ALL: [Self; 6] = [
        Self::FileUpload,
        Self::Export,
        Self::ApiKeys,
        Self::ModelParameters,
        Self::DeleteOwnChats,
        Self::SeeUsage,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileUpload => "file_upload",
            Self::Export => "export",
            Self::ApiKeys => "api_keys",
            Self::ModelParameters => "model_parameters",
            Self::DeleteOwnChats => "delete_own_chats",
            Self::SeeUsage => "see_usage",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text)
    }

    /// Whether people have it of whom no group says anything. A key works without its person, so keys are for those
    /// who were given the permission.
    pub fn by_default(self) -> bool {
        self != Self::ApiKeys
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
