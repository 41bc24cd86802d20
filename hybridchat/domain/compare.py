"""Several answers to one question, and what the user says of them. No text is in any of it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Message, Zone

FEWEST, MOST = 2, 4  # sides of a comparison


class Side(Struct, frozen=True):
    """Whom to ask; None: the backend's own model."""

    backend: str
    model: str | None = None

    def __str__(self) -> str:
        return f"{self.backend}/{self.model}" if self.model else self.backend


def veiled(message: Message) -> Message:
    """A side of a blind comparison: its words, and nothing that tells who wrote them."""
    return replace(message, attempt=None, model=None, note="", thinking_ms=None)


def parse_side(text: str) -> Side:
    """`lab` or `lab/model`, as it is written."""
    backend, _, model = text.partition("/")
    return Side(backend, model or None)


class Judgement(StrEnum):
    BETTER = "better"  # one of them
    TIE = "tie"
    BOTH_BAD = "both_bad"


class Vote(Struct, frozen=True):
    """`winner` is a position, where one is better. `was_blind`: nothing told which side was which until then."""

    judgement: Judgement
    winner: int | None = None
    was_blind: bool = False
    voted_at: str = ""


class ComparedSide(Struct, frozen=True):
    """One of the answers; `position` counts from 0, left to right as they stood. `was_shared`: another side ran at the
    same time on the same server, so that its timings are not its own."""

    position: int
    message_id: int | None  # None: from another ledger, where its conversation was deleted
    backend: str
    model: str
    zone: Zone
    was_shared: bool = False

    @property
    def letter(self) -> str:
        """What a side is called while it has no name."""
        return "ABCD"[self.position]


class Compared(Struct, frozen=True, kw_only=True):
    """A comparison as the ledger has it. `is_hidden`: its sides have no names until the user has voted, or asks."""

    id: int
    conversation_id: int | None
    question_id: int | None
    started_at: str
    workload: str | None = None
    is_hidden: bool = False
    origin: str = ""  # its name in every other ledger
    sides: tuple[ComparedSide, ...]
    vote: Vote | None = None

    def side_of(self, message_id: int) -> ComparedSide | None:
        return next((side for side in self.sides if side.message_id == message_id), None)


class Pair(Struct, frozen=True):
    """What one vote says of two of its sides; `a` stood further left. `outcome` is a, b, tie or both_bad."""

    a: ComparedSide
    b: ComparedSide
    outcome: str


def pairs_of(compared: Compared) -> Iterator[Pair]:
    """A winner beat each of the others, and nothing is said of those among each other; a tie, or all bad, holds of all
    pairs. The view `votes` says the same."""
    vote = compared.vote
    if vote is None:
        return
    for left in compared.sides:
        for right in compared.sides[left.position + 1 :]:
            if vote.judgement is not Judgement.BETTER:
                yield Pair(left, right, vote.judgement.value)
            elif vote.winner in (left.position, right.position):
                yield Pair(left, right, "a" if vote.winner == left.position else "b")
