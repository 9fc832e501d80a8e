//! How fast this engine is on this machine: prefill and decode of a loaded model, alone and side by side; and how
//! likely it finds a text.
//!
//! The steps are those that the scheduler makes, greedy choice of the next token included; the scheduler itself, the
//! protocol and the processes around it are left out. What is measured is what llama-bench and llama-batched-bench
//! measure, so that the figures can be compared.

mod bandwidth;
mod likelihood;
mod memory;
mod streams;

pub use bandwidth::read_bandwidth;
pub use likelihood::{Likelihood, likelihood};
pub use memory::resident_bytes;

use crate::Error;
use crate::model::Model;
use crate::model::forward::MOST_ROWS;
use serde::Serialize;
use std::time::{Duration, Instant};
use streams::{Streams, some_tokens};

/// Steps before those that are timed.
const WARM_UP: usize = 2;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Work {
    /// Tokens of the prompt; 0 measures no prefill.
    pub prompt: usize,
    /// Tokens of each answer; 0 measures no decode.
    pub generate: usize,
    /// How many answers are written at once, one measurement each.
    pub parallel: Vec<usize>,
    /// Positions in the cache of each answer before its first token.
    pub depth: usize,
    /// How often each measurement is made.
    pub repeat: usize,
}

/// Speed of reading a prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prefill {
    /// Tokens of the prompt.
    pub tokens: usize,
    /// Tokens a second, the median of `runs`; `None` where nothing was measured.
    pub tps: Option<f64>,
    /// Tokens a second of each run, in the order of the runs.
    pub runs: Vec<f64>,
}

/// Speed of writing several answers at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decode {
    /// How many.
    pub parallel: usize,
    /// Tokens a second of all of them together, the median of `runs`.
    pub tps: f64,
    /// Tokens a second of each run, in the order of the runs.
    pub runs: Vec<f64>,
    /// Positions in the cache of each answer at its beginning.
    pub depth: usize,
    /// Bytes of weights and cache that a step reads at least: the weights once, the mean of the cache over a run.
    pub bytes_per_step: f64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The prompt.
    pub prefill: Prefill,
    /// The answers, as many entries as [`Work::parallel`] has.
    pub decode: Vec<Decode>,
    /// Memory of the KV cache, in bytes: as much as the largest measurement needed.
    pub cache_bytes: usize,
    /// Resident memory of this process, in bytes, while all that was still there.
    pub rss_bytes: u64,
}

impl Work {
    /// Whether `model` can do this work.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field of [`Work`] that asks too much or nothing.
    pub fn check(&self, model: &Model) -> Result<(), Error> {
        let context = model.info().context as usize;
        let beyond = |field, tokens: usize| {
            let why = format!("{tokens} tokens are more than the {context} of the model's context");
            Err(Error::invalid(field, why))
        };
        if self.repeat == 0 {
            return Err(Error::invalid("repeat", "must be at least 1"));
        }
        if self.prompt > context {
            return beyond("prompt", self.prompt);
        }
        if self.generate == 0 {
            return Ok(());
        }
        if self.depth.saturating_add(self.generate) > context {
            return beyond("depth and generate", self.depth.saturating_add(self.generate));
        }
        match self.parallel.iter().find(|parallel| !(1..=MOST_ROWS).contains(*parallel)) {
            Some(parallel) => {
                Err(Error::invalid("parallel", format!("{parallel} is not from 1 to {MOST_ROWS}")))
            }
            None => Ok(()),
        }
    }
}

/// Measures `work`; `progress` hears what begins.
///
/// # Errors
/// Those of [`Work::check`], and [`Error::Memory`] where the cache finds no room.
pub fn measure(model: &Model, work: &Work, progress: &mut dyn FnMut(String)) -> Result<Report, Error> {
    work.check(model)?;
    let decoded = if work.generate == 0 { 0 } else { work.depth + work.generate };
    let most = work.parallel.iter().copied().max().unwrap_or(0);
    let mut streams = Streams::new(model, &[(1, work.prompt), (most, decoded)]);
    let prefill = prefill(&mut streams, work, progress)?;
    let mut decode = Vec::new();
    if work.generate > 0 {
        for parallel in &work.parallel {
            decode.push(self::decode(&mut streams, work, *parallel, progress)?);
        }
    }
    let cache_bytes = streams.cache_bytes();
    Ok(Report { prefill, decode, cache_bytes, rss_bytes: resident_bytes()? })
}

fn prefill(
    streams: &mut Streams<'_>,
    work: &Work,
    progress: &mut dyn FnMut(String),
) -> Result<Prefill, Error> {
    let mut runs = Vec::new();
    if work.prompt > 0 {
        progress(format!("prefill of {} tokens, {} times", work.prompt, work.repeat));
        let prompt = some_tokens(streams.model(), work.prompt, 0);
        streams.begin(1);
        streams.read(0, &prompt)?;
        for _ in 0..work.repeat {
            streams.rewind(0);
            let started = Instant::now();
            streams.read(0, &prompt)?;
            runs.push(per_second(prompt.len(), started.elapsed()));
        }
    }
    let tps = (!runs.is_empty()).then(|| median(&runs));
    Ok(Prefill { tokens: work.prompt, tps, runs })
}

