//! A whole copy of the appliance's data, for the console alone.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::archive;
use crate::app::App;
use crate::backup::{self, NoRoom, Prepared};
use crate::http::error::{Code, Error};
use crate::identity::Console;

/// `POST /api/v1/console/backups`
pub(crate) async fn create(console: Console, app: Data<App>) -> Result<HttpResponse, Error> {
    let Ok(alone) = app.backups.clone().try_lock_owned() else {
        return Err(Error::new(Code::Conflict).title("Another backup is being made."));
    };
    app.store.write(move |tx| backup::begin(tx, console.by())).await?;
    let (store, data_dir, now) = (app.store.clone(), app.config.data.dir.clone(), app.clock.now_us());
    let prepare = move || Prepared::new(&store, &data_dir, now);
    let prepared = tokio::task::spawn_blocking(prepare).await.map_err(Error::internal)?.map_err(refusal)?;
    let name = prepared.summary().file_name();
    Ok(archive::send(&name, move |tar| {
        let _alone = alone;
        prepared.write(tar)
    }))
}

fn refusal(error: anyhow::Error) -> Error {
    match error.downcast_ref::<NoRoom>() {
        Some(no_room) => Error::new(Code::Conflict).title(no_room.to_string()),
        None => Error::internal(error),
    }
}
