"""Several answers to one question: given again, from the other side, side by side; and a question in other words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace

from hybridchat.domain.chat import Disclosure, Message, Parameters, Privacy, Purpose
from hybridchat.domain.privacy import in_words
from hybridchat.errors import Refused, UsageError
from hybridchat.session.branches import Branches
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner, again, reworded
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.turns import Turns


class Answers:
    """Of chats in which no reply is running."""

    def __init__(self, ledgers: Ledgers, planner: Planner, turns: Turns, branches: Branches) -> None:
        self._ledgers = ledgers
        self._planner = planner
        self._turns = turns
        self._branches = branches

    async def again(
        self,
        chat: Chat,
        message_id: int | None = None,
        *,
        route: str | None = None,
        model: str | None = None,
        parameters: Parameters | None = None,
        purpose: Purpose = Purpose.CHAT,
        drop_turns: int = 0,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
    ) -> None:
        """Asks a question again, that one or the one that this reply answers; by default the last. Its answer stays,
        with the new one beside it; where the last has no word, the new one takes its place. Raises HybridchatError as
        `send` does."""
        await self._branches.ensure_shown(chat, message_id)
        question = replace(again(chat, message_id), parameters=parameters or Parameters(), purpose=purpose)
        draft = replace(question, route=route, model=model, drop_turns=drop_turns)
        draft = replace(draft, disclosure=disclosure or draft.disclosure, agreed=agreed)
        await self._turns.branch_off(chat, draft)

    def plan_again(
        self, chat: Chat, message_id: int | None = None, route: str | None = None, model: str | None = None
    ) -> Plan:
        """What `again` would do with that message on the branch that is shown. Raises UsageError where there is no
        question."""
        return self._planner.plan(chat, replace(again(chat, message_id), route=route, model=model))

    def messages_before(self, chat: Chat, message_id: int | None = None) -> int:
        """How many would go along with the question that `again` asks."""
        return len(again(chat, message_id).history or ())

    async def reword(self, chat: Chat, message_id: int, draft: Draft) -> None:
        """Asks a question of the user's in other words: those stand beside it, and the old branch stays. Raises
        HybridchatError as `send` does, also while messages wait."""
        await self._branches.ensure_shown(chat, message_id)
        new = reworded(chat, draft, message_id)
        if new.rewords is None:
            raise UsageError(f"message {message_id} is none of yours", "edit one that you wrote")
        await self._turns.branch_off(chat, new)

    def other_side(self, chat: Chat, disclosure: Disclosure | None = None) -> Plan:
        """What `escalate` would do: the last question to a managed backend, or back to one of the user's own.

        Raises Refused unless the conversation is open.
        """
        if self._planner.privacy(chat) is not Privacy.OPEN:
            raise Refused(f"this conversation is {in_words(self._planner.privacy(chat))}", "ask in an open one")
        question, last = again(chat), chat.messages[-1].attempt
        side = "managed" if last is not None and last.zone.is_local else "local"
        asked = replace(question, route=side, disclosure=disclosure or question.disclosure, may_fall_back=False)
        return self._planner.plan(chat, asked)

    async def escalate(
        self,
        chat: Chat,
        backend: str | None = None,
        model: str | None = None,
        purpose: Purpose = Purpose.CHAT,
        disclosure: Disclosure | None = None,
    ) -> None:
        """The last question to the other side, or to that backend: up to a managed one, or back to the user's own.

        Only on the user's word, and only in an open conversation: Refused otherwise.
        """
        plan = self.other_side(chat, disclosure)
        if backend is None:
            if plan.decision.target is None:
                raise self._planner.refusal(plan)
            backend, model = plan.decision.target.backend, plan.decision.target.model
        await self.again(chat, route=backend, model=model, purpose=purpose, disclosure=disclosure)

    async def siblings(self, message_id: int) -> list[Message]:
        """All messages that follow the one which this message follows, oldest first, each with its last attempt."""
        return await asyncio.wrap_future(self._ledgers.of(message_id).siblings(message_id))

    async def with_siblings(self, chat: Chat) -> list[Message]:
        """All answers to those of the conversation's questions that have several, and all questions that were asked at
        the same place, from two windows; oldest first, each with its last attempt."""
        if chat.id is None:
            return []
        return await asyncio.wrap_future(self._ledgers.of_chat(chat).with_siblings(chat.id))
