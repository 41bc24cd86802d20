"""Who answers, and how: adding a backend, giving one its key, and how much the models may think."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Attempt, Effort, Kind, Message, Outcome, Purpose
from hybridchat.domain.text import clean_line
from hybridchat.errors import ErrorKind
from hybridchat.session import events as news
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.slashes import value_of
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import AS_IT_DOES, EFFORT

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat
    from hybridchat.session.key_hosts import KeyMoved

_DEFAULT = "default"


class Backends(ChatView):
    """A key is asked for where one was refused; nothing is sent again but on the user's word."""

    def tell(self, event: news.SessionEvent) -> None:
        if isinstance(event, news.Offered) and self._wants_key():
            return  # one question after the other: the key's comes first, and the ways stay a key press away
        super().tell(event)
        match event:
            case news.TurnEnded(conversation_id, reply) if self._is_here(conversation_id):
                if reply.attempt and reply.attempt.purpose is not Purpose.COMPARE and self._wants_key():
                    self._on_refused_key(reply, reply.attempt)
            case news.HealthChanged(backend, health) if health.error_kind is ErrorKind.AUTH:
                self.banner(f"{backend} wants a key: {keymap_of(self).name('set_key')} gives it one")

    def _wants_key(self) -> bool:
        last = self.chat.messages[-1].attempt if self.chat is not None and self.chat.messages else None
        return last is not None and (last.error_kind == ErrorKind.AUTH or self._is_key_kept_back(last))

    def _is_key_kept_back(self, attempt: Attempt) -> bool:
        """It was for another host, so nothing was sent."""
        assert self.session is not None
        return attempt.outcome is Outcome.REFUSED and self.session.moved_key(attempt.backend) is not None

    def _on_refused_key(self, reply: Message, attempt: Attempt) -> None:
        """Who is typing is not interrupted: the words would go on in the hidden field."""
        if self.app.screen is self and not self.composer.text:
            self._ask_key_and_again(attempt, reply.note)
        else:
            key = keymap_of(self).name("set_key")
            is_kept_back = self._is_key_kept_back(attempt)
            does = f"lets {attempt.backend} have its key" if is_kept_back else "gives it another one"
            self.banner(
                f"{reply.note}: {key} {does}" if is_kept_back else f"{attempt.backend} refused the key: {key} {does}"
            )

    @work(group="keys", exclusive=True)
    async def _ask_key_and_again(self, attempt: Attempt, why: str) -> None:
        from hybridchat.tui.screens.dialogs import Confirm

        chat = self.chat
        if chat is None or not (kept := await self._ask_key(attempt.backend, why)):
            return
        question = Confirm("Send your question again?", kept, yes="Send again", is_harmless=True)
        if await self.ask(question) and self.session is not None:
            with self.told():
                await self.session.answer_again(chat, route=attempt.backend, model=attempt.model)

    async def _ask_key(self, backend: str, why: str = "") -> str:
        """Where the key is kept now, in words; "" when there is none."""
        from hybridchat.tui.screens.ask_key import AskKey

        assert self.session is not None
        if moved := self.session.moved_key(backend):
            return await self._let_key_go(backend, moved)
        kept = await self.ask(AskKey(self.session, backend, why))
        self.plan_now()
        return f"The key of {clean_line(backend, 40)} is {clean_line(kept.detail)}." if kept else ""

    async def _let_key_go(self, backend: str, moved: KeyMoved) -> str:
        """As `_ask_key`, for a key that the config names and that was for another host."""
        from hybridchat.tui.screens.dialogs import Confirm

        assert self.session is not None
        name, host = clean_line(backend, 40), clean_line(moved.now.origin, 200)
        detail = f"{clean_line(moved.message, 400)}. Your config names both the key and the address."
        question = Confirm(f"May the key of {name} go to {host}?", detail, yes="Let it go there", no="Keep it back")
        said = ""
        if await self.ask(question):
            with self.told():
                await self.session.confirm_key(backend)
                said = f"The key of {name} is for {host} from now on."
        self.plan_now()
        return said

    @work
    async def action_set_key(self) -> None:
        if self.session is None:
            return
        with_keys = [c.backend for c in self.session.candidates() if c.kind not in (Kind.EMBEDDED, Kind.SIMULATED)]
        if not with_keys:
            self.notify("No backend here takes a key.")
            return
        backend: object = with_keys[0]
        if len(with_keys) > 1:
            rows = [Row(name, clean_line(name, 60), self.session.key_host(name)) for name in with_keys]
            backend = await self.pick("A key for which backend?", rows)
        if isinstance(backend, str) and (kept := await self._ask_key(backend)):
            self.notify(kept)

    @work
    async def action_add_backend(self) -> None:
        from hybridchat.tui.app import HybridChatApp
        from hybridchat.tui.screens.add_backend import add_backend

        assert isinstance(self.app, HybridChatApp)
        if self.session is None or self.app.open_providers is None or self._is_simulated:
            self.notify("Nothing can be added here: start `hybridchat` without the demo.")
            return
        added = await add_backend(self.app, self.app.open_providers)
        self.composer.focus()
        if added is not None:
            with self.told():
                await self.session.add_backend(added.config)
            self._show_welcome()
            self.plan_now()
            self.notify(f"{clean_line(added.config.id, 40)} added.")
            if added.notice:
                self.banner(added.notice)

    @work
    async def action_standing(self) -> None:
        """The backend that Enter would ask comes first."""
        from hybridchat.tui.screens.standing import StandingScreen

        if self.session is None or self.chat is None:
            return
        target = self.session.plan(self.chat, self.composer.words, along=self.along).decision.target
        backends = [candidate.backend for candidate in self.session.candidates()]
        backends.sort(key=lambda backend: target is None or backend != target.backend)
        await self.app.push_screen_wait(StandingScreen(map(self.session.standing, backends)))

    @work
    async def action_effort(self) -> None:
        if self.session is None or self.chat is None:
            return
        chat: Chat = self.chat
        rows = [Row(_DEFAULT, "default", AS_IT_DOES)]
        rows += [Row(effort, words) for effort, words in EFFORT.items()]
        choice = await self.pick("How much the model may think", rows, current=chat.effort or _DEFAULT)
        if choice is not None:
            with self.told():
                await self.session.set_effort(chat, choice if isinstance(choice, Effort) else None)
            self.plan_now()

    async def call_effort(self, level: str) -> None:
        assert self.session is not None and self.chat is not None
        chosen = value_of(level, [*Effort, "auto"])
        await self.session.set_effort(self.chat, None if chosen == "auto" else Effort(chosen))