fn decode(
    streams: &mut Streams<'_>,
    work: &Work,
    parallel: usize,
    progress: &mut dyn FnMut(String),
) -> Result<Decode, Error> {
    let depth = work.depth;
    streams.begin(parallel);
    if depth > 0 {
        progress(format!("filling the cache of {parallel} with {depth} tokens each"));
        for index in 0..parallel {
            streams.read(index, &some_tokens(streams.model(), depth, index))?;
        }
    }
    progress(format!("decode of {} tokens, {parallel} at once, {} times", work.generate, work.repeat));
    for _ in 0..WARM_UP.min(work.generate) {
        streams.write()?;
    }
    let mut runs = Vec::new();
    for _ in 0..work.repeat {
        streams.rewind(depth);
        let started = Instant::now();
        for _ in 0..work.generate {
            streams.write()?;
        }
        runs.push(per_second(parallel * work.generate, started.elapsed()));
    }
    let positions = depth as f64 + work.generate as f64 / 2.0;
    let cached = parallel as f64 * positions * streams.model().cache_bytes_per_position() as f64;
    let bytes_per_step = streams.model().weights_per_step() as f64 + cached;
    Ok(Decode { parallel, tps: median(&runs), runs, depth, bytes_per_step })
}

fn per_second(tokens: usize, took: Duration) -> f64 {
    tokens as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The middle of the values, or the mean of the two in the middle; NaN of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Tiny;
    use crate::model::Options;
    use std::io::{Seek, Write};

    pub(super) fn tiny() -> Model {
        model(&Tiny::default())
    }

    pub(super) fn model(tiny: &Tiny) -> Model {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&tiny.bytes().unwrap()).unwrap();
        file.rewind().unwrap();
        Model::load(&file, &Options { threads: 2, ..Options::default() }).unwrap()
    }

    fn work() -> Work {
        Work { prompt: 40, generate: 5, parallel: vec![1, 3], depth: 0, repeat: 3 }
    }

    fn refused(work: &Work) -> String {
        measure(&tiny(), work, &mut |_| ()).unwrap_err().to_string()
    }

    #[test]
    fn every_measurement_is_made_and_told() {
        let mut told = Vec::new();
        let model = tiny();
        let report = measure(&model, &work(), &mut |line| told.push(line)).unwrap();
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(report.prefill.runs.len(), 3);
        assert_eq!(report.prefill.tps, Some(median(&report.prefill.runs)));
        let parallel: Vec<_> = report.decode.iter().map(|decode| decode.parallel).collect();
        assert_eq!(parallel, [1, 3]);
        assert!(report.decode.iter().all(|decode| decode.runs.len() == 3 && decode.tps > 0.0));
        // Three answers of five positions need three blocks of 32.
        assert_eq!(report.cache_bytes, 3 * 32 * model.cache_bytes_per_position());
        assert!(report.rss_bytes as usize > model.weights_in_memory() + report.cache_bytes);
    }

    #[test]
    fn a_depth_fills_the_cache_and_counts_what_a_step_reads() {
        let model = tiny();
        let report = measure(&model, &Work { depth: 100, ..work() }, &mut |_| ()).unwrap();
        let cached = 3.0 * 102.5 * model.cache_bytes_per_position() as f64;
        assert_eq!(report.decode[1].bytes_per_step, model.weights_per_step() as f64 + cached);
        assert_eq!(report.cache_bytes, 3 * 4 * 32 * model.cache_bytes_per_position());
    }

    #[test]
    fn nothing_asked_is_nothing_measured() {
        let nothing = Work { prompt: 0, generate: 0, ..work() };
        let report = measure(&tiny(), &nothing, &mut |line| panic!("{line}")).unwrap();
        assert_eq!(report.prefill, Prefill { tokens: 0, tps: None, runs: Vec::new() });
        assert_eq!(report.decode, []);
    }

    #[test]
    fn work_beyond_the_model_is_refused_by_name() {
        assert!(refused(&Work { prompt: 257, ..work() }).starts_with("prompt: 257"));
        assert!(refused(&Work { depth: 252, ..work() }).starts_with("depth and generate: 257"));
        assert!(refused(&Work { depth: usize::MAX, ..work() }).starts_with("depth and generate"));
        assert!(refused(&Work { parallel: vec![1, 0], ..work() }).starts_with("parallel: 0"));
        assert!(refused(&Work { parallel: vec![257], ..work() }).starts_with("parallel: 257"));
        assert!(refused(&Work { repeat: 0, ..work() }).starts_with("repeat"));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
