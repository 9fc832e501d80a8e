//! What the console brought in from a medium, for the record.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::app::App;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::identity::Console;
use crate::models::import::Imported;
use crate::records;

/// The longest text of a record of ours.
const MAX_TEXT: usize = 512;

/// `POST /api/v1/console/models`
pub(crate) async fn record(
    console: Console,
    app: Data<App>,
    body: Body<Imported>,
) -> Result<HttpResponse, Error> {
    let imported = body.0;
    let texts = [&imported.id, &imported.sha256, &imported.licence, &imported.voucher];
    if texts.iter().any(|text| text.len() > MAX_TEXT) {
        return Err(Error::new(Code::Invalid).title("No text of an import is longer than 512 bytes."));
    }
    let draft = records::model_imported(console.by(), &imported);
    app.store.write(move |tx| tx.audit(draft)).await?;
    Ok(HttpResponse::NoContent().finish())
}
