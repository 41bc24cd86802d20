"""A backend more in a line conversation: where it is, its key, a look at it, its model. Nothing is written before
that; whether a server on loopback computes here is asked when it is first used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, type_in
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.text import clean_line
from hybridchat.session.keeping import place_for_keys

if TYPE_CHECKING:
    from hybridchat.session.drafting import NewBackend
    from hybridchat.session.providers import Look, Providers

_SERVER = "server"


async def add_backend(talk: Talk, argument: str) -> None:
    """A provider by its name or a server by its address, else asked."""
    from hybridchat.session.providers import KeyState, why_not

    service = await asyncio.to_thread(talk.open_providers)
    new = await _draft(talk, service, argument)
    if new is None:
        output.note("Nothing is added.")
        return
    new, found = await service.find_key(new)
    typed = None if found or new.spec.zone.is_local else await _ask_key(talk, new)
    host = clean_line(new.spec.address.host, 200)
    output.note(f"Asking {host}, with the key from {found.origin}." if found else f"Asking {host}.")
    look = await service.look(new, found.value if found else typed)
    if look.key is KeyState.MISSING and typed is None and (typed := await _ask_key(talk, new)):
        look = await service.look(new, typed)
    if problem := why_not(new, look):
        raise problem
    model = await _choose(talk, new, look)
    added = await service.add(new, model=model, key=typed)
    await talk.session.add_backend(added.config)
    if added.notice:
        output.note(added.notice)
    if look.key is KeyState.UNPROVEN:
        output.note("The key was not proven: the models are listed to everybody. Its first message will tell.")
    name = clean_line(added.config.id, 40)
    output.note(f"Added {name} ({new.spec.zone}). /route {name} sends this chat there.")


async def _draft(talk: Talk, service: Providers, what: str) -> NewBackend | None:
    """None: the user named none."""
    presets = {one.id: one for one in service.presets()}
    if not what:
        choices: list[tuple[str, str]] = [("", "Add nothing")]
        choices += [(one.id, f"{one.name}, managed: what it gets leaves your machines") for one in presets.values()]
        what = await choose(talk.reader, "Add which?", [*choices, (_SERVER, "A server, by its address")])
    preset = presets.get(what)
    if what == _SERVER:
        what = await type_in(talk.reader, "Its address, such as http://127.0.0.1:8000:") or ""
    if not what.strip():
        return None
    if preset is None or preset.base_url:
        return await service.draft(what.strip(), {})
    url = await type_in(talk.reader, f"Your address of {preset.name}, such as {preset.url}:")
    return await service.draft(what, {"base_url": url.strip()}) if url and url.strip() else None


async def _ask_key(talk: Talk, new: NewBackend) -> str | None:
    name = clean_line(new.provider.name if new.provider else new.config.id, 40)
    if new.provider:
        output.note(f"Where to get a key: {new.provider.keys_url}")
    output.note(f"It is bound to {clean_line(new.spec.address.host, 200)}, and {clean_line(await place_for_keys())}.")
    typed = await type_in(talk.reader, f"Key of {name}, not shown:", is_secret=True)
    return typed.strip() or None if typed else None


async def _choose(talk: Talk, new: NewBackend, look: Look) -> str | None:
    """None leaves it open: /model chooses later."""
    names = [one.info.name for one in look.models]
    if len(names) == 1:
        return names[0]
    if not names or (new.provider and new.provider.models_are_own_names):
        typed = await type_in(talk.reader, "Which model, by its name there? Enter for none yet:")
        return typed.strip() or None if typed else None
    choices: list[tuple[str | None, str]] = [(None, "None yet: /model chooses one")]
    choices += [(name, clean_line(name, 80)) for name in names]
    return await choose(talk.reader, "Which model?", choices)
