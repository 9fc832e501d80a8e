//! How the command line speaks: answers on standard output, all else on standard error. Whoever reads may go at any time.

use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output took less than was said, other than because its reader had enough: a full disk, say.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line of the answer.
pub(super) fn say(text: &str) {
    if let Err(error) = writeln!(io::stdout().lock(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// How far it is, for those who wait.
pub(super) fn tell(progress: &str) {
    remark(&format!("redoubt: {progress} …"));
}

/// A line beside the answer.
pub(super) fn remark(text: &str) {
    // A terminal that is gone is no reason to stop.
    let _gone = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a part of the answer is nowhere.
pub(super) fn has_lost_something() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// A question, whose answer goes on the same line.
pub(super) fn ask(question: &str) {
    let mut terminal = io::stderr().lock();
    // A terminal that is gone answers nothing either.
    let _gone = write!(terminal, "{question}").and_then(|()| terminal.flush());
}
