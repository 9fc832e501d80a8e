//! An answer that is a tar archive, sent while it is written.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream;
use redoubt_audit::bundle::Tar;
use tokio::sync::mpsc;

/// How much is sent at a time, and how many pieces wait for a client that reads slowly.
const PIECE: usize = 64 << 10;
const PIECES: usize = 8;

/// Sends what `write` writes, under this name. Where that fails, the connection breaks off without the archive's end, so
/// that the client sees that it is not whole.
pub(super) fn send<E: Display>(
    name: &str,
    write: impl FnOnce(Tar<BufWriter<Pieces>>) -> Result<(), E> + Send + 'static,
) -> HttpResponse {
    let (pieces, mut received) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(PIECE, Pieces(pieces.clone()));
        if let Err(error) = write(Tar::new(out)) {
            tracing::warn!(error = format!("{error:#}"), "an archive was not sent to its end");
            let _gone = pieces.blocking_send(Err(io::Error::other("the archive broke off")));
        }
    });
    let body = stream::poll_fn(move |context| received.poll_recv(context));
    HttpResponse::Ok()
        .content_type("application/x-tar")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")))
        .streaming(body)
}

/// Waits for the client where it is slow, and fails once it is gone.
pub(super) struct Pieces(mpsc::Sender<Result<Bytes, io::Error>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
