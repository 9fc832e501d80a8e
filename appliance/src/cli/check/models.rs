//! The model that answers: the file its manifest means, one that the engine can read, and memory for it.

use redoubt_engine::{ModelInfo, inspect, inspect_cache};

use super::memory::{available, bytes};
use super::progress::Progress;
use super::store::Usage;
use super::{Code, Outcome};
use crate::config::{self, Config};
use crate::models::{self, Checked, Error};

pub(super) fn check(config: &Config, usage: &Usage, embedding_bytes: u64) -> Outcome {
    let mut progress = Progress::new();
    let verified = models::verify(&config.models.file, &mut |file, done, all| progress.tell(file, done, all));
    drop(progress);
    let Checked { manifest, file } = match verified {
        Ok(checked) => checked,
        Err(error) => return refused(&error),
    };
    let mut outcome = Outcome::new();
    let (info, position) = match inspect(&file).and_then(|info| Ok((info, inspect_cache(&file)?))) {
        Ok(read) => read,
        Err(error) => {
            let found = format!("{}: {error}", config.models.file.display());
            return Outcome::failed(
                Code::Failure,
                found,
                "name another model: the engine cannot run this one",
            );
        }
    };
    let context = manifest.context.min(info.context);
    outcome.find(format!(
        "{}: {} of {} parameters, {}, {} positions",
        manifest.id,
        info.architecture,
        millions(info.parameters),
        info.quantization,
        context
    ));
    outcome.find(format!(
        "{}, {}: its SHA-256 is the manifest's",
        config.models.file.display(),
        bytes(manifest.size)
    ));
    if !info.has_template {
        outcome.warn("it has no chat template, so it cannot chat", "name a model that was made for chats");
    }
    let need = Need::of(&info, &config.models, position * u64::from(context), embedding_bytes);
    judge_memory(&need, available().filter(|_| *usage == Usage::Free), &mut outcome);
    outcome
}

/// The advice that a fault of a model file calls for; `serve` ends with 3, too.
pub(super) fn refused(error: &Error) -> Outcome {
    let advice = match error {
        Error::Missing { .. } => "copy it there, or correct the [models] section",
        Error::Unreadable { .. } => "run the check as root, or as the user that the appliance runs as",
        Error::Unknown { .. } => "name a known file, or bring the model in: `redoubt model import`",
        Error::Manifest(_) => "import the model again",
        Error::Size { .. } | Error::Digest { .. } => "copy it again from where it came from",
        Error::Replaced { .. } => "check again when nobody is copying",
        Error::Embeds { .. } | Error::Answers { .. } => "correct the [models] section",
    };
    Outcome::failed(Code::Configuration, error.to_string(), advice)
}

/// Memory that the engine takes, in bytes.
struct Need {
    /// Weights, and a cache of one whole context.
    least: u64,
    /// Weights, and the cache at its limit.
    most: u64,
    /// The part of both that is not the cache.
    weights: u64,
    limit: String,
}

impl Need {
    fn of(info: &ModelInfo, models: &config::Models, one_context: u64, embedding_bytes: u64) -> Self {
        let weights = info.weights_bytes + embedding_bytes;
        let cache = models.cache_memory.bytes.max(one_context);
        let limit = models.cache_memory.to_string();
        Self { least: weights + one_context, most: weights + cache, weights, limit }
    }
}

/// `available` is `None` where the appliance that runs has its memory already, or nothing says how much there is.
fn judge_memory(need: &Need, available: Option<u64>, outcome: &mut Outcome) {
    let found = format!(
        "memory: {} of weights, with the cache {} to {}",
        bytes(need.weights),
        bytes(need.least),
        bytes(need.most)
    );
    let Some(available) = available else { return outcome.find(found) };
    let found = format!("{found}; {} available", bytes(available));
    if need.least > available {
        outcome.fail(Code::Failure, found, "give the machine more memory, or name a smaller model");
    } else if need.most > available {
        let fits = (available - need.weights) >> 20;
        let advice = format!("set models.cache_memory (now \"{}\") below \"{fits} MiB\"", need.limit);
        outcome.warn(found, advice);
    } else {
        outcome.find(found);
    }
}

fn millions(parameters: u64) -> String {
    if parameters >= 1_000_000_000 {
        format!("{:.1} billion", parameters as f64 / 1e9)
    } else {
        format!("{} million", parameters / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn memory_is_judged_by_what_the_engine_takes_at_least_and_at_most() {
        let need = Need { least: 100 << 20, most: 300 << 20, weights: 80 << 20, limit: "220 MiB".to_owned() };
        for (available, status) in [
            (Some(99 << 20), Status::Failed),
            (Some(200 << 20), Status::Warning),
            (Some(300 << 20), Status::Ok),
            (None, Status::Ok),
        ] {
            let mut outcome = Outcome::new();
            judge_memory(&need, available, &mut outcome);
            assert_eq!(outcome.status(), status, "{available:?}");
            if status == Status::Warning {
                assert!(outcome.advice()[0].contains("120 MiB"), "{:?}", outcome.advice());
            }
        }
    }
}
