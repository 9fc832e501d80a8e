//! Front and engine as the kernel sees them from outside.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::geteuid;

use super::appliance::{Appliance, EXECUTABLE, status};

#[test]
fn front_and_engine_are_caged() {
    let appliance = Appliance::start();
    for (name, pid) in [("front", appliance.front), ("engine", appliance.engine)] {
        assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"), "{name}");
        assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"), "{name}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(pid, set).as_deref(), Some("0000000000000000"), "{set} of {name}");
        }
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().rev().nth(2), Some("0"), "{name}: {core}");
    }
    assert_network_is_its_own(&appliance);
    assert_engine_has_only_its_socket_open(&appliance);
}

/// The demo's port listens in our network, and neither process's own network knows it.
fn assert_network_is_its_own(appliance: &Appliance) {
    let port = format!(":{:04X} ", appliance.port());
    let listens = |pid: &str| fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap().contains(&port);
    assert!(listens("self"));
    for pid in [appliance.front, appliance.engine] {
        assert!(!listens(&pid.to_string()));
        let devices = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
        let devices: Vec<_> = devices.lines().skip(2).map(|line| line.trim().split(':').next()).collect();
        assert_eq!(devices, [Some("lo")]);
        let routes = fs::read_to_string(format!("/proc/{pid}/net/route")).unwrap();
        assert_eq!(routes.lines().skip(1).count(), 0, "{routes}");
    }
}

/// stdin is a pipe that nobody writes to, stdout and stderr are one pipe to the supervisor, and the socket
/// leads to the front. The model's descriptor is closed once it is loaded; a mapping of it may remain.
fn assert_engine_has_only_its_socket_open(appliance: &Appliance) {
    let folder = format!("/proc/{}/fd", appliance.engine);
    if !geteuid().is_root() {
        // A process that cannot be traced does not show its descriptors, not even to its own user.
        assert_eq!(fs::read_dir(folder).unwrap_err().kind(), ErrorKind::PermissionDenied);
        return;
    }
    let mut open: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| target(&entry.unwrap().path())).collect();
    open.sort();
    // It reads and writes its socket by two descriptors.
    open.dedup();
    let kinds: Vec<_> = open.iter().map(|target| target.split(':').next().unwrap_or_default()).collect();
    assert_eq!(kinds, ["pipe", "pipe", "socket"], "{open:?}");
    let files: Vec<_> = fs::read_to_string(format!("/proc/{}/maps", appliance.engine))
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5).map(str::to_owned))
        .filter(|path| path.starts_with('/') && path != EXECUTABLE && !path.ends_with(".gguf"))
        .collect();
    assert_eq!(files, [""; 0]);
}

fn target(link: &Path) -> String {
    fs::read_link(link).unwrap().to_str().unwrap().to_owned()
}
