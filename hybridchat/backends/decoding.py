"""What the decoders share: JSON texts out of a framer, damaged ones repaired, garbage counted, pieces put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from hybridchat.domain.events import Event, Failed, Finished, Text, Thinking
from hybridchat.errors import ErrorKind
from hybridchat.net.framing import SurrogateJoiner, repair_json

MAX_SKIPPED = 10_000
"""Events of garbage in one stream, after which it is not worth reading on."""

REFUSED = "the model refused"
FILTERED = "a content filter of the provider stopped the reply"

T = TypeVar("T")

OnError = Callable[[bytes], Failed]
"""Reads an error that comes inside a stream: a JSON text `{"error": …}`."""


class Framer(Protocol):
    def feed(self, chunk: bytes) -> list[bytes]: ...
    def end(self) -> list[bytes]: ...


class JsonStreamDecoder(Generic[T]):
    """See `streaming.Decoder`. A protocol says its `shape` and turns one value into events (`_take`)."""

    def __init__(self, framer: Framer, shape: type[T], on_error: OnError) -> None:
        self.understood = False
        self._skipped = 0
        self._ended = False
        self._framer = framer
        self._shape = shape
        self._decode = msgspec.json.Decoder(shape).decode
        self._on_error = on_error
        self._text = SurrogateJoiner()
        self._thinking = SurrogateJoiner()

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        for raw in self._framer.feed(chunk):
            self._read(raw, events)
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        for raw in self._framer.end():
            self._read(raw, events)
        if not self._ended:
            cut = Failed(
                ErrorKind.CUT_SHORT, "the reply was cut short: its end mark is missing", "continue or try again"
            )
            self._flush(events)
            events.append(cut)
        return events

    def _read(self, raw: bytes, events: list[Event]) -> None:
        if self._ended:
            return  # late events change nothing
        try:
            value = self._decode(raw)
        except (msgspec.ValidationError, RecursionError):
            self._skip(events)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._read_damaged(raw, events)
        else:
            self._take(value, events)

    def _read_damaged(self, raw: bytes, events: list[Event]) -> None:
        """msgspec refuses invalid UTF-8 and lone surrogates; the words around them are kept."""
        try:
            value = msgspec.convert(repair_json(raw), self._shape)
        except ValueError:  # msgspec's errors are ValueErrors too
            self._skip(events)
        else:
            self._take(value, events, is_repaired=True)

    def _skip(self, events: list[Event]) -> None:
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:
            what = f"the stream is garbage: {MAX_SKIPPED} events that are no part of the protocol"
            self._close(Failed(ErrorKind.PROTOCOL, what, "check base_url and kind of this backend"), events)

    def _take(self, value: T, events: list[Event], *, is_repaired: bool = False) -> None:
        raise NotImplementedError

    def _pieces(self, thinking: str | None, text: str | None, events: list[Event], *, is_repaired: bool) -> None:
        if thinking:
            if is_repaired or self._thinking.pending:
                thinking = self._thinking.push(thinking)
            if thinking:
                events.append(Thinking(thinking))
        if text:
            if is_repaired or self._text.pending:
                text = self._text.push(text)
            if text:
                events.append(Text(text))

    def _fail(self, error: msgspec.Raw, events: list[Event]) -> None:
        self._close(self._on_error(b'{"error":' + bytes(error) + b"}"), events)

    def _close(self, last: Finished | Failed, events: list[Event]) -> None:
        self._flush(events)
        events.append(last)
        self._ended = self.understood = True

    def _flush(self, events: list[Event]) -> None:
        """Halves of characters whose other half never came."""
        if rest := self._thinking.end():
            events.append(Thinking(rest))
        if rest := self._text.end():
            events.append(Text(rest))


def is_set(raw: msgspec.Raw) -> bool:
    """Whether a field that may hold anything was given, and is not null."""
    return bytes(raw) not in (b"", b"null")
