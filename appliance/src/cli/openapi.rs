//! `redoubt openapi`: the description from which the page's own client is typed.

#[expect(clippy::print_stdout, reason = "the document is the command's output")]
pub(super) fn run() -> anyhow::Result<()> {
    println!("{}", crate::http::openapi_document().to_pretty_json()?);
    Ok(())
}
