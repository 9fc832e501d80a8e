//! A network of a test's own, in which every address of the world is this machine's: what is sent anywhere arrives, and
//! passes the one interface there is.

use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::process::geteuid;

/// Runs `work` in such a network, on a thread of its own, whose children are in it too.
///
/// An ordinary user becomes the root of a user namespace for it, which wants a process with one thread: so the test that
/// calls this is started again by unshare(1). Where namespaces cannot be had the test fails, and says so: it proves nothing
/// there.
pub(super) fn in_a_network_of_its_own(work: impl FnOnce() + Send) {
    if !geteuid().is_root() {
        return start_again_as_root_of_a_namespace();
    }
    thread::scope(|scope| {
        let alone = thread::Builder::new().name("alone".to_owned()).spawn_scoped(scope, || {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("a network namespace, without which this test proves nothing");
            for step in
                ["link set lo up", "route add local default dev lo", "-6 route add local default dev lo"]
            {
                ip(step);
            }
            work();
        });
        if let Err(failure) = alone.unwrap().join() {
            std::panic::resume_unwind(failure);
        }
    });
}

fn ip(step: &str) {
    let output = Command::new("ip").args(step.split(' ')).output().expect("ip of iproute2");
    assert!(output.status.success(), "ip {step}: {}", String::from_utf8_lossy(&output.stderr));
}

fn start_again_as_root_of_a_namespace() {
    let this = thread::current();
    let name = this.name().filter(|name| name.contains("::")).expect("tests on threads of their names");
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user"]).arg(std::env::current_exe().unwrap());
    let output = again.args(["--include-ignored", "--exact", "--nocapture", name]).output().unwrap();
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let has_run = output.status.success() && said.contains("1 passed");
    assert!(has_run, "in a user namespace, without which this test proves nothing: {said}{complained}");
}
