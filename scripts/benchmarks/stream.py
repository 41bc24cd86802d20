"""Everything about a reply that streams: the way out, the way to the screen, what it costs, what it delays."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from scripts.benchmarks.measure import Row, cpu_s, median, memory_mb, percentile
from scripts.benchmarks.program import (
    BLINK_FREE_S,
    CTRL_N,
    ENTER,
    first_seen,
    home_for,
    read_until,
    running,
    settle,
    show,
)
from scripts.benchmarks.server import PacedServer
from tests.tui.terminal import Terminal

SENDS = 10
FIRST_SENDS = 5
TOKENS = 600
FAST_TOKENS = 5_000
LONG_TOKENS = 5_000
DRAFT_CHARACTERS = 200_000
KEYS = "abcdefghijklmnopqrstuvwxyz" * 2


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        yield from way_out(server, home)
        yield from way_to_the_screen(server, home)
        yield from two_streams(server, home)
        yield from full_speed(server, home)
        yield from keys_while_streaming(server, home)
        yield from keys_in_a_long_draft(server, home)


def way_out(server: PacedServer, home: Path) -> Iterator[Row]:
    """Enter → request read by the server: the first of several starts, then more in the last of them."""
    first, later = [], []
    for run in range(FIRST_SENDS):
        with running(home) as terminal:
            settle(terminal)
            first.append(send(server, terminal, "hello"))
            for _ in range(SENDS if run == FIRST_SENDS - 1 else 0):
                settle(terminal)
                later.append(send(server, terminal, "hello"))
    yield Row("send → wire, the first one, worst", max(first) * 1000, "ms", 30, len(first))
    yield Row("send → wire, later ones, p95", percentile(later, 0.95) * 1000, "ms", 30, len(later))


def way_to_the_screen(server: PacedServer, home: Path) -> Iterator[Row]:
    with running(home) as terminal:
        settle(terminal)
        send(server, terminal, "hello")  # what loads at the first reply is loaded
        settle(terminal)
        pid, cpu_before, since = terminal.process.pid, cpu_s(terminal.process.pid), len(terminal.chunks)
        begin(server, terminal, TOKENS, 100)
        read_until(terminal, lambda: last_word("w", TOKENS) in server.sent_at)
        settle(terminal)
        cpu = cpu_s(pid) - cpu_before
        lags = lags_s(server, terminal, since, "w", TOKENS)
        yield Row("token → screen at 100/s, p50", median(lags) * 1000, "ms", n=len(lags))
        yield Row("token → screen at 100/s, p95", percentile(lags, 0.95) * 1000, "ms", 50, len(lags))
        yield Row("CPU per token at 100/s", cpu / TOKENS * 1000, "ms", 2.5, TOKENS)
        begin(server, terminal, LONG_TOKENS, 2_000, "l")
        read_until(terminal, lambda: last_word("l", LONG_TOKENS) in server.sent_at)
        settle(terminal)
        yield Row(f"memory after replies of {TOKENS + LONG_TOKENS:,} tokens", memory_mb(pid), "MB", 90)


def two_streams(server: PacedServer, home: Path) -> Iterator[Row]:
    """One reply goes on in a conversation behind, another is watched."""
    with running(home) as terminal:
        settle(terminal)
        begin(server, terminal, TOKENS, 100, "a")
        read_until(terminal, lambda: "a0010" in server.sent_at)
        terminal.type(CTRL_N)
        settle(terminal, BLINK_FREE_S)
        since = len(terminal.chunks)
        begin(server, terminal, TOKENS // 2, 100, "b")
        read_until(terminal, lambda: last_word("b", TOKENS // 2) in server.sent_at)
        settle(terminal)
        lags = lags_s(server, terminal, since, "b", TOKENS // 2)
        yield Row("token → screen, two streams at 100/s each, p95", percentile(lags, 0.95) * 1000, "ms", 50, len(lags))
        begin(server, terminal, TOKENS, 100, "c")
        terminal.type(CTRL_N)
        settle(terminal, BLINK_FREE_S)
        begin(server, terminal, TOKENS, 100, "d")
        read_until(terminal, lambda: "d0050" in server.sent_at)
        lags = key_lags_s(terminal)
        yield Row("a key typed while two streams run shows, p95", percentile(lags, 0.95) * 1000, "ms", 50, len(lags))


def full_speed(server: PacedServer, home: Path) -> Iterator[Row]:
    """The rate until the last word of a 1,000 tokens/s reply was on the screen; 2 % are allowed for the last frame."""
    with running(home) as terminal:
        settle(terminal)
        since = len(terminal.chunks)
        begin(server, terminal, FAST_TOKENS, 1_000, "f")
        last = last_word("f", FAST_TOKENS)
        read_until(terminal, lambda: last in server.sent_at)
        settle(terminal)
        shown_at = first_seen(terminal, since, {last})[last]
        yield Row(
            "keeps up with 1,000 tokens/s: shown",
            FAST_TOKENS / (shown_at - server.sent_at["f0000"]),
            "/s",
            980,
            at_least=True,
        )
        yield Row("keeps up with 1,000 tokens/s: last word behind", (shown_at - server.sent_at[last]) * 1000, "ms")


def keys_while_streaming(server: PacedServer, home: Path) -> Iterator[Row]:
    with running(home) as terminal:
        settle(terminal)
        begin(server, terminal, TOKENS, 100, "k")
        read_until(terminal, lambda: "k0050" in server.sent_at)
        lags = key_lags_s(terminal)
        yield Row("a key typed while streaming shows, p95", percentile(lags, 0.95) * 1000, "ms", 50, len(lags))


def keys_in_a_long_draft(server: PacedServer, home: Path) -> Iterator[Row]:
    """Two replies stream meanwhile. The draft comes in pieces: as one it would be attached."""
    with running(home) as terminal:
        settle(terminal)
        begin(server, terminal, 4 * TOKENS, 100, "m")
        terminal.type(CTRL_N)
        settle(terminal, BLINK_FREE_S)
        begin(server, terminal, 4 * TOKENS, 100, "n")
        read_until(terminal, lambda: "n0010" in server.sent_at)
        sent, piece = 0, f"{'words of a long draft ' * 4}\n" * 8
        while sent < DRAFT_CHARACTERS:
            terminal.type(f"\x1b[200~{piece}\x1b[201~")
            terminal.read(0.01)
            sent += len(piece)
        terminal.wait_until(lambda: stored_draft(home) >= DRAFT_CHARACTERS)
        lags = key_lags_s(terminal)
        yield Row("a key in a 200 KB draft, two streams, p95", percentile(lags, 0.95) * 1000, "ms", 50, len(lags))


def stored_draft(home: Path) -> int:
    """Characters of the longest draft in the ledger."""
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        return int(ledger.execute("SELECT coalesce(max(length(text)), 0) FROM draft").fetchone()[0])


def key_lags_s(terminal: Terminal) -> list[float]:
    """Twelve keys a second; seconds from each to the screen."""
    since, typed_at = len(terminal.chunks), {}
    for number in range(1, len(KEYS) + 1):
        pause = time.monotonic() + 0.083
        typed_at[KEYS[:number]] = time.monotonic()
        terminal.type(KEYS[number - 1])
        read_until(terminal, lambda until=pause: time.monotonic() >= until)  # type: ignore[misc]
    seen = first_seen(terminal, since, set(typed_at))
    return [seen.get(words, float("inf")) - at for words, at in typed_at.items()]


def send(server: PacedServer, terminal: Terminal, words: str) -> float:
    """Types the words, presses Enter; seconds until the server had the request."""
    show(terminal, words)
    before = len(server.arrived_at)
    start = time.monotonic()
    terminal.type(ENTER)
    read_until(terminal, lambda: len(server.arrived_at) > before)
    return server.arrived_at[before] - start


def begin(server: PacedServer, terminal: Terminal, tokens: int, rate: int, tag: str = "w") -> None:
    send(server, terminal, f"tokens={tokens} rate={rate} tag={tag}")


def last_word(tag: str, tokens: int) -> str:
    return f"{tag}{tokens - 1:04d}"


def lags_s(server: PacedServer, terminal: Terminal, since: int, tag: str, tokens: int) -> list[float]:
    """Per word, seconds from the server's write to the screen. A word that never showed is infinitely late."""
    words = {f"{tag}{number:04d}" for number in range(tokens)}
    seen = first_seen(terminal, since, words)
    return [seen.get(word, float("inf")) - server.sent_at[word] for word in sorted(words)]
