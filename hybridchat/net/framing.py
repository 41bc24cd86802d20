"""Lines, SSE and NDJSON on bytes, however the network cuts them.

Lines end at `\\n`, `\\r\\n` or `\\r` alone and nowhere else: U+2028, U+0085 and vertical tabs inside JSON stay.
"""

from __future__ import annotations

import json
from typing import Any

from hybridchat.errors import BackendError, ErrorKind

MAX_LINE_BYTES = 8 << 20

_LINE_ENDS = b"\r\n"
_BOM = b"\xef\xbb\xbf"


class LineSplitter:
    """Bytes in, whole lines out, without their ends. Raises BackendError(TOO_LARGE) for a line over the cap."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._tail = bytearray()
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF whose CR has already ended its line
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()  # of bytes: \n, \r\n and \r only
        rest = b"" if chunk[-1] in _LINE_ENDS else lines.pop()
        if lines and self._tail:
            lines[0] = bytes(self._tail + lines[0])
            self._tail.clear()
        self._tail += rest
        if len(self._tail) > self._max_line_bytes or any(len(line) > self._max_line_bytes for line in lines):
            raise too_large("a line of the reply", self._max_line_bytes)
        return lines

    def end(self) -> list[bytes]:
        """A last line that nothing ended."""
        rest = [bytes(self._tail)] if self._tail else []
        self._tail.clear()
        return rest


class NdjsonFramer:
    """One JSON text per line; empty lines are nothing."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineSplitter(max_line_bytes)

    def feed(self, chunk: bytes) -> list[bytes]:
        return [line for line in self._lines.feed(chunk) if line.strip()]

    def end(self) -> list[bytes]:
        return [line for line in self._lines.end() if line.strip()]


class SseFramer:
    """The data of server-sent events. Comments, other fields and events without data are dropped.

    An event that the end of the stream cuts off is handed out too: some servers leave out the last empty line. So is
    a JSON text without any framing, as Google writes an error into a stream that runs.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineSplitter(max_line_bytes)
        self._max_event_bytes = max_line_bytes
        self._data: list[bytes] = []
        self._size = 0
        self._at_start = True
        self._is_bare = False  # what is collected came without framing

    def feed(self, chunk: bytes) -> list[bytes]:
        return self._events(self._lines.feed(chunk))

    def end(self) -> list[bytes]:
        return self._events([*self._lines.end(), b""])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if self._at_start:
                line = line.removeprefix(_BOM)
                self._at_start = False
            field, _, value = line.partition(b":")
            is_data = field == b"data"
            if self._data and (not line or (is_data and self._is_bare)):
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
                self._size = 0
                self._is_bare = False
            if is_data:
                self._add(value.removeprefix(b" "))
            elif self._is_bare or line.startswith(b"{"):
                self._is_bare = True
                self._add(line)
        return events

    def _add(self, part: bytes) -> None:
        self._size += len(part) + 1
        if self._size > self._max_event_bytes:
            raise too_large("an event of the reply", self._max_event_bytes)
        self._data.append(part)


def too_large(what: str, limit_bytes: int) -> BackendError:
    return BackendError(
        ErrorKind.TOO_LARGE,
        f"{what} is over {limit_bytes >> 20} MB",
        "this is not a chat server's answer; check the backend's address",
    )


def repair_json(raw: bytes) -> Any:
    """A JSON text with invalid UTF-8 or lone surrogates, as Python objects; the surrogates stay for `SurrogateJoiner`.

    Raises ValueError for what is no JSON even so.
    """
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class SurrogateJoiner:
    """Text pieces in, valid Unicode out: the halves of one character, split over two JSON texts, are rejoined."""

    def __init__(self) -> None:
        self.pending = ""

    def push(self, text: str) -> str:
        text = self.pending + text
        self.pending = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self.pending, text = text[-1], text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def end(self) -> str:
        rest = "\ufffd" if self.pending else ""
        self.pending = ""
        return rest
