//! What opens the store, for the console alone.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use redoubt_store::keys::{self, KeyFile, Kind, Passphrase, RecoveryKey, Secret, Slot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::access;
use crate::app::App;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::identity::Console;
use crate::unlock::Refusal;

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SlotKind {
    KeyFile,
    Credential,
    Passphrase,
    RecoveryKey,
}

/// What opens a slot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    kind: SlotKind,
    /// The bytes of a key file or a credential in base64; a passphrase or a recovery key as typed.
    secret: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSlot {
    kind: SlotKind,
    /// The bytes of a key file or a credential in base64; a passphrase or a recovery key as typed.
    secret: String,
    /// In the operator's words: where it is kept.
    #[serde(default)]
    label: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Slot)]
pub(crate) struct SlotView {
    id: String,
    kind: SlotKind,
    label: String,
    /// RFC 3339, UTC.
    made: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SlotList {
    items: Vec<SlotView>,
}

impl Given {
    /// # Errors
    /// If no slot could have such a secret.
    pub(in crate::http) fn parse(self) -> Result<Secret, Error> {
        let text = Zeroizing::new(self.secret);
        let file = || {
            let bytes = data_encoding::BASE64.decode(text.as_bytes()).map(Zeroizing::new).unwrap_or_default();
            KeyFile::from_bytes(&bytes)
                .ok_or_else(|| Error::new(Code::Invalid).title("A key file has 32 bytes."))
        };
        match self.kind {
            SlotKind::KeyFile => file().map(Secret::KeyFile),
            SlotKind::Credential => file().map(Secret::Credential),
            SlotKind::Passphrase => Passphrase::parse(&text).map(Secret::Passphrase).map_err(refused),
            SlotKind::RecoveryKey => RecoveryKey::parse(&text).map(Secret::RecoveryKey).map_err(refused),
        }
    }
}

impl From<Kind> for SlotKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::KeyFile => Self::KeyFile,
            Kind::Credential => Self::Credential,
            Kind::Passphrase => Self::Passphrase,
            Kind::RecoveryKey => Self::RecoveryKey,
        }
    }
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self {
            id: slot.id().to_owned(),
            kind: slot.kind().into(),
            label: slot.label().to_owned(),
            made: slot.made().to_owned(),
        }
    }
}

/// `GET /api/v1/console/slots`
pub(crate) async fn list(_: Console, app: Data<App>) -> Result<Json<SlotList>, Error> {
    let slots = app.ways.list().await.map_err(refusal)?;
    Ok(Json(SlotList { items: slots.iter().map(SlotView::from).collect() }))
}

/// `POST /api/v1/console/slots`
pub(crate) async fn add(
    console: Console,
    app: Data<App>,
    body: Body<NewSlot>,
) -> Result<HttpResponse, Error> {
    let NewSlot { kind, secret, label } = body.0;
    let secret = Given { kind, secret }.parse()?;
    let slot = app.ways.add(console.by(), secret, label).await.map_err(refusal)?;
    Ok(HttpResponse::Created().json(SlotView::from(&slot)))
}

/// `DELETE /api/v1/console/slots/{id}`
pub(crate) async fn remove(
    console: Console,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.ways.remove(console.by(), id.into_inner()).await.map_err(refusal)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/console/slots/{id}/secret`
pub(crate) async fn replace(
    console: Console,
    app: Data<App>,
    id: Path<String>,
    body: Body<Given>,
) -> Result<Json<SlotView>, Error> {
    let secret = body.0.parse()?;
    let slot = app.ways.replace(console.by(), id.into_inner(), secret).await.map_err(refusal)?;
    Ok(Json(SlotView::from(&slot)))
}

/// `POST /api/v1/console/slots/test`
pub(crate) async fn test(
    console: Console,
    app: Data<App>,
    body: Body<Given>,
) -> Result<Json<SlotView>, Error> {
    let slot = app.ways.test(console.by(), body.0.parse()?).await.map_err(refusal)?;
    Ok(Json(SlotView::from(&slot)))
}

fn refusal(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Keys(error) => refused(error),
        Refusal::Store(error) => error.into(),
        Refusal::NotConfirmed(error) => access::Error::from(error).into(),
        Refusal::BadLabel => Error::new(Code::Invalid).title(sentence(&refusal)),
        Refusal::Needed(..) => Error::new(Code::Conflict).title(sentence(&refusal)),
        Refusal::BrokeOff => Error::internal(refusal),
    }
}

/// What is wrong with a secret, or with what is to be changed; anything else is the disk's.
pub(in crate::http) fn refused(error: keys::Error) -> Error {
    let code = match error {
        keys::Error::UnknownSlot(_) => Code::NotFound,
        keys::Error::LastSlot | keys::Error::TooManySlots => Code::Conflict,
        keys::Error::WrongKey(_)
        | keys::Error::NoSlot(_)
        | keys::Error::BadRecoveryKey(_)
        | keys::Error::BadPassphrase(_) => Code::Invalid,
        other => return Error::internal(other),
    };
    Error::new(code).title(sentence(&error))
}

fn sentence(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}
