"""The session: open conversations, their routes, their running turns. The screen and the command line hold one each."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from hybridchat.domain.chat import Conversation, Health, Message, Parameters, Privacy, Purpose, Reasoning
from hybridchat.domain.routing import Candidate, Decision
from hybridchat.session.events import SessionEvent


class Plan(Struct, frozen=True):
    """What Enter will do with a draft, as the line over the composer shows it."""

    decision: Decision
    prompt_tokens: int | None  # estimate of draft + history
    estimated_cost_usd: float | None  # of the prompt alone; None without a known price
    price_source: str = ""


class Chat:
    """One conversation as it is open here. Made by Session.new or Session.open; its fields are read-only for callers."""

    conversation: Conversation | None  # None until the first message is sent
    messages: list[Message]  # root → leaf of the active branch, streaming reply included
    privacy: Privacy
    route: str
    model: str | None
    system: str
    reasoning: Reasoning
    workload: str | None
    queue: list[str]
    is_streaming: bool


class Session:
    """All methods run on the event loop's thread; those that touch disk or network are coroutines."""

    ledger_notice: str  # "" or why the ledger is read-only or in memory

    # --- life
    async def start(self) -> None:
        """Loads the heavy imports in a thread, dials each backend once for its health, takes the first snapshot."""

    async def close(self) -> None:
        """Stops running turns (their text is kept), purges what was deleted, closes clients and the ledger."""

    def listen(self, listener: Callable[[SessionEvent], None]) -> None: ...

    # --- conversations
    def new(self, *, privacy: Privacy | None = None, route: str | None = None, model: str | None = None) -> Chat: ...
    async def open(self, conversation_id: int) -> Chat: ...
    async def open_latest(self) -> Chat | None: ...
    async def conversations(self, limit: int = 200) -> list[Conversation]: ...
    async def rename(self, conversation_id: int, title: str) -> None: ...
    async def delete(self, conversation_id: int) -> None: ...
    async def undo_delete(self) -> int | None: ...
    async def set_route(self, chat: Chat, route: str, model: str | None = None) -> None: ...
    async def set_privacy(self, chat: Chat, privacy: Privacy) -> None:
        """Raises Refused when it would loosen a conversation that has turns."""

    async def set_reasoning(self, chat: Chat, reasoning: Reasoning) -> None: ...
    async def set_workload(self, chat: Chat, workload: str | None) -> None: ...

    # --- turns
    def plan(self, chat: Chat, draft: str, *, route: str | None = None, model: str | None = None) -> Plan:
        """Pure and fast (no I/O): what sending this draft now would do. `route`/`model` override for one message."""
        raise NotImplementedError

    async def send(
        self,
        chat: Chat,
        text: str,
        *,
        route: str | None = None,
        model: str | None = None,
        parameters: Parameters = Parameters(),
        purpose: Purpose = Purpose.CHAT,
    ) -> None:
        """Queues behind a running reply, else sends; returns when the words are on disk (or queued).

        Raises Refused (policy, or the route must be chosen) or UsageError (nothing configured, empty text); then nothing was sent.
        """

    async def stop(self, chat: Chat) -> None:
        """Ends the running reply and keeps what came; returns once that is on disk."""

    def unqueue(self, chat: Chat, index: int = -1) -> str: ...

    async def wait(self, chat: Chat) -> Message:
        """The reply of the running turn, when it has ended."""
        raise NotImplementedError

    # --- backends
    def candidates(self, model: str | None = None) -> tuple[Candidate, ...]: ...
    def health(self, backend: str) -> Health: ...
    async def check_health(self, backend: str | None = None) -> None: ...
