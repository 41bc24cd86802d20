"""Several replies to one question, running at once: each is a turn of its own, and one that fails ends no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from hybridchat.domain.chat import Message, MessageState, Outcome, Privacy
from hybridchat.errors import ErrorKind, HybridchatError
from hybridchat.session.reply import EndedBy
from hybridchat.session.turn import Turn


class RunningSide:
    """`turn` is None while it waits for another one on the same server."""

    def __init__(self, reply: Message, turn: Turn | None) -> None:
        self.reply = reply
        self.turn = turn
        self.ended_by: EndedBy | None = None  # before its turn came

    @property
    def running(self) -> Turn | None:
        """None before and after its turn."""
        return None if self.turn is None or self.turn.ended.done() else self.turn

    @property
    def message(self) -> Message:
        """With what has come so far."""
        if self.running is not None:
            return self.running.message
        return self.reply if self.turn is None else self.turn.ended.result()


class SideBySide:
    """The running comparison of a chat; in place of its turn. The sides of one lane follow each other."""

    def __init__(
        self,
        lanes: Sequence[Sequence[RunningSide]],
        shown: Callable[[], int | None],
        ask: Callable[[RunningSide], Awaitable[Turn]],
        leave: Callable[[RunningSide, MessageState, str], Awaitable[None]],
        on_end: Callable[[Message], None],
    ) -> None:
        """`shown`: whose reply stands in the chat. `ask` begins the turn of a side that waited; it raises
        HybridchatError. `leave` records why one was never asked."""
        self.ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._lanes = lanes
        self.sides = {side.reply.id: side for lane in lanes for side in lane}
        self._shown = shown
        self._ask, self._leave, self._on_end = ask, leave, on_end

    @property
    def message(self) -> Message:
        """The one that the chat shows, with what has come so far."""
        return self.sides.get(self._shown() or 0, next(iter(self.sides.values()))).message

    def start(self) -> None:
        for lane in self._lanes:
            if lane[0].turn is not None:
                lane[0].turn.start()
        self._task = asyncio.create_task(self._run())

    def end(self, outcome: Outcome, note: str = "", error_kind: ErrorKind | None = None) -> None:
        """All that still run or wait."""
        for side in self.sides.values():
            self._end(side, EndedBy(outcome, note, error_kind))

    def end_one(self, message_id: int) -> None:
        """Stopped by the user; the others go on."""
        if message_id in self.sides:
            self._end(self.sides[message_id], EndedBy(Outcome.STOPPED))

    def _end(self, side: RunningSide, by: EndedBy) -> None:
        if side.turn is not None:
            side.turn.end(by.outcome, by.note, by.error_kind)
        elif side.ended_by is None:
            side.ended_by = by

    def obey(self, privacy: Privacy) -> None:
        """Ends what a pin set meanwhile forbids; who waits is looked at when its turn comes."""
        for side in self.sides.values():
            if side.turn is not None:
                side.turn.obey(privacy)

    async def wait(self) -> Message:
        """Until all have ended, and those who listen have heard of it."""
        reply = await asyncio.shield(self.ended)
        await asyncio.sleep(0)
        return reply

    async def _run(self) -> None:
        await asyncio.gather(*(self._run_lane(lane) for lane in self._lanes))
        self.ended.set_result(self.message)

    async def _run_lane(self, lane: Sequence[RunningSide]) -> None:
        for side in lane:
            if side.turn is None:
                await self._begin(side)
            self._on_end(side.reply if side.turn is None else await side.turn.wait())

    async def _begin(self, side: RunningSide) -> None:
        """Its turn has come, unless it was ended before."""
        by = side.ended_by
        if by is not None:
            state = MessageState.INTERRUPTED if by.outcome is Outcome.INTERRUPTED else MessageState.STOPPED
            await self._give_up(side, state, by.note or "stopped before it was asked")
            return
        try:
            turn = await self._ask(side)
        except HybridchatError as error:
            await self._give_up(side, MessageState.FAILED, f"not asked: {error}")
            return
        side.turn = turn
        if side.ended_by is not None:  # while its attempt was on its way to disk
            turn.end(*side.ended_by)
        turn.start()

    async def _give_up(self, side: RunningSide, state: MessageState, why: str) -> None:
        side.reply = replace(side.reply, state=state, note=why)
        await self._leave(side, state, why)
