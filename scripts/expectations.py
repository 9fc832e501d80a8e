"""Writes what llama.cpp answers, for the tests of appliance/engine to compare with.

The expectations are committed; run this only to make them again, after changing scripts/expectation_inputs.py or a
text in appliance/engine/tests/expected/text. It needs llama.cpp's library, built by scripts/peers/llama.cpp.sh, and
the demo model, fetched by scripts/run --prepare; "families" also cargo, which makes the tiny models. About five minutes on two cores:

    scripts/peers/llama.cpp.sh DIR llama
    DIR/python/bin/python scripts/expectations.py DIR [tokens] [pretokenizers] [chat_template] [logprobs] [perplexity] [greedy] [families]
"""
import argparse
import ctypes
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from jinja2.sandbox import ImmutableSandboxedEnvironment

import expectation_inputs as inputs

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPECTED = ROOT / "appliance/engine/tests/expected"
MODEL = ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"
TOP = 8
# Around what people wrote, while a prompt is taken apart; no text has them.
OPEN, CLOSE = "\ue010", "\ue011"
NEW_TOKENS = 64
# Windows of one text, each without anything before it; what does not fill a window is left out.
WINDOWS = [("tides.txt", 512), ("logbook.txt", 512), ("glass.txt", 1024)]
# Of which the whole perplexity is written, in windows as `redoubt eval` cuts them.
EVALUATED, EVALUATED_CONTEXT = ["tides.txt", "logbook.txt", "glass.txt"], 512
# Windows of which the exact answers are written, too: enough positions, not the whole size again.
EXACT_WINDOWS = [0, 4]
# All that llama.cpp cuts words by and appliance/engine/src/tokenizer/pretokenizers.rs knows, one name of each kind.
PRETOKENIZERS = [
    "smollm", "gpt-2", "starcoder", "refact", "command-r", "mpt", "olmo", "llama-bpe", "dbrx", "glm4", "qwen2", "qwen35", "gpt-4o", "tekken",
    "deepseek-llm", "deepseek-coder", "deepseek-v3",
]
# Every so many of the strings.
PRETOKENIZED = 2
# The tiny models: tokens of one text, as many of the likeliest tokens, and every so many of the strings where the
# vocabulary is one of SentencePiece's kind: with a space in front, and without.
FAMILY_TEXT, FAMILY_TOKENS, FAMILY_TOP = "glass.txt", 320, 3
FAMILIES_WITH_PIECES, FAMILY_STRINGS = ["mistral", "gemma3"], 3
# The reference is llama.cpp's most careful way with this file: flash attention would sum values in f16.
REFERENCE = {"weights": "file", "flash_attention": False, "cache": "f16", "one_by_one": False}
# The same weights as f32: nothing but the weights is ever rounded to 8 bits, so the order of sums hardly matters.
EXACT = {**REFERENCE, "weights": "f32", "cache": "f32"}
VARIANTS = {
    "flash_attention": {**REFERENCE, "flash_attention": True},
    "f32_cache": {**REFERENCE, "cache": "f32"},
    "one_by_one": {**REFERENCE, "one_by_one": True},
    "exact": EXACT,
}


