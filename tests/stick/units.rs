//! The units, as systemd's own tools judge them; `installation` runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::release::{checkout, text};

/// Ten times what `systemd-analyze security` calls exposure: at most 0.5, and 1.4 where it connects to others.
const MOST_EXPOSURE: &str = "5";
const MOST_EXPOSURE_OUTWARD: &str = "14";

fn exposure(unit: &Path, most: &str) {
    let said = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", &format!("--threshold={most}")])
        .arg(unit)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said.stdout));
}

#[test]
fn the_services_are_exposed_to_next_to_nothing() {
    for unit in ["redoubt.service", "redoubt-backup.service"] {
        exposure(&checkout().join("systemd").join(unit), MOST_EXPOSURE);
    }
}

#[test]
fn what_a_machine_needs_beyond_that_exposes_it_little_more() {
    let drop_ins = [
        ("gpu", MOST_EXPOSURE),
        ("sealed-key", MOST_EXPOSURE),
        ("no-key", MOST_EXPOSURE),
        ("outward", MOST_EXPOSURE_OUTWARD),
    ];
    for (drop_in, most) in drop_ins {
        let folder = tempfile::tempdir().unwrap();
        let units = checkout().join("systemd");
        let unit = fs::read_to_string(units.join("redoubt.service")).unwrap();
        let more = units.join("redoubt.service.d").join(drop_in).with_extension("conf.example");
        let file = folder.path().join("redoubt.service");
        fs::write(&file, format!("{unit}{}", fs::read_to_string(more).unwrap())).unwrap();
        exposure(&file, most);
    }
}
