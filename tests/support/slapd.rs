//! A real directory: Debian's slapd on free ports, with TLS, people, groups in groups and a password policy.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::authority::Authority;
use super::{await_some, long};

/// Everybody's.
pub(crate) const PASSWORD: &str = "salt marsh, nine herons";
const PASSWORD_LINE: &str = "userPassword: salt marsh, nine herons\n";
pub(crate) const SERVICE: &str = "cn=redoubt,dc=example,dc=org";
pub(crate) const SERVICE_PASSWORD: &str = "ebb and flow";
pub(crate) const BASE: &str = "dc=example,dc=org";
pub(crate) const PEOPLE: &str = "ou=people,dc=example,dc=org";
pub(crate) const GROUPS: &str = "ou=groups,dc=example,dc=org";
const ROOT: &str = "cn=root,dc=example,dc=org";
const ROOT_PASSWORD: &str = "root of the tests";
/// Each of these groups is a member of the next one, and the last of the first.
pub(crate) const CIRCLE: usize = 12;
/// All groups together.
const ALL_GROUPS: usize = 1000;
/// The first of the people without a story are in `readers`.
const READERS: usize = 600;
const SLAPD: &str = "/usr/sbin/slapd";

/// Ended when dropped.
pub(crate) struct Slapd {
    process: Child,
    pub(crate) ldap: u16,
    pub(crate) ldaps: u16,
    pub(crate) ca: PathBuf,
    _folder: Option<TempDir>,
}

/// How many people the shared directory has, beside those with a story.
pub(crate) fn people() -> usize {
    if long() { 100_000 } else { 10_000 }
}

/// The directory that most tests share. It ends with the process of the tests: its wrapper waits for the end of a pipe
/// that nobody writes to.
pub(crate) fn shared() -> &'static Slapd {
    static SHARED: OnceLock<Slapd> = OnceLock::new();
    SHARED.get_or_init(|| Slapd::in_folder(tempfile::tempdir().unwrap().keep(), None, people()))
}

impl Slapd {
    /// A small one of its own, for a test that ends it or changes what is in it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder.path().to_owned(), Some(folder), 10)
    }

    fn in_folder(path: PathBuf, folder: Option<TempDir>, people: usize) -> Self {
        let authority = Authority::new("the directory's authority");
        let ca = authority.write(&path);
        let issued = authority.issue(&["127.0.0.1", "dc1.example"]);
        fs::write(path.join("server.pem"), issued.chain).unwrap();
        fs::write(path.join("server.key"), issued.key).unwrap();
        fs::create_dir(path.join("db")).unwrap();
        fs::write(path.join("slapd.conf"), configuration(&path)).unwrap();
        fs::write(path.join("all.ldif"), ldif(people)).unwrap();
        let added = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-f"])
            .arg(path.join("slapd.conf"))
            .arg("-l")
            .arg(path.join("all.ldif"))
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let [ldap, ldaps] = free_ports();
        let script =
            r#"folder=$1; shift; "$@" & slapd=$!; read -r _; kill "$slapd"; wait "$slapd"; rm -rf "$folder""#;
        let process = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&path)
            .args([SLAPD, "-d", "0", "-h"])
            .arg(format!("ldap://127.0.0.1:{ldap} ldaps://127.0.0.1:{ldaps}"))
            .arg("-f")
            .arg(path.join("slapd.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        await_some("slapd", || {
            TcpStream::connect_timeout(&([127, 0, 0, 1], ldaps).into(), super::PATIENCE).ok()
        });
        Self { process, ldap, ldaps, ca, _folder: folder }
    }

    /// Changes entries, as the administrator of the directory does.
    pub(crate) fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args(["-x", "-H", &format!("ldap://127.0.0.1:{}", self.ldap), "-D", ROOT, "-w", ROOT_PASSWORD])
            // A relaxed server takes changes of operational attributes from its administrator.
            .args(["-e", "relax"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ends it, and keeps its ports to itself no longer.
    pub(crate) fn end(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
pidfile {folder}/pid
argsfile {folder}/args
sizelimit unlimited
threads 8
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix \"{BASE}\"
rootdn \"{ROOT}\"
rootpw \"{ROOT_PASSWORD}\"
directory {folder}/db
maxsize 1073741824
dbnosync
index objectClass,uid,member,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=\"{SERVICE}\" read by self read by * none
overlay ppolicy
ppolicy_default \"cn=default,ou=policies,{BASE}\"
ppolicy_use_lockout
overlay memberof
"
    )
}

/// Everything that is in it.
fn ldif(people: usize) -> String {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: redoubt\n\
         userPassword: {SERVICE_PASSWORD}\n\n"
    );
    for unit in ["people", "staff", "groups", "policies"] {
        write!(ldif, "dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n").unwrap();
    }
    for (name, more) in [
        ("default", "pwdLockout: TRUE\npwdMaxFailure: 5\npwdMustChange: TRUE\n"),
        ("expiring", "pwdMaxAge: 86400\n"),
    ] {
        write!(
            ldif,
            "dn: cn={name},ou=policies,{BASE}\nobjectClass: person\nobjectClass: pwdPolicy\ncn: {name}\nsn: {name}\n\
             pwdAttribute: userPassword\n{more}\n"
        )
        .unwrap();
    }
    people_with_a_story(&mut ldif);
    for number in 0..people {
        person(&mut ldif, "people", &format!("person{number}"), "");
    }
    groups(&mut ldif);
    ldif
}

