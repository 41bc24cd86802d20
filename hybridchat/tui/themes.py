"""Themes: one TOML file each, the shipped ones and the user's own. Colours are data; nothing here knows a screen."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from textual.color import Color, ColorParseError
from textual.theme import Theme

from hybridchat.config.problems import Problem, problem_at, syntax_problem
from hybridchat.errors import UsageError
from hybridchat.paths import is_file

DEFAULT_THEME = "hybrid-dark"

_NEEDED = ("background", "foreground", "primary")

# A role that a theme leaves out: another role's colour, or one between two, so much of the way to the second.
_DERIVED: dict[str, str | tuple[str, str, float]] = {
    "surface": ("background", "foreground", 0.05),
    "panel": ("background", "foreground", 0.10),
    "muted": ("foreground", "background", 0.30),
    "hairline": ("background", "foreground", 0.20),
    "secondary": "muted",
    "accent": "primary",
    "success": "primary",
    "warning": "primary",
    "error": "primary",
    "local": "success",
    "managed": "warning",
    "code-comment": "muted",
    "code-keyword": "primary",
    "code-string": "success",
    "code-number": "warning",
    "code-function": "accent",
    "code-builtin": "secondary",
    "border": "primary",
    "border-blurred": "hairline",
    "block-cursor-background": ("background", "primary", 0.30),
    "block-cursor-foreground": "foreground",
    "input-selection-background": ("background", "primary", 0.35),
    "input-selection-foreground": "foreground",
    "input-cursor-background": "primary",
    "input-cursor-foreground": "background",
    "scrollbar": "hairline",
    "scrollbar-hover": ("hairline", "foreground", 0.15),
    "scrollbar-active": "primary",
    "scrollbar-background": "background",
    "scrollbar-background-hover": "background",
    "scrollbar-background-active": "background",
}
VARIABLE_DEFAULTS = {
    "muted": "#93a0b3",
    "local": "#79d2a6",
    "managed": "#eeab75",
    "hairline": "#45536a",
    "code-comment": "#93a0b3",
    "code-keyword": "#86b4f5",
    "code-string": "#79d2a6",
    "code-number": "#e8b866",
    "code-function": "#86b4f5",
    "code-builtin": "#9aa7ba",
}
"""What our style sheets use beyond Textual's own variables, for as long as no theme of ours is in use."""

_CURSOR_STYLE = "block-cursor-text-style"
_CURSOR_STYLES = ("none", "bold", "underline", "reverse", "bold underline", "bold reverse")

ROLES = (*_NEEDED, *_DERIVED)
"""Every colour that a theme may set; what each is for stands in docs/themes.md."""

_OF_TEXTUAL = {*_NEEDED, "surface", "panel", "secondary", "accent", "success", "warning", "error"}


class Found(NamedTuple):
    """A theme as its file has it."""

    theme: Theme
    about: str
    file: Path


def theme_names(folders: Iterable[Path]) -> list[str]:
    """The names of all themes in these folders, sorted; a folder that is missing has none."""
    return sorted({file.stem for folder in folders for file in folder.glob("*.toml") if is_file(file)})


def load_theme(name: str, folders: Iterable[Path]) -> Found:
    """The theme of that name; a later folder wins. Raises UsageError with file, line, role and reason in one line."""
    folders = list(folders)
    if Path(name).name != name:
        raise UsageError(f"{name!r} is no theme's name", "a theme is named like its file, without .toml")
    for folder in reversed(folders):
        file = folder / f"{name}.toml"
        if is_file(file):
            return _read_theme(name, file)
    raise UsageError(f"There is no theme {name!r}", f"there are: {', '.join(theme_names(folders)) or 'none'}")


def _read_theme(name: str, file: Path) -> Found:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(syntax_problem(error, text, str(file))) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "mend the file or choose another theme") from error
    for role, value in values.items():
        if wrong := _what_is_wrong(role, value):
            raise _refusal(problem_at(text, str(file), (role,), *wrong))
    if missing := [role for role in _NEEDED if role not in values]:
        raise _refusal(Problem(str(file), None, missing[0], "is missing", 'a colour such as "#86b4f5"'))
    return Found(make_theme(name, values), values.get("about", ""), file)


def make_theme(name: str, values: Mapping[str, Any]) -> Theme:
    """From the roles that a file sets, which must be right, to all of them."""
    colors = {role: Color.parse(values[role]) for role in ROLES if role in values}
    for role, source in _DERIVED.items():
        if role not in colors:
            colors[role] = _derived(colors, source)
    named = {role: color.hex for role, color in colors.items()}
    return Theme(
        name=name,
        dark=values.get("dark", colors["background"].brightness < 0.5),
        variables={
            **{role: color for role, color in named.items() if role not in _OF_TEXTUAL},
            _CURSOR_STYLE: values.get(_CURSOR_STYLE, "none"),
        },
        **{role: color for role, color in named.items() if role in _OF_TEXTUAL},  # type: ignore[arg-type]
    )


def _derived(colors: Mapping[str, Color], source: str | tuple[str, str, float]) -> Color:
    if isinstance(source, str):
        return colors[source]
    first, second, share = source
    return colors[first].blend(colors[second], share)


def _what_is_wrong(role: str, value: object) -> tuple[str, str] | None:
    """What, and what is allowed; None where nothing is."""
    if role == "about":
        return None if isinstance(value, str) else ("is not text", "a few words for the list of themes")
    if role == "dark":
        return None if isinstance(value, bool) else ("is neither true nor false", "true or false")
    if role == _CURSOR_STYLE:
        return (
            None if value in _CURSOR_STYLES else (f"{value!r} is not allowed", f"allowed: {', '.join(_CURSOR_STYLES)}")
        )
    if role not in ROLES:
        import difflib

        near = difflib.get_close_matches(role, ROLES, 1)
        guess = f'did you mean "{near[0]}"? ' if near else ""
        return "there is no such role", f"{guess}docs/themes.md lists them"
    try:
        is_plain = isinstance(value, str) and (color := Color.parse(value)).a == 1 and color.ansi is None
    except ColorParseError:
        is_plain = False
    return None if is_plain else (f"{value!r} is no colour", 'written like "#86b4f5"')


def _refusal(problem: Problem) -> UsageError:
    return UsageError(str(Problem(problem.file, problem.line, problem.key, problem.what)), problem.allowed)
