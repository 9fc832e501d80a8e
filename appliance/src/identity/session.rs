//! Server-side sessions: an opaque random token in a cookie, its hash in the store, idle and absolute limits.

use data_encoding::BASE64URL_NOPAD;
use redoubt_store::sessions::{self, Session, Stage};
use redoubt_store::users::{self, Role, User};
use ring::digest;

use super::{Caller, Error, Identity, Proven};
use crate::clock::SECOND_US;
use crate::random::{self, NoRandomness, Random};
use crate::records::{self, Via};

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
        }
    }
}

impl Identity {
    /// Who holds this token, if its session is complete and within its limits.
    pub async fn authenticate(&self, token: &PlainToken) -> Result<(User, SignedInSession), Error> {
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
        if !user.is_active() || self.is_over(&session, user.role) {
            // `expire_sessions` ends it within seconds, with the answers that it left running.
            return Err(Error::SessionExpired);
        }
        self.touch(&session).await?;
        Ok((user, SignedInSession::from(&session)))
    }

    /// Lets through who gave password and code in this session a short time ago.
    ///
    /// # Errors
    /// [`Error::ProofNeeded`]
    pub fn require_proof<R>(&self, caller: Caller<R>) -> Result<Proven<R>, Error> {
        let end = caller.session.proved_at + i64::from(self.limits.proof_seconds) * SECOND_US;
        if self.clock.now_us() >= end { Err(Error::ProofNeeded) } else { Ok(Proven::new(caller)) }
    }

    fn is_over(&self, session: &Session, role: Role) -> bool {
        let idle = match role {
            Role::Admin => self.limits.admin_idle_seconds,
            Role::Analyst | Role::Auditor => self.limits.idle_seconds,
        };
        let now = self.clock.now_us();
        now >= session.expires_at || now >= session.last_seen_at + i64::from(idle) * SECOND_US
    }

    async fn touch(&self, session: &Session) -> Result<(), Error> {
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

    async fn end_expired(&self, user: User, session: Session) -> Result<(), Error> {
        self.store
            .write(move |tx| {
                // Two requests can find the same session expired; one record tells of it.
                if sessions::delete(tx, &user.id, &session.id)? {
                    tx.audit(records::session_expired(&user, &session))?;
                }
                Ok(())
            })
            .await
    }

    /// Ends every session that is over its limits. Returns the ids of those that were complete.
    pub async fn expire_sessions(&self) -> Result<Vec<String>, Error> {
        let open = self
            .store
            .read(|reader| {
                let mut open = Vec::new();
                for user in users::list(reader)? {
                    for session in sessions::list_by_user(reader, &user.id)? {
                        open.push((session, user.clone()));
                    }
                }
                Ok::<_, Error>(open)
            })
            .await?;
        let mut ended = Vec::new();
        for (session, user) in open {
            if !user.is_active() || self.is_over(&session, user.role) {
                ended.push(session.id.clone());
                self.end_expired(user, session).await?;
            }
        }
        Ok(ended)
    }

    /// The person's complete sessions, the newest first.
    pub async fn sessions(&self, user_id: &str) -> Result<Vec<Session>, Error> {
        let user_id = user_id.to_owned();
        self.store.read(move |reader| Ok(sessions::list_by_user(reader, &user_id)?)).await
    }

    /// Ends one of the person's own sessions, be it the present one (sign-out) or another.
    pub async fn end_session(
        &self,
        user: &User,
        present: &SignedInSession,
        id: &str,
        via: &Via,
    ) -> Result<(), Error> {
        let (user, present, id, via) = (user.clone(), present.clone(), id.to_owned(), via.clone());
        self.store
            .write(move |tx| {
                let own = sessions::list_by_user(tx, &user.id)?;
                let Some(session) = own.iter().find(|session| session.id == id) else {
                    return Err(Error::NoSuchSession);
                };
                sessions::delete(tx, &user.id, &session.id)?;
                tx.audit(records::session_ended(&user, &present, session, &via))?;
                Ok(())
            })
            .await
    }
}
