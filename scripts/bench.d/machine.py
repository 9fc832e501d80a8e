"""What the figures were measured on and with."""
import os
import pathlib
import subprocess

import command_line

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SETS = ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"]
FLAGS = {
    "native": "GGML_NATIVE=ON, without AMX (its kernels crash on this model)",
    "avx2": "GGML_NATIVE=OFF, AVX2, FMA, F16C and BMI2",
}


def describe(asked):
    bandwidth = command_line.redoubt(asked, asked.demo, "--prompt", 0, "--generate", 0, "--bandwidth")["bandwidth"]
    return {
        "cpu": cpu(),
        "threads": asked.threads,
        "isa": asked.isa,
        "peer": peer(asked),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "bandwidth": {name: bandwidth[name] / 1e9 for name in ("one_thread", "all_threads", "weights_sized")},
    }


def cpu():
    entries = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in entries)}
    flags = set(values.get("flags", "").split())
    sets = ", ".join(name for name in SETS if name in flags)
    return f"{values.get('model name', 'unknown')} (family {values.get('cpu family')}, model {values.get('model')}), {os.cpu_count()} processors: {sets}"


def peer(asked):
    told = subprocess.run([asked.peer / "bin/llama-bench", "--version"], capture_output=True, text=True, check=True)
    version = (told.stdout + told.stderr).strip().splitlines()
    binding = (asked.peer / "binding/llama_cpp/__init__.py").read_text().split('__version__ = "')[1].split('"')[0]
    return f"llama.cpp of llama-cpp-python {binding} ({', '.join(version)}), {FLAGS[asked.isa]}"


def commit():
    return subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
