"""Comparisons of the scripted session: begun by a test, and nothing streams by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybridchat.domain.compare import Compared, Side
from hybridchat.session.compare_plan import ComparePlan, Terms
from hybridchat.session.comparing import Answer
from hybridchat.session.state import Chat, count_turns

if TYPE_CHECKING:
    from tests.tui.fake_chats import FakeChats


class FakeComparing:
    def __init__(self, session: FakeChats) -> None:
        self._session = session
        self.found: list[Compared] = []
        self.shown: list[Answer] = []

    async def remembered(self) -> tuple[Side, ...]:
        return tuple(Side(candidate.backend, candidate.model) for candidate in self._session.backends[:2])

    def plan(self, chat: Chat, sides: Sequence[Side], text: str, terms: Terms) -> ComparePlan:
        plans = [self._session.plan(chat, text, route=side.backend, model=side.model) for side in sides]
        return ComparePlan(tuple(plans), (), count_turns(chat.messages))

    async def of_chat(self, chat: Chat) -> list[Compared]:
        return self.found

    async def answers(self, chat: Chat, compared: Compared) -> list[Answer]:
        return self.shown
