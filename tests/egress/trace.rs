//! What strace wrote about the appliance's calls of the network: which process made which, and whether it may.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Calls of the network, and those that tell processes and threads apart.
const TRACED: &str = "trace=%network,execve,clone,clone3,fork,vfork";
/// Calls that can name somebody to talk to.
const NAMING: [&str; 4] = ["connect(", "sendto(", "sendmsg(", "sendmmsg("];

/// The words before a command that is to be traced, into files in this folder: one a thread, whatever process it is of.
/// The command stays the child of whoever starts it (`-D`), and stops for these calls only (`--seccomp-bpf`): what its own
/// filter refuses is not among them, because that comes first.
pub(super) fn words(folder: &Path) -> Vec<String> {
    let into = folder.join("trace").to_str().unwrap().to_owned();
    ["strace", "-D", "-ff", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", TRACED, "-o"]
        .map(str::to_owned)
        .into_iter()
        .chain([into])
        .collect()
}

/// What the threads of all traced processes did, by the number of the thread.
pub(super) struct Trace(BTreeMap<u32, Thread>);

struct Thread {
    calls: Vec<String>,
    /// The thread that made it, unless the command itself was it.
    maker: Option<u32>,
}

impl Trace {
    pub(super) fn read(folder: &Path) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut threads: BTreeMap<_, _> = files
            .map(|path: PathBuf| {
                let number = path.extension().unwrap().to_str().unwrap().parse::<u32>().unwrap();
                // strace may have been cut off in the middle of a character.
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                (number, Thread { calls: text.lines().map(str::to_owned).collect(), maker: None })
            })
            .collect();
        let made: Vec<_> =
            threads.iter().flat_map(|(maker, thread)| thread.made().map(|made| (made, *maker))).collect();
        for (made, maker) in made {
            threads.entry(made).and_modify(|thread| thread.maker = Some(maker));
        }
        Self(threads)
    }

    /// How many calls of the network the processes of this name made; `@front` and the like, or `supervisor`.
    pub(super) fn calls_of(&self, role: &str) -> usize {
        self.0
            .iter()
            .filter(|(number, _)| self.role(**number) == role)
            .map(|(_, thread)| thread.of_the_network().count())
            .sum()
    }

    /// Calls that went out to somebody, or prepared it, but for what a dialler may: TCP to these addresses.
    pub(super) fn outward(&self, may_dial: impl Fn(SocketAddr) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for (number, thread) in &self.0 {
            let role = self.role(*number);
            for call in thread.of_the_network() {
                if is_outward(role, call) && !(role == "@dialler" && is_dialling(call, &may_dial)) {
                    found.push(format!("{role} {number}: {call}"));
                }
            }
        }
        found
    }

    /// The verb that the thread's process was started with.
    fn role(&self, number: u32) -> &str {
        let Some(thread) = self.0.get(&number) else { return "nobody" };
        match (thread.verb(), thread.maker) {
            (Some(verb), _) => verb,
            (None, Some(maker)) => self.role(maker),
            (None, None) => "supervisor",
        }
    }
}

impl Thread {
    fn made(&self) -> impl Iterator<Item = u32> {
        let makes = |call: &&String| ["clone", "fork", "vfork"].iter().any(|name| call.starts_with(name));
        self.calls.iter().filter(makes).filter_map(|call| call.rsplit_once(" = ")?.1.parse().ok())
    }

    fn verb(&self) -> Option<&str> {
        let executed = self.calls.iter().find(|call| call.starts_with("execve(\"/proc/self/exe\""))?;
        let verb = executed.split('"').find(|word| word.starts_with('@'))?;
        Some(verb)
    }

    fn of_the_network(&self) -> impl Iterator<Item = &String> {
        let others = ["clone", "fork", "vfork", "execve"];
        self.calls.iter().filter(move |call| !others.iter().any(|name| call.starts_with(name)))
    }
}

/// Names somebody outside, whether or not the kernel let it; or made a socket that could. The supervisor binds the listener,
/// and processes try their cages with sockets that they do not get.
fn is_outward(role: &str, call: &str) -> bool {
    let is_unix = call.contains("AF_UNIX");
    if NAMING.iter().any(|name| call.starts_with(name)) {
        return call.contains("sa_family=") && !is_unix;
    }
    call.starts_with("socket(")
        && !is_unix
        && !call.contains(" = -1 ")
        && !["supervisor", "@dialler"].contains(&role)
}

/// What is a dialler's business: a connection to one of its addresses; and what its cage refused it at its self-test.
fn is_dialling(call: &str, may_dial: impl Fn(SocketAddr) -> bool) -> bool {
    let is_refused = ["EACCES", "EPERM"].iter().any(|errno| call.contains(&format!(" = -1 {errno} ")));
    is_refused || (call.starts_with("connect(") && address(call).is_some_and(may_dial))
}

/// The Internet address that a call names, as strace writes it.
fn address(call: &str) -> Option<SocketAddr> {
    let port = call.split_once("htons(")?.1.split_once(')')?.0.parse().ok()?;
    let quoted = call.split('"').nth(1)?;
    Some(SocketAddr::new(quoted.parse::<IpAddr>().ok()?, port))
}

#[test]
fn calls_are_judged_by_whom_they_name_and_who_made_them() {
    let to = |address: &str| {
        format!(
            "connect(7, {{sa_family=AF_INET, sin_port=htons(636), sin_addr=inet_addr(\"{address}\")}}, 16)"
        )
    };
    let known = SocketAddr::from(([10, 0, 0, 7], 636));
    assert_eq!(address(&to("10.0.0.7")), Some(known));
    let six = "connect(5, {sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), \
               inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28) = -1 EACCES (Permission denied)";
    assert_eq!(address(six), Some("[::1]:9".parse().unwrap()));
    assert!(is_dialling(six, |_| false), "refused by its cage");
    let (called, other) =
        (format!("{} = 0", to("10.0.0.7")), format!("{} = -1 EINPROGRESS (x)", to("10.0.0.8")));
    assert!(
        is_dialling(&called, |address| address == known) && !is_dialling(&other, |address| address == known)
    );
    for (role, call, outward) in [
        ("@engine", called.as_str(), true),
        ("@front", "connect(3, {sa_family=AF_UNIX, sun_path=\"/x\"}, 5) = -1 EPERM (x)", false),
        ("@front", "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = -1 EPERM (Operation not permitted)", false),
        ("@front", "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 9", true),
        ("@front", "sendto(9, \"x\", 1, MSG_NOSIGNAL, NULL, 0) = 1", false),
        ("supervisor", "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3", false),
    ] {
        assert_eq!(is_outward(role, call), outward, "{role} {call}");
    }
}
