//! Server-side sessions: an opaque random token in a cookie, its hash in the store. Their limits are in `limits`.

use data_encoding::BASE64URL_NOPAD;
use redoubt_store::sessions::{self, FirstFactor, Session, Stage};
use redoubt_store::users::{self, User};
use ring::digest;

use super::{Error, Identity};
use crate::clock::SECOND_US;
use crate::random::{self, NoRandomness, Random};
use crate::records::Via;

/// How long the second step of a sign-in may take.
pub const PENDING_SECONDS: i64 = 5 * 60;
/// Being seen is written down at most this often, so that reading costs no write.
const TOUCH_EVERY_SECONDS: i64 = 30;

/// A session token as its cookie carries it: 256 random bits.
#[derive(Clone)]
pub struct PlainToken(String);

/// The SHA-256 of a token: all that the store knows of it.
pub type HashedToken = [u8; 32];

impl PlainToken {
    pub(super) fn generate(random: &dyn Random) -> Result<Self, NoRandomness> {
        Ok(Self(BASE64URL_NOPAD.encode(&random::bytes::<32>(random)?)))
    }

    /// `None` if the text cannot be a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        (decoded.len() == 32).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> HashedToken {
        sha256(self.0.as_bytes())
    }
}

pub(super) fn sha256(bytes: &[u8]) -> HashedToken {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// A complete session, as far as others need to know it.
#[derive(Clone, Debug)]
pub struct SignedInSession {
    pub id: String,
    pub token_hash: HashedToken,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub expires_at: i64,
    pub workspace: Option<String>,
    pub proved_at: i64,
    pub factor: FirstFactor,
}

impl From<&Session> for SignedInSession {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            token_hash: session.token_hash,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            workspace: session.workspace.clone(),
            proved_at: session.proved_at,
            factor: session.factor,
        }
    }
}

/// Whose a token is, and since when its session is locked.
pub(super) struct Held {
    pub user: User,
    pub session: SignedInSession,
    pub locked_since: Option<i64>,
}

impl Identity {
    /// Who holds this token, if its session is complete, within its limits and not locked. Counts as use.
    pub async fn authenticate(&self, token: &PlainToken) -> Result<(User, SignedInSession), Error> {
        let Held { user, session, locked_since } = self.held(token).await?;
        if locked_since.is_some() {
            return Err(Error::SessionLocked);
        }
        self.touch(&session).await?;
        Ok((user, session))
    }

    /// Who holds this token, be its session locked or not. Does not count as use.
    pub async fn authenticate_holder(&self, token: &PlainToken) -> Result<(User, SignedInSession), Error> {
        let Held { user, session, .. } = self.held(token).await?;
        Ok((user, session))
    }

    async fn held(&self, token: &PlainToken) -> Result<Held, Error> {
        let hash = token.hash();
        let found = self
            .store
            .read(move |reader| {
                let Some(session) = sessions::find_by_token(reader, &hash)? else { return Ok(None) };
                let user = users::find(reader, &session.user_id)?;
                Ok::<_, Error>(user.map(|user| (user, session)))
            })
            .await?;
        let Some((user, session)) = found else { return Err(Error::SessionExpired) };
        if session.stage != Stage::Full {
            return Err(Error::NotSignedIn);
        }
        if self.over(&session, &user).is_some() {
            // `enforce_limits` ends it within seconds, with the answers that it left running.
            return Err(Error::SessionExpired);
        }
        let locked_since = self.locked_since(&session);
        Ok(Held { session: SignedInSession::from(&session), user, locked_since })
    }

    async fn touch(&self, session: &SignedInSession) -> Result<(), Error> {
        let now = self.clock.now_us();
        if now < session.last_seen_at + TOUCH_EVERY_SECONDS * SECOND_US {
            return Ok(());
        }
        let id = session.id.clone();
        self.store
            .write(move |tx| {
                sessions::touch(tx, &id, now)?;
                Ok(())
            })
            .await
    }

    pub(super) fn new_session(
        &self,
        id: String,
        user: &User,
        token_hash: HashedToken,
        stage: Stage,
        seconds: i64,
        via: &Via,
    ) -> Session {
        let now = self.clock.now_us();
        Session {
            id,
            token_hash,
            user_id: user.id.clone(),
            stage,
            created_at: now,
            last_seen_at: now,
            expires_at: now + seconds * SECOND_US,
            address: via.source.ip.clone(),
            agent: via.agent.clone(),
            workspace: None,
            proved_at: if stage == Stage::Full { now } else { 0 },
            locked_at: None,
            factor: FirstFactor::Password,
        }
    }
}
