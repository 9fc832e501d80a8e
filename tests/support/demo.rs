//! A running `redoubt demo` and its people.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Client, await_some, totp};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_redoubt");
/// Analysts of the shared demo. Each test that signs in takes the next ones.
const SHARED_ANALYSTS: usize = 60;
/// Admins that tests take one by one.
const SHARED_ADMINS: usize = 24;

/// Ended when dropped, its folder removed after that.
pub(crate) struct Demo {
    process: Child,
    _stdout: BufReader<ChildStdout>,
    told: Value,
    last_steps: Mutex<HashMap<String, u64>>,
    taken: AtomicUsize,
    signed_in: Mutex<HashMap<String, Client>>,
    admins: OnceLock<Mutex<Vec<Person>>>,
    folder: Option<TempDir>,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) totp_secret: Option<String>,
}

/// The demo that the tests of the API share. It ends with the process of the tests: its wrapper waits for
/// the end of a pipe that nobody writes to, because nobody drops what is static.
pub(crate) fn shared() -> &'static Demo {
    static SHARED: OnceLock<Demo> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let script =
            r#"folder=$1; shift; "$@" & demo=$!; read -r _; kill "$demo"; wait "$demo"; rm -rf "$folder""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&folder).arg(EXECUTABLE);
        command.args(arguments(&folder.join("data"), SHARED_ANALYSTS)).stdin(Stdio::piped());
        Demo::run(command, None)
    })
}

/// The executable with arguments, to be run to its end.
pub(crate) fn executable_with<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(EXECUTABLE);
    command.args(arguments);
    command
}

/// Where the checkout's demo model lies.
pub(crate) fn model() -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/models");
    let mut files = fs::read_dir(&models).unwrap().map(|entry| entry.unwrap().path());
    let model = files.find(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    model.unwrap_or_else(|| panic!("no model in {}: run scripts/run --prepare", models.display()))
}

fn arguments(data: &Path, people: usize) -> Vec<String> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let fixed = ["demo", "--json", "--port", "0"].map(str::to_owned).into_iter();
    fixed
        .chain(["--people".to_owned(), people.to_string()])
        .chain(["--data".to_owned(), path(data), "--model".to_owned(), path(&model())])
        .collect()
}

impl Demo {
    /// A new demo in a folder of its own.
    pub(crate) fn start(people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let command = Self::command(&folder.path().join("data"), people);
        Self::run(command, Some(folder))
    }

    /// The command that starts a demo on a data folder, made before or not.
    pub(crate) fn command(data: &Path, people: usize) -> Command {
        executable_with(arguments(data, people))
    }

