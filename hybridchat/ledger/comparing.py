"""What a ledger can do about comparisons. Its code is imported by the first call: a start must not wait for it."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from hybridchat.ledger.opening import Opened
from hybridchat.ledger.questions import Call, Questions
from hybridchat.ledger.records import NewAttempt

if TYPE_CHECKING:
    from hybridchat.domain.compare import Compared, Judgement, Side, Vote
    from hybridchat.ledger.comparisons import Asked, ComparisonIds, NewComparison, SideIds

T = TypeVar("T")
Begin = Callable[[sqlite3.Connection, Sequence[NewAttempt]], T]


class Comparisons(Questions):
    """Of a ledger that says how a call is written, and how attempts begin."""

    _file: Opened

    @abstractmethod
    def _write(self, call: Call[T]) -> Future[T]: ...

    @abstractmethod
    def _begin(self, attempts: Sequence[NewAttempt], begin: Begin[T], *, durable: bool = False) -> Future[T]: ...

    # --- asking

    def begin_comparison(self, new: NewComparison) -> Future[ComparisonIds]:
        """All sides that do not wait, or none: the budgets hold for their sum."""
        from hybridchat.ledger import comparisons

        return self._begin(
            tuple(side.attempt for side in new.sides if not side.waits),
            lambda db, attempts: comparisons.begin(db, self._file.process_id, new, attempts),
            durable=True,
        )

    def ask_again(
        self, comparison_id: int, asked: Sequence[Asked], attempts: Sequence[NewAttempt]
    ) -> Future[tuple[SideIds, ...]]:
        """Sides of a comparison once more, all or none."""
        from hybridchat.ledger import comparisons

        return self._begin(
            attempts, lambda db, new: comparisons.ask_again(db, self._file.process_id, comparison_id, asked, new)
        )

    # --- judging

    def vote(self, comparison_id: int, judgement: Judgement, winner: int | None) -> Future[Vote]:
        """In place of an earlier vote."""
        from hybridchat.ledger import comparisons

        return self._write(lambda db: comparisons.vote(db, comparison_id, judgement, winner))

    def take_back_vote(self, comparison_id: int) -> Future[None]:
        from hybridchat.ledger import comparisons

        return self._write(lambda db: comparisons.take_back(db, comparison_id))

    def show_names(self, comparison_id: int) -> Future[None]:
        """Of a blind comparison without a vote: none on it will be blind."""
        from hybridchat.ledger import comparisons

        return self._write(lambda db: comparisons.show_names(db, comparison_id))

    # --- reading

    def comparisons(self, conversation_id: int) -> Future[list[Compared]]:
        """Of that conversation, oldest first."""
        from hybridchat.ledger import comparisons

        return self._read(lambda db: comparisons.of_conversation(db, conversation_id))

    def hidden(self, conversation_id: int) -> Future[frozenset[int]]:
        """Answers of that conversation's blind comparisons that wait for a vote: nothing may tell whose they are."""
        from hybridchat.ledger import comparisons

        return self._read(lambda db: comparisons.hidden(db, conversation_id))

    def voted(self) -> Future[list[Compared]]:
        """All comparisons that have a vote, oldest first."""
        from hybridchat.ledger import comparisons

        return self._read(comparisons.voted)

    def newest_sides(self) -> Future[tuple[Side, ...]]:
        """Who stood side by side last, as far as it is on record."""
        from hybridchat.ledger import comparisons

        return self._read(comparisons.newest_sides)

    def compared_in_run(self, run: str) -> Future[dict[int, Compared]]:
        """What is there of a run over a file of prompts, by the prompt's number."""
        from hybridchat.ledger import comparisons

        return self._read(lambda db: comparisons.of_run(db, run))
