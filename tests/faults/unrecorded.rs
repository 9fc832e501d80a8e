//! While the disk is full or fails, nothing that must be recorded succeeds without its record, and nobody waits for long.
//!
//! 200 answers for each fault; with `REDOUBT_LONG=1` 2,000. Faults are the kernel's (a full tmpfs) or what strace(1) makes
//! of the system calls of the front, and of each front that follows it. A file system that went read-only under an open
//! file, as ext4 does after an error, cannot be had without a disk of one's own: the front gets its EROFS from strace.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::disk::fill;
use super::survey::Survey;
use crate::support::{Client, Demo, Person, await_some, long};

/// Where the second run of a test finds its folder.
const FOLDER: &str = "REDOUBT_TEST_FAULTY_DISK";
/// Two seconds for the record, and a moment for the rest. On a machine that does much else at once it is more, which is
/// counted and told; nobody is to hang.
const PROMISED: Duration = Duration::from_millis(2_500);
const HANGS: Duration = Duration::from_secs(15);
const WORKERS: usize = 32;
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

#[test]
fn nothing_passes_unrecorded_by_a_full_disk() {
    survives("nothing_passes_unrecorded_by_a_full_disk", None);
}

#[test]
fn nothing_passes_unrecorded_by_a_disk_that_fails_to_write() {
    let name = "nothing_passes_unrecorded_by_a_disk_that_fails_to_write";
    survives(name, Some("pwrite64:error=EIO"));
}

#[test]
fn nothing_passes_unrecorded_by_a_disk_that_fails_to_sync() {
    let name = "nothing_passes_unrecorded_by_a_disk_that_fails_to_sync";
    survives(name, Some("fsync,fdatasync:error=EIO"));
}

#[test]
fn nothing_passes_unrecorded_by_a_disk_that_became_read_only() {
    let name = "nothing_passes_unrecorded_by_a_disk_that_became_read_only";
    survives(name, Some("pwrite64,ftruncate,fallocate:error=EROFS"));
}

#[test]
fn nothing_passes_unrecorded_by_a_disk_that_stalls() {
    let name = "nothing_passes_unrecorded_by_a_disk_that_stalls";
    survives(name, Some("fsync,fdatasync:delay_enter=3600000000"));
}

