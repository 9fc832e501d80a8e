//! Records on standard output, one line each, for journald and for collectors that read a pipe.
//!
//! Whoever reads may be slow, or gone. The appliance waits for neither: so many lines wait for them, and what comes beyond
//! that is dropped and counted. A gap shows in the numbers of the lines, and the store has every record.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use redoubt_audit::Record;
use rustix::event::{PollFd, PollFlags, poll};

/// Lines that wait for the reader; as `installer/redoubt.toml` says.
const MAX_WAITING: usize = 4096;

/// The way to standard output.
pub struct StandardOutput {
    /// `None` once no more are taken.
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    /// Dropped and not reported yet.
    lost: Arc<AtomicU64>,
    written: Mutex<Receiver<()>>,
}

impl StandardOutput {
    /// Begins to write to `output` on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(output: OwnedFd) -> io::Result<Self> {
        let (lines, waiting) = mpsc::sync_channel(MAX_WAITING);
        let (done, written) = mpsc::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let losing = Arc::clone(&lost);
        thread::Builder::new().name("standard-output".to_owned()).spawn(move || {
            write_lines(&output.into(), &waiting, &losing);
            // Fails only where nobody waits for it any more.
            let _nobody = done.send(());
        })?;
        Ok(Self { lines: Mutex::new(Some(lines)), lost, written: Mutex::new(written) })
    }

    /// Hands the records over, in their order, and waits for nothing.
    pub fn push(&self, records: &[Record]) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let line = [record.bytes(), b"\n"].concat();
            match lines.as_ref().map(|lines| lines.try_send(line)) {
                Some(Ok(())) => {}
                Some(Err(TrySendError::Full(_))) => {
                    if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::warn!("standard output is read too slowly: records are left out of it");
                    }
                }
                // The reader is gone, which was reported, or the appliance has ended.
                Some(Err(TrySendError::Disconnected(_))) | None => {}
            }
        }
    }

    /// Takes no more, and waits `within` for what has not been read yet.
    pub fn finish(&self, within: Duration) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.recv_timeout(within).is_err() {
            tracing::warn!("standard output is not read: the last records are left out of it");
        }
    }
}

fn write_lines(output: &File, waiting: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    for line in waiting {
        if let Err(error) = write_all(output, &line) {
            return tracing::warn!(%error, "standard output is gone: no more records are written to it");
        }
        let dropped = lost.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(records = dropped, "records were left out of standard output");
        }
    }
}

fn write_all(mut output: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever else has this pipe open may have said that it is not to block.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(output, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::time::Instant;

    use redoubt_audit::{Actor, Draft, Origin, Outcome, Stamp, catalogue};

    use super::*;

    fn records(from: u64, to: u64) -> Vec<Record> {
        let origin = Origin { origin: "redoubt/x".into(), boot: "b".into(), software: "s".into() };
        let draft = Draft::new(catalogue::SYSTEM_BOOT, Outcome::Ok, Actor::system());
        let seal = |seq| draft.seal(&origin, Stamp { seq, time_us: 0, mono_us: 0 }).unwrap();
        (from..to).map(seal).collect()
    }

    /// The numbers of the lines up to the end.
    fn numbers(reader: impl io::Read) -> Vec<u64> {
        let lines = BufReader::new(reader).lines();
        lines.map(|line| Record::parse(line.unwrap().as_bytes()).unwrap().fields().seq).collect()
    }

    #[test]
    fn a_reader_gets_every_record_in_its_order() {
        let (reader, writer) = io::pipe().unwrap();
        let output = StandardOutput::start(writer.into()).unwrap();
        let reading = thread::spawn(move || numbers(reader));
        for batch in 0..30 {
            output.push(&records(batch * 100, (batch + 1) * 100));
        }
        output.finish(Duration::from_secs(10));
        assert_eq!(reading.join().unwrap(), (0..3_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_that_reads_nothing_holds_up_nobody_and_misses_only_what_is_over_the_limit() {
        let (reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let output = StandardOutput::start(writer.into()).unwrap();
        let began = Instant::now();
        output.push(&records(0, 20_000));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        output.finish(Duration::from_millis(100));
        assert!(began.elapsed() < Duration::from_secs(3));
        let read = numbers(reader);
        assert!((MAX_WAITING..20_000).contains(&read.len()), "{}", read.len());
        assert!(read[..MAX_WAITING].iter().copied().eq(0..MAX_WAITING as u64));
        assert!(read.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_reader_that_is_gone_is_no_fault_of_the_appliance() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = StandardOutput::start(writer.into()).unwrap();
        output.push(&records(0, 20_000));
        output.finish(Duration::from_secs(10));
        output.push(&records(20_000, 20_001));
    }
}
