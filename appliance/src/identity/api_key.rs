//! API keys: how programs sign in to `/v1`. Hashed in the store, shown once; each sees one workspace, with the rights that
//! its person has there at the moment of the request.

use data_encoding::BASE64URL_NOPAD;
use redoubt_audit::{Actor, Draft};
use redoubt_store::api_keys::{self, ApiKey};
use redoubt_store::chats::Scope;
use redoubt_store::users::{self, Role, User};
use redoubt_store::workspaces::{self, Workspace};
use redoubt_store::{Reader, Tx};

use super::session::sha256;
use super::{Analyst, By, Caller, Error, Identity, Proven};
use crate::access::{self, Member, NotConfirmed, Permission, Rights, Standing, Way, key_lapse};
use crate::clock::DAY_US;
use crate::random;
use crate::records::{self, Via};

const PREFIX: &str = "rdt_";
/// The longest that a key lives, in days.
pub const MOST_KEY_DAYS: u32 = 365;
/// Requests that a key may have running at once.
const PARALLEL: u32 = 32;
/// The most keys that somebody has.
const MOST_KEYS: usize = 100;

/// An API key as its program carries it: a prefix by which scanners know it, then 256 random bits.
#[derive(Clone)]
pub struct PlainApiKey(String);

impl PlainApiKey {
    /// `None` if the text cannot be a key of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let decoded = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        (decoded.len() == 32).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyScope {
    Chat,
    Embeddings,
}

impl KeyScope {
    pub const ALL: [Self; 2] = [Self::Chat, Self::Embeddings];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }

    /// The scopes of a stored key; words that this version does not know allow nothing.
    pub fn of(key: &ApiKey) -> Vec<Self> {
        let words: Vec<&str> = key.scopes.split(' ').collect();
        Self::ALL.into_iter().filter(|scope| words.contains(&scope.as_str())).collect()
    }
}

/// A program that acts for a person by a key.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    pub user: User,
    pub key_id: String,
    /// Answers that this key may have running at once.
    pub parallel: u32,
    /// The one workspace that it sees.
    pub workspace: Workspace,
    scopes: Vec<KeyScope>,
    /// Those of its person in that workspace.
    pub rights: Rights,
    pub via: Via,
}

impl ApiCaller {
    pub fn actor(&self) -> Actor {
        records::actor(&self.user, None)
    }

    /// By what it may have this model.
    pub fn standing(&self, model: &str) -> Standing {
        let way = Way::Key(self.key_id.clone());
        let (user_id, role) = (self.user.id.clone(), self.user.role);
        Standing {
            user_id,
            role,
            way,
            workspace: Some(self.workspace.id.clone()),
            model: Some(model.to_owned()),
        }
    }

    /// Whose blocks of the cache it may use.
    pub fn scope(&self) -> Scope {
        Scope { owner: self.user.id.clone(), workspace: self.workspace.id.clone() }
    }

    /// # Errors
    /// [`access::Error::MissingScope`]
    pub fn require(&self, scope: KeyScope) -> Result<(), access::Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(access::Error::MissingScope(scope.as_str())) }
    }
}

/// A key that opens nothing.
#[derive(Debug)]
pub struct RefusedKey {
    /// A word for the record.
    pub reason: &'static str,
    /// The key's id and its person, if there is such a key.
    pub known: Option<(String, User)>,
}

/// What a person asks for when they make a key.
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<KeyScope>,
    pub expires_in_days: u32,
}

/// A key as lists show it, with the name of its workspace as far as there still is one.
pub struct ListedKey {
    pub key: ApiKey,
    pub workspace: String,
}

