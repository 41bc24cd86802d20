"""How vLLM is called, and what its log tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.backends import vllm_server
from hybridchat.config import VllmConfig
from hybridchat.domain.events import Loading

LOG = """\
(APIServer pid=9608) INFO 11-21 00:35:13 [model.py:733] Resolved architecture: LlamaForCausalLM
(EngineCore pid=9736) INFO 11-21 00:35:19 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: …
(Worker pid=9820) INFO 11-21 00:35:25 [cpu_model_runner.py:68] Starting to load model /models/tiny...
\rLoading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]\
\rLoading safetensors checkpoint shards:  75% Completed | 3/4 [00:09<00:03,  3.1s/it]
(Worker pid=9820) INFO 11-21 00:35:25 [default_loader.py:501] Loading weights took 0.00 seconds
(EngineCore pid=9736) INFO 11-21 00:35:26 [kv_cache_utils.py:2327] CPU KV cache size: 2,097,152 tokens
(EngineCore pid=9736) INFO 11-21 00:35:27 [core.py:402] init engine (profile, create kv cache, warmup model) took 0.84 s
"""
STEPS = [
    (0, Loading("starting")),
    (1, Loading("reading the model's config")),
    (2, Loading("starting the engine")),
    (3, Loading("loading weights")),
    (4, Loading("loading weights", 0.75)),
    (5, Loading("weights loaded")),
    (6, Loading("making room for the context")),
    (7, Loading("opening the port")),
]


@pytest.mark.parametrize(("lines", "loading"), STEPS)
def test_log_tells_how_far_it_is(lines: int, loading: Loading) -> None:
    log = "".join(line + "\n" for line in LOG.split("\n")[:lines])

    assert vllm_server.progress(log) == loading


def test_reason_is_the_cause_not_its_consequences() -> None:
    log = (
        "(Worker pid=1) ERROR [executor.py:1063] ValueError: To serve at least one request, 2 GiB are needed\n"
        "(EngineCore pid=1) ERROR RuntimeError: Engine core initialization failed. See root cause above.\n"
        "  warnings.warn(\n"
    )

    assert vllm_server.reason(log) == "ValueError: To serve at least one request, 2 GiB are needed"
    assert vllm_server.reason("all is well\n") == ""
    checked = (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, The model type `x` is unknown. [type=value_error, input_value=ArgsKwargs((), {'model': 'x'})]\n"
    )
    assert vllm_server.reason(checked) == "Value error, The model type `x` is unknown."


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("vllm", ["serve", "maker/model"]),
        ("python3", ["-m", "vllm.entrypoints.openai.api_server", "--model", "maker/model"]),
    ],
)
def test_program_or_python(tmp_path: Path, name: str, begins: list[str]) -> None:
    program = tmp_path / name
    program.touch(0o755)
    config = VllmConfig(command=str(program), arguments=("--enforce-eager",))
    argv = vllm_server.command("maker/model", 8123, config)

    assert argv[0] == str(program)
    assert argv[1 : 1 + len(begins)] == begins
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert argv[argv.index("--port") + 1] == "8123"
    assert argv[-1] == "--enforce-eager"


def test_folder_is_served_under_its_own_name(tmp_path: Path) -> None:
    assert vllm_server.served_name(str(tmp_path)) == tmp_path.name
    assert vllm_server.served_name("maker/model") == "maker/model"


def test_it_tells_its_makers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    environment = vllm_server.environment()

    assert environment["VLLM_NO_USAGE_STATS"] == environment["DO_NOT_TRACK"] == "1"
    assert environment["VLLM_HOST_IP"] == "127.0.0.1"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert "canary" not in environment.values()


def test_on_a_cpu_it_leaves_memory_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert vllm_server.environment()["VLLM_CPU_KVCACHE_SPACE"] == vllm_server.CPU_CACHE_GIB
