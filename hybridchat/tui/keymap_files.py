"""Keymaps as files: `action = "key"`, or a list of keys, or `[]` for none. Read only by who has one.

A mistake costs its own line and nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from textual.keys import Keys, _character_to_key

from hybridchat.config.problems import Problem, problem_at, syntax_problem
from hybridchat.paths import is_file
from hybridchat.tui.actions import BY_ID, GROUPS, character_of, key_name
from hybridchat.tui.keymap import DEFAULT, Keymap

SHIPPED = Path(__file__).parents[1] / "data" / "keymaps"

_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_NAMED = {key.value for key in Keys}
_SHORT = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "return": "enter", "del": "delete"}


_HEAD = """# Keys

Everything is in the command palette (Ctrl+P) too; F1 shows the keys in the program, as they are by then.

## Keys of your own

`keymap = "vim"` under `[ui]` in `config.toml` brings the second column. Keys of your own stand in `keymap.toml` beside
it, by the name in the last column, and go before both:

```toml
new_chat = "alt+shift+n"
commands = ["ctrl+p", "f10"]     # the first one is shown
delete_chat = []                 # no key; the palette still has it
```

A letter without Ctrl or Alt is a key only while the focus is not in the composer. Where a key is given twice, and for a
name that does not exist, the chat says so in one line when it starts; everything else in the file holds.
"""


class _Line(Struct, frozen=True):
    """What one line of a file says."""

    action: str
    keys: tuple[str, ...]
    file: Path
    text: str


def load_keymap(shipped: str, own: Path | None) -> tuple[Keymap, list[Problem]]:
    """The shipped keymap of that name ("default": the table's own keys), and `own` over it, if the file is there."""
    files = [] if shipped == "default" else [SHIPPED / f"{shipped}.toml"]
    if own is not None and is_file(own):
        files.append(own)
    if not files:
        return DEFAULT, []
    problems: list[Problem] = []
    lines = [line for file in files for line in _read(file, problems)]
    keys, clashes = _settle(lines)
    return Keymap(keys), [*problems, *clashes]


def _read(file: Path, problems: list[Problem]) -> Iterator[_Line]:
    text = ""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(syntax_problem(error, text, str(file)))
        return
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(file), None, "", f"cannot be read: {error}"))
        return
    for action, value in values.items():
        keys, wrong = _keys(action, value)
        problems += [problem_at(text, str(file), (action,), *why) for why in wrong]
        if action in BY_ID and (keys or not wrong):
            yield _Line(action, keys, file, text)


def _keys(action: str, value: Any) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The keys as Textual names them; and what is wrong, with what is allowed."""
    if action not in BY_ID:
        import difflib

        near = difflib.get_close_matches(action, BY_ID, 1)
        guess = f'did you mean "{near[0]}"? ' if near else ""
        return (), [("there is no such action", f"{guess}docs/keys.md lists them")]
    given = [value] if isinstance(value, str) else value
    if not (isinstance(given, list) and all(isinstance(key, str) for key in given)):
        return (), [("is neither a key nor a list of keys", 'such as "ctrl+n", ["f2", "alt+r"] or []')]
    keys, wrong = [], []
    for text in given:
        key = normal_key(text)
        if key is None:
            wrong.append((f'"{text}" is no key', 'such as "ctrl+n", "alt+up", "f5" or "?"'))
        elif BY_ID[action].where == "composer" and character_of(key) is not None:
            wrong.append((f'"{text}" is typed there', "a key with Ctrl or Alt"))
        else:
            keys.append(key)
    return tuple(dict.fromkeys(keys)), wrong


def normal_key(text: str) -> str | None:
    """`Ctrl+Shift+N`, `?`, `PgUp`, `Esc` as Textual names them; None for what is no key."""
    held, plus, last = text.rpartition("+")
    if text == "+" or text.endswith("++"):
        held, plus, last = text[:-2], text[1:2], "+"
    modifiers = [modifier.strip().lower() for modifier in held.split("+")] if plus else []
    if modifiers == ["shift"] and len(last) == 1:
        modifiers, last = [], last.upper()
    if len(last) == 1:
        last = _character_to_key(last.lower() if modifiers else last) if last.isprintable() else ""
    else:
        last = _SHORT.get(last.lower(), last.lower())
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    is_key = last in _NAMED or character_of(last) is not None
    return "+".join([*sorted(modifiers), last]) if is_key else None


def _settle(lines: Sequence[_Line]) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Each key has one meaning in each place: the later file's, then the line above's, then the table's."""
    said = {line.action: line for line in lines}
    rank = {file: number for number, file in enumerate(dict.fromkeys(line.file for line in lines))}
    explicit = sorted(said.values(), key=lambda line: -rank[line.file])
    order = [line.action for line in explicit] + [action for action in BY_ID if action not in said]
    keys: dict[str, tuple[str, ...]] = {}
    problems = []
    for action in order:
        wanted = said[action].keys if action in said else BY_ID[action].keys
        holders = {key: holder for key in wanted if (holder := _holder(key, action, keys)) is not None}
        keys[action] = tuple(key for key in wanted if key not in holders)
        problems += [_clash(key, action, holder, said) for key, holder in holders.items()]
    return {action: keys[action] for action in BY_ID}, problems


def _holder(key: str, action: str, keys: Mapping[str, tuple[str, ...]]) -> str | None:
    """Whose that key is already, where both would hear it."""
    places = {"composer", "transcript"}
    for other, taken in keys.items():
        if key in taken and {BY_ID[other].where, BY_ID[action].where} != places:
            return other
    return None


def _clash(key: str, loser: str, holder: str, said: Mapping[str, _Line]) -> Problem:
    line = said[loser] if loser in said and said[loser].file == said[holder].file else said[holder]
    name = key_name(key)
    if line.action == loser:
        return problem_at(line.text, str(line.file), (loser,), f"{name} is the key of {holder} already", "another key")
    return problem_at(
        line.text, str(line.file), (holder,), f"{name} is taken from {loser}", f"give that another key, or {loser} = []"
    )


def keys_markdown() -> str:
    """The text of docs/keys.md."""
    vim, _ = load_keymap("vim", None)
    lines = [_HEAD]
    for group, actions in GROUPS.items():
        head = "| key | in vim's way | after a slash | action | what it does | name |"
        lines += [f"## {group}", "", head, "|---|---|---|---|---|---|"]
        for action in actions:
            ours, theirs = (" or ".join(map(key_name, keymap.of(action.id))) for keymap in (DEFAULT, vim))
            slashes = " or ".join(f"`/{name}`" for name in action.names) + (
                f" `{action.argument}`" if action.argument else ""
            )
            cells = (
                *(ours, "" if theirs == ours else theirs or "none", slashes),
                *(action.title, action.help, f"`{action.id}`"),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)
