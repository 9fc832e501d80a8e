//! `redoubt eval`: how likely a model finds a text.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use redoubt_engine::Error;
use redoubt_engine::measure::likelihood;

use super::Usage;
use super::bench::load;
use super::voice::{say, tell};

/// More takes longer than anybody waits, and several times as much memory.
const LONGEST_TEXT: u64 = 64 << 20;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The model, a GGUF file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The text, UTF-8, at most 64 MiB
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Tokens of a window
    #[arg(long, value_name = "N", default_value_t = 512)]
    context: usize,
    /// Threads that compute; 0 takes one for each processor
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Print one line of JSON, with every token and its logarithm
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let text = read(&arguments.text)?;
    tell("loading the model");
    let model = load(&arguments.model, arguments.threads, None)?;
    let mut told = 0;
    let mut progress = |done: usize, windows: usize| {
        if windows > 0 && done * 10 / windows > told {
            told = done * 10 / windows;
            tell(&format!("{done} of {windows} windows"));
        }
    };
    let result =
        likelihood(&model, &text, arguments.context, &mut progress).map_err(|error| match error {
            Error::Invalid { .. } => Usage(error.to_string()).into(),
            error => anyhow::Error::new(error),
        })?;
    if arguments.json {
        say(&serde_json::to_string(&result)?);
        return Ok(());
    }
    let info = model.info();
    say(&format!("{} ({}), {} threads", info.name, info.quantization, model.threads()));
    say(&format!("  tokens scored  {:>12} of {}", result.tokens, result.token_ids.len()));
    say(&format!("  mean nll       {:>12.6}", result.nll));
    say(&format!("  perplexity     {:>12.4}", result.perplexity));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let name = || format!("{} (--text names a text)", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_TEXT + 1).read_to_end(&mut bytes))
        .with_context(name)?;
    if bytes.len() as u64 > LONGEST_TEXT {
        bail!("{} is larger than 64 MiB; give a part of it", path.display());
    }
    String::from_utf8(bytes).with_context(name)
}