impl Identity {
    /// Makes a key for a person. Blocks: for the command line.
    pub fn create_api_key_blocking(
        &self,
        user: &User,
        name: &str,
        parallel: u32,
    ) -> Result<PlainApiKey, Error> {
        let (plain, hash) = self.new_key()?;
        let key = ApiKey {
            id: random::id(self.random.as_ref())?,
            user_id: user.id.clone(),
            name: name.to_owned(),
            hash,
            created_at: self.clock.now_us(),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            parallel,
            workspace: workspaces::GENERAL.to_owned(),
            scopes: scopes(&KeyScope::ALL),
        };
        let user = user.clone();
        self.store.write_blocking(move |tx| {
            api_keys::insert(tx, &key)?;
            tx.audit(records::api_key_created(&user, &key))?;
            Ok::<_, Error>(())
        })?;
        Ok(plain)
    }

    /// Makes a key for oneself, bound to the workspace that one is in. Its secret is known nowhere else.
    ///
    /// # Errors
    /// [`access::Error`] without the permission, or if it cannot be a key.
    pub async fn create_api_key(
        &self,
        _proof: &Proven<Analyst>,
        member: &Member,
        new: NewKey,
    ) -> Result<(ListedKey, PlainApiKey), access::Error> {
        member.require(Permission::ApiKeys)?;
        let invalid = |field, why: String| access::Error::Invalid { field, why };
        if !(1..=MOST_KEY_DAYS).contains(&new.expires_in_days) {
            return Err(invalid("expires_in_days", format!("1 to {MOST_KEY_DAYS} days")));
        }
        if new.scopes.is_empty() {
            return Err(invalid("scopes", "a key is for something".to_owned()));
        }
        let (plain, hash) = self.new_key()?;
        let now = self.clock.now_us();
        let key = ApiKey {
            id: random::id(self.random.as_ref())?,
            user_id: member.id().to_owned(),
            name: access::name(new.name)?,
            hash,
            created_at: now,
            expires_at: Some(now + i64::from(new.expires_in_days) * DAY_US),
            last_used_at: None,
            revoked_at: None,
            parallel: PARALLEL,
            workspace: member.workspace.id.clone(),
            scopes: scopes(&new.scopes),
        };
        let (made, member) = (key.clone(), member.clone());
        let workspace = member.workspace.name.clone();
        self.store
            .write(move |tx| {
                member.confirm(tx)?;
                let keys = api_keys::list_by_user(tx, member.id())?;
                if keys.iter().filter(|key| key.revoked_at.is_none()).count() >= MOST_KEYS {
                    return Err(access::Error::Conflict("nobody has more than 100 keys; revoke one first"));
                }
                api_keys::insert(tx, &made)?;
                tx.audit(records::rights::key_created(&member, &made))?;
                Ok::<_, access::Error>(())
            })
            .await?;
        Ok((ListedKey { key, workspace }, plain))
    }

    fn new_key(&self) -> Result<(PlainApiKey, [u8; 32]), random::NoRandomness> {
        let secret = BASE64URL_NOPAD.encode(&random::bytes::<32>(self.random.as_ref())?);
        let plain = PlainApiKey(format!("{PREFIX}{secret}"));
        let hash = sha256(plain.0.as_bytes());
        Ok((plain, hash))
    }

    /// One's own keys that were not revoked, the oldest first.
    pub async fn own_keys(&self, caller: &Caller<Analyst>) -> Result<Vec<ListedKey>, access::Error> {
        let user_id = caller.id().to_owned();
        self.store.read(move |reader| Ok(listed(reader, &user_id)?)).await
    }