class Llama:
    """One model loaded by llama.cpp in one configuration, on the CPU."""

    def __init__(self, config, vocabulary_only=False, file=None, pretokenizer=None):
        params = api.llama_model_default_params()
        params.vocab_only, params.use_extra_bufts = vocabulary_only, False
        if pretokenizer:
            # Read while the model is loaded; a list of overrides ends with one that has no key.
            overrides = (api.llama_model_kv_override * 2)()
            overrides[0].key, overrides[0].tag = b"tokenizer.ggml.pre", api.LLAMA_KV_OVERRIDE_TYPE_STR
            overrides[0].value.val_str = pretokenizer.encode()
            params.kv_overrides = overrides
        file = file or (MODEL if config["weights"] == "file" else expanded_model())
        self.model = api.llama_model_load_from_file(str(file).encode(), params)
        self.vocab = api.llama_model_get_vocab(self.model)
        self.size = api.llama_vocab_n_tokens(self.vocab)
        self.one_by_one = config["one_by_one"]
        if vocabulary_only:
            return
        params = api.llama_context_default_params()
        params.n_ctx = params.n_batch = 1024
        params.n_threads = params.n_threads_batch = arguments.threads
        params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_ENABLED if config["flash_attention"] else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.type_k = params.type_v = {"f32": 0, "f16": 1}[config["cache"]]
        self.context = api.llama_init_from_model(self.model, params)

    def close(self):
        api.llama_free(self.context)
        api.llama_model_free(self.model)

    def tokenize(self, text, parse_special, add_special=True):
        data = text.encode()
        ids = (api.llama_token * (len(data) + 8))()
        count = api.llama_tokenize(self.vocab, data, len(data), ids, len(ids), add_special, parse_special)
        return list(ids[:count])

    def logits(self, ids, start=0, last_only=False):
        """Logits after each of `ids`, which stand at positions `start`…; what stands before them is in the cache."""
        if start == 0:
            api.llama_memory_clear(api.llama_get_memory(self.context), True)
        step = 1 if self.one_by_one else len(ids)
        rows = [self._decode(ids[at : at + step], start + at, last_only) for at in range(0, len(ids), step)]
        return rows[-1] if last_only else np.concatenate(rows)

    def _decode(self, ids, start, last_only):
        batch = api.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for at, token in enumerate(ids):
            batch.token[at], batch.pos[at] = token, start + at
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, 0
            batch.logits[at] = not last_only or at == len(ids) - 1
        if api.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")
        api.llama_batch_free(batch)
        rows = 1 if last_only else len(ids)
        return np.ctypeslib.as_array(api.llama_get_logits(self.context), (rows, self.size)).copy()

    def template(self):
        return api.llama_model_chat_template(self.model, None).decode()

    def greedy(self, prompt):
        """Up to NEW_TOKENS tokens, an end of turn included; with each, the second best and its distance."""
        ids, seconds, gaps = [], [], []
        row = self.logits(prompt, last_only=True)[0]
        while True:
            second, best = (int(token) for token in np.argsort(row, kind="stable")[-2:])
            ids.append(best), seconds.append(second), gaps.append(round(float(row[best] - row[second]), 5))
            if len(ids) == NEW_TOKENS or api.llama_vocab_is_eog(self.vocab, best):
                return ids, seconds, gaps
            row = self.logits([best], start=len(prompt) + len(ids) - 1, last_only=True)[0]


class Template:
    """Renders as Hugging Face's transformers do, for which GGUF templates are written."""

    def __init__(self, source):
        self.source = source
        self.compiled = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(source)

    def render(self, messages):
        return self.compiled.render(messages=messages, add_generation_prompt=True, bos_token="<|im_start|>", eos_token="<|im_end|>")

    def ids(self, messages, llama):
        """The prompt's ids where only the template itself may write special tokens: what people wrote stays text."""
        guarded = self.render([{**message, "content": OPEN + message["content"] + CLOSE} for message in messages])
        ids, plain = [], ""
        for part in re.split(f"({OPEN}.*?{CLOSE}|<\\|im_start\\|>|<\\|im_end\\|>)", guarded, flags=re.DOTALL):
            if part.startswith("<|im_"):
                ids += llama.tokenize(plain, parse_special=False) + llama.tokenize(part, parse_special=True)
                plain = ""
            else:
                plain += part.strip(OPEN + CLOSE)
        return ids + llama.tokenize(plain, parse_special=False)


def expanded_model():
    """The same model with each weight as f32, made by llama.cpp."""
    path = peer / "expanded.gguf"
    if not path.exists():
        params = api.llama_model_quantize_default_params()
        params.ftype, params.allow_requantize = 0, True
        if api.llama_model_quantize(str(MODEL).encode(), str(path).encode(), ctypes.byref(params)) != 0:
            sys.exit("llama_model_quantize failed")
    return path


def write(name, head, key, rows, model=None):
    """JSON with one row a line, and what it was made by in front."""
    rows = list(rows)
    made_by = {"software": f"llama.cpp of llama-cpp-python {binding_version()}"}
    made_by |= model or {"model": MODEL.name, "model_sha256": digest(MODEL)}
    opening = json.dumps({"made_by": made_by, **head})[:-1]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    path = EXPECTED / f"{name}.json"
    path.write_text(f'{opening}, "{key}": [\n{lines}\n]}}\n')
    print(f"{path.relative_to(ROOT)}: {len(rows)} {key}, {path.stat().st_size:,} bytes")


def tokens():
    llama = Llama(REFERENCE, vocabulary_only=True)
    write("tokens", {}, "strings", [[text, llama.tokenize(text, parse_special=False)] for text in inputs.strings()])


def pretokenizers():
    """The demo model's vocabulary with the words of other families: only where the ids are others than its own."""
    strings = inputs.strings()
    own = Llama(REFERENCE, vocabulary_only=True)
    usual = [own.tokenize(text, False, add_special=False) for text in strings]
    families = {}
    for name in PRETOKENIZERS:
        llama = Llama(REFERENCE, vocabulary_only=True, pretokenizer=name)
        ids = [llama.tokenize(text, False, add_special=False) for text in strings]
        others = [[at, new] for at, (new, old) in enumerate(zip(ids, usual)) if new != old and at % PRETOKENIZED == 0]
        families.setdefault(json.dumps(others), []).append(name)
    rows = [{"names": names, "others": json.loads(others)} for others, names in families.items()]
    write("pretokenizers", {}, "families", rows)


