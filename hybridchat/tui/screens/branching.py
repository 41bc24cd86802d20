"""The branches of the open chat: answered again, forked, deleted, and all of them to look at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Message
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.answers import Answers
from hybridchat.tui.slashes import route_in
from hybridchat.tui.words import deleted_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat


class Branching(Answers):
    """What is done is done to the message that is pointed at, else to the last one. Nothing is lost by any of it."""

    def _meant(self) -> Message | None:
        if self.transcript.pointed is not None:
            return self.transcript.pointed
        if self.chat is not None and self.chat.messages:
            return self.chat.messages[-1]
        self.notify("There is nothing in this chat yet.")
        return None

    def _of_number(self, number: str) -> int:
        """A message's, as `hybridchat show --tree` tells it."""
        if not number.isdecimal():
            raise UsageError(
                f"{clean_line(number, 40)} is no number of a message", "`hybridchat show --tree` tells them"
            )
        return int(number)

    # --- answered again

    @work(exclusive=True, group="answer")
    async def action_answer_again(self) -> None:
        from hybridchat.tui.screens.routes import again_rows, pick_route

        if self.session is None or self.chat is None:
            return
        chat, pointed = self.chat, self.transcript.pointed
        message_id = pointed.id if pointed is not None else None
        if chat.is_streaming:
            self._say_running()
            return
        with self.told():
            self.session.plan_again(chat, message_id)
            rows = partial(again_rows, self.session, chat, message_id)
            note = "The answers that are there stay beside the new one."
            choice = await pick_route(self, "Answer again, by…", rows, note=note)
            if isinstance(choice, tuple) and self.chat is chat:
                await self._answer_by(chat, message_id, *choice)

    async def call_answer_again(self, route: str) -> None:
        """To a backend that is named; what leaves is said and asked before."""
        assert self.session is not None and self.chat is not None
        to = route_in(route)
        pointed = self.transcript.pointed
        message_id = pointed.id if pointed is not None else None
        plan = self.session.plan_again(self.chat, message_id, *to)
        target = plan.decision.target
        if target is None or target.is_local or await self.is_confirmed(self.chat, plan):
            await self._answer_by(self.chat, message_id, *to)

    async def _answer_by(self, chat: Chat, message_id: int | None, route: str | None, model: str | None) -> None:
        assert self.session is not None
        again = self.session.answer_again(chat, message_id, route=route, model=model)
        await self.answer(chat, again, message_id)

    # --- a fork

    @work(exclusive=True, group="branch")
    async def action_fork_here(self) -> None:
        if message := self._meant():
            with self.told():
                await self._fork(message.id)

    async def call_fork_here(self, number: str) -> None:
        await self._fork(self._of_number(number))

    async def _fork(self, message_id: int) -> None:
        assert self.session is not None and self.chat is not None
        fork = await self.session.open(await self.session.branches.fork(self.chat, message_id))
        self.show_chat(fork)
        self.notify(f"This is the fork, with {count_of(len(fork.messages), 'message')}. The chat before it stays.")

    # --- deleting

    @work(exclusive=True, group="branch")
    async def action_delete_branch(self) -> None:
        if message := self._meant():
            with self.told():
                await self._delete_branch(message.id)

    async def call_delete_branch(self, number: str) -> None:
        await self._delete_branch(self._of_number(number))

    async def _delete_branch(self, message_id: int) -> None:
        assert self.session is not None and self.chat is not None
        count = await self.session.delete_branch(self.chat, message_id)
        undo = keymap_of(self).name("undo_delete")
        if count is None:
            self.show_chat(self.session.new())
            self.notify(f"Nothing else was in it: the chat is deleted. {undo} brings it back, until you quit.")
        else:
            self.notify(deleted_words(count, undo))

    # --- all of them

    @work(exclusive=True, group="branch")
    async def action_tree(self) -> None:
        from hybridchat.tui.screens.tree import Tree

        if self.session is None or self.chat is None:
            return
        if self.chat.id is None:
            self.notify("There is nothing in this chat yet.")
            return
        chat, here = self.chat, self._meant()
        tree = Tree(self.session, chat, here.id if here else None, keymap_of(self))
        chosen = await self.app.push_screen_wait(tree)
        if tree.is_all_gone:
            self.show_chat(self.session.new())
        elif chosen is not None and self.chat is chat:
            with self.told():
                await self._go_to(chosen.message_id)
                if chosen.action:
                    await self.run_action(chosen.action)

    async def call_tree(self, number: str) -> None:
        await self._go_to(self._of_number(number))

    async def _go_to(self, message_id: int) -> None:
        """To the message in its place, whatever branch that is on; what is done next is done to it."""
        assert self.session is not None and self.chat is not None
        await self.session.branches.ensure_shown(self.chat, message_id)
        self.transcript.point_at(message_id)
        self.transcript.focus()
