"""Reads `tests/captures`: what real servers sent, split into status, headers and body."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "captures"


class Capture(NamedTuple):
    head: bytes  # status line and headers, without the empty line
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def as_sent(self) -> bytes:
        """The bytes of the reply, with the body chunked again where it was."""
        if b"transfer-encoding: chunked" not in self.head.lower():
            return self.head + b"\r\n\r\n" + self.body
        return self.head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)


def capture(name: str) -> Capture:
    """`name` is server/what, as in "vllm/chat-stream"."""
    head, _, body = (FOLDER / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    return Capture(head, body)
