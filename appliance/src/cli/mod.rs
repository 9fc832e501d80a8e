//! The command line: one file a verb; errors become exit codes here.

mod ask;
mod audit;
mod backup;
mod bench;
mod beside;
mod check;
mod console;
mod demo;
#[cfg(test)]
mod documented;
mod eval;
mod handed;
mod init;
mod key;
mod openapi;
mod opening;
mod prepare;
mod progress;
mod restore;
mod serve;
mod setup;
mod voice;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::audit::anchor;
use crate::{config, models, processes, start};

/// An AI chat appliance for networks that have no way out.
#[derive(Parser)]
#[command(name = "redoubt", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Try it: a complete appliance with made-up people, on this machine only
    Demo(demo::Arguments),
    /// Set up an appliance: keys, store, first admin, recovery key; prints each secret once
    Init(init::Arguments),
    /// Serve an appliance that `init` has set up
    Serve(serve::Arguments),
    /// Check an appliance before it is started, or while it runs: one table of what is well and what is not
    ///
    /// Looks at the configuration, the clock, the keys, the store and its integrity, the disk, the models and their
    /// checksums, the directory's files and names, what computes, the address, the certificate, and whether this kernel
    /// locks the processes in. Nothing is changed, and nothing asked over the network unless --bind is given. A store
    /// that is being served is not opened.
    ///
    /// Each subject is ok, has a warning (it works, but look at it), failed (what `> ` stands before helps), or was
    /// skipped. --json prints {"ok","checks":[{"subject","status","found","advice"}]}; "ok" is false where something
    /// failed, and "advice" is there only where something is not ok.
    ///
    /// Exit status: 0 nothing failed, 3 the configuration or a model file that it names failed, 4 no key opens the
    /// store, 1 something else failed.
    Check(check::Arguments),
    /// People: list, add, disable, roles, authenticators, and where each right comes from
    User(console::User),
    /// Groups: members, permissions, quotas
    Group(console::Group),
    /// Models: which there are, and which groups may use them
    Model(console::Model),
    /// Workspaces: compartments with their own people, chats, models and marking
    Workspace(console::Workspace),
    /// How long chats are kept: what would go now, and let it go
    Retention(console::Retention),
    /// Sessions: who is signed in
    Session(console::Session),
    /// The directory: does it answer, and what do its groups mean here
    Directory(console::Directory),
    /// The audit log: export it, verify an export, certify its keys
    Audit(audit::Arguments),
    /// Make a whole, encrypted copy, while the appliance serves or not
    ///
    /// The copy is of one moment, checked before it leaves the appliance and read back where it was written. It holds the
    /// store, its key slots, certificates and archives, and no key: without a key file or the recovery key nobody opens it.
    Backup(backup::Arguments),
    /// Go on from a backup, or from an earlier state of the data directory
    ///
    /// A backup is checked, unpacked beside the data directory, opened and compared with its own audit log; then it takes the
    /// directory's place, which is kept under another name. Everybody is signed out, and the log says what happened.
    Restore(restore::Arguments),
    /// Keys: what opens the store; the data key itself
    Key(key::Arguments),
    /// What was used, by person, model or workspace
    Usage(console::Usage),
    /// What stood out: failed sign-ins, refusals, quotas
    Alert(console::Alert),
    /// Measure how fast a model is on this machine
    ///
    /// Prefill reads one fresh prompt; decode writes several answers at once, greedily, and counts the tokens of all of
    /// them. Every figure is the median of --repeat runs after one to warm up. Nothing else runs: no appliance, no
    /// network.
    Bench(bench::Arguments),
    /// Measure how likely a model finds a text: its perplexity
    ///
    /// The text becomes tokens (the model's beginning of a text first, if its metadata asks for one; names of special
    /// tokens are plain text), which are cut into windows of --context. Each window is scored with nothing before
    /// it, so its first token is not scored. nll is the mean negative natural logarithm of the probability of a scored
    /// token, and perplexity is exp(nll).
    ///
    /// --json prints {"tokens","nll","perplexity","token_ids","logprobs"}: the number of scored tokens, both means,
    /// all tokens of the text, and for each of these the logarithm of its probability, null where it was not scored.
    Eval(eval::Arguments),
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON)
    Openapi,
    #[command(name = processes::FRONT_VERB, hide = true)]
    Front,
    #[command(name = processes::ENGINE_VERB, hide = true)]
    Engine,
    #[command(name = processes::DIRECTORY_VERB, hide = true)]
    DirectoryProcess,
    #[command(name = processes::DIALLER_VERB, hide = true)]
    Dialler,
    /// Goes into a cage and reports what can be reached from there
    #[command(name = check::VERB, hide = true)]
    Cage(check::CageArguments),
    /// Reads a model file's header in the engine's cage, from standard input
    #[command(name = console::INSPECT, hide = true)]
    Inspect,
    /// Sets up the demo's data folder, so that the supervisor never holds a key
    #[command(name = "@prepare", hide = true)]
    Prepare { data: PathBuf, model: PathBuf, people: u32 },
}

