//! A test of the directory: every step of a sign-in but the person's own bind, and what each found.

use std::time::Duration;

use ldap3::Scope;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, NO_ATTRIBUTES};
use super::entry::Entry;
use super::groups::MAX_DEPTH;
use super::report::{Report, Step, StepName};
use super::service::Service;
use super::{Refusal, account, tls};

/// For each server; a test may take longer than a sign-in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// Tries every server, then searches with the first that works: for somebody, where a name is given.
pub(super) async fn test(service: &Service, name: Option<&str>) -> Report {
    let mut steps = Vec::new();
    let mut first = None;
    for index in 0..service.servers.all().len() {
        let connected = reach(service, index, &mut steps).await;
        first = first.or(connected);
    }
    if let Some(mut connection) = first {
        let entry = search(service, &mut connection, name, &mut steps).await;
        groups(service, &mut connection, entry.as_ref(), &mut steps).await;
    }
    Report::of(steps)
}

/// From a server's name to the service account's bind; `None` where a step failed.
async fn reach(service: &Service, index: usize, steps: &mut Vec<Step>) -> Option<Connection> {
    let server = &service.servers.all()[index];
    let began = Instant::now();
    let dialled = service.servers.dialler().dial(index, CONNECT_DEADLINE).await;
    if dialled.addresses.is_empty() {
        let found = format!("{server}: {}", dialled.socket.err().unwrap_or_default());
        let advice = "write an address into directory.servers, or the name into /etc/hosts and start again";
        steps.push(Step::bad(StepName::Address, found, advice, began.elapsed()));
        return None;
    }
    let found = format!("{server}: {}", dialled.addresses.join(", "));
    steps.push(Step::good(StepName::Address, found, Duration::ZERO));
    let socket = match dialled.socket {
        Ok(socket) => socket,
        Err(why) => {
            let advice = "does the server run, and does a firewall let this machine reach it?";
            steps.push(Step::bad(StepName::Connect, format!("{server}: {why}"), advice, began.elapsed()));
            return None;
        }
    };
    steps.push(Step::good(StepName::Connect, format!("{server} takes connections"), began.elapsed()));
    let began = Instant::now();
    let secured = timeout(CONNECT_DEADLINE, tls::secure(service.servers.tls(), socket, server)).await;
    let stream = match secured {
        Ok(Ok(stream)) => stream,
        failed => {
            let why = failed.map_or("no answer in time".to_owned(), |failed| match failed {
                Ok(_) => String::new(),
                Err(insecure) => insecure.to_string(),
            });
            let advice = "directory.ca must be the authority of the server's certificate, which must have the name or \
                          address in directory.servers; `openssl s_client` shows it";
            steps.push(Step::bad(StepName::Tls, format!("{server}: {why}"), advice, began.elapsed()));
            return None;
        }
    };
    let version = stream.get_ref().1.protocol_version();
    let version = version.and_then(|version| version.as_str()).unwrap_or("TLS");
    let found = format!("{server}: {version}, its certificate is from the configured authority");
    steps.push(Step::good(StepName::Tls, found, began.elapsed()));
    bind(service, index, stream, steps).await
}

async fn bind(
    service: &Service,
    index: usize,
    stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    steps: &mut Vec<Step>,
) -> Option<Connection> {
    let server = &service.servers.all()[index];
    let began = Instant::now();
    let bound = timeout(CONNECT_DEADLINE, async {
        let mut connection = Connection::over(index, stream).await?;
        let bound = service.servers.bind_service(&mut connection).await;
        bound.map(|()| connection).map_err(|refusal| refusal.to_string())
    });
    match bound.await.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
        Ok(connection) => {
            let found = format!("{server} takes the service account");
            steps.push(Step::good(StepName::Bind, found, began.elapsed()));
            Some(connection)
        }
        Err(why) => {
            let advice = "directory.bind_dn and the password in directory.bind_password_file must be those of an \
                          account of the directory";
            steps.push(Step::bad(StepName::Bind, format!("{server}: {why}"), advice, began.elapsed()));
            None
        }
    }
}

async fn search(
    service: &Service,
    connection: &mut Connection,
    name: Option<&str>,
    steps: &mut Vec<Step>,
) -> Option<Entry> {
    let began = Instant::now();
    let (found, entry) = match name {
        Some(name) => match somebody(service, connection, name).await {
            Ok((found, entry)) => (Ok(found), Some(entry)),
            Err(refusal) => (Err(refusal), None),
        },
        None => (exists(connection, &service.base).await, None),
    };
    steps.push(match found {
        Ok(found) => Step::good(StepName::Search, found, began.elapsed()),
        Err(refusal) => Step::bad(StepName::Search, refusal.to_string(), advice(&refusal), began.elapsed()),
    });
    entry
}

async fn somebody(
    service: &Service,
    connection: &mut Connection,
    name: &str,
) -> Result<(String, Entry), Refusal> {
    let entry = service.people.by_name(connection, name).await?;
    let id = service.people.id(&entry, connection.abilities().await?)?;
    account::standing(&entry, service.clock.now_us())?;
    Ok((format!("{} is {}", entry.dn, id), entry))
}

async fn exists(connection: &mut Connection, base: &str) -> Result<String, Refusal> {
    let found = connection.search(base, Scope::Base, "(objectClass=*)", &[NO_ATTRIBUTES], 1).await?;
    if found.entries.is_empty() {
        return Err(Refusal::Unavailable(format!("the service account sees no entry {base}")));
    }
    Ok(format!("{base} is there"))
}

async fn groups(
    service: &Service,
    connection: &mut Connection,
    entry: Option<&Entry>,
    steps: &mut Vec<Step>,
) {
    let began = Instant::now();
    let found = match entry {
        Some(entry) => {
            let listed = service.people.listed_groups(entry);
            let membership = service.groups.of(connection, &entry.dn, listed).await;
            membership.map(|membership| {
                let count = membership.groups.len();
                let names: Vec<_> = membership.groups.iter().take(10).map(|group| group.as_str()).collect();
                let more = if count > names.len() { ", …" } else { "" };
                let deeper = if membership.deeper {
                    format!("; groups more than {MAX_DEPTH} deep do not count")
                } else {
                    String::new()
                };
                format!("{count} groups: {}{more}{deeper}", names.join(", "))
            })
        }
        None => exists(connection, &service.group_base).await,
    };
    steps.push(match found {
        Ok(found) => Step::good(StepName::Groups, found, began.elapsed()),
        Err(refusal) => Step::bad(StepName::Groups, refusal.to_string(), advice(&refusal), began.elapsed()),
    });
}

fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unknown => {
            "directory.base and directory.user_filter must find the person, and the service account must see them"
        }
        Refusal::Ambiguous => "make directory.user_filter find one entry for each name",
        Refusal::Unavailable(_) => {
            "look at directory.base, directory.group_base and what the service account may read"
        }
        _ => "the person's account is to be changed in the directory",
    }
}
