//! People of an LDAP directory: the client, its process, and the front's way to it.
//!
//! ```text
//!   front ── Directory ──► @directory ────── asks for a connection ──────► @dialler
//!            protocol       service            dial      ◄── connected socket ── (connects, reads no byte)
//!                             │ verify, search, groups, account
//!                             │ servers        which server, which connection
//!                             ▼ connection     socket → TLS (tls) → gate → ldap3
//!                           LDAP server
//! ```
//! The process has no files, no store and no network of its own: authority and bind password come as open files, and
//! connections from the dialler, which knows nothing but the configured addresses. Whatever a server says passes the
//! gate, which lets only well-formed messages of bounded size through to ldap3. A rogue directory can refuse service
//! and lie about its own people; it cannot reach the store, the models or the chats.
//!
//! **Invariant:** a password leaves this machine only through TLS that ended at a server whose certificate the
//! configured authority signed for the configured name, and never to a server that an HTTP request could name:
//! servers, authority and bind password are read from the same configuration file and nowhere else.

mod account;
mod ber;
mod connection;
mod dn;
mod entry;
mod filter;
mod gate;
mod groups;
mod handle;
pub mod hosts;
mod person;
mod protocol;
mod refusal;
mod report;
mod search;
mod servers;
mod service;
mod test;
mod tls;
mod verify;

pub use filter::{NotAFilter, Template};
pub use handle::Directory;
pub use person::{DirectoryId, GroupDn, Person};
pub use refusal::Refusal;
pub use report::{Report, Step, StepName};
pub use service::{Error, Parts, Ready, prepare};

/// Whether a password may be sent at all.
///
/// A simple bind with an empty password succeeds as nobody (RFC 4513 section 5.1.2), and servers differ over what
/// they take for empty; one that consists of spaces or has a NUL in it is nobody's.
fn password_is_sendable(password: &str) -> bool {
    !password.contains('\0') && password.chars().any(|character| !is_blank(character))
}

/// Spaces, and what is drawn as nothing at all.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2026_44551_an_empty_password_is_never_sent() {
        for password in
            ["", " ", "\0", "a\0", "\t\r\n", "\u{a0}\u{2003}\u{3000}", "\u{200b}", "\u{feff} \u{2060}"]
        {
            assert!(!password_is_sendable(password), "{password:?}");
        }
        for password in ["a", " a ", "\u{1f511}", "пароль", "0"] {
            assert!(password_is_sendable(password), "{password:?}");
        }
    }
}