    /// Runs what [`Demo::command`] made and waits until it is ready.
    pub(crate) fn run(mut command: Command, folder: Option<TempDir>) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        Self {
            process,
            _stdout: stdout,
            told,
            last_steps: Mutex::default(),
            taken: AtomicUsize::new(0),
            signed_in: Mutex::default(),
            admins: OnceLock::new(),
            folder,
        }
    }

    /// What the demo told when it was ready.
    pub(crate) fn told(&self, name: &str) -> String {
        self.told[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.told)).to_owned()
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        u32::try_from(self.told["pids"][name].as_u64().unwrap()).unwrap()
    }

    /// The present process of the front or the engine, which may not be the first any more.
    pub(crate) fn child(&self, verb: &str) -> Option<u32> {
        child_of(self.pid("supervisor"), verb)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.told("url"), Path::new(&self.told("ca")))
    }

    /// A client with the demo's API key.
    pub(crate) fn program(&self) -> Client {
        let mut client = self.client();
        client.bearer = Some(self.told("api_key"));
        client
    }

    pub(crate) fn person(&self, username: &str) -> Person {
        let people = self.told["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["username"] == username);
        let person = person.unwrap_or_else(|| panic!("there is no {username}"));
        Person {
            username: username.to_owned(),
            password: person["password"].as_str().unwrap().to_owned(),
            totp_secret: person["totp_secret"].as_str().map(str::to_owned),
        }
    }

    /// An analyst whom no other test has.
    pub(crate) fn next_analyst(&self) -> Person {
        // The first one owns the demo's API key.
        let number = self.taken.fetch_add(1, Ordering::Relaxed) + 2;
        self.person(&format!("analyst{number}"))
    }

    /// A signed-in analyst whom no other test has.
    pub(crate) fn analyst(&self) -> Client {
        self.sign_in(&self.next_analyst())
    }

    /// A signed-in person with one session for all tests, because codes are few. It is not locked, and not proved.
    pub(crate) fn signed_in(&self, username: &str) -> Client {
        let mut signed_in = self.signed_in.lock().unwrap();
        if let Some(client) = signed_in.get(username).filter(|client| client.get("/api/v1/me").status == 200)
        {
            return client.clone();
        }
        let client = self.sign_in(&self.person(username));
        signed_in.insert(username.to_owned(), client.clone());
        client
    }

    /// An admin whom no other test has, who has just signed in.
    pub(crate) fn admin(&self) -> Client {
        self.enrol(&self.next_admin())
    }

    /// An admin whom no other test has and who has no authenticator yet. They are all made by one session, while its proof is
    /// fresh.
    pub(crate) fn next_admin(&self) -> Person {
        let admins = self.admins.get_or_init(|| {
            let admin = self.sign_in(&self.person("admin"));
            let make = |number| {
                let name = format!("admin{number}");
                let body = serde_json::json!({"username": name, "role": "admin"});
                let made = admin.post("/api/v1/admin/people", &body).is(201).json();
                Person {
                    username: name,
                    password: made["password"].as_str().unwrap().to_owned(),
                    totp_secret: None,
                }
            };
            Mutex::new((1..=SHARED_ADMINS).map(make).collect())
        });
        admins.lock().unwrap().pop().expect("another admin: raise SHARED_ADMINS")
    }

    /// Signs a person in for the first time and enrols an authenticator.
    pub(crate) fn enrol(&self, person: &Person) -> Client {
        self.enrolled(person).0
    }

    /// The same, with the person as they are from then on.
    pub(crate) fn enrolled(&self, person: &Person) -> (Client, Person) {
        let mut client = self.client();
        let offer = client.offer_password(&person.username, &person.password).is(200).json();
        let secret = offer["secret"].as_str().unwrap_or_else(|| panic!("{offer}")).to_owned();
        let person = Person { totp_secret: Some(secret), ..person.clone() };
        client.offer_code(&self.next_code(&person)).is(200);
        (client, person)
    }

    pub(crate) fn sign_in(&self, person: &Person) -> Client {
        let mut client = self.client();
        client.offer_password(&person.username, &person.password).is(200);
        client.offer_code(&self.next_code(person)).is(200);
        client
    }

    /// A code that the person has not used; waits for it if need be. The appliance takes those of the step
    /// before, of the present one and of the next, each once and in order.
    pub(crate) fn next_code(&self, person: &Person) -> String {
        let mut last_steps = self.last_steps.lock().unwrap();
        let last = last_steps.entry(person.username.clone()).or_default();
        *last = totp::present_step().max(*last + 1);
        await_some("a fresh code", || (*last <= totp::present_step() + 1).then_some(()));
        totp::code(person.totp_secret.as_ref().unwrap(), *last)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.client().try_send("GET", "/readyz", &[], None).is_ok_and(|answer| answer.status == 200)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Ends it in an orderly way; what it wrote stays until the folder that is returned is dropped.
    pub(crate) fn stop(mut self) -> (ExitStatus, Option<TempDir>) {
        let status = self.end();
        (status, self.folder.take())
    }

    fn end(&mut self) -> ExitStatus {
        if self.process.try_wait().unwrap().is_none() {
            kill(self.process.id(), Signal::TERM);
        }
        self.process.wait().unwrap()
    }

    /// Kills the present process of the front or the engine, as `kill -9` does.
    pub(crate) fn kill(&self, verb: &str) {
        let pid = await_some("a process to kill", || self.child(verb));
        kill(pid, Signal::KILL);
        await_some("the end of the killed process", || (self.child(verb) != Some(pid)).then_some(()));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.end();
    }
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// The child of `parent` that runs `verb` and is no mere zombie.
fn child_of(parent: u32, verb: &str) -> Option<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.into_iter().find(|pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let has =
            |line: &str| status.lines().any(|is| is.split_whitespace().collect::<Vec<_>>().join(" ") == line);
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        has(&format!("PPid: {parent}")) && arguments.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes())
    })
}
