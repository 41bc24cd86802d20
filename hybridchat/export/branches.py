"""A conversation's tree in the order in which it is read: the branch that is shown, then each other from where it
leaves, those of a branch right behind it. In them the newest message of each place goes straight on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from hybridchat.domain.chat import Message


class Branch(NamedTuple):
    after: Message | None  # where it leaves; None: at the beginning
    messages: list[Message]


class Tree:
    """`branches` in order. Of one branch alone there is one."""

    def __init__(self, messages: Sequence[Message], leaf_id: int | None) -> None:
        """`messages` by id; the branch that is shown ends at `leaf_id`."""
        known = {message.id: message for message in messages}
        self._following: dict[int | None, list[Message]] = defaultdict(list)
        for message in messages:
            self._following[message.parent_id if message.parent_id in known else None].append(message)
        self._shown: set[int | None] = set()
        at = known.get(leaf_id or 0)
        while at is not None and at.id not in self._shown:
            self._shown.add(at.id)
            at = known.get(at.parent_id or 0)
        self.branches = self._ordered()

    def beside(self, message: Message) -> list[Message]:
        """All that follow the same one, itself among them."""
        return self._following.get(message.parent_id) or self._following[None]

    def _ordered(self) -> list[Branch]:
        """Without recursion: a conversation may have thousands of branches."""
        found: list[Branch] = []
        starts = [Branch(None, [one]) for one in self._first(None)]
        waiting = starts[::-1]
        while waiting:
            branch = waiting.pop()
            sides: list[Branch] = []
            while following := self._first(branch.messages[-1].id):
                sides += (Branch(branch.messages[-1], [one]) for one in following[1:])
                branch.messages.append(following[0])
            found.append(branch)
            waiting += reversed(sides)
        return found

    def _first(self, parent_id: int | None) -> list[Message]:
        """What follows, the one that goes straight on first."""
        beside = self._following.get(parent_id, [])
        if not beside:
            return []
        straight = next((one for one in beside if one.id in self._shown), beside[-1])
        return [straight, *(one for one in beside if one is not straight)]
