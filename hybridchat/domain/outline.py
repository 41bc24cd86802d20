"""A conversation's tree in short, and how it is drawn: a row for a message, the branch that is shown one straight line.

A side branch is drawn where it leaves, further to the right; in it the newest message of each place goes straight on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import MessageState, Role, Zone

DEEPEST = 12
"""Side branches of side branches that are drawn further to the right; a row has only so many cells."""


SPEAKERS = {Role.USER: "you", Role.ASSISTANT: "reply", Role.SYSTEM: "system"}


class Node(Struct, frozen=True):
    """One message in short: how it begins, who wrote it, what it cost. Unknown is None."""

    id: int
    parent_id: int | None
    role: Role
    text: str
    created_at: str  # UTC ISO 8601
    state: MessageState = MessageState.COMPLETE
    backend: str | None = None
    model: str | None = None
    zone: Zone | None = None
    cost_usd: float | None = None


class TreeRow(Struct, frozen=True):
    """`depth`: side branches of side branches; `is_side`: one begins here. `place` of `beside`: which of how many that
    follow the same message."""

    node: Node
    depth: int
    is_side: bool
    is_shown: bool
    place: int
    beside: int

    @property
    def lines(self) -> str:
        """What is drawn left of it: `│ ├─` where a side branch begins, `│ │ ` within it."""
        drawn = min(self.depth, DEEPEST)
        return f"{'│ ' * (drawn - 1)}├─" if self.is_side else "│ " * drawn


def veiled(nodes: Sequence[Node], hidden: Collection[int]) -> list[Node]:
    """Of those, the sides of a blind comparison, by their words alone."""
    bare = {"backend": None, "model": None, "zone": None, "cost_usd": None}
    return [replace(node, **bare) if node.id in hidden else node for node in nodes]


def rows(nodes: Sequence[Node], shown: Collection[int]) -> list[TreeRow]:
    """From the root down; `nodes` by id, `shown` are the ids of the branch that is on the screen."""
    here, known = set(shown), {node.id for node in nodes}
    following: dict[int | None, list[Node]] = defaultdict(list)
    for node in nodes:
        following[node.parent_id if node.parent_id in known else None].append(node)
    return list(_drawn(following, here))


def _drawn(following: dict[int | None, list[Node]], shown: Collection[int]) -> Iterator[TreeRow]:
    """Without recursion: a conversation may be thousands of messages deep."""
    waiting = _ahead(following[None], shown, 0)
    while waiting:
        node, depth, is_side, place, beside = waiting.pop()
        yield TreeRow(node, depth, is_side, node.id in shown, place, beside)
        waiting += _ahead(following[node.id], shown, depth)


_Waiting = tuple[Node, int, bool, int, int]


def _ahead(beside: Sequence[Node], shown: Collection[int], depth: int) -> list[_Waiting]:
    """The next ones, the first to be drawn last: side branches in their order, then what goes straight on."""
    if not beside:
        return []
    straight = next((node for node in beside if node.id in shown), beside[-1])
    numbered = [(node, place, len(beside)) for place, node in enumerate(beside, 1)]
    sides = [(node, depth + 1, True, place, count) for node, place, count in numbered if node is not straight]
    on = [(node, depth, False, place, count) for node, place, count in numbered if node is straight]
    return [*on, *reversed(sides)]


def branch_count(nodes: Sequence[Node]) -> int:
    """How many ends there are."""
    parents = {node.parent_id for node in nodes}
    return sum(node.id not in parents for node in nodes)
