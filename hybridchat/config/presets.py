"""The presets of a config file: each is read by itself, so that one with a mistake is left out and the rest holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.config import Config, PresetConfig, config_error
from hybridchat.config.checks import Contradiction
from hybridchat.config.problems import Problem, problem_at
from hybridchat.domain.tuning import SETTINGS, read_setting, typed_setting
from hybridchat.errors import UsageError

SAID = ("description", "system", "route", "model", *SETTINGS, "reasoning", "workload", "privacy")


class _Presets(Struct):
    preset: tuple[PresetConfig, ...]


def presets_among(entries: Any, config: Config, text: str, file: str) -> tuple[tuple[PresetConfig, ...], list[Problem]]:
    """Those without a mistake, and the mistakes of the others. `entries` is what `text` has as `preset`."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problem = problem_at(text, file, ("preset",), "is no list of tables", "each under its own [[preset]]")
        return (), [replace(problem, is_minor=True)]
    good: list[PresetConfig] = []
    problems: list[Problem] = []
    for place, entry in enumerate(entries):
        before = {preset.name.casefold() for preset in good}
        found = _problems(entries, place, config, before, text, file)
        if found:
            problems += found
        else:
            good.append(msgspec.convert(entry, PresetConfig))
    return tuple(good), [replace(problem, is_minor=True) for problem in problems]


def _problems(
    entries: list[dict[str, Any]], place: int, config: Config, before: set[str], text: str, file: str
) -> list[Problem]:
    try:
        preset = msgspec.convert(entries[place], PresetConfig)
    except msgspec.ValidationError:
        from hybridchat.config.explain import conversion_problems

        others = [{"name": "x"} for _ in range(place)]
        found = conversion_problems({"preset": [*others, entries[place]]}, _Presets, text, file)
        name = entries[place].get("name")
        return [replace(one, what=f'"{name}": {one.what}') for one in found] if isinstance(name, str) else found
    name = f'"{preset.name}": '
    return [
        problem_at(text, file, ("preset", place, *path), f"{name}{what}", allowed)
        for path, what, allowed in _contradictions(preset, config, before)
    ]


def _contradictions(preset: PresetConfig, config: Config, before: set[str]) -> Iterator[Contradiction]:
    if preset.name.casefold() in before:
        yield ("name",), "is there twice", "each preset has a name of its own"
    routes = ("auto", "local", "managed", *(backend.id for backend in config.backend))
    if preset.route is not None and preset.route not in routes:
        yield ("route",), f'"{preset.route}" is no route and no backend', f"allowed: {', '.join(routes)}"
    if preset.model is not None and preset.route in (None, "auto"):
        yield ("model",), "has no route", "set route to the backend that has it, or to local or managed"
    for setting in SETTINGS:
        try:
            read_setting(setting, typed_setting(getattr(preset, setting)))
        except UsageError as error:
            yield (setting,), error.message.partition(": ")[2] or error.message, error.remedy


def find(presets: Sequence[PresetConfig], name: str, problems: Iterable[Problem] = ()) -> PresetConfig:
    """The one of that name, however it is written. Raises UsageError, which says why one is left out."""
    wanted = name.strip().casefold()
    found = next((preset for preset in presets if preset.name.casefold() == wanted), None)
    if found is None:
        about = [problem for problem in problems if problem.what.casefold().startswith(f'"{wanted}": ')]
        if about:
            raise config_error(about)
        names = ", ".join(preset.name for preset in presets)
        raise UsageError(f"there is no preset {name!r}", f"one of: {names}" if names else "[[preset]] in config.toml")
    return found


def entry_of(preset: PresetConfig) -> dict[str, object]:
    """As the file has it: what it says, in the order of the page."""
    said = {"name": preset.name, **{name: getattr(preset, name) for name in SAID}}
    return {name: _plain(value) for name, value in said.items() if value not in (None, "", ())}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, str) else value
