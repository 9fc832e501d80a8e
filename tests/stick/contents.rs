//! What is on the stick beside the executable: bills of materials, licences, units, scripts.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::release::{checkout, honest, text};

#[test]
fn the_bills_list_what_is_in_the_executable_and_no_client_of_the_network() {
    let bill = |name: &str| -> Vec<Value> {
        let bytes = fs::read(honest().folder.join("sbom").join(name)).unwrap();
        let bill: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
        bill["components"].as_array().unwrap().clone()
    };
    let crates = bill("redoubt.cdx.json");
    let has = |name: &str| crates.iter().find(|part| part["name"] == name && part["scope"] == "required");
    for name in ["redoubt-audit", "rusqlite", "candle-core", "ring", "OpenSSL", "SQLCipher", "glibc (static)"]
    {
        assert!(has(name).is_some(), "{name}");
    }
    for name in ["ureq", "hyper", "reqwest", "proptest"] {
        assert!(has(name).is_none(), "{name}");
    }
    assert_eq!(has("rusqlite").unwrap()["hashes"][0]["content"].as_str().unwrap().len(), 64);
    let page = bill("webui.cdx.json");
    let in_page: Vec<_> =
        page.iter().filter(|part| part["scope"] == "required").map(|part| &part["name"]).collect();
    assert!(in_page.contains(&&"svelte".into()) && in_page.contains(&&"markdown-it".into()), "{in_page:?}");
    assert!(!in_page.contains(&&"vite".into()), "{in_page:?}");
}

#[test]
fn the_licence_of_each_part_is_there() {
    let of = |name: &str| fs::read_to_string(honest().folder.join("licences").join(name)).unwrap();
    let (rust, webui, c) = (of("rust.txt"), of("webui.txt"), of("c.txt"));
    assert!(rust.contains("\nrusqlite 0.40.2: MIT\n") && rust.contains("Permission is hereby granted"));
    assert!(webui.contains("svelte ") && webui.contains("markdown-it "));
    assert!(c.contains("OpenSSL 3.") && c.contains("GNU Lesser General Public"), "{c:.600}");
}

#[test]
fn a_release_says_that_its_executable_was_given_to_it_and_no_real_key_signs_that() {
    let build = fs::read_to_string(honest().folder.join("BUILD")).unwrap();
    assert!(build.contains("not built by it: not for use"), "{build}");
    let out = tempfile::tempdir().unwrap();
    let refused = Command::new(checkout().join("scripts/release"))
        .args(["--executable", env!("CARGO_BIN_EXE_redoubt"), "--key"])
        .arg(&honest().keys[1])
        .arg(out.path().join("out"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("never signed but by a test key"), "{}", text(&refused.stderr));
    assert!(!out.path().join("out").exists());
}

#[test]
fn the_scripts_are_posix_shell() {
    let of_stick = ["verify.sh", "steps.sh", "install.sh", "upgrade.sh", "uninstall.sh"]
        .map(|name| honest().folder.join(name));
    let of_package =
        ["preinst", "postinst", "prerm", "postrm"].map(|name| checkout().join("installer/debian").join(name));
    for path in of_stick.iter().chain(&of_package) {
        let name = path.display();
        let said = Command::new("dash").arg("-n").arg(path).output().unwrap();
        assert!(said.status.success(), "{name}: {}", text(&said.stderr));
        let said =
            Command::new("shellcheck").args(["--shell=sh", "--external-sources"]).arg(path).output().unwrap();
        assert!(said.status.success(), "{name}: {}", text(&said.stdout));
    }
}
