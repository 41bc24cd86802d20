"""A scripted session in memory: honours the contract of session.chat.Session as far as the screen uses it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from msgspec.structs import replace

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.budget import Limit, Scope, Standing
from hybridchat.domain.chat import Disclosure, Message, MessageState, Privacy, Role
from hybridchat.domain.outline import Node
from hybridchat.domain.routing import Candidate
from hybridchat.errors import Refused, UsageError
from hybridchat.ledger.store import LeftDraft
from hybridchat.session.events import AttemptBegan, BranchShown, Offered, RetryWaits, TurnBegan
from hybridchat.session.history import Said
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.unread import Activity
from hybridchat.session.ways import Way
from tests.tui.fake_backends import FakeBackends
from tests.tui.fake_chats import CLOUD, LAB, NOW, _attempt
from tests.tui.fake_details import FakeReplies
from tests.tui.fake_finding import FakeFinding
from tests.tui.fake_turn import RunningTurn

__all__ = ["CLOUD", "LAB", "NOW", "FakeSession", "_attempt"]


class FakeBudgets:
    """What a test says stands against the limits; what the screen changed."""

    def __init__(self) -> None:
        self.told: tuple[Standing, ...] = ()
        self.set: list[Limit | Scope] = []
        self.unpriced: list[tuple[str, str]] = []
        self.warn = 0.8

    def known(self) -> tuple[Standing, ...]:
        return self.told

    async def standings(self, conversation_id: int | None) -> tuple[Standing, ...]:
        return self.told

    async def set_limit(self, scope: Scope, usd: Decimal | None, backend: str | None = None) -> None:
        self.set.append(scope if usd is None else Limit(scope, usd, backend))

    def allow_unpriced(self, backend: str, model: str) -> None:
        self.unpriced.append((backend, model))


class FakeBranches:
    """One, without any beside it: trees are tried over the real session."""

    async def outline(self, chat: Chat) -> list[Node]:
        return [Node(m.id, m.parent_id, m.role, m.text, m.created_at, m.state) for m in chat.messages]

    async def ensure_shown(self, chat: Chat, message_id: int | None) -> None:
        assert chat.find(message_id or 0) is not None

    async def fork(self, chat: Chat, message_id: int) -> int:
        raise UsageError("there are no forks here", "use the real session")


class FakeUnread:
    """What goes on elsewhere, as a test says; `told` is what the screen said of it."""

    def __init__(self) -> None:
        self.now = Activity()
        self.told: list[tuple[str, int]] = []

    async def look(self) -> Activity:
        return self.now

    def ended(self, conversation_id: int) -> None:
        self.told.append(("ended", conversation_id))

    def seen(self, conversation_id: int) -> None:
        self.told.append(("seen", conversation_id))


class FakeDrafts:
    """What is kept, by conversation; what a window left that is gone."""

    def __init__(self) -> None:
        self.kept: dict[int | None, str] = {}
        self.left: dict[int | None, LeftDraft] = {}

    def keep(self, chat: Chat, text: str, along: tuple[Attachment, ...] = ()) -> None:
        self.kept[chat.id] = text

    def as_close(self, chat: Chat, privacy: Privacy) -> None:
        chat.privacy = privacy

    async def take(self, chat: Chat) -> LeftDraft:
        return self.left.pop(chat.id, LeftDraft("", False))

    async def conversations(self) -> frozenset[int]:
        return frozenset(number for number, text in self.kept.items() if number is not None and text)


class FakeGathering:
    """Nothing that is attached pins a chat: files are tried over the real session."""

    def check_looser(self, chat: Chat, privacy: Privacy, files: Sequence[AttachedFile]) -> None:
        assert not files


class FakeHistory:
    def __init__(self, session: FakeBackends) -> None:
        self._session = session

    async def said(self) -> list[Said]:
        chats = [chat for chat in self._session.kept.values() if chat.conversation is not None]
        messages = [(chat, m) for chat in chats for m in chat.messages if m.role is Role.USER]
        return [_said(chat, message) for chat, message in reversed(messages)]

    async def words(self, said: Said) -> str:
        return said.text


def _said(chat: Chat, message: Message) -> Said:
    assert chat.conversation is not None
    one = chat.conversation
    return Said(message.id, one.id, one.title, one.privacy, message.created_at, message.text)


class FakeSession(FakeBackends):
    """Failures, retries, further answers and budgets, beside the conversations."""

    def __init__(self, candidates: Sequence[Candidate] = (LAB, CLOUD), *, local_only: bool = False) -> None:
        super().__init__(candidates, local_only=local_only)
        self.budgets = FakeBudgets()
        self.finding = FakeFinding(self)
        self.drafts = FakeDrafts()
        self.gathering = FakeGathering()
        self.history = FakeHistory(self)
        self.key_variables = frozenset
        self.branches = FakeBranches()
        self.unread = FakeUnread()
        self.replies = FakeReplies()
        self.answers: dict[int, list[Message]] = {}  # question → all its answers, where it has several

    def finish(self, chat: Chat, state: MessageState = MessageState.COMPLETE, note: str = "") -> Message:
        reply = super().finish(chat, state, note)
        for answers in self.answers.values():
            answers[:] = [reply if answer.id == reply.id else answer for answer in answers]
        return reply

    def wait_to_retry(self, chat: Chat, wait_s: float, reason: str = "openai was overloaded") -> None:
        """The running reply failed before its first token, and is tried again."""
        assert chat.id is not None
        self.emit(RetryWaits(chat.id, chat.messages[-1].id, time.monotonic() + wait_s, reason, 3, 2))

    def fall_back(self, chat: Chat, target: Candidate = LAB) -> None:
        """Another backend answers instead."""
        assert chat.id is not None and chat.turn is not None
        reply = chat.messages[-1]
        attempt = replace(_attempt(reply.id, chat.id, target), route_reason="fallback: openai was overloaded; local")
        chat.messages[-1] = chat.turn.message = replace(reply, attempt=attempt)
        self.emit(AttemptBegan(chat.id, reply.id, target, attempt, True))

    def fail(self, chat: Chat, ways: tuple[Way, ...]) -> None:
        """The running reply fails without a word."""
        self.ways = ways
        reply = self.finish(chat, MessageState.FAILED, "openai is overloaded")
        self.emit(Offered(reply.conversation_id, reply.id, ways))

    def ways_on(self, chat: Chat) -> tuple[Way, ...]:
        return self.ways

    def other_side(self, chat: Chat) -> Plan:
        if chat.privacy is not Privacy.OPEN:
            raise Refused("this conversation is pinned to this device", "ask in an open one")
        if len(chat.messages) < 2:
            raise UsageError("there is no question to answer again", "ask one")
        last = chat.messages[-1].attempt
        side = "managed" if last is not None and last.zone.is_local else "local"
        return self.plan(chat, chat.messages[-2].text, route=side)

    def plan_again(
        self, chat: Chat, message_id: int | None = None, route: str | None = None, model: str | None = None
    ) -> Plan:
        if not chat.messages:
            raise UsageError("there is no question to answer again", "ask one")
        return self.plan(chat, chat.messages[-2].text, route=route, model=model)

    def messages_before(self, chat: Chat, message_id: int | None = None) -> int:
        return len(chat.messages) - 2

    async def delete_branch(self, chat: Chat, message_id: int) -> int | None:
        if chat.id is not None:
            await self.delete(chat.id)
        return None

    async def escalate(self, chat: Chat) -> None:
        target = self.other_side(chat).decision.target
        assert target is not None
        await self.answer_again(chat, route=target.backend, model=target.model)

    async def answer_again(
        self,
        chat: Chat,
        message_id: int | None = None,
        *,
        route: str,
        model: str | None,
        drop_turns: int = 0,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
    ) -> None:
        """A reply with words stays beside the new one."""
        self.ways = ()
        question, before = chat.messages[-2:]
        draft = Draft(question.text, route, model, drop_turns=drop_turns, disclosure=disclosure)
        self.sent.append(draft)
        target = self._target(chat, draft)
        assert chat.conversation is not None
        reply = self._message(chat.conversation.id, Role.ASSISTANT, "", MessageState.STREAMING, target)
        reply = replace(reply, parent_id=question.id)
        if before.text:
            self.answers.setdefault(question.id, [replace(before, parent_id=question.id)]).append(reply)
        chat.show([*chat.messages[:-1], reply])
        chat.turn = cast(Any, RunningTurn(reply))
        self.emit(TurnBegan(chat.conversation, question, reply, target, before.id))

    async def with_siblings(self, chat: Chat) -> list[Message]:
        mine = [answer for answers in self.answers.values() for answer in answers]
        return [answer for answer in mine if answer.conversation_id == chat.id]

    async def show_sibling(self, chat: Chat, message_id: int) -> None:
        answer = next(a for answers in self.answers.values() for a in answers if a.id == message_id)
        chat.show([*chat.messages[:-1], answer])
        assert chat.id is not None
        self.emit(BranchShown(chat.id))

    async def fork_with_summary(
        self,
        chat: Chat,
        backend: str,
        model: str,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
    ) -> Chat:
        self.ways = ()
        fork = self.new(privacy=chat.privacy)
        await self.send(fork, "Summarize our conversation", route=backend, model=model, disclosure=disclosure)
        return fork
