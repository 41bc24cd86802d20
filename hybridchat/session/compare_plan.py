"""What a comparison would do, and which of its sides must follow each other so that their timings are their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Disclosure, Kind, Parameters, Purpose, Zone
from hybridchat.domain.compare import FEWEST, MOST, Side
from hybridchat.domain.pricing import CostEstimate
from hybridchat.domain.routing import Candidate, Outlook
from hybridchat.errors import UsageError
from hybridchat.ledger.comparisons import NewSide
from hybridchat.ledger.store import NewAttempt
from hybridchat.session.state import NOTHING, Along, Draft, Plan
from hybridchat.session.turns import Ready


class Terms(Struct, frozen=True, kw_only=True):
    """How a comparison is asked. A blind one is shuffled. `one_by_one`: sides on the same server of the user's follow
    each other; `is_alone`: no other comparison runs beside it. `run`: HASH/NUMBER of a prompt in a file."""

    is_blind: bool = False
    one_by_one: bool = True
    is_alone: bool = True
    parameters: Parameters = Parameters()
    disclosure: Disclosure | None = None
    agreed: Mapping[str, int] | None = None
    along: Along = NOTHING
    workload: str | None = None
    run: str | None = None


class ComparePlan(Struct, frozen=True):
    """The plan of each side, in the order of the sides."""

    plans: tuple[Plan, ...]
    sharing: tuple[str, ...]  # backends of which several sides are one server
    turns: int  # earlier ones, that go along

    @property
    def leaving(self) -> tuple[Candidate, ...]:
        """Who is not the user's own."""
        targets = (plan.decision.target for plan in self.plans)
        return tuple(target for target in targets if target is not None and not target.is_local)

    @property
    def cost(self) -> CostEstimate | None:
        """Of all sides whose price is known; None: of none is it."""
        known = [plan.cost for plan in self.plans if plan.cost is not None]
        if not known:
            return None
        low = sum((cost.low_usd for cost in known), Decimal(0))
        high = sum((cost.high_usd for cost in known), Decimal(0))
        return CostEstimate(low, high, all(cost.with_reply for cost in known), "")

    @property
    def unpriced(self) -> tuple[Candidate, ...]:
        """Of those that are not the user's own, who has no known price, or not yet."""
        targets = ((plan.decision.target, plan.cost) for plan in self.plans)
        return tuple(target for target, cost in targets if target in self.leaving and target and cost is None)

    @property
    def refused(self) -> Plan | None:
        """The first that does not send."""
        return next((plan for plan in self.plans if plan.decision.outlook is not Outlook.SEND), None)


def check_sides(sides: Sequence[Side], known: Mapping[str, BackendSpec]) -> None:
    """Raises UsageError for too few or too many, and for a backend that is not there."""
    if not FEWEST <= len(sides) <= MOST:
        raise UsageError(
            f"a comparison has {FEWEST} to {MOST} sides, not {len(sides)}", "name other backends or models"
        )
    for side in sides:
        if side.backend not in known:
            raise UsageError(f"no backend {side.backend!r}", f"one of: {', '.join(known) or 'none is configured'}")


def drafts_of(question: Draft, sides: Sequence[Side], terms: Terms) -> list[Draft]:
    """One for each side; who is named answers, and nobody else instead."""
    same = replace(
        question,
        purpose=Purpose.COMPARE,
        may_fall_back=False,
        parameters=terms.parameters,
        disclosure=terms.disclosure or question.disclosure,
        agreed=terms.agreed,
        along=question.along + terms.along,
    )
    return [replace(same, route=side.backend, model=side.model) for side in sides]


class Servers:
    """Which sides are computed in the same place."""

    def __init__(self, specs: Mapping[str, BackendSpec]) -> None:
        self._specs = specs

    def of(self, target: Candidate) -> str | None:
        """The server of the user's, by its address; None for rented ones: they have room for all."""
        if not target.is_local:
            return None
        spec = self._specs[target.backend]
        return target.backend if spec.kind is Kind.EMBEDDED else str(spec.address)

    def sharing(self, targets: Sequence[Candidate]) -> tuple[str, ...]:
        """The backends of those that are one server with another of them."""
        servers = [self.of(target) for target in targets]
        counts = Counter(servers)
        return tuple(
            dict.fromkeys(
                t.backend for t, server in zip(targets, servers, strict=True) if server and counts[server] > 1
            )
        )

    def new_sides(self, ready: Sequence[Ready], *, one_by_one: bool, is_alone: bool) -> tuple[NewSide, ...]:
        """In their order, with who waits, and whose timings are not its own."""
        targets = [one.first.target for one in ready]
        servers = [self.of(target) for target in targets]
        sides = []
        for at, one in enumerate(ready):
            waits = one_by_one and servers[at] is not None and servers[at] in servers[:at]
            beside = [
                t
                for other, t in enumerate(targets)
                if other != at and not (one_by_one and servers[other] == servers[at])
            ]
            is_disturbed = any(self._disturbs(t, targets[at]) for t in beside)
            sides.append(
                NewSide(not_shortened(one.first.attempt), is_disturbed or not (is_alone or servers[at] is None), waits)
            )
        return tuple(sides)

    def _disturbs(self, one: Candidate, other: Candidate) -> bool:
        """On the same server, or both on this machine."""
        here = one.zone is Zone.DEVICE and other.zone is Zone.DEVICE and one.is_local and other.is_local
        return here or (self.of(one) is not None and self.of(one) == self.of(other))


def not_shortened(attempt: NewAttempt) -> NewAttempt:
    """No answer is cut shorter than another by a budget: all of them are paid for, or none is asked."""
    hold = attempt.forecast.hold
    if hold is None or not hold.may_lower:
        return attempt
    return replace(attempt, forecast=replace(attempt.forecast, hold=replace(hold, may_lower=False)))


def lanes_of(servers: Sequence[str | None], waits: Sequence[bool]) -> Iterator[list[int]]:
    """Positions by what follows each other: each begins with one that does not wait."""
    for first, is_waiting in enumerate(waits):
        if not is_waiting:
            behind = (at for at in range(first + 1, len(servers)) if waits[at] and servers[at] == servers[first])
            yield [first, *behind]
