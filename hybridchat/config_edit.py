"""Changes to config.toml at the user's word: comments and formatting stay, and a file with a mistake is not touched.

Lines are put in and taken out as text; what comes of it is read back and compared before it is written, so that a
layout that is not understood here is refused, never spoilt.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hybridchat.config import load_config, parse_config, require_sound
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.paths import replace_file

_TEMPLATE = Path(__file__).parent / "data" / "config.toml"
_BACKENDS_BEGIN = "# Yours:\n"


def add_backend(path: Path, values: Mapping[str, object], *, replace: bool = False) -> None:
    """Writes a `[[backend]]` behind the others, or with `replace` in the place of the one with its id.

    `values` are its keys in the order that they shall have. Without a file, one with comments and examples is made.
    Raises UsageError when the file has a mistake or would get one, HybridchatError when it cannot be written.
    """
    _add(path, "backend", "id", values, replace=replace)


def add_preset(path: Path, values: Mapping[str, object], *, replace: bool = False) -> None:
    """The same for a `[[preset]]`, which is known by its name. Raises as `add_backend`."""
    _add(path, "preset", "name", values, replace=replace)


def _add(path: Path, array: str, known_by: str, values: Mapping[str, object], *, replace: bool) -> None:
    text = _read(path)
    data = tomllib.loads(text)
    entries = list(data.get(array, ()))
    lines, block = _lines(text), _lines(_toml({array: [dict(values)]}))
    headers = _headers(lines, f"[[{array}]]")
    same = [place for place, entry in enumerate(entries) if entry.get(known_by) == values.get(known_by)]
    if replace and same:
        header = _header_of(path, lines, len(entries), same[0], array)
        lines[header : _last_line_of(lines, header) + 1] = block
        entries[same[0]] = dict(values)
    else:
        last = lines.index(_BACKENDS_BEGIN) if array == "backend" and _BACKENDS_BEGIN in lines else len(lines) - 1
        last = _last_line_of(lines, headers[-1]) if headers else last
        lines[last + 1 : last + 1] = ["\n", *block]
        entries.append(dict(values))
    _write(path, lines, {**data, array: entries})


def remove_backend(path: Path, backend: str) -> None:
    """Takes the `[[backend]]` of that id out; comments above it and behind it stay. Raises as `add_backend`."""
    text = _read(path)
    data = tomllib.loads(text)
    backends = data.pop("backend", [])
    place = _place_of(backends, backend)
    lines = _lines(text)
    header = _header_of(path, lines, len(backends), place)
    behind = lines[_last_line_of(lines, header) + 1 :]
    while behind and not behind[0].strip():
        behind.pop(0)
    rest = backends[:place] + backends[place + 1 :]
    _write(path, [*lines[:header], *behind], {**data, "backend": rest} if rest else data)


def set_value(path: Path, key: str, value: object) -> None:
    """Sets one value: `ui.theme`, or `backend.ID.key` for a key of that backend; None takes it out.

    Raises as `add_backend`.
    """
    section, _, name = key.rpartition(".")
    text = _read(path)
    data = tomllib.loads(text)
    lines = _lines(text)
    if section.startswith("backend."):
        place = _place_of(data.get("backend", []), section.removeprefix("backend."))
        steps: tuple[str | int, ...] = ("backend", place)
        table, headers = data["backend"][place], [_header_of(path, lines, len(data["backend"]), place)]
    else:
        steps = (section,)
        table, headers = data.setdefault(section, {}), _headers(lines, f"[{section}]")
    if name in table:
        lines = _lines(_replaced(text, steps, name, value))
    elif value is None:
        return
    elif headers:
        last = _last_line_of(lines, headers[0], subtables=False)
        lines[last + 1 : last + 1] = _lines(_toml({name: value}))
    else:
        lines = [*lines, "\n", *_lines(_toml({section: {name: value}}))]
    _set(table, name, value)
    _write(path, lines, data)


def set_budget(path: Path, scope: str, usd: Decimal | None, backend: str | None) -> None:
    """Sets `[budget]`'s key of that name, or that of a backend's own `[backend.budget]`; None takes it out.

    Raises as `add_backend`.
    """
    amount = None if usd is None else int(usd) if usd == int(usd) else float(usd)
    if backend is None and amount is not None:
        set_value(path, f"budget.{scope}", amount)
        return
    text = _read(path)
    data = tomllib.loads(text)
    steps: tuple[str | int, ...] = ("budget",)
    table = data
    if backend is not None:
        place = _place_of(data.get("backend", []), backend)
        steps, table = ("backend", place, "budget"), data["backend"][place]
    if "budget" in table:
        lines = _lines(_replaced(text, steps, scope, amount))
    elif amount is None:
        return
    else:
        lines = _lines(text)
        last = _last_line_of(lines, _header_of(path, lines, len(data["backend"]), place))
        lines[last + 1 : last + 1] = ["\n", *_lines(_toml({"backend": {"budget": {scope: amount}}}))]
    _set(table.setdefault("budget", {}), scope, amount)
    _write(path, lines, data)


def _toml(values: Mapping[str, object]) -> str:
    import tomlkit

    return tomlkit.dumps(values).strip() + "\n"


def _replaced(text: str, steps: tuple[str | int, ...], name: str, value: object) -> str:
    """The text with another value for a key, or without it; the comment behind it stays."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    table = document
    for step in steps:
        table = table[step]
    _set(table, name, value)
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def _set(table: MutableMapping[str, Any], name: str, value: object) -> None:
    """None takes it out."""
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value


