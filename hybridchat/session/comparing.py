"""One question to several backends at once: planned before, answered side by side, and judged by the user.

Every answer is a turn as any other: planned, guarded, looked through, reserved, recorded.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Message, MessageState, Role
from hybridchat.domain.compare import Compared, ComparedSide, Judgement, Side
from hybridchat.errors import UsageError
from hybridchat.ledger.comparisons import NOT_ASKED, Asked, ComparisonIds, NewComparison, NewSide
from hybridchat.ledger.store import TurnIds
from hybridchat.session.compare_plan import (
    ComparePlan,
    Servers,
    Terms,
    check_sides,
    drafts_of,
    lanes_of,
    not_shortened,
)
from hybridchat.session.events import AttemptBegan, ComparisonBegan, ComparisonEnded, Emit, Judged, TurnEnded
from hybridchat.session.fleet import Fleet
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner
from hybridchat.session.planning import again as last_question
from hybridchat.session.sending import adopt, new_turn, running_attempt, streaming_reply
from hybridchat.session.side_by_side import RunningSide, SideBySide
from hybridchat.session.state import Chat, Draft, count_turns
from hybridchat.session.turn import Turn
from hybridchat.session.turns import Ready, Turns

PLAIN = Terms()


class Answer(Struct, frozen=True):
    """One side with its reply, as far as that has come."""

    side: ComparedSide
    reply: Message | None  # None: a deletion took it
    elapsed_ms: float | None = None  # since its attempt began, while it runs
    ttft_ms: float | None = None


class _Begun(Struct, frozen=True):
    """What the ledger now holds; `instead_of`: the reply that the chat showed there before."""

    compared: Compared
    ready: tuple[Ready, ...]
    replies: tuple[Message, ...]  # of the same sides
    instead_of: int | None
    is_new: bool


class Comparing:
    def __init__(self, ledgers: Ledgers, fleet: Fleet, planner: Planner, turns: Turns, emit: Emit) -> None:
        self._ledgers = ledgers
        self._fleet = fleet
        self._planner = planner
        self._turns = turns
        self._emit = emit
        self._servers = Servers(fleet.specs)

    # --- before sending

    async def remembered(self) -> tuple[Side, ...]:
        """Who stood side by side last, of those that are still configured."""
        sides = await asyncio.wrap_future(self._ledgers.kept.newest_sides())
        return tuple(side for side in sides if side.backend in self._fleet.specs)

    def plan(self, chat: Chat, sides: Sequence[Side], text: str = "", terms: Terms = PLAIN) -> ComparePlan:
        """Of these words, or without any of the chat's last question. Pure and fast. Raises UsageError as `start`."""
        check_sides(sides, self._fleet.specs)
        question = _question(chat, text, terms)
        plans = tuple(self._planner.plan(chat, draft) for draft in drafts_of(question, sides, terms))
        targets = [
            plan.decision.target or self._fleet.candidate(side.backend, side.model or "")
            for plan, side in zip(plans, sides, strict=True)
        ]
        along = chat.messages if question.history is None else question.history
        return ComparePlan(plans, self._servers.sharing(targets), count_turns(along))

    # --- asking

    async def start(self, chat: Chat, sides: Sequence[Side], text: str = "", terms: Terms = PLAIN) -> Compared:
        """Asks all of them these words, or without any the chat's last question; returns when the words are on disk.

        Raises HybridchatError as `send` does, of the first side that must not be asked; then nothing was sent.
        """
        check_sides(sides, self._fleet.specs)
        chat.require_rest()
        order = random.SystemRandom().sample(list(sides), len(sides)) if terms.is_blind else list(sides)
        drafts = drafts_of(_question(chat, text, terms), order, terms)
        if terms.workload and chat.id is None:
            chat.workload = terms.workload
        return await self._run(chat, self._begin(chat, drafts, terms))

    async def again(self, chat: Chat, compared: Compared, positions: Sequence[int], terms: Terms = PLAIN) -> Compared:
        """Those sides once more, such as ones that failed. A reply with words stays beside the new one."""
        chat.require_rest()
        answers = await self.answers(chat, compared)
        asked = [answers[position] for position in positions if answers[position].reply is not None]
        if not asked:
            raise UsageError("there is nothing to ask again", "compare anew")
        sides = [Side(answer.side.backend, answer.side.model) for answer in asked]
        return await self._run(
            chat, self._begin_again(chat, compared, asked, drafts_of(last_question(chat), sides, terms), terms)
        )

    async def _run(self, chat: Chat, begin: Coroutine[None, None, _Begun]) -> Compared:
        begun: list[_Begun] = []

        async def run() -> None:
            try:
                begun.append(await begin)
            finally:
                chat.is_sending = False
            self._start_turns(chat, begun[0])

        await self._turns.begin(chat, run())
        return begun[0].compared

    async def _begin(self, chat: Chat, drafts: Sequence[Draft], terms: Terms) -> _Begun:
        is_new, before = chat.id is None, chat.messages[-1] if drafts[0].history is not None else None
        ready = [await self._turns.prepare(chat, draft) for draft in drafts]
        sides = self._servers.new_sides(ready, one_by_one=terms.one_by_one, is_alone=terms.is_alone)
        turn = new_turn(chat, ready[0].draft, ready[0].plan, sides[0].attempt) if before is None else None
        new = NewComparison(
            sides=sides,
            turn=turn,
            beside_id=before.id if before else 0,
            takes_place=before is not None and not before.has_words,
            workload=ready[0].plan.workload,
            is_hidden=terms.is_blind,
            run=terms.run,
        )
        ledger = self._ledgers.of_chat(chat)
        ids = await asyncio.wrap_future(ledger.begin_comparison(new))
        first = ids.sides[0].turn
        assert first is not None
        if turn is not None:
            await adopt(ledger, chat, turn, first)
        else:
            _show(chat, streaming_reply(sides[0].attempt, first))
        replies = tuple(_reply(side, of.message_id, of.turn, ids) for side, of in zip(sides, ids.sides, strict=True))
        instead_of = before.id if before is not None and before.role is Role.ASSISTANT else None
        return _Begun(_compared(ids, new), tuple(ready), replies, instead_of, is_new)

    async def _begin_again(
        self, chat: Chat, compared: Compared, answers: Sequence[Answer], drafts: Sequence[Draft], terms: Terms
    ) -> _Begun:
        ready = [await self._turns.prepare(chat, draft) for draft in drafts]
        asked, attempts = [], []
        for answer, side in zip(
            answers, self._servers.new_sides(ready, one_by_one=False, is_alone=terms.is_alone), strict=True
        ):
            before = answer.reply
            assert before is not None
            number = 1 if before.has_words or before.attempt is None else before.attempt.attempt_no + 1
            asked.append(Asked(answer.side.position, before.id, before.has_words, side.was_shared))
            attempts.append(replace(side.attempt, attempt_no=number))
        ids = await asyncio.wrap_future(self._ledgers.of_chat(chat).ask_again(compared.id, asked, attempts))
        replies = tuple(
            streaming_reply(attempt, of.turn) for attempt, of in zip(attempts, ids, strict=True) if of.turn is not None
        )
        sides, instead_of = list(compared.sides), None
        for one, reply in zip(asked, replies, strict=True):
            sides[one.position] = replace(sides[one.position], message_id=reply.id, was_shared=one.was_shared)
            if one.message_id == chat.leaf_id:
                instead_of = one.message_id
                _show(chat, reply)
        return _Begun(replace(compared, sides=tuple(sides)), tuple(ready), replies, instead_of, False)

    def _start_turns(self, chat: Chat, begun: _Begun) -> None:
        later = {reply.id: ready for ready, reply in zip(begun.ready, begun.replies, strict=True)}
        running = [
            RunningSide(reply, None if is_waiting(reply) else self._turns.turn(chat, ready, reply))
            for ready, reply in zip(begun.ready, begun.replies, strict=True)
        ]
        servers = [self._servers.of(ready.first.target) for ready in begun.ready]
        lanes = lanes_of(servers, [side.turn is None for side in running])
        side_by_side = chat.turn = SideBySide(
            [[running[at] for at in lane] for lane in lanes],
            lambda: chat.leaf_id,
            partial(self._ask_later, chat, later),
            partial(self._leave, chat),
            partial(self._side_ended, chat, begun.compared),
        )
        assert chat.conversation is not None
        conversation, question = chat.conversation, chat.messages[-2]
        self._emit(ComparisonBegan(conversation, question, begun.replies, begun.compared, begun.instead_of))
        self._turns.began(chat, side_by_side, partial(self._ended, begun.compared), is_new=begun.is_new)

    async def _ask_later(self, chat: Chat, later: Mapping[int, Ready], side: RunningSide) -> Turn:
        ready, message_id = later[side.reply.id], side.reply.id
        attempt = replace(not_shortened(ready.first.attempt), privacy=self._planner.privacy(chat))
        ids = await asyncio.wrap_future(self._ledgers.of_chat(chat).begin_attempt(message_id, attempt))
        reply = streaming_reply(attempt, ids)
        chat.replace(reply)
        began = running_attempt(attempt, ids)
        self._emit(AttemptBegan(ids.conversation_id, message_id, ready.first.target, began, False))
        return self._turns.turn(chat, ready, reply)

    async def _leave(self, chat: Chat, side: RunningSide, state: MessageState, why: str) -> None:
        await asyncio.wrap_future(self._ledgers.of_chat(chat).end_reply(side.reply.id, state, why))

    def _side_ended(self, chat: Chat, compared: Compared, reply: Message) -> None:
        chat.replace(reply)
        self._emit(TurnEnded(reply.conversation_id, reply, compared.is_hidden))

    def _ended(self, compared: Compared, chat: Chat, reply: Message) -> None:
        """What waits behind it goes on when the user says so: first they may want to choose an answer."""
        self._turns.over(chat, reply)
        self._emit(ComparisonEnded(reply.conversation_id, compared.id))

    def stop_one(self, chat: Chat, message_id: int) -> None:
        """The other sides go on."""
        if isinstance(chat.turn, SideBySide):
            chat.turn.end_one(message_id)

    # --- looking and judging

    async def of_chat(self, chat: Chat) -> list[Compared]:
        """All comparisons of the conversation, oldest first."""
        if chat.id is None:
            return []
        return await asyncio.wrap_future(self._ledgers.of_chat(chat).comparisons(chat.id))

    async def hidden(self, chat: Chat) -> frozenset[int]:
        """Answers of blind comparisons that wait for a vote: nothing may tell whose they are."""
        if chat.id is None:
            return frozenset()
        return await asyncio.wrap_future(self._ledgers.of_chat(chat).hidden(chat.id))

    async def of_run(self, name: str) -> dict[int, Compared]:
        """What is there of a run over a file, by the prompt's number."""
        return await asyncio.wrap_future(self._ledgers.kept.compared_in_run(name))

    async def answers(self, chat: Chat, compared: Compared) -> list[Answer]:
        """As they stand, those that run with what has come so far."""
        first = next((side.message_id for side in compared.sides if side.message_id is not None), None)
        beside: list[Message] = []
        if first is not None:
            beside = await asyncio.wrap_future(self._ledgers.of_chat(chat).siblings(first))
        replies = {message.id: message for message in beside}
        running = chat.turn.sides if isinstance(chat.turn, SideBySide) else {}
        return [_answer(side, replies, running.get(side.message_id or 0)) for side in compared.sides]

    async def vote(self, compared: Compared, judgement: Judgement, winner: int | None = None) -> Compared:
        """In place of an earlier one. Raises LedgerError."""
        ledger = self._ledgers.of(compared.conversation_id)
        vote = await asyncio.wrap_future(ledger.vote(compared.id, judgement, winner))
        return self._judged(replace(compared, vote=vote, is_hidden=False))

    async def take_back_vote(self, compared: Compared) -> Compared:
        await asyncio.wrap_future(self._ledgers.of(compared.conversation_id).take_back_vote(compared.id))
        return self._judged(replace(compared, vote=None))

    async def show_names(self, compared: Compared) -> Compared:
        """Without a vote; one that follows is not blind."""
        await asyncio.wrap_future(self._ledgers.of(compared.conversation_id).show_names(compared.id))
        return self._judged(replace(compared, is_hidden=False))

    def _judged(self, compared: Compared) -> Compared:
        self._emit(Judged(compared))
        return compared


