"""The debug log tells what happened, never what was said."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import (
    Conversation,
    Health,
    HealthState,
    Message,
    MessageState,
    Proof,
    Role,
    Zone,
)
from hybridchat.domain.routing import Candidate
from hybridchat.session import debuglog
from hybridchat.session.debuglog import DebugLog
from hybridchat.session.events import (
    AttemptPriced,
    Delta,
    EngineLoading,
    HealthChanged,
    Notice,
    QueueChanged,
    SessionEvent,
    TurnBegan,
    TurnEnded,
)
from tests.corpus.attempts import ANSWERED

SECRET = "canary-4711"
ATTEMPT = replace(ANSWERED, route_reason=SECRET, ttft_ms=12.5)
USER = Message(1, 1, None, Role.USER, SECRET, "")
REPLY = Message(2, 1, 1, Role.ASSISTANT, SECRET, "", SECRET, state=MessageState.COMPLETE, attempt=ATTEMPT, note=SECRET)
CHAT = Conversation(1, SECRET, "", "", system=SECRET)
TARGET = Candidate(
    backend="lab", kind="vllm", model="tiny", zone=Zone.DEVICE, proof=Proof.VOUCHED, health_detail=SECRET
)
EVENTS: tuple[SessionEvent, ...] = (
    TurnBegan(CHAT, USER, REPLY, TARGET),
    EngineLoading(1, 2, SECRET, 0.5),
    Delta(1, 2, SECRET, False, 12.5),
    Delta(1, 2, SECRET, True),
    TurnEnded(1, REPLY),
    AttemptPriced(ATTEMPT),
    QueueChanged(1, (SECRET,)),
    HealthChanged("lab", Health(HealthState.UNHEALTHY, SECRET)),
    Notice(SECRET, "error"),
)


@pytest.fixture
def log(tmp_path: Path) -> DebugLog:
    return DebugLog(tmp_path / "logs")


def test_every_event_is_content_free(log: DebugLog, tmp_path: Path) -> None:
    for event in EVENTS:
        log.on_event(event)
    log.close()
    written = (tmp_path / "logs" / "debug.log").read_text()
    assert SECRET not in written
    kinds = [line.split()[1] for line in written.splitlines()]
    assert kinds == [
        "TurnBegan",
        "EngineLoading",
        "Delta",
        "TurnEnded",
        "AttemptPriced",
        "HealthChanged",
        "Notice",
    ]
    assert "backend=lab zone=device" in written
    assert "outcome=ok" in written


def test_a_full_disk_is_passed_over(
    log: DebugLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(log._handler, "stream", type("Full", (), {"write": staticmethod(full), "seek": lambda *_: 0})())
        log.on_event(EVENTS[0])
    log.close()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_only_the_user_reads_it_also_after_turning_over(
    log: DebugLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log._handler, "maxBytes", 200)
    for _ in range(20):
        log.on_event(EVENTS[0])
    log.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == [
        "debug.log",
        *(f"debug.log.{i}" for i in range(1, debuglog.KEPT_FILES + 1)),
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert all(0 < file.stat().st_size <= 200 for file in files), "what is kept has an end"
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
