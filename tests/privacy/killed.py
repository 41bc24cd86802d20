"""Asks, and kills what asks at a random moment, again and again: `… -m tests.privacy.killed ROUNDS SEED`.

Each round is a fork of this process, which has imported all that a question needs. Prints for each round how many
characters of the reply the ledger had acknowledged when the kill came.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
from concurrent.futures import Future
from functools import partial

from hybridchat.cli import app
from hybridchat.ledger.store import Ledger

LONGEST_S = 0.7  # two flushes and a bit
PATIENCE_S = 20.0


def acknowledging(out: int, flush: object) -> object:
    def flush_reply(ledger: Ledger, message_id: int, text: str, thinking: str) -> Future[None]:
        done: Future[None] = flush(ledger, message_id, text, thinking)  # type: ignore[operator]
        done.add_done_callback(lambda _: os.write(out, f"{len(text)}\n".encode()))
        return done

    return flush_reply


def ask(number: int, told: int) -> None:
    Ledger.flush_reply = acknowledging(told, Ledger.flush_reply)  # type: ignore[method-assign, assignment]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os._exit(app.run(["ask", f"question {number}"]))


def kill_one(number: int, after_s: float) -> int:
    """So long after its start, or after the first words on the disk, by turns; returns the characters that were."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        ask(number, writer)
    os.close(writer)
    if number % 2:
        select.select([reader], [], [], PATIENCE_S)
    select.select([], [], [], after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    told = b"".join(iter(partial(os.read, reader, 1 << 16), b""))
    os.close(reader)
    return max([0, *map(int, told.split(b"\n")[:-1])])


def main() -> None:
    import hybridchat.backends.chat_completions
    import hybridchat.net.http
    import hybridchat.wiring  # noqa: F401 - with the two before it, what every child would import for itself

    rounds, rng = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    for number in range(rounds):
        print(kill_one(number, rng.uniform(0.0, LONGEST_S)), flush=True)


if __name__ == "__main__":
    main()
