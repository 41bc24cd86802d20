"""The entries of a JSON document of any size, one in memory at a time, as the bytes that they were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from hybridchat.errors import UsageError

PIECE_BYTES = 1 << 20
MAX_ENTRY_BYTES = 128 << 20
MAX_BETWEEN = 100  # of what is no entry, counted one by one
GIVE = "give an export as it came: conversations.json, or the zip with it"

# All that is no bracket, whole strings among it; it ends before a bracket, or before a string that goes on in what is
# not read yet. Possessive: whatever the bytes are, it is linear.
_PLAIN = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_OPENING, _CLOSING = b"{[", b"}]"
_BETWEEN = b" \t\r\n,"
_BOM = b"\xef\xbb\xbf"


class Truncated(Exception):
    """The document ends in the middle of an entry."""


class Elements:
    """Of the array at the top, or the one object that there is instead. `done_bytes` of the stream were read.

    Raises UsageError for what is no JSON, Truncated at a sudden end. What is between entries and is none comes as an
    entry too: nothing is left out silently.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._name = name
        self._stream = stream
        self._buffer = b""
        self._begin = 0  # of the entry that is read
        self.done_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        top = self._first()
        if top not in b"[{":
            raise UsageError(f"{self._name} is no JSON", GIVE)
        depth_of_entries = 1 if top == b"[" else 0
        depth = at = 0
        while True:
            end = self._matched(at)
            if end == len(self._buffer) or self._buffer[end] == 0x22:  # a quote: the string's end is not here yet
                at = end - self._drop()
                self._read_on()
                continue
            byte = self._buffer[end]
            at = end + 1
            if byte in _OPENING:
                if depth == depth_of_entries:
                    yield from self._between(self._buffer[self._begin : end])
                    self._begin = end
                depth += 1
                if depth == 1 and depth_of_entries == 1:
                    self._begin = at
            else:
                depth -= 1
                if depth == depth_of_entries:
                    yield self._buffer[self._begin : at]
                    self._begin = at
                elif depth < depth_of_entries:
                    yield from self._between(self._buffer[self._begin : end])
                    return
                if depth == 0:
                    return

    def _matched(self, at: int) -> int:
        found = _PLAIN.match(self._buffer, at)
        return found.end() if found else at

    def _between(self, data: bytes) -> Iterator[bytes]:
        for one in data.strip(_BETWEEN).split(b",", MAX_BETWEEN):
            if one.strip(_BETWEEN):
                yield one.strip(_BETWEEN)

    def _first(self) -> bytes:
        """The first byte that says something; stays in the buffer."""
        while piece := self._stream.read(PIECE_BYTES):
            self.done_bytes += len(piece)
            self._buffer = piece.removeprefix(_BOM).lstrip(_BETWEEN)
            if self._buffer:
                return self._buffer[:1]
        raise UsageError(f"{self._name} is empty", GIVE)

    def _drop(self) -> int:
        """Forgets what is before the entry; how much that was."""
        dropped, self._begin = self._begin, 0
        self._buffer = self._buffer[dropped:]
        return dropped

    def _read_on(self) -> None:
        if len(self._buffer) > MAX_ENTRY_BYTES:
            raise Truncated(f"an entry is larger than {MAX_ENTRY_BYTES >> 20} MB; what follows it was not read")
        piece = self._stream.read(max(PIECE_BYTES, len(self._buffer)))  # twice as much each time: linear in all
        if not piece:
            raise Truncated("the file ends in the middle: it is cut off, or was never complete")
        self.done_bytes += len(piece)
        self._buffer += piece
