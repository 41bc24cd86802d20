"""What the user may do where a message was not, or cannot be, answered as planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from hybridchat.domain.chat import Disclosure
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import count_of, oldest_turns
from hybridchat.errors import EXIT_FAILED, HybridchatError, Refused

if TYPE_CHECKING:
    from hybridchat.session.state import Plan


class Way(Struct, frozen=True):
    """One way on; nothing of it happens by itself. In `kind`:

    ask: `candidate` answers, and `turns` earlier turns go along.
    drop: it answers, and the `turns` oldest turns are left out.
    summarize: the conversation goes on as a fork that begins with a summary of `turns` turns by it.
    mask: it answers, and gets placeholders for the secrets and personal data that were `found`.
    as_is: it answers, and gets them.
    vouch: it answers, once the user has said that it computes on this machine.
    """

    kind: Literal["ask", "drop", "summarize", "mask", "as_is", "vouch"]
    candidate: Candidate
    turns: int
    found: str = ""
    counts: Mapping[str, int] = {}  # the same, by kind

    @property
    def agreed(self) -> Mapping[str, int] | None:
        """What leaves as it is, if this is chosen: no more than this."""
        return self.counts if self.kind == "as_is" else None

    @property
    def disclosure(self) -> Disclosure | None:
        """The user's word about what was found, if this is one."""
        return {"mask": Disclosure.MASKED, "as_is": Disclosure.AS_IS}.get(self.kind)

    def __str__(self) -> str:
        who = f"{self.candidate.model} on {self.candidate.backend}"
        turns = count_of(self.turns, "earlier turn") if self.turns else "no earlier turns"
        along = f"{turns} {'goes' if self.turns == 1 else 'go'} along"
        match self.kind:
            case "ask":
                return f"ask {who}; {along}"
            case "drop":
                return f"leave out {oldest_turns(self.turns)} and ask {who}"
            case "mask":
                return f"mask {self.found} and ask {who}; {along}"
            case "as_is":
                return f"send {self.found} as it is to {who}; {along}"
            case "vouch":
                return f"vouch for {self.candidate.backend} and ask {who}; {along}"
            case "summarize":
                return f"go on in a fork with a summary of {count_of(self.turns, 'turn')} by {who}"


class Undecided(Refused):
    """A managed backend would get secrets or personal data: the user must say what becomes of them, by a way of `plan`.

    Nothing was sent.
    """

    def __init__(self, message: str, remedy: str, plan: Plan) -> None:
        super().__init__(message, remedy)
        self.plan = plan


class RouteOpen(HybridchatError):
    """No route may answer by itself: the user must choose, by a way of `plan`, or mend a backend. Nothing was sent."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, remedy: str, plan: Plan) -> None:
        super().__init__(message, remedy)
        self.plan = plan
