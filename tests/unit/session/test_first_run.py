"""The first run: what the user accepts becomes a config that loads; nothing is asked that was not allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hybridchat.backends import hub
from hybridchat.backends.discovery import Found
from hybridchat.config import BackendConfig, Config, load_config
from hybridchat.domain.chat import Kind, Proof, Zone
from hybridchat.domain.peers import Peer
from hybridchat.errors import Refused
from hybridchat.paths import Paths
from hybridchat.session.first_run import FirstRun
from hybridchat.session.setup import PullProgress
from hybridchat.session.vouches import Vouches


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths(home, home)


def backends(paths: Paths) -> tuple[BackendConfig, ...]:
    config, problems = load_config(paths.config_file)
    assert problems == []
    return config.backend


def found(name: str, **changes: object) -> Found:
    fields: dict[str, object] = {
        "id": name,
        "kind": Kind.VLLM,
        "base_url": "http://127.0.0.1:8000",
        "zone": Zone.DEVICE,
        "proof": Proof.ASSUMED,
        "source": "listens",
    }
    return Found(**{**fields, **changes})  # type: ignore[arg-type]


async def test_what_is_accepted_is_written_with_comments(paths: Paths) -> None:
    place: dict[str, object] = {"kind": Kind.OPENAI, "base_url": "https://api.openai.com/v1", "zone": Zone.MANAGED}
    key = found("openai", source="OPENAI_API_KEY", **place)
    here = found("vllm", peer=Peer(pid=1, executable="/bin/vllm"))
    await FirstRun(paths, Config()).accept([here, key], vouched=["vllm"])
    local, managed = backends(paths)
    assert (local.id, local.vouched, local.key) == ("vllm", False, None)
    vouches = Vouches(paths.vouches_file)
    vouches.read()
    assert [(name, v.kind, v.url, v.executable) for name, v in vouches.by_id.items()] == [
        ("vllm", "vllm", "http://127.0.0.1:8000", "/bin/vllm")
    ]
    assert (managed.id, managed.vouched) == ("openai", False)
    assert managed.key is None, "a variable that is not named stays behind when the address is changed"
    assert "#" in paths.config_file.read_text()


async def test_a_local_only_run_asks_nothing_managed(paths: Paths) -> None:
    setup = FirstRun(paths, Config(), local_only=True)
    assert all(offer.size_bytes is None for offer in await setup.catalog())
    with pytest.raises(Refused):
        await setup.pull(hub.catalog().model[0].name, lambda progress: None)


async def test_another_pulled_model_takes_the_embedded_engines_place(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pull(*given: Any, **_: object) -> None:
        given[3](hub.Pulled(60, 100, 10))

    monkeypatch.setattr(hub, "pull", pull)
    seen: list[PullProgress] = []
    setup = FirstRun(paths, Config())
    first, second, *_ = hub.catalog().model
    await setup.pull(first.name, seen.append)
    await setup.pull(second.name, seen.append)
    assert [(b.id, b.model) for b in backends(paths)] == [("embedded", second.name)]
    assert [(p.done_bytes, p.total_bytes) for p in seen] == [(60, 100)] * 2