def chat_template():
    llama = Llama(REFERENCE, vocabulary_only=True)
    template = Template(llama.template())
    rows = [{"messages": chat, "prompt": template.render(chat), "ids": template.ids(chat, llama)} for chat in inputs.chats()]
    write("chat_template", {"template": template.source}, "chats", rows)


def logprobs():
    windows = list(cut_windows(Llama(REFERENCE, vocabulary_only=True)))
    reference = score(REFERENCE, windows)
    others = {name: score(config, windows) for name, config in VARIANTS.items()}
    floor = {name: distance(windows, reference, other) for name, other in others.items()}
    # How far each configuration is from exact arithmetic: what rounding activations to 8 bits costs.
    error = {"reference": distance(windows, others["exact"], reference)}
    error |= {name: distance(windows, others["exact"], other) for name, other in others.items() if name != "exact"}
    head = {"reference": REFERENCE, "perplexity": perplexity(windows, reference), "noise_floor": floor, "error": error}
    print(json.dumps(head, indent=1))
    write("logprobs", head, "windows", scored(windows, reference))
    chosen = [windows[at] for at in EXACT_WINDOWS]
    exact = [others["exact"][at] for at in EXACT_WINDOWS]
    sharp = distance(chosen, exact, score({**EXACT, "flash_attention": True}, chosen))
    head = {"reference": EXACT, "perplexity": perplexity(chosen, exact), "noise_floor": {"flash_attention": sharp}}
    print(json.dumps(head, indent=1))
    write("exact_logprobs", head, "windows", scored(chosen, exact))


def evaluated():
    """Every text from its beginning to its end: mean negative logarithm over all tokens but the first of each window."""
    vocabulary = Llama(REFERENCE, vocabulary_only=True)
    for name in EVALUATED:
        ids = vocabulary.tokenize((EXPECTED / "text" / name).read_text(), parse_special=False)
        windows = [(name, ids[start : start + EVALUATED_CONTEXT]) for start in range(0, len(ids), EVALUATED_CONTEXT)]
        everything = np.concatenate([targets(logp, ids) for (_, ids), logp in zip(windows, score(REFERENCE, windows))])
        yield {"text": name, "tokens": len(everything), "nll": round(float(-everything.mean()), 6)}


def whole_perplexity():
    write("perplexity", {"reference": REFERENCE, "context": EVALUATED_CONTEXT}, "texts", evaluated())


def families():
    """Tiny models of every family, with weights of f32 and more tokens than any window."""
    config = {**EXACT, "weights": "file"}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        example = ["cargo", "run", "--release", "--quiet", "-p", "redoubt-engine", "--features", "fixture", "--example", "fixture", "--", folder]
        subprocess.run(example, cwd=ROOT, check=True)
        for file in sorted(pathlib.Path(folder).glob("*.gguf")):
            llama = Llama(config, vocabulary_only=True, file=file)
            ids = llama.tokenize((EXPECTED / "text" / FAMILY_TEXT).read_text(), parse_special=False)[:FAMILY_TOKENS]
            asked = inputs.strings()[::FAMILY_STRINGS] if file.stem in FAMILIES_WITH_PIECES else []
            strings = [[text, llama.tokenize(text, False, add_special=False)] for text in asked]
            windows = [(FAMILY_TEXT, ids)]
            exact = score(config, windows, file)
            floor = distance(windows, exact, score({**config, "flash_attention": True}, windows, file))
            [row] = scored(windows, exact, FAMILY_TOP)
            rows.append({"name": file.stem, "noise_floor": {"flash_attention": floor}, "strings": strings, **row})
            print(file.stem, perplexity(windows, exact), floor)
    write("families", {"reference": config}, "models", rows, {"models": "appliance/engine/src/fixture"})


def scored(windows, logps, count=TOP):
    """A row for each window: what the targets and the likeliest tokens have."""
    for (text, ids), logp in zip(windows, logps):
        top = np.argsort(-logp, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(logp, top, axis=1)
        yield {"text": text, "ids": ids, "targets": rounded(targets(logp, ids)), "top": top.tolist(), "top_logprobs": [rounded(row) for row in best]}


def perplexity(windows, logps):
    everything = np.concatenate([targets(logp, ids) for (_, ids), logp in zip(windows, logps)])
    return round(float(np.exp(-everything.mean())), 6)


def cut_windows(llama):
    for name, context in WINDOWS:
        ids = llama.tokenize((EXPECTED / "text" / name).read_text(), parse_special=False)
        for start in range(0, len(ids) - context + 1, context):
            yield name, ids[start : start + context]


def score(config, windows, file=None):
    """Natural logarithms of the probabilities of every token after each token but the last, a window at a time."""
    llama = Llama(config, file=file)
    result = []
    for _, ids in windows:
        logits = llama.logits(ids)[:-1].astype(np.float64)
        peak = logits.max(axis=1, keepdims=True)
        result.append((logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))).astype(np.float32))
    llama.close()
    return result


