"""A turn as the command line shows it: text while it streams, or one JSON object at the end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from hybridchat.cli import output
from hybridchat.domain.chat import Attempt, Message
from hybridchat.domain.text import clean
from hybridchat.session.events import AttemptPriced, Delta, EngineLoading, Notice, SessionEvent

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
    """Listens to a session. Made on the event loop; `reader_gone` resolves when nobody reads standard output."""

    def __init__(self, *, as_json: bool, show_thinking: bool) -> None:
        self.reader_gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.priced: Attempt | None = None
        self._as_json = as_json
        self._show_thinking = show_thinking
        self._last = "\n"

    def on_event(self, event: SessionEvent) -> None:
        match event:
            case Delta(is_thinking=True):
                if self._show_thinking:
                    sys.stderr.write(clean(event.text))
                    sys.stderr.flush()
            case Delta() if not self._as_json:
                self._print(event.text)
            case EngineLoading():
                if sys.stderr.isatty():
                    output.note(event.detail)
            case Notice():
                output.note(event.text)
            case AttemptPriced():
                self.priced = event.attempt

    def _print(self, text: str) -> None:
        if self.reader_gone.done() or not text:
            return
        try:
            output.write(text)
        except BrokenPipeError:
            self.reader_gone.set_result(None)
        self._last = text[-1]

    def end_line(self) -> None:
        if self._last != "\n":
            self._print("\n")


def as_contract(reply: Message, attempt: Attempt | None, reasons: Sequence[str]) -> dict[str, object]:
    """The object of `ask --json`; unknown is None."""
    return {
        "text": reply.text,
        **{name: getattr(attempt, name, None) for name in ("backend", "model", "zone", "proof")},
        "route": list(reasons),
        **{name: getattr(attempt, name, None) for name in MEASURED},
        "conversation_id": reply.conversation_id,
    }