fn people_with_a_story(ldif: &mut String) {
    for (name, more) in [
        ("alice", "displayName: Alice of the Marsh\n"),
        ("bob", "memberOf: cn=ring1,ou=groups,dc=example,dc=org\n"),
        ("carol", ""),
        ("dave", ""),
        ("erin", ""),
        ("o'brien (x) *", ""),
        ("admin-locked", "pwdAccountLockedTime: 000001010000Z\n"),
        ("ended", "pwdEndTime: 20200101000000Z\n"),
        ("must-change", "pwdReset: TRUE\n"),
        (
            "expired",
            "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=expiring,ou=policies,dc=example,dc=org\n",
        ),
        ("without-password", ""),
        ("twin", ""),
    ] {
        person(ldif, "people", name, more);
    }
    person(ldif, "staff", "twin", "");
}

fn person(ldif: &mut String, unit: &str, name: &str, more: &str) {
    let password = if name == "without-password" { "" } else { PASSWORD_LINE };
    write!(
        ldif,
        "dn: uid={name},ou={unit},{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n{password}{more}\n"
    )
    .unwrap();
}

/// `ring1` to `ring12` lie in each other, the last in the first; Alice is in the first. Carol is in every tenth of the
/// others, each of which is in `outer`.
fn groups(ldif: &mut String) {
    for number in 1..=CIRCLE {
        let before = if number == 1 { CIRCLE } else { number - 1 };
        let mut members = vec![format!("cn=ring{before},{GROUPS}")];
        if number == 1 {
            members.extend([format!("uid=alice,{PEOPLE}"), format!("uid=bob,{PEOPLE}")]);
        }
        group(ldif, &format!("ring{number}"), &members);
    }
    let wide: Vec<_> = (CIRCLE + 1..ALL_GROUPS).map(|number| format!("cn=group{number},{GROUPS}")).collect();
    for (number, _) in wide.iter().enumerate() {
        let number = number + CIRCLE + 1;
        let mut members = vec![format!("uid=person{},{PEOPLE}", number % 10)];
        if number.is_multiple_of(10) {
            members.push(format!("uid=carol,{PEOPLE}"));
        }
        group(ldif, &format!("group{number}"), &members);
    }
    group(ldif, "outer", &wide);
    let readers: Vec<_> = (0..READERS).map(|number| format!("uid=person{number},{PEOPLE}")).collect();
    group(ldif, "readers", &readers);
}

fn group(ldif: &mut String, name: &str, members: &[String]) {
    let members: String = members.iter().map(|member| format!("member: {member}\n")).collect();
    write!(ldif, "dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n").unwrap();
}