/// `inject`: what strace makes of which system calls; none fills the disk.
fn survives(name: &str, inject: Option<&str>) {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return run_again(name) };
    let data = folder.join("data");
    let demo = Demo::run(Demo::command(&data, 2), None);
    let people = People::of(&demo);
    let fault = Fault::begin(&demo, &folder, inject);
    let asked = Asked::default();
    let requests = if long() { 2_000 } else { 200 };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (fault, over, asked, people) = (&fault, &over, &asked, &people);
        let keeper = scope.spawn(move || fault.follow(over));
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(move || {
                    while let Some(number) = asked.next(requests) {
                        people.ask(number, asked);
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        keeper.join().unwrap();
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    fault.end();
    await_some("a front without a fault", || demo.is_ready().then_some(()));
    let (status, _) = demo.stop();
    assert_eq!(status.code(), Some(0));
    asked.assert_recorded(&Survey::of(&data));
}

fn run_again(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size=32m tmpfs {} && exec \"$@\"", folder.path().display());
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("faults::unrecorded::{name}"), "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
    let told = said.lines().filter(|line| line.contains("requests"));
    told.for_each(|line| println!("{name}: {line}"));
}

/// Whoever asks for what must be recorded.
struct People {
    analyst: Client,
    chat: String,
    auditor: Client,
    program: Client,
    model: String,
    /// Who signs in again and again.
    other: (Client, Person),
}

impl People {
    fn of(demo: &Demo) -> Self {
        let analyst = demo.sign_in(&demo.person("analyst1"));
        Self {
            chat: analyst.new_chat(),
            analyst,
            auditor: demo.sign_in(&demo.person("auditor")),
            program: demo.program(),
            model: demo.told("model"),
            other: (demo.client(), demo.person("analyst2")),
        }
    }

    /// One request; which depends on its number.
    fn ask(&self, number: usize, asked: &Asked) {
        let chat = format!("/api/v1/chats/{}", self.chat);
        let completion =
            json!({"model": self.model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1});
        let (client, method, path, body) = match number % 10 {
            0..3 => (&self.analyst, "POST", "/api/v1/chats".to_owned(), json!({"title": "x".repeat(120)})),
            3..5 => (&self.analyst, "GET", chat, json!(null)),
            5 => (&self.auditor, "GET", "/api/v1/audit/records?limit=1".to_owned(), json!(null)),
            6 => (
                &self.analyst,
                "POST",
                format!("{chat}/messages"),
                json!({"content": "x", "params": {"max_tokens": 1}}),
            ),
            7..9 => (&self.program, "POST", "/v1/chat/completions".to_owned(), completion),
            _ => {
                let (client, Person { username, password, .. }) = &self.other;
                (
                    client,
                    "POST",
                    "/api/v1/session".to_owned(),
                    json!({"username": username, "password": password}),
                )
            }
        };
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        loop {
            let start = Instant::now();
            // The rest of an answer that is being written is of no interest.
            let head = client.try_head(method, &path, JSON, body.clone());
            if asked.note(start.elapsed(), head, &format!("{method} {path}")) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What was answered.
#[derive(Default)]
struct Asked {
    begun: AtomicUsize,
    /// Requests that succeeded, with what they were.
    done: Mutex<Vec<(String, String)>>,
    refused: AtomicUsize,
    /// Attempts without an answer.
    broken: AtomicUsize,
    /// Attempts that took longer than is promised.
    late: AtomicUsize,
    slowest: Mutex<Duration>,
}

impl Asked {
    fn next(&self, requests: usize) -> Option<usize> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst);
        (number < requests).then_some(number)
    }

    /// Whether it was answered. A front that ends, or is not there yet, breaks connections, but keeps nobody waiting.
    fn note(&self, took: Duration, head: Option<(u16, String)>, what: &str) -> bool {
        assert!(took < HANGS, "{what} took {took:?}: {head:?}");
        self.late.fetch_add(usize::from(took > PROMISED), Ordering::SeqCst);
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = took.max(*slowest);
        let Some((status, id)) = head else {
            self.broken.fetch_add(1, Ordering::SeqCst);
            return false;
        };
        match status {
            200 | 201 => self.done.lock().unwrap().push((id, what.to_owned())),
            // A chat whose message nobody knows the fate of takes no other.
            503 | 422 | 429 => drop(self.refused.fetch_add(1, Ordering::SeqCst)),
            status => panic!("{what} got {status}"),
        }
        true
    }

    fn assert_recorded(&self, survey: &Survey) {
        let recorded: BTreeSet<String> = survey.requests();
        let done = self.done.lock().unwrap();
        for (id, what) in done.iter() {
            assert!(recorded.contains(id), "{what} succeeded and is not recorded");
        }
        let counts = [&self.refused, &self.broken, &self.late];
        let [refused, broken, late] = counts.map(|count| count.load(Ordering::SeqCst));
        assert!(refused > 0, "the fault refused nothing");
        println!(
            "requests: {} recorded, {refused} refused, none unrecorded, {broken} repeated; {late} took longer than \
             {PROMISED:?}, the slowest {:.2?}",
            done.len(),
            self.slowest.lock().unwrap()
        );
    }
}

/// A fault that stands until its end, for each front that there is.
struct Fault<'a> {
    demo: &'a Demo,
    ballast: PathBuf,
    inject: Option<&'a str>,
    tracer: Mutex<Option<(u32, Child)>>,
}

impl<'a> Fault<'a> {
    fn begin(demo: &'a Demo, folder: &Path, inject: Option<&'a str>) -> Self {
        let fault = Self { demo, ballast: folder.join("ballast"), inject, tracer: Mutex::default() };
        match inject {
            None => fill(&fault.ballast),
            Some(_) => fault.trace_front(),
        }
        fault
    }

    fn follow(&self, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            if self.inject.is_some() {
                self.trace_front();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes the present front suffer, if it does not yet.
    fn trace_front(&self) {
        let mut tracer = self.tracer.lock().unwrap();
        let Some(front) = self.demo.child("@front") else { return };
        if tracer.as_ref().is_some_and(|(pid, _)| *pid == front) || !self.demo.is_ready() {
            return;
        }
        if let Some((_, old)) = tracer.as_mut() {
            old.wait().unwrap();
        }
        let inject = self.inject.unwrap();
        let calls = inject.split(':').next().unwrap();
        let new = Command::new("strace")
            .args(["-f", "-q", "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={inject}"), "-p", &front.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .expect("strace: it is needed for this test");
        *tracer = Some((front, new));
        await_some("strace", || {
            let status = fs::read_to_string(format!("/proc/{front}/status")).unwrap_or_default();
            (!status.contains("TracerPid:\t0\n")).then_some(())
        });
    }

    fn end(self) {
        if let Some((_, mut tracer)) = self.tracer.into_inner().unwrap() {
            // It lets go of the front, whose calls go on.
            tracer.kill().unwrap();
            tracer.wait().unwrap();
        }
        if self.inject.is_none() {
            fs::remove_file(&self.ballast).unwrap();
        }
    }
}
