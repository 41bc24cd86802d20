"""A Llama of 2 layers × 64 wide with fixed random weights: real engines at real speed, speaking nonsense.

The same weights are written twice without torch: as GGUF for llama.cpp and as a transformers folder for vLLM.
Channel 0 of the residual stream is a constant that the output layer uses as a bias against special tokens and raw
bytes above ASCII, so that the model answers with words and never ends by itself.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

LAYERS, WIDTH, HEADS, FEED_FORWARD, CONTEXT = (
    2,
    64,
    2,
    128,
    16_384,
)  # heads of 32: the smallest that vLLM computes on CPU
EPSILON, ROPE_BASE = 1e-5, 10_000.0
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MERGES = 240
VERSION = 1  # of the files: a new one is built beside the old one

Array = np.ndarray[Any, np.dtype[np.float32]]


def gguf_model(cache: Path) -> Path:
    """The GGUF file under `cache`, written on first use."""
    path = cache / f"tiny-{VERSION}.gguf"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        _write_gguf(unfinished)
        unfinished.replace(path)
    return path


def transformers_model(cache: Path) -> Path:
    """The transformers folder under `cache`, written on first use."""
    folder = cache / f"tiny-{VERSION}"
    if not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_transformers(folder)
    return folder


# --- tokenizer: byte-level BPE, trained on this file's own words


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def _train_merges() -> list[tuple[str, str]]:
    alphabet = _byte_alphabet()
    text = Path(__file__).read_text(encoding="utf-8")
    words = Counter(re.findall(r" ?[A-Za-z]+", text))
    pieces = {word: [alphabet[byte] for byte in word.encode()] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append((left, right))
        for word, parts in pieces.items():
            pieces[word] = _merged(parts, left, right)
    return merges


def _merged(parts: list[str], left: str, right: str) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if part == right and merged and merged[-1] == left:
            merged[-1] = left + right
        else:
            merged.append(part)
    return merged


def _vocabulary(merges: list[tuple[str, str]]) -> list[str]:
    return [*_byte_alphabet().values(), *(left + right for left, right in merges), *SPECIAL]


# --- weights, in the transformers layout


def _weights(vocabulary: list[str]) -> dict[str, Array]:
    random = np.random.default_rng(20)

    def matrix(rows: int, columns: int, scale: float = 0.15) -> Array:
        return random.normal(0.0, scale, (rows, columns)).astype(np.float32)

    embedding, head = matrix(len(vocabulary), WIDTH, 1.0), matrix(len(vocabulary), WIDTH, 0.5)
    alphabet = _byte_alphabet()
    embedding[:, 0] = 4.0
    head[:, 0] = 0.0
    never = [*(alphabet[byte] for byte in range(256) if not 32 <= byte < 127), *SPECIAL]
    head[[vocabulary.index(token) for token in never], 0] = -20.0
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": head, "model.norm.weight": _ones()}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        for part in "qkvo":
            weights[f"{name}self_attn.{part}_proj.weight"] = matrix(WIDTH, WIDTH)
        weights[f"{name}mlp.gate_proj.weight"] = matrix(FEED_FORWARD, WIDTH)
        weights[f"{name}mlp.up_proj.weight"] = matrix(FEED_FORWARD, WIDTH)
        weights[f"{name}mlp.down_proj.weight"] = matrix(WIDTH, FEED_FORWARD)
        for writer in ("self_attn.o_proj", "mlp.down_proj"):
            weights[f"{name}{writer}.weight"][0] = 0.0  # nothing writes to the constant channel
        weights[f"{name}input_layernorm.weight"] = _ones()
        weights[f"{name}post_attention_layernorm.weight"] = _ones()
    return weights


def _ones() -> Array:
    return np.ones(WIDTH, dtype=np.float32)


# --- GGUF

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
GGUF_TOP = {"model.embed_tokens": "token_embd", "lm_head": "output", "model.norm": "output_norm"}


def _gguf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in GGUF_TOP:
        return f"{GGUF_TOP[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[part]}.weight"


def _rotary_order(weight: Array) -> Array:
    """Rows from transformers' half-split rotary order to llama.cpp's interleaved one."""
    split = weight.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH)
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(weight.shape))


def _write_gguf(path: Path) -> None:
    import gguf

    merges = _train_merges()
    vocabulary = _vocabulary(merges)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in vocabulary]
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(vocabulary.index(SPECIAL[0]))
    writer.add_eos_token_id(vocabulary.index(SPECIAL[2]))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, weight in _weights(vocabulary).items():
        rotary = name.endswith(("q_proj.weight", "k_proj.weight"))
        writer.add_tensor(_gguf_name(name), _rotary_order(weight) if rotary else weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- transformers


def _write_transformers(folder: Path) -> None:
    merges = _train_merges()
    vocabulary = _vocabulary(merges)
    _write_safetensors(folder / "model.safetensors", _weights(vocabulary))
    files: dict[str, object] = {
        "tokenizer.json": _tokenizer(vocabulary, merges),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": SPECIAL[0],
            "eos_token": SPECIAL[2],
            "pad_token": SPECIAL[0],
            "model_max_length": CONTEXT,
            "chat_template": CHAT_TEMPLATE,
        },
        "generation_config.json": {"eos_token_id": vocabulary.index(SPECIAL[2])},
        "config.json": _config(vocabulary),  # last: its presence says that the folder is complete
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def _config(vocabulary: list[str]) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": WIDTH,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": EPSILON,
        "rope_parameters": {"rope_theta": ROPE_BASE, "rope_type": "default"},
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "vocab_size": len(vocabulary),
        "bos_token_id": vocabulary.index(SPECIAL[0]),
        "eos_token_id": vocabulary.index(SPECIAL[2]),
    }


def _tokenizer(vocabulary: list[str], merges: list[tuple[str, str]]) -> dict[str, object]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [
        {"id": vocabulary.index(token), "content": token, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for token in SPECIAL
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(vocabulary)},
            "merges": [list(pair) for pair in merges],
        },
    }


def _write_safetensors(path: Path, weights: dict[str, Array]) -> None:
    """Eight bytes of header length, a JSON header with offsets, then the raw little-endian values."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, weight in weights.items():
        header[name] = {"dtype": "F32", "shape": weight.shape, "data_offsets": (offset, offset + weight.nbytes)}
        offset += weight.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for weight in weights.values():
            file.write(weight.tobytes())
