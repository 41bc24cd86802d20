"""Themes: one TOML file each, the shipped ones and the user's own. Colours are data; nothing here knows a screen."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from textual.theme import Theme

from hybridchat.errors import UsageError

DEFAULT_THEME = "hybrid-dark"

# What our style sheets use beyond Textual's own variables, for a theme that does not set them.
VARIABLE_DEFAULTS = {"muted": "#93a0b3", "local": "#79d2a6", "managed": "#eeab75", "hairline": "#45536a"}

_COLORS = (
    "primary",
    "secondary",
    "accent",
    "success",
    "warning",
    "error",
    "foreground",
    "background",
    "surface",
    "panel",
)


def theme_names(folders: Iterable[Path]) -> list[str]:
    """The names of all themes in these folders, sorted; a folder that is missing has none."""
    return sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.toml")})


def load_theme(name: str, folders: Iterable[Path]) -> Theme:
    """The theme of that name; a later folder wins. Raises UsageError with file and reason, or the names there are."""
    folders = list(folders)
    if Path(name).name != name:
        raise UsageError(f"{name!r} is no theme's name", "a theme is named like its file, without .toml")
    for folder in reversed(folders):
        file = folder / f"{name}.toml"
        if file.is_file():
            return _read_theme(name, file)
    raise UsageError(f"There is no theme {name!r}", f"there are: {', '.join(theme_names(folders)) or 'none'}")


def _read_theme(name: str, file: Path) -> Theme:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The theme {file} cannot be read: {error}", "mend the file or choose another theme"
        ) from error
    allowed = {*_COLORS, "dark", "variables"}
    if unknown := sorted(values.keys() - allowed):
        raise UsageError(f"{file}: unknown key {unknown[0]!r}", f"allowed are {', '.join(sorted(allowed))}")
    variables = values.get("variables", {})
    colors = {key: values[key] for key in _COLORS if key in values}
    if "primary" not in colors:
        raise UsageError(f"{file}: primary is missing", 'give it a colour such as "#86b4f5"')
    if bad := _first_bad_color(file, {**colors, **{k: v for k, v in variables.items() if not k.endswith("-style")}}):
        raise bad
    return Theme(name=name, dark=bool(values.get("dark", True)), variables=dict(variables), **colors)


def _first_bad_color(file: Path, colors: dict[str, object]) -> UsageError | None:
    from textual.color import Color, ColorParseError

    for key, value in colors.items():
        try:
            Color.parse(str(value))
        except ColorParseError:
            return UsageError(f"{file}: {key} = {value!r} is no colour", 'write it like "#86b4f5"')
    return None
