"""Writes a GGUF file with random weights in the shape of a known model, as llama-quantize's Q4_K_M would store it.

Random weights cost the same time as real ones, so that speed can be measured without the model. The answers are
noise; the numbers stay finite. The vocabulary is synthetic: as large, of the same kind, and every token but the
special ones is made of bytes by merges. Nothing larger than a few megabytes is held in memory.

    python scripts/random_gguf.py {llama-3.2-1b,llama-3.1-8b,tiny} FILE [--layers N]

Needs Python and numpy. The format: ggml's docs/gguf.md; the blocks: ggml-common.h.
"""
import argparse
import dataclasses
import pathlib
import struct

import numpy as np

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
ALIGNMENT = 32
# Weights a block, bytes a block, and the type's number in a file.
TYPES = {"F32": (1, 4, 0), "Q4_K": (256, 144, 12), "Q6_K": (256, 210, 14)}
CHUNK_BLOCKS = 1 << 14
BYTES, SPECIALS = 256, 256
BOS, EOS = "<|begin_of_text|>", "<|eot_id|>"


@dataclasses.dataclass
class Shape:
    name: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    # By which positions of low frequencies are stretched (Llama 3.1's scaling).
    rope_factor: float


SHAPES = {
    "llama-3.2-1b": Shape("Random weights in the shape of Llama 3.2 1B", 16, 2048, 8192, 32, 8, 64, 128256, True, 32.0),
    "llama-3.1-8b": Shape("Random weights in the shape of Llama 3.1 8B", 32, 4096, 14336, 32, 8, 128, 128256, False, 8.0),
    "tiny": Shape("Random weights in no known shape", 8, 256, 512, 4, 2, 64, 1024, False, 8.0),
}