def targets(logp, ids):
    return logp[np.arange(len(ids) - 1), ids[1:]].astype(np.float64)


def distance(windows, reference, other):
    """How far another configuration of llama.cpp itself is from the reference, by the measures of the tests."""
    ours = np.concatenate([targets(logp, ids) for (_, ids), logp in zip(windows, reference)])
    theirs = np.concatenate([targets(logp, ids) for (_, ids), logp in zip(windows, other)])
    agree = np.concatenate([p.argmax(axis=1) == q.argmax(axis=1) for p, q in zip(reference, other)])
    full = np.concatenate([(np.exp(p) * (p - q)).sum(axis=1, dtype=np.float64) for p, q in zip(reference, other)])
    bounded = np.concatenate([divergence_of_top(p, q) for p, q in zip(reference, other)])
    return {
        "mean_abs_difference": round(float(np.abs(ours - theirs).mean()), 6),
        "max_abs_difference": round(float(np.abs(ours - theirs).max()), 6),
        "top1_agreement": round(float(agree.mean()), 6),
        "divergence": round(float(full.mean()), 8),
        "divergence_of_top": round(float(bounded.mean()), 8),
        "perplexity_change": round(float(np.exp(ours.mean() - theirs.mean())) - 1, 7),
    }


def divergence_of_top(logp, logq):
    """Kullback-Leibler divergence over the TOP tokens of `logp` and one class for all others: at most the full one."""
    top = np.argsort(-logp, axis=1, kind="stable")[:, :TOP]
    p = np.take_along_axis(logp, top, axis=1).astype(np.float64)
    q = np.take_along_axis(logq, top, axis=1).astype(np.float64)
    rest_p, rest_q = (np.maximum(1 - np.exp(x).sum(axis=1), 1e-9) for x in (p, q))
    return (np.exp(p) * (p - q)).sum(axis=1) + rest_p * np.log(rest_p / rest_q)


def greedy():
    write_answers("greedy", REFERENCE, {name: VARIANTS[name] for name in ("flash_attention", "exact")})
    write_answers("exact_greedy", EXACT, {"flash_attention": {**EXACT, "flash_attention": True}})


def write_answers(name, reference, variants):
    llama = Llama(reference)
    template = Template(llama.template())
    rows = []
    for question in inputs.PROMPTS:
        prompt = template.render([{"role": "user", "content": question}])
        ids = llama.tokenize(prompt, parse_special=True)
        answer, seconds, gaps = llama.greedy(ids)
        rows.append({"user": question, "prompt": prompt, "prompt_ids": ids, "ids": answer, "seconds": seconds, "gaps": gaps})
    llama.close()
    floor = {variant: departures(config, rows) for variant, config in variants.items()}
    print(json.dumps(floor, indent=1))
    write(name, {"reference": reference, "new_tokens": NEW_TOKENS, "noise_floor": floor}, "prompts", rows)


def departures(config, rows):
    """How many answers stay the same in another configuration of llama.cpp, and the reference's gap where one departs."""
    llama = Llama(config)
    gaps, to_second = [], 0
    for row in rows:
        other = llama.greedy(row["prompt_ids"])[0]
        differs = [at for at, pair in enumerate(zip(row["ids"], other)) if pair[0] != pair[1]]
        if differs:
            gaps.append(row["gaps"][differs[0]])
            to_second += other[differs[0]] == row["seconds"][differs[0]]
    llama.close()
    return {"identical": len(rows) - len(gaps), "departed_to_second": to_second, "gaps": sorted(gaps)}


def rounded(values):
    return [round(float(value), 5) for value in values]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def binding_version():
    found = (peer / "binding/llama_cpp/__init__.py").read_text().split('__version__ = "')[1]
    return found.split('"')[0]


if __name__ == "__main__":
    parts = {"tokens": tokens, "pretokenizers": pretokenizers, "chat_template": chat_template}
    parts |= {"logprobs": logprobs, "perplexity": whole_perplexity, "greedy": greedy, "families": families}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=pathlib.Path, help="where scripts/peers/llama.cpp.sh built llama.cpp")
    parser.add_argument("--threads", type=int, default=2, help="1 where other work shares the processor; the answers are the same")
    parser.add_argument("part", nargs="*", help=f"what to write, of {', '.join(parts)}; everything when none is named")
    arguments = parser.parse_intermixed_args()
    if unknown := set(arguments.part) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    peer = arguments.dir
    sys.path.insert(0, str(peer / "binding"))
    import llama_cpp.llama_cpp as api

    silence = api.llama_log_callback(lambda level, text, data: None)
    api.llama_log_set(silence, ctypes.c_void_p(0))
    api.llama_backend_init()
    for part in arguments.part or parts:
        parts[part]()
