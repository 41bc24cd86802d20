"""The `--debug` log: what happened and when, never what was said. No texts, no keys, no URLs, only ids and numbers.

Of conversations off the record it holds nothing.
"""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from hybridchat.domain.chat import Message, is_off_record
from hybridchat.session.events import (
    AttemptPriced,
    Delta,
    EngineLoading,
    HealthChanged,
    Notice,
    SessionEvent,
    TurnBegan,
    TurnEnded,
)

MAX_BYTES = 1_000_000
KEPT_FILES = 3


class _PrivateFileHandler(RotatingFileHandler):
    """Its files are readable by the user alone, from their first byte."""

    def _open(self) -> IO[str]:  # type: ignore[override]
        return open(self.baseFilename, self.mode, encoding="utf-8", opener=_private)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not cost a reply, nor write over the screen."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class DebugLog:
    """A session listener that writes one line per event. Raises OSError where the folder cannot be written."""

    def __init__(self, logs_dir: Path) -> None:
        logs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFileHandler(logs_dir / "debug.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES)
        handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%Y-%m-%dT%H:%M:%S"))
        self._handler = handler

    def on_event(self, event: SessionEvent) -> None:
        facts = facts_of(event)
        if facts and not is_off_record(facts.get("message")):
            line = " ".join([type(event).__name__, *(f"{name}={value}" for name, value in facts.items())])
            self._handler.emit(logging.LogRecord("hybridchat", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        self._handler.close()


def facts_of(event: SessionEvent) -> dict[str, Any]:
    """What may be written about an event; empty for those that are only text, and for kinds not listed here."""
    match event:
        case TurnBegan(conversation=conversation, reply=reply, target=target):
            return {
                "conversation": conversation.id,
                "message": reply.id,
                "privacy": conversation.privacy,
                "backend": target.backend,
                "zone": target.zone,
            }
        case Delta(ttft_ms=float(ttft_ms)):
            return {"message": event.message_id, "ttft_ms": round(ttft_ms, 1)}
        case EngineLoading():
            return {"message": event.message_id, "fraction": event.fraction}
        case TurnEnded(reply=reply):
            return {"message": reply.id, "state": reply.state, **_measured(reply)}
        case AttemptPriced(attempt=attempt):
            return {"message": attempt.message_id, "attempt": attempt.attempt_id, "cost_basis": attempt.cost_basis}
        case HealthChanged(backend=backend, health=health):
            return {"backend": backend, "state": health.state, "models": len(health.models)}
        case Notice(severity=severity):
            return {"severity": severity}
    return {}


def _measured(reply: Message) -> dict[str, object]:
    attempt = reply.attempt
    if attempt is None:
        return {}
    names = ("outcome", "error_kind", "ttft_ms", "latency_ms", "load_ms", "prompt_tokens", "completion_tokens")
    return {name: getattr(attempt, name) for name in names}
