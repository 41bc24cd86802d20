"""Presets: named settings in the config, read again whenever they are asked for, chosen for a chat, saved from one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import Struct

from hybridchat.config import Config, PresetConfig, load_config, require_sound
from hybridchat.config.problems import Problem
from hybridchat.domain import tuning
from hybridchat.domain.chat import Parameters, Privacy
from hybridchat.domain.privacy import in_words, strictest
from hybridchat.domain.text import clean_line
from hybridchat.domain.tuning import SETTINGS
from hybridchat.errors import UsageError
from hybridchat.session.chats import Chats
from hybridchat.session.floor import Floor
from hybridchat.session.state import Chat, settings_of


class Listed(Struct, frozen=True):
    """`problems`: the presets that are left out, one each."""

    presets: tuple[PresetConfig, ...] = ()
    problems: tuple[Problem, ...] = ()


class Presets:
    """`file` None: there are none, and none can be kept, as in the demo."""

    def __init__(self, file: Path | None, chats: Chats, floor: Floor) -> None:
        self._file = file
        self._chats = chats
        self._floor = floor

    @property
    def can_save(self) -> bool:
        return self._file is not None

    async def list(self) -> Listed:
        """Raises UsageError for a config with a mistake outside them."""
        return await asyncio.to_thread(self._list)

    def _list(self) -> Listed:
        config, problems = (Config(), []) if self._file is None else load_config(self._file)
        require_sound(problems)
        return Listed(config.preset, tuple(problems))

    async def find(self, name: str) -> PresetConfig:
        """Raises UsageError, which says what is wrong with one that is left out."""
        from hybridchat.config.presets import find

        listed = await self.list()
        return find(listed.presets, name, listed.problems)

    async def choose(self, chat: Chat, preset: PresetConfig, *, system: str | None = None) -> str:
        """The chat goes by the preset from its next message on: settings that it does not say are the default, but for
        route, privacy and kind of task. Returns what of it cannot hold here, in words, or "".

        A stricter privacy comes first; `system` goes before the preset's. Raises UsageError for a route that is gone.
        """
        kept_back = ""
        if preset.privacy is not None:
            wanted = Privacy(preset.privacy)
            standing = [chat.privacy] if self._chats.must_fork(chat, wanted) else []
            allowed = strictest(wanted, self._floor.privacy, *standing)
            if allowed is not wanted:
                why = self._floor.why or "what was said stays so"
                kept_back = f"this chat stays {in_words(allowed)}, not {in_words(wanted)}: {why}"
            await self._chats.set_privacy(chat, allowed)
        if preset.route is not None:
            await self._chats.set_route(chat, preset.route, preset.model)
        await self._chats.set_settings(chat, parameters_of(preset), preset.system if system is None else system)
        if preset.reasoning is not None:
            await self._chats.set_reasoning(chat, preset.reasoning)
        if preset.workload is not None:
            await self._chats.set_workload(chat, preset.workload)
        return kept_back

    async def choose_by_name(self, chat: Chat, name: str) -> str:
        """Raises UsageError too where there is none of that name."""
        return await self.choose(chat, await self.find(name))

    async def save(self, name: str, chat: Chat, *, replace: bool = False) -> PresetConfig:
        """The chat's settings, route, kind of task, and its privacy where that is not open, as a preset of that name.

        Raises UsageError for a name that is none or is there already, HybridchatError when it cannot be written.
        """
        import msgspec

        from hybridchat.config.presets import entry_of
        from hybridchat.config_edit import add_preset

        if self._file is None:
            raise UsageError("nothing can be kept here", "start `hybridchat` without the demo")
        try:
            preset = msgspec.convert(_said_by(chat, name.strip()), PresetConfig)
        except msgspec.ValidationError:
            raise UsageError(f"{name!r} is no name for a preset", "one line without /, at most 64 characters") from None
        same = [one.name for one in (await self.list()).presets if one.name.casefold() == preset.name.casefold()]
        if same and not replace:
            raise UsageError(f"there is a preset {same[0]!r} already", "take another name, or replace it")
        entry = {**entry_of(preset), **({"name": same[0]} if same else {})}
        await asyncio.to_thread(add_preset, self._file, entry, replace=True)
        return preset


def parameters_of(preset: PresetConfig) -> Parameters:
    return Parameters(**{name: getattr(preset, name) for name in SETTINGS})


def in_short(preset: PresetConfig) -> str:
    """What it sets: `lab · coder, temperature 0.2, system prompt, local only`."""
    route = " · ".join(filter(None, (preset.route, preset.model)))
    privacy = in_words(Privacy(preset.privacy)) if preset.privacy else ""
    level = f"{preset.reasoning} reasoning" if preset.reasoning else ""
    settings = tuning.in_words(parameters_of(preset), preset.system)
    return clean_line(", ".join(filter(None, (route, *settings, level, preset.workload, privacy))), 120)


def _said_by(chat: Chat, name: str) -> dict[str, object]:
    settings = settings_of(chat)
    said = {
        "name": name,
        "system": chat.system,
        "route": None if chat.route == "auto" else chat.route,
        "model": None if chat.route == "auto" else chat.model,
        **{setting: getattr(settings, setting) for setting in SETTINGS},
        "reasoning": chat.reasoning,
        "workload": chat.workload,
        "privacy": None if chat.privacy is Privacy.OPEN else chat.privacy.value,
    }
    return {key: value for key, value in said.items() if value is not None}
