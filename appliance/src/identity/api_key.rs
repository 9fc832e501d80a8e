//! API keys: how programs sign in to `/v1`. Hashed in the store, shown once.

use data_encoding::BASE64URL_NOPAD;
use redoubt_audit::Actor;
use redoubt_store::api_keys::{self, ApiKey};
use redoubt_store::chats::Scope;
use redoubt_store::users::{self, Role, User};
use redoubt_store::workspaces;

use super::session::sha256;
use super::{Error, Identity};
use crate::random;
use crate::records::{self, Via};

const PREFIX: &str = "rdt_";

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

/// A program that acts for a person by a key.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    pub user: User,
    pub key_id: String,
    /// Answers that this key may have running at once.
    pub parallel: u32,
    /// The one workspace that it sees.
    pub workspace: String,
    pub via: Via,
}

impl ApiCaller {
    pub fn actor(&self) -> Actor {
        records::actor(&self.user, None)
    }

    /// Whose blocks of the cache it may use.
    pub fn scope(&self) -> Scope {
        Scope { owner: self.user.id.clone(), workspace: self.workspace.clone() }
    }
}

impl Identity {
    /// Makes a key for a person. Blocks: for the command line.
    pub fn create_api_key_blocking(
        &self,
        user: &User,
        name: &str,
        parallel: u32,
    ) -> Result<PlainApiKey, Error> {
        let secret = BASE64URL_NOPAD.encode(&random::bytes::<32>(self.random.as_ref())?);
        let plain = PlainApiKey(format!("{PREFIX}{secret}"));
        let key = ApiKey {
            id: random::id(self.random.as_ref())?,
            user_id: user.id.clone(),
            name: name.to_owned(),
            hash: sha256(plain.0.as_bytes()),
            created_at: self.clock.now_us(),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            parallel,
            workspace: workspaces::GENERAL.to_owned(),
            scopes: "chat embeddings".to_owned(),
        };
        let user = user.clone();
        self.store.write_blocking(move |tx| {
            api_keys::insert(tx, &key)?;
            tx.audit(records::api_key_created(&user, &key))?;
            Ok::<_, Error>(())
        })?;
        Ok(plain)
    }

    /// Who a key acts for; refused when it is unknown, revoked or expired, or its person may not chat.
    pub async fn authenticate_key(&self, plain: &PlainApiKey, via: &Via) -> Result<ApiCaller, Error> {
        let (hash, now, via) = (sha256(plain.0.as_bytes()), self.clock.now_us(), via.clone());
        self.store
            .read(move |reader| {
                let key = api_keys::find_by_hash(reader, &hash)?.ok_or(Error::NotSignedIn)?;
                let over = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| now >= end);
                let user = users::find(reader, &key.user_id)?.ok_or(Error::NotSignedIn)?;
                if over || !user.is_active() {
                    return Err(Error::NotSignedIn);
                }
                if user.role != Role::Analyst {
                    return Err(Error::Forbidden);
                }
                Ok(ApiCaller { user, key_id: key.id, parallel: key.parallel, workspace: key.workspace, via })
            })
            .await
    }
}
