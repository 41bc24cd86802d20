"""The open chat's settings, and the presets that stand for them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual import work

from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.tui.screens.chat_view import ChatView

if TYPE_CHECKING:
    from hybridchat.config import PresetConfig
    from hybridchat.session.chat import Chat, Session
    from hybridchat.tui.screens.tune import Asked, Route, Tuned


class Tuning(ChatView):
    @work
    async def action_tune(self) -> None:
        from hybridchat.session.state import settings_of
        from hybridchat.tui.screens.tune import Helpers, Tune, Tuned

        if self.session is None or self.chat is None:
            return
        session, chat = self.session, self.chat
        now = Tuned(settings_of(chat), chat.system, (chat.route, chat.model))
        helpers = Helpers(partial(_judge, session, chat), partial(self._pick_route, chat), self._pick_preset)
        tuned = await self.ask(Tune(now, helpers))
        if tuned is None:
            return
        with self.told():
            await self._tune(session, chat, now, tuned)
        self.plan_now()
        if tuned.saves:
            await self._save_preset(chat)

    async def call_tune(self, setting: str) -> None:
        from hybridchat.domain.tuning import changed
        from hybridchat.session.state import settings_of

        assert self.session is not None and self.chat is not None
        await self.session.set_settings(self.chat, *changed(settings_of(self.chat), self.chat.system, setting))

    async def _tune(self, session: Session, chat: Chat, before: Tuned, tuned: Tuned) -> None:
        if tuned.preset is not None:
            self._tell_kept_back(await session.presets.choose(chat, tuned.preset))
        if tuned.route != (before.route if tuned.preset is None else (chat.route, chat.model)):
            await session.set_route(chat, *tuned.route)
        await session.set_settings(chat, tuned.parameters, tuned.system)

    async def _pick_route(self, chat: Chat, current: Route) -> Route | None:
        from hybridchat.tui.screens.routes import pick_route, route_rows

        assert self.session is not None
        rows = partial(route_rows, self.session, chat)
        return cast("Route | None", await pick_route(self, "Route of this chat", rows, current=current))

    # --- presets

    @work
    async def action_preset(self) -> None:
        chat, preset = self.chat, await self._pick_preset()
        if preset is not None and chat is not None:
            await self.use_preset(chat, preset)

    async def call_preset(self, name: str) -> None:
        assert self.session is not None and self.chat is not None
        await self.use_preset(self.chat, await self.session.presets.find(name))

    async def use_preset(self, chat: Chat, preset: PresetConfig) -> None:
        assert self.session is not None
        with self.told():
            self._tell_kept_back(await self.session.presets.choose(chat, preset))
            self.notify(f"This chat goes by {clean_line(preset.name, 60)} from its next message on.")
        self.plan_now()

    def _tell_kept_back(self, kept_back: str) -> None:
        if kept_back:
            self.banner(kept_back)

    async def _pick_preset(self) -> PresetConfig | None:
        """The list is read anew; presets with mistakes are named."""
        from hybridchat.session.presets import in_short
        from hybridchat.tui.widgets.rows import Row

        if self.session is None:
            return None
        try:
            listed = await self.session.presets.list()
        except HybridchatError as error:
            self.notify(str(error), severity="error")
            return None
        if not (listed.presets or listed.problems):
            self.notify("There is no preset yet: F2 in the settings of a chat saves one.")
            return None
        rows = [Row(one, clean_line(f"{one.name}  {one.description}", 120), in_short(one)) for one in listed.presets]
        chosen = await self.pick("Presets", rows, note="\n".join(map(str, listed.problems[:3])))
        return cast("PresetConfig | None", chosen)

    @work
    async def action_save_preset(self) -> None:
        if self.session is not None and self.chat is not None:
            await self._save_preset(self.chat)

    async def call_save_preset(self, name: str) -> None:
        assert self.session is not None and self.chat is not None
        await self._save_preset(self.chat, name)

    async def _save_preset(self, chat: Chat, name: str | None = None) -> None:
        from hybridchat.tui.screens.dialogs import Confirm, Prompt

        assert self.session is not None
        presets = self.session.presets
        if not presets.can_save:
            self.notify("Nothing can be kept here: start `hybridchat` without the demo.")
            return
        question = "Save the settings of this chat as which preset?"
        name = await self.app.push_screen_wait(Prompt(question)) if name is None else name
        if not name or not name.strip():
            return
        with self.told():
            replaces = any(one.name.casefold() == name.strip().casefold() for one in (await presets.list()).presets)
            question = f"Replace the preset {clean_line(name, 60)}?"
            if replaces and not await self.app.push_screen_wait(Confirm(question, yes="Replace")):
                return
            saved = await presets.save(name, chat, replace=replaces)
            self.notify(f"Saved as {clean_line(saved.name, 60)}, in config.toml.")


def _judge(session: Session, chat: Chat, tuned: Tuned) -> Asked:
    """Of a message sent with these settings now."""
    from hybridchat.tui.screens.tune import Asked

    route, model = tuned.route
    target = session.plan(chat, "", route=None if route == chat.route else route, model=model).decision.target
    return Asked(target, session.untaken(target, tuned.parameters) if target else ())
