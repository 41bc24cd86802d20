"""The open chat's star, tags and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Conversation
from hybridchat.tui.screens.chat_view import ChatView

if TYPE_CHECKING:
    from textual.app import App

    from hybridchat.session.finding import NewMarks


class Marking(ChatView):
    @work
    async def action_star_chat(self) -> None:
        from hybridchat.session.finding import NewMarks

        if one := self._marked():
            after = await self._mark(one, NewMarks(starred=one.starred_at is None))
            if after is not None:
                self.notify("Starred: it is not deleted by its age." if after.starred_at else "No star any more.")

    @work
    async def action_archive_chat(self) -> None:
        from hybridchat.session.finding import NewMarks

        if one := self._marked():
            after = await self._mark(one, NewMarks(archived=one.archived_at is None))
            if after is not None:
                is_out = after.archived_at is not None
                self.notify("Archived: out of the list until you write in it." if is_out else "In the list again.")

    @work
    async def action_tag_chat(self) -> None:
        if one := self._marked():
            with self.told():
                new = await ask_tags(self.app, one)
                if new is not None:
                    await self._mark(one, new)

    async def call_tag_chat(self, tags: str) -> None:
        from hybridchat.domain.tags import tags_of
        from hybridchat.session.finding import NewMarks

        if one := self._marked():
            await self._mark(one, NewMarks(add_tags=tags_of(tags)))

    def _marked(self) -> Conversation | None:
        conversation = self.chat.conversation if self.session is not None and self.chat is not None else None
        if conversation is None:
            self.notify("Send the first message, then the chat can be marked.")
        return conversation

    async def _mark(self, conversation: Conversation, new: NewMarks) -> Conversation | None:
        assert self.session is not None
        with self.told():
            after = await self.session.finding.mark(conversation.id, new)
            self.plan_now()  # the title shows it
            return after
        return None


async def ask_tags(app: App[object], conversation: Conversation) -> NewMarks | None:
    """What the user wants its tags to be; None to leave them. Raises UsageError for what is no tag."""
    from hybridchat.domain.tags import tags_of
    from hybridchat.session.finding import NewMarks
    from hybridchat.tui.screens.dialogs import Prompt

    said = await app.push_screen_wait(Prompt("Tags, with commas between them", ", ".join(conversation.tags)))
    if said is None:
        return None
    wanted, before = set(tags_of(said)), set(conversation.tags)
    return NewMarks(add_tags=tuple(wanted - before), remove_tags=tuple(before - wanted))
