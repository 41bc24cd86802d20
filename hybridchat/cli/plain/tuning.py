"""The settings of a line conversation, and presets."""

from __future__ import annotations

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, confirm, type_in
from hybridchat.cli.plain.talk import Talk
from hybridchat.config import PresetConfig
from hybridchat.domain.text import clean_line
from hybridchat.domain.tuning import SETTINGS, changed, in_words, typed_setting
from hybridchat.errors import UsageError
from hybridchat.session.presets import in_short
from hybridchat.session.state import settings_of


async def tune(talk: Talk, argument: str) -> None:
    """`/tune temperature 0.2`, `/tune default`; without words, what is set."""
    if argument:
        await talk.session.set_settings(talk.chat, *changed(settings_of(talk.chat), talk.chat.system, argument))
    settings = settings_of(talk.chat)
    untaken = {one.name: one for one in talk.session.plan(talk.chat, "").untaken}
    if argument:
        output.note(f"Set: {', '.join(in_words(settings, talk.chat.system)) or 'nothing; all is the default'}.")
        for one in untaken.values():
            output.note(f"{one.title} is {'refused' if one.is_refused else 'left out'}: {one.why}.")
        return
    output.line(f"system: {clean_line(talk.chat.system, 200) or 'none'}")
    for name, setting in SETTINGS.items():
        value = typed_setting(getattr(settings, name)) or "default"
        why = f"; not taken: {untaken[name].why}" if name in untaken else ""
        output.line(f"{setting.title}: {clean_line(value, 80)} ({setting.allowed}{why})")


async def preset(talk: Talk, argument: str) -> None:
    """By its name, or chosen by a number."""
    listed = await talk.session.presets.list()
    for problem in listed.problems:
        output.error(str(problem))
    chosen: PresetConfig | None
    if argument:
        chosen = await talk.session.presets.find(argument)
    else:
        if not listed.presets:
            raise UsageError("there is no preset", "/save-preset NAME makes one of this chat's settings")
        rows = [(one, f"{clean_line(one.name, 64)}: {in_short(one) or 'all defaults'}") for one in listed.presets]
        chosen = await choose(talk.reader, "Which preset?", [(None, "Change nothing"), *rows])
    if chosen is None:
        return
    if kept_back := await talk.session.presets.choose(talk.chat, chosen):
        output.note(kept_back)
    output.note(f"This chat goes by {clean_line(chosen.name, 64)} from its next message on.")


async def save_preset(talk: Talk, argument: str) -> None:
    name = argument or await type_in(talk.reader, "Name of the preset:") or ""
    presets = talk.session.presets
    replaces = any(one.name.casefold() == name.strip().casefold() for one in (await presets.list()).presets)
    if replaces and not await confirm(talk.reader, f"Replace the preset {clean_line(name, 64)}?", "Replace it"):
        return
    saved = await presets.save(name, talk.chat, replace=replaces)
    output.note(f"Saved as {clean_line(saved.name, 64)}, in config.toml.")
