"""What opens, makes, renames and changes conversations."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from hybridchat.config import Config
from hybridchat.domain.chat import Effort, Parameters, Privacy, Reasoning
from hybridchat.domain.privacy import in_words, strictest
from hybridchat.errors import Refused, UsageError
from hybridchat.ledger.times import utc_now
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.fleet import Fleet
from hybridchat.session.floor import Floor
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat
from hybridchat.session.turns import Turns


class Chats:
    """What changes one is in the ledger, and in the chat wherever that is open here."""

    def __init__(
        self, config: Config, ledgers: Ledgers, fleet: Fleet, floor: Floor, turns: Turns, books: Bookkeeper
    ) -> None:
        self._config = config
        self._ledgers = ledgers
        self._fleet = fleet
        self._floor = floor
        self._turns = turns
        self._books = books
        self._shown: Chat | None = None  # the newest one asked for
        self._read: dict[int, tuple[object, Chat]] = {}  # the newest two, with the ledger's version before it was read

    # --- opening and making

    def new(
        self,
        *,
        privacy: Privacy | None = None,
        route: str | None = None,
        model: str | None = None,
        system: str = "",
        off_record: bool = False,
    ) -> Chat:
        """Off the record, it lives in memory only: it ends with this session."""
        born = strictest(privacy or Privacy(self._config.privacy.default), self._floor.privacy)
        route = route or self._config.route.default
        chat = Chat(privacy=born, route=route, model=model, system=system, is_off_record=off_record)
        self._ledgers.of_chat(chat)  # opens it now: the first message shall not wait
        self._books.focus(None)
        self._shown = chat
        return chat

    async def open(self, conversation_id: int) -> Chat:
        """Raises UsageError when there is none of that id."""
        self._books.focus(conversation_id)
        if conversation_id in self._turns.chats:
            self._shown = self._turns.chats[conversation_id]
            return self._shown
        version = await asyncio.wrap_future(self._ledgers.of(conversation_id).version())
        read_at, chat = self._read.pop(conversation_id, (None, None))
        if chat is None or read_at != version:
            chat = await self._as_stored(conversation_id)
        self._read = dict([*list(self._read.items())[-1:], (conversation_id, (version, chat))])
        if chat.workload:
            self._books.count_workloads([chat.workload])
        self._shown = chat
        return chat

    async def _as_stored(self, conversation_id: int) -> Chat:
        ledger = self._ledgers.of(conversation_id)
        conversation = await asyncio.wrap_future(ledger.conversation(conversation_id))
        if conversation is None:
            raise UsageError(f"no conversation {conversation_id}", "`hybridchat list` shows all")
        files = await asyncio.wrap_future(ledger.waiting_files(conversation_id)) if conversation.waiting else {}
        return Chat.of(conversation, await asyncio.wrap_future(ledger.branch(conversation_id)), files)

    async def open_latest(self) -> Chat | None:
        latest = await asyncio.wrap_future(self._ledgers.kept.latest_conversation())
        return await self.open(latest.id) if latest else None

    # --- changing

    async def rename(self, conversation_id: int, title: str) -> None:
        await self._update(conversation_id, title=title)

    async def set_route(self, chat: Chat, route: str, model: str | None = None) -> None:
        """auto, local, managed or a backend's id; forgets what auto had decided."""
        if route not in {"auto", "local", "managed"} and route not in self._fleet.specs:
            raise UsageError(f"no backend {route!r}", f"one of: auto, local, managed, {', '.join(self._fleet.specs)}")
        chat.route, chat.model = route, model
        chat.may_leave = route == "managed" or any(
            not c.is_local for c in self._fleet.candidates(model) if c.backend == route
        )
        await self._change(chat, route=route, model=model, decided_backend=None, decided_model=None)

    async def set_privacy(self, chat: Chat, privacy: Privacy) -> None:
        """Raises Refused below the floor, and for a looser one where there are turns, which `fork` leaves behind."""
        self._floor.check(privacy)
        if self.must_fork(chat, privacy):
            raise Refused(f"what was said {in_words(chat.privacy)} stays so", "go on in a fork, which leaves it behind")
        chat.privacy = privacy
        if chat.turn is not None:
            chat.turn.obey(privacy)
        await self._change(chat, privacy=privacy)

    def must_fork(self, chat: Chat, privacy: Privacy) -> bool:
        """Whether the chat has turns that it would loosen."""
        return (chat.is_sending or bool(chat.messages)) and strictest(chat.privacy, privacy) is not privacy

    async def set_reasoning(self, chat: Chat, reasoning: Reasoning) -> None:
        """An explicit level is the user's word: what auto had decided no longer binds."""
        chat.reasoning = reasoning
        await self._change(chat, reasoning=reasoning, decided_backend=None, decided_model=None)

    async def set_workload(self, chat: Chat, workload: str | None) -> None:
        chat.workload = workload
        if workload:
            self._books.count_workloads([workload])
        await self._change(chat, workload=workload, decided_backend=None, decided_model=None)

    async def set_effort(self, chat: Chat, effort: Effort | None) -> None:
        """How much the models may think, from the next message on; None leaves that to each of them."""
        chat.effort = effort
        await self._change(chat, effort=effort)

    async def set_settings(self, chat: Chat, parameters: Parameters, system: str) -> None:
        """The effort among them; from the next message on. Another system prompt is none that was decided about."""
        changed: dict[str, object] = {}
        if system != chat.system:
            await self._turns.begun(chat)  # what is on its way has the one before
            changed["system_at"] = utc_now()
        if parameters.num_ctx != chat.parameters.num_ctx:
            self._fleet.forget_overflows()
        chat.parameters, chat.effort, chat.system = replace(parameters, effort=None), parameters.effort, system
        await self._change(chat, parameters=chat.parameters, effort=chat.effort, system=system, **changed)

    async def _change(self, chat: Chat, **fields: object) -> None:
        if chat.conversation is not None:
            chat.conversation = replace(chat.conversation, **fields)
            await self._update(chat.conversation.id, **fields)

    async def _update(self, conversation_id: int, **fields: object) -> None:
        await asyncio.wrap_future(self._ledgers.of(conversation_id).update_conversation(conversation_id, **fields))
        for chat in self.open_as(conversation_id):
            assert chat.conversation is not None
            chat.conversation = replace(chat.conversation, **fields)

    def open_as(self, conversation_id: int) -> list[Chat]:
        """The conversation as it is open here: on the screen, running, or both."""
        both = {self._shown, self._turns.chats.get(conversation_id)}
        return [chat for chat in both if chat is not None and chat.id == conversation_id]
