//! Signed notes against a published answer, and against every single byte that somebody might change.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use redoubt_audit::{Checkpoint, Error, Hash, MAX_NOTE_SIGNATURES, Note, NoteKey, NoteKeyKind};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The key of RFC 8032 test 1, over the tree of eight leaves that `tree.rs` checks.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const ROOT: &str = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
const VERIFIER_KEY: &str = "redoubt/test+a1a2152e+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const NOTE: &str = "redoubt/test
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

\u{2014} redoubt/test oaIVLi+QZzAgc0j6pfOrRuHHQV753Qv/NU4JhnOwxlmYDW436XY2XhxQgROJ8TeBz1PPgWBFHGMwqwQ9wBEVXne6eQQ=
";

fn log_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&HEXLOWER.decode(SEED.as_bytes()).unwrap()).unwrap()
}

fn auditor_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn key(name: &str, pair: &Ed25519KeyPair, kind: NoteKeyKind) -> NoteKey {
    NoteKey { name: name.to_owned(), public: pair.public_key().as_ref().try_into().unwrap(), kind }
}

fn log_key() -> NoteKey {
    key("redoubt/test", &log_pair(), NoteKeyKind::Log)
}

fn auditor_key() -> NoteKey {
    key("auditor", &auditor_pair(), NoteKeyKind::Cosigner)
}

fn checkpoint() -> Checkpoint {
    let root: Hash = HEXLOWER.decode(ROOT.as_bytes()).unwrap().try_into().unwrap();
    Checkpoint { origin: "redoubt/test".to_owned(), size: 8, root }
}

#[test]
fn a_signed_checkpoint_is_the_known_note() {
    let note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    assert_eq!(note.to_text(), NOTE);
    let read = Note::parse(NOTE.as_bytes()).unwrap();
    assert_eq!(read, note);
    assert_eq!(read.checkpoint().unwrap(), checkpoint());
    let keys = [auditor_key(), log_key()];
    let good = read.verify(&keys).unwrap();
    assert_eq!(good.len(), 1);
    assert_eq!((good[0].key, good[0].time), (&keys[1], None));
}

#[test]
fn the_note_of_the_format_is_the_known_one() {
    let format = include_str!("../FORMAT.md");
    assert!(format.contains(&format!("```\n{NOTE}```")));
    assert!(format.contains(VERIFIER_KEY));
}

#[test]
fn a_verifier_key_is_the_known_one() {
    assert_eq!(log_key().id(), [0xa1, 0xa2, 0x15, 0x2e]);
    for (key, text) in [(log_key(), VERIFIER_KEY.to_owned()), (auditor_key(), auditor_key().verifier_key())] {
        assert_eq!(key.verifier_key(), text);
        assert_eq!(NoteKey::parse(&text).unwrap(), key);
    }
}