def _answer(side: ComparedSide, replies: Mapping[int, Message], running: RunningSide | None) -> Answer:
    if running is None:
        return Answer(side, replies.get(side.message_id or 0))
    turn = running.running
    if turn is None:
        return Answer(side, running.message)
    return Answer(side, running.message, turn.reply.elapsed_ms(), turn.reply.ttft_ms)


def is_waiting(reply: Message) -> bool:
    """For another side on the same server, or it has been killed while it did."""
    return reply.state is MessageState.INTERRUPTED and reply.note == NOT_ASKED


def _question(chat: Chat, text: str, terms: Terms) -> Draft:
    if text.strip() or terms.along:
        return Draft(text)
    if len(chat.messages) < 2:
        raise UsageError("there is no question to compare answers to", "write one")
    return last_question(chat)


def _show(chat: Chat, reply: Message) -> None:
    """As the answer to its question, in place of the one that stood there."""
    assert chat.conversation is not None
    chat.conversation = replace(chat.conversation, updated_at=reply.created_at, active_leaf_id=reply.id)
    chat.show([*chat.up_to(reply.parent_id), reply])


def _reply(side: NewSide, message_id: int, turn: TurnIds | None, ids: ComparisonIds) -> Message:
    if turn is not None:
        return streaming_reply(side.attempt, turn)
    place = (message_id, ids.conversation_id, ids.user_message_id)
    return Message(*place, Role.ASSISTANT, "", ids.started_at, state=MessageState.INTERRUPTED, note=NOT_ASKED)


def _compared(ids: ComparisonIds, new: NewComparison) -> Compared:
    """As the ledger now has it."""
    sides = tuple(
        ComparedSide(at, of.message_id, side.attempt.backend, side.attempt.model, side.attempt.zone, side.was_shared)
        for at, (side, of) in enumerate(zip(new.sides, ids.sides, strict=True))
    )
    return Compared(
        id=ids.comparison_id,
        conversation_id=ids.conversation_id,
        question_id=ids.user_message_id,
        started_at=ids.started_at,
        workload=new.workload,
        is_hidden=new.is_hidden,
        sides=sides,
    )
