"""Both engines' own benchmarks, run once each; every function gives figures by their keys."""
import json
import statistics
import subprocess


def llama_bench(asked, file, setting, prompt, generate, repeat, depth=0):
    """The median of `repeat` runs after one to warm up."""
    command = [asked.peer / "bin/llama-bench", "-m", path(file), "-t", asked.threads, "-p", prompt, "-n", generate, "-d", depth]
    output = run([*command, "-r", repeat, "-fa", flash_attention(setting), "-o", "json"])
    [found] = json.loads(output)
    return {"tps": statistics.median(found["samples_ts"])}


def llama_batched_bench(asked, file, streams, setting):
    """Short prompts of 16 tokens, then 64 tokens in each of so many streams."""
    command = [asked.peer / "bin/llama-batched-bench", "-m", path(file), "-t", asked.threads, "-tb", asked.threads]
    sizes = ["-c", streams * 96, "-npp", 16, "-ntg", 64, "-npl", streams, "--output-format", "jsonl"]
    output = run([*command, *sizes, "-fa", setting.removeprefix("fa ")])
    [found] = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {"tps": found["speed_tg"]}


def redoubt_bench(asked, file, prompt, generate, repeat, depth=0, parallel=1):
    """The same work; for decode also the share of the read bandwidth."""
    found = redoubt(asked, file, "--prompt", prompt, "--generate", generate, "--parallel", parallel, "--depth", depth, "--repeat", repeat, "--bandwidth")
    if prompt:
        return {"tps": found["prefill"]["tps"]}
    return {"tps": found["decode"][0]["tps"], "share": found["bandwidth"]["decode_shares"][0]}


def redoubt_memory(asked, file):
    """After the work that `redoubt bench` does by default: 1, 8 and 32 streams and a prompt."""
    found = redoubt(asked, file, "--repeat", 1)
    return {"beyond_mb": (found["rss_bytes"] - found["weights_bytes"] - found["cache_bytes"]) / 1e6}


def redoubt(asked, file, *more):
    isa = ["--instructions", asked.isa] if asked.isa != "native" else []
    return json.loads(run([asked.executable, "bench", "--model", path(file), "--threads", asked.threads, "--json", *isa, *more]))


def flash_attention(setting):
    return {"fa off": 0, "fa on": 1}[setting]


def path(file):
    """Files that are made when they are first needed are given as functions."""
    return file() if callable(file) else file


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=1200)
    return done.stdout
