"""Several answers to one question: from the other side, beside each other, and which of them is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace

from hybridchat.domain.chat import Disclosure, Message, Parameters, Privacy, Purpose
from hybridchat.domain.privacy import in_words
from hybridchat.errors import Refused, UsageError
from hybridchat.session.events import BranchShown, Emit
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner, again
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.turns import Turns


class Answers:
    """Of chats in which no reply is running."""

    def __init__(self, ledgers: Ledgers, planner: Planner, turns: Turns, emit: Emit) -> None:
        self._ledgers = ledgers
        self._planner = planner
        self._turns = turns
        self._emit = emit

    async def again(
        self,
        chat: Chat,
        *,
        route: str | None = None,
        model: str | None = None,
        parameters: Parameters | None = None,
        purpose: Purpose = Purpose.CHAT,
        drop_turns: int = 0,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
    ) -> None:
        """Asks the last question again. Its answer stays, with the new one beside it; where it has no word, the new one
        takes its place. Raises HybridchatError as `send` does."""
        question = replace(last_question(chat), parameters=parameters or Parameters(), purpose=purpose)
        draft = replace(question, route=route, model=model, drop_turns=drop_turns)
        draft = replace(draft, disclosure=disclosure or draft.disclosure, agreed=agreed)
        await self._turns.answer_again(chat, draft)

    def other_side(self, chat: Chat, disclosure: Disclosure | None = None) -> Plan:
        """What `escalate` would do: the last question to a managed backend, or back to one of the user's own.

        Raises Refused unless the conversation is open.
        """
        if self._planner.privacy(chat) is not Privacy.OPEN:
            raise Refused(f"this conversation is {in_words(self._planner.privacy(chat))}", "ask in an open one")
        question, last = last_question(chat), chat.messages[-1].attempt
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

    async def show_sibling(self, chat: Chat, message_id: int) -> None:
        """The conversation goes on from that message, and from what was said after it."""
        if chat.is_streaming:
            raise UsageError("a reply is running", "stop it, or wait for its end")
        beside = await self.siblings(message_id)
        if chat.id is None or all(message.conversation_id != chat.id for message in beside):
            raise UsageError(f"no message {message_id} in this conversation", "`hybridchat show` prints it")
        ledger = self._ledgers.of_chat(chat)
        leaf = await asyncio.wrap_future(ledger.newest_leaf(message_id))
        await asyncio.wrap_future(ledger.update_conversation(chat.id, active_leaf_id=leaf))
        assert chat.conversation is not None
        chat.conversation = replace(chat.conversation, active_leaf_id=leaf)
        chat.show(await asyncio.wrap_future(ledger.branch(chat.id)))
        self._emit(BranchShown(chat.id))


def last_question(chat: Chat) -> Draft:
    if len(chat.messages) < 2:
        raise UsageError("there is no question to answer again", "ask one")
    return again(chat)
