"""What is asked of the ledger: each question is answered from the reading connection, in the reads' own thread."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from hybridchat.domain.budget import Limit, Standing
from hybridchat.domain.chat import Attempt, Conversation, Message
from hybridchat.domain.estimate import History
from hybridchat.domain.outline import Node
from hybridchat.domain.search import Query
from hybridchat.domain.stats import Snapshot
from hybridchat.ledger import attachments, departures, drafts, marks, money, reads, said, statistics, usage
from hybridchat.ledger import search as full_text
from hybridchat.ledger import snapshot as panel
from hybridchat.ledger.departures import DepartureRow
from hybridchat.ledger.records import (
    EVERYTHING,
    AdviceFacts,
    DepartureFilter,
    Grouping,
    Said,
    SearchHit,
    StatRow,
    Unpriced,
    UsageFilter,
)
from hybridchat.ledger.usage import UsageRow
from hybridchat.ledger.writer import Trouble

T = TypeVar("T")
Call = Callable[[sqlite3.Connection], T]
PAGE_ROWS = 2000


class Questions(ABC):
    """Of a ledger that says how a call runs, and what its trouble is."""

    _trouble: Trouble

    @abstractmethod
    def _read(self, call: Call[T]) -> Future[T]:
        """Raises LedgerError from the Future."""

    def conversations(
        self, limit: int = 200, before_id: int | None = None, *, with_archived: bool = True
    ) -> Future[list[Conversation]]:
        """Newest activity first; `before_id` is the last one of the page before."""
        return self._read(lambda db: reads.conversations(db, limit, before_id, with_archived=with_archived))

    def conversation(self, conversation_id: int) -> Future[Conversation | None]:
        return self._read(lambda db: reads.conversation(db, conversation_id))

    def latest_conversation(self) -> Future[Conversation | None]:
        """Of those that are not archived."""
        return self._read(lambda db: next(iter(reads.conversations(db, 1, None, with_archived=False)), None))

    def branch(self, conversation_id: int) -> Future[list[Message]]:
        """Root → active leaf, each reply with its last attempt."""
        return self._read(lambda db: reads.branch(db, conversation_id))

    def version(self) -> Future[tuple[int, int]]:
        """Another one as soon as anything at all has been written, here or by another program; quick."""
        return self._read(reads.version)

    def path_to(self, message_id: int) -> Future[list[Message]]:
        """Root → that message, each reply with its last attempt."""
        return self._read(lambda db: reads.path_to(db, message_id))

    def outline(self, conversation_id: int) -> Future[list[Node]]:
        """Every message of all branches in short, by id."""
        return self._read(lambda db: reads.outline(db, conversation_id))

    def siblings(self, message_id: int) -> Future[list[Message]]:
        """All that answer, or follow, the same message as that one does, itself included; oldest first."""
        return self._read(lambda db: reads.siblings(db, message_id))

    def with_siblings(self, conversation_id: int) -> Future[list[Message]]:
        """All messages that have others beside them, oldest first."""
        return self._read(lambda db: reads.with_siblings(db, conversation_id))

    def below(self, conversation_id: int, message_id: int) -> Future[list[int]]:
        """That message and all that follow it, by id; none where it is not in the conversation."""
        return self._read(lambda db: reads.below(db, conversation_id, message_id))

    def tree(self, conversation_id: int) -> Future[list[Message]]:
        """Every message, by id."""
        return self._read(lambda db: reads.tree(db, conversation_id))

    def contents(self, digests: Collection[str]) -> Future[dict[str, bytes]]:
        """Of attachments, by digest; without those that are not here."""
        return self._read(lambda db: attachments.contents(db, digests))

    def waiting_files(self, conversation_id: int) -> Future[attachments.Files]:
        """Of the messages that wait to be sent, by their place among them."""
        return self._read(lambda db: attachments.waiting(db, conversation_id))

    def ledger_uuid(self) -> Future[str]:
        return self._read(reads.ledger_uuid)

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

    def search(self, query: Query, limit: int = 50) -> Future[list[SearchHit]]:
        """Hits in titles first, then the newest messages; without words, what the filters name."""
        return self._read(lambda db: full_text.search(db, query, limit))

    def said(self, limit: int) -> Future[list[Said]]:
        """What the user has sent, the newest first and each text once."""
        return self._read(lambda db: said.newest(db, limit))

    def text_of(self, message_id: int) -> Future[str]:
        """ "" where it is gone."""
        return self._read(lambda db: said.text_of(db, message_id))

    def with_drafts(self) -> Future[frozenset[int]]:
        """The conversations in which something is typed and not sent."""
        return self._read(drafts.conversations)

    def filter_values(self) -> Future[dict[str, tuple[str, ...]]]:
        """What the filters of a search can name: by a filter's name."""
        return self._read(marks.filter_values)

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

    def departures(self, wanted: DepartureFilter) -> Iterator[DepartureRow]:
        """Rows of the table (columns: departures.DEPARTURE_COLUMNS), oldest first, a page in memory at once; waits."""
        return self._pages(partial(departures.departures_page, wanted=wanted, limit=PAGE_ROWS))

    def _pages(self, page_after: Callable[..., list[tuple[Any, ...]]]) -> Iterator[tuple[Any, ...]]:
        """The rows of all pages; each row begins with its id."""
        after_id = 0
        while page := self._read(partial(page_after, after_id=after_id)).result():
            yield from page
            if page[-1][0] <= after_id:  # a damaged page can turn the order round, and then there is no end
                raise self._trouble.damage()
            after_id = page[-1][0]
