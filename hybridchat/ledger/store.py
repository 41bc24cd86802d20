"""The ledger as the session uses it: writes go to one thread, reads to another; every call answers with a Future.

Nothing here knows asyncio (`asyncio.wrap_future` is the caller's) and nothing imports sqlite-utils on the hot path.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from hybridchat.domain.audit import Departure
from hybridchat.domain.budget import Limit, Standing
from hybridchat.domain.chat import Attempt, Conversation, Message, MessageState
from hybridchat.domain.estimate import History
from hybridchat.domain.stats import Snapshot
from hybridchat.errors import LedgerError
from hybridchat.ledger import departures, files, money, purge, reads, statistics, usage, writes
from hybridchat.ledger import search as full_text
from hybridchat.ledger import snapshot as panel
from hybridchat.ledger.backups import look_after
from hybridchat.ledger.connect import (
    SQLITE_ERRORS,
    DamagedLedger,
    call_readably,
    connect,
    is_damage,
    ledger_error,
    transaction,
)
from hybridchat.ledger.departures import DepartureRow
from hybridchat.ledger.opening import Opened, end_process, open_file
from hybridchat.ledger.records import (
    EVERYTHING,
    AdviceFacts,
    AttemptCost,
    AttemptEnd,
    DepartureFilter,
    Forecast,
    Grouping,
    LedgerStatus,
    NewAttempt,
    NewFork,
    NewTurn,
    SearchHit,
    StatRow,
    TurnIds,
    Unpriced,
    UsageFilter,
)
from hybridchat.ledger.usage import UsageRow
from hybridchat.ledger.worker import Worker
from hybridchat.ledger.writer import BUSY_S, Notify, Trouble, Writer

__all__ = [
    "AdviceFacts",
    "AttemptCost",
    "AttemptEnd",
    "DepartureFilter",
    "DepartureRow",
    "Forecast",
    "Grouping",
    "Ledger",
    "LedgerStatus",
    "NewAttempt",
    "NewFork",
    "NewTurn",
    "SearchHit",
    "StatRow",
    "TurnIds",
    "Unpriced",
    "UsageFilter",
    "UsageRow",
    "open_ledger",
]

T = TypeVar("T")
Call = Callable[[sqlite3.Connection], T]
Begin = Callable[[sqlite3.Connection, NewAttempt], TurnIds]
CARE_AFTER_S = 5.0
CARE_EVERY_S = 3600.0
PAGE_ROWS = 2000


def open_ledger(path: Path | None, on_notice: Notify = lambda text: None) -> Ledger:
    """Opens (creating, migrating, recovering) the ledger; None: in memory.

    Marks the attempts of dead processes as interrupted. A damaged file is kept as `.corrupt-TIME` and the newest backup
    restored, a newer schema is opened read-only, an unusable home gives memory mode; `status.notice` says so.
    Returns at once: the work is done in the writer's thread, and `status` waits for it. `on_notice` gets later troubles
    as one line each, from any thread. Raises LedgerError for a symbolic link.
    """
    if path is not None:
        files.refuse_link(path)
    return Ledger(path, on_notice)


class Ledger:
    """Opened by `open_ledger`. All methods are safe from any thread. Futures raise LedgerError with a remedy.

    A write that waiting can mend (no room on the disk, another window is busy) is kept and tried again. Only those
    that a request waits for give up: what is not on disk must not be sent.
    """

    def __init__(self, path: Path | None, on_notice: Notify) -> None:
        self._notify = on_notice
        self._closing = threading.Event()
        self._writes, self._reads, self._care = (Worker(f"ledger-{name}") for name in ("writes", "reads", "care"))
        self.opened: Future[LedgerStatus] = self._writes.submit(lambda: self._open(path))
        self._care.submit(self._take_care)

    # --- opening and closing

    @property
    def status(self) -> LedgerStatus:
        """Waits until the ledger is open (`opened` is the Future of it). Raises LedgerError if it cannot be opened."""
        return self.opened.result()

    @property
    def path(self) -> Path | None:
        """None in memory. Waits as `status` does."""
        self.opened.result()
        return self._file.path

    def _open(self, path: Path | None) -> LedgerStatus:
        self._file: Opened = open_file(path)
        self._trouble = Trouble(self._file.path, self._notify)
        self._writer = Writer(self._file.connection, self._trouble, self._closing)
        self._reader = self._file.connection
        if self._file.path is not None:
            self._reader = connect(self._file.path, read_only=True)
        self._opened_at = time.monotonic()
        return self._file.status

    def close(self) -> None:
        """After all that was asked for: makes the day's backup if it is due, marks what still runs as interrupted,
        and lets go of the file."""
        self._closing.set()
        self._reads.close()
        self._care.close()
        self._writes.submit(self._end)
        self._writes.close()

    def _end(self) -> None:
        if self.opened.exception() is not None:
            return
        try:
            if self._file.status.mode == "normal":
                with transaction(self._file.connection):
                    end_process(self._file.connection, self._file.process_id)
        finally:  # where even that cannot be written, the next opening marks what was left
            self._reader.close()
            self._file.connection.close()
            if self._file.presence is not None:
                self._file.presence.end()

    def _take_care(self) -> None:
        """Off everybody's path: soon after the start, then now and then, and when closing."""
        pause_s, is_first = CARE_AFTER_S, True
        is_closing = False
        while not is_closing:
            is_closing = self._closing.wait(pause_s)
            if self.opened.exception() is None and self.status.mode == "normal":
                self._look_after(others_died=is_first and self._file.others_died, is_closing=is_closing)
            pause_s, is_first = CARE_EVERY_S, False

    def _look_after(self, *, others_died: bool, is_closing: bool) -> None:
        """What a crash may have broken, the day's backup, what is left to purge; what was deleted here until closing
        can still be undone."""
        try:
            if self._file.path is not None:
                look_after(self._file.path, others_died=others_died)
            self._purge(own=is_closing).result()
        except DamagedLedger:
            self._trouble.damage()
        except LedgerError as error:
            self._notify(str(error))

    @property
    def is_closed(self) -> bool:
        return self._closing.is_set()

    # --- how calls run

    def _write(self, call: Call[T], *, durable: bool = False, is_awaited: bool = False) -> Future[T]:
        """`is_awaited`: a request waits for it, so it fails rather than waits for long."""
        asked_at = time.monotonic()

        def run() -> T:
            self._require_writable()
            busy_until = max(asked_at, self._opened_at) + BUSY_S if is_awaited else None
            return self._writer.commit(call, busy_until=busy_until, durable=durable)

        if is_awaited and self.opened.done() and not self.opened.exception() and self._trouble.is_waiting:
            return self._reads.submit(self._trouble.refuse)
        return self._writes.submit(run)

    def _require_writable(self) -> None:
        if self.status.mode == "read_only":
            raise LedgerError(self.status.notice, "or set HYBRIDCHAT_HOME to another folder")

    def _read(self, call: Call[T]) -> Future[T]:
        def run() -> T:
            if self.status.mode == "memory":  # one connection for all
                return self._writes.submit(lambda: call(self._reader)).result()
            try:
                return call_readably(self._reader, call)
            except SQLITE_ERRORS as error:
                raise self._trouble.damage() if is_damage(error) else ledger_error(error) from error

        return self._reads.submit(run)

    # --- writes

    def begin_turn(self, turn: NewTurn) -> Future[TurnIds]:
        """The user's words are on the disk when it is done. Raises OverBudget, as all that begin an attempt do, when
        the forecast's limits cannot pay it; then nothing is written."""
        return self._begin(
            turn.attempt,
            lambda db, attempt: writes.begin_turn(db, self._file.process_id, replace(turn, attempt=attempt)),
            durable=True,
        )

    def fork(self, new: NewFork) -> Future[int]:
        """The id of the new conversation."""
        return self._write(lambda db: writes.fork(db, new), is_awaited=True)

    def begin_attempt(self, message_id: int, attempt: NewAttempt) -> Future[TurnIds]:
        """A further attempt for the same reply, which streams again."""
        return self._begin(
            attempt, lambda db, attempt: writes.begin_attempt(db, self._file.process_id, message_id, attempt)
        )

    def begin_sibling(self, message_id: int, attempt: NewAttempt) -> Future[TurnIds]:
        """Another reply beside that one."""
        return self._begin(
            attempt, lambda db, attempt: writes.begin_sibling(db, self._file.process_id, message_id, attempt)
        )

    def _begin(self, attempt: NewAttempt, begin: Begin, *, durable: bool = False) -> Future[TurnIds]:
        return self._write(lambda db: begin(db, attempt), durable=durable, is_awaited=True)

    def flush_reply(self, message_id: int, text: str, thinking: str) -> Future[None]:
        return self._write(lambda db: writes.flush_reply(db, message_id, text, thinking))

    def end_attempt(self, end: AttemptEnd) -> Future[None]:
        return self._write(lambda db: writes.end_attempt(db, end))

    def end_reply(self, message_id: int, state: MessageState, note: str) -> Future[None]:
        """Of a reply that waited for a further attempt which does not come."""
        return self._write(lambda db: writes.end_reply(db, message_id, state, note))

    def set_cost(self, cost: AttemptCost) -> Future[None]:
        """Once: history is never repriced. What was reserved for the attempt is free again."""
        return self._write(lambda db: money.set_cost(db, cost))

    def count_off_record(self, attempt: Attempt) -> Future[None]:
        """A usage row of numbers alone, where the user allows that."""
        return self._write(lambda db: writes.count_off_record(db, attempt))

    def update_conversation(self, conversation_id: int, **fields: object) -> Future[None]:
        """Any of writes.CHANGEABLE."""
        unknown = fields.keys() - writes.CHANGEABLE
        if unknown:
            raise TypeError(f"not a field of a conversation: {', '.join(sorted(unknown))}")
        return self._write(lambda db: writes.update_conversation(db, conversation_id, fields))

    def delete_conversation(self, conversation_id: int) -> Future[None]:
        """Marked: out of every list and search, until `restore_conversation` or `purge_deleted`."""
        return self._write(lambda db: writes.delete_conversation(db, self._file.process_id, conversation_id))

    def restore_conversation(self, conversation_id: int) -> Future[None]:
        return self._write(lambda db: writes.restore_conversation(db, conversation_id))

    def purge_deleted(self) -> Future[int]:
        """Text really removed, from backups too; usage rows stay. Returns the number of conversations."""
        return self._purge(own=True)

    def _purge(self, *, own: bool) -> Future[int]:
        def run() -> int:
            self._require_writable()
            file = self._file
            try:
                purged = purge.purge_deleted(file.connection, file.path, file.process_id, own=own)
                is_pending = purge.is_pending(file.connection)
            except SQLITE_ERRORS as error:
                raise self._trouble.damage() if is_damage(error) else ledger_error(error) from error
            if is_pending:
                self._notify("another window reads the ledger: deleted text leaves the file at a later start")
            return purged

        return self._writes.submit(run)

    # --- the audit

    def depart(self, departure: Departure) -> Future[int]:
        """Done once the row is committed; the request waits for it. Survives a kill; a cut of the power may take what
        was written in the last moments."""
        return self._write(lambda db: departures.depart(db, departure), is_awaited=True)

    def sent(self, row: Future[int], body_bytes: int) -> None:
        """Completes the row of an earlier `depart`, which the one writer thread has done by then."""
        self._write(lambda db: departures.set_sent(db, row.result(), body_bytes))

    def departures(self, wanted: DepartureFilter) -> Iterator[DepartureRow]:
        """Rows of the table (columns: departures.DEPARTURE_COLUMNS), oldest first, a page in memory at once; waits."""
        return self._pages(partial(departures.departures_page, wanted=wanted, limit=PAGE_ROWS))

    # --- reads

    def conversations(self, limit: int = 200, before_id: int | None = None) -> Future[list[Conversation]]:
        """Newest activity first; `before_id` is the last one of the page before."""
        return self._read(lambda db: reads.conversations(db, limit, before_id))

    def conversation(self, conversation_id: int) -> Future[Conversation | None]:
        return self._read(lambda db: reads.conversation(db, conversation_id))

    def latest_conversation(self) -> Future[Conversation | None]:
        return self._read(lambda db: next(iter(reads.conversations(db, 1, None)), None))

    def branch(self, conversation_id: int) -> Future[list[Message]]:
        """Root → active leaf, each reply with its last attempt."""
        return self._read(lambda db: reads.branch(db, conversation_id))

    def siblings(self, message_id: int) -> Future[list[Message]]:
        """All that answer, or follow, the same message as that one does, itself included; oldest first."""
        return self._read(lambda db: reads.siblings(db, message_id))

    def answered_again(self, conversation_id: int) -> Future[list[Message]]:
        """All replies to those questions of the conversation that have several, oldest first."""
        return self._read(lambda db: reads.answered_again(db, conversation_id))

    def newest_leaf(self, message_id: int) -> Future[int]:
        """The newest message below that one, or itself."""
        return self._read(lambda db: reads.newest_leaf(db, message_id))

    def tree(self, conversation_id: int) -> Future[list[Message]]:
        """Every message, by id."""
        return self._read(lambda db: reads.tree(db, conversation_id))

    def snapshot(self, conversation_id: int | None, now: str) -> Future[Snapshot]:
        """The panel's numbers as of `now` (ISO 8601), without the counterfactual. Days begin at the user's midnight."""
        return self._read(lambda db: panel.snapshot(db, conversation_id, now))

    def local_usage_today(self, now: str) -> Future[list[Attempt]]:
        """Today's local replies, for the counterfactual."""
        return self._read(lambda db: usage.local_usage_today(db, now))

    def standings(self, limits: Sequence[Limit], conversation_id: int | None, now: str) -> Future[tuple[Standing, ...]]:
        """What counts against each limit as of `now` (ISO 8601)."""
        return self._read(lambda db: money.standings(db, limits, conversation_id, now))

    def unpriced(self, attempt_id: int | None = None) -> Future[list[Unpriced]]:
        """All ended managed attempts that nobody has priced, or that one if it is such."""
        return self._read(lambda db: money.unpriced(db, attempt_id))

    def token_history(self, backend: str, model: str) -> Future[History]:
        """What the newest replies of a model, by the name that it was asked for, really took."""
        return self._read(lambda db: money.token_history(db, backend, model))

    def workload_tokens_30d(self, workload: str | None, now: str) -> Future[int]:
        """None: of all workloads together."""
        return self._read(lambda db: panel.workload_tokens_30d(db, workload, now))

    def search(self, query: str, limit: int = 50) -> Future[list[SearchHit]]:
        """All words must occur; hits in titles first, then the newest messages."""
        return self._read(lambda db: full_text.search(db, query, limit))

    def backends(self) -> Future[list[str]]:
        """The ids of all backends that were ever asked."""
        return self._read(usage.backends)

    def usage_statistics(self, by: Grouping, wanted: UsageFilter = EVERYTHING) -> Future[list[StatRow]]:
        """Futures raise UsageError for a bound that is no time."""
        return self._read(lambda db: statistics.usage_statistics(db, by, wanted))

    def advice_facts(self, now: str) -> Future[AdviceFacts]:
        return self._read(lambda db: statistics.advice_facts(db, now))

    def usage_rows(self, wanted: UsageFilter = EVERYTHING) -> Iterator[UsageRow]:
        """Rows of the view `usage` (columns: usage.USAGE_COLUMNS) by attempt, one page in memory at a time; waits."""
        return self._pages(partial(usage.usage_page, wanted=wanted, limit=PAGE_ROWS))

    def _pages(self, page_after: Callable[..., list[tuple[Any, ...]]]) -> Iterator[tuple[Any, ...]]:
        """The rows of all pages; each row begins with its id."""
        after_id = 0
        while page := self._read(partial(page_after, after_id=after_id)).result():
            yield from page
            if page[-1][0] <= after_id:  # a damaged page can turn the order round, and then there is no end
                raise self._trouble.damage()
            after_id = page[-1][0]
