//! The appliance wants no privilege: root's tests start it as somebody who has none.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::geteuid;

use super::appliance::{Appliance, EXECUTABLE, demo_arguments, model, status};

/// "nobody" everywhere, without asking a user database.
const NOBODY: u32 = 65534;

#[test]
fn the_demo_is_caged_the_same_for_an_ordinary_user() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(EXECUTABLE);
    if geteuid().is_root() {
        // The checkout may lie where only root can look.
        let (executable, copied) =
            (home.path().join("redoubt"), home.path().join(model().file_name().unwrap()));
        fs::copy(EXECUTABLE, &executable).unwrap();
        fs::copy(model(), &copied).unwrap();
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(&copied, Permissions::from_mode(0o644)).unwrap();
        command = Command::new(executable);
        command.uid(NOBODY).gid(NOBODY).current_dir(home.path());
        command.args(demo_arguments(&home.path().join("data"), &copied));
    } else {
        command.args(demo_arguments(&home.path().join("data"), &model()));
    }
    let appliance = Appliance::run(command, home);
    for pid in [appliance.supervisor, appliance.front, appliance.engine] {
        let user = status(pid, "Uid").unwrap().split_whitespace().next().unwrap().parse::<u32>().unwrap();
        assert_ne!(user, 0);
        assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"));
    }
    for pid in [appliance.front, appliance.engine] {
        assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"));
        let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
        assert_eq!(interfaces.lines().skip(2).count(), 1, "{interfaces}");
    }
    assert!(appliance.is_ready());
}
