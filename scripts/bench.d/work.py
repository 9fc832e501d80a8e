"""The rows of the table: which work, how each engine does it, and what is to be reached."""
import functools

import command_line
import http_load
import shapes
from pairs import Figure, Measurement

# llama.cpp's best of these counts, row by row.
FLASH_ATTENTION = ("fa off", "fa on")


def everything(asked, complete=False):
    """All measurements; those that need much time or the appliance over HTTP only where they are asked for."""
    rows = [*decode(asked), deep(asked), *prompts(asked), *streams(asked), memory(asked)]
    # Its instruction set cannot be chosen for the whole appliance.
    if asked.isa == "native" or complete:
        rows += [http(asked), pause(asked), ready(asked)]
    if asked.long or asked.list or complete:
        rows += shape_1b(asked)
    return rows


def model(asked, kind):
    if asked.files is None:
        return None
    return asked.demo if kind == "Q4_1" else asked.files / f"SmolLM2-135M-Instruct.{kind}.gguf"


def decode(asked):
    for kind, floor, aim in [("Q4_1", 1.6, 2.0), ("Q8_0", 1.25, 1.5), ("Q4_0", 1.1, 1.4), ("Q4_K_M", 1.1, 1.4)]:
        name, work = f"decode-{kind.lower()}", f"decode, one stream, {kind}"
        yield pair(asked, name, work, model(asked, kind), floor, aim, prompt=0, generate=128)


def deep(asked):
    name, work = "deep-q4_1", "decode at depth 4,000, Q4_1"
    return pair(asked, name, work, model(asked, "Q4_1"), 2.0, 3.0, prompt=0, generate=64, depth=4000, repeat=1)


def prompts(asked):
    for kind, floor, aim in [("Q4_1", 3.0, 4.0), ("Q8_0", 1.4, 1.7), ("Q4_0", 1.4, 2.2), ("Q4_K_M", 1.0, 1.5)]:
        name, work = f"prompt-{kind.lower()}", f"prompt of 512 tokens, {kind}"
        yield pair(asked, name, work, model(asked, kind), floor, aim, prompt=512, generate=0)


def pair(asked, name, work, file, floor, aim, repeat=None, **sizes):
    """One stream, by llama-bench and by `redoubt bench`."""
    repeat = repeat or (1 if asked.quick else 3)
    figure = Figure(name, work, "tps", "tokens/s", floor, aim)
    theirs = functools.partial(command_line.llama_bench, asked, file, repeat=repeat, **sizes)
    ours = functools.partial(command_line.redoubt_bench, asked, file, repeat=repeat, **sizes)
    return Measurement(name, work, [figure], ours, theirs, FLASH_ATTENTION)


def streams(asked):
    for kind, floor, aim in [("Q4_1", 3.0, 4.5), ("Q8_0", 1.8, 2.5)]:
        for count in (8, 32):
            name, work = f"streams{count}-{kind.lower()}", f"decode, {count} streams together, {kind}"
            file = model(asked, kind)
            figure = Figure(name, work, "tps", "tokens/s", floor, aim)
            theirs = functools.partial(command_line.llama_batched_bench, asked, file, count)
            ours = functools.partial(command_line.redoubt_bench, asked, file, prompt=0, generate=64, depth=16, parallel=count, repeat=1)
            yield Measurement(name, work, [figure], ours, theirs, FLASH_ATTENTION)


def memory(asked):
    figure = Figure("memory", "memory beyond weights and cache", "beyond_mb", "MB", 64, 32, ratio=False, more_is_better=False)
    ours = functools.partial(command_line.redoubt_memory, asked, model(asked, "Q4_1"))
    return Measurement(figure.name, figure.work, [figure], ours)


def http(asked):
    users = "16 users over HTTP, one system prompt of 1,000 tokens"
    figures = [
        Figure("http-first", f"{users}, first round", "first_tps", "tokens/s", 6, 12),
        Figure("http-first-ttft", "the same: p95 of the time to the first token", "first_ttft", "s", 10, 25, more_is_better=False),
        Figure("http-second", "the same, identical second round", "second_tps", "tokens/s", 3, 6),
    ]
    theirs = functools.partial(http_load.two_rounds_of_llama_server, asked)
    ours = functools.partial(http_load.two_rounds_of_redoubt, asked)
    return Measurement("http", users, figures, ours, theirs, FLASH_ATTENTION, pairs=(3, 1))


def pause(asked):
    work = "longest pause of a running answer while a prompt of 4,000 tokens arrives"
    figure = Figure("pause", work, "pause_ms", "ms", 250, 120, ratio=False, more_is_better=False)
    theirs = functools.partial(http_load.pause_of_llama_server, asked)
    ours = functools.partial(http_load.pause_of_redoubt, asked)
    return Measurement("pause", work, [figure], ours, theirs, FLASH_ATTENTION, pairs=(5, 2))


def ready(asked):
    work = "ready after start, demo model (ours: the whole appliance, second start)"
    figure = Figure("ready", work, "ready_s", "s", 1.0, 0.3, ratio=False, more_is_better=False)
    theirs = functools.partial(http_load.start_of_llama_server, asked)
    return Measurement("ready", work, [figure], functools.partial(http_load.start_of_redoubt, asked), theirs, ("fa on",))


def shape_1b(asked):
    """Without figures to reach: the same work on weights that no cache holds."""
    file = functools.partial(shapes.make, asked, "llama-3.2-1b")
    yield pair(asked, "decode-1b", "decode, one stream, shape of Llama-3.2-1B, Q4_K_M", file, None, None, prompt=0, generate=64)
    yield pair(asked, "prompt-1b", "prompt of 512 tokens, shape of Llama-3.2-1B, Q4_K_M", file, None, None, prompt=512, generate=0, repeat=1)
