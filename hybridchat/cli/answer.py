"""A turn as the command line shows it: text while it streams, or one JSON object at the end."""

from __future__ import annotations

import asyncio
import math
import sys
import time

from hybridchat.cli import output
from hybridchat.domain.chat import Attempt, Message, is_off_record
from hybridchat.domain.text import clean
from hybridchat.session.events import (
    AttemptBegan,
    AttemptPriced,
    Delta,
    EngineLoading,
    Notice,
    Offered,
    RetryWaits,
    SessionEvent,
    TurnBegan,
)
from hybridchat.session.ways import Way

MEASURED = (
    "ttft_ms",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "tokens_per_s",
    "cost_usd",
    "cost_basis",
    "finish_reason",
)


class Printer:
    """Listens to a session. Made on the event loop; `gone` resolves, with why, when standard output takes no more:
    its reader has gone, or its disk is full."""

    def __init__(self, *, as_json: bool, show_thinking: bool) -> None:
        self.gone: asyncio.Future[OSError] = asyncio.get_running_loop().create_future()
        self.ways: tuple[Way, ...] = ()  # after a failure
        self._priced: dict[int, Attempt] = {}
        self.shows_text = not as_json
        self._show_thinking = show_thinking
        self._last = "\n"

    def on_event(self, event: SessionEvent) -> None:
        match event:
            case Delta(is_thinking=True):
                if self._show_thinking:
                    output.talk(clean(event.text))
            case Delta() if self.shows_text:
                self._print(event.text)
            case EngineLoading():
                if sys.stderr.isatty():
                    output.note(event.detail)
            case Notice():
                output.note(event.text)
            case TurnBegan():
                self.ways = ()
                if event.budget:
                    output.note(event.budget)
            case RetryWaits():
                wait_s = max(1, math.ceil(event.until_monotonic - time.monotonic()))
                output.note(f"{event.reason}: retry {event.retry_no} in {wait_s} s; Ctrl+C stops")
            case AttemptBegan(is_fallback=True):
                output.note(f"{event.target.backend} is asked instead")
            case Offered():
                self.ways = event.ways
            case AttemptPriced():
                self._priced[event.attempt.attempt_id] = event.attempt

    def priced(self, reply: Message) -> Attempt | None:
        """The reply's attempt, with its cost where that came in."""
        return self._priced.get(reply.attempt.attempt_id, reply.attempt) if reply.attempt else None

    def _print(self, text: str) -> None:
        if self.gone.done() or not text:
            return
        try:
            output.write(text)
        except OSError as error:
            self.gone.set_result(error)
        self._last = text[-1]

    def end_line(self) -> None:
        if self._last != "\n":
            self._print("\n")


def as_contract(reply: Message, attempt: Attempt | None) -> dict[str, object]:
    """The object of `ask --json`; unknown is None."""
    reasons = attempt.route_reason.split("; ") if attempt else []
    return {
        "text": reply.text,
        **{name: getattr(attempt, name, None) for name in ("backend", "model", "zone", "proof")},
        "route": reasons,
        **{name: getattr(attempt, name, None) for name in MEASURED},
        "conversation_id": None if is_off_record(reply.conversation_id) else reply.conversation_id,
    }
