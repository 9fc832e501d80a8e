//! An intruder in every caged process: `intruder.py` makes it issue the system calls that lead out, one way after the
//! other. Nothing arrives; and from a process without a cage it does.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::capture::{Begun, Capture, Seen};
use super::network::in_a_network_of_its_own;
use super::packets::map;
use super::trap::Trap;
use super::work;
use crate::directory::served::Served;
use crate::support::slapd::Slapd;
use crate::support::{Demo, await_some};

const INTRUDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/egress/intruder.py");
/// Every way that it tries, but the one that ends the process.
const WAYS: usize = 18;
/// For what was sent to be read.
const ARRIVAL: Duration = Duration::from_millis(300);

/// What the kernel answered to each way.
type Answers = BTreeMap<String, String>;

/// Breaks into the process; with `to_the_end` it also starts a program there.
fn break_into(pid: u32, trap: &Trap, to_the_end: bool) -> Answers {
    let mut intruder = Command::new("python3");
    intruder.arg(INTRUDER).arg(pid.to_string()).arg(trap.folder()).arg(trap.port().to_string());
    let output = intruder.args(to_the_end.then_some("--program")).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Answers = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), WAYS + usize::from(to_the_end), "{answers:?}");
    thread::sleep(ARRIVAL);
    answers
}

/// Every way was refused by the kernel, and the last one was the process's end.
fn assert_shut(process: &str, mut answers: Answers, except: &[&str]) {
    assert_eq!(answers.remove("program").as_deref(), Some("killed by SIGSYS"), "{process}");
    answers.retain(|way, _| !except.contains(&way.as_str()));
    for (way, answer) in &answers {
        assert!(["EPERM", "EACCES", "ENOSYS"].contains(&answer.as_str()), "{process}, {way}: {answer}");
    }
    println!("{process}: {} ways refused, 0 bytes out", answers.len() + 1);
}

fn assert_nothing_arrived(trap: &Trap, seen: &Seen, clients: &[std::net::SocketAddr]) {
    assert_eq!((trap.bytes(), trap.doors()), (0, Vec::new()));
    assert_eq!(seen.beyond(clients), [] as [&Begun; 0]);
}

#[test]
fn no_byte_leaves_front_and_engine_whoever_is_in_them() {
    in_a_network_of_its_own(|| {
        let demo = Demo::start(1);
        let address = work::address(&demo);
        let trap = Trap::set();
        let capture = Capture::begin();
        // A connection that the front has accepted, whose socket is of this network.
        let client = demo.sign_in(&demo.person("analyst1"));
        let chat = client.new_chat();
        let under_way = client.begin(&chat, &serde_json::json!({"content": "Write a very long story."}));
        for verb in ["@engine", "@front"] {
            let pid = demo.child(verb).unwrap();
            assert_shut(verb, break_into(pid, &trap, true), &[]);
            await_some("the next process", || demo.child(verb).filter(|next| *next != pid));
            await_some("an appliance that works", || demo.is_ready().then_some(()));
        }
        drop(under_way);
        assert_nothing_arrived(&trap, &capture.end(), &[address]);
    });
}

#[test]
fn a_process_goes_on_after_an_intruder_who_found_no_way_out() {
    in_a_network_of_its_own(|| {
        let demo = Demo::start(1);
        let trap = Trap::set();
        let pids = ["@engine", "@front"].map(|verb| demo.child(verb).unwrap());
        for pid in pids {
            break_into(pid, &trap, false);
        }
        let client = demo.sign_in(&demo.person("analyst1"));
        let asked = client.ask(&client.new_chat(), "Say yes.");
        assert_eq!(asked.end["status"], "done", "{:?}", asked.error);
        assert_eq!(["@engine", "@front"].map(|verb| demo.child(verb).unwrap()), pids);
    });
}

#[test]
fn no_byte_leaves_the_directorys_process_and_the_dialler_has_nothing_but_tcp_to_its_port() {
    in_a_network_of_its_own(|| {
        let slapd = Slapd::start();
        let served = Served::start(&slapd, &map(&slapd)).unwrap();
        let allowed = [served.address(), ([127, 0, 0, 1], slapd.ldaps).into()];
        let trap = Trap::set();
        let capture = Capture::begin();
        // The dialler may connect, so what it has is refused for what it is: Unix sockets call nobody on the Internet.
        let dialling: Vec<_> = dialling().iter().copied().chain(["turned round"]).collect();
        for (verb, except) in [("@directory", &[] as &[&str]), ("@dialler", &dialling)] {
            let pid = served.child(verb).unwrap();
            assert_shut(verb, break_into(pid, &trap, true), except);
            await_some("the next pair", || served.child(verb).filter(|next| *next != pid));
        }
        let seen = capture.end();
        if dialling.len() == 1 {
            assert_nothing_arrived(&trap, &seen, &allowed);
        }
        drop(served);
    });
}

/// What a kernel without Landlock's rules for ports (before Linux 6.7) leaves the dialler.
fn dialling() -> &'static [&'static str] {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    if version >= (6, 7) { &[] } else { &["tcp4", "tcp6"] }
}

#[test]
fn from_a_process_without_a_cage_the_same_intruder_gets_out() {
    in_a_network_of_its_own(|| {
        let demo = Demo::start(1);
        let address = work::address(&demo);
        let trap = Trap::set();
        let capture = Capture::begin();
        // Hardened like the others, and not caged.
        let answers = break_into(demo.pid("supervisor"), &trap, false);
        let seen = capture.end();
        for way in [
            "tcp4", "tcp6", "udp4", "udp6", "names", "fastopen", "icmp", "packet", "netlink", "abstract",
            "unix",
        ] {
            assert!(answers[way].starts_with("open"), "{way}: {}", answers[way]);
        }
        assert_eq!(trap.doors(), ["abstract", "tcp", "udp", "unix"]);
        let (bytes, packets) = (trap.bytes(), seen.beyond(&[address]).len());
        assert!(bytes >= 8 * "REDOUBT-INTRUDER".len(), "{bytes} bytes");
        println!("without a cage: {bytes} bytes out, {packets} packets and connections begun");
        assert!(packets >= 7, "{seen:?}");
    });
}
