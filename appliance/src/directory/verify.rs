//! A sign-in's questions to the directory: who has this name and this password, and whose name is this?

use zeroize::Zeroizing;

use super::account;
use super::connection::Connection;
use super::entry::Entry;
use super::service::Service;
use super::{DirectoryId, Person, Refusal, dn, password_is_sendable};
use crate::config::Method;

/// A bind as this entry takes as long as one as somebody's and tells nobody anything: there is no such entry.
const NOBODY: &str = "uid=redoubt-nobody-2c1f";

/// Searches, binds as the one entry found, asks the server whom it takes that for, and reads the groups with the
/// service account.
pub(super) async fn verify(
    service: &Service,
    name: &str,
    password: Zeroizing<String>,
) -> Result<Person, Refusal> {
    if !password_is_sendable(&password) {
        return Err(Refusal::WrongPassword);
    }
    let mut connection = service.servers.lease().await?;
    let verified = match service.method {
        Method::Search => by_search(service, &mut connection, name, &password).await,
        Method::Direct => directly(service, &mut connection, name, &password).await,
    };
    service.servers.give_back(connection);
    verified
}

async fn by_search(
    service: &Service,
    connection: &mut Connection,
    name: &str,
    password: &str,
) -> Result<Person, Refusal> {
    let entry = find_to_bind(service, connection, name).await?;
    bind_as(connection, &entry, password).await?;
    prove(service, connection, &entry).await?;
    service.servers.bind_service(connection).await?;
    person(service, connection, &entry, name).await
}

/// Whom the name means, if they may sign in. A name that nobody has takes the same steps as one that somebody has.
async fn find_to_bind(service: &Service, connection: &mut Connection, name: &str) -> Result<Entry, Refusal> {
    let found = service.people.by_name(connection, name).await;
    let found = found.and_then(|entry| account::standing(&entry, service.clock.now_us()).map(|()| entry));
    match found {
        Err(refusal) if !refusal.is_silence() => {
            let nobody = format!("{NOBODY},{}", service.base);
            let bound = connection.bind(&nobody, &service.decoy).await;
            let _refused = bound.map_err(Refusal::after_password)?;
            Err(refusal)
        }
        found => found,
    }
}

/// Binds as the name that the configuration makes of the typed one, then looks at what that is.
async fn directly(
    service: &Service,
    connection: &mut Connection,
    name: &str,
    password: &str,
) -> Result<Person, Refusal> {
    // Looked up first, or spellings that only the server takes for one name would each have tries of their own.
    find_to_bind(service, connection, name).await?;
    let bind_name = service.user_dn.replace("{name}", &dn::value(name));
    bind_as(connection, &Entry::named(&bind_name), password).await?;
    let entry = if dn::normalise(&bind_name).is_some() {
        service.people.by_dn(connection, &bind_name).await?
    } else {
        // Such as `name@domain`, which Active Directory takes, but which names no entry.
        service.people.by_name(connection, name).await?
    };
    account::standing(&entry, service.clock.now_us())?;
    prove(service, connection, &entry).await?;
    service.servers.bind_service(connection).await?;
    service.people.admit(connection, &entry).await?;
    person(service, connection, &entry, name).await
}

async fn bind_as(connection: &mut Connection, entry: &Entry, password: &str) -> Result<(), Refusal> {
    let result = connection.bind(&entry.dn, password).await.map_err(Refusal::after_password)?;
    account::refusal_of_bind(&result, entry).map_or(Ok(()), |refusal| Err(refusal.after_password()))
}

/// A bind that succeeded may still have been one as nobody, or as somebody else: the server says whom it has bound, or
/// at least lets that person read their own entry.
async fn prove(service: &Service, connection: &mut Connection, entry: &Entry) -> Result<(), Refusal> {
    let refused = |why: &str| Err(Refusal::Unavailable(why.to_owned()));
    if !connection.abilities().await?.who_am_i {
        let own = service.people.by_dn(connection, &entry.dn).await;
        return match own {
            Ok(own) if dn::normalise(&own.dn) == dn::normalise(&entry.dn) => Ok(()),
            _ => refused("it took the password, but does not show people their own entry"),
        };
    }
    let identity = connection.who_am_i().await?;
    match identity.split_once(':') {
        Some(("dn", bound))
            if dn::normalise(bound).is_some_and(|bound| Some(bound) == dn::normalise(&entry.dn)) =>
        {
            Ok(())
        }
        // How Active Directory calls people, `u:DOMAIN\name`, says only that it is somebody.
        Some(("u", bound)) if !bound.is_empty() => Ok(()),
        Some(("dn", bound)) if !bound.is_empty() => refused("it took the password as somebody else's"),
        _ => refused("it took the password, but as nobody's"),
    }
}

/// Somebody again, by their id and with the service account.
pub(super) async fn look_up(service: &Service, id: &DirectoryId) -> Result<Person, Refusal> {
    let mut connection = service.servers.lease().await?;
    let looked_up = async {
        let entry = service.people.by_id(&mut connection, id).await?;
        account::standing(&entry, service.clock.now_us())?;
        person(service, &mut connection, &entry, "").await
    };
    let looked_up = looked_up.await;
    service.servers.give_back(connection);
    looked_up
}

/// Whom the name of a certificate means. The state of a password, which they may not even have, does not count.
pub(super) async fn find(service: &Service, name: &str) -> Result<Person, Refusal> {
    let mut connection = service.servers.lease().await?;
    let found = async {
        let entry = service.people.by_certificate_name(&mut connection, name).await?;
        account::standing_without_password(&entry, service.clock.now_us())?;
        person(service, &mut connection, &entry, name).await
    };
    let found = found.await;
    service.servers.give_back(connection);
    found
}

/// Reads what we keep of an entry, with the service account.
async fn person(
    service: &Service,
    connection: &mut Connection,
    entry: &Entry,
    typed: &str,
) -> Result<Person, Refusal> {
    let abilities = connection.abilities().await?;
    let id = service.people.id(entry, abilities)?;
    let listed = service.people.listed_groups(entry);
    let membership = service.groups.of(connection, &entry.dn, listed).await?;
    let name = service.people.name(entry, typed);
    let display_name = service.people.display_name(entry).unwrap_or_else(|| name.clone());
    Ok(Person { id, dn: entry.dn.clone(), name, display_name, groups: membership.groups })
}
