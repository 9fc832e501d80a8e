//! The auditor's file of trusted roots.

use redoubt_audit::Error;
use redoubt_audit::ssh::{PublicKey, TrustedRoot};

use crate::{LINE, epoch, trusted};

#[test]
fn a_trust_line_is_the_known_one() {
    let root = TrustedRoot { key: PublicKey::of(&epoch()), comment: String::new() };
    let line = format!("redoubt cert-authority,namespaces=\"audit-bundle@redoubt\" {LINE}");
    assert_eq!(root.line().unwrap(), line);
    assert_eq!(TrustedRoot::parse_all(&line).unwrap(), [root]);
}

#[test]
fn an_auditor_may_trust_several_roots_in_a_file_with_comments() {
    let old = TrustedRoot { comment: "of 2025, Bern".to_owned(), ..trusted(1) };
    let file = format!(
        "# roots\n\n{}\r\n  \n  # the new one\n{}\n",
        old.line().unwrap(),
        trusted(2).line().unwrap()
    );
    assert_eq!(TrustedRoot::parse_all(&file).unwrap(), [old, trusted(2)]);
}

#[test]
fn other_lines_of_trust_are_refused_with_their_number() {
    let line = trusted(1).line().unwrap();
    for bad in [
        line.replace("cert-authority,", ""),
        line.replace("redoubt cert", "* cert"),
        line.replace("audit-bundle@redoubt", "*"),
        line.replace("cert-authority,", "cert-authority,valid-before=\"20200101\","),
        line.replace(" ssh-ed25519 ", " ssh-rsa "),
        line.replace("AAAAC3", "AAAAC4"),
        format!("{line} \u{1b}[2J"),
    ] {
        let file = format!("# roots\n{line}\n{bad}\n");
        assert!(matches!(TrustedRoot::parse_all(&file), Err(Error::BadSigners { line: 3, .. })), "{bad}");
    }
    let comment = format!("one line\n{line}");
    assert!(TrustedRoot { comment, ..trusted(1) }.line().is_err());
    assert!(TrustedRoot::parse_all("").is_err());
    assert!(TrustedRoot::parse_all("# nobody\n").is_err());
    assert!(TrustedRoot::parse_all(&format!("{line}\n").repeat(65)).is_err());
    assert!(TrustedRoot::parse_all(&"#\n".repeat(40_000)).is_err());
}