def tensors(shape):
    """Name, type and dimensions (columns first) of every tensor, in the order of the file."""
    yield "rope_freqs.weight", "F32", (shape.head // 2,)
    # The table that is the head, too, gets the head's type.
    yield "token_embd.weight", "Q6_K" if shape.tied else "Q4_K", (shape.width, shape.vocabulary)
    if not shape.tied:
        yield "output.weight", "Q6_K", (shape.width, shape.vocabulary)
    yield "output_norm.weight", "F32", (shape.width,)
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    for layer in range(shape.layers):
        better = "Q6_K" if more_bits(layer, shape.layers) else "Q4_K"
        rows = [
            ("attn_norm", "F32", (shape.width,)),
            ("attn_q", "Q4_K", (shape.width, queries)),
            ("attn_k", "Q4_K", (shape.width, keys)),
            ("attn_v", better, (shape.width, keys)),
            ("attn_output", "Q4_K", (queries, shape.width)),
            ("ffn_norm", "F32", (shape.width,)),
            ("ffn_gate", "Q4_K", (shape.width, shape.inner)),
            ("ffn_up", "Q4_K", (shape.width, shape.inner)),
            ("ffn_down", better, (shape.inner, shape.width)),
        ]
        for name, kind, dimensions in rows:
            yield f"blk.{layer}.{name}.weight", kind, dimensions


def more_bits(layer, layers):
    """The layers whose value and down projections Q4_K_M stores in Q6_K: the first and last eighth and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def metadata(shape):
    tokens, kinds, merges = vocabulary(shape.vocabulary)
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, shape.name),
        ("general.file_type", U32, 15),
        ("llama.block_count", U32, shape.layers),
        ("llama.context_length", U32, 131072),
        ("llama.embedding_length", U32, shape.width),
        ("llama.feed_forward_length", U32, shape.inner),
        ("llama.attention.head_count", U32, shape.heads),
        ("llama.attention.head_count_kv", U32, shape.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("llama.attention.key_length", U32, shape.head),
        ("llama.attention.value_length", U32, shape.head),
        ("llama.rope.dimension_count", U32, shape.head),
        ("llama.rope.freq_base", F32, 500000.0),
        ("llama.vocab_size", U32, shape.vocabulary),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "llama-bpe"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), tokens),
        ("tokenizer.ggml.token_type", (ARRAY, I32), kinds),
        ("tokenizer.ggml.merges", (ARRAY, STRING), merges),
        ("tokenizer.ggml.bos_token_id", U32, tokens.index(BOS)),
        ("tokenizer.ggml.eos_token_id", U32, tokens.index(EOS)),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
    ]


def vocabulary(size):
    """Tokens, their kinds (1 normal, 3 control), and the merges: all bytes, then pairs, then pairs with a third byte."""
    letters = byte_letters()
    tokens, merges = list(letters), []
    roots = list(letters)
    while len(tokens) < size - SPECIALS:
        made = [(root, letter) for root in roots for letter in letters][: size - SPECIALS - len(tokens)]
        roots = [root + letter for root, letter in made]
        tokens += roots
        merges += [f"{root} {letter}" for root, letter in made]
    specials = [BOS, "<|end_of_text|>", *(f"<|reserved_special_token_{number}|>" for number in range(SPECIALS - 3)), EOS]
    return tokens + specials, [1] * len(tokens) + [3] * SPECIALS, merges


def byte_letters():
    """GPT-2's letter for each byte: itself where it is printable, else the next from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(BYTES)]


def weights(shape, name, kind, dimensions, random):
    """The bytes of a tensor, in pieces. Products of random rows have about the size of what they multiply."""
    if name == "rope_freqs.weight":
        yield rope_factors(shape).tobytes()
    elif kind == "F32":
        yield np.ones(dimensions, np.float32).tobytes()
    else:
        per_block, size, _ = TYPES[kind]
        blocks = dimensions[0] * dimensions[1] // per_block
        for start in range(0, blocks, CHUNK_BLOCKS):
            count = min(CHUNK_BLOCKS, blocks - start)
            chunk = np.frombuffer(bytearray(random.bytes(count * size)), np.uint8).reshape(count, size)
            yield scaled(chunk, kind, dimensions[0] ** -0.5)


def scaled(blocks, kind, deviation):
    """Random blocks with scales that give weights of this standard deviation, around zero."""
    if kind == "Q4_K":
        # d·scale·code − dmin·minimum: scale and minimum have 6 random bits, the code has 4.
        d = deviation / 258.2
        blocks[:, :4] = np.frombuffer(np.array([d, 7.5 * d], np.float16).tobytes(), np.uint8)
    else:
        # d·scale·(code − 32): the scale has 8 random bits, the code has 6.
        blocks[:, -2:] = np.frombuffer(np.float16(deviation / 1366).tobytes(), np.uint8)
    return blocks.tobytes()


def rope_factors(shape):
    """Llama 3.1's: wave lengths up to a quarter of 8,192 positions stay, those from 8,192 on are stretched, smoothly between."""
    wave = 2 * np.pi * 500000.0 ** (np.arange(shape.head // 2) * 2 / shape.head)
    keep = np.clip((8192 / wave - 1) / 3, 0, 1)
    return (1 / (keep + (1 - keep) / shape.rope_factor)).astype(np.float32)


def encoded(kind, value):
    if isinstance(kind, tuple):
        return struct.pack("<IQ", kind[1], len(value)) + b"".join(encoded(kind[1], item) for item in value)
    if kind == STRING:
        data = value.encode()
        return struct.pack("<Q", len(data)) + data
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def header(shape):
    """The file up to its data, and the tensors."""
    entries, listed = metadata(shape), list(tensors(shape))
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(entries)))
    for key, kind, value in entries:
        head += encoded(STRING, key) + struct.pack("<I", kind[0] if isinstance(kind, tuple) else kind) + encoded(kind, value)
    offset = 0
    for name, kind, dimensions in listed:
        head += encoded(STRING, name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        head += struct.pack("<IQ", TYPES[kind][2], offset)
        offset += padded(size_of(kind, dimensions))
    return bytes(head) + bytes(-len(head) % ALIGNMENT), listed


def size_of(kind, dimensions):
    per_block, size, _ = TYPES[kind]
    return int(np.prod(dimensions)) // per_block * size


def padded(size):
    return size + -size % ALIGNMENT


def write(shape, path):
    random = np.random.default_rng(1)
    head, listed = header(shape)
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(head)
        for name, kind, dimensions in listed:
            for piece in weights(shape, name, kind, dimensions, random):
                file.write(piece)
            file.write(bytes(-size_of(kind, dimensions) % ALIGNMENT))
    part.rename(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--layers", type=int, help="fewer layers than the model has")
    asked = parser.parse_args()
    chosen = SHAPES[asked.shape]
    write(dataclasses.replace(chosen, layers=asked.layers or chosen.layers), asked.file)
