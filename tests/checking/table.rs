//! What people read, and the shape that scripts rely on.

use super::place::Place;
use crate::support::executable_with;

const SUBJECTS: [&str; 15] = [
    "configuration",
    "clock",
    "keys",
    "store",
    "audit keys",
    "disk",
    "models",
    "embeddings",
    "directory",
    "collector",
    "devices",
    "listen",
    "certificate",
    "smart cards",
    "lockdown",
];

#[test]
fn every_subject_has_its_row_and_its_object() {
    let place = Place::new();
    let findings = place.findings();
    let mut keys: Vec<_> = findings.line.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["checks", "ok"]);
    let checks = findings.line["checks"].as_array().unwrap();
    let subjects: Vec<_> = checks.iter().map(|check| check["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, SUBJECTS);
    for check in checks {
        for (key, value) in check.as_object().unwrap() {
            assert!(["subject", "status", "found", "advice"].contains(&key.as_str()), "{check}");
            assert!(!value.as_str().unwrap().is_empty(), "{check}");
        }
        assert!(["ok", "warning", "failed", "skipped"].contains(&check["status"].as_str().unwrap()));
    }
}

#[test]
fn the_table_fits_eighty_columns_and_advises() {
    let place = Place::new();
    std::fs::remove_file(place.key()).unwrap();
    let output = place.check(&[]);
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    let heads: Vec<_> = text.lines().filter_map(|line| line.split("  ").next()).collect();
    for subject in SUBJECTS {
        assert!(heads.contains(&subject), "{subject} in:\n{text}");
    }
    for line in text.lines() {
        // A path is not broken, so that it can be copied.
        let has_long_word = line.split_whitespace().any(|word| word.chars().count() > 50);
        assert!(line.chars().count() <= 80 || has_long_word, "{line:?}");
    }
    assert!(text.contains("> put the key file back"), "{text}");
    assert!(text.contains("15 checks: 1 failed") && text.contains("Nothing was changed."), "{text}");
    assert!(!text.contains('\x1b'), "colours belong to terminals");
    assert!(String::from_utf8(output.stderr).unwrap().contains("failed: keys"));
}

#[test]
fn its_help_says_what_the_exit_status_means() {
    let output = executable_with(["check", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["--config", "--json", "Exit status", "Nothing is changed"] {
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(word), "{word} in:\n{help}");
    }
    assert_eq!(executable_with(["check"]).output().unwrap().status.code(), Some(2));
}