#[test]
fn a_verifier_key_with_a_changed_byte_is_another_key_or_none() {
    for position in 0..VERIFIER_KEY.len() {
        let mut bytes = VERIFIER_KEY.as_bytes().to_vec();
        bytes[position] = if bytes[position] == b'b' { b'c' } else { b'b' };
        assert!(NoteKey::parse(str::from_utf8(&bytes).unwrap()).is_err(), "byte {position}");
    }
    for text in ["", "a", "a+b", "+a1a2152e+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", "a+00000000+Ag=="]
    {
        assert!(NoteKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn no_byte_of_a_note_can_be_changed() {
    let keys = [log_key()];
    for position in 0..NOTE.len() {
        for bit in 0..8 {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[position] ^= 1 << bit;
            let verified = Note::parse(&bytes).and_then(|note| note.verify(&keys).map(|_| ()));
            assert!(verified.is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn a_cosignature_says_when_it_was_made() {
    let mut note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    note.cosign("auditor", &auditor_pair(), 1_795_422_350).unwrap();
    let note = Note::parse(note.to_text().as_bytes()).unwrap();
    let keys = [auditor_key(), log_key()];
    let times: Vec<_> =
        note.verify(&keys).unwrap().into_iter().map(|good| (&*good.key.name, good.time)).collect();
    assert_eq!(times, [("redoubt/test", None), ("auditor", Some(1_795_422_350))]);
    // Its payload: the time, then the signature. Another time is another message.
    assert_eq!(note.signatures[1].payload.len(), 72);
    for byte in 0..72 {
        let mut other = note.clone();
        other.signatures[1].payload[byte] ^= 1;
        assert!(matches!(other.verify(&keys), Err(Error::BadNoteSignature(name)) if name == "auditor"));
    }
}

/// The example of C2SP tlog-cosignature, of which only the form can be checked here: its keys are not published.
#[test]
fn the_note_of_the_cosignature_specification_is_read() {
    let text = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";
    let note = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(note.to_text(), text);
    assert_eq!(note.checkpoint().unwrap().size, 20_852_163);
    assert_eq!(note.signatures[1].payload[..8], 1_679_315_147_u64.to_be_bytes());
    assert!(matches!(note.verify(&[log_key()]), Err(Error::NoKnownSignature)));
}

#[test]
fn signatures_by_unknown_keys_are_ignored_and_are_not_enough() {
    let mut note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    note.cosign("auditor", &auditor_pair(), 1).unwrap();
    assert!(matches!(note.verify(&[]), Err(Error::NoKnownSignature)));
    // The same name with another key, and the same key under another name, are other keys.
    let (namesake, renamed) = (
        key("redoubt/test", &auditor_pair(), NoteKeyKind::Log),
        key("redoubt/other", &log_pair(), NoteKeyKind::Log),
    );
    assert!(matches!(note.verify(&[namesake, renamed]), Err(Error::NoKnownSignature)));
    note.signatures[1].payload.clear();
    assert_eq!(note.verify(&[log_key()]).unwrap().len(), 1);
}

#[test]
fn a_wrong_signature_of_a_known_key_is_not_made_up_for_by_another() {
    let mut note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    note.cosign("auditor", &auditor_pair(), 1).unwrap();
    note.signatures[0].payload[0] ^= 1;
    assert!(matches!(note.verify(&[log_key(), auditor_key()]), Err(Error::BadNoteSignature(_))));
    assert_eq!(note.verify(&[auditor_key()]).unwrap().len(), 1);
}

/// A log's signature is none of a cosigner with the same key, and the other way round.
#[test]
fn kinds_of_signature_are_not_exchanged() {
    let mut note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    let cosigner = key("redoubt/test", &log_pair(), NoteKeyKind::Cosigner);
    note.signatures[0].id = cosigner.id();
    assert!(matches!(note.verify(&[cosigner]), Err(Error::BadNoteSignature(_))));
}

#[test]
fn malformed_notes_are_refused() {
    let (text, signature) = NOTE.split_once("\n\n").unwrap();
    let many = signature.repeat(MAX_NOTE_SIGNATURES + 1);
    let cases: [(&str, String); 16] = [
        ("empty", String::new()),
        ("no signature", format!("{text}\n")),
        ("a blank line and no signature", format!("{text}\n\n")),
        ("no blank line", format!("{text}\n{signature}")),
        ("no last newline", NOTE.trim_end().to_owned()),
        ("a blank line at the end", format!("{NOTE}\n")),
        ("CRLF", NOTE.replace('\n', "\r\n")),
        ("a tab", NOTE.replace(' ', "\t")),
        ("a control character beyond ASCII", NOTE.replacen("test", "te\u{9b}st", 1)),
        ("a hyphen for the dash", NOTE.replace('\u{2014}', "-")),
        ("a space at the end", NOTE.replace("=\n", "= \n")),
        ("no name", NOTE.replace("\u{2014} redoubt/test", "\u{2014} ")),
        ("a plus in the name", NOTE.replace("\u{2014} redoubt/test", "\u{2014} redoubt+test")),
        ("no padding", NOTE.replace("eQQ=", "eQQ")),
        ("four bytes", format!("{text}\n\n\u{2014} a AAAAAA==\n")),
        ("101 signatures", format!("{text}\n\n{many}")),
    ];
    for (what, note) in cases {
        assert!(matches!(Note::parse(note.as_bytes()), Err(Error::BadNote(_))), "{what}");
    }
    assert!(Note::parse(b"\xff\n\n").is_err());
    let long = format!("{}\n{NOTE}", "a".repeat(1_000_000));
    assert!(matches!(Note::parse(long.as_bytes()), Err(Error::BadNote(_))));
    let most = format!("{text}\n\n{}", signature.repeat(MAX_NOTE_SIGNATURES));
    let mut most = Note::parse(most.as_bytes()).unwrap();
    assert_eq!(most.verify(&[log_key()]).unwrap().len(), MAX_NOTE_SIGNATURES);
    assert!(most.cosign("auditor", &auditor_pair(), 1).is_err());
}

/// A text may have blank lines; the last one ends it.
#[test]
fn a_note_is_split_at_its_last_blank_line() {
    let note = Note::parse(b"first\n\nsecond\n\n\xe2\x80\x94 a AAAAAAA=\n").unwrap();
    assert_eq!(note.text, "first\n\nsecond\n");
    assert!(note.checkpoint().is_err());
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let root = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";
    for text in [
        String::new(),
        format!("redoubt/test\n8\n{root}"),
        format!("redoubt/test\n8\n{root}\nextension\n"),
        format!("redoubt/test\n8\n{root}\n\n"),
        format!("\n8\n{root}\n"),
        format!("redoubt test\n8\n{root}\n"),
        format!("redoubt+test\n8\n{root}\n"),
        format!("redoubt/test\n08\n{root}\n"),
        format!("redoubt/test\n+8\n{root}\n"),
        format!("redoubt/test\n-8\n{root}\n"),
        format!("redoubt/test\n\n{root}\n"),
        format!("redoubt/test\n18446744073709551616\n{root}\n"),
        format!("redoubt/test\n8\n{}\n", root.trim_end_matches('=')),
        format!("redoubt/test\n8\n{}\n", root.replace("g=", "h=")),
        format!("redoubt/test\n8\n{}\n", root.replace('+', "-")),
        "redoubt/test\n8\nAAAA\n".to_owned(),
    ] {
        assert!(matches!(Checkpoint::parse(&text), Err(Error::BadCheckpoint(_))), "{text:?}");
    }
    assert_eq!(Checkpoint::parse(&format!("redoubt/test\n0\n{root}\n")).unwrap().size, 0);
}

/// The same key signs other things too: no checkpoint may begin as one of them does.
#[test]
fn a_log_cannot_have_a_name_that_makes_its_checkpoints_something_else() {
    for origin in ["SSHSIG", "cosignature/v1", ROOT, "", "a b", "a+b", "a\nb"] {
        let checkpoint = Checkpoint { origin: origin.to_owned(), ..checkpoint() };
        assert!(Note::sign(&checkpoint, &log_pair()).is_err(), "{origin}");
        assert!(Checkpoint::parse(&checkpoint.text()).is_err(), "{origin}");
    }
}

#[test]
fn a_cosigner_without_a_proper_name_is_refused() {
    let mut note = Note::sign(&checkpoint(), &log_pair()).unwrap();
    for name in ["", "a b", "a+b", "a\u{7}"] {
        assert!(note.cosign(name, &auditor_pair(), 1).is_err(), "{name:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        origin in "[a-z]{1,10}/[0-9a-zäö-]{1,36}",
        size: u64,
        root: [u8; 32],
        time: u64,
    ) {
        let checkpoint = Checkpoint { origin, size, root };
        prop_assert_eq!(&Checkpoint::parse(&checkpoint.text()).unwrap(), &checkpoint);
        let mut note = Note::sign(&checkpoint, &log_pair()).unwrap();
        note.cosign("auditor", &auditor_pair(), time).unwrap();
        prop_assert_eq!(&Note::parse(note.to_text().as_bytes()).unwrap(), &note);
        let keys = [key(&checkpoint.origin, &log_pair(), NoteKeyKind::Log), auditor_key()];
        let good = note.verify(&keys).unwrap();
        prop_assert_eq!(good[1].time, Some(time));
    }

    #[test]
    fn any_bytes_are_read_as_a_note_or_refused(bytes: Vec<u8>) {
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_text().into_bytes(), bytes);
        }
    }
}
