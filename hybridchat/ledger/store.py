"""The ledger as the session uses it: writes go to one thread, reads to another; every call answers with a Future.

Nothing here knows asyncio (`asyncio.wrap_future` is the caller's) and nothing imports sqlite-utils on the hot path.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from hybridchat.domain.audit import Departure
from hybridchat.domain.chat import Attempt, Conversation, MessageState
from hybridchat.errors import LedgerError
from hybridchat.ledger import activity, branches, departures, details, drafts, files, marks, money, purge, writes
from hybridchat.ledger.backups import look_after
from hybridchat.ledger.comparing import Begin, Comparisons
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
from hybridchat.ledger.questions import Call
from hybridchat.ledger.records import (
    Activity,
    AdviceFacts,
    AttemptCost,
    AttemptDetails,
    AttemptEnd,
    DeletedBranch,
    DepartureFilter,
    Forecast,
    Grouping,
    LedgerStatus,
    LeftDraft,
    NewAttempt,
    NewDraft,
    NewFork,
    NewMarks,
    NewTurn,
    NewWaiting,
    Said,
    SearchHit,
    SentRequest,
    StatRow,
    TurnIds,
    Unpriced,
    UsageFilter,
)
from hybridchat.ledger.usage import UsageRow
from hybridchat.ledger.waiting import change as change_waiting
from hybridchat.ledger.worker import Worker
from hybridchat.ledger.writer import BUSY_S, Notify, Trouble, Writer

if TYPE_CHECKING:
    from hybridchat.domain.imports import ImportedAttempt, ImportedComparison, ImportedConversation
    from hybridchat.ledger.imports import Added

__all__ = [
    "Activity",
    "AdviceFacts",
    "AttemptCost",
    "AttemptDetails",
    "AttemptEnd",
    "DeletedBranch",
    "DepartureFilter",
    "DepartureRow",
    "Forecast",
    "Grouping",
    "Ledger",
    "LedgerStatus",
    "LeftDraft",
    "NewAttempt",
    "NewDraft",
    "NewFork",
    "NewMarks",
    "NewTurn",
    "NewWaiting",
    "Said",
    "SearchHit",
    "SentRequest",
    "StatRow",
    "TurnIds",
    "Unpriced",
    "UsageFilter",
    "UsageRow",
    "open_ledger",
]

T = TypeVar("T")
CARE_AFTER_S = 5.0
CARE_EVERY_S = 3600.0


def open_ledger(path: Path | None, on_notice: Notify = lambda text: None, *, keep_days: int = 0) -> Ledger:
    """Opens (creating, migrating, recovering) the ledger; None: in memory. Conversations that nobody goes on with are
    deleted after `keep_days` (0: never).

    Marks the attempts of dead processes as interrupted. A damaged file is kept as `.corrupt-TIME` and the newest backup
    restored, a newer schema is opened read-only, an unusable home gives memory mode; `status.notice` says so.
    Returns at once: the work is done in the writer's thread, and `status` waits for it. `on_notice` gets later troubles
    as one line each, from any thread. Raises LedgerError for a symbolic link.
    """
    if path is not None:
        files.refuse_link(path)
    return Ledger(path, on_notice, keep_days)


class Ledger(Comparisons):
    """Opened by `open_ledger`. All methods are safe from any thread. Futures raise LedgerError with a remedy.

    A write that waiting can mend (no room on the disk, another window is busy) is kept and tried again. Only those
    that a request waits for give up: what is not on disk must not be sent.
    """

    def __init__(self, path: Path | None, on_notice: Notify, keep_days: int = 0) -> None:
        self._notify = on_notice
        self._keep_days = keep_days
        self._pending = ""  # why deleted text is still there, as it was last told
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
        self._file: Opened = self._open_file(path)
        self._trouble = Trouble(self._file.path, self._notify)
        self._writer = Writer(self._file.connection, self._trouble, self._closing)
        self._reader = self._file.connection
        if self._file.path is not None:
            self._reader = connect(self._file.path, read_only=True)
        if self._file.status.mode == "normal":
            with suppress(*SQLITE_ERRORS):  # care tries it again
                purge.expire(self._file.connection, self._keep_days)
        self._opened_at = time.monotonic()
        return self._file.status

    def _open_file(self, path: Path | None) -> Opened:
        return open_file(path)

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
            (turn.attempt,),
            lambda db, new: writes.begin_turn(db, self._file.process_id, replace(turn, attempt=new[0])),
            durable=True,
        )

    def fork(self, new: NewFork) -> Future[int]:
        """The id of the new conversation."""
        return self._write(lambda db: writes.fork(db, new), is_awaited=True)

    def begin_attempt(self, message_id: int, attempt: NewAttempt) -> Future[TurnIds]:
        """A further attempt for the same reply, which streams again."""
        return self._begin(
            (attempt,), lambda db, new: writes.begin_attempt(db, self._file.process_id, message_id, new[0])
        )

    def begin_sibling(self, message_id: int, attempt: NewAttempt) -> Future[TurnIds]:
        """Another reply beside that one."""
        return self._begin(
            (attempt,), lambda db, new: writes.begin_sibling(db, self._file.process_id, message_id, new[0])
        )

    def _begin(self, attempts: Sequence[NewAttempt], begin: Begin[T], *, durable: bool = False) -> Future[T]:
        return self._write(lambda db: begin(db, attempts), durable=durable, is_awaited=True)

    def flush_reply(self, message_id: int, text: str, thinking: str) -> Future[None]:
        return self._write(lambda db: writes.flush_reply(db, message_id, text, thinking))

    def end_attempt(self, end: AttemptEnd) -> Future[None]:
        return self._write(lambda db: writes.end_attempt(db, end))

    def keep_request(self, attempt_id: int, path: str, body: bytes, placeholders: Mapping[str, str]) -> Future[None]:
        """What an attempt sends, and what the placeholders in it stand for: that is not kept."""
        return self._write(lambda db: details.keep_request(db, attempt_id, path, body, placeholders))

    def end_reply(self, message_id: int, state: MessageState, note: str) -> Future[None]:
        """Of a reply that waited for a further attempt which does not come."""
        return self._write(lambda db: writes.end_reply(db, message_id, state, note))

    def set_cost(self, cost: AttemptCost) -> Future[None]:
        """Once: history is never repriced. What was reserved for the attempt is free again."""
        return self._write(lambda db: money.set_cost(db, cost))

    def count_off_record(self, attempt: Attempt) -> Future[None]:
        """A usage row of numbers alone, where the user allows that."""
        return self._write(lambda db: writes.count_off_record(db, attempt))

    def import_batch(
        self, batch: Sequence[ImportedConversation | ImportedAttempt | ImportedComparison], *, rehearse: bool = False
    ) -> Future[Added]:
        """What of it is not here yet, in one transaction; with `rehearse` that is undone at once."""
        from hybridchat.ledger import imports  # not on the way to the first screen

        return self._write(lambda db: imports.add(db, batch, rehearse=rehearse), is_awaited=True)

    def change_waiting(self, conversation_id: int, gone: Sequence[str], new: Sequence[NewWaiting]) -> Future[None]:
        """Of the messages that wait: those that do no longer, by their words, and those that do from now on."""
        return self._write(lambda db: change_waiting(db, conversation_id, gone, new))

    def update_conversation(self, conversation_id: int, **fields: object) -> Future[None]:
        """Any of writes.CHANGEABLE."""
        unknown = fields.keys() - writes.CHANGEABLE
        if unknown:
            raise TypeError(f"not a field of a conversation: {', '.join(sorted(unknown))}")
        return self._write(lambda db: writes.update_conversation(db, conversation_id, fields))

    def keep_draft(self, conversation_id: int | None, draft: NewDraft) -> Future[None]:
        """What is typed and not sent, of a conversation or of one that has no message yet."""
        return self._write(lambda db: drafts.keep(db, self._file.process_id, conversation_id, draft))

    def take_draft(self, conversation_id: int | None) -> Future[LeftDraft]:
        """What a window left there that is gone: it is this one's from now on."""
        return self._write(lambda db: drafts.take(db, self._file.process_id, conversation_id))

    def mark(self, conversation_id: int, new: NewMarks) -> Future[Conversation]:
        """Tags, a star, the archive; the conversation as it is then."""
        return self._write(lambda db: marks.mark(db, conversation_id, new))

    def delete_conversation(self, conversation_id: int) -> Future[None]:
        """Marked: out of every list and search, until `restore_conversation` or `purge_deleted`."""
        return self._write(lambda db: writes.delete_conversation(db, self._file.process_id, conversation_id))

    def restore_conversation(self, conversation_id: int) -> Future[None]:
        return self._write(lambda db: writes.restore_conversation(db, conversation_id))

    def delete_branch(self, message_id: int) -> Future[DeletedBranch]:
        """A message and what follows it: in no list, search or export, until `restore_branch` or `purge_deleted`.
        Raises UsageError while a reply runs in it, and where nothing else would be left."""

        def delete(db: sqlite3.Connection) -> DeletedBranch:
            running = activity.running(db, self._file.path, self._file.process_id)
            return branches.delete_branch(db, self._file.process_id, message_id, running)

        return self._write(delete)

    def restore_branch(self, deleted: DeletedBranch, leaf_id: int | None) -> Future[int | None]:
        """With `leaf_id`, that one is shown again. Returns the message that the branch follows."""
        return self._write(lambda db: branches.restore_branch(db, deleted.message_ids[0], leaf_id, deleted.title))

    def details(self, message_id: int) -> Future[tuple[AttemptDetails, ...]]:
        """All attempts of a reply, in order."""
        return self._read(lambda db: details.details(db, message_id))

    # --- what goes on in the conversations

    def activity(self) -> Future[Activity]:
        return self._read(lambda db: activity.activity(db, self._file.path, self._file.process_id))

    def reply_ended_unseen(self, conversation_id: int) -> Future[None]:
        return self._write(lambda db: activity.reply_ended_unseen(db, conversation_id))

    def seen(self, conversation_id: int) -> Future[None]:
        return self._write(lambda db: activity.seen(db, conversation_id))

    def purge_deleted(self) -> Future[int]:
        """Text really removed, from backups too; usage rows stay. Returns the number of conversations."""
        return self._purge(own=True)

    def _purge(self, *, own: bool) -> Future[int]:
        def run() -> int:
            self._require_writable()
            file = self._file
            try:
                purged = purge.purge_deleted(
                    file.connection, file.path, file.process_id, own=own, keep_days=self._keep_days
                )
            except SQLITE_ERRORS as error:
                raise self._trouble.damage() if is_damage(error) else ledger_error(error) from error
            except OSError as error:  # of its copies
                raise LedgerError(f"deleted text is still in our files: {error}", "it is tried again") from error
            news = purged._replace(pending="") if purged.pending == self._pending else purged
            self._pending = purged.pending
            for notice in purge.notices(news, self._keep_days):
                self._notify(notice)
            return purged.conversations

        return self._writes.submit(run)

    # --- the audit

    def depart(self, departure: Departure) -> Future[int]:
        """Done once the row is committed; the request waits for it. Survives a kill; a cut of the power may take what
        was written in the last moments."""
        return self._write(lambda db: departures.depart(db, departure), is_awaited=True)

    def sent(self, row: Future[int], body_bytes: int) -> None:
        """Completes the row of an earlier `depart`, which the one writer thread has done by then."""
        self._write(lambda db: departures.set_sent(db, row.result(), body_bytes))
