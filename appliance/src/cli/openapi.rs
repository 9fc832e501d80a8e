//! `redoubt openapi`: the description from which the page's own client is typed.

use super::voice::say;

pub(super) fn run() -> anyhow::Result<()> {
    say(&crate::http::openapi_document().to_pretty_json()?);
    Ok(())
}