def _read(path: Path) -> str:
    """The file's text, or what a new one begins with. Raises UsageError for one with a mistake."""
    _, problems = load_config(path)
    require_sound(problems)
    if not path.exists():
        return _TEMPLATE.read_text(encoding="utf-8")
    text = path.read_bytes().decode("utf-8-sig")
    return text if text.endswith("\n") or not text else f"{text}\n"


def _lines(text: str) -> list[str]:
    """With their ends; TOML knows no other end than this, and `_read` sees to the last."""
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _headers(lines: list[str], header: str) -> list[int]:
    """The lines that are that header."""
    return [number for number, line in enumerate(lines) if line.partition("#")[0].replace(" ", "").strip() == header]


def _header_of(path: Path, lines: list[str], count: int, place: int, array: str = "backend") -> int:
    headers = _headers(lines, f"[[{array}]]")
    if len(headers) != count:
        raise _by_hand(path)
    return headers[place]


def _place_of(backends: list[dict[str, Any]], backend: str) -> int:
    ids = [entry["id"] for entry in backends]
    if backend not in ids:
        raise UsageError(f"no backend is called {backend}", f"one of: {', '.join(ids)}" if ids else "")
    return ids.index(backend)


def _last_line_of(lines: list[str], header: int, *, subtables: bool = True) -> int:
    """The last line of what stands under a header; comments behind belong to what follows."""
    name = lines[header].strip(" [").partition("]")[0].strip()
    end = header + 1
    while end < len(lines):
        line = lines[end].lstrip()
        if line.startswith("[") and not (subtables and line.startswith(f"[{name}.")):
            break
        end += 1
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end - 1


def _write(path: Path, lines: list[str], expected: Mapping[str, object]) -> None:
    """Replaces the file at once with what must be a config without mistakes that says what is expected."""
    text = "".join(lines)
    _, problems = parse_config(text, str(path))
    require_sound(problems)
    if tomllib.loads(text) != expected:
        raise _by_hand(path)
    target = path.resolve()  # a link to a file kept elsewhere stays a link
    try:
        replace_file(target, text.encode())
    except OSError as error:
        raise HybridchatError(f"{path} cannot be written: {error.strerror or error}", "check its folder") from error


def _by_hand(path: Path) -> UsageError:
    return UsageError(f"{path} is written in a way that hybridchat does not change by itself", "change it by hand")
