"""How a vLLM server is started, and what its log says. It runs under its own interpreter, never in ours."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from hybridchat.backends.processes import child_environment
from hybridchat.config import VllmConfig
from hybridchat.domain.events import Loading
from hybridchat.errors import UsageError

CPU_CACHE_GIB = "4"

# What a line of the log means, in the order of a start; the last match wins. The first group is a fraction's percent.
_STEPS = (
    (r"Resolved architecture", "reading the model's config"),
    (r"Initializing a V\d+ LLM engine", "starting the engine"),
    (r"\.safetensors: +(\d+)%\|", "fetching the model"),
    (r"Starting to load model", "loading weights"),
    (r"Loading .*checkpoint shards: +(\d+)% Completed", "loading weights"),
    (r"Loading weights took", "weights loaded"),
    (r"torch\.compile takes|Compiling a graph|Dynamo bytecode transform", "compiling"),
    (r"Capturing CUDA graphs?.*?(\d+)%", "capturing graphs"),
    (r"KV cache size", "making room for the context"),
    (r"init engine .* took", "opening the port"),
)
_PATTERNS = tuple((re.compile(pattern), words) for pattern, words in _STEPS)
_REASON = re.compile(r"(?:^|\s)((?:[A-Za-z_.]*(?:Error|Exception)|error): .+|Value error, .+?)(?: \[type=.*)?$")


def command(model: str, port: int, config: VllmConfig) -> list[str]:
    """The command line for a server on loopback. Raises UsageError when there is no vLLM to run."""
    program = shutil.which(str(Path(config.command).expanduser())) if config.command else shutil.which("vllm")
    if program is None:
        what = f"[vllm] command = {config.command!r} cannot be run" if config.command else "vLLM was not found on PATH"
        raise UsageError(what, "set [vllm] command in the config to the `vllm` program, or to a Python that has vLLM")
    is_python = Path(program).name.startswith("python")
    server = [program, "-m", "vllm.entrypoints.openai.api_server", "--model"] if is_python else [program, "serve"]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return [*server, model, "--served-model-name", served_name(model), *place, *config.arguments]


def served_name(model: str) -> str:
    """A model of a hub keeps its name; a folder gives its own."""
    path = Path(model).expanduser()
    return path.name if path.is_dir() else model


def environment() -> dict[str, str]:
    """Only loopback for its own traffic, and no word to its makers.

    On a CPU vLLM takes nearly all memory for its cache and the system kills processes; the user's own size wins.
    """
    families = ("VLLM_", "HF_", "HUGGING", "TRANSFORMERS_", "TORCH", "PYTORCH_", "TRITON_", "NCCL_")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_")  # it may have to fetch the model
    return {"VLLM_CPU_KVCACHE_SPACE": CPU_CACHE_GIB} | child_environment(
        *families, *proxies, VLLM_HOST_IP="127.0.0.1", VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1", PYTHONUNBUFFERED="1"
    )


def progress(log: str) -> Loading:
    """What the newest telling line of the log means."""
    for line in reversed(re.split(r"[\r\n]+", log)):
        for pattern, words in reversed(_PATTERNS):
            match = pattern.search(line)
            if match:
                return Loading(words, int(match[1]) / 100 if match.groups() else None)
    return Loading("starting")


def reason(log: str) -> str:
    """The error that ended it: the log's last one that is not the consequence of another. "" if it names none."""
    return next(_reasons(log), "")


def _reasons(log: str) -> Iterator[str]:
    consequences = ("Engine core initialization failed", "WorkerProc initialization failed", "EngineDeadError")
    for line in reversed(log.splitlines()):
        match = _REASON.search(line)
        if match and not any(words in line for words in consequences):
            yield match[1]