    /// The same of somebody.
    pub async fn keys_of(&self, by: &By, user_id: &str) -> Result<Vec<ListedKey>, access::Error> {
        let (by, user_id) = (by.clone(), user_id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                users::find(tx, &user_id)?.ok_or(access::Error::NoSuch("person"))?;
                tx.audit(records::people_read(&by, 1))?;
                Ok(listed(tx, &user_id)?)
            })
            .await
    }

    /// Ends one of one's own keys; what it has running ends within a second.
    pub async fn revoke_own_key(&self, caller: &Caller<Analyst>, id: &str) -> Result<(), access::Error> {
        let by = caller.clone();
        let record = move |tx: &Tx<'_>, key: &ApiKey| {
            by.confirm(tx)?;
            Ok(records::rights::key_revoked(&by, key))
        };
        self.revoke_key(caller.id(), id, record).await
    }

    /// Ends somebody's key.
    pub async fn revoke_key_of(&self, by: &By, user_id: &str, id: &str) -> Result<(), access::Error> {
        let by = by.clone();
        let record = move |tx: &Tx<'_>, key: &ApiKey| {
            by.confirm(tx)?;
            Ok(records::rights::key_taken(&by, key))
        };
        self.revoke_key(user_id, id, record).await
    }

    async fn revoke_key(
        &self,
        user_id: &str,
        id: &str,
        record: impl FnOnce(&Tx<'_>, &ApiKey) -> Result<Draft, NotConfirmed> + Send + 'static,
    ) -> Result<(), access::Error> {
        let (user_id, id) = (user_id.to_owned(), id.to_owned());
        self.store
            .write(move |tx| {
                let key = api_keys::find_of(tx, &user_id, &id)?.ok_or(access::Error::NoSuch("key"))?;
                let (record, now) = (record(tx, &key)?, tx.now_us());
                if !api_keys::revoke(tx, &user_id, &id, now)? {
                    return Err(access::Error::NoSuch("key"));
                }
                tx.audit(record)?;
                Ok(())
            })
            .await
    }

    /// Who a key acts for, and with which rights; refused when it is unknown, revoked or expired, or its person may not
    /// use it (any more).
    pub async fn authenticate_key(&self, plain: &PlainApiKey, via: &Via) -> Result<ApiCaller, Error> {
        let (hash, now, via) = (sha256(plain.0.as_bytes()), self.clock.now_us(), via.clone());
        let this = self.clone();
        self.store
            .read(move |reader| {
                let unknown = || Error::KeyRefused(Box::new(RefusedKey { reason: "unknown", known: None }));
                let key = api_keys::find_by_hash(reader, &hash)?.ok_or_else(unknown)?;
                let user = users::find(reader, &key.user_id)?.ok_or_else(unknown)?;
                let within = access::within(reader, &user.id, &key.workspace)?;
                let reason = match (&within, key_lapse(&key, now)) {
                    (_, Some(lapse)) => Some(lapse.as_str()),
                    _ if !user.is_active() => Some("disabled"),
                    _ if this.is_unheard_of(&user) => Some("directory_away"),
                    _ if user.role != Role::Analyst => Some("role"),
                    (None, None) => Some("workspace"),
                    (Some((_, rights)), None) if !rights.may(Permission::ApiKeys) => Some("permission"),
                    (Some(_), None) => None,
                };
                let (None, Some((workspace, rights))) = (reason, within) else {
                    let reason = reason.unwrap_or("unknown");
                    return Err(Error::KeyRefused(Box::new(RefusedKey {
                        reason,
                        known: Some((key.id, user)),
                    })));
                };
                let (scopes, parallel) = (KeyScope::of(&key), key.parallel);
                Ok(ApiCaller { user, key_id: key.id, parallel, workspace, scopes, rights, via })
            })
            .await
    }
}

fn listed(reader: &Reader, user_id: &str) -> Result<Vec<ListedKey>, redoubt_store::Error> {
    let keys = api_keys::list_by_user(reader, user_id)?.into_iter();
    keys.filter(|key| key.revoked_at.is_none())
        .map(|key| {
            let workspace = workspaces::find(reader, &key.workspace)?;
            let workspace = workspace.map_or(key.workspace.clone(), |found| found.name);
            Ok(ListedKey { key, workspace })
        })
        .collect()
}

fn scopes(scopes: &[KeyScope]) -> String {
    let words: Vec<&str> =
        KeyScope::ALL.iter().filter(|scope| scopes.contains(scope)).map(|scope| scope.as_str()).collect();
    words.join(" ")
}
