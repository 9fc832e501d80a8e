//! Starts that must fail, with the exit status and the words that say why; and starts that must be quick.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use redoubt_store::keys::KeyFile;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::support::{Demo, executable_with, model};

/// Runs a demo that must not start; returns its exit status and what it said.
#[track_caller]
fn refused(mut command: Command) -> (Option<i32>, String) {
    let started = Instant::now();
    let output = command.output().unwrap();
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?} to refuse", started.elapsed());
    assert!(output.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A data folder of a demo that ran once.
fn used_folder() -> TempDir {
    let (status, folder) = Demo::start(1).stop();
    assert_eq!(status.code(), Some(0));
    folder.unwrap()
}

#[test]
fn a_second_start_is_quick_and_knows_the_same_people_and_chats() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let demo = Demo::run(Demo::command(&data, 2), Some(folder));
    let client = demo.sign_in(&demo.person("analyst1"));
    let chat = client.new_chat();
    let cookies = client.cookies;
    let (password, key) = (demo.person("analyst1").password, demo.told("api_key"));
    let (status, folder) = demo.stop();
    assert_eq!(status.code(), Some(0));

    let started = Instant::now();
    let demo = Demo::run(Demo::command(&data, 2), folder);
    let took = started.elapsed();
    println!("the second start was ready after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(demo.is_ready());
    assert_eq!((demo.person("analyst1").password, demo.told("api_key")), (password, key));
    let mut client = demo.client();
    client.cookies = cookies;
    assert_eq!(client.chat(&chat)["id"], chat.as_str(), "the session outlived the restart");
}

#[test]
fn a_data_folder_in_use_is_refused_and_its_owner_goes_on() {
    let demo = Demo::start(1);
    let (status, said) = refused(Demo::command(&demo.data(), 1));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("in use by process"), "{said}");
    assert!(demo.is_ready());
    demo.sign_in(&demo.person("analyst1")).new_chat();
}

#[test]
fn a_missing_or_wrong_key_is_refused() {
    let folder = used_folder();
    let data = folder.path().join("data");
    let key = data.join("store.key");
    fs::remove_file(&key).unwrap();
    let (status, said) = refused(Demo::command(&data, 1));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("store.key") && said.contains("no such file"), "{said}");

    KeyFile::generate(&SystemRandom::new()).unwrap().save(&key).unwrap();
    let (status, said) = refused(Demo::command(&data, 1));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("key file is not one of this store"), "{said}");

    fs::write(&key, b"short").unwrap();
    let (status, said) = refused(Demo::command(&data, 1));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("32 bytes"), "{said}");
}

#[test]
fn a_model_that_is_not_what_its_manifest_says_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let name = model().file_name().unwrap().to_owned();
    let path = folder.path().join(&name);
    let demo = |path: &Path| {
        let data = folder.path().join("data");
        refused(executable_with(
            ["demo", "--json", "--port", "0", "--data"].map(Path::new).into_iter().chain([
                data.as_path(),
                Path::new("--model"),
                path,
            ]),
        ))
    };
    let assert_refused = |path: &Path, why: &str| {
        let (status, said) = demo(path);
        assert_eq!(status, Some(3), "{said}");
        assert!(said.contains(path.to_str().unwrap()) && said.contains(why), "{said}");
    };
    assert_refused(&path, "no model file");

    fs::copy(model(), &path).unwrap();
    let whole = fs::metadata(&path).unwrap().len();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(whole / 2)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(whole / 2)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
    assert_refused(&path, "SHA-256");

    file.set_len(whole - 1).unwrap();
    assert_refused(&path, "bytes");

    let foreign = folder.path().join("other.gguf");
    fs::write(&foreign, b"GGUF\x03\0\0\0").unwrap();
    assert_refused(&foreign, "no manifest");
}

#[test]
fn a_folder_that_no_demo_made_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious"), b"mine").unwrap();
    let (status, said) = refused(Demo::command(folder.path(), 1));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(folder.path().to_str().unwrap()) && said.contains("--data"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_has_its_own_status() {
    for arguments in [&["demo", "--people", "none"][..], &["demo", "--prot", "1"], &["nonsense"], &[]] {
        let (status, said) = refused(executable_with(arguments));
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(!said.is_empty());
    }
}