/// Reads the arguments, does what they say, returns the exit code.
pub fn main() -> ExitCode {
    let result = match parse().verb {
        Verb::Demo(arguments) => demo::run(arguments),
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::User(arguments) => console::run(&arguments),
        Verb::Group(arguments) => console::run(&arguments),
        Verb::Model(arguments) => console::run_model(&arguments),
        Verb::Workspace(arguments) => console::run(&arguments),
        Verb::Retention(arguments) => console::run(&arguments),
        Verb::Session(arguments) => console::run(&arguments),
        Verb::Directory(arguments) => console::run(&arguments),
        Verb::Audit(arguments) => audit::run(&arguments),
        Verb::Backup(arguments) => backup::run(&arguments),
        Verb::Restore(arguments) => restore::run(&arguments),
        Verb::Key(arguments) => key::run(&arguments),
        Verb::Usage(arguments) => console::run(&arguments),
        Verb::Alert(arguments) => console::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Eval(arguments) => eval::run(&arguments),
        Verb::Openapi => openapi::run(),
        Verb::Front => processes::run_front(crate::front::serve),
        Verb::Engine => processes::run_engine(),
        Verb::DirectoryProcess => processes::run_directory(),
        Verb::Dialler => processes::run_dialler(),
        Verb::Cage(arguments) => check::enter_cage(arguments),
        Verb::Inspect => console::inspect(),
        Verb::Prepare { data, model, people } => prepare::run(&data, &model, people),
    };
    match result {
        Ok(()) if voice::has_lost_something() => {
            voice::remark("redoubt: standard output did not take all of the answer");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A verdict has been told in full.
            if !error.is::<audit::Judged>() {
                voice::remark(&format!("redoubt: {error:#}"));
            }
            exit_code(&error)
        }
    }
}

/// Reads the arguments, or ends as they ask for: 2 for wrong ones, but as its verdicts have it for a verification.
fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        let verifies = std::env::args().skip(1).take(2).eq(["audit", "verify"]);
        if verifies && error.use_stderr() {
            // Nothing can be done about a terminal that is gone.
            let _gone = error.print();
            std::process::exit(audit::VERIFY_USAGE.into());
        }
        error.exit()
    })
}

/// Arguments that clap takes and that what they name cannot do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// 1 failure, 2 usage (clap itself ends with it, too), 3 configuration, 4 locked or no key, 5 store or audit log not intact.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    use redoubt_store::keys;
    let code = error.chain().find_map(|cause| {
        if cause.is::<Usage>() {
            return Some(2);
        }
        if cause.is::<config::Problems>() || cause.is::<models::Error>() {
            return Some(3);
        }
        if let Some(check::NotOk { code, .. }) = cause.downcast_ref() {
            return Some(*code);
        }
        if let Some(child) = cause.downcast_ref::<setup::ChildFailed>() {
            return Some(child.code);
        }
        if let Some(processes::NotStarted { code, .. }) = cause.downcast_ref() {
            return *code;
        }
        let is_another_log = matches!(cause.downcast_ref(), Some(anchor::Error::NotExtended { .. }));
        let is_not_intact = matches!(cause.downcast_ref(), Some(redoubt_store::Error::NotIntact(_)))
            || cause.is::<start::NotIntact>()
            || cause.is::<start::NoKey>()
            || is_another_log;
        if is_not_intact {
            return Some(5);
        }
        if cause.is::<audit::Unusable>() {
            return Some(audit::Unusable::CODE);
        }
        if let Some(audit::Judged(verdict)) = cause.downcast_ref() {
            return Some(verdict.exit_code());
        }
        let locked = cause.downcast_ref::<keys::Error>().is_some()
            || matches!(
                cause.downcast_ref::<redoubt_store::Error>(),
                Some(redoubt_store::Error::WrongKey(_) | redoubt_store::Error::InUse { .. })
            );
        locked.then_some(4)
    });
    ExitCode::from(code.unwrap_or(1))
}

/// `<version>+sha256:<hash of this executable>`, as records name the software.
fn software() -> anyhow::Result<String> {
    let executable = std::fs::read("/proc/self/exe")?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &executable);
    Ok(format!("{}+sha256:{}", env!("CARGO_PKG_VERSION"), data_encoding::HEXLOWER.encode(hash.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
