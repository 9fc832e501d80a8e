//! What computes, and why that.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use redoubt_engine::Device;
use redoubt_engine::kernels::Isa;

use super::Outcome;
use crate::config::Config;

/// The driver of NVIDIA's GPUs says here which version it is.
const GPU_DRIVER: &str = "/proc/driver/nvidia/version";

pub(super) fn check(config: &Config) -> Outcome {
    let mut outcome = Outcome::new();
    outcome.find(match config.models.device {
        Device::Auto => "\"auto\" is cpu: this executable has no CUDA worker",
        Device::Cpu => "cpu, as configured",
        Device::Cuda => "\"cuda\" is not possible: this executable has no CUDA worker",
    });
    if Path::new(GPU_DRIVER).exists() {
        outcome.find("the driver of an NVIDIA GPU is loaded; this version does not use it");
    }
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if config.models.threads == 0 { processors } else { config.models.threads };
    let sets: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    outcome.find(processor_name());
    outcome.find(format!(
        "{threads} threads on {processors} processors, kernels: {} (of {})",
        Isa::best().name(),
        sets.join(", ")
    ));
    if threads > processors {
        let advice = format!("set models.threads to at most {processors}, or to 0: more wait for each other");
        outcome.warn(format!("models.threads is {threads}"), advice);
    }
    if Isa::best() == Isa::Portable {
        let advice = "use a machine whose processor has AVX2; a virtual one may hide it (its CPU type)";
        outcome.warn("the processor shows no AVX2: answers will be several times slower", advice);
    }
    outcome
}

fn processor_name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| "a processor that does not say its name".to_owned(), |(_, name)| name.to_owned())
}
