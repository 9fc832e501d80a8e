//! The web interface's files, embedded in the executable and compressed when it was built.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../webui/dist"]
struct Files;

/// The page that every address of the interface opens.
const INDEX: &str = "index.html";
/// Files under here have their content's hash in the name, so that they never change.
const HASHED: &str = "assets/";

/// `GET` of everything outside the APIs: a file of the interface, else the page itself.
pub(super) async fn show(request: HttpRequest) -> HttpResponse {
    if request.method() != Method::GET {
        return HttpResponse::MethodNotAllowed().finish();
    }
    let path = request.path().trim_start_matches('/');
    if Files::get(path).is_some() && !is_variant(path) {
        return serve(&request, path);
    }
    // A missing file is an error; a route of the interface has no dot in its last part.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') { HttpResponse::NotFound().finish() } else { serve(&request, INDEX) }
}

fn is_variant(path: &str) -> bool {
    path.ends_with(".br") || path.ends_with(".gz")
}

fn serve(request: &HttpRequest, path: &str) -> HttpResponse {
    let Some((file, encoding)) = best_variant(request, path) else {
        return HttpResponse::NotFound().finish();
    };
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()));
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, content_type(path)))
        .insert_header((header::ETAG, tag.clone()))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::CACHE_CONTROL, caching(path)));
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    let known = request.headers().get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes);
    if known == Some(tag.as_bytes()) {
        return response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    response.body(file.data.into_owned())
}

/// The smallest stored form that the browser takes.
fn best_variant(request: &HttpRequest, path: &str) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepts = |encoding: &str| {
        accepted
            .is_some_and(|list| list.split(',').any(|item| item.trim().split(';').next() == Some(encoding)))
    };
    for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(encoding)
            && let Some(file) = Files::get(&format!("{path}{suffix}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Files::get(path).map(|file| (file, None))
}

fn caching(path: &str) -> &'static str {
    if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
