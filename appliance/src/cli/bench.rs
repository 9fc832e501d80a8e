//! `redoubt bench`: how fast a model is on this machine, and what it takes of its memory. Within this process:
//! no appliance, no network.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use redoubt_engine::kernels::Isa;
use redoubt_engine::measure::{self, Decode, Report, Work};
use redoubt_engine::model::Options;
use redoubt_engine::{Error, Model};
use serde::Serialize;
use serde_json::{Value, json};

use super::Usage;
use super::voice::{say, tell};

/// Far more than what a processor keeps near.
const BEYOND_CACHES: usize = 1 << 30;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The model, a GGUF file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Tokens of the prompt; 0 leaves prefill out
    #[arg(long, value_name = "N", default_value_t = 512)]
    prompt: usize,
    /// Tokens of each answer; 0 leaves decode out
    #[arg(long, value_name = "N", default_value_t = 128)]
    generate: usize,
    /// How many answers are written at once, one measurement each
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_values_t = [1, 8, 32])]
    parallel: Vec<usize>,
    /// Tokens in the cache of each answer before it begins
    #[arg(long, value_name = "N", default_value_t = 0)]
    depth: usize,
    /// Threads that compute; 0 takes one for each processor
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Instruction set to compute with; the fastest that the processor has by default. All give the same numbers
    #[arg(long, value_name = "SET", value_enum)]
    instructions: Option<Instructions>,
    /// Runs of each measurement
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: usize,
    /// Also measure how fast memory can be read (takes 1 GiB for a second), and which share of that decode reaches
    #[arg(long)]
    bandwidth: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Instructions {
    /// AVX2, FMA and F16C
    Avx2,
    /// What avx2 says, and AVX-512 F, VL, BW, DQ and VNNI
    Avx512,
    /// Nothing beyond the executable's own target
    Portable,
}

impl From<Instructions> for Isa {
    fn from(instructions: Instructions) -> Isa {
        match instructions {
            Instructions::Avx2 => Isa::Avx2,
            Instructions::Avx512 => Isa::Avx512,
            Instructions::Portable => Isa::Portable,
        }
    }
}

/// Bytes a second that can be read.
#[derive(Serialize)]
struct Bandwidth {
    /// From memory that no cache holds.
    one_thread: f64,
    /// The same by all threads that compute.
    all_threads: f64,
    /// By all threads from as many bytes as the model's weights, which a large cache may hold: the limit of decode.
    weights_sized: f64,
    /// What each decode measurement reads of that limit, at least.
    decode_shares: Vec<f64>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let work = Work {
        prompt: arguments.prompt,
        generate: arguments.generate,
        parallel: arguments.parallel.clone(),
        depth: arguments.depth,
        repeat: arguments.repeat,
    };
    tell("loading the model");
    let started = Instant::now();
    let isa = arguments.instructions.map(Isa::from);
    let model = load(&arguments.model, arguments.threads, isa)?;
    let load_s = started.elapsed().as_secs_f64();
    work.check(&model)
        .map_err(|error| Usage(format!("{error}; `redoubt bench --help` says what each takes")))?;
    let report = measure::measure(&model, &work, &mut |line| tell(&line))?;
    // After everything else, so that its memory is not counted.
    let bandwidth = match arguments.bandwidth {
        true => Some(bandwidth(&model, &report)?),
        false => None,
    };
    if arguments.json {
        say(&line(&model, load_s, &report, bandwidth.as_ref()).to_string());
    } else {
        print(&model, load_s, &report, bandwidth.as_ref());
    }
    Ok(())
}

/// Opens and loads a model file. The errors name it.
pub(super) fn load(path: &Path, threads: usize, isa: Option<Isa>) -> anyhow::Result<Model> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name} (--model names a GGUF file)"))?;
    Model::load(&file, &Options { threads, isa, ..Options::default() }).map_err(|error| match error {
        // Said once: a cause that is part of the text would be repeated.
        Error::Gguf(fault) => anyhow!("{name}: {fault}; --model names a GGUF file that is whole"),
        error => anyhow::Error::new(error).context(name.to_string()),
    })
}

fn bandwidth(model: &Model, report: &Report) -> anyhow::Result<Bandwidth> {
    tell("how fast memory can be read");
    let (threads, weights) = (model.threads(), model.weights_per_step());
    let weights_sized = measure::read_bandwidth(weights, threads)?;
    let share = |decode: &Decode| decode.bytes_per_step * decode.tps / decode.parallel as f64 / weights_sized;
    Ok(Bandwidth {
        one_thread: measure::read_bandwidth(BEYOND_CACHES, 1)?,
        all_threads: measure::read_bandwidth(BEYOND_CACHES, threads)?,
        weights_sized,
        decode_shares: report.decode.iter().map(share).collect(),
    })
}

fn line(model: &Model, load_s: f64, report: &Report, bandwidth: Option<&Bandwidth>) -> Value {
    let mut line = json!({
        "model": model.info().name,
        "threads": model.threads(),
        "prefill": report.prefill,
        "decode": report.decode,
        "load_s": load_s,
        "weights_bytes": model.weights_in_memory(),
        "cache_bytes": report.cache_bytes,
        "rss_bytes": report.rss_bytes,
        "device": model.info().device,
        "instructions": model.isa().name(),
    });
    if let Some(bandwidth) = bandwidth {
        line["bandwidth"] = json!(bandwidth);
    }
    line
}

fn print(model: &Model, load_s: f64, report: &Report, bandwidth: Option<&Bandwidth>) {
    let info = model.info();
    let threads = model.threads();
    say(&format!("{} ({}), {threads} threads, {}", info.name, info.quantization, model.isa().name()));
    say(&format!("\n  {:<34} {:>12} {:>21}", "", "tokens/s", "from - to"));
    let row = |what: String, tps: f64, runs: &[f64], note: String| {
        let (least, most) =
            runs.iter().fold((f64::MAX, f64::MIN), |(low, high), run| (low.min(*run), high.max(*run)));
        say(&format!("  {what:<34} {tps:>12.1} {:>21}{note}", format!("{least:.1} - {most:.1}")));
    };
    let prefill = &report.prefill;
    if let Some(tps) = prefill.tps {
        row(format!("prefill, {} tokens", prefill.tokens), tps, &prefill.runs, String::new());
    }
    for (index, decode) in report.decode.iter().enumerate() {
        let at = if decode.depth > 0 { format!(" at depth {}", decode.depth) } else { String::new() };
        let share = bandwidth.and_then(|bandwidth| bandwidth.decode_shares.get(index));
        let note = share.map(|share| format!("   {:.0} % of the read bandwidth", 100.0 * share));
        let what = format!("decode, {} at once{at}", decode.parallel);
        row(what, decode.tps, &decode.runs, note.unwrap_or_default());
    }
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let (weights, cache) = (model.weights_in_memory() as u64, report.cache_bytes as u64);
    say(&format!("\n  {:<34} {load_s:>10.2} s", "loaded in"));
    for (what, bytes) in [
        ("weights", weights),
        ("KV cache of the largest measurement", cache),
        ("everything else", report.rss_bytes.saturating_sub(weights + cache)),
    ] {
        say(&format!("  {what:<36} {:>12}", mebibytes(bytes)));
    }
    if let Some(bandwidth) = bandwidth {
        let gigabytes = |what: &str, speed: f64| say(&format!("  {what:<34} {:>9.1} GB/s", speed / 1e9));
        gigabytes("read from memory by one thread", bandwidth.one_thread);
        gigabytes("read from memory by all threads", bandwidth.all_threads);
        gigabytes("the same, no more than the weights", bandwidth.weights_sized);
    }
}
